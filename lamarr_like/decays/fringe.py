"""Downstream tracks at their vertex: the fringe of the field, and matter that they did not cross.

A downstream track is measured from the TT on.  Its state stands at the closest point to the beam,
as those of all tracks: the fit carried it backward through the fringe of the dipole and all matter
before the TT.  Where it was born in between, as most daughters of K_S with such tracks are, its
line there is another one (`lamarr_like.stages.tracking.fringe_field`).  Scattering in the matter
before the vertex is taken out of the covariance again, and that in the sensors of the VELO behind
it added, which the fit does not know of.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..physics.particles import MASSES
from ..physics.passage import HIGHLAND, HIGHLAND_PATH
from ..stages.geometry import (
    FOIL_RADIUS,
    FOIL_X0,
    MATTER_BEFORE_TT,
    PIPE_CONE,
    PIPE_SLOPE,
    TT_START,
    VELO_INNER,
    VELO_STATIONS,
    VELO_SUPPORT,
    VELO_X0,
)
from ..stages.tracking.fringe_field import FIELD_START, bend
from .prongs import Prongs

POLARITY = -1
"""Sign of the field of the shipped detector along y: magnet down."""

_PION_MASS = MASSES[211]


def at_vertex(line: Prongs, charge: Floats, z: Floats, polarity: int | Ints) -> Prongs:
    """Lines of downstream tracks at a vertex: their tangent there, in the plane of its z.

    Args:
        line: as measured, leading shape ``(n,)``.
        charge: of the tracks, shape ``(n,)``.
        z: of the vertices [mm], shape ``(n,)``; before the field and behind the start of the TT
            the line is that at the border, NaN gives NaN.
        polarity: sign of the field along y, of all or of each track, shape ``(n,)``.
    """
    at = np.clip(z, FIELD_START, TT_START)
    dz = at - line.z
    state = line.state.copy()
    state[:, :2] += dz[:, None] * state[:, 2:4]
    turn = bend(state, charge, at, polarity)
    state[:, :4] += turn
    carry = np.tile(np.eye(6), (len(z), 1, 1))
    carry[:, 0, 2] = carry[:, 1, 3] = dz
    carry[:, :4, 4] += turn / state[:, 4:5]
    covariance = carry @ line.covariance @ carry.swapaxes(1, 2)
    return Prongs(state, at, _with_own_matter(line, z, at, covariance))


def _with_own_matter(line: Prongs, z: Floats, at: Floats, covariance: Floats) -> Floats:
    """Covariances with the matter that lies behind the vertex, where they stay positive.

    The fit has all sheets before the TT, the pipe and the foil, but no sensors of the VELO.
    """
    tx, ty, kappa = (line.state[:, i] for i in (2, 3, 4))
    slope2 = tx * tx + ty * ty
    norm2 = 1.0 + slope2
    # The foil is met where the line leaves its radius, if it ever is inside.
    depth = FOIL_RADIUS**2 - line.state[:, 0] ** 2 - line.state[:, 1] ** 2
    leaves = line.z + np.sqrt(np.maximum(depth, 0.0) / np.maximum(slope2, 1e-12))
    met = (depth > 0.0) & (leaves < FIELD_START) & (leaves < z)
    layers: list[tuple[Floats | float, Floats]] = [(leaves, np.where(met, -FOIL_X0, 0.0))]
    layers += [(sheet, -x0 * np.sqrt(norm2) * (sheet < z)) for sheet, x0 in MATTER_BEFORE_TT]
    sheet, wall, cone, least = PIPE_CONE
    slope = _radius(line, sheet) / sheet
    inside = (slope > PIPE_SLOPE) & (slope < cone) & (sheet < z)
    layers.append((sheet, -wall / np.maximum(cone - slope, least) * inside))
    for sheet in VELO_STATIONS:
        r = _radius(line, sheet)
        crossed = (sheet > z) & (r > VELO_INNER) & (r < VELO_SUPPORT)
        layers.append((sheet, VELO_X0 * np.sqrt(norm2) * crossed))
    noise = np.zeros((3, len(z)))
    for place, path in layers:
        lever = np.where(path == 0.0, 0.0, at - place)
        noise -= path * np.stack([lever * lever, lever, np.ones(len(z))])
    theta2 = (HIGHLAND * HIGHLAND_PATH * kappa) ** 2 * (1.0 + (_PION_MASS * kappa) ** 2)
    noise *= theta2 * norm2
    out = covariance.copy()
    for a, b, factor in ((0, 0, 1.0 + tx * tx), (1, 1, 1.0 + ty * ty), (0, 1, tx * ty)):
        for i, j, part in ((a, b, 0), (a, b + 2, 1), (a + 2, b, 1), (a + 2, b + 2, 2)):
            out[:, i, j] -= factor * noise[part]
            if a != b:
                out[:, j, i] -= factor * noise[part]
    positive = _is_positive(out[:, :5, :5])
    return np.where(positive[:, None, None], out, covariance)


def _radius(line: Prongs, z: float) -> Floats:
    """Distance of lines from the z axis at z [mm]."""
    x, y = (line.state[:, i] + line.state[:, i + 2] * (z - line.z) for i in (0, 1))
    radius: Floats = np.hypot(x, y)
    return radius


def _is_positive(matrices: Floats) -> Mask:
    """Whether matrices are positive definite, in units of their diagonals; shape ``(n,)``."""
    diagonal = np.diagonal(matrices, axis1=1, axis2=2)
    scale = np.sqrt(np.maximum(diagonal, 1e-30))
    unit = matrices / scale[:, :, None] / scale[:, None, :]
    sound: Mask = np.isfinite(unit).all(axis=(1, 2)) & np.asarray((diagonal > 0.0).all(axis=1))
    least = np.linalg.eigvalsh(np.where(sound[:, None, None], unit, np.eye(unit.shape[1])))
    return np.asarray(sound & (least[:, 0] > 1e-4))
