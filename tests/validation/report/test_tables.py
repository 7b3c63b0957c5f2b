"""Tables of the page and the panels beside them: what is not there is a dash, not a number."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from report_samples import small_report

from lamarr_like.statistics.adaptive_bins import Bins
from lamarr_like.statistics.binned_shares import Binned
from lamarr_like.statistics.influence import Cells, Chi2, Rows
from lamarr_like.validation.page import verdict_table
from lamarr_like.validation.report import tables
from lamarr_like.validation.report.canvas import chi2_text, of_shares, of_width, storeys
from lamarr_like.validation.report.distributions import Width


@pytest.fixture(scope="module")
def report():
    return small_report()


def every(report):
    return [
        *(verdict_table(report.verdict), tables.ratios(report, False), tables.ratios(report, True)),
        *(*tables.distances(report), *tables.tellings(report), *tables.decay_tables(report)),
    ]


def test_rows_fit_their_heads_and_hold_no_nan(report):
    found = every(report)
    assert sum(bool(t.rows) for t in found) >= 8
    for table in found:
        for row in table.rows:
            assert len(row) == len(table.head)
            assert not {"nan", "inf", "None"} & set(row)
            assert not any("{" in cell for cell in row)


def test_floor_stands_beside_the_whole(report):
    table = tables.distances(report)[0]
    at = [i for i, head in enumerate(table.head) if head == "floor"]
    assert [table.head[i - 1] for i in at] == ["p", "W"]
    first = report.whole.distances[0]
    other = next(d for d in report.floor.distances if d.variable == first.variable)
    assert [table.rows[0][i] for i in at] == [f"{other.ks:.4f}", f"{other.wasserstein:.4f}"]
    bare = tables.distances(replace(report, floor=None))[0]
    assert {row[i] for row in bare.rows for i in at} == {"-"}
    same = [[c for i, c in enumerate(row) if i not in at] for row in bare.rows]
    assert same == [[c for i, c in enumerate(row) if i not in at] for row in table.rows]


def test_cuts_and_steps_are_told_once_each(report):
    steps, cuts = (tables.ratios(report, kind) for kind in (False, True))
    assert len(steps.rows) + len(cuts.rows) == len(report.whole.ratios)
    assert {row[2] for row in steps.rows} == {"step"}
    # Three cuts on a variable of a species, each with a floor of its own.
    mine = [row for row in cuts.rows if row[0] == "K" and row[1].startswith("RichDLLk")]
    assert len(mine) == 3 and len({row[8] for row in mine}) == 3
    assert all(re.fullmatch(r"[\d.]+ / \d+", row[8]) for row in mine)


def test_needed_checks_have_a_star(report):
    rows = verdict_table(report.verdict).rows
    stars = {(r[0], r[1].removesuffix(" *")) for r in rows if r[1].endswith(" *")}
    assert stars == {(c.group, c.subject) for c in report.verdict.checks if c.needed}


def binned(passed):
    """Detailed tracks that all pass and fast ones of which some do, in two bins of momentum."""
    seen = np.array([[[2e3, 1e4]], [[1e4, 1e5]]])
    place = np.arange(80) % 2
    rows = Rows(np.arange(80), np.ones(80)), Rows(np.arange(80, 160), np.ones(80))
    shares = Cells(*rows, (place, place), 2).compare(np.ones(80, bool), passed)
    return Binned(Bins(("p",), seen, seen), shares, shares.chi2())


def test_points_of_shares():
    above, below = of_shares(binned(np.arange(80) % 4 < 2))
    assert (above.low.tolist(), above.high.tolist()) == ([2.0, 10.0], [10.0, 100.0])  # GeV
    assert above.reference.tolist() == [1.0, 1.0] and above.ours.tolist() == [0.5, 0.5]
    assert (above.reference_error > 0.0).all() and (above.reference_error < above.error).all()
    assert below.ours.tolist() == [0.5, 0.5] and above.log_x and below.log_x
    assert chi2_text(Chi2(0.0, 0, float("nan"))) == "too few to judge"


def test_storeys_show_all_points_without_nan():
    pytest.importorskip("matplotlib")
    from lamarr_like.files.sheets import new_sheet

    for passed in (np.arange(80) % 4 < 2, np.zeros(80, bool)):
        shown = of_shares(binned(passed))
        sheet = new_sheet(1, 1)
        storeys(sheet, shown, "efficiency", "cut")
        upper, lower = sheet.axes
        assert upper.get_ylim()[1] > 1.0 and upper.get_ylim()[0] == 0.0
        low, high = lower.get_ylim()
        assert 0.0 <= low < 1.0 < high <= 2.0
        assert low + high == pytest.approx(2.0)
        assert upper.get_xscale() == "log"


def test_widths_of_which_no_bin_is_known_are_drawn():
    pytest.importorskip("matplotlib")
    from lamarr_like.files.sheets import new_sheet

    known_of_all = np.array([1.0, np.nan, np.nan])
    width = Width(
        "K", "dp", "p", np.array([1e3, 1e4, 1e5]), np.full(3, 1400.0), *[known_of_all] * 6
    )
    sheet = new_sheet(1, 1)
    storeys(sheet, of_width(width), "width")
    sheet.canvas.draw()  # numbers of an empty logarithmic axis are an error of matplotlib
    for axes in sheet.axes:
        low, high = axes.get_xlim()
        assert 0.5 < low < 1.0 and 100.0 < high < 200.0  # GeV
