"""Clusters keep their distance: there are no two local maxima in neighbouring cells.

Places are drawn cluster by cluster, so that some fall onto others by chance.  They are drawn again
until there are as many pairs as in the sample that was learnt from, by distance and by whether
their cells touch: rejection sampling of the law of independent places times a factor for each pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Ints, Mask
from ..geometry import BORDERS, CELLS
from ..grid import Grid, leading
from .sources import region_of

EDGES = (0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5)
"""Distances, in the larger of the two cells, between which the factor is constant; 1 beyond."""
KINDS = 7
"""Kinds of pairs, each with its own factors: of one region with cells that touch (for each region,
the outer first), of one region with cells that do not, and of two regions."""
N_FACTORS = KINDS * (len(EDGES) - 1)
"""Numbers that say how dense pairs are: by kind, and for each kind by distance."""
_TOUCH, _APART, _MIXED = 0, 1, 2
"""The kinds that one cluster can be of a pair of."""
LEAK_EDGES = (0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0)
"""Distances, in the larger of the two cells, between which the leakage of a shower into its
neighbour is constant; none beyond."""
LEAK_RATIOS = (0.5, 1.0, 2.0, 4.0)
"""Energies of a shower's own cluster over that of the neighbour between which it is constant."""
N_LEAKS = 2 * (len(LEAK_RATIOS) + 1) * (len(LEAK_EDGES) - 1)
"""Numbers that say how much leaks: of hadrons and muons, then of showers (`links.showering`), for
each by ratio, and for each ratio by distance."""
_USUAL = 30.0
"""Pairs of any ratio and kind that count beside those of a bin."""
_PLATEAU = 4.0
"""Up to this distance beyond the last edge pairs are as dense as they would be without the rule."""
_ACROSS = 1.25
"""Distance, in the larger cell, within which cells of two regions count as touching."""
_LEAST_PAIRS = 1000
_ENOUGH = 30
"""Pairs in a bin below which its factor is not corrected."""
_HOPELESS, _CROWD = -40.0, 8
"""Logarithm of a factor below any number drawn, and clusters nearer than a cell that make it: what
stands in such a crowd would stand so again, and stays."""
_FEW = 2
"""Clusters in the same cell that let a crowd be looked for."""
_DENSE = 0.1
"""Part of all clusters in such crowds from which on the small circle is looked at for all."""
_FEW_PAIRS = 100
"""Clusters of an event, on average over all, among which it pays to look at all pairs."""
_PLACES = 2000
"""Clusters of which all pairs are looked at at a time: what that needs stays in the cache."""
_MOST = 16
"""Clusters of one cell, the foremost, that others look at.  Like `_CROWD` it bounds the work where
thousands of particles come to one place; an event of collisions has neither."""


def pair_factors(x: Floats, y: Floats, event: Ints) -> list[float]:
    """Density of pairs of clusters by distance over its plateau, for each kind the same.

    A first guess: `corrected_factors` tells the kinds apart.

    Args:
        x, y: places in the plane of the cells [mm], shape ``(n,)``.
        event: event of each, shape ``(n,)``.

    Returns:
        `N_FACTORS` numbers from 0 to 1; none where there are too few pairs to tell.
    """
    _, _, distance = near_pairs(x, y, event, _PLATEAU)
    edges = np.array([*EDGES, _PLATEAU])
    density = np.histogram(distance, edges)[0] / np.diff(edges**2)
    if len(distance) < _LEAST_PAIRS:
        return []
    found: list[float] = np.minimum(density[:-1] / density[-1], 1.0).round(5).tolist()
    return KINDS * found


def corrected_factors(factors: Sequence[float], real: Ints, drawn: Ints) -> list[float]:
    """Factors that bring what is drawn with them nearer to the density of pairs that is learnt.

    Independent places are not spread evenly: what sources own several clusters and who absorbs whom
    favour some distances.  So the factors of `pair_factors` are a first guess.

    Args:
        factors: those that were drawn with, shape ``(N_FACTORS,)``.
        real: pairs of clusters of some events of each kind and bin, `counted_pairs`, same shape.
        drawn: the same of what was drawn for the same events, same shape.

    Returns:
        Numbers from 0 to 1; unchanged where there are too few pairs to tell.
    """
    enough = np.maximum(real, drawn) >= _ENOUGH
    ratio = np.where(enough, (real + 0.5) / (drawn + 0.5), 1.0)
    found: list[float] = np.clip(np.asarray(factors) * ratio, 0.0, 1.0).round(5).tolist()
    return found


