"""The digest of the contents of a file, or of events in memory."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from .. import schema
from ..events import EventBatch


class ContentHash:
    """SHA-256 of the names and values of all branches, whatever the baskets and the format.

    It is taken while the events are written, so that a file that is read back and gives the same
    digest is known to hold exactly what was computed.
    """

    def __init__(self) -> None:
        self._hashes: dict[str, tuple[Any, Any]] = {}
        self.events = 0

    def update(self, batch: EventBatch) -> None:
        """Append events; all batches have the same tables and columns."""
        for name in (t for t in schema.TABLES if t in batch.tables):
            table = batch[name]
            counts = None if name == "event" else table.counts
            if counts is not None:
                self.add(f"n{schema.EXPORT_PREFIX[name]}", counts.astype(np.int32), None)
            for column in schema.table_columns(name):
                if column.name in table:
                    values = schema.as_declared(name, column.name, table[column.name])
                    if column.shape:
                        self.add_arrays(column.branch, values, counts)
                    else:
                        self.add(column.branch, values, counts)
        self.events += len(batch)

    def add_arrays(self, branch: str, values: np.ndarray, counts: np.ndarray | None) -> None:
        """Append rows that hold arrays, as a TTree has them: number by number, with a counter.

        Args:
            branch: its name.
            values: shape ``(n, *shape)``.
            counts: rows of each event, None for one an event.
        """
        size = math.prod(values.shape[1:])
        if counts is not None:
            self.add(f"n{branch}", (counts * size).astype(np.int32), None)
            self.add(branch, values.reshape(-1), counts * size)
        else:
            self.add(branch, values.reshape(-1), np.full(len(values), size))

    def add(self, branch: str, values: np.ndarray, counts: np.ndarray | None) -> None:
        """Append values of a branch.

        Args:
            branch: its name; its type must not change.
            values: flat values, shape ``(n,)``.
            counts: values of each event, shape ``(n_events,)``, None for one an event.
        """
        # The type is hashed, too: 1 as an int32 is not 1 as a float32.
        little = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<")))
        if branch not in self._hashes:
            self._hashes[branch] = hashlib.sha256(), hashlib.sha256(little.dtype.str.encode())
        lengths, content = self._hashes[branch]
        if counts is not None:
            lengths.update(counts.astype("<i8").tobytes())
        content.update(little.tobytes())

    def hexdigest(self) -> str:
        """SHA-256 of all branches so far."""
        total = hashlib.sha256()
        for name in sorted(self._hashes):
            total.update(f"{name}\0".encode())
            for part in self._hashes[name]:
                total.update(part.digest())
        return total.hexdigest()
