"""Near points of one event, found in columns of a grid: work grows with the pairs, not with n^2."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..arrays import Floats, Integers, Ints, Mask

_FINE = 16
"""Rows of the grid in the width of a column."""
_AT_ONCE = 1 << 17
"""Pairs looked at at a time, about."""


class Grid:
    """Points of some events, by event, column in x and row in y.

    Args:
        x, y: the points [mm], shape ``(n,)``.
        event: event of each, shape ``(n,)``.
        side: width of a column [mm]; nothing farther in x is found for certain.
    """

    def __init__(self, x: Floats, y: Floats, event: Integers, side: float) -> None:
        self._side = side
        column, row = self._cells(x, y)
        self._left, self._bottom = (int(c.min(initial=0)) for c in (column, row))
        self._width = int(column.max(initial=0)) - self._left + 1
        self._height = int(row.max(initial=0)) - self._bottom + 1
        key = self._keys(event, column - self._left, row - self._bottom)
        self._order = np.argsort(key, kind="stable")
        self._sorted = key[self._order]

    def _cells(self, x: Floats, y: Floats) -> tuple[Ints, Ints]:
        fine = self._side / _FINE
        return np.floor(x / self._side).astype(np.int64), np.floor(y / fine).astype(np.int64)

    def _keys(self, event: Integers, column: Ints, row: Ints) -> Ints:
        result: Ints = (event.astype(np.int64) * self._width + column) * self._height + row
        return result

    def near(
        self, x: Floats, y: Floats, event: Integers, half: Floats
    ) -> Iterator[tuple[Ints, Ints]]:
        """Pairs of places and points of one event that may be within `half` in x and in y.

        Args:
            x, y: the places [mm], shape ``(k,)``.
            event: event of each, shape ``(k,)``.
            half: distance [mm] of each, at most the width of a column; shape ``(k,)``.

        Yields:
            Places and points, in order of the place; all pairs of one place come together, those of
            an event in an order that does not depend on other events.
        """
        first, count = self._ranges(x, y, event, half)
        total = np.cumsum(count.sum(axis=1))
        start = 0
        while start < len(x):
            done = total[start - 1] if start else 0
            stop = max(int(np.searchsorted(total, done + _AT_ONCE, "right")), start + 1)
            n = count[start:stop].ravel()
            skipped = first[start:stop].ravel() - (np.cumsum(n) - n)
            point = self._order[np.arange(n.sum()) + np.repeat(skipped, n)]
            yield np.repeat(np.arange(start, stop), count[start:stop].sum(axis=1)), point
            start = stop

    def _ranges(self, x: Floats, y: Floats, event: Integers, half: Floats) -> tuple[Ints, Ints]:
        """First point and number of points for each place in three columns, shapes ``(k, 3)``."""
        column, low = self._cells(x, y - half)
        _, high = self._cells(x, y + half)
        low = np.maximum(low - self._bottom, 0)
        high = np.minimum(high - self._bottom, self._height - 1)
        first = np.zeros((len(x), 3), np.int64)
        count = np.zeros((len(x), 3), np.int64)
        for k in range(3):
            here = column - self._left + k - 1
            able = np.flatnonzero((here >= 0) & (here < self._width) & (low <= high))
            e, c = event[able], here[able]
            start = np.searchsorted(self._sorted, self._keys(e, c, low[able]), "left")
            stop = np.searchsorted(self._sorted, self._keys(e, c, high[able]), "right")
            first[able, k], count[able, k] = start, stop - start
        return first, count


def leading(cell: tuple[Ints, ...], rank: Ints, most: int) -> tuple[Mask, Ints]:
    """Which points are among the first of their cell, and how many come before each.

    Args:
        cell: numbers that points of one cell have in common, shapes ``(n,)``.
        rank: place of each in the order of all, shape ``(n,)``.
        most: points of a cell that are among the first.
    """
    order = np.lexsort((rank, *cell))
    new = np.ones(len(order), dtype=bool)
    new[1:] = np.any([np.diff(c[order]) != 0 for c in cell], axis=0)
    start = np.flatnonzero(new)
    before = np.empty(len(order), np.int64)
    before[order] = np.arange(len(order)) - start[np.cumsum(new) - 1]
    return before < most, before
