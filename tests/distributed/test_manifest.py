"""The record of a production and its command, on tiny models in this process."""

import json
import sys
from pathlib import Path

import pytest
import typer
from production_samples import InProcess, write_production
from typer.testing import CliRunner

from lamarr_like import __main__, __version__
from lamarr_like.distributed import produce
from lamarr_like.distributed.command import batch
from lamarr_like.distributed.config import load_production
from lamarr_like.distributed.manifest import MANIFEST_SCHEMA, Failure, ProductionReport
from lamarr_like.distributed.outputs import check_outputs
from lamarr_like.distributed.parts import MANIFEST
from lamarr_like.distributed.units import Unit
from lamarr_like.errors import OutputError


@pytest.fixture
def run(monkeypatch):
    """Call the command with workers in this process."""
    monkeypatch.setattr(produce, "_workers", lambda config, job, n, scheduler: InProcess(job))
    app = typer.Typer()
    app.command()(batch)
    return lambda *words: CliRunner().invoke(app, [str(w) for w in words])


def test_what_went_in_and_came_out_is_told(run, models, tmp_path):
    path = write_production(tmp_path, models)
    done = run(path, "--merge")
    assert done.exit_code == 0, done.output
    assert "complete; 7 of 7 units, 200 events" in done.output
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert manifest["manifest_schema"] == MANIFEST_SCHEMA and manifest["status"] == "complete"
    assert manifest["events"] == {"planned": 200, "written": 200}
    units = manifest["units"]
    # Each event exactly once.
    assert [u["first_event"] for u in units] == [0, *(u["last_event"] + 1 for u in units[:-1])]
    assert units[-1]["last_event"] == 199 and all(u["attempts"] == 1 for u in units)
    assert manifest["merged"]["digest"] in done.output
    assert {u["platform"] for u in units} == {0} and len(manifest["platforms"]) == 1
    assert manifest["failures"] == [] and manifest["versions"]["numpy"]


def test_planned_units_one_by_one(run, models, tmp_path):
    path = write_production(tmp_path, models)
    assert "7 units, 200 events" in run(path, "--plan").output
    assert "unit 6, 20 events" in run(path, "--unit", 6).output


def test_what_is_not_of_the_production_is_not_written_over(models, tmp_path):
    config = load_production(write_production(tmp_path, models))
    check_outputs(config, merge=True)
    config.output.mkdir()
    merged = config.output / "tiny.root"
    merged.write_text("mine")
    check_outputs(config)  # nothing is merged
    with pytest.raises(OutputError, match=r"tiny\.root"):
        check_outputs(config, merge=True)
    check_outputs(config, merge=True, force=True)
    # What is read is never written over.
    (config.output / "part-000000.root").symlink_to(models / "tiny.yaml")
    with pytest.raises(OutputError, match=r"part-000000\.root"):
        check_outputs(config, force=True)


def test_an_output_that_is_a_file(models, tmp_path):
    config = load_production(write_production(tmp_path, models))
    config.output.write_text("")
    with pytest.raises(OutputError, match="is there and no folder"):
        check_outputs(config)


@pytest.mark.parametrize(
    ("done", "stopped", "signum", "status", "code"),
    [(7, "", 0, "complete", 0), (6, "", 0, "failed", 1), (6, "SIGINT", 2, "stopped", 130)],
)
def test_status_and_exit_code(done, stopped, signum, status, code):
    report = ProductionReport(
        *(Path("out"), 200, 7, done, done, (), stopped, signum, None, "", 1.0, 0.0)
    )
    assert (report.status, report.exit_code) == (status, code)


def test_a_failure_names_the_events_of_its_unit():
    failure = Failure.of(Unit(3, "gun:pi+", (), 10, 30, 50), 2, "why")
    assert (failure.unit, failure.first, failure.last, failure.attempts) == (3, 60, 79, 2)


def test_the_package_runs_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lamarr-like", "--version"])
    with pytest.raises(SystemExit) as stop:
        __main__.main()
    assert stop.value.code in (None, 0)
    assert capsys.readouterr().out == f"lamarr-like {__version__}\n"
