"""Combinations of tracks and clusters: those of generated decays, or all that pass loose cuts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..events import EventBatch
from .descriptor import Node, least_mass
from .names import PHOTON, conjugate, properties
from .neutrals import photon_momenta
from .pointing import best_vertex, choices, impact
from .prongs import track_prongs
from .request import MERGED_WINDOW, RESOLVED_WINDOW, DecayRequest, is_deep
from .truth import Generated, Truth

_MARGIN = 0.03
"""Widening of mass windows before the vertex fit, as a part of the mass."""

MIN_SHARE = 0.5
"""Least part of a cluster's energy that the photon behind it gave."""

MIN_PART = 0.5
"""Least part of its energy that a photon gave to its cluster: with less it has converted and the
cluster is that of one electron."""

MAX_DISTANCE = 100.0
"""Greatest distance [mm] of a cluster from where its photon points: the electrons of a conversion
before or in the magnet make clusters elsewhere."""

_FAR = np.iinfo(np.int64).max


class Combinations(NamedTuple):
    """Objects that candidates are made of.

    Attributes:
        event: position of the event, shape ``(n,)``.
        rows: row of each leaf in the table of tracks (or clusters: photons, pi0); the second of a
            pair for resolved pi0, else -1; shape ``(n, n_leaves, 2)``.
        conjugated: whether it is the charge conjugate of the descriptor, shape ``(n,)``.
    """

    event: Ints
    rows: Ints
    conjugated: Mask

    def take(self, rows: Ints | Mask) -> Combinations:
        """Some of them."""
        return Combinations(self.event[rows], self.rows[rows], self.conjugated[rows])


def join(parts: list[Combinations], n_leaves: int) -> Combinations:
    """Combinations in order of the event, those of one event in order of their rows."""
    empty = Combinations(
        np.zeros(0, np.int64), np.zeros((0, n_leaves, 2), np.int64), np.zeros(0, bool)
    )
    event, rows, conjugated = (np.concatenate(a) for a in zip(empty, *parts, strict=True))
    keys = [rows[:, k, i] for k in range(n_leaves) for i in (0, 1)]
    order = np.lexsort((*keys[::-1], conjugated, event))
    return Combinations(event, rows, conjugated).take(order)


def matched(
    batch: EventBatch, request: DecayRequest, truth: Truth, generated: Generated
) -> Combinations:
    """The generated decays of which everything was reconstructed."""
    rows, whole = object_rows(batch, request, truth, generated)
    combos = Combinations(truth.event[generated.head], rows, generated.conjugated)
    return join([combos.take(whole)], rows.shape[1])


def object_rows(
    batch: EventBatch, request: DecayRequest, truth: Truth, generated: Generated
) -> tuple[Ints, Mask]:
    """Tracks and clusters of generated decays, and whether they make a candidate.

    Returns:
        Rows as in `Combinations`, -1 for what was not reconstructed, shape ``(n, n_leaves, 2)``,
        and whether each decay is whole, with no object used twice, shape ``(n,)``.
    """
    event = truth.event[generated.head]
    rows = np.full((len(event), len(request.decay.leaves), 2), -1)
    for k, leaf in enumerate(request.decay.leaves):
        particle = generated.leaves[:, k]
        if leaf.is_track:
            rows[:, k, 0] = _track_of(batch, request.track_types(leaf))[particle]
        elif leaf.pdg_id == PHOTON:
            rows[:, k, 0] = _cluster_of(batch)[particle]
        else:
            rows[:, k] = _pi0_of(batch, truth)[particle]
    combos = Combinations(event, rows, generated.conjugated)
    good = (rows[:, :, 0] >= 0).all(axis=1) & _is_free(combos, request)
    for node in filter(is_deep, request.decay.head.composites()):
        good &= _of_one_type(batch, request, node, rows)
    return rows, good


def _is_free(combos: Combinations, request: DecayRequest) -> Mask:
    """Whether no object is used twice."""
    codes = _codes(combos.rows, [leaf.is_track for leaf in request.decay.leaves])
    order = np.sort(codes, axis=1)
    twice = (np.diff(order, axis=1) == 0) & (order[:, 1:] < _FAR)
    free: Mask = ~twice.any(axis=1)
    return free


