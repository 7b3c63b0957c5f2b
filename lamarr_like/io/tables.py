"""Truth from tables of particles: Parquet, flat or jagged; ROOT, our own, flat or jagged.

Columns are called as in the schema.  ``mc_pdg_id``, ``mc_px``, ``mc_py``, ``mc_pz``, ``mc_vx``,
``mc_vy`` and ``mc_vz`` must be there; a flat table needs ``event_id``, too, in rising order.  The
others have defaults: stable, with status 1, without mother, from the first collision of the event
at time 0, with the energy of the mass.  ``mc_mother_id`` counts the rows of the event from 0.
Collisions lie where the columns ``mc_x``, ``mc_y``, ``mc_z``, ``mc_t`` say (repeated for each
particle), or else where the first particle of the collision without a mother was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import schema
from ..errors import SchemaError, SourceError
from ..events import EventBatch, Table
from ..particles import masses
from .locations import Location, Url
from .ntuple_reader import TREE, branch_names, damaged, open_root, read_arrays, read_events
from .selection import RawTruth, select_particles
from .truth import PARTICLE_COLUMNS, VERTEX_COLUMNS, TruthSource, drop_bad, make_batch

if TYPE_CHECKING:
    import awkward as ak

REQUIRED = ("mc_pdg_id", "mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
"""Columns without a default."""

STEP_ROWS = 100_000
"""Rows of a flat table, and `STEP_EVENTS` entries of a jagged one, that are read at a time."""

STEP_EVENTS = 500
"""Entries of a jagged table that are read at a time."""

MAX_ROWS = 1_000_000
"""Most particles of an event."""

_READ = (*PARTICLE_COLUMNS, "mc_x", "mc_y", "mc_z", "mc_t", "mc_weight", "event_id")
_Flat = dict[str, np.ndarray]


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

    def inputs(self) -> tuple[Location, ...]:
        """The files."""
        return tuple(self.paths)

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
            yield range(len(batch)), weight, _raw(path, table.columns, table.offsets), batch.vertex
        return
    for columns, offsets in _parquet(path) if is_parquet else _root(path):
        raw = _raw(path, columns, offsets)
        first = offsets[:-1]
        full = np.diff(offsets) > 0
        weight = np.ones(len(first))
        if "mc_weight" in columns:
            weight[full] = columns["mc_weight"][first[full]]
        yield range(len(first)), weight, raw, _vertices(columns, raw[0])


def _is_ours(path: Location) -> bool:
    with open_root(path) as file:
        return TREE in file and "GenPart_pdgId" in branch_names(file[TREE])


def _parquet(path: Location) -> Iterator[tuple[_Flat, NDArray[np.int64]]]:
    import awkward as ak
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path.open() if isinstance(path, Url) else path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path}: not a readable Parquet file ({error})") from None
    with file:
        there = file.schema_arrow
        names = [n for n in _READ if n in there.names]
        _check_columns(path, names)
        jagged = pa.types.is_list(there.field("mc_px").type) or pa.types.is_large_list(
            there.field("mc_px").type
        )
        step = STEP_EVENTS if jagged else STEP_ROWS
        chunks = (
            {n: ak.from_arrow(pa.table({n: rows.column(n)}))[n] for n in names}
            for rows in file.iter_batches(step, columns=names, use_threads=False)
        )
        yield from _cut(path, chunks, jagged)


def _root(path: Location) -> Iterator[tuple[_Flat, NDArray[np.int64]]]:
    with open_root(path) as file:
        trees = [k for k, kind in file.classnames().items() if "TTree" in kind or "RNTuple" in kind]
        found = [k for k in trees if "mc_pdg_id" in branch_names(file[k])]
        if not found:
            there = ", ".join(trees) or "none"
            raise SchemaError(f"{path}: no tree has GenPart_pdgId or mc_pdg_id; trees: {there}")
        tree: Any = file[found[0]]
        names = [n for n in branch_names(tree) if n in _READ]
        _check_columns(path, names)
        jagged = tree.num_entries > 0 and read_arrays(tree, ["mc_px"], 0, 1)["mc_px"].ndim > 1
        step = STEP_EVENTS if jagged else STEP_ROWS
        chunks = (
            read_arrays(tree, names, start, min(start + step, tree.num_entries))
            for start in range(0, tree.num_entries, step)
        )
        yield from _cut(path, chunks, jagged)


def _check_columns(path: Location, names: list[str]) -> None:
    schema.require("particle", names, REQUIRED, str(path))


def _cut(
    path: Location, chunks: Iterator[dict[str, ak.Array]], jagged: bool
) -> Iterator[tuple[_Flat, NDArray[np.int64]]]:
    """Flat columns and event offsets of each chunk; no event is cut in two."""
    import awkward as ak

    if jagged:
        for chunk in chunks:
            counts = ak.to_numpy(ak.num(chunk["mc_px"], axis=1))
            if np.ma.is_masked(counts):
                raise SchemaError(f"{path}: column mc_px has missing lists")
            counts = np.asarray(counts)
            _check_length(path, int(counts.max(initial=0)))
            offsets = np.concatenate([[0], np.cumsum(counts)])
            flat = {k: _numbers(path, k, v, counts) for k, v in chunk.items()}
            yield flat, offsets
        return
    held: _Flat = {}
    for chunk in chunks:
        new = {k: _numbers(path, k, v, None) for k, v in chunk.items()}
        rows = {k: np.concatenate([held[k], v]) for k, v in new.items()} if held else new
        last = _starts(path, rows)[-1] if len(rows["mc_px"]) else 0
        held = {k: v[last:] for k, v in rows.items()}
        _check_length(path, len(held["mc_px"]))
        if last:
            yield _grouped(path, {k: v[:last] for k, v in rows.items()})
    if held and len(held["mc_px"]):
        yield _grouped(path, held)


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
    path: Location, name: str, array: ak.Array, counts: NDArray[np.int64] | None
) -> np.ndarray:
    import awkward as ak

    if counts is not None and array.ndim == 1:  # an event column beside jagged ones
        array = ak.Array(np.repeat(ak.to_numpy(array), counts))
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
    wholes = name in ("event_id", "mc_pdg_id", "mc_mother_id", "mc_pv_id", "mcparticle_id")
    if values.dtype.kind not in "biuf" or (wholes and values.dtype.kind == "f"):
        raise SchemaError(f"{path}: column {name} has the type {values.dtype}")
    return np.asarray(values)


def _raw(
    path: Location, columns: _Flat, offsets: NDArray[np.int64]
) -> tuple[RawTruth, dict[int, str]]:
    counts = np.diff(offsets)
    event = np.repeat(np.arange(len(counts)), counts)
    n = len(event)
    local = np.arange(n) - offsets[event]
    if "mcparticle_id" in columns and not np.array_equal(columns["mcparticle_id"], local):
        raise SchemaError(f"{path}: mcparticle_id does not count the rows of each event from 0")
    mother = columns.get("mc_mother_id", np.full(n, -1)).astype(np.int64)
    outside = (mother < -1) | (mother >= counts[event])
    bad = {int(k): "mc_mother_id points outside of the event" for k in np.unique(event[outside])}
    pv_id = columns.get("mc_pv_id", np.zeros(n)).astype(np.int64)
    # An event cannot have more collisions than particles; larger numbers are damage.
    wrong = (pv_id < -1) | (pv_id >= np.maximum(counts[event], 1000))
    bad |= {int(k): "mc_pv_id is no number of a collision" for k in np.unique(event[wrong])}
    px, py, pz = (columns[k].astype(np.float64) for k in ("mc_px", "mc_py", "mc_pz"))
    energy = columns.get("mc_energy")
    if energy is None:
        energy = np.sqrt(px**2 + py**2 + pz**2 + masses(columns["mc_pdg_id"]) ** 2)
    raw = RawTruth(
        offsets=offsets,
        pdg_id=columns["mc_pdg_id"].astype(np.int64),
        status=columns.get("mc_status", np.ones(n)).astype(np.int64),
        stable=columns.get("mc_stable", np.ones(n)).astype(np.bool_),
        mother=np.where((mother < 0) | outside, -1, mother + offsets[event]),
        pv_id=np.where(wrong, -1, pv_id),
        px=px,
        py=py,
        pz=pz,
        energy=energy.astype(np.float64),
        vx=columns["mc_vx"].astype(np.float64),
        vy=columns["mc_vy"].astype(np.float64),
        vz=columns["mc_vz"].astype(np.float64),
        vt=columns.get("mc_vt", np.zeros(n)).astype(np.float64),
    )
    return raw, bad


def _vertices(columns: _Flat, raw: RawTruth) -> Table:
    """One row for each collision that the particles name."""
    event = raw.event_index
    n_events = len(raw.offsets) - 1
    counts = np.zeros(n_events, dtype=np.int64)
    np.maximum.at(counts, event, raw.pv_id + 1)
    first = np.concatenate([[0], np.cumsum(counts)])
    point = np.zeros((first[-1], 4))
    given = all(k in columns for k in ("mc_x", "mc_y", "mc_z"))
    if given:
        t = columns.get("mc_t", np.zeros(len(event)))
        xyzt = np.stack([columns["mc_x"], columns["mc_y"], columns["mc_z"], t], axis=1)
    else:
        xyzt = np.stack([raw.vx, raw.vy, raw.vz, raw.vt], axis=1)
    inside = raw.pv_id >= 0
    for rows in (np.flatnonzero(inside), np.flatnonzero(inside & (raw.mother < 0))):
        # In reverse, so that the first particle of each collision stays.
        point[(first[event] + raw.pv_id)[rows][::-1]] = xyzt[rows][::-1]
    pv_id = np.arange(first[-1]) - np.repeat(first[:-1], counts)
    names = ("mc_x", "mc_y", "mc_z", "mc_t")
    axes = dict(zip(names, point.T, strict=True))
    return Table.from_counts({"mc_pv_id": pv_id, **axes}, counts)
