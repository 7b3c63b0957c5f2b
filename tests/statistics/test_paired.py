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