def _codes(rows: Ints, is_track: list[bool]) -> Ints:
    """One number for each object used, tracks even and clusters odd, shape ``(n, 2 n_leaves)``."""
    kind = np.where(is_track, 0, 1)[:, None]
    codes = np.where(rows < 0, _FAR, 2 * rows + kind)
    return codes.reshape(len(rows), 2 * rows.shape[1])


def _of_one_type(batch: EventBatch, request: DecayRequest, node: Node, rows: Ints) -> Mask:
    """Whether all tracks directly from a deep decay are of one type."""
    leaves = request.decay.leaves
    mine = [k for k, leaf in enumerate(leaves) if leaf.is_track and leaf in node.walk()]
    types = batch.track["track_type"][rows[:, mine, 0]]
    same: Mask = (types == types[:, :1]).all(axis=1)
    return same


def _track_of(batch: EventBatch, types: tuple[int, ...]) -> Ints:
    """Track of each generated particle, the first type before others; -1 for none."""
    track, particle = batch.track, batch.particle
    found = np.full(len(particle), -1)
    for code in reversed(types):
        rows = np.flatnonzero((track["track_type"] == code) & (track["mcparticle_id"] >= 0))[::-1]
        found[particle.offsets[track.event_index[rows]] + track["mcparticle_id"][rows]] = rows
    return found


def _cluster_of(batch: EventBatch, merged: bool = False) -> Ints:
    """Cluster that a particle gave the most to, -1 for none or one with a track.

    Args:
        batch: the events.
        merged: False if the particle must also have given most of the cluster's energy.
    """
    link, cluster, particle = batch["cluster_link"], batch["cluster"], batch.particle
    found = np.full(len(particle), -1)
    rows = cluster.offsets[link.event_index] + link["cluster_id"]
    local = np.maximum(link["mcparticle_id"], 0)
    owner = particle.offsets[link.event_index] + local
    energy = link["weight"] * cluster["energy"][rows]
    good = (link["mcparticle_id"] >= 0) & ~cluster["is_matched"][rows].astype(bool)
    if not merged:
        good &= link["weight"] > MIN_SHARE
    good &= energy > MIN_PART * particle["mc_energy"][owner]
    good &= _distance(batch, rows, owner) < MAX_DISTANCE
    order = np.flatnonzero(good)
    order = order[np.lexsort((energy[order], owner[order]))]
    found[owner[order]] = rows[order]
    return found


def _distance(batch: EventBatch, clusters: Ints, particles: Ints) -> Floats:
    """Distance [mm] of clusters from the straight lines of generated particles."""
    table, cluster = batch.particle, batch["cluster"]
    p = [table[f"mc_p{a}"][particles].astype(np.float64) for a in "xyz"]
    v = [table[f"mc_v{a}"][particles] for a in "xyz"]
    way = (cluster["z"][clusters] - v[2]) / np.where(p[2] > 0.0, p[2], np.inf)
    apart = (v[i] + way * p[i] - cluster[a][clusters] for i, a in enumerate("xy"))
    result: Floats = np.hypot(*apart)
    return result


def _pi0_of(batch: EventBatch, truth: Truth) -> Ints:
    """Two clusters of each generated pi0, or one and -1 if merged; shape ``(n_particles, 2)``."""
    photons = np.flatnonzero((truth.pdg_id == PHOTON) & (truth.mother >= 0))
    mother = truth.mother[photons]
    pairs = mother[1:] == mother[:-1]
    first, second = photons[:-1][pairs], photons[1:][pairs]
    # Of a Dalitz decay or more than two photons no pair is made.
    counts = np.bincount(mother, minlength=len(truth.mother))
    two = (counts[mother[:-1][pairs]] == 2) & (truth.n_children[mother[:-1][pairs]] == 0)
    first, second = first[two], second[two]
    pi0 = truth.mother[first]
    own, any_share = _cluster_of(batch), _cluster_of(batch, merged=True)
    found = np.full((len(truth.mother), 2), -1)
    a, b = own[first], own[second]
    resolved = (a >= 0) & (b >= 0) & (a != b)
    found[pi0[resolved], 0], found[pi0[resolved], 1] = a[resolved], b[resolved]
    a, b = any_share[first], any_share[second]
    merged = (a >= 0) & (a == b) & ~resolved
    merged[merged] &= batch["cluster"]["merged_mass"][a[merged]] > 0.0
    found[pi0[merged], 0] = a[merged]
    return found


