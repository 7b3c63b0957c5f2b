"""Adaptive bins tile the whole space, whatever the sample, and are filled evenly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like.statistics.adaptive_bins import MOST, SCHEMES, adaptive_bins


def columns(n, seed=1):
    rng = np.random.default_rng(seed)
    return {
        "p": rng.exponential(1e4, n),
        "eta": rng.uniform(2.0, 5.0, n),
        "n_spd_hits": rng.poisson(200, n).astype(float),
    }


@pytest.mark.parametrize("axes", SCHEMES, ids="-".join)
def test_boxes_cover_every_point_once(axes):
    bins = adaptive_bins(axes, columns(20_000))
    points = columns(2000, seed=2)
    points = {name: 3.0 * points[name] - points[name].mean() for name in axes}
    place = bins.place(points)
    low, high = bins.boxes[..., 0], bins.boxes[..., 1]
    point = np.stack([points[name] for name in axes], axis=1)[:, None]
    inside = ((point >= low) & (point < high)).all(axis=2)
    assert (inside.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(inside.argmax(axis=1), place)
    assert len(bins) <= MOST[len(axes)] ** len(axes)


def test_drawn_edges_are_those_of_the_sample():
    sample = columns(5000)
    bins = adaptive_bins(("p",), sample)
    edges = bins.edges
    assert len(edges) == len(bins) + 1 == MOST[1] + 1
    assert (edges[0], edges[-1]) == (sample["p"].min(), sample["p"].max())
    assert (np.diff(edges) > 0.0).all() and np.isfinite(bins.seen).all()
    np.testing.assert_array_equal(bins.boxes[1:, 0, 0], edges[1:-1])


def test_whole_weights_count_as_repetitions():
    sample = columns(4000)
    times = np.random.default_rng(3).integers(1, 4, 4000)
    repeated = {name: np.repeat(values, times) for name, values in sample.items()}
    one = adaptive_bins(("p",), sample, times, least=1.0)
    two = adaptive_bins(("p",), repeated, least=1.0)
    np.testing.assert_allclose(one.boxes, two.boxes, rtol=2e-3)


@pytest.mark.parametrize(("least", "most", "wanted"), [(1000, None, 5), (10, 7, 7), (9999, 9, 1)])
def test_population_and_number_are_bounded(least, most, wanted):
    bins = adaptive_bins(("p",), columns(5000), least=float(least), most=most)
    assert len(bins) == wanted


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 1)), min_size=1, max_size=60),
    st.floats(1.0, 20.0),
)
def test_any_numbers_make_bins_that_hold_them(values, least):
    x = np.array(values)
    bins = adaptive_bins(("x",), {"x": x}, least=least, most=10)
    assert bins.boxes[0, 0, 0] == -np.inf and bins.boxes[-1, 0, 1] == np.inf
    np.testing.assert_array_equal(bins.boxes[1:, 0, 0], bins.boxes[:-1, 0, 1])
    assert np.bincount(bins.place({"x": x}), minlength=len(bins)).min() >= 1
    assert (np.diff(bins.edges) > 0.0).all()
