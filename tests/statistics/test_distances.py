from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lamarr_like.errors import SchemaError
from lamarr_like.statistics.distances import floor, halves, weighted_ks, weighted_wasserstein


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(1)
    return rng.normal(size=900), rng.normal(0.3, 1.2, 700)


def test_without_weights_they_are_the_classical_distances(samples):
    a, b = samples
    assert weighted_ks(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)
    assert weighted_wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b))


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
