"""Decay files of EvtGen (``.dec``): what a particle decays to, how often, by which model.

Files are read by `decaylanguage`.  Followed are ``Decay``, ``CDecay``, ``CopyDecay``, ``Alias``,
``ChargeConj``, ``Define``, ``ModelAlias`` and the models of `registry`; fractions are scaled to a
sum of 1, as EvtGen does.  What is not followed is told in notes, each once:

* a model that is not in `registry`, or not for these particles: phase space;
* ``PHOTOS``: photons that are radiated are not generated;
* modes with quarks (``PYTHIA``, ``JETSET``), unknown particles, or daughters that are too heavy:
  left out, the others scaled up;
* commands such as ``ChangeMassMin``, ``LSFLAT``, ``Particle``, ``JetSetPar``: passed over.

``CDecay`` gives the CP conjugate: helicities are reversed.  (EvtGen copies the numbers.)  Names of
LHCb's signals, ``B0sig``, need no ``Alias``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import DecayError, SourceError
from ...files.yaml_json import read_bytes
from ...system.extras import need
from ..descriptor import MAX_DAUGHTERS, Node, least_mass
from ..names import conjugate, identify, properties
from .law import Law
from .registry import MODELS, PHASE_SPACE, SEMILEPTONIC, MismatchError, law_of

MAX_BYTES = 2_000_000
"""Longest file; that of LHCb has 0.6 MB."""

MAX_DEPTH = 30
"""Most decays in one another."""

_SIGNAL = "sig"
_FOLLOWED = ("Decay", "CDecay", "CopyDecay", "Alias", "ChargeConj", "Define", "ModelAlias")
_PASSED = re.compile(r"^[ \t]*([A-Z][A-Za-z0-9]+|yesPhotos|noPhotos)\b", re.MULTILINE)


_PARAMETER = re.compile(r"[-+]?[0-9.][0-9.eE+-]*")

Reference = tuple[str, bool]
"""A name of a file, and whether its antiparticle is meant."""


class Mode(NamedTuple):
    """One way in which a particle decays.

    Attributes:
        fraction: share of the decays of the particle.
        daughters: names, in the order that the law takes them.
        law: how it is distributed, None for phase space.
    """

    fraction: float
    daughters: tuple[str, ...]
    law: Law | None


class DecayFile:
    """The decays of a file.

    Args:
        path: the file.
        note: takes remarks for the user.

    Raises:
        SourceError: if it cannot be read, naming the file and line.
        MissingExtraError: without the extra ``decays``.
    """

    def __init__(self, path: Path, note: Callable[[str], None]) -> None:
        need("decays")
        self.path, self.note = path, note
        content = read_bytes(path, MAX_BYTES, SourceError)
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise SourceError(f"{path} is no text: {error}") from None
        parsed = _parsed(path, text)
        self.aliases: dict[str, str] = parsed.dict_aliases()
        pairs: dict[str, str] = parsed.dict_charge_conjugates()
        self.conjugates = {**pairs, **{b: a for a, b in pairs.items()}}
        self.copied: list[str] = parsed.list_charge_conjugate_decays()
        self.raw: dict[str, list[dict[str, Any]]] = {
            name: [
                parsed._decay_mode_details(mode, display_photos_keyword=True)
                for mode in parsed._find_decay_modes(name)
            ]
            for name in parsed.list_decay_mother_names()
            if name not in self.copied
        }
        self._modes: dict[str, tuple[Mode, ...]] = {}
        self._partners: dict[str, str | None] = {}
        passed = sorted(
            set(_PASSED.findall(_without_comments(text))) - {*_FOLLOWED, "Enddecay", "End"}
        )
        if passed:
            note(f"{path}: passed over {', '.join(passed)}")

    def pdg_id(self, name: str) -> int:
        """PDG identifier of a name or alias.

        Raises:
            DecayError: for a name that nobody knows.
        """
        from particle.converters import EvtGenName2PDGIDBiMap
        from particle.exceptions import MatchingIDNotFound

        plain = self.aliases.get(name, name).removesuffix(_SIGNAL)
        try:
            return int(EvtGenName2PDGIDBiMap[plain])
        except MatchingIDNotFound:
            return identify(plain)

    def head(self, wanted: str | None = None) -> str:
        """The particle that the file is about: the one asked for, or that which no other makes.

        Raises:
            SourceError: if there is none, or more than one.
        """
        if wanted is not None:
            name = next((n for n in (wanted, f"{wanted}{_SIGNAL}") if n in self.raw), None)
            if name is None:
                listed = ", ".join([*self.raw][:20])
                raise SourceError(f"{self.path}: no decay of {wanted!r}; there are {listed}")
            return name
        made = {d for modes in self.raw.values() for mode in modes for d in mode["fs"]}
        made |= {self.partner(name) or "" for name in made}
        tops = [name for name in self.raw if name not in made]
        signals = [name for name in tops if name.endswith(_SIGNAL)] or tops
        flavours = {abs(self.pdg_id(name)) for name in signals}
        if len(flavours) != 1:
            listed = ", ".join(signals[:20]) or "none"
            raise SourceError(f"{self.path}: say which decays, ?head=NAME; there are {listed}")
        return signals[0]

    def partner(self, name: str) -> str | None:
        """Name of the antiparticle in this file, None for a particle that is its own."""
        if name not in self._partners:
            self._partners[name] = self._partner(name)
        return self._partners[name]

    def _partner(self, name: str) -> str | None:
        if name in self.conjugates:
            return self.conjugates[name]
        if name in self.aliases:
            return None
        try:
            number = self.pdg_id(name)
        except DecayError:
            return None
        other = conjugate(number)
        if other == number:
            return None
        for found in (*self.raw, *self.copied):
            if found not in self.aliases and found != name and self._is(found, other):
                return found
        return None

    def _is(self, name: str, number: int) -> bool:
        try:
            return self.pdg_id(name) == number
        except DecayError:
            return False

    def modes(self, name: str) -> tuple[Mode, ...]:
        """What a particle decays to, fractions summing to 1; nothing if the file does not say."""
        if name not in self._modes:
            raw = self.raw.get(name, [])
            found = [mode for one in raw if (mode := self._mode(name, one)) is not None]
            total = sum(mode.fraction for mode in found)
            if raw and not found:
                self.note(f"{self.path}: no decay of {name} can be generated")
            self._modes[name] = tuple(m._replace(fraction=m.fraction / total) for m in found)
        return self._modes[name]

    def _mode(self, name: str, one: dict[str, Any]) -> Mode | None:
        """A mode as it is generated, None for one that is left out."""
        fraction, daughters = float(one["bf"]), [str(d) for d in one["fs"]]
        model = str(one["model"])
        if model.startswith("PHOTOS"):
            self.note(f"{self.path}: PHOTOS is passed over, photons are not radiated")
            model = model.removeprefix("PHOTOS").strip()
        shown = f"{name} -> {' '.join(daughters)}"
        if fraction < 0.0:
            raise SourceError(f"{self.path}: {shown} has a negative fraction")
        if fraction == 0.0:
            return None
        try:
            numbers = [self.pdg_id(d) for d in daughters]
            mother = self.pdg_id(name)
            reason = _impossible(mother, numbers, [self._least(d) for d in daughters])
        except DecayError as error:
            reason = error.reason  # of the name, without the caret
        except SourceError as error:
            raise SourceError(f"{self.path}: {shown}: {error}") from None
        if reason:
            self.note(f"{self.path}: {shown} is left out: {reason}")
            return None
        parameters = [p for p in one["model_params"] or ()]
        law, order = self._law(model, mother, numbers, parameters, shown)
        return Mode(fraction, tuple(daughters[i] for i in order), law)

    def _least(self, name: str) -> float:
        """Least mass of a particle; Pythia decays it at its mean mass, if the file does not."""
        number = self.pdg_id(name)
        decays = name in self.raw or self.partner(name) in self.raw
        return least_mass(Node(number)) if decays else properties(number).mass

    def _law(
        self, model: str, mother: int, numbers: list[int], parameters: list[Any], shown: str
    ) -> tuple[Law | None, Sequence[int]]:
        """The law of a model, phase space with a note where there is none."""
        in_order = range(len(numbers))
        if model not in MODELS and model not in SEMILEPTONIC and model not in PHASE_SPACE:
            self.note(f"{self.path}: model {model} is not known: phase space instead")
            return None, in_order
        try:
            if not all(isinstance(p, float) for p in parameters):
                raise MismatchError("its parameters are no numbers")
            return law_of(model, mother, numbers, parameters)
        except MismatchError as error:
            self.note(f"{self.path}: {shown}: phase space instead of {model}: {error}")
            return None, in_order

    def modes_of(self, one: Reference) -> tuple[tuple[Mode, ...], bool]:
        """What a particle decays to, and whether what is said is said of its antiparticle."""
        name, reversed_ = one
        other = self.partner(name)
        first, second = (other, name) if reversed_ else (name, other)
        if first and (own := self.modes(first)):
            return own, False
        if second and (own := self.modes(second)):
            return own, True
        return (), False

    def chosen(self, head: Reference, choose: Iterator[float]) -> tuple[int, ...]:
        """Numbers of the modes of one decay tree, mothers first.

        Args:
            head: what decays.
            choose: uniform numbers.

        Raises:
            SourceError: if decays go on without end.
        """
        found: list[int] = []

        def go(one: Reference, depth: int) -> None:
            modes, reversed_ = self.modes_of(one)
            if not modes:
                return
            if depth > MAX_DEPTH:
                raise SourceError(f"{self.path}: more than {MAX_DEPTH} decays in one another")
            u, k = next(choose), 0
            while k < len(modes) - 1 and u >= modes[k].fraction:
                u -= modes[k].fraction
                k += 1
            found.append(k)
            for d in modes[k].daughters:
                go((d, reversed_), depth + 1)

        go(head, 0)
        return tuple(found)

    def node(self, head: Reference, numbers: Sequence[int]) -> Node:
        """The decay tree of some modes.

        Args:
            head: what decays.
            numbers: as `chosen` gives them.
        """
        left = iter(numbers)

        def made(one: Reference) -> Node:
            name, bar = one
            number = self.pdg_id(name)
            number = conjugate(number) if bar else number
            modes, reversed_ = self.modes_of(one)
            if not modes:
                return Node(number)
            mode = modes[next(left)]
            if len(mode.daughters) == 1:  # a K0 is a K_S or a K_L
                return made((mode.daughters[0], reversed_))
            below = tuple([made((d, reversed_)) for d in mode.daughters])
            law = mode.law.conjugated() if mode.law and reversed_ else mode.law
            return Node(number, daughters=below, law=law)

        return made(head)


def _parsed(path: Path, text: str) -> Any:
    """The file as `decaylanguage` holds it."""
    from decaylanguage import DecFileParser
    from decaylanguage.dec.enums import known_decay_models
    from lark.exceptions import LarkError, UnexpectedInput

    parser = DecFileParser.from_string(text)
    aliases = re.findall(r"^[ \t]*ModelAlias[ \t]+(\S+)", text, re.MULTILINE)
    unknown = sorted(_models(text) - {*known_decay_models, *aliases})
    if unknown:
        parser.load_additional_decay_models(*unknown)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says is looked at here
            parser.parse()
    except UnexpectedInput as error:
        raise SourceError(f"{path}, line {error.line}: cannot be read as a decay file") from None
    except (LarkError, ValueError, KeyError, RuntimeError) as error:
        raise SourceError(f"{path}: cannot be read as a decay file ({error})") from None
    return parser


def _models(text: str) -> set[str]:
    """Words that stand where the name of a model stands: the last before numbers and the end."""
    found = set()
    for block in _blocks(_without_comments(text)):
        for line in block.split(";"):
            words = line.split()[1:]
            while words and _PARAMETER.fullmatch(words[-1]):
                words.pop()
            if words and re.fullmatch(r"[A-Za-z]\w*", words[-1]):
                found.add(words[-1])
    return found


def _blocks(text: str) -> Iterator[str]:
    """What stands between each ``Decay`` and its ``Enddecay``."""
    lines: list[str] | None = None
    for line in text.splitlines():
        first = line.split(maxsplit=1)[:1]
        if first == ["Decay"]:
            lines = []
        elif first == ["Enddecay"]:
            yield "\n".join(lines or [])
            lines = None
        elif lines is not None:
            lines.append(line)


def _without_comments(text: str) -> str:
    return re.sub(r"#.*", "", text)


def _impossible(mother: int, daughters: Sequence[int], least: Sequence[float]) -> str:
    """Why a decay cannot be generated, nothing if it can."""
    for number in daughters:
        # Quarks, gluons, and systems of generators.
        if abs(number) < 10 or number == 21 or 80 < abs(number) < 101 or abs(number) == 30343:
            return f"no particle {properties(number).name}"
        if properties(number).mass != properties(number).mass:
            return f"the mass of {properties(number).name} is not known"
    if not 1 <= len(daughters) <= MAX_DAUGHTERS:
        return f"{len(daughters)} daughters; {MAX_DAUGHTERS} are the most"
    found = properties(mother)
    charge = sum(properties(d).charge for d in daughters)
    if charge != found.charge:
        raise SourceError(f"charge is not conserved, {found.charge:+g} becomes {charge:+g}")
    if len(daughters) > 1 and sum(least) >= found.mass + 3.0 * found.width:
        return f"{found.name} is lighter than its daughters"
    return ""
