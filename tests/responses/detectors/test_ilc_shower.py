"""Photons in silicon and tungsten: laws of their showers."""

from importlib.util import find_spec

import numpy as np
import pytest

from lamarr_like.responses import making
from lamarr_like.responses.detectors import ilc_shower, spectrum
from lamarr_like.responses.detectors.ilc_shower import HIGH, ILC_SHOWER, LOW, REACH
from lamarr_like.responses.geant4.silicon_tungsten import GAP, SILICON, TUNGSTEN
from lamarr_like.responses.response import read_response
from lamarr_like.responses.samples import checked_sample

needs_geant4 = pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="no extra geant4")

X0 = 3.504  # radiation length of tungsten [mm]


def test_the_declaration_comes_back_from_plain_values():
    assert read_response(ILC_SHOWER.to_json(), "here") == ILC_SHOWER
    assert ILC_SHOWER.shape == (30, 30, 30)


def test_the_depth_is_that_of_ild():
    assert sum(TUNGSTEN) / X0 == pytest.approx(24, abs=0.1)
    assert sum(TUNGSTEN) + len(TUNGSTEN) * (SILICON + GAP) == pytest.approx(185, abs=1)


def test_particles_are_in_range_and_depend_on_their_number_only():
    whole = ilc_shower.particles(20_000, 3)
    assert ILC_SHOWER.checked(whole, "t").keys() == whole.keys()
    part = ilc_shower.particles(20, 3, first=40)
    assert all(np.array_equal(values[40:60], part[name]) for name, values in whole.items())
    for name in "xy":
        assert np.abs(whole[name]).max() > 0.99 * REACH
        assert abs(whole[name].mean()) < 0.02 * REACH


def test_the_logarithm_of_the_energy_falls_linearly():
    u = (np.arange(10_000) + 0.5) / 10_000
    share = np.log(spectrum.falling(u, LOW, HIGH) / LOW) / np.log(HIGH / LOW)
    counts = np.histogram(share, np.linspace(0, 1, 11))[0] / len(u)
    middle = np.linspace(0.05, 0.95, 10)
    assert np.allclose(counts, (1.9 - 1.8 * middle) / 10, atol=1e-3)


@pytest.fixture(scope="module")
def showers():
    """Of 2 and of 20 GeV, 16 and 8 of them."""
    energy = np.repeat([2e3, 20e3], [16, 8])
    x, y = np.full(24, 1.0), np.full(24, -3.5)
    like = checked_sample(
        ILC_SHOWER,
        {"energy": energy, "x": x, "y": y},
        np.zeros((24, *ILC_SHOWER.shape), np.float32),
        "photons",
    )
    return making.make_sample("ilc_shower", 24, seed=2, like=like, progress=False)


@needs_geant4
def test_the_sampled_share_is_that_of_silicon_in_tungsten(showers):
    share = showers.arrays.sum(axis=(1, 2, 3)) / showers.conditions["energy"]
    # Minimum ionising particles leave 4 % in the silicon, showers about six tenths of that.
    assert ((share > 0.014) & (share < 0.036)).all()
    assert showers.arrays[showers.arrays > 0].min() >= np.float32(0.1)


@needs_geant4
def test_the_maximum_moves_in_with_the_logarithm_of_the_energy(showers):
    front = np.cumsum([0, *TUNGSTEN])[1:] / X0  # radiation lengths before each silicon
    profile = showers.arrays.sum(axis=(1, 2))
    mean = (profile * front).sum(axis=1) / profile.sum(axis=1)
    low, high = mean[:16].mean(), mean[16:].mean()
    # The centre of gravity of a photon's shower is at about ln(E / Ec) + 1.2 (Ec of tungsten 8 MeV;
    # Fabjan and Gianotti, Rev. Mod. Phys. 75 (2003) 1243).
    assert high - low == pytest.approx(np.log(10), abs=1.2)
    assert high == pytest.approx(np.log(20e3 / 8) + 1.2, abs=1.5)


@needs_geant4
def test_the_core_is_narrow_and_where_the_photon_enters(showers):
    cells = showers.arrays.sum(axis=(0, 3))
    assert np.unravel_index(cells.argmax(), cells.shape) == (15, 14)
    # Moliere radius of some 2 cm: nine tenths within four cells.
    near = cells[11:20, 10:19].sum() / cells.sum()
    assert 0.85 < near < 0.99
