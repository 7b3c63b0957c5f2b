"""Truth from tables of particles: Parquet, flat or jagged; ROOT, our own, flat or jagged.

Columns are called as in the schema or as its branches (see `naming`).  ``mc_pdg_id``, ``mc_px``,
``mc_py``, ``mc_pz``, ``mc_vx``, ``mc_vy`` and ``mc_vz`` must be there; a flat table needs
``event_id``, too, in rising order.  The others have defaults (see `defaults`): stable, with status
1, without mother, from the first collision of the event at time 0, with the energy of the mass.
``mc_mother_id`` counts the rows of the event from 0.  Collisions lie where the columns ``mc_x``,
``mc_y``, ``mc_z``, ``mc_t`` say (repeated for each particle) or those of a jagged ``GenPV_x``, ...,
or else where the first particle of the collision without a mother was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import schema
from ..errors import SchemaError, SourceError
from ..events import EventBatch, Table
from . import naming
from .defaults import collisions, with_defaults
from .locations import Location, Url
from .ntuple_reader import TREE, branch_names, damaged, open_root, read_arrays, read_events
from .selection import RawTruth, select_particles
from .truth import PARTICLE_COLUMNS, VERTEX_COLUMNS, TruthSource, drop_bad, make_batch

if TYPE_CHECKING:
    import awkward as ak

STEP_ROWS = 100_000
"""Rows of a flat table, and `STEP_EVENTS` entries of a jagged one, that are read at a time."""

STEP_EVENTS = 500
"""Entries of a jagged table that are read at a time."""

MAX_ROWS = 1_000_000
"""Most particles of an event."""

_READ = (*PARTICLE_COLUMNS, "mc_x", "mc_y", "mc_z", "mc_t", "mc_weight", "event_id")
_FLOATS = ("px", "py", "pz", "energy", "vx", "vy", "vz", "vt")
_Flat = dict[str, np.ndarray]
_Chunk = dict[naming.Key, "ak.Array"]
_Part = tuple[_Flat, NDArray[np.int64], Table | None]


class TableSource(TruthSource):
    """Events of ROOT and Parquet files, in the order of the files.

    Args:
        name: the source as its user wrote it.
        paths: the files.
        n_events: how many events to give, None for all.
        skip_bad: leave out broken events rather than stop.

    Raises:
        SourceError: while iterating, for files that cannot be read or hold no event.
        SchemaError: while iterating, for missing or wrong columns.
        BadEventError: while iterating, for the first broken event unless `skip_bad`.
    """

    def __init__(
        self, name: str, paths: list[Location], n_events: int | None, skip_bad: bool = False
    ) -> None:
        super().__init__(name, n_events)
        self.paths = paths
        self.skip_bad = skip_bad

    def batches(self) -> Iterator[EventBatch]:
        """Read the files one after the other, a bounded part at a time."""
        next_id = 0
        for path in self.paths:
            before = next_id
            for part, weight, raw, vertex in _parts(path):
                n = len(part)
                if self.n_events is not None:
                    n = min(n, self.n_events - next_id)
                if n == 0:
                    break
                yield self._sound(path, next_id, n, weight, raw, vertex)
                next_id += n
            if next_id == self.n_events:
                return
            if next_id == before:
                if not self.skip_bad:
                    raise SourceError(f"{path}: holds no events")
                self.skipped.append((-1, f"{path}: holds no events"))

    def _sound(
        self,
        path: Location,
        next_id: int,
        n: int,
        weight: NDArray[np.float64],
        raw: tuple[RawTruth, dict[int, str]],
        vertex: Table,
    ) -> EventBatch:
        particle, bad = select_particles(raw[0])
        ids = np.arange(next_id, next_id + len(weight), dtype=np.int64)
        batch = make_batch(ids, weight, vertex, particle).events(0, n)
        bad = {k: reason for k, reason in {**bad, **raw[1]}.items() if k < n}
        names = np.full(len(ids), str(path), dtype=object)
        batch, skipped = drop_bad(batch, bad, names, self.skip_bad)
        self.skipped += skipped
        return batch


def is_table(path: Location) -> bool:
    """Whether a file is ROOT or Parquet, by its first bytes."""
    with path.open("rb") as file:
        return file.read(4) in (b"root", b"PAR1")


def _parts(
    path: Location,
) -> Iterator[tuple[range, NDArray[np.float64], tuple[RawTruth, dict[int, str]], Table]]:
    """Some events at a time: their range, weights, particles (with broken ones) and vertices."""
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    with damaged(path):
        yield from _pieces(path, is_parquet)


def _pieces(
    path: Location, is_parquet: bool
) -> Iterator[tuple[range, NDArray[np.float64], tuple[RawTruth, dict[int, str]], Table]]:
    if not is_parquet and _is_ours(path):
        needed = {"particle": PARTICLE_COLUMNS, "vertex": VERTEX_COLUMNS}
        for batch in read_events(path, needed, STEP_EVENTS):
            table = batch.particle
            weight = batch.event.columns.get("mc_weight", np.ones(len(batch)))
            raw = _raw(path, table.columns, table.offsets, batch.vertex)
            yield range(len(batch)), weight, raw, batch.vertex
        return
    for given, offsets, known in _parquet(path) if is_parquet else _root(path):
        columns = with_defaults(given, offsets, str(path), known)
        raw = _raw(path, columns, offsets, known)
        first = offsets[:-1]
        full = np.diff(offsets) > 0
        weight = np.ones(len(first))
        if "mc_weight" in columns:
            weight[full] = columns["mc_weight"][first[full]]
        # Broken numbers of collisions would make tables of any length.
        sound = columns | {"mc_pv_id": raw[0].pv_id, "mc_mother_id": raw[0].mother}
        vertex = collisions(sound, offsets) if known is None else known
        yield range(len(first)), weight, raw, vertex


def _is_ours(path: Location) -> bool:
    """Whether a file is ours, or has all that ours have."""
    needed = {schema.column("particle", c).branch for c in PARTICLE_COLUMNS}
    needed |= {schema.column("vertex", c).branch for c in VERTEX_COLUMNS}
    with open_root(path) as file:
        there = set(branch_names(file[TREE])) if TREE in file else set()
        return "GenPart_pdgId" in there and ("schema" in file or needed <= there)


def _parquet(path: Location) -> Iterator[_Part]:
    import awkward as ak
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path.open() if isinstance(path, Url) else path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path}: not a readable Parquet file ({error})") from None
    with file:
        types = {n: file.schema_arrow.field(n).type for n in set(file.schema_arrow.names)}
        paths = _paths(path, {n: _fields(kind) for n, kind in types.items()})
        jagged = _is_list(types[paths["particle", "mc_px"][0]])
        tops = sorted({p[0] for p in paths.values()})
        step = STEP_EVENTS if jagged else STEP_ROWS
        chunks = (
            _picked({n: ak.from_arrow(pa.table({n: rows.column(n)}))[n] for n in tops}, paths)
            for rows in file.iter_batches(step, columns=tops, use_threads=False)
        )
        yield from _cut(path, chunks, jagged)


def _is_list(kind: Any) -> bool:
    import pyarrow.types as of

    return of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind)


def _fields(kind: Any) -> list[str]:
    """Names in a column of records, or of lists of records; none for numbers."""
    import pyarrow.types as of

    inner = kind.value_type if _is_list(kind) else kind
    return [field.name for field in inner] if of.is_struct(inner) else []


def _picked(chunk: dict[str, ak.Array], paths: dict[naming.Key, tuple[str, ...]]) -> _Chunk:
    return {key: naming.take(chunk, p) for key, p in paths.items()}


def _paths(path: Location, fields: dict[str, list[str]]) -> dict[naming.Key, tuple[str, ...]]:
    """Where the columns are that are read."""
    found = naming.named(fields, str(path))
    naming.require_particles((c for t, c in found if t == "particle"), str(path))
    return {key: p for key, p in found.items() if key[1] in _READ}


def _root(path: Location) -> Iterator[_Part]:
    import awkward as ak

    with open_root(path) as file:
        trees = [k for k, kind in file.classnames().items() if "TTree" in kind or "RNTuple" in kind]
        found = [k for k in trees if naming.holds_particles(branch_names(file[k]))]
        if not found:
            raise _without_particles(path, {k: branch_names(file[k]) for k in trees})
        tree: Any = file[found[0]]
        names = [n for n in branch_names(tree) if naming.may_hold_truth(n)]
        first = read_arrays(tree, names, 0, min(1, tree.num_entries))
        paths = _paths(path, {n: ak.fields(first[n]) for n in names})
        names = sorted({p[0] for p in paths.values()})
        jagged = naming.take(first, paths["particle", "mc_px"]).ndim > 1
        step = STEP_EVENTS if jagged else STEP_ROWS
        chunks = (
            _picked(read_arrays(tree, names, start, min(start + step, tree.num_entries)), paths)
            for start in range(0, tree.num_entries, step)
        )
        yield from _cut(path, chunks, jagged)


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


def _cut(path: Location, chunks: Iterator[_Chunk], jagged: bool) -> Iterator[_Part]:
    """Flat columns, event offsets and collisions of each chunk; no event is cut in two."""
    if jagged:
        for chunk in chunks:
            yield _unpacked(path, chunk)
        return
    held: _Flat = {}
    for chunk in chunks:
        new = {k: _numbers(path, k, v, None) for (_, k), v in chunk.items()}
        rows = {k: np.concatenate([held[k], v]) for k, v in new.items()} if held else new
        last = _starts(path, rows)[-1] if len(rows["mc_px"]) else 0
        held = {k: v[last:] for k, v in rows.items()}
        _check_length(path, len(held["mc_px"]))
        if last:
            yield (*_grouped(path, {k: v[:last] for k, v in rows.items()}), None)
    if held and len(held["mc_px"]):
        yield (*_grouped(path, held), None)


def _unpacked(path: Location, chunk: _Chunk) -> _Part:
    """The parts of some entries with jagged columns."""
    counts = _counts(path, "mc_px", chunk["particle", "mc_px"])
    _check_length(path, int(counts.max(initial=0)))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    flat = {k: _numbers(path, k, v, counts) for (t, k), v in chunk.items() if t != "vertex"}
    own = {k: v for (t, k), v in chunk.items() if t == "vertex"}
    if not own:
        return flat, offsets, None
    schema.require("vertex", own, ("mc_x", "mc_y", "mc_z"), str(path))
    places = _counts(path, "mc_x of the collisions", own["mc_x"])
    _check_length(path, int(places.max(initial=0)))
    columns = {k: _numbers(path, k, v, places, "mc_x") for k, v in own.items()}
    vertex = Table.from_counts(columns, places)
    local = np.arange(len(vertex)) - np.repeat(vertex.offsets[:-1], places)
    if not np.array_equal(columns.setdefault("mc_pv_id", local), local):
        raise SchemaError(f"{path}: the column mc_pv_id of table 'vertex' does not count its rows")
    columns.setdefault("mc_t", np.zeros(len(vertex)))
    return flat, offsets, Table({k: columns[k] for k in VERTEX_COLUMNS}, vertex.offsets)


def _counts(path: Location, name: str, array: ak.Array) -> NDArray[np.int64]:
    import awkward as ak

    if array.ndim != 2:
        raise SchemaError(f"{path}: column {name} is not a list of numbers for each event")
    counts = ak.to_numpy(ak.num(array, axis=1), allow_missing=True)
    if np.ma.is_masked(counts):
        raise SchemaError(f"{path}: column {name} has missing lists")
    return np.asarray(counts, dtype=np.int64)


def _check_length(path: Location, rows: int) -> None:
    if rows > MAX_ROWS:
        raise SourceError(f"{path}: an event has more than {MAX_ROWS} particles")


def _grouped(path: Location, rows: _Flat) -> tuple[_Flat, NDArray[np.int64]]:
    return rows, np.append(_starts(path, rows), len(rows["mc_px"]))


def _starts(path: Location, rows: _Flat) -> NDArray[np.int64]:
    if "event_id" not in rows:
        raise SchemaError(f"{path}: a flat table needs the column event_id")
    step = np.diff(rows["event_id"])
    if (step < 0).any():
        raise SchemaError(f"{path}: the rows are not sorted by event_id")
    return np.concatenate([[0], np.flatnonzero(step) + 1])


def _numbers(
    path: Location,
    name: str,
    array: ak.Array,
    counts: NDArray[np.int64] | None,
    beside: str = "mc_px",
) -> np.ndarray:
    import awkward as ak

    if counts is not None and array.ndim == 1:  # an event column beside jagged ones
        array = ak.Array(np.repeat(ak.to_numpy(array), counts))
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
    wholes = name in ("event_id", "mc_pdg_id", "mc_mother_id", "mc_pv_id", "mcparticle_id")
    if values.dtype.kind not in "biuf" or (wholes and values.dtype.kind == "f"):
        raise SchemaError(f"{path}: column {name} has the type {values.dtype}")
    return np.asarray(values)


def _raw(
    path: Location, columns: _Flat, offsets: NDArray[np.int64], vertex: Table | None
) -> tuple[RawTruth, dict[int, str]]:
    counts = np.diff(offsets)
    event = np.repeat(np.arange(len(counts)), counts)
    n = len(event)
    local = np.arange(n) - offsets[event]
    if "mcparticle_id" in columns and not np.array_equal(columns["mcparticle_id"], local):
        raise SchemaError(f"{path}: mcparticle_id does not count the rows of each event from 0")
    mother = columns["mc_mother_id"].astype(np.int64)
    outside = (mother < -1) | (mother >= counts[event])
    bad = {int(k): "mc_mother_id points outside of the event" for k in np.unique(event[outside])}
    pv_id = columns["mc_pv_id"].astype(np.int64)
    # An event cannot have more collisions than particles; larger numbers are damage.
    places = np.maximum(counts, 1000) if vertex is None else vertex.counts
    wrong = (pv_id < -1) | (pv_id >= places[event])
    bad |= {int(k): "mc_pv_id is no number of a collision" for k in np.unique(event[wrong])}
    floats = {k: columns[f"mc_{k}"].astype(np.float64) for k in _FLOATS}
    raw = RawTruth(
        offsets=offsets,
        pdg_id=columns["mc_pdg_id"].astype(np.int64),
        status=columns["mc_status"].astype(np.int64),
        stable=columns["mc_stable"].astype(np.bool_),
        mother=np.where((mother < 0) | outside, -1, mother + offsets[event]),
        pv_id=np.where(wrong, -1, pv_id),
        **floats,
    )
    return raw, bad
