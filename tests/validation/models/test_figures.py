"""Figures of files: what is read from them, and what is refused."""

from __future__ import annotations

import json

import pytest
from model_figures import fidelity_json
from report_samples import small_report

from lamarr_like.errors import ArtefactError
from lamarr_like.files.numbers import plain
from lamarr_like.statistics.judgement import Status
from lamarr_like.validation.models.figures import of_config, read_figures
from lamarr_like.validation.report.write import numbers

A = "ab" * 32


def document():
    found = plain(numbers(small_report()), 5)
    found["provenance"] = {"detailed files": "a.root, b.root", "models": "rich-x-1 (01234567)"}
    return found


def read(found):
    return read_figures(json.dumps(found).encode(), "report.json")


def test_figures_of_a_report():
    found = read(document())
    assert found.kind == "validate" and found.samples == ("a.root", "b.root")
    assert found.digests == {"rich-x-1": "01234567"} and isinstance(found.status, Status)
    keys = [one.key for one in found.figures]
    assert len(set(keys)) == len(keys)
    groups = {one.group for one in found.figures}
    assert groups >= {"tracking", "identification", "distributions", "resolution", "pulls"} | {
        "correlations",
        "classifier",
    }
    report = small_report()
    for one in report.whole.widths:
        (same,) = [
            f for f in found.figures if f.subject == one.species and f.label.endswith(one.variable)
            and f.group in ("resolution", "pulls")
        ]  # fmt: skip
        assert same.value == pytest.approx(one.ratio[0], rel=1e-4)
        assert same.loss == pytest.approx(abs(one.ratio[0] - 1.0), abs=1e-4)
    auc = report.tellings[0].auc
    (same,) = [
        f for f in found.figures
        if f.group == "classifier" and f.subject == report.tellings[0].group
    ]  # fmt: skip
    assert same.loss == pytest.approx(max(auc.value - 0.5, 0.0), abs=1e-4)


def test_figures_of_single_stages():
    content = fidelity_json("m-1", A, 0.53, 0.004)
    found = read_figures(content, "fidelity.json", "m-1")
    (one,) = found.figures
    assert found.digests == {"m-1": A} and found.status is None and found.kind == "fidelity"
    assert one.key == ("stages", "resolution", "plain")
    assert one.loss == pytest.approx(0.03) and one.error == pytest.approx(0.006)
    assert read_figures(content, "fidelity.json", "other-1").figures == ()


def response_report(**changes):
    auc = {"value": 0.55, "error": 0.01, "rows": 500}
    return {
        "response": "blobs",
        "sample": "apart.npz",
        "records": {"drawn": {"model": "blobs-gan-1", "digest": A, "seed": 1}},
        "verdict": {"status": "pass", "lines": []},
        "drawn": {"c2st_features": auc, "c2st_arrays": None, "features": []},
        **changes,
    }


def test_figures_of_a_response():
    found = read(response_report())
    assert (found.kind, found.samples, found.digests) == (
        "compare",
        ("blobs of apart.npz",),
        {"blobs-gan-1": A},
    )
    (one,) = found.figures
    assert found.status is Status.passed and one.key == ("stages", "blobs", "trees on features")
    assert one.loss == pytest.approx(0.05) and one.error == pytest.approx(0.015)
    net = {"value": 0.5, "error": 0.02, "rows": 500}
    both = read(response_report(drawn={"c2st_features": net, "c2st_arrays": net}))
    assert [one.label for one in both.figures] == ["trees on features", "network on arrays"]
    # Of reports of before, which do not tell the digest, no model is approved.
    assert read(response_report(records={"drawn": {"model": "x-1"}})).digests == {}
    with pytest.raises(ArtefactError, match=r"drawn\.c2st_arrays: error is missing"):
        read(response_report(drawn={"c2st_features": net, "c2st_arrays": {"value": 1, "rows": 2}}))


def test_figures_in_a_card():
    tests = [{"test": "plain", "rows": 10, "auc": [0.49, 0.01], "floor": [0.5, 0.01]}]
    config = {"stage": "rich", "tested": {"samples": ["a"], "tests": tests, "events": 3}}
    (one,) = of_config(config, "c").figures
    assert one.key == ("stages", "rich", "plain") and one.loss == 0.0
    assert of_config({"stage": "rich"}, "c") is None
    tests[0]["auc"] = [0.5]
    with pytest.raises(ArtefactError, match=r"c: tests\[0\].auc"):
        of_config(config, "c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("comparison"), "no report.json"),
        (lambda d: d["verdict"].update(status="fine"), "verdict.status: 'fine' is unknown"),
        (lambda d: d["comparison"]["widths"][0].update(ratio="1"), r"widths\[0\].ratio"),
        (lambda d: d["classifier"][0]["auc"].pop("error"), r"classifier\[0\].auc.error is missing"),
        (lambda d: d["comparison"].update(widths={}), "expected a list"),
    ],
)
def test_what_is_no_report(change, message):
    found = document()
    change(found)
    with pytest.raises(ArtefactError, match=message):
        read(found)


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b'{"comparison": NaN}', b"[" * 10_000])
def test_what_is_no_document(text):
    with pytest.raises(ArtefactError):
        read_figures(text, "x.json")
