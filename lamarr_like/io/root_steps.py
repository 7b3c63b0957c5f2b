"""Entries of a tree in steps of bounded memory, whatever its baskets unpack to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..arrays import Ints
from ..errors import SourceError

MAX_STEP_BYTES = 1 << 32
"""Most bytes that a step may unpack to, those of the entries that share its baskets included."""

MAX_RATIO = 200
"""How many times larger than on disk that may be, where it is more than `_SMALL`."""

_SMALL = 1 << 28


def entry_steps(
    path: object, tree: Any, branches: Sequence[str], step: int
) -> Iterator[tuple[int, int]]:
    """First entry and the one after the last of each step, in order.

    Args:
        path: the file, for messages.
        tree: a TTree or RNTuple of `uproot`.
        branches: what is to be read.
        step: most entries of a step; fewer are taken where they are too large.

    Raises:
        SourceError: if a single entry would take unbounded memory.
    """
    blocks = _basket_sizes(tree, branches) if hasattr(tree, "branches") else _cluster_sizes(tree)
    start = 0
    while start < tree.num_entries:
        stop = min(start + step, tree.num_entries)
        while (reason := _too_large(blocks, start, stop)) and stop > start + 1:
            stop = start + (stop - start) // 2
        if reason:
            raise SourceError(f"{path}: entry {start} of its tree {reason}")
        yield start, stop
        start = stop


class _Blocks:
    """What is unpacked as a whole: its entries and bytes; shapes ``(n,)``."""

    def __init__(
        self, first: Sequence[int], end: Sequence[int], size: Sequence[tuple[float, float]]
    ):
        order = np.argsort(np.asarray(first, dtype=np.int64), kind="stable")
        self.first: Ints = np.asarray(first, dtype=np.int64)[order]
        self.end: Ints = np.asarray(end, dtype=np.int64)[order]
        self.size = np.asarray(size, dtype=np.float64).reshape(-1, 2)[order]


def _too_large(blocks: _Blocks, start: int, stop: int) -> str:
    """Why some entries cannot be read at once; nothing if they can."""
    read = (blocks.first < stop) & (blocks.end > start)
    unpacked, packed = blocks.size[read].sum(axis=0)
    if unpacked <= min(MAX_STEP_BYTES, max(_SMALL, MAX_RATIO * packed)):
        return ""
    return f"unpacks from {packed:.0f} bytes to {unpacked / (1 << 20):.0f} MiB with what is near it"


def _basket_sizes(tree: Any, branches: Sequence[str]) -> _Blocks:
    first: list[int] = []
    end: list[int] = []
    size: list[tuple[float, float]] = []
    # A branch of records holds its numbers in branches of its own.
    tops = [tree[name] for name in branches]
    for branch in (b for top in tops for b in (top, *top.itervalues(recursive=True))):
        ends = list(branch.entry_offsets)
        for k in range(branch.num_baskets):
            first.append(ends[k])
            end.append(ends[k + 1])
            size.append((branch.basket_uncompressed_bytes(k), branch.basket_compressed_bytes(k)))
    return _Blocks(first, end, size)


def _cluster_sizes(tree: Any) -> _Blocks:
    """Clusters of an RNTuple, with all of their columns, of at most eight bytes a number."""
    first: list[int] = []
    end: list[int] = []
    size: list[tuple[float, float]] = []
    for cluster, columns in zip(tree.cluster_summaries, tree.page_link_list, strict=True):
        pages = [page for column in columns for page in column.pages]
        first.append(cluster.num_first_entry)
        end.append(cluster.num_first_entry + cluster.num_entries)
        unpacked = 8.0 * sum(float(page.num_elements) for page in pages)
        size.append((unpacked, sum(float(page.locator.num_bytes) for page in pages)))
    return _Blocks(first, end, size)
