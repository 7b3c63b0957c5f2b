"""What every source of truth particles has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import schema
from ..arrays import Floats, Ints, Mask
from ..errors import BadEventError, SourceError
from ..events import EventBatch, Table
from ..files.locations import Location
from ..physics.particles import pdg_name
from .options import check_options, parse_choice, parse_count, parse_range, split_options
from .weights import WeightNames

__all__ = [
    "PARTICLE_COLUMNS",
    "VERTEX_COLUMNS",
    "TruthSource",
    "check_options",
    "drop_bad",
    "dropped_note",
    "make_batch",
    "parse_choice",
    "parse_count",
    "parse_range",
    "select_events",
    "split_options",
]

PARTICLE_COLUMNS = (
    "mcparticle_id",
    "mc_pdg_id",
    "mc_status",
    "mc_stable",
    "mc_px",
    "mc_py",
    "mc_pz",
    "mc_energy",
    "mc_vx",
    "mc_vy",
    "mc_vz",
    "mc_vt",
    "mc_mother_id",
    "mc_pv_id",
    "mc_charge",
)
"""Columns of the particle table that a source fills."""

VERTEX_COLUMNS = ("mc_pv_id", "mc_x", "mc_y", "mc_z", "mc_t")
"""Columns of the vertex table that a source fills."""

WEIGHT_COLUMNS = ("mc_weight_id", "mc_weight_value")
"""Columns of the table of weights that a source fills."""

MAX_BROKEN = 10_000
"""Broken events after which a source is given up, if not a tenth as many are sound."""

MAX_SKIPPED = 1_000_000
"""Broken events after which a source is given up, however many are sound."""

KEPT_REASONS = 1000
"""Broken events whose reasons are kept."""


class TruthSource(ABC):
    """Generated events as an iterable of `EventBatch` with tables event, vertex and particle.

    Events are numbered 0, 1, 2, ... over the whole source (``event_id``); an event that is
    skipped leaves a gap, so the numbers of the others never move.  A source may be iterated more
    than once and gives the same events each time.

    Args:
        name: the source as its user wrote it.
        n_events: how many events are asked for, None for all that there are.

    Attributes:
        is_gun: whether the events are single particles without a collision around them.
        skipped: (event, reason) of each event skipped so far; event -1 stands for a whole file.
        unreadable: the part of `skipped` that is known before the first event.
        notes: remarks for the user, for example how the collisions of a file were read.
        weight_names: names of the weights by ``mc_weight_id``; empty if nothing has named them.
        dropped: how many particles of each PDG identifier were left out that the detector might
            have seen: the generator left them stable, and the simulation does not know them.
        length: events that there are, where a generator has an end that it knows; None otherwise.
        start: number of the first event, that of the source in a production of several.
    """

    is_gun: bool = False
    length: int | None = None
    start: int = 0

    is_generated: bool = False
    """Whether an event follows from its number, so that `numbered` makes it without those before
    it; others, such as files, are read from their beginning, and count their events from 0."""
    takes_pileup: ClassVar[bool] = False
    """Whether the factory takes the mean number of collisions of an event, ``pileup``."""
    names_file: ClassVar[bool] = False
    """Whether the head may be the name of a file."""
    block: int = 1
    """Events that are made together: a cut elsewhere makes some of them twice."""
    program: ClassVar[str] = ""
    """What is started before the first event, where that takes seconds."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version the events follow from."""

    def __init__(self, name: str, n_events: int | None) -> None:
        if n_events is not None and n_events < 1:
            raise SourceError(f"{name}: cannot give {n_events} events; ask for at least 1")
        self.name = name
        self.n_events = n_events
        self.skipped: list[tuple[int, str]] = []
        self.notes: list[str] = []
        self.unreadable: list[tuple[int, str]] = []
        self.weight_names = WeightNames(name)
        self.dropped: Counter[int] = Counter()
        self._window: tuple[int, int, int] | None = None
        self._n_broken = 0

    def __iter__(self) -> Iterator[EventBatch]:
        self.restart()
        return self.batches()

    def restart(self) -> None:
        """Empty the books before a pass: nothing is carried from one to the next."""
        self.skipped[:] = self.unreadable
        self.dropped.clear()
        self._window = None
        self._n_broken = 0

    @abstractmethod
    def batches(self) -> Iterator[EventBatch]:
        """The events, from the first one."""

    def numbered(self, first: int, stop: int) -> Iterator[EventBatch]:
        """Batches in order with all events of some numbers, maybe some around them.

        Only for what `is_generated`.

        Args:
            first: number of the first event, counted as `start` is.
            stop: number after the last one.
        """
        raise NotImplementedError(f"{type(self).__name__} makes no event by its number")

    def events_between(self, first: int, stop: int) -> Iterator[EventBatch]:
        """Just some of the events; the books hold what belongs to these only.

        What reaching the first of them costs is the source's: guns and decays make an event from
        its number, Pythia makes the up to 49 before it of the same `block` as well, and what is
        read is read from its beginning.

        Args:
            first: number of the first event, counted as `start` is.
            stop: number after the last one.
        """
        offset = 0 if self.is_generated else self.start
        low, high = first - offset, stop - offset
        self.skipped.clear()
        self.dropped.clear()
        self._window = low, high, offset
        for batch in self.numbered(low, high) if self.is_generated else self.batches():
            ids = batch.event["event_id"]
            begin, end = np.searchsorted(ids, [low, high])  # numbers rise within a batch
            part = batch.events(int(begin), int(end))
            if len(part):
                yield part.with_columns("event", event_id=part.event["event_id"] + offset)
            if len(ids) and int(ids[-1]) >= high - 1:
                return

    def inputs(self) -> tuple[Location, ...]:
        """Files and folders that the events follow from, for who must know whether they changed."""
        return ()

    @classmethod
    def located(cls, head: str, folder: Path) -> str:
        """The head with the path that it may be counted from a folder.

        Args:
            head: what stands between the colon and the options.
            folder: where relative paths start.

        Raises:
            SourceError: if it names neither a file nor anything else that the source knows.
        """
        return head

    @classmethod
    def streams(cls, head: str, pileup: float | None) -> tuple[str, ...]:
        """Names of the streams of a random generator with few seeds, one seed a `block` each.

        Args:
            head: what stands between the colon and the options.
            pileup: mean number of collisions of an event, None for exactly one.
        """
        return ()

    def note(self, text: str) -> None:
        """Keep a remark for the user, once."""
        if text not in self.notes:
            self.notes.append(text)

    def remarks(self) -> list[str]:
        """The notes, and what was dropped so far."""
        return [*self.notes, *dropped_note(self.dropped)]

    def drop(self, event_id: int, particles: Mapping[int, int]) -> None:
        """Enter particles of an event that are left out, by PDG identifier, into `dropped`."""
        if self._window is None or self._window[0] <= event_id < self._window[1]:
            self.dropped.update(particles)

    def enter(self, event_id: int, reason: str) -> None:
        """Enter one event into `skipped`, if it is one of those asked for."""
        if self._window is None:
            self.skipped.append((event_id, reason))
        elif self._window[0] <= event_id < self._window[1]:
            self.skipped.append((event_id + self._window[2], reason))

    def skip(self, broken: Sequence[tuple[int, str]], given: int) -> None:
        """Enter broken events, in rising order, into `skipped`.

        Args:
            broken: (event, reason) of each.
            given: sound events that the source has given so far.

        Raises:
            SourceError: if there are so many that the source is of no use.
        """
        for event, reason in broken:
            self._n_broken += 1
            kept = reason if self._n_broken <= KEPT_REASONS else "broken as others before it"
            self.enter(event, kept)
        n = self._n_broken
        if n > MAX_SKIPPED or n > max(MAX_BROKEN, 10 * given):
            first = self.skipped[0][1] if self.skipped else broken[0][1]
            raise SourceError(
                f"{self.name}: {n} broken events and {given} sound ones, this is of no use; "
                f"the first: {first}"
            )


