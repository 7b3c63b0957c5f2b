"""Fits of helices to hits: least squares without material, all tracks at once.

The parameters are those at the point of closest approach to the beam line: distance d0, angle,
curvature, z and slope.  Errors of hits are those of a drift chamber (Blum, Riegler and Rolandi,
Particle Detection with Drift Chambers, ch. 7): a constant, diffusion that grows with the drift,
and fluctuations of the ionisation that grow with the square of the tangent of the angle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Mask
from .tracks import cross

STEPS = 8
"""Of Gauss and Newton; half-way, hits that are too far are left out."""

OUTLIER = 16.0
"""Squared pulls of u and z together beyond which a hit is left out."""

PARAMETERS = 5

_SMALL = np.array([1e-4, 1e-6, 1e-8, 1e-4, 1e-6])


class Hitted(NamedTuple):
    """Hits of tracks, one of each row; shapes ``(n, rows)``.

    Attributes:
        there: whether there is one.
        u, z: where [cm].
        u_error, z_error: standard deviations [cm].
    """

    there: Mask
    u: Floats
    z: Floats
    u_error: Floats
    z_error: Floats


class Fitted(NamedTuple):
    """Fitted helices.

    Attributes:
        parameters: d0 [cm], angle [rad], curvature [1/cm], z [cm], slope; shape ``(n, 5)``.
        covariance: of them, shape ``(n, 5, 5)``.
        chi2: sum of the squared pulls, shape ``(n,)``.
        ndf: degrees of freedom, shape ``(n,)``.
    """

    parameters: Floats
    covariance: Floats
    chi2: Floats
    ndf: Floats


def fit_helices(hits: Hitted, v: Floats, start: Floats) -> Fitted:
    """Fit.

    Args:
        hits: of n tracks, at least three each.
        v: of the rows [cm], shape ``(rows,)``.
        start: parameters to begin with, shape ``(n, 5)``.
    """
    found, there = start.copy(), hits.there
    weights = np.where(hits.there, 1.0, 0.0)
    scale = np.stack([weights / hits.u_error, weights / hits.z_error], axis=2)
    seen = np.stack([np.where(hits.there, hits.u, 0.0), np.where(hits.there, hits.z, 0.0)], axis=2)
    for step in range(STEPS):
        pulls, slopes = _pulls(found, v, seen, scale)
        normal = np.einsum("nij,nik->njk", slopes, slopes)
        found = (
            found
            - np.linalg.solve(normal, np.einsum("nij,ni->nj", slopes, pulls)[..., None])[..., 0]
        )
        if step == STEPS // 2:
            far = (pulls.reshape(scale.shape) ** 2).sum(axis=2) > OUTLIER
            there = there & ~far
            scale = np.where(far[..., None], 0.0, scale)
    pulls, slopes = _pulls(found, v, seen, scale)
    covariance = np.linalg.inv(np.einsum("nij,nik->njk", slopes, slopes))
    ndf = 2.0 * there.sum(axis=1) - PARAMETERS
    return Fitted(found, covariance, (pulls**2).sum(axis=1), ndf)


def _pulls(parameters: Floats, v: Floats, seen: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Pulls of the hits, shape ``(n, 2 * rows)``, and their slopes by the parameters."""
    n = len(parameters)
    base = _points(parameters, v)
    slopes = []
    for k in range(PARAMETERS):
        moved = parameters.copy()
        moved[:, k] += _SMALL[k]
        slopes.append(((_points(moved, v) - base) / _SMALL[k] * scale).reshape(n, -1))
    return ((base - seen) * scale).reshape(n, -1), np.stack(slopes, axis=2)


def _points(parameters: Floats, v: Floats) -> Floats:
    """Places u and z at the rows, shape ``(n, rows, 2)``; 0 behind where a helix turns."""
    d0, angle, curvature, z, slope = (parameters[:, k, None] for k in range(PARAMETERS))
    place = np.stack([d0 * np.cos(angle), -d0 * np.sin(angle), z], axis=-1)
    found = np.stack(cross(place, angle, curvature, slope, v[None, :])[:2], axis=2)
    return np.nan_to_num(found)
