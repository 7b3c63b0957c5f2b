"""Figures of a fidelity report in the cards of the models."""

import json

import pytest

from lamarr_like.engine.artefact import read_artefact, write_artefact
from lamarr_like.errors import ArtefactError
from lamarr_like.statistics.two_sample import Auc
from lamarr_like.validation.stages.cards import HEADING, with_section, write_figures
from lamarr_like.validation.stages.fidelity import BinFidelity, FidelityReport, StageFidelity

CARD = "# rich\n\nWhat it is.\n\n## How well, held out\n- a: 1\n\n## Do not use it\n- ever.\n"


def report(value):
    test = StageFidelity("rich-x-1", "rich", "plain", Auc(value, 0.001, 500), Auc(0.5, 0.001, 500))
    bins = BinFidelity("rich-x-1", "rich", "isMuon", 40, 0.95, 3.0)
    return FidelityReport(("t.root",), 100, {"p": [test]}, {"p": [bins]})


@pytest.fixture
def models(tmp_path):
    config = {"kind": "generator", "family": "armdn", "stage": "rich", "sample": "x"}
    config |= {"version": "1", "conditions": ["p"]}
    write_artefact(tmp_path / "rich-x-1", config, {"model.onnx": b"weights"}, CARD)
    return tmp_path


def test_figures_stand_in_card_and_configuration(models):
    before = read_artefact(models / "rich-x-1")
    assert write_figures(report(0.5312), models, "the command") == [models / "rich-x-1"]
    after = read_artefact(models / "rich-x-1")
    assert after.files["model.onnx"] == before.files["model.onnx"]
    assert after.digest != before.digest
    tested = after.config["tested"]
    assert tested["tests"] == [
        {"test": "plain", "rows": 500, "auc": [0.5312, 0.001], "floor": [0.5, 0.001]}
    ]
    assert tested["command"] == "the command"
    card = after.files["card.md"].decode()
    assert "0.5312 +- 0.0010" in card and "95.0% of 40 bins" in card
    assert card.index("held out") < card.index(HEADING) < card.index("Do not use it")
    json.dumps(after.config)


def test_older_figures_are_replaced(models):
    write_figures(report(0.6), models)
    write_figures(report(0.5312), models)
    card = read_artefact(models / "rich-x-1").files["card.md"].decode()
    assert card.count(HEADING) == 1 and "0.6000" not in card
    assert with_section(with_section(CARD, "a"), "b") == with_section(CARD, "b")
    assert with_section("# x", "a").endswith(f"{HEADING}\na\n\n")


def test_absent_models_are_named(models):
    other = FidelityReport(
        ("t.root",), 1, {"p": [StageFidelity("no-1", "rich", "plain", *2 * [Auc(0.5, 0.1, 5)])]}, {}
    )
    with pytest.raises(ArtefactError, match="no model 'no-1'"):
        write_figures(other, models)
