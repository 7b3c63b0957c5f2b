"""Sequences of sources: cut into pieces of neighbours, padded and put into blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Floats32, Integers, Ints, Mask

LENGTHS = (8, 16, 24, 32, 40, 48, 64, 80, 96, 144, 288, 672)
"""Lengths that sequences are padded to; the last for 96 sources with 7 clusters each."""
SLOTS = 1024
"""Most sources in a block, about."""


class Sources(NamedTuple):
    """Sources of some events.

    Attributes:
        offsets: sources ``offsets[i]:offsets[i + 1]`` are those of event ``i``.
        features: what the encoder sees, shape ``(n, n_features)``.
        x, y: place, shape ``(n,)``.
        unit: length in which distances count there (cell size), shape ``(n,)``.
        energy: energy that it would leave, the weight in sums and centres; shape ``(n,)``.
        zone: whether it is a background zone, which absorbs nothing; shape ``(n,)``.
    """

    offsets: Ints
    features: Floats32
    x: Floats
    y: Floats
    unit: Floats
    energy: Floats
    zone: Mask

    def some(self, rows: Mask, offsets: Ints) -> Sources:
        """Some of the sources, with the offsets that these have."""
        return Sources(
            *(offsets, self.features[rows], self.x[rows], self.y[rows]),
            *(self.unit[rows], self.energy[rows], self.zone[rows]),
        )


class Pieces(NamedTuple):
    """Sequences that go through the networks.

    Attributes:
        order: rows of the sources, piece after piece, shape ``(n,)``.
        offsets: pieces are ``order[offsets[i]:offsets[i + 1]]``.
        of_source: piece of each source, shape ``(n,)``.
        local: position of each source in its piece, shape ``(n,)``.
    """

    order: Ints
    offsets: Ints
    of_source: Ints
    local: Ints


def cut(x: Floats, y: Floats, offsets: Ints, longest: int) -> Pieces:
    """Cut events into pieces of at most `longest` sources, neighbours together.

    A longer event is cut across the longer of its extents in x and y, at the widest gap between
    neighbours in the middle third of its sources, and so on with both parts.

    Args:
        x, y: places, shape ``(n,)``.
        offsets: first source of each event.
        longest: sources in a piece at the most, 3 or more.
    """
    order, bounds = np.arange(offsets[-1]), np.asarray(offsets, np.int64)
    while len(bounds) > 1 and np.diff(bounds).max() > longest:
        order, bounds = _halved(order, bounds, x, y, longest)
    piece = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    of_source, local = np.empty(len(order), np.int64), np.empty(len(order), np.int64)
    # Within a piece the sources keep their order.
    order = order[np.lexsort((order, piece))]
    of_source[order] = piece
    local[order] = np.arange(len(order)) - bounds[piece]
    return Pieces(order, bounds, of_source, local)


def _halved(order: Ints, bounds: Ints, x: Floats, y: Floats, longest: int) -> tuple[Ints, Ints]:
    """Cut every piece that is too long once; the new order and bounds."""
    long = np.diff(bounds) > longest
    at = np.flatnonzero(np.repeat(long, np.diff(bounds)))
    rows, counts = order[at], np.diff(bounds)[long]
    first = np.cumsum(counts) - counts
    group = np.repeat(np.arange(len(counts)), counts)
    extents = [
        np.maximum.reduceat(c[rows], first) - np.minimum.reduceat(c[rows], first) for c in (x, y)
    ]
    along = np.where((extents[0] >= extents[1])[group], x[rows], y[rows])
    sequence = np.lexsort((rows, along, group))
    rows, along = rows[sequence], along[sequence]
    place = np.arange(len(rows)) - first[group]
    third = counts[group] // 3
    # The gap in front of each source; a cut leaves a third or more on both sides.
    gap = np.where(
        (place >= third) & (place <= counts[group] - third), np.diff(along, prepend=0.0), -1.0
    )
    widest = np.maximum.reduceat(gap, first)
    candidate = np.where(gap == widest[group], place, len(rows))
    cuts = first + np.minimum.reduceat(candidate, first)
    order = order.copy()
    order[at] = rows
    return order, np.sort(np.concatenate([bounds, at[cuts]]))


def padded_length(n: Integers) -> Ints:
    """Smallest of `LENGTHS` that holds each number of elements, of the shape of `n`."""
    return np.asarray(LENGTHS)[np.searchsorted(LENGTHS, n)]


class Block(NamedTuple):
    """Some pieces side by side.

    Attributes:
        size: number of pieces.
        length: length of all of them.
        pieces: which they are, in order.
        rows: their sources, shape ``(k,)``, and
        slots: the positions of these in the flattened block ``(size * length)``.
    """

    size: int
    length: int
    pieces: Ints
    rows: Ints
    slots: Ints

    @classmethod
    def of(cls, pieces: Pieces, chosen: Ints, length: int, size: int) -> Block:
        """Put some pieces side by side."""
        place, slots = slots_of(chosen, pieces.offsets, length)
        return cls(size, length, chosen, pieces.order[place], slots)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of all sources, put at their slots: ``(size * length, ...)``."""
        return scattered(values[self.rows], self.slots, self.size * self.length)

    def by_piece(self, values: np.ndarray) -> np.ndarray:
        """The same as ``(size, length, ...)``."""
        return self.spread(values).reshape(self.size, self.length, *values.shape[1:])

    @property
    def mask(self) -> Floats32:
        """1 for sources and 0 for padding, ``(size, length)``."""
        return ones_at(self.slots, self.size * self.length).reshape(self.size, self.length)


def slots_of(pieces: Ints, offsets: Ints, length: int) -> tuple[Ints, Ints]:
    """Positions in the order, and in a block, of the elements of some pieces.

    Args:
        pieces: the pieces, shape ``(size,)``.
        offsets: where all pieces begin, and the last ends, shape ``(n_pieces + 1,)``.
        length: what each is padded to.

    Returns:
        Both of shape ``(k,)``, piece after piece.
    """
    counts = offsets[pieces + 1] - offsets[pieces]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    place = np.repeat(offsets[pieces], counts) + within
    return place, np.repeat(np.arange(len(pieces)) * length, counts) + within


def scattered(values: np.ndarray, slots: Ints, size: int) -> np.ndarray:
    """Rows at their slots, zeros elsewhere, shape ``(size, ...)``.

    Args:
        values: the rows, shape ``(k, ...)``.
        slots: their slots, shape ``(k,)``.
        size: number of slots.
    """
    result = np.zeros((size, *values.shape[1:]), values.dtype)
    result[slots] = values
    return result


def ones_at(slots: Ints, size: int) -> Floats32:
    """Ones at the slots, zeros elsewhere, shape ``(size,)``."""
    result = np.zeros(size, np.float32)
    result[slots] = 1.0
    return result


def blocks(pieces: Pieces, widths: Ints | None = None) -> Iterator[Block]:
    """Blocks of one length each, in which all pieces with sources come once.

    Args:
        pieces: the pieces.
        widths: pieces that differ in it do not share a block, those with 0 are left out; shape
            ``(n_pieces,)``.
    """
    counts = np.diff(pieces.offsets)
    lengths = padded_length(counts)
    group = lengths if widths is None else lengths * (2 * LENGTHS[-1]) + widths
    kept = counts > 0 if widths is None else (counts > 0) & (widths > 0)
    for value in np.unique(group[kept]):
        chosen = np.flatnonzero((group == value) & kept)
        length = int(lengths[chosen[0]])
        size = max(SLOTS // length, 1)
        for start in range(0, len(chosen), size):
            part = chosen[start : start + size]
            yield Block.of(pieces, part, length, len(part))
