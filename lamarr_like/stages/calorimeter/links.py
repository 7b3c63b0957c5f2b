"""Links of clusters to the particles that gave their energy, from what a translator draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...arrays import Columns, Floats, Ints, Mask
from ...engine.translator.sequences import Sources
from ...engine.translator.translation import Drawn
from ...events import Table
from .sources import MIP
from .spacing import LEAK_EDGES, leak_bins, near_pairs, nearest_cluster

_LEAST_SHARE = 1e-6
"""What gave no more of a cluster's energy has no link to it."""
_LEAST_NEIGHBOUR = 0.01
"""Least share of a neighbour: the reference detector keeps no links below."""
_MOST_LEAK = 8.0
"""Showers leak more than the mean of their distance, but not more than by about this factor."""


def sums(index: Ints, values: Floats, size: int) -> Floats:
    """Sum of the values of each index, shape ``(size,)``; both arguments of shape ``(n,)``."""
    return np.bincount(index, values, minlength=size).astype(np.float64)


class Links(NamedTuple):
    """Which particle gave how much to which cluster; arrays of shape ``(n,)``.

    Attributes:
        cluster: row in the table of clusters.
        particle: number of the source in its event (`sources.numbered`).
        weight: share of the cluster's energy.
    """

    cluster: Ints
    particle: Ints
    weight: Floats


class Placed(NamedTuple):
    """Clusters in the order of their table: places [mm], energy [MeV], event; shapes ``(n,)``."""

    x: Floats
    y: Floats
    energy: Floats
    event: Ints


def own_links(sources: Sources, drawn: Drawn, number: Ints, rank: Ints, part: Floats) -> Links:
    """Owners and absorbed sources of the clusters.

    Args:
        sources, drawn, number: see `tables.cluster_tables`.
        rank: row in the table of what each drawn cluster became, shape ``(m,)``.
        part: part of the energy of that which it makes, shape ``(m,)``.
    """
    clusters, m = drawn.clusters, len(rank)
    share = np.clip(drawn.values["owner_share"], 0.0, 1.0)
    member = np.flatnonzero(clusters.of_source >= 0)
    into = clusters.of_source[member]
    energy = sources.energy[member]
    total = np.bincount(into, energy, minlength=m)
    rest = (1.0 - share[into]) * energy / total[into]
    mine = np.flatnonzero(~sources.zone[clusters.owner])
    cluster = np.concatenate([rank[mine], rank[into]])
    particle = np.concatenate([number[clusters.owner[mine]], number[member]])
    weight = np.concatenate([share[mine] * part[mine], rest * part[into]])
    given = weight > _LEAST_SHARE
    # What was joined may have links to the same particle.
    return _summed(Links(cluster[given], particle[given], weight[given]))


def _summed(links: Links) -> Links:
    """One link for each cluster and particle, in their order."""
    order = np.lexsort((links.particle, links.cluster))
    cluster, particle = links.cluster[order], links.particle[order]
    weight = links.weight[order]
    new = np.ones(len(cluster), dtype=bool)
    new[1:] = (np.diff(cluster) != 0) | (np.diff(particle) != 0)
    return Links(cluster[new], particle[new], sums(np.cumsum(new) - 1, weight, int(new.sum())))


def stray_links(
    sources: Sources, drawn: Drawn, number: Ints, placed: Placed, stray: Sequence[float]
) -> Links:
    """Showers that have no cluster, each in the nearest one.

    Args:
        sources, drawn, number: see `tables.cluster_tables`.
        placed: the clusters, shapes ``(n,)``.
        stray: see `tables.Rules`.
    """
    lost = np.zeros(0, np.int64)
    if len(stray):
        lost = lost_showers(sources, drawn.clusters.outcome == 0)
    of = np.searchsorted(sources.offsets, lost, "right") - 1
    where = (sources.x[lost], sources.y[lost], of)
    at, distance = nearest_cluster(placed.x, placed.y, placed.event, where)
    lost, at, distance = lost[at >= 0], at[at >= 0], distance[at >= 0]
    if not len(lost):
        return Links(at, lost, distance)
    part = np.asarray(stray)[np.searchsorted(LEAK_EDGES, distance, "right") - 1]
    return Links(at, number[lost], part * sources.energy[lost] / placed.energy[at])


def lost_showers(sources: Sources, lost: Mask) -> Ints:
    """Sources that shower, of those that are lost.

    Args:
        sources: the sources.
        lost: which of them are, shape ``(n_sources,)``.

    Returns:
        Their rows, shape ``(k,)``.
    """
    rows: Ints = np.flatnonzero(lost & showering(sources))
    return rows


def showering(sources: Sources) -> Mask:
    """Which of the sources shower, shape ``(n_sources,)``."""
    # What does not shower stands for `MIP` at the most.
    mask: Mask = ~sources.zone & (sources.energy > MIP)
    return mask


