"""What the ECAL stage learns from a detailed sample: outcomes of sources, and their clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize
from scipy.spatial import cKDTree

from ...arrays import Columns, Floats, Ints, Mask
from ...engine.translator.cluster_layout import MOST_CLUSTERS
from ...engine.translator.sequences import Sources
from ...errors import SchemaError
from ...events import EventBatch, Table
from ..geometry import CELL_Z, CELLS, ECAL_Z
from .links import ByNumber, lost_showers
from .near_tracks import (
    NEAR_TRACK,
    NEEDED,
    TRACKED,
    Slopes,
    log_chi2,
    log_odds,
    tracked_sources,
    without_track,
)
from .numbers import NUMBERS, Hits, arrived
from .placing import sine_at
from .sources import (
    SOURCE_KINDS,
    ZONES,
    make_sources,
    numbered,
    region_of,
    source_kinds,
    source_rows,
)
from .spacing import leaked_parts, mean_parts, near_pairs, nearest_cluster, pair_factors
from .tables import OUTPUTS, PLAIN, REACH, RESOLUTION, Rules

OWNED_SHARE = 0.15
"""Least share of a cluster's energy for a source to own it."""
ABSORBED_PART = 0.2
"""Part of its energy that a source without a cluster must have put into another's."""
IMPURE_SHARE = 0.1
"""Share of a cluster's energy above which what came from far away spoils it for learning."""
MOST = MOST_CLUSTERS
"""Clusters of a source; the softest beyond are left out."""
_LEAST_MERGED, _BELOW = 100, 2.0
"""Clusters with a mass of halves that tell its threshold, and how far below it one is imagined."""
_LEAST_HITS = 10.0
"""Hits of which the variance is taken at the least, where there are fewer."""
_PRIOR = 5.0
"""Hits by which numbers of a kind differ, before anything is known."""
_ROUNDS = 3
"""Fits, of which the weights come from the one before."""
_LEAST_TOLD = 1000
"""Clusters that tell slopes."""
NEAREST_SHARE = 5e-4
"""Share of the clusters that have another nearer than the least distance."""


class Outcomes(NamedTuple):
    """Labels of sources, and the clusters that they own.

    Attributes:
        own: number of clusters of each source, shape ``(n,)``.
        pointer: source that absorbed it, -1 for none.
        cluster: rows of the cluster table in order of owner and number, shape ``(m,)``.
        share: share of its owner in each, 0 for those of background zones.
        left_out: share of the clusters that no source owns.
        alone: whether each source is without showers that fell onto a cluster of another far away,
            as a leg of a converted photon does, and its own clusters without such of others; such
            meetings are no law of a source but chance, and made when clusters are placed
            (`tables.Rules.far`).  Shape ``(n,)``.
        pure: the same of each cluster, shape ``(m,)``.
    """

    own: Ints
    pointer: Ints
    cluster: Ints
    share: Floats
    left_out: float
    alone: Mask
    pure: Mask


