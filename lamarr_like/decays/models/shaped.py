"""Where a shape goes in a decay tree: the three daughters whose pairs it is a histogram of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...errors import SourceError
from ..descriptor import Node
from ..names import properties
from .shapes import Histogram, Shape

Pair = frozenset[str]
"""Names of the branches of two daughters."""


def with_shape(head: Node, histogram: Histogram, axes: Sequence[Pair], where: str) -> Node:
    """The tree with the decay of three bodies that the axes are pairs of following a histogram.

    Args:
        head: the tree, with names of branches.
        histogram: the density in the squared masses of the pairs.
        axes: the pair of each axis.
        where: name of the file, for messages.

    Raises:
        SourceError: if the axes are no pairs of the three daughters of one decay.
    """
    wanted = 1 if histogram.y is None else 2
    if len(axes) != wanted:
        raise SourceError(f"{where}: the histogram has {wanted} axes, {len(axes)} are named")
    if wanted == 2 and axes[0] == axes[1]:
        raise SourceError(f"{where}: both axes are the same pair")
    found = _placed(head, histogram, axes, where)
    if found is None:
        listed = " and ".join("(" + ", ".join(sorted(one)) + ")" for one in axes)
        raise SourceError(f"{where}: {listed}: no pairs of the three daughters of one decay")
    return found


def _placed(node: Node, histogram: Histogram, axes: Sequence[Pair], where: str) -> Node | None:
    names = {d.branch for d in node.daughters}
    if len(node.daughters) == 3 and all(len(one) == 2 and one <= names for one in axes):
        if node.law is not None:
            raise SourceError(f"{where}: this decay has a law already")
        ordered = _ordered(node.daughters, axes)
        masses = [properties(one.pdg_id).mass for one in (node, *ordered)]
        law = Shape(histogram, (masses[0], masses[1], masses[2], masses[3]), where)
        return replace(node, daughters=ordered, law=law)
    for k, daughter in enumerate(node.daughters):
        found = _placed(daughter, histogram, axes, where)
        if found is not None:
            rest = (*node.daughters[:k], found, *node.daughters[k + 1 :])
            return replace(node, daughters=rest)
    return None


def _ordered(daughters: tuple[Node, ...], axes: Sequence[Pair]) -> tuple[Node, ...]:
    """The first pair first, and what both axes have in common second."""
    common = axes[0] & axes[1] if len(axes) == 2 else frozenset()

    def place(one: Node) -> int:
        return 2 if one.branch not in axes[0] else 1 if one.branch in common else 0

    return tuple(sorted(daughters, key=place))
