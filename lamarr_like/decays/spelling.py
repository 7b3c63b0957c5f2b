"""Particles by name, in the spelling of DaVinci, of EvtGen, of the PDG, or between them.

A name is looked up as it stands in the names of the `particle` package, of EvtGen and of DaVinci.
If it is none of them, it is taken apart: stem, subscript, ``*``, primes, label, charge, and
whether it is of an antiparticle, in whatever order the dialects put them.  What has the same parts
is the same particle::

    Lambda(c)(2595)~-   Lambda_c(2595)~-   anti-Lambda_c(2595)-   Lambda_c(2595)bar-
    D(s)*+   D_s*+   D*_s+        K(1)(1270)~0   K_1(1270)~0   anti-K_10

A label, charge or ``0`` that is left out must not leave a choice: ``f_0(980)0``, ``phi`` and
``Lambda_c-`` are clear, ``K*(892)`` may be charged or not.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from ..errors import DecayError
from ..physics.particle_gaps import GAPS
from ..physics.particles import NUCLEUS, antiparticle, own_particles, species

_EXTRA = {
    **{"KS0": 310, "KL0": 130, "K0S": 310, "K0L": 130, "p+": 2212, "p~-": -2212},
    **{"J/psi": 443, "X_1(3872)": 120443, "X(3872)": 120443, "sigma_0": 9000221},
}
"""Spellings that follow from no rule."""

_MAX_NAME = 60
"""Longer words are no misspelt names."""

_FEW = 6
"""Most candidates that a message lists."""

_PRIMES = re.compile(r"_?prime|'")
_LABEL = re.compile(r"\((\d{3,5}|\d[A-Z]|[HL])\)")
_CHARGE = re.compile(r"(\++|-+|0)$")
_ANTI = re.compile(r"~|(?<=[A-Za-z\d)*'])bar(?![a-z])")


class Parts(NamedTuple):
    """A name taken apart.

    Attributes:
        stem: letters and subscript, as in ``Lambda_c`` or ``chi_c1``.
        stars, primes: how many.
        label: mass or quantum numbers in parentheses, ``""`` for none.
        charge: ``+``, ``--``, ``0``, ``""`` for none.
        anti: whether it is said to be an antiparticle.
    """

    stem: str
    stars: int
    primes: int
    label: str
    charge: str
    anti: bool


def take_apart(name: str) -> list[Parts]:
    """The ways to read a name: a final 0 can be the charge or the spin of ``chi_c0``."""
    word = name.removesuffix("sig")
    anti = word.startswith(("anti-", "anti_"))
    word = word[5:] if anti else word
    word, tildes = _ANTI.subn("", word)
    word, primes = _PRIMES.subn("", word)
    match = _CHARGE.search(word)
    charge = match[1] if match else ""
    plain = word[: match.start()] if match else word
    readings = [(plain, charge)] if charge != "0" else [(plain, "0"), (word, "")]
    return [_parts(text, primes, c, anti or tildes > 0) for text, c in readings]


def _parts(text: str, primes: int, charge: str, anti: bool) -> Parts:
    stars = text.count("*")
    text = text.replace("*", "")
    label = ""
    # Of K(L)0 the parentheses hold a subscript, of B_1(L)0 a label: the second of the two.
    for match in reversed(list(_LABEL.finditer(text))):
        if match.start() > 1 or match[1].isdigit():
            label = match[1]
            text = text[: match.start()] + text[match.end() :]
            break
    stem = re.sub(r"\((\w+)\)", r"_\1", text)
    return Parts(stem.replace("_", ""), stars, primes, label, charge, anti)


@cache
def _names() -> dict[str, int]:
    """PDG identifiers by the names of the dialects."""
    from particle import Particle

    numbers = [int(one.pdgid) for one in Particle.all() if _is_named(int(one.pdgid))]
    numbers += [i for gap in GAPS for i in (gap, antiparticle(gap))]
    # Of two states of one name: the one that the PDG's table knows, then the lower number.
    numbers.sort(key=lambda i: (abs(i) in GAPS, abs(i), i < 0))
    own: dict[str, int] = {}
    for i in numbers:
        found = species(i)
        if found is not None:
            own.setdefault(found.name, i)
    mine = {one.name: i for i, one in own_particles().items()}
    return {**_foreign(numbers), **_EXTRA, **own, **mine}


def forget() -> None:
    """Look names up anew: there are other particles."""
    _names.cache_clear()
    _by_parts.cache_clear()


def _is_named(pdg_id: int) -> bool:
    """Whether a particle can stand in a decay: no quark, diquark, gluon or nucleus."""
    code = abs(pdg_id)
    diquark = 1000 < code < 10_000 and code // 10 % 10 == 0
    return 10 < code < NUCLEUS and code != 21 and not diquark


def _foreign(numbers: list[int]) -> dict[str, int]:
    """Names of EvtGen and, where that has none of this spelling, of DaVinci."""
    from particle.converters import EvtGenName2PDGIDBiMap
    from particle.exceptions import MatchingIDNotFound
    from particle.lhcb import LHCbName2PDGIDBiMap
    from particle.pdgid import PDGID

    found: dict[str, int] = {}
    for table in (EvtGenName2PDGIDBiMap, LHCbName2PDGIDBiMap):
        for i in numbers:
            try:
                found.setdefault(table[PDGID(i)], i)
            except MatchingIDNotFound:
                continue
    return found


@cache
def _by_parts() -> list[dict[Parts, set[int]]]:
    """Identifiers by what a name says: all; no sign of an antiparticle; no charge; no label."""
    tables: list[dict[Parts, set[int]]] = [{} for _ in range(5)]
    for name, number in _names().items():
        for parts, written in _spoken(name, number):
            tables[0].setdefault(written, set()).add(number)
            for k, said in _shortened(parts):
                tables[k].setdefault(said, set()).add(number)
    return tables


def _spoken(name: str, number: int) -> Iterator[tuple[Parts, Parts]]:
    """The parts of a known name with the charge that is known as well, and as it is written."""
    found = species(number)
    assert found is not None
    charge = int(found.charge)
    sign = "0" if charge == 0 else ("+" if charge > 0 else "-") * abs(charge)
    # The PDG's name ends with the charge, so of the other readings that with its stem is meant.
    stem = take_apart(found.name)[0].stem
    readings = take_apart(name)
    for parts in [r for r in readings if r.stem == stem] or readings:
        if parts.charge in ("", sign):
            written = parts._replace(anti=number < 0)
            yield written._replace(charge=sign), written


def _shortened(parts: Parts) -> Iterator[tuple[int, Parts]]:
    """What may be left out, with the place among the tables: the more, the later."""
    signs = {parts.anti, False} if parts.charge != "0" else {parts.anti}
    for anti in signs:
        yield int(anti != parts.anti), parts._replace(anti=anti)
        yield 2, parts._replace(charge="", anti=anti)
        yield 3, parts._replace(label="", anti=anti)
        yield 4, parts._replace(label="", charge="", anti=anti)


def candidates(name: str) -> list[int]:
    """Identifiers that a name can stand for, lowest first; none for an unknown name.

    Args:
        name: any text.
    """
    known = _names()
    if name in known:
        return [known[name]]
    if not name or len(name) > _MAX_NAME:
        return []
    readings = take_apart(name)
    for table in _by_parts():
        found = set().union(*(table.get(parts, ()) for parts in readings))
        if found:
            return sorted(found, key=lambda i: (abs(i), -i))
    return []


def identify(name: str, text: str = "", position: int = -1) -> int:
    """PDG identifier of a name.

    Args:
        name: as the `particle` package, EvtGen or DaVinci spell it, such as ``K*(892)0``.
        text, position: descriptor it stands in and where, for the message.

    Raises:
        DecayError: for an unknown name, with the nearest ones, and for one that can be several
            particles, with these.
    """
    found = candidates(name)
    if len(found) == 1:
        return found[0]
    if found:
        listed = [getattr(species(i), "name", str(i)) for i in found[:_FEW]]
        more = ", ..." if len(found) > _FEW else ""
        reason = f"unknown particle {name!r}: it can be {', '.join(listed)}{more}; say which"
        raise DecayError(reason, text, position)
    shown = name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}..."
    reason = f"unknown particle {shown!r}"
    near = nearest_names(name)
    if near:
        reason += f"; did you mean {' or '.join(near)}?"
    raise DecayError(reason, text, position)


def nearest_names(name: str, n: int = 3) -> list[str]:
    """Known names most like a misspelt one, best first."""
    if len(name) > _MAX_NAME:
        return []
    folded: dict[str, list[str]] = {}
    for k in _names():
        folded.setdefault(k.lower(), []).append(k)
    found: list[str] = []
    for low in difflib.get_close_matches(name.lower(), folded, n, 0.6):
        found += folded[low]
    # Capitals count a little: of K+ and k+ the one nearer to what was written comes first.
    rank = {k: difflib.SequenceMatcher(None, name, k).ratio() for k in found}
    return sorted(found, key=lambda k: -rank[k])[:n]