def dropped_note(dropped: Mapping[int, int]) -> list[str]:
    """What is said of particles that were left out, on one line; nothing if there are none."""
    if not dropped:
        return []
    order = sorted(dropped, key=lambda code: (-dropped[code], abs(code), code))
    listed = [f"{dropped[code]} {pdg_name(code)}" for code in order[:20]]
    more = [f"{len(order) - 20} more kinds"] if len(order) > 20 else []
    n = sum(dropped.values())
    what = (
        "particle that the generator left stable is"
        if n == 1
        else ("particles that the generator left stable are")
    )
    return [f"{n} {what} not simulated: {', '.join(listed + more)}"]


def make_batch(
    event_id: Ints,
    weight: Floats | Table,
    vertex: Table,
    particle: Table,
    generator_event: Ints | None = None,
) -> EventBatch:
    """Join the tables of some events and cast every column to its declared type.

    Args:
        event_id: shape ``(n_events,)``.
        weight: generator weights, shape ``(n_events,)``, or a table of all of them
            (`WEIGHT_COLUMNS`), at least one an event, the nominal one first.
        vertex: generated primary vertices.
        particle: generated particles.
        generator_event: number of each event in its input, shape ``(n_events,)``; `event_id` if
            None.
    """
    n = len(event_id)
    if not isinstance(weight, Table):
        value = np.asarray(weight)
        unnamed = np.zeros(n, dtype=np.int32)
        one: dict[str, np.ndarray] = {"mc_weight_id": unnamed, "mc_weight_value": value}
        weight = Table(one, np.arange(n + 1))
    columns: dict[str, np.ndarray] = {
        "event_id": event_id,
        "run_number": np.zeros(n),
        "generator_event": event_id if generator_event is None else generator_event,
        "mc_weight": weight["mc_weight_value"][weight.offsets[:-1]],
    }
    event = Table(columns, np.arange(n + 1))
    tables = {"event": event, "vertex": vertex, "weight": weight, "particle": particle}
    return EventBatch(
        {
            name: Table(
                {k: schema.as_declared(name, k, v) for k, v in table.columns.items()},
                table.offsets,
            )
            for name, table in tables.items()
        }
    )


