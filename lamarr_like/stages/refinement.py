"""Stages that move what another stage has drawn to what a better simulation gives.

For each stage that draws a vector for tracks there is one, ``refine_rich`` for ``rich``; a pipeline
file has it behind that stage.  It reads what stands in the track, whoever has drawn it: a model of
ours, or another simulation.  `lamarr_like.training.refine` trains its model.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Protocol, cast

import numpy as np

from ..arrays import Columns, Floats, Mask
from ..errors import ArtefactError, PipelineError
from ..events import EventBatch
from ..physics.likelihoods import COMBINED, SUMMED, combined_dlls
from .stage import (
    AbstractGeneratorStage,
    AbstractModelStage,
    AbstractStage,
    Model,
    empty_batch,
    typed,
)

PREFIX = "refine_"
"""What the names of these stages begin with."""


class Refiner(Model, Protocol):
    """A trained model that moves vectors, given conditions; an identity leaves them all."""

    identity: bool
    outputs: tuple[str, ...]
    n_uniforms: int

    def refine(
        self, conditions: Mapping[str, np.ndarray], values: Columns, uniforms: Floats, /
    ) -> Columns:
        """What each row becomes; `uniforms` has shape ``(n, n_uniforms)``."""


class AbstractRefinement(AbstractModelStage):
    """Moves what the stage `refines` has drawn.

    Attributes:
        refines: that stage.
    """

    table = "track"
    kind = "refiner"
    trained_by = "refiner"
    incomparable = (
        "moves what another stage has drawn; test a pipeline with it, "
        "by lamarr-like fidelity --pipeline FILE.yaml --again SECOND.root"
    )
    refines: ClassVar[type[AbstractGeneratorStage]]

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(model, config)
        self.model = cast(Refiner, model)
        self._form = learnt_form(self.refines, self.config.get("learnt", {}))
        nothing = empty_batch(self.requires), np.zeros(0, dtype=bool)
        wanted = tuple(self.refines.learnt(*nothing, **self._form))
        found = tuple(getattr(model, "outputs", ()))
        if set(found) != set(wanted):
            raise PipelineError(
                f"stage {self.name!r} needs a refiner of ({', '.join(wanted)}), "
                f"its model gives ({', '.join(found)})"
            )

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Rows of the stage refined."""
        return cls.refines.rows(batch)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Conditions of the stage refined."""
        return cls.refines.conditions(batch, rows)

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Targets of the stage refined."""
        return cls.refines.targets(batch, rows)

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Replace what the stage refined has drawn, and sums of likelihoods that follow."""
        rows = self.rows(batch)
        if self.model.identity or not rows.any():
            return batch
        drawn = self.refines.learnt(batch, rows, **self._form)
        uniforms = self._uniforms(batch, rows, "mcparticle_id", seed, self.model.n_uniforms)
        moved = self.model.refine(self.conditions(batch, rows), drawn, uniforms)
        new = {}
        for name, values in self.refines.restored(batch, rows, moved, **self._form).items():
            new[name] = batch.track[name].copy()
            new[name][rows] = typed("track", {name: values})[name]
        batch = batch.with_columns("track", **new)
        if all(name in batch.track for name in (*COMBINED, *SUMMED)):
            batch = batch.with_columns("track", **combined_dlls(batch.track.columns))
        return batch


def learnt_form(stage: type[AbstractGeneratorStage], given: object) -> dict[str, Any]:
    """In which form the values of a stage are learnt: its `training_options`, complete.

    Raises:
        ArtefactError: if there is no such option or value.
    """
    chosen = {name: values[0] for name, values in stage.training_options.items()}
    for name, value in given.items() if isinstance(given, Mapping) else [("learnt", given)]:
        if name not in chosen or value not in stage.training_options[name]:
            raise ArtefactError(
                f"config.json of a model that refines stage {stage.name!r} has {name} {value!r}, "
                "which that stage does not know"
            )
        chosen[name] = value
    return chosen


@cache
def refinement(stage: type[AbstractStage]) -> type[AbstractRefinement]:
    """The stage that refines another one.

    Args:
        stage: a stage that draws a vector for tracks and says how that is stored.

    Raises:
        PipelineError: if it is no such stage.
    """
    if (
        not issubclass(stage, AbstractGeneratorStage)
        or stage.table != AbstractRefinement.table
        or stage.integers
        or not _is_restored(stage)
    ):
        raise PipelineError(
            f"stage {stage.name!r} cannot be refined: it draws no vector for tracks, or does not "
            "say by `restored` which columns that makes"
        )
    found = type(
        f"Refined{stage.__name__}",
        (AbstractRefinement,),
        {
            "__doc__": f"Moves what stage ``{stage.name}`` has drawn.",
            "__module__": __name__,
            "name": f"{PREFIX}{stage.name}",
            "refines": stage,
            "requires": stage.requires | stage.target_columns,
            "provides": stage.provides,
            "target_columns": stage.target_columns,
            "told_by": stage.told_by,
        },
    )
    return cast("type[AbstractRefinement]", found)


def _is_restored(stage: type[AbstractGeneratorStage]) -> bool:
    """Whether what the stage learns are columns of its own, or it says how to get them."""
    own = getattr(stage.restored, "__func__", None) is not getattr(
        AbstractGeneratorStage.restored, "__func__", None
    )
    return own or {(stage.table, name) for name in stage.outputs} <= stage.provides