def outcomes(batch: EventBatch, rows: Mask, *, zones: bool) -> Outcomes:
    """Outcomes of the sources of a detailed sample.

    A cluster belongs to its source of the largest share, if that is `OWNED_SHARE` or more, else to
    the background zone that it lies in.  A source without a cluster is absorbed by the owner of the
    cluster that it gave most energy to, if that is `ABSORBED_PART` of its own.  Last, a cluster is
    handed over to the most energetic of its owner and what was absorbed in it.

    Args:
        batch: detailed sample.
        rows: `sources.source_rows`, shape ``(n_particles,)``.
        zones: whether there are background zones.
    """
    sources = make_sources(batch, rows, ("x",), zones)
    n, cluster = len(sources.x), batch["cluster"]
    link = _Links(batch, rows, numbered(batch, rows, zones), sources)
    owner = np.full(len(cluster), -1)
    order = np.lexsort((-link.source, link.weight))
    order = order[link.weight[order] >= OWNED_SHARE]
    owner[link.cluster[order]] = link.source[order]  # the last, of the largest weight, stays
    if zones:
        x, y = (cluster[a].astype(np.float64) * (CELL_Z / ECAL_Z) for a in "xy")
        first = sources.offsets[cluster.event_index + 1] - ZONES
        owner = np.where(owner < 0, first + region_of(x, y), owner)
    kept, own = _numbered_clusters(owner, cluster["energy"], n)
    pointer = _pointers(link, owner, own, sources)
    taken = _handed_over(own, pointer, sources)
    owner = np.where(owner >= 0, taken[owner], -1)
    kept, own = _numbered_clusters(owner, cluster["energy"], n)
    pointer = _repointed(own, pointer, taken, sources)
    share = link.share_of(owner)[kept]
    alone, pure = _met(link, owner, sources)
    left_out = 1.0 - len(kept) / max(len(cluster), 1)
    return Outcomes(own, pointer, kept, share, left_out, alone, pure[kept])


def _met(link: _Links, owner: Ints, sources: Sources) -> tuple[Mask, Mask]:
    """See `Outcomes.alone` and `Outcomes.pure`, the latter of all clusters."""
    into = owner[link.cluster]
    far = (into >= 0) & (into != link.source)
    far &= ~sources.zone[np.maximum(into, 0)]
    # A hadron that showers leaves more than `MIP`, a little of it in many clusters.
    left = np.bincount(link.source, link.energy, minlength=len(sources.x))
    far &= link.energy > ABSORBED_PART * np.maximum(sources.energy, left)[link.source]
    far &= _distance(sources, link.source, np.maximum(into, 0)) >= REACH
    alone, pure = np.ones(len(sources.x), dtype=bool), np.ones(len(owner), dtype=bool)
    alone[link.source[far]] = False
    pure[link.cluster[far & (link.weight > IMPURE_SHARE)]] = False
    return alone, pure


def _handed_over(own: Ints, pointer: Ints, sources: Sources) -> Ints:
    """Who owns the cluster of each source: itself, or the most energetic of what it absorbed.

    Which of two merged photons gave more to their cluster is chance; which has more energy is not.
    With the cluster always the latter's, whether the other is seen beside it is the only thing that
    is left to draw.
    """
    taken = np.arange(len(own))
    member = np.flatnonzero(pointer >= 0)
    member = member[own[pointer[member]] == 1]
    # The last of equal targets stays: the most energetic, of equals the first.
    member = member[np.lexsort((-member, sources.energy[member]))]
    into = pointer[member]
    better = sources.energy[member] > sources.energy[into]
    taken[into[better]] = member[better]
    return taken


def _repointed(own: Ints, pointer: Ints, taken: Ints, sources: Sources) -> Ints:
    """Pointers after clusters were handed over, as far as the new owner is near."""
    n = np.arange(len(own))
    pointer = np.where(taken != n, n, pointer)
    target = np.where(pointer >= 0, taken[pointer], 0)
    near = _distance(sources, n, target) < REACH
    return np.where((pointer >= 0) & (own == 0) & (own[target] > 0) & near, target, -1)


def _distance(sources: Sources, a: Ints, b: Ints) -> Floats:
    """Distance of sources, in the larger of the two cells."""
    unit = np.maximum(sources.unit[a], sources.unit[b])
    return np.hypot(sources.x[a] - sources.x[b], sources.y[a] - sources.y[b]) / unit


