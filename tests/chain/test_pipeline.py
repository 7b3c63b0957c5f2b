"""Pipelines: their files, their checks, and the same events however they are cut."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import yaml
from chain_fakes import fake_stage, fake_stages, truth_events
from tiny_models import TINY

from lamarr_like.chain.pipeline import Pipeline, completed
from lamarr_like.chain.pipeline_file import load_config, parse_config
from lamarr_like.errors import ArtefactError, PipelineError, SchemaError
from lamarr_like.events import EventBatch, Table, concatenate, rebatch
from lamarr_like.files import find as resources
from lamarr_like.schema import COVARIANCE_NAMES
from lamarr_like.stages import STAGES


def digest(batch):
    """Hash of every column of every table, bit for bit."""
    h = hashlib.sha256()
    for name in sorted(batch.tables):
        table = batch[name]
        h.update(table.offsets.tobytes())
        for column in sorted(table.columns):
            h.update(f"{name}.{column}.{table[column].dtype}".encode())
            h.update(np.ascontiguousarray(table[column]).tobytes())
    return h.hexdigest()


def in_chunks(pipeline, batch, size, **kwargs):
    return concatenate(pipeline(chunk, **kwargs) for chunk in rebatch([batch], size))


@pytest.fixture(scope="module")
def models(whole_chain):
    return whole_chain


@pytest.fixture(scope="module")
def tiny(models):
    return Pipeline.load(models / "tiny.yaml", models)


# --- the same events however they are cut


def test_fake_chain_does_not_depend_on_chunks():
    pipeline, batch = Pipeline(fake_stages()), truth_events(40)
    whole = digest(pipeline(batch, seed=5))
    assert {digest(in_chunks(pipeline, batch, n, seed=5)) for n in (1, 7, 1000)} == {whole}


@pytest.mark.parametrize("is_gun", [False, True])
def test_real_chain_does_not_depend_on_chunks(tiny, is_gun):
    batch = truth_events(40)
    whole = digest(tiny(batch, seed=5, is_gun=is_gun))
    for n in (1, 7, 1000):
        assert digest(in_chunks(tiny, batch, n, seed=5, is_gun=is_gun)) == whole
    assert digest(tiny(batch, seed=6, is_gun=is_gun)) != whole


def test_order_of_events_does_not_matter(tiny):
    batch = truth_events(10)
    halves = [batch.events(5, 10), batch.events(0, 5)]
    swapped = tiny(concatenate(halves))
    assert digest(concatenate([swapped.events(5, 10), swapped.events(0, 5)])) == digest(tiny(batch))


def test_output_is_physical(tiny):
    out = tiny(truth_events(100, seed=9), seed=2)
    track = out.track
    assert len(track) > 200
    assert set(track["track_type"]) == {3, 4, 5}
    assert ((track["ghost_prob"] >= 0) & (track["ghost_prob"] <= 1)).all()
    assert (track["n_dof"] >= 1).all()
    assert (track["p"] > 0).all()
    assert set(track["charge"]) == {-1, 1}
    matrix = np.zeros((len(track), 5, 5))
    for name in COVARIANCE_NAMES:
        j, i = int(name[3]), int(name[4])
        matrix[:, i, j] = matrix[:, j, i] = track[name]
    unit = 1 / np.sqrt(np.einsum("nii->ni", matrix))
    np.linalg.cholesky(matrix * unit[:, :, None] * unit[:, None, :])


def test_seconds_and_provenance(tiny, models):
    tiny(truth_events(5))
    assert set(tiny.seconds) == {"propagation", *TINY}
    assert all(s > 0 for s in tiny.seconds.values())
    assert tiny.provenance["pipeline"] == "tiny"
    content = (models / "tiny.yaml").read_bytes()
    assert tiny.provenance["pipeline_digest"] == hashlib.sha256(content).hexdigest()
    assert set(tiny.provenance["models"]) == set(TINY)
    assert tiny.provenance["models"]["rich"]["model"] == "rich-tiny-1"


# --- kinds of input


def test_awkward_in_awkward_out(tiny):
    batch = truth_events(8)
    out = tiny(batch.to_awkward(), seed=4)
    expected = tiny(batch, seed=4)
    assert out.track.p.tolist() == expected.to_awkward().track.p.tolist()


def test_pandas_in_pandas_out(tiny):
    batch = truth_events(8)
    frames = {name: batch.to_pandas(name) for name in batch.tables}
    out = tiny(frames, seed=4)
    assert set(out) == {"event", "vertex", "particle", "track", "reco_vertex"}
    np.testing.assert_array_equal(out["track"]["p"], tiny(batch, seed=4).track["p"])


def test_columns_with_a_natural_default_may_be_absent(tiny):
    full = truth_events(8)
    kept = ("mc_pdg_id", "mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
    particle = Table({k: full.particle[k] for k in kept}, full.particle.offsets)
    batch = EventBatch({"event": full.event, "particle": particle})
    done = completed(batch)
    np.testing.assert_array_equal(done.particle["mc_charge"], full.particle["mc_charge"])
    np.testing.assert_array_equal(done.particle["mcparticle_id"], full.particle["mcparticle_id"])
    assert done.particle["mc_stable"].all()
    assert (done.particle["mc_energy"] > np.abs(done.particle["mc_pz"])).all()
    assert len(tiny(batch).track)


def test_missing_input_is_named(tiny):
    batch = truth_events(3)
    columns = {k: v for k, v in batch.particle.columns.items() if k != "mc_vx"}
    broken = batch.with_table("particle", Table(columns, batch.particle.offsets))
    with pytest.raises(SchemaError, match="pipeline 'tiny': table 'particle' lacks .* mc_vx"):
        tiny(broken)


def test_infinite_input_names_event_and_column(tiny):
    batch = truth_events(5)
    px = batch.particle["mc_px"].copy()
    px[batch.particle.offsets[3]] = np.inf
    with pytest.raises(SchemaError, match=r"input: particle.mc_px is inf in event 103"):
        tiny(batch.with_columns("particle", mc_px=px))


def test_not_a_number_from_a_model_names_stage_event_and_column():
    stages = fake_stages()
    rich = next(s for s in stages if s.name == "rich")
    draw = rich.model.draw

    def broken(conditions, uniforms):
        drawn = draw(conditions, uniforms)
        drawn["rich_dll_k"][0] = np.nan
        return drawn

    rich.model.draw = broken
    with pytest.raises(SchemaError, match=r"stage 'rich': track.rich_dll_k is nan in event 10\d"):
        Pipeline(stages)(truth_events(5))


# --- contracts


def test_missing_columns_are_found_before_the_first_event():
    without = [s for s in fake_stages() if s.name != "efficiency"]
    with pytest.raises(PipelineError) as error:
        Pipeline(without, "short")
    assert "pipeline 'short': stage 'decay_in_flight' misses track.mcparticle_id" in str(
        error.value
    )
    assert "put stage efficiency before it" in str(error.value)


def test_order_of_stages_is_checked():
    with pytest.raises(PipelineError, match="'acceptance' misses .* put stage propagation before"):
        Pipeline([fake_stage("acceptance"), fake_stage("propagation")])


def test_short_chain_runs():
    out = Pipeline([fake_stage("propagation"), fake_stage("acceptance")])(truth_events(4))
    assert "track" not in out.tables


# --- pipeline files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "bad.yaml: expected a mapping, found a list"),
        ("", "bad.yaml: expected a mapping, found nothing"),
        ("name: x", "schema_version is missing"),
        ("{schema_version: '1', name: x, stages: []}", "schema_version: expected a whole number"),
        ("{schema_version: true, name: x, stages: []}", "schema_version: expected a whole number"),
        ("{schema_version: 2, name: x, stages: []}", "schema_version is 2, this version reads 1"),
        ("{schema_version: 1, name: x, stages: []}", "stages is empty"),
        ("{schema_version: 1, name: x, stage: []}", "stage is unknown; known are schema_version"),
        ("{schema_version: 1, name: x, stages: {}}", "stages: expected a list, found a mapping"),
        ("{schema_version: 1, name: x, stages: [rich]}", r"stages\[0\]: expected a mapping"),
        ("{schema_version: 1, name: x, stages: [{stage: 3}]}", r"stages\[0\].stage: expected text"),
        (
            "{schema_version: 1, name: x, stages: [{stage: propagation}, {stage: magic}]}",
            r"stages\[1\].stage: no stage 'magic'; there are propagation",
        ),
        (
            "{schema_version: 1, name: x, stages: [{stage: propagation}, {stage: propagation}]}",
            r"stages\[1\].stage: 'propagation' comes twice",
        ),
        ("{schema_version: 1, name: x, stages: [{stage: rich}]}", r"stages\[0\].model is missing"),
        (
            "{schema_version: 1, name: x, stages: [{stage: propagation, model: a}]}",
            r"stages\[0\].model: stage 'propagation' takes no model",
        ),
        (
            "{schema_version: 1, name: x, stages: [{stage: propagation, options: {field: 1}}]}",
            r"stages\[0\].options.field: .* no such option; it has: polarity",
        ),
        ("a: [", "is no YAML"),
        ("!!python/object/apply:os.getcwd []", "is no YAML"),
    ],
)
def test_bad_pipeline_files(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(PipelineError, match=message):
        load_config(path)


def test_bad_option_value_is_refused(tmp_path):
    path = tmp_path / "bad.yaml"
    stage = "{stage: propagation, options: {polarity: 3}}"
    path.write_text(f"{{schema_version: 1, name: x, stages: [{stage}]}}")
    with pytest.raises(PipelineError, match="polarity is 1 or -1, not 3"):
        Pipeline.load(path)


PIPELINES = sorted(
    resources.shipped("pipelines") / f"{name}.yaml" for name in resources.pipeline_names()
)


@pytest.mark.parametrize("path", PIPELINES)
def test_shipped_pipelines_are_sound(path):
    config = load_config(path.stem)
    assert config.name == path.stem
    listed = [s.stage for s in config.stages]
    # The classifier of the detailed sample stands where ProbNN would be drawn.
    order = ["prob_nn" if stage == "global_pid" else stage for stage in STAGES]
    assert listed == [name for name in order if name in listed]
    assert len(listed) == len(STAGES) or path.stem != "reference"
    assert parse_config(yaml.safe_load(path.read_text()), "again").stages == config.stages


def test_unknown_pipeline_lists_those_that_ship():
    with pytest.raises(PipelineError, match="no pipeline 'nothing': .* reference, reference-gan"):
        load_config("nothing")


def test_models_are_found_in_order(tmp_path, monkeypatch, models):
    monkeypatch.setenv(resources.MODELS_VARIABLE, str(models))
    assert resources.find_model("rich-tiny-1") == models / "rich-tiny-1"
    (tmp_path / "rich-tiny-1").mkdir()
    assert resources.find_model("rich-tiny-1", tmp_path) == tmp_path / "rich-tiny-1"
    assert resources.find_model(str(models / "rich-tiny-1")) == models / "rich-tiny-1"
    with pytest.raises(ArtefactError, match=f"no model 'absent' in {tmp_path}"):
        resources.find_model("absent", tmp_path)


def test_model_of_another_stage_is_refused(models, tmp_path):
    text = (models / "tiny.yaml").read_text().replace("rich-tiny-1", "resolution-tiny-1")
    path = tmp_path / "swapped.yaml"
    path.write_text(text)
    with pytest.raises(PipelineError, match="stage 'rich': model 'resolution-tiny-1' was trained"):
        Pipeline.load(path, models)
