"""Arrays as lists of the cells that are not empty."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats32, Ints


class Hits(NamedTuple):
    """Cells with something in them; sorted by row.

    Args:
        row: number of the particle, shape ``(m,)``.
        cell: index along each axis, shape ``(m, rank)``.
        value: what is in it, shape ``(m,)``.
    """

    row: Ints
    cell: Ints
    value: Floats32

    def dense(self, n: int, shape: tuple[int, ...]) -> Floats32:
        """As arrays, shape ``(n, *shape)``; cells outside are left out, equal ones added."""
        inside = ((self.cell >= 0) & (self.cell < np.array(shape))).all(axis=1)
        row, cell, value = self.row[inside], self.cell[inside], self.value[inside]
        flat = np.ravel_multi_index((row, *cell.T), (n, *shape))
        found = np.zeros(n * int(np.prod(shape)), dtype=np.float32)
        # One cell comes once from every family, so that nothing has to be summed.
        found[flat] = value
        return found.reshape(n, *shape)

    def sums(self, n: int) -> np.ndarray:
        """Sum of the values of each particle, float64 of shape ``(n,)``."""
        return np.bincount(self.row, weights=self.value, minlength=n)


def hits_of(arrays: np.ndarray) -> Hits:
    """The cells of arrays of shape ``(n, *shape)`` that are not zero."""
    places = np.nonzero(arrays)
    cell = np.stack(places[1:], axis=1).astype(np.int64)
    return Hits(places[0].astype(np.int64), cell, arrays[places].astype(np.float32))
