"""Blocks into cells: every block is halved, and what it holds shared, until single cells are left.

A small network sees the block, where it lies from the middle, what it holds and the particle, and
gives the law of the share of its first half: nothing, all, or a mixture of logistic laws of the
log-odds.  Sparse blocks end early, so only what is not empty costs something.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Floats32, Ints, Keys, Mask
from ..engine.onnx_session import Network
from ..rng import GOLDEN, key_uniforms, mix, unit
from .blocks import Layout
from .frame import Placement
from .hits import Hits
from .response import Response

COMPONENTS = 3
"""Logistic laws of a share."""

OUTPUTS = 2 + 3 * COMPONENTS
"""Logits of nothing and all, then logits, means and log widths of the laws."""


class Nodes(NamedTuple):
    """Blocks of some particles.

    Args:
        row: number of the particle, shape ``(m,)``.
        low, high: first cell and the one behind the last, in the frame, shape ``(m, rank)``.
        value: what they hold, shape ``(m,)``.
    """

    row: Ints
    low: Ints
    high: Ints
    value: Floats

    def take(self, rows: Ints | Mask) -> Nodes:
        """Some of them."""
        return Nodes(self.row[rows], self.low[rows], self.high[rows], self.value[rows])


class Split(NamedTuple):
    """How blocks are halved.

    Args:
        axis: along which, shape ``(m,)``.
        at: first cell of the second half, shape ``(m,)``.
    """

    axis: Ints
    at: Ints


def visible(placement: Placement, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """First cell of the array in the frame and the one behind the last, shape ``(n, rank)``."""
    n, rank = placement.origin.shape
    row = np.arange(n)
    corners = []
    for end in (np.zeros(rank), np.array(shape) - 1):
        cell = np.broadcast_to(end.astype(np.int64), (n, rank)).copy()
        corners.append(placement.to_frame(Hits(row, cell, np.zeros(n, np.float32))).cell)
    return np.minimum(*corners), np.maximum(*corners) + 1


def blocks_of(
    layout: Layout, placement: Placement, energies: Floats, least: float
) -> tuple[Nodes, Ints]:
    """Blocks that hold something, cut to the array, and the number of each.

    Args:
        layout: of the response.
        placement: of the particles.
        energies: what each block holds, shape ``(n, n_blocks)``.
        least: what a block must hold.
    """
    low, high = visible(placement, layout.response.shape)
    row, block = np.nonzero(energies > least)
    first = np.maximum(layout.low[block], low[row])
    last = np.minimum(layout.high[block], high[row])
    inside = np.asarray((last > first).all(axis=1))
    nodes = Nodes(row, first, last, energies[row, block]).take(inside)
    return nodes, block[inside]


def halves(nodes: Nodes) -> Split:
    """The longest axis, in its middle."""
    sides = nodes.high - nodes.low
    axis = sides.argmax(axis=1)
    every = np.arange(len(axis))
    return Split(axis, nodes.low[every, axis] + sides[every, axis] // 2)


def children(
    nodes: Nodes, split: Split, share: Floats, least: float, whole: bool = False
) -> tuple[Nodes, Ints, Mask]:
    """Halves that hold something, the node of each and whether it is the second half.

    A half that is not empty holds `least` at least; shared is what is beyond that.  Where that is
    nothing, the half that would have more holds all.

    Args:
        nodes: blocks of more than one cell.
        split: how they are halved.
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
    every = np.arange(len(share))
    high, low = nodes.high.copy(), nodes.low.copy()
    high[every, split.axis], low[every, split.axis] = split.at, split.at
    keep = (np.flatnonzero(first > 0), np.flatnonzero(second > 0))
    parent = np.concatenate(keep)
    found = Nodes(
        nodes.row[parent],
        np.concatenate([nodes.low[keep[0]], low[keep[1]]]),
        np.concatenate([high[keep[0]], nodes.high[keep[1]]]),
        np.concatenate([first[keep[0]], second[keep[1]]]),
    )
    return found, parent, np.arange(len(parent)) >= len(keep[0])


def node_input(nodes: Nodes, split: Split, given: Floats, scale: int | None) -> Floats32:
    """What the network sees of a block, shape ``(m, n_inputs)``.

    Args:
        nodes: blocks of more than one cell.
        split: how they are halved.
        given: normalised features of the particles, shape ``(n, n_given)``.
        scale: number of the feature of the scale; None for none.
    """
    sides = nodes.high - nodes.low
    middle = 0.5 * (nodes.low + nodes.high - 1)
    rank = sides.shape[1]
    far = np.sqrt((middle**2).sum(axis=1))
    log_value = np.log(nodes.value)
    columns = [
        *(np.sign(middle[:, k]) * np.log1p(np.abs(middle[:, k])) for k in range(rank)),
        np.log1p(far),
        *(np.log2(sides[:, k]) for k in range(rank)),
        *(split.axis == k for k in range(rank)),
        0.3 * log_value,
    ]
    first, last = len(columns), len(columns) + given.shape[1]
    found = np.empty((len(far), last + (scale is not None)), np.float32)
    for k, column in enumerate(columns):
        found[:, k] = column
    found[:, first:last] = given[nodes.row]
    if scale is not None:
        found[:, last] = 0.3 * log_value - given[nodes.row, scale]
    return found