def counted_pairs(x: Floats, y: Floats, event: Ints) -> Ints:
    """Pairs of clusters of each kind, in each bin of `EDGES`; arguments of shape ``(n,)``.

    Returns:
        Numbers, shape ``(N_FACTORS,)``.
    """
    a, b, distance = near_pairs(x, y, event, EDGES[-1])
    points = _Points.at(x, y, event)
    kind, region = points.kinds(a, b), region_of(x, y)[a]
    kind = np.where(kind == _MIXED, KINDS - 1, len(CELLS) * kind + region)
    n = len(EDGES) - 1
    bins = np.searchsorted(EDGES, distance, "right") - 1
    return np.bincount(kind * n + bins, minlength=N_FACTORS)


def crowded(
    factors: Sequence[float],
    event: Ints,
    place: Floats,
    values: Mapping[str, Floats],
    chance: Floats,
) -> Mask:
    """Clusters that are to be drawn again: of two too near, the one farther from its sources.

    Args:
        factors: density of the pairs of each kind and distance, shape ``(N_FACTORS,)``, or none.
        event: event of each cluster, shape ``(m,)``.
        place: x, y, unit of its sources, shape ``(m, 3)`` or more.
        values: ``dx``, ``dy``, its distance from them in units; shapes ``(m,)``.
        chance: a number in (0, 1) for each, shape ``(m,)``.
    """
    if not factors:
        return np.zeros(len(event), dtype=bool)
    x, y = (place[:, i] + values[f"d{a}"] * place[:, 2] for i, a in enumerate("xy"))
    points = _Points.at(x, y, event)
    far = values["dx"] * values["dx"] + values["dy"] * values["dy"]
    rank, region, logs = _ranked(far), region_of(x, y), _logs_of(factors)
    known, before = points.leading(rank, EDGES[1])
    others, summed = np.flatnonzero(known), before * logs[_TOUCH, 0][region]
    stays = (before > _CROWD) & (summed < _HOPELESS)
    # Beyond it all distances are alike.
    last = int(np.flatnonzero(logs.any(axis=(0, 2))).max(initial=0)) + 1
    again, everywhere = np.zeros(len(x), dtype=bool), np.ones(len(x), dtype=bool)
    crowd = before > _FEW
    if crowd.sum() > _DENSE * len(x):
        crowd = everywhere
    # Where several share a cell, a search in a small circle finds those that stay, and those that
    # are drawn again whatever else there is about them.
    for n, rows in ((1, crowd), (last, everywhere)):
        places = np.flatnonzero(rows & ~stays & ~again)
        counts, met = np.zeros((len(x), len(logs), n), np.int64), np.zeros(len(x), dtype=bool)
        for a, b, distance in _near(points, places, others, EDGES[n], rank):
            bins = np.searchsorted(EDGES, distance, "right") - 1
            slot = (a * len(logs) + points.kinds(a, b)) * n + bins
            low = int(slot.min(initial=counts.size))
            more = np.bincount(slot - low)  # the places of a part stand near each other
            counts.reshape(-1)[low : low + len(more)] += more
            met[a] = True
        summed[places] = 0.0
        places = places[met[places]]
        for kind, k in np.argwhere(logs[:, :n].any(axis=2)).tolist():
            summed[places] += counts[places, kind, k] * logs[kind, k][region[places]]
        stays |= (counts[:, _TOUCH, 0] > _CROWD) & (summed < _HOPELESS)
        sure = (counts[places, _TOUCH, 0] <= _CROWD) | (n == last)
        again[places] = (chance[places] > np.exp(summed[places])) & sure
    found: Mask = again & ~stays
    return found


def _logs_of(factors: Sequence[float]) -> Floats:
    """Logarithms of the factors by kind of the pair, distance and region of one of the two.

    Args:
        factors: shape ``(N_FACTORS,)``.

    Returns:
        Shape ``(3, len(EDGES) - 1, 3)``.
    """
    logs = np.log(np.clip(np.asarray(factors), 1e-6, 1.0)).reshape(KINDS, -1)
    n = len(CELLS)
    return np.stack([logs[:n].T, logs[n : 2 * n].T, np.repeat(logs[-1:], n, axis=0).T])


