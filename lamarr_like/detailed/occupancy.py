"""Occupancy: cells of the scintillating pad detector and segments that no track uses.

Source: [D] LHCb detector, JINST 3 (2008) S08005.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaincinv

from .. import rng
from ..arrays import Floats, Ints, Ints32
from ..events import EventBatch
from .matter import MUON
from .parameters import Parameters
from .pattern import Found
from .reconstruction import DOWNSTREAM, UPSTREAM, Tracks
from .transport import Simulated

_OUTER_CELL = 121.2  # mm, side of the outer cells of the SPD [D]
_FINER_CELLS = ((60.6, 1939.0, 1212.0), (40.4, 969.0, 727.0))
"""Side of the middle and the inner cells, half width and height of their regions [mm], [D]."""
_PER_SEGMENTS = 100.0  # that `Parameters.ghost_segments` refers to
_MOST_SPLASH = 100  # cells that one particle lights by what it throws back, to number them


def unused_segments(found: Found, tracks: Tracks, event: Ints, n_events: int) -> Ints:
    """VELO and T segments that belong to no long, upstream or downstream track, by event.

    Args:
        found: what was found of each followed particle.
        tracks: the accepted tracks.
        event: position of the event of each followed particle, shape ``(n,)``.
        n_events: number of events.
    """
    velo, t = found.velo.copy(), found.t.copy()
    velo[tracks.velo_row[tracks.track_type != DOWNSTREAM]] = False
    t[tracks.t_row[tracks.track_type != UPSTREAM]] = False
    segments = np.concatenate([event[velo], event[t]])
    return np.bincount(segments, minlength=n_events)


def stray_segments(n_tracks: Ints, event_ids: Ints, seed: int, par: Parameters) -> Ints:
    """Segments that are no particle of the event, by event.

    Clones and wrong combinations grow with the segments of the event itself; the straws of the
    outer tracker, read out over 75 ns, and slow signals of the silicon hold segments of the
    crossings before and after, which the SPD does not see.  A neighbouring crossing has a Poisson
    number of interactions, and each an exponential number of segments.

    Args:
        n_tracks: tracks and segments of particles, shape ``(n_events,)``.
        event_ids: identifiers of the events, same shape.
        seed: seed of the run.
        par: parameters.
    """
    u = rng.uniforms(seed, "detailed/stray-segments", event_ids, 0, 4)
    wrong = par.clone_share * n_tracks + par.ghost_segments * n_tracks**2 / _PER_SEGMENTS
    count = rng.poisson_quantile(u[:, 0], wrong)
    collisions = rng.poisson_quantile(u[:, 1], 2.0 * par.spill_collisions)
    spilt = gammaincinv(np.maximum(collisions, 1e-9), u[:, 2])
    count += rng.poisson_quantile(u[:, 3], par.spill_segments * spilt)
    result: Ints = count.astype(np.int64)
    return result


def spd_hits(
    batch: EventBatch,
    sim: Simulated,
    event: Ints,
    local: Ints,
    seed: int,
    par: Parameters,
) -> Ints32:
    """Distinct SPD cells lit by charged particles, backsplash and noise, by event.

    Args:
        batch: the events.
        sim: the followed particles.
        event: position of the event of each, shape ``(n,)``.
        local: their number within the event, shape ``(n,)``.
        seed: seed of the run.
        par: parameters.
    """
    arrived = np.flatnonzero(np.isfinite(sim.spd[:, 0]))
    event, charged = event[arrived], sim.charge[arrived] != 0
    ids = batch.event["event_id"].astype(np.int64)
    u = rng.uniforms(seed, "detailed/spd", ids[event], local[arrived], 2)
    splash = rng.poisson_quantile(u[:, 0], par.spd_backsplash).astype(np.int64)
    splash[sim.species[arrived] == MUON] = 0  # muons do not shower
    source = np.repeat(np.arange(len(arrived)), splash)
    order = np.arange(len(source)) - np.repeat(np.cumsum(splash) - splash, splash)
    number = local[arrived][source] * _MOST_SPLASH + order
    g = rng.normals(seed, "detailed/backsplash", ids[event[source]], number, 2)
    place = sim.spd[arrived, :2]
    direct = place[charged & (u[:, 1] < par.spd_efficiency)]
    position = np.concatenate([direct, place[source] + par.spd_backsplash_radius * g])
    owner = np.concatenate([event[charged & (u[:, 1] < par.spd_efficiency)], event[source]])
    x, y = position.T
    inside = (np.abs(x) < par.spd_half_x) & (np.abs(y) < par.spd_half_y)
    inside &= (np.abs(x) > par.spd_hole_x) | (np.abs(y) > par.spd_hole_y)
    pairs = np.unique(np.stack([owner, _spd_cell(x, y)], axis=1)[inside], axis=0)
    hits = np.bincount(pairs[:, 0], minlength=len(batch))
    noise = rng.poisson_quantile(rng.uniforms(seed, "detailed/spd-noise", ids)[:, 0], par.spd_noise)
    result: Ints32 = (hits + noise).astype(np.int32)
    return result


def _spd_cell(x: Floats, y: Floats) -> Ints:
    """Number of the SPD cell at (x, y) [mm], shape ``(n,)``."""
    ax, ay = np.abs(x), np.abs(y)
    size = np.full(len(x), _OUTER_CELL)
    for side, half_x, half_y in _FINER_CELLS:
        size[(ax < half_x) & (ay < half_y)] = side
    cell = np.floor(x / size).astype(np.int64) * 1000 + np.floor(y / size).astype(np.int64)
    result: Ints = cell * 1000 + np.round(size).astype(np.int64)
    return result
