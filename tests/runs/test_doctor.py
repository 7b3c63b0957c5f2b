"""What ``doctor`` finds: a sound installation, what is absent, and what is broken."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lamarr_like import __version__, cli
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import ArtefactError, OutputError
from lamarr_like.runs import doctor
from lamarr_like.system.extras import EXTRAS


@pytest.fixture(scope="module")
def found():
    return {one.what: one for one in doctor.findings()}


def test_a_sound_installation_passes(found):
    assert not [one for one in found.values() if one.good is False]
    assert __version__ in found["lamarr_like"].text
    assert "cores" in found["machine"].text
    assert {f"extra {name}" for name in EXTRAS} < set(found)
    assert found["pipeline reference"].text.endswith("models verified")
    assert found["self-test"].text.startswith("300 events")
    assert found["numpy"].text[0].isdigit()


def test_what_is_absent_is_told_with_how_to_get_it(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor, "pipeline_names", list)
    monkeypatch.setattr(doctor, "_self_test", lambda: doctor.Finding("self-test", ""))
    found = {one.what: one for one in doctor.findings()}
    assert found["extra detailed"].good is None
    assert "without numba; pip install" in found["extra detailed"].text


def test_what_is_broken_fails_the_command(monkeypatch):
    def broken(name, models=None):
        raise ArtefactError(f"model of {name} was altered")

    monkeypatch.setattr(Pipeline, "load", broken)
    monkeypatch.setattr(doctor, "_self_test", lambda: doctor.Finding("self-test", "no", False))
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == 1
    assert "FAILED pipeline reference" in done.output
    assert "model of reference was altered" in done.output and "FAILED self-test" in done.output


def test_a_run_that_fails_is_a_finding(monkeypatch):
    def full(*args, **kwargs):
        raise OutputError("no room")

    monkeypatch.setattr("lamarr_like.runs.simulate.simulate", full)
    found = doctor._self_test()
    assert found.good is False and found.text == "no room"


def test_a_sample_is_made_to_be_tried(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "findings", lambda say: iter(()))
    asked = []
    monkeypatch.setattr("lamarr_like.runs.simulate.simulate_detailed", asked.append)
    path = tmp_path / "small.root"
    done = CliRunner().invoke(cli.app, ["doctor", "--sample", str(path)])
    assert done.exit_code == 0 and f"lamarr-like validate {path}" in done.output
    assert asked[0].output == path and asked[0].n_events == doctor.SAMPLE_EVENTS
