"""What is to be trained: stage, family, settings, names of the artefact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import TrainingError
from ..nets.config import AbstractConfig
from ..nets.families import Family, find_family
from ..stages import MODEL_STAGES, AbstractModelStage
from .metrics import find_metric
from .sample import stage_class

ALL = "all"
"""Stands for every stage of the chain, and for the further families of their recipes."""


@dataclass(frozen=True)
class Request:
    """What to train and under which name.

    Args:
        stage: name of the stage.
        family: family of models; None for that of the stage's own recipe.
        options: what the stage lets a training choose (`AbstractModelStage.training_options`):
            ``{"frame": "cartesian"}`` for ``resolution``.
        sample: name of the sample, part of the artefact's name.
        version: version of the artefact.
        seed: seed of the training.
        steps: training steps; 0 for those of the recipe.
        long_only: learn from long tracks only.
        part: share of the events of each file, from and to.
        settings: settings of the family in place of those of the recipe.
        emphasise: name of what is to be right above all (`lamarr_like.stages.metrics`).
        start: model of a translator whose encoder and decoder are kept: it gets a new head.
    """

    stage: str
    family: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    sample: str = "pp13"
    version: str = "1"
    seed: int = 1
    steps: int = 0
    long_only: bool = False
    part: tuple[float, float] = (0.0, 1.0)
    settings: Mapping[str, Any] = field(default_factory=dict)
    emphasise: str | None = None
    start: Path | None = None

    @property
    def stage_class(self) -> type[AbstractModelStage]:
        """The stage, which has a recipe.

        Raises:
            TrainingError: if there is no such stage, or it has no model or recipe.
        """
        stage = stage_class(self.stage)
        if not stage.recipes:
            raise TrainingError(f"stage {self.stage!r} cannot be trained: it has no recipe")
        return stage

    @property
    def family_of_models(self) -> Family:
        """The family that is asked for.

        Raises:
            TrainingError: if there is none of that name that makes the stage's kind of model.
        """
        stage = self.stage_class
        try:
            return find_family(self.family or stage.recipes[0].family, stage.kind)
        except TrainingError as error:
            raise TrainingError(f"stage {self.stage!r}: {error}") from error

    @property
    def names(self) -> dict[str, str]:
        """Stage, sample and version as in the name of the artefact."""
        family = self.family_of_models.name
        own = family == self.stage_class.recipes[0].family
        sample = self.sample if own else f"{family}-{self.sample}"
        return {"stage": self.stage, "sample": sample, "version": self.version}

    def chosen(self) -> dict[str, Any]:
        """Options of the training, with their defaults.

        Raises:
            TrainingError: if the stage has no such option, or that has no such value.
        """
        known = self.stage_class.training_options
        where = f"the training of stage {self.stage!r}"
        for name, value in self.options.items():
            if name not in known:
                there = ", ".join(known) or "none"
                raise TrainingError(f"{where} has no option {name!r}; it has {there}")
            if value not in known[name]:
                there = ", ".join(map(str, known[name]))
                raise TrainingError(f"{where}: {name} cannot be {value!r}; it can be {there}")
        return {**{name: values[0] for name, values in known.items()}, **self.options}

    def config(self, n_rows: int) -> AbstractConfig:
        """Settings of the training.

        Those of the recipe, or the defaults of a family that the stage has no recipe for; small
        samples of tracks change them (`AbstractConfig.for_rows`), while the nets of events and
        vertices are small enough as they are.

        Args:
            n_rows: rows to learn from.

        Raises:
            TrainingError: if family and recipe do not fit.
        """
        stage, family = self.stage_class, self.family_of_models
        own = {one.family: one.settings for one in stage.recipes}.get(family.name, {})
        config = family.configured(**{"seed": self.seed, **own, **self.settings})
        if stage.table == "track":
            config = config.for_rows(n_rows)
        return config.with_steps(self.steps) if self.steps else config


def expanded(request: Request) -> list[Request]:
    """One request for each model that is asked for.

    Args:
        request: for one stage, or for `ALL`; options then go to the stages that have them.

    Raises:
        TrainingError: if a stage, family or option does not exist.
    """
    if request.stage != ALL:
        wanted = [request]
    elif request.family is not None:
        raise TrainingError(
            f"{ALL!r} trains each stage by its own recipes; name the stage to choose a family"
        )
    else:
        own = [(stage, None) for stage in MODEL_STAGES.values()]
        further = [(s, one.family) for s in MODEL_STAGES.values() for one in s.recipes[1:]]
        wanted = [_of(request, stage, family) for stage, family in [*own, *further]]
    for one in wanted:
        one.config(1)
        one.chosen()
        if one.start is not None and one.stage_class.trained_by != "ecal":
            raise TrainingError(f"stage {one.stage!r} cannot start from a model: it has no head")
        if one.emphasise is not None:
            find_metric(one.emphasise, one.stage)
    return wanted


def _of(request: Request, stage: type[AbstractModelStage], family: str | None) -> Request:
    """The part of a request for everything that is for one stage."""
    options = {k: v for k, v in request.options.items() if k in stage.training_options}
    return replace(request, stage=stage.name, family=family, options=options)
