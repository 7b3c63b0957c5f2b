"""Light of tracks in fibres: Cherenkov's law, total reflection, geometry."""

import math

import numpy as np
import pytest

from lamarr_like.responses.geant4.fibres import (
    APART,
    APERTURE,
    FIBRES,
    INDEX,
    NEUTRON,
    NEUTRON_PITCH,
    PROTON,
    PROTON_PITCH,
    light,
)


def test_slow_tracks_make_no_light():
    """Below the threshold, beta 1 / n: electrons of 0.19 MeV."""
    assert light(1 / INDEX - 1e-9, 0.7) == 0.0 and light(0.0, 0.7) == 0.0
    gamma = 1 + 0.19 / 0.511
    assert math.sqrt(1 - 1 / gamma**2) == pytest.approx(1 / INDEX, rel=2e-3)


def test_light_is_held_at_the_angle_of_the_cone():
    """Along the fibre and across it none is; most is at 46 degrees, where the cone touches it."""
    angle = np.radians(np.arange(0, 181, 1.0))
    found = np.array([light(1.0, math.cos(a)) for a in angle])
    cone = math.degrees(math.acos(1 / INDEX))
    half = math.degrees(math.asin(APERTURE / INDEX))
    # A cone no wider than what is held touches it from both sides.
    assert abs(np.degrees(angle[found.argmax()]) - cone) < half
    degrees = np.degrees(angle)
    assert (found[np.abs(degrees - cone) > half + 0.5] == 0).all()
    assert (found[np.abs(degrees - cone) < half - 0.5] > 0).all()


def test_light_agrees_with_rays():
    """Directions on the cone of a track, drawn at random, that total reflection holds."""
    rng = np.random.default_rng(1)
    phi = rng.uniform(0, 2 * np.pi, 400_000)
    for beta, cosine in ((1.0, 0.70), (0.95, 0.75), (0.8, 0.8)):
        cone = 1 / (INDEX * beta)
        along = cosine * cone + math.sqrt((1 - cosine**2) * (1 - cone**2)) * np.cos(phi)
        held = (along > math.sqrt(1 - (APERTURE / INDEX) ** 2)).mean()
        made = (1 - cone**2) / (1 - 1 / INDEX**2)
        assert light(beta, cosine) == pytest.approx(made * held, rel=0.02)


def test_averaged_over_directions_the_held_share_is_that_of_the_aperture():
    """Isotropic light is held as the solid angle is, whatever the tracks."""
    cosine = np.linspace(-1, 1, 20_001)
    mean = np.mean([light(1.0, c) for c in cosine])
    solid = 0.5 * (1 - math.sqrt(1 - (APERTURE / INDEX) ** 2))
    assert mean == pytest.approx(solid, rel=0.01)


def test_calorimeters_stand_beside_each_other():
    sides = [n[0] * p / 2 for n, p in ((NEUTRON, NEUTRON_PITCH), (PROTON, PROTON_PITCH))]
    assert APART - sum(sides) == pytest.approx(43.8, abs=0.1)
    assert [s.shape for s in FIBRES.sensors] == [NEUTRON, PROTON] and FIBRES.hadrons
