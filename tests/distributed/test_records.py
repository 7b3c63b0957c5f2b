"""JSON that decides what exists: sound, or as if it were not there."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, replace

import pytest
from production_samples import GUN, production

from lamarr_like.distributed import records
from lamarr_like.distributed.parts import PartReport, sound_part, write_report
from lamarr_like.distributed.produce import Watcher, run_production
from lamarr_like.distributed.records import read_record, write_record
from lamarr_like.distributed.stored import check_same, read_plan, write_plan
from lamarr_like.distributed.units import Unit, make_plan
from lamarr_like.errors import OutputError, ProductionError

UNIT = Unit(3, "gun:pi+", (), 10, 30, 50)
"""Twenty events, 60 to 79 of the production."""


@pytest.fixture
def report(tmp_path):
    """The report of a part that is there; one event was skipped."""
    content = b"what a part holds"
    (tmp_path / UNIT.part).write_bytes(content)
    checksum = hashlib.sha256(content).hexdigest()
    report = PartReport(
        *(3, "p", 19, "d" * 64, checksum, len(content), ((61, "broken"),), 5, 0.5, 100.0, "here"),
        platform={"machine": "x"},
    )
    write_report(tmp_path, UNIT, report)
    return report


def test_a_report_as_it_was_written(tmp_path, report):
    assert sound_part(tmp_path, UNIT, "p") == report
    assert sound_part(tmp_path, UNIT, "q") is None
    assert sound_part(tmp_path, UNIT, "p", draws=2) is None
    path = tmp_path / UNIT.report
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4))  # laid out anew
    assert sound_part(tmp_path, UNIT, "p") == report
    write_report(tmp_path, UNIT, replace(report, events=38))
    assert sound_part(tmp_path, UNIT, "p", draws=2).events == 38


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("events", v) for v in (0, 18, 20, -1, True, 19.0, 10**30, "19", None, [19])),
        *(("sha256", v) for v in ("", "0" * 64, "f", "G" * 64, None, 5)),
        *(("digest", v) for v in ("", "f", None)),
        *(("skipped", v) for v in ([], [[61, "a"], [61, "b"]], [[99, "a"]], [[True, "a"]])),
        *(("skipped", v) for v in ([[61]], [[61, 5]], [[61.0, "a"]], "x", None, {"61": "a"})),
        *(("skipped", v) for v in ([[-2, "a"], [61, "b"]], [61, "a"])),
        *(("unit", v) for v in (4, True, "3", -3)),
        *(("plan", v) for v in ("q", 5, None)),
        *((k, v) for k in ("seconds", "memory") for v in (-1, "1", None, True, [1.0])),
        *(("platform", v) for v in ([], {"a": 1}, None)),
        *(("size", v) for v in (-1, 1.5)),
        ("host", 5),
        ("another", 1),
    ],
)
def test_reports_of_another_form(tmp_path, report, key, value):
    """With a checksum that is right, so that the form alone decides."""
    write_record(tmp_path / UNIT.report, {**asdict(report), key: value})
    assert sound_part(tmp_path, UNIT, "p") is None
    values = asdict(report)
    values.pop(key, None)
    if len(values) < len(asdict(report)):
        write_record(tmp_path / UNIT.report, values)
        assert sound_part(tmp_path, UNIT, "p") is None


def test_a_part_of_no_event_says_why_of_each(tmp_path, report):
    """A report without a file is sound where all events were skipped, and only there."""
    empty = replace(report, events=0, digest="", sha256="", size=0)
    for missing, sound in ((0, True), (1, False), (20, False)):
        skipped = tuple((event, "broken") for event in range(60, 80 - missing))
        write_report(tmp_path, UNIT, replace(empty, skipped=skipped))
        assert (sound_part(tmp_path, UNIT, "p") is not None) == sound


def test_bytes_that_are_no_record(tmp_path, report, monkeypatch):
    path = tmp_path / UNIT.report
    sound = path.read_text()
    changed = [sound.replace('"events": 19', '"events": 18'), sound.replace("broken", "brokem")]
    twice = sound.replace('"events": 19,', '"events": 7, "events": 19,')
    nan = [sound.replace('"seconds": 0.5', f'"seconds": {v}') for v in ("NaN", "Infinity", "1e400")]
    deep = ["[" * 200_000, '{"a":' * 50_000, sound.replace("[", "[" * 100_000, 1)]
    other = ["", "null", "[]", "5", "\0" * 100, sound + sound, sound.replace("checksum", "sum")]
    big = sound.replace('"events": 19', f'"events": {"9" * 5000}')
    for text in (*changed, twice, *nan, *deep, *other, big):
        assert text != sound
        path.write_text(text)
        assert sound_part(tmp_path, UNIT, "p") is None, text[:80]
    for cut in range(0, len(sound) - 2, 7):
        path.write_text(sound[:cut])
        assert sound_part(tmp_path, UNIT, "p") is None
    path.write_bytes(b"\xff\xfe" + sound.encode())
    assert sound_part(tmp_path, UNIT, "p") is None
    path.write_text(sound)
    assert sound_part(tmp_path, UNIT, "p") == report
    monkeypatch.setattr(records, "MAX_BYTES", len(sound) - 1)
    assert sound_part(tmp_path, UNIT, "p") is None
    with pytest.raises(OutputError, match="make smaller units"):
        write_report(tmp_path, UNIT, report)


def test_what_is_no_file(tmp_path, report):
    """Pipes would be waited for without end."""
    path, part = tmp_path / UNIT.report, tmp_path / UNIT.part
    path.unlink()
    for make in (os.mkfifo, os.mkdir, lambda p: os.symlink(p, p), lambda p: None):
        make(path)
        assert sound_part(tmp_path, UNIT, "p") is None
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    write_report(tmp_path, UNIT, report)
    part.unlink()
    os.mkfifo(part)
    assert sound_part(tmp_path, UNIT, "p") is None


def test_links_are_replaced_and_what_they_point_to_is_not(tmp_path, report):
    mine = tmp_path / "mine.json"
    mine.write_text("mine")
    path = tmp_path / UNIT.report
    path.unlink()
    path.symlink_to(mine)
    write_report(tmp_path, UNIT, report)
    assert mine.read_text() == "mine" and not path.is_symlink()
    assert sound_part(tmp_path, UNIT, "p") == report


def test_plans_that_are_damaged(tmp_path, models):
    plan = make_plan(production(tmp_path, models), {})
    write_plan(tmp_path, plan)
    path = tmp_path / "plan.json"
    stored = read_plan(tmp_path)
    assert (stored.digest, stored.units, stored.identity) == (plan.digest, 7, plan.identity)
    values = read_record(path)
    for key, value in {
        "digest": "0" * 64,
        "units": True,
        "identity": {**values["identity"], "seed": 8},
        "inputs": [{"path": "a"}],
    }.items():
        write_record(path, {**values, key: value})
        with pytest.raises(ProductionError, match=r"json: is damaged: .*; delete it and go on"):
            read_plan(tmp_path)
    for text in ("", "{", "[]", json.dumps(values), "[" * 100_000):
        path.write_text(text)
        with pytest.raises(ProductionError, match=r"plan\.json: is damaged .*; delete it"):
            read_plan(tmp_path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ProductionError, match="is no plain file"):
        read_plan(tmp_path)


def test_what_changed_is_named(tmp_path, models):
    def plan(provenance=None, **items):
        return make_plan(production(tmp_path, models, **items), provenance or {"models": {}})

    first = plan()
    write_plan(tmp_path, first)
    stored = read_plan(tmp_path)
    check_same(tmp_path, stored, plan())
    sources = [{"gun": GUN, "events": 300}]
    for other, message in (
        (plan(seed=8), r"another seed \(7, now 8\); put it back"),
        (plan(sources=sources), r"another sources\[0\]\.events \(200, now 300\);"),
        (plan(oversample=2), r"another oversample \(none, now 2\);"),
        (plan(seed=8, skip_bad=True), r"seed \(7, now 8\), another skip_bad \(False, now True\);"),
        (plan({"models": {"a": "b"}}), r"another models\.a \(none, now b\);"),
        (plan(sources=sources * 2), r"another sources \(\[\{.*now \[\{.*\);"),
    ):
        with pytest.raises(ProductionError, match=message):
            check_same(tmp_path, stored, other)


def test_nothing_is_lost_by_damage(tmp_path, models, in_process):
    config = production(tmp_path, models, sources=[{"gun": GUN, "events": 90}])
    whole = run_production(config, merge=True)
    out = config.output
    # A report that says that there is nothing, with a checksum that is right.
    values = read_record(out / "part-000001.json")
    write_record(out / "part-000001.json", {**values, "events": 0, "sha256": "", "digest": ""})
    report = run_production(config, resume=True, merge=True)
    assert (report.made, report.events, report.digest) == (1, 90, whole.digest)
    (out / "plan.json").write_text("{")
    with pytest.raises(ProductionError, match="holds a production already"):
        run_production(config)
    with pytest.raises(ProductionError, match="delete it and go on with --resume"):
        run_production(config, resume=True)
    (out / "plan.json").unlink()
    report = run_production(config, resume=True, merge=True)
    assert (report.made, report.events, report.digest) == (0, 90, whole.digest)


def test_parts_of_another_kind_of_processor_are_told(tmp_path, models, in_process):
    config = production(tmp_path, models, sources=[{"gun": GUN, "events": 60}])
    run_production(config)
    out, unit = config.output, make_plan(config, {}).units[0]
    values = read_record(out / unit.report)
    assert values["platform"]["machine"] and values["platform"]["numpy"]
    values["platform"] |= {"machine": "abacus", "features": "BEADS"}
    write_record(out / unit.report, values)
    (out / "part-000001.json").unlink()
    said = []
    report = run_production(config, resume=True, watcher=Watcher(say=said.append))
    assert (report.status, report.made) == ("complete", 1)
    assert "features of the processor; machine abacus and " in said[-1]
    manifest = json.loads((out / "manifest.json").read_text())
    assert [u["platform"] for u in manifest["units"]] == [0, 1]
    assert manifest["platforms"][0]["machine"] == "abacus"
    shutil.rmtree(out)
