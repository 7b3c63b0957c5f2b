"""Stages that refine others: what they read and write, and which there are."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import fake_stages, truth_events

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.chain.pipeline_file import parse_config
from lamarr_like.errors import ArtefactError, PipelineError
from lamarr_like.events import concatenate, rebatch
from lamarr_like.physics.likelihoods import COMBINED, combined_dlls
from lamarr_like.stages import MODEL_STAGES, find_stage, find_trained
from lamarr_like.stages.refinement import learnt_form, refinement

REFINABLE = ("rich", "muon_likelihood", "calo_pid", "global_pid")


class FakeRefiner:
    """Adds what it is told and a little noise to all that is not exactly zero."""

    identity = False

    def __init__(self, stage, outputs, added=1.0):
        self.conditions, self.outputs, self.added = stage.condition_names(), outputs, added
        self.n_uniforms = len(outputs)

    def refine(self, conditions, values, uniforms):
        assert set(self.conditions) <= set(conditions) and set(values) == set(self.outputs)
        moved = (self.added * (1.0 + 0.01 * u) for u in uniforms.T)
        return {
            k: np.where(v == 0, v, v + m) for (k, v), m in zip(values.items(), moved, strict=True)
        }


def fake(name, added=1.0):
    stage = find_stage(f"refine_{name}")
    empty = Pipeline(fake_stages())(truth_events(1))
    form = learnt_form(stage.refines, {})
    outputs = tuple(stage.refines.learnt(empty, stage.rows(empty), **form))
    return stage(FakeRefiner(stage, outputs, added))


@pytest.fixture(scope="module")
def batch():
    return Pipeline(fake_stages())(truth_events(30), seed=2)


@pytest.mark.parametrize("name", REFINABLE)
def test_what_is_learnt_comes_back(name, batch):
    stage = MODEL_STAGES[name]
    rows, form = stage.rows(batch), learnt_form(stage, {})
    rows[::7] = False
    learnt = stage.learnt(batch, rows, **form)
    found = stage.restored(batch, rows, learnt, **form)
    assert {("track", column) for column in found} >= stage.target_columns
    for column, values in found.items():
        assert np.array_equal(values != 0, batch.track[column][rows] != 0), column
        np.testing.assert_allclose(values, batch.track[column][rows], atol=2e-3, rtol=1e-5)


def test_only_what_was_drawn_changes(batch):
    moved = fake("rich", added=3.0)(batch, seed=1)
    changed = {
        name for name in batch.track.columns if (moved.track[name] != batch.track[name]).any()
    }
    assert {"rich_dll_k", "rich_dll_p", "pid_k", "pid_p"} <= changed
    assert {name.split("_")[0] for name in changed} == {"rich", "pid"}
    for name, values in combined_dlls(moved.track.columns).items():
        assert np.array_equal(moved.track[name], values) and name in COMBINED
    for table in set(batch.tables) - {"track"}:
        assert moved[table] is batch[table]


@pytest.mark.parametrize("name", REFINABLE)
def test_an_identity_changes_nothing(name, batch):
    stage = fake(name)
    stage.model.identity = True
    assert stage(batch, seed=1) is batch


@pytest.mark.parametrize("name", REFINABLE)
def test_rows_do_not_depend_on_the_others(name, batch):
    stage = fake(name)
    together = stage(batch, seed=5)
    alone = concatenate(stage(one, seed=5) for one in rebatch([batch], 7))
    for column in batch.track.columns:
        assert together.track[column].tobytes() == alone.track[column].tobytes()
    other = stage(batch, seed=6)
    assert any((other.track[c] != together.track[c]).any() for _, c in stage.provides)


def test_a_pipeline_has_it_behind_its_stage():
    stages = fake_stages()
    place = [stage.name for stage in stages].index("rich")
    stages.insert(place + 1, fake("rich"))
    events = Pipeline(stages)(truth_events(5), seed=1)
    assert np.isfinite(events.track["pid_k"]).all()
    with pytest.raises(PipelineError, match="'refine_rich' misses track.*put stage rich before it"):
        Pipeline([*stages[:place], fake("rich"), *stages[place + 2 :]])
    listed = {"schema_version": 1, "name": "a", "stages": [{"stage": "refine_rich"}]}
    with pytest.raises(PipelineError, match=r"stages\[0\].model is missing"):
        parse_config(listed, "a.yaml")


def test_which_stages_can_be_refined():
    assert find_trained("refine_rich") is find_stage("refine_rich")
    assert refinement(MODEL_STAGES["rich"]).name == "refine_rich"
    for name in ("ecal", "acceptance", "resolution", "vertices", "propagation", "refine_rich"):
        with pytest.raises(PipelineError, match=f"'{name}' cannot be refined"):
            find_stage(f"refine_{name}")
    with pytest.raises(PipelineError, match="no stage 'nothing'"):
        find_stage("refine_nothing")


def test_models_that_do_not_belong(batch):
    stage = find_stage("refine_rich")
    assert learnt_form(stage.refines, {}) == {"law": "gains"}
    with pytest.raises(PipelineError, match="needs a refiner of"):
        stage(FakeRefiner(stage, ("rich_dll_k",)))
    differences = stage(
        FakeRefiner(stage, stage.refines.outputs), {"learnt": {"law": "differences"}}
    )
    assert differences(batch, seed=1) is not batch
    for learnt in ({"law": "none"}, {"frame": "cartesian"}, "gains"):
        with pytest.raises(ArtefactError, match="which that stage does not know"):
            stage(FakeRefiner(stage, stage.refines.outputs), {"learnt": learnt})
    with pytest.raises(PipelineError, match="moves what another stage has drawn"):
        differences.answers(batch, stage.rows(batch), np.zeros((0, 0)))
