"""No draw leaves what the detector gave in the sample that its model learnt from."""

from __future__ import annotations

import os

import numpy as np
import pytest
from chain_fakes import FakeGenerator, fake_stages, truth_events

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import ArtefactError
from lamarr_like.events import concatenate
from lamarr_like.io.sources import open_source
from lamarr_like.schema import TRACK_TYPES
from lamarr_like.stages import Covariance, Resolution
from lamarr_like.stages.tracking.covariance import _folded
from lamarr_like.stages.tracking.detector_range import (
    MOST_P,
    checked,
    detector_range,
    limits_of,
    within,
)

TRACKS = int(os.environ.get("LAMARR_LIKE_GUN_TRACKS", "4000"))
"""Tracks of the gun; a million was run by hand."""
MOST = {
    "long": {"z": 18200.0, "tx": 0.42, "ty": 0.34, "sigma_x": 6.8, "n_dof": 48},
    "upstream": {"z": 2610.0, "tx": 0.45, "ty": 0.38, "sigma_x": 15.9, "n_dof": 31},
    "downstream": {"z": 54100.0, "tx": 0.45, "ty": 0.34, "sigma_x": 141.2, "n_dof": 23},
}
"""Largest values in 844,600 tracks of the training samples (detailed simulation) and 187,900 of
before, rounded up; slopes with what the particle itself may have beyond."""
LONG, UPSTREAM, DOWNSTREAM = (TRACK_TYPES[k] for k in ("long", "upstream", "downstream"))
_ALL = "mu-,mu+,e-,e+,pi-,pi+,K-,K+,p,p~"


