"""Energies about a track: their form in training, the likelihoods that follow, stage and chain."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import CONFIG, FakeClassifier, FakeGenerator, fake_stages, truth_events
from pid_samples import pid_sample

from lamarr_like import schema
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import ArtefactError, PipelineError, TrainingError
from lamarr_like.events import Table, concatenate, rebatch
from lamarr_like.physics.calo_likelihoods import ENERGIES, track_likelihoods
from lamarr_like.stages import CaloPid, ProbNn
from lamarr_like.stages.identification.calo_energies import (
    NOTHING,
    OUTPUTS,
    energy_at,
    follow,
    height,
    learnt,
)
from lamarr_like.stages.identification.neighbours import hcal_cell_size
from lamarr_like.stages.stage import typed
from lamarr_like.training.fits import fit_stage
from lamarr_like.training.request import Request

LAW = {"calo_law": "energies"}


@pytest.fixture(scope="module")
def sample():
    """A sample whose likelihoods follow from its energies, without ghosts and secondaries."""
    batch = pid_sample(60, seed=1)
    batch = batch.with_table("track", batch.track.select(batch.track["origin"] == 0))
    track = {name: batch.track[name].astype(float) for name in ("in_ecal", *ENERGIES)}
    own = track_likelihoods(track, batch.track["p"].astype(float))
    return batch.with_columns("track", **typed("track", own))


class Energies(FakeGenerator):
    """Draws energies; `OUTPUTS` of any law."""

    def __init__(self, stage=CaloPid):
        super().__init__(stage, OUTPUTS)

    def draw(self, conditions, uniforms):
        u = dict(zip(OUTPUTS, uniforms.T, strict=True))
        return {
            "in_ecal": (u["in_ecal"] < 0.9) * 1.0,
            "ecal_height": np.where(u["ecal_height"] < 0.1, NOTHING, 1.2 * u["ecal_height"]),
            "hcal_energy": 1e4 * u["hcal_energy"],
            "prs_energy": 20.0 * u["prs_energy"] - 1.0,
            "brem_energy": 500.0 * u["brem_energy"],
        }


def test_muons_and_electrons_stand_at_one_height():
    p = np.geomspace(2e3, 2e5, 200)
    np.testing.assert_allclose(height(np.full(200, 340.0), p), 0.0, atol=1e-12)
    np.testing.assert_allclose(height(p, p), 1.0)
    assert (np.diff(height(np.linspace(1.0, 1e5, 500), np.full(500, 1e4))) > 0).all()


def test_energies_come_back_from_heights():
    rng = np.random.default_rng(4)
    energy, p = np.exp(rng.uniform(0.0, 12.0, 5000)), np.exp(rng.uniform(6.0, 13.0, 5000))
    energy[::10] = 0.0
    found = height(energy, p)
    np.testing.assert_allclose(energy_at(found, p), energy, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found == NOTHING, energy == 0.0)
    # Whatever a model draws is an energy.
    assert energy_at(np.array([50.0, -9.9]), np.array([1e6, 1e6])).tolist() == [
        pytest.approx(1e6, rel=1e-4),
        0.0,
    ]


def test_which_samples_can_be_learnt_from(sample):
    rows = CaloPid.rows(sample)
    assert follow(sample.track, rows)
    other = sample.with_columns("track", calo_dll_e=sample.track["calo_dll_e"] + np.float32(0.1))
    assert not follow(other.track, rows)
    kept = {k: v for k, v in sample.track.columns.items() if k != "prs_energy"}
    lacking = sample.with_table("track", Table(kept, sample.track.offsets))
    assert not follow(lacking.track, rows)
    for batch in (other, lacking):
        with pytest.raises(TrainingError, match=r"'energies' the sample needs .*prs_energy"):
            fit_stage(batch, Request("calo_pid", options=LAW), progress=False)
    assert tuple(CaloPid.learnt(sample, rows, calo_law="energies")) == OUTPUTS
    assert tuple(CaloPid.learnt(lacking, rows, calo_law="likelihoods")) == CaloPid.outputs
    assert CaloPid.learnt_config(sample, {}, **Request("calo_pid", options=LAW).chosen()) == LAW


def test_what_is_learnt_comes_back(sample):
    rows = CaloPid.rows(sample)
    values = learnt(sample.track, rows)
    back = CaloPid.reconstructed(sample, rows, values, "energies")
    for name in ("in_ecal", "calo_dll_e", "calo_dll_mu", "brem_energy", *ENERGIES):
        wanted = sample.track[name][rows]
        if name == "brem_energy":  # the toy has it for downstream tracks as well
            wanted = np.where(sample.track["track_type"][rows] == 5, 0.0, wanted)
        np.testing.assert_allclose(back[name], wanted, rtol=1e-5, atol=2e-4, err_msg=name)


def test_likelihoods_are_those_of_the_energies_drawn(sample):
    stage = CaloPid(Energies(), LAW)
    track = stage(sample, 3).track
    inside = track["in_ecal"].astype(bool)
    assert 0.5 < inside[track["track_type"] != schema.TRACK_TYPES["upstream"]].mean() < 1.0
    columns = {name: track[name].astype(float) for name in ("in_ecal", *ENERGIES)}
    for name, values in track_likelihoods(columns, track["p"].astype(float)).items():
        np.testing.assert_allclose(track[name], values, atol=1e-4)
        assert (track[name][~inside] == 0).all() and track[name][inside].std() > 1.0
    for name in ENERGIES:
        assert (track[name][~inside] == 0).all() and (track[name] >= 0).all()
    parts = concatenate(stage(chunk, 3) for chunk in rebatch([sample], 7)).track
    for _, name in stage.provides:
        np.testing.assert_array_equal(parts[name], track[name])
    rows = CaloPid.rows(sample)
    uniforms = np.random.default_rng(1).random((rows.sum(), stage.n_uniforms))
    assert tuple(stage.answers(sample, rows, uniforms)) == tuple(CaloPid.compared(sample, rows))


def test_only_models_of_energies_provide_them():
    energies = {("track", name) for name in ENERGIES}
    assert energies <= CaloPid(Energies(), LAW).provides
    old = CaloPid(FakeGenerator(CaloPid), CONFIG)
    assert not energies & old.provides and not energies & CaloPid.provides
    with pytest.raises(PipelineError, match="needs a generator of"):
        CaloPid(Energies(), {"calo_law": "likelihoods"})
    with pytest.raises(ArtefactError, match="calo_law 'colours'"):
        CaloPid(Energies(), {"calo_law": "colours"})


def test_chains_run_the_classifier_on_drawn_energies():
    stages = {stage.name: stage for stage in fake_stages()}
    del stages["global_pid"]
    place = list(stages).index("calo_pid") + 1
    behind = list(stages.values())[place:]
    before = list(stages.values())[: place - 1]
    classifier = ProbNn(FakeClassifier(ProbNn))
    chain = Pipeline([*before, CaloPid(Energies(), LAW), classifier, *behind])
    events = chain(truth_events(10), seed=3)
    track = events.track
    np.testing.assert_array_equal(track["prob_nn_k"], classifier(events, 9).track["prob_nn_k"])
    told = r"'prob_nn' misses track\.ecal_energy.*; some models of stage calo_pid give them"
    with pytest.raises(PipelineError, match=told):
        Pipeline([*before, stages["calo_pid"], classifier, *behind])


@pytest.mark.parametrize("name", ["reference", "reference-gan"])
def test_shipped_chains_draw_energies(name):
    stages = {stage.name: stage for stage in Pipeline.load(name).stages}
    assert isinstance(stages["prob_nn"], ProbNn) and "global_pid" not in stages
    assert stages["calo_pid"].law == "energies"


def test_cells_of_the_hcal_as_seen_at_the_ecal():
    found = hcal_cell_size(
        np.array([0.0, 1900.0, 2100.0, 0.0]), np.array([400.0, 0.0, 0.0, 1900.0])
    )
    np.testing.assert_allclose(found, np.array([131.3, 131.3, 262.6, 262.6]) * 12689.0 / 13530.0)