def drop_bad(
    batch: EventBatch, bad: Mapping[int, str], names: NDArray[np.object_], skip_bad: bool
) -> tuple[EventBatch, list[tuple[int, str]]]:
    """Take the broken events out of a batch, or stop at the first one.

    Args:
        batch: events, broken ones among them.
        bad: reason by position in the batch.
        names: name of the file of each event, shape ``(n_events,)``.
        skip_bad: whether broken events are left out rather than an error.

    Returns:
        The sound events, and (event_id, reason) of the others.

    Raises:
        BadEventError: for the first broken event, unless `skip_bad`.
    """
    if not bad:
        return batch, []
    ids = batch.event["event_id"]
    if not skip_bad:
        first = min(bad)
        raise BadEventError(str(names[first]), int(ids[first]), bad[first])
    sound = np.ones(len(batch), dtype=bool)
    sound[list(bad)] = False
    return select_events(batch, sound), [
        (int(ids[k]), f"{names[k]}: {bad[k]}") for k in sorted(bad)
    ]


def select_events(batch: EventBatch, mask: Mask) -> EventBatch:
    """The events where `mask` is true, shape ``(n_events,)``."""
    tables = {}
    for name, table in batch.tables.items():
        rows = np.repeat(mask, table.counts)
        tables[name] = Table.from_counts(
            {k: v[rows] for k, v in table.columns.items()}, table.counts[mask]
        )
    return EventBatch(tables)
