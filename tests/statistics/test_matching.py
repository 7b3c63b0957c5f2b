"""Weights that give one sample the population of another, and statistics that take them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lamarr_like.statistics import binned, matching


def test_in_bin_weights_move_values_to_the_neighbours_slope():
    values = np.random.default_rng(1).uniform(0, 3, 30000)
    edges, totals = np.arange(4.0), np.array([1.0, 3.0, 9.0])
    w = matching.in_bin_weights(values, edges, totals)
    for i in range(3):
        inside = (values >= i) & (values < i + 1)
        assert w[inside].mean() == pytest.approx(1.0, abs=1e-9)
        assert np.average(values[inside], weights=w[inside]) > i + 0.52
    outside = matching.in_bin_weights(np.array([-1.0, 5.0]), edges, totals)
    assert outside.tolist() == [0.0, 0.0]
    nothing = matching.in_bin_weights(np.array([0.5]), edges, np.zeros(3))
    assert nothing.tolist() == [1.0]


def test_cell_weights_give_the_population_of_the_reference():
    cells = np.repeat([0, 1, 2, -1], [50, 200, 3, 10])
    w = matching.cell_weights(cells, np.array([10.0, 30.0, 60.0]))
    assert [w[cells == k].sum() for k in (0, 1, 2, -1)] == pytest.approx([10.0, 30.0, 0.0, 0.0])


def test_weighted_statistics():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0, 1, 20000), rng.normal(50, 1, 5000)])
    w = np.repeat([1.0, 0.0], [20000, 5000])
    assert binned.weighted_width(values, w)[0] == pytest.approx(1.0, abs=0.03)
    median, error = binned.weighted_median(values, w)
    assert abs(median) < 4 * error < 0.05
    assert binned.weighted_share(np.array([1.0, 0.0] * 50), np.ones(100))[0] == pytest.approx(0.5)
    assert binned.effective(w) == pytest.approx(20000)
    few = (binned.weighted_width, binned.weighted_median, binned.weighted_share)
    assert all(math.isnan(f(np.ones(3), np.ones(3))[0]) for f in few)
    assert np.isnan(binned.weighted_quantiles(values, 0 * w, np.array([0.5]))).all()


def test_cells_count_through_all_axes():
    columns = {"p": np.array([1.0, 2.0, 9.0, 1.0]), "eta": np.array([2.5, 3.5, 2.5, 4.5])}
    found = matching.cells(columns, (("p", (0.0, 2.0, 4.0)), ("eta", (2.0, 3.0, 4.0))))
    assert found.tolist() == [0, 3, -1, -1]


def _particles(rng, n, scale):
    eta = rng.uniform(2.0, 5.0, n)
    passed = rng.uniform(size=n) < 0.1 * eta
    p = rng.exponential(scale, n)
    return {
        "pdg": rng.choice([211, 321, 11], n),
        "p": p,
        "eta": eta,
        "passed": passed.astype(float),
    }


def test_matched_samples_have_one_population():
    """A hard and a soft sample with one law agree after the weights, not before."""
    rng = np.random.default_rng(5)
    ours, reference = _particles(rng, 60_000, 1.0), _particles(rng, 60_000, 2.0)
    for columns, slope in ((ours, -1.0), (reference, -1.0)):
        columns["loss"] = slope * columns["p"] + rng.normal(size=len(columns["p"]))
    axes = (("p", np.linspace(0.0, 4.0, 41)), ("eta", np.array([2.0, 3.5, 5.0])))
    pair = matching.Matched(ours, reference, (211, 321), *axes)
    assert all(np.isin(columns["pdg"], (211, 321)).all() for columns in pair.both)
    assert pair.weights[0].sum() == pytest.approx(pair.weights[1].sum())
    assert pair.n == (pair.weights[0] > 0).sum()
    assert 0.95 < pair.share <= 1.0
    means = [np.average(c["loss"], weights=w) for c, w in zip(pair.both, pair.weights, strict=True)]
    assert means[0] == pytest.approx(means[1], abs=0.03)
    assert abs(ours["loss"].mean() - reference["loss"].mean()) > 0.5
    shares = pair.against("eta", np.array([2.0, 3.5, 5.0]), "passed", binned.weighted_share)
    assert (np.abs(shares[0] - shares[2]) < 5 * np.hypot(shares[1], shares[3])).all()
    assert shares[0] == pytest.approx([0.275, 0.425], abs=0.02)


def test_balanced_samples_have_equal_cells():
    rng = np.random.default_rng(6)
    weights = [rng.uniform(0.5, 2.0, n) for n in (300, 200)]
    cells = [rng.integers(0, 4, n) for n in (300, 200)]
    cells[1][cells[1] == 3] = 0  # one sample has none of them
    one, two = (
        np.bincount(c, w, 4)
        for c, w in zip(cells, matching.balanced(weights, cells, 4), strict=True)
    )
    assert one == pytest.approx(two) and (one[:3] > 0.0).all() and one[3] == 0.0


def test_whole_units_are_taken_the_same_of_two_samples():
    unit = np.repeat(np.arange(50), np.random.default_rng(7).integers(0, 9, 50))
    one = {"unit": unit, "x": np.arange(len(unit))}
    two = {"unit": np.repeat(np.arange(50), 4), "x": np.arange(200)}
    found = matching.some_units(one, 100, 3)
    assert 80 < len(found["unit"]) <= 100
    kept = np.unique(found["unit"])
    assert found["x"].tolist() == np.flatnonzero(np.isin(unit, kept)).tolist()
    # The order of the units is the same, whatever stands in them.
    other = np.unique(matching.some_units(two, 100, 3)["unit"])
    small, large = sorted((set(kept), set(other)), key=len)
    assert len(small & large) > 0.8 * len(small & set(unit))
    assert matching.some_units(one, len(unit), 3) is one
    assert np.unique(matching.some_units(one, 100, 4)["unit"]).tolist() != kept.tolist()
