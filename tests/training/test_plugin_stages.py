"""Stages of a plug-in: trained, loaded, run and put through fidelity with no change of ours."""

from __future__ import annotations

import numpy as np
import pytest
from glow_plugin import install_glow

from lamarr_like.chain.pipeline import Pipeline, load_stage
from lamarr_like.cli import app
from lamarr_like.engine.artefact import read_artefact
from lamarr_like.errors import TrainingError
from lamarr_like.io.ntuple import EventWriter, read_events
from lamarr_like.io.sources import open_source
from lamarr_like.nets.families import find_family
from lamarr_like.stages import Propagation
from lamarr_like.training.request import Request
from lamarr_like.training.train import train
from lamarr_like.validation.stages.fidelity import SampleConfig, run

pytest.importorskip("tensorflow")


@pytest.fixture
def glow(tmp_path, monkeypatch):
    return install_glow(monkeypatch, tmp_path / "site")


@pytest.fixture
def sample(glow, tmp_path):
    """Pions that glow with the logarithm of their momentum, as a file."""
    (batch,) = open_source("gun:pi+?p=3-100&n=2", n_events=700, seed=1)
    batch = Propagation()(batch, 1)
    rng = np.random.default_rng(2)
    n = len(batch.particle)
    log_p = glow["glow"].conditions(batch, np.ones(n, bool))["log_momentum"]
    columns = {
        "glow": (log_p + 0.2 * rng.normal(size=n)).astype(np.float32),
        "is_lit": rng.random(n) < 1.0 / (1.0 + np.exp(10.0 - log_p)),
        "spark": rng.exponential(size=n).astype(np.float32),
    }
    path = tmp_path / "glow.root"
    with EventWriter(path, metadata={}) as writer:
        writer.write(batch.with_columns("particle", **columns))
    return path


def made(stage, sample, folder, **request):
    """The folder of a stage's model."""
    options = {"output": folder, "request": Request(stage, **request), "progress": False}
    (found,) = train(stage, [sample], **options)
    return found


def test_the_command_trains_a_stage_of_a_plugin_and_fidelity_tests_it(glow, sample, tmp_path):
    models = tmp_path / "models"
    words = ["train", "glow", "--data", str(sample), "-o", str(models)]
    app(words, standalone_mode=False)
    stage, artefact = load_stage("glow-pp13-1", models)
    assert type(stage) is glow["glow"]
    assert artefact.config["family"] == "armdn"
    assert artefact.config["training"]["settings"]["hidden"] == 16
    assert "Model of the stage `glow`; gives glow." in artefact.files["card.md"].decode()

    file = tmp_path / "mine.yaml"
    file.write_text(
        "schema_version: 1\nname: m\n"
        "stages: [{stage: propagation}, {stage: glow, model: glow-pp13-1}]\n"
    )
    (batch,) = open_source("gun:pi+?p=3-100", n_events=500, seed=5)
    out = Pipeline.load(file, models)(batch, seed=1)
    rows = np.ones(len(out.particle), bool)
    log_p = stage.conditions(out, rows)["log_momentum"]
    assert np.corrcoef(log_p, out.particle["glow"])[0, 1] > 0.7

    words = ["fidelity", str(sample), "--model", "glow-pp13-1", "--models", str(models)]
    app([*words, "-o", str(tmp_path / "report")], standalone_mode=False)
    assert "| glow | plain |" in (tmp_path / "report" / "fidelity.md").read_text()


def test_a_classifier_needs_no_momentum_to_be_tested(glow, sample, tmp_path):
    folder = made("lit", sample, tmp_path)
    report = run(SampleConfig([sample]), single=[str(folder)])
    (found,) = report.stages["-"]
    assert (found.stage, found.test) == ("lit", "plain")
    assert 0.3 < found.auc.value < 0.7
    assert report.bins == {"-": []}  # its conditions are not those of the bins


def test_a_stage_of_a_kind_of_its_own(glow, sample, tmp_path):
    folder = made("spark", sample, tmp_path, options={"scale": 2.0})
    artefact = read_artefact(folder)
    assert artefact.config["kind"] == artefact.config["family"] == "shelf"
    assert len(artefact.config["values"]) == 200
    stage, _ = load_stage(str(folder))
    (batch,) = open_source("gun:pi+", n_events=400, seed=5)
    one, two = stage(batch, 1).particle["spark"], stage(batch, 2).particle["spark"]
    assert 1.6 < one.mean() < 2.4 and not np.array_equal(one, two)
    (found,) = run(SampleConfig([sample]), single=[str(folder)]).stages["-"]
    assert found.auc.value > 0.55  # twice as bright as in the sample
    folder = made("spark", sample, tmp_path, version="2", steps=50)
    assert len(read_artefact(folder).config["values"]) == 50
    (found,) = run(SampleConfig([sample]), single=[str(folder)]).stages["-"]
    assert found.auc.value < 0.55


def test_what_a_stage_cannot_have_is_named(glow, sample, tmp_path):
    for stage, request, message in (
        ("spark", {"family": "armdn"}, "stage 'spark': no family 'armdn' of shelfs; there are"),
        ("glow", {"family": "shelf"}, "no family 'shelf' of generators; there are armdn, gan"),
        ("glow", {"options": {"frame": "x"}}, "'glow' has no option 'frame'; it has none"),
        ("spark", {"options": {"size": 1}}, "'spark' has no option 'size'; it has scale"),
        ("spark", {"options": {"scale": 9}}, "'spark': scale cannot be 9; it can be 1.0, 2.0"),
    ):
        with pytest.raises(TrainingError, match=message):
            made(stage, sample, tmp_path / "none", **request)
    assert not (tmp_path / "none").exists()


def test_a_stage_without_a_recipe_or_a_fit(glow, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(glow["spark"], "trained_by", "nobody")
    with pytest.raises(TrainingError, match="nothing trains by 'nobody'; there are classifier, ge"):
        made("spark", sample, tmp_path)
    monkeypatch.setattr(glow["spark"], "recipes", ())
    with pytest.raises(TrainingError, match="stage 'spark' cannot be trained: it has no recipe"):
        made("spark", sample, tmp_path)


def test_other_families_have_names_of_their_own(glow):
    assert Request("glow").names["sample"] == "pp13"
    assert Request("glow", family="armdn").names["sample"] == "pp13"
    assert Request("glow", family="gan").names["sample"] == "gan-pp13"
    assert Request("glow", family="gan").config(10**6).steps == 5


def test_families_of_plugins(glow):
    assert find_family("shelf").kind == "shelf"
    with pytest.raises(
        TrainingError, match="there are armdn, gan, .*k-to-k, event_library, residual, rack, shelf"
    ):
        find_family("flow")
    with pytest.raises(TrainingError, match="plug-in 'rack' is .*, no Family of that name"):
        find_family("rack")


def test_columns_of_the_sample_come_back(sample):
    (batch,) = read_events(sample)
    assert {"glow", "is_lit", "spark"} <= set(batch.particle.columns)
