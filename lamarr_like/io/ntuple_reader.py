"""Reading of ROOT files of events, ours or a user's own, and their digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import schema
from ..errors import LamarrLikeError, SchemaError, SourceError
from ..events import EventBatch, Table
from ..files.locations import Location, Url, location
from ..files.yaml_json import parse_json
from .digest import ContentHash
from .root_steps import entry_steps
from .weights import numbered_names, parse_names

if TYPE_CHECKING:
    import awkward as ak

TREE = "Events"
"""Name of the tree."""

STEP_SIZE = 1000
"""Events that `read_events` reads at a time unless told otherwise."""


@contextmanager
def damaged(path: str | Location) -> Iterator[None]:
    """What libraries raise at a damaged file, of many kinds, becomes a `SourceError`."""
    try:
        yield
    except LamarrLikeError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SourceError(f"{path}: is damaged ({reason[:500]})") from error


@contextmanager
def open_root(path: str | Location) -> Iterator[Any]:
    """Open a ROOT file for reading; use it as a context manager.

    Raises:
        SourceError: if there is none or it is damaged, also while it is read.
    """
    import uproot

    where = location(path)
    try:
        if isinstance(where, Url):
            where.system()  # says what is missing where a package is
            file = uproot.open(where.text)
        else:
            file = uproot.open(where)
    except SourceError:
        raise
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except Exception as error:  # uproot raises many kinds for a damaged file
        raise SourceError(f"{path}: not a readable ROOT file ({error})") from None
    with file, damaged(path):
        yield file


def _tree(file: Any, path: str | Location) -> Any:
    if TREE not in file:
        there = ", ".join(file.keys()) or "nothing"
        raise SchemaError(f"{path}: has no tree {TREE!r}; it has {there}")
    return file[TREE]


def _check_version(file: Any, path: str | Location) -> None:
    """Refuse what a later version wrote; a user's own file has no version."""
    if "schema" not in file:
        return
    try:
        stored = parse_json(str(file["schema"]), str(path), SchemaError)
    except SchemaError:
        return
    version = stored.get("schema_version") if isinstance(stored, dict) else None
    if isinstance(version, int) and version > schema.SCHEMA_VERSION:
        raise SchemaError(
            f"{path}: has schema version {version}, this lamarr_like reads up to "
            f"{schema.SCHEMA_VERSION}; install a newer one"
        )


def branch_names(tree: Any) -> list[str]:
    """Names of the branches of a TTree or the top fields of an RNTuple."""
    return [name for name in tree.keys() if "." not in name]  # noqa: SIM118


def read_arrays(tree: Any, branches: Sequence[str], start: int, stop: int) -> dict[str, ak.Array]:
    """Some entries of some branches of a TTree or an RNTuple, as awkward arrays."""
    arrays = tree.arrays(list(branches), entry_start=start, entry_stop=stop)
    found = {name: arrays[name] for name in branches}
    for name, array in found.items():
        if len(array) != stop - start:
            raise SourceError(
                f"branch {name} ends after {start + len(array)} of {tree.num_entries} entries"
            )
    return found


def read_events(
    path: str | Location | Sequence[str | Location],
    tables: Iterable[str] | Mapping[str, Iterable[str]] | None = None,
    step_size: int = STEP_SIZE,
) -> Iterator[EventBatch]:
    """Read events back, from a TTree or an RNTuple, under the package's own column names.

    A user's own full simulation is read in the same way: it needs the tree ``Events`` and, of the
    branches of the schema, those that are to be used.  Branches not in the schema are ignored.

    Args:
        path: one file or several.
        tables: tables that must be there, or for each the columns that must be there (then only
            these are read, and ``event_id``); None for everything known.
        step_size: events in a batch.

    Raises:
        SourceError: if a file cannot be read.
        SchemaError: if a table or column is missing, is jagged where it must not be or the other
            way round, or has another type or length than declared, or a later version wrote it.
    """
    for one in [path] if isinstance(path, (str, Path, Url)) else path:
        with open_root(one) as file:
            _check_version(file, one)
            tree = _tree(file, one)
            wanted = _wanted(one, set(branch_names(tree)), tables)
            branches = [c.branch for columns in wanted.values() for c in columns]
            for start, stop in entry_steps(one, tree, branches, step_size):
                arrays = read_arrays(tree, branches, start, stop)
                yield _batch(one, wanted, arrays, start, stop)


def _wanted(
    path: str | Location,
    branches: set[str],
    tables: Iterable[str] | Mapping[str, Iterable[str]] | None,
) -> dict[str, list[schema.Column]]:
    """Columns to read for each table."""
    there = {
        name: [c for c in schema.table_columns(name) if c.branch in branches]
        for name in schema.TABLES
    }
    if tables is None:
        return {name: columns for name, columns in there.items() if columns}
    wanted = {"event": there["event"]}
    for name in tables:
        if name not in there:
            raise SchemaError(f"unknown table {name!r}; there are {', '.join(schema.TABLES)}")
        wanted[name] = there[name]
        if isinstance(tables, Mapping):
            needed = list(tables[name])
            declared = [schema.column(name, k) for k in needed]
            missing = [c.branch for c in declared if c.branch not in branches]
            if missing:
                raise SchemaError(f"{path}: lacks the branches {', '.join(missing)}")
            needed += ["event_id"] if name == "event" else []
            wanted[name] = [c for c in there[name] if c.name in needed]
        if not wanted[name] and name != "event":
            example = schema.table_columns(name)[0].branch
            raise SchemaError(f"{path}: has no branch of table {name!r}, such as {example}")
    return wanted


