"""Cross sections of neutrons: orders of magnitude, limits, files."""

import math

import numpy as np
import pytest

from lamarr_like.responses.geant4 import neutron_tables
from lamarr_like.responses.geant4.neutron_tables import capture, elastic, inelastic

AVOGADRO = 6.02214e23


def length(z, a, density, energy):
    """Interaction length [cm]."""
    sigma = float(inelastic(z, a, np.array([energy]))[0]) * 1e-24
    return a / (density * AVOGADRO * sigma)


@pytest.mark.parametrize(
    ("z", "a", "density", "pdg"), [(74, 183.84, 19.3, 9.946), (29, 63.546, 8.96, 15.32)]
)
def test_interaction_lengths_are_those_of_the_pdg(z, a, density, pdg):
    """Nuclear interaction lengths of the Review of Particle Physics, at 20 GeV."""
    assert length(z, a, density, 20e3) == pytest.approx(pdg, rel=0.12)


@pytest.mark.parametrize(("z", "a"), [(8, 16.0), (29, 63.5), (74, 183.8)])
def test_cross_sections_have_the_right_limits(z, a):
    energy = np.geomspace(1e-11, 2e4, 2000)
    found = [of(z, a, energy) for of in (inelastic, elastic, capture)]
    assert all(np.isfinite(values).all() and (values >= 0).all() for values in found)
    assert (found[0][energy < 0.3] == 0).all()
    # Slow neutrons see a hard sphere, and are captured as 1 over their velocity.
    radius = 1.35e-13 * a ** (1 / 3)
    assert found[1][0] == pytest.approx(4 * math.pi * radius**2 * 1e24, rel=1e-6)
    slow = energy < 1e-7
    assert np.ptp(found[2][slow] * np.sqrt(energy[slow])) < 1e-9 * found[2][0]
    # A black disc scatters about as much as it absorbs.
    fast = energy > 1e3
    assert (np.abs(found[1][fast] / found[0][fast] - 0.6) < 0.3).all()


def test_hydrogen_makes_no_pions_below_their_threshold():
    found = inelastic(1, 1.008, np.array([100.0, 280.0, 2000.0]))
    assert found[:2].tolist() == [0, 0] and found[2] == pytest.approx(0.028, rel=0.1)


def test_tables_are_written_for_all_elements(tmp_path):
    neutron_tables.write(tmp_path, lambda z: 2.5 * z)
    folder = tmp_path / "G4PARTICLEXS/neutron"
    assert len(list(folder.iterdir())) == 3 * 92
    lines = (folder / "inel74").read_text().split("\n")
    low, high, n = lines[0].split()
    assert (float(low), float(high), int(n)) == (0.01, 2e4, 400) and int(lines[1]) == 400
    energy, value = np.loadtxt(lines[2:402]).T
    assert (np.diff(energy) > 0).all()
    barn = inelastic(74, 2.5 * 74, energy)
    assert np.allclose(value, barn * 1e-22, rtol=1e-6)
