"""How tracks pull the primary vertex that they are part of.

A primary vertex is a fit of VELO tracks: where one is measured too far to the left, so is the
vertex.  Impact parameters and flight distances of prompt particles are therefore smaller than those
of tracks and vertices that err on their own, and displaced tracks pull the vertex towards their
decay.  Here the vertex of a collision gets the part v of its error that its reconstructed tracks
explain, the solution of::

    sum w_i W_i J_i^T (r_i - J_i v) = d (sum' W_i J_i^T J_i) v

with r_i the distance of the track from the true collision in x and y, J_i its derivative by the
vertex, W_i the inverse of its covariance there, w_i = (1 - chi2_i / cut)^2 Tukey's weight of the
adaptive fit at v, and d its mean `derivative`.  The sum on the right is over particles that the
VELO sees and of which no track is known, those that fly backward on the average: nobody knows what
they add, but they hold the vertex.  The cut is tightened step by step as in the detailed fit.

What they add is the rest of the error.  Its covariance is H^-1 N H^-1 with that of their pulls, N =
n sum' W_i J_i^T J_i (`noise`), and with H, what holds the vertex where it is::

    H = sum w_i J_i^T W_i J_i - 4 / cut sum sqrt(w_i) g_i g_i^T + d sum' W_i J_i^T J_i

with g_i = J_i^T W_i r_i: weights follow a vertex that moves, so that a track far off holds it less
or even pushes it on.  Were all tracks taken to hold it as they do on the average, prompt J/psi had
impact parameters 3 % too large (`tutorials/fidelity.md`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

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


def noise(cut: float) -> float:
    """Variance of Tukey's w r for Gaussian errors in two dimensions, but for exp(-cut / 2).

    That is the mean of chi2 (1 - u)^4 / 2 with u = chi2 / cut: so much does a track pull.
    """
    a = 2.0 / cut
    return 1.0 - 8.0 * a + 36.0 * a**2 - 96.0 * a**3 + 120.0 * a**4


def mean_weight(cut: float) -> float:
    """Mean of Tukey's weight (1 - u)^2 for Gaussian errors in two dimensions, as `noise`."""
    return 1.0 - 4.0 / cut + 8.0 / cut**2


BACKWARD = (1.28, 3.0)
"""Weight of the tracks that fly backward over `velo_weight` of the forward ones, across the beam
and along it (400 events of the reference detector): fewer, but with larger slopes."""

_SOMEWHERE = np.diag([4.0, 4.0, 4.0 / 25.0])
"""Weight [1/mm^2] of the beam: a collision without tracks is somewhere."""

_AXES = ("x", "y", "tx", "ty")
_SPREAD = tuple(f"cov{i}{j}" for i in range(4) for j in range(i, 4))
NEEDED = keys("track", "mcparticle_id", "track_type", *_AXES, "z", *_SPREAD)
"""Columns of tracks that this takes."""

_LEAST_HELD = 0.25
"""Part of what holds a vertex by weights that stay that is left at least when they follow it."""

_MOST_CORRELATED = 0.99
"""Correlation of x and y beyond which single precision may leave no inverse (real ones: 0.2)."""

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


class Explained(NamedTuple):
    """What tracks tell of the vertex of each collision.

    Attributes:
        error: the part [mm] of its error in x, y, z that they explain, shape ``(n_vertices, 3)``.
        spread: Cholesky factor [mm] of the covariance of the rest, shape ``(n_vertices, 3, 3)``.
        sigma: uncertainties [mm] of the whole vertex to be expected, shape ``(n_vertices, 3)``.
    """

    error: Floats
    spread: Floats
    sigma: Floats


class _Lines(NamedTuple):
    """Tracks in the plane of their collision.

    Attributes:
        place: row of the collision, shape ``(n,)``.
        residual: distance from it in x and y [mm], shape ``(2, n)``.
        slope: shape ``(2, n)``.
        weight: inverse covariance [1/mm^2] of x and y: xx, xy, yy, shape ``(3, n)``.
    """

    place: Ints
    residual: Floats
    slope: Floats
    weight: Floats

    def towards(self, distance: Floats) -> Floats:
        """W r of distances r, shapes ``(2, n)``."""
        a, b, c = self.weight
        x, y = distance
        return np.stack([a * x + b * y, b * x + c * y])

    def pull(self, distance: Floats) -> Floats:
        """J^T W r of distances r of shape ``(2, n)``, shape ``(3, n)``."""
        towards = self.towards(distance)
        return np.stack([*towards, -(self.slope * towards).sum(axis=0)])

    def distance(self, error: Floats) -> Floats:
        """Distances from vertices that err, shape ``(2, n)``."""
        at = error[self.place].T
        result: Floats = self.residual - at[:2] + self.slope * at[2]
        return result


