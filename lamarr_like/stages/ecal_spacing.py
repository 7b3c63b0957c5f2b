"""Clusters keep their distance: there are no two local maxima in neighbouring cells.

Places are drawn cluster by cluster, so that some fall onto others by chance.  They are drawn again
until the density of pairs falls towards small distances as it does in the sample that was learnt
from: rejection sampling of the law of independent places times a factor for each pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .ecal_sources import CELLS, region_of
from .stage import Floats, Mask

Ints = NDArray[np.int64]

EDGES = (0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5)
"""Distances, in the larger of the two cells, between which the factor is constant; 1 beyond."""
LEAK_EDGES = (0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0)
"""Distances, in the larger of the two cells, between which the leakage of a shower into its
neighbour is constant; none beyond."""
_PLATEAU = 4.0
"""Up to this distance beyond the last edge pairs are as dense as they would be without the rule."""
_LEAST_PAIRS = 1000


def pair_factors(x: Floats, y: Floats, event: Ints) -> list[float]:
    """Density of pairs of clusters by distance over its plateau, one for each bin of `EDGES`.

    Args:
        x, y: places in the plane of the cells [mm], shape ``(n,)``.
        event: event of each, shape ``(n,)``.

    Returns:
        Numbers from 0 to 1; none where there are too few pairs to tell.
    """
    _, _, distance = near_pairs(x, y, event, _PLATEAU)
    edges = np.array([*EDGES, _PLATEAU])
    density = np.histogram(distance, edges)[0] / np.diff(edges**2)
    if len(distance) < _LEAST_PAIRS:
        return []
    found: list[float] = np.minimum(density[:-1] / density[-1], 1.0).round(5).tolist()
    return found


def crowded(
    factors: Sequence[float],
    event: Ints,
    place: Floats,
    values: Mapping[str, Floats],
    chance: Floats,
) -> Mask:
    """Clusters that are to be drawn again: of two too near, the one farther from its sources.

    Args:
        factors: `pair_factors`.
        event: event of each cluster, shape ``(m,)``.
        place: x, y, unit of its sources, shape ``(m, 3)`` or more.
        values: ``dx``, ``dy``, its distance from them in units; shapes ``(m,)``.
        chance: a number in (0, 1) for each, shape ``(m,)``.
    """
    if not factors:
        return np.zeros(len(event), dtype=bool)
    dx, dy = values["dx"], values["dy"]
    a, b, distance = near_pairs(
        place[:, 0] + dx * place[:, 2], place[:, 1] + dy * place[:, 2], event, EDGES[-1]
    )
    logs = np.log(np.maximum(np.asarray(factors), 1e-6))
    mine = logs[np.searchsorted(EDGES, distance, "right") - 1]
    far = dx * dx + dy * dy
    summed = np.zeros(len(event))
    np.add.at(summed, np.where(far[a] > far[b], a, b), mine)
    again: Mask = chance > np.exp(summed)
    return again


def leaked_parts(
    x: Floats, y: Floats, energy: Floats, event: Ints, owner: Ints, given: Mapping[str, Floats]
) -> list[float]:
    """Mean part of the energy of a cluster's owner that its neighbour holds, by their distance.

    Args:
        x, y, energy, event: the clusters, shapes ``(n,)``.
        owner: particle of the largest share of each, unique over all events; -1 for none.
        given: links: ``cluster`` (row), ``particle`` (as `owner`) and ``energy`` of the cluster
            that the particle gave; shapes ``(m,)``.

    Returns:
        One number for each bin of `LEAK_EDGES`; none where there are too few pairs to tell.
    """
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
    wanted = to * base + owner[of]
    at = np.minimum(np.searchsorted(sorted_, wanted), len(sorted_) - 1)
    part = np.where(sorted_[at] == wanted, energies[at], 0.0) / np.maximum(energy[of], 1.0)
    return mean_parts(np.concatenate([distance, distance]), part)


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
    if len(x) and len(px):
        tree = cKDTree(np.stack([x, y, 1e5 * event], axis=1))
        reach = LEAK_EDGES[-1] * CELLS[0]
        found, at = tree.query(np.stack([px, py, 1e5 * of], axis=1), distance_upper_bound=reach)
        some = np.flatnonzero(np.isfinite(found))
        cells, at = np.asarray(CELLS), at[some]
        unit = np.maximum(cells[region_of(x, y)][at], cells[region_of(px, py)][some])
        distance[some] = found[some] / unit
        row[some] = np.where(distance[some] < LEAK_EDGES[-1], at, -1)
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
    if len(x) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    # Events side by side, too far from each other to meet.
    tree = cKDTree(np.stack([x, y, 1e5 * event], axis=1))
    pairs = tree.query_pairs(reach * CELLS[0], output_type="ndarray")
    # In one order whatever else is in the tree, so that sums are the same bit for bit.
    a, b = np.sort(pairs, axis=1).T
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    unit = np.asarray(CELLS)[region_of(x, y)]
    distance = np.hypot(x[a] - x[b], y[a] - y[b]) / np.maximum(unit[a], unit[b])
    near = distance < reach
    return a[near], b[near], distance[near]