class _Links:
    """Links of clusters to sources: rows of the cluster table, sources, shares, energies."""

    def __init__(self, batch: EventBatch, rows: Mask, number: Ints, sources: Sources) -> None:
        link, particle = batch["cluster_link"], batch.particle
        event = link.event_index
        mc = link["mcparticle_id"].astype(np.int64)
        bad = (mc >= particle.counts[event]) | (
            link["cluster_id"] >= batch["cluster"].counts[event]
        )
        if bad.any():
            raise SchemaError(
                f"cluster_link of event {batch.event['event_id'][event[np.argmax(bad)]]} names a "
                "cluster or a particle that is not there"
            )
        place = np.full(len(particle), -1)
        place[rows] = np.flatnonzero(number >= 0)
        source = np.where(mc >= 0, place[particle.offsets[event] + np.maximum(mc, 0)], -1)
        known = source >= 0
        self.source = source[known]
        self.cluster = (batch["cluster"].offsets[event] + link["cluster_id"])[known]
        self.weight = link["weight"][known].astype(np.float64)
        self.energy = self.weight * batch["cluster"]["energy"][self.cluster]

    def share_of(self, owner: Ints) -> Floats:
        """Share of each cluster's energy that its owner gave, 0 for none."""
        share = np.zeros(len(owner))
        mine = owner[self.cluster] == self.source
        np.add.at(share, self.cluster[mine], self.weight[mine])
        return share


def _numbered_clusters(owner: Ints, energy: np.ndarray, n: int) -> tuple[Ints, Ints]:
    """Owned clusters by owner and falling energy, `MOST` each; how many each source owns."""
    order = np.lexsort((-energy.astype(np.float64), owner))
    order = order[owner[order] >= 0]
    first = np.searchsorted(owner[order], owner[order])
    order = order[np.arange(len(order)) - first < MOST]
    return order, np.bincount(owner[order], minlength=n)


def _pointers(link: _Links, owner: Ints, own: Ints, sources: Sources) -> Ints:
    pointer = np.full(len(own), -1)
    into = owner[link.cluster]
    able = (into >= 0) & (own[link.source] == 0)
    able &= (own[np.maximum(into, 0)] > 0) & ~sources.zone[np.maximum(into, 0)]
    able &= link.energy > ABSORBED_PART * sources.energy[link.source]
    able &= _distance(sources, link.source, into) < REACH
    order = np.flatnonzero(able)
    order = order[np.lexsort((-link.cluster[order], link.energy[order]))]
    pointer[link.source[order]] = into[order]
    return pointer


def cluster_values(batch: EventBatch, found: Outcomes, place: Floats) -> Columns:
    """What the head learns of some clusters.

    Args:
        batch: detailed sample.
        found: outcomes of the sources.
        place: x, y, unit, log energy of the sources of each cluster, shape ``(m, 4)``.
    """
    cluster, chosen = batch["cluster"], found.cluster
    x, y = (cluster[a][chosen].astype(np.float64) * (CELL_Z / ECAL_Z) for a in "xy")
    energy = np.maximum(cluster["energy"][chosen].astype(np.float64), 1.0)
    out = {name: cluster[name][chosen].astype(np.float64) for name in PLAIN}
    dx, dy = (x - place[:, 0]) / place[:, 2], (y - place[:, 1]) / place[:, 2]
    far = np.hypot(dx, dy) > REACH
    out["is_far"] = far.astype(np.float64)
    of_far = {
        "x_far": x / 1e3,
        "y_far": y / 1e3,
        "log_et_far": np.log(np.maximum(energy * sine_at(x, y), 1.0)),
    }
    of_near = {"log_energy": np.log(energy) - place[:, 3], "dx": dx, "dy": dy}
    out |= {name: np.where(far, values, 0.0) for name, values in of_far.items()}
    out |= {name: np.where(far, 0.0, values) for name, values in of_near.items()}
    out["owner_share"] = found.share
    if (least := merged_threshold(cluster)) > 0.0:
        out["merged_mass"] = _as_if_tried(batch, found, place, least)
    given, distance = near_track(batch)
    out |= without_track(out, given, distance[chosen])
    return {name: out[name] for name in OUTPUTS}


