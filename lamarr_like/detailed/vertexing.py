"""Primary vertices from VELO tracks: seeds in z, then an adaptive least-squares fit.

The fit is the weighted one of LHCb (JINST 13 (2018) P06008, sec. 4 of LHCb-PUB-2014-044): Tukey
weights on the chi2 of each track to the vertex, with a cut that is tightened from step to step.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from .. import schema
from ..arrays import Floats, Ints
from ..events import Table
from .compiled import inner, kernel
from .parameters import Parameters

ANNEALING = np.array([400.0, 100.0, 36.0, 16.0, 12.0, 12.0, 12.0, 12.0])
"""Chi2 of a track at which it drops out of the fit, step by step; 12 at the end
(LHCb-PUB-2014-044), from cuts that let every track in (chosen)."""

_MAX_RADIUS = 0.4  # mm from the z axis, several times the beam size
_MAX_VERTICES = 32
_MAX_DISTANCE = 20.0  # mm in z, of tracks that are tried in a vertex (chosen)
_SEED_RADIUS = 1.0  # mm, closest to the axis, of tracks that can be a seed (chosen)
_REMOVED = 25.0  # chi2 below which a track is taken by a vertex and free for no other
_SEPARATION, _SEPARATION_OF_FEW = 25.0, 91.0  # least chi2 of the distance in z of two vertices, and
# the same where the second has fewer tracks than
_FEW = 7
# (options of LHCb's PVOfflineTool and LSAdaptPV3DFitter, which "protect secondary vertices of B")
_SEED_WIDTH = 0.1  # mm, added to the error in z of a track, for the length of a seed (chosen)


class Vertices(NamedTuple):
    """Reconstructed vertices of one event.

    Attributes:
        position: x, y, z [mm], shape ``(n, 3)``.
        covariance: shape ``(n, 3, 3)``.
        n_tracks: tracks with weight, shape ``(n,)``.
        owner: vertex of each track, -1 for none, shape ``(n_tracks,)``.
    """

    position: Floats
    covariance: Floats
    n_tracks: Ints
    owner: Ints


@inner
def _at(state, cov, z):  # type: ignore[no-untyped-def]
    """Position and its inverse 2x2 covariance of a track carried to z."""
    dz = z - state[2]
    x, y = state[0] + state[3] * dz, state[1] + state[4] * dz
    a = cov[0, 0] + 2.0 * dz * cov[0, 2] + dz * dz * cov[2, 2]
    b = cov[0, 1] + dz * (cov[0, 3] + cov[1, 2]) + dz * dz * cov[2, 3]
    c = cov[1, 1] + 2.0 * dz * cov[1, 3] + dz * dz * cov[3, 3]
    det = a * c - b * b
    return x, y, c / det, -b / det, a / det


@inner
def _chi2(state, cov, v):  # type: ignore[no-untyped-def]
    x, y, a, b, c = _at(state, cov, v[2])
    dx, dy = x - v[0], y - v[1]
    return a * dx * dx + 2.0 * b * dx * dy + c * dy * dy


@inner
def _fit(states, covs, free, z_seed, v, cov_out):  # type: ignore[no-untyped-def]
    """Adaptive fit from a seed; returns the number of tracks with weight."""
    v[0], v[1], v[2] = 0.0, 0.0, z_seed
    used = 0
    for cut in ANNEALING:
        h = np.zeros((3, 3))
        g = np.zeros(3)
        used = 0
        for i in range(len(states)):
            if not free[i] or abs(states[i, 2] - z_seed) > _MAX_DISTANCE:
                continue
            chi2 = _chi2(states[i], covs[i], v)
            if chi2 > cut:
                continue
            w = (1.0 - chi2 / cut) ** 2
            used += 1
            x, y, a, b, c = _at(states[i], covs[i], v[2])
            tx, ty = states[i, 3], states[i, 4]
            # Residual of the track at the vertex z; derivative by z is minus the slope.
            rx, ry = x - v[0], y - v[1]
            ux, uy = a * rx + b * ry, b * rx + c * ry
            g[0] += w * ux
            g[1] += w * uy
            g[2] -= w * (tx * ux + ty * uy)
            px, py = a * tx + b * ty, b * tx + c * ty
            h[0, 0] += w * a
            h[0, 1] += w * b
            h[1, 1] += w * c
            h[0, 2] -= w * px
            h[1, 2] -= w * py
            h[2, 2] += w * (tx * px + ty * py)
        if used < 2:
            return 0
        h[1, 0], h[2, 0], h[2, 1] = h[0, 1], h[0, 2], h[1, 2]
        if np.linalg.det(h) <= 0.0:
            return 0
        inverse = np.linalg.inv(h)
        step = inverse @ g
        for i in range(3):
            v[i] += step[i]
            for j in range(3):
                cov_out[i, j] = inverse[i, j]
    return used


@inner
def _best_seed(states, sigma, usable):  # type: ignore[no-untyped-def]
    """The track with most others about it in z, -1 for none.

    Args:
        states: the tracks, shape ``(n, >= 5)``.
        sigma: their errors in z [mm], shape ``(n,)``.
        usable: which of them count, shape ``(n,)``.
    """
    best, best_score = -1, 0.0
    for i in range(len(states)):
        if not usable[i]:
            continue
        score = 0.0
        for j in range(len(states)):
            if usable[j]:
                s2 = sigma[i] ** 2 + sigma[j] ** 2
                score += math.exp(-0.5 * (states[i, 2] - states[j, 2]) ** 2 / s2)
        # The most precise tracks make the best seeds.
        score /= math.sqrt(sigma[i])
        if score > best_score:
            best, best_score = i, score
    return best


@inner
def _is_separate(v, cov, used, position, covariance, made):  # type: ignore[no-untyped-def]
    """Whether a vertex is far enough in z from those made before, in units of the errors."""
    least = _SEPARATION_OF_FEW if used < _FEW else _SEPARATION
    for i in range(made):
        if (v[2] - position[i, 2]) ** 2 < least * (cov[2, 2] + covariance[i, 2, 2]):
            return False
    return True


@kernel
def _find(states, covs, min_tracks):  # type: ignore[no-untyped-def]
    """The fields of `Vertices`, for the arguments of `find_vertices`."""
    n = len(states)
    position = np.zeros((_MAX_VERTICES, 3))
    covariance = np.zeros((_MAX_VERTICES, 3, 3))
    counts = np.zeros(_MAX_VERTICES, np.int64)
    owner = np.full(n, -1)
    free = np.ones(n, np.bool_)
    usable = np.ones(n, np.bool_)  # free, and good for a seed
    sigma = np.empty(n)
    for i in range(n):
        slope2 = states[i, 3] ** 2 + states[i, 4] ** 2
        sigma[i] = math.sqrt((covs[i, 0, 0] + covs[i, 1, 1]) / slope2) + _SEED_WIDTH
        if states[i, 0] ** 2 + states[i, 1] ** 2 > _SEED_RADIUS**2:
            usable[i] = False
    made = 0
    v = np.zeros(3)
    c = np.zeros((3, 3))
    while made < _MAX_VERTICES:
        best = _best_seed(states, sigma, usable)
        if best < 0:
            break
        used = _fit(states, covs, free, states[best, 2], v, c)
        found = used >= min_tracks and v[0] ** 2 + v[1] ** 2 < _MAX_RADIUS**2
        if not (found and _is_separate(v, c, used, position, covariance, made)):
            usable[best] = False
            continue
        for i in range(n):
            chi2 = _chi2(states[i], covs[i], v) if free[i] else _REMOVED
            if chi2 < _REMOVED:
                free[i] = usable[i] = False
                owner[i] = made if chi2 < ANNEALING[-1] else -1
        free[best] = usable[best] = False
        for i in range(3):
            position[made, i] = v[i]
            for j in range(3):
                covariance[made, i, j] = c[i, j]
        counts[made] = used
        made += 1
    return position[:made], covariance[:made], counts[:made], owner


def find_vertices(states: Floats, covariances: Floats, par: Parameters) -> Vertices:
    """Find the primary vertices of one event.

    Args:
        states: x, y, z [mm], tx, ty (and more) of its VELO tracks, shape ``(n, >= 5)``.
        covariances: of (x, y, tx, ty, ...), shape ``(n, >= 4, >= 4)``.
        par: parameters.
    """
    position, covariance, n_tracks, owner = _find(states, covariances, par.pv_min_tracks)
    return Vertices(position=position, covariance=covariance, n_tracks=n_tracks, owner=owner)


class VertexTracks(NamedTuple):
    """VELO tracks that vertices are made of, grouped by event.

    Attributes:
        state: as in `trackfit.Fitted`, shape ``(n, 6)``.
        covariance: shape ``(n, 5, 5)``.
        event: position of the event, shape ``(n,)``.
        mc_pv_id: collision the particle comes from, -1 for secondaries.
    """

    state: Floats
    covariance: Floats
    event: Ints
    mc_pv_id: Ints


def joined(*parts: VertexTracks) -> VertexTracks:
    """All tracks, grouped by event; those of one part keep their order."""
    columns = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    order = np.argsort(columns[VertexTracks._fields.index("event")], kind="stable")
    return VertexTracks._make(column[order] for column in columns)


def vertex_table(tracks: VertexTracks, n_events: int, par: Parameters) -> Table:
    """The table ``reco_vertex``; each vertex is linked to the collision of most of its tracks.

    Args:
        tracks: the VELO tracks.
        n_events: number of events.
        par: parameters.
    """
    bounds = np.searchsorted(tracks.event, np.arange(n_events + 1))
    found, links = [], []
    for lo, hi in itertools.pairwise(bounds):
        vertices = find_vertices(tracks.state[lo:hi], tracks.covariance[lo:hi], par)
        found.append(vertices)
        for v in range(len(vertices.n_tracks)):
            owners = tracks.mc_pv_id[lo:hi][vertices.owner == v]
            owners = owners[owners >= 0]
            links.append(np.bincount(owners).argmax() if len(owners) else -1)
    counts = np.array([len(v.n_tracks) for v in found], dtype=np.int64)
    position = np.concatenate([np.zeros((0, 3)), *(v.position for v in found)])
    covariance = np.concatenate([np.zeros((0, 3, 3)), *(v.covariance for v in found)])
    sigma = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    columns = {
        "pv_id": np.arange(len(position)) - np.repeat(np.cumsum(counts) - counts, counts),
        "mc_pv_id": np.array(links, dtype=np.int64),
        **{axis: position[:, i] for i, axis in enumerate("xyz")},
        "n_tracks": np.concatenate([np.zeros(0, np.int64), *(v.n_tracks for v in found)]),
        **{f"sigma_{axis}": sigma[:, i] for i, axis in enumerate("xyz")},
    }
    declared = {k: schema.as_declared("reco_vertex", k, v) for k, v in columns.items()}
    return Table.from_counts(declared, counts)
