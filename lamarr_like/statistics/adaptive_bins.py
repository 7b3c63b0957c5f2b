"""Adaptive bins: quantiles of the detailed sample, axis within axis, with a minimum population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Floats, Ints
from .binned import effective

AXES = ("p", "eta", "n_spd_hits")
"""What efficiencies are binned in: generated momentum [MeV], pseudorapidity, nSPDHits."""

SCHEMES: tuple[tuple[str, ...], ...] = (
    *(("p",), ("eta",), ("n_spd_hits",)),
    *(("p", "eta"), ("p", "n_spd_hits"), ("eta", "n_spd_hits")),
    ("p", "eta", "n_spd_hits"),
)
"""Axes one at a time, in pairs and all three."""

MOST = {1: 10, 2: 5, 3: 4}
"""Largest number of bins an axis, by number of axes."""


@dataclass(frozen=True)
class Bins:
    """Boxes that cover everything; the outer ones are open.

    Args:
        axes: names of the axes.
        boxes: lower and upper edge of each bin on each axis, shape ``(n_bins, n_axes, 2)``.
        seen: the same, with the smallest and largest entry in place of the open ends.
    """

    axes: tuple[str, ...]
    boxes: Floats
    seen: Floats

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def edges(self) -> Floats:
        """Ends of the bins as `seen`, of bins in one axis, shape ``(n_bins + 1,)``."""
        return np.append(self.seen[:, 0, 0], self.seen[-1:, 0, 1])

    def place(self, columns: Mapping[str, np.ndarray]) -> Ints:
        """Bin of each row, shape ``(n,)``.

        Args:
            columns: arrays of shape ``(n,)``, among them the axes.
        """
        first = np.zeros(len(columns[self.axes[0]]), np.int64)
        return self._descend(columns, 0, first, np.arange(len(self.boxes)))

    def _descend(
        self, columns: Mapping[str, np.ndarray], axis: int, start: Ints, boxes: Ints
    ) -> Ints:
        """Bins of rows that lie in the given boxes on all axes before this one."""
        values = columns[self.axes[axis]]
        lows = np.unique(self.boxes[boxes, axis, 0])
        slot = np.maximum(np.searchsorted(lows, values, side="right") - 1, 0)
        result = start
        for i, low in enumerate(lows):
            inside = boxes[self.boxes[boxes, axis, 0] == low]
            rows = np.flatnonzero(slot == i)
            if axis + 1 == len(self.axes):
                result[rows] = inside[0]
            else:
                part = {name: columns[name][rows] for name in self.axes[axis + 1 :]}
                result[rows] = self._descend(part, axis + 1, np.zeros(len(rows), np.int64), inside)
        return result


def adaptive_bins(
    axes: Sequence[str],
    columns: Mapping[str, np.ndarray],
    weights: Floats | None = None,
    *,
    least: float = 200.0,
    most: int | None = None,
) -> Bins:
    """Bins of about equal population: quantiles of the first axis, in each those of the next.

    Args:
        axes: names of the axes.
        columns: the detailed sample, arrays of shape ``(n,)``.
        weights: weights of its rows, None for ones.
        least: effective number of rows that a bin must have.
        most: largest number of bins an axis, that of `MOST` where None.
    """
    n = len(columns[axes[0]])
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    most = MOST[len(axes)] if most is None else most
    boxes, seen = [], []
    for box, shown in _split(list(axes), columns, w, least, most):
        boxes.append(box)
        seen.append(shown)
    shape = (-1, len(axes), 2)
    return Bins(tuple(axes), np.array(boxes).reshape(shape), np.array(seen).reshape(shape))


_Box = list[tuple[float, float]]


def _split(
    axes: list[str],
    columns: Mapping[str, np.ndarray],
    weights: Floats,
    least: float,
    most: int,
) -> list[tuple[_Box, _Box]]:
    if not axes:
        return [([], [])]
    values = columns[axes[0]]
    n_bins = int(np.clip((effective(weights) / least) ** (1.0 / len(axes)), 1, most))
    edges = _quantiles(values, weights, n_bins)
    slot = np.searchsorted(edges, values, side="right")
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    ends, shown = [-np.inf, *edges, np.inf], [low, *edges, high]
    if shown[-1] <= shown[-2]:
        # The last bin may hold one value only; shown with a width it can be drawn.
        shown[-1] = shown[-2] + max(1e-3 * abs(shown[-2]), 1e-9)
    result = []
    for i in range(len(edges) + 1):
        rows = slot == i
        inner = {name: columns[name][rows] for name in axes[1:]}
        for box, other in _split(axes[1:], inner, weights[rows], least, most):
            first = (float(ends[i]), float(ends[i + 1]))
            result.append(([first, *box], [(float(shown[i]), float(shown[i + 1])), *other]))
    return result


def _quantiles(values: np.ndarray, weights: Floats, n_bins: int) -> Floats:
    """Inner edges of bins of equal weight; fewer where many values are equal."""
    if n_bins < 2 or not len(values):
        return np.zeros(0)
    order = np.argsort(values, kind="stable")
    # Negative weights: the running sum need not rise, so its running maximum is taken.
    summed = np.maximum.accumulate(np.cumsum(weights[order]))
    at = np.searchsorted(summed, summed[-1] * np.arange(1, n_bins) / n_bins)
    edges = np.unique(values[order][np.minimum(at, len(values) - 1)].astype(np.float64))
    result: Floats = edges[edges > float(values[order[0]])]
    return result