def touching(x: Floats, y: Floats, a: Ints, b: Ints) -> Mask:
    """Whether the cells of two clusters touch or are one, shape ``(k,)``.

    Args:
        x, y: places in the plane of the cells [mm], shapes ``(n,)``.
        a, b: rows of the two, shapes ``(k,)``; those of two regions touch nearer than
            `_ACROSS` of the larger cells.
    """
    points = _Points.at(x, y, np.zeros(len(x), np.int64))
    kind = points.kinds(a, b)
    distance = np.hypot(x[a] - x[b], y[a] - y[b]) / np.maximum(points.unit[a], points.unit[b])
    found: Mask = (kind == _TOUCH) | ((kind == _MIXED) & (distance < _ACROSS))
    return found


def _ranked(values: Floats) -> Ints:
    """Place of each in rising order, the first of equals first."""
    rank = np.empty(len(values), np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    return rank


def hardest_near(x: Floats, y: Floats, energy: Floats, event: Ints, reach: float) -> Ints:
    """The hardest cluster of the same event that is nearer than `reach`, for each that is softer.

    Args:
        x, y, energy, event: the clusters, shapes ``(n,)``.
        reach: distance in the larger of the two cells.

    Returns:
        Its row, the own one for those that are the hardest; of equals the first is the hardest.
    """
    points, rank = _Points.at(x, y, event), _ranked(-energy)
    known, _ = points.leading(rank, reach)
    best = rank.copy()
    for a, b, _ in _near(points, np.arange(len(x)), np.flatnonzero(known), reach, rank):
        np.minimum.at(best, a, rank[b])
    return np.argsort(rank)[best]


def leak_bins(distance: Floats, ratio: Floats, showers: Mask) -> Ints:
    """Which of `N_LEAKS` numbers holds for each pair, shape ``(k,)``.

    Args:
        distance: in the larger of the two cells, up to the last of `LEAK_EDGES`; shape ``(k,)``.
        ratio: energy of the cluster whose owner leaks over that of the other, shape ``(k,)``.
        showers: whether that owner is a shower, shape ``(k,)``.
    """
    group = np.searchsorted(LEAK_RATIOS, ratio, "right") + (len(LEAK_RATIOS) + 1) * showers
    by_distance = np.searchsorted(LEAK_EDGES, distance, "right") - 1
    return (len(LEAK_EDGES) - 1) * group + by_distance


def leaked_parts(
    clusters: tuple[Floats, Floats, Floats, Ints],
    owner: Ints,
    showers: Mask,
    given: Mapping[str, Floats],
) -> list[float]:
    """Mean part of the energy of a cluster's owner that its neighbour holds (`leak_bins`).

    Where energies are divided between two maxima, what a hard shower leaves in a soft neighbour is
    less of its own than what it gets from there; and a hadron leaks more than a photon.

    Args:
        clusters: x, y [mm], energy [MeV] and event of each, shapes ``(n,)``.
        owner: particle of the largest share of each, unique over all events; -1 for none.
        showers: whether that is a shower, shape ``(n,)``.
        given: links: ``cluster`` (row), ``particle`` (as `owner`) and ``energy`` of the cluster
            that the particle gave; shapes ``(m,)``.

    Returns:
        `N_LEAKS` numbers; none where there are too few pairs to tell.
    """
    x, y, energy, event = clusters
    a, b, distance = near_pairs(x, y, event, LEAK_EDGES[-1])
    known = (owner[a] >= 0) & (owner[b] >= 0) & (owner[a] != owner[b])
    a, b, distance = a[known], b[known], distance[known]
    if len(a) < _LEAST_PAIRS:
        return []
    base = int(owner.max()) + 1
    link = given["cluster"].astype(np.int64) * base + given["particle"].astype(np.int64)
    order = np.argsort(link, kind="stable")
    sorted_, energies = link[order], given["energy"][order]
    to, of = np.concatenate([a, b]), np.concatenate([b, a])
    distance = np.concatenate([distance, distance])
    wanted = to * base + owner[of]
    at = np.minimum(np.searchsorted(sorted_, wanted), len(sorted_) - 1)
    part = np.where(sorted_[at] == wanted, energies[at], 0.0) / np.maximum(energy[of], 1.0)
    part = np.clip(part, 0.0, 1.0)
    bins = leak_bins(distance, energy[of] / np.maximum(energy[to], 1.0), showers[of])
    usual = np.tile(mean_parts(distance, part), N_LEAKS // (len(LEAK_EDGES) - 1))
    total = np.bincount(bins, part, minlength=N_LEAKS) + _USUAL * usual
    found: list[float] = (total / (np.bincount(bins, minlength=N_LEAKS) + _USUAL)).round(5).tolist()
    return found


def nearest_cluster(
    x: Floats, y: Floats, event: Ints, places: tuple[Floats, Floats, Ints]
) -> tuple[Ints, Floats]:
    """The cluster of the same event that is nearest to each of some places.

    Args:
        x, y: the clusters, in the plane of the cells [mm], shape ``(n,)``.
        event: event of each, shape ``(n,)``.
        places: x, y and event of the places, shapes ``(k,)``.

    Returns:
        Row of the cluster, -1 for none within the last of `LEAK_EDGES`, and the distance in the
        larger of the two cells; shapes ``(k,)``.
    """
    px, py, of = places
    row, distance = np.full(len(px), -1), np.full(len(px), np.inf)
    if not len(x) or not len(px):
        return row, distance
    reach = LEAK_EDGES[-1] * CELLS[0]
    cells = np.asarray(CELLS)
    unit, own = cells[region_of(x, y)], cells[region_of(px, py)]
    for wide, found in Grid(x, y, event, reach).near(px, py, of, np.full(len(px), reach)):
        dx, dy = px[wide] - x[found], py[wide] - y[found]
        d = np.sqrt(dx * dx + dy * dy)
        able = np.flatnonzero(d < reach)
        place, point, d = wide[able], found[able], d[able]
        first = np.flatnonzero(np.diff(place, prepend=-1))  # pairs of a place stand together
        if not len(first):
            continue
        least = np.minimum.reduceat(d, first)
        # Of equally near ones the first.
        point[d > np.repeat(least, np.diff(first, append=len(d)))] = len(x)
        row[place[first]] = np.minimum.reduceat(point, first)
        distance[place[first]] = least
    some = np.flatnonzero(row >= 0)
    distance[some] /= np.maximum(unit[row[some]], own[some])
    row[distance >= LEAK_EDGES[-1]] = -1
    return row, distance


def mean_parts(distance: Floats, part: Floats) -> list[float]:
    """Mean of the parts for each bin of `LEAK_EDGES`; none where there are too few to tell.

    Args:
        distance: shape ``(n,)``; those beyond the last edge do not count.
        part: part of the energy of a particle, shape ``(n,)``.
    """
    bins = np.searchsorted(LEAK_EDGES, distance, "right") - 1
    inside = bins < len(LEAK_EDGES) - 1
    if inside.sum() < _LEAST_PAIRS:
        return []
    n = len(LEAK_EDGES) - 1
    total = np.bincount(bins[inside], np.clip(part[inside], 0.0, 1.0), minlength=n)
    counts = np.bincount(bins[inside], minlength=n)
    found: list[float] = (total / np.maximum(counts, 1)).round(5).tolist()
    return found


def near_pairs(x: Floats, y: Floats, event: Ints, reach: float) -> tuple[Ints, Ints, Floats]:
    """Pairs of clusters of one event that are near each other.

    Args:
        x, y: places in the plane of the cells [mm], shape ``(n,)``.
        event: event of each, shape ``(n,)``.
        reach: largest distance, in the larger of the two cells.

    Returns:
        Both clusters of each pair, the first below the second, and their distance in the larger
        cell; in order of the first.
    """
    points, everything = _Points.at(x, y, event), np.arange(len(x))
    pairs = [np.zeros(0, np.int64)]
    for b, a, _ in _near(points, everything, everything, reach, everything):
        pairs.append(a * len(x) + b)
    # In one order whatever else is there, so that sums are the same bit for bit.
    a, b = np.divmod(np.sort(np.concatenate(pairs)), max(len(x), 1))
    unit = np.maximum(points.unit[a], points.unit[b])
    return a, b, np.hypot(x[a] - x[b], y[a] - y[b]) / unit


class _Points(NamedTuple):
    """Clusters; shapes ``(n,)``.

    Attributes:
        x, y: places [mm].
        unit: size of the cells there [mm].
        event: event of each.
        column, row: of the cell.
    """

    x: Floats
    y: Floats
    unit: Floats
    event: Ints
    column: Floats
    row: Floats

    @classmethod
    def at(cls, x: Floats, y: Floats, event: Ints) -> _Points:
        unit = np.asarray(CELLS)[region_of(x, y)]
        return cls(x, y, unit, event, np.floor(x / unit), np.floor(y / unit))

    def kinds(self, a: Ints, b: Ints) -> Ints:
        """Kind of each pair, shape ``(k,)``; the rows have that shape as well."""
        touch = np.abs(self.column[a] - self.column[b]) <= 1.0
        touch &= np.abs(self.row[a] - self.row[b]) <= 1.0
        same = self.unit[a] == self.unit[b]
        return np.where(same, np.where(touch, _TOUCH, _APART), _MIXED)

    def places(self, rows: Ints) -> tuple[Floats, Floats, Ints]:
        return self.x[rows], self.y[rows], self.event[rows]

    def leading(self, rank: Ints, reach: float) -> tuple[Mask, Ints]:
        """`grid.leading` in squares so small that all in one are nearer than `reach` cells."""
        side = 0.7 * reach * self.unit
        cell = (np.floor(c / side).astype(np.int64) for c in (self.x, self.y))
        return leading((*cell, np.rint(self.unit).astype(np.int64), self.event), rank, _MOST)


def _of_event(points: _Points, places: Ints, others: Ints) -> tuple[Ints, Ints]:
    """First and number of the `others` in the event of each place, shapes ``(k,)``."""
    event, theirs = points.event[places], points.event[others]
    first = np.searchsorted(theirs, event)
    return first, np.searchsorted(theirs, event, "right") - first


def _near(
    points: _Points, places: Ints, others: Ints, reach: float, rank: Ints
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Pairs of clusters nearer than `reach`: of `places`, and of `others` that rank before it.

    Events come in rising order.  Where they have few clusters all pairs are looked at.  Else the
    search is as wide as the larger of the two cells demands, and no wider.
    """
    if len(places) == 0 or len(others) == 0:
        return
    first, count = _of_event(points, places, others)
    if count.sum() <= _FEW_PAIRS * len(places):
        widest, x, xs = reach * CELLS[0] * (1.0 + 1e-9), points.x[places], points.x[others]
        for start in range(0, len(places), _PLACES):
            part = slice(start, start + _PLACES)
            n = count[part]
            which = np.repeat(np.arange(start, start + len(n)), n)
            other = np.arange(len(which)) + np.repeat(first[part] - (np.cumsum(n) - n), n)
            # Few pairs are near even in x: the others go before anything is taken of them.
            able = np.flatnonzero(np.abs(x[which] - xs[other]) < widest)
            at, of = places[which[able]], others[other[able]]
            able = np.flatnonzero(rank[of] < rank[at])
            at, of = at[able], of[able]
            distance = np.hypot(points.x[at] - points.x[of], points.y[at] - points.y[of])
            distance /= np.maximum(points.unit[at], points.unit[of])
            inside = np.flatnonzero(distance < reach)
            yield at[inside], of[inside], distance[inside]
        return
    x, y = np.abs(points.x), np.abs(points.y)
    for size, (a, b) in zip(CELLS, (*BORDERS[1:], (0.0, 0.0)), strict=True):
        side = reach * size * (1.0 + 1e-9)
        outer = points.unit == size
        # Of smaller cells those count that have such a cell within reach.
        inner = (points.unit < size) & ((x > a - side) | (y > b - side))
        for mine, theirs in ((outer, inner | outer), (inner, outer)):
            at, of = places[mine[places]], others[theirs[others]]
            if not len(at) or not len(of):
                continue
            here, there = points.places(at), points.places(of)
            mine_rank, their_rank = rank[at], rank[of]
            for wide, found in Grid(*there, side).near(*here, np.full(len(at), side)):
                # Most pairs are too far from each other or the wrong way round: they go first.
                able = np.flatnonzero(their_rank[found] < mine_rank[wide])
                place, point = wide[able], found[able]
                dx, dy = (a[place] - b[point] for a, b in zip(here[:2], there[:2], strict=True))
                able = np.flatnonzero(dx * dx + dy * dy < side * side)
                distance = np.hypot(dx[able], dy[able]) / size
                near = distance < reach
                able = able[near]
                yield at[place[able]], of[point[able]], distance[near]
