"""Cells of the calorimeters: regions of square cells, their neighbours, where a point lies.

A calorimeter is a set of regions, each a rectangle with a rectangular hole about the beam; the
borders are multiples of the cells of both sides, so that no cell is cut (LHCb detector, JINST 3
(2008) S08005, sec. 6.2).  The preshower and the SPD have the cells of the ECAL, scaled to point at
the origin.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from ...arrays import Floats, Ints, Mask
from ..compiled import inner
from ..parameters import Parameters

Region = tuple[float, int, int, int, int]
"""Side of a cell [mm], cells in x and in y, cells of the hole in x and in y."""


_TOUCH = 0.505  # of the sum of two sides: half, and room for rounding


class Cells(NamedTuple):
    """Cells of one calorimeter, for the kernels; `r` regions and `n` cells.

    Attributes:
        size: side of the cells of each region [mm], shape ``(r,)``, from the outer to the inner.
        n_x, n_y: cells of each region across, shape ``(r,)``; those of its hole are counted too.
        half: half width and height of each region [mm], shape ``(r, 2)``.
        hole: the same of its hole.
        offset: number of the first cell of each region, shape ``(r,)``.
        x, y: centres [mm], shape ``(n,)``.
        region: region of each, shape ``(n,)``.
        exists: false for the numbers that fall into the hole of a region.
        first, neighbour: neighbours of cell c, corners included and across the borders of regions,
            are ``neighbour[first[c]:first[c + 1]]``.
    """

    size: Floats
    n_x: Ints
    n_y: Ints
    half: Floats
    hole: Floats
    offset: Ints
    x: Floats
    y: Floats
    region: Ints
    exists: Mask
    first: Ints
    neighbour: Ints


@lru_cache(maxsize=8)
def build(regions: tuple[Region, ...]) -> Cells:
    """Lay out the cells of some regions, given from the outermost to the innermost."""
    size = np.array([r[0] for r in regions])
    n_x = np.array([r[1] for r in regions], np.int64)
    n_y = np.array([r[2] for r in regions], np.int64)
    hole = np.array([(0.5 * r[0] * r[3], 0.5 * r[0] * r[4]) for r in regions])
    half = 0.5 * size[:, None] * np.stack([n_x, n_y], axis=1)
    xs, ys = [], []
    for a, i, j in zip(size, n_x, n_y, strict=True):
        row, column = np.divmod(np.arange(i * j), i)
        xs.append((column - 0.5 * (i - 1)) * a)
        ys.append((row - 0.5 * (j - 1)) * a)
    count = n_x * n_y
    region = np.repeat(np.arange(len(regions)), count)
    x, y = np.concatenate(xs), np.concatenate(ys)
    exists = (np.abs(x) > hole[region, 0]) | (np.abs(y) > hole[region, 1])
    first, neighbour = _neighbours(x, y, size[region], exists)
    offset = np.concatenate([[0], np.cumsum(count)[:-1]])
    return Cells(
        size=size,
        n_x=n_x,
        n_y=n_y,
        half=half,
        hole=hole,
        offset=offset,
        x=x,
        y=y,
        region=region,
        exists=exists,
        first=first,
        neighbour=neighbour,
    )


def _neighbours(
    x: Floats,
    y: Floats,
    size: Floats,
    exists: Mask,
) -> tuple[Ints, Ints]:
    """Cells that touch each cell by a side or a corner, as offsets and a flat list."""
    real = np.flatnonzero(exists)
    tree = cKDTree(np.stack([x[real], y[real]], axis=1))
    pairs = real[tree.query_pairs(1.01 * size.max(), p=np.inf, output_type="ndarray")]
    a, b = pairs.reshape(-1, 2).T
    reach = _TOUCH * (size[a] + size[b])
    touch = (np.abs(x[a] - x[b]) < reach) & (np.abs(y[a] - y[b]) < reach)
    one = np.concatenate([a[touch], b[touch]])
    other = np.concatenate([b[touch], a[touch]])
    order = np.lexsort([other, one])
    first = np.searchsorted(one[order], np.arange(len(x) + 1))
    return first.astype(np.int64), other[order].astype(np.int64)


def ecal(par: Parameters) -> Cells:
    """Cells of the ECAL (and of the preshower and SPD, at the scale of the ECAL)."""
    return build(par.calo_ecal_regions)


def hcal(par: Parameters) -> Cells:
    """Cells of the HCAL."""
    return build(par.calo_hcal_regions)


@inner
def cell_at(x, y, cells):  # type: ignore[no-untyped-def]
    """Number of the cell at (x, y) [mm], -1 in the hole and outside."""
    for r in range(len(cells.size) - 1, -1, -1):
        if abs(x) < cells.half[r, 0] and abs(y) < cells.half[r, 1]:
            i = int((x + cells.half[r, 0]) / cells.size[r])
            j = int((y + cells.half[r, 1]) / cells.size[r])
            c = cells.offset[r] + j * cells.n_x[r] + i
            return c if cells.exists[c] else -1
    return -1


@inner
def sine(c, cells, z):  # type: ignore[no-untyped-def]
    """Sine of the polar angle of a cell seen from the origin."""
    r2 = cells.x[c] * cells.x[c] + cells.y[c] * cells.y[c]
    return math.sqrt(r2 / (r2 + z * z))
