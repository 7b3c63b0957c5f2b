"""Photons and electrons in crystals: rebinning, and laws of their showers."""

from importlib.util import find_spec

import numpy as np
import pytest

from lamarr_like.responses import making
from lamarr_like.responses.detectors import crystal_shower
from lamarr_like.responses.detectors.crystal_shower import CRYSTAL_SHOWER, LOW, REACH
from lamarr_like.responses.geant4 import crystals
from lamarr_like.responses.model import load
from lamarr_like.responses.response import read_response
from lamarr_like.responses.samples import checked_sample

needs_geant4 = pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="no extra geant4")


def test_the_declaration_comes_back_from_plain_values():
    assert read_response(CRYSTAL_SHOWER.to_json(), "here") == CRYSTAL_SHOWER
    assert CRYSTAL_SHOWER.shape == (11, 11)


def test_particles_are_in_range_and_depend_on_their_number_only():
    whole = crystal_shower.particles(20_000, 3)
    assert CRYSTAL_SHOWER.checked(whole, "t").keys() == whole.keys()
    part = crystal_shower.particles(20, 3, first=40)
    assert all(np.array_equal(values[40:60], part[name]) for name, values in whole.items())
    assert abs((whole["pdg"] == 22).mean() - 0.5) < 0.015
    assert np.abs(whole["x"]).max() > 0.99 * REACH and whole["energy"].min() < 1.01 * LOW


def test_rebinning_loses_nothing_inside_of_the_crystals():
    share = crystals.parts_of_crystals()
    assert share.shape == (crystals.SLICES, crystals.FINE, crystals.CRYSTALS)
    whole = share.sum(axis=2)
    assert (whole <= 1 + 1e-9).all()
    edges = crystals.PITCH * (np.arange(crystals.FINE + 1) - crystals.FINE / 2)
    far = np.maximum(np.abs(edges[1:]), np.abs(edges[:-1]))
    inside = far < crystals.CRYSTALS * crystals.FRONT / 2
    assert np.allclose(whole[:, inside], 1)
    # A crystal takes as many fine cells as it is wide, and all crystals as many as each other.
    width = share.sum(axis=1) * crystals.PITCH
    depth = (np.arange(crystals.SLICES) + 0.5) * crystals.SLICE
    expected = 52.0 * (940.0 + depth) / 940.0
    assert np.allclose(width, expected[:, None], atol=1e-6)
    assert width[-1, 0] == pytest.approx(67.2, abs=0.1)


def test_a_path_from_the_interaction_point_stays_in_its_crystal():
    share = crystals.parts_of_crystals()
    depth = (np.arange(crystals.SLICES) + 0.5) * crystals.SLICE
    for entry, crystal in ((0.0, 5), (70.0, 6), (-222.0, 1), (285.0, 10)):
        at = entry * (crystals.DISTANCE + depth) / crystals.DISTANCE
        fine = np.floor(at / crystals.PITCH + crystals.FINE / 2).astype(int)
        assert (share[np.arange(crystals.SLICES), fine].argmax(axis=1) == crystal).all()


def test_gathered_is_what_was_in_the_cells():
    rng = np.random.default_rng(1)
    depth, x, y = rng.integers(0, 28, 400), *rng.integers(20, 124, (2, 400))
    cell = np.ravel_multi_index((depth, x, y), (28, 144, 144))
    energy = rng.exponential(size=400)
    array = crystals.gather(cell, energy)
    assert array.sum() == pytest.approx(energy.sum())
    turned = crystals.gather(np.ravel_multi_index((depth, y, x), (28, 144, 144)), energy)
    assert np.allclose(turned, array.T)
    assert crystals.gather(cell[:0], energy[:0]).sum() == 0


def test_the_library_that_ships_draws_contained_showers():
    given = crystal_shower.particles(2000, 7)
    arrays = load("crystal_shower-library-1").draw(given, 3)
    response = arrays.sum(axis=(1, 2)) / given["energy"]
    # Geant4 leaves 97.3 % of 100 MeV and 95.5 % of 2 GeV in the crystals.
    bins = np.digitize(given["energy"], [300.0, 1000.0])
    assert np.allclose(
        [response[bins == k].mean() for k in range(3)], (0.974, 0.968, 0.958), atol=0.01
    )
    middle = (np.arange(11) - 5) * 52.0
    mean = (arrays.sum(axis=2) @ middle) / arrays.sum(axis=(1, 2))
    assert np.corrcoef(mean, given["x"])[0, 1] > 0.93


@needs_geant4
def test_showers_are_contained_and_move_by_whole_crystals():
    given = {k: v[:1].repeat(60) for k, v in crystal_shower.particles(1, 1).items()}
    given |= {"pdg": np.repeat([22.0, 11.0], 30), "energy": np.full(60, 1e3), "y": np.zeros(60)}
    given["x"] = np.tile([0.0, 52.0], 30)
    empty = np.zeros((60, 11, 11), np.float32)
    like = checked_sample(CRYSTAL_SHOWER, given, empty, "particles")
    made = making.make_sample("crystal_shower", 60, seed=2, like=like, progress=False)
    response = made.arrays.sum(axis=(1, 2)) / 1e3
    # 15 radiation lengths hold 96 % of a GeV; BESIII resolves it to 2.5 %.
    assert 0.93 < response.mean() < 0.99 and (response < 1).all()
    half = np.subtract(*np.percentile(response, [84, 16])) / 2
    assert 0.005 < half < 0.035
    first, second = made.arrays[::2].sum(axis=0), made.arrays[1::2].sum(axis=0)
    assert np.unravel_index(first.argmax(), first.shape) == (5, 5)
    assert np.unravel_index(second.argmax(), second.shape) == (6, 5)
    # In the middle of a crystal 3.8 cm of Moliere radius leave four fifths in it, both alike.
    strongest = [first[5, 5] / first.sum(), second[6, 5] / second.sum()]
    assert min(strongest) > 0.7 and max(strongest) < 0.92
    assert abs(strongest[0] - strongest[1]) < 0.03
