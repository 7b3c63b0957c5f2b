"""Particle guns inside collisions: rare species in events of real occupancy.

A gun alone leaves the detector empty, and a collision holds few muons and electrons.  Here the
particles of guns are added to the events of any other source.  Each comes from one of the primary
vertices of its event, drawn with equal chances for each particle: so the particles see the spread
of the collisions, and no one vertex collects all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .. import schema
from ..errors import SourceError
from ..events import EventBatch, Table
from ..rng import uniforms
from .gun import ORIGIN_OPTIONS, PARTICLE_OPTIONS, Gun
from .truth import TruthSource, check_options, drop_bad, split_options

_NO_VERTEX = "there is no primary vertex that the gun could shoot from"


class EmbeddedSource(TruthSource):
    """The events of another source, with the particles of guns added at the end of each.

    Event numbers, weights, vertices and the source's own particles stay as they are, so with the
    same seed the events are those of the source alone.  `is_gun` is that of the source: False for
    collisions, whose occupancy is real.

    Args:
        name: the source as its user wrote it.
        host: the source that the particles are added to.
        guns: ``SPECIES?OPTIONS`` of each gun, see `gun.Gun` and `gun.PARTICLE_OPTIONS`.
        seed: seed of the run.
        skip_bad: leave out events without a primary vertex rather than stop.

    Raises:
        SourceError: for unknown species or options and values out of range.
        BadEventError: while iterating, for the first event without a primary vertex unless
            `skip_bad`.
    """

    def __init__(
        self, name: str, host: TruthSource, guns: Sequence[str], seed: int, skip_bad: bool = False
    ) -> None:
        super().__init__(name, host.n_events)
        self.host = host
        self.guns = [_gun(text) for text in guns]
        self.seed = seed
        self.skip_bad = skip_bad
        self.is_gun = host.is_gun
        # One set of books: what the host skips and remarks is what this source does.
        self.skipped, self.unreadable, self.notes = host.skipped, host.unreadable, host.notes

    def batches(self) -> Iterator[EventBatch]:
        """The events of the host with the particles added."""
        for hosts in self.host.batches():
            bad = {int(k): _NO_VERTEX for k in np.flatnonzero(hosts.vertex.counts == 0)}
            names = np.full(len(hosts), self.name, dtype=object)
            batch, skipped = drop_bad(hosts, bad, names, self.skip_bad)
            self.skipped += skipped
            for k, gun in enumerate(self.guns):
                batch = embed(batch, gun, self.seed, f"gun_embedded/{k}")
            yield batch


def embed(batch: EventBatch, gun: Gun, seed: int, stage: str) -> EventBatch:
    """Add the particles of a gun to each event, behind those that are there.

    Args:
        batch: events with particles as a source gives them and at least one vertex each.
        gun: what to add.
        seed: seed of the run.
        stage: name of the stream of random numbers; two guns need two names.
    """
    vertex, particle = batch.vertex, batch.particle
    event = np.repeat(np.arange(len(batch)), gun.n_particles)
    index = np.tile(np.arange(gun.n_particles), len(batch))
    event_id = batch.event["event_id"][event]
    u = uniforms(seed, f"{stage}/vertex", event_id, index)[:, 0]
    row = vertex.offsets[event] + (u * vertex.counts[event]).astype(np.int64)
    point = np.stack([vertex[name][row] for name in ("mc_x", "mc_y", "mc_z", "mc_t")], axis=1)
    added = gun.shoot(seed, stage, event_id, index, point)
    added["mc_pv_id"] = vertex["mc_pv_id"][row]
    added["mcparticle_id"] = particle.counts[event] + index
    # A stable sort puts the new rows of each event behind its old ones.
    order = np.argsort(np.concatenate([particle.event_index, event]), kind="stable")
    columns = {
        name: np.concatenate([old, schema.as_declared("particle", name, added[name])])[order]
        for name, old in particle.columns.items()
    }
    table = Table.from_counts(columns, particle.counts + gun.n_particles)
    return batch.with_table("particle", table)


def _gun(text: str) -> Gun:
    name = f"gun:{text}"
    species, options = split_options(text)
    for key in options:
        if key in ORIGIN_OPTIONS:
            raise SourceError(f"{name}: no {key} here; an embedded gun shoots from a collision")
    check_options(name, options, PARTICLE_OPTIONS)
    return Gun(name, species, options)
