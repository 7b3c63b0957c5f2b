"""A comparison of one's own: its kinds of checks, its page with tables and figures, its folder."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from lamarr_like.errors import OutputError, PipelineError
from lamarr_like.files.numbers import report_folder, write_json, write_tables
from lamarr_like.files.sheets import sheet_of
from lamarr_like.files.tables import Table, beside, lines_of, table_of
from lamarr_like.statistics.judgement import Measurement, Status
from lamarr_like.validation import page
from lamarr_like.validation.verdict import judge, load_thresholds

pytest.importorskip("jinja2")
pytest.importorskip("mplhep")

LIMITS = """\
schema_version: 1
false_alarm: 0.01
checks:
  {kind}: {{relative: 0.1, absolute: 0, limit: 1}}
"""


def draw():
    return sheet_of([1], lambda axes, item: axes.plot([0, item]), columns=1)


def judged(tmp_path, shift):
    path = tmp_path / "limits.yaml"
    path.write_text(LIMITS.format(kind="shape"))
    deviation, sigma, reference, units = (np.array([v]) for v in (shift, 0.01, 1.0, 1e3))
    one = Measurement("shape", "pi", "mean", deviation, sigma, reference, units)
    return judge([one], load_thresholds(path, ("energy", "shape")))


def test_kinds_of_checks_are_those_of_the_comparison(tmp_path):
    assert judged(tmp_path, 0.05).status is Status.passed
    assert judged(tmp_path, 0.5).exit_status == 1
    with pytest.raises(PipelineError, match="shape"):
        load_thresholds(tmp_path / "limits.yaml")


def test_a_page_of_ones_own(tmp_path):
    verdict = judged(tmp_path, 0.5)
    shapes = table_of("Means", ("of = {0[name]}", "mean = {0[mean]:.2f}"), [
        ({"name": "pi <b>", "mean": 1.0}, None, {}), ({"name": "K", "mean": np.nan}, None, {}),
    ])  # fmt: skip
    sections = [
        page.Section("verdict", "Verdict", "How.", [page.verdict_table(verdict)]),
        page.Section("shapes", "Shapes", tables=[shapes]),
        page.Section("empty", "Nothing", "left out", [Table("", ("a",), ())]),
    ]
    folder = tmp_path / "report"
    with report_folder(folder):
        images = page.draw_all([page.Drawing("one", "shapes", "caption", draw)], folder / "plots")
        write_json(folder / "report.json", {"verdict": verdict.numbers})
        told = (sections, images, verdict, [("sample", "a & b")])
        text = page.write_page(folder / "index.html", "Alike?", *told).read_text()
    assert re.findall(r'<h2 id="(\w+)">', text) == ["verdict", "shapes"]
    assert "<h1>Alike?</h1>" in text and "pi &lt;b&gt;" in text and "a &amp; b" in text
    assert '<td class=" ">-</td>' in text and "nan" not in text.split("data:image")[0]
    assert text.count("data:image/png;base64,") == 1 and "left out" not in text
    assert {p.name for p in (folder / "plots").iterdir()} == {"one.png", "one.pdf"}
    assert json.loads((folder / "report.json").read_text())["verdict"]["exit_status"] == 1


def test_tables_as_markdown_and_beside_their_floor():
    assert lines_of(("a = {0:.1f}",), [1.25, float("inf")])[2:] == ["| 1.2 |", "| - |"]
    ones, others = [1j, 2j, 2j], [2j, 5j]
    assert list(beside(ones, others, "imag")) == [(1j, None), (2j, 2j), (2j, None)]
    floor = table_of("", ("x = {0.imag}", "floor = {1.imag:.1f}"), [(1j, None, {})])
    assert floor.rows == [["1.0", "-"]]


def test_what_cannot_be_written_is_told_with_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write_tables(tmp_path / "file", "a", {}, "")
    text, numbers = write_tables(tmp_path / "new", "a", {"x": np.float64(1.0)}, "| a |")
    assert text.read_text() == "| a |"
    assert list(json.loads(numbers.read_text())) == ["program", "x"]
