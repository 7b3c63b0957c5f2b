from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lamarr_like.errors import SchemaError
from lamarr_like.statistics.distances import (
    floor,
    halves,
    weighted_distances,
    weighted_ks,
    weighted_wasserstein,
)


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(1)
    return rng.normal(size=900), rng.normal(0.3, 1.2, 700)


def test_without_weights_they_are_the_classical_distances(samples):
    a, b = samples
    assert weighted_ks(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)
    assert weighted_wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b))


def test_both_distances_at_once_are_the_two(samples):
    a, b = samples
    weights = np.random.default_rng(4).uniform(0.5, 2.0, len(a))
    for w in (None, weights):
        both = weighted_ks(a, b, w), weighted_wasserstein(a, b, w)
        assert weighted_distances(a, b, w) == both


def test_ties_are_one_step(samples):
    a, b = (np.round(s) for s in samples)
    assert weighted_ks(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)


def test_weights_count_as_repetitions(samples):
    a, b = samples
    counts = np.random.default_rng(2).integers(0, 4, len(a))
    repeated = np.repeat(a, counts)
    assert weighted_ks(a, b, counts) == pytest.approx(weighted_ks(repeated, b))
    assert weighted_wasserstein(b, a, None, counts) == pytest.approx(
        weighted_wasserstein(b, repeated)
    )


def test_signed_weights_cancel(samples):
    a, b = samples
    both = np.concatenate([a, b, b])
    weights = np.repeat([1.0, 1.0, -1.0], [len(a), len(b), len(b)])
    assert weighted_ks(a, both, None, weights) == pytest.approx(0.0, abs=1e-12)


def test_empty_samples_are_refused(samples):
    with pytest.raises(SchemaError, match="positive sum"):
        weighted_ks(samples[0], np.zeros(0))
    with pytest.raises(SchemaError, match="as many weights"):
        weighted_ks(samples[0], samples[1], np.ones(3))


def test_halves_keep_groups_together():
    groups = np.repeat(np.arange(100), 7)
    half = halves(700, seed=3, groups=groups)
    assert half.sum() == 350
    assert (half.reshape(100, 7).all(axis=1) | ~half.reshape(100, 7).any(axis=1)).all()
    assert halves(11).sum() == 5


def test_floor_is_a_half():
    rng = np.random.default_rng(4)
    c = rng.normal(size=6000)
    auc = floor({"y": c + rng.normal(size=6000)}, {"c": c}, weights=rng.random(6000), folds=2)
    assert abs(auc.value - 0.5) < 4 * auc.error


@pytest.mark.parametrize("distance", [weighted_ks, weighted_wasserstein])
def test_they_are_distances(samples, distance):
    """Zero to itself, the same both ways, and no shorter by a third sample."""
    a, b = samples
    c = np.random.default_rng(5).exponential(size=500)
    assert distance(a, a) == pytest.approx(0.0, abs=1e-12)
    assert distance(a, b) == pytest.approx(distance(b, a))
    assert distance(a, b) <= distance(a, c) + distance(c, b) + 1e-12
    assert distance(a, b) > 0.0


def test_units_scale_the_area_and_not_the_step(samples):
    a, b = samples
    assert weighted_ks(5.0 * a - 3.0, 5.0 * b - 3.0) == pytest.approx(weighted_ks(a, b))
    assert weighted_ks(np.exp(a), np.exp(b)) == pytest.approx(weighted_ks(a, b))
    area = weighted_wasserstein(a, b)
    assert weighted_wasserstein(-5.0 * a, -5.0 * b) == pytest.approx(5.0 * area)
    assert weighted_wasserstein(a + 9.0, b + 9.0) == pytest.approx(area)


@pytest.mark.parametrize("shift", [-2.0, 0.01, 30.0])
def test_the_area_of_a_shift_is_the_shift(samples, shift):
    a, _ = samples
    assert weighted_wasserstein(a, a + shift) == pytest.approx(abs(shift))
    assert 0.0 < weighted_ks(a, a + shift) <= 1.0
    assert weighted_ks(a, a + 100.0) == pytest.approx(1.0)
