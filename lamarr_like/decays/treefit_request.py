"""What a fit of a decay tree holds: ``DTF: J/psi(1S)=mass,PV``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import DecayError
from .descriptor import Decay
from .names import identify

NAME = "DTF"
"""Name of a fit that is given none, as DaVinci's."""


@dataclass(frozen=True)
class TreeFit:
    """A fit of a decay tree.

    Args:
        name: in the names of its branches, behind that of the particle.
        masses: branch names of particles whose mass is held at its nominal value.
        primary: whether the head comes from its best primary vertex.
    """

    name: str = NAME
    masses: tuple[str, ...] = ()
    primary: bool = False

    @classmethod
    def parse(cls, text: str, decay: Decay) -> TreeFit:
        """Read ``[NAME:] ITEM,ITEM``: ``PV``, or ``PARTICLE=mass`` by its name or its branch's.

        Raises:
            DecayError: for what cannot be read or is not in the decay, and for a decay that leaves
                something unseen.
        """
        wrong = f"fit {text!r} of {decay.text!r}"
        match = re.fullmatch(r"\s*(?:([A-Za-z]\w*)\s*:)?(.*)", text, re.DOTALL)
        assert match is not None
        masses: list[str] = []
        primary = False
        for item in match[2].split(","):
            particle, equals, what = (part.strip() for part in item.rpartition("="))
            if not equals and what == "PV":
                primary = True
            elif equals and what == "mass":
                masses += _composites(particle, decay, wrong)
            else:
                raise DecayError(
                    f"{wrong}: {item.strip()!r} is neither PV nor of the form J/psi(1S)=mass"
                )
        if any(node.is_invisible for node in decay.head.walk()):
            raise DecayError(f"{wrong}: what is not seen cannot be fitted")
        return cls(match[1] or NAME, tuple(dict.fromkeys(masses)), primary)


def _composites(name: str, decay: Decay, wrong: str) -> list[str]:
    """Branches of particles that decay, by the name of a branch or of a particle."""
    composites = decay.head.composites()
    named = [c.branch for c in composites if c.branch == name]
    if not named:
        try:
            wanted = abs(identify(name))
        except DecayError:
            wanted = 0
        named = [c.branch for c in composites if abs(c.pdg_id) == wanted]
    if not named:
        known = ", ".join(c.branch for c in composites)
        raise DecayError(f"{wrong}: no {name!r} decays in it; there are {known}")
    return named
