"""The chain of stages: checked as a whole, then run on batches of events."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from .. import schema
from ..engine.artefact import Artefact, read_artefact
from ..engine.load import load_model
from ..errors import ArtefactError, PipelineError, SchemaError
from ..events import EventBatch
from ..io.defaults import completed
from ..io.memory import read_memory
from ..registry.find import find_model, is_pin
from ..stages import STAGES, AbstractModelStage, AbstractStage, find_stage, find_trained
from .pipeline_file import PipelineConfig, load_config

if TYPE_CHECKING:
    import awkward as ak
    import pandas as pd

    Events = TypeVar("Events", EventBatch, ak.Array, Mapping[str, pd.DataFrame])

TRUTH = frozenset(
    key
    for key, column in schema.COLUMNS.items()
    if key[0] in ("vertex", "weight", "particle") and column.name.startswith("mc")
    if not column.name.startswith(("mc_ctb", "mc_ecal", "mc_t3"))
) | {
    ("event", name)
    for name in ("event_id", "run_number", "polarity", "generator_event", "mc_weight")
}
"""Columns of generated events, as (table, name): what a source fills."""


class Pipeline:
    """Turns batches of generated events into batches with reconstructed tracks.

    ``Pipeline.load("reference")(events, seed=1)`` takes an `EventBatch`, an awkward array (fields
    as in `EventBatch.to_awkward`) or a dict of pandas frames, and returns the same kind.

    Args:
        stages: in the order in which they run.
        name: name of the pipeline.
        provenance: what identifies the pipeline file and the models.

    Attributes:
        seconds: time spent in each stage so far [s].
        recipe: what `load` was called with, for other processes; None if it was not.

    Raises:
        PipelineError: if a stage needs a column that nothing before it provides.
    """

    def __init__(
        self,
        stages: Sequence[AbstractStage],
        name: str = "custom",
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.stages = tuple(stages)
        self.name = name
        self.provenance: dict[str, Any] = {"pipeline": name, **(provenance or {})}
        self.seconds = {stage.name: 0.0 for stage in self.stages}
        self.recipe: tuple[str | Path, Path | str | None] | None = None
        self.check()

    @classmethod
    def load(cls, name: str | Path, models: Path | str | None = None) -> Pipeline:
        """Load a pipeline and its models.

        Args:
            name: name of a shipped pipeline or path of a YAML file.
            models: folder to search for artefacts before the others.

        Raises:
            PipelineError: if the file is wrong or the stages do not fit together.
            ArtefactError: if a model is absent or altered.
        """
        config = load_config(name)
        digests: dict[str, Any] = {}
        stages = [_build(entry, models, digests) for entry in _entries(config)]
        provenance = {"pipeline_digest": config.digest, "models": digests}
        pipeline = cls(stages, config.name, provenance)
        pipeline.recipe = (name, models)
        return pipeline

    def check(self) -> None:
        """Check that every stage finds the columns that it needs.

        Raises:
            PipelineError: naming the stage, the columns, and the stage that would provide them.
        """
        have = set(TRUTH)
        for stage in self.stages:
            missing = sorted(stage.requires - have)
            if missing:
                listing = ", ".join(f"{table}.{column}" for table, column in missing)
                makers = [n for n, s in STAGES.items() if (s.provides - s.requires) & set(missing)]
                hint = f"; put stage {' and '.join(makers)} before it" if makers else ""
                if some := [n for n, s in STAGES.items() if s.at_times & set(missing)]:
                    hint += f"; some models of stage {' and '.join(some)} give them"
                raise PipelineError(
                    f"pipeline {self.name!r}: stage {stage.name!r} misses {listing}{hint}"
                )
            have |= stage.provides

    def __call__(self, events: Events, seed: int = 1, is_gun: bool = False) -> Events:
        """Run all stages.

        Args:
            events: generated events; columns that have a natural default may be absent.
            seed: equal seeds give equal results, event by event, however they are batched.
            is_gun: whether the events come from a particle gun.

        Events whose ``polarity`` is 1 (magnet up) go through as mirror images, see
        `EventBatch.at_polarity`.

        Raises:
            SchemaError: if a column is missing or not finite.
        """
        given: Any = events
        if isinstance(given, EventBatch):
            result: Any = self._run(given, seed, is_gun)
        else:
            batch, is_flat = read_memory(given)
            batch = self._run(batch, seed, is_gun)
            tables = {name: batch.to_pandas(name) for name in batch.tables} if is_flat else {}
            result = tables if is_flat else batch.to_awkward()
        return cast("Events", result)

    def _run(self, batch: EventBatch, seed: int, is_gun: bool) -> EventBatch:
        batch = completed(batch, f"pipeline {self.name!r}")
        needed = set().union(*(s.requires for s in self.stages)) & TRUTH
        for table in sorted({t for t, _ in needed}):
            names = [n for t, n in needed if t == table]
            schema.require(table, batch[table].columns, names, f"pipeline {self.name!r}")
        check_finite(batch, needed, "input")
        return batch.at_polarity(lambda events: self._staged(events, seed, is_gun))

    def _staged(self, batch: EventBatch, seed: int, is_gun: bool) -> EventBatch:
        for stage in self.stages:
            start = time.perf_counter()
            batch = stage(batch, seed, is_gun)
            check_finite(batch, stage.provides, f"stage {stage.name!r}")
            self.seconds[stage.name] += time.perf_counter() - start
        return batch


def _entries(config: PipelineConfig) -> list[tuple[str, str | None, dict[str, Any]]]:
    return [(e.stage, e.model, dict(e.options)) for e in config.stages]


def _build(
    entry: tuple[str, str | None, dict[str, Any]],
    models: Path | str | None,
    digests: dict[str, Any],
) -> AbstractStage:
    """One stage with its model; notes the digest of the model."""
    name, model_name, options = entry
    if model_name is None:
        return find_stage(name)(**options)
    stage, artefact = load_stage(model_name, models, **options)
    if stage.name != name:
        raise PipelineError(f"stage {name!r}: model {model_name!r} was trained for {stage.name!r}")
    digests[name] = _named(artefact, model_name)
    return stage


def identity(name: str | Path, models: Path | str | None = None) -> dict[str, Any]:
    """What identifies a pipeline and its models, as `Pipeline.provenance`, in a tenth of the time.

    The checksums of the models are verified and the stages of plug-ins imported, with the columns
    that they declare, but no model is loaded.

    Args:
        name: name of a shipped pipeline or path of a YAML file.
        models: folder to search for artefacts before the others.

    Raises:
        PipelineError: if the file is wrong or names an unknown stage.
        ArtefactError: if a model is absent or altered.
    """
    config = load_config(name)
    digests: dict[str, Any] = {}
    for stage, model, _ in _entries(config):
        if model is None:
            find_stage(stage)
        else:
            artefact = read_artefact(find_model(model, models))
            find_trained(artefact.config["stage"])
            digests[stage] = _named(artefact, model)
    return {"pipeline": config.name, "pipeline_digest": config.digest, "models": digests}


def _named(artefact: Artefact, asked: str) -> dict[str, str]:
    """What a model was got, and the pin that asked for it."""
    got = {"model": artefact.folder.name, "digest": artefact.digest}
    return got | ({"pin": asked} if is_pin(asked) else {})


def load_stage(
    model: str, models: Path | str | None = None, **options: Any
) -> tuple[AbstractModelStage, Artefact]:
    """The stage that a trained model is for, with the model in it.

    Args:
        model: name, folder or pin (`lamarr_like.registry.pin`) of the artefact.
        models: folder to search for it before the others.
        options: options of the stage.

    Raises:
        ArtefactError: if the model is absent, altered, or of an unknown stage.
    """
    artefact = read_artefact(find_model(model, models))
    name = artefact.config["stage"]
    try:
        stage = find_trained(name)
    except PipelineError as error:
        raise ArtefactError(f"model {model!r} is for an unknown stage: {error}") from error
    return stage(load_model(artefact), artefact.config, **options), artefact


def check_finite(
    batch: EventBatch, columns: frozenset[tuple[str, str]] | set[tuple[str, str]], where: str
) -> None:
    """Refuse columns with NaN or infinite numbers.

    Args:
        batch: events.
        columns: columns to look at, as (table, name).
        where: who made them, for the message.

    Raises:
        SchemaError: naming the event and the column.
    """
    found = {(table, name): batch[table][name] for table, name in sorted(columns)}
    floats = {key: values for key, values in found.items() if values.dtype.kind == "f"}
    if not floats or np.isfinite(np.concatenate([v.ravel() for v in floats.values()])).all():
        return
    for (table, name), values in floats.items():
        finite = np.isfinite(values)
        if not finite.all():
            row = int(np.argmin(finite.reshape(len(finite), -1).all(axis=1)))
            event = int(batch.event_ids(table)[row])
            raise SchemaError(f"{where}: {table}.{name} is {values[~finite][0]} in event {event}")
