"""Several draws of one generated event: their numbers, weights and errors."""

import numpy as np
import pytest
from chain_fakes import fake_stages, truth_events

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import SchemaError
from lamarr_like.runs.oversampling import grouped_histogram, oversampled


def test_copies_share_the_truth_and_nothing_else():
    batch = truth_events(5)
    many = oversampled(batch, 3)
    assert len(many) == 15 and len(np.unique(many.event["event_id"])) == 15
    assert (many.event["group_id"] == np.repeat(batch.event["event_id"], 3)).all()
    assert many.event["mc_weight"].sum() == pytest.approx(5.0)
    for k in range(15):
        one, other = many.events(k, k + 1), batch.events(k // 3, k // 3 + 1)
        for name in ("particle", "vertex"):
            for column, values in other[name].columns.items():
                assert (one[name][column] == values).all()
    chain = Pipeline(fake_stages())
    drawn = chain(many, seed=1)
    first, second = (drawn.events(k, k + 1).track for k in (0, 1))
    assert len(first) != len(second) or (first["p"] != second["p"]).any()
    # Where the copies are cut does not matter.
    again = chain(oversampled(batch.events(2, 4), 3), seed=1)
    assert (again.track["p"] == drawn.events(6, 12).track["p"]).all()


def test_one_draw_changes_only_the_group():
    batch = truth_events(3)
    same = oversampled(batch, 1)
    assert (same.event["event_id"] == batch.event["event_id"]).all()
    assert (same.event["group_id"] == batch.event["event_id"]).all()
    assert not len(oversampled(batch.events(0, 0), 4))


@pytest.mark.parametrize("draws", [0, -1, 1001])
def test_impossible_numbers_of_draws(draws):
    with pytest.raises(SchemaError, match="draws of each event"):
        oversampled(truth_events(1), draws)


def test_errors_of_grouped_rows_are_those_of_repeated_experiments():
    """Pulls of a bin are normal with groups as units, far too wide with rows as units."""
    rng = np.random.default_rng(3)
    edges = np.array([-1.0, 0.0, 1.0])
    grouped, plain = [], []
    for _ in range(300):
        n, draws = rng.poisson(200), 8  # as many events as there happen to be
        truth = rng.normal(0.0, 1.0, n)
        group = np.repeat(np.arange(n), draws)
        x = np.repeat(truth, draws) + rng.normal(0.0, 0.3, n * draws)
        found = grouped_histogram(x, group, edges, np.full(n * draws, 1.0 / draws))
        expected = 200 * 0.3309  # of a normal law of width sqrt(1.09) between 0 and 1
        grouped.append((found.values[1] - expected) / found.errors[1])
        plain.append((found.values[1] - expected) / np.sqrt(((x > 0) & (x < 1)).sum()) * draws)
    assert abs(np.mean(grouped)) < 0.2
    assert 0.8 < np.std(grouped) < 1.2
    assert np.std(plain) > 1.8 * np.std(grouped)


def test_histogram_counts_every_row_once():
    rng = np.random.default_rng(5)
    x = rng.uniform(0.0, 1.0, 1000)
    edges = np.linspace(0.0, 1.0, 11)
    found = grouped_histogram(x, np.arange(1000), edges)
    assert (found.values == np.histogram(x, edges)[0]).all()
    assert found.errors == pytest.approx(np.sqrt(found.values))
    empty = grouped_histogram(np.zeros(0), np.zeros(0), edges)
    assert not empty.values.any() and not empty.errors.any()
    with pytest.raises(SchemaError, match="shapes differ"):
        grouped_histogram(x, np.zeros(3), edges)
