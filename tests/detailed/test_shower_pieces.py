"""Showers as numbers: energy is kept, cells add up, and shapes follow the published formulae."""

from __future__ import annotations

import math

import numpy as np
import pytest
from plain_kernels import make_plain, stream

from lamarr_like.detailed import random
from lamarr_like.detailed.calorimeter import shower
from lamarr_like.detailed.parameters import DEFAULT

BARE, WITH_LEAD = (shower.material(DEFAULT, lead=lead) for lead in (False, True))
PIECE = np.array([1000.0, 100.0, 12.0, 60.0, 0.8])


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    make_plain(monkeypatch, shower, random)
    with np.errstate(over="ignore"):
        yield


def slices_of(energy, *, photon=False, start=0.0, slope=0.0, mat=BARE, state=None):
    slices = np.zeros((shower.MAX_SLICES, 5))
    state = stream() if state is None else state
    rate, leak = shower.em_slices(energy, photon, start, slope, mat, slices, state)
    return slices, rate, leak


def filled(n, size, x=0.0, y=0.0, piece=PIECE):
    """Energies of n x n cells about the origin, rows are y."""
    energies = np.zeros(n * n)
    grid = shower.Grid(-0.5 * n * size, -0.5 * n * size, size, n, n)
    shower.add_slice(x, y, piece, grid, energies)
    return energies.reshape(n, n)


# --- depth


@pytest.mark.parametrize("energy", [300.0, 3e3, 3e4, 2e5])
def test_a_shower_has_the_energy_of_what_made_it(energy):
    """Electrons in a bare ECAL: slices and what leaks behind, summed in steps of half an X0."""
    state = stream(3)
    for _ in range(40):
        slices, rate, leak = slices_of(energy, state=state)
        assert rate == 0.0 and leak >= 0.0 and (slices[:, 0] >= 0.0).all()
        assert slices[:, 0].sum() + leak == pytest.approx(energy, rel=0.03)


def test_little_leaks_and_more_at_high_energy():
    leaks = []
    for energy in (1e3, 1e4, 1e5):
        state = stream(5)
        leaks.append(np.mean([slices_of(energy, state=state)[2] for _ in range(60)]) / energy)
    assert 0.0 < leaks[0] < leaks[1] < leaks[2] < 0.05


def test_slices_lie_in_order_behind_the_face():
    state = stream(7)
    for photon in (False, True):
        for _ in range(30):
            slices, _, _ = slices_of(2e4, photon=photon, state=state)
            used = slices[slices[:, 0] > 0.0]
            assert (np.diff(used[:, 1]) > 0.0).all()
            assert used[:, 1].min() > 0.0 and used[:, 1].max() < BARE.length * BARE.x0
            # The core is narrower than the tail, and both are lengths of a shower.
            assert (used[:, 2] < used[:, 3]).all() and (used[:, 2] > 0.0).all()
            assert ((used[:, 4] >= 0.0) & (used[:, 4] <= 1.0)).all()


def test_photons_begin_nine_sevenths_of_a_radiation_length_later():
    mean = {}
    for photon in (False, True):
        state = stream(11)
        depth = []
        for _ in range(400):
            slices, _, _ = slices_of(5e3, photon=photon, state=state)
            depth.append((slices[:, 0] @ slices[:, 1]) / slices[:, 0].sum() / BARE.x0)
        mean[photon] = np.mean(depth)
    # What leaks takes a little of it away, and photons of the same energy are shorter by a bit.
    shift = 9.0 / 7.0 - DEFAULT.calo_photon_depth
    assert mean[True] - mean[False] == pytest.approx(shift, abs=0.35)


def test_lead_takes_its_part():
    electron, bare = (slices_of(1e4, mat=m, state=stream(13)) for m in (WITH_LEAD, BARE))
    assert electron[1] > 0.0  # it showers where the lead ends
    assert electron[0][:, 0].sum() < bare[0][:, 0].sum()
    late, rate, _ = slices_of(1e4, start=WITH_LEAD.lead + 1.0, mat=WITH_LEAD)
    assert rate == 0.0 and late[0, 0] > 0.0


def test_steep_particles_shower_nearer_to_the_face():
    """The same path in X0 is less in z."""
    straight, steep = (slices_of(1e4, slope=s, state=stream(2))[0] for s in (0.0, 0.4))
    depth = [(s[:, 0] @ s[:, 1]) / s[:, 0].sum() for s in (straight, steep)]
    assert depth[1] == pytest.approx(depth[0] / math.sqrt(1.16), rel=0.03)


# --- across


def test_radii_and_shares_are_smooth_and_within_their_limits():
    tau = np.linspace(0.0, 3.0, 121)
    core, tail, share = np.array([shower.widths(t, BARE) for t in tau]).T
    assert (core > 0.0).all() and (tail > core).all() and ((share > 0.0) & (share <= 1.0)).all()
    assert (np.diff(core) >= 0.0).all()  # a shower widens with depth
    low, high = shower._TAU
    for values in (core, tail, share):
        assert len(set(values[tau <= low])) == len(set(values[tau >= high])) == 1
        assert np.abs(np.diff(values)).max() < 0.1 * values.max()


