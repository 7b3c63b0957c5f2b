"""How tracks pull the primary vertex that they are part of.

A primary vertex is a fit of VELO tracks: where one is measured too far to the left, so is the
vertex.  Impact parameters and flight distances of prompt particles are therefore smaller than those
of tracks and vertices that err on their own, and displaced tracks pull the vertex towards their
decay.  Here the vertex of a collision gets the part v of its error that its reconstructed tracks
explain, the solution of::

    sum w_i W_i J_i^T (r_i - J_i v) = d (sum' W_i J_i^T J_i) v

with r_i the distance of the track from the true collision in x and y, J_i its derivative by the
vertex, W_i the weight of the track, w_i = (1 - chi2_i / cut)^2 Tukey's weight of the adaptive fit
at v, and d its mean `derivative`.  The sum on the right is over particles that the VELO sees and of
which no track is known, those that fly backward on the average: nobody knows what they add, but
they hold the vertex.  The cut is tightened step by step as in the detailed fit.
"""

from __future__ import annotations

import math

import numpy as np

from ... import schema
from ...arrays import Floats, Integers, Ints, Mask
from ...events import EventBatch
from .. import features
from ..stage import keys
from ..tracking.covariance_numbers import cholesky, solve

CUTS = (400.0, 100.0, 36.0, 16.0, 12.0, 12.0, 12.0, 12.0)
"""Chi2 at which a track drops out of the fit, step by step: those of the detailed vertex fit."""
MAX_CHI2 = CUTS[-1]
"""The same at the end (LHCb-PUB-2014-044)."""


def derivative(cut: float) -> float:
    """Mean derivative of Tukey's w r by r for Gaussian errors in two dimensions.

    That is the mean of (1 - u) (1 - 3 u) with u = chi2 / cut: so much does a track hold a vertex
    that moves.
    """
    e = math.exp(-0.5 * cut)
    return 1.0 - 8.0 / cut + 24.0 / cut**2 - e * (24.0 / cut**2 + 4.0 / cut)


BACKWARD = (1.28, 3.0)
"""Weight of the tracks that fly backward over `velo_weight` of the forward ones, across the beam
and along it (400 events of the reference detector): fewer, but with larger slopes."""

_SOMEWHERE = np.diag([4.0, 4.0, 4.0 / 25.0])
"""Weight [1/mm^2] of the beam: a collision without tracks is somewhere."""

_AXES = ("x", "y", "tx", "ty")
_SPREAD = ("cov00", "cov02", "cov22", "cov11", "cov13", "cov33")
NEEDED = keys("track", "mcparticle_id", "track_type", *_AXES, "z", *_SPREAD)
"""Columns of tracks that this takes."""

_LONG, _UPSTREAM = (schema.TRACK_TYPES[name] for name in ("long", "upstream"))
_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_SQUARE = [_PAIRS.index((min(i, j), max(i, j))) for i in range(3) for j in range(3)]


def in_velo(track_type: Integers) -> Mask:
    """Whether tracks of a type have hits in the VELO, shape ``(n,)``."""
    found: Mask = (track_type == _LONG) | (track_type == _UPSTREAM)
    return found


def velo_weight(radius: Floats) -> Floats:
    """Weight [1/mm^2] of VELO segments by the radius of their first hits [mm], shapes ``(n,)``.

    Segments without momentum are fitted as if all had the same: their errors grow with that radius.
    """
    return 1.0 / (0.010 + 0.008 * radius.clip(5.0, 42.0)) ** 2


def explained(batch: EventBatch, near: Mask) -> tuple[Floats, Floats]:
    """Part of the error of each collision's vertex that its reconstructed tracks explain.

    Args:
        batch: events with the columns of `NEEDED`.
        near: particles that are born at their collision and leave a VELO track, by row of the
            table of particles.

    Returns:
        Errors [mm] in x, y, z, and uncertainties [mm] of the whole vertex to be expected of its
        tracks, shapes ``(n_vertices, 3)``.
    """
    n = len(batch.vertex)
    rows, particle = _tracks(batch)
    place = _collisions(batch, particle)
    residual, slope, variance = _at_collision(batch, rows, place)
    weight = 2.0 / variance
    velo = np.flatnonzero(near)
    px, py, pz = (batch.particle[c][velo].astype(np.float64) for c in features.MOMENTUM)
    forward = velo_weight(features.velo(batch.particle, velo)["velo_first_r"])
    normal = _normal(forward, np.stack([px / pz, py / pz], axis=1))
    without = np.ones(len(near), dtype=np.bool_)
    without[particle] = False
    home = _collisions(batch, velo)
    backward = np.diagonal(_summed(home, normal, n), axis1=1, axis2=2)
    others = _summed(home, normal * without[velo], n)
    others += (backward * (BACKWARD[0], BACKWARD[0], BACKWARD[1]))[:, :, None] * np.eye(3)
    tracks = _normal(weight, slope)
    error, used = _fit(place, residual, slope, weight, tracks, others)
    held = derivative(MAX_CHI2) * (_summed(place, tracks * used, n) + others) + _SOMEWHERE
    factor = cholesky(held)
    inverse = [solve(factor, np.tile(axis, (n, 1)))[:, i] for i, axis in enumerate(np.eye(3))]
    return error, np.sqrt(np.stack(inverse, axis=1))


