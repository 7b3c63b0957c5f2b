"""Generated decays of a descriptor.

A generated decay matches if the particles that it ends in are those of the descriptor, through the
intermediate particles that are written.  Resonances that are not written may stand between (so
``Lambda(c)+ -> p K- pi+`` takes the one through a K*), particles that fly may not.  Photons that
charged particles radiated in the decay may be there in addition.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..io.selection import nearest
from .descriptor import Decay, Node
from .names import LONG_LIVED_CTAU, NEUTRINOS, PHOTON, PI0, conjugate, is_short_lived, properties
from .truth import Generated, Truth

MAX_MISSING = 100.0
"""Energy [MeV] that soft radiation may take from a decay; and mass of what one neutrino took."""


def find_generated(truth: Truth, decay: Decay) -> Generated:
    """The generated decays of a descriptor, charge conjugates included.

    Args:
        truth: the generated particles.
        decay: what is looked for.
    """
    if decay in truth.found:
        return truth.found[decay]
    head = decay.head.pdg_id
    flips = [False, True] if conjugate(head) != head or not decay.is_own_conjugate else [False]
    found = [_Finder(truth, decay, flip).find() for flip in flips]
    heads = np.concatenate([rows for rows, _ in found])
    leaves = np.concatenate([rows for _, rows in found])
    conjugated = np.repeat(flips, [len(rows) for rows, _ in found])
    order = np.argsort(heads, kind="stable")
    truth.found[decay] = Generated(heads[order], leaves[order], conjugated[order])
    return truth.found[decay]


class _Slot(NamedTuple):
    """A leaf that is looked for: its kind, kinds and keys of what is written above it."""

    kind: int
    ids: list[int]
    keys: list[int]


class _Plausible(NamedTuple):
    """Heads that end in the right particles.

    Attributes:
        head: their rows, shape ``(n,)``.
        finals: rows of all that they end in, head after head, hardest first; shape ``(m,)``.
        of: position of the head of each, shape ``(m,)``.
    """

    head: Ints
    finals: Ints
    of: Ints

    def some(self, rows: Mask) -> _Plausible:
        """Some of the heads."""
        kept = rows[self.of]
        return _Plausible(self.head[rows], self.finals[kept], (np.cumsum(rows) - 1)[self.of[kept]])


class _Finder:
    """Search for a descriptor, or for its charge conjugate."""

    def __init__(self, truth: Truth, decay: Decay, flip: bool) -> None:
        self.truth = truth
        self.decay = decay
        self.flip = flip
        paths = _paths(decay.head)
        self.slots = [
            _Slot(self._id(leaf), [self._id(n) for n in path], [id(n) for n in path])
            for leaf, path in ((leaf, paths[id(leaf)]) for leaf in decay.leaves)
        ]

    def _id(self, node: Node) -> int:
        return conjugate(node.pdg_id) if self.flip else node.pdg_id

    def find(self) -> tuple[Ints, Ints]:
        """Heads, shape ``(n,)``, and their leaves, shape ``(n, n_leaves)``."""
        plausible = self._plausible()
        kinds = [slot.kind for slot in self.slots]
        if len(set(kinds)) == len(kinds) and PHOTON not in kinds:
            leaves = self._only_ones(plausible)
        else:
            leaves = self._chosen(plausible)
        good: Mask = np.asarray((leaves >= 0).all(axis=1))
        good[good] = self._is_whole(plausible.some(good))
        return plausible.head[good], leaves[good]

    def _plausible(self) -> _Plausible:
        """Heads that end in the right particles, and all that they end in, hardest first."""
        truth, required = self.truth, np.array([s.kind for s in self.slots])
        is_head = truth.pdg_id == self._id(self.decay.head)
        if not is_head.any():
            nothing = np.zeros(0, np.int64)
            return _Plausible(nothing, nothing, nothing)
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
        kept = fits[index[order]]
        rows, index = rows[order][kept], (np.cumsum(fits) - 1)[index[order][kept]]
        return _Plausible(heads[fits], rows, index)

    def _only_ones(self, plausible: _Plausible) -> Ints:
        """Leaves where no two of the descriptor are of one kind; -1 where something does not fit.

        Shape ``(n, n_leaves)``.
        """
        truth, (head, finals, index) = self.truth, plausible
        leaves = np.full((len(head), len(self.slots)), -1)
        for k, slot in enumerate(self.slots):
            mine = np.flatnonzero(truth.pdg_id[finals] == slot.kind)
            leaves[index[mine], k] = finals[mine]
        good = np.ones(len(head), dtype=bool)
        nodes: dict[int, Ints] = {}
        lines = [truth.lines(rows, head) for rows in leaves.T]
        for slot, line in zip(self.slots, lines, strict=True):
            good &= self._all_through(line, slot, nodes)
        # What is left are photons of decays to two or more other particles.
        rest = np.flatnonzero((finals[:, None] != leaves[index]).all(axis=1))
        mother = truth.mother[finals[rest]]
        above = mother == head[index[rest]]
        for line in lines:
            above |= (line[index[rest]] == mother[:, None]).any(axis=1)
        good[index[rest[~(above & (truth.n_children[mother] > 1))]]] = False
        leaves[~good] = -1
        return leaves

    def _all_through(self, line: Ints, slot: _Slot, nodes: dict[int, Ints]) -> Mask:
        """`_through` of a leaf of many decays; the rows found are entered into `nodes`."""
        good, k = np.ones(len(line), dtype=bool), np.zeros(len(line), np.int64)
        ids = np.array([*slot.ids, 0])
        for row in line.T:
            there = row >= 0
            kind = np.where(there, self.truth.pdg_id[row], 0)
            met = there & (k < len(slot.ids)) & (kind == ids[k])
            for i, key in enumerate(slot.keys):
                known = nodes.setdefault(key, np.full(len(line), -1))
                here = met & (k == i)
                met &= ~here | (known < 0) | (known == row)
                known[here & met] = row[here & met]
            k += met
            passed = np.flatnonzero(there & ~met)
            kinds, which = np.unique(kind[passed], return_inverse=True)
            short = np.array([is_short_lived(int(one)) for one in kinds], dtype=bool)[which]
            good[[at for at in passed[~short] if not self._is_prompt(int(row[at]))]] = False
        whole: Mask = good & (k == len(slot.ids))
        return whole

    def _chosen(self, plausible: _Plausible) -> Ints:
        """`_assign` for decays one by one; -1 where there is none, shape ``(n, n_leaves)``."""
        head, finals, index = plausible
        bounds = np.searchsorted(index, np.arange(len(head) + 1))
        leaves = np.full((len(head), len(self.slots)), -1)
        for k, row in enumerate(head.tolist()):
            found = self._assign(row, finals[bounds[k] : bounds[k + 1]].tolist())
            leaves[k] = -1 if found is None else found
        return leaves

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

    def _is_whole(self, decays: _Plausible) -> Mask:
        """Whether nothing but what the descriptor loses is lost, shape ``(n,)``."""
        momentum, lost = self.truth.momentum, self.decay.invisible
        missing = momentum[decays.head]
        for k in range(4):
            ends = np.bincount(decays.of, momentum[decays.finals, k], len(missing))
            missing[:, k] -= ends
        if not lost:
            whole: Mask = missing[:, 3] < MAX_MISSING
            return whole
        if len(lost) == 1 and abs(lost[0].pdg_id) in NEUTRINOS:
            mass2: Floats = missing[:, 3] ** 2 - (missing[:, :3] ** 2).sum(axis=1)
            return mass2 < MAX_MISSING**2
        return np.ones(len(missing), dtype=bool)


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
