"""Masses, widths, charges and lifetimes by PDG identifier.

They are those of the PDG's computer-readable table, and of `particle_gaps` where that has none.
What the table does not say is not a number: a width that is not measured is not 0, and 0 is not
an infinite life.  Four cases are told apart:

* *measured*: the number;
* *bounded from above* or *unknown*, of a hadron that decays strongly or electromagnetically (those
  that do not have all been measured, but for heavy baryons in `particle_gaps`): it decays where it
  is made, with a width far below any resolution;
* *zero* width, of a particle that does not decay (e, p, photon, neutrinos): an infinite life;
* *no such identifier*: see each function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats, Integers, Mask
from .particle_gaps import GAPS, opposite

if TYPE_CHECKING:
    from particle import Particle

TRACKED_SPECIES = (11, 13, 211, 321, 2212)
"""Absolute PDG identifiers of the charged particles that leave tracks."""

SPECIES_NAMES = {11: "e", 13: "mu", 211: "pi", 321: "K", 2212: "p"}

MASSES = {11: 0.51099895, 13: 105.6583755, 211: 139.57039, 321: 493.677, 2212: 938.27208943}
"""Masses [MeV] of the tracked species (PDG 2024)."""

LIFETIME_LENGTH = {211: 7804.5, 321: 3711.0}
"""c tau [mm] of the charged mesons that decay inside the spectrometer (PDG 2024)."""

SPEED_OF_LIGHT = 299.792458
"""mm/ns."""

NUCLEUS = 1_000_000_000
"""Least absolute identifier of nuclei."""

LIGHT_NUCLEI = {1000010020: "deuteron", 1000010030: "triton", 1000020040: "alpha"}
"""Nuclei with names of their own; the table calls them D2, T3 and He4."""

_NEUTRINOS = (12, 14, 16)


class Species(NamedTuple):
    """What is known of a particle.

    Attributes:
        name: name in the `particle` package.
        mass: [MeV], NaN where no source has it.
        width: [MeV], 0 where it is below any resolution.
        ctau: mean flight c tau [mm], infinite for what does not decay, NaN where nobody knows.
        charge: in units of e.
    """

    name: str
    mass: float
    width: float
    ctau: float
    charge: float


_INF = float("inf")
_COMMON = {
    22: Species("gamma", 0.0, 0.0, _INF, 0.0),
    11: Species("e-", MASSES[11], 0.0, _INF, -1.0),
    -11: Species("e+", MASSES[11], 0.0, _INF, 1.0),
    13: Species("mu-", MASSES[13], 2.9959836e-16, 658638.3866029924, -1.0),
    -13: Species("mu+", MASSES[13], 2.9959836e-16, 658638.3866029924, 1.0),
    211: Species("pi+", MASSES[211], 2.5284e-14, 7804.420995859139, 1.0),
    -211: Species("pi-", MASSES[211], 2.5284e-14, 7804.420995859139, -1.0),
    321: Species("K+", MASSES[321], 5.317e-14, 3711.246576251692, 1.0),
    -321: Species("K-", MASSES[321], 5.317e-14, 3711.246576251692, -1.0),
    2212: Species("p", MASSES[2212], 0.0, _INF, 1.0),
    -2212: Species("p~", MASSES[2212], 0.0, _INF, -1.0),
}
"""What the chain follows, as the table has it: a gun need not wait for the table to be read."""


_OWN: dict[int, Species] = {}


def define(own: Mapping[int, Species]) -> None:
    """Add particles that no table has, or put others in place of those that one has.

    Args:
        own: particles by PDG identifier; all of those that were added before are forgotten.
    """
    _OWN.clear()
    _OWN.update(own)
    pdg_name.cache_clear()
    species.cache_clear()


def own_particles() -> dict[int, Species]:
    """Particles that were added, by PDG identifier."""
    return dict(_OWN)


@cache
def pdg_name(pdg_id: int) -> str:
    """Name of a species, its number if it has none."""
    if abs(pdg_id) in LIGHT_NUCLEI:
        return ("anti-" if pdg_id < 0 else "") + LIGHT_NUCLEI[abs(pdg_id)]
    found = species(pdg_id)
    return str(pdg_id) if found is None else found.name


@cache
def species(pdg_id: int) -> Species | None:
    """A particle by its PDG identifier; None for one that is in no table.

    Args:
        pdg_id: any integer.
    """
    if pdg_id in _COMMON:
        return _COMMON[pdg_id]
    if pdg_id in _OWN or -pdg_id in _OWN:
        return _OWN.get(pdg_id)
    found = _tabulated(pdg_id)
    return _of_gap(pdg_id) if found is None else _of_table(pdg_id, found)


def _of_table(pdg_id: int, found: Particle) -> Species:
    """A particle that the PDG's table has."""
    charge = float(found.charge or 0.0)
    gap = GAPS.get(abs(pdg_id))
    if gap is not None and found.mass is None:
        return Species(found.name, gap.mass, gap.width, gap.ctau, charge)
    width, ctau = _decay(found)
    return Species(found.name, _mass(found), width, ctau, charge)


