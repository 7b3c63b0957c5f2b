"""The same generated event with several draws of the detector, and what that does to errors.

The generator costs more than the fast simulation; productions therefore use each generated event
several times.  The draws of one event are independent given the event, not independent: a histogram
of them has the mean of as many events as there are draws, but not its error.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats
from ..errors import SchemaError
from ..events import EventBatch, Table

MOST = 1000
"""Draws of one event at the most."""


def oversampled(batch: EventBatch, draws: int) -> EventBatch:
    """Each event `draws` times in a row.

    Copy ``k`` of event ``e`` has the ``event_id`` ``e * draws + k`` and so random numbers of its
    own; ``group_id`` is ``e`` and all weights are divided by `draws`, so that sums of weights stay
    those of the generated events.

    Args:
        batch: generated events.
        draws: how often.

    Raises:
        SchemaError: if `draws` is not from 1 to `MOST`, or an event number gets too large.
    """
    check_draws(draws)
    group = batch.event["event_id"].astype(np.int64)
    if len(group) and int(np.abs(group).max()) >= np.iinfo(np.int64).max // MOST:
        raise SchemaError(f"event {int(np.abs(group).max())} cannot be numbered anew: too large")
    tables = {name: _repeated(table, draws) for name, table in batch.tables.items()}
    event = tables["event"]
    weight = event["mc_weight"] if "mc_weight" in event else np.ones(len(event))
    tables["event"] = event.with_columns(
        event_id=np.repeat(group, draws) * draws + np.tile(np.arange(draws), len(group)),
        group_id=np.repeat(group, draws),
        mc_weight=weight / draws,
    )
    if "weight" in tables:
        value = tables["weight"]["mc_weight_value"]
        tables["weight"] = tables["weight"].with_columns(mc_weight_value=value / draws)
    return EventBatch(tables)


def check_draws(draws: int) -> None:
    """Refuse a number of draws that makes no sense.

    Raises:
        SchemaError: if it is not from 1 to `MOST`.
    """
    if not 1 <= draws <= MOST:
        raise SchemaError(f"{draws} draws of each event: ask for 1 to {MOST}")


def _repeated(table: Table, draws: int) -> Table:
    """The rows of each event `draws` times."""
    counts = np.repeat(table.counts, draws)
    start = np.repeat(table.offsets[:-1], draws)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
    rows = np.arange(int(counts.sum())) + np.repeat(start - first, counts)
    return Table.from_counts({k: v[rows] for k, v in table.columns.items()}, counts)


class Histogram(NamedTuple):
    """Sums of weights in bins, with errors that know of groups; shapes ``(n_bins,)``.

    Attributes:
        edges: of the bins, shape ``(n_bins + 1,)``.
        values: sums of weights.
        errors: their standard deviations.
    """

    edges: Floats
    values: Floats
    errors: Floats


def grouped_histogram(
    x: np.ndarray, group: np.ndarray, edges: np.ndarray, weights: np.ndarray | None = None
) -> Histogram:
    """Histogram of rows that share generated events.

    The generated events are independent, their draws are not: the variance of a bin is the sum
    over groups of the square of what a group puts into it, for a Poisson number of groups.  With
    one draw a group and one row a draw that is the usual sum of squared weights.

    Args:
        x: values, shape ``(n,)``.
        group: ``group_id`` of the event of each, shape ``(n,)``.
        edges: of the bins, shape ``(n_bins + 1,)``.
        weights: weights, None for ones.

    Raises:
        SchemaError: if the shapes differ.
    """
    x, group, edges = np.asarray(x), np.asarray(group), np.asarray(edges, dtype=np.float64)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not x.shape == group.shape == w.shape:
        raise SchemaError(f"shapes differ: {x.shape}, groups {group.shape}, weights {w.shape}")
    n = len(edges) - 1
    place = np.searchsorted(edges, x, "right") - 1
    place[x == edges[-1]] = n - 1
    inside = (place >= 0) & (place < n)
    number = np.unique(group[inside], return_inverse=True)[1].ravel()
    cell, index = np.unique(number * n + place[inside], return_inverse=True)
    sums = np.bincount(index.ravel(), w[inside], minlength=len(cell))
    bins = cell % n
    values = np.bincount(bins, sums, minlength=n).astype(np.float64)
    return Histogram(edges, values, np.sqrt(np.bincount(bins, sums**2, minlength=n)))
