"""Units, disks, models and workers that fail: retried, reported, never wrong."""

import ctypes
import errno
import json
import os
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hepmc_samples import write_sample
from production_samples import (
    GUN,
    finish,
    production,
    start,
    write_production,
)

from lamarr_like.distributed import work
from lamarr_like.distributed.inputs import facts_of
from lamarr_like.distributed.produce import Watcher, run_production
from lamarr_like.distributed.units import Unit
from lamarr_like.distributed.work import run_unit
from lamarr_like.errors import ArtefactError, OutputError
from lamarr_like.files.output import RootOutput
from lamarr_like.files.scratch import remove_left, whole
from lamarr_like.io.ntuple import EventWriter


def broken_file(folder):
    """Three events, the second of them broken."""
    path = write_sample(folder / "b.hepmc", 3)
    lines = path.read_text().splitlines(keepends=True)
    starts = [k for k, line in enumerate(lines) if line.startswith("E ")]
    lines[starts[1] + 4] = "P nonsense\n"
    path.write_text("".join(lines))
    return path


def test_failing_unit_is_retried_and_reported_and_the_rest_completes(tmp_path, models, in_process):
    broken_file(tmp_path)
    sources = [{"gun": GUN, "events": 60}, {"files": ["b.hepmc"]}, {"gun": GUN, "events": 30}]
    config = production(tmp_path, models, sources=sources, retries=2)
    said = []
    report = run_production(config, watcher=Watcher(say=said.append), merge=True)
    assert (report.status, report.exit_code, report.done) == ("failed", 1, 3)
    assert report.merged is None
    (failure,) = report.failures
    assert (failure.unit, failure.first, failure.last, failure.attempts) == (2, 100, 102, 3)
    assert "b.hepmc" in failure.reason and len(said) == 2
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["failures"][0]["reason"] == failure.reason
    skipping = production(
        tmp_path / "second", models, skip_bad=True, sources=[{"files": [str(tmp_path / "b.hepmc")]}]
    )
    report = run_production(skipping)
    assert (report.status, report.events) == ("complete", 2)
    manifest = json.loads((tmp_path / "second" / "out" / "manifest.json").read_text())
    assert manifest["units"][0]["skipped"][0][0] == 1


def unit_of(path, **changes):
    unit = Unit(0, str(path), (), 0, 40, 0, None, (facts_of(path),))
    return replace(unit, **changes)


@pytest.fixture
def job(tmp_path, models):
    plan = work.Pipeline.load(models / "tiny.yaml", models)
    return work.Job(
        *(tmp_path, str(models / "tiny.yaml"), models, 7, 1000, False, "ttree"),
        provenance=plan.provenance,
        metadata={},
        plan="p",
    )


def test_input_cut_short_or_changed_while_it_is_read(tmp_path, job, monkeypatch):
    path = write_sample(tmp_path / "a.hepmc", 40)
    unit = unit_of(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "was changed since" in run_unit(job, unit).reason
    path.unlink()
    assert "no such file" in run_unit(job, unit).reason
    path.write_bytes(content)
    assert "did not come" in run_unit(job, unit_of(path, stop=41)).reason
    unit = unit_of(path)
    writes = EventWriter.write

    def edit(self, batch):
        before = path.stat()
        path.write_bytes(content[:-9].replace(b"E 39", b"E 38") + content[-9:])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as if nothing had happened
        assert path.stat().st_size == before.st_size
        writes(self, batch)

    monkeypatch.setattr(EventWriter, "write", edit)
    assert "was changed since" in run_unit(job, unit).reason
    monkeypatch.undo()
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))  # of the same content, whatever its time
    assert run_unit(job, unit).reason == ""
    (tmp_path / "part-000000.root").unlink()
    (tmp_path / "part-000000.json").unlink()
    assert [p.name for p in tmp_path.iterdir()] == ["a.hepmc"]


def test_altered_or_missing_models(tmp_path, models, job):
    other = replace(job, provenance={"pipeline": "tiny", "pipeline_digest": "another"})
    outcome = run_unit(other, Unit(0, "gun:pi+", (), 0, 5, 0))
    assert "is another one here" in outcome.reason
    config = replace(production(tmp_path, models), models=tmp_path)
    with pytest.raises(ArtefactError, match="no model '.*-tiny-1'"):
        run_production(config)
    assert not list(config.output.glob("part-*"))


def test_part_that_reads_back_differently_is_no_part(tmp_path, job, monkeypatch):
    monkeypatch.setattr(work, "content_digest", lambda path: "0" * 64)
    outcome = run_unit(job, Unit(0, "gun:pi+", (), 0, 5, 0))
    assert "reads back differently" in outcome.reason
    assert not list(tmp_path.iterdir())


