"""Near points found in a grid are those that a look at all pairs finds, event by event."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like.stages import grid as module
from lamarr_like.stages.grid import Grid, leading

SIDE = 50.0
PLACE = st.floats(-300.0, 300.0).map(lambda v: round(v, 2))
POINTS = st.lists(st.tuples(st.integers(0, 3), PLACE, PLACE), max_size=25)


def columns(points):
    event, x, y = np.array(points, np.float64).reshape(-1, 3).T
    return x, y, event.astype(np.int64)


def pairs(points, places, half):
    """What the grid finds, cut to what is really within reach."""
    x, y, event = columns(points)
    px, py, pe = columns(places)
    found = []
    for place, point in Grid(x, y, event, SIDE).near(px, py, pe, np.full(len(px), half)):
        assert (np.diff(place) >= 0).all()
        near = (np.abs(x[point] - px[place]) <= half) & (np.abs(y[point] - py[place]) <= half)
        found += list(zip(place[near].tolist(), point[near].tolist(), strict=True))
        assert (event[point] == pe[place]).all()
    return found


@settings(max_examples=60)
@given(POINTS, POINTS, st.floats(0.1, SIDE))
def test_all_near_points_are_found_once(points, places, half):
    x, y, event = columns(points)
    px, py, pe = columns(places)
    expected = [
        (i, j)
        for i in range(len(px))
        for j in range(len(x))
        if pe[i] == event[j] and abs(x[j] - px[i]) <= half and abs(y[j] - py[i]) <= half
    ]
    assert sorted(pairs(points, places, half)) == expected


@settings(max_examples=40)
@given(POINTS, POINTS)
def test_other_events_change_neither_pairs_nor_their_order(points, places):
    whole = pairs(points, places, SIDE)
    for e in range(4):
        mine = [k for k, p in enumerate(points) if p[0] == e]
        there = [k for k, p in enumerate(places) if p[0] == e]
        alone = pairs([points[k] for k in mine], [places[k] for k in there], SIDE)
        assert [(there[i], mine[j]) for i, j in alone] == [p for p in whole if p[0] in there]


def test_many_pairs_come_in_several_parts(monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    rng = np.random.default_rng(1)
    points = [(0, *p) for p in rng.uniform(-20.0, 20.0, (15, 2)).tolist()]
    found = pairs(points, points, SIDE)
    assert sorted(found) == [(i, j) for i in range(15) for j in range(15)]
    x, y, event = columns(points)
    parts = list(Grid(x, y, event, SIDE).near(x, y, event, np.full(15, SIDE)))
    # All pairs of a place together, however many they are.
    assert [p[0].tolist() for p in parts] == [[k] * 15 for k in range(15)]


def test_the_number_of_candidates_does_not_grow_with_what_is_far_away():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(-5e3, 5e3, (2, 4000))
    event = np.zeros(4000, np.int64)
    looked_at = sum(
        len(place)
        for place, _ in Grid(x, y, event, SIDE).near(x[:100], y[:100], event[:100], np.full(100, 9))
    )
    # Three columns of 50 mm and some 25 mm in y, of a face of 100 m^2.
    assert looked_at < 100 * (4000 * 150.0 * 30.0 / 1e8 + 2.0) * 2.0


def test_nothing_is_near_nothing():
    assert pairs([], [(0, 1.0, 1.0)], SIDE) == [] == pairs([(0, 1.0, 1.0)], [], SIDE)
    assert pairs([(0, 1.0, 1.0)], [(0, 9e4, -9e4)], SIDE) == []


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=20), st.integers(0, 4),
       st.randoms(use_true_random=False))  # fmt: skip
def test_the_first_of_each_cell(cells, most, random):
    a, b = np.array(cells, np.int64).reshape(-1, 2).T
    rank = list(range(len(cells)))
    random.shuffle(rank)
    among, before = leading((a, b), np.array(rank, np.int64), most)
    for k, cell in enumerate(cells):
        ahead = sum(r < rank[k] for r, c in zip(rank, cells, strict=True) if c == cell)
        assert before[k] == ahead and among[k] == (ahead < most)


@pytest.mark.parametrize("shift", [0.0, 7e3, -3e6])
def test_where_the_origin_is_does_not_matter(shift):
    rng = np.random.default_rng(3)
    points = [(0, *p) for p in rng.uniform(0.0, 100.0, (30, 2)).tolist()]
    moved = [(e, x + shift, y - shift) for e, x, y in points]
    here, there = (sorted(pairs(p, p, 30.0)) for p in (points, moved))
    assert here == there
