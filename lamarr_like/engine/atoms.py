"""Exact equalities in vectors that are otherwise continuous.

The RICH log-likelihood differences of hypotheses below threshold are exactly equal, those of a
track without photons exactly zero, a probability may sit exactly at its bound.  Each row of a
sample has a *pattern*: for every output, whether it is free, a copy of an earlier output or a fixed
value.  Patterns that are frequent enough become classes; a generative model draws the class first,
then only the free outputs, and the rest is imposed exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import Integers, Ints, Mask

FREE = -1
"""Pattern code of an output without constraint; code ``-2 - j`` is a copy of output ``j``, a code
``i >= 0`` is the ``i``-th fixed value of the output."""


class Atoms:
    """The classes of patterns of a vector with ``k`` outputs.

    Args:
        values: for each output, its fixed values.
        patterns: codes, shape ``(n_classes, k)``.
    """

    def __init__(self, values: list[list[float]], patterns: Integers) -> None:
        self.values = [[float(v) for v in each] for each in values]
        self.patterns = np.asarray(patterns, dtype=np.int64).reshape(-1, len(values))

    def __len__(self) -> int:
        return len(self.patterns)

    @cached_property
    def _bound(self) -> list[tuple[int, list[tuple[int, int]]]]:
        """Classes that bind outputs, with these and their codes."""
        rows = [
            [(k, code) for k, code in enumerate(row) if code != FREE]
            for row in self.patterns.tolist()
        ]
        return [(c, row) for c, row in enumerate(rows) if row]

    @property
    def binds(self) -> bool:
        """Whether any output is bound, or there is a class to be drawn."""
        return len(self) > 1 or bool(self._bound)

    @property
    def free(self) -> Mask:
        """Whether each output is free in each class, shape ``(n_classes, k)``."""
        result: Mask = self.patterns == FREE
        return result

    @classmethod
    def detect(
        cls,
        outputs: np.ndarray,
        integer: Mask,
        weights: np.ndarray | None = None,
        *,
        class_share: float = 1e-3,
        value_share: float = 1e-2,
    ) -> Atoms:
        """Find the classes in a training sample.

        Args:
            outputs: shape ``(n, k)``, in the order in which they will be drawn.
            integer: outputs that are integers, which have no atoms; shape ``(k,)``.
            weights: shape ``(n,)`` or None; only their size counts.
            class_share: smallest share of the rows for a pattern to become a class (also the
                smallest share of exact zeros that counts as a fixed value).
            value_share: smallest share of the rows for any other repeated exact value.
        """
        w = np.ones(len(outputs)) if weights is None else np.abs(weights)
        w = w / w.sum()
        values = [
            [] if integer[k] else _repeated(outputs[:, k], w, class_share, value_share)
            for k in range(outputs.shape[1])
        ]
        codes = _codes(outputs, values, integer)
        patterns, row = np.unique(codes, axis=0, return_inverse=True)
        share = np.bincount(row.ravel(), weights=w, minlength=len(patterns))
        frequent = share > class_share
        everything_free = (patterns == FREE).all(axis=1)
        kept = patterns[frequent | everything_free]
        found = cls(values, kept)
        if (found._nearest(patterns) < 0).any():
            kept = np.concatenate([kept, np.full((1, outputs.shape[1]), FREE)])
        return cls(values, kept)

    def _nearest(self, codes: Ints) -> Ints:
        """For each row of codes the class with most constraints, all of which it meets, or -1."""
        meets = (self.patterns[None] == FREE) | (self.patterns[None] == codes[:, None])
        rank = np.where(meets.all(axis=2), 1 + (~self.free).sum(axis=1), 0)
        best = rank.argmax(axis=1) if len(self) else np.zeros(len(codes), dtype=np.int64)
        found = rank.max(axis=1, initial=0) > 0
        result: Ints = np.where(found, best, -1)
        return result

    def classify(self, outputs: np.ndarray, integer: Mask) -> Ints:
        """Class of each row, shape ``(n,)``; -1 where the row meets no class."""
        codes, row = np.unique(_codes(outputs, self.values, integer), axis=0, return_inverse=True)
        return self._nearest(codes)[row.ravel()]

    def impose(self, outputs: np.ndarray, classes: Integers) -> None:
        """Write copies and fixed values into ``outputs``, shape ``(n, k)``, in place."""
        there = np.bincount(classes, minlength=len(self))
        for c, bound in self._bound:
            rows = np.flatnonzero(classes == c) if there[c] else ()
            for k, code in bound if len(rows) else ():
                copied = code < FREE
                outputs[rows, k] = outputs[rows, -2 - code] if copied else self.values[k][code]

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers for a configuration file."""
        return {"values": self.values, "patterns": self.patterns.tolist()}

    @classmethod
    def from_json(cls, spec: Mapping[str, Any]) -> Atoms:
        """Inverse of `to_json`."""
        return cls(spec["values"], np.array(spec["patterns"]))


def _repeated(x: np.ndarray, w: np.ndarray, zero_share: float, value_share: float) -> list[float]:
    unique, row = np.unique(x, return_inverse=True)
    share = np.bincount(row.ravel(), weights=w)
    frequent = share > np.where(unique == 0, zero_share, value_share)
    return [float(v) for v in unique[frequent]]


def _codes(outputs: np.ndarray, values: list[list[float]], integer: Mask) -> Ints:
    codes = np.full(outputs.shape, FREE, dtype=np.int64)
    for k, fixed in enumerate(values):
        for i, value in enumerate(fixed):
            codes[outputs[:, k] == value, k] = i
    for k in range(outputs.shape[1]):
        for j in range(k) if not integer[k] else ():
            if not integer[j]:
                same = (outputs[:, k] == outputs[:, j]) & (codes[:, j] == FREE)
                codes[same & (codes[:, k] == FREE), k] = -2 - j
    return codes
