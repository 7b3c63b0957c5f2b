"""Batches of events as struct-of-arrays tables with an event index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import schema
from .errors import SchemaError

if TYPE_CHECKING:
    import awkward as ak
    import pandas as pd


class Table:
    """Columns of equal length, cut into events by offsets.

    Args:
        columns: name to array, all of length ``n``.
        offsets: shape ``(n_events + 1,)``; rows ``offsets[i]:offsets[i + 1]`` are event ``i``.

    Raises:
        SchemaError: if lengths do not fit.
    """

    def __init__(self, columns: Mapping[str, np.ndarray], offsets: NDArray[np.int64]) -> None:
        self.columns: dict[str, np.ndarray] = dict(columns)
        self.offsets: NDArray[np.int64] = np.asarray(offsets, dtype=np.int64)
        for name, values in self.columns.items():
            if len(values) != self.offsets[-1]:
                raise SchemaError(
                    f"column {name!r} has {len(values)} rows, the table has {self.offsets[-1]}"
                )

    @classmethod
    def from_counts(
        cls, columns: Mapping[str, np.ndarray], counts: NDArray[np.integer] | Sequence[int]
    ) -> Table:
        """Build from the number of rows of each event instead of offsets."""
        offsets = np.zeros(len(counts) + 1, dtype=np.int64)
        np.cumsum(counts, out=offsets[1:])
        return cls(columns, offsets)

    def __len__(self) -> int:
        return int(self.offsets[-1])

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self.columns[name]
        except KeyError:
            raise SchemaError(f"no column {name!r}; there are {', '.join(self.columns)}") from None

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.offsets) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each event, shape ``(n_events,)``."""
        return np.diff(self.offsets)

    @property
    def event_index(self) -> NDArray[np.int64]:
        """Position of the event of each row, shape ``(n,)``."""
        return np.repeat(np.arange(self.n_events), self.counts)

    def select(self, mask: NDArray[np.bool_]) -> Table:
        """Rows where `mask` is true, shape ``(n,)``; all events are kept."""
        passed = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(mask, out=passed[1:])
        return Table({k: v[mask] for k, v in self.columns.items()}, passed[self.offsets])

    def with_columns(self, **columns: np.ndarray) -> Table:
        """The same table with columns added or replaced."""
        return Table({**self.columns, **columns}, self.offsets)

    def events(self, start: int, stop: int) -> Table:
        """Events ``start:stop``."""
        lo, hi = self.offsets[start], self.offsets[stop]
        return Table(
            {k: v[lo:hi] for k, v in self.columns.items()}, self.offsets[start : stop + 1] - lo
        )

    def global_rows(self, local: NDArray[np.integer]) -> NDArray[np.int64]:
        """Rows of this table for event-local indices; needs one index a row of this table."""
        return self.offsets[self.event_index] + local


