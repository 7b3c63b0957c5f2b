from __future__ import annotations

import numpy as np
import pytest
from places import SHARED

from lamarr_like.detailed.calorimeter import alone
from lamarr_like.errors import SourceError
from lamarr_like.events import EventBatch, Table
from lamarr_like.statistics.distances import core_width
from lamarr_like.validation.detector import calorimeter, showers
from lamarr_like.validation.detector.electrons import electron_tracks

DATA = SHARED / "data"
GEANT4 = DATA / "geant4_showers"


@pytest.mark.skipif(not GEANT4.is_dir(), reason="no Geant4 showers here")
@pytest.mark.parametrize(("name", "is_photon"), [("gamma", True), ("electron", False)])
def test_showers_look_like_those_of_geant4(name, is_photon):
    every = showers.geant4_showers(GEANT4 / f"{name}.npz")
    geant4 = showers.Showers(*(a[:3000] for a in every))
    own = showers.own_showers(geant4, is_photon)
    edges = np.array([0.0, 5, 10, 20, 40, 80, 130])
    expected = showers.lateral_profile(geant4, edges)
    assert showers.lateral_profile(own, edges) == pytest.approx(expected, rel=0.12)
    radius = [showers.radius_90(s) for s in (geant4, own)]
    assert radius[1].mean() == pytest.approx(radius[0].mean(), rel=0.05)
    assert np.std(radius[1]) == pytest.approx(np.std(radius[0]), rel=0.35)
    bins = 1e3 * np.array([1, 3, 8, 20, 60.0])
    width = [showers.shower_resolution(s, bins).y for s in (geant4, own)]
    assert width[1] == pytest.approx(width[0], rel=0.15)


def test_resolved_pi0_peak_at_their_mass():
    pions = alone.neutral_pions(2500, (400.0, 2000.0))
    mass = pions.mass[pions.resolved]
    assert len(mass) > 600
    assert np.median(mass) == pytest.approx(alone.PI0_MASS, abs=2.0)
    assert 5.0 < core_width(mass) < 10.0


def test_merged_pi0_take_over_above_2_gev():
    pions = alone.neutral_pions(4000, (500.0, 1.2e4))
    share = calorimeter.merged_fraction(pions, np.array([500.0, 1500, 3000, 5000, 1.2e4]))
    assert share.y[0] < 0.02
    assert (np.diff(share.y) > 0.0).all()
    assert share.y[-1] > 0.85
    halves = pions.merged_mass[pions.merged & (pions.merged_mass > 60.0)]
    assert len(halves) > 200
    assert np.median(halves) == pytest.approx(alone.PI0_MASS, abs=15.0)


def test_decays_conserve_momentum_and_mass():
    u = np.random.default_rng(1).uniform(size=(100, 5))
    momentum = 1e4 * (u[:, :3] - [0.5, 0.5, 0.0]) + [0.0, 0.0, 1.0]
    photons = alone.decay_pi0(momentum, u[:, 3:])
    assert photons.sum(axis=1) == pytest.approx(momentum)
    energy = np.linalg.norm(photons, axis=2).sum(axis=1)
    mass = np.sqrt(energy**2 - (momentum**2).sum(axis=1))
    assert mass == pytest.approx(np.full(100, alone.PI0_MASS), rel=1e-6)


def _electrons():
    track = {
        "track_type": np.array([3, 3, 4, 3], np.int8),
        "mcparticle_id": np.array([0, 1, 0, -1], np.int32),
        "p": np.array([8000.0, 5000.0, 8000.0, 1.0]),
        "has_brem": np.array([True, False, False, False]),
        "brem_energy": np.array([1500.0, 0.0, 0.0, 0.0]),
    }
    particle = {
        "mc_pdg_id": np.array([11, -11]),
        **{f"mc_p{c}": np.array([0.0, 0.0]) for c in "xy"},
        "mc_pz": np.array([10000.0, 5000.0]),
    }
    return EventBatch(
        {
            "event": Table({"event_id": np.zeros(1)}, np.array([0, 1])),
            "particle": Table(particle, np.array([0, 2])),
            "track": Table(track, np.array([0, 4])),
        }
    )


def test_electron_residuals_add_bremsstrahlung():
    own = electron_tracks(_electrons())
    assert own.p == pytest.approx([10000.0, 5000.0])
    assert own.residual == pytest.approx([-0.05, 0.0])
    assert own.has_brem.tolist() == [True, False]


def test_files_that_are_not_showers(tmp_path):
    with pytest.raises(SourceError, match=r"gamma\.npz"):
        showers.geant4_showers(tmp_path / "gamma.npz")
    np.savez(tmp_path / "bad.npz", images=np.zeros((1, 30, 30)))
    with pytest.raises(SourceError, match=r"bad\.npz"):
        showers.geant4_showers(tmp_path / "bad.npz")
