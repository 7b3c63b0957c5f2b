"""What mean showers put into the cells of the ECAL: whether a source makes a local maximum.

Two showers are two clusters if the softer has a cell above all that touch it; that is a matter of
millimetres within the cells, which a network of distances learns slowly.  So it is told what an
image of mean showers looks like about each source.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ...arrays import Columns, Floats, Ints
from .. import geometry
from ..geometry import BORDERS, CELL_Z, CELLS, HOLE

_WIDTHS, _CORE = (5.5, 26.0), 0.8
"""Radii [mm] of core and tail of a shower at its maximum, and the share of the core."""
NODES = 65
"""Places across a cell at which `shares` are tabulated."""
_MARGIN = 4
"""Cells about the border of a region in which its grid goes on."""
_HIGHEST, _LOWEST = 3.0, -4.0
"""Bounds of the logarithms: beyond, nothing is left open."""
_TINY = 1e-3
"""Energy [MeV] that stands for none."""
_EVENTS = 128
"""Events whose cells are held at a time."""

_COLUMNS, _ROWS = np.repeat([-1, 0, 1], 3), np.tile([-1, 0, 1], 3)
"""Nine cells about one."""

IMAGE = ("seed_margin", "seed_share", "block_share")
"""Columns of `expected_image`."""


def filled_part(x: Floats, y: Floats, unit: Floats, energy: Floats) -> Floats:
    """Energy of a mean shower in the cell it falls into, over that at which this cell saturates.

    The lateral profile is that of Grindhammer and Peters (arXiv:hep-ex/0001020) at the maximum.

    Args:
        x, y: places in the plane of the cells [mm], shapes ``(n,)``.
        unit: sides of the cells there [mm].
        energy: energies [MeV].
    """
    left, low = (unit * (np.floor(v / unit) - v / unit) for v in (x, y))
    share = np.zeros(len(x))
    for radius, weight in zip(_WIDTHS, (_CORE, 1.0 - _CORE), strict=True):
        for right, up, sign in ((1, 1, 1.0), (0, 1, -1.0), (1, 0, -1.0), (0, 0, 1.0)):
            share += sign * weight * _corner(left + right * unit, low + up * unit, radius)
    r = np.maximum(np.hypot(x, y), 1.0)
    return share * energy * (r / np.hypot(r, CELL_Z)) / geometry.CELL_ET


def _corner(x: Floats, y: Floats, radius: float) -> Floats:
    """Integral of the radial density 2 r R^2 / (r^2 + R^2)^2 from the axis to (x, y), signed."""
    a, b = (v / np.hypot(v, radius) for v in (x, y))
    with_y = a * np.arctan(y / np.hypot(x, radius))
    found: Floats = (with_y + b * np.arctan(x / np.hypot(y, radius))) / (2.0 * np.pi)
    return found


@cache
def shares() -> Floats:
    """Share of a mean shower in each of nine cells.

    Returns:
        By region (0 outer), place of the axis in the middle cell in x and in y (`NODES` from one
        side to the other), column and row: shape ``(3, NODES, NODES, 9)``.
    """
    phase = np.linspace(0.0, 1.0, NODES)
    found = np.zeros((len(CELLS), NODES, NODES, 3, 3))
    for k, side in enumerate(CELLS):
        edges = (np.arange(-1, 3)[None, :] - phase[:, None]) * side
        for radius, weight in zip(_WIDTHS, (_CORE, 1.0 - _CORE), strict=True):
            x, y = edges[:, None, :, None], edges[None, :, None, :]
            inner = _corner(x, y, radius)
            found[k] += weight * np.diff(np.diff(inner, axis=2), axis=3)
    return found.reshape(len(CELLS), NODES, NODES, 9)


def _deposits(u: Floats, v: Floats, region: Ints) -> Floats:
    """Shares of nine cells for axes at (u, v) in the middle one, 0 to 1; shape ``(n, 9)``."""
    table = shares()
    i, j = (np.minimum((p * (NODES - 1)).astype(np.int64), NODES - 2) for p in (u, v))
    a, b = ((p * (NODES - 1) - k)[:, None] for p, k in ((u, i), (v, j)))
    low = (1.0 - b) * table[region, i, j] + b * table[region, i, j + 1]
    high = (1.0 - b) * table[region, i + 1, j] + b * table[region, i + 1, j + 1]
    found: Floats = (1.0 - a) * low + a * high
    return found


def shared_part(x: Floats, y: Floats, to_x: Floats, to_y: Floats, region: Ints) -> Floats:
    """Part of mean showers that is in the cells of clusters of others.

    Args:
        x, y: places of the showers in the plane of the cells [mm], shapes ``(n,)``.
        to_x, to_y: those of the clusters.
        region: region of these, whose cells count.

    Returns:
        What is in the nine cells of the cluster over what is in those of the shower, ``(n,)``.
    """
    unit = np.asarray(CELLS)[region]
    u, v = x / unit, y / unit
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    own = _deposits(u - column, v - row, region)
    across = (column - np.floor(to_x / unit).astype(np.int64))[:, None] + _COLUMNS
    up = (row - np.floor(to_y / unit).astype(np.int64))[:, None] + _ROWS
    inside = (np.abs(across) <= 1) & (np.abs(up) <= 1)
    found: Floats = (own * inside).sum(axis=1) / own.sum(axis=1)
    return found


def expected_image(x: Floats, y: Floats, energy: Floats, region: Ints, offsets: Ints) -> Columns:
    """What the mean showers of each event look like about each source.

    Showers reach into the eight cells about their own, of the cells of their own region.

    Args:
        x, y: places in the plane of the cells [mm], shapes ``(n,)``.
        energy: energies that the sources leave [MeV].
        region: region of each, 0 outer.
        offsets: sources ``offsets[i]:offsets[i + 1]`` are those of event ``i``.

    Returns:
        Logarithms, shapes ``(n,)``: ``seed_margin``, of the energy in the cell of the source over
        the largest of those about it, saturated as the readout does; ``seed_share``, of what the
        source itself puts into its cell; ``block_share``, of what it puts into all nine.
    """
    out = {name: np.zeros(len(x)) for name in IMAGE}
    unit = np.asarray(CELLS)[region]
    u, v = x / unit, y / unit
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    own = _deposits(u - column, v - row, region) * energy[:, None]
    own *= _outside_hole(column, row, region)
    cell, cells = _numbered(column, row, region)
    radius = np.maximum(np.hypot(x, y), 1.0)
    most = geometry.CELL_ET * np.hypot(radius, CELL_Z) / radius
    for begin in range(0, len(offsets) - 1, _EVENTS):
        bounds = offsets[begin : begin + _EVENTS + 1]
        mine = slice(int(bounds[0]), int(bounds[-1]))
        event = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        where = cell[mine] + (event * cells)[:, None]
        image = np.bincount(where.ravel(), own[mine].ravel(), minlength=1)
        seen = image[where]
        about = np.minimum(seen, most[mine, None])
        middle = np.maximum(about[:, 4], _TINY)
        about[:, 4] = _TINY
        out["seed_margin"][mine] = np.log(middle / np.maximum(about.max(axis=1), _TINY))
        part = own[mine, 4] / np.maximum(seen[:, 4], _TINY)
        out["seed_share"][mine] = np.log(np.maximum(part, _TINY))
        part = own[mine].sum(axis=1) / np.maximum(seen.sum(axis=1), _TINY)
        out["block_share"][mine] = np.log(np.maximum(part, _TINY))
    return {name: np.clip(values, _LOWEST, _HIGHEST) for name, values in out.items()}


def _numbered(column: Ints, row: Ints, region: Ints) -> tuple[Ints, int]:
    """Numbers of nine cells about some, shape ``(n, 9)``, and how many cells there are."""
    half = np.array(
        [
            (round(a / side) + _MARGIN, round(b / side) + _MARGIN)
            for (a, b), side in zip(BORDERS, CELLS, strict=True)
        ]
    )
    sizes = 4 * half.prod(axis=1)
    wide, high = half[region].T
    # What is farther out than the margin stands at its edge.
    at = np.clip(column + wide, 1, 2 * wide - 2) * 2 * high + np.clip(row + high, 1, 2 * high - 2)
    at += (np.cumsum(sizes) - sizes)[region]
    found: Ints = at[:, None] + (2 * high)[:, None] * _COLUMNS + _ROWS
    return found, int(sizes.sum())


def _outside_hole(column: Ints, row: Ints, region: Ints) -> Floats:
    """1 for cells that there are, 0 for those in the hole, of nine about some; ``(n, 9)``."""
    a, b = (round(h / CELLS[2]) for h in HOLE)
    c, r = column[:, None] + _COLUMNS, row[:, None] + _ROWS
    inside = (c >= -a) & (c < a) & (r >= -b) & (r < b) & (region == 2)[:, None]
    return np.where(inside, 0.0, 1.0)
