"""Codes into arrays: of one response, or of devices that are built alike in one pass.

A pass over blocks costs nearly as much for a handful as for a thousand.  Devices whose declarations
differ in place and size only are therefore filled as one: behind the particles of the first stand
those of the second as if they were others, with kinds of their own, so that they find the tables of
their device.  Each keeps its random numbers, tables and network, and gets the same array, bit for
bit, as alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Floats, Floats32, Ints, Keys, Mask
from ..rng import GOLDEN, mix, unit
from .boxes import Boxes, visible
from .codes import KINDS_APART, Codes, Particles, scaled, to_whole
from .filling import OUTPUTS, blocks_of, fill
from .frame import Placement
from .hits import Hits

if TYPE_CHECKING:
    from .coded import CodedBlocks


class Stack:
    """Makes arrays of codes.

    Args:
        parts: blocks of one response, or of devices that `alike` has in one group.
    """

    def __init__(self, parts: Sequence[CodedBlocks]) -> None:
        self.response = parts[0].layout.response
        shapes = [np.array(part.layout.response.shape) for part in parts]
        self._shapes = np.stack(shapes)
        # They differ in how far the outermost blocks reach, beyond all arrays.
        self._boxes = Boxes(
            np.minimum.reduce([part.layout.low for part in parts]),
            np.maximum.reduce([part.layout.high for part in parts]),
        )
        self._layout = parts[0].layout
        self._codes = Codes.joined([part.codes for part in parts])
        # Of parts that are alike either all have a network or none.
        self._networks = [part.filling for part in parts if part.filling is not None]

    def hits(
        self,
        placements: Sequence[Placement],
        given: Sequence[Floats],
        scores: Sequence[Floats],
        keys: Sequence[Keys],
    ) -> list[Hits]:
        """Hits of each response, in the frame.

        Args:
            placements: of `n` particles, for each response.
            given: of `CodedBlocks.given`, shapes ``(n, n_given)``.
            scores: of the codes, shapes ``(n, n_codes)``.
            keys: of the random numbers of each particle, shapes ``(n,)``.
        """
        n = len(keys[0])
        placement = Placement.joined(placements)
        device = np.repeat(np.arange(len(placements)), n)
        found = self._hits(placement, _joined(given), _joined(scores), _joined(keys), device)
        bounds = np.searchsorted(found.row, n * np.arange(len(placements) + 1))
        return [
            Hits(found.row[a:b] - k * n, found.cell[a:b], found.value[a:b])
            for k, (a, b) in enumerate(pairwise(bounds))
        ]

    def _hits(
        self, placement: Placement, given: Floats, scores: Floats, keys: Keys, device: Ints
    ) -> Hits:
        """Hits of all particles, those of the first response first."""
        response = self.response
        kind, scale = Particles.of(response, placement.given)[::-1]
        amounts = self._codes.amounts(scores, Particles(scale, kind + KINDS_APART * device))
        amounts = scaled(response, amounts, placement.given, back=True)
        seen = visible(placement, self._shapes[device])
        if response.origin == "global":
            amounts[:, 1:][self._beside(seen)] = 0.0
        energies, least = self._layout.blocks(amounts), response.least
        if response.whole:
            energies = to_whole(energies, amounts[:, 0], unit(mix(keys ^ GOLDEN)))
        above = 0.5 * least if response.whole else least
        nodes, boxes, block = blocks_of(self._boxes, seen, energies, above)
        with np.errstate(over="ignore"):
            of_nodes = mix(keys[nodes.row] + (block.astype(np.uint64) + np.uint64(1)) * GOLDEN)

        def law(node: Floats32, row: Ints) -> Floats32:
            return self._law(node, device.take(row))

        return fill(
            nodes,
            boxes,
            of_nodes,
            given,
            law if self._networks else None,
            scale=response.feature(response.scale) if response.scale else None,
            least=least,
            whole=response.whole,
        )

    def _beside(self, seen: Boxes) -> Mask:
        """Whether a block lies beside the array: what is drawn for it goes to the others."""
        behind = (self._boxes.low >= seen.high[:, None]).any(axis=2)
        before = (self._boxes.high <= seen.low[:, None]).any(axis=2)
        return np.asarray(behind | before)

    def _law(self, node: Floats32, device: Ints) -> Floats32:
        """What the network of its response gives for each node, shape ``(m, OUTPUTS)``."""
        if len(self._networks) == 1:
            return self._networks[0](node=node)[0]
        found = np.empty((len(node), OUTPUTS), np.float32)
        for k, network in enumerate(self._networks):
            rows = np.flatnonzero(device == k)
            if len(rows):
                found[rows] = network(node=node.take(rows, axis=0))[0]
        return found


def alike(parts: Sequence[CodedBlocks]) -> Iterator[list[int]]:
    """Numbers of those that one `Stack` can hold, group by group."""
    groups: dict[Hashable, list[int]] = {}
    for number, part in enumerate(parts):
        groups.setdefault(_build(part), []).append(number)
    yield from groups.values()


def _build(part: CodedBlocks) -> Hashable:
    """What must be the same of the parts of a stack."""
    response = part.layout.response
    moving = {shift.axis for shift in response.shifts}
    return (
        tuple(axis.name in moving or axis.size for axis in response.axes),
        tuple(tuple(map(response.axis, exchange.axes)) for exchange in response.exchanges),
        tuple(map(response.feature, response.kinds)),
        response.feature(response.scale) if response.scale else None,
        (response.origin, response.whole, response.least),
        (part.layout.shells, part.layout.n_blocks, part.codes.knots.shape[2], len(part.mean)),
        part.filling is None,
    )


def _joined(columns: Sequence[np.ndarray]) -> np.ndarray:
    return columns[0] if len(columns) == 1 else np.concatenate(columns)
