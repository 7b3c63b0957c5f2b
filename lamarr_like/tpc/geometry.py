"""Sectors, rows and pads of a chamber like MPD's (MPD Collaboration, TPC Technical Design Report).

Twelve sectors on each side of the middle; in a sector u runs along the rows, v outwards from the
beam line through the middle of the sector, both in cm.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Floats, Ints
from ..responses.detectors.drift_chamber import BUCKET, HEIGHTS, INNER_ROWS, PAD, ROWS

SECTORS = 12
LENGTH = 170.0
"""From the middle to the pads of one side [cm]."""

BUCKETS = 310
PADS = 95_232
"""Of both sides."""

INNERMOST = 40.3
"""Inner edge of the innermost row [cm]."""

FIELD = 0.5  # [T]


def row_centres() -> Floats:
    """Middles of the rows along v [cm], shape ``(53,)``."""
    height = row_heights()
    return np.asarray(INNERMOST + np.cumsum(height) - 0.5 * height)


def row_heights() -> Floats:
    """Heights of the rows [cm], shape ``(53,)``."""
    return np.where(np.arange(ROWS) < INNER_ROWS, *HEIGHTS)


def row_pads() -> Ints:
    """Pads of each row, an even number, shape ``(53,)``.

    As wide as a sector of 30 degrees, less a frame that leaves as many pads as there are.
    """
    half = row_centres() * np.tan(np.pi / SECTORS)
    wanted = PADS // (4 * SECTORS)
    # Pads of half a sector, the wider the more often counted up, until all are given out.
    share = half * wanted / half.sum()
    pads = np.floor(share).astype(np.int64)
    pads[np.argsort(pads - share, kind="stable")[: wanted - pads.sum()]] += 1
    return np.asarray(2 * pads)


def pad_coordinate(u: Floats, row: Ints) -> Floats:
    """Coordinate along a row in pads, whole in the middles of pads, shape ``(n,)``.

    Args:
        u: place along the row [cm], shape ``(n,)``.
        row: its number, shape ``(n,)``.
    """
    return np.asarray(u / PAD + 0.5 * row_pads()[row] - 0.5)


def along_row(pad: Floats, row: Ints) -> Floats:
    """The opposite of `pad_coordinate` [cm]; shapes ``(n,)``."""
    return np.asarray((pad + 0.5 - 0.5 * row_pads()[row]) * PAD)


def drift_buckets(z: Floats) -> Floats:
    """Time of the drift from a distance to the middle [cm] to the pads [buckets]; any shape."""
    return np.asarray((LENGTH - z) / BUCKET)


def along_drift(bucket: Floats) -> Floats:
    """The opposite of `drift_buckets` [cm]; any shape."""
    return np.asarray(LENGTH - bucket * BUCKET)
