"""Output folders that fail under a production: it ends, says why, and goes on from there."""

import errno
import os
import shutil
from pathlib import Path

import pytest
from production_samples import GUN, InProcess, production

from lamarr_like.distributed import produce, work
from lamarr_like.distributed.lock import FolderLock
from lamarr_like.distributed.produce import run_production
from lamarr_like.errors import OutputError, ProductionError, SourceError
from lamarr_like.io.ntuple import EventWriter

SOURCES = [{"gun": GUN, "events": 90}]
"""Three units."""


class Workers(InProcess):
    """Something happens before the second unit is made."""

    happens = staticmethod(lambda: None)
    submitted = 0

    def submit(self, unit):
        self.submitted += 1
        if self.submitted == 2:
            self.happens()
        return super().submit(unit)


@pytest.fixture
def before_second(monkeypatch):
    """Set what happens before the second unit."""

    def set_it(happens):
        kind = type("W", (Workers,), {"happens": staticmethod(happens)})
        monkeypatch.setattr(produce, "_workers", lambda config, job, n, scheduler: kind(job))

    return set_it


# --- full disks


def chained(error, *, context=None, cause=None):
    error.__context__, error.__cause__ = context, cause
    return error


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "at_fault"),
    [
        (FULL, True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (chained(OutputError("a.root: cannot be written"), context=FULL), True),
        (chained(OutputError("a.root: cannot be written"), cause=FULL), True),
        # What closes a file that could not be flushed says something else, and that again.
        (chained(ValueError("seek of closed file"), context=chained(KeyError(), cause=FULL)), True),
        (chained(OutputError("x"), context=PermissionError(errno.EACCES, "denied")), True),
        (chained(SourceError("x"), context=PermissionError(errno.EACCES, "denied")), False),
        (OSError(errno.ECONNRESET, "gone"), False),
        (OutputError("reads back differently"), False),
        (MemoryError(), False),
    ],
)
def test_whose_fault_an_error_is(error, at_fault):
    outcome = work.failed(error)
    assert outcome.no_space == at_fault and outcome.reason


def test_errors_that_go_round_in_circles():
    a, b = ValueError("a"), ValueError("b")
    a.__context__, b.__context__ = b, a
    assert not work.failed(a).no_space


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("place", ["replace", "write", "close"])
def test_a_full_disk_ends_it_at_the_first_attempt(
    tmp_path, models, before_second, monkeypatch, number, place
):
    """However many retries there are, and whoever finds out."""

    def full(*_, **__):
        raise OSError(number, os.strerror(number))

    def masked(*_, **__):
        try:
            full()
        finally:
            raise ValueError("seek of closed file")

    replace = os.replace

    def begin():
        if place == "replace":
            # The manifest goes where the parts do not.
            monkeypatch.setattr(
                os, "replace", lambda a, b: full() if "part" in str(b) else replace(a, b)
            )
        else:
            monkeypatch.setattr(EventWriter, "write", full if place == "write" else masked)

    before_second(begin)
    config = production(tmp_path, models, sources=SOURCES, retries=2)
    report = run_production(config)
    assert (report.status, report.exit_code, report.done) == ("stopped", 1, 1)
    assert [f.attempts for f in report.failures] == [1]
    monkeypatch.undo()
    before_second(lambda: None)
    report = run_production(config, resume=True)
    assert (report.status, report.made) == ("complete", 2)


def test_a_disk_that_is_full_for_the_manifest_too(tmp_path, models, before_second, monkeypatch):
    def full(*_, **__):
        raise FULL

    before_second(lambda: monkeypatch.setattr(os, "replace", full))
    report = run_production(production(tmp_path, models, sources=SOURCES))
    assert (report.status, report.exit_code, report.done) == ("stopped", 1, 1)
    assert "No space left" in report.stopped
    assert not list((tmp_path / "out").glob(".*.tmp*"))


# --- folders that go


def remove(out):
    shutil.rmtree(out)


def rename(out):
    out.rename(out.with_name("elsewhere"))


def replace_by_new(out):
    rename(out)
    out.mkdir()


def replace_by_file(out):
    rename(out)
    out.write_text("")


