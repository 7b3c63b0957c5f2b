"""Species that all comparisons know, by the names of tables and figures, and cuts on tracks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Columns, Mask
from ..physics.particles import SPECIES_NAMES

SPECIES = {name: code for code, name in SPECIES_NAMES.items()}
"""PDG codes of e, mu, pi, K and p by name, in that order."""
Pick = str | Callable[[Columns], np.ndarray]
"""A column by its name, or what is computed from columns; shape ``(n,)``."""


def picked(columns: Columns, what: Pick) -> np.ndarray:
    """A column, or what is computed from columns, shape ``(n,)``."""
    return columns[what] if isinstance(what, str) else what(columns)


def rows_of(columns: Columns, species: str = "", among: Pick | None = None) -> Mask:
    """Rows of a species, all where empty, that are among some, all where None; shape ``(n,)``."""
    rows = np.ones(len(next(iter(columns.values()))), np.bool_)
    if among is not None:
        rows &= picked(columns, among)
    if species:
        rows &= columns["species"] == SPECIES[species]
    return rows


@dataclass(frozen=True)
class Cut:
    """A cut on one or more columns of a track.

    Args:
        name: in words.
        passes: what passes.
        species: key of `SPECIES`.
        among: tracks that it is a share of, all where None.
        key: of the measured map in the shipped file, where there is one.
    """

    name: str
    passes: Pick
    species: str
    among: Pick | None = None
    key: str = ""

    def rows(self, tracks: Columns) -> Mask:
        """Tracks that it is a share of, shape ``(n,)``."""
        return rows_of(tracks, self.species, self.among)
