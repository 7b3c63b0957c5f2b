"""Kinds of trigger lines: what of an event each selects, by which cuts.

L0 measures coarsely, which is drawn: a transverse momentum or energy is that of the track times
``response`` times the exponential of ``spread`` times a normal number.  The number belongs to
(seed, kind, event, track), so that a file gives the same decisions however it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ...arrays import Floats, Ints, Mask
from ...events import EventBatch
from ...files.forms import Flag, Form, Number, Record, Row
from ...physics.kinematics import pseudorapidity
from ...rng import normals
from ...schema import TRACK_TYPES
from ..expressions import closest_approach
from ..pointing import Origins, best_vertex, choices, corrected_mass, flight, impact
from ..prongs import Prongs, stack, track_prongs
from ..vertexfit import fit_vertices

NOTHING = -1
_MUON, _PION = 13, 211
_STEP = 20_000
"""Pairs that are fitted together."""
_MOST_TRACKS = 200
"""Tracks of an event of which all pairs are made, the hardest: events of strangers have no end."""

Cuts = Mapping[str, Any]


class Fired(NamedTuple):
    """What made a line fire.

    Attributes:
        event: position of the event, shape ``(n,)``.
        objects: codes (see `track_code`, `cluster_code`) of one or two objects, `NOTHING` where
            there is no second, shape ``(n, 2)``.
    """

    event: Ints
    objects: Ints

    def take(self, rows: Ints | Mask) -> Fired:
        """Some of them."""
        return Fired(self.event[rows], self.objects[rows])

    def decision(self, n_events: int) -> Mask:
        """Whether it fired, shape ``(n_events,)``."""
        found: Mask = np.bincount(self.event, minlength=n_events) > 0
        return found


def track_code(rows: Ints) -> Ints:
    """Codes of rows of the table of tracks, the shape of `rows`."""
    return 2 * rows


def cluster_code(rows: Ints) -> Ints:
    """Codes of rows of the table of clusters, the shape of `rows`."""
    return 2 * rows + 1


def joined(parts: Sequence[Fired]) -> Fired:
    """All that any of some lines fired on."""
    return Fired(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


class Objects:
    """The objects of some events, as lines look at them.

    Args:
        batch: the events.
        seed: of the errors of L0.
    """

    def __init__(self, batch: EventBatch, seed: int) -> None:
        self.batch, self.seed = batch, seed

    @cached_property
    def pt(self) -> Floats:
        """Transverse momenta of the tracks [MeV]."""
        p, tx, ty = (self.batch.track[c].astype(np.float64) for c in ("p", "tx", "ty"))
        found: Floats = p * np.sqrt((tx * tx + ty * ty) / (1.0 + tx * tx + ty * ty))
        return found

    @cached_property
    def ip_chi2(self) -> Floats:
        """Least impact chi2 of the tracks to a primary vertex, NaN without one."""
        track = self.batch.track
        found = np.full(len(track), np.nan)
        rows = np.flatnonzero(track["track_type"] == TRACK_TYPES["long"])
        lines = track_prongs(track, rows, _PION, brem=False)
        found[rows] = impact(lines, self.origins(lines, track.event_index[rows]))[1]
        return found

    def origins(self, lines: Prongs, event: Ints) -> Origins:
        """The primary vertex of the least impact chi2 for each line, shape ``(n, ...)``."""
        return best_vertex(lines, choices(self.batch["reco_vertex"], event))

    def coarse(self, what: str, cuts: Cuts) -> Floats:
        """Transverse momenta or energies of the tracks in L0 [MeV], shape ``(n,)``."""
        track, spread = self.batch.track, cuts.get("spread", 0.0)
        ids = self.batch.event_ids("track")
        shift = normals(self.seed, f"trigger/{what}", ids, track["track_id"])[:, 0]
        found: Floats = self.pt * cuts.get("response", 1.0) * np.exp(spread * shift)
        return found

    def single(self, table: str, good: Mask) -> Fired:
        """Objects that fire each by itself.

        Args:
            table: ``track`` or ``cluster``.
            good: whether each of its rows does, shape ``(n,)``.
        """
        rows = np.flatnonzero(good)
        code = track_code(rows) if table == "track" else cluster_code(rows)
        nothing = np.full(len(rows), NOTHING)
        return Fired(self.batch[table].event_index[rows], np.stack([code, nothing], axis=1))


def _muon(o: Objects, cuts: Cuts) -> Fired:
    """A track with isMuon."""
    good = o.batch.track["is_muon"].astype(bool)
    return o.single("track", good & (o.coarse("muon", cuts) > cuts["min_pt"]))


def _dimuon(o: Objects, cuts: Cuts) -> Fired:
    """The two hardest tracks with isMuon, by the product of their momenta."""
    track, pt = o.batch.track, o.coarse("muon", cuts)
    rows = np.flatnonzero(track["is_muon"].astype(bool))
    rows = rows[np.lexsort((-pt[rows], track.event_index[rows]))]
    event = track.event_index[rows]
    first = np.flatnonzero(np.append(True, event[1:] != event[:-1])[: len(event)])
    first = first[first + 1 < len(event)]
    first = first[event[first + 1] == event[first]]
    a, b = rows[first], rows[first + 1]
    good = pt[a] * pt[b] > cuts["min_pt_product"]
    pairs = np.stack([track_code(a), track_code(b)], axis=1)
    return Fired(event[first], pairs).take(good)


def _hadron(o: Objects, cuts: Cuts) -> Fired:
    """A track on the calorimeters that is like no muon and no electron."""
    track = o.batch.track
    good = track["in_ecal"].astype(bool) & ~track["is_muon"].astype(bool)
    good &= track["calo_dll_e"] < cuts.get("max_calo_dll_e", np.inf)
    return o.single("track", good & (o.coarse("hadron", cuts) > cuts["min_et"]))


def _electron(o: Objects, cuts: Cuts) -> Fired:
    """A cluster of the ECAL that a track points to, with energy in the preshower if asked for."""
    cluster = o.batch["cluster"]
    good = cluster["is_matched"].astype(bool) & (cluster["et"] > cuts["min_et"])
    if "min_prs" in cuts:
        good &= cluster["prs_energy"] > cuts["min_prs"]
    return o.single("cluster", good)


def _photon(o: Objects, cuts: Cuts) -> Fired:
    """A cluster of the ECAL that no track points to."""
    cluster = o.batch["cluster"]
    return o.single(
        "cluster", ~cluster["is_matched"].astype(bool) & (cluster["et"] > cuts["min_et"])
    )


def _good_tracks(o: Objects, cuts: Cuts) -> Mask:
    """Long tracks that pass the cuts that both kinds of HLT1 lines have."""
    track = o.batch.track
    good: Mask = (track["track_type"] == TRACK_TYPES["long"]) & (o.pt > cuts["min_pt"])
    good &= track["p"] > cuts.get("min_p", 0.0)
    for name, key in (("chi2_per_dof", "max_chi2"), ("ghost_prob", "max_ghost_prob")):
        if key in cuts:
            good &= track[name] < cuts[key]
    if cuts.get("muon", False):
        good &= track["is_muon"].astype(bool)
    if "min_ip_chi2" in cuts:
        with np.errstate(invalid="ignore"):
            good &= o.ip_chi2 > cuts["min_ip_chi2"]
    return good


def _track(o: Objects, cuts: Cuts) -> Fired:
    """A long track, displaced the more the softer it is."""
    good = _good_tracks(o, cuts)
    if "hyperbola" in cuts:
        h, pt = cuts["hyperbola"], o.pt / 1e3
        with np.errstate(divide="ignore", invalid="ignore"):
            least = h["scale"] / (pt - h["shift"]) ** 2
            least += h["offset"] * (1.0 - o.pt / h["max_pt"]) + np.log(cuts["min_ip_chi2"])
            passes = (np.log(o.ip_chi2) > least) & (pt > h["shift"])
        good &= passes | (o.pt > h["max_pt"])
    return o.single("track", good)


def _two_tracks(o: Objects, cuts: Cuts) -> Fired:
    """Two long tracks with a vertex."""
    track = o.batch.track
    rows = _hardest(o, np.flatnonzero(_good_tracks(o, cuts)))
    first, second = _pairs(track.event_index[rows])
    kept = []
    for start in range(0, len(first), _STEP):
        a, b = rows[first[start : start + _STEP]], rows[second[start : start + _STEP]]
        good = _pair_passes(o, a, b, cuts)
        kept.append(np.stack([a[good], b[good]], axis=1))
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *kept])
    return Fired(track.event_index[pairs[:, 0]], track_code(pairs))


def _hardest(o: Objects, rows: Ints) -> Ints:
    """Of each event the tracks of the largest transverse momenta, `_MOST_TRACKS` at most."""
    event = o.batch.track.event_index[rows]
    order = np.lexsort((-o.pt[rows], event))
    rank = np.arange(len(rows)) - np.searchsorted(event, event)
    return np.sort(rows[order[rank < _MOST_TRACKS]])


def _pairs(event: Ints) -> tuple[Ints, Ints]:
    """Positions of both of every two of one event, which stand together; each once."""
    last = np.searchsorted(event, event, side="right")
    counts = last - np.arange(len(event)) - 1
    first = np.repeat(np.arange(len(event)), counts)
    begin = np.cumsum(counts) - counts
    return first, first + 1 + np.arange(len(first)) - begin[first]


def _pair_passes(o: Objects, a: Ints, b: Ints, cuts: Cuts) -> Mask:
    """Cuts of `_two_tracks`, shape ``(n,)``."""
    track = o.batch.track
    hypothesis = _MUON if cuts.get("muon", False) else _PION
    lines = [track_prongs(track, rows, hypothesis, brem=False) for rows in (a, b)]
    fit = fit_vertices(stack(lines))
    found = fit.composite()
    good: Mask = fit.converged.copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        good &= fit.chi2 < cuts.get("max_vertex_chi2", np.inf)
        good &= np.hypot(*found.momentum[:, :2].T) > cuts.get("min_pair_pt", 0.0)
        good &= found.mass > cuts.get("min_mass", 0.0)
        if "max_doca" in cuts:
            good &= closest_approach(*lines) < cuts["max_doca"]
        if "max_soft" in cuts:
            soft = sum((o.ip_chi2[rows] < cuts["soft_ip_chi2"]).astype(int) for rows in (a, b))
            good &= soft <= cuts["max_soft"]
        if not _FLIGHT.isdisjoint(cuts):
            origin = o.origins(found.as_prongs(), track.event_index[a])
            flown, way = flight(found, origin), found.position - origin.position
            low, high = cuts.get("eta", (-np.inf, np.inf))
            eta = pseudorapidity(*way.T)
            good &= (eta > low) & (eta < high)
            good &= flown.chi2 > cuts.get("min_fd_chi2", 0.0)
            good &= flown.dira > cuts.get("min_dira", -1.0)
            good &= corrected_mass(found, origin) > cuts.get("min_corrected_mass", 0.0)
    return good


class Kind(NamedTuple):
    """A kind of lines.

    Attributes:
        select: what of the events fires, by the cuts of a line.
        cuts: forms of its cuts.
        required: those that must be there.
        needs: columns of each table.
    """

    select: Callable[[Objects, Cuts], Fired]
    cuts: Mapping[str, Form]
    required: tuple[str, ...]
    needs: Mapping[str, tuple[str, ...]]


_FLIGHT = frozenset({"eta", "min_fd_chi2", "min_dira", "min_corrected_mass"})
_ENERGY = Number(0.0, 1e9)
_COARSE: dict[str, Form] = {"response": Number(0.01, 10.0), "spread": Number(0.0, 2.0)}
_TRACK = ("track_id", "track_type", "p", "tx", "ty", "is_muon")
_HLT: dict[str, Form] = {
    **dict.fromkeys(("min_pt", "min_p"), _ENERGY),
    **dict.fromkeys(("max_chi2", "max_ghost_prob", "min_ip_chi2"), Number(0.0, 1e9)),
    "muon": Flag(),
}
_SHAPE = ("max_pt", "scale", "shift", "offset")
_HLT_NEEDS = {
    "track": (
        *(*_TRACK, "x", "y", "z", "charge", "chi2_per_dof", "ghost_prob"),
        *(f"cov{j}{i}" for i in range(5) for j in range(i + 1)),
    ),
    "reco_vertex": ("x", "y", "z", "sigma_x", "sigma_y", "sigma_z"),
}
_CLUSTER = ("et", "is_matched", "mcparticle_id")

KINDS: dict[str, Kind] = {
    "muon": Kind(_muon, {"min_pt": _ENERGY, **_COARSE}, ("min_pt",), {"track": _TRACK}),
    "dimuon": Kind(
        *(_dimuon, {"min_pt_product": Number(0.0, 1e18), **_COARSE}),
        *(("min_pt_product",), {"track": _TRACK}),
    ),
    "hadron": Kind(
        *(_hadron, {"min_et": _ENERGY, "max_calo_dll_e": Number(), **_COARSE}, ("min_et",)),
        {"track": (*_TRACK, "in_ecal", "calo_dll_e")},
    ),
    "electron": Kind(
        *(_electron, {"min_et": _ENERGY, "min_prs": _ENERGY}, ("min_et",)),
        {"cluster": (*_CLUSTER, "prs_energy")},
    ),
    "photon": Kind(_photon, {"min_et": _ENERGY}, ("min_et",), {"cluster": _CLUSTER}),
    "track": Kind(
        *(_track, {**_HLT, "hyperbola": Record(dict.fromkeys(_SHAPE, Number(0.0, 1e9)), _SHAPE)}),
        *(("min_pt",), _HLT_NEEDS),
    ),
    "two_tracks": Kind(
        _two_tracks,
        {
            **_HLT,
            **dict.fromkeys(("min_pair_pt", "min_mass", "min_corrected_mass"), _ENERGY),
            **dict.fromkeys(("max_doca", "max_vertex_chi2", "min_fd_chi2"), Number(0.0, 1e9)),
            "eta": Row((Number(-20, 20), Number(-20, 20))),
            "min_dira": Number(-1.0, 1.0),
            "soft_ip_chi2": Number(0.0, 1e9),
            "max_soft": Number(0, 2, whole=True),
        },
        *(("min_pt",), _HLT_NEEDS),
    ),
}
"""Kinds of lines by name."""
