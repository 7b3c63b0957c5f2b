"""Photons and pi0 from clusters: four-momenta from a vertex, with their covariances."""

from __future__ import annotations

import numpy as np

from ..arrays import Floats, Ints
from ..events import Table
from .names import properties

CLUSTER_COLUMNS = (
    *("cluster_id", "mcparticle_id", "x", "y", "z", "energy", "et", "sigma_energy", "sigma_x"),
    *("is_matched", "merged_mass"),
)
"""Columns of the cluster table that candidates with photons need."""

Momenta = tuple[Floats, Floats, Floats]
"""Four-momenta ``(n, 4)``, derivatives by the origin ``(n, 4, 3)``, covariances ``(n, 4, 4)``."""


def photon_momenta(cluster: Table, rows: Ints, origin: Floats, mass: float = 0.0) -> Momenta:
    """Four-momenta of clusters as particles that come from a point.

    Args:
        cluster: table of clusters.
        rows: rows of it, shape ``(n,)``.
        origin: x, y, z [mm] they come from, shape ``(n, 3)``.
        mass: their mass [MeV]: that of a pi0 for merged ones.
    """
    place = np.stack([cluster[a][rows] for a in "xyz"], axis=1).astype(np.float64)
    energy = cluster["energy"][rows].astype(np.float64)
    away = place - origin
    distance = np.linalg.norm(away, axis=1)
    unit = away / distance[:, None]
    p = np.sqrt(np.maximum(energy**2 - mass**2, 0.0))
    momentum = np.concatenate([p[:, None] * unit, energy[:, None]], axis=1)
    across = np.eye(3) - unit[:, :, None] * unit[:, None, :]
    by_place = np.zeros((len(rows), 4, 3))
    by_place[:, :3] = (p / distance)[:, None, None] * across
    by_energy = np.concatenate(
        [(energy / np.maximum(p, 1.0))[:, None] * unit, np.ones((len(p), 1))], 1
    )
    variance = np.zeros((len(rows), 3))
    variance[:, 0] = variance[:, 1] = cluster["sigma_x"][rows].astype(np.float64) ** 2
    spread = (by_place * variance[:, None]) @ by_place.swapaxes(1, 2)
    sigma2 = cluster["sigma_energy"][rows].astype(np.float64) ** 2
    spread += sigma2[:, None, None] * by_energy[:, :, None] * by_energy[:, None, :]
    return momentum, -by_place, spread


def pi0_momenta(cluster: Table, rows: Ints, origin: Floats) -> Momenta:
    """Four-momenta of pi0: of pairs of clusters, or of one cluster that holds both photons.

    A merged pi0 has the mass of the pi0; a pair has the mass that is measured.

    Args:
        cluster: table of clusters.
        rows: rows of the first and second cluster, the second -1 if merged, shape ``(n, 2)``.
        origin: x, y, z [mm] they come from, shape ``(n, 3)``.
    """
    merged = rows[:, 1] < 0
    first = photon_momenta(cluster, rows[:, 0], origin)
    second = photon_momenta(cluster, np.where(merged, rows[:, 0], rows[:, 1]), origin)
    whole = photon_momenta(cluster, rows[:, 0], origin, properties(111).mass)
    choose = [merged.reshape(-1, *[1] * (a.ndim - 1)) for a in whole]
    return tuple(  # type: ignore[return-value]
        np.where(m, w, a + b) for m, w, a, b in zip(choose, whole, first, second, strict=True)
    )


def add(parts: list[Momenta]) -> Momenta:
    """Sum of the four-momenta of several daughters."""
    first, *others = parts
    momentum, lever, spread = (a.copy() for a in first)
    for other in others:
        momentum += other[0]
        lever += other[1]
        spread += other[2]
    return momentum, lever, spread
