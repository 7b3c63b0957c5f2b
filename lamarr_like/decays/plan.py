"""What a source of decays is asked for: one decay, or the decays of a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..errors import SourceError
from ..rng import uniforms
from .descriptor import Node, parse_decay
from .models.decfile import DecayFile
from .names import OBJECTS, PHOTON, PI0, conjugate, properties

MODE_OPTIONS = ("head",)
"""Options that choose among the decays of a file."""

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
    """

    pdg_id: int
    both: bool
    is_open: bool = False

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

    def inputs(self) -> tuple[Path, ...]:
        """Files that it follows from."""
        return ()


class OneDecay(Plan):
    """The decay of a descriptor.

    Args:
        text: the descriptor; a pi0 that it ends in decays to two photons.

    Raises:
        DecayError: for a decay that cannot be read or cannot happen.
    """

    def __init__(self, text: str) -> None:
        head = parse_decay(text).head
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
        self.head = self.file.head(head)
        self.pdg_id = self.file.pdg_id(self.head)
        self.both = conjugate(self.pdg_id) != self.pdg_id
        self._trees: dict[tuple[bool, tuple[int, ...]], Node] = {}
        left = self._undecided()
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

    def inputs(self) -> tuple[Path, ...]:
        """The decay file."""
        return (self.file.path,)


def _endless(first: Floats, seed: int, stage: str, event_id: Ints, index: Ints) -> Iterator[float]:
    """Uniform numbers of one decay, as many as are asked for."""
    yield from first.tolist()
    block = 1
    while True:
        yield from uniforms(seed, f"{stage}/mode/{block}", event_id, index, _AT_ONCE)[0].tolist()
        block += 1


def is_file(text: str) -> bool:
    """Whether a text names a decay file rather than a decay."""
    return text.strip().lower().endswith(".dec") and "->" not in text


def plan_of(name: str, text: str, options: Mapping[str, str], note: Note) -> Plan:
    """What a source of decays generates.

    Args:
        name: the source as its user wrote it.
        text: descriptor of a decay, or the name of a decay file.
        options: those of the source.
        note: takes remarks for the user.

    Raises:
        DecayError, SourceError: if it cannot be read or cannot happen.
    """
    if is_file(text):
        return FileDecays(Path(text.strip()), options.get("head"), note)
    for key in MODE_OPTIONS:
        if key in options:
            raise SourceError(f"{name}: {key} is for decay files, decay:FILE.dec?{key}=...")
    return OneDecay(text)


def _to_the_end(head: Node) -> Node:
    """The tree with every pi0 decayed."""
    daughters = tuple(_to_the_end(d) for d in head.daughters)
    if head.pdg_id == PI0 and not daughters:
        daughters = (Node(PHOTON), Node(PHOTON))
    return replace(head, daughters=daughters)
