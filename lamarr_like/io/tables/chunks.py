"""Tables of particles that users made, as flat columns of some events at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ... import schema
from ...arrays import Columns, Ints
from ...errors import SchemaError, SourceError
from ...events import Table
from ...files.locations import Location, Url
from ...files.yaml_json import parse_json
from .. import naming
from ..ntuple_reader import branch_names, open_root, read_arrays
from ..root_steps import entry_steps
from ..truth import PARTICLE_COLUMNS, VERTEX_COLUMNS
from ..weights import parse_names
from .parquet_steps import fields, is_list, record_batches

if TYPE_CHECKING:
    import awkward as ak

POINT = ("mc_x", "mc_y", "mc_z", "mc_t")
"""Columns of the place and time of a collision."""

MAX_ROWS = 1_000_000
"""Most particles of an event."""

_EVENT = ("event_id", "mc_weight")
_WEIGHTS = "mc_weight_value"
_READ = (*PARTICLE_COLUMNS, *POINT, *_EVENT, _WEIGHTS)
_WHOLE = ("event_id", "mc_pdg_id", "mc_mother_id", "mc_pv_id", "mcparticle_id")

"""Columns by name, of equal length."""

_Read = dict[naming.Key, "ak.Array"]


class Steps(NamedTuple):
    """What is read at a time.

    Attributes:
        rows: of a flat table.
        events: of a jagged one.
    """

    rows: int
    events: int


@dataclass
class Chunk:
    """Some events of a table.

    Args:
        columns: flat columns of the particles.
        offsets: rows of event i are ``offsets[i]:offsets[i + 1]``.
        event: columns with one value an event.
        weights: all weights, and how many each event has; None if there are no such lists.
        vertex: the collisions; None if there are no lists of them.
    """

    columns: Columns
    offsets: Ints
    event: Columns
    weights: tuple[np.ndarray, Ints] | None = None
    vertex: Table | None = None


def read_parquet_names(path: Location) -> tuple[str, ...]:
    """Names of the weights in the metadata of a Parquet file, () if there are none.

    Raises:
        SchemaError: if they are no list of texts.
    """
    with _opened(path) as file:
        text = (file.schema_arrow.metadata or {}).get(b"weight_names", b"[]")
    return parse_names(parse_json(text, f"{path}: its weight_names", SchemaError), str(path))


def _opened(path: Location) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path.open() if isinstance(path, Url) else path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path}: not a readable Parquet file ({error})") from None


def parquet_chunks(path: Location, steps: Steps) -> Iterator[Chunk]:
    """The events of a Parquet file.

    Raises:
        SourceError, SchemaError: if the file cannot be read, or its columns are not what they
            must be.
    """
    import awkward as ak
    import pyarrow as pa

    with _opened(path) as file:
        types = {n: file.schema_arrow.field(n).type for n in set(file.schema_arrow.names)}
        paths = _paths(path, {n: fields(kind) for n, kind in types.items()})
        jagged = is_list(types[paths["particle", "mc_px"][0]])
        tops = sorted({p[0] for p in paths.values()})
        step = steps.events if jagged else steps.rows
        chunks = (
            _picked({n: ak.from_arrow(pa.table({n: rows.column(n)}))[n] for n in tops}, paths)
            for rows in record_batches(path, file, tops, jagged, step, MAX_ROWS)
        )
        yield from _cut(path, chunks, jagged, steps.rows)


def root_chunks(path: Location, steps: Steps) -> Iterator[Chunk]:
    """The events of the first tree of a ROOT file that has our columns; raises as for Parquet."""
    import awkward as ak

    with open_root(path) as file:
        trees = [k for k, kind in file.classnames().items() if "TTree" in kind or "RNTuple" in kind]
        found = [k for k in trees if naming.holds_particles(branch_names(file[k]))]
        if not found:
            raise _without_particles(path, {k: branch_names(file[k]) for k in trees})
        tree: Any = file[found[0]]
        names = [n for n in branch_names(tree) if naming.may_hold_truth(n)]
        first = read_arrays(tree, names, *next(entry_steps(path, tree, names, 1), (0, 0)))
        paths = _paths(path, {n: ak.fields(first[n]) for n in names})
        names = sorted({p[0] for p in paths.values()})
        jagged = naming.take(first, paths["particle", "mc_px"]).ndim > 1
        step = steps.events if jagged else steps.rows
        chunks = (
            _picked(read_arrays(tree, names, *ends), paths)
            for ends in entry_steps(path, tree, names, step)
        )
        yield from _cut(path, chunks, jagged, steps.rows)


def _picked(chunk: dict[str, ak.Array], paths: dict[naming.Key, tuple[str, ...]]) -> _Read:
    return {key: naming.take(chunk, p) for key, p in paths.items()}


def _paths(path: Location, inner: dict[str, list[str]]) -> dict[naming.Key, tuple[str, ...]]:
    """Where the columns are that are read."""
    found = naming.named(inner, str(path))
    naming.require_particles((c for t, c in found if t == "particle"), str(path))
    return {key: p for key, p in found.items() if key[1] in _READ}


def _without_particles(path: Location, trees: dict[str, list[str]]) -> SchemaError:
    there = "; ".join(
        f"{name} with {', '.join(branches[:8])}{', ...' if len(branches) > 8 else ''}"
        for name, branches in trees.items()
    )
    return SchemaError(
        f"{path}: no tree has GenPart_pdgId or mc_pdg_id; trees: {there or 'none'}. Branches of "
        "other names have to be renamed (tutorials/sample-format.md shows how; a sample to train "
        "on can be mapped, see tutorials/own_simulation.md)"
    )


def _cut(path: Location, chunks: Iterator[_Read], jagged: bool, step: int) -> Iterator[Chunk]:
    """Columns columns and event offsets of each chunk; no event is cut in two."""
    if jagged:
        for chunk in chunks:
            yield _unjagged(path, chunk)
        return
    held: list[Columns] = []
    for chunk in chunks:
        if ("weight", _WEIGHTS) in chunk:
            raise SchemaError(f"{path}: {_WEIGHTS} is for jagged tables; this one is flat")
        held.append({k: _numbers(path, k, v, None) for (_, k), v in chunk.items()})
        if sum(len(rows["mc_px"]) for rows in held) < step:
            continue  # many small chunks, joined one by one, would take for ever
        rows = _joined(held)
        last = _starts(path, rows)[-1]
        held = [{k: v[last:] for k, v in rows.items()}]
        _check_length(path, len(held[0]["mc_px"]))
        if last:
            yield _grouped(path, {k: v[:last] for k, v in rows.items()})
    if held and len((rows := _joined(held))["mc_px"]):
        yield _grouped(path, rows)


def _joined(held: list[Columns]) -> Columns:
    return {k: np.concatenate([rows[k] for rows in held]) for k in held[0]}


def _unjagged(path: Location, chunk: _Read) -> Chunk:
    """Events with a list of particles each."""
    counts = _lengths(path, "mc_px", chunk["particle", "mc_px"])
    _check_length(path, int(counts.max(initial=0)))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    event: Columns = {}
    for name in (n for n in _EVENT if ("event", n) in chunk):
        if chunk["event", name].ndim == 1:
            event[name] = _numbers(path, name, chunk["event", name], None)
    weights = None
    if ("weight", _WEIGHTS) in chunk:
        own = _lengths(path, _WEIGHTS, chunk["weight", _WEIGHTS])
        weights = _numbers(path, _WEIGHTS, chunk["weight", _WEIGHTS], own), own
    rows = {k: v for (t, k), v in chunk.items() if t in ("particle", "event") and k not in event}
    flat = {k: _numbers(path, k, v, counts) for k, v in rows.items()}
    full = counts > 0
    for name in (n for n in _EVENT if n in flat):  # repeated for each particle
        event[name] = np.full(len(counts), 1 if name == "mc_weight" else -1, flat[name].dtype)
        event[name][full] = flat[name][offsets[:-1][full]]
    places = {k: v for (t, k), v in chunk.items() if t == "vertex"}
    return Chunk(flat, offsets, event, weights, _collisions(path, places) if places else None)


def _collisions(path: Location, given: dict[str, ak.Array]) -> Table:
    """The table of collisions from lists of them."""
    schema.require("vertex", given, POINT[:3], str(path))
    counts = _lengths(path, "mc_x of the collisions", given["mc_x"])
    _check_length(path, int(counts.max(initial=0)))
    columns = {k: _numbers(path, k, v, counts, "mc_x") for k, v in given.items()}
    vertex = Table.from_counts(columns, counts)
    local = np.arange(len(vertex)) - np.repeat(vertex.offsets[:-1], counts)
    columns.setdefault("mc_pv_id", local)
    columns.setdefault("mc_t", np.zeros(len(vertex)))
    return Table({k: columns[k] for k in VERTEX_COLUMNS}, vertex.offsets)


def _lengths(path: Location, name: str, array: ak.Array) -> Ints:
    import awkward as ak

    if array.ndim != 2:
        raise SchemaError(f"{path}: column {name} is not a list of numbers for each event")
    counts = ak.to_numpy(ak.num(array, axis=1), allow_missing=True)
    if np.ma.is_masked(counts):
        raise SchemaError(f"{path}: column {name} has missing lists")
    return np.asarray(counts).astype(np.int64)


def _check_length(path: Location, rows: int) -> None:
    if rows > MAX_ROWS:
        raise SourceError(f"{path}: an event has more than {MAX_ROWS} particles")


def _grouped(path: Location, rows: Columns) -> Chunk:
    starts = _starts(path, rows)
    event = {k: rows[k][starts] for k in _EVENT if k in rows}
    return Chunk(rows, np.append(starts, len(rows["mc_px"])), event)


def _starts(path: Location, rows: Columns) -> Ints:
    if "event_id" not in rows:
        raise SchemaError(f"{path}: a flat table needs the column event_id")
    number = rows["event_id"]
    # Not by differences, which unsigned integers do not have below 0.
    if (number[1:] < number[:-1]).any():
        raise SchemaError(f"{path}: the rows are not sorted by event_id")
    return np.concatenate([[0], np.flatnonzero(number[1:] != number[:-1]) + 1])


def _numbers(
    path: Location,
    name: str,
    array: ak.Array,
    counts: Ints | None,
    beside: str = "mc_px",
) -> np.ndarray:
    import awkward as ak

    if counts is not None and array.ndim == 1:  # an event column beside jagged ones
        array = ak.Array(np.repeat(_numbers(path, name, array, None), counts))
    elif counts is not None:
        if not np.array_equal(ak.to_numpy(ak.num(array, axis=1)), counts):
            raise SchemaError(f"{path}: column {name} has another length than {beside}")
        array = ak.flatten(array, axis=1)
    if array.ndim != 1:
        raise SchemaError(f"{path}: column {name} is neither a plain nor a jagged column")
    if ak.any(ak.is_none(array)):
        if name in ("mc_stable", "mc_status"):
            raise SchemaError(f"{path}: column {name} has missing values")
        # Some writers put nulls for NaN; the event is then refused, with its number.
        array = ak.fill_none(array, np.nan)
    values = ak.to_numpy(array)
    if values.dtype.kind not in "biuf" or (name in _WHOLE and values.dtype.kind == "f"):
        raise SchemaError(f"{path}: column {name} has the type {values.dtype}")
    return np.asarray(values)
