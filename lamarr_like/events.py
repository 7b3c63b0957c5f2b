"""Batches of events as struct-of-arrays tables with an event index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from . import schema
from .arrays import Integers, Ints, Mask
from .errors import SchemaError

if TYPE_CHECKING:
    import awkward as ak
    import pandas as pd


class Table:
    """Columns of equal length, cut into events by offsets.

    Args:
        columns: name to array, all of shape ``(n, *shape)`` with the shape of the column.
        offsets: shape ``(n_events + 1,)``; rows ``offsets[i]:offsets[i + 1]`` are event ``i``.

    Raises:
        SchemaError: if lengths do not fit.
    """

    def __init__(self, columns: Mapping[str, np.ndarray], offsets: Ints) -> None:
        self.columns: dict[str, np.ndarray] = dict(columns)
        self.offsets: Ints = np.asarray(offsets, dtype=np.int64)
        self._cut = _Cut(self.offsets)
        for name, values in self.columns.items():
            if len(values) != self.offsets[-1]:
                raise SchemaError(
                    f"column {name!r} has {len(values)} rows, the table has {self.offsets[-1]}"
                )

    @classmethod
    def from_counts(
        cls, columns: Mapping[str, np.ndarray], counts: Integers | Sequence[int]
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
    def counts(self) -> Ints:
        """Rows of each event, shape ``(n_events,)``; read only."""
        return self._cut.counts

    @property
    def event_index(self) -> Ints:
        """Position of the event of each row, shape ``(n,)``; read only."""
        return self._cut.event_index

    def select(self, mask: Mask) -> Table:
        """Rows where `mask` is true, shape ``(n,)``; all events are kept."""
        passed = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(mask, out=passed[1:])
        return Table({k: v[mask] for k, v in self.columns.items()}, passed[self.offsets])

    def with_columns(self, **columns: np.ndarray) -> Table:
        """The same table with columns added or replaced."""
        table = Table(columns, self.offsets)
        table.columns = {**self.columns, **table.columns}
        table._cut = self._cut
        return table

    def events(self, start: int, stop: int) -> Table:
        """Events ``start:stop``."""
        lo, hi = self.offsets[start], self.offsets[stop]
        return Table(
            {k: v[lo:hi] for k, v in self.columns.items()}, self.offsets[start : stop + 1] - lo
        )

    def global_rows(self, local: Integers) -> Ints:
        """Rows of this table for event-local indices; needs one index a row of this table."""
        return self.offsets[self.event_index] + local


class _Cut:
    """How rows are cut into events: what follows from the offsets, worked out once."""

    def __init__(self, offsets: Ints) -> None:
        self._offsets = offsets

    @cached_property
    def counts(self) -> Ints:
        return _read_only(np.diff(self._offsets))

    @cached_property
    def event_index(self) -> Ints:
        return _read_only(np.repeat(np.arange(len(self.counts)), self.counts))


def _read_only(values: Ints) -> Ints:
    values.flags.writeable = False
    return values


class EventBatch:
    """Some consecutive events: one `Table` for each name in `schema.TABLES` that is present.

    Args:
        tables: must hold ``event`` with one row an event; all tables have the same events.

    Raises:
        SchemaError: if the tables disagree about the number of events, or the rows of a column
            have another shape than it declares.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables: dict[str, Table] = dict(tables)
        if "event" not in self.tables:
            raise SchemaError("a batch needs an 'event' table with one row an event")
        self._check(self.tables)

    def _check(self, tables: Mapping[str, Table]) -> None:
        n = len(self.event)
        for name, table in tables.items():
            if name not in schema.TABLES:
                raise SchemaError(f"unknown table {name!r}; there are {', '.join(schema.TABLES)}")
            if table.n_events != n:
                raise SchemaError(f"table {name!r} has {table.n_events} events, 'event' has {n}")
            for column, values in table.columns.items():
                declared = schema.COLUMNS.get((name, column))
                if declared is not None and values.shape[1:] != declared.shape:
                    schema.check_shape(declared, values)

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
        if name == "event":
            return EventBatch({**self.tables, name: table})
        return self._replaced(name, table, table)

    def with_columns(self, name: str, **columns: np.ndarray) -> EventBatch:
        """The same batch with columns of one table added or replaced."""
        table = self[name].with_columns(**columns)
        return self._replaced(name, table, Table(columns, table.offsets))

    def _replaced(self, name: str, table: Table, new: Table) -> EventBatch:
        """The same batch with one table of as many events, of which some columns are new."""
        self._check({name: new})
        batch = copy(self)
        batch.tables = {**self.tables, name: table}
        return batch

    def events(self, start: int, stop: int) -> EventBatch:
        """Events ``start:stop``."""
        return EventBatch({k: t.events(start, stop) for k, t in self.tables.items()})

    def mirrored(self, chosen: Mask) -> EventBatch:
        """The same batch with x of all things in some events of the other sign.

        Columns that `schema` does not declare stay as they are.

        Args:
            chosen: whether each event is one of them, shape ``(n_events,)``.
        """
        batch = self
        for name, columns in schema.MIRRORED.items():
            if name not in self.tables:
                continue
            table = self[name]
            rows = np.repeat(chosen, table.counts)
            there = {c: table[c] for c in columns if c in table}
            batch = batch.with_columns(name, **{c: np.where(rows, -v, v) for c, v in there.items()})
        return batch

    def at_polarity(self, convert: Callable[[EventBatch], EventBatch]) -> EventBatch:
        """Events converted by something made for magnet down (``polarity`` -1).

        The mirror image, across the plane of y and z, of a world with one polarity is one with the
        other, the same laws and the mirror image of the detector: events with ``polarity`` 1 are
        mirrored, converted, and mirrored back.
        """
        if "polarity" not in self.event or not (up := self.event["polarity"] > 0).any():
            return convert(self)
        return convert(self.mirrored(up)).mirrored(up)

    def event_ids(self, name: str) -> Ints:
        """``event_id`` of each row of a table."""
        table = self[name]
        return np.repeat(self.event["event_id"], table.counts)

    def event_column(self, name: str, column: str) -> np.ndarray:
        """A column of the event table repeated for each row of another table."""
        return np.repeat(self.event[column], self[name].counts)

    def linked(self, column: str, rows: slice | Mask | Ints = slice(None)) -> np.ndarray:
        """A particle column for each track (through ``mcparticle_id``, which must not be -1).

        Args:
            column: name of a column of the particle table.
            rows: tracks asked for, a mask or their numbers.
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
        """Inverse of `to_awkward`; a missing ``event_id`` is numbered from 0.

        Names are those of the package; a `Pipeline` takes exported ones, too.

        Raises:
            SchemaError: if a field is neither a column of the event nor a table of columns.
        """
        import awkward as ak

        tables: dict[str, Table] = {}
        event: dict[str, np.ndarray] = {}
        for field in ak.fields(array):
            try:
                if field in schema.TABLES:
                    jagged = array[field]
                    counts = ak.to_numpy(ak.num(jagged, axis=1), allow_missing=False)
                    flat = ak.flatten(jagged, axis=1)
                    columns = {k: ak.to_numpy(flat[k], allow_missing=False) for k in flat.fields}
                    tables[field] = Table.from_counts(columns, counts)
                else:
                    event[field] = ak.to_numpy(array[field], allow_missing=False)
            except (ValueError, TypeError) as error:
                kind = "table of columns" if field in schema.TABLES else "column of the event"
                raise SchemaError(f"field {field!r} is no {kind} ({error})") from None
        event.setdefault("event_id", np.arange(len(array), dtype=np.int64))
        tables["event"] = Table(event, np.arange(len(array) + 1))
        return cls(tables)

    def to_pandas(self, name: str) -> pd.DataFrame:
        """One table as a data frame; ``event_id`` is its first column.

        Where a row holds an array, so does the cell.
        """
        import pandas as pd

        columns: dict[str, Any] = {
            key: values if values.ndim == 1 else list(values)
            for key, values in self[name].columns.items()
        }
        columns.pop("event_id", None)
        return pd.DataFrame({"event_id": self.event_ids(name), **columns})

    @classmethod
    def from_pandas(cls, **frames: pd.DataFrame) -> EventBatch:
        """Build from one data frame a table, each with its rows in the order of the events.

        Without an ``event`` frame the events are those that the other frames name, in rising order
        of ``event_id``.

        Raises:
            SchemaError: if a frame has no ``event_id`` or its rows are not grouped by it, or if an
                event is not in the ``event`` frame or is there twice.
        """
        columns = {
            name: {str(k): _stacked(name, str(k), frame[k].to_numpy()) for k in frame}
            for name, frame in frames.items()
        }
        event, tables = grouped(columns, "data frames")
        ids = np.arange(len(event["event_id"]) + 1)
        return cls({"event": Table(event, ids), **tables})


def _stacked(table: str, name: str, values: np.ndarray) -> np.ndarray:
    """A column of a data frame; arrays in its cells become one where the schema declares it."""
    declared = schema.COLUMNS.get((table, name))
    if declared is None or not declared.shape:
        return values
    if not len(values):
        return np.zeros((0, *declared.shape), declared.dtype)
    try:
        return np.stack([np.asarray(cell) for cell in values])
    except ValueError as error:
        raise SchemaError(f"{table}.{name}: the arrays of its rows differ ({error})") from None


def grouped(
    tables: Mapping[str, Mapping[str, np.ndarray]], where: str
) -> tuple[dict[str, np.ndarray], dict[str, Table]]:
    """Cut flat tables into events by their column ``event_id``.

    Args:
        tables: columns by table, each of shape ``(n_rows,)``.
        where: what they are, for messages.

    Returns:
        Columns of the event table, ``event_id`` among them, of shape ``(n_events,)``, and the
        other tables without it.

    Raises:
        SchemaError: as `EventBatch.from_pandas`.
    """
    for name, columns in tables.items():
        if "event_id" not in columns:
            raise SchemaError(f"{where}: table {name!r} has no column 'event_id'")
        if columns["event_id"].dtype.kind not in "iu" and len(columns["event_id"]):
            kind = columns["event_id"].dtype
            raise SchemaError(f"{where}: event_id of table {name!r} has the type {kind}, not int64")
    named = [columns["event_id"] for columns in tables.values()]
    event = dict(tables["event"]) if "event" in tables else {}
    ids = event["event_id"] if event else np.unique(np.concatenate([np.zeros(0, int), *named]))
    event["event_id"] = ids = ids.astype(np.int64)
    order = np.argsort(ids, kind="stable")
    if (np.diff(ids[order]) == 0).any():
        raise SchemaError(f"{where}: an event_id is twice in table 'event'")
    jagged = {}
    for name, columns in tables.items():
        if name != "event":
            rank = _ranks(
                ids, order, columns["event_id"].astype(np.int64), f"{where}: table {name!r}"
            )
            rest = {k: v for k, v in columns.items() if k != "event_id"}
            jagged[name] = Table.from_counts(rest, np.bincount(rank, minlength=len(ids)))
    return event, jagged


def _ranks(ids: Ints, order: Ints, values: Ints, what: str) -> Ints:
    """Position of the event of each row, which must not fall."""
    place = np.searchsorted(ids, values, sorter=order)
    found = order[np.minimum(place, max(len(ids) - 1, 0))] if len(ids) else place
    strange = ids[found] != values if len(ids) else np.ones(len(values), dtype=bool)
    if strange.any():
        raise SchemaError(f"{what} has event_id {values[strange][0]}, which table 'event' lacks")
    if (np.diff(found) < 0).any():
        raise SchemaError(
            f"{what} is not grouped by 'event_id' in the order of the events; "
            "sort it: frame.sort_values('event_id', kind='stable')"
        )
    rank: Ints = found
    return rank


def concatenate(batches: Iterable[EventBatch]) -> EventBatch:
    """Join batches; tables and columns must be the same in all of them."""
    parts = list(batches)
    tables = {}
    for name, first in parts[0].tables.items():
        columns = {k: np.concatenate([b[name].columns[k] for b in parts]) for k in first.columns}
        tables[name] = Table.from_counts(columns, np.concatenate([b[name].counts for b in parts]))
    return EventBatch(tables)


def rebatch(batches: Iterable[EventBatch], size: int, particles: int = 0) -> Iterator[EventBatch]:
    """Cut a stream of batches into batches of one size (the last may be smaller).

    Args:
        batches: the stream.
        size: events of a batch; of small events there are more.
        particles: rows of the table of particles that a batch has at least.
    """
    held: list[EventBatch] = []
    n_events, n_particles = 0, 0
    for incoming in batches:
        batch = incoming
        while (cut := _enough(batch, size - n_events, particles - n_particles)) <= len(batch):
            yield concatenate([*held, batch.events(0, cut)])
            held, n_events, n_particles = [], 0, 0
            batch = batch.events(cut, len(batch))
        if len(batch):
            held.append(batch)
            n_events += len(batch)
            n_particles += len(batch.particle) if particles else 0
    if held:
        yield concatenate(held)


def _enough(batch: EventBatch, size: int, particles: int) -> int:
    """Events that hold so many events and particles; more than there are if they do not."""
    if particles <= 0:
        return size
    return max(size, int(np.searchsorted(batch.particle.offsets, particles)))
