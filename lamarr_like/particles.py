"""Masses, charges and lifetimes by PDG identifier, as arrays."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

TRACKED_SPECIES = (11, 13, 211, 321, 2212)
"""Absolute PDG identifiers of the charged particles that leave tracks."""

SPECIES_NAMES = {11: "e", 13: "mu", 211: "pi", 321: "K", 2212: "p"}

MASSES = {11: 0.51099895, 13: 105.6583755, 211: 139.57039, 321: 493.677, 2212: 938.27208943}
"""Masses [MeV] of the tracked species (PDG 2024)."""

SPEED_OF_LIGHT = 299.792458
"""mm/ns."""


@cache
def pdg_name(pdg_id: int) -> str:
    """Name of a species, its number if it has none."""
    from particle import InvalidParticle, Particle, ParticleNotFound

    if pdg_id == 1000010020:
        return "deuteron"
    try:
        return str(Particle.from_pdgid(pdg_id).name)
    except (ParticleNotFound, InvalidParticle):
        return str(pdg_id)


@cache
def _properties(pdg_id: int) -> tuple[float, float]:
    from particle import InvalidParticle, Particle, ParticleNotFound

    try:
        found = Particle.from_pdgid(pdg_id)
    except (ParticleNotFound, InvalidParticle):
        return 0.0, 0.0
    return float(found.charge or 0.0), float(found.mass or 0.0)


def _lookup(pdg_id: NDArray[np.integer], which: int) -> NDArray[np.float64]:
    unique, inverse = np.unique(np.asarray(pdg_id), return_inverse=True)
    values = np.array([_properties(int(i))[which] for i in unique], dtype=np.float64)
    return values[inverse] if len(values) else np.zeros(0)


def charges(pdg_id: NDArray[np.integer]) -> NDArray[np.int8]:
    """Electric charge in units of e, shape ``(n,)``; 0 for unknown or fractional charges."""
    return np.trunc(_lookup(pdg_id, 0)).astype(np.int8)


def masses(pdg_id: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mass [MeV], shape ``(n,)``; 0 for unknown identifiers."""
    return _lookup(pdg_id, 1)


def is_tracked(pdg_id: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether the species leaves a track in the detector (e, mu, pi, K, p)."""
    return np.isin(np.abs(pdg_id), TRACKED_SPECIES)
