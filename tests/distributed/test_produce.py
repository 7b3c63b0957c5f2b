"""Productions: cutting, exactly once, retries, resuming, faults, merging."""

import ctypes
import errno
import json
import os
import resource
import signal
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hepmc_samples import write_sample
from production_samples import (
    GUN,
    InProcess,
    finish,
    production,
    same,
    start,
    write_production,
)

from lamarr_like.distributed import produce, work
from lamarr_like.distributed.inputs import facts_of
from lamarr_like.distributed.lock import FolderLock
from lamarr_like.distributed.produce import Watcher, run_production
from lamarr_like.distributed.units import N_SEEDS, Unit, count_events, make_plan
from lamarr_like.distributed.work import Outcome, run_unit
from lamarr_like.errors import ArtefactError, OutputError, ProductionError, SourceError
from lamarr_like.events import concatenate
from lamarr_like.files.output import RootOutput
from lamarr_like.files.scratch import remove_left, whole
from lamarr_like.io.digest import ContentHash
from lamarr_like.io.generators.pythia import BLOCK, PythiaSource
from lamarr_like.io.ntuple import EventWriter, content_digest, read_events, read_provenance
from lamarr_like.io.sources import open_source
from lamarr_like.rng import stage_key
from lamarr_like.runs.simulate import RunConfig, simulate


@pytest.fixture
def in_process(monkeypatch):
    monkeypatch.setattr(produce, "_workers", lambda config, job, n, scheduler: InProcess(job))


# --- units, ranges and random numbers


@pytest.mark.parametrize(
    ("text", "add"),
    [
        (f"gun:{GUN}", ("gun:mu+", "decay:B0 -> K+ pi-")),
        ("decay:B0 -> K+ pi-", ()),
    ],
)
def test_events_are_the_same_however_a_source_is_cut(text, add):
    def events(first, stop):
        source = open_source("+".join((text, *add)), n_events=stop, seed=3, start=100)
        return concatenate(source.events_between(100 + first, 100 + stop))

    whole = events(0, 70)
    assert np.array_equal(whole.event["event_id"], np.arange(100, 170))
    assert same(concatenate([events(0, 13), events(13, 60), events(60, 70)]), whole)


def test_collisions_are_the_same_however_they_are_cut():
    source = PythiaSource("pythia:minbias", "minbias", 70, 3, 1.5, {})
    source.start = 100

    def events(first, stop):
        return concatenate(source.events_between(100 + first, 100 + stop))

    whole = events(0, 70)
    assert np.array_equal(whole.event["event_id"], np.arange(100, 170))
    assert same(concatenate([events(60, 70)]), whole.events(60, 70))
    assert same(concatenate([events(0, 13), events(13, 60)]), whole.events(0, 60))
    # The first block of another source is the block of the same numbers of one that starts at 0.
    direct = source.made(100 // BLOCK)
    assert same(whole.events(0, BLOCK), direct)


def test_ranges_of_files(tmp_path):
    path = write_sample(tmp_path / "a.hepmc", 40)
    text = str(path)
    assert count_events(text) == 40
    source = open_source(text, n_events=None, seed=3, start=50)
    whole = concatenate(source.events_between(50, 90))
    assert np.array_equal(whole.event["event_id"], np.arange(50, 90))
    parts = [concatenate(source.events_between(50 + a, 50 + b)) for a, b in ((0, 7), (7, 40))]
    assert same(concatenate(parts), whole)


def test_plan_covers_every_event_once_and_is_stable(tmp_path, models):
    files = [write_sample(tmp_path / f"{k}.hepmc", n).name for k, n in enumerate((3, 5))]
    sources = [
        {"gun": GUN, "events": 130},
        {"files": ["?.hepmc"]},
        {"pythia": "minbias", "events": 61, "pileup": 2},
    ]
    config = production(tmp_path, models, sources=sources)
    plan = make_plan(config, {})
    assert plan == make_plan(config, {})
    assert [u.events for u in plan.units] == [30, 30, 30, 30, 10, 3, 5, 30, 30, 1]
    ranges = [u.range for u in plan.units]
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))
    # Each source starts a block of Pythia of its own; files of a source count on.
    assert [ranges[k][0] for k in (0, 5, 6, 7)] == [0, 150, 153, 200]
    assert [Path(i.path).name for i in plan.inputs][:2] == files
    assert [i.events for i in plan.inputs][:2] == [3, 5]
    # Beside them there are Pythia's own data.
    assert {Path(i.path).name for i in plan.inputs[2:]} >= {"xmldoc", "pdfdata"}
    assert [u.inputs for u in plan.units][4:7] == [(), plan.inputs[:1], plan.inputs[1:2]]
    assert plan.units[-1].inputs == plan.inputs[2:]
    assert plan.events == 130 + 8 + 61
    split = [{"files": ["1.hepmc"], "split": True, "events": 4}]
    config = production(tmp_path, models, sources=split, unit_events=3)
    assert [(u.first, u.stop) for u in make_plan(config, {}).units] == [(0, 3), (3, 4)]


