"""Laws of the primary ionisation."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.physics.ionisation import C_OVER_M2, primary_ionisation


def test_slow_particles_ionise_as_the_inverse_square_of_their_velocity():
    slow = np.array([1e-3, 2e-3])
    first, second = primary_ionisation(slow)
    logs = np.log(slow**2) + C_OVER_M2
    assert first / second == pytest.approx(4.0 * logs[0] / logs[1], rel=1e-4)


def test_the_least_is_near_four_times_the_mass_and_the_rise_is_logarithmic():
    x = np.geomspace(0.5, 50.0, 2000)
    values = primary_ionisation(x)
    least = x[np.argmin(values)]
    assert 2.5 < least < 4.5  # PDG, "Passage of particles through matter": 3 to 3.5
    assert (np.diff(values[x < least]) < 0.0).all() and (np.diff(values[x > least]) > 0.0).all()
    far = primary_ionisation(np.array([1e4, 1e5, 1e6]))
    assert np.diff(far) == pytest.approx(2.0 * np.log(10.0), rel=1e-5)


def test_what_pions_and_protons_of_one_momentum_leave():
    momentum = np.array([0.3, 1.0])
    pion, proton = (primary_ionisation(momentum / m) for m in (0.13957, 0.93827))
    assert (proton > pion).all()
    # At 0.3 GeV a proton is ten times slower in squares of the velocity, less by the logarithm.
    beta2 = [(momentum / m) ** 2 / (1 + (momentum / m) ** 2) for m in (0.13957, 0.93827)]
    assert 0.5 < proton[0] / pion[0] / (beta2[0][0] / beta2[1][0]) < 1.0


def test_the_shape_stays():
    assert primary_ionisation(np.ones((2, 3))).shape == (2, 3)
