"""From generated events to reconstructed ones through the reference detector."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .. import rng, schema
from ..arrays import Columns, Floats, Ints, Mask
from ..events import EventBatch, Table
from ..physics import particles
from ..physics.kinematics import closest_to_beam, momentum
from ..physics.likelihoods import combined_dlls
from . import (
    arrivals,
    backward,
    geometry,
    matter,
    muon,
    occupancy,
    pattern,
    reconstruction,
    rings,
    transport,
    vertexing,
)
from .calorimeter.showers import NONE, Showers
from .calorimeter.simulate import CaloResult, simulate_calorimeter
from .compiled import shared
from .parameters import DEFAULT, Parameters
from .reconstruction import Tracks

_MATTER = ("velo_x0", "foil_x0", "velo_exit_x0", "tt_x0", "t_x0", "pipe_x0")
_EFFICIENCIES = ("velo_efficiency", "tt_efficiency", "it_efficiency", "ot_efficiency")
_MIN_PHOTON = 100.0  # MeV: softer photons make no electrons that reach anything
_LEAST_COS = 0.15  # to the z axis: the VELO sees nothing beyond
_PHOTON_PDG = 22

REQUIRED = (
    *("mcparticle_id", "mc_pdg_id", "mc_stable", "mc_px", "mc_py", "mc_pz"),
    *("mc_vx", "mc_vy", "mc_vz", "mc_pv_id", "mc_charge"),
)
"""Particle columns that the detailed simulation needs."""


@shared("lamarr_like.detailed.behind")
def simulate_detailed(
    batch: EventBatch, seed: int, par: Parameters = DEFAULT, showers: Showers = NONE
) -> EventBatch:
    """Simulate and reconstruct a batch of generated events.

    Events whose ``polarity`` is 1 are simulated as mirror images, see `EventBatch.at_polarity`.

    Args:
        batch: events with the tables ``event``, ``vertex`` and ``particle``.
        seed: seed of the run; the result of an event depends on it and on the event alone.
        par: parameters of the reference detector.
        showers: makes showers of photons and electrons in place of the parametrisation.

    Returns:
        The batch with the occupancy in ``event``, ``in_acceptance``, ``track_type`` and the true
        closest point to the beam in ``particle``, and the tables ``track``, ``reco_vertex``,
        ``cluster`` and ``cluster_link``.

    Raises:
        SchemaError: if a column is missing.
    """
    schema.require("particle", batch.particle.columns, REQUIRED, "detailed simulation")
    return batch.at_polarity(lambda events: _simulated(events, seed, par, showers))


def _simulated(batch: EventBatch, seed: int, par: Parameters, showers: Showers) -> EventBatch:
    planes = geometry.build_planes(par)
    rows, initial = _visible(batch, par)
    sim = _followed(batch, rows, initial, seed, planes, par)
    event = batch.particle.event_index[rows[sim.row]]
    offsets = np.searchsorted(event, np.arange(len(batch) + 1))
    event_id = batch.event["event_id"][event].astype(np.int64)
    local = np.arange(len(event)) - offsets[event]
    able = pattern.reconstructible(sim, par)
    u = rng.uniforms(seed, "detailed/pattern", event_id, local, 4)
    found = pattern.find(sim, able, event, u, len(batch), par)
    ghosts = pattern.find_ghosts(sim, found, offsets, event_id, seed, par)
    tracks = reconstruction.reconstruct(sim, found, ghosts, event, event_id, seed, planes, par)
    dll = rings.rich_of_tracks(batch, sim, found, tracks, event, seed, planes, par)
    track_event = event[tracks.velo_row]
    table = reconstruction.track_table(batch, rows, sim, tracks, dll, track_event)
    link = batch.particle["mcparticle_id"][rows[sim.row]].astype(np.int64)
    behind = _behind_the_trackers(batch, sim, tracks, event, local, link, seed, par, showers)
    table = _with_identity(table, *behind)
    calo = behind[0]
    velo = _velo_tracks(batch, rows, sim, found, tracks, event, planes, par)
    forward = _forward_segments(batch, rows, sim, found, event)
    away = backward.backward_tracks(batch, forward, initial, rows, seed, par)
    vertices = vertexing.vertex_table(vertexing.joined(velo, away), len(batch), par)
    n_tracks = np.bincount(track_event, minlength=len(batch))
    n_tracks += occupancy.unused_segments(found, tracks, event, len(batch))
    n_tracks += np.bincount(away.event, minlength=len(batch))
    ids = batch.event["event_id"].astype(np.int64)
    n_tracks += occupancy.stray_segments(n_tracks, ids, seed, par)
    accepted = _acceptance(batch, rows, sim, able, par)
    out = _with_truth(batch, rows, sim, able, accepted, tracks)
    return (
        out.with_table("track", table)
        .with_table("reco_vertex", vertices)
        .with_table("cluster", calo.cluster)
        .with_table("cluster_link", calo.link)
        .with_columns(
            "event",
            n_spd_hits=occupancy.spd_hits(batch, sim, event, local, seed, par),
            n_tracks=schema.as_declared("event", "n_tracks", n_tracks),
            n_pvs=schema.as_declared("event", "n_pvs", vertices.counts),
        )
    )


def _visible(batch: EventBatch, par: Parameters) -> tuple[Ints, Floats]:
    """Every particle that the detector can see: rows, and where it starts (`transport.follow`)."""
    table = batch.particle
    absolute = np.abs(table["mc_pdg_id"])
    p = momentum(table["mc_px"], table["mc_py"], table["mc_pz"])
    seen = particles.is_tracked(absolute) | ((absolute == _PHOTON_PDG) & (p > _MIN_PHOTON))
    seen &= table["mc_stable"] & (table["mc_pz"] > _LEAST_COS * p) & (table["mc_vz"] < par.spd_z)
    rows = np.flatnonzero(seen)
    species = np.zeros(len(rows))
    for pdg, code in matter.SPECIES_OF_PDG.items():
        species[absolute[rows] == pdg] = code
    pz = table["mc_pz"][rows]
    place = [table[c][rows] for c in ("mc_vx", "mc_vy", "mc_vz")]
    slopes = [table["mc_px"][rows] / pz, table["mc_py"][rows] / pz]
    columns = [*place, *slopes, p[rows], species, table["mc_charge"][rows]]
    return rows, np.stack(columns, axis=1).astype(np.float64)


def _followed(
    batch: EventBatch,
    rows: Ints,
    initial: Floats,
    seed: int,
    planes: geometry.Planes,
    par: Parameters,
) -> transport.Simulated:
    """What happens to particles on their way."""
    event_id = batch.event_ids("particle")[rows]
    link = batch.particle["mcparticle_id"][rows]
    keys = rng.stream_keys(seed, "detailed/transport", event_id, link)
    return transport.follow(keys, initial, planes, par)


def _forward_segments(
    batch: EventBatch,
    rows: Ints,
    sim: transport.Simulated,
    found: pattern.Found,
    event: Ints,
) -> Ints:
    """VELO segments of the generated particles of each collision, shape ``(n_vertices,)``."""
    collision = batch.particle["mc_pv_id"][rows[sim.row]].astype(np.int64)
    own = found.velo & (sim.generation == 0) & (collision >= 0)
    place = batch.vertex.offsets[event[own]] + collision[own]
    return np.bincount(place, minlength=len(batch.vertex))


def _behind_the_trackers(
    batch: EventBatch,
    sim: transport.Simulated,
    tracks: Tracks,
    event: Ints,
    local: Ints,
    link: Ints,
    seed: int,
    par: Parameters,
    showers: Showers,
) -> tuple[CaloResult, Columns]:
    """Calorimeters and muon system: what they made of the event, and of the tracks.

    Args:
        batch: the generated events.
        sim: what happened to the followed particles.
        tracks: the accepted tracks.
        event: position of the event of each followed particle, shape ``(n,)``.
        local: its number within the event, shape ``(n,)``.
        link: ``mcparticle_id`` of the generated particle it stems from, shape ``(n,)``.
        seed: seed of the run.
        par: parameters.
        showers: of photons and electrons.
    """
    ids = batch.event["event_id"].astype(np.int64)
    track_event = event[tracks.velo_row]
    arrived = arrivals.arrivals(sim, event, local, link)
    lines = arrivals.pointing(sim, tracks, track_event, ids[track_event], link, seed, par)
    return (
        simulate_calorimeter(arrived, lines, ids, seed, par, showers),
        muon.simulate_muons(arrived, lines, ids, seed, par),
    )


def _with_identity(table: Table, calo: CaloResult, muons: Columns) -> Table:
    """The table of tracks with the columns of calorimeters and muon system, and their sums."""
    found = {**calo.track, **muons}
    found = {name: schema.as_declared("track", name, values) for name, values in found.items()}
    return table.with_columns(**found, **combined_dlls({**table.columns, **found}))


def _acceptance(
    batch: EventBatch,
    rows: Ints,
    sim: transport.Simulated,
    able: pattern.Reconstructible,
    par: Parameters,
) -> Mask:
    """Charged particles whose undisturbed path is that of a long, upstream or downstream track.

    Those that were not reconstructible fly once more as muons through an empty detector without
    inefficient sensors: what they lost by interactions, decays and scattering is no matter of
    acceptance.  Shape ``(n_particles,)``.
    """
    accepted = np.zeros(len(batch.particle), np.bool_)
    charged = np.flatnonzero((sim.generation == 0) & (sim.charge != 0))
    ok = able.any_track[charged]
    accepted[rows[sim.row[charged[ok]]]] = True
    again = charged[~ok]
    initial = np.column_stack(
        [sim.start[again], np.full(len(again), float(matter.MUON)), sim.charge[again]]
    )
    nothing: dict[str, Any] = dict.fromkeys(_MATTER, 0.0) | dict.fromkeys(_EFFICIENCIES, 1.0)
    empty = replace(par, **nothing, passive=(), outlier_fraction=0.0)
    keys = np.zeros(len(again), np.uint64)
    ghost = transport.follow(keys, initial, geometry.build_planes(empty), empty)
    clear = pattern.reconstructible(ghost, par).any_track
    accepted[rows[sim.row[again[ghost.row[clear]]]]] = True
    return accepted


def _with_truth(
    batch: EventBatch,
    rows: Ints,
    sim: transport.Simulated,
    able: pattern.Reconstructible,
    accepted: Mask,
    tracks: Tracks,
) -> EventBatch:
    """Add acceptance, track type and the true closest point to the beam to the particles."""
    table = batch.particle
    primary = sim.generation == 0
    charged = sim.charge != 0
    whole = np.zeros(len(table), np.bool_)
    whole[rows[sim.row[primary & charged & able.velo & able.t]]] = True
    track_type = np.zeros(len(table), np.int8)
    real = ~tracks.is_ghost & primary[tracks.velo_row]
    track_type[rows[sim.row[tracks.velo_row[real]]]] = tracks.track_type[real]
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y, z = closest_to_beam(
            table["mc_vx"],
            table["mc_vy"],
            table["mc_vz"],
            table["mc_px"] / table["mc_pz"],
            table["mc_py"] / table["mc_pz"],
        )
    forward = table["mc_pz"] > 0.0
    point = {
        name: np.where(forward, value, table[origin])
        for name, value, origin in (
            ("mc_ctb_x", x, "mc_vx"),
            ("mc_ctb_y", y, "mc_vy"),
            ("mc_ctb_z", z, "mc_vz"),
        )
    }
    return batch.with_columns(
        "particle",
        in_acceptance=accepted,
        reconstructible_long=whole,
        track_type=track_type,
        **point,
    )


def _velo_tracks(
    batch: EventBatch,
    rows: Ints,
    sim: transport.Simulated,
    found: pattern.Found,
    tracks: Tracks,
    event: Ints,
    planes: geometry.Planes,
    par: Parameters,
) -> vertexing.VertexTracks:
    """What vertices are made of: long and upstream tracks, and the other VELO segments.

    Segments without a momentum are fitted as if all had the same transverse one.
    """
    whole = ~tracks.is_ghost & (tracks.track_type != reconstruction.DOWNSTREAM)
    alone = found.velo.copy()
    alone[tracks.velo_row[whole]] = False
    velo = np.flatnonzero(alone)
    fit = reconstruction.fit_velo(sim, velo, planes, par)
    usable = (fit.n_dof > 0) & (fit.chi2[:, 0] / np.maximum(fit.n_dof, 1) < par.chi2_max)
    row = np.concatenate([tracks.velo_row[whole], velo[usable]])
    order = np.argsort(row, kind="stable")
    collision = batch.particle["mc_pv_id"][rows[sim.row[row]]]
    columns = (
        np.concatenate([tracks.fit.state[whole], fit.state[usable]]),
        np.concatenate([tracks.fit.covariance[whole], fit.covariance[usable]]),
        event[row],
        np.where(sim.generation[row] == 0, collision, -1),
    )
    return vertexing.VertexTracks._make(column[order] for column in columns)
