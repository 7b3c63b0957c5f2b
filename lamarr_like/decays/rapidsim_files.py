"""The grammar of RapidSim's files: decays with braces, settings by line, names of particles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from ..errors import SourceError
from .descriptor import Node
from .names import conjugate, identify, properties

MAX_DEPTH = 12
"""Most decays in one another."""

_NAMES = {
    **{"nue": 12, "numu": 14, "nutau": 16, "n0": 2112, "KS": 310, "KL": 130, "Lambda0": 3122},
    **{"Jpsi": 443, "psi2S": 100443, "etac": 441, "chic0": 10441, "chic1": 20443, "chic2": 445},
    **{"etab": 551, "Upsilon1S": 553, "Upsilon2S": 100553, "Upsilon3S": 200553},
    **{"Upsilon4S": 300553, "p+": 2212, "Ds+": 431, "Ds*+": 433, "Bs0": 531, "Bs*0": 533},
    **{"K*0": 313, "K*+": 323, "D*0": 423, "D*+": 413, "B*0": 513, "B*+": 523, "Bc+": 541},
    **{"K0*(1430)0": 10311, "K0*(1430)+": 10321, "K1(1270)0": 10313, "K1(1270)+": 10323},
    **{"K1(1400)0": 20313, "K1(1400)+": 20323, "K2*(1430)0": 315, "K2*(1430)+": 325},
    **{"D0*(2400)+": 10411, "D0*(2400)0": 10421, "D1(2420)+": 10413, "D1(2420)0": 10423},
    **{"D1(2430)+": 20413, "D1(2430)0": 20423, "D2*(2460)+": 415, "D2*(2460)0": 425},
    **{"Ds0*(2317)+": 10431, "Ds1(2536)+": 10433, "Ds1(2460)+": 20433, "Ds2*(2573)+": 435},
    **{"Lambdac+": 4122, "Sigmac++": 4222, "Sigmac+": 4212, "Sigmac0": 4112, "Xic+": 4232},
    **{"Xic0": 4132, "Omegac0": 4332, "Lambdab0": 5122, "Sigmab-": 5112, "Sigmab+": 5222},
    **{"Xib-": 5132, "Xib0": 5232, "Omegab-": 5332, "Xi-": 3312, "Omega-": 3334},
}
"""PDG identifiers by RapidSim's names, where these are names in no other dialect or of others."""

GLOBAL = {
    *("seed", "acceptance", "geometry", "energy", "parent", "ptRange", "etaRange", "minWidth"),
    *("maxAttempts", "paramsStable", "paramsDecaying", "paramsTwoBody", "paramsThreeBody"),
    *("param", "cut", "shape", "useEvtGen", "evtGenUsePHOTOS", "pid"),
}
PARTICLE = {"name", "smear", "invisible", "altMass", "evtGenModel"}
"""Settings of a run, and of a particle."""

Kind = TypeVar("Kind", "Member", Node)

Setting = tuple[int, str, str]
"""Number of the line, key and value."""


class Member(NamedTuple):
    """A particle of a decay: its name in RapidSim, and what it decays to."""

    name: str
    daughters: tuple[Member, ...]


def identifier(name: str) -> int:
    """PDG identifier of one of RapidSim's names.

    Raises:
        DecayError: for a name that nobody knows.
    """
    for base, bar in _readings(name):
        if base in _NAMES:
            return conjugate(_NAMES[base]) if bar else _NAMES[base]
    if name.endswith("0b"):
        return conjugate(identify(name[:-1]))
    return identify(name)


def _readings(name: str) -> Iterator[tuple[str, bool]]:
    """A name as it is, or as that of an antiparticle."""
    yield name, False
    if name.startswith("anti-"):
        yield name[5:], True
    if name.endswith("b"):
        yield name[:-1], True
    if name.endswith(("+", "-")):
        yield name.translate(str.maketrans("+-", "-+")), True


def members(text: str, path: Path) -> Member:
    """The decay as it is written, with braces.

    Args:
        text: content of a ``.decay`` file.
        path: its name, for messages.

    Raises:
        SourceError: if it cannot be read.
    """
    words = re.sub(r"([{}])", r" \1 ", re.sub(r"#.*", "", text)).split()
    at = 0

    def decay(depth: int) -> Member:
        nonlocal at
        if depth > MAX_DEPTH or at + 2 >= len(words) or words[at + 1] != "->":
            raise SourceError(
                f"{path}: expected PARTICLE -> ... at {' '.join(words[at : at + 3])!r}"
            )
        name = words[at]
        at += 2
        found = []
        while at < len(words) and words[at] != "}":
            if words[at] == "{":
                at += 1
                found.append(decay(depth + 1))
                if at >= len(words):
                    raise SourceError(f"{path}: a brace is not closed")
                at += 1
            else:
                found.append(Member(words[at], ()))
                at += 1
        return Member(name, tuple(found))

    top = decay(0)
    if at < len(words):
        raise SourceError(f"{path}: the decay has ended before {' '.join(words[at : at + 3])!r}")
    return top


def written(one: Member, branches: Mapping[int, str]) -> str:
    """The decay as a descriptor.

    Args:
        one: the decay.
        branches: name of the branch of each particle, by its ``id``; none if empty.
    """

    def shown(member: Member, top: bool) -> str:
        branch = branches[id(member)]
        name = (
            f"${{{branch}}}{properties(identifier(member.name)).name}"
            if branch
            else (properties(identifier(member.name)).name)
        )
        if not member.daughters:
            return name
        inner = f"{name} -> {' '.join(shown(d, False) for d in member.daughters)}"
        return inner if top else f"({inner})"

    return shown(one, True)


def by_level(top: Kind) -> Iterator[Kind]:
    """Particles level by level, as RapidSim counts them."""
    level = [top]
    while level:
        yield from level
        level = [d for one in level for d in one.daughters]


def lines_of(content: str, path: Path) -> tuple[list[Setting], dict[int, list[Setting]]]:
    """Settings of the run, and of each particle by its number.

    Args:
        content: of a ``.config`` file.
        path: its name, for messages.

    Raises:
        SourceError: for a line that is no setting.
    """
    own: list[Setting] = []
    each: dict[int, list[Setting]] = {}
    now, known = own, GLOBAL
    for number, line in enumerate(content.splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        if text.startswith("@"):
            if not text[1:].strip().isdecimal() or len(text) > 6:
                raise SourceError(f"{path}, line {number}: expected @ and a number")
            now, known = each.setdefault(int(text[1:]), []), PARTICLE
            continue
        key, colon, value = (part.strip() for part in text.partition(":"))
        if not colon or key not in known:
            near = "" if not colon else f"; there are {', '.join(sorted(known))}"
            raise SourceError(f"{path}, line {number}: no setting {key!r}{near}")
        now.append((number, key, value))
    return own, each
