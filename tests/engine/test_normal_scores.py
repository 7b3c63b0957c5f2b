from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from lamarr_like.engine.normal_scores import ConditionTransform, NormalScores, dequantise, is_flag
from lamarr_like.errors import TrainingError


@pytest.fixture(scope="module")
def skewed():
    return np.random.default_rng(1).exponential(3.0, 20_000)


def test_scores_are_normal_and_undone(skewed):
    scores = NormalScores.fit([skewed])
    y = scores.forward_column(0, skewed)
    assert stats.kstest(y, "norm").pvalue > 0.5
    back = scores.inverse(y[:, None])[:, 0]
    assert np.abs(back - skewed).max() < 0.02 * skewed.max()
    np.testing.assert_allclose(np.sort(back), np.sort(skewed), rtol=2e-2, atol=1e-3)


def test_inverse_never_leaves_the_training_range(skewed):
    scores = NormalScores.fit([skewed, -skewed])
    wild = np.array([[-np.inf, np.inf], [40.0, -40.0], [0.0, 0.0], [4.9, 4.9]])
    values = scores.inverse(wild)
    assert values[:, 0].min() == skewed.min()
    assert values[:, 0].max() == skewed.max()
    assert values[:, 1].max() == -skewed.min()


def test_values_out_of_range_get_the_end_score(skewed):
    scores = NormalScores.fit([skewed])
    ends = scores.forward_column(0, np.array([-1e30, 1e30]))
    np.testing.assert_allclose(ends, [-scores.limits[0], scores.limits[0]])


def test_weights_move_the_quantiles(skewed):
    weights = np.where(skewed < 1.0, 0.0, 1.0)
    plain, cut = NormalScores.fit([skewed]), NormalScores.fit([skewed], [weights])
    median = np.median(skewed[skewed >= 1.0])
    assert cut.inverse(np.zeros((1, 1)))[0, 0] == pytest.approx(median, rel=1e-2)
    assert plain.inverse(np.zeros((1, 1)))[0, 0] == pytest.approx(np.median(skewed), rel=1e-2)


def test_signed_weights_subtract_a_background():
    rng = np.random.default_rng(2)
    signal, background = rng.normal(0, 1, 40_000), rng.normal(3, 1, 20_000)
    other = rng.normal(3, 1, 20_000)
    values = np.concatenate([signal, background, other])
    weights = np.repeat([1.0, 1.0, -1.0], [40_000, 20_000, 20_000])
    scores = NormalScores.fit([values], [weights])
    assert scores.inverse(np.zeros((1, 1)))[0, 0] == pytest.approx(0.0, abs=0.03)


def test_constant_column_survives():
    scores = NormalScores.fit([np.full(50, 7.0)])
    assert np.isfinite(scores.forward_column(0, np.array([6.0, 7.0, 8.0]))).all()
    assert (scores.inverse(np.array([[-1.0], [0.0], [1.0]])) == 7.0).all()


def test_nothing_to_fit_on_is_an_error():
    with pytest.raises(TrainingError, match="positive sum of weights"):
        NormalScores.fit([np.zeros(0)])
    with pytest.raises(TrainingError, match="positive sum of weights"):
        NormalScores.fit([np.ones(3)], [np.array([1.0, -2.0, 0.5])])


@settings(deadline=None, max_examples=40)
@given(arrays(np.float64, st.integers(2, 200), elements=st.floats(-1e6, 1e6)))
def test_forward_is_monotone_for_any_sample(values):
    scores = NormalScores.fit([values], n_knots=64)
    y = scores.forward_column(0, np.sort(values))
    assert np.isfinite(y).all()
    assert (np.diff(y) >= -1e-12).all()


def test_arrays_round_trip(skewed):
    scores = NormalScores.fit([skewed])
    again = NormalScores.from_arrays(scores.to_arrays("a"), "a")
    np.testing.assert_array_equal(again.forward_column(0, skewed), scores.forward_column(0, skewed))


def test_flags_pass_unchanged(skewed):
    flag = (skewed > 2) * 1.0
    charge = np.where(skewed > 1, 1, -1)
    transform = ConditionTransform.fit([flag, skewed, charge])
    assert transform.flags == [True, False, True]
    x = transform([flag, skewed, charge])
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x[:, 0], flag)
    np.testing.assert_array_equal(x[:, 2], charge)
    assert x[:, 1].std() == pytest.approx(1.0, abs=0.02)
    assert not is_flag(skewed)


def test_dequantised_integers_round_back():
    counts = np.arange(100)
    spread = dequantise(counts, np.random.default_rng(3).random(100))
    np.testing.assert_array_equal(np.rint(spread), counts)


def test_pulls_keep_their_shape_whatever_their_tails():
    rng = np.random.default_rng(3)
    values = rng.normal(size=5000)
    values[:50] *= 300.0
    scores = NormalScores.fit([values], pulls=[0])
    found = scores.forward_column(0, values)
    unit = np.arcsinh(np.abs(values).max()) / 5.0
    np.testing.assert_allclose(unit * found, np.arcsinh(values), atol=1e-3)
    np.testing.assert_allclose(scores.inverse(found[:, None])[:, 0], values, rtol=1e-3, atol=1e-3)
    wild = scores.inverse(np.array([[9.0], [-9.0]]))
    np.testing.assert_allclose(np.abs(wild), np.abs(values).max())


def test_all_columns_at_once_as_one_by_one():
    """Tables of any length, with repeated knots, and values at, between and beyond the knots."""
    random = np.random.default_rng(5)
    lengths = (random.normal(size=4000), np.round(random.normal(size=900), 1), np.full(50, 3.0))
    scores = NormalScores.fit(list(lengths), n_knots=300)
    for n in (1, 7, 5000):
        columns = np.stack([random.choice([*c[:200], -9.0, 9.0, 0.05], n) for c in lengths])
        columns[:, 0] = scores.knots[:, 0]
        one_by_one = [scores.forward_column(k, c) for k, c in enumerate(columns)]
        np.testing.assert_array_equal(scores.forward(columns), one_by_one)
    none = NormalScores(np.zeros((0, 2)), np.zeros(0))
    assert none.forward(np.zeros((0, 5))).shape == (0, 5)


def test_what_is_constant_has_no_effect_later():
    """A flag that was 0 for all, or a number: another value tells nothing that was learnt."""
    columns = [np.zeros(500), np.full(500, 7.0), np.arange(500) % 2.0]
    transform = ConditionTransform.fit(columns)
    assert transform.flags == [False, False, True]
    found = transform([np.array([0.0, 1.0, 12.0]), np.array([-3.0, 7.0, 50.0]), np.ones(3)])
    assert (found[:, :2] == 0.0).all() and (found[:, 2] == 1.0).all()
