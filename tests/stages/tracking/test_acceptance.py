"""Which particles are asked about, and what becomes of them: acceptance, efficiency, resolution."""

import numpy as np
import pytest
from chain_fakes import FakeGenerator, fake_stage, fake_stages, truth_events

from lamarr_like import schema
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import ArtefactError
from lamarr_like.stages import features
from lamarr_like.stages.tracking.acceptance import MAX_SLOPE, MIN_MOMENTUM, Acceptance
from lamarr_like.stages.tracking.efficiency import Efficiency
from lamarr_like.stages.tracking.propagation import Propagation
from lamarr_like.stages.tracking.resolution import Resolution


@pytest.fixture(scope="module")
def truth():
    return Propagation()(truth_events(30), 1)


@pytest.fixture(scope="module")
def whole():
    return Pipeline(fake_stages())(truth_events(30), seed=3)


@pytest.mark.parametrize(
    "change",
    [
        {"mc_stable": False},
        {"mc_pz": -5e3},
        {"mc_pdg_id": 22},
        {"mc_pdg_id": 130},
        {"mc_px": MAX_SLOPE * 1.01e4, "mc_py": 0.0, "mc_pz": 1e4},
        {"mc_px": 0.0, "mc_py": 0.0, "mc_pz": 0.99 * MIN_MOMENTUM},
        {"mc_vz": features.T3_Z + 1.0},
    ],
)
def test_the_model_is_not_asked_about_what_cannot_be_a_track(truth, change):
    rows = np.flatnonzero(Acceptance.rows(truth))
    assert len(rows) > 50
    columns = {}
    for name, value in change.items():
        columns[name] = truth.particle[name].copy()
        columns[name][rows[0]] = value
    asked = Acceptance.rows(truth.with_columns("particle", **columns))
    assert not asked[rows[0]] and asked[rows[1:]].all()
    out = fake_stage("acceptance")(truth.with_columns("particle", **columns), 1)
    assert not out.particle["in_acceptance"][~asked].any()


def test_targets_are_what_is_drawn(whole):
    rows = Acceptance.rows(whole)
    inside = Acceptance.targets(whole, rows)[Acceptance.target]
    np.testing.assert_array_equal(inside == 1, whole.particle["in_acceptance"][rows])
    rows = Efficiency.rows(whole)
    kind = Efficiency.targets(whole, rows)[Efficiency.target]
    names = np.array(Efficiency.classes)[kind]
    codes = [schema.TRACK_TYPES[name] for name in names]
    np.testing.assert_array_equal(codes, whole.particle["track_type"][rows])


def test_one_track_for_each_particle_that_has_one(whole):
    found = whole.particle["track_type"] > 0
    assert 0 < found.sum() == len(whole.track)
    np.testing.assert_array_equal(whole.linked("track_type"), whole.track["track_type"])
    assert not (found & ~whole.particle["in_acceptance"].astype(bool)).any()
    np.testing.assert_array_equal(
        np.bincount(whole.track.event_index, minlength=len(whole)),
        np.bincount(whole.particle.event_index[found], minlength=len(whole)),
    )


def test_a_draw_of_nothing_is_the_truth(whole):
    """Residuals of zero put the state where the particle is, in every frame."""
    rows = Resolution.rows(whole)
    for frame in ("carried", "perigee", "cartesian"):
        names = Resolution.outputs_in(frame)
        stage = Resolution(FakeGenerator(Resolution, names), {"frame": frame})
        drawn = {name: np.zeros(rows.sum()) for name in names}
        found = stage.reconstructed(whole, rows, drawn)
        true = np.stack([whole.linked(f"mc_p{a}")[rows] for a in "xyz"], axis=1)
        p = np.linalg.norm(true.astype(np.float64), axis=1)
        np.testing.assert_allclose(found["p"], p, rtol=1e-6)
        np.testing.assert_allclose(found["tx"], true[:, 0] / true[:, 2], rtol=1e-5, atol=1e-9)
        assert set(found["charge"]) <= {-1.0, 1.0}
        # What is counted or a probability stays one.
        assert (found["n_dof"] >= 1).all() and (found["chi2_per_dof"] >= 0).all()


@pytest.mark.parametrize("frame", ["carried", "perigee"])
def test_residuals_are_undone(whole, frame):
    """Targets of the reconstructed state, drawn, give that state again."""
    rows = Resolution.rows(whole)
    stage = Resolution(FakeGenerator(Resolution), {"frame": frame})
    again = stage.reconstructed(whole, rows, Resolution.targets(whole, rows, frame))
    for name in ("x", "y", "tx", "ty", "p"):
        np.testing.assert_allclose(again[name], whole.track[name][rows], rtol=2e-4, atol=2e-4)


def test_unknown_frames_are_refused():
    with pytest.raises(ArtefactError, match="frame 'polar', known are carried, perigee, cartesian"):
        Resolution(FakeGenerator(Resolution), {"frame": "polar"})
