"""Blocks into cells: every block is halved, and what it holds shared, until single cells are left.

A small network sees the block, where it lies from the middle, what it holds and the particle, and
gives the law of the share of its first half: nothing, all, or a mixture of logistic laws of the
log-odds.  Sparse blocks end early, so only what is not empty costs something.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Floats32, Ints, Keys
from ..rng import GOLDEN, mix, unit
from .blocks import Layout
from .boxes import Boxes, box_input, cut, halves, visible
from .frame import Placement
from .hits import Hits
from .response import Response

COMPONENTS = 3
"""Logistic laws of a share."""

OUTPUTS = 2 + 3 * COMPONENTS
"""Logits of nothing and all, then logits, means and log widths of the laws."""


Law = Callable[[Floats32, Ints], Floats32]
"""What a network tells of nodes, shapes ``(m, n_inputs)`` and ``(m,)`` to ``(m, OUTPUTS)``."""


class Nodes(NamedTuple):
    """Boxes that hold something, of some particles.

    Args:
        row: number of the particle, shape ``(m,)``.
        box: number of the box, shape ``(m,)``.
        value: what it holds, shape ``(m,)``.
    """

    row: Ints
    box: Ints
    value: Floats

    def take(self, rows: Ints) -> Nodes:
        """Some of them."""
        return Nodes(self.row.take(rows), self.box.take(rows), self.value.take(rows))


def blocks_of(
    blocks: Boxes, seen: Boxes, energies: Floats, least: float
) -> tuple[Nodes, Boxes, Ints]:
    """Blocks that hold something, their boxes, cut to the array, and the number of each.

    Args:
        blocks: of a layout.
        seen: the array in the frame of each particle, ``n`` boxes.
        energies: what each block holds, shape ``(n, n_blocks)``.
        least: what a block must hold.
    """
    place = np.flatnonzero(energies > least)
    row, block = np.divmod(place, energies.shape[1])
    boxes, box = cut(blocks, seen, block, row)
    inside = np.asarray((boxes.high > boxes.low).all(axis=1))
    kept = np.flatnonzero(inside[box])
    return Nodes(row, box, energies.ravel()[place]).take(kept), boxes, block[kept]


def several(nodes: Nodes, boxes: Boxes) -> tuple[Ints, Nodes, Boxes]:
    """Nodes of more than one cell: places, shape ``(k,)``, themselves, their boxes, no others."""
    places = np.flatnonzero(~boxes.single[nodes.box])
    nodes = nodes.take(places)
    used = np.zeros(len(boxes.low), dtype=bool)
    used[nodes.box] = True
    number = np.cumsum(used) - 1
    return places, nodes._replace(box=number[nodes.box]), boxes.take(used)


def children(
    nodes: Nodes, n_boxes: int, share: Floats, least: float, whole: bool = False
) -> tuple[Nodes, Ints, int]:
    """Halves that hold something, the node of each, and how many of them are first halves.

    A half that is not empty holds `least` at least; shared is what is beyond that.  Where that is
    nothing, the half that would have more holds all.

    Args:
        nodes: of more than one cell.
        n_boxes: number of their boxes; the box of a second half is that of the first and so many.
        share: of the first half, shape ``(m,)``.
        least: smallest value of a cell.
        whole: whether values are whole numbers; then so is what is shared, with the same chance of
            each number where `share` is uniform.
    """
    beyond = nodes.value - 2 * least
    share = np.where(beyond >= 0 if whole else beyond > 0, share, share >= 0.5)
    part = np.minimum(np.floor(share * (beyond + 1)), beyond) if whole else share * beyond
    first = np.where(share > 0, least + part, 0.0)
    first = np.where(share < 1, first, nodes.value)
    second = nodes.value - first
    one, two = np.flatnonzero(first > 0), np.flatnonzero(second > 0)
    parent = np.concatenate([one, two])
    box = nodes.box.take(parent)
    box[len(one) :] += n_boxes
    value = np.concatenate([first.take(one), second.take(two)])
    return Nodes(nodes.row.take(parent), box, value), parent, len(one)


def node_input(nodes: Nodes, seen: Floats32, given: Floats, scale: int | None) -> Floats32:
    """What the network sees of a node, shape ``(m, n_inputs)``.

    Args:
        nodes: of more than one cell.
        seen: what it sees of their boxes, shape ``(g, k)``.
        given: normalised features of the particles, shape ``(n, n_given)``.
        scale: number of the feature of the scale; None for none.
    """
    k, last = seen.shape[1], seen.shape[1] + 1 + given.shape[1]
    found = np.empty((len(nodes.row), last + (scale is not None)), np.float32)
    log_value = np.log(nodes.value)
    log_value *= 0.3
    found[:, :k] = seen.take(nodes.box, axis=0)
    found[:, k] = log_value
    found[:, k + 1 : last] = given.astype(np.float32).take(nodes.row, axis=0)
    if scale is not None:
        found[:, last] = log_value - given[:, scale].take(nodes.row)
    return found


def drawn_share(law: Floats32, keys: Keys) -> Floats:
    """Shares of the first halves, shape ``(m,)``.

    Args:
        law: output of the network, shape ``(m, OUTPUTS)``.
        keys: of the random numbers, shape ``(m,)``.
    """
    nothing, every_thing = np.exp(np.clip(law[:, :2].T.astype(np.float64), -30, 30))
    kind = _uniform(keys, 1)
    kind *= 1 + (nothing + every_thing)
    nothing, every_thing = kind < nothing, kind > 1 + nothing
    share: Floats = every_thing.astype(np.float64)
    # Most shares are nothing or all, and need no more numbers.
    inner = np.flatnonzero(~(nothing | every_thing))
    share[inner] = _inner_share(law.take(inner, axis=0), keys.take(inner))
    return share


def _inner_share(law: Floats32, keys: Keys) -> Floats:
    """Shares that are neither nothing nor all; see `drawn_share`."""
    k = COMPONENTS
    logits = law[:, 2 : 2 + k].T.astype(np.float64)
    logits -= logits.max(axis=0)
    summed = np.exp(logits)
    for i in range(1, k):
        summed[i] += summed[i - 1]
    bound = _uniform(keys, 2)
    bound *= summed[-1]
    chosen = np.arange(2 + k, law.size, OUTPUTS)
    for i in range(k - 1):
        chosen += bound > summed[i]
    mean, log_width = (law.ravel().take(chosen + i).astype(np.float64) for i in (0, k))
    u = _uniform(keys, 3)
    odds = np.log(u)
    odds -= np.log1p(-u)
    odds *= np.exp(np.clip(log_width, -30, 30))
    odds += mean
    found: Floats = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return found


def _uniform(keys: Keys, number: int) -> Floats:
    """One column of `lamarr_like.rng.key_uniforms`, shape ``(m,)``."""
    with np.errstate(over="ignore"):
        return unit(mix(keys + np.uint64(number) * GOLDEN))


def fill(
    nodes: Nodes,
    boxes: Boxes,
    keys: Keys,
    given: Floats,
    law: Law | None,
    *,
    scale: int | None,
    least: float,
    whole: bool = False,
) -> Hits:
    """Cells of blocks.

    Args:
        nodes: the blocks.
        boxes: theirs.
        keys: of the random numbers of each node, shape ``(m,)``.
        given: normalised features of the particles, shape ``(n, n_given)``.
        law: gives `OUTPUTS` numbers for `node_input` and the particle of each node; None where all
            blocks are cells.
        scale: number of the feature of the scale; None for none.
        least: smallest value of a cell.
        whole: whether values are whole numbers.
    """
    done = [(nodes.row[:0], boxes.low[:0], nodes.value[:0])]
    while len(nodes.row):
        cells = nodes.take(np.flatnonzero(boxes.single[nodes.box]))
        done.append((cells.row, boxes.low.take(cells.box, axis=0), cells.value))
        places, nodes, boxes = several(nodes, boxes)
        if not len(nodes.row) or law is None:
            break
        keys, split = keys.take(places), halves(boxes)
        told = law(node_input(nodes, box_input(boxes, split), given, scale), nodes.row)
        share = drawn_share(told, keys)
        nodes, parent, n_first = children(nodes, len(boxes.low), share, least, whole)
        boxes = boxes.halved(split)
        with np.errstate(over="ignore"):
            keys = keys.take(parent)
            keys[:n_first] += np.uint64(5) * GOLDEN
            keys[n_first:] += np.uint64(6) * GOLDEN
            keys = mix(keys)
    row, cell, value = (np.concatenate(parts) for parts in zip(*done, strict=True))
    # Short numbers are sorted by their digits.
    few = len(given) <= np.iinfo(np.uint16).max
    order = np.argsort(row.astype(np.uint16) if few else row, kind="stable")
    return Hits(row.take(order), cell.take(order, axis=0), value.take(order).astype(np.float32))


def splits_of(
    layout: Layout, placement: Placement, hits: Hits, given: Floats, scale: int | None
) -> tuple[Floats32, Floats]:
    """What the network is trained on: blocks of a sample, and the shares of their first halves.

    Args:
        layout: of the response.
        placement: of the particles.
        hits: their arrays, in the frame.
        given: normalised features, shape ``(n, n_given)``.
        scale: number of the feature of the scale; None for none.

    Returns:
        Inputs, shape ``(m, n_inputs)``, and shares, shape ``(m,)``.
    """
    energies = layout.energies(hits, len(given))
    seen = visible(placement, layout.response.shape)
    nodes, boxes, block = blocks_of(Boxes(layout.low, layout.high), seen, energies, 0.0)
    number = np.full(energies.shape, -1, dtype=np.int64)
    number[nodes.row, block] = np.arange(len(block))
    node = number[hits.row, layout.block_of(hits.cell)]
    cell, value = hits.cell[node >= 0], hits.value[node >= 0].astype(np.float64)
    node = node[node >= 0]
    inputs, shares = [], []
    while len(node):
        places, kept_nodes, kept_boxes = several(nodes, boxes)
        renumbered = np.full(len(nodes.row), -1, dtype=np.int64)
        renumbered[places] = np.arange(len(places))
        node, nodes, boxes = renumbered[node], kept_nodes, kept_boxes
        kept = node >= 0
        cell, value, node = cell[kept], value[kept], node[kept]
        if not len(node):
            break
        split = halves(boxes)
        box = nodes.box[node]
        second = cell[np.arange(len(node)), split.axis[box]] >= split.at[box]
        n = len(nodes.row)
        sums = np.bincount(node * 2 + second, weights=value, minlength=2 * n).astype(np.float64)
        sums = sums.reshape(n, 2)
        filled = np.bincount(node * 2 + second, minlength=2 * n).reshape(n, 2) > 0
        share = sums[:, 0] / sums.sum(axis=1)
        share[~filled[:, 0]], share[~filled[:, 1]] = 0.0, 1.0
        inputs.append(node_input(nodes, box_input(boxes, split), given, scale))
        shares.append(_beyond(sums, share, layout.response))
        nodes, parent, n_first = children(nodes, len(boxes.low), share, 0.0)
        boxes = boxes.halved(split)
        place = np.full((n, 2), -1, dtype=np.int64)
        place[parent[:n_first], 0] = np.arange(n_first)
        place[parent[n_first:], 1] = np.arange(n_first, len(parent))
        node = place[node, second.astype(int)]
        kept = node >= 0
        cell, value, node = cell[kept], value[kept], node[kept]
    if not inputs:
        return np.zeros((0, 0), np.float32), np.zeros(0)
    return np.concatenate(inputs), np.concatenate(shares)


def _beyond(sums: Floats, share: Floats, response: Response) -> Floats:
    """Shares of what is beyond the smallest value of a cell in each half, as `children` takes them.

    Whole numbers are spread evenly over what `children` makes the same number of.

    Args:
        sums: of both halves, shape ``(m, 2)``.
        share: of the first, exactly 0 or 1 where one of them is empty, shape ``(m,)``.
        response: declaration.
    """
    both = (share > 0) & (share < 1)
    least = response.least
    beyond = np.maximum(sums.sum(axis=1) - 2 * least, 0.0 if response.whole else 1e-30)
    first = sums[:, 0] - least
    if response.whole:
        first = first + unit(mix(np.arange(len(first), dtype=np.uint64) + GOLDEN))
        beyond = beyond + 1
    inner = np.clip(first / beyond, 1e-6, 1 - 1e-6)
    return np.where(both, inner, share)
