"""From generated events to reconstructed ones through the reference detector."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from .. import particles, rng, schema
from ..events import EventBatch, Table
from ..kinematics import closest_to_beam, momentum, momentum_components, pseudorapidity
from . import geometry, pattern, rich, trackfit, transport, vertexing
from .ghost import ghost_probability
from .parameters import DEFAULT, Parameters

_LONG, _UPSTREAM, _DOWNSTREAM = (schema.TRACK_TYPES[k] for k in ("long", "upstream", "downstream"))
_MIN_PHOTON = 100.0  # MeV: softer photons make no electrons that reach anything

REQUIRED = (
    *("mcparticle_id", "mc_pdg_id", "mc_stable", "mc_px", "mc_py", "mc_pz"),
    *("mc_vx", "mc_vy", "mc_vz", "mc_pv_id", "mc_charge"),
)
"""Particle columns that the detailed simulation needs."""


class _Tracks(NamedTuple):
    """Accepted tracks: which followed particle gave which hits, and the fit."""

    velo_row: NDArray[np.int64]
    t_row: NDArray[np.int64]
    track_type: NDArray[np.int64]
    is_ghost: NDArray[np.bool_]
    fit: trackfit.Fitted


def simulate_detailed(batch: EventBatch, seed: int, par: Parameters = DEFAULT) -> EventBatch:
    """Simulate and reconstruct a batch of generated events.

    Args:
        batch: events with the tables ``event``, ``vertex`` and ``particle``.
        seed: seed of the run; the result of an event depends on it and on the event alone.
        par: parameters of the reference detector.

    Returns:
        The batch with the occupancy in ``event``, ``in_acceptance``, ``track_type`` and the true
        closest point to the beam in ``particle``, and the tables ``track`` and ``reco_vertex``.

    Raises:
        SchemaError: if a column is missing.
    """
    schema.require("particle", batch.particle.columns, REQUIRED, "detailed simulation")
    planes = geometry.build_planes(par)
    rows, sim = _transport(batch, seed, planes, par)
    event = batch.particle.event_index[rows[sim.row]]
    offsets = np.searchsorted(event, np.arange(len(batch) + 1))
    event_id = batch.event["event_id"][event].astype(np.int64)
    local = np.arange(len(event)) - offsets[event]
    able = pattern.reconstructible(sim, par)
    u = rng.uniforms(seed, "detailed/pattern", event_id, local, 4)
    found = pattern.find(sim, able, event, u, len(batch), par)
    ghosts = pattern.find_ghosts(sim, found, offsets, event_id, seed, par)
    tracks, velo_fit = _reconstruct(sim, found, ghosts, event, event_id, seed, planes, par)
    dll = _rich(batch, sim, tracks, event, offsets, seed, par)
    track_event = event[tracks.velo_row]
    out = _with_truth(batch, rows, sim, able, tracks)
    out = out.with_table("track", _track_table(batch, rows, sim, tracks, dll, track_event))
    out, n_pvs = _with_vertices(out, rows, sim, found, velo_fit, event, par)
    n_best = np.bincount(track_event, minlength=len(batch))
    alone = _unused_segments(found, tracks, event, len(batch))
    return out.with_columns(
        "event",
        n_spd_hits=_spd_hits(batch, sim, event, local, seed, par),
        n_tracks=schema.as_declared("event", "n_tracks", n_best + alone),
        n_pvs=schema.as_declared("event", "n_pvs", n_pvs),
    )


def _transport(
    batch: EventBatch, seed: int, planes: geometry.Planes, par: Parameters
) -> tuple[NDArray[np.int64], transport.Simulated]:
    """Follow every particle that the detector can see; returns their rows and what happened."""
    table = batch.particle
    absolute = np.abs(table["mc_pdg_id"])
    p = momentum(table["mc_px"], table["mc_py"], table["mc_pz"])
    seen = particles.is_tracked(absolute) | ((absolute == 22) & (p > _MIN_PHOTON))
    seen &= table["mc_stable"] & (table["mc_pz"] > 0.15 * p) & (table["mc_vz"] < par.spd_z)
    rows = np.flatnonzero(seen)
    species = np.zeros(len(rows))
    for pdg, code in transport.SPECIES_OF_PDG.items():
        species[absolute[rows] == pdg] = code
    pz = table["mc_pz"][rows]
    initial = np.stack(
        [
            *(table[c][rows] for c in ("mc_vx", "mc_vy", "mc_vz")),
            *(table["mc_px"][rows] / pz, table["mc_py"][rows] / pz),
            *(p[rows], species, table["mc_charge"][rows]),
        ],
        axis=1,
    ).astype(np.float64)
    event_id = batch.event_ids("particle")[rows]
    keys = rng.stream_keys(seed, "detailed/transport", event_id, table["mcparticle_id"][rows])
    return rows, transport.follow(keys, initial, planes, par)


def _seeds(sim: transport.Simulated, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    seeds = sim.start[rows].copy()
    seeds[:, 5] = sim.charge[rows] / seeds[:, 5]
    return seeds


def _fit_rows(
    sim: transport.Simulated,
    rows: NDArray[np.int64],
    keep: slice,
    planes: geometry.Planes,
    par: Parameters,
) -> trackfit.Fitted:
    """Fit followed particles with a part of their hits."""
    hit = np.zeros((len(rows), geometry.N_MEASUREMENTS), np.bool_)
    hit[:, keep] = sim.hit[rows, keep]
    return trackfit.fit(_seeds(sim, rows), sim.value[rows], sim.angle[rows], hit, planes, par)


def _good(fit: trackfit.Fitted, par: Parameters) -> NDArray[np.bool_]:
    """Quality cuts of the best-track selection."""
    dof = np.maximum(fit.n_dof, 1)
    inside = np.isfinite(fit.state).all(axis=1) & (np.abs(fit.state[:, 5]) > 1e-7)
    positive = (np.diagonal(fit.covariance, axis1=1, axis2=2) > 0.0).all(axis=1)
    return (fit.n_dof > 0) & (fit.chi2[:, 0] / dof < par.chi2_max) & inside & positive


def _reconstruct(
    sim: transport.Simulated,
    found: pattern.Found,
    ghosts: pattern.Ghosts,
    event: NDArray[np.int64],
    event_id: NDArray[np.int64],
    seed: int,
    planes: geometry.Planes,
    par: Parameters,
) -> tuple[_Tracks, trackfit.Fitted]:
    """Fit candidates, best type first; returns the tracks by event and the VELO fits."""
    free = np.ones(len(sim.row), np.bool_)
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], int, bool, trackfit.Fitted]] = []
    kinds = (
        (_LONG, found.long, slice(0, geometry.N_MEASUREMENTS)),
        (_UPSTREAM, found.upstream, slice(0, geometry.FIRST_T)),
        (_DOWNSTREAM, found.downstream, slice(geometry.N_VELO, geometry.N_MEASUREMENTS)),
    )
    for code, wanted, keep in kinds:
        rows = np.flatnonzero(wanted & free)
        fit = _fit_rows(sim, rows, keep, planes, par)
        good = _good(fit, par)
        free[rows[good]] = False
        parts.append((rows[good], rows[good], code, False, _take(fit, good)))
    measured = pattern.ghost_hits(sim, ghosts, event_id, seed, planes, par)
    fit = trackfit.fit(*measured, planes, par)
    good = _good(fit, par) & free[ghosts.velo]
    parts.append((ghosts.velo[good], ghosts.t[good], _LONG, True, _take(fit, good)))
    velo_rows = np.concatenate([p[0] for p in parts])
    is_ghost = np.concatenate([np.full(len(p[0]), p[3]) for p in parts])
    order = np.lexsort((velo_rows, is_ghost, event[velo_rows]))
    joined = trackfit.Fitted(
        *(np.concatenate([getattr(p[4], f) for p in parts])[order] for f in fit._fields)
    )
    tracks = _Tracks(
        velo_row=velo_rows[order],
        t_row=np.concatenate([p[1] for p in parts])[order],
        track_type=np.concatenate([np.full(len(p[0]), p[2]) for p in parts])[order],
        is_ghost=is_ghost[order],
        fit=joined,
    )
    return tracks, _fit_velo(sim, np.flatnonzero(found.velo), planes, par)


def _take(fit: trackfit.Fitted, rows: NDArray[np.bool_]) -> trackfit.Fitted:
    return trackfit.Fitted(*(a[rows] for a in fit))


def _fit_velo(
    sim: transport.Simulated, rows: NDArray[np.int64], planes: geometry.Planes, par: Parameters
) -> trackfit.Fitted:
    """Straight-line fits of VELO segments, scattering taken at a fixed transverse momentum."""
    seeds = _seeds(sim, rows)
    slope = np.hypot(seeds[:, 3], seeds[:, 4])
    sine = np.maximum(slope / np.sqrt(1.0 + slope * slope), 1e-3)
    seeds[:, 5] = np.sign(seeds[:, 5]) * sine / par.velo_only_pt
    hit = np.zeros((len(rows), geometry.N_MEASUREMENTS), np.bool_)
    hit[:, : geometry.N_VELO] = sim.hit[rows, : geometry.N_VELO]
    return trackfit.fit(
        seeds, sim.value[rows], sim.angle[rows], hit, planes, par, fixed_momentum=True
    )


def _rich(
    batch: EventBatch,
    sim: transport.Simulated,
    tracks: _Tracks,
    event: NDArray[np.int64],
    offsets: NDArray[np.int64],
    seed: int,
    par: Parameters,
) -> NDArray[np.float64]:
    """RICH log-likelihood differences of all tracks, shape ``(n, 6)``."""
    measured = np.stack([sim.rich[tracks.velo_row, 0], sim.rich[tracks.t_row, 1]], axis=1)
    p = 1.0 / np.abs(tracks.fit.state[:, 5])
    measured[:, :, 2] = np.where(measured[:, :, 2] > 0.0, p[:, None], 0.0)
    measured[tracks.track_type == _DOWNSTREAM, 0, 2] = 0.0
    measured[tracks.track_type == _UPSTREAM, 1, 2] = 0.0
    track_offsets = np.searchsorted(event[tracks.velo_row], np.arange(len(batch) + 1))
    ids = batch.event["event_id"]
    keys = np.stack([rng.stream_keys(seed, "detailed/rich", ids, r) for r in (0, 1)], axis=1)
    parts = [np.zeros((0, 6))]
    for e in range(len(batch)):
        here = slice(offsets[e], offsets[e + 1])
        mine = slice(track_offsets[e], track_offsets[e + 1])
        parts.append(
            rich.rich_dlls(keys[e], sim.rich[here], sim.species[here], measured[mine], par)
        )
    return np.concatenate(parts)


def _with_truth(
    batch: EventBatch,
    rows: NDArray[np.int64],
    sim: transport.Simulated,
    able: pattern.Reconstructible,
    tracks: _Tracks,
) -> EventBatch:
    """Add acceptance, track type and the true closest point to the beam to the particles."""
    table = batch.particle
    accepted = np.zeros(len(table), np.bool_)
    primary = sim.generation == 0
    charged = sim.charge != 0
    accepted[rows[sim.row[primary & charged & able.any_track]]] = True
    whole = np.zeros(len(table), np.bool_)
    whole[rows[sim.row[primary & charged & able.velo & able.t]]] = True
    track_type = np.zeros(len(table), np.int8)
    real = ~tracks.is_ghost & primary[tracks.velo_row]
    track_type[rows[sim.row[tracks.velo_row[real]]]] = tracks.track_type[real]
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y, z = closest_to_beam(
            *(table[c] for c in ("mc_vx", "mc_vy", "mc_vz")),
            *(table["mc_px"] / table["mc_pz"], table["mc_py"] / table["mc_pz"]),
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


def _track_table(
    batch: EventBatch,
    rows: NDArray[np.int64],
    sim: transport.Simulated,
    tracks: _Tracks,
    dll: NDArray[np.float64],
    event: NDArray[np.int64],
) -> Table:
    fit = tracks.fit
    x, y, z, tx, ty, qop = fit.state.T
    p = 1.0 / np.abs(qop)
    px, py, pz = momentum_components(p, tx, ty)
    primary = ~tracks.is_ghost & (sim.generation[tracks.velo_row] == 0)
    link = batch.particle["mcparticle_id"][rows[sim.row[tracks.velo_row]]]
    counts = np.bincount(event, minlength=len(batch))
    columns = {
        "track_id": np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts),
        "mcparticle_id": np.where(primary, link, -1),
        "track_type": tracks.track_type,
        "origin": np.where(tracks.is_ghost, 2, np.where(primary, 0, 1)),
        "charge": np.sign(qop),
        **{"x": x, "y": y, "z": z, "tx": tx, "ty": ty, "p": p, "px": px, "py": py, "pz": pz},
        "pt": np.hypot(px, py),
        "eta": pseudorapidity(px, py, pz),
        "chi2_per_dof": fit.chi2[:, 0] / fit.n_dof,
        "n_dof": fit.n_dof,
        "ghost_prob": ghost_probability(fit, tracks.track_type),
    }
    for j in range(5):
        for i in range(j + 1):
            columns[f"cov{i}{j}"] = 0.5 * (fit.covariance[:, i, j] + fit.covariance[:, j, i])
    kept = [h for h, name in enumerate(rich.HYPOTHESES) if name != "pi"]
    columns |= {name: dll[:, h] for name, h in zip(schema.RICH_DLL_NAMES, kept, strict=True)}
    declared = {k: schema.as_declared("track", k, v) for k, v in columns.items()}
    return Table.from_counts(declared, counts)


def _with_vertices(
    batch: EventBatch,
    rows: NDArray[np.int64],
    sim: transport.Simulated,
    found: pattern.Found,
    fit: trackfit.Fitted,
    event: NDArray[np.int64],
    par: Parameters,
) -> tuple[EventBatch, NDArray[np.int64]]:
    """Reconstruct the primary vertices; each is linked to the collision of most of its tracks."""
    velo = np.flatnonzero(found.velo)
    usable = (fit.n_dof > 0) & (fit.chi2[:, 0] / np.maximum(fit.n_dof, 1) < par.chi2_max)
    velo, fit = velo[usable], _take(fit, usable)
    pv_of = np.where(
        sim.generation[velo] == 0, batch.particle["mc_pv_id"][rows[sim.row[velo]]], -1
    )
    bounds = np.searchsorted(event[velo], np.arange(len(batch) + 1))
    positions, covariances, sizes, links, counts = [], [], [], [], []
    for e in range(len(batch)):
        here = slice(bounds[e], bounds[e + 1])
        got = vertexing.find_vertices(fit.state[here], fit.covariance[here], par)
        positions.append(got.position)
        covariances.append(got.covariance)
        sizes.append(got.n_tracks)
        counts.append(len(got.n_tracks))
        for v in range(len(got.n_tracks)):
            owners = pv_of[here][got.owner == v]
            owners = owners[owners >= 0]
            links.append(np.bincount(owners).argmax() if len(owners) else -1)
    position = np.concatenate([np.zeros((0, 3)), *positions])
    sigma = np.sqrt(
        np.diagonal(np.concatenate([np.zeros((0, 3, 3)), *covariances]), axis1=1, axis2=2)
    )
    n_pvs = np.array(counts, dtype=np.int64)
    columns = {
        "pv_id": np.arange(len(position)) - np.repeat(np.cumsum(n_pvs) - n_pvs, n_pvs),
        "mc_pv_id": np.array(links, dtype=np.int64),
        **{axis: position[:, i] for i, axis in enumerate("xyz")},
        "n_tracks": np.concatenate([np.zeros(0, np.int64), *sizes]),
        **{f"sigma_{axis}": sigma[:, i] for i, axis in enumerate("xyz")},
    }
    declared = {k: schema.as_declared("reco_vertex", k, v) for k, v in columns.items()}
    return batch.with_table("reco_vertex", Table.from_counts(declared, n_pvs)), n_pvs


def _unused_segments(
    found: pattern.Found, tracks: _Tracks, event: NDArray[np.int64], n_events: int
) -> NDArray[np.int64]:
    """VELO and T segments that belong to no long, upstream or downstream track, by event."""
    velo, t = found.velo.copy(), found.t.copy()
    velo[tracks.velo_row[tracks.track_type != _DOWNSTREAM]] = False
    t[tracks.t_row[tracks.track_type != _UPSTREAM]] = False
    return np.bincount(event[velo], minlength=n_events) + np.bincount(
        event[t], minlength=n_events
    )


def _spd_hits(
    batch: EventBatch,
    sim: transport.Simulated,
    event: NDArray[np.int64],
    local: NDArray[np.int64],
    seed: int,
    par: Parameters,
) -> NDArray[np.int32]:
    """Distinct SPD cells lit by charged particles, backsplash and noise, by event."""
    arrived = np.flatnonzero(np.isfinite(sim.spd[:, 0]))
    event, charged = event[arrived], sim.charge[arrived] != 0
    ids = batch.event["event_id"].astype(np.int64)
    u = rng.uniforms(seed, "detailed/spd", ids[event], local[arrived], 2)
    splash = poisson.ppf(u[:, 0], par.spd_backsplash).astype(np.int64)
    source = np.repeat(np.arange(len(arrived)), splash)
    order = np.arange(len(source)) - np.repeat(np.cumsum(splash) - splash, splash)
    g = rng.normals(
        seed, "detailed/backsplash", ids[event[source]], local[arrived][source] * 100 + order, 2
    )
    direct = sim.spd[arrived][charged & (u[:, 1] < par.spd_efficiency)]
    position = np.concatenate([direct, sim.spd[arrived][source] + par.spd_backsplash_radius * g])
    owner = np.concatenate([event[charged & (u[:, 1] < par.spd_efficiency)], event[source]])
    x, y = position.T
    inside = (np.abs(x) < par.spd_half_x) & (np.abs(y) < par.spd_half_y)
    inside &= (np.abs(x) > par.spd_hole_x) | (np.abs(y) > par.spd_hole_y)
    pairs = np.unique(np.stack([owner, _spd_cell(x, y)], axis=1)[inside], axis=0)
    hits = np.bincount(pairs[:, 0], minlength=len(batch))
    noise = poisson.ppf(rng.uniforms(seed, "detailed/spd-noise", ids)[:, 0], par.spd_noise)
    return (hits + noise).astype(np.int32)


def _spd_cell(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the SPD cell at (x, y) [mm]: 40.4, 60.6 and 121.2 mm from inside out."""
    ax, ay = np.abs(x), np.abs(y)
    size = np.full(len(x), 121.2)
    size[(ax < 1939.0) & (ay < 1212.0)] = 60.6
    size[(ax < 969.0) & (ay < 727.0)] = 40.4
    cell = np.floor(x / size).astype(np.int64) * 1000 + np.floor(y / size).astype(np.int64)
    return cell * 1000 + np.round(size).astype(np.int64)
