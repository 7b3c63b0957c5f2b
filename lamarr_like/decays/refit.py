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
of w, 0.69 for normal errors.  A long step ends where others come to hold it, after `_MOST_STEP`.
The table has the variances of a vertex alone: its correlations are those that its tracks make
together with a rest that has none.  Detailed and fast samples are treated alike: the fast chain
fits its vertices to its tracks with the same weights (`lamarr_like.stages.vertices.vertex_pull`).
"""

from __future__ import annotations

import numpy as np

from ..arrays import Floats
from ..events import EventBatch
from ..schema import TRACK_TYPES
from ..stages.vertices.vertex_pull import MAX_CHI2, derivative, mean_weight
from .pointing import Choices, Origins, choices, inverse
from .prongs import Prongs, track_prongs

_PION = 211

VELO_TRACKS = tuple(TRACK_TYPES[k] for k in ("long", "upstream"))
"""Types of track that primary vertices are made of."""
_HOLD = derivative(MAX_CHI2) / mean_weight(MAX_CHI2)
"""Mean derivative of Tukey's w r over the mean of w, for normal errors in two dimensions."""
_LEAST_LEFT = 0.05
"""Part of the information along each axis that must be left, and least part that has no track."""
_MOST_STEP = 2.0
"""Step in units of the errors that are left (B+ -> J/psi K+ beside full refits)."""


def with_correlations(batch: EventBatch, found: Choices) -> Choices:
    """The vertices with the correlations that the tracks of their events make.

    Args:
        batch: events with the tables ``track`` and ``reco_vertex``.
        found: some of their vertices.
    """
    track, table = batch.track, batch["reco_vertex"]
    rows = np.flatnonzero(np.isin(track["track_type"], VELO_TRACKS))
    pairs = choices(table, track.event_index[rows])
    known = np.zeros((len(table), 3, 3))
    np.add.at(known, pairs.row, _share(pairs, track_prongs(track, rows, _PION, brem=False))[0])
    sigma = np.stack([table[f"sigma_{a}"].astype(np.float64) for a in "xyz"], axis=1)
    rest = np.maximum(sigma**-2.0 - np.diagonal(known, axis1=1, axis2=2), _LEAST_LEFT * sigma**-2.0)
    covariance = inverse(known + rest[:, :, None] * np.eye(3))
    scale = sigma / np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    covariance *= scale[:, :, None] * scale[:, None, :]
    return found._replace(origin=Origins(found.origin.position, covariance[found.row]))


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
    sound = np.linalg.eigvalsh(left)[:, 0] > 0.0
    covariance = inverse(np.where(sound[:, None, None], left, np.eye(3)))
    before = np.diagonal(found.origin.covariance, axis1=1, axis2=2)
    sound &= (_LEAST_LEFT * np.diagonal(covariance, axis1=1, axis2=2) < before).all(axis=1)
    step = np.einsum("nij,nj->ni", covariance, pull) / _HOLD * sound[:, None]
    length = np.sqrt(np.maximum(np.einsum("ni,nij,nj->n", step, left, step), 0.0))
    step *= np.minimum(1.0, _MOST_STEP / np.maximum(length, 1e-9))[:, None]
    covariance = np.where(sound[:, None, None], covariance, found.origin.covariance)
    return found._replace(origin=Origins(found.origin.position - step, covariance))


def _share(found: Choices, track: Prongs) -> tuple[Floats, Floats]:
    """Information and pull of a track on each vertex, shapes ``(m, 3, 3)`` and ``(m, 3)``."""
    line, point = track.take(found.owner), found.origin.position
    dz = point[:, 2] - line.z
    residual = line.state[:, :2] + dz[:, None] * line.state[:, 2:4] - point[:, :2]
    carry = np.zeros((len(dz), 2, 4))
    carry[:, 0, 0] = carry[:, 1, 1] = 1.0
    carry[:, 0, 2] = carry[:, 1, 3] = dz
    weight = inverse(carry @ line.covariance[:, :4, :4] @ carry.swapaxes(1, 2))
    slope = np.zeros((len(dz), 2, 3))
    slope[:, 0, 0] = slope[:, 1, 1] = 1.0
    slope[:, :, 2] = -line.state[:, 2:4]
    towards = np.einsum("nij,nj->ni", weight, residual)
    chi2 = (residual * towards).sum(axis=1)
    chi2 = np.where(np.isfinite(chi2), chi2, np.inf)
    least = np.full(found.total, np.inf)
    np.minimum.at(least, found.owner, chi2)
    mine = (chi2 < MAX_CHI2) & (chi2 == least[found.owner])
    tukey = np.where(mine, 1.0 - np.minimum(chi2, MAX_CHI2) / MAX_CHI2, 0.0) ** 2
    across = slope.swapaxes(1, 2)
    own = np.where(mine[:, None, None], across @ weight @ slope, 0.0) * tukey[:, None, None]
    gradient = np.einsum("nij,nj->ni", across, towards)
    return own, np.where(mine[:, None], gradient, 0.0) * tukey[:, None]
