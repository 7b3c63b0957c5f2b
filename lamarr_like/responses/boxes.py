"""Boxes of cells that blocks are halved into, each of them once, however many particles fill it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats32, Ints, Mask
from .frame import Placement
from .hits import Hits


class Boxes(NamedTuple):
    """Boxes of cells.

    Args:
        low, high: first cell and the one behind the last, in the frame, shape ``(g, rank)``.
    """

    low: Ints
    high: Ints

    @property
    def single(self) -> Mask:
        """Whether they are one cell, shape ``(g,)``."""
        return np.asarray((self.high - self.low == 1).all(axis=1))

    def take(self, rows: Ints | Mask) -> Boxes:
        """Some of them."""
        return Boxes(self.low[rows], self.high[rows])

    def halved(self, split: Split) -> Boxes:
        """The first halves of all, then the second ones, ``2 g`` boxes."""
        every = np.arange(len(self.low))
        high, low = self.high.copy(), self.low.copy()
        high[every, split.axis] = low[every, split.axis] = split.at
        return Boxes(np.concatenate([self.low, low]), np.concatenate([high, self.high]))


class Split(NamedTuple):
    """How boxes are halved.

    Args:
        axis: along which, shape ``(g,)``.
        at: first cell of the second half, shape ``(g,)``.
    """

    axis: Ints
    at: Ints


def halves(boxes: Boxes) -> Split:
    """The longest axis, in its middle."""
    sides = boxes.high - boxes.low
    axis = sides.argmax(axis=1)
    every = np.arange(len(axis))
    return Split(axis, boxes.low[every, axis] + sides[every, axis] // 2)


def box_input(boxes: Boxes, split: Split) -> Floats32:
    """What a network sees of boxes: place, distance from the middle, sides and how it is halved.

    Args:
        boxes: of more than one cell.
        split: how they are halved.

    Returns:
        Shape ``(g, 3 * rank + 1)``.
    """
    sides = boxes.high - boxes.low
    middle = 0.5 * (boxes.low + boxes.high - 1)
    far = np.sqrt((middle**2).sum(axis=1, keepdims=True))
    along = split.axis[:, None] == np.arange(sides.shape[1])
    columns = [np.sign(middle) * np.log1p(np.abs(middle)), np.log1p(far), np.log2(sides), along]
    return np.concatenate(columns, axis=1).astype(np.float32)


def visible(placement: Placement, shape: tuple[int, ...] | Ints) -> Boxes:
    """The array in the frame of each particle, ``n`` boxes.

    Args:
        placement: of the `n` particles.
        shape: of the array, or of that of each particle, ``(n, rank)``.
    """
    n, rank = placement.origin.shape
    row = np.arange(n)
    corners = []
    for end in (np.zeros(rank), np.array(shape) - 1):
        cell = np.broadcast_to(end.astype(np.int64), (n, rank)).copy()
        corners.append(placement.to_frame(Hits(row, cell, np.zeros(n, np.float32))).cell)
    return Boxes(np.minimum(*corners), np.maximum(*corners) + 1)


def cut(boxes: Boxes, seen: Boxes, number: Ints, row: Ints) -> tuple[Boxes, Ints]:
    """Boxes cut to what particles see, few of them: many particles see the same.

    Args:
        boxes: ``b`` of them.
        seen: what each particle sees, ``n`` boxes.
        number: which box is to be cut, shape ``(m,)``.
        row: to what which particle sees, shape ``(m,)``.

    Returns:
        Boxes that are cut, those with no cell among them, and which of them is that of each pair.
    """
    b, rank = boxes.low.shape
    kinds, kind = np.unique(np.concatenate(seen, axis=1), axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    if len(kinds) * b <= len(row):
        pair = kind[row] * b + number
        of_kind, number = np.divmod(np.arange(len(kinds) * b), b)
    else:
        pair, of_kind = np.arange(len(row)), kind[row]
    low = np.maximum(boxes.low[number], kinds[of_kind, :rank])
    high = np.minimum(boxes.high[number], kinds[of_kind, rank:])
    return Boxes(low, high), pair