class _Partial(NamedTuple):
    """Some leaves of candidates to be: their rows ``(n, k, 2)`` and four-momentum ``(n, 4)``."""

    event: Ints
    rows: Ints
    momentum: Floats

    def take(self, rows: Ints | Mask) -> _Partial:
        return _Partial(self.event[rows], self.rows[rows], self.momentum[rows])


def combine(batch: EventBatch, request: DecayRequest) -> Combinations:
    """All combinations of the tracks and clusters of each event that pass the loose cuts."""
    leaves = request.decay.leaves
    parts = []
    # The conjugate of K_S -> pi+ pi- is the same combination once more.
    for flip in [False] if request.decay.is_own_conjugate else [False, True]:
        made = _Combiner(batch, request, flip).node(request.decay.head)
        parts.append(Combinations(made.event, made.rows, np.full(len(made.event), flip)))
    return join(parts, len(leaves))


class _Combiner:
    """Builds candidates from the leaves upwards, for one sign of the charges."""

    def __init__(self, batch: EventBatch, request: DecayRequest, flip: bool) -> None:
        self.batch = batch
        self.request = request
        self.flip = flip

    def node(self, node: Node) -> _Partial:
        """All combinations for a particle, in order of the event."""
        if node.is_track:
            return self._tracks(node)
        if node.is_leaf:
            return self._photons() if node.pdg_id == PHOTON else self._pi0()
        seen = [d for d in node.daughters if not d.is_invisible]
        low, high = self.request.window(node)
        margin = _MARGIN * properties(node.pdg_id).mass
        made = self.node(seen[0])
        kept = [seen[0]]
        for k, daughter in enumerate(seen[1:], start=1):
            room = high + margin - sum(least_mass(d) for d in seen[k + 1 :])
            made = self._joined(made, self.node(daughter), kept, daughter, room)
            kept.append(daughter)
        made = made.take(_mass(made.momentum) > low - margin)
        if is_deep(node):
            made = made.take(self._one_type(node, made.rows))
        return made

    def _one_type(self, node: Node, rows: Ints) -> Mask:
        mine = [k for k, leaf in enumerate(node.leaves()) if leaf.is_track]
        types = self.batch.track["track_type"][rows[:, mine, 0]]
        same: Mask = (types == types[:, :1]).all(axis=1)
        return same

    def _joined(
        self, a: _Partial, b: _Partial, kept: list[Node], daughter: Node, room: float
    ) -> _Partial:
        """All pairs within events below a mass, without using an object twice."""
        n_events = len(self.batch)
        first = np.searchsorted(b.event, np.arange(n_events + 1))
        counts = np.diff(first)[a.event]
        i = np.repeat(np.arange(len(a.event)), counts)
        start = np.cumsum(counts) - counts
        j = first[a.event][i] + np.arange(len(i)) - start[i]
        good = _mass(a.momentum[i] + b.momentum[j]) < room
        i, j = i[good], j[good]
        flags = [leaf.is_track for d in kept for leaf in d.leaves()]
        codes = _codes(a.rows[i], flags)
        added = _codes(b.rows[j], [leaf.is_track for leaf in daughter.leaves()])
        twice = (codes[:, :, None] == added[:, None, :]) & (added[:, None, :] < _FAR)
        free = ~twice.any(axis=(1, 2))
        # Of equal daughters only one order counts.
        at = 0
        for sibling in kept:
            if sibling.signature() == daughter.signature():
                free &= codes[:, 2 * at] < added[:, 0]
            at += len(sibling.leaves())
        i, j = i[free], j[free]
        rows = np.concatenate([a.rows[i], b.rows[j]], axis=1)
        return _Partial(a.event[i], rows, a.momentum[i] + b.momentum[j])

    def _tracks(self, leaf: Node) -> _Partial:
        track, cuts = self.batch.track, self.request.selection
        hypothesis = self.request.hypothesis(leaf)
        number = conjugate(leaf.pdg_id) if self.flip else leaf.pdg_id
        good = np.isin(track["track_type"], self.request.track_types(leaf))
        good &= track["charge"] == properties(number).charge
        good &= (track["p"] > cuts.min_p) & (track["pt"] > cuts.min_pt)
        for name, most in (
            ("ghost_prob", cuts.max_ghost_prob),
            ("chi2_per_dof", cuts.max_track_chi2),
        ):
            if name in track:
                good &= track[name] < most
        for name, (low, high) in cuts.pid.get(abs(hypothesis), {}).items():
            if name in track:
                good &= (track[name] > low) & (track[name] < high)
        rows = np.flatnonzero(good)
        if cuts.min_ip_chi2 > 0.0:
            rows = rows[self._ip_chi2(rows) > cuts.min_ip_chi2]
        p, tx, ty = (track[c][rows].astype(np.float64) for c in ("p", "tx", "ty"))
        pz = p / np.sqrt(1.0 + tx**2 + ty**2)
        energy = np.sqrt(p**2 + properties(hypothesis).mass ** 2)
        momentum = np.stack([pz * tx, pz * ty, pz, energy], axis=1)
        return _Partial(track.event_index[rows], _paired(rows), momentum)

    def _ip_chi2(self, rows: Ints) -> Floats:
        """Least impact chi2 to a primary vertex; infinite without one."""
        lines = track_prongs(self.batch.track, rows, 211)
        found = choices(self.batch["reco_vertex"], self.batch.track.event_index[rows])
        chi2 = impact(lines, best_vertex(lines, found))[1]
        return np.where(np.isnan(chi2), np.inf, chi2)

    def _photons(self) -> _Partial:
        cluster = self.batch["cluster"]
        good = ~cluster["is_matched"].astype(bool)
        good &= cluster["et"] > self.request.selection.min_photon_et
        rows = np.flatnonzero(good)
        momentum = photon_momenta(cluster, rows, np.zeros((len(rows), 3)))[0]
        return _Partial(cluster.event_index[rows], _paired(rows), momentum)

    def _pi0(self) -> _Partial:
        """Resolved and merged pi0 in order of the event."""
        photon = Node(PHOTON)
        one = self._photons()
        pairs = self._joined(one, one, [photon], photon, RESOLVED_WINDOW[1])
        pairs = pairs.take(_mass(pairs.momentum) > RESOLVED_WINDOW[0])
        cluster = self.batch["cluster"]
        rows = np.flatnonzero(
            (cluster["merged_mass"] > MERGED_WINDOW[0])
            & (cluster["merged_mass"] < MERGED_WINDOW[1])
            & ~cluster["is_matched"].astype(bool)
        )
        mass = properties(111).mass
        momentum = photon_momenta(cluster, rows, np.zeros((len(rows), 3)), mass)[0]
        event = np.concatenate([pairs.event, cluster.event_index[rows]])
        both = np.concatenate([pairs.rows[:, :, 0].reshape(-1, 1, 2), _paired(rows)])
        order = np.argsort(event, kind="stable")
        return _Partial(event, both, np.concatenate([pairs.momentum, momentum])).take(order)


def _paired(rows: Ints) -> Ints:
    """Rows of single objects, shape ``(n, 1, 2)``."""
    return np.stack([rows, np.full(len(rows), -1)], axis=1)[:, None, :]


def _mass(momentum: Floats) -> Floats:
    square = momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(axis=1)
    result: Floats = np.sqrt(np.maximum(square, 0.0))
    return result
