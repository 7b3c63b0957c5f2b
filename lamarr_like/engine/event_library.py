"""A library of whole events: stored rows of many events, looked up by what an event is like.

Rows that belong together, such as both tracks of a converted photon, stay together, because an
event answers with all the rows of one stored event.  That is taken at random among the nearest of
the library, so that the number of rows varies as it does in the sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..arrays import Floats, Ints
from ..errors import ArtefactError, SchemaError
from ..files.forms import Form, Number
from .kinds import AbstractSpec, condition_columns
from .model_config import MAX_KNOT, NAMES
from .model_tables import file_of, read_tables

FILE = "library.npz"
"""Name of the file in an artefact."""
MAX_NEIGHBOURS = 1000
"""Most stored events that a draw may choose from."""
MAX_EVENTS = 1_000_000
"""Most stored events."""
MAX_ROWS = 1000
"""Most rows of one stored event: each event that is simulated may get them."""
TABLES = {"features": ("f", 2), "counts": ("i", 1), "numbers": ("f", 2)}
"""Kind and dimensions of each table."""


class EventLibrary:
    """Stored events, found by their nearest conditions.

    Args:
        tables: ``features`` of the stored events, shape ``(m, n_conditions)``; ``counts``, rows of
            each, shape ``(m,)``; ``numbers``, shape ``(n_outputs, n_rows)``, rows in the order of
            their events.
        conditions: names of the conditions; distances are Euclidean in their units.
        outputs: names of the columns of a row.
        neighbours: stored events that a draw chooses from.
        where: name for messages.

    Attributes:
        columns: the stored columns by name, float64, shape ``(n_rows,)``.
        counts, offsets: rows of each stored event, and the first of each, shape ``(m + 1,)``.
        ranges: smallest and largest value of each column, by name.

    Raises:
        ArtefactError: if the tables do not fit together or are not finite.
    """

    n_uniforms = 1

    def __init__(
        self,
        tables: Mapping[str, np.ndarray],
        conditions: tuple[str, ...],
        outputs: tuple[str, ...],
        neighbours: int,
        where: str,
    ) -> None:
        self.conditions, self.outputs = conditions, outputs
        self._where = f"{where}: {FILE}"
        for name, (kind, dimensions) in TABLES.items():
            table = tables.get(name)
            if table is None or table.dtype.kind != kind or table.ndim != dimensions:
                self._refuse(False, f"no table {name!r} of numbers of its kind")
        features, counts, numbers = (tables[name] for name in TABLES)
        self.counts: Ints = counts.astype(np.int64)
        m, n = len(counts), numbers.shape[1]
        self._refuse(0 < m <= MAX_EVENTS, f"{m} events")
        self._refuse(features.shape == (m, len(conditions)), "its features do not fit")
        self._refuse(len(numbers) == len(outputs), f"its rows have no {len(outputs)} columns")
        fits = (self.counts >= 0) & (self.counts <= MAX_ROWS)
        self._refuse(bool(fits.all()) and int(self.counts.sum()) == n, "numbers of rows do not fit")
        # Written so that NaN fails.
        for values, what in ((features, "feature"), (numbers, "number")):
            self._refuse(bool((np.abs(values) <= MAX_KNOT).all()), f"a {what} is not finite")
        self.offsets: Ints = np.concatenate([[0], np.cumsum(self.counts)])
        self.columns = dict(zip(outputs, numbers.astype(np.float64), strict=True))
        self.ranges = {k: (float(v.min()), float(v.max())) for k, v in self.columns.items() if n}
        self._features = features.astype(np.float64)
        self._neighbours = min(neighbours, m)

    @cached_property
    def _tree(self) -> Any:
        # Not needed for guns and decays, whose events have no extra tracks.
        from scipy.spatial import cKDTree

        return cKDTree(self._features)

    def _refuse(self, good: bool, reason: str) -> None:
        if not good:
            raise ArtefactError(f"{self._where}: {reason}")

    @classmethod
    def read(
        cls,
        content: bytes,
        conditions: tuple[str, ...],
        outputs: tuple[str, ...],
        neighbours: int,
        where: str,
    ) -> EventLibrary:
        """A library from the bytes of its file.

        Raises:
            ArtefactError: if it cannot be read or used.
        """
        return cls(
            read_tables(content, FILE, where, TABLES), conditions, outputs, neighbours, where
        )

    def find(self, conditions: Mapping[str, np.ndarray], uniforms: Floats) -> Ints:
        """One stored event for each event, shape ``(n,)``.

        Args:
            conditions: arrays of shape ``(n,)``; others than those needed are ignored.
            uniforms: independent numbers in (0, 1), shape ``(n, 1)``.

        Raises:
            SchemaError: if a condition is missing, has another length or is not finite, or if the
                random numbers have the wrong shape.
        """
        columns = condition_columns(self.conditions, conditions, self._where).T
        if uniforms.shape != (len(columns), self.n_uniforms):
            raise SchemaError(f"{self._where}: uniforms have shape {uniforms.shape}")
        k = self._neighbours
        _, near = self._tree.query(columns, k=np.arange(1, k + 1))
        place = np.minimum((uniforms[:, 0] * k).astype(np.int64), k - 1)
        found: Ints = near[np.arange(len(columns)), place].astype(np.int64)
        return found

    def rehearse(self) -> None:
        """Nothing to run: what is stored was checked as it was read."""


@dataclass(frozen=True)
class EventLibrarySpec(AbstractSpec):
    """Configuration of an `EventLibrary` (``library.npz``).

    Args:
        conditions, outputs: names, in the model's order.
        neighbours: stored events that a draw chooses from.
    """

    kind: ClassVar[str] = "event_library"
    forms: ClassVar[Mapping[str, Form]] = {
        "conditions": NAMES,
        "outputs": NAMES,
        "neighbours": Number(1, MAX_NEIGHBOURS, whole=True),
    }

    conditions: tuple[str, ...]
    outputs: tuple[str, ...]
    neighbours: int

    def build(self, files: Mapping[str, bytes], where: str) -> EventLibrary:
        """See `AbstractSpec.build`."""
        content = file_of(files, FILE, where)
        return EventLibrary.read(content, self.conditions, self.outputs, self.neighbours, where)
