"""The generated particles of a batch: lines of mothers, vertices, flavours."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..events import EventBatch
from ..io.selection import nearest
from ..physics.particles import SPEED_OF_LIGHT
from .descriptor import Decay
from .names import PHOTON

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
    """The generated particles of a batch, by row of their table.

    Attributes:
        found: what `finder.find_generated` found so far, by decay.
    """

    def __init__(self, batch: EventBatch) -> None:
        table = batch.particle
        self.table = table
        self.event: Ints = table.event_index
        self.pdg_id: Ints = table["mc_pdg_id"].astype(np.int64)
        local = table["mc_mother_id"].astype(np.int64)
        self.mother: Ints = np.where(local < 0, -1, table.offsets[self.event] + local)
        self.momentum: Floats = np.stack([table[c] for c in _COLUMNS], axis=1).astype(np.float64)
        self.found: dict[Decay, Generated] = {}

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

    def lines(self, rows: Ints, heads: Ints) -> Ints:
        """Particles between heads and something that they end in, from above.

        Args:
            rows: what they end in, -1 for nothing, shape ``(n,)``.
            heads: shape ``(n,)``.

        Returns:
            Rows, shape ``(n, generations)``, -1 where a line is shorter.
        """
        chain = self._chain(rows)[:, ::-1]
        after = np.cumsum(chain == heads[:, None], axis=1) > 0
        return np.where(after & (chain != heads[:, None]), chain, -1)

    def _chain(self, rows: Ints) -> Ints:
        """Mothers, grandmothers and so on, shape ``(n, generations)``."""
        mother = np.append(self.mother, -1)
        chain = [mother[rows]]
        while (chain[-1] >= 0).any():
            chain.append(mother[chain[-1]])
        return np.stack(chain, axis=1)