def _fit(
    place: Ints,
    residual: Floats,
    slope: Floats,
    weight: Floats,
    tracks: Floats,
    others: Floats,
) -> tuple[Floats, Mask]:
    """Solve for the errors, weighting anew in each step; also which tracks are used in the last."""
    n = len(others)
    error = np.zeros((n, 3))
    pull = weight * np.stack([*residual.T, -(slope * residual).sum(axis=1)])
    terms = np.concatenate([tracks, pull])
    for cut in CUTS:
        at = error[place]
        distance = residual - at[:, :2] + slope * at[:, 2:]
        chi2 = weight * (distance**2).sum(axis=1)
        tukey = np.clip(1.0 - chi2 / cut, 0.0, None) ** 2
        sums = _sums(place, terms * tukey, n)
        matrix = _matrices(sums[: len(_PAIRS)]) + derivative(cut) * others + _SOMEWHERE
        error = solve(cholesky(matrix), sums[len(_PAIRS) :].T)
    return error, tukey > 0.0


def _tracks(batch: EventBatch) -> tuple[Ints, Ints]:
    """Rows of VELO tracks of particles from collisions, and rows of those particles."""
    track, particle = batch.track, batch.particle
    rows = np.flatnonzero(in_velo(track["track_type"]) & (track["mcparticle_id"] >= 0))
    owner = particle.offsets[track.event_index[rows]] + track["mcparticle_id"][rows]
    have = (particle["mc_pv_id"][owner] >= 0) & (particle["mc_pz"][owner] > 0.0)
    return rows[have], owner[have].astype(np.int64)


def _collisions(batch: EventBatch, particle: Ints) -> Ints:
    """Rows of the collisions of some particles."""
    table = batch.particle
    start = batch.vertex.offsets[table.event_index[particle]]
    place: Ints = start + table["mc_pv_id"][particle]
    return place


def _at_collision(batch: EventBatch, rows: Ints, place: Ints) -> tuple[Floats, Floats, Floats]:
    """Distances in x and y, slopes and variances of tracks in the plane of their collision."""
    track, vertex = batch.track, batch.vertex
    state = {a: track[a][rows].astype(np.float64) for a in (*_AXES, "z")}
    dz = vertex["mc_z"][place] - state["z"]
    slope = np.stack([state["tx"], state["ty"]], axis=1)
    at = np.stack([state["x"], state["y"]], axis=1) + dz[:, None] * slope
    residual = at - np.stack([vertex["mc_x"][place], vertex["mc_y"][place]], axis=1)
    cov = {name: track[name][rows].astype(np.float64) for name in _SPREAD}
    across = [
        cov[f"cov{a}{a}"] + dz * (2.0 * cov[f"cov{a}{a + 2}"] + dz * cov[f"cov{a + 2}{a + 2}"])
        for a in (0, 1)
    ]
    return residual, slope, across[0] + across[1]


def _normal(weight: Floats, slope: Floats) -> Floats:
    """W J^T J with the derivative J = (1, 0, -tx; 0, 1, -ty), in the order of `_PAIRS`."""
    tx, ty = slope.T
    zero = np.zeros_like(tx)
    result: Floats = weight * np.stack([zero + 1.0, zero, -tx, zero + 1.0, -ty, tx * tx + ty * ty])
    return result


def _summed(place: Ints, terms: Floats, n: int) -> Floats:
    """Symmetric matrices summed by collision, shape ``(n, 3, 3)``."""
    return _matrices(_sums(place, terms, n))


def _sums(place: Ints, terms: Floats, n: int) -> Floats:
    """Terms of shape ``(k, m)`` summed by collision, shape ``(k, n)``."""
    slot = place + np.arange(len(terms))[:, None] * n
    sums = np.bincount(slot.ravel(), terms.ravel(), minlength=len(terms) * n)
    return sums.astype(np.float64, copy=False).reshape(len(terms), n)


def _matrices(sums: Floats) -> Floats:
    """Symmetric matrices from their elements in the order of `_PAIRS`, shape ``(n, 3, 3)``."""
    return sums[_SQUARE].T.reshape(-1, 3, 3)
