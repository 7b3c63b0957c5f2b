"""Directions, decays and products of interactions: geometry and conservation, one at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from plain_kernels import make_plain, stream

from lamarr_like.detailed import geometry, matter, random
from lamarr_like.detailed.matter import KAON, MASS, MUON, PHOTON, PION, PROTON, Particle
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.physics.particles import LIFETIME_LENGTH

DET = geometry.detector(DEFAULT)
ROOM = 40


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    make_plain(monkeypatch, matter, random)
    with np.errstate(over="ignore"):
        yield


def unit(tx, ty):
    v = np.array([tx, ty, 1.0])
    return v / np.linalg.norm(v)


def particle(species=PION, p=2e4, *, tx=0.1, ty=-0.05, charge=1.0, generation=0):
    return Particle(10.0, -5.0, 900.0, tx, ty, p, species, charge, generation)


def directions(n=60, seed=1):
    return np.random.default_rng(seed).uniform(-0.4, 0.4, (n, 2))


# --- directions


def test_a_small_kick_turns_by_its_angles():
    for tx, ty in directions():
        for a, b in ((1e-4, 0.0), (0.0, 1e-4), (6e-5, -8e-5)):
            there = unit(*matter._kicked(tx, ty, a, b))
            angle = np.linalg.norm(np.cross(unit(tx, ty), there))
            assert angle == pytest.approx(1e-4, rel=2e-3)


def test_kicks_across_are_across():
    """The first angle is within the plane of beam and particle, the second at right angles."""
    for tx, ty in directions():
        radial, across = (
            np.array(matter._kicked(tx, ty, *k)) - [tx, ty] for k in ((1e-5, 0.0), (0.0, 1e-5))
        )
        assert radial @ across == pytest.approx(0.0, abs=1e-15)
        assert radial[0] * ty == pytest.approx(radial[1] * tx, abs=1e-12)
        t2 = tx * tx + ty * ty
        assert np.linalg.norm(radial) == pytest.approx(1e-5 * (1.0 + t2))
        assert np.linalg.norm(across) == pytest.approx(1e-5 * math.sqrt(1.0 + t2))


def test_along_the_beam_kicks_are_slopes():
    assert matter._kicked(0.0, 0.0, 2e-3, -1e-3) == (2e-3, -1e-3)
    # There is no jump where a direction comes to be radial.
    near = matter._kicked(1e-8, 0.0, 2e-3, -1e-3)
    assert near == pytest.approx((2e-3, -1e-3), abs=1e-7)


def test_turned_directions_have_their_angle_for_all_azimuths():
    for tx, ty in directions(20):
        axis = unit(tx, ty)
        for theta in (1e-3, 0.3, 1.5, 3.0):
            turned = np.array([matter._turned(tx, ty, theta, phi) for phi in np.arange(6.0)])
            assert np.linalg.norm(turned, axis=1) == pytest.approx(1.0)
            assert turned @ axis == pytest.approx(math.cos(theta))
        # A full circle averages to what is along the axis.
        circle = 2.0 * math.pi * np.arange(8) / 8
        mean = np.mean([matter._turned(tx, ty, 0.3, phi) for phi in circle], axis=0)
        assert mean == pytest.approx(math.cos(0.3) * axis, abs=1e-12)


def test_no_angle_is_no_turn():
    for tx, ty in directions(10):
        assert matter._turned(tx, ty, 0.0, 1.0) == pytest.approx(unit(tx, ty))


# --- decays


def test_decays_are_exponential_in_the_path():
    for species, pdg in ((PION, 211), (KAON, 321)):
        p, tx, ty = 5e3, 0.3, -0.2
        state = stream()
        z = np.array([matter.decay_point(100.0, tx, ty, p, species, state) for _ in range(4000)])
        path = (z - 100.0) * math.sqrt(1.0 + tx * tx + ty * ty)
        length = LIFETIME_LENGTH[pdg] * p / MASS[species]
        assert (path > 0.0).all()
        assert path.mean() == pytest.approx(length, rel=5 / math.sqrt(4000))
        assert (path > length).mean() == pytest.approx(math.exp(-1.0), abs=0.04)


@pytest.mark.parametrize("species", [MUON, PROTON, PHOTON])
def test_the_others_do_not_decay(species):
    assert matter.decay_point(0.0, 0.0, 0.0, 1e3, species, stream()) == matter.NEVER


@pytest.mark.parametrize(("p", "n"), [(500.0, 300), (2e4, 300)])
def test_energies_of_muons_from_pions_are_flat_between_their_ends(p, n):
    state = stream(3)
    q = np.array([matter.decayed(0.05, 0.0, p, PION, state)[3] for _ in range(n)])
    m, mu = MASS[PION], MASS[MUON]
    energy, star = math.hypot(p, m), (m * m + mu * mu) / (2.0 * m)
    half = p / m * (m * m - mu * mu) / (2.0 * m)
    found = (np.hypot(q[q > 0.0], mu) - energy / m * star) / half  # cosine in the rest frame
    assert (np.abs(found) <= 1.0 + 1e-9).all()
    if (q > 0.0).all():
        assert found.mean() == pytest.approx(0.0, abs=4.5 / math.sqrt(3 * n))
        assert found.var() == pytest.approx(1.0 / 3.0, rel=0.2)


# --- pairs and interactions


def test_a_pair_shares_the_photon():
    state, stack = stream(), np.zeros((ROOM, 9))
    photon = particle(PHOTON, charge=0.0)
    for _ in range(50):
        assert matter._convert(stack, 0, photon, state) == 2
        assert stack[:2, 5].sum() == pytest.approx(photon.p) and (stack[:2, 5] > 0.0).all()
        assert stack[:2, 7].tolist() == [-1.0, 1.0] and (stack[:2, 6] == matter.ELECTRON).all()
        assert (stack[:2, 8] == 1).all()
        np.testing.assert_array_equal(stack[:2, :5], [photon[:5]] * 2)


def test_a_full_stack_takes_no_more():
    stack = np.zeros((3, 9))
    assert matter._convert(stack, 2, particle(PHOTON), stream()) == 3
    assert matter._push(stack, 3, particle()) == 3
    late = particle(PHOTON, generation=matter._MAX_GENERATION)
    assert matter._convert(stack, 0, late, stream()) == 0


@pytest.mark.parametrize("p", [2e3, 2e4, 2e5])
def test_products_share_the_momentum_of_what_interacts(p):
    state, mother = stream(11), particle(p=p)
    axis = unit(mother.tx, mother.ty)
    counts, along, species = [], [], []
    for _ in range(300):
        stack = np.zeros((ROOM, 9))
        n = matter._interact(stack, 0, mother, state)
        counts.append(n)
        made = stack[:n]
        assert (made[:, 8] == 1).all() and (made[:, :3] == mother[:3]).all()
        kept = made[made[:, 5] > 0.0]
        vectors = np.array([q * unit(tx, ty) for tx, ty, q in kept[:, 3:6]]).reshape(-1, 3)
        along.append((vectors @ axis).sum())
        species.append(made[:, 6])
    # Along the mother never more than it had, and a part is left with what nobody sees.
    assert max(along) <= p * (1 + 1e-9) and 0.3 * p < np.mean(along) < p
    log_e = max(0.2, math.log(p / 1e3 + 1.0))
    assert np.mean(counts) == pytest.approx(2.0 + 0.9 * log_e, rel=0.1)
    assert min(counts) >= 2 and max(counts) <= 12
    kinds = np.concatenate(species)
    assert (kinds == PHOTON).mean() == pytest.approx(1 / 3, abs=0.06)
    assert set(kinds) == {PION, PROTON, PHOTON}


def test_products_fly_forward():
    state, stack = stream(5), np.zeros((ROOM, 9))
    for _ in range(100):
        n = matter._interact(stack, 0, particle(p=1e3), state)
        kept = stack[:n][stack[:n, 5] > 0.0]
        nz = 1.0 / np.sqrt(1.0 + kept[:, 3] ** 2 + kept[:, 4] ** 2)
        assert (nz >= matter._LEAST_PRODUCT_COS - 1e-12).all()


# --- material


def test_matter_on_the_path_grows_with_the_slope():
    x0, args = 0.05, (500.0, 300.0, 5000.0)
    straight = matter.material_on_path(geometry.PASSIVE, x0, *args, 0.0, 0.0, DET)
    assert straight == x0
    for tx, ty in directions(20):
        path = matter.material_on_path(geometry.PASSIVE, x0, *args, tx, ty, DET)
        assert path == pytest.approx(x0 / unit(tx, ty)[2])


def test_the_beam_pipe_and_the_hole_of_the_velo_are_empty():
    z = 5000.0
    for r, expected in ((0.99, 0.0), (1.01, 0.05)):
        place = r * DEFAULT.beam_pipe_slope * z
        found = matter.material_on_path(geometry.PASSIVE, 0.05, 0.0, place, z, 0.0, 0.0, DET)
        assert found == expected
    for r, expected in (
        (0.99 * DEFAULT.velo_r_min, 0.0),
        (1.01 * DEFAULT.velo_r_min, 0.05),
        (0.99 * DEFAULT.velo_support_r, 0.05),
        (1.01 * DEFAULT.velo_support_r, 0.0),
    ):
        assert (
            matter.material_on_path(geometry.VELO, 0.05, r, 0.0, 100.0, 0.0, 0.0, DET) == expected
        )


def test_a_muon_only_loses_and_an_empty_sheet_does_nothing():
    state = stream(9)
    for p in (200.0, 5e3, 1e5):
        for _ in range(40):
            tx, ty, q = matter.cross_sheet(0.1, 0.0, p, MUON, 0.1, DET, state)
            least = matter.mean_loss(p, MASS[MUON], 0.1, DET) * matter._LOSS_LEAST
            assert q == 0.0 or math.hypot(q, MASS[MUON]) <= math.hypot(p, MASS[MUON]) - least + 1e-9
    tx, ty, q = matter.cross_sheet(0.1, 0.2, 1e4, MUON, 0.0, DET, state)
    assert (tx, ty) == pytest.approx((0.1, 0.2)) and q == pytest.approx(1e4)


def test_what_is_too_slow_is_given_up():
    state, stack = stream(2), np.zeros((ROOM, 9))
    slow = particle(MUON, p=55.0)
    found = [
        matter.cross_plane(stack, 0, slow, 0.3, geometry.PASSIVE, DET, state)[3] for _ in range(20)
    ]
    assert found == [0.0] * 20


def test_photons_cross_or_become_a_pair():
    state, n = stream(4), 1500
    outcome = []
    for _ in range(n):
        stack = np.zeros((ROOM, 9))
        depth, tx, ty, p = matter.cross_plane(
            *(stack, 0, particle(PHOTON, charge=0.0), 0.5, geometry.PASSIVE, DET, state)
        )
        assert (tx, ty) == (0.1, -0.05) and (depth, p) in ((0, 2e4), (2, 0.0))
        outcome.append(depth == 2)
    expected = 1.0 - math.exp(-7.0 / 9.0 * 0.5)
    assert np.mean(outcome) == pytest.approx(expected, abs=4.5 * 0.5 / math.sqrt(n))
