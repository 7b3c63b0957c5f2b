"""Track candidates, their fits and the table of reconstructed tracks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import schema
from ..arrays import Floats, Ints, Mask
from ..events import EventBatch, Table
from ..physics.kinematics import momentum_components, pseudorapidity
from . import geometry, pattern, rich, trackfit, transport
from .ghost import ghost_probability
from .parameters import Parameters
from .sensors import Hits

_LEAST_QOP = 1e-7  # 1/MeV: no track is stiffer than 10 TeV
_LEAST_SINE = 1e-3  # of the polar angle, for segments along the beam
_IS_SECONDARY, _IS_GHOST = 1, 2  # codes of ``origin``

LONG, UPSTREAM, DOWNSTREAM = (schema.TRACK_TYPES[k] for k in ("long", "upstream", "downstream"))

_MEASURED = (
    (LONG, slice(0, geometry.N_MEASUREMENTS)),
    (UPSTREAM, slice(0, geometry.FIRST_T)),
    (DOWNSTREAM, slice(geometry.N_VELO, geometry.N_MEASUREMENTS)),
)
"""Track types, best first, and the measurements of each."""


class Tracks(NamedTuple):
    """Accepted tracks, grouped by event.

    Attributes:
        velo_row: followed particle that gave the VELO (and TT) hits, shape ``(n,)``.
        t_row: followed particle that gave the T hits; another one for ghosts.
        track_type: 3 long, 4 upstream, 5 downstream.
        is_ghost: whether it is a wrong combination.
        fit: the fits.
    """

    velo_row: Ints
    t_row: Ints
    track_type: Ints
    is_ghost: Mask
    fit: trackfit.Fitted


def _seeds(sim: transport.Simulated, rows: Ints) -> Floats:
    seeds = sim.start[rows].copy()
    seeds[:, 5] = sim.charge[rows] / seeds[:, 5]
    return seeds


def _fit_rows(
    sim: transport.Simulated,
    rows: Ints,
    keep: slice,
    planes: geometry.Planes,
    par: Parameters,
) -> trackfit.Fitted:
    """Fit followed particles with a part of their hits."""
    return trackfit.fit(_seeds(sim, rows), _kept(sim, rows, keep), planes, par)


def _kept(sim: transport.Simulated, rows: Ints, keep: slice) -> Hits:
    """Measurements of some entries, of which only a part has hits."""
    hit = np.zeros((len(rows), geometry.N_MEASUREMENTS), np.bool_)
    hit[:, keep] = sim.hit[rows, keep]
    return sim.hits(rows)._replace(hit=hit)


def is_good(fit: trackfit.Fitted, par: Parameters) -> Mask:
    """Whether fits pass the quality cuts of the best-track selection, shape ``(n,)``."""
    dof = np.maximum(fit.n_dof, 1)
    inside = np.isfinite(fit.state).all(axis=1) & (np.abs(fit.state[:, 5]) > _LEAST_QOP)
    positive = (np.diagonal(fit.covariance, axis1=1, axis2=2) > 0.0).all(axis=1)
    return (fit.n_dof > 0) & (fit.chi2[:, 0] / dof < par.chi2_max) & inside & positive


def reconstruct(
    sim: transport.Simulated,
    found: pattern.Found,
    ghosts: pattern.Ghosts,
    event: Ints,
    event_id: Ints,
    seed: int,
    planes: geometry.Planes,
    par: Parameters,
) -> Tracks:
    """Fit the candidates, best type first, and keep the good ones.

    Args:
        sim: the followed particles.
        found: what was found of them.
        ghosts: wrong combinations.
        event: position of the event of each followed particle, shape ``(n,)``.
        event_id: its identifier, shape ``(n,)``.
        seed: seed of the run.
        planes: the detector.
        par: its parameters.

    Returns:
        The tracks, real ones before ghosts in each event; a particle makes one track at most.
    """
    free = np.ones(len(sim.row), np.bool_)
    parts: list[Tracks] = []
    wanted = (found.long, found.upstream, found.downstream)
    for candidates, (code, keep) in zip(wanted, _MEASURED, strict=True):
        rows = np.flatnonzero(candidates & free)
        fit = _fit_rows(sim, rows, keep, planes, par)
        good = is_good(fit, par)
        free[rows[good]] = False
        parts.append(_accepted(rows[good], rows[good], code, False, take(fit, good)))
    seeds, hits = pattern.ghost_hits(sim, ghosts, event_id, seed, planes, par)
    fit = trackfit.fit(seeds, hits, planes, par)
    good = is_good(fit, par) & free[ghosts.velo]
    parts.append(_accepted(ghosts.velo[good], ghosts.t[good], LONG, True, take(fit, good)))
    return _joined(parts, event)


def _accepted(velo: Ints, t: Ints, code: int, ghost: bool, fit: trackfit.Fitted) -> Tracks:
    kinds, ghosts = np.full(len(velo), code), np.full(len(velo), ghost)
    return Tracks(velo_row=velo, t_row=t, track_type=kinds, is_ghost=ghosts, fit=fit)


def _joined(parts: list[Tracks], event: Ints) -> Tracks:
    """All parts in order of event, real tracks before ghosts."""
    velo = np.concatenate([part.velo_row for part in parts])
    ghost = np.concatenate([part.is_ghost for part in parts])
    order = np.lexsort((velo, ghost, event[velo]))
    fits = zip(*(part.fit for part in parts), strict=True)
    return Tracks(
        velo_row=velo[order],
        t_row=np.concatenate([part.t_row for part in parts])[order],
        track_type=np.concatenate([part.track_type for part in parts])[order],
        is_ghost=ghost[order],
        fit=trackfit.Fitted._make(np.concatenate(columns)[order] for columns in fits),
    )


def take(fit: trackfit.Fitted, rows: Mask) -> trackfit.Fitted:
    """Some of the fits, by a mask of shape ``(n,)``."""
    return trackfit.Fitted._make(a[rows] for a in fit)


def fit_velo(
    sim: transport.Simulated, rows: Ints, planes: geometry.Planes, par: Parameters
) -> trackfit.Fitted:
    """Straight-line fits of VELO segments, scattering at a fixed pT.

    Args:
        sim: the followed particles.
        rows: those that have the segments, shape ``(k,)``.
        planes: the detector.
        par: its parameters.

    Returns:
        A fit for each of them, in their order.
    """
    seeds = _seeds(sim, rows)
    slope = np.hypot(seeds[:, 3], seeds[:, 4])
    sine = np.maximum(slope / np.sqrt(1.0 + slope * slope), _LEAST_SINE)
    seeds[:, 5] = np.sign(seeds[:, 5]) * sine / par.velo_only_pt
    hits = _kept(sim, rows, slice(0, geometry.N_VELO))
    return trackfit.fit(seeds, hits, planes, par, fixed_momentum=True)


def track_table(
    batch: EventBatch,
    rows: Ints,
    sim: transport.Simulated,
    tracks: Tracks,
    dll: Floats,
    event: Ints,
) -> Table:
    """The table ``track``.

    Args:
        batch: the generated events.
        rows: generated particles that were followed, as rows of their table.
        sim: what happened to them.
        tracks: the accepted tracks.
        dll: their RICH likelihood differences, shape ``(n, 6)``.
        event: position of the event of each, shape ``(n,)``.
    """
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
        "origin": np.where(tracks.is_ghost, _IS_GHOST, np.where(primary, 0, _IS_SECONDARY)),
        "charge": np.sign(qop),
        **{"x": x, "y": y, "z": z, "tx": tx, "ty": ty, "p": p, "px": px, "py": py, "pz": pz},
        "pt": np.hypot(px, py),
        "eta": pseudorapidity(px, py, pz),
        "chi2_per_dof": fit.chi2[:, 0] / fit.n_dof,
        "n_dof": fit.n_dof,
        "ghost_prob": ghost_probability(fit, tracks.track_type),
        "decay_z": np.where(primary, sim.decay_z[tracks.velo_row], 0.0),
    }
    for j in range(5):
        for i in range(j + 1):
            columns[f"cov{i}{j}"] = 0.5 * (fit.covariance[:, i, j] + fit.covariance[:, j, i])
    kept = [h for h, name in enumerate(rich.HYPOTHESES) if name != "pi"]
    columns |= {name: dll[:, h] for name, h in zip(schema.RICH_DLL_NAMES, kept, strict=True)}
    declared = {k: schema.as_declared("track", k, v) for k, v in columns.items()}
    return Table.from_counts(declared, counts)