def test_units_that_end_in_no_event_have_no_part(tmp_path, job, monkeypatch):
    path = broken_file(tmp_path)
    unit = unit_of(path, first=1, stop=2)
    outcome = run_unit(replace(job, skip_bad=True), unit)
    assert outcome.report.events == 0 and outcome.report.sha256 == ""
    assert not (tmp_path / unit.part).exists()
    assert (tmp_path / "part-000000.json").exists()  # which says that it is done


def test_full_disk_stops_the_production_with_a_clear_error(tmp_path, models, in_process):
    path = write_production(tmp_path, models, retries=0)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))  # noqa: E731
    status, _, err = finish(start(path, preexec_fn=limit))
    assert status == 1
    assert "cannot be written" in err and "File too large" in err and "--resume" in err
    out = tmp_path / "out"
    assert not list(out.glob("part-*")) and not list(out.glob(".*.tmp*"))
    assert json.loads((out / "manifest.json").read_text())["status"] == "stopped"
    report = run_production(production(tmp_path, models), resume=True)
    assert report.status == "complete"


def test_output_that_cannot_be_written(tmp_path, models):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be made"):
        run_production(production(tmp_path, models, output="file/out"))
    with (
        pytest.raises(OutputError, match="cannot be written"),
        whole(tmp_path / "none" / "a.json") as path,
    ):
        path.write_text("x")


def without_power():
    """Before a program starts: take from root what lets it write everywhere."""
    drop, override, read = 24, 1, 2  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    for power in (override, read):
        ctypes.CDLL(None).prctl(drop, power, 0, 0, 0)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux")
def test_read_only_output(tmp_path, models, in_process):
    path, out = write_production(tmp_path, models), tmp_path / "out"
    out.mkdir()
    out.chmod(0o555)
    status, _, err = finish(start(path, preexec_fn=without_power))
    assert status == 2 and "out" in err and "cannot be written" in err
    assert "Traceback" not in err and not list(out.iterdir())
    out.chmod(0o755)
    assert run_production(production(tmp_path, models)).status == "complete"


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux")
def test_output_that_becomes_read_only(tmp_path, models, in_process):
    """The production stops, says why and goes on from there."""
    path, out = write_production(tmp_path, models, unit_events=20, retries=0), tmp_path / "out"
    process = start(path, preexec_fn=without_power)
    end = time.monotonic() + 60
    while not list(out.glob("part-*.json")) and time.monotonic() < end:
        time.sleep(0.02)
    out.chmod(0o555)
    status, _, err = finish(process)
    out.chmod(0o755)
    assert status in (1, 2) and "cannot be written" in err and "Traceback" not in err, err
    report = run_production(production(tmp_path, models, unit_events=20), resume=True, merge=True)
    assert report.status == "complete" and report.made < report.units == 10
    assert (
        report.digest
        == run_production(production(tmp_path / "calm", models, unit_events=20), merge=True).digest
    )


def test_scratch_that_cannot_be_removed_is_not_the_error(tmp_path, monkeypatch):
    """A folder that goes read-only under an open file: what cannot be written is said."""

    def denied(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    class Table(RootOutput):
        def _finish(self):
            self._file["a"] = {"x": np.arange(3.0)}

    for name in ("replace", "link", "unlink"):
        monkeypatch.setattr(os, name, denied)
    with (
        pytest.raises(OutputError, match="cannot be written"),
        whole(tmp_path / "a.root") as name,
        Table(name),
    ):
        pass
    remove_left(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.undo()
    remove_left(tmp_path)
    assert not list(tmp_path.iterdir())


def test_killed_worker_is_replaced(tmp_path, models):
    """A worker that dies under a unit spoils that unit's attempt only."""
    from lamarr_like.distributed.local import LocalWorkers

    job = work.Job(
        *(tmp_path, str(models / "tiny.yaml"), models, 7, 1000, False, "ttree"),
        provenance=work.Pipeline.load(models / "tiny.yaml", models).provenance,
        metadata={},
        plan="p",
    )
    unit = Unit(0, f"gun:{GUN}", (), 0, 30, 0)
    with LocalWorkers(1, job) as workers:
        future = workers.submit(unit)
        (process,) = workers._pools[0]._processes.values()
        os.kill(process.pid, signal.SIGKILL)
        while not workers.wait([future], 1.0):
            pass
        assert "was killed" in workers.result(future).reason
        future = workers.submit(unit)
        while not workers.wait([future], 1.0):
            pass
        assert workers.result(future).report.events == 30
