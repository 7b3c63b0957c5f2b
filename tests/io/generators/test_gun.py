from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lamarr_like.errors import SourceError
from lamarr_like.events import concatenate
from lamarr_like.io.generators.beam import SIGMA_XY, SIGMA_Z
from lamarr_like.io.sources import open_source
from lamarr_like.physics.kinematics import momentum, pseudorapidity


def shoot(text, n=2000, seed=1):
    source = open_source(text, n_events=n, seed=seed)
    assert source.is_gun
    return concatenate(list(source))


def test_defaults():
    batch = shoot("gun:pi+", 3000)
    p = batch.particle
    assert batch.event["event_id"].tolist() == list(range(3000))
    assert (p.counts == 1).all() and (batch["vertex"].counts == 1).all()
    assert (p["mc_pdg_id"] == 211).all() and (p["mc_charge"] == 1).all() and p["mc_stable"].all()
    size = momentum(p["mc_px"], p["mc_py"], p["mc_pz"])
    eta = pseudorapidity(p["mc_px"], p["mc_py"], p["mc_pz"])
    phi = np.arctan2(p["mc_py"], p["mc_px"])
    assert size.min() >= 2e3 and size.max() <= 100e3
    assert stats.kstest(np.log(size / 2e3) / np.log(50), "uniform").pvalue > 1e-3
    assert stats.kstest((eta - 1.9) / 3.2, "uniform").pvalue > 1e-3
    assert stats.kstest((phi + np.pi) / (2 * np.pi), "uniform").pvalue > 1e-3
    for axis, width in zip("xyz", (SIGMA_XY, SIGMA_XY, SIGMA_Z), strict=True):
        assert stats.kstest(p[f"mc_v{axis}"] / width, "norm").pvalue > 1e-3
        assert np.array_equal(p[f"mc_v{axis}"], batch["vertex"][f"mc_{axis}"])
    mass = np.sqrt(p["mc_energy"] ** 2 - size**2)
    assert mass == pytest.approx(139.57, abs=0.5)


def test_options():
    batch = shoot("gun:K-?p=3-100&spectrum=flat&eta=2-5&phi=0.5&x=1&z=-200:-100&n=3", 500)
    p = batch.particle
    assert (p.counts == 3).all() and (p["mc_pdg_id"] == -321).all()
    assert p["mcparticle_id"].reshape(-1, 3).tolist() == [[0, 1, 2]] * 500
    size = momentum(p["mc_px"], p["mc_py"], p["mc_pz"])
    assert stats.kstest((size / 1e3 - 3) / 97, "uniform").pvalue > 1e-3
    assert np.arctan2(p["mc_py"], p["mc_px"]) == pytest.approx(0.5)
    assert (p["mc_vx"] == 1.0).all()
    assert p["mc_vz"].min() >= -200 and p["mc_vz"].max() <= -100
    # All particles of an event leave from its one point.
    assert (np.ptp(p["mc_vz"].reshape(-1, 3), axis=1) == 0).all()
    assert len(np.unique(p["mc_vz"])) == 500


def test_pt_and_spot():
    p = shoot("gun:mu-?pt=1.5&eta=3&sigma_xy=0&sigma_z=0", 50).particle
    assert np.hypot(p["mc_px"], p["mc_py"]) == pytest.approx(1500.0)
    assert (p["mc_vx"] == 0).all() and (p["mc_vz"] == 0).all()


@pytest.mark.parametrize(
    ("name", "pdg_id"),
    [("e-", 11), ("mu+", -13), ("K-", -321), ("p+", 2212), ("p~-", -2212), ("gamma", 22),
     ("-211", -211), ("2212", 2212)],
)  # fmt: skip
def test_species(name, pdg_id):
    assert (shoot(f"gun:{name}", 3).particle["mc_pdg_id"] == pdg_id).all()


def test_mixture():
    ids, counts = np.unique(shoot("gun:pi+,K-,p", 3000).particle["mc_pdg_id"], return_counts=True)
    assert ids.tolist() == [-321, 211, 2212]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_events_do_not_depend_on_how_many_are_asked_for():
    short, long = shoot("gun:pi+", 10), shoot("gun:pi+", 1500)
    for name, values in short.particle.columns.items():
        assert np.array_equal(values, long.events(0, 10).particle[name])
    other = shoot("gun:pi+", 10, seed=2)
    assert not np.array_equal(other.particle["mc_px"], short.particle["mc_px"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gun:pion", "no gun for 'pion'"),
        ("gun:D0", "no gun for 'D0'"),
        ("gun:-22", "no gun"),
        ("gun:", "no gun for ''"),
        ("gun:pi+?energy=3", "unknown option 'energy'; there are p: momentum"),
        ("gun:pi+?p", "not of the form name=value"),
        ("gun:pi+?p=3&p=4", "twice"),
        ("gun:pi+?p=3&pt=4", "p or pt, not both"),
        ("gun:pi+?p=0-3", "above 0"),
        ("gun:pi+?p=9-3", "ends below its start"),
        ("gun:pi+?p=three", "neither a number nor a range"),
        ("gun:pi+?p=nan", "neither a number nor a range"),
        ("gun:pi+?eta=2-50", "beyond"),
        ("gun:pi+?n=0", "not a number of particles"),
        ("gun:pi+?spectrum=gauss", "it can be log, flat"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(SourceError, match=message.replace("?", r"\?")):
        open_source(text, n_events=3, seed=1)


def test_needs_a_number_of_events():
    with pytest.raises(SourceError, match="how many"):
        open_source("gun:pi+", n_events=None, seed=1)
    with pytest.raises(SourceError, match="at least 1"):
        open_source("gun:pi+", n_events=0, seed=1)
    with pytest.raises(SourceError, match="pile-up"):
        open_source("gun:pi+", n_events=3, seed=1, pileup=2.0)
