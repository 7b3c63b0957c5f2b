"""Physics features that several stages give to their models as conditions."""

from __future__ import annotations

import numpy as np

from .. import schema
from ..arrays import Columns, Floats, Integers, Ints, Mask, Rows
from ..events import EventBatch, Table
from ..physics import particles
from .geometry import (
    ECAL_Z,
    INNER_TRACKER,
    T3_Z,
    T_HALF,
    T_HOLE,
    T_STATION_Z,
    TT_HALF,
    TT_HOLE,
    TT_LAYER_Z,
    TT_Z,
    VELO_INNER,
    VELO_OUTER,
    VELO_STATIONS,
)
from .kept import Kept
from .stage import ColumnKeys, keys

MOMENTUM = ("mc_px", "mc_py", "mc_pz")
VERTEX = ("mc_vx", "mc_vy", "mc_vz")
CLOSEST = ("mc_ctb_x", "mc_ctb_y", "mc_ctb_z")

TRUTH_COLUMNS: ColumnKeys = keys(
    "particle", "mcparticle_id", "mc_pdg_id", "mc_charge", *MOMENTUM, *VERTEX, *CLOSEST
) | keys("particle", "mc_t3_x", "mc_ecal_x")
"""Columns that `truth` reads."""

_TRUTH_ORDER = sorted(TRUTH_COLUMNS)

_TINY = 1e-3


def direction(px: Floats, py: Floats, pz: Floats) -> Columns:
    """Momentum, angles and slopes of forward particles.

    Args:
        px, py, pz: momentum [MeV], shape ``(n,)``.

    Returns:
        log10 of p and pT [MeV], eta, cosine and sine of the azimuth, slopes.
    """
    pt = np.maximum(np.hypot(px, py), _TINY)
    forward = np.maximum(pz, _TINY)
    return {
        "log_p": np.log10(np.hypot(pt, pz)),
        "log_pt": np.log10(pt),
        "eta": np.arcsinh(pz / pt),
        "cos_phi": px / pt,
        "sin_phi": py / pt,
        "tx": px / forward,
        "ty": py / forward,
    }


def species(pdg_id: Integers) -> Columns:
    """One flag (0 or 1) for each tracked species: ``is_e``, ``is_mu``, ..., of shape ``(n,)``."""
    absolute = np.abs(pdg_id)
    return {
        f"is_{name.lower()}": (absolute == pdg).astype(np.float64)
        for pdg, name in particles.SPECIES_NAMES.items()
    }


def track_flags(track_type: Integers) -> Columns:
    """One flag (0 or 1) for each type of track: ``is_long``, ..., of shape ``(n,)``."""
    return {
        f"is_{name}": (track_type == code).astype(np.float64)
        for name, code in schema.TRACK_TYPES.items()
        if code
    }


def signed_distance(x: Floats, y: Floats, phi: Floats) -> Floats:
    """Signed distance d of points with x = -d sin(phi), y = d cos(phi); all of shape ``(n,)``."""
    distance: Floats = y * np.cos(phi) - x * np.sin(phi)
    return distance


def truth(particle: Table, rows: Rows) -> Columns:
    """What the spectrometer meets of generated particles: the conditions of all track stages.

    Args:
        particle: table of particles after the propagation stage.
        rows: particles asked for, a mask or positions.

    Returns:
        direction, species flags, charge, production vertex, closest point to the beam line,
        VELO stations crossed, z and radius at the first, path from first to last [mm],
        straight-line position at the TT, position at the last T layer, slope behind the magnet;
        one entry for each of the rows, shapes ``(n,)``.
    """
    px, py, pz = (particle[c][rows] for c in MOMENTUM)
    vx, vy, vz = (particle[c][rows] for c in VERTEX)
    x, y, z = (particle[c][rows] for c in CLOSEST)
    out = direction(px, py, pz)
    out |= species(particle["mc_pdg_id"][rows])
    out["charge"] = particle["mc_charge"][rows].astype(np.float64)
    out["vz"] = vz
    out["log_vr"] = np.log10(np.hypot(vx, vy) + _TINY)
    out["ctb_z"] = z
    out["ctb_d"] = signed_distance(x, y, np.arctan2(py, px))
    out |= _velo(out, vz)
    out["tt_x"] = vx + out["tx"] * (TT_Z - vz)
    out["tt_y"] = vy + out["ty"] * (TT_Z - vz)
    out["t3_y"] = vy + out["ty"] * (T3_Z - vz)
    return out | behind_magnet(particle, rows)


