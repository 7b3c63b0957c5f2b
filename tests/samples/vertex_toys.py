"""Toy prongs of common vertices."""

from __future__ import annotations

import numpy as np

from lamarr_like.decays.prongs import Prongs
from lamarr_like.rng import normals, uniforms


def toys(n, k, seed=1):
    """Lines from common points with errors, as prongs and true points; shape (n, k)."""
    index = np.arange(n)
    u = uniforms(seed, "shape", index, 0, 20 * k).reshape(n, k, 20)
    point = normals(seed, "point", index, 0, 3) * [0.5, 0.5, 50.0]
    true = np.zeros((n, k, 6))
    true[..., 2:4] = 0.3 * (u[..., :2] - 0.5)
    true[..., 4] = 1e-4 + 4e-4 * u[..., 2]
    true[..., 5] = 139.57
    z = point[:, None, 2] + 200.0 * (u[..., 3] - 0.5)
    way = z - point[:, None, 2]
    true[..., 0] = point[:, None, 0] + way * true[..., 2]
    true[..., 1] = point[:, None, 1] + way * true[..., 3]
    root = np.zeros((n, k, 6, 6))
    lower = np.tril_indices(5)
    root[:, :, lower[0], lower[1]] = 0.6 * (u[..., 5:20] - 0.5)
    root[..., np.arange(5), np.arange(5)] = 1.0
    root *= np.array([0.02, 0.02, 2e-4, 2e-4, 2e-6, 0.0])[:, None]
    noise = normals(seed, "noise", index, 0, 6 * k).reshape(n, k, 6)
    state = true + np.einsum("nkij,nkj->nki", root, noise)
    return Prongs(state, z, root @ root.swapaxes(2, 3)), point, true
