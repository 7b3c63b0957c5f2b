"""Normal-score transforms: columns to and from standard-normal quantiles.

The same tables serve in training and at run time.  The knots of a column sit on a regular grid of
scores, so that the inverse needs no search, and end at the smallest and largest training value, so
that a draw never leaves the range seen in training.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from ..arrays import Floats, Floats32, Ints
from ..errors import TrainingError

_MAX_SCORE = 5.0
_AT_ONCE = 1 << 13
"""Values that are looked up at a time, about: what that needs stays in the cache."""


def dequantise(values: np.ndarray, uniforms: Floats) -> Floats:
    """Spread integers evenly over +-0.5; `numpy.rint` undoes it.

    Args:
        values: integers, any shape.
        uniforms: numbers in (0, 1) of the same shape.
    """
    return np.asarray(values, dtype=np.float64) + (uniforms - 0.5)


def _quantile_knots(values: Floats, weights: Floats | None, n_knots: int) -> tuple[Floats, float]:
    """Values at a regular grid of scores, and the score where the grid ends."""
    order = np.argsort(values, kind="stable")
    x = values[order]
    w = np.ones(len(x)) if weights is None else weights[order]
    total = w.sum()
    if len(x) == 0 or not total > 0:
        raise TrainingError("no rows with a positive sum of weights to fit a transform on")
    # sWeights may be negative: their cumulative sum is forced to be monotone.
    cumulative = np.maximum.accumulate(np.clip((np.cumsum(w) - 0.5 * w) / total, 0.0, 1.0))
    limit = float(np.clip(ndtri(1.0 - 0.5 / len(x)), 1.0, _MAX_SCORE))
    knots = np.interp(ndtr(np.linspace(-limit, limit, n_knots)), cumulative, x)
    knots[0], knots[-1] = x[0], x[-1]
    return np.maximum.accumulate(knots), limit


def _pull_knots(values: Floats, n_knots: int) -> tuple[Floats, float]:
    """Values at a regular grid of scores that grow as sinh, and the score where the grid ends."""
    if len(values) == 0:
        raise TrainingError("no rows to fit a transform on")
    most = float(np.abs(values).max())
    grid = np.linspace(-1.0, 1.0, n_knots)
    return np.sinh(grid * np.arcsinh(max(most, 1e-6))), _MAX_SCORE


class NormalScores:
    """Per-column monotone maps between physical values and standard-normal scores.

    Args:
        knots: shape ``(k, m)``, non-decreasing along each row: the values of column ``k`` at ``m``
            scores spaced evenly over ``[-limits[k], limits[k]]``.
        limits: shape ``(k,)``.
    """

    def __init__(self, knots: Floats, limits: Floats) -> None:
        self.knots = np.ascontiguousarray(knots, dtype=np.float64)
        self.limits = np.asarray(limits, dtype=np.float64)
        self._flat = self.knots.ravel()
        self._first = np.arange(len(self.limits)) * self.knots.shape[1]

    @cached_property
    def _forward(self) -> list[tuple[Floats, Floats, Floats, Floats]]:
        return [self._forward_table(k) for k in range(len(self.limits))]

    @cached_property
    def _search(self) -> _Search:
        return _Search.of(self._forward)

    @classmethod
    def fit(
        cls,
        columns: list[np.ndarray],
        weights: list[np.ndarray | None] | None = None,
        n_knots: int = 2000,
        pulls: Collection[int] = (),
    ) -> NormalScores:
        """Fit on training columns, which may differ in length.

        Args:
            columns: one array a column, each holding only the rows to fit on.
            weights: weights of those rows, or None; negative ones are allowed.
            n_knots: number of knots a column.
            pulls: columns that are in units of their own expected resolution.  Their scores are
                proportional to asinh, whatever the distribution: a quantile would squeeze the
                tails that only some of the rows have into what is the tail of a Gaussian for all.

        Raises:
            TrainingError: for an empty column or a sum of weights that is not positive.
        """
        knots = np.empty((len(columns), n_knots))
        limits = np.empty(len(columns))
        for k, values in enumerate(columns):
            if k in pulls:
                knots[k], limits[k] = _pull_knots(np.asarray(values, dtype=np.float64), n_knots)
                continue
            w = None if weights is None or weights[k] is None else np.asarray(weights[k], float)
            knots[k], limits[k] = _quantile_knots(np.asarray(values, dtype=np.float64), w, n_knots)
        return cls(knots, limits)

    def _forward_table(self, k: int) -> tuple[Floats, Floats, Floats, Floats]:
        """Strictly increasing values, their scores, and the steps of both."""
        scores = np.linspace(-self.limits[k], self.limits[k], self.knots.shape[1])
        x, first, counts = np.unique(self.knots[k], return_index=True, return_counts=True)
        # A value that spans several knots gets the middle of their scores.
        y = 0.5 * (scores[first] + scores[first + counts - 1])
        if len(x) == 1:
            x, y = np.array([x[0], np.nextafter(x[0], np.inf)]), np.zeros(2)
        return x, y, np.append(np.diff(x), 1.0), np.append(np.diff(y), 0.0)

    def forward_column(self, k: int, values: np.ndarray) -> Floats:
        """Scores of column ``k``, shape ``(n,)``; values out of range get the score of the end."""
        x, y, dx, dy = self._forward[k]
        v = np.clip(values, x[0], x[-1])
        # Own interpolation rather than numpy.interp, whose rounding may depend on the length.
        j = np.searchsorted(x, v, side="right") - 1
        result: Floats = y[j] + dy[j] * ((v - x[j]) / dx[j])
        return result

    def forward(self, columns: Floats) -> Floats:
        """`forward_column` of all columns at once, both of shape ``(k, n)``."""
        result = np.empty(columns.shape)
        step = max(_AT_ONCE // max(len(columns), 1), 1)
        for start in range(0, columns.shape[1], step):
            part = slice(start, start + step)
            result[:, part] = self._search.scores(columns[:, part])
        return result

    def inverse(self, scores: np.ndarray) -> Floats:
        """Physical values for scores, shape ``(n, k)``, always within the training range."""
        m = self.knots.shape[1]
        position = np.asarray(scores, dtype=np.float64) / self.limits
        position = np.clip(0.5 * (position + 1.0), 0.0, 1.0) * (m - 1)
        cell = np.minimum(position.astype(np.int64), m - 2)
        fraction = position - cell
        cell += self._first
        low, high = self._flat[cell], self._flat[cell + 1]
        result: Floats = np.minimum(low + fraction * (high - low), high)
        return result

    def to_arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Arrays for an ``.npz`` file, under names that start with ``prefix``."""
        return {f"{prefix}_knots": self.knots, f"{prefix}_limits": self.limits}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> NormalScores:
        """Inverse of `to_arrays`."""
        return cls(arrays[f"{prefix}_knots"], arrays[f"{prefix}_limits"])


