"""One production in one folder, and stopping it."""

import json
import os
import signal
import time

import pytest
from production_samples import (
    finish,
    production,
    start,
    write_production,
)

from lamarr_like.distributed import work
from lamarr_like.distributed.lock import FolderLock
from lamarr_like.distributed.produce import run_production
from lamarr_like.distributed.units import Unit, count_events
from lamarr_like.distributed.work import Outcome, run_unit
from lamarr_like.errors import OutputError, SourceError
from lamarr_like.files.scratch import remove_left


@pytest.fixture
def job(tmp_path, models):
    plan = work.Pipeline.load(models / "tiny.yaml", models)
    return work.Job(
        *(tmp_path, str(models / "tiny.yaml"), models, 7, 1000, False, "ttree"),
        provenance=plan.provenance,
        metadata={},
        plan="p",
    )


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
