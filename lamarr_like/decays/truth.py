"""Generated decays: those of a descriptor, and what a candidate really is.

A generated decay matches if the particles that it ends in are those of the descriptor, through the
intermediate particles that are written.  Resonances that are not written may stand between (so
``Lambda(c)+ -> p K- pi+`` takes the one through a K*), particles that fly may not.  Photons that
charged particles radiated in the decay may be there in addition.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..events import EventBatch
from ..io.selection import nearest
from ..physics.particles import SPEED_OF_LIGHT
from .descriptor import Decay, Node
from .names import LONG_LIVED_CTAU, NEUTRINOS, PHOTON, PI0, conjugate, is_short_lived, properties

MAX_MISSING = 100.0
"""Energy [MeV] that soft radiation may take from a decay; and mass of what one neutrino took."""

_COLUMNS = ("mc_px", "mc_py", "mc_pz", "mc_energy")


class Generated(NamedTuple):
    """Generated decays of a descriptor, in order of the particle table.

    Attributes:
        head: row of the head, shape ``(n,)``.
        leaves: rows of the leaves in the order of the descriptor, shape ``(n, n_leaves)``.
        conjugated: whether it is the charge conjugate, shape ``(n,)``.
    """

    head: Ints
    leaves: Ints
    conjugated: Mask


class Truth:
    """The generated particles of a batch, by row of their table."""

    def __init__(self, batch: EventBatch) -> None:
        table = batch.particle
        self.table = table
        self.event: Ints = table.event_index
        self.pdg_id: Ints = table["mc_pdg_id"].astype(np.int64)
        local = table["mc_mother_id"].astype(np.int64)
        self.mother: Ints = np.where(local < 0, -1, table.offsets[self.event] + local)
        self.momentum: Floats = np.stack([table[c] for c in _COLUMNS], axis=1).astype(np.float64)

    @cached_property
    def first_child(self) -> Ints:
        """Row of the first daughter of each, -1 for none."""
        child = np.full(len(self.mother) + 1, -1)
        rows = np.arange(len(self.mother))[::-1]
        child[self.mother[rows]] = rows  # the last stays, which is the first
        return child[:-1]

    @cached_property
    def n_children(self) -> Ints:
        """Daughters of each that are not photons."""
        have = (self.mother >= 0) & (self.pdg_id != PHOTON)
        return np.bincount(self.mother[have], minlength=len(self.mother))

    @cached_property
    def origin(self) -> Ints:
        """The first of a line of equal particles, as of a B0 that becomes a B~0."""
        kind = np.abs(self.pdg_id)
        above = np.where(self.mother >= 0, self.mother, 0)
        first = (self.mother < 0) | (kind[above] != kind)
        return nearest(self.mother, first)[0]

    def position(self, rows: Ints) -> Floats:
        """Production vertices x, y, z [mm], NaN for row -1, shape ``(n, 3)``."""
        values = np.stack([self.table[f"mc_v{a}"] for a in "xyz"], axis=1).astype(np.float64)
        return np.concatenate([values, np.full((1, 3), np.nan)])[rows]

    def end(self, rows: Ints) -> Floats:
        """Decay vertices x, y, z [mm], NaN where there is none, shape ``(n, 3)``."""
        return self.position(self._or_none(self.first_child, rows))

    def tau(self, rows: Ints) -> Floats:
        """Decay times [ns], shape ``(n,)``."""
        first = self._or_none(self.origin, rows)
        way = np.linalg.norm(self.end(rows) - self.position(first), axis=1)
        p = np.concatenate([self.momentum, np.full((1, 4), np.nan)])[rows]
        p2 = (p[:, :3] ** 2).sum(axis=1)
        mass = np.sqrt(np.maximum(p[:, 3] ** 2 - p2, 0.0))
        result: Floats = way * mass / np.sqrt(p2) / SPEED_OF_LIGHT
        return result

    @staticmethod
    def _or_none(values: Ints, rows: Ints) -> Ints:
        found: Ints = np.append(values, -1)[rows]
        return found

    def has_flavour(self, flavour: int) -> Mask:
        """Whether each is a hadron with a quark of some flavour or stems from one.

        Returns:
            Of all particles, shape ``(n,)``.
        """
        code = np.abs(self.pdg_id) % 10_000
        heaviest = np.where(code >= 1000, code // 1000, code // 100)
        own = (np.abs(self.pdg_id) > 100) & (heaviest == flavour)
        found: Mask = nearest(self.mother, own)[0] >= 0
        return found

    def common_ancestor(self, rows: Ints) -> Ints:
        """Nearest particle that all of some particles stem from, -1 for none.

        Args:
            rows: shape ``(n, k)``, -1 for no particle.
        """
        chains = [self._chain(rows[:, k]) for k in range(rows.shape[1])]
        first = chains[0]
        shared = first >= 0
        for other in chains[1:]:
            shared &= (first[:, :, None] == other[:, None, :]).any(axis=2)
        found = np.where(shared.any(axis=1), first[np.arange(len(rows)), shared.argmax(axis=1)], -1)
        found[(rows < 0).any(axis=1)] = -1
        return found

    def _chain(self, rows: Ints) -> Ints:
        """Mothers, grandmothers and so on, shape ``(n, generations)``."""
        mother = np.append(self.mother, -1)
        chain = [mother[rows]]
        while (chain[-1] >= 0).any():
            chain.append(mother[chain[-1]])
        return np.stack(chain, axis=1)


def find_generated(truth: Truth, decay: Decay) -> Generated:
    """The generated decays of a descriptor, charge conjugates included.

    Args:
        truth: the generated particles.
        decay: what is looked for.
    """
    head = decay.head.pdg_id
    flips = [False, True] if conjugate(head) != head or not decay.is_own_conjugate else [False]
    found: list[tuple[int, list[int], bool]] = []
    for flip in flips:
        finder = _Finder(truth, decay, flip)
        found += [(row, leaves, flip) for row, leaves in finder.find()]
    found.sort(key=lambda one: one[0])
    n_leaves = len(decay.leaves)
    return Generated(
        np.array([f[0] for f in found], dtype=np.int64),
        np.array([f[1] for f in found], dtype=np.int64).reshape(-1, n_leaves),
        np.array([f[2] for f in found], dtype=bool),
    )


class _Finder:
    """Search for a descriptor, or for its charge conjugate."""

    def __init__(self, truth: Truth, decay: Decay, flip: bool) -> None:
        self.truth = truth
        self.decay = decay
        self.flip = flip
        self.leaves = decay.leaves
        paths = _paths(decay.head)
        self.slots = [
            (
                self._id(leaf),
                [self._id(n) for n in paths[id(leaf)]],
                [id(n) for n in paths[id(leaf)]],
            )
            for leaf in self.leaves
        ]

    def _id(self, node: Node) -> int:
        return conjugate(node.pdg_id) if self.flip else node.pdg_id

    def find(self) -> list[tuple[int, list[int]]]:
        """Head and leaves of each."""
        out = []
        for head, finals in self._plausible():
            assigned = self._assign(head, finals)
            if assigned is not None and self._is_whole(head, finals):
                out.append((head, assigned))
        return out

    def _plausible(self) -> list[tuple[int, list[int]]]:
        """Heads that end in the right particles, and all that they end in, hardest first."""
        truth, required = self.truth, np.array([s[0] for s in self.slots])
        is_head = truth.pdg_id == self._id(self.decay.head)
        if not is_head.any():
            return []
        # The last of a line of equal particles is the one that decays.
        same = truth.mother >= 0
        same &= np.abs(truth.pdg_id) == np.abs(truth.pdg_id[np.maximum(truth.mother, 0)])
        is_head[truth.mother[same]] = False
        root = nearest(truth.mother, is_head)[0]
        final = truth.table["mc_stable"].astype(bool)
        if PI0 in required:
            final = final | (truth.pdg_id == PI0)
            above = nearest(truth.mother, truth.pdg_id == PI0)[0]
            below = (above >= 0) & (above != np.arange(len(above)))
            final &= ~below
        rows = np.flatnonzero(final & (root >= 0) & ~is_head)
        heads, index = np.unique(root[rows], return_inverse=True)
        kinds, counts = np.unique(required, return_counts=True)
        fits = np.ones(len(heads), dtype=bool)
        for kind, count in zip(kinds, counts, strict=True):
            n = np.bincount(index[truth.pdg_id[rows] == kind], minlength=len(heads))
            fits &= (n >= count) if kind == PHOTON else (n == count)
        other = ~np.isin(truth.pdg_id[rows], [*kinds, PHOTON])
        fits &= np.bincount(index[other], minlength=len(heads)) == 0
        order = np.lexsort((-truth.momentum[rows, 3], index))
        bounds = np.searchsorted(index[order], np.arange(len(heads) + 1))
        ordered = rows[order]
        return [
            (int(heads[k]), ordered[bounds[k] : bounds[k + 1]].tolist())
            for k in np.flatnonzero(fits)
        ]

    def _assign(self, head: int, finals: list[int]) -> list[int] | None:
        """A particle for each leaf such that the intermediate ones agree; None if there is none."""
        truth = self.truth
        lines = {row: self._line(row, head) for row in finals}

        def place(slot: int, chosen: list[int], nodes: dict[int, int]) -> list[int] | None:
            if slot == len(self.slots):
                return chosen if self._rest_is_radiation(head, finals, chosen, lines) else None
            wanted, ids, keys = self.slots[slot]
            for row in finals:
                if row in chosen or truth.pdg_id[row] != wanted:
                    continue
                met = self._through(lines[row], ids, keys, nodes)
                if met is not None:
                    result = place(slot + 1, [*chosen, row], {**nodes, **met})
                    if result is not None:
                        return result
            return None

        return place(0, [], {})

    def _line(self, row: int, head: int) -> list[int]:
        """Particles between the head and one it ends in, from above."""
        line: list[int] = []
        while (row := int(self.truth.mother[row])) != head:
            line.append(row)
        return line[::-1]

    def _through(
        self, line: list[int], ids: list[int], keys: list[int], nodes: dict[int, int]
    ) -> dict[int, int] | None:
        """Rows of the written particles on a line; None if one misses or another flies."""
        met: dict[int, int] = {}
        k = 0
        for row in line:
            kind = int(self.truth.pdg_id[row])
            if k < len(ids) and kind == ids[k] and nodes.get(keys[k], row) == row:
                met[keys[k]] = row
                k += 1
            elif not is_short_lived(kind) and not self._is_prompt(row):
                return None
        return met if k == len(ids) else None

    def _is_prompt(self, row: int) -> bool:
        """Whether a particle of which no table has the life decayed where it was made."""
        if not np.isnan(properties(int(self.truth.pdg_id[row])).ctau):
            return False
        rows = np.array([row])
        way = self.truth.end(rows) - self.truth.position(self.truth.origin[rows])
        return bool(np.linalg.norm(way) < LONG_LIVED_CTAU)

    def _rest_is_radiation(
        self, head: int, finals: list[int], chosen: list[int], lines: dict[int, list[int]]
    ) -> bool:
        """Whether what is left are photons of decays to two or more other particles."""
        above = {head}.union(*(lines[row] for row in chosen))
        mothers = (int(self.truth.mother[row]) for row in finals if row not in chosen)
        return all(m in above and self.truth.n_children[m] > 1 for m in mothers)

    def _is_whole(self, head: int, finals: list[int]) -> bool:
        """Whether nothing but what the descriptor loses is lost."""
        missing = self.truth.momentum[head] - self.truth.momentum[finals].sum(axis=0)
        lost = self.decay.invisible
        if not lost:
            return bool(missing[3] < MAX_MISSING)
        if len(lost) == 1 and abs(lost[0].pdg_id) in NEUTRINOS:
            return bool(missing[3] ** 2 - (missing[:3] ** 2).sum() < MAX_MISSING**2)
        return True


def _paths(head: Node) -> dict[int, list[Node]]:
    """Particles between the head and each leaf, from above."""
    paths: dict[int, list[Node]] = {}

    def descend(node: Node, path: list[Node]) -> None:
        for daughter in node.daughters:
            if daughter.is_leaf:
                paths[id(daughter)] = path
            else:
                descend(daughter, [*path, daughter])

    descend(head, [])
    return paths