_linked: Kept[tuple[Ints, Columns]] = Kept()
"""`truth` of the tracks of a batch and the rows of their particles."""


def truth_columns(particle: Table) -> list[np.ndarray]:
    """What `truth` is worked out from, shapes ``(n,)``, and how it is cut into events."""
    return [particle.offsets, *(particle[name] for _, name in _TRUTH_ORDER)]


def linked_truth(batch: EventBatch, rows: Mask) -> Columns:
    """`truth` of the particles behind some tracks; arrays are read only, shapes ``(rows.sum(),)``.

    Args:
        batch: events with tracks.
        rows: tracks of generated particles, a mask of shape ``(n_tracks,)``.
    """
    particle, linked = batch.particle, linked_rows(batch, rows)
    columns = truth_columns(particle)
    known = _linked.get(particle, columns)
    if known is not None and np.array_equal(known[0], linked):
        return dict(known[1])
    found = truth(particle, linked)
    for values in found.values():
        values.flags.writeable = False
    if known is None or len(known[0]) <= len(linked):  # not of few of the tracks
        _linked.put(particle, columns, (linked, found))
    return dict(found)


def behind_magnet(particle: Table, rows: Rows) -> Columns:
    """``t3_x`` [mm] at the last T layer, slope ``tx_after`` behind the magnet; shapes ``(n,)``."""
    x = particle["mc_t3_x"][rows].astype(np.float64)
    return {"t3_x": x, "tx_after": (particle["mc_ecal_x"][rows] - x) / (ECAL_Z - T3_Z)}


def velo(particle: Table, rows: Rows) -> Columns:
    """VELO stations that particles cross: the ``velo_`` columns of `truth`, shapes ``(n,)``."""
    px, py, pz = (particle[c][rows] for c in MOMENTUM)
    x, y, z = (particle[c][rows] for c in CLOSEST)
    forward = np.maximum(pz, _TINY)
    track = {"tx": px / forward, "ty": py / forward, "ctb_z": z}
    track["ctb_d"] = signed_distance(x, y, np.arctan2(py, px))
    return _velo(track, particle["mc_vz"][rows])


def _velo(track: Columns, vz: Floats) -> Columns:
    """Stations that a straight line crosses inside the sensitive radii."""
    slope = np.maximum(np.hypot(track["tx"], track["ty"]), 1e-6)
    d2 = track["ctb_d"] ** 2
    enter = track["ctb_z"] + np.sqrt(np.maximum(VELO_INNER**2 - d2, 0.0)) / slope
    leave = track["ctb_z"] + np.sqrt(np.maximum(VELO_OUTER**2 - d2, 0.0)) / slope
    first = np.searchsorted(VELO_STATIONS, np.maximum(enter, vz))
    last = np.searchsorted(VELO_STATIONS, leave)
    z_first = VELO_STATIONS[np.minimum(first, len(VELO_STATIONS) - 1)]
    z_last = VELO_STATIONS[np.maximum(last - 1, 0)]
    return {
        "velo_stations": np.maximum(last - first, 0).astype(np.float64),
        "velo_first_z": z_first,
        "velo_first_r": slope * (z_first - track["ctb_z"]),
        "velo_lever": np.maximum(z_last - z_first, 0.0) * np.sqrt(1.0 + slope**2),
    }


def silicon_stations(track: Columns) -> Columns:
    """T stations crossed in the silicon of the inner tracker instead of straws: ``t_silicon``.

    Args:
        track: ``ty``, ``t3_x``, ``t3_y``, ``tx_after``.
    """
    silicon = np.zeros(len(track["ty"]))
    for station in T_STATION_Z:
        silicon += on_silicon(*_in_t(track, station))
    return {"t_silicon": silicon}