def test_overlapping_seeds_of_pythia_are_refused(tmp_path, models):
    sources = [
        {"pythia": "bbbar", "events": 5000, "pileup": 2},
        {"pythia": "minbias", "events": 100_000_000 * BLOCK},
    ]
    # Somewhere among so many seeds lies the start of the other stream.
    config = production(tmp_path, models, sources=sources, unit_events=10**9)
    refused = 0
    for seed in range(30):
        distance = int(stage_key(seed, "pythia_pileup")) - int(stage_key(seed, "pythia"))
        near = distance % N_SEEDS < 100_000_100 or -distance % N_SEEDS < 100
        try:
            make_plan(replace(config, seed=seed), {})
            assert not near
        except ProductionError as error:
            assert near and "take another seed" in str(error)
            refused += 1
    assert refused


@pytest.mark.parametrize("root_format", ["ttree", "rntuple"])
def test_digest_in_memory_is_that_of_the_file(tmp_path, models, root_format):
    path = tmp_path / "a.root"
    config = RunConfig(f"gun:{GUN}", path, n_events=50, root_format=root_format)
    simulate(config, models / "tiny.yaml", models)
    found = ContentHash()
    for batch in read_events(path, step_size=7):
        found.update(batch)
    assert (found.hexdigest(), found.events) == (content_digest(path), 50)


# --- whole productions


def test_workers_and_cuts_give_what_a_single_run_gives(tmp_path, models):
    one = tmp_path / "one.root"
    simulate(RunConfig(f"gun:{GUN}", one, n_events=200, seed=7), models / "tiny.yaml", models)
    seen = []
    config = production(tmp_path, models, unit_events=47, merge="all.root")
    watcher = Watcher(total=seen.append, advance=seen.append)
    report = run_production(config, workers=2, watcher=watcher, command="lamarr-like batch x")
    assert (report.status, report.exit_code, report.done) == ("complete", 0, 5)
    assert seen[0] == sum(seen[1:]) == 200
    assert report.digest == content_digest(one)
    assert 50 < report.memory < 1000
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["status"] == "complete" and manifest["failures"] == []
    assert [u["first_event"] for u in manifest["units"]] == [0, 47, 94, 141, 188]
    for unit in manifest["units"]:
        assert unit["digest"] == content_digest(tmp_path / "out" / unit["output"])
    assert manifest["merged"]["digest"] == report.digest
    assert manifest["run"]["command"] == "lamarr-like batch x"
    provenance = read_provenance(tmp_path / "out" / "part-000001.root")
    assert provenance["events"] == [47, 94] and provenance["seed"] == 7
    assert provenance["models"] == manifest["production"]["models"]


