"""Spins along a decay tree: frames are Lorentz transformations, density matrices stay such."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.decays.models import helicity

METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
N = 40


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def momenta(rng, n=N):
    mass = rng.uniform(100.0, 5000.0, n)
    p = rng.normal(size=(n, 3)) * 3000.0
    return np.concatenate([p, np.sqrt((p**2).sum(axis=1) + mass**2)[:, None]], axis=1), mass


def amplitudes(rng, *spins):
    shape = (N, *spins)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def density(rng, states):
    root = amplitudes(rng, states, states)
    return helicity._normal(root @ root.conj().swapaxes(1, 2))


def assert_density(matrix):
    """Hermitian, of trace one, without negative eigenvalues."""
    assert matrix == pytest.approx(matrix.conj().swapaxes(1, 2), abs=1e-12)
    assert np.trace(matrix, axis1=1, axis2=2) == pytest.approx(1.0)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12


def test_rotations_turn_z_into_the_direction(rng):
    cosine, phi = rng.uniform(-1, 1, N), rng.uniform(0, 2 * np.pi, N)
    found = helicity._rotations(cosine, phi)
    inner = found[:, 1:, 1:]
    assert inner @ inner.swapaxes(1, 2) == pytest.approx(np.broadcast_to(np.eye(3), (N, 3, 3)))
    assert np.linalg.det(inner) == pytest.approx(1.0)
    sine = np.sqrt(1 - cosine**2)
    wanted = np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)
    assert inner[:, :, 2] == pytest.approx(wanted)
    assert found[:, 0, 0] == pytest.approx(1.0) and not found[:, 0, 1:].any()


def test_boosts_keep_the_metric_and_take_rest_to_the_momentum(rng):
    momentum, mass = momenta(rng)
    found = helicity._boosts(momentum, mass)
    kept = found.swapaxes(1, 2) @ METRIC @ found
    assert kept == pytest.approx(np.broadcast_to(METRIC, kept.shape), abs=1e-6)
    rest = np.zeros((N, 4))
    rest[:, 3] = mass
    assert helicity._moved(found, rest) == pytest.approx(momentum)
    # Without rotation: symmetric.
    assert found == pytest.approx(found.swapaxes(1, 2))


def test_boosts_along_z_are_boosts(rng):
    _, mass = momenta(rng)
    p = rng.uniform(0.0, 5000.0, N)
    energy = np.sqrt(p**2 + mass**2)
    along = np.stack([0 * p, 0 * p, p, energy], axis=1)
    assert helicity._boosts_along(p, energy, mass) == pytest.approx(helicity._boosts(along, mass))


def test_products_do_not_depend_on_how_many_there_are(rng):
    one, two = rng.normal(size=(2, N, 4, 4))
    whole = helicity._product(one, two)
    assert whole == pytest.approx(one @ two)
    assert helicity._product(one[3:5], two[3:5]).tobytes() == whole[3:5].tobytes()


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_a_matrix_acts_on_one_spin(rng, axis):
    ket = amplitudes(rng, 2, 3, 4)
    matrix = amplitudes(rng, ket.shape[axis], ket.shape[axis])
    letters = "nabc"
    old = letters[axis]
    wanted = np.einsum(f"{letters},n{old}z->{letters.replace(old, 'z')}", ket, matrix)
    assert helicity._applied(ket, axis, matrix) == pytest.approx(wanted)


def test_chances_are_those_of_the_formula(rng):
    amplitude, spin = amplitudes(rng, 3, 2, 2), density(rng, 3)
    wanted = np.einsum("nmab,nmk,nkab->n", amplitude, spin, amplitude.conj()).real
    assert helicity._weight(amplitude, spin) == pytest.approx(wanted)
    assert (wanted > 0.0).all()
    # No state is more likely than the greatest eigenvalue says.
    flat = (np.abs(amplitude) ** 2).sum(axis=(1, 2, 3))
    assert (wanted <= flat * np.linalg.eigvalsh(spin)[:, -1] + 1e-12).all()


def test_spins_of_daughters_are_density_matrices(rng):
    amplitude, spin = amplitudes(rng, 3, 2, 3), density(rng, 3)
    for which, states in ((0, 2), (1, 3)):
        found = helicity._daughter(amplitude, spin, {}, which)
        assert found.shape == (N, states, states)
        assert_density(found)
    done = {0: density(rng, 2)}
    assert_density(helicity._daughter(amplitude, spin, done, 1))
    assert_density(helicity._mother(amplitude, done))


def test_what_is_not_observed_drops_out(rng):
    """A decay that weighs all states alike tells the others nothing."""
    amplitude, spin = amplitudes(rng, 3, 2, 3), density(rng, 3)
    even = {0: helicity._unpolarised(N, 2)}
    plain, told = (helicity._daughter(amplitude, spin, d, 1) for d in ({}, even))
    assert told == pytest.approx(plain)
    assert helicity._mother(amplitude, even) == pytest.approx(helicity._mother(amplitude, {}))


def test_daughters_of_a_scalar_share_one_state():
    """Where only one pair of helicities is possible both spins are known."""
    amplitude = np.zeros((N, 1, 2, 2), np.complex128)
    amplitude[:, 0, 0, 0] = 1.0j
    head = helicity._unpolarised(N, 1)
    for which in (0, 1):
        found = helicity._daughter(amplitude, head, {}, which)
        assert found[:, 0, 0] == pytest.approx(1.0) and not found[:, 1, 1].any()
