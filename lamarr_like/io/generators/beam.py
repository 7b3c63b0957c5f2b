"""The luminous region: where and when the generated collisions happen."""

from __future__ import annotations

import numpy as np

from ...arrays import Floats, Ints
from ...rng import normals

SIGMA_XY = 0.035
"""Width of the luminous region in x and in y [mm] (LHCb Run 2: 0.03 to 0.04)."""

SIGMA_Z = 45.0
"""Length of the luminous region [mm]."""

SIGMA_T = 0.15
"""Spread of the collision time [ns]: bunches as long as `SIGMA_Z` says, at the speed of light."""


def collision_points(
    seed: int,
    event_id: Ints,
    index: Ints,
    sigma_xy: float = SIGMA_XY,
    sigma_z: float = SIGMA_Z,
) -> Floats:
    """Draw x, y, z [mm] and t [ns] of collisions around the origin, shape ``(n, 4)``.

    Args:
        seed: seed of the run.
        event_id: event of each collision, shape ``(n,)``.
        index: position of the collision in its event, shape ``(n,)``.
        sigma_xy: transverse width [mm].
        sigma_z: length [mm].
    """
    widths = np.array([sigma_xy, sigma_xy, sigma_z, SIGMA_T])
    result: Floats = normals(seed, "beam_spot", event_id, index, 4) * widths
    return result
