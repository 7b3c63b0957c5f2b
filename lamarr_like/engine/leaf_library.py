"""A library of detailed rows, looked up by trees: the resampling that generators are measured by.

What is drawn for a particle is what the detailed simulation answered for one that is like it
(P. Calafiura et al. put showers of a library into a fast simulation in this way, ATLAS
ATL-PHYS-PUB-2007-013).  Alike are rows that fall into the same leaf of a tree which was grown to
part different answers (distributional random forests, D. Cevid et al., arXiv:2005.14458); each draw
takes one of the trees and one row of its leaf at random.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..arrays import Floats32, Ints
from ..errors import ArtefactError
from .model_tables import read_tables

FILE = "library.npz"
"""Name of the file in an artefact."""
MAX_DEPTH = 64
"""Greatest depth of a tree."""
TABLES = {
    "feature": ("i", 1),
    "threshold": ("f", 1),
    "left": ("i", 1),
    "right": ("i", 1),
    "roots": ("i", 1),
    "first": ("i", 1),
    "rows": ("i", 1),
    "scores": ("f", 2),
    "atom": ("i", 1),
}
"""Kind and dimensions of each table."""


class LeafLibrary:
    """Stands where a network stands in `lamarr_like.engine.generator.Generator`.

    Nodes of all trees are numbered together; children have higher numbers than their node.

    Args:
        tables: by name; of ``m`` nodes the ``feature`` and ``threshold`` of the cut (left is not
            above it), ``left`` and ``right`` child (-1 for leaves), and the ``first`` of their
            ``rows``, shape ``(m + 1,)``; ``roots`` of the trees; ``scores`` of the stored rows,
            shape ``(n, k)``, and their class of ``atom``.
        n_conditions, n_outputs: columns that the model is given, and answers with.
        where: name for messages.

    Raises:
        ArtefactError: if the tables are no trees, or lead to what is not there.
    """

    inputs = ("conditions", "uniforms")

    def __init__(
        self, tables: Mapping[str, np.ndarray], n_conditions: int, n_outputs: int, where: str
    ) -> None:
        self._where = f"{where}: {FILE}"
        for name, (kind, dimensions) in TABLES.items():
            table = tables.get(name)
            if table is None or table.dtype.kind != kind or table.ndim != dimensions:
                raise ArtefactError(f"{self._where} has no table {name!r} of numbers of its kind")
        self._feature, self._left, self._right, self._roots, self._first, self._rows = (
            tables[name].astype(np.int64)
            for name in ("feature", "left", "right", "roots", "first", "rows")
        )
        self._threshold = tables["threshold"].astype(np.float32)
        self._scores = tables["scores"].astype(np.float32)
        self._atom = tables["atom"].astype(np.float32)
        self._check_trees(n_conditions)
        self._check_rows(n_outputs)

    def _refuse(self, good: bool | np.bool_, reason: str) -> None:
        if not good:
            raise ArtefactError(f"{self._where}: {reason}")

    def _check_trees(self, n_conditions: int) -> None:
        m = len(self._feature)
        sizes = {len(t) for t in (self._threshold, self._left, self._right)}
        self._refuse(m > 0 and sizes == {m}, "its tables of nodes differ in length")
        self._refuse(len(self._first) == m + 1, "not every node has its rows")
        leaf = self._left < 0
        self._refuse((leaf == (self._right < 0)).all(), "a node has one child")
        number = np.arange(m)[~leaf]
        for child in (self._left[~leaf], self._right[~leaf]):
            # Upwards only, so that no way through a tree is endless.
            self._refuse(((child > number) & (child < m)).all(), "a child lies before its node")
        cut = self._feature[~leaf]
        self._refuse(((cut >= 0) & (cut < n_conditions)).all(), "a cut on no condition")
        self._refuse(np.isfinite(self._threshold).all(), "a cut at no number")
        roots = self._roots
        self._refuse(len(roots) > 0 and ((roots >= 0) & (roots < m)).all(), "a tree without a root")
        depth = np.zeros(m, np.int64)
        for node in np.flatnonzero(~leaf):
            depth[[self._left[node], self._right[node]]] = depth[node] + 1
        self._refuse(depth.max() <= MAX_DEPTH, f"a tree is deeper than {MAX_DEPTH}")

    def _check_rows(self, n_outputs: int) -> None:
        n = len(self._scores)
        self._refuse(self._scores.shape == (n, n_outputs), f"its rows have no {n_outputs} numbers")
        self._refuse(np.isfinite(self._scores).all(), "a row is not finite")
        self._refuse(len(self._atom) == n, "not every row has its class of atoms")
        counts = np.diff(self._first)
        whole = self._first[0] == 0 and self._first[-1] == len(self._rows)
        self._refuse(whole and (counts >= 0).all(), "its lists of rows do not fit")
        self._refuse((counts[self._left < 0] > 0).all(), "a leaf is empty")
        self._refuse(((self._rows >= 0) & (self._rows < n)).all(), "a leaf names no row")

    @classmethod
    def read(cls, content: bytes, n_conditions: int, n_outputs: int, where: str) -> LeafLibrary:
        """A library from the bytes of its file.

        Raises:
            ArtefactError: if it cannot be read or used.
        """
        return cls(read_tables(content, FILE, where, TABLES), n_conditions, n_outputs, where)

    def __call__(self, conditions: Floats32, uniforms: Floats32) -> list[np.ndarray]:
        """Scores of one stored row for each, and its class of atoms.

        Args:
            conditions: as the model sees them, shape ``(n, n_conditions)``.
            uniforms: which tree and which row of its leaf, shape ``(n, 2)``.

        Returns:
            Shapes ``(n, n_outputs)`` and ``(n, 1)``.
        """
        trees = len(self._roots)
        node = self._roots[_place(uniforms[:, 0], trees)]
        deeper = np.flatnonzero(self._left[node] >= 0)
        while len(deeper):
            at = node[deeper]
            below = conditions[deeper, self._feature[at]] <= self._threshold[at]
            at = np.where(below, self._left[at], self._right[at])
            node[deeper] = at
            deeper = deeper[self._left[at] >= 0]
        first = self._first[node]
        row = self._rows[first + _place(uniforms[:, 1], self._first[node + 1] - first)]
        return [self._scores[row], self._atom[row, None]]


def _place(uniforms: Floats32, n: int | Ints) -> Ints:
    """One of n places by a uniform number, shape ``(len(uniforms),)``."""
    return np.minimum((uniforms.astype(np.float64) * n).astype(np.int64), n - 1)
