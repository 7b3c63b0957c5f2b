"""Which figures a report has, and that they show the numbers of its tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_samples import small_report

from lamarr_like.validation.report.draw import MAIN, drawings

pytest.importorskip("matplotlib")


def named(report, **options):
    found = list(drawings(report, **options))
    assert len({d.name for d in found}) == len(found)
    return {d.name: d for d in found}


def test_the_main_figures_and_the_worst_are_drawn():
    report = small_report()
    few, every = named(report), named(report, every=True)
    assert set(few) <= set(every)
    ratios = report.whole.ratios
    assert {
        f"ratio-{s}-{v}" for s, v in MAIN if any(r.species == s and r.variable == v for r in ratios)
    } <= set(few)
    keys = {(r.species, r.variable if r.group == "identification" else r.group) for r in ratios}
    assert {n for n in every if n.startswith("ratio-")} == {f"ratio-{s}-{v}" for s, v in keys}
    bare = named(replace(report, tellings=()))
    assert set(few) - set(bare) == {"classifier", "classifier-features"}


def test_sections_and_captions():
    report = small_report()
    few = named(report)
    assert few["ratio-K-pid_k"].section == "identification"
    step = next(r for r in report.whole.ratios if r.group != "identification")
    drawing = few[f"ratio-{step.species}-{step.group}"]
    assert drawing.section == "tracking"
    assert (
        f"{step.whole.n_detailed[0]:.0f} detailed and {step.whole.n_fast[0]:.0f}" in drawing.caption
    )


def test_correlations_stand_on_their_sides_of_the_diagonal():
    report = small_report()
    one = next(c for c in report.whole.correlations if c.species == "pi")
    one = replace(one, detailed=0.5, fast=0.3)
    sheet = named(replace(report, whole=replace(report.whole, correlations=(one,))))[
        "correlations-pi"
    ].draw()
    texts = {t.get_position(): t.get_text() for t in sheet.axes[0].texts}
    assert texts == {(1, 0): "50", (0, 1): "-20"}


def test_areas_of_the_classifier_are_those_of_the_tables():
    report = small_report()
    sheet = named(report)["classifier"].draw()
    lines = {c.get_label(): c.lines[0] for c in sheet.axes[0].containers}
    assert lines["fast beside detailed"].get_xdata() == pytest.approx(
        [t.auc.value for t in report.tellings]
    )
    assert lines["two halves of detailed"].get_xdata() == pytest.approx(
        [t.floor.value for t in report.tellings]
    )
