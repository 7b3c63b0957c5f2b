"""What may leave clusters in the ECAL: particles that come to its face, and background zones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...arrays import Columns, Floats, Floats32, Ints, Mask
from ...engine.translator.sequences import Sources
from ...events import EventBatch
from ...physics.kinematics import momentum
from .. import features, geometry
from ..geometry import BORDERS, CELL_Z, CELLS, HOLE
from ..stage import keys
from .image import IMAGE, expected_image, filled_part

FACE = (4100.0, 3350.0)
"""Sources come to the face within these |x| and |y| [mm], a margin about the ECAL included."""
PIPE = 100.0
"""Sources come to the face outside this radius [mm] (8 mrad): what is within it stays in the beam
pipe, and its few secondaries, 0.4 % of the clusters, count as background."""
LEAST_P = 250.0
"""Momentum [MeV] of the softest source."""
MIP = 350.0
"""Energy [MeV] that stands for what a muon or a hadron leaves."""
ZONE_ENERGY = 300.0
"""Energy [MeV] that stands for a cluster of no source."""

SOURCE_KINDS = 9
"""Kinds of sources of which it is known what SPD hits they let expect (`source_kinds`)."""
PHOTON_ET = (100.0, 200.0, 400.0, 1600.0)
"""Transverse energies [MeV] between which photons own clusters alike: none, one or several."""
OWNER_KINDS = SOURCE_KINDS + len(CELLS) * len(PHOTON_ET)
"""Kinds of sources of which it is known how often they own how many (`owner_kinds`)."""
ZONES = 3
"""Background zones: one for each region, about the beam."""

_KINDS = {"photon": 22, "e": 11, "mu": 13, "pi": 211, "k": 321, "p": 2212}

REQUIRED = (
    keys("event", "event_id", "n_spd_hits", "n_tracks")
    | keys("particle", "mcparticle_id", "mc_pdg_id", "mc_charge", "mc_stable", "track_type")
    | keys("particle", *features.MOMENTUM, *features.VERTEX)
    | keys("particle", "mc_t3_x", "mc_ecal_x", "mc_ecal_y")
)
"""Columns that sources are made of."""


def source_rows(batch: EventBatch) -> Mask:
    """Sources: stable photons, e, mu, pi, K, p that come to the face, shape ``(n_particles,)``."""
    particle = batch.particle
    p = momentum(*(particle[c].astype(np.float64) for c in features.MOMENTUM))
    known = np.isin(np.abs(particle["mc_pdg_id"]), list(_KINDS.values()))
    comes = (particle["mc_pz"] > 0.0) & (particle["mc_vz"] < geometry.ECAL_Z) & (p > LEAST_P)
    x, y = (particle[c].astype(np.float64) for c in ("mc_ecal_x", "mc_ecal_y"))
    inside = (np.abs(x) < FACE[0]) & (np.abs(y) < FACE[1]) & (np.hypot(x, y) > PIPE)
    mask: Mask = known & comes & inside & particle["mc_stable"].astype(bool)
    return mask


def region_of(x: Floats, y: Floats) -> Ints:
    """0 outer, 1 middle, 2 inner, for places in the plane of the cells [mm], shapes ``(n,)``."""
    inside = [(np.abs(x) < a) & (np.abs(y) < b) for a, b in BORDERS[1:]]
    region: Ints = np.sum(inside, axis=0, dtype=np.int64)
    return region


def source_columns(batch: EventBatch, rows: Mask, names: tuple[str, ...] | None = None) -> Columns:
    """Features of the sources that are particles, each of shape ``(rows.sum(),)``.

    Args:
        batch: events.
        rows: `source_rows`.
        names: what is needed; what takes long is left out if it is not. None for all.
    """
    particle = batch.particle
    px, py, pz, vx, vy, vz = (
        particle[c][rows].astype(np.float64) for c in features.MOMENTUM + features.VERTEX
    )
    x, y = (particle[c][rows].astype(np.float64) for c in ("mc_ecal_x", "mc_ecal_y"))
    tx = (x - particle["mc_t3_x"][rows]) / (geometry.ECAL_Z - geometry.T3_Z)
    ty = py / np.maximum(pz, 1e-3)
    # Charged particles are bent before T3; what is born behind it goes straight.
    straight = (particle["mc_charge"][rows] == 0) | (vz > geometry.T3_Z)
    tx = np.where(straight, px / np.maximum(pz, 1e-3), tx)
    x, y = x - tx * (geometry.ECAL_Z - CELL_Z), y - ty * (geometry.ECAL_Z - CELL_Z)
    line = vx + px / np.maximum(pz, 1e-3) * (CELL_Z - vz)
    pdg = np.abs(particle["mc_pdg_id"][rows])
    track = particle["track_type"][rows]
    out = _place(x, y) | {"tx": tx, "ty": ty}
    p = np.maximum(momentum(px, py, pz), 1.0)
    out["log_e"] = np.log(p)
    out["log_et"] = np.log(p * np.hypot(x, y) / np.hypot(CELL_Z, np.hypot(x, y)) + 1.0)
    # Not the energy that is lost: it is nought for nearly all, and the few would be out of bounds.
    out["log_filled"] = np.log(filled_part(x, y, out["unit"], p))
    out["line_dx"] = np.arcsinh((line - x) / out["unit"])
    out["log_vr"], out["vz"] = np.log10(np.hypot(vx, vy) + 1e-3), vz / 1000.0
    out |= {f"is_{name}": (pdg == code).astype(np.float64) for name, code in _KINDS.items()}
    out["is_zone"] = np.zeros(len(x))
    out["charge"] = particle["mc_charge"][rows].astype(np.float64)
    out |= features.track_flags(track)
    for name in ("n_spd_hits", "n_tracks"):
        out[f"log_{name}"] = np.log1p(batch.event_column("particle", name)[rows])
    if names is None or not set(IMAGE).isdisjoint(names):
        counts = np.bincount(particle.event_index[rows], minlength=len(batch))
        offsets = np.concatenate([[0], np.cumsum(counts)])
        out |= expected_image(x, y, left_energy(out), region_of(x, y), offsets)
    return out


def left_energy(columns: Columns) -> Floats:
    """Energy [MeV] that sources leave: what does not shower leaves `MIP` at the most.

    Args:
        columns: features of the sources, shapes ``(n,)``.

    Returns:
        Shape ``(n,)``.
    """
    energy = np.exp(columns["log_e"])
    showers = columns["is_photon"] + columns["is_e"] > 0.0
    return np.where(showers, energy, np.minimum(energy, MIP))


def _zone_columns(batch: EventBatch, names: tuple[str, ...]) -> Columns:
    """The same of the background zones of all events, event after event."""
    # A zone stands at the middle of the right half of its region.
    middle = [
        0.5 * (wide[0] + hole[0]) for wide, hole in zip(BORDERS, (*BORDERS[1:], HOLE), strict=True)
    ]
    x = np.tile(np.array(middle), len(batch))
    known = _place(x, np.zeros(len(x)))
    out = {name: known.get(name, np.zeros(len(x))) for name in names}
    out["log_e"] = np.full(len(x), np.log(ZONE_ENERGY))
    out["log_et"] = out["log_e"]
    energy = np.full(len(x), ZONE_ENERGY)
    out["log_filled"] = np.log(filled_part(x, np.zeros(len(x)), known["unit"], energy))
    out["is_zone"] = np.ones(len(x))
    for name in ("n_spd_hits", "n_tracks"):
        out[f"log_{name}"] = np.repeat(np.log1p(batch.event[name]), ZONES)
    return out


def _place(x: Floats, y: Floats) -> Columns:
    """What a place in the plane of the cells tells."""
    region = region_of(x, y)
    unit = np.asarray(CELLS)[region]
    ax, ay = np.abs(x), np.abs(y)
    out = {"x": x / 1000.0, "y": y / 1000.0, "unit": unit, "log_r": np.log(np.hypot(x, y) + 1.0)}
    out["phase_x"], out["phase_y"] = (v / unit - np.floor(v / unit) - 0.5 for v in (x, y))
    out["is_middle"], out["is_inner"] = (region == 1) * 1.0, (region == 2) * 1.0
    hole = np.maximum(ax - HOLE[0], ay - HOLE[1])
    out["hole"] = np.clip(hole / CELLS[2], -2.0, 4.0)
    for name, (a, b), size in zip(("edge", "outer", "inner"), BORDERS, CELLS, strict=True):
        out[name] = np.clip(np.maximum(ax - a, ay - b) / size, -2.0, 2.0)
    return out


COPIED = (
    *("log_e", "log_et", "tx", "ty", "line_dx", "is_photon", "is_e", "is_mu", "is_zone"),
    *("charge", "is_long", "is_downstream", "is_middle", "is_inner", "hole", "edge"),
    *("log_filled", *IMAGE),
)
"""Features that a cluster takes over from its owner."""


def numbered(batch: EventBatch, rows: Mask, zones: bool) -> Ints:
    """Number of each source in its event: ``mcparticle_id``, or -1, -2, ... for zones.

    Args:
        batch: events.
        rows: `source_rows`.
        zones: whether there are background zones.

    Returns:
        Numbers in the order of `make_sources`, shape ``(n_sources,)``.
    """
    number = batch.particle["mcparticle_id"][rows].astype(np.int64)
    if not zones:
        return number
    order = _merged_order(batch, rows)
    return np.concatenate([number, np.tile(-1 - np.arange(ZONES), len(batch))])[order]


def _merged_order(batch: EventBatch, rows: Mask) -> Ints:
    """Order that puts the zones of each event behind its particles."""
    event = batch.particle.event_index[rows]
    zone_event = np.repeat(np.arange(len(batch)), ZONES)
    return np.argsort(np.concatenate([event, zone_event]), kind="stable")


def make_sources(batch: EventBatch, rows: Mask, names: tuple[str, ...], zones: bool) -> Sources:
    """The sources of all events.

    Args:
        batch: events.
        rows: `source_rows`, shape ``(n_particles,)``.
        names: features wanted, in order.
        zones: whether to add the background zones.
    """
    columns = source_columns(batch, rows, names)
    counts = np.bincount(batch.particle.event_index[rows], minlength=len(batch))
    table, others = _tabulated(columns, names)
    if zones:
        extra, order = _zone_columns(batch, tuple(columns)), _merged_order(batch, rows)
        more = _tabulated(extra, names)
        table = np.concatenate([table, more[0]])[order]
        others = np.concatenate([others, more[1]])[order]
        counts = counts + ZONES
    x, y, unit, energy, zone = others.T
    return Sources(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        features=table,
        x=1000.0 * x,
        y=1000.0 * y,
        unit=unit.copy(),
        energy=np.where(zone > 0.0, ZONE_ENERGY, energy),
        zone=zone > 0.0,
    )


def source_kinds(sources: Sources, names: Sequence[str]) -> Ints:
    """Kind of each source, shape ``(n_sources,)``.

    Args:
        sources: the sources.
        names: their features, in order.

    Returns:
        0 to 2 for photons, 3 to 5 for other particles, 6 to 8 for zones; of each the outer, the
        middle, the inner region.
    """
    photon = sources.features[:, names.index("is_photon")] > 0.5
    kind = np.where(sources.zone, 2, np.where(photon, 0, 1))
    return len(CELLS) * kind + region_of(sources.x, sources.y)


def owner_kinds(sources: Sources, names: Sequence[str]) -> Ints:
    """Kind of each source by which numbers of clusters are told apart, shape ``(n_sources,)``.

    Args:
        sources: the sources.
        names: their features, in order.

    Returns:
        Those of `source_kinds`, each of photons divided by `PHOTON_ET`; in the same order.
    """
    kinds, n = source_kinds(sources, names), len(PHOTON_ET) + 1
    log_et = sources.features[:, names.index("log_et")]
    by_et = n * kinds + np.searchsorted(np.log1p(PHOTON_ET), log_et, "right")
    divided: Ints = np.where(kinds < len(CELLS), by_et, kinds + len(CELLS) * (n - 1))
    return divided


def _tabulated(columns: Columns, names: tuple[str, ...]) -> tuple[Floats32, Floats]:
    """Features wanted, and what sources consist of besides, as two arrays."""
    table = np.empty((len(columns["x"]), len(names)), np.float32)
    for k, name in enumerate(names):
        table[:, k] = columns[name]
    others = [columns[k] for k in ("x", "y", "unit")] + [left_energy(columns), columns["is_zone"]]
    return table, np.stack(others, axis=1)
