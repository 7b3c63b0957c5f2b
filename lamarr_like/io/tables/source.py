"""Truth from tables of particles: Parquet, flat or jagged; ROOT, our own, flat or jagged.

Columns are called as in the schema or as its branches (see `naming`).  ``mc_pdg_id``, ``mc_px``,
``mc_py``, ``mc_pz``, ``mc_vx``, ``mc_vy`` and ``mc_vz`` must be there; a flat table needs
``event_id``, too, in rising order.  The others have defaults (see `defaults`): of status 1, without
mother, from the first collision of the event at time 0, with the energy of the mass, and stable but
for what has daughters.  ``mc_mother_id`` counts the rows of the event from 0.  Collisions lie where
the columns ``mc_x``, ``mc_y``, ``mc_z``, ``mc_t`` say (repeated for each particle) or those of a
jagged ``GenPV_x``, ..., or else where the first particle without a mother was made.  Weights:
``mc_weight``, one an event, and in a jagged table ``mc_weight_value``, a list of all of them, whose
names a Parquet file can hold as a JSON list under ``weight_names`` in the metadata of its schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ... import schema
from ...arrays import Columns, Ints, Mask
from ...errors import SchemaError, SourceError
from ...events import EventBatch, Table
from ...files.locations import Location
from ..defaults import collisions, with_defaults
from ..ntuple_reader import TREE, branch_names, damaged, open_root, read_events, read_weight_names
from ..selection import MAX_DISTANCE, RawTruth, select_particles, unphysical
from ..truth import PARTICLE_COLUMNS, VERTEX_COLUMNS, TruthSource, drop_bad, make_batch
from ..unstable import decayed
from ..weights import WEIGHT_COLUMNS, bad_weights, numbered_names
from .chunks import POINT, Chunk, Steps, parquet_chunks, read_parquet_names, root_chunks

STEP_ROWS = 100_000
"""Rows of a flat table, and `STEP_EVENTS` entries of a jagged one, that are read at a time."""

STEP_EVENTS = 500
"""Entries of a jagged table that are read at a time."""

MAX_EMPTY = 100_000
"""Events without a particle, one after the other, after which a table is given up."""

_FLOATS = ("px", "py", "pz", "energy", "vx", "vy", "vz", "vt")


@dataclass
class _Part:
    """Some events: their numbers in the file, weights and names, particles, vertices.

    `bad` is the reason by position of each event that is known to be broken.
    """

    number: Ints
    weight: Table
    weight_names: tuple[str, ...]
    raw: RawTruth
    vertex: Table
    bad: dict[int, str]


class TableSource(TruthSource):
    """Events of ROOT and Parquet files, in the order of the files.

    Args:
        name: the source as its user wrote it.
        paths: the files.
        n_events: how many events to give, None for all.
        skip_bad: leave out broken events rather than stop.
        seed: seed of the decays of particles that the generator left stable.

    Raises:
        SourceError: while iterating, for files that cannot be read or hold no event.
        SchemaError: while iterating, for missing or wrong columns.
        BadEventError: while iterating, for the first broken event unless `skip_bad`.
    """

    def __init__(
        self,
        name: str,
        paths: list[Location],
        n_events: int | None,
        skip_bad: bool = False,
        seed: int = 1,
    ) -> None:
        super().__init__(name, n_events)
        self.paths = paths
        self.skip_bad = skip_bad
        self.seed = seed

    def inputs(self) -> tuple[Location, ...]:
        """The files."""
        return tuple(self.paths)

    def batches(self) -> Iterator[EventBatch]:
        """Read the files one after the other, a bounded part at a time."""
        next_id, n_given, n_empty = 0, 0, 0
        for path in self.paths:
            before = next_id
            for part in _parts(path):
                n_empty = len(part.number) + n_empty if not len(part.raw.pdg_id) else 0
                if n_empty > MAX_EMPTY:
                    raise SourceError(f"{path}: more than {MAX_EMPTY} events hold no particle")
                n = len(part.number)
                if self.n_events is not None:
                    n = min(n, self.n_events - next_id)
                if n == 0:
                    break
                batch, skipped = self._sound(path, next_id, n, part)
                n_given += len(batch)
                self.skip(skipped, n_given)
                yield batch
                next_id += n
            if next_id == self.n_events:
                return
            if next_id == before:
                if not self.skip_bad:
                    raise SourceError(f"{path}: holds no events")
                self.skip([(-1, f"{path}: holds no events")], n_given)

    def _sound(
        self, path: Location, next_id: int, n: int, part: _Part
    ) -> tuple[EventBatch, list[tuple[int, str]]]:
        """The sound ones of the first `n` events of a part, and what is said of the others."""
        ids = np.arange(next_id, next_id + len(part.number), dtype=np.int64)
        known = np.array(self.weight_names.ids(part.weight_names))
        weight = part.weight.with_columns(mc_weight_id=known[part.weight["mc_weight_id"]])
        bad = part.bad | bad_weights(weight, self.weight_names) | unphysical(part.raw)
        raw, lost = decayed(part.raw, self.seed, ids, bad)
        particle, unsound = select_particles(raw)
        bad = {k: reason for k, reason in {**unsound, **bad}.items() if k < n}
        vertex = _without(part.vertex, bad)
        batch = make_batch(ids, weight, vertex, particle, part.number).events(0, n)
        for k, counts in lost.items():
            if k < n and k not in bad:
                self.drop(int(ids[k]), counts)
        names = np.full(len(ids), str(path), dtype=object)
        return drop_bad(batch, bad, names, self.skip_bad)


def is_table(path: Location) -> bool:
    """Whether a file is ROOT or Parquet, by its first bytes."""
    with path.open("rb") as file:
        return file.read(4) in (b"root", b"PAR1")


def _parts(path: Location) -> Iterator[_Part]:
    """Some events at a time."""
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    with damaged(path):
        if not is_parquet and _is_ours(path):
            yield from _our_parts(path)
        else:
            yield from _table_parts(path, is_parquet)


def _our_parts(path: Location) -> Iterator[_Part]:
    needed = {"particle": PARTICLE_COLUMNS, "vertex": VERTEX_COLUMNS}
    with open_root(path) as file:
        there = branch_names(file[TREE])
        if all(schema.column("weight", name).branch in there for name in WEIGHT_COLUMNS):
            needed["weight"] = WEIGHT_COLUMNS
    names = read_weight_names(path)
    for batch in read_events(path, needed, STEP_EVENTS):
        event, table, vertex = batch.event, batch.particle, batch.vertex
        n = len(batch)
        number = event["generator_event" if "generator_event" in event else "event_id"]
        raw, bad = _raw(path, table.columns, table.offsets, vertex)
        bad |= _bad_vertices(vertex)
        weight = batch["weight"] if "weight" in needed else None
        if weight is None:
            value = event.columns.get("mc_weight", np.ones(n))
            weight = Table(_numbered(value, np.ones(n, dtype=np.int64)), np.arange(n + 1))
        strange = (weight["mc_weight_id"] < 0) | (weight["mc_weight_id"] >= len(names))
        if strange.any() or not weight.counts.all():
            raise SchemaError(f"{path}: GenWeight_id does not fit weight_names of the provenance")
        yield _Part(number, weight, names, raw, vertex, bad)


def _table_parts(path: Location, is_parquet: bool) -> Iterator[_Part]:
    names = read_parquet_names(path) if is_parquet else ()
    chunks = parquet_chunks if is_parquet else root_chunks
    for chunk in chunks(path, Steps(STEP_ROWS, STEP_EVENTS)):
        n = len(chunk.offsets) - 1
        vertex = chunk.vertex
        columns = with_defaults(chunk.columns, chunk.offsets, str(path), vertex)
        raw, bad = _raw(path, columns, chunk.offsets, vertex)
        number, misfit = _whole(chunk.event.get("event_id", np.full(n, -1)))
        for k in np.flatnonzero(misfit):
            bad.setdefault(int(k), "event_id does not fit 64 bits")
        if vertex is None:
            # Broken numbers of collisions would make tables of any length.
            sound = columns | {"mc_pv_id": raw.pv_id, "mc_mother_id": raw.mother}
            vertex = collisions(sound, chunk.offsets)
        bad = _bad_vertices(vertex) | bad
        yield _Part(number, *_weights(chunk, names), raw, vertex, bad)


def _weights(chunk: Chunk, names: tuple[str, ...]) -> tuple[Table, tuple[str, ...]]:
    """All weights and their names: from lists, or one an event, or 1."""
    ones = np.ones(len(chunk.offsets) - 1, dtype=np.int64)
    value, counts = chunk.weights or (np.zeros(0), ones)
    if chunk.weights is None or not counts.all():
        value, counts = chunk.event.get("mc_weight", np.ones(len(ones))), ones
    if not (counts == len(names)).all():
        names = numbered_names(int(counts.max(initial=1)))
    return Table.from_counts(_numbered(value, counts), counts), names


def _numbered(value: np.ndarray, counts: Ints) -> Columns:
    """Columns of a table of weights that are numbered in each event."""
    local = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return {"mc_weight_id": local, "mc_weight_value": np.asarray(value, dtype=np.float64)}


def _bad_vertices(vertex: Table) -> dict[int, str]:
    """Why events cannot be, by what their collisions are."""
    bad: dict[int, str] = {}
    event = vertex.event_index
    for name in POINT:
        values = vertex[name]
        for row in np.flatnonzero(~(np.abs(values) <= MAX_DISTANCE)):
            bad.setdefault(int(event[row]), f"a collision has {name} = {values[row]}")
    for row in np.flatnonzero(vertex["mc_pv_id"] != np.arange(len(vertex)) - vertex.offsets[event]):
        bad.setdefault(int(event[row]), "mc_pv_id does not count the collisions of the event")
    return bad


def _without(vertex: Table, bad: dict[int, str]) -> Table:
    """Vertices, with zeros in broken events: their numbers need not fit the columns."""
    if not bad:
        return vertex
    sound = ~np.isin(vertex.event_index, list(bad))
    return Table({k: np.where(sound, v, 0) for k, v in vertex.columns.items()}, vertex.offsets)


def _is_ours(path: Location) -> bool:
    """Whether a file is ours, or has all that ours have."""
    needed = {schema.column("particle", c).branch for c in PARTICLE_COLUMNS}
    needed |= {schema.column("vertex", c).branch for c in VERTEX_COLUMNS}
    with open_root(path) as file:
        there = set(branch_names(file[TREE])) if TREE in file else set()
        return "GenPart_pdgId" in there and ("schema" in file or needed <= there)


def _raw(
    path: Location, columns: Columns, offsets: Ints, vertex: Table | None
) -> tuple[RawTruth, dict[int, str]]:
    counts = np.diff(offsets)
    event = np.repeat(np.arange(len(counts)), counts)
    if not np.array_equal(columns["mcparticle_id"], np.arange(len(event)) - offsets[event]):
        raise SchemaError(f"{path}: mcparticle_id does not count the rows of each event from 0")
    bad: dict[int, str] = {}

    def refuse(mask: Mask, reason: str) -> None:
        for k in np.unique(event[mask]):
            bad.setdefault(int(k), reason)

    def whole(name: str) -> Ints:
        values, misfit = _whole(columns[name])
        refuse(misfit, f"{name} is no whole number of 64 bits")
        return values

    mother = whole("mc_mother_id")
    outside = (mother < -1) | (mother >= counts[event])
    refuse(outside, "mc_mother_id points outside of the event")
    pv_id = whole("mc_pv_id")
    # An event cannot have more collisions than particles; larger numbers are damage.
    places = np.maximum(counts, 1000) if vertex is None else vertex.counts
    wrong = (pv_id < -1) | (pv_id >= places[event])
    refuse(wrong, "mc_pv_id is no number of a collision")
    stable = columns["mc_stable"]
    refuse((stable != 0) & (stable != 1), "mc_stable is neither 0 nor 1")
    raw = RawTruth(
        offsets=offsets,
        pdg_id=whole("mc_pdg_id"),
        status=whole("mc_status"),
        stable=stable == 1,
        mother=np.where((mother < 0) | outside, -1, mother + offsets[event]),
        pv_id=np.where(wrong, -1, pv_id),
        **{k: columns[f"mc_{k}"].astype(np.float64) for k in _FLOATS},
    )
    return raw, bad


def _whole(values: np.ndarray) -> tuple[Ints, Mask]:
    """Values as integers, and which of them are none, or too large; those become 0."""
    misfit = schema.misfits(values, "int64")
    if misfit is None:
        return values.astype(np.int64), np.zeros(len(values), dtype=np.bool_)
    if values.dtype.kind == "f":
        misfit = misfit | (values != np.floor(values))
    return np.where(misfit, 0, values).astype(np.int64), misfit