def expected_hits(track: Columns) -> Columns:
    """Measurements that a fit would have if none was lost, and where they are.

    Args:
        track: ``tx``, ``ty``, ``tt_x``, ``tt_y``, ``t3_x``, ``t3_y``, ``tx_after``,
            ``velo_stations`` and the flags of `track_flags`; arrays of shape ``(n,)``.

    Returns:
        ``expected_hits``; ``tt_layers`` crossed; T stations crossed in silicon, ``t_silicon``.
        A VELO station has two sensors, a T station four layers, of straws two tubes deep.
    """
    layers, silicon, straws = (np.zeros(len(track["ty"])) for _ in range(3))
    for z in TT_LAYER_Z:
        x, y = (track[f"tt_{c}"] + track[f"t{c}"] * (z - TT_Z) for c in ("x", "y"))
        layers += in_frame(x, y, TT_HALF, (TT_HOLE, TT_HOLE))
    for z in T_STATION_Z:
        x, y = _in_t(track, z)
        there, inner = in_frame(x, y, T_HALF, (T_HOLE, T_HOLE)), on_silicon(x, y)
        silicon += there & inner
        straws += there & ~inner
    velo = 2.0 * track["velo_stations"] * (1.0 - track["is_downstream"])
    behind = (4.0 * silicon + 8.0 * straws) * (1.0 - track["is_upstream"])
    return {"expected_hits": velo + layers + behind, "tt_layers": layers, "t_silicon": silicon}


def _in_t(track: Columns, z: float) -> tuple[Floats, Floats]:
    """Distances in x and y from the beam at a plane of the T stations."""
    x = np.abs(track["t3_x"] + track["tx_after"] * (z - T3_Z))
    return x, np.abs(track["t3_y"] + track["ty"] * (z - T3_Z))


def on_silicon(x: Floats, y: Floats) -> Mask:
    """Whether distances from the beam [mm] are in the cross of the inner tracker, shape ``(n,)``.

    Args:
        x, y: absolute distances at a plane of the T stations, shapes ``(n,)``.
    """
    inside: Mask = np.any([(x < a) & (y < b) for a, b in INNER_TRACKER], axis=0)
    return inside


def in_frame(x: Floats, y: Floats, half: tuple[float, float], hole: tuple[float, float]) -> Mask:
    """Whether points lie in a rectangle about the beam and not in the opening in its middle.

    Args:
        x, y: points [mm], shapes ``(n,)``.
        half: half width and height of the rectangle [mm].
        hole: those of the opening.
    """
    ax, ay = np.abs(x), np.abs(y)
    inside: Mask = (ax < half[0]) & (ay < half[1]) & ((ax > hole[0]) | (ay > hole[1]))
    return inside


def decay_length(track: Columns) -> Columns:
    """Flight path to the T stations in units of the decay length; 0 for stable species."""
    path = np.maximum(T3_Z - track["vz"], 0.0) / 10.0 ** track["log_p"]
    out = np.zeros_like(path)
    for pdg, ctau in particles.LIFETIME_LENGTH.items():
        flag = track[f"is_{particles.SPECIES_NAMES[pdg].lower()}"]
        out = out + flag * path * (particles.MASSES[pdg] / ctau)
    return {"decay_length": out}


DECAYS = dict.fromkeys(("decayed", "decay_z"), ("track", "decay_z"))
"""Conditions of `decay_in_flight`, and the column that tells them."""
_BEHIND = 12_500.0
"""Where a particle decays that does not decay before the calorimeters [mm]."""


def decay_in_flight(batch: EventBatch, rows: Mask) -> Columns:
    """Whether the particles of some tracks decayed before the calorimeters, and where.

    Args:
        batch: events with tracks.
        rows: tracks of generated particles, a mask of shape ``(n_tracks,)``.

    Returns:
        `DECAYS`, shapes ``(rows.sum(),)``; nothing where the events do not tell it.
    """
    if "decay_z" not in batch.track:
        return {}
    z = batch.track["decay_z"][rows].astype(np.float64)
    return {"decayed": (z != 0.0) * 1.0, "decay_z": np.where(z != 0.0, z, _BEHIND)}


def occupancy(batch: EventBatch, table: str, rows: Mask) -> Columns:
    """Occupancy for rows of a table: ``n_spd_hits``, ``n_tracks``, shapes ``(rows.sum(),)``."""
    return {
        name: batch.event_column(table, name)[rows].astype(np.float64)
        for name in ("n_spd_hits", "n_tracks")
    }


def linked_rows(batch: EventBatch, rows: Mask) -> Ints:
    """Rows of the particles behind some tracks, in their table, shape ``(rows.sum(),)``."""
    track = batch.track
    local = track["mcparticle_id"][rows].astype(np.int64)
    linked: Ints = batch.particle.offsets[track.event_index[rows]] + local
    return linked


def from_truth(batch: EventBatch) -> Mask:
    """Tracks of generated particles (no secondaries, no ghosts), shape ``(n_tracks,)``."""
    mask: Mask = (batch.track["origin"] == 0) & (batch.track["mcparticle_id"] >= 0)
    return mask
