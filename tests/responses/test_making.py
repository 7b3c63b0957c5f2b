"""Detailed samples: the same whoever makes them, and Geant4's showers as physics has them."""

from importlib.util import find_spec

import numpy as np
import pytest
from blobs import BLOBS, DECLARED, blobs

from lamarr_like import plugins
from lamarr_like.errors import SchemaError
from lamarr_like.responses import declared, making
from lamarr_like.responses.declared import RESPONSES, find_declared, find_response, known
from lamarr_like.responses.detectors import ecal_shower
from lamarr_like.responses.geant4 import shashlik, tables
from lamarr_like.responses.samples import checked_sample
from lamarr_like.rng import stream_keys

needs_geant4 = pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="no extra geant4")


def test_particles_depend_on_their_number_only():
    whole = ecal_shower.particles(100, 3)
    part = ecal_shower.particles(20, 3, first=40)
    for name, values in whole.items():
        assert np.array_equal(values[40:60], part[name])
    seen = ecal_shower.ECAL_SHOWER.seen(whole, "t")
    assert np.isfinite(seen).all()
    assert not np.array_equal(ecal_shower.particles(100, 4)["px"], whole["px"])


def test_energies_fall_as_declared():
    given = ecal_shower.particles(20_000, 1)
    p = np.sqrt(given["px"] ** 2 + given["py"] ** 2 + given["pz"] ** 2)
    share = np.log(p / ecal_shower.LOW) / np.log(ecal_shower.HIGH / ecal_shower.LOW)
    counts = np.histogram(share, np.linspace(0, 1, 6))[0] / len(share)
    middle = np.linspace(0.1, 0.9, 5)
    expected = (1.9 - 1.8 * middle) / 5
    assert np.allclose(counts, expected, atol=0.01)
    assert abs((given["pdg"] == 22).mean() - 0.5) < 0.015


@pytest.fixture(scope="module")
def showers():
    return making.make_sample("ecal_shower", 6, seed=3, progress=False)


@needs_geant4
def test_showers_do_not_depend_on_processes(showers, monkeypatch):
    monkeypatch.setattr(making, "CHUNK", 2)
    again = making.make_sample("ecal_shower", 4, seed=3, like=showers, workers=2, progress=False)
    assert np.array_equal(again.seen, showers.seen[:4])
    assert np.array_equal(again.arrays, showers.arrays[:4])
    assert len({a.tobytes() for a in showers.arrays}) == len(showers)


@needs_geant4
def test_a_shower_is_where_its_particle_goes(showers):
    visible = showers.arrays.sum(axis=(1, 2))
    p = np.exp(showers.seen[:, 1])
    # 66 layers of 2 mm of lead and 4 mm of scintillator sample about 15 %.
    assert ((visible / p > 0.10) & (visible / p < 0.19)).all()
    x = ecal_shower.ECAL_SHOWER.axes[0].centres
    for k, name in enumerate("xy"):
        mean = np.tensordot(showers.arrays.sum(axis=2 - k), x, 1) / visible
        expected = (
            showers.conditions[name]
            + 110 * showers.conditions[f"p{name}"] / showers.conditions["pz"]
        )
        assert np.abs(mean - expected).max() < 25
    assert showers.record["seed"] == 3 and showers.record["ms_per_particle"] > 1


def test_like_takes_the_particles_of_another_sample():
    with pytest.raises(SchemaError, match="lacks the conditions pdg"):
        making.make_sample("ecal_shower", 4, like=blobs(4), progress=False)


def test_simulations_run_in_the_process_that_is_asked(monkeypatch):
    monkeypatch.setitem(declared.RESPONSES, "blobs", DECLARED)
    piece = making._simulate("blobs", DECLARED.particles(5, 1, 0), 1, 0)
    keys = stream_keys(1, "blobs detailed", np.arange(5))
    assert np.array_equal(piece.arrays[0], DECLARED.simulate(DECLARED.particles(5, 1, 0), keys))
    sample = checked_sample(BLOBS, DECLARED.particles(5, 1, 0), piece.arrays[0], "t")
    assert len(sample) == 5


def test_responses_go_by_their_names(monkeypatch, tmp_path):
    assert find_declared("ecal_shower") is RESPONSES["ecal_shower"]
    assert find_response("ecal_shower") is ecal_shower.ECAL_SHOWER
    with pytest.raises(SchemaError, match="no response 'muon'; there are ecal_shower"):
        find_declared("muon")
    with pytest.raises(SchemaError, match="cannot|does not exist|No such"):
        find_response(str(tmp_path / "none.yaml"))
    offered = {"blobs": DECLARED, "wrong": DECLARED}
    monkeypatch.setattr(plugins, "load", lambda group, name, error: offered.get(name))
    monkeypatch.setattr(plugins, "installed", lambda group: list(offered))
    assert find_response("blobs") is BLOBS and known() == [*RESPONSES, "blobs", "wrong"]
    with pytest.raises(SchemaError, match="no Declared response of that name"):
        find_declared("wrong")


def test_bremsstrahlung_falls_with_the_photon_and_grows_with_screening():
    x = np.linspace(0.01, 0.95, 50)
    for z in (6, 82):
        spectrum = tables.bremsstrahlung(z, 1000.0, x)
        assert (np.diff(spectrum[:35]) < 0).all()
    # At small x the scaled spectrum of lead is 4/3 * 4 alpha r_e^2 ln(183 / Z^(1/3)) about [mb].
    soft = tables.bremsstrahlung(82, 1e4, np.array([1e-4]))[0]
    expected = (
        16
        / 3
        / 137.036
        * (2.8179403e-12) ** 2
        / 1e-25
        * (np.log(183 / 82 ** (1 / 3)) - tables.coulomb_correction(82))
    )
    assert soft == pytest.approx(expected, rel=0.06)


def test_tables_are_written_whole(tmp_path, monkeypatch):
    for name in (*tables.VARIABLES, "GEANT4_DATA_DIR"):
        monkeypatch.setenv(name, "")
    tables.prepare(tmp_path)
    tables._write_bremsstrahlung(tmp_path / "G4EMLOW", 6)
    made = sorted(p.name for p in (tmp_path / "G4EMLOW").rglob("*") if p.is_file())
    assert made == ["br6"]
    lines = (tmp_path / "G4EMLOW/brem_SB/br6").read_text().splitlines()
    assert lines[0] == "0 32 57" and len(lines) == 3 + 57
    assert np.isfinite([float(v) for v in lines[5].split()]).all()
    assert shashlik.CELLS == 30
