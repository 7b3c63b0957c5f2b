"""The verdict of all checks, its words, and files of thresholds that make no sense."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from lamarr_like.errors import PipelineError
from lamarr_like.files.find import shipped
from lamarr_like.files.numbers import plain
from lamarr_like.statistics.judgement import Check, Measurement, Status, Threshold
from lamarr_like.validation.verdict import (
    EXIT,
    GROUPS,
    WORDS,
    Verdict,
    VerdictConfig,
    judge,
    load_thresholds,
)

STRICT = Threshold(0.0, 0.0, 5.0)
NEEDED = Threshold(0.0, 0.0, 5.0, needs=("pi",))


def measured(deviation, group="tracking", subject="pi", sigma=1.0):
    one = np.ones(1)
    return Measurement(group, subject, "share", deviation * one, sigma * one, one, 1e9 * one)


def config(**checks):
    return VerdictConfig("own.yaml", 0.01, checks)


@pytest.mark.parametrize(
    ("measurements", "threshold", "status"),
    [
        ([measured(0.0)], STRICT, Status.passed),
        ([measured(9.0)], STRICT, Status.failed),
        ([measured(0.0), measured(9.0, subject="K")], STRICT, Status.failed),
        ([measured(0.0, sigma=9.0)], STRICT, Status.passed),  # nobody needs it
        ([measured(0.0, sigma=9.0)], NEEDED, Status.unknown),
        ([measured(0.0, subject="K")], NEEDED, Status.unknown),  # it was not measured
        ([measured(9.0, subject="K")], NEEDED, Status.failed),  # a failure is one all the same
        ([], STRICT, Status.passed),
        ([], NEEDED, Status.unknown),
        ([measured(9.0, group="pulls")], STRICT, Status.passed),  # a kind without thresholds
    ],
)
def test_one_failure_fails_and_what_is_needed_must_be_told(measurements, threshold, status):
    verdict = judge(measurements, config(tracking=threshold))
    assert verdict.status is status and verdict.exit_status == EXIT[status]
    assert (verdict.false_alarm, verdict.thresholds) == (0.01, "own.yaml")


def test_exit_statuses_are_those_of_the_documentation():
    assert [EXIT[s] for s in (Status.passed, Status.failed, Status.unknown)] == [0, 1, 2]
    assert set(WORDS) == set(EXIT) == set(Status)


def checks(*status):
    return tuple(
        Check("tracking", f"species {k}", s, 3, "share", 0.1 * k, 0.01, 0.02, p=0.1 / (k + 1))
        for k, s in enumerate(status)
    )


def test_checks_of_a_status_come_by_significance():
    verdict = Verdict(Status.failed, checks(*[Status.failed] * 3, Status.passed))
    found = verdict.of(Status.failed)
    assert [c.p for c in found] == sorted(c.p for c in found) and len(found) == 3
    nothing = Check("tracking", "e", Status.unknown, 0)
    mixed = Verdict(Status.unknown, (nothing, *checks(Status.unknown)))
    assert mixed.of(Status.unknown)[-1] is nothing  # no p-value is no significance


def test_three_lines_for_a_hurried_reader():
    all_passed = Verdict(Status.passed, checks(Status.passed, Status.passed))
    first, second, third = all_passed.lines
    assert first == f"{WORDS[Status.passed]} 2 checks pass, 0 fail, 0 cannot tell."
    assert second.startswith("Nearest to failing: tracking of species 1, share")
    assert third == "All was judged."
    failed = Verdict(Status.failed, checks(*[Status.failed] * 5, *[Status.unknown] * 8))
    first, second, third = failed.lines
    assert first.endswith("0 checks pass, 5 fail, 8 cannot tell.")
    assert second.count("off by") == 3 and "+- 0.01 (allowed 0.02, p = " in second
    assert third.startswith("Not judged for lack of tracks: ") and third.endswith(", ....")
    empty = Verdict(Status.passed)
    assert empty.lines[1] == "Nothing found." and empty.lines[2] == "All was judged."


def test_numbers_are_plain_and_complete():
    verdict = judge([measured(9.0)], config(tracking=NEEDED))
    told = plain(verdict.numbers)
    assert list(told) == ["status", "exit_status", "lines", "false_alarm", "thresholds", "checks"]
    assert told["status"] == "fail" and told["exit_status"] == 1 and len(told["lines"]) == 3
    (check,) = told["checks"]
    assert check["in_bins"] is None and check["needed"] is True  # NaN is no number of JSON
    assert (check["group"], check["subject"], check["judged"]) == ("tracking", "pi", 1)


# --- files


def written(path, **changes):
    content = {
        "schema_version": 1,
        "false_alarm": 0.01,
        "checks": {"tracking": {"relative": 0.02, "absolute": 0.001, "limit": 0.1}},
        **changes,
    }
    file = path / "own.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return file


def test_files_are_read_in_the_order_of_the_kinds(tmp_path):
    one = {"relative": 0.0, "absolute": 0.0, "limit": 1.0, "needs": ["pi", "K"]}
    file = written(tmp_path, checks={"pulls": one, "acceptance": one})
    found = load_thresholds(file)
    assert list(found.checks) == ["acceptance", "pulls"] and found.name == "own.yaml"
    assert found.checks["pulls"] == Threshold(0.0, 0.0, 1.0, ("pi", "K"))


@pytest.mark.parametrize("name", sorted(p.name for p in shipped("pipelines").glob("verdict*.yaml")))
def test_shipped_files_are_told_by_their_names(name):
    content = yaml.safe_load((shipped("pipelines") / name).read_text())
    found = load_thresholds(kinds=tuple(content["checks"]), name=name)
    assert found.name == name and 0.0 < found.false_alarm < 0.5
    assert all(t.limit > 0.0 for t in found.checks.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 99}, "schema_version"),
        ({"schema_version": None}, "schema_version"),
        ({"false_alarm": None}, "false_alarm"),
        ({"false_alarm": 0.0}, "false_alarm"),
        ({"false_alarm": 1.0}, "false_alarm"),
        ({"false_alarm": "much"}, "false_alarm"),
        ({"checks": {}}, "checks"),
        ({"checks": {"trakking": {"relative": 0, "absolute": 0, "limit": 1}}}, "trakking"),
        ({"checks": {"tracking": {"relative": 0, "absolute": 0}}}, "limit"),
        ({"checks": {"tracking": {"relative": -1, "absolute": 0, "limit": 1}}}, "relative"),
        ({"checks": {"tracking": {"relative": 0, "absolute": 0, "limit": ".nan"}}}, "limit"),
        ({"checks": {"tracking": {"relative": 0, "absolute": 0, "limit": 1, "need": []}}}, "need"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_files_that_make_no_sense_name_the_item(tmp_path, changes, message):
    file = written(tmp_path, **changes)
    with pytest.raises(PipelineError, match=message) as error:
        load_thresholds(file)
    assert "own.yaml" in str(error.value)


def test_kinds_are_those_of_the_comparison(tmp_path):
    one = {"shape": {"relative": 0.0, "absolute": 0.0, "limit": 1.0}}
    file = written(tmp_path, checks=one)
    assert list(load_thresholds(file, ("shape", "sum")).checks) == ["shape"]
    with pytest.raises(PipelineError, match="shape"):
        load_thresholds(file)
    assert len(set(GROUPS)) == len(GROUPS)
