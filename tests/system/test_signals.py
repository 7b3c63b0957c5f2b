"""What batch systems and `timeout` send ends a run like Ctrl-C: at once, with nothing left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chain_fakes import truth_events
from production_samples import GUN

from lamarr_like.files import scratch
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.system import signals
from lamarr_like.system.processes import processes, worker_pool
from lamarr_like.system.signals import SIGNALS, Interrupted, deferred, heeded, stoppable


def start(models, folder, *words):
    options = ["--pipeline", models / "tiny.yaml", "--models", models, *words]
    command = ["simulate", f"gun:{GUN}", "-n", 10_000_000, "-o", folder / "out.root", *options]
    return subprocess.Popen(
        [sys.executable, "-m", "lamarr_like", *map(str, command)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(true, process=None):
    """Wait for something, no longer than a process runs if one is given."""
    end = time.monotonic() + 120
    while not true() and time.monotonic() < end and (process is None or process.poll() is None):
        time.sleep(0.02)


def alive(group):
    """Processes of a group that are no zombies."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rsplit(")", 1)[1].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            found.append(stat.parent.name)
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("signum", "words"),
    [
        (signal.SIGTERM, ()),
        (signal.SIGTERM, ("--workers", 2)),
        (signal.SIGHUP, ("--workers", 2, "--split-events", 100)),
    ],
)
def test_signals_leave_nothing(tmp_path, models, signum, words):
    process = start(models, tmp_path, *words)
    until(lambda: len(alive(process.pid)) > len(words) // 2 and list(tmp_path.iterdir()), process)
    process.send_signal(signum)  # `timeout` sends it to the process, then to its group
    os.killpg(process.pid, signum)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (128 + signum, "")
    assert err == f"lamarr-like: stopped by {signum.name}\n"
    assert not list(tmp_path.iterdir())
    until(lambda: not alive(process.pid))
    assert not alive(process.pid)


def test_signals_during_the_imports(tmp_path):
    """However early, from the moment on that the command has begun."""
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer':\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from lamarr_like.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (143, "lamarr-like: stopped by SIGTERM\n")


def test_what_a_killed_run_leaves_goes_with_the_next(tmp_path, models):
    process = start(models, tmp_path)
    until(lambda: list(tmp_path.iterdir()), process)
    process.kill()
    process.communicate()
    assert [p.suffix for p in tmp_path.iterdir()] == [".part"]
    with EventWriter(tmp_path / "out.root", metadata={}) as writer:
        writer.write(truth_events(3))
    assert [p.name for p in tmp_path.iterdir()] == ["out.root"]


def test_status_and_handlers(capsys):
    before = [signal.getsignal(s) for s in SIGNALS]
    for signum in SIGNALS:
        with pytest.raises(SystemExit) as stop, stoppable(), stoppable():
            os.kill(os.getpid(), signum)
            time.sleep(1)
        assert stop.value.code == 128 + signum
        assert capsys.readouterr().err == f"lamarr-like: stopped by {signum.name}\n"
        ignored = [signal.getsignal(s) for s in SIGNALS]
        assert set(ignored) == {signal.SIG_IGN}  # the way out is not interrupted
        for s, handler in zip(SIGNALS, before, strict=True):
            signal.signal(s, handler)


def test_signals_that_are_ignored_stay_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in heeded()
        with stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_error_that_follows_from_a_signal_is_not_told(capsys, monkeypatch):
    monkeypatch.setattr(signals._State, "caught", 0)
    before = {s: signal.getsignal(s) for s in SIGNALS}
    with pytest.raises(SystemExit) as stop, stoppable():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        except Interrupted:
            raise ImportError("numpy is half there") from None
    for s, handler in before.items():
        signal.signal(s, handler)
    assert stop.value.code == 143
    assert capsys.readouterr().err == "lamarr-like: stopped by SIGTERM\n"


def test_signals_wait_where_they_would_do_harm():
    before = {s: signal.getsignal(s) for s in SIGNALS}
    seen = []
    with pytest.raises(SystemExit), stoppable(), deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)
        seen.append("the end")
    for s, handler in before.items():
        signal.signal(s, handler)
    assert seen == ["the end"]


def test_workers_are_killed_where_the_work_ends_early():
    with pytest.raises(RuntimeError), worker_pool(1) as pool:
        future = pool.submit(time.sleep, 600)
        (worker,) = pool._processes.values()
        raise RuntimeError
    assert not worker.is_alive() and not future.cancelled()


def test_a_worker_that_is_asked_to_end_leaves_time_to_its_parent():
    with processes(1) as pool:
        assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        (worker,) = pool._processes.values()
        future = pool.submit(time.sleep, 600)
        start = time.monotonic()
        worker.terminate()
        with pytest.raises(Exception, match="terminated abruptly"):
            future.result()
        assert time.monotonic() - start >= 0.9


def test_files_that_nobody_removes_go_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "_LIVE", set())
    one = scratch.Scratch(tmp_path / "a.root")
    one.create()
    scratch._LIVE.add((os.getpid() + 1, tmp_path / "b"))
    (tmp_path / "b").write_text("of another process")
    scratch._remove_live()
    assert [p.name for p in tmp_path.iterdir()] == ["b"]
    one.remove()
