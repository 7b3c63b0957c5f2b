"""Laws, widths and correlations of two samples that share events."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.statistics.paired import (
    compare_laws,
    correlation_difference,
    gain_ratio,
    normal_scores,
    width_freedom,
    width_ratio,
)

N = 4000
ONE = np.ones(N)


def sides(one, two, shared):
    """Both samples with their weights; common events or none."""
    return [one, two], [ONE, ONE], (np.arange(N), np.arange(N) + (0 if shared else N))


def test_a_sample_is_at_no_distance_from_itself():
    x = np.random.default_rng(1).normal(size=N)
    n, _, ks, p, scale, area, chi2, mean = compare_laws(*sides(x, x, True))
    assert (n, ks, area) == (N, 0.0, 0.0) and mean[0] == mean[1]
    assert (p, scale, chi2.bins) == (1.0, 0.0, 0)
    assert width_ratio(*sides(x, x, True))[4:] == (1.0, 0.0)


def test_common_events_make_errors_smaller():
    rng = np.random.default_rng(2)
    x, noise = rng.normal(size=N), 0.1 * rng.normal(size=N)
    alone, shared = (width_ratio(*sides(x, 2.0 * (x + noise), s)) for s in (False, True))
    assert alone[:5] == shared[:5] and alone[4] == pytest.approx(2.0, rel=0.03)
    assert alone[4] == alone[1] / alone[0]
    assert 0.0 < shared[5] < 0.7 * alone[5]
    assert alone[5] == pytest.approx(2.0 * np.sqrt(2.0) * 0.97 / np.sqrt(N), rel=0.25)


@pytest.mark.parametrize("shared", [False, True])
def test_a_shift_is_found(shared):
    x = np.random.default_rng(3).normal(size=N)
    *_, ks, p, _, area, chi2, mean = compare_laws(*sides(x, x + 0.2, shared))
    assert ks == pytest.approx(0.08, abs=0.02) and area == pytest.approx(0.2, abs=0.01)
    assert p < 1e-6 and chi2.p < 1e-6 and mean[1] - mean[0] == pytest.approx(0.2)


def test_without_a_width_there_is_no_ratio():
    assert np.isnan(width_ratio(*sides(ONE, ONE, True))).all()
    assert (np.diff(width_freedom(np.array([0.0, 1e2, 1e4]))) > 0.0).all()


def test_gains_of_the_same_rows():
    """Errors of what both residuals share cancel; the scatter of draws is what is told."""
    rng = np.random.default_rng(5)
    units = np.arange(N), np.arange(N) + N
    pulls = []
    for k in range(40):
        core, rest = rng.normal(size=(2, 2, N))
        # The second sample gains less: 1 / sqrt(2) for 0.5 / sqrt(1.25).
        values = [(c + r, c * s) for c, r, s in zip(core, rest, (1.0, 1.1), strict=True)]
        one, two, ratio, error = gain_ratio(values, [ONE, ONE], units)
        assert one == pytest.approx(2**-0.5, rel=0.1) and ratio == two / one
        pulls.append((ratio - 1.1) / error)
        if not k:
            widths = [width_ratio(*sides(*pair, False)) for pair in zip(*values, strict=True)]
            assert ratio == pytest.approx(widths[1][4] / widths[0][4], rel=1e-12)
            assert error < np.hypot(widths[0][5], widths[1][5])
    assert 0.7 < np.std(pulls) < 1.35 and abs(np.mean(pulls)) < 0.6
    same = gain_ratio([values[0], values[0]], [ONE, ONE], (units[0], units[0]))
    assert same[2:] == (1.0, 0.0)
    assert np.isnan(gain_ratio([(ONE, ONE), values[0]], [ONE, ONE], units)).all()


def test_correlations_are_of_ranks():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, N))
    scores = []
    for r in (0.0, 0.5):
        mixed = np.exp(r * a + np.sqrt(1.0 - r * r) * b)  # a monotone change is none
        scores.append((normal_scores(a, ONE), normal_scores(mixed, ONE)))
    one, two, sigma, n = correlation_difference(scores, [ONE, ONE], (np.arange(N), np.arange(N)))
    assert (one, two) == (pytest.approx(0.0, abs=0.05), pytest.approx(0.5, abs=0.05))
    assert 0.0 < sigma < 1.5 / np.sqrt(N) and 100.0 < n <= N


# --- laws


def test_scores_know_ranks_only():
    rng = np.random.default_rng(6)
    x, w = rng.exponential(size=500), rng.random(500)
    found = normal_scores(x, w)
    np.testing.assert_array_equal(normal_scores(np.log(x), w), found)
    np.testing.assert_array_equal(normal_scores(x, 8.0 * w), found)
    assert (np.diff(found[np.argsort(x)]) >= 0.0).all() and np.isfinite(found).all()
    mirrored = normal_scores(-x, w)
    np.testing.assert_allclose(mirrored, -found, atol=1e-9)
    order = rng.permutation(500)
    np.testing.assert_allclose(normal_scores(x[order], w[order]), found[order], atol=1e-9)


def test_equal_values_have_equal_scores():
    x = np.repeat([1.0, 2.0, 3.0], [5, 1, 4])
    found = normal_scores(x, np.ones(10))
    assert len(set(found[:5])) == len(set(found[6:])) == 1
    assert found[0] < found[5] < found[6]


@pytest.mark.parametrize("factor", [1e-3, 7.0])
def test_widths_follow_the_unit_and_ratios_do_not(factor):
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=N), 1.3 * rng.normal(size=N)
    here, there = (
        width_ratio(*sides(x, y, False)),
        width_ratio(*sides(factor * x, factor * y, False)),
    )
    np.testing.assert_allclose(there[:4], factor * np.array(here[:4]), rtol=1e-6)
    np.testing.assert_allclose(there[4:], here[4:], rtol=1e-6)
    moved = width_ratio(*sides(x + 40.0, y - 3.0, False))
    np.testing.assert_allclose(moved, here, rtol=1e-6)


def test_distances_of_laws_do_not_depend_on_the_unit_or_who_is_first():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=N), rng.normal(0.1, 1.0, N)
    one, other = compare_laws(*sides(x, y, False)), compare_laws(*sides(y, x, False))
    scaled = compare_laws(*sides(1e3 * x, 1e3 * y, False))
    assert scaled[2:6] == pytest.approx(one[2:6]) and scaled[6].value == pytest.approx(one[6].value)
    assert other[2] == pytest.approx(one[2])  # the KS distance is symmetric
    assert other[7] == one[7][::-1]


def test_p_values_of_equal_laws_are_flat():
    rng = np.random.default_rng(9)
    p = []
    for _ in range(40):
        found = compare_laws(*sides(rng.normal(size=N), rng.normal(size=N), False))
        p.append((found[3], found[6].p))
    assert np.mean(p, axis=0) == pytest.approx(0.5, abs=0.18)
    assert (np.array(p) < 0.01).mean() < 0.06
