"""Arrays as energies of blocks that grow away from the middle, and the codes of those energies.

A shower is dense in its core and sparse far from it.  Cut into single cells at the core and into
larger and larger blocks outside, as AtlFast3 cuts its calorimeter into voxels about the particle
(ATLAS Collaboration, Comput. Softw. Big Sci. 6 (2022) 7, arXiv:2109.02551), it is told by some
sixty numbers, and nothing is lost but where inside an outer block its cells are.

The blocks are the leaves of a tree: slices along the axes that do not move with the particle, in
them shells about the middle, in these blocks.  Each node shares what it has among its children one
after the other: a code is the share that a child takes of what is left (a broken stick).  So any
codes whatever give arrays of the right sum without a negative cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Floats, Ints
from ..errors import SchemaError
from .hits import Hits
from .response import Response

MOST_BLOCKS = 4096
"""Most blocks of a layout, and of a step on the way to it."""

Interval = tuple[int, int]
"""First cell and the one behind the last."""


class Stick(NamedTuple):
    """One share: of the leaves from `start` to `end` those to `stop`."""

    start: int
    stop: int
    end: int


@dataclass(frozen=True)
class Shells:
    """How blocks grow.

    Args:
        core: cells on each side of the one in the middle that are blocks of their own.
        widths: widths of the shells around; the last shell is all that is left.
        slices: most slices along an axis that does not move with the particle.
    """

    core: int = 2
    widths: tuple[int, ...] = (2, 4)
    slices: int = 10


class Layout:
    """Blocks of a response in the common frame.

    Args:
        response: its declaration.
        shells: how blocks grow.

    Raises:
        SchemaError: if there would be more than `MOST_BLOCKS`.

    Attributes:
        low, high: first cell of each block along each axis and the one behind the last, shape
            ``(n_blocks, rank)``.
        sticks: the shares, from the root downwards; code 0 is the sum, code ``1 + k`` the share
            of stick ``k``.
    """

    def __init__(self, response: Response, shells: Shells) -> None:
        self.response, self.shells = response, shells
        moving = _moving(response)
        around = _shells(response, shells)
        _few(_cuts(response, shells) * sum(map(len, around)))
        tree = [
            [[_box(cut, block, moving) for block in shell] for shell in around]
            for cut in product(*_slices(response, moving, shells.slices))
        ]
        boxes = [box for cut in tree for shell in cut for box in shell]
        self.low = np.array([[i[0] for i in box] for box in boxes], dtype=np.int64)
        self.high = np.array([[i[1] for i in box] for box in boxes], dtype=np.int64)
        self.sticks = tuple(_sticks([[len(shell) for shell in cut] for cut in tree]))

    @property
    def n_codes(self) -> int:
        """Number of codes, which is that of blocks."""
        return len(self.low)

    @cached_property
    def _table(self) -> tuple[Ints, Ints]:
        """Block of each cell of the frame, and the first cell of that table."""
        first = self.low.min(axis=0)
        table = np.zeros(self.high.max(axis=0) - first, dtype=np.int64)
        for k, (low, high) in enumerate(zip(self.low - first, self.high - first, strict=True)):
            table[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = k
        return table, first

    def block_of(self, cell: Ints) -> Ints:
        """Number of the block of cells of the frame, shape ``(m,)``."""
        table, first = self._table
        found: Ints = table[tuple((cell - first).T)]
        return found

    def energies(self, hits: Hits, n: int) -> Floats:
        """What each block holds, shape ``(n, n_blocks)``.

        Args:
            hits: in the frame.
            n: number of particles.
        """
        flat = hits.row * self.n_codes + self.block_of(hits.cell)
        found = np.bincount(flat, weights=hits.value, minlength=n * self.n_codes)
        return found.reshape(n, self.n_codes).astype(np.float64)

    def shares(self, energies: Floats) -> Floats:
        """Sum and shares, shape ``(n, n_codes)``; NaN where there is nothing left to share."""
        cumulated = np.zeros((len(energies), self.n_codes + 1))
        np.cumsum(energies, axis=1, out=cumulated[:, 1:])
        # Exactly nothing where all blocks are empty, whatever the rounding of the sums.
        filled = np.zeros_like(cumulated, dtype=np.int64)
        np.cumsum(energies > 0, axis=1, out=filled[:, 1:])
        found = np.empty_like(energies)
        found[:, 0] = cumulated[:, -1]
        for k, (start, stop, end) in enumerate(self.sticks, 1):
            with np.errstate(invalid="ignore", divide="ignore"):
                share = (cumulated[:, stop] - cumulated[:, start]) / (
                    cumulated[:, end] - cumulated[:, start]
                )
            none = filled[:, stop] == filled[:, start]
            every = filled[:, end] == filled[:, stop]
            share[none], share[every] = 0.0, 1.0
            share[none & every] = np.nan
            found[:, k] = share
        return found

    def blocks(self, shares: Floats) -> Floats:
        """What each block holds for some sums and shares, shape ``(n, n_blocks)``."""
        held: dict[Interval, Floats] = {(0, self.n_codes): shares[:, 0]}
        for k, (start, stop, end) in enumerate(self.sticks, 1):
            whole = held.pop((start, end))
            held[start, stop] = whole * shares[:, k]
            held[stop, end] = whole - held[start, stop]
        return np.stack([held[k, k + 1] for k in range(self.n_codes)], axis=1)

    def to_json(self) -> dict[str, Any]:
        """Settings that make the layout again."""
        return {
            "core": self.shells.core,
            "widths": list(self.shells.widths),
            "slices": self.shells.slices,
        }


def fewer(response: Response, shells: Shells, most: int) -> Shells:
    """Shells that give no more codes than `most`: a smaller core, fewer shells, then fewer slices.

    Where cells are in three dimensions a shower is told by how it goes on from slice to slice; what
    is in a slice is little, and can be left to the network that fills blocks.

    Args:
        response: declaration.
        shells: how blocks grow if there is room.
        most: codes; more come only where one slice and the smallest shells have more.
    """
    while _cuts(response, shells) * sum(map(len, _shells(response, shells))) > most:
        if shells.core > 0 and response.shifts:
            shells = replace(shells, core=shells.core - 1)
        elif shells.widths and response.shifts:
            shells = replace(shells, widths=shells.widths[:-1])
        elif shells.slices > 1:
            shells = replace(shells, slices=shells.slices - 1)
        else:
            break
    return shells


def _moving(response: Response) -> set[int]:
    return {response.axis(shift.axis) for shift in response.shifts}


def _cuts(response: Response, shells: Shells) -> int:
    """Number of slices, along all axes that do not move."""
    moving = _moving(response)
    return prod(min(a.size, shells.slices) for k, a in enumerate(response.axes) if k not in moving)


def _slices(response: Response, moving: set[int], most: int) -> Iterator[list[Interval]]:
    """Intervals along each axis that does not move."""
    for k, axis in enumerate(response.axes):
        if k not in moving:
            edges = np.linspace(0, axis.size, min(axis.size, most) + 1).round().astype(int)
            yield [(int(a), int(b)) for a, b in pairwise(edges)]


def _shells(response: Response, shells: Shells) -> list[list[tuple[Interval, ...]]]:
    """Blocks along the moving axes, shell after shell from the core."""
    sizes = [response.axes[response.axis(shift.axis)].size for shift in response.shifts]
    if not sizes:
        return [[()]]
    rank, core = len(sizes), shells.core
    _few((2 * core + 1) ** rank)
    cells = product(range(-core, core + 1), repeat=rank)
    singles = sorted(cells, key=lambda c: (sum(i * i for i in c), c))
    found = [[tuple((i, i + 1) for i in cell) for cell in singles]]
    inner = core
    for width in (*shells.widths, None):
        outer = 2 * max(sizes) if width is None else inner + width
        pieces = 1 if width is None else 2 * ((2 * inner + 1) // (2 * width)) + 1
        _few((pieces + 2) ** rank)
        edges = np.linspace(-inner, inner + 1, pieces + 1).round().astype(int)
        middle = [(int(a), int(b)) for a, b in pairwise(edges)]
        sides = [(-outer, -inner), *middle, (inner + 1, outer + 1)]
        ends = {sides[0], sides[-1]}
        found.append([b for b in product(sides, repeat=rank) if ends & set(b)])
        inner = outer
    return found


def _few(n: int) -> None:
    if n > MOST_BLOCKS:
        raise SchemaError(f"{n} blocks; {MOST_BLOCKS} are the most: fewer slices, wider shells")


def _box(
    cut: Sequence[Interval], block: Sequence[Interval], moving: set[int]
) -> tuple[Interval, ...]:
    """The intervals of a block along all axes, in order."""
    fixed, moved = iter(cut), iter(block)
    rank = len(cut) + len(block)
    return tuple(next(moved if k in moving else fixed) for k in range(rank))


def _sticks(tree: list[list[int]]) -> Iterator[Stick]:
    """Shares of the tree: of the whole among slices, of a slice among shells, of a shell."""
    cuts = np.cumsum([0, *(sum(cut) for cut in tree)])
    yield from _broken(cuts)
    for first, cut in zip(cuts, tree, strict=False):
        shells = first + np.cumsum([0, *cut])
        yield from _broken(shells)
        for start, size in zip(shells, cut, strict=False):
            yield from _broken(start + np.arange(size + 1))


def _broken(edges: Any) -> Iterator[Stick]:
    """One child after the other takes its share of what is left."""
    for start, stop in pairwise(edges[:-1]):
        yield Stick(int(start), int(stop), int(edges[-1]))