class EventBatch:
    """Some consecutive events: one `Table` for each name in `schema.TABLES` that is present.

    Args:
        tables: must hold ``event`` with one row an event; all tables have the same events.

    Raises:
        SchemaError: if the tables disagree about the number of events.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables: dict[str, Table] = dict(tables)
        if "event" not in self.tables:
            raise SchemaError("a batch needs an 'event' table with one row an event")
        n = len(self.event)
        for name, table in self.tables.items():
            if name not in schema.TABLES:
                raise SchemaError(f"unknown table {name!r}; there are {', '.join(schema.TABLES)}")
            if table.n_events != n:
                raise SchemaError(f"table {name!r} has {table.n_events} events, 'event' has {n}")

    def __len__(self) -> int:
        return len(self.tables["event"])

    def __getitem__(self, name: str) -> Table:
        try:
            return self.tables[name]
        except KeyError:
            raise SchemaError(f"no table {name!r}; there are {', '.join(self.tables)}") from None

    @property
    def event(self) -> Table:
        """One row an event."""
        return self.tables["event"]

    @property
    def particle(self) -> Table:
        """Generated particles."""
        return self["particle"]

    @property
    def vertex(self) -> Table:
        """Generated primary vertices."""
        return self["vertex"]

    @property
    def track(self) -> Table:
        """Reconstructed tracks."""
        return self["track"]

    def with_table(self, name: str, table: Table) -> EventBatch:
        """The same batch with one table added or replaced."""
        return EventBatch({**self.tables, name: table})

    def with_columns(self, name: str, **columns: np.ndarray) -> EventBatch:
        """The same batch with columns of one table added or replaced."""
        return self.with_table(name, self[name].with_columns(**columns))

    def events(self, start: int, stop: int) -> EventBatch:
        """Events ``start:stop``."""
        return EventBatch({k: t.events(start, stop) for k, t in self.tables.items()})

    def event_ids(self, name: str) -> NDArray[np.int64]:
        """``event_id`` of each row of a table."""
        table = self[name]
        return np.repeat(self.event["event_id"], table.counts)

    def event_column(self, name: str, column: str) -> np.ndarray:
        """A column of the event table repeated for each row of another table."""
        return np.repeat(self.event[column], self[name].counts)

    def linked(self, column: str, rows: slice | NDArray[np.bool_] = slice(None)) -> np.ndarray:
        """A particle column for each track (through ``mcparticle_id``, which must not be -1).

        Args:
            column: name of a column of the particle table.
            rows: tracks asked for.
        """
        track = self.track
        row = self.particle.offsets[track.event_index[rows]] + track["mcparticle_id"][rows]
        values: np.ndarray = self.particle[column][row]
        return values

    def to_awkward(self) -> ak.Array:
        """Record array with one entry an event; jagged tables are fields named as the table."""
        import awkward as ak

        fields: dict[str, Any] = dict(self.event.columns)
        for name, table in self.tables.items():
            if name == "event":
                continue
            content = ak.contents.RecordArray(
                [ak.contents.NumpyArray(np.ascontiguousarray(v)) for v in table.columns.values()],
                list(table.columns),
                length=len(table),
            )
            fields[name] = ak.Array(
                ak.contents.ListOffsetArray(ak.index.Index64(table.offsets), content)
            )
        return ak.zip(fields, depth_limit=1)

    @classmethod
    def from_awkward(cls, array: ak.Array) -> EventBatch:
        """Inverse of `to_awkward`; a missing ``event_id`` is numbered from 0."""
        import awkward as ak

        tables: dict[str, Table] = {}
        event: dict[str, np.ndarray] = {}
        for field in ak.fields(array):
            if field in schema.TABLES:
                jagged = array[field]
                counts = ak.to_numpy(ak.num(jagged, axis=1))
                flat = ak.flatten(jagged, axis=1)
                columns = {k: ak.to_numpy(flat[k]) for k in ak.fields(flat)}
                tables[field] = Table.from_counts(columns, counts)
            else:
                event[field] = ak.to_numpy(array[field])
        event.setdefault("event_id", np.arange(len(array), dtype=np.int64))
        tables["event"] = Table(event, np.arange(len(array) + 1))
        return cls(tables)

    def to_pandas(self, name: str) -> pd.DataFrame:
        """One table as a data frame; ``event_id`` is its first column."""
        import pandas as pd

        columns = dict(self[name].columns)
        columns.pop("event_id", None)
        return pd.DataFrame({"event_id": self.event_ids(name), **columns})

    @classmethod
    def from_pandas(cls, **frames: pd.DataFrame) -> EventBatch:
        """Build from one data frame a table, each with ``event_id`` sorted in blocks.

        Without an ``event`` frame the events are those that the other frames name.

        Raises:
            SchemaError: if a frame has no ``event_id`` or its rows are not grouped by it.
        """
        for name, frame in frames.items():
            if "event_id" not in frame:
                raise SchemaError(f"data frame {name!r} has no column 'event_id'")
        named = [f["event_id"].to_numpy() for f in frames.values()]
        if "event" in frames:
            ids = frames["event"]["event_id"].to_numpy(dtype=np.int64)
            event = {str(k): frames["event"][k].to_numpy() for k in frames["event"]}
        else:
            ids = np.unique(np.concatenate(named)).astype(np.int64)
            event = {"event_id": ids}
        tables = {"event": Table(event, np.arange(len(ids) + 1))}
        for name, frame in frames.items():
            if name == "event":
                continue
            rank = np.searchsorted(ids, frame["event_id"].to_numpy())
            if len(rank) and (np.diff(rank) < 0).any():
                raise SchemaError(f"data frame {name!r} is not grouped by 'event_id'")
            counts = np.bincount(rank, minlength=len(ids))
            columns = {str(k): frame[k].to_numpy() for k in frame if k != "event_id"}
            tables[name] = Table.from_counts(columns, counts)
        return cls(tables)


def concatenate(batches: Iterable[EventBatch]) -> EventBatch:
    """Join batches; tables and columns must be the same in all of them."""
    parts = list(batches)
    tables = {}
    for name, first in parts[0].tables.items():
        columns = {k: np.concatenate([b[name].columns[k] for b in parts]) for k in first.columns}
        tables[name] = Table.from_counts(columns, np.concatenate([b[name].counts for b in parts]))
    return EventBatch(tables)


def rebatch(batches: Iterable[EventBatch], size: int) -> Iterator[EventBatch]:
    """Cut a stream of batches into batches of `size` events (the last may be smaller)."""
    held: list[EventBatch] = []
    n_held = 0
    for incoming in batches:
        batch = incoming
        while n_held + len(batch) >= size:
            cut = size - n_held
            yield concatenate([*held, batch.events(0, cut)])
            held, n_held, batch = [], 0, batch.events(cut, len(batch))
        if len(batch):
            held.append(batch)
            n_held += len(batch)
    if held:
        yield concatenate(held)
