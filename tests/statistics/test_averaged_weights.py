from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.statistics.averaged_weights import averaged_weights

RNG = np.random.default_rng


def peak_and_background(n, seed):
    """Signal about c, background about 3, half of it with the sign of what is under the peak."""
    rng = RNG(seed)
    c = rng.uniform(-1.0, 1.0, 3 * n)
    y = np.concatenate([c[:n], np.full(2 * n, 3.0)]) + 0.3 * rng.normal(size=3 * n)
    weights = np.concatenate([np.ones(2 * n), -np.ones(n)]) * rng.uniform(0.5, 1.5, 3 * n)
    return np.stack([c, y], axis=1), weights


def test_weights_of_one_sign_stay_as_they_are():
    weights = RNG(1).uniform(0.0, 2.0, 500)
    assert averaged_weights(RNG(2).normal(size=(500, 2)), weights, np.arange(500)) is weights


def test_background_is_taken_away_where_it_lies():
    features, weights = peak_and_background(3000, 4)
    found = averaged_weights(features, weights, np.arange(9000))
    assert found.sum() == pytest.approx(weights.sum())
    background = features[:, 1] > 2.0
    # 6000 rows of either sign, whose sum is known to 80, but hardly any with a weight of note.
    assert abs(found[background].sum() - weights[background].sum()) < 60.0
    assert np.abs(found[background]).mean() < 0.2 * np.abs(weights[background]).mean()
    signal = found[:3000]
    assert signal.mean() == pytest.approx(1.0, abs=0.05) and signal.std() < 0.15
    # They say more: the spread of the signal's own weights is averaged as well.
    worth = [w.sum() ** 2 / (w**2).sum() for w in (weights, found)]
    assert worth[1] > 2.0 * worth[0]


def test_sums_stay_what_they_were_and_the_same_numbers_come_again():
    features, weights = peak_and_background(3000, 6)
    found = averaged_weights(features, weights, np.arange(9000))
    assert np.array_equal(found, averaged_weights(features, weights, np.arange(9000)))
    for low in (-1.0, -0.5, 0.0, 0.5):
        near = (features[:, 0] >= low) & (features[:, 0] < low + 0.5)
        sums = [np.sum(w[near] * features[near, 1]) for w in (weights, found)]
        error = np.sqrt(np.sum((weights[near] * features[near, 1]) ** 2))
        assert abs(sums[1] - sums[0]) < 2.0 * error


def test_a_row_does_not_learn_from_its_own_group():
    # Each group has a weight of its own: whoever sees it would know it.
    group = np.repeat(np.arange(600), 10)
    of_group = RNG(8).choice([-1.0, 1.5], 600)
    features = np.stack([group + 0.5, RNG(9).normal(size=6000)], axis=1)
    found = averaged_weights(features, of_group[group], group)
    assert abs(np.corrcoef(found, of_group[group])[0, 1]) < 0.3
    # Too few groups to learn from: as they are.
    few = averaged_weights(
        features[:10], of_group[group[:10]] * np.tile([1.0, -1.0], 5), np.zeros(10, int)
    )
    assert len(few) == 10
