"""Figures of widths, curves, masses and pages show the numbers that they are given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report_samples import samples, small_report

from lamarr_like.statistics.mass_peak import Peak
from lamarr_like.validation.report.draw_physics import physics_drawings
from lamarr_like.validation.report.physics import MassPeak, PidCurve, physics

pytest.importorskip("matplotlib")


def named(**changes):
    report = small_report()
    shown = replace(report, physics=replace(report.physics, **changes))
    return {d.name: d for d in physics_drawings(shown)}


def test_nothing_is_drawn_of_nothing():
    nothing = dict.fromkeys(("impact", "vertices", "curves", "pages", "peaks"), ())
    found = named(**nothing)
    assert all(name.startswith(("pulls-", "resolution-")) for name in found)
    assert {d.section for d in found.values()} <= {"physics"}


def test_a_curve_is_efficiency_against_misidentification():
    both = np.array([[0.9, 0.5], [0.8, 0.4]])
    curve = PidCurve("K beside pi", np.arange(2.0), both, np.array([[0.1, 0.0], [0.2, 0.01]]),
                     np.array([[500.0, 600.0], [700.0, 800.0]]))  # fmt: skip
    (axes,) = named(curves=(curve,))["pid-curves"].draw().axes
    assert [line.get_xdata().tolist() for line in axes.lines] == both.tolist()
    assert axes.lines[0].get_ydata().tolist() == [0.1, 1e-5] and axes.get_yscale() == "log"
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [
        *("detailed: 500, 600", "fast: 700, 800")
    ]


def test_a_peak_that_was_not_found_is_told():
    found, none = Peak(90, 0.5, 0.1, 135.25, 0.5, 9.0, 1.0), Peak(3, *[float("nan")] * 6)
    peak = MassPeak("pi0", np.arange(3.0), np.ones((2, 2)), found, none, (10, 20))
    (axes,) = named(peaks=(peak,))["masses"].draw().axes
    assert axes.get_title() == "pi0: 135.2 +- 0.5 MeV; no peak found"
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [
        *("detailed, 10 events", "fast, 20 events")
    ]


def test_boxes_of_a_page_are_normalised_and_counted():
    page = physics(*samples(600), species=("pi",)).pages[0]
    drawing = named(pages=(page,))[f"page-pi-{page.variable}"]
    assert drawing.section == "pages" and f"{page.counts[0].sum():.0f} detailed" in drawing.caption
    sheet = drawing.draw()
    assert len(sheet.axes) == len(page.bins)
    for i, axes in enumerate(sheet.axes):
        n = page.counts[:, i].sum(axis=1)
        assert axes.get_title().endswith(f"{n[0]:.0f} detailed, {n[1]:.0f} fast")
        for patch in axes.patches:
            assert patch.get_data().values.sum() == pytest.approx(1.0)
