"""Tables of the reports on objects: what stands where, and dashes for what is not there."""

from __future__ import annotations

import math
import re

import pytest

from lamarr_like.statistics.lines import LineDistance, Spread
from lamarr_like.statistics.mass_peak import Peak
from lamarr_like.statistics.two_sample import Auc
from lamarr_like.validation.objects.reports import EcalReport, MuonReport, PidReport
from lamarr_like.validation.objects.results import (
    DETAILED,
    FAST,
    FLOOR,
    Comparison,
    CutCurve,
    EventTest,
    LineResult,
    MuonResult,
    PeakResult,
    RatioResult,
    Share,
    SpectrumResult,
)

NAN = float("nan")


def tables(text):
    """Tables as lists of rows of cells; every row is as long as the head."""
    found = []
    for block in text.split("\n\n"):
        lines = [one for one in block.splitlines() if one.startswith("|")]
        if lines:
            rows = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines]
            assert {len(row) for row in rows} == {len(rows[0])}
            found.append([[cell.strip() for cell in row] for row in (rows[0], *rows[2:])])
    return found


def as_dicts(table):
    return [dict(zip(table[0], row, strict=True)) for row in table[1:]]


def ratio(bins, good):
    shares = Share(50, 100), Share(25, 100)
    return RatioResult("K", "pid_k", 0.5, 1.25, *shares, bins, good, 2.0)


def test_share_of_good_bins_counts_bins():
    report = PidReport((ratio(30, 1.0), ratio(10, 0.5)), (), ())
    assert report.good == pytest.approx(35 / 40)
    assert "All cuts: 87.5% of the bins are good." in report.markdown
    assert math.isnan(PidReport((), (), ()).good) and math.isnan(
        PidReport((ratio(0, 0),), (), ()).good
    )


def test_tables_of_identification():
    one = Comparison("pid_k > 0", "pi", Share(10, 1000), Share(40, 1000))
    none = Comparison("none | at all", "p", Share(0, 1000), Share(0, 1000))
    report = PidReport((ratio(4, 1.0),), (CutCurve("a", (0.0, 1.0), (), one),), (none,))
    ratios, curves, joint = map(as_dicts, tables(report.markdown))
    assert ratios[0]["quantile"] == "50%" and ratios[0]["cut"] == "1.25"
    assert (ratios[0]["detailed"], ratios[0]["fast"]) == ("0.5000", "0.2500")
    assert curves[0]["detailed"].startswith("0.01000 +- 0.00")
    assert curves[0]["ratio"].startswith("4.000 +- ") and curves[0]["good"] == "no"
    assert joint[0]["good"] == "yes" and joint[0]["joint cut"] == r"none \| at all"


def test_table_of_muons():
    distances = {FAST: LineDistance(5, 1.5, 0.25, 1.1), FLOOR: LineDistance(0, NAN, NAN, NAN)}
    result = MuonResult(
        species="pi", quantity="p", tracks=(100, 90), shares={DETAILED: 0.1, FAST: 0.2},
        lines={}, distances=distances,
    )  # fmt: skip
    (table,) = tables(MuonReport((result,)).markdown)
    assert table[1] == ["pi", "p", "100", "0.1", "0.2", "1.1", "0.25", "1.5", "-", "-", "-"]
    assert table[0][5:] == [
        *("fast: ratio", "largest", "chi2/bin"),
        *("floor: ratio", "largest", "chi2/bin"),
    ]


def test_tables_of_clusters():
    spreads = {
        "new": Spread((9, 8), (1.0, 2.0), 0.125, 0.5),
        FLOOR: Spread((9, 8), (1.0, 3.0), NAN, NAN),
    }
    distance = LineDistance(7, 1.5, 0.25, 1.1)
    peaks = {DETAILED: Peak(9, 0.5, 0.01, 135.0, 0.5, 9.0, 0.4), "new": Peak(9, *[NAN] * 6)}
    report = EcalReport(
        events=10,
        versions=("new",),
        spd_edges=(0.0, 1.0),
        tests=(EventTest("new", Auc(0.75, 0.02, 500), Auc(0.5, 0.02, 250)),),
        spectra=(SpectrumResult("energy", "all", (), {}, spreads),),
        peaks=(PeakResult("pi0", "all", peaks, (), {}),),
        lines=(LineResult("response", {}, {"new": distance, FLOOR: distance}),),
    )
    tests, spectra, peaks, lines = tables(report.markdown)
    assert tests[1] == ["new", "500", "0.75 +- 0.02", "0.5 +- 0.02"]
    assert spectra[0][3:] == ["new: mean", "KS", "W1/sigma", "floor: mean", "KS", "W1/sigma"]
    assert spectra[1] == ["energy", "all", "1", "2", "0.125", "0.5", "3", "-", "-"]
    assert peaks[1][2:] == [DETAILED, "0.5 +- 0.01", "135 +- 0.5", "9 +- 0.4"]
    assert peaks[2][2:] == ["new", "-", "-", "-"]
    assert lines[1] == ["response", "7", *["1.1", "0.25", "1.5"] * 2]
