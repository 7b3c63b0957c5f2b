"""Tables of particles that users made, as flat columns of some events at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import schema
from ..documents import parse_json
from ..errors import SchemaError, SourceError
from .locations import Location, Url
from .ntuple_reader import branch_names, open_root, read_arrays
from .parquet_steps import record_batches
from .root_steps import entry_steps
from .truth import PARTICLE_COLUMNS
from .weights import parse_names

if TYPE_CHECKING:
    import awkward as ak

REQUIRED = ("mc_pdg_id", "mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
"""Columns without a default."""

POINT = ("mc_x", "mc_y", "mc_z", "mc_t")
"""Columns of the place and time of a collision."""

MAX_ROWS = 1_000_000
"""Most particles of an event."""

_EVENT = ("event_id", "mc_weight")
_WEIGHTS = "mc_weight_value"
_READ = (*PARTICLE_COLUMNS, *POINT, *_EVENT, _WEIGHTS)
_WHOLE = ("event_id", "mc_pdg_id", "mc_mother_id", "mc_pv_id", "mcparticle_id")

Flat = dict[str, np.ndarray]
"""Columns by name, of equal length."""


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
    """

    columns: Flat
    offsets: NDArray[np.int64]
    event: Flat
    weights: tuple[np.ndarray, NDArray[np.int64]] | None = None


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
        there = file.schema_arrow
        names = [n for n in _READ if n in there.names]
        _check_columns(path, names)
        kind = there.field("mc_px").type
        jagged = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        step = steps.events if jagged else steps.rows
        chunks = (
            {n: ak.from_arrow(pa.table({n: rows.column(n)}))[n] for n in names}
            for rows in record_batches(path, file, names, jagged, step, MAX_ROWS)
        )
        yield from _cut(path, chunks, jagged, steps.rows)


def root_chunks(path: Location, steps: Steps) -> Iterator[Chunk]:
    """The events of the first tree of a ROOT file that has our columns; raises as for Parquet."""
    with open_root(path) as file:
        trees = [k for k, kind in file.classnames().items() if "TTree" in kind or "RNTuple" in kind]
        found = [k for k in trees if "mc_pdg_id" in branch_names(file[k])]
        if not found:
            there = ", ".join(trees) or "none"
            raise SchemaError(f"{path}: no tree has GenPart_pdgId or mc_pdg_id; trees: {there}")
        tree: Any = file[found[0]]
        names = [n for n in branch_names(tree) if n in _READ]
        _check_columns(path, names)
        jagged = tree.num_entries > 0 and _is_jagged(tree)
        step = steps.events if jagged else steps.rows
        chunks = (read_arrays(tree, names, *ends) for ends in entry_steps(path, tree, names, step))
        yield from _cut(path, chunks, jagged, steps.rows)


def _is_jagged(tree: Any) -> bool:
    ends = next(iter(entry_steps(tree.name, tree, ["mc_px"], 1)))
    return bool(read_arrays(tree, ["mc_px"], *ends)["mc_px"].ndim > 1)


def _check_columns(path: Location, names: list[str]) -> None:
    schema.require("particle", names, REQUIRED, str(path))


def _cut(
    path: Location, chunks: Iterator[dict[str, ak.Array]], jagged: bool, step: int
) -> Iterator[Chunk]:
    """Flat columns and event offsets of each chunk; no event is cut in two."""
    if jagged:
        for chunk in chunks:
            yield _unjagged(path, chunk)
        return
    held: list[Flat] = []
    for chunk in chunks:
        if _WEIGHTS in chunk:
            raise SchemaError(f"{path}: {_WEIGHTS} is for jagged tables; this one is flat")
        held.append({k: _numbers(path, k, v, None) for k, v in chunk.items()})
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


def _joined(held: list[Flat]) -> Flat:
    return {k: np.concatenate([rows[k] for rows in held]) for k in held[0]}


def _unjagged(path: Location, chunk: dict[str, ak.Array]) -> Chunk:
    """Events with a list of particles each."""
    counts = _lengths(path, "mc_px", chunk["mc_px"])
    _check_length(path, int(counts.max(initial=0)))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    event: Flat = {}
    weights = None
    for name in (n for n in _EVENT if n in chunk):
        if chunk[name].ndim == 1:
            event[name] = _numbers(path, name, chunk[name], None)
    if _WEIGHTS in chunk:
        array = chunk[_WEIGHTS]
        if array.ndim != 2:
            raise SchemaError(f"{path}: column {_WEIGHTS} is no list of numbers for each event")
        own = _lengths(path, _WEIGHTS, array)
        weights = _numbers(path, _WEIGHTS, array, own), own
    rows = {k: v for k, v in chunk.items() if k not in event and k != _WEIGHTS}
    flat = {k: _numbers(path, k, v, counts) for k, v in rows.items()}
    full = counts > 0
    for name in (n for n in _EVENT if n in flat):  # repeated for each particle
        event[name] = np.full(len(counts), 1 if name == "mc_weight" else -1, flat[name].dtype)
        event[name][full] = flat[name][offsets[:-1][full]]
    return Chunk(flat, offsets, event, weights)


def _lengths(path: Location, name: str, array: ak.Array) -> NDArray[np.int64]:
    import awkward as ak

    if array.ndim < 2:
        raise SchemaError(f"{path}: column {name} is no jagged column")
    counts = ak.to_numpy(ak.num(array, axis=1))
    if np.ma.is_masked(counts):
        raise SchemaError(f"{path}: column {name} has missing lists")
    return np.asarray(counts).astype(np.int64)


def _check_length(path: Location, rows: int) -> None:
    if rows > MAX_ROWS:
        raise SourceError(f"{path}: an event has more than {MAX_ROWS} particles")


def _grouped(path: Location, rows: Flat) -> Chunk:
    starts = _starts(path, rows)
    event = {k: rows[k][starts] for k in _EVENT if k in rows}
    return Chunk(rows, np.append(starts, len(rows["mc_px"])), event)


def _starts(path: Location, rows: Flat) -> NDArray[np.int64]:
    if "event_id" not in rows:
        raise SchemaError(f"{path}: a flat table needs the column event_id")
    number = rows["event_id"]
    # Not by differences, which unsigned integers do not have below 0.
    if (number[1:] < number[:-1]).any():
        raise SchemaError(f"{path}: the rows are not sorted by event_id")
    return np.concatenate([[0], np.flatnonzero(number[1:] != number[:-1]) + 1])


def _numbers(
    path: Location, name: str, array: ak.Array, counts: NDArray[np.int64] | None
) -> np.ndarray:
    import awkward as ak

    if counts is not None and array.ndim == 1:  # an event column beside jagged ones
        array = ak.Array(np.repeat(_numbers(path, name, array, None), counts))
    elif counts is not None:
        if not np.array_equal(ak.to_numpy(ak.num(array, axis=1)), counts):
            raise SchemaError(f"{path}: column {name} has another length than mc_px")
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
