"""Shares, medians and widths: their errors are those of chance, with and without weights."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.detailed import figures
from lamarr_like.statistics.binned import (
    bins_of,
    box_histograms,
    closed,
    curve,
    effective,
    expected_counts,
    gaussian_width,
    median_of,
    order_width,
    paired_means,
    projected_share,
    quantile_error,
    share_above,
    share_error,
    share_of,
    standard_deviation,
    wald_error,
    weighted_median,
    weighted_quantiles,
    weighted_share,
    weighted_width,
    width_error,
)
from lamarr_like.statistics.distances import core_width


def scatter(statistic, draw, n=400, times=400):
    """Standard deviation of a statistic over samples, and the mean error that it tells."""
    rng = np.random.default_rng(4)
    values, errors = np.array([statistic(draw(rng, n)) for _ in range(times)]).T
    return values.std(), errors.mean()


@pytest.mark.parametrize(
    ("statistic", "safety"), [(median_of, 1.0), (gaussian_width, 1.23), (order_width, 1.0)]
)
def test_errors_are_those_of_chance(statistic, safety):
    found, told = scatter(statistic, lambda rng, n: rng.normal(size=n))
    assert told == pytest.approx(safety * found, rel=0.15)


@pytest.mark.parametrize(
    "draw", [lambda rng, n: rng.normal(size=n), lambda rng, n: rng.laplace(size=n)]
)
def test_error_of_a_standard_deviation_knows_of_tails(draw):
    found, told = scatter(standard_deviation, draw)
    assert told == pytest.approx(found, rel=0.15)
    assert standard_deviation(np.ones(5)) == (0.0, 0.0)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_error_of_a_share_is_that_of_chance(share):
    found, told = scatter(share_of, lambda rng, n: rng.random(n) < share)
    assert told == pytest.approx(found, rel=0.15)
    assert wald_error(share, 400.0) == pytest.approx(found, rel=0.15)


def test_a_gap_makes_the_error_of_a_median_large():
    values = np.concatenate([np.zeros(50), np.ones(50)]) + 1e-3 * np.arange(100)
    assert quantile_error(values, 0.5) > 0.4
    assert quantile_error(np.linspace(0, 1, 100), 0.5) == pytest.approx(0.05, rel=0.1)


def test_shares_are_never_certain():
    none, every = share_error(np.array([0.0, 10.0]), np.array([10.0, 10.0]))
    assert none == pytest.approx(every) and none > 0.05
    assert share_error(0.0, 0.0) == pytest.approx(np.sqrt(0.25 / 2.0))
    assert wald_error(1.0, 10.0) == 0.0
    assert wald_error(1.0, 0.0, least=0.01) == 0.1
    assert width_error(2.0, 0.0) == 2.36


def test_core_width_of_a_normal_law_is_its_sigma():
    values = np.random.default_rng(1).normal(0.0, 3.0, 100_000)
    assert core_width(values) == pytest.approx(3.0, rel=0.01)
    assert core_width(values[:9]) == 0.0
    assert figures.core_width is core_width  # the name of before


def test_weights_of_one_change_nothing_and_whole_weights_repeat():
    rng = np.random.default_rng(2)
    values, times = rng.normal(size=500), rng.integers(1, 4, 500)
    repeated = np.repeat(values, times)
    for share in (0.2, 0.5, 0.8):
        (weighted,) = weighted_quantiles(values, times.astype(float), np.array([share]))
        assert weighted == pytest.approx(np.quantile(repeated, share), abs=0.02)
    one = np.ones(500)
    assert effective(one) == 500.0 and effective(np.zeros(3)) == 0.0
    assert weighted_median(values, one)[0] == pytest.approx(np.median(values), abs=1e-9)
    assert weighted_width(values, one)[0] == pytest.approx(core_width(values), rel=0.01)
    share, error = weighted_share(values > 0.0, one)
    assert share == np.mean(values > 0.0)
    assert error == share_error(float((values > 0.0).sum()), 500.0)


def test_few_entries_tell_nothing():
    few = np.ones(4)
    for statistic in (weighted_median, weighted_width, weighted_share):
        assert np.isnan(statistic(few, few)).all()
    assert np.isnan(weighted_quantiles(few, 0.0 * few, np.array([0.5]))).all()


def test_bins_hold_their_lower_edges():
    found = bins_of(np.array([-1.0, 0.0, 0.5, 1.0, 2.0, np.nan]), (0.0, 1.0, 2.0))
    assert found.tolist() == [-1, 0, 0, 1, -1, -1]


def test_curve_in_bins():
    by = np.repeat([0.5, 1.5, 2.5], [30, 5, 40])
    passed = np.arange(75) % 2 == 0
    found = curve(passed, by, (0.0, 1.0, 2.0, 3.0, 4.0), share_of)
    assert found.n.tolist() == [30, 5, 40, 0]
    assert np.isnan(found.y[[1, 3]]).all() and np.isnan(found.x[3])
    assert found.y[0] == passed[:30].mean()
    assert found.error[2] == share_error(float(passed[35:].sum()), 40.0)
    known = found.known
    assert known.n.tolist() == [30, 40] and known.low.tolist() == [0.0, 2.0]
    assert np.isfinite(np.array([known.x, known.y, known.error])).all()


def test_projections_take_the_population_that_is_given():
    """Two maps of one law agree after it, however their own rows lie."""
    rng = np.random.default_rng(5)
    law = 0.2 + 0.6 * rng.random((4, 3))
    population = rng.uniform(10.0, 99.0, (4, 3))
    expected = (population * law).sum(axis=1) / population.sum(axis=1)
    for size in (rng.uniform(1e3, 1e5, (4, 3)), np.full((4, 3), 500.0)):
        share, error = projected_share(law * size, size, size, population, (1,))
        np.testing.assert_allclose(share, expected)
        square = (population**2 * law * (1.0 - law) / size).sum(axis=1)
        np.testing.assert_allclose(error, np.sqrt(square) / population.sum(axis=1))
    alone = np.where(np.arange(3) == 1, population, 0.0)
    np.testing.assert_allclose(projected_share(law, law**0, law**0, alone, (1,))[0], law[:, 1])
    assert np.isnan(projected_share(law, law**0, law**0, 0.0 * alone, (1,))[0]).all()


def test_pulls_of_expected_counts_are_normal():
    rng = np.random.default_rng(6)
    pulls = []
    for _ in range(300):
        p, place = rng.random(2000), rng.integers(-1, 4, 2000)
        n, difference, sigma = expected_counts(place, rng.random(2000) < p, p)
        assert n.tolist() == np.bincount(place[place >= 0]).tolist()
        pulls.append(difference / sigma)
    assert np.mean(np.square(pulls)) == pytest.approx(1.0, abs=0.15)
    n, difference, sigma = expected_counts(np.zeros(5, int), np.ones(5, bool), np.ones(5))
    assert (n[0], difference[0], sigma[0]) == (5, 0.0, 0.0)


def test_shares_above_cuts():
    rng = np.random.default_rng(7)
    values, weights = rng.integers(0, 9, 300).astype(float), rng.random(300)
    cuts = np.array([-1.0, 0.0, 3.5, 4.0, 8.0, 20.0])
    expected = [(weights * (values > cut)).sum() / weights.sum() for cut in cuts]
    np.testing.assert_allclose(share_above(values, weights, cuts), expected, atol=1e-12)


def test_means_of_two_numbers_of_the_same_rows():
    rng = np.random.default_rng(8)
    ratios, errors = [], []
    for _ in range(300):
        real, drawn = rng.normal(2.0, 0.5, 400), rng.normal(3.0, 0.7, 400)
        one, two, error = paired_means(np.zeros(400, int), 2, (real, drawn), np.ones(400), 100)
        assert np.isnan([one[1], two[1], error[1]]).all()
        ratios.append(two[0] / one[0])
        errors.append(error[0])
    assert np.mean(ratios) == pytest.approx(1.5, rel=0.01)
    assert np.std(ratios) == pytest.approx(np.mean(errors), rel=0.15)
    place = np.repeat([0, 1, -1], [5, 3, 4])
    numbers, weights = np.arange(12.0), np.r_[np.ones(5), -np.ones(3), np.ones(4)]
    found = paired_means(place, 2, (numbers, numbers + 1.0), weights, 2)
    assert found[:2, 0] == pytest.approx([2.0, 3.0]) and np.isnan(found[:, 1]).all()


def test_histograms_of_boxes_add_up_to_that_of_all():
    rng = np.random.default_rng(9)
    values, weights, place = rng.normal(size=900), rng.normal(size=900), rng.integers(-1, 3, 900)
    edges = np.linspace(-2.0, 2.0, 9)
    counts, squares = box_histograms(place, 3, values, weights, edges)
    known = place >= 0
    for found, w in ((counts, weights), (squares, weights**2)):
        assert found.shape == (3, 8)
        expected = np.histogram(values[known], edges, weights=w[known])[0]
        np.testing.assert_allclose(found.sum(axis=0), expected, atol=1e-9)
    assert (squares >= 0.0).all()
    one = box_histograms(place, 3, values, np.ones(900), edges)
    np.testing.assert_array_equal(one[0], one[1])


@pytest.mark.parametrize("edges", [(0.0, 1.0, 2.0), [-5.0, 1e9], np.array([0.0, 1e-300])])
def test_closed_bins_hold_their_last_edge_and_no_more(edges):
    found = closed(edges)
    last = float(edges[-1])
    beyond = np.nextafter(found[-1], np.inf)
    assert bins_of(np.array([edges[0], last, beyond]), found).tolist() == [0, len(edges) - 2, -1]
    np.testing.assert_array_equal(found[:-1], edges[:-1])