def slopes(cluster: Table, distance: Floats) -> Slopes:
    """Slope of the log-odds of each of `NEAR_TRACK` in `log_chi2`, of clusters without a track.

    Least squares beside energy, preshower, width and region; empty where there are too few.

    Args:
        cluster: the cluster table, of ``m`` rows.
        distance: `log_chi2` of each, shape ``(m,)``.
    """
    free = ~cluster["is_matched"].astype(bool)
    if free.sum() < _LEAST_TOLD or np.ptp(distance[free]) <= 0.0:
        return {}
    prs, region = cluster["prs_energy"][free].astype(np.float64), cluster["region"][free]
    table = [distance[free], np.log(np.maximum(cluster["energy"][free], 1.0)), np.log1p(prs)]
    table += [prs > 0.0, np.log1p(cluster["spread"][free])]
    table += [region == k for k in range(len(CELLS))]
    terms = np.stack(table, axis=1).astype(np.float64)
    wanted = np.stack([log_odds(cluster[name][free]) for name in NEAR_TRACK], axis=1)
    found = np.linalg.lstsq(terms, wanted, rcond=None)[0][0]
    return {name: round(float(b), 5) for name, b in zip(NEAR_TRACK, found, strict=True)}


def near_track(batch: EventBatch) -> tuple[Slopes, Floats]:
    """`slopes` of a sample, and `near_tracks.log_chi2` of its clusters, shape ``(m,)``."""
    cluster = batch["cluster"]
    if not set(cluster.columns) >= NEEDED:
        return {}, np.zeros(len(cluster))
    sources = make_sources(batch, source_rows(batch), TRACKED, False)
    x, y = (cluster[a].astype(np.float64) * (CELL_Z / ECAL_Z) for a in "xy")
    distance = log_chi2(
        sources,
        tracked_sources(sources, TRACKED),
        (x, y, cluster.event_index),
        cluster["sigma_x"].astype(np.float64),
        cluster["is_matched"].astype(bool),
    )
    return slopes(cluster, distance), distance


def merged_threshold(cluster: Table) -> float:
    """`tables.Rules.merged_et` of a sample, 0 where there is no such threshold.

    That is where too few clusters have a mass to tell, or matched ones have one as well.
    """
    merged = cluster["merged_mass"] > 0.0
    known = "et" in cluster and not merged[cluster["is_matched"].astype(bool)].any()
    if not known or merged.sum() < _LEAST_MERGED:
        return 0.0
    return float(np.min(cluster["et"][merged])) * (1.0 - 1e-6)  # it is rounded to 24 bits


def _as_if_tried(batch: EventBatch, found: Outcomes, place: Floats, least: float) -> Floats:
    """Masses of halves that clusters little below the threshold would have had; shape ``(m,)``.

    The head draws whether there is a mass before the energy, which would smear the threshold.  So
    it learns as if there were none, and it is imposed on what is drawn.  Clusters up to a factor of
    `_BELOW` under it get the mass over the energy of the cluster most like them above it.
    """
    cluster, chosen = batch["cluster"], found.cluster
    mass = cluster["merged_mass"][chosen].astype(np.float64)
    et, energy = (cluster[c][chosen].astype(np.float64) for c in ("et", "energy"))
    free = ~cluster["is_matched"][chosen].astype(bool)
    above = np.flatnonzero(free & (et > least))
    below = np.flatnonzero(free & (et <= least) & (et > least / _BELOW))
    if len(above) and len(below):
        like = np.stack(
            [
                5.0 * np.log(energy),
                5.0 * np.log(np.maximum(cluster["spread"][chosen], 1.0)),
                *(5.0 * cluster[c][chosen] for c in ("photon_id", "is_not_h")),
                np.log1p(cluster["prs_energy"][chosen]),
                20.0 * region_of(place[:, 0], place[:, 1]),
                3.0 * found.share,
            ],
            axis=1,
        )
        _, nearest = cKDTree(like[above]).query(like[below])
        donor = above[nearest]
        mass[below] = mass[donor] * energy[below] / energy[donor]
    return mass


