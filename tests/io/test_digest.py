"""The digest of events: the same for the same contents, another for any other."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import truth_events

from lamarr_like import schema
from lamarr_like.events import EventBatch, rebatch
from lamarr_like.io.digest import ContentHash


def digest(*batches):
    content = ContentHash()
    for batch in batches:
        content.update(batch)
    return content.hexdigest()


@pytest.fixture(scope="module")
def events():
    return truth_events(12)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_it_does_not_depend_on_how_events_are_batched(events, size):
    assert digest(*rebatch([events], size)) == digest(events)


def test_tables_and_columns_may_stand_in_any_order(events):
    tables = {
        name: type(table)(dict(reversed(table.columns.items())), table.offsets)
        for name, table in reversed(events.tables.items())
    }
    assert digest(EventBatch(tables)) == digest(events)


def test_columns_that_are_not_declared_do_not_count(events):
    more = events.with_columns("particle", own_number=np.arange(len(events.particle)))
    assert digest(more) == digest(events)


def test_any_change_of_any_value_is_another_digest(events):
    seen = {digest(events)}
    for name, table in events.tables.items():
        for column in table.columns:
            if (name, column) not in schema.COLUMNS or not len(table):
                continue
            values = table[column].copy()
            flat = values.reshape(-1)
            flat[-1] = ~flat[-1] if values.dtype.kind == "b" else flat[-1] + 1
            seen.add(digest(events.with_columns(name, **{column: values})))
    changed = sum((n, c) in schema.COLUMNS for n, t in events.tables.items() for c in t.columns)
    assert len(seen) == changed + 1


def test_a_row_that_moves_to_another_event_is_another_digest(events):
    """The values of all branches stay, one after the other; only counts differ."""
    table = events.particle
    counts = table.counts.copy()
    giver = int(np.flatnonzero(counts > 1)[0])
    taker = giver + 1 if giver + 1 < len(counts) else giver - 1
    counts[giver] -= 1
    counts[taker] += 1
    moved = type(table).from_counts(table.columns, counts)
    assert digest(events.with_table("particle", moved)) != digest(events)


def test_fewer_events_columns_or_none(events):
    assert digest(events.events(0, 11)) != digest(events)
    name = next(iter(events.particle.columns))
    less = {k: v for k, v in events.particle.columns.items() if k != name}
    table = type(events.particle)(less, events.particle.offsets)
    assert digest(events.with_table("particle", table)) != digest(events)
    assert digest() == ContentHash().hexdigest()
    assert ContentHash().events == 0


def test_events_are_counted(events):
    content = ContentHash()
    for part in rebatch([events], 5):
        content.update(part)
    assert content.events == 12


@pytest.mark.parametrize("kind", ["int32", "float32", "int64", "float64"])
def test_the_type_counts_and_the_order_of_bytes_does_not(kind):
    values = np.array([1, 2, 3])
    found = {}
    for order in "<>":
        content = ContentHash()
        content.add("x", values.astype(np.dtype(kind).newbyteorder(order)), None)
        found[order] = content.hexdigest()
    assert found["<"] == found[">"]
    other = ContentHash()
    other.add("x", values.astype("int16"), None)
    assert other.hexdigest() != found["<"]


def test_the_same_values_under_another_name_are_others():
    one, two = ContentHash(), ContentHash()
    one.add("x", np.arange(3), None)
    two.add("y", np.arange(3), None)
    assert one.hexdigest() != two.hexdigest()
    # Where a branch ends and the next begins is part of it.
    one, two = ContentHash(), ContentHash()
    for content, cut in ((one, 1), (two, 2)):
        content.add("x", np.arange(3)[:cut], None)
        content.add("y", np.arange(3)[cut:], None)
    assert one.hexdigest() != two.hexdigest()


def test_arrays_in_rows_know_their_lengths():
    values = np.arange(12.0).reshape(6, 2)
    one, two, flat = ContentHash(), ContentHash(), ContentHash()
    one.add_arrays("x", values, np.array([4, 2]))
    two.add_arrays("x", values.reshape(4, 3), np.array([2, 2]))
    flat.add("x", values.ravel(), np.array([8, 4]))
    assert len({c.hexdigest() for c in (one, two, flat)}) == 3
    alone = ContentHash()
    alone.add_arrays("x", values, None)
    assert alone.hexdigest() != one.hexdigest()
