"""Hits: clusters of cells in pad and time, one row at a time.

Each cell belongs to the strongest cell that it climbs to by steps of one pad and two buckets, so
that neighbouring tracks are parted in the valley between them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints
from .readout import SPAN, STRIDE, Readout

PADS, BUCKETS = 1, 2
"""Largest step of the way up."""

LEAST = 8.0
"""Smallest sum of a hit [ADC]."""


class Clusters(NamedTuple):
    """Hits, shapes ``(m,)``.

    Attributes:
        line: number of the row (`lamarr_like.tpc.readout.row_number`).
        pad, bucket: weighted mean of its cells.
        sum: of their amplitudes [ADC].
        cells: how many.
    """

    line: Ints
    pad: Floats
    bucket: Floats
    sum: Floats
    cells: Ints


def find_clusters(readout: Readout) -> Clusters:
    """Hits of a readout, in the order of their strongest cells."""
    cell, value = readout
    top = _strongest_near(cell, value)
    while True:
        higher = top[top]
        if np.array_equal(higher, top):
            break
        top = higher
    peak, owner = np.unique(top, return_inverse=True)
    total = np.bincount(owner, weights=value).astype(np.float64)
    pad, bucket = (cell // SPAN) % STRIDE - 1, cell % SPAN - 1
    means = [np.bincount(owner, weights=value * place) / total for place in (pad, bucket)]
    kept = total >= LEAST
    line = cell[peak] // (SPAN * STRIDE)
    columns = means[0][kept], means[1][kept], total[kept]
    return Clusters(line[kept], *columns, cells=np.bincount(owner)[kept])


def _strongest_near(cell: Ints, value: Floats) -> Ints:
    """Place of the strongest cell within a step of each, that of the lower number where equal."""
    best, found = value.copy(), np.arange(len(cell))
    for step in range(-PADS, PADS + 1):
        for later in range(-BUCKETS, BUCKETS + 1):
            if not len(cell):
                continue
            wanted = cell + step * SPAN + later
            place = np.minimum(np.searchsorted(cell, wanted), len(cell) - 1)
            better = (cell[place] == wanted) & (
                (value[place] > best) | ((value[place] == best) & (place < found))
            )
            best, found = np.where(better, value[place], best), np.where(better, place, found)
    return found
