"""Primary vertices without the tracks of a candidate.

A primary vertex is a fit of tracks, those of the candidate among them: it errs with them and is
pulled towards where they meet.  Analyses at LHCb refit it without them (``ReFitPVs`` of DaVinci).
The table of vertices holds no list of tracks, but the fit itself says what a track gave: at the
vertex v it has Tukey's weight w = (1 - chi2 / 12)^2, the pull g = w J^T W r and the information
N = w J^T W J, with r its distance in x and y, W the inverse of their covariance and
J = (1, 0, -tx; 0, 1, -ty).  Taking tracks out is the inverse of the step of a Kalman filter that
puts them in (R. Fruehwirth, NIM A262 (1987) 444)::

    C'^-1 = C^-1 - sum N_i,     v' = v - (f C'^-1)^-1 sum g_i

Were the weights fixed, f would be 1 and this the vertex of the other tracks.  But where the vertex
moves their weights follow, so that they hold it less: f is the mean derivative of w r over the mean
of w, 0.69 for normal errors.  Both samples are treated alike: the fast chain fits its vertices to
its tracks with the same weights (`lamarr_like.stages.vertices.vertex_pull`).
"""

from __future__ import annotations

import numpy as np

from ..arrays import Floats
from ..schema import TRACK_TYPES
from ..stages.vertices.vertex_pull import MAX_CHI2, derivative
from .pointing import Choices, Origins, inverse
from .prongs import Prongs

VELO_TRACKS = tuple(TRACK_TYPES[k] for k in ("long", "upstream"))
"""Types of track that primary vertices are made of."""
_MEAN_WEIGHT = 1.0 - 4.0 / MAX_CHI2 + 8.0 / MAX_CHI2**2
"""Mean of Tukey's weight for normal errors in two dimensions, but for exp(-6)."""
_HOLD = derivative(MAX_CHI2) / _MEAN_WEIGHT
_LEAST_LEFT = 0.05
"""Part of the information along each axis that must be left."""


def without(found: Choices, tracks: list[Prongs]) -> Choices:
    """The vertices that remain when tracks are taken out of them.

    A track is in the vertex of its event that it is nearest to, if its chi2 there is below the cut.
    A vertex that hardly has other tracks stays as it was.

    Args:
        found: vertices of some candidates.
        tracks: tracks of the candidates, those of the VELO alone, each of leading shape ``(n,)``;
            NaN where a candidate has none.
    """
    information = inverse(found.origin.covariance)
    left, pull = information.copy(), np.zeros((len(found.owner), 3))
    for track in tracks:
        own, gradient = _share(found, track)
        left -= own
        pull += gradient
    floor = _LEAST_LEFT * np.diagonal(information, axis1=1, axis2=2)
    sound = np.linalg.eigvalsh(left)[:, 0] > 0.0
    covariance = inverse(np.where(sound[:, None, None], left, np.eye(3)))
    sound &= (1.0 / np.diagonal(covariance, axis1=1, axis2=2) > floor).all(axis=1)
    moved = found.origin.position - np.einsum("nij,nj->ni", covariance, pull) / _HOLD
    origin = Origins(
        np.where(sound[:, None], moved, found.origin.position),
        np.where(sound[:, None, None], covariance, found.origin.covariance),
    )
    return found._replace(origin=origin)


def _share(found: Choices, track: Prongs) -> tuple[Floats, Floats]:
    """Information and pull of a track on each vertex, shapes ``(m, 3, 3)`` and ``(m, 3)``."""
    line, point = track.take(found.owner), found.origin.position
    tx, ty = line.state[:, 2], line.state[:, 3]
    dz = point[:, 2] - line.z
    residual = line.state[:, :2] + dz[:, None] * line.state[:, 2:4] - point[:, :2]
    carry = np.zeros((len(dz), 2, 4))
    carry[:, 0, 0] = carry[:, 1, 1] = 1.0
    carry[:, 0, 2] = carry[:, 1, 3] = dz
    weight = inverse(carry @ line.covariance[:, :4, :4] @ carry.swapaxes(1, 2))
    slope = np.zeros((len(dz), 2, 3))
    slope[:, 0, 0] = slope[:, 1, 1] = 1.0
    slope[:, 0, 2], slope[:, 1, 2] = -tx, -ty
    towards = np.einsum("nij,nj->ni", weight, residual)
    chi2 = (residual * towards).sum(axis=1)
    chi2 = np.where(np.isfinite(chi2), chi2, np.inf)
    least = np.full(found.total, np.inf)
    np.minimum.at(least, found.owner, chi2)
    mine = (chi2 < MAX_CHI2) & (chi2 == least[found.owner])
    tukey = np.where(mine, 1.0 - np.where(mine, chi2, 0.0) / MAX_CHI2, 0.0) ** 2
    across = slope.swapaxes(1, 2)
    own = np.where(mine[:, None, None], across @ weight @ slope, 0.0) * tukey[:, None, None]
    gradient = np.einsum("nij,nj->ni", across, towards)
    return own, np.where(mine[:, None], gradient, 0.0) * tukey[:, None]