def expected_resolution(batch: EventBatch) -> dict[str, Any]:
    """The laws of ``sigma_energy`` and ``sigma_x`` in a sample, in the form of `RESOLUTION`."""
    cluster: Table = batch["cluster"]
    if not {"sigma_energy", "sigma_x", "region"} <= set(cluster.columns) or len(cluster) < 100:
        return RESOLUTION
    x, y, energy, se, sx = (
        cluster[c].astype(np.float64) for c in ("x", "y", "energy", "sigma_energy", "sigma_x")
    )
    e = np.maximum(energy, 1.0) / 1000.0
    sine2 = (x * x + y * y) / (x * x + y * y + ECAL_Z**2)
    terms = np.stack([e, e * e, 1.0 / np.maximum(sine2, 1e-6)], axis=1)
    # Relative errors count: the law must hold for soft and hard clusters.
    scale = (1000.0 / se) ** 2
    law = np.linalg.lstsq(terms * scale[:, None], np.ones(len(e)), rcond=None)[0]
    # Near a border a cluster may lie in one region and have its seed, which tells, in the other.
    region = cluster["region"]
    place = []
    for r, usual in enumerate(RESOLUTION["place"]):
        here = region == r
        if here.sum() < 30:
            place.append(usual)
            continue
        terms = np.stack([np.ones(here.sum()), 1.0 / e[here]], axis=1) / sx[here, None] ** 2
        place.append(np.linalg.lstsq(terms, np.ones(here.sum()), rcond=None)[0].tolist())
    return {"energy": law.tolist(), "place": place}


def rules(batch: EventBatch) -> Rules:
    """What holds for all clusters of a sample."""
    cluster = batch["cluster"]
    et = cluster["et"] if "et" in cluster else np.zeros(0)
    x, y = (cluster[a].astype(np.float64) * (CELL_Z / ECAL_Z) for a in "xy")
    nearest = _nearest(x, y, cluster.event_index)
    return Rules(
        resolution=expected_resolution(batch),
        least_et=float(np.min(et)) if len(et) else 0.0,
        least_distance=float(np.quantile(nearest, NEAREST_SHARE)) if len(nearest) > 1000 else 0.0,
        spacing=pair_factors(x, y, cluster.event_index),
        leak=_leak(batch, x, y),
        stray=_stray(batch, x, y),
        far=REACH,
        merged_et=merged_threshold(cluster),
        odds=[],
        near_track=near_track(batch)[0],
    )


def _leak(batch: EventBatch, x: Floats, y: Floats) -> list[float]:
    """`spacing.leaked_parts` of a sample."""
    cluster, link, particle = batch["cluster"], batch["cluster_link"], batch.particle
    event = cluster.event_index
    energy = cluster["energy"].astype(np.float64)
    rows = cluster.offsets[link.event_index] + link["cluster_id"]
    first = particle.offsets
    mine = cluster["mcparticle_id"].astype(np.int64)
    given = {
        "cluster": rows,
        "particle": first[link.event_index] + link["mcparticle_id"],
        "energy": link["weight"].astype(np.float64) * energy[rows],
    }
    owner = np.where(mine >= 0, first[event] + mine, -1)
    rows = source_rows(batch)
    of = ByNumber(make_sources(batch, rows, ("x",), False), numbered(batch, rows, False))
    return leaked_parts((x, y, energy, event), owner, of.showers(event, mine), given)


