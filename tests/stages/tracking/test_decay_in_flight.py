"""Decays in flight: which tracks have one, and who is told of it."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import FakeGenerator, fake_stage, fake_stages, truth_events, untold

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import PipelineError
from lamarr_like.stages import MODEL_STAGES, Resolution, find_stage
from lamarr_like.stages.features import DECAYS, decay_in_flight
from lamarr_like.stages.tracking.decay_in_flight import DecayInFlight
from lamarr_like.training.sample import read_sample

TOLD = ("resolution", "rich", "muon_id", "muon_likelihood", "calo_pid", "global_pid")


@pytest.fixture(scope="module")
def events():
    return Pipeline(fake_stages())(truth_events(40), seed=3)


class Unasking(FakeGenerator):
    """A model of a sample that did not tell it."""

    def __init__(self, stage):
        super().__init__(stage)
        self.conditions = tuple(c for c in self.conditions if c not in DECAYS)


def test_only_pions_and_kaons_decay(events):
    rows = DecayInFlight.rows(events)
    from_truth = events.track["origin"] == 0
    pdg = np.abs(events.linked("mc_pdg_id", from_truth))
    assert set(np.unique(pdg)) == {11, 13, 211, 321, 2212}
    np.testing.assert_array_equal(rows[from_truth], np.isin(pdg, (211, 321)))
    z = fake_stage("decay_in_flight")(untold(events), 3).track["decay_z"]
    assert (z[~rows] == 0.0).all() and (z[rows] != 0.0).all()  # the fake's have no atom


def test_conditions_are_those_of_events_that_tell(events):
    rows = Resolution.rows(events)
    assert decay_in_flight(untold(events), rows) == {}
    z = np.zeros(len(events.track), np.float32)
    z[np.flatnonzero(rows)[:2]] = -30.0, 4000.0
    told = decay_in_flight(events.with_columns("track", decay_z=z), rows)
    assert told["decayed"][:3].tolist() == [1.0, 1.0, 0.0]
    assert told["decay_z"][:2].tolist() == [-30.0, 4000.0]
    assert (told["decay_z"][2:] > 12_000.0).all()  # as if it were behind everything


def test_models_that_ask_need_the_stage_before_them(events):
    asks, does_not = Resolution(FakeGenerator(Resolution)), Resolution(Unasking(Resolution))
    assert asks.requires - does_not.requires == {("track", "decay_z")}
    assert does_not.requires == Resolution.requires
    stages = [stage for stage in fake_stages() if stage.name != "decay_in_flight"]
    with pytest.raises(PipelineError, match=r"misses track.decay_z; put stage decay_in_flight bef"):
        Pipeline(stages)
    before = does_not(untold(events), 1).track["p"]
    np.testing.assert_array_equal(before, does_not(events, 1).track["p"])


def test_who_is_told():
    told = tuple(name for name, stage in MODEL_STAGES.items() if stage.told_by)
    assert told == TOLD
    for name in told:
        assert set(DECAYS) < set(MODEL_STAGES[name].condition_names())
    assert set(DECAYS) < set(find_stage("refine_rich").condition_names())


def test_pions_that_decayed_pass_ismuon_far_more_often(minbias):
    """And are measured too slow if they did before the magnet."""
    batch = read_sample([minbias])
    track = batch.track
    decayed = track["decay_z"] != 0.0
    assert not decayed[~DecayInFlight.rows(batch)].any()
    muons = track["is_muon"].astype(bool)
    assert muons[decayed].mean() > 5.0 * muons[DecayInFlight.rows(batch) & ~decayed].mean()
    rows = DecayInFlight.rows(batch) & (track["track_type"] == 3)
    p = np.sqrt(sum(batch.linked(c, rows) ** 2 for c in ("mc_px", "mc_py", "mc_pz")))
    loss, z = p / track["p"][rows], track["decay_z"][rows]
    early, late = (z != 0.0) & (z < 2500.0), z > 9500.0
    assert np.median(loss[early]) > 1.05 and abs(np.median(loss[late]) - 1.0) < 0.01
    assert loss[early].max() < 1.1 / 0.57  # (m_mu / m_pi)^2, the slowest muon of a pion
