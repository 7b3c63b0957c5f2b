"""The muon system piece by piece: regions, iron, and what a slice of it does to a particle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from plain_kernels import make_plain, stream

from lamarr_like.detailed import muon_system
from lamarr_like.detailed.matter import KAON, MASS, MUON, PION, PROTON
from lamarr_like.detailed.parameters import DEFAULT

SYSTEM = muon_system.system(DEFAULT)
N = 1500


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    from lamarr_like.detailed import random

    make_plain(monkeypatch, muon_system, random)
    with np.errstate(over="ignore"):
        yield


def region(x, y, station=0):
    return muon_system.region_of(x, y, station, SYSTEM)


def crossed(p, slices, *, block=2, species=MUON, tx=0.0, n=N, key=3):
    """Rays behind a block that is cut into equal slices, shape (n, 6)."""
    start, end = SYSTEM.matter[block, :2]
    state, rays = stream(key), np.tile([0.0, 0.0, tx, 0.0, p, start], (n, 1))
    along = math.sqrt(1.0 + tx * tx)
    for ray in rays:
        for _ in range(slices):
            if ray[4] > 0.0:
                muon_system.cross_slice(
                    *(ray, species, (end - start) / slices, along / slices, block, SYSTEM, state)
                )
    return rays


# --- where things are


@pytest.mark.parametrize("station", range(muon_system.N_STATIONS))
def test_regions_are_symmetric_and_twice_as_large_each(station):
    a, b = SYSTEM.inner[station]
    assert region(0.5 * a, 0.5 * b, station) == -1  # the opening for the beam
    for r in range(muon_system.N_REGIONS):
        for u, v in ((1.01 * a, 0.0), (0.0, 1.01 * b), (1.99 * a, 1.99 * b)):
            x, y = u * 2**r, v * 2**r
            assert {region(i * x, j * y, station) for i in (-1, 1) for j in (-1, 1)} == {r}
    assert region(16.01 * a, 0.0, station) == region(0.0, 16.01 * b, station) == -1


def test_stations_point_at_the_origin():
    """A straight line from the origin meets the same region everywhere."""
    rng = np.random.default_rng(1)
    for tx, ty in rng.uniform(-0.35, 0.35, (300, 2)):
        found = {region(tx * z, ty * z, s) for s, z in enumerate(SYSTEM.z)}
        assert len(found) == 1, (tx, ty)


def test_pads_fill_the_regions():
    """Whole numbers of pads across a quarter; twice as large in each region outwards."""
    whole = SYSTEM.inner / SYSTEM.pad
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-9)
    assert (np.diff(SYSTEM.z) > 0.0).all() and SYSTEM.origin < SYSTEM.matter[0, 0]


def test_depth_rises_through_the_absorbers_and_stays_between_them():
    z = np.linspace(SYSTEM.origin - 100.0, SYSTEM.z[-1] + 3000.0, 2001)
    depth = np.array([muon_system.depth(one, SYSTEM) for one in z])
    assert depth[0] == 0.0 and (np.diff(depth) >= 0.0).all()
    assert depth[-1] == pytest.approx(SYSTEM.matter[:, 3].sum())
    inside = ((z[:, None] > SYSTEM.matter[:, 0]) & (z[:, None] < SYSTEM.matter[:, 1])).any(axis=1)
    flat = ~inside[1:] & ~inside[:-1]
    # Steps without matter on either side that no thin block lies between.
    thick = np.diff(z)[0] < (SYSTEM.matter[:, 1] - SYSTEM.matter[:, 0]).min()
    assert thick and np.diff(depth)[flat].max() < 0.2
    # The calorimeters and the iron are about 20 interaction lengths together [D].
    assert 15.0 < depth[np.searchsorted(z, SYSTEM.z[-1])] < 24.0


def test_flying_straight_is_a_line():
    rng = np.random.default_rng(2)
    for x, y, tx, ty in rng.normal(size=(20, 4)):
        ray = np.array([x, y, tx, ty, 1e4, 100.0])
        muon_system.move(ray, 350.0)
        assert ray[:2] == pytest.approx([x + 250.0 * tx, y + 250.0 * ty]) and ray[5] == 350.0
        muon_system.move(ray, 20.0)
        muon_system.move(ray, 100.0)
        assert ray == pytest.approx([x, y, tx, ty, 1e4, 100.0])


# --- energy


def test_losses_depend_on_the_velocity_alone():
    for factor in (0.3, 1.0, 4.0, 30.0, 300.0):
        losses = {round(muon_system.mean_loss(factor * m, m, 1.0), 9) for m in MASS[1:5]}
        assert len(losses) == 1, factor


def test_losses_have_one_minimum_and_rise_on_both_sides():
    p = np.geomspace(20.0, 1e6, 400)
    loss = np.array([muon_system.mean_loss(one, MASS[MUON], 1.0) for one in p])
    least = loss.argmin()
    assert (np.diff(loss[: least + 1]) < 0.0).all() and (np.diff(loss[least:]) > 0.0).all()
    # At a momentum of some 300 MeV, and never below a minimum-ionising particle.
    assert 200.0 < p[least] < 500.0 and loss[least] == pytest.approx(1.0, abs=0.1)
    assert muon_system.mean_loss(5e3, MASS[MUON], 7.0) == pytest.approx(
        7.0 * muon_system.mean_loss(5e3, MASS[MUON], 1.0)
    )


def test_radiation_equals_ionisation_at_the_critical_energy():
    """Iron: a muon of 347 GeV radiates as much as it ionises [PDG]."""
    minimum, mass = 1.0, MASS[MUON]

    def ionised(p):
        return muon_system.mean_loss(p, mass, minimum) - p / muon_system._RADIATIVE

    p = np.geomspace(1e5, 1e6, 400)
    ratio = np.array([one / muon_system._RADIATIVE / ionised(one) for one in p])
    assert p[np.searchsorted(ratio, 1.0)] == pytest.approx(347e3, rel=0.08)


@pytest.mark.parametrize("species", [MUON, PION, KAON, PROTON])
def test_energy_lost_in_a_block_is_the_mean_and_never_less_than_its_floor(species):
    p = 2e4
    rays = crossed(p, 1, species=species)
    mass = MASS[species]
    lost = math.hypot(p, mass) - np.hypot(rays[:, 4], mass)
    mean = muon_system.mean_loss(p, mass, SYSTEM.matter[2, 4])
    assert (lost >= 0.9 * mean * (1 - 1e-9)).all()
    assert lost.mean() == pytest.approx(mean, abs=5 * 0.1 * mean / math.sqrt(N))
    assert lost.std() == pytest.approx(0.1 * mean, rel=0.15)


def test_who_has_not_the_energy_stops():
    loss = SYSTEM.matter[2, 4]
    rays = crossed(0.5 * loss, 4, n=50)
    assert (rays[:, 4] == 0.0).all()


# --- scattering


def test_scattering_of_a_block_is_that_of_highland():
    p = 1e5
    rays = crossed(p, 1)
    x0 = SYSTEM.matter[2, 2]
    sigma = 13.6 / p * math.sqrt(x0) * (1.0 + 0.038 * math.log(x0))
    thick = SYSTEM.matter[2, 1] - SYSTEM.matter[2, 0]
    for axis in (0, 1):
        assert rays[:, 2 + axis].std() == pytest.approx(sigma, rel=5 / math.sqrt(2 * N))
        # Behind a thick scatterer: theta L / sqrt(3), with a correlation of sqrt(3) / 2 [PDG].
        assert rays[:, axis].std() == pytest.approx(sigma * thick / math.sqrt(3.0), rel=0.1)
        r = np.corrcoef(rays[:, axis], rays[:, 2 + axis])[0, 1]
        assert r == pytest.approx(math.sqrt(3.0) / 2.0, abs=0.03)
    assert abs(np.corrcoef(rays[:, 2], rays[:, 3])[0, 1]) < 4.5 / math.sqrt(N)


@pytest.mark.parametrize("slices", [2, 5])
def test_cutting_a_block_into_slices_changes_nothing(slices):
    whole, cut = crossed(1e5, 1, key=5), crossed(1e5, slices, key=6, n=800)
    for column in (0, 1, 2, 3):
        assert cut[:, column].std() == pytest.approx(whole[:, column].std(), rel=0.13)
    assert cut[:, 5] == pytest.approx(whole[0, 5])
    assert (1e5 - cut[:, 4]).mean() == pytest.approx((1e5 - whole[:, 4]).mean(), rel=0.02)


def test_steep_particles_meet_more_iron():
    straight, steep = crossed(1e5, 1, key=8), crossed(1e5, 1, tx=0.75, key=9)
    # 1 / cos = 1.25: the loss goes with it, the angle with its root, the slope with one more.
    ratio = (1e5 - steep[:, 4]).mean() / (1e5 - straight[:, 4]).mean()
    assert ratio == pytest.approx(1.25, rel=0.02)
    wider = steep[:, 3].std() / straight[:, 3].std()
    assert wider == pytest.approx(math.sqrt(1.25) * 1.25, rel=0.1)
