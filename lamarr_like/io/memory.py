"""Truth in memory: awkward arrays, data frames, and dicts of arrays or frames become a batch.

What is taken, with the names of `naming` and the defaults of `defaults`, as for files:

- an awkward array with one entry an event: jagged columns, or records as `EventBatch.to_awkward`
  gives them; or a dict of such columns, as uproot gives with ``library="np"``;
- a data frame with one row a particle and ``event_id``, a column or a level of the index; or a
  dict of flat columns, or a NumPy or awkward array with such fields;
- a dict of data frames, or of dicts of columns, by table: ``particle``, and ``vertex`` and
  ``event`` where they are known.

Columns that the schema does not know stay; what a detector made (tracks, clusters, ...) and the
weights beside the nominal one are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import schema
from ..arrays import Columns, Ints
from ..errors import SchemaError
from ..events import EventBatch, Table, grouped
from . import naming
from .defaults import completed
from .truth_checks import check_truth, numbered

WHERE = "events"
"""How messages call what was given."""

_PLACE = ("mc_x", "mc_y", "mc_z", "mc_t")
_Tables = dict[str, Columns]


def read_memory(given: Any) -> tuple[EventBatch, bool]:
    """Events from what a user has in memory.

    Args:
        given: see the module.

    Returns:
        The events, complete and checked, and whether they came with one row a particle.

    Raises:
        SchemaError: if it is nothing of the kind, or columns are missing or wrong.
    """
    by_table = _by_table(given)
    if by_table is not None:
        return _checked(_from_rows(by_table)), True
    fields = _fields(given)
    paths = naming.named({k: _inner(v) for k, v in fields.items()}, WHERE)
    naming.require_particles((c for t, c in paths if t == "particle"), WHERE)
    columns = {
        key: _array(".".join(p), naming.take(fields, p))
        for key, p in paths.items()
        if key[0] != "weight"
    }
    if _depth("mc_px", columns["particle", "mc_px"]) > 1:
        return _checked(_from_lists(columns, _unknown(fields, paths))), False
    rows = {name: _plain(name, v, _axes(table, name)) for (table, name), v in columns.items()}
    rows |= _unknown(fields, paths).get("event", {})
    if "event_id" not in rows:
        raise SchemaError(f"{WHERE}: one row a particle needs the column event_id (or eventNumber)")
    return _checked(_from_rows({"particle": rows})), True


# --- what was given, as columns by name


def _is(given: Any, module: str, name: str) -> bool:
    """Whether something is of a class of a package; one that is not imported made nothing."""
    return module in sys.modules and isinstance(given, getattr(sys.modules[module], name))


def _by_table(given: Any) -> _Tables | None:
    """Columns by table; None for what is no dict of tables."""
    if not isinstance(given, Mapping):
        return None
    tables = {name: value for name, value in given.items() if _is_table(value)}
    if not tables:
        return None
    found: _Tables = {}
    for name, value in tables.items():
        table = naming.table_of(str(name))
        if table is None or table == "weight":
            continue
        if table in found:
            raise SchemaError(f"{WHERE}: the table {table!r} is there twice")
        found[table] = {}
        for column, values in _fields(value).items():
            key = column
            if column != "eventNumber" or table == "event":
                key = naming.column_in(table, column)
            key = "event_id" if key == "eventNumber" else key
            if key in found[table]:
                raise SchemaError(f"{WHERE}: table {table!r} has the column {key} twice")
            array = _array(column, values)
            found[table][key] = _plain(f"{table}.{column}", array, _axes(table, key))
        if "event_id" not in found[table]:
            raise SchemaError(f"{WHERE}: table {table!r} has no column 'event_id'")
    if "particle" not in found:
        there = ", ".join(str(name) for name in given)
        raise SchemaError(f"{WHERE}: there is no table 'particle'; there are {there}")
    return found


def _is_table(value: Any) -> bool:
    if isinstance(value, Mapping) or _is(value, "pandas", "DataFrame"):
        return True
    if isinstance(value, np.ndarray):
        return value.dtype.names is not None
    return _is(value, "awkward", "Array") and bool(value.fields) and _is_flat(value)


def _is_flat(value: Any) -> bool:
    result: bool = value.layout.purelist_depth == 1
    return result


def _fields(given: Any) -> dict[str, Any]:
    """What was given, name by name."""
    if _is(given, "pandas", "DataFrame"):
        return _columns_of_frame(given)
    if isinstance(given, Mapping):
        return {str(k): v for k, v in given.items()}
    if _is(given, "awkward", "Array"):
        return {name: given[name] for name in given.fields}
    if isinstance(given, np.ndarray) and given.dtype.names:
        values = np.ma.getdata(given) if not np.ma.is_masked(given) else given
        return {name: values[name] for name in given.dtype.names}
    kind = f"{type(given).__module__}.{type(given).__name__}"
    raise SchemaError(
        f"{WHERE}: a {kind} cannot be read; give an awkward array, a data frame, a dict of frames "
        "or arrays, or an EventBatch (lazy arrays have to be computed before)"
    )


def _columns_of_frame(frame: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for i, label in enumerate(frame.columns):
        parts = label if isinstance(label, tuple) else (label,)
        name = "_".join(str(p) for p in parts if p != "")
        if name in columns:
            raise SchemaError(f"{WHERE}: the data frame has the column {name} twice")
        columns[name] = frame.iloc[:, i]
    if not {"event_id", "eventNumber"} & set(columns):
        for level in ("event_id", "eventNumber", "entry"):
            if level in frame.index.names:
                columns["event_id"] = frame.index.get_level_values(level)
                break
    return columns


def _inner(value: Any) -> list[str]:
    if _is(value, "awkward", "Array"):
        return list(value.fields)
    return list(value.dtype.names or ()) if isinstance(value, np.ndarray) else []


def _unknown(
    fields: Mapping[str, Any], paths: Mapping[naming.Key, tuple[str, ...]]
) -> dict[str, dict[str, Any]]:
    """Columns that no table of the schema has, by table; those at the top are of the event."""
    skipped = set(schema.by_branch()) | {p[0] for p in paths.values()}
    skipped |= {f"n{prefix}" for prefix in schema.EXPORT_PREFIX.values()}
    top = {
        name: value
        for name, value in fields.items()
        if name not in skipped and name not in schema.TABLES and _is_plain(value)
    }
    return {"event": {name: _plain(name, _array(name, value)) for name, value in top.items()}}


def _is_plain(value: Any) -> bool:
    """Whether something is one number an entry."""
    if _inner(value):
        return False
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype):
        return dtype.kind in "biuf" and getattr(value, "ndim", 1) == 1
    return _is(value, "awkward", "Array") and value.layout.is_numpy and value.ndim == 1


# --- arrays


def _array(name: str, value: Any) -> Any:
    """A column as a NumPy array, or as an awkward one where it is jagged.

    Raises:
        SchemaError: if it is neither.
    """
    if _is(value, "awkward", "Array") or (
        isinstance(value, np.ndarray) and value.dtype.kind != "O"
    ):
        return value
    dtype = getattr(value, "dtype", None)
    if dtype is not None and not isinstance(dtype, np.dtype):  # an extension of pandas
        if value.isna().any():
            raise SchemaError(f"{WHERE}: column {name} has missing values")
        value = value.to_numpy(dtype=getattr(dtype, "numpy_dtype", None))
    elif _is(value, "pandas", "Series") or _is(value, "pandas", "Index"):
        value = value.to_numpy()
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value
    import awkward as ak

    try:
        rows = [ak.Array(row) if isinstance(row, np.ndarray) else row for row in value]
        if rows and all(_is(row, "awkward", "Array") for row in rows):
            return ak.unflatten(ak.concatenate(rows), [len(row) for row in rows])
        return ak.Array(rows)
    except Exception as error:  # awkward raises many kinds
        raise SchemaError(f"{WHERE}: column {name} is no array of numbers ({error})") from None


def _depth(name: str, array: Any) -> int:
    try:
        return int(array.ndim)
    except Exception as error:  # a union of numbers and lists has no depth
        raise SchemaError(f"{WHERE}: column {name} is no array of numbers ({error})") from None


def _axes(table: str, name: str) -> int:
    """Axes of the value of one row of a column, 0 for a number."""
    declared = schema.COLUMNS.get((table, name))
    return 0 if declared is None else len(declared.shape)


def _plain(name: str, array: Any, axes: int = 0) -> np.ndarray:
    """A column as a NumPy array with one value a row, which has so many axes."""
    import awkward as ak

    if _depth(name, array) != 1 + axes:
        lists = "one value a row is wanted" if not axes else f"arrays of {axes} axes are wanted"
        raise SchemaError(f"{WHERE}: column {name} has lists, where {lists}")
    try:
        values = ak.to_numpy(array, allow_missing=True)
    except Exception as error:  # awkward raises many kinds
        raise SchemaError(f"{WHERE}: column {name} is no array of numbers ({error})") from None
    if np.ma.is_masked(values):
        row = int(np.flatnonzero(np.ma.getmaskarray(values))[0])
        raise SchemaError(f"{WHERE}: column {name} has a missing value in row {row}")
    return np.asarray(np.ma.getdata(values))


def _counts(name: str, array: Any, axes: int = 0) -> Ints:
    """Length of each list of a jagged column."""
    import awkward as ak

    if _depth(name, array) != 2 + axes:
        raise SchemaError(f"{WHERE}: column {name} is not a list of numbers for each event")
    return _plain(f"{name} (its lists)", ak.num(array, axis=1)).astype(np.int64)


def _flat(name: str, array: Any, counts: Ints, beside: str, axes: int = 0) -> np.ndarray:
    """The values of a jagged column of known lengths."""
    import awkward as ak

    own = _counts(name, array, axes)
    if len(own) != len(counts):
        raise SchemaError(f"{WHERE}: column {name} has {len(own)} events, {beside} {len(counts)}")
    if not np.array_equal(own, counts):
        event = int(np.flatnonzero(own != counts)[0])
        raise SchemaError(
            f"{WHERE}: column {name} has {own[event]} entries in event {event} of the array, "
            f"{beside} has {counts[event]}"
        )
    return _plain(name, ak.flatten(ak.Array(array), axis=1), axes)


def _cast(table: str, name: str, values: np.ndarray) -> np.ndarray:
    """A column in the type that the schema declares; unknown ones stay as they are."""
    if (table, name) not in schema.COLUMNS:
        return values
    want, kind = np.dtype(schema.column(table, name).dtype), values.dtype.kind
    what = f"{WHERE}: column {name} of table {table!r}"
    if kind not in {"f": "fiu", "i": "iu", "b": "biu"}[want.kind] and len(values):
        raise SchemaError(f"{what} has the type {values.dtype}, not {want}; cast it first")
    if kind in "iu" and len(values):
        low, high = 0, 1
        if want.kind == "i":
            low, high = int(np.iinfo(want).min), int(np.iinfo(want).max)
        if want.kind != "f" and (int(values.min()) < low or int(values.max()) > high):
            raise SchemaError(f"{what} has values that do not fit {want}")
    return values.astype(want)


# --- tables


def _from_lists(
    columns: Mapping[naming.Key, Any], unknown: Mapping[str, Columns]
) -> tuple[Columns, Table, Table | None]:
    """Event columns, particles and collisions of jagged columns."""
    counts = _counts("mc_px", columns["particle", "mc_px"])
    event: Columns = dict(unknown.get("event", {}))
    particle: Columns = {}
    own: dict[str, Any] = {}
    for (table, name), array in columns.items():
        if table == "event":
            event[name] = _plain(name, array, _axes(table, name))
        elif table == "vertex":
            own[name] = array
        else:
            particle[name] = _flat(name, array, counts, "mc_px", _axes(table, name))
    event.setdefault("event_id", np.arange(len(counts), dtype=np.int64))
    for name, values in event.items():
        if len(values) != len(counts):
            raise SchemaError(
                f"{WHERE}: column {name} has {len(values)} events, mc_px {len(counts)}"
            )
    vertex = None
    if own:
        schema.require("vertex", own, _PLACE[:3], WHERE)
        places = _counts("mc_x", own["mc_x"])
        flat = {k: _flat(k, v, places, "mc_x", _axes("vertex", k)) for k, v in own.items()}
        vertex = Table.from_counts(flat, places)
    return event, Table.from_counts(particle, counts), vertex


def _from_rows(tables: _Tables) -> tuple[Columns, Table, Table | None]:
    """Event columns, particles and collisions of flat tables."""
    tables = {
        name: {k: _cast("event", k, v) if k == "event_id" else v for k, v in columns.items()}
        for name, columns in tables.items()
    }
    event, jagged = grouped(tables, WHERE)
    particle = jagged["particle"]
    # What a row of a particle says of its event is of the event.
    first = particle.offsets[:-1]
    full = particle.counts > 0
    for name in [k for k in particle.columns if ("event", k) in schema.COLUMNS]:
        values = particle.columns.pop(name)
        if len(values) and not np.array_equal(
            values, np.repeat(values[first[full]], particle.counts[full])
        ):
            raise SchemaError(f"{WHERE}: column {name} changes within an event")
        if name not in event and full.all():
            event[name] = values[first]
    if "vertex" in jagged:
        schema.require("vertex", jagged["vertex"].columns, _PLACE[:3], WHERE)
    return event, particle, jagged.get("vertex")


def _checked(parts: tuple[Columns, Table, Table | None]) -> EventBatch:
    """The batch of its tables, cast, completed and checked; what a detector made is left out."""
    event, particle, vertex = parts
    n = len(event["event_id"])
    event = {"run_number": np.zeros(n, dtype=np.int64), "mc_weight": np.ones(n)} | event
    tables = {"event": Table(event, np.arange(n + 1)), "particle": particle}
    if vertex is not None:
        start = {"mc_pv_id": numbered(vertex), "mc_t": np.zeros(len(vertex))}
        tables["vertex"] = Table(start | vertex.columns, vertex.offsets)
    batch = EventBatch(
        {
            name: Table(
                {
                    k: _cast(name, k, v)
                    for k, v in table.columns.items()
                    if naming.is_truth(name, k)
                },
                table.offsets,
            )
            for name, table in tables.items()
        }
    )
    check_truth(batch, WHERE)
    batch = completed(batch, WHERE)
    kept = {k: v for k, v in batch.particle.columns.items() if k not in _PLACE}
    return batch.with_table("particle", Table(kept, particle.offsets))
