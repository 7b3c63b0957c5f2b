"""Clusters: local maxima with their neighbours, shared cells divided by expected energy.

As in LHCb (LHCb-2001-123; LHCb performance, arXiv:1412.6352, sec. 4): a cell above a threshold and
above all its neighbours is a seed, the cells that touch it are its cluster; the energy of a cell
that belongs to several clusters is divided in proportion to what the mean shower of each would put
there, iterated as the energies and positions move.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Ints
from ..compiled import inner
from .cells import sine
from .shape import at_place, axis_offset
from .shower import corner, widths

MAX_CELLS = 20
"""Cells of a cluster at most (9 inside a region, more at the border of a region)."""

_TURNS = 4  # of the division of shared cells: energies and places hardly move any more
_OWNERS = 6  # clusters that claim a cell at most
_SHARED_DEPTH = 1.2  # of that of the maximum, at which a mean shower is as wide as seen from above


class Found(NamedTuple):
    """Clusters of one event before selection; `n` clusters.

    Attributes:
        seed: its cell, shape ``(n,)``.
        cell: cells of each, -1 where there are fewer, shape ``(n, MAX_CELLS)``.
        weight: its share of each of them.
        raw: sum of the shared energies [MeV], shape ``(n,)``.
        x, y: axis of the shower at its depth [mm].
        inside: share of the shower's energy that the cells hold.
        spread: root mean square radius of the energies [mm].
        width: the same over that of a mean photon at its place.
    """

    seed: Ints
    cell: Ints
    weight: Floats
    raw: Floats
    x: Floats
    y: Floats
    inside: Floats
    spread: Floats
    width: Floats


@inner
def find_seeds(energy, least, z, cells):  # type: ignore[no-untyped-def]
    """Cells above `least` [MeV of transverse energy] and above all that touch them."""
    seeds = np.empty(len(energy), np.int64)
    n = 0
    for c in range(len(energy)):
        if energy[c] <= 0.0 or energy[c] * sine(c, cells, z) < least:
            continue
        best = True
        for k in range(cells.first[c], cells.first[c + 1]):
            o = cells.neighbour[k]
            # Digitised energies can be equal: then the first cell wins.
            if energy[o] > energy[c] or (energy[o] == energy[c] and o < c):
                best = False
                break
        if best:
            seeds[n] = c
            n += 1
    return seeds[:n]


@inner
def _expected(x, y, c, cells, mat):  # type: ignore[no-untyped-def]
    """Share of a mean shower at (x, y) in cell c."""
    core, tail, share = widths(_SHARED_DEPTH, mat)
    h = 0.5 * cells.size[cells.region[c]]
    x0, x1, y0, y1 = cells.x[c] - h - x, cells.x[c] + h - x, cells.y[c] - h - y, cells.y[c] + h - y
    value = corner(x1, y1, core, tail, share) - corner(x0, y1, core, tail, share)
    return value - corner(x1, y0, core, tail, share) + corner(x0, y0, core, tail, share)


@inner
def _place(k, energy, cells, shape, found):  # type: ignore[no-untyped-def]
    """Energy, position and spread of cluster k from its weighted cells."""
    raw = total = mx = my = 0.0
    for i in range(MAX_CELLS):
        c = found.cell[k, i]
        if c < 0:
            break
        raw += found.weight[k, i] * energy[c]
        e = found.weight[k, i] * max(energy[c], 0.0)
        total += e
        mx += e * cells.x[c]
        my += e * cells.y[c]
    s = found.seed[k]
    side, region = cells.size[cells.region[s]], cells.region[s]
    mx, my = mx / total, my / total
    second = 0.0
    for i in range(MAX_CELLS):
        c = found.cell[k, i]
        if c < 0:
            break
        e = found.weight[k, i] * max(energy[c], 0.0)
        second += e * ((cells.x[c] - mx) ** 2 + (cells.y[c] - my) ** 2)
    u, v = (mx - cells.x[s]) / side, (my - cells.y[s]) / side
    u, v = axis_offset(u, shape.position[region]), axis_offset(v, shape.position[region])
    found.raw[k] = raw
    found.x[k], found.y[k] = cells.x[s] + u * side, cells.y[s] + v * side
    found.inside[k] = at_place(u, v, shape.contained[region])
    found.spread[k] = math.sqrt(second / total)
    found.width[k] = found.spread[k] / at_place(u, v, shape.spread[region])


@inner
def _divide(c, owners, found, cells, mat):  # type: ignore[no-untyped-def]
    """New weights of a cell that several clusters claim; rows of `owners` are cluster and slot."""
    total = 0.0
    for o in range(len(owners)):
        k, i = owners[o, 0], owners[o, 1]
        w = max(found.raw[k], 1.0) * _expected(found.x[k], found.y[k], c, cells, mat)
        found.weight[k, i] = w
        total += w
    for o in range(len(owners)):
        k, i = owners[o, 0], owners[o, 1]
        found.weight[k, i] = found.weight[k, i] / total if total > 0.0 else 1.0 / len(owners)


@inner
def share_cells(seeds, energy, cells, shape, mat):  # type: ignore[no-untyped-def]
    """Build the clusters of some seeds and divide the cells between them.

    Args:
        seeds: cells, shape ``(n,)``.
        energy: energy of every cell [MeV].
        cells: `Cells` of the ECAL.
        shape: `Shape`.
        mat: `Material`.

    Returns:
        `Found`.
    """
    n = len(seeds)
    found = Found(
        seed=seeds,
        cell=np.full((n, MAX_CELLS), -1),
        weight=np.ones((n, MAX_CELLS)),
        raw=np.zeros(n),
        x=np.zeros(n),
        y=np.zeros(n),
        inside=np.ones(n),
        spread=np.zeros(n),
        width=np.ones(n),
    )
    n_owners = np.zeros(len(energy), np.int64)
    # Rows of owners are few, cells many: only cells of clusters get a row.
    row = np.full(len(energy), -1)
    owner = np.empty((n * MAX_CELLS, _OWNERS, 2), np.int64)
    claimed = np.empty(n * MAX_CELLS, np.int64)
    m = 0
    for k in range(n):
        c, i = seeds[k], 0
        for j in range(cells.first[c] - 1, cells.first[c + 1]):
            o = c if j < cells.first[c] else cells.neighbour[j]
            if i == MAX_CELLS:
                break
            if row[o] < 0:
                row[o] = m
                claimed[m] = o
                m += 1
            if n_owners[o] < _OWNERS:
                owner[row[o], n_owners[o], 0] = k
                owner[row[o], n_owners[o], 1] = i
                n_owners[o] += 1
                found.cell[k, i] = o
                i += 1
    for k in range(n):
        _place(k, energy, cells, shape, found)
    for _ in range(_TURNS):
        for j in range(m):
            c = claimed[j]
            if n_owners[c] > 1:
                _divide(c, owner[j, : n_owners[c]], found, cells, mat)
        for k in range(n):
            _place(k, energy, cells, shape, found)
    return found


@inner
def shares(found, signals, source, n_deposits, n_source):  # type: ignore[no-untyped-def]
    """Energy that each source gave to each cluster, shape ``(n, n_source)``.

    Args:
        found: `Found`.
        signals: `response.Signals`, with the true deposits.
        source: source of each arrival.
        n_deposits: number of deposits.
        n_source: number of sources.
    """
    n = len(found.seed)
    result = np.zeros((n, n_source))
    position = np.full(len(signals.ecal), -1)  # of the first (cluster, slot) of each cell
    # Chains: a cell leads to its first (cluster, slot), that to the next one of the same cell.
    following = np.full(n * MAX_CELLS, -1)
    for k in range(n):
        for i in range(MAX_CELLS):
            c = found.cell[k, i]
            if c < 0:
                break
            following[k * MAX_CELLS + i] = position[c]
            position[c] = k * MAX_CELLS + i
    for d in range(n_deposits):
        at = position[signals.cell[d]]
        while at >= 0:
            k, i = at // MAX_CELLS, at % MAX_CELLS
            result[k, source[signals.source[d]]] += found.weight[k, i] * signals.energy[d]
            at = following[at]
    return result
