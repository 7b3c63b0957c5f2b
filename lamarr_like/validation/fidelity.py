"""Held-out fidelity of each stage: can trees tell its draws from the detailed sample?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import rng
from ..events import EventBatch
from ..pipeline import Pipeline
from ..stages import (
    AbstractClassifierStage,
    AbstractGeneratorStage,
    AbstractModelStage,
    Resolution,
    RichPid,
)
from ..stages.stage import draw_classes
from ..training.sample import sample_rows
from ..two_sample import Auc, c2st

Columns = dict[str, np.ndarray]

MAX_ROWS = 120_000
"""Rows of each sample that a test uses at the most."""


@dataclass(frozen=True)
class StageFidelity:
    """Two-sample test of one stage on events that it never saw.

    Args:
        stage: name of the stage.
        test: which variables the trees saw.
        auc: area under the ROC curve, fast against detailed.
        floor: the same between two halves of the detailed sample.
    """

    stage: str
    test: str
    auc: Auc
    floor: Auc


def stage_fidelity(
    pipeline: Pipeline, batch: EventBatch, *, seed: int = 1, max_rows: int = MAX_ROWS
) -> list[StageFidelity]:
    """Test every trained stage of a pipeline on a detailed sample.

    Each stage gets the detailed sample's own columns as conditions, so that its figure holds
    nothing of the other stages.  Real rows and draws come from different halves of the events.

    Args:
        pipeline: the chain.
        batch: detailed events (after the propagation stage) that no model was trained on.
        seed: seed of the draws and of the split.
        max_rows: rows of each sample at the most.
    """
    results = []
    for stage in pipeline.stages:
        if isinstance(stage, AbstractModelStage):
            results += _one_stage(stage, batch, seed, max_rows)
    return results


def _one_stage(
    stage: AbstractModelStage, batch: EventBatch, seed: int, max_rows: int
) -> list[StageFidelity]:
    rows = sample_rows(type(stage), batch)
    odd = batch[stage.table].event_index % 2 == 1
    choice = np.random.default_rng(seed)
    first, second = (_at_most(mask, max_rows, choice) for mask in (rows & ~odd, rows & odd))
    drawn, other = _drawn(stage, batch, second, seed), _targets(stage, batch, second)
    real = _targets(stage, batch, first)
    conditions = [stage.conditions(batch, mask) for mask in (first, second)]
    results = []
    for name, options in _tests(stage).items():
        auc = c2st(real, drawn, *conditions, seed=seed, **options)
        base = c2st(real, other, *conditions, seed=seed, **options)
        results.append(StageFidelity(stage.name, name, auc, base))
    return results


def _at_most(mask: NDArray[np.bool_], n: int, choice: np.random.Generator) -> NDArray[np.bool_]:
    places = np.flatnonzero(mask)
    if len(places) <= n:
        return mask
    out = np.zeros_like(mask)
    out[choice.choice(places, n, replace=False)] = True
    return out


def _tests(stage: AbstractModelStage) -> dict[str, dict[str, bool]]:
    tests: dict[str, dict[str, bool]] = {"plain": {}}
    if isinstance(stage, RichPid):
        tests["equality flags and differences"] = {"equalities": True, "differences": True}
    return tests


def _targets(stage: AbstractModelStage, batch: EventBatch, rows: NDArray[np.bool_]) -> Columns:
    """What the stage answers for, as a reader of the ntuple sees it where that is a number."""
    if isinstance(stage, Resolution):
        return stage.targets(batch, rows, "cartesian")
    return dict(stage.targets(batch, rows))


def _drawn(
    stage: AbstractModelStage, batch: EventBatch, rows: NDArray[np.bool_], seed: int
) -> Columns:
    """The same from the stage's model."""
    if isinstance(stage, AbstractClassifierStage):
        u = _uniforms(stage, batch, rows, seed, 1)[:, 0]
        return {stage.target: draw_classes(stage.model.predict(stage.conditions(batch, rows)), u)}
    assert isinstance(stage, AbstractGeneratorStage)
    u = _uniforms(stage, batch, rows, seed, stage.model.n_uniforms)
    drawn = stage.model.draw(stage.conditions(batch, rows), u)
    if isinstance(stage, Resolution):
        columns = stage.reconstructed(batch, rows, drawn)
        table = {k: v.copy() for k, v in batch.track.columns.items()}
        for name, values in columns.items():
            table[name] = table[name].astype(np.float64)
            table[name][rows] = values
        return stage.targets(batch.with_columns("track", **table), rows, "cartesian")
    return {name: np.asarray(drawn[name]) for name in stage.outputs}


def _uniforms(
    stage: AbstractModelStage, batch: EventBatch, rows: NDArray[np.bool_], seed: int, size: int
) -> NDArray[np.float64]:
    """Uniform numbers of a stream of its own, shape ``(rows.sum(), size)``."""
    places = np.flatnonzero(rows)
    event_id = batch.event_ids(stage.table)[places]
    return rng.uniforms(seed, f"fidelity/{stage.name}", event_id, places, size)
