"""Arrays as lists of the cells that are not empty."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats32, Ints, Mask


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

    def dense(self, n: int, shape: tuple[int, ...], found: Floats32 | None = None) -> Floats32:
        """As arrays, shape ``(n, *shape)``; cells outside are left out.

        Args:
            n: number of particles.
            shape: of an array.
            found: zeros to put the values into, one block of memory; new ones if None.
        """
        inside = self.inside(shape)
        row, cell, value = self if inside.all() else (column[inside] for column in self)
        if found is None:
            found = np.zeros((n, *shape), dtype=np.float32)
        flat = row
        for k, size in enumerate(shape):
            flat = flat * size + cell[:, k]
        # One cell comes once from every family, so that nothing has to be summed.
        found.reshape(-1)[flat] = value
        return found

    def inside(self, shape: tuple[int, ...]) -> Mask:
        """Whether the cells are some of an array of that shape, shape ``(m,)``."""
        found = np.ones(len(self.row), dtype=bool)
        for k, size in enumerate(shape):
            found &= self.cell[:, k] >= 0
            found &= self.cell[:, k] < size
        return found

    def sums(self, n: int) -> np.ndarray:
        """Sum of the values of each particle, float64 of shape ``(n,)``."""
        return np.bincount(self.row, weights=self.value, minlength=n)


def hits_of(arrays: np.ndarray) -> Hits:
    """The cells of arrays of shape ``(n, *shape)`` that are not zero."""
    places = np.nonzero(arrays)
    cell = np.stack(places[1:], axis=1).astype(np.int64)
    return Hits(places[0].astype(np.int64), cell, arrays[places].astype(np.float32))
