"""A number that an analysis needs, of detailed tracks and of a stage's draws, cell by cell."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Mask
from ...errors import TrainingError
from ...events import EventBatch
from ...stages import AbstractModelStage
from ...stages.metrics import Metric
from ...statistics.binned import paired_means
from ...training.sample import row_weights

LEAST_ROWS = 100
"""Rows of a cell that is told."""
LEAST_SHARE = 0.003
"""A cell in which the detailed mean is less is not told: its ratio means nothing."""


class Cells(NamedTuple):
    """Means of a number in cells, arrays of shape ``(n_cells,)``; NaN where there is too little.

    Attributes:
        names: of the cells.
        real, drawn: mean of detailed rows and of draws.
        error: of the ratio of both.
    """

    names: list[str]
    real: Floats
    drawn: Floats
    error: Floats

    @property
    def ratio(self) -> Floats:
        """Draws over detailed rows."""
        found: Floats = self.drawn / self.real
        return found

    @property
    def distance(self) -> float:
        """Mean distance of the ratio from one, over the cells that are told."""
        return float(np.nanmean(np.abs(self.ratio - 1.0)))

    @property
    def chi2(self) -> tuple[float, int]:
        """Sum of squared distances of the ratio from one in units of their error, and cells."""
        pull = (self.ratio - 1.0) / self.error
        return float(np.nansum(pull**2)), int(np.isfinite(pull).sum())

    @property
    def markdown(self) -> str:
        """A table, and what it comes to."""
        lines = ["| cell | detailed | drawn | ratio |", "|---|---|---|---|"]
        for name, *numbers in zip(
            self.names, self.real, self.drawn, self.ratio, self.error, strict=True
        ):
            real, drawn, ratio, error = numbers
            if np.isfinite(ratio):
                lines.append(f"| {name} | {real:.4f} | {drawn:.4f} | {ratio:.3f} +- {error:.3f} |")
        chi2, n = self.chi2
        told = (
            f"mean distance of the ratio from 1: {self.distance:.4f}; chi2 {chi2:.0f} of {n} cells"
        )
        return "\n".join([*lines, "", told])


def metric_cells(
    stage: AbstractModelStage, metric: Metric, batch: EventBatch, rows: Mask, uniforms: Floats
) -> Cells:
    """Compare a metric of detailed rows and of draws for their conditions.

    Args:
        stage: the stage with its model.
        metric: of that stage.
        batch: detailed events.
        rows: those asked for.
        uniforms: for the draws, shape ``(rows.sum(), stage.n_uniforms)``.

    Raises:
        TrainingError: if the metric is of another stage.
    """
    if metric.stage != stage.name:
        raise TrainingError(f"metric {metric.name!r} is of stage {metric.stage!r}")
    conditions = stage.conditions(batch, rows)
    weights = row_weights(batch, stage.table, rows)
    sides = [
        metric.numbers(outputs, conditions)
        for outputs in (stage.compared(batch, rows), stage.answers(batch, rows, uniforms))
    ]
    found = paired_means(metric.cells(conditions), metric.n_cells, sides, weights, LEAST_ROWS)
    real, drawn, error = np.where(np.abs(found[0]) < LEAST_SHARE, np.nan, found)
    return Cells(names(metric), real, drawn, error)


def names(metric: Metric) -> list[str]:
    """Names of the cells of a metric: species, and bin of the condition."""
    bins = [f"{metric.along} {a:.3g} to {b:.3g}" for a, b in pairwise(metric.edges)]
    flags = [name.removeprefix("is_") for name in metric.species]
    return [f"{flag}, {one}" for flag in flags for one in bins] if flags else bins
