"""Particles by name: identifiers, properties for decays, names of branches, nearest spelling."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import NamedTuple

from ..errors import DecayError
from ..particles import MASSES, TRACKED_SPECIES

LONG_LIVED_CTAU = 1e-3
"""Mean flight c tau [mm] from which a particle has a decay vertex of its own (a D+ has 0.31)."""

DEEP_CTAU = 10.0
"""Mean flight c tau [mm] from which daughters may be downstream tracks (K_S, Lambda)."""

PHOTON, PI0 = 22, 111

NEUTRINOS = (12, 14, 16)

INVISIBLE = (*NEUTRINOS, 130, 2112)
"""Absolute PDG identifiers of what leaves neither a track nor a cluster of its own."""

OBJECTS = (*TRACKED_SPECIES, PHOTON, PI0, *INVISIBLE)
"""Absolute PDG identifiers that may end a decay."""

_TRANSPARENT = (311,)  # K0 is a K_S or a K_L that has not been decided yet

_NUCLEUS = 1_000_000_000

_LHCB_NAMES = {"KS0": 310, "KL0": 130, "p+": 2212, "p~-": -2212, "K0S": 310}
"""Spellings of DaVinci that neither the `particle` package nor EvtGen has."""


class Properties(NamedTuple):
    """What a decay needs to know of a particle.

    Attributes:
        name: name in the `particle` package.
        mass: [MeV], 0 where unknown.
        width: [MeV].
        ctau: mean flight c tau [mm], infinite for what does not decay.
        charge: in units of e.
    """

    name: str
    mass: float
    width: float
    ctau: float
    charge: float


@cache
def properties(pdg_id: int) -> Properties:
    """Properties of a particle by its PDG identifier; unknown ones have no mass and live forever.

    Args:
        pdg_id: any integer.
    """
    from particle import Particle, ParticleNotFound

    try:
        found = Particle.from_pdgid(pdg_id)
    except ParticleNotFound:
        return Properties(str(pdg_id), 0.0, 0.0, float("inf"), 0.0)
    ctau = float("inf") if found.ctau is None else float(found.ctau)
    mass = MASSES.get(abs(pdg_id), float(found.mass or 0.0))
    return Properties(found.name, mass, float(found.width or 0.0), ctau, float(found.charge or 0.0))


@cache
def conjugate(pdg_id: int) -> int:
    """PDG identifier of the antiparticle; the same for a particle that is its own."""
    from particle import Particle

    return int(Particle.from_pdgid(pdg_id).invert().pdgid)


def is_long_lived(pdg_id: int) -> bool:
    """Whether a particle flies a measurable way before it decays."""
    if abs(pdg_id) in _TRANSPARENT:
        return False
    return properties(pdg_id).ctau > LONG_LIVED_CTAU


def is_short_lived(pdg_id: int) -> bool:
    """Whether a particle decays where it is made, as resonances do; pi0 and photons do not."""
    return not is_long_lived(pdg_id) and abs(pdg_id) not in (PHOTON, PI0)


@cache
def _identifiers() -> dict[str, int]:
    """PDG identifiers by the names of the `particle` package, of EvtGen and of DaVinci."""
    from particle import Particle
    from particle.exceptions import MatchingIDNotFound

    found: dict[str, int] = dict(_LHCB_NAMES)
    evtgen: dict[str, int] = {}
    for one in Particle.all():
        number = int(one.pdgid)
        if abs(number) >= _NUCLEUS:
            continue
        # Of two states of one name, the lower number is the one that textbooks mean.
        if one.name not in found or abs(number) < abs(found[one.name]):
            found[one.name] = number
        try:
            evtgen[one.evtgen_name] = number
        except MatchingIDNotFound:
            continue
    return {**evtgen, **found}


def identify(name: str, text: str = "", position: int = -1) -> int:
    """PDG identifier of a name.

    Args:
        name: as the `particle` package, EvtGen or DaVinci spell it, such as ``K*(892)0``.
        text, position: descriptor it stands in and where, for the message.

    Raises:
        DecayError: for an unknown name, with the nearest ones.
    """
    known = _identifiers()
    if name in known:
        return known[name]
    reason = f"unknown particle {name!r}"
    near = nearest_names(name)
    if near:
        reason += f"; did you mean {' or '.join(near)}?"
    raise DecayError(reason, text, position)


def nearest_names(name: str, n: int = 3) -> list[str]:
    """Known names most like a misspelt one, best first."""
    known = _identifiers()
    folded: dict[str, list[str]] = {}
    for k in known:
        folded.setdefault(k.lower(), []).append(k)
    found: list[str] = []
    for low in difflib.get_close_matches(name.lower(), folded, n, 0.6):
        found += folded[low]
    # Capitals count a little: of K+ and k+ the one nearer to what was written comes first.
    rank = {k: difflib.SequenceMatcher(None, name, k).ratio() for k in found}
    return sorted(found, key=lambda k: -rank[k])[:n]


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
