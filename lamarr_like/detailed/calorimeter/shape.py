"""What 3 x 3 cells see of a mean shower: position against barycentre, contained energy, width."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...arrays import Floats
from ..compiled import inner, kernel
from ..parameters import Parameters
from ..random import GOLDEN
from . import cells as layout
from .shower import MAX_SLICES, Grid, Material, add_slice, em_slices, material

_STEPS = 41  # of the tables: a fortieth of a cell
_SHOWERS = 200  # that the mean is of
_ENERGY = 5000.0  # MeV; the profile hardly depends on it


class Shape(NamedTuple):
    """Tables of a mean photon shower in 3 x 3 cells of each region; `r` regions.

    Attributes:
        position: place of the axis relative to the middle of the seed cell, for ``_STEPS`` values
            of the barycentre from -0.5 to 0.5, both in cells, shape ``(r, _STEPS)``.
        contained: share of the energy in the 3 x 3 cells for ``_STEPS`` x ``_STEPS`` places of the
            axis in the seed cell, shape ``(r, _STEPS, _STEPS)``.
        spread: root mean square radius of the cells' energies [mm] for the same places.
    """

    position: Floats
    contained: Floats
    spread: Floats


@kernel
def _mean_cells(keys, energy, mat, side, places, grids):  # type: ignore[no-untyped-def]
    """Shares of straight photon showers at `places` (x, y) in 3 x 3 cells about (0, 0)."""
    state = np.zeros(1, np.uint64)
    slices = np.zeros((MAX_SLICES, 5))
    n = round(math.sqrt(grids.shape[1]))
    grid = Grid(-0.5 * n * side, -0.5 * n * side, side, n, n)
    for key in keys:
        state[0] = key
        em_slices(energy, True, 0.0, 0.0, mat, slices, state)
        total = 0.0
        for k in range(MAX_SLICES):
            total += slices[k, 0]
        if total <= 0.0:
            continue
        for k in range(MAX_SLICES):
            slices[k, 0] /= total * len(keys)
            if slices[k, 0] > 0.0:
                for i in range(len(places)):
                    add_slice(places[i, 0], places[i, 1], slices[k], grid, grids[i])


def shape(par: Parameters) -> Shape:
    """The tables for the cells of the ECAL."""
    return _shape(material(par), tuple(layout.ecal(par).size.tolist()))


@lru_cache(maxsize=8)
def _shape(mat: Material, sizes: tuple[float, ...]) -> Shape:
    keys = np.arange(1, _SHOWERS + 1).astype(np.uint64) * GOLDEN
    axis = np.linspace(-0.5, 0.5, _STEPS)
    position, contained, spread = [], [], []
    quarter = axis[_STEPS // 2 :]
    n = len(quarter)
    u, v = np.meshgrid(quarter, quarter, indexing="ij")
    for side in sizes:
        places = side * np.stack([u.ravel(), v.ravel()], axis=1)
        grids = np.zeros((n * n, 9))
        _mean_cells(keys, _ENERGY, mat, side, places, grids)
        cells = grids.reshape(n, n, 3, 3)  # u, v, row (y), column (x)
        kept = cells.sum(axis=(2, 3))
        first = [
            ((cells[..., 2, :] - cells[..., 0, :]).sum(axis=2) / kept),
            ((cells[..., 2] - cells[..., 0]).sum(axis=2) / kept),
        ]
        second = [
            ((cells[..., 2, :] + cells[..., 0, :]).sum(axis=2) / kept),
            ((cells[..., 2] + cells[..., 0]).sum(axis=2) / kept),
        ]
        radius = side * np.sqrt(second[0] + second[1] - first[0] ** 2 - first[1] ** 2)
        contained.append(_mirrored(kept))
        spread.append(_mirrored(radius))
        bary = first[1][:, 0]  # along x, on the middle line
        bary = np.concatenate([-bary[:0:-1], bary])
        position.append(np.interp(axis, bary, axis, left=-0.5, right=0.5))
    return Shape(
        position=np.stack(position), contained=np.stack(contained), spread=np.stack(spread)
    )


def _mirrored(quarter: Floats) -> Floats:
    """A table for both signs of both coordinates from that for positive ones."""
    half = np.concatenate([quarter[:0:-1], quarter])
    return np.concatenate([half[:, :0:-1], half], axis=1)


@inner
def _grid(u):  # type: ignore[no-untyped-def]
    s = (min(max(u, -0.5), 0.5) + 0.5) * (_STEPS - 1)
    i = min(int(s), _STEPS - 2)
    return i, s - i


@inner
def axis_offset(u, table):  # type: ignore[no-untyped-def]
    """Place of the axis in the seed cell for barycentre `u`, both in cells from its middle."""
    i, f = _grid(u)
    return table[i] * (1.0 - f) + table[i + 1] * f


@inner
def at_place(u, v, table):  # type: ignore[no-untyped-def]
    """Contained share or spread for an axis at (u, v) in the seed cell, from its table."""
    i, f = _grid(u)
    j, g = _grid(v)
    low = table[i, j] * (1.0 - g) + table[i, j + 1] * g
    high = table[i + 1, j] * (1.0 - g) + table[i + 1, j + 1] * g
    return low * (1.0 - f) + high * f
