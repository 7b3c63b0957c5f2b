"""The page: its sections, its figures, and text that is not markup."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from report_samples import small_report

from lamarr_like.statistics.judgement import Status
from lamarr_like.validation.page import Image, page_text
from lamarr_like.validation.report.tables import HEADING, facts
from lamarr_like.validation.report.tables import sections as sections_of

pytest.importorskip("jinja2")


def page(report, images):
    told = (HEADING, sections_of(report), images, report.verdict, facts(report))
    return page_text(*told)


def sections(text):
    return re.findall(r'<h2 id="(\w+)">', text)


def image(name, section, data="QUJD"):
    return Image(name, section, f"caption of {name}", 30, 20, data)


def test_sections_without_anything_are_left_out():
    report = small_report()
    text = page(report, [])
    found = sections(text)
    assert found == ["verdict", "tracking", "identification", "distributions", "classifier"]
    assert found == re.findall(r'<a href="#(\w+)">', text)
    more = sections(page(report, [image("widths", "physics"), image("x", "pidcalib", "")]))
    assert more == [*found, "physics", "pidcalib"]


def test_figures_are_inside_or_named():
    images = [image("one", "physics"), image("two", "physics", ""), image("three", "tracking")]
    text = page(small_report(), images)
    assert re.findall(r'<img alt="(\w+)"', text) == ["three", "one"]
    assert 'src="data:image/png;base64,QUJD" width="30" height="20"' in text
    assert "caption of one" in text and "caption of two" not in text
    assert re.findall(r"<code>plots/(\w+)\.png</code>", text) == ["two"]


def test_facts_are_told_and_escaped():
    report = small_report()
    bare = page(report, [])
    assert "not compared" not in bare and "outside the training sample" not in bare
    report = replace(
        report, provenance={"command": "a <script> & b"}, missing=("pid_p",), common=77
    )
    text = page(report, [])
    assert "a &lt;script&gt; &amp; b" in text and "<script>" not in text
    assert "the fast sample lacks pid_p" in text
    assert "77: the same generated particles in both" in text
    assert f"120 events, {len(report.detailed.track['unit'])} long tracks" in text


@pytest.mark.parametrize(
    ("status", "kind"),
    [(Status.passed, "pass"), (Status.failed, "fail"), (Status.unknown, "unknown")],
)
def test_colour_of_the_verdict(status, kind):
    report = small_report()
    text = page(replace(report, verdict=replace(report.verdict, status=status)), [])
    assert f'<div class="verdict {kind}">' in text
    assert f"<title>Validation report: {status.value}</title>" in text
