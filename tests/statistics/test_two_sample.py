from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.errors import SchemaError
from lamarr_like.statistics.two_sample import (
    _parts,
    c2st,
    cross_fit,
    feature_names,
    features,
    weighted_auc,
)


def sample(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    c = rng.normal(size=n)
    return {"y": c + rng.normal(size=n) + shift}, {"c": c}


def test_two_halves_of_one_sample_cannot_be_told_apart():
    (y, c), (z, d) = sample(6000, 1), sample(6000, 2)
    auc = c2st(y, z, c, d, folds=3, trees=30)
    assert abs(auc.value - 0.5) < 4 * auc.error
    assert 0.002 < auc.error < 0.01
    assert auc.rows == 6000


def test_wrong_dependence_on_a_condition_is_seen():
    y, c = sample(6000, 1)
    fake = {"y": np.random.default_rng(3).permutation(y["y"])}
    assert c2st(y, fake, c, folds=2, trees=30).value > 0.7


def test_weights_can_make_samples_equal():
    (y, c), (z, d) = sample(8000, 1), sample(8000, 2, shift=0.5)
    x = z["y"] - d["c"]
    weights = np.exp(-0.5 * x**2 + 0.5 * (x - 0.5) ** 2)
    plain = c2st(y, z, c, d, folds=2, trees=30).value
    weighted = c2st(y, z, c, d, fake_weights=weights, folds=2, trees=30)
    assert plain > 0.6
    assert abs(weighted.value - 0.5) < 0.02


def test_smeared_equalities_are_seen_only_with_flags():
    rng = np.random.default_rng(4)
    a = rng.normal(size=8000)
    real = {"a": a, "b": a.copy()}
    fake = {"a": a, "b": a + 1e-5 * rng.normal(size=8000)}
    none: dict[str, np.ndarray] = {}
    assert c2st(real, fake, none, folds=2, trees=10).value < 0.6
    assert c2st(real, fake, none, folds=2, trees=10, equalities=True).value > 0.99


def test_features_are_counted():
    y = {k: np.zeros(3) for k in "abc"}
    c = {"d": np.ones(3)}
    assert features(y, c).shape == (3, 4)
    assert features(y, c, differences=True).shape == (3, 7)
    assert features(y, c, differences=True, equalities=True).shape == (3, 13)
    names = feature_names("abc", "d", differences=True, equalities=True)
    assert len(set(names)) == 13 and names[4:] == [
        *("b - a", "c - a", "c - b", "b = a", "c = a", "c = b", "a = 0", "b = 0", "c = 0")
    ]


def test_auc_agrees_with_the_definition():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 9, 300) / 9, rng.integers(0, 7, 200) / 9
    w, v = rng.random(300), rng.random(200)
    exact = ((a[:, None] > b) + 0.5 * (a[:, None] == b)) * w[:, None] * v
    auc, error = weighted_auc(a, b, w, v)
    assert auc == pytest.approx(exact.sum() / (w.sum() * v.sum()))
    assert 0.01 < error < 0.05


def test_auc_error_covers():
    rng = np.random.default_rng(6)
    pulls = []
    for _ in range(200):
        a, b = rng.normal(0.3, 1, 400), rng.normal(0, 1, 300)
        auc, error = weighted_auc(a, b, np.ones(400), np.ones(300))
        pulls.append((auc - 0.58399) / error)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.15)
    assert abs(np.mean(pulls)) < 0.25


def test_different_variables_are_an_error():
    y, c = sample(10, 1)
    with pytest.raises(SchemaError, match="compares y with z"):
        c2st(y, {"z": y["y"]}, c)


def test_rows_of_one_event_are_judged_together():
    """Conditions common to an event must not give the sample away."""
    rng = np.random.default_rng(5)
    event = np.repeat(np.arange(800), 20)
    vertex = rng.normal(size=800)[event]
    sample = {"x": rng.normal(size=len(event))}
    odd = event % 2 == 1
    one, two = ({"x": sample["x"][m]} for m in (~odd, odd))
    conditions = [{"vertex": vertex[m]} for m in (~odd, odd)]
    leaking = c2st(one, two, *conditions, folds=2, trees=100)
    grouped = c2st(
        one, two, *conditions, groups=event[~odd], fake_groups=event[odd], folds=2, trees=100
    )
    assert leaking.value > 0.6
    # A cross fit of a finite number of events errs downwards: where one sample is more frequent in
    # the trees' part, the other is in the part that is judged.
    assert grouped.value < 0.52


