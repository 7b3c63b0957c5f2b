"""``new-stage`` writes a package whose tests pass as they are."""

import os
import re
import subprocess
import sys

import pytest
from places import TOP
from plugin_fakes import install
from typer.testing import CliRunner

from lamarr_like.chain.new_stage import new_stage
from lamarr_like.cli import app
from lamarr_like.errors import OutputError, PipelineError


def test_the_package_works_as_it_is_written(tmp_path, monkeypatch):
    folder = tmp_path / "lamarr-time-of-flight"
    done = CliRunner().invoke(app, ["new-stage", "time_of_flight", "-o", str(folder)])
    assert done.exit_code == 0 and f"pip install -e {folder}" in done.output
    project = (folder / "pyproject.toml").read_text()
    name, target = re.search(r'^(\w+) = "(\w+:\w+)"$', project, re.MULTILINE).groups()
    assert 'entry-points."lamarr_like.stages"' in project
    # As `pip install -e` does, without a network.
    install(monkeypatch, folder, "lamarr_time_of_flight_installed", stages={name: target})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(TOP)])}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", str(folder)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0 and "5 passed" in ran.stdout, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", ["ecal", "tx", "Bad", "two__lines", "class", "a-b", "x", "../up"])
def test_names_that_cannot_be(name, tmp_path):
    with pytest.raises(PipelineError, match=re.escape(name)):
        new_stage(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_nothing_is_replaced(tmp_path):
    (tmp_path / "pyproject.toml").write_text("mine")
    with pytest.raises(OutputError, match="is there already"):
        new_stage("wall", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["pyproject.toml"]
    assert (tmp_path / "pyproject.toml").read_text() == "mine"