def drawn_share(law: Floats32, uniforms: Floats) -> Floats:
    """Shares of the first halves, shape ``(m,)``.

    Args:
        law: output of the network, shape ``(m, OUTPUTS)``.
        uniforms: shape ``(m, 3)``.
    """
    # Along the first axis sums of three are fast.
    columns = law.T.astype(np.float64, order="C")
    nothing, every_thing = np.exp(np.clip(columns[:2], -30, 30))
    kind = uniforms[:, 0] * (1 + (nothing + every_thing))
    k = COMPONENTS
    logits = columns[2 : 2 + k]
    summed = np.cumsum(np.exp(logits - logits.max(axis=0)), axis=0)
    chosen = (uniforms[:, 1] * summed[-1] > summed[:-1]).sum(axis=0)
    every = np.arange(len(law))
    mean = columns[2 + k + chosen, every]
    width = np.exp(np.clip(columns[2 + 2 * k + chosen, every], -30, 30))
    u = uniforms[:, 2]
    odds = mean + width * (np.log(u) - np.log1p(-u))
    share = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return np.where(kind < nothing, 0.0, np.where(kind > 1 + nothing, 1.0, share))


def fill(
    nodes: Nodes,
    keys: Keys,
    given: Floats,
    network: Network | None,
    *,
    scale: int | None,
    least: float,
    whole: bool = False,
) -> Hits:
    """Cells of blocks.

    Args:
        nodes: the blocks.
        keys: of the random numbers of each block, shape ``(m,)``.
        given: normalised features of the particles, shape ``(n, n_given)``.
        network: gives `OUTPUTS` numbers for `node_input`; None where all blocks are cells.
        scale: number of the feature of the scale; None for none.
        least: smallest value of a cell.
        whole: whether values are whole numbers.
    """
    done = [nodes.take(np.zeros(0, dtype=np.int64))]
    while len(nodes.row):
        single = ((nodes.high - nodes.low) == 1).all(axis=1)
        done.append(nodes.take(single))
        nodes, keys = nodes.take(~single), keys[~single]
        if not len(nodes.row) or network is None:
            break
        split = halves(nodes)
        law = network(node=node_input(nodes, split, given, scale))[0]
        share = drawn_share(law, key_uniforms(keys, 3))
        nodes, parent, second = children(nodes, split, share, least, whole)
        with np.errstate(over="ignore"):
            keys = mix(keys[parent] + (second.astype(np.uint64) + np.uint64(5)) * GOLDEN)
    cells = [np.concatenate(parts) for parts in zip(*done, strict=True)]
    order = np.argsort(cells[0], kind="stable")
    return Hits(cells[0][order], cells[1][order], cells[3][order].astype(np.float32))


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
    nodes, block = blocks_of(layout, placement, energies, 0.0)
    number = np.full(energies.shape, -1, dtype=np.int64)
    number[nodes.row, block] = np.arange(len(block))
    node = number[hits.row, layout.block_of(hits.cell)]
    cell, value = hits.cell[node >= 0], hits.value[node >= 0].astype(np.float64)
    node = node[node >= 0]
    inputs, shares = [], []
    while len(node):
        several = np.asarray(((nodes.high - nodes.low) > 1).any(axis=1))
        renumbered = np.cumsum(several) - 1
        kept = several[node]
        cell, value, node = cell[kept], value[kept], renumbered[node[kept]]
        nodes = nodes.take(several)
        if not len(node):
            break
        split = halves(nodes)
        second = cell[np.arange(len(node)), split.axis[node]] >= split.at[node]
        n = len(nodes.row)
        sums = np.bincount(node * 2 + second, weights=value, minlength=2 * n).astype(np.float64)
        sums = sums.reshape(n, 2)
        filled = np.bincount(node * 2 + second, minlength=2 * n).reshape(n, 2) > 0
        share = sums[:, 0] / sums.sum(axis=1)
        share[~filled[:, 0]], share[~filled[:, 1]] = 0.0, 1.0
        inputs.append(node_input(nodes, split, given, scale))
        shares.append(_beyond(sums, share, layout.response))
        nodes, parent, later = children(nodes, split, share, 0.0)
        place = np.full((n, 2), -1, dtype=np.int64)
        place[parent, later.astype(int)] = np.arange(len(parent))
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