def _tabulated(pdg_id: int) -> Particle | None:
    """The line of the PDG's table."""
    from particle import InvalidParticle, Particle, ParticleNotFound

    try:
        return Particle.from_pdgid(pdg_id)
    except (ParticleNotFound, InvalidParticle):
        return None


def _of_gap(pdg_id: int) -> Species | None:
    """A particle that only `particle_gaps` has."""
    gap = GAPS.get(abs(pdg_id))
    if gap is None:
        return None
    charge = float(gap.name.count("+") - gap.name.count("-"))
    if pdg_id > 0:
        return Species(gap.name, *gap[1:], charge)
    is_own = _tabulated(-pdg_id) is not None or not _has_antiparticle(pdg_id)
    if charge == 0.0 and is_own:
        return None
    is_charged_meson = charge != 0.0 and abs(pdg_id) % 10_000 < 1000
    return Species(opposite(gap.name, is_charged_meson), *gap[1:], -charge)


def _has_antiparticle(pdg_id: int) -> bool:
    """Whether a meson has two different quarks, or is none."""
    code = abs(pdg_id) % 10_000
    return code >= 1000 or code // 100 % 10 != code // 10 % 10


def _mass(found: Particle) -> float:
    pdg_id = abs(int(found.pdgid))
    if pdg_id in _NEUTRINOS:
        return 0.0
    return MASSES.get(pdg_id, float("nan") if found.mass is None else float(found.mass))


def _decay(found: Particle) -> tuple[float, float]:
    """Width [MeV] and c tau [mm], by the cases of the module."""
    if found.width is None or found.ctau is None:
        if abs(int(found.pdgid)) >= NUCLEUS:
            return 0.0, float("inf")
        return 0.0, 0.0 if found.pdgid.is_hadron else float("nan")
    if found.width > 0.0 and found.width_upper is None:  # an upper limit has no errors
        return 0.0, 0.0
    return float(found.width), float(found.ctau)


def antiparticle(pdg_id: int) -> int:
    """PDG identifier of the antiparticle; the same for a particle that is its own.

    Args:
        pdg_id: any integer; of one in no table the sign is changed.
    """
    if species(pdg_id) is not None and species(-pdg_id) is None:
        return pdg_id
    return -pdg_id


def charges(pdg_id: Integers) -> NDArray[np.int8]:
    """Electric charge in units of e, shape ``(n,)``; 0 for unknown or fractional charges."""
    found = _each(pdg_id, lambda one: one.charge)
    return np.trunc(found).astype(np.int8)


def masses(pdg_id: Integers) -> Floats:
    """Mass [MeV], shape ``(n,)``; 0 for identifiers in no table, such as strings and clusters."""
    return np.nan_to_num(_each(pdg_id, lambda one: one.mass))


def _each(pdg_id: Integers, value: Callable[[Species], float]) -> Floats:
    unique, inverse = np.unique(np.asarray(pdg_id), return_inverse=True)
    found = (species(int(i)) for i in unique)
    values = np.array([0.0 if one is None else value(one) for one in found], dtype=np.float64)
    return values[inverse] if len(values) else np.zeros(0)


def is_tracked(pdg_id: Integers) -> Mask:
    """Whether a species leaves tracks in the detector (e, mu, pi, K, p), shape ``(n,)``."""
    return np.isin(np.abs(pdg_id), TRACKED_SPECIES)
