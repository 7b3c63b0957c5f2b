"""Distances along random directions: what is equal, what units change, what single axes hide."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.statistics.sliced import DIRECTIONS, sliced_distance

N = 3000


def vectors(seed, r=0.0, shift=0.0, n=N):
    a, b = np.random.default_rng(seed).normal(size=(2, n))
    return {"x": a + shift, "y": r * a + np.sqrt(1.0 - r * r) * b}


def distance(one, two, weights=None, seed=1):
    pairs = {name: (one[name], two[name]) for name in one}
    sizes = [len(next(iter(c.values()))) for c in (one, two)]
    return sliced_distance(pairs, weights or [np.ones(n) for n in sizes], seed)


def test_a_sample_is_at_no_distance_from_itself():
    one = vectors(1)
    names, mean, worst, direction = distance(one, one)
    assert names == ("x", "y") and mean == worst == 0.0
    assert np.linalg.norm(direction) == pytest.approx(1.0)


def test_two_draws_of_one_law_are_near():
    _, mean, worst, _ = distance(vectors(1), vectors(2))
    assert mean < worst < 5.0 / np.sqrt(N)


def test_a_shift_is_seen_along_its_axis():
    _, mean, worst, direction = distance(vectors(1), vectors(2, shift=0.5))
    assert abs(direction[0]) > 0.95
    assert worst == pytest.approx(0.5 * abs(direction[0]), abs=0.06)
    # Over all directions of a plane |cos| is 2 / pi on average.
    assert mean == pytest.approx(0.5 * 2.0 / np.pi, abs=0.08)


def test_a_wrong_dependence_is_seen_where_single_axes_agree():
    one, two = vectors(1), vectors(2, r=0.8)
    _, mean, _, direction = distance(one, two)
    assert mean > 4.0 * distance(one, vectors(3))[1]
    # Best along the diagonals, where variances are 1 + r and 1 - r.
    assert min(map(abs, direction)) > 0.4


def test_units_and_origins_of_variables_do_not_matter():
    one, two = vectors(1), vectors(2, r=0.5)
    moved = [{"x": 1e3 * c["x"] - 7.0, "y": 1e-6 * c["y"]} for c in (one, two)]
    here, there = distance(one, two), distance(*moved)
    assert there[1:3] == pytest.approx(here[1:3], rel=1e-9)


def test_weights_count_as_repetitions():
    one, two = vectors(1, n=400), vectors(2, n=300, r=0.4)
    times = np.random.default_rng(3).integers(0, 3, 300)
    weighted = distance(one, two, [np.ones(400), times.astype(float)])
    repeated = distance(one, {k: np.repeat(v, times) for k, v in two.items()})
    assert weighted[1:3] == pytest.approx(repeated[1:3], rel=1e-9)


def test_far_rows_do_not_rule_a_direction():
    one, two = vectors(1), vectors(2)
    two["x"] = two["x"].copy()
    two["x"][:3] = 1e6
    assert distance(one, two)[2] < 0.1


def test_atoms_and_constants():
    one, two = vectors(1), vectors(2)
    for c in (one, two):
        c["constant"] = np.ones(N)
        c["rare"] = (np.arange(N) % 50 == 0).astype(float)  # no width between quantiles
    names, *_ = distance(one, two)
    assert names == ("x", "y", "rare")
    assert distance({"x": one["x"]}, {"x": two["x"]}) is None
    assert sliced_distance({}, [np.ones(1), np.ones(1)], 1) is None


def test_directions_depend_on_the_seed_alone():
    one, two = vectors(1), vectors(2, r=0.5)
    assert distance(one, two, seed=5) == distance(one, two, seed=5)
    assert distance(one, two, seed=5)[3] != distance(one, two, seed=6)[3]
    assert DIRECTIONS >= 16
