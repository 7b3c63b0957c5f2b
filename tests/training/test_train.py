"""From a detailed sample to a trained artefact that runs in a pipeline, and its fidelity."""

import sys

import numpy as np
import pytest
from chain_fakes import fake_stages, truth_events, untold
from eager import eagerly

from lamarr_like.chain.pipeline import Pipeline, load_stage
from lamarr_like.engine.artefact import read_artefact
from lamarr_like.errors import TrainingError
from lamarr_like.events import EventBatch, Table
from lamarr_like.io.ntuple import EventWriter, read_events
from lamarr_like.stages import MODEL_STAGES
from lamarr_like.training.request import Request, expanded
from lamarr_like.training.sample import read_sample, row_weights
from lamarr_like.training.train import told, train
from lamarr_like.validation.stages.fidelity import FidelityReport, SampleConfig, run


@pytest.fixture(scope="module")
def sample(minbias):
    return minbias


@pytest.fixture(scope="module")
def models(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for stage, steps in (
        ("acceptance", 30),
        ("vertex_finding", 20),
        ("vertices", 50),
        ("resolution", 5),
    ):
        request = Request(stage, steps=steps, sample="small")
        with eagerly():
            assert list(train(stage, [sample], output=folder, request=request, progress=False))
    return folder


def test_all_means_every_stage_and_the_gans():
    wanted = [(r.stage, r.family) for r in expanded(Request("all"))]
    further = [(s, "gan") for s in ("resolution", "covariance", "rich")]
    assert wanted == [(s, None) for s in MODEL_STAGES] + further
    with pytest.raises(TrainingError, match="name the stage to choose a family"):
        expanded(Request("all", family="gan"))


def test_all_leaves_out_what_a_sample_need_not_tell_and_does_not():
    wanted, tracks = expanded(Request("all")), Pipeline(fake_stages())(truth_events(2))
    assert told(wanted, tracks) == wanted
    left = {one.stage for one in wanted} - {one.stage for one in told(wanted, untold(tracks))}
    assert left == {"decay_in_flight"}


def test_unknown_stage_and_family(sample, tmp_path):
    with pytest.raises(TrainingError, match="acceptance"):
        list(train("nothing", [sample], output=tmp_path))
    with pytest.raises(TrainingError, match="gan"):
        list(train("rich", [sample], output=tmp_path, request=Request("rich", family="flow")))


@pytest.mark.parametrize("stage", ["rich", "all"])
@pytest.mark.parametrize("module", ["tensorflow", "keras", "onnx"])
def test_nothing_is_made_where_the_extra_is_missing(tmp_path, monkeypatch, stage, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        list(train(stage, [tmp_path / "unread.root"], output=tmp_path / "models"))
    assert caught.value.name == module
    assert not list(tmp_path.iterdir())


def test_boosters_need_no_keras(sample, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    request = Request("acceptance", steps=2)
    assert list(train("acceptance", [sample], output=tmp_path, request=request, progress=False))


def test_artefacts_say_what_they_are(models):
    artefact = read_artefact(models / "resolution-small-1")
    assert artefact.config["frame"] == "carried"
    card = artefact.files["card.md"].decode()
    assert "reference detector" in card
    assert "detailed.root" in card
    assert "Do not use it" in card


def test_trained_stage_runs_on_generated_events(models, sample):
    stage, _ = load_stage("resolution-small-1", models)
    batch = read_sample([sample], part=(0.0, 0.2))
    batch = batch.with_table("track", batch.track.select(batch.track["origin"] == 0))
    out = stage(batch, seed=1)
    assert np.isfinite(out.track["p"]).all()


def test_fidelity_report(models, sample, tmp_path, few_trees):
    report = run(
        SampleConfig([sample], part=(0.5, 1.0), max_rows=2000),
        single=[f"{s}-small-1" for s in ("acceptance", "resolution", "vertex_finding", "vertices")],
        models=models,
    )
    assert isinstance(report, FidelityReport)
    tests = {r.stage: r for r in report.stages["-"]}
    assert set(tests) == {"acceptance", "resolution", "vertex_finding", "vertices"}
    assert 0.4 < tests["acceptance"].floor.value < 0.6
    # Five steps cannot hide from trees; the test must see that.
    assert tests["resolution"].auc.value > 0.6
    text, numbers = report.write(tmp_path)
    assert "| resolution | plain |" in text.read_text()
    assert numbers.stat().st_size > 200


def test_sample_without_a_needed_column(sample, tmp_path):
    (batch,) = read_events(sample, step_size=1000)
    poor = {k: v for k, v in batch.track.columns.items() if k != "ghost_prob"}
    path = tmp_path / "poor.root"
    with EventWriter(path, metadata={}) as writer:
        writer.write(batch.with_table("track", Table(poor, batch.track.offsets)))
    with pytest.raises(TrainingError, match=r"track\.ghost_prob"):
        list(train("resolution", [path], output=tmp_path / "m"))


def test_parts_of_a_sample(sample):
    first, second = (read_sample([sample], part=p) for p in ((0.0, 0.5), (0.5, 1.0)))
    assert len(first) + len(second) == 400
    with pytest.raises(TrainingError, match="part"):
        read_sample([sample], part=(0.5, 0.5))


def test_weights_of_event_and_track_multiply(sample):
    batch = read_sample([sample], part=(0.0, 0.1))
    rows = np.ones(len(batch.track), bool)
    assert (row_weights(batch, "track", rows) == 1.0).all()
    event = dict(batch.event.columns) | {"mc_weight": np.full(len(batch), 2.0)}
    heavy: EventBatch = batch.with_table("event", Table(event, batch.event.offsets))
    heavy = heavy.with_columns("track", weight=np.full(len(batch.track), -0.5))
    assert (row_weights(heavy, "track", rows) == -1.0).all()
    assert (row_weights(heavy, "event", np.ones(len(batch), bool)) == 2.0).all()
