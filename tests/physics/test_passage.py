"""Constants of matter and fields follow from each other."""

import math

import pytest

from lamarr_like.physics.particles import SPEED_OF_LIGHT
from lamarr_like.physics.passage import CURVATURE, HIGHLAND, HIGHLAND_LOG, HIGHLAND_PATH


def test_curvature_is_the_speed_of_light():
    assert pytest.approx(SPEED_OF_LIGHT / 1e3, rel=1e-15) == CURVATURE


def test_highland_at_a_tenth_of_a_radiation_length():
    assert pytest.approx(1.0 + HIGHLAND_LOG * math.log(0.1), abs=5e-6) == HIGHLAND_PATH
    # 10 GeV in a tenth of a radiation length: 0.39 mrad.
    assert HIGHLAND / 1e4 * math.sqrt(0.1) * HIGHLAND_PATH == pytest.approx(3.92e-4, rel=2e-3)
