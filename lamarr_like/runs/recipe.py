"""What is made of generated events: the one description of a conversion, for any process."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..chain.pipeline import Pipeline, identity, load_stage
from ..engine.artefact import read_artefact
from ..errors import PipelineError
from ..events import EventBatch
from ..registry.find import find_model
from ..stages.stage import AbstractModelStage
from .oversampling import oversampled

if TYPE_CHECKING:
    from ..detailed.calorimeter.showers import Rule, Showers


@dataclass(frozen=True)
class Recipe:
    """The fast chain, as a function of generated events that can be sent to another process.

    Each process loads the chain once.

    Args:
        pipeline: name or file of the pipeline.
        models: folder of the user's own models, searched first.
        seed: seed of the detector.
        is_gun: whether the events come from a particle gun.
        oversample: draws of the detector for each generated event.
        provenance: `identity` of the pipeline as JSON; a process that finds another one refuses.
            Empty for whatever is there.
    """

    pipeline: str
    models: Path | None = None
    seed: int = 1
    is_gun: bool = False
    oversample: int = 1
    provenance: str = ""

    @classmethod
    def of(
        cls,
        pipeline: str | Path,
        models: str | Path | None = None,
        *,
        seed: int,
        is_gun: bool,
        oversample: int = 1,
        here: bool = False,
    ) -> Recipe:
        """The recipe of a pipeline as it is now.

        Args:
            pipeline: name or file of the pipeline.
            models: folder of the user's own models, searched first.
            seed: seed of the detector.
            is_gun: whether the events come from a particle gun.
            oversample: draws of the detector for each generated event.
            here: load the chain in this process, if it has none yet.

        Raises:
            PipelineError: if the file is wrong or names an unknown stage.
            ArtefactError: if a model is absent or altered.
        """
        name, folder = str(pipeline), None if models is None else Path(models)
        if here and not _LOADED:  # whose files need not be read twice
            found = _loaded(name, folder, "").provenance
        else:
            found = identity(pipeline, models)
        return cls(
            name,
            folder,
            seed=seed,
            is_gun=is_gun,
            oversample=oversample,
            provenance=_text(found),
        )

    def __call__(self, batch: EventBatch) -> EventBatch:
        """Reconstructed events of generated ones.

        Raises:
            PipelineError: if the pipeline or a model is another one than that of the recipe.
            LamarrLikeError: as `Pipeline`.
        """
        drawn = batch if self.oversample == 1 else oversampled(batch, self.oversample)
        result: EventBatch = self.chain(drawn, seed=self.seed, is_gun=self.is_gun)
        return result

    @property
    def chain(self) -> Pipeline:
        """The chain, loaded once a process."""
        return _loaded(self.pipeline, self.models, self.provenance)

    def counts(self) -> Mapping[str, int]:
        """Nothing: all particles go the same way."""
        return {}

    def seconds(self) -> Mapping[str, float]:
        """Time that each stage took in this process so far [s]."""
        return self.chain.seconds

    def metadata(self) -> dict[str, Any]:
        """What identifies pipeline and models."""
        found: dict[str, Any] = json.loads(self.provenance or _text(self.chain.provenance))
        return found


_LOADED: dict[tuple[str, Path | None], Pipeline] = {}
"""The chain that was loaded last in this process."""


def _loaded(pipeline: str, models: Path | None, provenance: str) -> Pipeline:
    chain = _LOADED.get((pipeline, models))
    if chain is None or provenance not in ("", _text(chain.provenance)):
        chain = Pipeline.load(pipeline, models)
        if provenance not in ("", _text(chain.provenance)):
            raise PipelineError(f"pipeline {pipeline!r} or a model was changed during the run")
        _LOADED.clear()
        _LOADED[pipeline, models] = chain
    return chain


def _text(provenance: Mapping[str, Any]) -> str:
    return json.dumps(provenance, sort_keys=True)


@dataclass(frozen=True)
class DetailedRecipe:
    """The detailed reference simulation, with the combined identification on top of it.

    Args:
        seed: seed of the detector.
        prob_nn: model or folder of the classifier that gives the columns ``prob_nn_*``; None
            leaves them out.
        rules: what makes showers of photons and electrons in place of the parametrisation
            (`lamarr_like.detailed.calorimeter.showers.Rule`).
        models: folder of the user's own models, searched first for those of the rules.
        changes: numbers of the detector other than the reference's
            (`lamarr_like.detailed.parameters.changed`).
    """

    seed: int
    prob_nn: str | None
    rules: tuple[Rule, ...] = ()
    models: Path | None = None
    changes: tuple[str, ...] = ()

    def __call__(self, batch: EventBatch) -> EventBatch:
        """Reconstructed events of generated ones."""
        from ..detailed.parameters import changed
        from ..detailed.simulate import simulate_detailed

        par = changed(self.changes)
        batch = simulate_detailed(batch, seed=self.seed, par=par, showers=self.showers)
        return batch if self.prob_nn is None else classifier(self.prob_nn)[0](batch, seed=self.seed)

    def seconds(self) -> Mapping[str, float]:
        """Nothing: it has no stages."""
        return {}

    def counts(self) -> Mapping[str, int]:
        """Particles by what made their showers, in this process so far."""
        return self.showers.counts

    @property
    def showers(self) -> Showers:
        """What makes showers, loaded once a process."""
        return _showers(self.rules, self.models)

    def metadata(self) -> dict[str, Any]:
        """What identifies it."""
        models = {} if self.prob_nn is None else classifier(self.prob_nn)[1]
        found: dict[str, Any] = {"models": models} if models else {}
        if self.changes:
            found["detector"] = list(self.changes)
        if self.rules:
            found["showers"] = [rule._asdict() for rule in self.rules]
            names = {rule.by for rule in self.rules} - {"parametrisation", "geant4"}
            for name in sorted(names):
                artefact = read_artefact(find_model(name, self.models))
                identity = {"model": artefact.folder.name, "digest": artefact.digest}
                found.setdefault("models", {})[f"showers {name}"] = identity
        return {"pipeline": "detailed", **found}


@functools.lru_cache(maxsize=1)
def _showers(rules: tuple[Rule, ...], models: Path | None) -> Showers:
    from ..detailed.calorimeter.showers import Showers

    return Showers(rules, models)


@functools.lru_cache
def classifier(prob_nn: str) -> tuple[AbstractModelStage, dict[str, dict[str, str]]]:
    """The stage that gives ProbNN, once a process, and the name and digest of its model.

    Args:
        prob_nn: model or folder of the classifier.

    Raises:
        PipelineError: if the model is one of another stage.
    """
    stage, artefact = load_stage(prob_nn)
    if stage.name != "prob_nn":
        raise PipelineError(f"model {prob_nn!r} was trained for {stage.name!r}, not for prob_nn")
    return stage, {"prob_nn": {"model": artefact.folder.name, "digest": artefact.digest}}
