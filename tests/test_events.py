"""Tables cut into events: cutting, joining and choosing lose nothing and mix nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like import schema
from lamarr_like.errors import SchemaError
from lamarr_like.events import EventBatch, Table, concatenate, rebatch

COUNTS = st.lists(st.integers(0, 4), max_size=9)


def table(counts, name="x"):
    """Rows that are numbered through."""
    return Table.from_counts({name: np.arange(sum(counts))}, counts)


def batch(counts, first=0, tracks=None):
    """Particles that are numbered through, and tracks of each event linked to its particles."""
    n = len(counts)
    tracks = [c // 2 for c in counts] if tracks is None else tracks
    link = np.concatenate([np.arange(t)[::-1] for t in tracks]) if n else np.zeros(0)
    return EventBatch(
        {
            "event": Table({"event_id": first + np.arange(n)}, np.arange(n + 1)),
            "particle": Table.from_counts({"mc_px": np.arange(sum(counts)) * 1.0}, counts),
            "track": Table.from_counts({"mcparticle_id": link.astype(np.int32)}, tracks),
        }
    )


def assert_same(one, two):
    assert list(one.tables) == list(two.tables)
    for name, expected in two.tables.items():
        np.testing.assert_array_equal(one[name].offsets, expected.offsets)
        assert list(one[name].columns) == list(expected.columns)
        for column, values in expected.columns.items():
            np.testing.assert_array_equal(one[name][column], values, err_msg=column)
            assert one[name][column].dtype == values.dtype


# --- tables


@given(COUNTS)
def test_offsets_counts_and_indices_say_the_same(counts):
    rows = table(counts)
    assert rows.counts.tolist() == counts and rows.n_events == len(counts)
    assert len(rows) == sum(counts) == len(rows.event_index)
    assert np.bincount(rows.event_index, minlength=len(counts)).tolist() == counts
    assert (np.diff(rows.event_index) >= 0).all()
    for i in range(len(counts)):
        mine = rows["x"][rows.offsets[i] : rows.offsets[i + 1]]
        assert mine.tolist() == np.flatnonzero(rows.event_index == i).tolist()


@given(COUNTS, st.randoms(use_true_random=False))
def test_choosing_rows_keeps_events_and_their_order(counts, random):
    rows = table(counts)
    mask = np.array([random.random() < 0.5 for _ in range(len(rows))], bool)
    chosen = rows.select(mask)
    assert chosen["x"].tolist() == np.flatnonzero(mask).tolist()
    assert chosen.n_events == rows.n_events
    np.testing.assert_array_equal(chosen.event_index, rows.event_index[mask])
    # What is chosen and what is left make the whole.
    rest = rows.select(~mask)
    np.testing.assert_array_equal(chosen.counts + rest.counts, rows.counts)
    again = chosen.select(np.ones(len(chosen), bool))
    np.testing.assert_array_equal(again.offsets, chosen.offsets)


@given(COUNTS, st.integers(0, 9), st.integers(0, 9))
def test_a_cut_of_a_cut(counts, a, b):
    rows = table(counts)
    start, stop = sorted(min(k, len(counts)) for k in (a, b))
    part = rows.events(start, stop)
    assert part.counts.tolist() == counts[start:stop]
    assert part["x"].tolist() == list(range(sum(counts[:start]), sum(counts[:stop])))
    half = (stop - start) // 2
    one, two = part.events(0, half), part.events(half, stop - start)
    assert [*one["x"], *two["x"]] == part["x"].tolist()


@given(COUNTS)
def test_local_numbers_become_rows(counts):
    rows = table(counts)
    local = np.arange(len(rows)) - rows.offsets[rows.event_index]
    np.testing.assert_array_equal(rows.global_rows(local), np.arange(len(rows)))
    assert all(0 <= k < counts[e] for k, e in zip(local, rows.event_index, strict=True))


def test_columns_are_added_beside_and_instead():
    rows = table([1, 2])
    more = rows.with_columns(y=np.ones(3), x=np.zeros(3))
    assert list(more.columns) == ["x", "y"] and more["x"].tolist() == [0, 0, 0]
    assert "y" in more and "y" not in rows and rows["x"].tolist() == [0, 1, 2]
    assert more.offsets is rows.offsets


def test_tables_that_do_not_fit_together():
    with pytest.raises(SchemaError, match="column 'x' has 2 rows, the table has 3"):
        Table({"x": np.zeros(2)}, np.array([0, 1, 3]))
    with pytest.raises(SchemaError, match="no column 'z'; there are x"):
        table([1])["z"]
    with pytest.raises(SchemaError, match="needs an 'event' table"):
        EventBatch({"track": table([1])})
    two = Table({"event_id": np.arange(2)}, np.arange(3))
    with pytest.raises(SchemaError, match="table 'track' has 1 events, 'event' has 2"):
        EventBatch({"event": two, "track": table([1])})
    with pytest.raises(SchemaError, match="unknown table 'trak'"):
        EventBatch({"event": two, "trak": table([1, 1])})
    with pytest.raises(SchemaError, match="no table 'vertex'; there are event"):
        EventBatch({"event": two})["vertex"]
    with pytest.raises(SchemaError, match="table 'track' has 3 events"):
        EventBatch({"event": two}).with_table("track", table([1, 1, 1]))


# --- batches


@given(COUNTS, st.integers(0, 9))
def test_a_batch_cut_and_joined_is_itself(counts, place):
    whole = batch(counts, first=100)
    place = min(place, len(counts))
    parts = [whole.events(0, place), whole.events(place, len(counts))]
    assert_same(concatenate(parts), whole)
    assert [len(p) for p in parts] == [place, len(counts) - place]


@settings(max_examples=60)
@given(st.lists(COUNTS, min_size=1, max_size=5), st.integers(1, 7), st.integers(0, 9))
def test_batches_of_another_size_hold_the_same(stream, size, particles):
    first = np.concatenate([[0], np.cumsum([len(c) for c in stream])])
    batches = [batch(c, first=int(f)) for c, f in zip(stream, first, strict=False)]
    parts = list(rebatch(iter(batches), size, particles))
    if not first[-1]:
        assert parts == []
        return
    assert_same(concatenate(parts), concatenate(batches))
    for part in parts[:-1]:
        assert len(part) >= size and len(part.particle) >= particles
        # One event fewer would not have been enough.
        less = part.events(0, len(part) - 1)
        assert len(less) < size or len(less.particle) < particles
        assert particles or len(part) == size
    assert len(parts[-1]) > 0


@given(COUNTS)
def test_columns_of_events_are_those_of_their_rows(counts):
    whole = batch(counts, first=7)
    index = whole.particle.event_index
    np.testing.assert_array_equal(whole.event_ids("particle"), 7 + index)
    weighed = whole.with_columns("event", weight=np.arange(len(counts)) * 0.5)
    np.testing.assert_array_equal(weighed.event_column("particle", "weight"), 0.5 * index)
    assert "weight" not in whole.event


@given(COUNTS)
def test_links_lead_to_the_particles_of_their_event(counts):
    whole = batch(counts)
    found = whole.linked("mc_px").astype(int)
    np.testing.assert_array_equal(whole.particle.event_index[found], whole.track.event_index)
    local = found - whole.particle.offsets[whole.track.event_index]
    np.testing.assert_array_equal(local, whole.track["mcparticle_id"])
    for rows in (slice(1, None), np.arange(len(whole.track)) % 2 == 0):
        np.testing.assert_array_equal(whole.linked("mc_px", rows), found[rows])


def test_no_events():
    none = batch([])
    assert len(none) == len(none.particle) == 0 and none.linked("mc_px").shape == (0,)
    assert list(rebatch([none, none], 3)) == []
    assert_same(concatenate([none, batch([2, 1])]), batch([2, 1]))
    assert_same(none.events(0, 0), none)


# --- other libraries


@settings(max_examples=15, deadline=None)
@given(COUNTS)
def test_awkward_and_back(counts):
    whole = batch(counts, first=3)
    found = EventBatch.from_awkward(whole.to_awkward())
    assert_same(EventBatch({name: found[name] for name in whole.tables}), whole)


def test_awkward_arrays_that_are_no_events():
    import awkward as ak

    assert EventBatch.from_awkward(ak.Array({"run": [5, 5]})).event["event_id"].tolist() == [0, 1]
    with pytest.raises(SchemaError, match="field 'particle' is no table of columns"):
        EventBatch.from_awkward(ak.Array({"particle": [1, 2]}))
    with pytest.raises(SchemaError, match="field 'run' is no column of the event"):
        EventBatch.from_awkward(ak.Array({"run": [[1], [2, 3]]}))
    with pytest.raises(SchemaError, match="field 'run' is no column of the event"):
        EventBatch.from_awkward(ak.Array({"run": [1, None]}))


def test_pandas_and_back():
    whole = batch([2, 0, 3], first=3)
    frames = {name: whole.to_pandas(name) for name in ("event", "particle", "track")}
    assert frames["particle"].columns[0] == "event_id"
    assert_same(EventBatch.from_pandas(**frames), whole)
    # Without a frame of events those without rows are lost.
    del frames["event"]
    found = EventBatch.from_pandas(**frames)
    assert found.event["event_id"].tolist() == [3, 5]
    assert found.particle.counts.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("event_id", [3, 5, 3, 5, 5], "table 'particle' is not grouped"),
        ("event_id", [3, 3, 5, 5, 6], "has event_id 6, which table 'event' lacks"),
        ("event_id", [3.0, 3.0, 5.0, 5.0, 5.0], "event_id of table 'particle' has the type float"),
    ],
)
def test_frames_that_do_not_fit(column, values, message):
    whole = batch([2, 0, 3], first=3)
    frames = {name: whole.to_pandas(name) for name in ("event", "particle")}
    frames["particle"][column] = values
    with pytest.raises(SchemaError, match=message):
        EventBatch.from_pandas(**frames)


def test_frames_without_an_event():
    whole = batch([1, 1])
    particles, events = whole.to_pandas("particle"), whole.to_pandas("event")
    with pytest.raises(SchemaError, match="table 'particle' has no column 'event_id'"):
        EventBatch.from_pandas(particle=particles.drop(columns="event_id"))
    events["event_id"] = 4
    with pytest.raises(SchemaError, match="an event_id is twice"):
        EventBatch.from_pandas(event=events)


def test_events_in_another_order_keep_it():
    """Frames may name events in any order, as long as all frames have the same."""
    whole = batch([1, 2, 1])
    frames = {name: whole.to_pandas(name) for name in ("event", "particle")}
    order = {0: 9, 1: 4, 2: 6}
    for frame in frames.values():
        frame["event_id"] = frame["event_id"].map(order)
    found = EventBatch.from_pandas(**frames)
    assert found.event["event_id"].tolist() == [9, 4, 6]
    assert found.particle.counts.tolist() == [1, 2, 1]


# --- types


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"])
@pytest.mark.parametrize("wanted", ["int8", "int32", "int64", "uint8", "uint64"])
def test_whole_numbers_that_do_not_fit(kind, wanted):
    """Against Python's integers, which have no limits."""
    have, want = np.iinfo(kind), np.iinfo(wanted)
    values = {0, 1, have.min, have.max, have.max // 2}
    values |= {v for v in (want.min, want.max, want.max + 1, want.min - 1)
               if have.min <= v <= have.max}  # fmt: skip
    given = np.array(sorted(values), kind)
    expected = [not want.min <= v <= want.max for v in sorted(values)]
    found = schema.misfits(given, wanted)
    assert (found.tolist() if found is not None else [False] * len(given)) == expected


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("wanted", ["int8", "int32", "int64", "uint8", "uint64"])
def test_numbers_that_are_no_integers_of_a_type(kind, wanted):
    limits = np.iinfo(wanted)
    ends = [float(limits.min), float(limits.max + 1)]
    given = np.array([0.0, 1.4, *ends, np.nan, np.inf, -np.inf, 0.5 * limits.max], kind)
    given = np.concatenate([given, np.nextafter(given[2:4], given.dtype.type(0))])
    found = schema.misfits(given, wanted)
    for value, misfit in zip(given, found, strict=True):
        whole = int(value) if np.isfinite(value) else None
        assert misfit == (whole is None or not limits.min <= whole <= limits.max), value


@given(st.lists(st.floats(width=64), max_size=6))
def test_doubles_too_large_for_single_precision(values):
    given = np.array(values, np.float64)
    found = schema.misfits(given, "float32")
    with np.errstate(over="ignore"):
        infinite = np.isinf(given.astype(np.float32)) & np.isfinite(given)
    # Between the largest number and half a step above it, rounding still finds the largest.
    assert (found | ~infinite).all()
    near = np.abs(given) > np.finfo(np.float32).max
    np.testing.assert_array_equal(found, near & np.isfinite(given))