class ByNumber:
    """Finds sources by their numbers in their events.

    Args:
        sources: the sources.
        number: `sources.numbered`, shape ``(n_sources,)``.
    """

    def __init__(self, sources: Sources, number: Ints) -> None:
        self.sources = sources
        known = np.flatnonzero(number >= 0)
        self._base = int(number.max(initial=0)) + 1
        event = np.searchsorted(sources.offsets, known, "right") - 1
        keys = event * self._base + number[known]
        order = np.argsort(keys, kind="stable")
        self._keys, self._rows = keys[order], known[order]

    def rows(self, event: Ints, particle: Ints) -> Ints:
        """Row of each particle of an event among the sources, -1 for none; shapes ``(k,)``."""
        found = np.full(len(event), -1)
        able = np.flatnonzero((particle >= 0) & (particle < self._base))
        if len(self._keys):
            key = event[able] * self._base + particle[able]
            at = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
            found[able] = np.where(self._keys[at] == key, self._rows[at], -1)
        return found

    def showers(self, event: Ints, particle: Ints) -> Mask:
        """Whether each particle of an event is a source that showers; shapes ``(k,)``."""
        rows = self.rows(event, particle)
        mask: Mask = (rows >= 0) & showering(self.sources)[np.maximum(rows, 0)]
        return mask

    def led(self, cluster: Table) -> Ints:
        """Clusters of which each source gave the largest share, shape ``(n_sources,)``."""
        rows = self.rows(cluster.event_index, cluster["mcparticle_id"].astype(np.int64))
        return np.bincount(rows[rows >= 0], minlength=len(self.sources.x))


def with_neighbours(
    links: Links, placed: Placed, leak: Sequence[float], strays: Links, of: ByNumber
) -> Links:
    """Links to the owners of neighbouring clusters as well, whose showers reach into the cluster.

    What the owner did not give is divided among the absorbed, the neighbours and showers without a
    cluster nearby by the energy that is expected of them, as far as that is not more than
    `_MOST_LEAK` times as much.

    Args:
        links: what is known, in order of the cluster.
        placed: the clusters.
        leak: `spacing.leaked_parts`.
        strays: `stray_links`.
        of: finds the sources.
    """
    n = len(placed.x)
    largest = largest_shares(links, n)
    owner = largest["mcparticle_id"]
    more = _leaking(placed, owner, leak, of.showers(placed.event, owner))
    known = owner[strays.cluster] >= 0
    more = Links._make(np.concatenate([a, b[known]]) for a, b in zip(more, strays, strict=True))
    rest = np.maximum(1.0 - largest["mc_share"], 0.0)
    absorbed = links.particle != owner[links.cluster]
    expected = sums(more.cluster, more.weight, n)
    expected = expected + sums(links.cluster[absorbed], links.weight[absorbed], n)
    factor = np.minimum(rest / np.maximum(expected, _LEAST_SHARE), _MOST_LEAK)
    shrunk = links.weight * np.minimum(factor[links.cluster], 1.0)
    weight = np.where(absorbed, shrunk, links.weight)
    share = more.weight * factor[more.cluster]
    kept = share > _LEAST_NEIGHBOUR
    return _summed(
        Links(
            cluster=np.concatenate([links.cluster, more.cluster[kept]]),
            particle=np.concatenate([links.particle, more.particle[kept]]),
            weight=np.concatenate([weight, share[kept]]),
        )
    )


def _leaking(placed: Placed, owner: Ints, leak: Sequence[float], showers: Mask) -> Links:
    """What owners of neighbouring clusters are expected to give, in both directions of each pair.

    Args:
        placed: the clusters.
        owner: particle of the largest share of each, -1 for none, shape ``(n,)``.
        leak: `spacing.leaked_parts`.
        showers: whether that is a shower, shape ``(n,)``.
    """
    a, b, distance = near_pairs(placed.x, placed.y, placed.event, LEAK_EDGES[-1])
    to, of = np.concatenate([a, b]), np.concatenate([b, a])
    ratio = placed.energy[of] / placed.energy[to]
    bins = leak_bins(np.concatenate([distance, distance]), ratio, showers[of])
    share = np.asarray(leak)[bins] * ratio
    able = (owner[to] >= 0) & (owner[of] >= 0) & (owner[to] != owner[of])
    return Links(to[able], owner[of[able]], share[able])


def largest_shares(links: Links, n: int) -> Columns:
    """Particle of the largest share of each of `n` clusters and that share; -1 and 0 for none.

    Returns:
        ``mcparticle_id`` and ``mc_share``, shapes ``(n,)``.
    """
    best = np.lexsort((-links.particle, links.weight, links.cluster))  # the largest comes last
    particle, share = np.full(n, -1), np.zeros(n)
    particle[links.cluster[best]] = links.particle[best]
    share[links.cluster[best]] = links.weight[best]
    return {"mcparticle_id": particle, "mc_share": share}
