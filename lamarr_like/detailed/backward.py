"""VELO tracks of particles that fly away from the spectrometer: vertices are made of them too.

The generated particles that are kept fly forward.  Collisions of two protons look the same from
both sides, so those that fly backward are forward ones of the same collision, turned by any angle
about its vertex and seen in a mirror; only their number goes its own way.  They fly through the
mirror image of the VELO as everything else does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import gammaincinv

from .. import rng
from ..arrays import Floats, Ints
from ..events import EventBatch
from . import geometry, pattern, reconstruction, transport
from .parameters import Parameters
from .vertexing import VertexTracks

_MIRROR = np.array([1.0, 1.0, -1.0, -1.0, 1.0])
"""Signs of x, y, tx, ty and q/p behind a mirror at z = 0."""

_MOST_OF_COLLISION, _MOST_OF_PARTICLE = 10_000, 100  # particles of a collision, secondaries of a
# particle: more than there are, to number them


def backward_counts(
    forward: Ints,
    event_ids: Ints,
    collision: Ints,
    seed: int,
    par: Parameters,
) -> Ints:
    """Particles of each collision that cross enough stations on their way backward.

    A negative binomial law whose mean follows the forward ones of the same collision.

    Args:
        forward: VELO segments of its generated particles, shape ``(n,)``.
        event_ids: identifier of its event, shape ``(n,)``.
        collision: its number within the event, shape ``(n,)``.
        seed: seed of the run.
        par: parameters.
    """
    slope, constant, k = par.backward_law
    u = rng.uniforms(seed, "detailed/backward-counts", event_ids, collision, 2)
    mean = (slope * forward + constant) * gammaincinv(k, u[:, 0]) / k
    counts: Ints = rng.poisson_quantile(u[:, 1], mean).astype(np.int64)
    return counts


def backward_tracks(
    batch: EventBatch,
    forward: Ints,
    initial: Floats,
    rows: Ints,
    seed: int,
    par: Parameters,
) -> VertexTracks:
    """Fitted VELO segments of particles that fly backward.

    Args:
        batch: the generated events.
        forward: VELO segments of the generated particles of each collision, shape
            ``(n_vertices,)``.
        initial: x, y, z, tx, ty, p, species, charge of particles, as `transport.follow` takes them,
            shape ``(n, 8)``.
        rows: their rows in the table ``particle``, in ascending order.
        seed: seed of the run.
        par: parameters.

    Returns:
        The tracks that were found, grouped by event, with the collision that they come from.
    """
    seen, planes = mirrored(par)
    first = batch.vertex.offsets
    collision_event = batch.vertex.event_index
    number = np.arange(len(collision_event)) - first[collision_event]
    ids = batch.event["event_id"].astype(np.int64)
    counts = backward_counts(forward, ids[collision_event], number, seed, par)
    # Particles that could be seen there, by collision.
    event = batch.particle.event_index[rows]
    pv = batch.particle["mc_pv_id"][rows].astype(np.int64)
    known = (pv >= 0) & (initial[:, 7] != 0.0)
    owner = np.where(known, first[event] + pv, 0)
    image = initial.copy()
    image[:, 2] -= 2.0 * batch.vertex["mc_z"][owner]
    able = np.flatnonzero(known & (_stations(image, seen) >= par.velo_min_stations))
    able = able[np.argsort(owner[able], kind="stable")]
    pool = np.bincount(owner[able], minlength=len(counts))
    counts[pool == 0] = 0
    # Draw among them.
    mother = np.repeat(np.arange(len(counts)), counts)
    index = np.arange(len(mother)) - np.repeat(np.cumsum(counts) - counts, counts)
    index += _MOST_OF_COLLISION * number[mother]
    mother_ids = ids[collision_event[mother]]
    u = rng.uniforms(seed, "detailed/backward", mother_ids, index, 2)
    start = np.cumsum(pool) - pool
    chosen = image[able[start[mother] + (u[:, 0] * pool[mother]).astype(np.int64)]]
    turned = _turned(chosen, batch, mother, 2.0 * np.pi * u[:, 1])
    keys = rng.stream_keys(seed, "detailed/backward-transport", mother_ids, index)
    sim = transport.follow(keys, turned, planes, seen)
    found = _found(sim, mother_ids, index, seed, par)
    fit = reconstruction.fit_velo(sim, found, planes, seen)
    good = (fit.n_dof > 0) & (fit.chi2[:, 0] / np.maximum(fit.n_dof, 1) < par.chi2_max)
    fit, found = reconstruction.take(fit, good), found[good]
    source = mother[sim.row[found]]
    state = fit.state.copy()
    state[:, 2:5] *= -1.0
    return VertexTracks(
        state=state,
        covariance=fit.covariance * np.outer(_MIRROR, _MIRROR),
        event=collision_event[source],
        mc_pv_id=np.where(sim.generation[found] == 0, number[source], -1),
    )


def mirrored(par: Parameters) -> tuple[Parameters, geometry.Planes]:
    """The VELO in a mirror at z = 0, and its planes alone."""
    seen = replace(par, velo_z=tuple(-z for z in reversed(par.velo_z)))
    planes = geometry.build_planes(seen)
    return seen, geometry.Planes._make(a[planes.kind == geometry.VELO] for a in planes)


def _stations(initial: Floats, par: Parameters) -> Ints:
    """Stations that straight lines cross."""
    step = np.asarray(par.velo_z)[None, :] - initial[:, 2:3]
    r = np.hypot(initial[:, 0:1] + initial[:, 3:4] * step, initial[:, 1:2] + initial[:, 4:5] * step)
    crossed = (step > 0.0) & (r > par.velo_r_min) & (r < par.velo_r_max)
    result: Ints = crossed.sum(axis=1)
    return result


def _turned(
    particles: Floats,
    batch: EventBatch,
    collision: Ints,
    angle: Floats,
) -> Floats:
    """Particles turned about the line through their collision along z."""
    out = particles.copy()
    x, y = batch.vertex["mc_x"][collision], batch.vertex["mc_y"][collision]
    c, s = np.cos(angle), np.sin(angle)
    dx, dy = particles[:, 0] - x, particles[:, 1] - y
    out[:, 0], out[:, 1] = x + c * dx - s * dy, y + s * dx + c * dy
    tx, ty = particles[:, 3], particles[:, 4]
    out[:, 3], out[:, 4] = c * tx - s * ty, s * tx + c * ty
    return out


def _found(
    sim: transport.Simulated,
    event_ids: Ints,
    index: Ints,
    seed: int,
    par: Parameters,
) -> Ints:
    """Entries with enough hits that the pattern recognition finds."""
    local = np.arange(len(sim.row)) - np.searchsorted(sim.row, sim.row)
    number = index[sim.row] * _MOST_OF_PARTICLE + local
    u = rng.uniforms(seed, "detailed/backward-found", event_ids[sim.row], number)[:, 0]
    able = pattern.reconstructible(sim, par).velo
    return np.flatnonzero(able & (u < par.velo_found))