# --- laws of the area


def scores(seed=7, n=200, m=150):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0.4, 1.0, n).round(1),
        rng.normal(size=m).round(1),
        rng.random(n),
        rng.random(m),
    )


def test_samples_that_change_places_mirror_the_area():
    a, b, w, v = scores()
    (there, error), (back, same) = weighted_auc(a, b, w, v), weighted_auc(b, a, v, w)
    assert there + back == pytest.approx(1.0) and error == pytest.approx(same)


def test_only_the_order_of_the_scores_matters():
    a, b, w, v = scores()
    expected = weighted_auc(a, b, w, v)
    for change in (np.exp, np.arctan, lambda x: 3.0 * x - 7.0):
        assert weighted_auc(change(a), change(b), w, v) == pytest.approx(expected)
    assert weighted_auc(-a, -b, w, v)[0] == pytest.approx(1.0 - expected[0])


def test_weights_have_no_scale_and_count_as_repetitions():
    a, b, w, v = scores()
    assert weighted_auc(a, b, 9.0 * w, 0.1 * v) == pytest.approx(weighted_auc(a, b, w, v))
    times = np.random.default_rng(8).integers(0, 4, len(a))
    one = weighted_auc(a, b, times.astype(float), np.ones(len(b)))[0]
    repeated = np.repeat(a, times)
    assert one == pytest.approx(
        weighted_auc(repeated, b, np.ones(len(repeated)), np.ones(len(b)))[0]
    )


def test_signed_weights_take_a_part_away():
    a, b, w, v = scores()
    more = np.concatenate([a, b, b])
    signed = np.concatenate([w, v, -v])
    assert weighted_auc(more, b, signed, v)[0] == pytest.approx(weighted_auc(a, b, w, v)[0])


def test_the_ends_of_the_area():
    one = np.ones(5)
    assert weighted_auc(2.0 * one, one, one, one) == (1.0, 0.0)
    assert weighted_auc(one, 2.0 * one, one, one) == (0.0, 0.0)
    assert weighted_auc(one, one, one, one) == (0.5, 0.0)  # all are ties


# --- folds


def test_groups_are_never_parted_and_folds_are_of_one_size():
    groups = np.repeat(np.arange(90), np.random.default_rng(9).integers(1, 7, 90)) * 13 - 5
    part = _parts(len(groups), groups, 3, np.random.default_rng(1))
    assert all(len(set(part[groups == g])) == 1 for g in np.unique(groups))
    first = np.unique(groups, return_index=True)[1]
    assert np.bincount(part[first]).tolist() == [30, 30, 30]
    alone = _parts(10, None, 5, np.random.default_rng(1))
    assert np.bincount(alone).tolist() == [2] * 5


def test_every_row_is_judged_once_by_trees_that_have_not_seen_its_fold():
    """What only one fold holds cannot help to judge it."""
    rng = np.random.default_rng(10)
    x, y = (rng.normal(size=(600, 2)).astype(np.float32) for _ in range(2))
    part = np.arange(600) % 3
    x[part == 0, 0] += 5.0  # told apart in the first fold only, where trees never saw it
    one = np.ones(600)
    fit = cross_fit((x, one, part), (y, one, part), trees=15, depth=2, folds=3, threads=1, seed=1)
    assert all(((s > 0.0) & (s < 1.0)).all() for s in fit.scores)
    assert fit.gain.shape == (2,) and fit.gain[0] > fit.gain[1]
    assert fit.auc.rows == 600
    again = cross_fit((x, one, part), (y, one, part), trees=15, depth=2, folds=3, threads=1, seed=1)
    np.testing.assert_array_equal(again.scores[0], fit.scores[0])
    # A fold that one sample lacks is not judged.
    missing = np.where(part == 2, 1, part)
    two = cross_fit((x, one, missing), (y, one, part), trees=3, depth=2, folds=3, threads=1, seed=1)
    assert 0.0 < two.auc.value < 1.0
