"""Arrays as energies of blocks that grow away from the middle, and the codes of those energies.

A shower is dense in its core and sparse far from it.  Cut into single cells at the core and into
larger and larger blocks outside, as AtlFast3 cuts its calorimeter into voxels about the particle
(ATLAS Collaboration, Comput. Softw. Big Sci. 6 (2022) 7, arXiv:2109.02551), it is told by some
sixty numbers, and nothing is lost but where inside an outer block its cells are.

A code is what a block holds, and the first one the sum of all: a draw takes the sum that was drawn
and shares it among the blocks as their energies are.  So any codes whatever give arrays of the
right sum without a negative cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from math import prod
from typing import Any

import numpy as np

from ..arrays import Floats, Ints
from ..errors import SchemaError
from .hits import Hits
from .response import Response

MOST_BLOCKS = 4096
"""Most blocks of a layout, and of a step on the way to it."""

Interval = tuple[int, int]
"""First cell and the one behind the last."""


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
    """

    def __init__(self, response: Response, shells: Shells) -> None:
        self.response, self.shells = response, shells
        moving = _moving(response)
        around = _shells(response, shells)
        _few(_cuts(response, shells) * sum(map(len, around)))
        boxes = [
            _box(cut, block, moving)
            for cut in product(*_slices(response, moving, shells.slices))
            for shell in around
            for block in shell
        ]
        self.low = np.array([[i[0] for i in box] for box in boxes], dtype=np.int64)
        self.high = np.array([[i[1] for i in box] for box in boxes], dtype=np.int64)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return len(self.low)

    @property
    def n_codes(self) -> int:
        """Number of codes: the sum, and what each block holds."""
        return len(self.low) + 1

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
        flat = hits.row * self.n_blocks + self.block_of(hits.cell)
        found = np.bincount(flat, weights=hits.value, minlength=n * self.n_blocks)
        return found.reshape(n, self.n_blocks).astype(np.float64)

    def amounts(self, energies: Floats) -> Floats:
        """The sum, and what each block holds, shape ``(n, n_codes)``."""
        return np.concatenate([energies.sum(axis=1, keepdims=True), energies], axis=1)

    def blocks(self, amounts: Floats) -> Floats:
        """What each block holds so that the sum is that of the first column, ``(n, n_blocks)``."""
        energies = amounts[:, 1:]
        sums = np.maximum(energies.sum(axis=1, keepdims=True), 1e-30)
        found: Floats = energies * (amounts[:, :1] / sums)
        return found

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
    while _cuts(response, shells) * sum(map(len, _shells(response, shells))) >= most:
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