def _stray(batch: EventBatch, x: Floats, y: Floats) -> list[float]:
    """`ecal_tables.Rules.stray` of a sample."""
    rows = source_rows(batch)
    sources = make_sources(batch, rows, ("x",), True)
    found = outcomes(batch, rows, zones=True)
    lost = lost_showers(sources, (found.own == 0) & (found.pointer < 0))
    event = np.searchsorted(sources.offsets, lost, "right") - 1
    places = (sources.x[lost], sources.y[lost], event)
    at, distance = nearest_cluster(x, y, batch["cluster"].event_index, places)
    lost, at, distance = lost[at >= 0], at[at >= 0], distance[at >= 0]
    link = _Links(batch, rows, numbered(batch, rows, True), sources)
    given = np.zeros(len(sources.x))
    nearest = np.full(len(sources.x), -1)
    nearest[lost] = at
    mine = nearest[link.source] == link.cluster
    np.add.at(given, link.source[mine], link.energy[mine])
    return mean_parts(distance, given[lost] / sources.energy[lost])


def _nearest(x: Floats, y: Floats, event: Ints) -> Floats:
    """Distance from each cluster to the nearest other of its event, in the larger cell."""
    a, b, distance = near_pairs(x, y, event, 3.0)
    nearest = np.full(len(x), 3.0)
    np.minimum.at(nearest, np.concatenate([a, b]), np.concatenate([distance, distance]))
    return nearest


def hits_by_number(sources: Sources, names: Sequence[str], own: Ints, lit: Floats) -> Hits:
    """Expected SPD hits of sources that own so many clusters.

    Least squares over events, weighted by the inverse of the expected hits: first by kind, then
    what is left by number.  A number of a kind that is rare keeps to the others of its kind.

    Args:
        sources: the sources of events.
        names: their features, in order.
        own: clusters of each, shape ``(n_sources,)``.
        lit: SPD cells with a hit of each event, shape ``(n_events,)``.
    """
    n, width = len(lit), SOURCE_KINDS * NUMBERS
    event = np.repeat(np.arange(n), np.diff(sources.offsets))
    cell = source_kinds(sources, names) * NUMBERS + np.minimum(own, NUMBERS - 1)
    count = np.bincount(event * width + cell, minlength=n * width).reshape(n, width)
    of_kind = count.reshape(n, SOURCE_KINDS, NUMBERS).sum(axis=2)

    def fitted(cells: float) -> tuple[Floats, Floats]:
        """Hits of each kind, and those expected of each event."""
        found = arrived(lit, cells)
        expected = found
        for _ in range(_ROUNDS):  # weights by what was found would favour what is by chance low
            scale = 1.0 / np.sqrt(np.maximum(expected, _LEAST_HITS))
            parts = np.linalg.lstsq(of_kind * scale[:, None], found * scale, rcond=None)[0]
            expected = np.maximum(of_kind @ parts, 0.0)
        return parts, expected

    def lack(log_cells: float) -> float:
        cells = float(np.exp(log_cells))
        _, expected = fitted(cells)
        # In cells: the fit must not change the scale of what is fitted.
        wanted = -cells * np.expm1(-expected / cells)
        return float(np.mean((lit - wanted) ** 2 / np.maximum(wanted, _LEAST_HITS)))

    ends = np.log(max(2.0 * lit.max(), 100.0)), np.log(1e6)
    cells = float(np.exp(optimize.minimize_scalar(lack, bounds=ends, method="bounded").x))
    parts, expected = fitted(cells)
    usual = count.sum(axis=0).reshape(SOURCE_KINDS, NUMBERS)
    usual = usual / np.maximum(usual.sum(axis=1, keepdims=True), 1)
    beyond = count - (of_kind[:, :, None] * usual).reshape(n, width)
    left = arrived(lit, cells) - expected
    scale = 1.0 / np.sqrt(np.maximum(expected, _LEAST_HITS))
    terms = np.vstack([beyond * scale[:, None], np.eye(width) / _PRIOR])
    table = np.linalg.lstsq(terms, np.append(left * scale, np.zeros(width)), rcond=None)[0]
    spread = float(np.mean(((left - beyond @ table) * scale) ** 2))
    by_number = table.reshape(SOURCE_KINDS, NUMBERS).round(4).tolist()
    return Hits(parts.round(4).tolist(), by_number, round(spread, 5), round(cells, 1))
