"""Particle guns inside collisions: rare species in events of real occupancy.

A gun alone leaves the detector empty, and a collision holds few muons and electrons.  Here the
particles of guns are added to the events of any other source.  Each comes from one of the primary
vertices of its event, drawn with equal chances for each particle: so the particles see the spread
of the collisions, and no one vertex collects all of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ... import schema
from ...arrays import Floats, Ints
from ...errors import SourceError
from ...events import EventBatch, Table
from ...files.locations import Location
from ...rng import uniforms
from ..options import check_options, split_options
from ..truth import TruthSource, drop_bad
from .gun import ORIGIN_OPTIONS, PARTICLE_OPTIONS, Gun


class EmbeddingSource(TruthSource):
    """The events of another source, with particles added at the end of each.

    Event numbers, weights, vertices and the source's own particles stay as they are, so with the
    same seed the events are those of the source alone.  `is_gun` is that of the source: False for
    collisions, whose occupancy is real.

    Args:
        name: the source as its user wrote it.
        host: the source that the particles are added to.
        seed: seed of the run.
        skip_bad: leave out events without a primary vertex rather than stop.
    """

    no_vertex = ""
    """What is said of an event without a primary vertex."""

    def __init__(self, name: str, host: TruthSource, seed: int, skip_bad: bool) -> None:
        super().__init__(name, host.n_events)
        self.host = host
        self.seed = seed
        self.skip_bad = skip_bad
        self.is_gun, self.length = host.is_gun, host.length
        self.start, self.block = host.start, host.block
        self.is_generated = host.is_generated
        # One set of books: what the host skips and remarks is what this source does.
        self.skipped, self.unreadable, self.notes = host.skipped, host.unreadable, host.notes
        self.weight_names, self.dropped = host.weight_names, host.dropped

    def inputs(self) -> tuple[Location, ...]:
        """Those of the host."""
        return self.host.inputs()

    def restart(self) -> None:
        """Empty the books, those of the host, too."""
        self.host.restart()
        super().restart()

    @classmethod
    def host_of(cls, text: str, additions: Sequence[str]) -> tuple[str, str]:
        """The source to open for particles to be added to one, and how they find their collision.

        Args:
            text: the source that was asked for, nothing added.
            additions: ``WHAT?OPTIONS`` of each addition.

        Returns:
            The text of the source, and a word for the argument ``how``.
        """
        return text, "any"

    @abstractmethod
    def added(self, batch: EventBatch) -> EventBatch:
        """Some events, all with a primary vertex, with the particles added."""

    def batches(self) -> Iterator[EventBatch]:
        """The events of the host with the particles added."""
        return self._embedded(self.host.batches())

    def events_between(self, first: int, stop: int) -> Iterator[EventBatch]:
        """Those of the host with the particles added."""
        return self._embedded(self.host.events_between(first, stop))

    def _embedded(self, batches: Iterable[EventBatch]) -> Iterator[EventBatch]:
        given = 0
        for hosts in batches:
            bad = {int(k): self.no_vertex for k in np.flatnonzero(hosts.vertex.counts == 0)}
            names = np.full(len(hosts), self.name, dtype=object)
            batch, skipped = drop_bad(hosts, bad, names, self.skip_bad)
            given += len(batch)
            self.skip(skipped, given)
            yield self.added(batch) if len(batch) else batch


class EmbeddedSource(EmbeddingSource):
    """The events of another source, with the particles of guns added at the end of each.

    Args:
        name: the source as its user wrote it.
        host: the source that the particles are added to.
        guns: ``SPECIES?OPTIONS`` of each gun, see `gun.Gun` and `gun.PARTICLE_OPTIONS`.
        seed: seed of the run.
        skip_bad: leave out events without a primary vertex rather than stop.
        how: ``any``: a gun shoots from whichever collision.

    Raises:
        SourceError: for unknown species or options and values out of range.
        BadEventError: while iterating, for the first event without a primary vertex unless
            `skip_bad`.
    """

    no_vertex = "there is no primary vertex that the gun could shoot from"

    def __init__(
        self,
        name: str,
        host: TruthSource,
        guns: Sequence[str],
        seed: int,
        skip_bad: bool = False,
        how: str = "any",
    ) -> None:
        super().__init__(name, host, seed, skip_bad)
        self.guns = [_gun(text) for text in guns]

    def added(self, batch: EventBatch) -> EventBatch:
        """The events with the particles of all guns."""
        for k, gun in enumerate(self.guns):
            batch = embed(batch, gun, self.seed, f"gun_embedded/{k}")
        return batch


class Origins(NamedTuple):
    """Where added particles come from, arrays of shape ``(n,)``.

    Attributes:
        event: row of the event in the batch.
        event_id: its identifier.
        number: number of the particle in its event.
        point: x, y, z [mm] and t [ns], shape ``(n, 4)``.
        pv_id: collision.
    """

    event: Ints
    event_id: Ints
    number: Ints
    point: Floats
    pv_id: Ints


def origins(
    batch: EventBatch,
    n: int,
    seed: int,
    stage: str,
    weight: Floats | None = None,
) -> Origins:
    """One of the primary vertices of its event for each of `n` particles in every event.

    Args:
        batch: the events.
        n: particles in each.
        seed: seed of the run.
        stage: name of the stream of random numbers.
        weight: relative chance of each vertex, shape ``(n_vertices,)``; equal ones if None or
            where all of an event are 0.
    """
    vertex = batch.vertex
    event = np.repeat(np.arange(len(batch)), n)
    number = np.tile(np.arange(n), len(batch))
    event_id = batch.event["event_id"][event]
    u = uniforms(seed, f"{stage}/vertex", event_id, number)[:, 0]
    row = vertex.offsets[event] + (u * vertex.counts[event]).astype(np.int64)
    if weight is not None:
        # Sums within each event, so that the choice does not depend on those before it.
        for k in np.flatnonzero(np.diff(vertex.offsets) > 1):
            total = np.cumsum(weight[vertex.offsets[k] : vertex.offsets[k + 1]])
            if total[-1] > 0.0:
                mine = slice(k * n, (k + 1) * n)
                row[mine] = vertex.offsets[k] + np.searchsorted(total, u[mine] * total[-1], "right")
    point = np.stack([vertex[name][row] for name in ("mc_x", "mc_y", "mc_z", "mc_t")], axis=1)
    return Origins(event, event_id, number, point, vertex["mc_pv_id"][row])


def with_particles(batch: EventBatch, added: Mapping[str, np.ndarray], event: Ints) -> EventBatch:
    """Put particles behind those of their event.

    Args:
        batch: the events.
        added: columns of the particles, shape ``(n,)``.
        event: row of the event of each.
    """
    particle = batch.particle
    # A stable sort puts the new rows of each event behind its old ones.
    order = np.argsort(np.concatenate([particle.event_index, event]), kind="stable")
    columns = {
        name: np.concatenate([old, schema.as_declared("particle", name, added[name])])[order]
        for name, old in particle.columns.items()
    }
    counts = particle.counts + np.bincount(event, minlength=len(batch))
    return batch.with_table("particle", Table.from_counts(columns, counts))


def embed(batch: EventBatch, gun: Gun, seed: int, stage: str) -> EventBatch:
    """Add the particles of a gun to each event, behind those that are there.

    Args:
        batch: events with particles as a source gives them and at least one vertex each.
        gun: what to add.
        seed: seed of the run.
        stage: name of the stream of random numbers; two guns need two names.
    """
    start = origins(batch, gun.n_particles, seed, stage)
    added = gun.shoot(seed, stage, start.event_id, start.number, start.point)
    added["mc_pv_id"] = start.pv_id
    added["mcparticle_id"] = batch.particle.counts[start.event] + start.number
    return with_particles(batch, added, start.event)


def _gun(text: str) -> Gun:
    name = f"gun:{text}"
    species, options = split_options(text)
    for key in options:
        if key in ORIGIN_OPTIONS:
            raise SourceError(f"{name}: no {key} here; an embedded gun shoots from a collision")
    check_options(name, options, PARTICLE_OPTIONS)
    return Gun(name, species, options)
