"""Laws of shares in bins that hold for any sample: order, scale, exchange, what is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.statistics.influence import LEAST_UNITS, Cells, Rows, common_units, trials

N, BINS = 1200, 4


def side(seed, first=0):
    rng = np.random.default_rng(seed)
    place = rng.integers(0, BINS, N)
    rows = Rows(first + rng.permutation(N) // 3, rng.uniform(0.5, 2.0, N))
    return rows, place, rng.random(N) < 0.3 + 0.1 * place


@pytest.fixture(scope="module")
def both():
    return side(1), side(2, first=200)  # half of the events are common


def compared(one, two, **options):
    return Cells(one[0], two[0], (one[1], two[1]), BINS).compare(one[2], two[2], **options)


def test_samples_may_change_places(both):
    there, back = compared(*both), compared(*both[::-1])
    assert back.difference == pytest.approx(-there.difference)
    assert back.sigma == pytest.approx(there.sigma)
    assert back.ratio == pytest.approx(1.0 / there.ratio)
    assert back.chi2().value == pytest.approx(there.chi2().value)
    np.testing.assert_array_equal(back.n_fast, there.n_detailed)


def test_the_order_of_rows_does_not_matter(both):
    order = np.random.default_rng(3).permutation(N)
    (rows, place, passed), two = both
    mixed = Rows(rows.unit[order], rows.weight[order]), place[order], passed[order]
    one, other = compared(both[0], two), compared(mixed, two)
    for name, values in one._asdict().items():
        assert getattr(other, name) == pytest.approx(values), name


def test_names_of_events_do_not_matter(both):
    numbers = np.random.default_rng(4).permutation(10_000)
    renamed = [(Rows(numbers[r.unit], r.weight), b, p) for r, b, p in both]
    one, two = compared(*both), compared(*renamed)
    assert two.covariance == pytest.approx(one.covariance)
    assert two.n_units == one.n_units == 600


def test_common_events_are_taken_into_account(both):
    """A sample beside itself: only what differs in an event adds to the error."""
    one, _ = both
    flipped = one[2].copy()
    flipped[:40] ^= True
    shared = compared(one, (*one[:2], flipped))
    apart = compared(one, (Rows(one[0].unit + 10_000, one[0].weight), one[1], flipped))
    assert shared.difference == pytest.approx(apart.difference)
    assert (shared.sigma < 0.6 * apart.sigma).all()


def test_the_covariance_has_the_variances_on_its_diagonal(both):
    full = compared(*both)
    assert np.sqrt(np.diag(full.covariance)) == pytest.approx(full.sigma)
    assert np.linalg.eigvalsh(full.covariance).min() > 0.0
    alone = compared(*both, covariance=False)
    assert np.diag(alone.covariance) == pytest.approx(np.diag(full.covariance))
    assert np.count_nonzero(alone.covariance - np.diag(np.diag(alone.covariance))) == 0


def test_what_is_allowed_makes_p_larger(both):
    found = compared(*both)
    p = np.array([found.beyond(t) for t in (0.0, 0.01, 0.05, 1.0)])
    assert (np.diff(p, axis=0) >= 0.0).all() and (p[-1] == 1.0).all()
    each = found.beyond(np.where(np.arange(BINS) == 2, 1.0, 0.0))
    assert each[2] == 1.0 and each[[0, 1, 3]] == pytest.approx(p[0, [0, 1, 3]])


def test_bins_without_rows_tell_nothing(both):
    one, two = both
    found = Cells(one[0], two[0], (one[1], two[1]), BINS + 1).compare(one[2], two[2])
    assert np.isnan([found.detailed[-1], found.pull[-1], found.beyond()[-1]]).all()
    assert not found.judged[-1] and found.n_detailed[-1] == 0.0
    assert found.chi2().bins == BINS
    few = Rows(np.arange(5), np.ones(5)), np.zeros(5, np.int64), np.arange(5) < 2
    other = Rows(np.arange(5, 9), np.ones(4)), np.zeros(4, np.int64), np.arange(4) < 2
    little = compared(few, other)
    assert little.units[0] < LEAST_UNITS and not little.judged.any()
    assert little.chi2().bins == 0 and np.isnan(little.chi2().p)


def test_units_are_numbered_together():
    one, two, n = common_units(np.array([7, 7, 3]), np.array([9, 3]))
    assert (one.tolist(), two.tolist(), n) == ([1, 1, 0], [2, 0], 3)
    none = np.zeros(0, np.int64)
    assert common_units(none, none)[2] == 0


def test_trials_of_many():
    rng = np.random.default_rng(5)
    least = rng.random((2000, 20)).min(axis=1)
    p = np.array([trials(x, 20) for x in least])
    assert p.mean() == pytest.approx(0.5, abs=0.03) and p.std() == pytest.approx(0.289, abs=0.02)
    assert trials(0.3, 1) == pytest.approx(0.3) and trials(1.0, 5) == pytest.approx(1.0)


def test_common_units_are_found_anew_for_other_rows():
    one, two = np.array([5, 7, 5]), np.array([7, 9])
    for _ in range(2):
        first, second, n = common_units(one, two)
        assert (first.tolist(), second.tolist(), n) == ([0, 1, 0], [1, 2], 3)
    first, second, n = common_units(two, one)
    assert (first.tolist(), second.tolist(), n) == ([1, 2], [0, 1, 0], 3)
    first, second, n = common_units(one.copy(), np.array([5, 5]))
    assert (first.tolist(), second.tolist(), n) == ([0, 1, 0], [0, 0], 2)


@pytest.mark.parametrize("common", [False, True])
def test_a_small_sample_without_any_passing_row_is_not_significant(common):
    """Rare shares of a large and a small sample: the small one's own spread says nothing."""
    rng = np.random.default_rng(7)
    rows = [Rows(np.arange(n), np.ones(n)) for n in (4000, 300)]
    if not common:
        rows[1] = Rows(rows[1].unit + 4000, rows[1].weight)
    cells = Cells(*rows, tuple(np.zeros(len(r.unit), np.int64) for r in rows), 1)
    results = [cells.compare(*(rng.random(len(r.unit)) < 0.045 for r in rows)) for _ in range(800)]
    pulls, p = np.array([(r.pull[0], r.beyond()[0]) for r in results]).T
    assert np.isfinite(pulls).mean() > 0.9
    assert np.nanstd(pulls) == pytest.approx(1.0, abs=0.1)
    assert (p < 0.003).sum() <= 8
    none = cells.compare(np.arange(4000) % 25 == 0, np.zeros(300, bool))
    assert none.sigma[0] > 0.01 and none.pull[0] > -4.0