def test_resume_makes_only_what_is_missing_or_damaged(tmp_path, models, in_process):
    config = production(tmp_path, models)
    digest = run_production(config, merge=True).digest
    out = config.output
    before = {p.name: p.stat().st_mtime_ns for p in out.glob("part-*.root")}
    (out / "part-000001.root").unlink()
    (out / "part-000002.json").unlink()
    (out / "part-000003.json").write_text("{")
    whole = (out / "part-000004.root").read_bytes()
    (out / "part-000004.root").write_bytes(whole[: len(whole) // 2])
    middle = len(whole) // 2
    whole = (out / "part-000005.root").read_bytes()
    (out / "part-000005.root").write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    (out / ".part-000006.root.0123456789ab.tmp").write_text("left behind")
    with pytest.raises(ProductionError, match="go on with --resume"):
        run_production(config)
    report = run_production(config, resume=True, merge=True)
    assert (report.made, report.done, report.digest) == (5, 7, digest)
    kept = [k for k, t in before.items() if (out / k).stat().st_mtime_ns == t]
    assert sorted(kept) == ["part-000000.root", "part-000006.root"]
    assert not list(out.glob(".*.tmp"))


def test_resume_refuses_another_production(tmp_path, models, in_process):
    run_production(production(tmp_path, models))
    for change in ({"seed": 8}, {"unit_events": 31}):
        with pytest.raises(ProductionError, match=f"another {next(iter(change))}"):
            run_production(production(tmp_path, models, **change), resume=True)
    # What the contents do not depend on may change.
    report = run_production(production(tmp_path, models, retries=5, chunk_size=9), resume=True)
    assert (report.made, report.done) == (0, 7)


def test_files_make_a_production(tmp_path, models, in_process):
    for k, n in enumerate((4, 6)):
        write_sample(tmp_path / f"{k}.hepmc", n)
    config = production(tmp_path, models, sources=[{"files": ["*.hepmc"]}])
    report = run_production(config, merge=True)
    assert (report.units, report.events) == (2, 10)
    one = tmp_path / "one.root"
    simulate(RunConfig(str(tmp_path / "?.hepmc"), one, seed=7), models / "tiny.yaml", models)
    assert report.digest == content_digest(one)


# --- failures


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
    path, out = write_production(tmp_path, models, unit_events=10, retries=0), tmp_path / "out"
    process = start(path, preexec_fn=without_power)
    end = time.monotonic() + 60
    while not list(out.glob("part-*.json")) and time.monotonic() < end:
        time.sleep(0.02)
    out.chmod(0o555)
    status, _, err = finish(process)
    out.chmod(0o755)
    assert status in (1, 2) and "cannot be written" in err and "Traceback" not in err, err
    report = run_production(production(tmp_path, models, unit_events=10), resume=True, merge=True)
    assert report.status == "complete" and report.made < report.units == 20
    assert (
        report.digest
        == run_production(production(tmp_path / "calm", models, unit_events=10), merge=True).digest
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


# --- one production in one folder, and stopping


def test_lock(tmp_path):
    running = rf"process {os.getpid()} on host"
    with FolderLock(tmp_path), pytest.raises(OutputError, match=running):
        FolderLock(tmp_path).__enter__()
    with FolderLock(tmp_path):
        pass
    here = os.uname().nodename
    for text in (json.dumps({"host": here, "pid": 2**22 + 1}), '{"host": ', "\0\0"):
        (tmp_path / ".lock").write_text(text)  # left behind by a process that died here
        with FolderLock(tmp_path):
            pass
    (tmp_path / ".lock").write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    with pytest.raises(OutputError, match="on host elsewhere"), FolderLock(tmp_path):
        pass


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_cleanly(tmp_path, models, signum, in_process):
    path = write_production(tmp_path, models, unit_events=10)
    out = tmp_path / "out"
    process = start(path)
    end = time.monotonic() + 60
    while not list(out.glob("part-*.json")) and time.monotonic() < end:
        time.sleep(0.02)
    if signum == signal.SIGINT:
        os.killpg(process.pid, signum)  # as Ctrl-C does
    else:
        process.send_signal(signum)
    status, _, err = finish(process)
    assert status == 128 + signum, err
    assert "--resume" in err and "Traceback" not in err
    assert not list(out.glob(".*.tmp*"))
    assert json.loads((out / "manifest.json").read_text())["status"] == "stopped"
    assert (out / ".lock").read_text() == ""
    report = run_production(production(tmp_path, models, unit_events=10), resume=True)
    assert report.status == "complete" and report.made < report.units


def test_scratch_of_others_is_left_alone(tmp_path):
    for name in (".part-000000.root.0123456789ab.tmp", "..part-0.root.0123456789ab.tmp.12.part"):
        (tmp_path / name).write_text("")
    for name in (".hidden", "notes.tmp", ".lock"):
        (tmp_path / name).write_text("")
    remove_left(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", ".lock", "notes.tmp"]


def test_reasons_are_one_line(job):
    outcome = run_unit(job, Unit(0, "gun:nothing", (), 0, 5, 0))
    assert isinstance(outcome, Outcome) and "no gun for 'nothing'" in outcome.reason
    with pytest.raises(SourceError):
        count_events("/does/not/exist")
