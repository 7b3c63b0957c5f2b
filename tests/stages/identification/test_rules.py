"""Rules that hold exactly, whatever a model draws: muons, calorimeters, global identification."""

import numpy as np
import pytest
from chain_fakes import CONFIG, FakeGenerator, fake_stage
from pid_samples import pid_sample

from lamarr_like import schema
from lamarr_like.stages.identification.calo_pid import CaloPid
from lamarr_like.stages.identification.global_pid import GlobalPid
from lamarr_like.stages.identification.muon import MIN_MOMENTUM, MuonId, MuonLikelihood
from lamarr_like.stages.identification.prob_nn import PROB_NN


@pytest.fixture(scope="module")
def sample():
    batch = pid_sample(60, seed=1)
    return batch.with_table("track", batch.track.select(batch.track["origin"] == 0))


def test_muons_are_inside_fast_and_not_upstream(sample):
    out = fake_stage("muon_id")(sample, 3)
    muon, inside = out.track["is_muon"].astype(bool), out.track["in_muon"].astype(bool)
    assert 0 < muon.sum() < inside.sum() < len(muon)
    assert inside[muon].all() and (out.track["p"][muon] >= MIN_MOMENTUM).all()
    assert not inside[out.track["track_type"] == schema.TRACK_TYPES["upstream"]].any()
    soft = out.track["p"].copy()
    soft[muon] = 0.999 * MIN_MOMENTUM
    again = fake_stage("muon_id")(sample.with_columns("track", p=soft), 3)
    assert not again.track["is_muon"][muon].any()


def test_muon_targets_are_what_is_drawn(sample):
    rows = MuonId.rows(sample)
    kind = MuonId.targets(sample, rows)[MuonId.target]
    np.testing.assert_array_equal(kind == 2, sample.track["is_muon"][rows].astype(bool))
    np.testing.assert_array_equal(
        kind > 0, (sample.track["in_muon"] | sample.track["is_muon"])[rows].astype(bool)
    )


def test_tracks_that_are_no_muons_have_no_likelihood(sample):
    out = fake_stage("muon_likelihood")(sample, 3)
    rows = MuonLikelihood.rows(sample)
    assert 0 < rows.sum() < len(rows)
    for name in MuonLikelihood.outputs:
        assert (out.track[name][~rows] == 0).all() and (out.track[name][rows] != 0).all()


def test_calorimeters_say_nothing_of_tracks_outside(sample):
    stage = CaloPid(FakeGenerator(CaloPid), CONFIG)
    rows = CaloPid.rows(sample)
    kind = sample.track["track_type"][rows]
    n = rows.sum()
    drawn = {name: np.full(n, 3.0) for name in CaloPid.outputs}
    drawn["in_ecal"] = np.arange(n) % 2 * 1.0
    found = stage.reconstructed(sample, rows, drawn)
    inside = found["in_ecal"] == 1
    np.testing.assert_array_equal(
        inside, (drawn["in_ecal"] == 1) & (kind != schema.TRACK_TYPES["upstream"])
    )
    for name in ("calo_dll_e", "calo_dll_mu"):
        assert (found[name][~inside] == 0).all() and (found[name][inside] == 3).all()
    assert (found["brem_energy"][kind == schema.TRACK_TYPES["downstream"]] == 0).all()
    drawn["brem_energy"] = np.full(n, -1.0)
    assert (stage.reconstructed(sample, rows, drawn)["brem_energy"] == 0).all()
    out = stage(sample, 3)
    np.testing.assert_array_equal(out.track["has_brem"], out.track["brem_energy"] > 0)


def test_any_draw_gives_six_probabilities(sample):
    stage = GlobalPid(FakeGenerator(GlobalPid), CONFIG)
    rows = GlobalPid.rows(sample)
    rng = np.random.default_rng(1)
    for size in (0.0, 1.0, 30.0, 1e3):
        drawn = {name: size * rng.normal(size=rows.sum()) for name in GlobalPid.outputs}
        found = np.stack([stage.reconstructed(sample, rows, drawn)[name] for name in PROB_NN])
        assert (found >= 0).all() and (found <= 1).all()


def test_old_models_give_probabilities_that_add_up_to_one(sample):
    ratios = [f"log_{name}_over_pi" for name in ("k", "p", "mu", "e", "ghost")]
    stage = GlobalPid(FakeGenerator(GlobalPid, ratios), CONFIG)
    rows = GlobalPid.rows(sample)
    found = stage(sample, 3).track
    total = sum(found[name][rows].astype(float) for name in PROB_NN)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)


def test_probabilities_come_back_from_their_logits(sample):
    stage = GlobalPid(FakeGenerator(GlobalPid), CONFIG)
    rows = GlobalPid.rows(sample)
    again = stage.reconstructed(sample, rows, GlobalPid.targets(sample, rows))
    for name in PROB_NN:
        np.testing.assert_allclose(again[name], sample.track[name][rows], rtol=1e-3, atol=1e-5)
