"""HepMC3's ROOT trees (`WriterRootTree`), entry by entry as the text that `ascii` reads.

The tree ``hepmc3_tree`` has a branch ``hepmc3_event`` of ``GenEventData`` and in later versions one
``GenRunInfo`` with the names of the weights.  Links are pairs: a particle that ends in a vertex,
or a vertex from which a particle comes; vertices are counted from -1 downwards, particles from 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Floats, Ints
from ...errors import SourceError
from ...files.locations import Location
from ..ntuple_reader import open_root, read_arrays
from ..root_steps import entry_steps
from ..weights import MAX_NAME
from .text import EventText, MalformedTextError
from .writing import GenEvent, event_text

if TYPE_CHECKING:
    import awkward as ak

TREE = "hepmc3_tree"
"""Name of the tree."""
STEP = 100
"""Entries that are read at a time."""

_EVENT = "hepmc3_event"
_NAMES = "GenRunInfo/weight_names"
_UNITS = (("MEV", "GEV"), ("MM", "CM"))
_AXES = ("m_v1", "m_v2", "m_v3", "m_v4")
_HEADS = ("event_number", "momentum_unit", "length_unit")
_LISTS = ("weights", "links1", "links2")
_PARTICLE = ("pid", "status", "mass", *(f"momentum.{axis}" for axis in _AXES))


def is_hepmc_tree(path: Location) -> bool:
    """Whether a file is ROOT and holds a tree of HepMC3; what cannot be opened is not."""
    with suppress(OSError, SourceError):
        with path.open("rb") as head:
            if head.read(4) != b"root":
                return False
        with open_root(path) as file:
            return TREE in file
    return False


def tree_texts(path: Location) -> Iterator[EventText]:
    """The text of each event of a tree.

    Raises:
        SourceError: for a tree that is not one of HepMC3 or is damaged.
        MalformedTextError: for an entry that no event can be, after those before it.
    """
    broken = None
    with open_root(path) as file:
        for found in _entries(path, file[TREE]):
            if isinstance(found, MalformedTextError):
                broken = found
                break
            yield found
    if broken is not None:  # outside of where all that goes wrong is damage of the file
        raise broken


def _entries(path: Location, tree: Any) -> Iterator[EventText | MalformedTextError]:
    """The texts, and why there is none where an entry is no event."""
    names = [*(f"{_EVENT}/{n}" for n in (*_HEADS, *_LISTS))]
    names += [f"{_EVENT}/event_pos/event_pos.{axis}" for axis in _AXES]
    names += [f"{_EVENT}/particles/particles.{n}" for n in _PARTICLE]
    names += [f"{_EVENT}/vertices/vertices.position.{axis}" for axis in _AXES]
    known = set(tree.keys())
    missing = [name for name in names if name not in known]
    if missing:
        raise SourceError(f"{path}: its tree {TREE} has no branch {missing[0]}")
    named = _NAMES in known
    for start, stop in entry_steps(path, tree, [*names, *[_NAMES] * named], STEP):
        arrays = read_arrays(tree, names, start, stop)
        weight_names = _weight_names(tree, start, stop) if named else [()] * (stop - start)
        flat = _Flat({name.rpartition("/")[2]: array for name, array in arrays.items()})
        for k in range(stop - start):
            try:
                text = EventText(event_text(flat.event(k)).encode())
            except MalformedTextError as error:
                yield error
                continue
            text.weight_names = weight_names[k]
            yield text


def _weight_names(tree: Any, start: int, stop: int) -> list[tuple[str, ...]]:
    found = tree[_NAMES].array(entry_start=start, entry_stop=stop).tolist()
    return [tuple(str(name)[:MAX_NAME] for name in names) for names in found]


class _Flat:
    """Some entries: numbers of the events, and of all particles and vertices one after another."""

    def __init__(self, arrays: dict[str, ak.Array]) -> None:
        import awkward as ak

        self.flat, self.ends = {}, {}
        for name, array in arrays.items():
            counts = ak.num(array).to_numpy() if array.ndim > 1 else np.ones(len(array), np.int64)
            self.ends[name] = np.concatenate([[0], np.cumsum(counts)])
            self.flat[name] = (ak.flatten(array) if array.ndim > 1 else array).to_numpy()

    def of(self, name: str, k: int) -> np.ndarray:
        """What one entry has of a branch."""
        first, last = self.ends[name][k : k + 2]
        part: np.ndarray = self.flat[name][first:last]
        return part

    def rows(self, names: list[str], k: int) -> Floats:
        """Branches of one length side by side."""
        parts = [self.of(name, k).astype(np.float64) for name in names]
        if len({len(part) for part in parts}) > 1:
            raise MalformedTextError(f"{names[0]} and {names[-1]} differ in length")
        return np.stack(parts, axis=1)

    def event(self, k: int) -> GenEvent:
        """One entry."""
        units = [int(self.of(name, k)[0]) for name in _HEADS[1:]]
        if not all(unit in (0, 1) for unit in units):
            raise MalformedTextError(f"units {units[0]} and {units[1]}, which are neither 0 nor 1")
        particle = self.rows([f"particles.{n}" for n in _PARTICLE], k)
        position = self.rows([f"vertices.position.{axis}" for axis in _AXES], k)
        made_at, ends_in = _links(self.of("links1", k), self.of("links2", k),
                                  len(particle), len(position))  # fmt: skip
        return GenEvent(
            number=int(self.of("event_number", k)[0]),
            units=(_UNITS[0][units[0]], _UNITS[1][units[1]]),
            weights=self.of("weights", k).tolist() or [1.0],
            place=self.rows([f"event_pos.{axis}" for axis in _AXES], k)[0],
            pdg_id=self.of("particles.pid", k),
            status=self.of("particles.status", k),
            made_at=made_at,
            ends_in=ends_in,
            momentum=particle[:, 3:],
            mass=particle[:, 2],
            position=position,
        )


def _links(one: Ints, two: Ints, n: int, m: int) -> tuple[Ints, Ints]:
    """Production and end vertex of each of `n` particles, counted from 0, -1 for none."""
    if len(one) != len(two):
        raise MalformedTextError(f"{len(one)} first and {len(two)} second numbers of links")
    ends = one > 0
    particle, vertex = np.where(ends, one, two) - 1, -np.where(ends, two, one) - 1
    wrong = (particle < 0) | (particle >= n) | (vertex < 0) | (vertex >= m)
    if wrong.any():
        k = np.flatnonzero(wrong)[0]
        raise MalformedTextError(f"a link of {one[k]} and {two[k]}, which are not there")
    made_at, ends_in = np.full(n, -1), np.full(n, -1)
    made_at[particle[~ends]], ends_in[particle[ends]] = vertex[~ends], vertex[ends]
    return made_at, ends_in
