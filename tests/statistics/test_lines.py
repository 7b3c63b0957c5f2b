"""Curves of samples and how far two of them are apart."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lamarr_like.statistics.binned import median_of, share_of
from lamarr_like.statistics.lines import LEAST, Line, line, line_distance, spread

EDGES = (0.0, 1.0, 2.0, 3.0)


def drawn(seed, n=3000, shift=0.0):
    rng = np.random.default_rng(seed)
    by = rng.uniform(0.0, 3.0, n)
    return line(by + shift + rng.normal(size=n), by, EDGES, median_of)


def test_a_line_follows_what_it_is_taken_of():
    found = drawn(1)
    assert found.edges == EDGES and sum(found.n) == 3000
    pulls = (np.array(found.value) - [0.5, 1.5, 2.5]) / found.error
    assert (np.abs(pulls) < 4.0).all()
    assert all(type(n) is int for n in found.n)  # goes to JSON as it is


def test_bins_with_few_entries_are_left_open():
    by = np.repeat([0.5, 1.5], [LEAST, LEAST - 1])
    found = line(np.ones(len(by), bool), by, EDGES, share_of)
    assert found.n == (LEAST, LEAST - 1, 0)
    assert found.value[0] == 1.0 and np.isnan(found.value[1:]).all()
    assert np.isnan(found.error[1:]).all()


def test_lines_of_one_law_differ_by_chance():
    chi2 = [line_distance(drawn(seed), drawn(seed + 100)).chi2 for seed in range(60)]
    assert np.mean(chi2) == pytest.approx(1.0, abs=0.3)
    apart = line_distance(drawn(1), drawn(2, shift=0.5))
    assert apart.bins == 3 and apart.chi2 > 20.0
    assert apart.largest == pytest.approx(0.5, abs=0.2)


def test_distance_by_hand():
    nan = math.nan
    one = Line(EDGES, (1.0, 2.0, nan), (0.3, 0.4, nan), (10, 30, 0))
    two = Line(EDGES, (1.5, 1.0, 4.0), (0.4, 0.3, 0.1), (20, 20, 20))
    found = line_distance(one, two)
    assert (found.bins, found.largest) == (2, 1.0)
    assert found.chi2 == pytest.approx((1.0 + 4.0) / 2.0)
    # The entries of the reference are the weights.
    assert found.ratio == pytest.approx((10 * 1.5 + 30 * 1.0) / (10 * 1.0 + 30 * 2.0))
    back = line_distance(two, one)
    assert (back.bins, back.chi2, back.largest) == (found.bins, found.chi2, found.largest)
    assert line_distance(one, one).chi2 == 0.0 and line_distance(one, one).ratio == 1.0


def test_without_a_common_bin_there_is_no_distance():
    nan = math.nan
    one = Line(EDGES, (1.0, nan, nan), (0.1, nan, nan), (30, 0, 0))
    two = Line(EDGES, (nan, 1.0, nan), (nan, 0.1, nan), (0, 30, 0))
    found = line_distance(one, two)
    assert found.bins == 0 and np.isnan([found.chi2, found.largest, found.ratio]).all()
    # A value that is certain cannot be compared, and nothing has no ratio to something.
    sure = Line(EDGES, (0.0, 1.0, nan), (0.1, 0.0, nan), (30, 30, 0))
    assert line_distance(sure, sure).bins == 1 and math.isnan(line_distance(sure, sure).ratio)


def test_spread_does_not_depend_on_the_unit():
    rng = np.random.default_rng(3)
    one, two = rng.normal(size=500), rng.normal(0.5, 1.0, 400)
    plain, scaled = spread(one, two), spread(1e3 * one + 7.0, 1e3 * two + 7.0)
    assert plain.n == scaled.n == (500, 400)
    assert scaled.ks == plain.ks
    assert scaled.wasserstein == pytest.approx(plain.wasserstein)
    assert plain.wasserstein == pytest.approx(0.5, abs=0.2)
    assert scaled.mean[1] == pytest.approx(1e3 * plain.mean[1] + 7.0)


def test_spread_of_few_or_equal_values():
    few = spread(np.ones(LEAST - 1), np.zeros(0))
    assert few.n == (LEAST - 1, 0) and few.mean[0] == 1.0
    assert np.isnan([few.mean[1], few.ks, few.wasserstein]).all()
    flat = np.ones(LEAST)
    same = spread(flat, flat)
    assert same.ks == pytest.approx(0.0, abs=1e-12) and same.wasserstein == 0.0
    moved = spread(flat, 2.0 * flat)
    assert moved.ks == pytest.approx(1.0) and math.isnan(moved.wasserstein)