def explained(batch: EventBatch, near: Mask) -> Explained:
    """Part of the error of each collision's vertex that its reconstructed tracks explain.

    Args:
        batch: events with the columns of `NEEDED`.
        near: particles that are born at their collision and leave a VELO track, by row of the
            table of particles, shape ``(n_particles,)``.
    """
    n = len(batch.vertex)
    rows, particle = _tracks(batch)
    lines = _at_collision(batch, rows, _collisions(batch, particle))
    velo = np.flatnonzero(near)
    px, py, pz = (batch.particle[c][velo].astype(np.float64) for c in features.MOMENTUM)
    forward = velo_weight(features.velo(batch.particle, velo)["velo_first_r"])
    normal = _normal(np.stack([forward, np.zeros_like(forward), forward]), np.stack([px, py]) / pz)
    without = np.ones(len(near), dtype=np.bool_)
    without[particle] = False
    home = _collisions(batch, velo)
    backward = np.diagonal(_summed(home, normal, n), axis1=1, axis2=2)
    others = _summed(home, normal * without[velo], n)
    others += (backward * (BACKWARD[0], BACKWARD[0], BACKWARD[1]))[:, :, None] * np.eye(3)
    tracks = _normal(lines.weight, lines.slope)
    error = _fit(lines, tracks, others)
    distance = lines.distance(error)
    u = np.minimum((distance * lines.towards(distance)).sum(axis=0) / MAX_CHI2, 1.0)
    fitted = _summed(lines.place, tracks * (1.0 - u) ** 2, n) + _SOMEWHERE
    pull = lines.pull(distance)
    outer = np.stack([pull[i] * pull[j] for i, j in _PAIRS]) * (4.0 / MAX_CHI2 * (1.0 - u))
    held = _inverse(_less(fitted + derivative(MAX_CHI2) * others, _summed(lines.place, outer, n)))
    unknown = noise(MAX_CHI2) * others + _SOMEWHERE
    sigma2 = np.diagonal(_inverse(fitted + mean_weight(MAX_CHI2) * others), axis1=1, axis2=2)
    return Explained(error, cholesky(_product(_product(held, unknown), held)), np.sqrt(sigma2))


def _fit(lines: _Lines, tracks: Floats, others: Floats) -> Floats:
    """Solve for the errors, weighting anew in each step; shape ``(n_vertices, 3)``."""
    n = len(others)
    error = np.zeros((n, 3))
    terms = np.concatenate([tracks, lines.pull(lines.residual)])
    for cut in CUTS:
        distance = lines.distance(error)
        chi2 = (distance * lines.towards(distance)).sum(axis=0)
        tukey = np.clip(1.0 - chi2 / cut, 0.0, None) ** 2
        sums = _sums(lines.place, terms * tukey, n)
        matrix = _matrices(sums[: len(_PAIRS)]) + derivative(cut) * others + _SOMEWHERE
        error = solve(cholesky(matrix), sums[len(_PAIRS) :].T)
    return error


def _less(whole: Floats, part: Floats) -> Floats:
    """Differences that stay positive definite: the part is cut where it is too large."""
    inverse = _inverse(whole)
    # Its largest eigenvalue relative to the whole is below the root of the sum of their squares.
    relative = _product(inverse, part)
    size = np.sqrt(np.einsum("nij,nji->n", relative, relative).clip(1e-12))
    result: Floats = whole - part * np.minimum(1.0, (1.0 - _LEAST_HELD) / size)[:, None, None]
    return result


def _inverse(matrices: Floats) -> Floats:
    """Inverses of positive definite matrices, shape ``(n, 3, 3)``."""
    factor = cholesky(matrices)
    return np.stack([solve(factor, np.tile(axis, (len(factor), 1))) for axis in np.eye(3)], axis=1)


def _product(a: Floats, b: Floats) -> Floats:
    """Products of matrices in a fixed order of sums, shape ``(n, 3, 3)``."""
    terms = [a[:, :, k, None] * b[:, None, k, :] for k in range(3)]
    result: Floats = terms[0] + terms[1] + terms[2]
    return result


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


def _at_collision(batch: EventBatch, rows: Ints, place: Ints) -> _Lines:
    """Tracks in the plane of their collision."""
    track, vertex = batch.track, batch.vertex
    state = {a: track[a][rows].astype(np.float64) for a in (*_AXES, "z")}
    dz = vertex["mc_z"][place] - state["z"]
    slope = np.stack([state["tx"], state["ty"]])
    at = np.stack([state["x"], state["y"]]) + dz * slope
    residual = at - np.stack([vertex["mc_x"][place], vertex["mc_y"][place]])
    cov = {name: track[name][rows].astype(np.float64) for name in _SPREAD}
    xx = cov["cov00"] + dz * (2.0 * cov["cov02"] + dz * cov["cov22"])
    xy = cov["cov01"] + dz * (cov["cov03"] + cov["cov12"] + dz * cov["cov23"])
    yy = cov["cov11"] + dz * (2.0 * cov["cov13"] + dz * cov["cov33"])
    most = _MOST_CORRELATED * np.sqrt(xx * yy)
    xy = np.clip(xy, -most, most)
    return _Lines(place, residual, slope, np.stack([yy, -xy, xx]) / (xx * yy - xy * xy))


def _normal(weight: Floats, slope: Floats) -> Floats:
    """J^T W J with the derivative J = (1, 0, -tx; 0, 1, -ty), in the order of `_PAIRS`."""
    (a, b, c), (tx, ty) = weight, slope
    along_x, along_y = a * tx + b * ty, b * tx + c * ty
    return np.stack([a, b, -along_x, c, -along_y, tx * along_x + ty * along_y])


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
