"""Rows of two draws of the same generated events that are about the same generated thing."""

from __future__ import annotations

import numpy as np

from ..arrays import Columns, Ints, Mask
from ..errors import SchemaError
from ..events import EventBatch

_GENERATED = {"track": ("particle", "mcparticle_id"), "reco_vertex": ("vertex", "mc_pv_id")}
"""Table of what a row of a reconstructed table comes from, and the column that says which."""


def generated(batch: EventBatch, table: str) -> Ints:
    """Number of the generated thing behind each row of a table, shape ``(n_rows,)``.

    It is the same in every draw of the same generated events; -1 for rows with nothing behind.

    Raises:
        SchemaError: for a table that says nothing about it and is not of generated things itself.
    """
    rows = batch[table]
    if table in _GENERATED:
        origin, column = _GENERATED[table]
        local = rows[column].astype(np.int64)
        return np.where(local < 0, -1, batch[origin].offsets[rows.event_index] + local)
    if table not in ("event", "particle", "vertex"):
        raise SchemaError(f"rows of table {table!r} cannot be paired between two draws")
    return np.arange(len(rows))


def common_rows(
    table: str, draws: tuple[EventBatch, EventBatch], rows: tuple[Mask, Mask]
) -> tuple[Ints, Ints]:
    """Places of rows of two draws that are about the same generated thing, in the same order.

    Args:
        table: table of the rows.
        draws: of the same generated events.
        rows: which rows of each count, shapes ``(n_rows,)``.

    Returns:
        Two arrays of shape ``(n,)``; of several rows about one thing the first counts.
    """
    places, keys = [], []
    for batch, mask in zip(draws, rows, strict=True):
        key = generated(batch, table)
        places.append(np.flatnonzero(mask & (key >= 0)))
        keys.append(key[places[-1]])
    _, one, two = np.intersect1d(keys[0], keys[1], return_indices=True)
    return places[0][one], places[1][two]


def told_by_both(one: Columns, two: Columns) -> tuple[Columns, Columns]:
    """Conditions of two draws without those that only one of them tells, in the order of the first.

    Args:
        one, two: conditions by name, of any shape.
    """
    names = [name for name in one if name in two]
    return {name: one[name] for name in names}, {name: two[name] for name in names}


def check_same_events(one: EventBatch, two: EventBatch, name: str) -> None:
    """Refuse a second draw that is not of the same generated events.

    Args:
        one: a detailed sample.
        two: what should be another draw of it.
        name: of the second, for the message.

    Raises:
        SchemaError: naming the first event that differs.
    """
    if len(one) != len(two):
        raise SchemaError(f"{name}: has {len(two)} events where the first draw has {len(one)}")
    differs = one.event["event_id"] != two.event["event_id"]
    differs |= one.particle.counts != two.particle.counts
    if not differs.any():
        for column in ("mc_px", "mc_py", "mc_pz"):
            rows = one.particle[column] != two.particle[column]
            differs[one.particle.event_index[rows]] = True
    if differs.any():
        event = one.event["event_id"][int(np.argmax(differs))]
        raise SchemaError(
            f"{name}: event {event} is not the generated event of the first draw; a second draw is "
            "made by lamarr-like detailed FIRST.root --seed 2 -o SECOND.root"
        )