def test_corners_are_odd_and_end_at_a_quarter():
    for x, y in ((3.0, 40.0), (25.0, 25.0), (400.0, 2.0)):
        value = shower.corner(x, y, 12.0, 60.0, 0.8)
        assert 0.0 < value < 0.25
        assert shower.corner(y, x, 12.0, 60.0, 0.8) == pytest.approx(value)
        for i in (-1, 1):
            for j in (-1, 1):
                there = shower.corner(i * x, j * y, 12.0, 60.0, 0.8)
                assert there == pytest.approx(i * j * value)
    assert shower.corner(0.0, 50.0, 12.0, 60.0, 0.8) == 0.0
    assert shower.corner(1e9, 1e9, 12.0, 60.0, 0.8) == pytest.approx(0.25)


def test_the_radial_density_is_that_of_grindhammer_and_peters():
    """Energy within a square against the integral of 2 r R^2 / (r^2 + R^2)^2 over it."""
    radius, half = 20.0, 30.0
    steps = np.linspace(-half, half, 401)
    mid = 0.5 * (steps[1:] + steps[:-1])
    x, y = np.meshgrid(mid, mid)
    r2 = x * x + y * y
    density = radius**2 / (np.pi * (r2 + radius**2) ** 2)
    expected = density.sum() * (steps[1] - steps[0]) ** 2
    found = 4.0 * shower.corner(half, half, radius, 1e3, 1.0)
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("place", [(0.0, 0.0), (13.0, -4.0), (59.0, 60.0)])
def test_cells_of_any_size_see_the_same_shower(place):
    fine, coarse = filled(12, 20.0, *place), filled(3, 80.0, *place)
    summed = fine.reshape(3, 4, 3, 4).sum(axis=(1, 3))
    np.testing.assert_allclose(summed, coarse, rtol=1e-9)
    assert (fine > 0.0).all() and fine.sum() < PIECE[0]


def test_a_shift_of_shower_and_cells_changes_nothing():
    here = filled(6, 40.0, 7.0, -11.0)
    there = np.zeros(36)
    grid = shower.Grid(-120.0 + 1000.0, -120.0 - 500.0, 40.0, 6, 6)
    shower.add_slice(7.0 + 1000.0, -11.0 - 500.0, PIECE, grid, there)
    np.testing.assert_allclose(there.reshape(6, 6), here, rtol=1e-9)


def test_mirrors_of_a_shower():
    here = filled(6, 40.0, 7.0, -11.0)
    np.testing.assert_allclose(filled(6, 40.0, -7.0, -11.0), here[:, ::-1], rtol=1e-9)
    np.testing.assert_allclose(filled(6, 40.0, 7.0, 11.0), here[::-1], rtol=1e-9)
    np.testing.assert_allclose(filled(6, 40.0, -11.0, 7.0), here.T, rtol=1e-9)


def test_slices_add_up():
    twice = np.zeros(36)
    grid = shower.Grid(-120.0, -120.0, 40.0, 6, 6)
    for _ in range(2):
        shower.add_slice(5.0, 5.0, PIECE, grid, twice)
    np.testing.assert_allclose(twice.reshape(6, 6), 2.0 * filled(6, 40.0, 5.0, 5.0), rtol=1e-12)


def test_reach_grows_with_the_energy_within_its_limits():
    reach = [shower.reach_of(e) for e in np.geomspace(0.1, 1e7, 60)]
    assert (np.diff(reach) >= 0.0).all()
    assert (reach[0], reach[-1]) == shower._REACH
    assert shower.reach_of(100.0) == shower._REACH_AT_100


# --- fluctuations


def test_energies_fluctuate_about_their_mean_by_the_resolution():
    energy, n, state = 1e4, 900, stream(17)
    cells = np.array([0.7, 0.2, 0.06, 0.04]) * energy
    drawn = np.empty((n, 4))
    for row in drawn:
        row[:] = cells
        shower.fluctuate(row, 4, BARE, state)
    assert (drawn >= 0.0).all()
    total = drawn.sum(axis=1)
    sigma = math.hypot(BARE.sampling / math.sqrt(energy / 1e3), BARE.constant)
    assert total.mean() == pytest.approx(energy, abs=5 * sigma * energy / math.sqrt(n))
    assert total.std() == pytest.approx(sigma * energy, rel=0.12)
    assert (drawn / total[:, None]).mean(axis=0) == pytest.approx(cells / energy, abs=0.01)
    # A Dirichlet law of shares: cells of one shower are against each other.
    share = drawn[:, 0] / total
    assert share.var() == pytest.approx(0.7 * 0.3 / (energy / BARE.grain + 1.0), rel=0.2)


def test_cells_below_the_cut_are_emptied_and_no_energy_is_none():
    cells = np.array([500.0, 0.5 * BARE.cut, 0.0])
    shower.fluctuate(cells, 3, BARE, stream())
    assert cells[0] > 0.0 and cells[1:].tolist() == [0.0, 0.0]
    nothing = np.zeros(3)
    shower.fluctuate(nothing, 3, BARE, stream())
    assert nothing.tolist() == [0.0, 0.0, 0.0]
    other = np.array([500.0, 77.0])
    shower.fluctuate(other, 1, BARE, stream())
    assert other[1] == 77.0  # only what belongs to the shower
