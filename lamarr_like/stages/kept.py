"""What several stages work out from the same columns of a table, once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from ..events import Table

Found = TypeVar("Found")


class Kept(Generic[Found]):
    """The last result for each table that is in use, as long as its columns are the same arrays.

    Arrays of a batch are never changed in place, so what was worked out from the same ones holds.
    """

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Table, tuple[tuple[np.ndarray, ...], Found]] = (
            WeakKeyDictionary()
        )

    def get(self, table: Table, columns: Sequence[np.ndarray]) -> Found | None:
        """What was put for a table and these columns, each of any shape; None if nothing was."""
        known = self._of.get(table)
        if known is None or len(known[0]) != len(columns):
            return None
        same = all(a is b for a, b in zip(known[0], columns, strict=True))
        return known[1] if same else None

    def put(self, table: Table, columns: Sequence[np.ndarray], found: Found) -> Found:
        """Keep a result in place of the last one for the table; arrays of any shape."""
        self._of[table] = tuple(columns), found
        return found
