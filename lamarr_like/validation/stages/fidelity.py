"""Held-out fidelity of each stage: can trees tell its draws from the detailed sample?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import rng
from ...arrays import Floats, Mask
from ...chain.pipeline import Pipeline, load_stage
from ...errors import PipelineError
from ...events import EventBatch
from ...stages import AbstractClassifierStage, AbstractModelStage
from ...statistics.distances import floor
from ...statistics.two_sample import c2st
from ...training.sample import read_sample, row_weights, sample_rows
from .calibration import calibration, can_be_binned
from .results import BinFidelity, FidelityReport, StageFidelity

TESTS = {"plain": False, "equality flags and differences": True}
"""Tests by name, and whether equality flags and differences are among the features."""


@dataclass(frozen=True)
class SampleConfig:
    """Events that the tests take.

    Args:
        data: detailed samples that no model was trained on.
        columns: mapping file for foreign flat samples.
        part: share of the events of each file, from and to.
        long_only: test track stages on long tracks only.
        seed: seed of the draws and of the split.
        max_rows: rows of each side of a test at the most.
    """

    data: Sequence[Path]
    columns: Path | str | None = None
    part: tuple[float, float] = (0.0, 1.0)
    long_only: bool = False
    seed: int = 1
    max_rows: int = 120_000


def run(
    sample: SampleConfig,
    pipelines: Sequence[str] = (),
    single: Sequence[str] = (),
    *,
    models: Path | str | None = None,
) -> FidelityReport:
    """Test trained stages on detailed samples.

    A model that several pipelines share is tested once, under the first of them.

    Args:
        sample: what to test on.
        pipelines: names or files of pipelines, all trained stages of which are tested.
        single: names or folders of models to test by themselves.
        models: folder of the user's own models.

    Raises:
        PipelineError: for a model whose stage cannot be compared.
    """
    batch = read_sample(sample.data, sample.columns, sample.part)
    chains = {name: _trained_stages(name, models) for name in pipelines}
    if single:
        loaded = [load_stage(name, models) for name in single]
        for stage, artefact in loaded:
            if stage.incomparable:
                raise PipelineError(f"model {artefact.folder.name!r} {stage.incomparable}")
        chains["-"] = [(artefact.folder.name, stage) for stage, artefact in loaded]
    seen: set[str] = set()
    stages: dict[str, list[StageFidelity]] = {}
    bins: dict[str, list[BinFidelity]] = {}
    for name, entries in chains.items():
        stages[name], bins[name] = [], []
        for model, stage in entries:
            if model in seen:
                continue
            seen.add(model)
            stages[name] += _one_stage(model, stage, batch, sample)
            if isinstance(stage, AbstractClassifierStage) and can_be_binned(type(stage)):
                bins[name] += calibration(model, stage, batch)
    return FidelityReport(tuple(p.name for p in sample.data), len(batch), stages, bins)


def _trained_stages(name: str, models: Path | str | None) -> list[tuple[str, AbstractModelStage]]:
    """Name and stage of each model of a pipeline."""
    chain = Pipeline.load(name, models)
    used = chain.provenance["models"]
    return [
        (used[stage.name]["model"], stage)
        for stage in chain.stages
        if isinstance(stage, AbstractModelStage) and not stage.incomparable
    ]


def _one_stage(
    model: str, stage: AbstractModelStage, batch: EventBatch, sample: SampleConfig
) -> list[StageFidelity]:
    """Two-sample tests of one stage.

    The stage gets the detailed sample's own columns as conditions, so that its figure holds nothing
    of the other stages.  A detailed row and the draw for its conditions are judged by the same
    trees, which never saw their event.  The floor compares even with odd events.
    """
    rows = sample_rows(type(stage), batch, sample.long_only)
    used = _at_most(rows, sample.max_rows, np.random.default_rng(sample.seed))
    drawn = stage.answers(batch, used, _uniforms(stage, batch, used, sample.seed))
    real, conditions = stage.compared(batch, used), stage.conditions(batch, used)
    weights = row_weights(batch, stage.table, used)
    event = batch[stage.table].event_index[used]
    results = []
    for name, extra in TESTS.items():
        if extra and not stage.equalities:
            continue
        options: dict[str, Any] = {"weights": weights, "groups": event, "seed": sample.seed}
        options |= {"equalities": extra, "differences": extra}
        auc = c2st(real, drawn, conditions, **options)
        results.append(
            StageFidelity(model, stage.name, name, auc, floor(real, conditions, **options))
        )
    return results


def _at_most(mask: Mask, n: int, choice: np.random.Generator) -> Mask:
    places = np.flatnonzero(mask)
    if len(places) <= n:
        return mask
    out = np.zeros_like(mask)
    out[choice.choice(places, n, replace=False)] = True
    return out


def _uniforms(stage: AbstractModelStage, batch: EventBatch, rows: Mask, seed: int) -> Floats:
    """Uniform numbers of a stream of its own, shape ``(rows.sum(), n_uniforms)``."""
    places = np.flatnonzero(rows)
    event_id = batch.event_ids(stage.table)[places]
    return rng.uniforms(seed, f"fidelity/{stage.name}", event_id, places, stage.n_uniforms)
