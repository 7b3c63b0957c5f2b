"""Training samples: what is fitted to them, what is held out, what is refused."""

import io

import numpy as np
import pytest

from lamarr_like.errors import TrainingError
from lamarr_like.nets import sample
from lamarr_like.nets.sample import VectorRows, prepare_generator_sample


def rows(n=4000, seed=1, **changes):
    """A number, a copy of it in a third of the rows, and a count; one condition and one flag."""
    rng = np.random.default_rng(seed)
    a = rng.exponential(3.0, n)
    b = np.where(rng.random(n) < 0.33, a, rng.normal(size=n))
    made = {
        "conditions": {"c": rng.normal(size=n), "flag": (rng.random(n) < 0.5) * 1.0},
        "targets": {"a": a, "b": b, "count": rng.poisson(5.0, n)},
        "integers": frozenset({"count"}),
    }
    return VectorRows(**{**made, **changes})


def test_scores_are_undone_where_outputs_are_free():
    given = rows()
    found = prepare_generator_sample(given, knots=500, seed=1)
    assert found.x.shape == (4000, 2) and found.integer.tolist() == [False, False, True]
    values = found.scores.inverse(found.y.astype(np.float64))
    found.atoms.impose(values, found.atom)
    np.testing.assert_allclose(values[:, 0], given.targets["a"], rtol=0.03, atol=0.01)
    same = given.targets["a"] == given.targets["b"]
    np.testing.assert_array_equal(values[same, 1], values[same, 0])
    assert (found.y[same, 1] == 0).all() and (found.y[~same, 1] != 0).all()
    np.testing.assert_array_equal(np.rint(values[:, 2]), given.targets["count"])
    assert found.weights.mean() == pytest.approx(1.0)


def test_rows_are_held_out_once_and_repeatably():
    held = sample.split(1000, 0.1, seed=3)
    assert held.sum() == 100 and (held == sample.split(1000, 0.1, seed=3)).all()
    assert (held != sample.split(1000, 0.1, seed=4)).any()
    assert sample.split(1000, 0.5, seed=3, most=7).sum() == 7


def test_purposes_have_numbers_of_their_own():
    one, two = (sample.stream(1, name).random(5).tolist() for name in ("order", "noise"))
    assert one != two and one == sample.stream(1, "order").random(5).tolist()


def test_digests_see_names_values_and_types():
    table = {"a": np.arange(3), "b": np.zeros(3)}
    digests = {
        sample.data_digest(t)
        for t in (table, {"a": np.arange(3)}, {**table, "b": np.ones(3)},
                  {**table, "a": np.arange(3.0)}, {"x": np.arange(3), "b": np.zeros(3)})
    }  # fmt: skip
    assert len(digests) == 5 and sample.data_digest(dict(table)) in digests


def test_archives_are_read_without_pickles():
    with np.load(io.BytesIO(sample.archive({"a": np.arange(3)})), allow_pickle=False) as found:
        assert found["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conditions": {}}, "at least one condition"),
        ({"targets": {}}, "at least one condition and one target"),
        ({"conditions": {"c": np.full(4000, np.nan)}}, "condition 'c' is nan in row 0"),
        ({"conditions": {"c": np.zeros(3)}}, r"condition 'c' has shape \(3,\)"),
        ({"weights": np.zeros(4000)}, "nothing positive"),
        ({"weights": np.ones(7)}, "'weight' has shape"),
        ({"targets": {"a": np.zeros(9)}}, "9 rows are too few"),
    ],
)
def test_samples_that_cannot_be_used(changes, message):
    with pytest.raises(TrainingError, match=message):
        prepare_generator_sample(rows(**changes), knots=100, seed=1)
