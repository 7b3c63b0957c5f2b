"""Quantities that an analysis needs of what a stage draws, which a training can emphasise.

A package of yours adds its own by an entry point that names a `Metric`::

    [project.entry-points."lamarr_like.metrics"]
    jpsi_width = "lamarr_muons:JPSI_WIDTH"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Floats, Ints, ReadColumns
from ..statistics.binned import bins_of

Value = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
"""Outputs of the stage as they are learnt, and conditions, to one number a row."""


@dataclass(frozen=True)
class Metric:
    """A number of each row, and the cells in which its mean and spread have to be right.

    Args:
        name: its name, also that of the entry point.
        stage: stage whose outputs it is made of.
        meaning: one line.
        value: the number, of NumPy arrays of shape ``(n,)``.  Where it is `differentiable` it must
            be made of ``+``, ``-``, ``*`` and ``/`` alone, so that it works for tensors, too.
        conditions: those that it reads.
        cut: the number is whether `value` is above this; None for `value` itself.
        softness: over which the cut is smeared where its slope is needed.
        differentiable: False has a network learn what the number is.
        along: condition along which cells are cut, and
        edges: their edges.
        species: conditions that are flags; each has cells of its own.
    """

    name: str
    stage: str
    meaning: str
    value: Value
    conditions: tuple[str, ...] = ()
    cut: float | None = None
    softness: float = 1.0
    differentiable: bool = True
    along: str = "log_p"
    edges: tuple[float, ...] = (-np.inf, np.inf)
    species: tuple[str, ...] = ()

    def numbers(self, outputs: ReadColumns, conditions: ReadColumns) -> Floats:
        """The number of each row, shape ``(n,)``."""
        found = np.asarray(self.value(outputs, conditions), dtype=np.float64)
        return found if self.cut is None else (found > self.cut).astype(np.float64)

    @property
    def n_cells(self) -> int:
        """How many cells there are."""
        return max(len(self.species), 1) * (len(self.edges) - 1)

    def cells(self, conditions: ReadColumns) -> Ints:
        """Cell of each row, -1 outside of all, shape ``(n,)``; bins of one species lie together."""
        place = bins_of(conditions[self.along], np.array(self.edges))
        if not self.species:
            return place
        flags = np.stack([np.asarray(conditions[name]) > 0.5 for name in self.species])
        inside = flags.any(axis=0) & (place >= 0)
        return np.where(inside, flags.argmax(axis=0) * (len(self.edges) - 1) + place, -1)