@pytest.mark.parametrize("change", [remove, rename, replace_by_new, replace_by_file])
def test_an_output_folder_that_goes(tmp_path, models, before_second, change):
    config = production(tmp_path, models, sources=SOURCES)
    out = config.output
    before_second(lambda: change(out))
    report = run_production(config, merge=True)
    assert (report.status, report.exit_code) == ("stopped", 1)
    assert "removed, renamed or replaced" in report.stopped or "no folder" in report.stopped
    assert not (out / "manifest.json").exists()
    if change is rename:
        out.with_name("elsewhere").rename(out)
        before_second(lambda: None)
        report = run_production(config, resume=True)
        assert (report.status, report.made, report.done) == ("complete", 2, 3)


def test_an_output_folder_that_goes_in_the_end(tmp_path, models, before_second, monkeypatch):
    """After the last unit, before the manifest."""
    config = production(tmp_path, models, sources=SOURCES)
    before_second(lambda: None)
    monkeypatch.setattr(produce, "warning", lambda platforms: shutil.rmtree(config.output))
    report = run_production(config)
    assert (report.status, report.exit_code) == ("stopped", 1)


def test_a_part_that_goes(tmp_path, models, before_second):
    config = production(tmp_path, models, sources=SOURCES)
    before_second((config.output / "part-000000.root").unlink)
    report = run_production(config, merge=True)
    assert (report.status, report.exit_code, report.done) == ("stopped", 1, 2)
    assert "part-000000.root: was removed or changed" in report.stopped
    before_second(lambda: None)
    report = run_production(config, resume=True, merge=True)
    assert (report.status, report.made, report.events) == ("complete", 1, 90)


# --- locks that are none


def link(path, mine):
    path.symlink_to(mine)


def second_name(path, mine):
    os.link(mine, path)


def copy(path, mine):
    path.write_bytes(mine.read_bytes())


def pipe(path, mine):
    os.mkfifo(path)


def folder(path, mine):
    path.mkdir()


@pytest.mark.parametrize("make", [link, second_name, copy, pipe, folder])
def test_a_lock_that_is_something_else(tmp_path, models, make):
    mine = tmp_path / "mine.txt"
    mine.write_text("what is dear to me")
    config = production(tmp_path, models)
    config.output.mkdir()
    make(config.output / ".lock", mine)
    with pytest.raises(OutputError, match=r"\.lock: "):
        run_production(config)
    assert mine.read_text() == "what is dear to me"
    if make is copy:
        assert (config.output / ".lock").read_text() == "what is dear to me"


def test_a_link_to_a_lock_of_another_folder(tmp_path):
    """Even what looks like a lock is not emptied through a link."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    text = '{"host": "elsewhere", "pid": 1}'
    (tmp_path / "a" / ".lock").write_text(text)
    os.link(tmp_path / "a" / ".lock", tmp_path / "b" / ".lock")
    with pytest.raises(OutputError, match="another name elsewhere"), FolderLock(tmp_path / "b"):
        pass
    assert (tmp_path / "a" / ".lock").read_text() == text


@pytest.mark.parametrize("pid", ["1" * 300, "true", "-1", "[" * 2000, "null"])
def test_locks_with_strange_owners(tmp_path, pid):
    here = os.uname().nodename
    (tmp_path / ".lock").write_text(f'{{"host": "{here}", "pid": {pid}}}')
    with FolderLock(tmp_path) as lock:
        lock.check()
    assert (tmp_path / ".lock").read_text() == ""


def test_a_merged_file_is_no_link(tmp_path, models):
    (tmp_path / "mine").write_text("mine")
    config = production(tmp_path, models)
    config.output.mkdir()
    (config.output / "tiny.root").symlink_to(tmp_path / "mine")
    with pytest.raises(ProductionError, match=r"tiny\.root: is no plain file"):
        run_production(config)
    assert (tmp_path / "mine").read_text() == "mine"


def test_an_input_is_not_written_over(tmp_path, models):
    from hepmc_samples import write_sample

    write_sample(tmp_path / "a.root.hepmc", 2)
    (tmp_path / "out").mkdir()
    (tmp_path / "a.root.hepmc").rename(tmp_path / "out" / "mine.root")
    files = [{"files": [str(Path("out") / "*.root")]}]
    config = production(tmp_path, models, sources=files, merge="mine.root")
    with pytest.raises(OutputError, match=r"mine\.root: is an input of this command"):
        run_production(config)