class _Search(NamedTuple):
    """Tables of some columns side by side, searched by halves: the same steps for all values.

    Attributes:
        ends: first and last value, shape ``(2, k, 1)``.
        table: values, their scores, and the steps of both, column after column, padded; shape
            ``(4, k * width)``.
        first: where each column begins, shape ``(k, 1)``.
        width: a power of two.
    """

    ends: Floats
    table: Floats
    first: Ints
    width: int

    @classmethod
    def of(cls, tables: list[tuple[Floats, Floats, Floats, Floats]]) -> _Search:
        """Of the tables of the columns, which may differ in length."""
        longest = max((len(table[0]) for table in tables), default=1)
        width = 1 << (longest - 1).bit_length()
        found = np.full((4, len(tables), width), np.inf)
        for k, table in enumerate(tables):
            found[:, k, : len(table[0])] = table
        ends = np.array([[table[0][i] for table in tables] for i in (0, -1)])
        first = np.arange(len(tables))[:, None] * width
        return cls(ends[:, :, None], found.reshape(4, -1), first, width)

    def scores(self, columns: Floats) -> Floats:
        """Scores of some rows, both of shape ``(k, n)``."""
        n = columns.shape[1]
        v = np.clip(columns, *self.ends)
        at = np.repeat(self.first, n, axis=1)
        values, half = self.table[0], self.width >> 1
        while half:
            at += half * (values[half:].take(at) <= v)
            half >>= 1
        x, y, dx, dy = self.table.take(at, axis=1)
        result: Floats = y + dy * ((v - x) / dx)
        return result


def is_flag(values: np.ndarray) -> bool:
    """Whether a column holds only -1, 0 and 1 (one-hot, charge), so that it needs no transform.

    Args:
        values: the column, shape ``(n,)``.
    """
    return bool(np.isin(values, (-1, 0, 1)).all())


class ConditionTransform:
    """Conditions to the network's float32 input: flags as they are, the rest as normal scores.

    Args:
        flags: for each condition, whether it passes unchanged.
        scores: transforms of the other conditions, in order.
    """

    def __init__(self, flags: list[bool], scores: NormalScores) -> None:
        self.flags = list(flags)
        self.scores = scores
        is_flag = np.array(self.flags, dtype=bool)
        self._flags, self._free = np.flatnonzero(is_flag), np.flatnonzero(~is_flag)

    @classmethod
    def fit(
        cls, columns: list[np.ndarray], weights: np.ndarray | None = None, n_knots: int = 256
    ) -> ConditionTransform:
        """Fit on training columns, all of shape ``(n,)``.

        A few hundred knots are plenty: a condition needs a smooth map, not an exact density.  What
        is constant is no flag: nothing was learnt of its other value, which must have no effect.
        """
        flags = [is_flag(c) and bool(np.ptp(c) > 0) for c in columns]
        free = [c for c, flag in zip(columns, flags, strict=True) if not flag]
        return cls(flags, NormalScores.fit(free, [weights] * len(free), n_knots))

    def __call__(self, columns: Floats | Sequence[np.ndarray]) -> Floats32:
        """Network input, shape ``(n, n_conditions)``, for columns ``(n_conditions, n)``."""
        values = np.asarray(columns, dtype=np.float64).reshape(len(self.flags), -1)
        result = np.empty(values.shape, np.float32)
        result[self._flags] = values[self._flags]
        result[self._free] = self.scores.forward(values[self._free])
        return np.ascontiguousarray(result.T)
