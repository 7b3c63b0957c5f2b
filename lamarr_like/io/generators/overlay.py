"""Pile-up for events that come from files: collisions of Pythia beside what a generator gave.

To each event a Poisson number of minimum-bias collisions is added, each at a place of its own in
the luminous region: none with the chance of that law, else those of the event of the same number
of ``pythia:minbias`` with as many interactions on average, which has at least one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Ints
from ...errors import SourceError
from ...events import EventBatch, Table, concatenate
from ...rng import stage_key, uniforms
from ..truth import TruthSource
from .embedding import EmbeddingSource
from .pythia import PythiaSource

_LAST = 1 << 40
"""More events than any file holds."""


class OverlaidSource(EmbeddingSource):
    """The events of another source, with collisions added behind their own.

    Args:
        name: the source as its user wrote it.
        host: the source that collisions are added to.
        pileup: mean number of collisions added to an event.
        seed: seed of the run.
        skip_bad: leave out broken events rather than stop.

    Raises:
        SourceError: for a mean that makes no sense.
    """

    def __init__(
        self, name: str, host: TruthSource, pileup: float, seed: int, skip_bad: bool = False
    ) -> None:
        super().__init__(name, host, seed, skip_bad)
        if not 0 < pileup < 1000:
            raise SourceError(f"{name}: a mean of {pileup} interactions makes no sense")
        self.pileup = pileup
        own = int(stage_key(seed, "overlay")) >> 1  # not the collisions of a run of their own
        self.guests = PythiaSource("pythia:minbias", "minbias", _LAST, own, pileup, {})
        self._held: tuple[int, EventBatch | None] = (-1, None)
        host.note(f"a mean of {pileup:g} minimum-bias collisions of Pythia is added to each event")

    def added(self, batch: EventBatch) -> EventBatch:
        """The events with the collisions that are added to them."""
        ids = batch.event["event_id"]
        u = uniforms(self.seed, "overlay", ids)[:, 0]
        busy = np.flatnonzero(u >= np.exp(-self.pileup))
        if not len(busy):
            return batch
        guests = self._guests(ids[busy])
        return joined(batch, guests, busy)

    def _guests(self, ids: Ints) -> EventBatch:
        """Collisions for the events of some rising numbers, in their order."""
        parts = []
        for block in np.unique(ids // self.guests.block).tolist():
            made = self._block(block)
            mine = ids[ids // self.guests.block == block]
            rows = np.searchsorted(made.event["event_id"], mine)
            parts += [made.events(row, row + 1) for row in rows.tolist()]
        return concatenate(parts)

    def _block(self, block: int) -> EventBatch:
        """A block of events of Pythia, the last one being kept: batches may end within one."""
        number, made = self._held
        if number != block or made is None:
            made = self.guests.made(block)
            assert made is not None
            self._held = (block, made)
        return made


def joined(hosts: EventBatch, guests: EventBatch, event: Ints) -> EventBatch:
    """Events with the vertices and particles of others behind their own.

    Args:
        hosts: the events.
        guests: what is added to some of them, one event each.
        event: rows of these in `hosts`, rising, shape ``(len(guests),)``.
    """
    n_vertices, n_particles = hosts.vertex.counts[event], hosts.particle.counts[event]
    vertex, particle = guests.vertex, guests.particle
    moved = {"mc_pv_id": _moved(vertex, "mc_pv_id", n_vertices)}
    table = _behind(hosts.vertex, vertex, moved, event)
    moved = {"mc_pv_id": _moved(particle, "mc_pv_id", n_vertices)}
    for name in ("mcparticle_id", "mc_mother_id"):
        moved[name] = _moved(particle, name, n_particles)
    added = _behind(hosts.particle, particle, moved, event)
    return hosts.with_table("vertex", table).with_table("particle", added)


def _moved(table: Table, name: str, by: Ints) -> np.ndarray:
    """Numbers within an event, counted on from those of the host; -1 stays."""
    values = table[name]
    found: np.ndarray = np.where(values < 0, values, values + by[table.event_index])
    return found


def _behind(hosts: Table, guests: Table, moved: Mapping[str, np.ndarray], event: Ints) -> Table:
    """Rows of `guests` behind those of the events of `hosts` that they go to."""
    where = event[guests.event_index]
    # A stable sort puts the new rows of each event behind its old ones.
    order = np.argsort(np.concatenate([hosts.event_index, where]), kind="stable")
    columns = {}
    for name, values in hosts.columns.items():
        new = moved[name] if name in moved else guests[name]
        columns[name] = np.concatenate([values, new.astype(values.dtype)])[order]
    return Table.from_counts(
        columns, hosts.counts + np.bincount(where, minlength=len(hosts.counts))
    )
