"""Two zero-degree calorimeters: declarations, particles, laws of their showers."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lamarr_like.responses.detectors import zdc
from lamarr_like.responses.detectors.spectrum import power
from lamarr_like.responses.detectors.zdc import HIGH, LOW, ZDC, ZDC_NEUTRON, ZDC_PROTON
from lamarr_like.responses.devices import read_declaration
from lamarr_like.responses.frame import Frame
from lamarr_like.responses.geant4.fibres import APART
from lamarr_like.responses.making import make_sample
from lamarr_like.responses.samples import read_any

SAMPLES = Path(__file__).parents[3] / "tutorials/samples"

needs_geant4 = pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="no extra geant4")


def test_the_declaration_comes_back_from_plain_values():
    assert read_declaration(ZDC.to_json(), "here") == ZDC
    assert (ZDC_NEUTRON.shape, ZDC_PROTON.shape) == ((44, 44), (56, 30))


def test_particles_are_in_range_and_depend_on_their_number_only():
    whole = zdc.particles(20_000, 3)
    assert ZDC.checked(whole, "t").keys() == whole.keys()
    part = zdc.particles(20, 3, first=40)
    assert all(np.array_equal(values[40:60], part[name]) for name, values in whole.items())
    into = np.abs(whole["x"]) < 35.2
    for pdg, share, first in ((2112, 0.5, 0.75), (2212, 0.25, 0.25), (22, 0.25, 0.5)):
        own = whole["pdg"] == pdg
        assert own.mean() == pytest.approx(share, abs=0.02)
        assert into[own].mean() == pytest.approx(0.96 * first, abs=0.03)


def test_the_logarithm_of_the_energy_falls_with_its_power():
    u = (np.arange(20_000) + 0.5) / 20_000
    energy = power(u, LOW, HIGH, 0.75)
    assert (np.diff(energy) > 0).all() and energy.min() >= LOW and energy.max() <= HIGH
    edges = np.geomspace(LOW, HIGH, 11)
    counts = np.histogram(energy, edges)[0] / len(u)
    expected = edges[:-1] ** -0.75 - edges[1:] ** -0.75
    assert np.allclose(counts, expected / expected.sum(), atol=1e-3)


def test_photons_are_poisson_of_the_light_and_depend_on_their_cell_only():
    light = np.zeros((500, 4, 4), np.float32)
    light[:, 1, 2], light[:, 3, 0] = 0.1, 2.0
    keys = np.arange(500, dtype=np.uint64) * np.uint64(977)
    found = zdc.counted(light, keys)
    for cell, mean in (((1, 2), 0.1 * zdc.YIELD), ((3, 0), 2.0 * zdc.YIELD)):
        counts = found[(slice(None), *cell)]
        assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / 500))
        assert counts.var() == pytest.approx(mean, rel=0.25)
    light[:, 0, 0] = 1.0
    assert np.array_equal(zdc.counted(light, keys)[:, 1, 2], found[:, 1, 2])
    assert stats.pearsonr(found[:, 1, 2], found[:, 3, 0]).pvalue > 1e-3


def test_from_outside_the_nearest_fibre_is_seen():
    """A neutron of the other calorimeter looks like one at the near edge, wherever it is."""
    frame = Frame(ZDC_PROTON, np.zeros((2, 2)))
    conditions = {
        "pdg": np.full(3, 2112.0), "energy": np.full(3, 100.0),
        "x": np.array([0.0, 20.0, APART + 10]), "y": np.array([1.0, 1.0, 1.0]),
    }  # fmt: skip
    placed = frame.place(ZDC_PROTON.seen(conditions, "t"))
    assert placed.origin[:, 0].tolist() == [0, 0, 30] and placed.origin[:, 1].tolist() == [15] * 3
    assert np.array_equal(placed.given[0], placed.given[1])
    # Mirrored where it is on the left: counted from the side on which the particle is.
    assert placed.sign[0, 0] == -1 and placed.given.shape == (3, frame.n_given)


@pytest.fixture(scope="module")
def showers():
    """The sample of the tutorial: 2000 particles."""
    return read_any(SAMPLES / "zdc-train.npz", ZDC)


def test_showers_are_where_their_particles_are(showers):
    x, y, energy = (showers.conditions[name] for name in ("x", "y", "energy"))
    sums = [part.arrays.sum(axis=(1, 2)) for part in showers.parts]
    inner = (np.abs(x) < 20) & (np.abs(y) < 20), (np.abs(x - APART) < 60) & (np.abs(y) < 40)
    strong = energy > 60
    for k in (0, 1):
        own, other = (sums[j][inner[k] & strong] for j in (k, 1 - k))
        assert own.mean() > 40 and other.mean() < 0.03 * own.mean()
    beside = (x > 35.2) & (x < APART - 112)
    assert beside.sum() > 40 and (sums[0] + sums[1])[beside].sum() == 0
    axis = ZDC_NEUTRON.axes[0].centres
    seen = inner[0] & (sums[0] > 50)
    middle = (showers.parts[0].arrays[seen].sum(axis=2) * axis).sum(axis=1) / sums[0][seen]
    assert abs(np.median(middle - x[seen])) < 0.5


def test_photons_make_more_light_than_hadrons(showers):
    """ALICE's simulation has 1.05 and 0.70 photons for each GeV, and 1 % in the other device."""
    x, y, energy, pdg = (showers.conditions[name] for name in ("x", "y", "energy", "pdg"))
    inner = (np.abs(x) < 12) & (np.abs(y) < 12) & (energy > 100)
    sums = [part.arrays.sum(axis=(1, 2)) for part in showers.parts]
    each = sums[0] / energy
    assert np.median(each[inner & (pdg == 22)]) == pytest.approx(1.07, abs=0.1)
    assert np.median(each[inner & (pdg == 2112)]) == pytest.approx(0.68, abs=0.08)
    hadrons = inner & (pdg != 22)
    assert sums[1][hadrons].sum() / sums[0][hadrons].sum() == pytest.approx(0.013, abs=0.008)
    # Each photon from a shower of photons comes from nearer to the entry than one from hadrons.
    x_of = ZDC_NEUTRON.axes[0].centres
    far = (showers.parts[0].arrays.sum(axis=2) * np.abs(x_of - x[:, None])).sum(axis=1)
    far = far / np.maximum(sums[0], 1)
    assert np.median(far[inner & (pdg == 22)]) < 0.6 * np.median(far[inner & (pdg == 2112)])


@needs_geant4
def test_the_sample_of_the_tutorial_is_made_again(showers):
    made = make_sample("zdc", 4, seed=1, progress=False)
    for again, part in zip(made.parts, showers.parts, strict=True):
        assert np.array_equal(again.arrays, part.arrays[:4])


def test_one_device_is_simulated_by_itself(monkeypatch):
    arrays = (np.ones((2, 44, 44), np.float32), np.zeros((2, 56, 30), np.float32))
    monkeypatch.setattr(zdc, "light", lambda conditions, keys: arrays)
    conditions, keys = zdc.particles(2, 1), np.arange(2, dtype=np.uint64)
    both = zdc.simulate(conditions, keys)
    assert np.array_equal(zdc.simulate_neutron(conditions, keys), both[0])
    assert np.array_equal(zdc.simulate_proton(conditions, keys), both[1])
    assert replace(ZDC, name="other") != ZDC
