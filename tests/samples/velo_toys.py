"""VELO tracks from a vertex, made by hand."""

import numpy as np

SIGMA = np.array([0.03, 0.03, 5e-4, 5e-4])
"""Errors of x, y [mm], tx and ty of a track 30 mm behind its vertex."""


def vertex_tracks(rng, n, vertex):
    """Tracks from a vertex at their points closest to the z axis.

    Args:
        rng: generator of random numbers.
        n: how many.
        vertex: x, y, z [mm].

    Returns:
        States ``(n, 6)`` and covariances ``(n, 5, 5)`` as the reconstruction gives them.
    """
    slope, phi = rng.uniform(0.02, 0.25, n), rng.uniform(0, 2 * np.pi, n)
    t = np.stack([slope * np.cos(phi), slope * np.sin(phi)])
    noise = rng.normal(size=(4, n)) * SIGMA[:, None]
    z = vertex[2] + 30.0
    states = np.zeros((n, 6))
    states[:, 0] = vertex[0] + t[0] * 30.0 + noise[0]
    states[:, 1] = vertex[1] + t[1] * 30.0 + noise[1]
    states[:, 3], states[:, 4] = t[0] + noise[2], t[1] + noise[3]
    covariance = np.zeros((n, 5, 5))
    covariance[:, range(4), range(4)] = SIGMA**2
    covariance[:, 4, 4] = 1e-12
    t, x = states[:, 3:5], states[:, :2]
    dz = -(x * t).sum(axis=1) / (t**2).sum(axis=1)
    states[:, :2] += t * dz[:, None]
    states[:, 2] = z + dz
    carry = np.tile(np.eye(5), (n, 1, 1))
    carry[:, 0, 2] = carry[:, 1, 3] = dz
    return states, carry @ covariance @ carry.transpose(0, 2, 1)
