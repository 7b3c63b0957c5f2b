"""What the truth of events must be to make sense: finite numbers, and links that lead somewhere."""

from __future__ import annotations

import numpy as np

from .. import schema
from ..arrays import Ints, Mask
from ..errors import SchemaError
from ..events import EventBatch, Table
from .selection import nearest

_LINKS = ("mcparticle_id", "mc_mother_id", "mc_pv_id")
_NOT_COUNTED = (
    "does not count the rows of the event from 0 (after a selection leave it out, and let "
    "mc_mother_id and mc_pv_id point at the rows that are left)"
)


def numbered(table: Table) -> Ints:
    """Position of each row in its event, shape ``(n,)``."""
    return np.arange(len(table)) - np.repeat(table.offsets[:-1], table.counts)


def check_truth(batch: EventBatch, where: str) -> None:
    """Refuse what no event can be.

    Args:
        batch: events with particles; columns without which there are defaults may be absent.
        where: what is looked at, for messages.

    Raises:
        SchemaError: naming the event and the column.
    """
    ids = batch.event["event_id"]
    if len(np.unique(ids)) != len(ids):
        values, counts = np.unique(ids, return_counts=True)
        twice = values[counts > 1][0]
        raise SchemaError(f"{where}: event_id {twice} is there twice; number the events anew")
    for table in ("event", "particle", "vertex"):
        for name, values in batch.tables[table].columns.items() if table in batch.tables else ():
            if (table, name) in schema.COLUMNS and values.dtype.kind == "f":
                _refuse(where, batch, table, ~np.isfinite(values), name, "is not finite", values)
    particle = batch.particle
    counts = np.repeat(particle.counts, particle.counts)
    n_vertices: Ints | None = None
    if "vertex" in batch.tables:
        vertex = batch.vertex
        wrong = vertex["mc_pv_id"] != numbered(vertex)
        _refuse(where, batch, "vertex", wrong, "mc_pv_id", _NOT_COUNTED, vertex["mc_pv_id"])
        n_vertices = np.repeat(vertex.counts, particle.counts)
    own = {k: particle[k] for k in _LINKS if k in particle}
    if (number := own.get("mcparticle_id")) is not None:
        wrong = number != numbered(particle)
        _refuse(where, batch, "particle", wrong, "mcparticle_id", _NOT_COUNTED, number)
    if (mother := own.get("mc_mother_id")) is not None:
        wrong = (mother < -1) | (mother >= counts)
        _refuse(where, batch, "particle", wrong, "mc_mother_id", "is no row of the event", mother)
        row = np.where(mother < 0, -1, mother + np.repeat(particle.offsets[:-1], particle.counts))
        wrong = nearest(row.astype(np.int64), np.zeros(len(row), dtype=np.bool_))[1]
        _refuse(where, batch, "particle", wrong, "mc_mother_id", "leads in a circle", mother)
    if (pv_id := own.get("mc_pv_id")) is not None:
        # Without the collisions there cannot be more of them than particles.
        most = np.maximum(counts, 1000) if n_vertices is None else n_vertices
        wrong = (pv_id < -1) | (pv_id >= most)
        _refuse(where, batch, "particle", wrong, "mc_pv_id", "is no collision of the event", pv_id)
    if "mc_energy" in particle:
        energy = particle["mc_energy"]
        _refuse(where, batch, "particle", energy < 0.0, "mc_energy", "is negative", energy)


def _refuse(
    where: str,
    batch: EventBatch,
    table: str,
    wrong: Mask,
    name: str,
    what: str,
    values: np.ndarray,
) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        event = int(batch.event_ids(table)[row])
        raise SchemaError(f"{where}: {table}.{name} {what}: {values[row]} in event {event}")
