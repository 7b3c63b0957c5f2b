"""Particles of decays: their properties, what they leave, and the names of their branches."""

from __future__ import annotations

import re
from functools import cache

from ..errors import DecayError
from ..physics.particles import TRACKED_SPECIES, Species, antiparticle, species
from .own_particles import from_environment
from .spelling import identify, nearest_names

__all__ = [
    "DEEP_CTAU",
    "INVISIBLE",
    "K0",
    "LONG_LIVED_CTAU",
    "NEUTRINOS",
    "OBJECTS",
    "PHOTON",
    "PI0",
    "DecayError",
    "branch_name",
    "conjugate",
    "forget",
    "identify",
    "is_long_lived",
    "is_short_lived",
    "nearest_names",
    "properties",
]

LONG_LIVED_CTAU = 1e-3
"""Mean flight c tau [mm] from which a particle has a decay vertex of its own (a D+ has 0.31)."""

DEEP_CTAU = 10.0
"""Mean flight c tau [mm] from which daughters may be downstream tracks (K_S, Lambda)."""

PHOTON, PI0, K0 = 22, 111, 311

NEUTRINOS = (12, 14, 16)

INVISIBLE = (*NEUTRINOS, 130, 2112)
"""Absolute PDG identifiers of what leaves neither a track nor a cluster of its own."""

OBJECTS = (*TRACKED_SPECIES, PHOTON, PI0, *INVISIBLE)
"""Absolute PDG identifiers that may end a decay."""

_TRANSPARENT = (K0,)  # it is a K_S or a K_L that has not been decided yet

conjugate = antiparticle

from_environment()  # in a process that another one has started


def forget() -> None:
    """Look particles up anew: there are others."""
    is_long_lived.cache_clear()
    is_short_lived.cache_clear()


def properties(pdg_id: int) -> Species:
    """What a decay needs to know of a particle; NaN for all numbers of one in no table.

    Args:
        pdg_id: any integer.
    """
    nothing = float("nan")
    return species(pdg_id) or Species(str(pdg_id), nothing, 0.0, nothing, 0.0)


@cache
def is_long_lived(pdg_id: int) -> bool:
    """Whether a particle flies a measurable way before it decays."""
    if abs(pdg_id) in _TRANSPARENT:
        return False
    return properties(pdg_id).ctau > LONG_LIVED_CTAU


@cache
def is_short_lived(pdg_id: int) -> bool:
    """Whether a particle decays where it is made, as resonances do; pi0 and photons do not.

    Of one in no table it is not known, and False.
    """
    if abs(pdg_id) in (PHOTON, PI0):
        return False
    return abs(pdg_id) in _TRANSPARENT or properties(pdg_id).ctau <= LONG_LIVED_CTAU


def branch_name(pdg_id: int) -> str:
    """Default name of a particle in branches, as DaVinci makes it: ``Kplus``, ``Kst_892_0``.

    Args:
        pdg_id: PDG identifier.
    """
    name = properties(pdg_id).name
    if abs(pdg_id) == 2212:
        return "pplus" if pdg_id > 0 else "pminus"
    name = re.sub(r"\(([A-Za-z]+)\)", r"_\1", name)
    name = name.replace("*", "st").replace("~", "bar").replace("'", "prime")
    name = name.replace("+", "plus").replace("-", "minus")
    return re.sub(r"\W+", "_", name).strip("_")