def _batch(
    path: str | Location,
    wanted: Mapping[str, Sequence[schema.Column]],
    arrays: Mapping[str, ak.Array],
    start: int,
    stop: int,
) -> EventBatch:
    import awkward as ak

    n = stop - start
    event: dict[str, np.ndarray] = {"event_id": np.arange(start, stop)}
    tables: dict[str, Table] = {"event": Table({}, np.arange(n + 1))}
    for name, columns in wanted.items():
        flat: dict[str, np.ndarray] = {}
        counts: np.ndarray | None = None
        for c in columns:
            array = arrays[c.branch]
            if array.ndim != (1 if name == "event" else 2):
                shape = "a plain" if name == "event" else "a jagged"
                raise SchemaError(f"{path}: branch {c.branch} is not {shape} branch of numbers")
            if name != "event":
                own = ak.to_numpy(ak.num(array, axis=1))
                counts = own if counts is None else counts
                if not np.array_equal(own, counts):
                    raise SchemaError(
                        f"{path}: branch {c.branch} has another length than the "
                        f"other branches of {schema.EXPORT_PREFIX[name]}"
                    )
                array = ak.flatten(array, axis=1)
            flat[c.name] = _cast(path, c, ak.to_numpy(array))
        if name == "event":
            event |= flat
        else:
            assert counts is not None
            tables[name] = Table.from_counts(flat, counts)
    tables["event"] = Table(event, np.arange(n + 1))
    return EventBatch(tables)


def _cast(path: str | Location, column: schema.Column, values: np.ndarray) -> np.ndarray:
    want = np.dtype(column.dtype)
    as_flag = want.kind == "b" and values.dtype.kind in "iu"
    if values.dtype.kind not in "biuf" or not (
        np.can_cast(values.dtype, want, "same_kind") or as_flag
    ):
        raise SchemaError(f"{path}: branch {column.branch} is {values.dtype}, not {want}")
    cast = values.astype(want, copy=False)
    if want.kind in "iu" and want.itemsize < values.dtype.itemsize and (cast != values).any():
        raise SchemaError(f"{path}: branch {column.branch} has values that do not fit {want}")
    return cast


def read_provenance(path: str | Location) -> dict[str, Any]:
    """How a file was made, as given to `EventWriter`.

    Raises:
        SourceError: if the file cannot be read.
        SchemaError: if it carries no provenance.
    """
    return _read_json(path, "provenance")


def of_gun(path: str | Location) -> bool:
    """Whether the events come from a particle gun without collisions around.

    Args:
        path: the file; one without provenance is taken for another source.
    """
    try:
        return str(read_provenance(path).get("source", "")).startswith("gun:")
    except SchemaError:
        return False


def read_weight_names(path: str | Location) -> tuple[str, ...]:
    """Names of the weights of a file by ``GenWeight_id``; ``0``, the one weight, if it has none.

    Raises:
        SourceError: if the file cannot be read.
        SchemaError: if its provenance is damaged.
    """
    with open_root(path) as file:
        if "provenance" not in file:
            return numbered_names(1)
    found = read_provenance(path).get("weight_names")
    return numbered_names(1) if found is None else parse_names(found, str(path))


def read_schema(path: str | Location) -> dict[str, Any]:
    """Table, unit, type and meaning of every branch, as stored in the file."""
    return _read_json(path, "schema")


def _read_json(path: str | Location, name: str) -> dict[str, Any]:
    with open_root(path) as file:
        if name not in file:
            raise SchemaError(f"{path}: carries no {name}")
        found = parse_json(str(file[name]), f"{path}: its {name}", SchemaError)
        if not isinstance(found, dict):
            raise SchemaError(f"{path}: its {name} is no JSON object")
        return found


def content_digest(path: str | Location) -> str:
    """SHA-256 of the names and values of all branches, whatever the baskets and the format.

    Two files have the same digest if and only if they hold the same events, bit for bit.
    """
    import awkward as ak

    found = ContentHash()
    with open_root(path) as file:
        tree = _tree(file, path)
        names = sorted(branch_names(tree))
        for start, stop in entry_steps(path, tree, names, STEP_SIZE):
            for name, array in read_arrays(tree, names, start, stop).items():
                counts = ak.to_numpy(ak.num(array, axis=1)) if array.ndim > 1 else None
                flat = array if counts is None else ak.flatten(array, axis=1)
                found.add(name, ak.to_numpy(flat), counts)
    return found.hexdigest()
