"""Curves and histograms as data: errors, edges, panels, and where panels are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.statistics.binned import curve, share_of
from lamarr_like.validation.series import STYLES, of_curve, panels_of, series

LABELS = ("panel", "x", "y")
EDGES = np.array([0.0, 1.0, 3.0])


def test_edges_may_be_one_list_or_two():
    one = series(LABELS, EDGES, np.ones(2))
    two = series(LABELS, (EDGES[:-1], EDGES[1:]), np.ones(2))
    for found in (one, two):
        assert found.low.tolist() == [0.0, 1.0] and found.high.tolist() == [1.0, 3.0]
    points = series(LABELS, (EDGES, EDGES), np.ones(3))
    assert (points.low == points.high).all()  # what has no width


def test_what_is_not_given_is_nothing():
    found = series(LABELS, EDGES, np.ones(2))
    assert found.error.tolist() == [0.0, 0.0]
    assert found.reference.shape == found.reference_error.shape == (0,)
    assert np.isnan(found.top) and not found.log_x and found.style in STYLES
    beside = series(LABELS, EDGES, np.ones(2), reference=2.0 * np.ones(2), beside="data")
    assert beside.reference_error.tolist() == [0.0, 0.0] and beside.beside == "data"


def test_labels_are_panel_and_axes():
    found = series(("title", "P [GeV]", "share"), EDGES, np.ones(2), name="ours", top=1.05)
    assert (found.panel, found.x, found.y) == ("title", "P [GeV]", "share")
    assert (found.name, found.top) == ("ours", 1.05)


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_curves_keep_their_values_and_scale_their_edges(scale):
    by = np.repeat([500.0, 1500.0, 2500.0], [40, 60, 30])
    passed = np.arange(130) % 3 == 0
    told = curve(passed, by, (0.0, 1e3, 2e3, 3e3), share_of)
    found = of_curve(LABELS, told, told.y, told.error, scale=scale, style="points")
    np.testing.assert_allclose(found.low, told.low * scale)
    np.testing.assert_allclose(found.high, told.high * scale)
    np.testing.assert_array_equal(found.ours, told.y)
    np.testing.assert_array_equal(found.reference, found.ours)
    np.testing.assert_array_equal(found.reference_error, found.error)
    assert of_curve(LABELS, told, told.y).reference_error.tolist() == [0.0] * 3


def test_panels_stand_in_the_order_in_which_they_are_named():
    names = ("b", "a", "b", "c", "a")
    shown = [series((n, "x", "y"), EDGES, np.full(2, k)) for k, n in enumerate(names)]
    found = panels_of(shown)
    assert [[int(s.ours[0]) for s in panel] for panel in found] == [[0, 2], [1, 4], [3]]
    assert panels_of([]) == []


def test_panels_are_drawn_with_all_that_is_in_them():
    pytest.importorskip("matplotlib")
    from lamarr_like.files.sheets import style
    from lamarr_like.validation.series import series_sheet

    ones = np.ones(2)
    look = {"name": "ours", "beside": "data"}
    shown = [
        series(("first", "x", "y"), EDGES, ones, 0.1 * ones, 0.9 * ones, 0.1 * ones, **look),
        series(("first", "x", "y"), EDGES, 0.5 * ones, name="more", style="curve"),
        series(("second", "x", "y"), EDGES, ones, reference=ones, style="steps", **look),
        series(("second", "x", "y"), EDGES, ones, name="expected", style="line"),
        series(("third", "p", "y"), np.array([1.0, 10.0, 100.0]), np.array([1.0, np.nan]),
               ones, log_x=True, top=2.0),
        series(("fourth", "x", "y"), (EDGES, EDGES), np.arange(3.0), style="dots"),
    ]  # fmt: skip
    with style():
        sheet = series_sheet("A title that is rather long " * 8, panels_of(shown), columns=3)
        sheet.draw_without_rendering()
    axes = sheet.axes
    assert [ax.get_title() for ax in axes] == ["first", "second", "third", "fourth"]
    legends = [
        {t.get_text() for t in ax.get_legend().get_texts()} if ax.get_legend() else set()
        for ax in axes
    ]
    assert legends == [{"ours", "data", "more"}, {"ours", "data", "expected"}, set(), set()]
    assert axes[2].get_xscale() == "log" and axes[2].get_ylim() == (0.0, 2.0)
    assert [ax.get_xlabel() for ax in axes] == ["x", "x", "p", "x"]
    assert "\n" in sheet.get_suptitle()
