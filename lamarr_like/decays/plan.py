"""What a source of decays is asked for: one decay, or the decays of a file."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..errors import SourceError
from ..rng import uniforms
from .descriptor import Decay, Node, parse_decay
from .models.decfile import DecayFile
from .models.registry import MismatchError, law_of
from .models.shaped import with_shape
from .models.shapes import read_histogram
from .names import OBJECTS, PHOTON, PI0, conjugate, identify, properties
from .rapidsim import SUFFIXES, RapidSim

SHAPE_OPTIONS = ("shape", "x", "y")
"""Options of a decay that follows a histogram."""

_AT_ONCE = 32
_MAX_TREES = 10_000
"""Trees of a file that are remembered."""

Note = Callable[[str], None]


class Group(NamedTuple):
    """Decays of one tree.

    Attributes:
        rows: which decays they are, shape ``(n,)``.
        tree: what they are.
        flipped: those that are the charge conjugate of the tree, shape ``(n,)``.
    """

    rows: Ints
    tree: Node
    flipped: Mask


class Plan(ABC):
    """What is generated.

    Attributes:
        pdg_id: PDG identifier of the head.
        both: whether the charge conjugate is another decay.
        is_open: whether trees may end in particles that decay.
        defaults: options of the source where its user names none.
        inputs: files that it follows from.
    """

    pdg_id: int
    both: bool
    is_open: bool = False
    defaults: Mapping[str, str] = MappingProxyType({})
    inputs: tuple[Path, ...] = ()

    @abstractmethod
    def groups(
        self, seed: int, stage: str, event_id: Ints, index: Ints, flip: Mask
    ) -> Iterator[Group]:
        """The trees of some decays, each decay in one of them.

        Args:
            seed: seed of the run.
            stage: name of the stream of random numbers.
            event_id: event of each decay, shape ``(n,)``.
            index: number of each in its event, shape ``(n,)``.
            flip: which are charge conjugates, shape ``(n,)``.
        """


class OneDecay(Plan):
    """One decay; a pi0 that it ends in decays to two photons.

    Args:
        head: the decay.
    """

    def __init__(self, head: Node) -> None:
        self.tree = _to_the_end(head)
        self.pdg_id = head.pdg_id
        self.both = head.signature() != head.signature(True)

    def groups(
        self, seed: int, stage: str, event_id: Ints, index: Ints, flip: Mask
    ) -> Iterator[Group]:
        """All decays together; arrays of shape ``(n,)``."""
        yield Group(np.arange(len(event_id)), self.tree, flip)


class FileDecays(Plan):
    """The decays of a particle by a decay file.

    What the file leaves undecayed is decayed by Pythia.

    Args:
        path: the file.
        head: name of the particle in the file, None for the one that it is about.
        note: takes remarks for the user.

    Raises:
        SourceError: if the file cannot be read, or has no such particle.
    """

    is_open = True

    def __init__(self, path: Path, head: str | None, note: Note) -> None:
        self.file = DecayFile(path, note)
        self.inputs = (path,)
        self.head = self.file.head(head)
        self.pdg_id = self.file.pdg_id(self.head)
        self.both = conjugate(self.pdg_id) != self.pdg_id
        self._trees: dict[tuple[bool, tuple[int, ...]], Node] = {}
        left = self._undecided()
        if not self.file.modes_of((self.head, False))[0]:
            raise SourceError(f"{path}: no decay of {self.head} can be generated")
        if left:
            note(f"{path}: no decay of {', '.join(left)}: decayed by Pythia")

    def _undecided(self) -> list[str]:
        """Names of what the file leaves undecayed; all modes are looked at."""
        seen: dict[tuple[str, bool], bool] = {}
        waiting = [(self.head, bar) for bar in ((False, True) if self.both else (False,))]
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            modes, reversed_ = self.file.modes_of(one)
            seen[one] = bool(modes)
            waiting += [(d, reversed_) for mode in modes for d in mode.daughters]
        quiet = {*OBJECTS} - {PI0}
        names = {
            properties(self.file.pdg_id(name)).name
            for (name, _), decays in seen.items()
            if not decays and abs(self.file.pdg_id(name)) not in quiet
        }
        return sorted(names)

    def groups(
        self, seed: int, stage: str, event_id: Ints, index: Ints, flip: Mask
    ) -> Iterator[Group]:
        """Decays with the same tree together; arrays of shape ``(n,)``."""
        first = uniforms(seed, f"{stage}/mode/0", event_id, index, _AT_ONCE)
        found: dict[tuple[bool, tuple[int, ...]], list[int]] = {}
        for row in range(len(event_id)):
            numbers = _endless(first[row], seed, stage, event_id[[row]], index[[row]])
            bar = bool(flip[row])
            found.setdefault((bar, self.file.chosen((self.head, bar), numbers)), []).append(row)
        for key, rows in found.items():
            if key not in self._trees:
                if len(self._trees) >= _MAX_TREES:
                    self._trees.clear()
                self._trees[key] = self.file.node((self.head, key[0]), key[1])
            yield Group(np.array(rows), self._trees[key], np.zeros(len(rows), dtype=bool))


def _endless(first: Floats, seed: int, stage: str, event_id: Ints, index: Ints) -> Iterator[float]:
    """Uniform numbers of one decay, as many as are asked for."""
    yield from first.tolist()
    block = 1
    while True:
        yield from uniforms(seed, f"{stage}/mode/{block}", event_id, index, _AT_ONCE)[0].tolist()
        block += 1


class RapidSimDecay(OneDecay):
    """The decay of a pair of RapidSim's files.

    Args:
        found: the files, read.
        note: takes remarks for the user.

    Raises:
        SourceError: for a model or shape that does not fit.
    """

    def __init__(self, found: RapidSim, note: Note) -> None:
        for text in found.notes:
            note(text)
        head = _with_models(found.decay.head, found, note)
        decay, config = (found.path.with_suffix(suffix) for suffix in (".decay", ".config"))
        self.inputs = (decay, config) if config.is_file() else (decay,)
        if found.shape is not None:
            path, name, axes = found.shape
            pairs = [frozenset(found.order[k] for k in axis) for axis in axes]
            head = with_shape(head, read_histogram(path, name, 1e6), pairs, str(path))
            self.inputs = (*self.inputs, path)
        super().__init__(head)
        self.both = False
        self.defaults = found.options


def _with_models(node: Node, found: RapidSim, note: Note) -> Node:
    """The tree with the models of EvtGen that the files name."""
    daughters = tuple(_with_models(d, found, note) for d in node.daughters)
    model, parameters = found.models.get(node.branch, ("PHSP", []))
    law = None
    try:
        law, order = law_of(model, node.pdg_id, [d.pdg_id for d in daughters], parameters)
        daughters = tuple(daughters[i] for i in order)
    except KeyError:
        note(f"{found.path}: model {model} is not known: phase space instead")
    except MismatchError as error:
        note(f"{found.path}: {node.branch}: phase space instead of {model}: {error}")
    return replace(node, daughters=daughters, law=law)


def is_file(text: str) -> bool:
    """Whether a text names a file of decays rather than a decay."""
    return text.strip().lower().endswith((".dec", *SUFFIXES)) and "->" not in text


def plan_of(name: str, text: str, options: Mapping[str, str], note: Note) -> Plan:
    """What a source of decays generates.

    Args:
        name: the source as its user wrote it.
        text: descriptor of a decay, or the name of a file of decays.
        options: those of the source.
        note: takes remarks for the user.

    Raises:
        DecayError, SourceError: if it cannot be read or cannot happen.
    """
    path = Path(text.strip())
    if is_file(text) and path.suffix.lower() == ".dec":
        _refuse(name, options, SHAPE_OPTIONS, "one decay, decay:A -> B C D")
        return FileDecays(path, options.get("head"), note)
    _refuse(name, options, ("head",), "decay files, decay:FILE.dec")
    if is_file(text):
        _refuse(name, options, SHAPE_OPTIONS, "one decay, decay:A -> B C D")
        return RapidSimDecay(RapidSim.read(path), note)
    decay = parse_decay(text)
    if not {*SHAPE_OPTIONS} & options.keys():
        return OneDecay(decay.head)
    if "shape" not in options or "x" not in options:
        raise SourceError(f"{name}: a shape is shape=FILE&x=M2(A,B), and &y=M2(B,C) for two axes")
    file, _, histogram = options["shape"].partition(":")
    axes = [_pair(options[key], decay, f"{name}: {key}") for key in ("x", "y") if key in options]
    shape = read_histogram(Path(file), histogram or None)
    plan = OneDecay(with_shape(decay.head, shape, axes, file))
    plan.inputs = (Path(file),)
    return plan


def _refuse(name: str, options: Mapping[str, str], keys: Sequence[str], what: str) -> None:
    for key in keys:
        if key in options:
            raise SourceError(f"{name}: {key} is for {what}")


def _pair(text: str, decay: Decay, where: str) -> frozenset[str]:
    """Branches of the particles in ``M2(A,B)``."""
    match = re.fullmatch(r"\s*M2\((.+)\)\s*", text)
    if match is None:
        raise SourceError(f"{where}={text} is not of the form M2(A,B)")
    found = set()
    for word in (one.strip() for one in match[1].split(",")):
        named = [n.branch for n in decay.nodes if n.branch == word]
        if not named:
            number = identify(word)
            named = [n.branch for n in decay.nodes if n.pdg_id == number]
        if len(named) != 1:
            listed = ", ".join(n.branch for n in decay.nodes)
            raise SourceError(f"{where}: {word!r} is {len(named)} of the particles {listed}")
        found.update(named)
    return frozenset(found)


def _to_the_end(head: Node) -> Node:
    """The tree with every pi0 decayed."""
    daughters = tuple(_to_the_end(d) for d in head.daughters)
    if head.pdg_id == PI0 and not daughters:
        daughters = (Node(PHOTON), Node(PHOTON))
    return replace(head, daughters=daughters)
