"""The commands `twin` and `train --search`."""

from __future__ import annotations

import pytest
from twin_toys import document, write_toys, write_twin
from typer.testing import CliRunner

from lamarr_like.cli import app
from lamarr_like.twin.command import train, twin

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def toys(made_once):
    return made_once("twin_toys", write_toys)


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_plan_run_and_check(toys, tmp_path):
    found = document(check=["two"])
    del found["models"][0]
    file = write_twin(tmp_path, toys, found)
    words = ("twin", file, "--work", tmp_path / "work", "--registry", tmp_path / "reg")
    shown = call(*words, "--plan")
    assert shown.exit_code == 0 and "6 of 6 steps" not in shown.output
    assert "train/acceptance-toy-1" in shown.output and "not made yet" in shown.output
    assert "5 of 5 steps would be made" in shown.output
    assert not (tmp_path / "work").exists()
    made = call(*words)
    assert made.exit_code == 0, made.output
    assert "5 steps made, 0 not" in made.output
    assert "approve/acceptance-toy-1: pass" in made.output
    assert "acceptance-toy-1 is approved in" in made.output
    assert "0 of 5 steps would be made" in call(*words, "--plan").output
    checked = call(*words, "--check")
    assert checked.exit_code == 0 and "drift/acceptance-toy-1: pass" in checked.output
    found["models"][0]["seed"] = 2
    write_twin(tmp_path, toys, found)
    shown = call(*words, "--plan")
    assert shown.exit_code == 2 and "seed 1 -> 2" in shown.output and "CANNOT BE" in shown.output


def test_a_model_that_is_refused_gives_status_1(toys, tmp_path):
    (tmp_path / "strict.yaml").write_text(
        "schema_version: 1\nfalse_alarm: 0.9\n"
        "checks: {classifier: {relative: 0.0, absolute: 0.0, limit: 0.49}}\n"
    )
    found = document(thresholds={"verdict": str(tmp_path / "strict.yaml")})
    del found["models"][0]
    found["models"][0]["settings"] = {"learning_rate": 1e-6}  # learns nothing
    done = call("twin", write_twin(tmp_path, toys, found), "--work", tmp_path / "work")
    assert done.exit_code in (1, 2) and "acceptance-toy-1 is candidate" in done.output
    assert "REFUSED" in done.output or "NOT APPROVED" in done.output


def test_train_with_a_search(toys, tmp_path):
    words = ("train", "muon_id", "--data", toys / "one.root", "-o", tmp_path)
    done = call(*words, "--search", 2)
    assert done.exit_code == 0, done.output
    assert "us a row" in done.output and "wrote" in done.output
    card = (tmp_path / "muon_id-pp13-1" / "card.md").read_text()
    assert "A search of 2 trials" in card and "(search.svg)" in card
    again = call(*words, "--search", 2)
    assert again.exit_code == 1 and "is there already" in str(again.exception)
    assert callable(train) and callable(twin)