def fired(pipeline, n_tracks):
    """Tracks of the shipped chain up to the covariance, and their particles."""
    chain = Pipeline.load(pipeline)
    chain.stages = chain.stages[: 1 + [s.name for s in chain.stages].index("covariance")]
    found, seed = [], 0
    while sum(len(t) for t, _ in found) < n_tracks:
        seed += 1
        source = f"gun:{_ALL}?p=1-500&spectrum=log&eta=1.7-5.3&n=10"
        out = chain(
            concatenate(open_source(source, n_events=min(2500, n_tracks // 5), seed=seed)),
            seed,
            True,
        )
        link = out.particle.offsets[out.track.event_index] + out.track["mcparticle_id"]
        found.append((out.track, out.particle["mc_charge"][link]))
    names = found[0][0].columns
    tracks = {name: np.concatenate([t[name] for t, _ in found]) for name in names}
    return tracks, np.concatenate([charge for _, charge in found])


@pytest.fixture(scope="module")
def gun():
    return fired("reference", TRACKS)


def test_gun_tracks_are_tracks_that_the_detector_can_give(gun):
    track, charge = gun
    assert track["p"].max() <= MOST_P
    for name, most in MOST.items():
        rows = track["track_type"] == TRACK_TYPES[name]
        assert rows.sum() > 30
        sigma = np.sqrt(np.maximum(track["cov00"], track["cov11"]))[rows]
        assert sigma.max() <= most["sigma_x"]
        for column in ("z", "tx", "ty", "n_dof"):
            assert np.abs(track[column][rows].astype(float)).max() <= most[column]
        # Softer ones are bent out of what they must cross.
        assert track["p"][rows].min() > (90.0 if name == "upstream" else 950.0)
    assert track["ghost_prob"].min() >= 0.0 and track["ghost_prob"].max() <= 1.0
    assert track["chi2_per_dof"].min() > 0.0 and track["chi2_per_dof"].max() <= 4.0
    assert track["n_dof"].min() >= 3
    # The charge is wrong where TT alone measures the momentum, and nowhere else.
    wrong = track["charge"] != charge
    assert not wrong[track["track_type"] != UPSTREAM].any()


def test_uncertainties_agree_with_distances(gun):
    track, _ = gun
    relative = np.sqrt(track["cov44"]) * track["p"]
    for code, least in ((LONG, 0.0025), (UPSTREAM, 0.04), (DOWNSTREAM, 0.0025)):
        assert relative[track["track_type"] == code].min() > least


def ranges(**limits):
    return {name: {k: list(v) for k, v in limits.items()} for name in TRACK_TYPES if name != "none"}


def test_ranges_are_those_of_the_sample_by_type():
    kind = np.array([LONG, LONG, UPSTREAM])
    found = detector_range({"p": np.array([1.0, 3.0, 9.0])}, kind)
    assert found == {"long": {"p": [1.0, 3.0]}, "upstream": {"p": [9.0, 9.0]}}
    low, high = limits_of(found, "p", np.array([UPSTREAM, DOWNSTREAM]))
    assert low.tolist() == [9.0, -np.inf] and high.tolist() == [9.0, np.inf]
    values = {"p": np.array([0.5, 3.0, 9.0]), "z": np.full(3, 1e9)}
    assert within(values, found, kind).tolist() == [False, True, True]
    allowed = {"p": (np.array([0.5, 9.0, 9.0]), np.array([0.5, 9.0, 9.0]))}
    assert within(values, found, kind, allowed).all()


WRONG = [
    *([], {"long": 3}, {"short": {}}),
    *({"long": {"p": p}} for p in ([1.0], [2.0, 1.0], ["a", 1.0], [float("nan"), 1.0])),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_ranges_are_refused(wrong):
    with pytest.raises(ArtefactError, match=r"'resolution': 'detector_range' in config.json"):
        checked({"detector_range": wrong}, "resolution")


def test_folding_leaves_no_pile():
    values = np.exp(np.linspace(-20.0, 20.0, 4001))
    low, high = np.full(4001, 0.5), np.full(4001, 8.0)
    found = _folded(values, low, high)
    assert found.min() >= 0.5 * (1 - 1e-12) and found.max() <= 8.0 * (1 + 1e-12)
    inside = (values > 0.5) & (values < 8.0)
    np.testing.assert_allclose(found[inside], values[inside], rtol=1e-12)
    assert len(np.unique(found.round(6))) > 1000
    np.testing.assert_array_equal(_folded(values, np.full(4001, -np.inf), high), values)


def chain_with(stage):
    return Pipeline([stage if s.name == stage.name else s for s in fake_stages()])


def test_draws_are_made_again_one_by_one():
    """A draw outside is drawn again, others stay; the result is that of the event alone."""
    events = truth_events(30)
    plain = Pipeline(fake_stages())(events, seed=4).track
    limits = ranges(chi2_per_dof=(-9.0, float(np.quantile(plain["chi2_per_dof"], 0.7))))
    stage = Resolution(FakeGenerator(Resolution), {"detector_range": limits})
    track = chain_with(stage)(events, seed=4).track
    most = limits["long"]["chi2_per_dof"][1]
    stays = plain["chi2_per_dof"] <= most
    assert 0.5 < stays.mean() < 0.9
    np.testing.assert_array_equal(track["z"][stays], plain["z"][stays])
    assert (track["z"][~stays] != plain["z"][~stays]).all()
    assert track["chi2_per_dof"].max() <= most * (1 + 1e-6)
    alone = chain_with(stage)(events.events(7, 9), seed=4).track
    here = (track.event_index >= 7) & (track.event_index < 9)
    for name in ("x", "p", "chi2_per_dof"):
        np.testing.assert_array_equal(alone[name], track[name][here])


def test_states_that_cannot_be_drawn_are_brought_to_the_truth():
    events = truth_events(20)
    stage = Resolution(FakeGenerator(Resolution), {"detector_range": ranges(u_rad=(-1e-3, 1e-3))})
    batch = chain_with(stage)(events, seed=4)
    rows = stage.rows(batch)
    assert np.abs(stage.targets(batch, rows)["u_rad"]).max() < 2e-3


def test_uncertainties_that_cannot_be_drawn_are_scaled():
    limits = ranges(sigma_x=(0.01, 0.0101), sigma_qop=(1e-6, 2e-6))
    stage = Covariance(FakeGenerator(Covariance), {"detector_range": limits})
    track = chain_with(stage)(truth_events(20), seed=4).track
    sigma = np.sqrt(track["cov00"])
    assert sigma.min() >= 0.01 * (1 - 1e-9) and sigma.max() <= 0.0101 * (1 + 1e-9)
    matrix = np.zeros((len(track), 5, 5))
    for j in range(5):
        for i in range(j + 1):
            matrix[:, i, j] = matrix[:, j, i] = track[f"cov{i}{j}"]
    scale = np.sqrt(np.diagonal(matrix, axis1=1, axis2=2))
    assert np.linalg.eigvalsh(matrix / scale[:, :, None] / scale[:, None, :]).min() > 0.0


def test_training_learns_the_ranges():
    batch = Pipeline(fake_stages())(truth_events(40), seed=3)
    found = Resolution.extra_config(batch)["detector_range"]["long"]
    rows = batch.track["track_type"] == LONG
    assert found["z"] == [batch.track["z"][rows].min(), batch.track["z"][rows].max()]
    found = Covariance.extra_config(batch)["detector_range"]["long"]
    assert found["sigma_x"][1] == pytest.approx(np.sqrt(batch.track["cov00"][rows].max()))
