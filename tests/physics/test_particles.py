"""Laws over the whole table of particles: nothing unknown is read as a number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from particle import Particle

from lamarr_like.decays.names import branch_name, is_long_lived, is_short_lived
from lamarr_like.physics import particles
from lamarr_like.physics.particle_gaps import GAPS
from lamarr_like.physics.particles import antiparticle, charges, masses, species

NEUTRINOS = (12, 14, 16)
STABLE = (11, *NEUTRINOS, 22, 2212)
LONG = (13, 130, 211, 321, 310, 2112, 3112, 3122, 3222, 3312, 3322, 3334)
"""The only particles with a mean flight of more than a millimetre, other than the stable ones."""

WEAK = (15, 411, 421, 431, 4122, 4132, 4232, 4332, 511, 521, 531, 541, 5122, 5132, 5232, 5332)
"""Those with a measured flight that a vertex detector sees."""

UNSEEN = {4412, 4422, 4432, 4444, 5142, 5242, 5342, 5442, 5512, 5522, 5532, 5542, 5554}
"""Ground states of two or three heavy quarks: weak decays, of one measured."""

FOURTH = (17, 18)


def everything():
    """Hadrons, leptons and the photon, with those that only the gaps hold."""
    found = {int(p.pdgid) for p in Particle.all() if p.pdgid.is_hadron or p.pdgid.is_lepton}
    found |= {i for gap in GAPS for i in (gap, antiparticle(gap))} | {22}
    return sorted(i for i in found if abs(i) < 1_000_000_000)


ALL = everything()


def test_only_listed_particles_fly():
    assert len(ALL) > 600
    for i in ALL:
        ctau, a = species(i).ctau, abs(i)
        if a in STABLE:
            assert ctau == math.inf, i
        elif a in LONG:
            assert 1.0 < ctau < math.inf, i
        elif a in WEAK or a in UNSEEN:
            assert 0.03 < ctau < 1.0, i
        elif a in FOURTH:
            assert math.isnan(ctau), i
        else:  # a pi0 flies 25 nm
            assert 0.0 <= ctau < 1e-4, i
        assert is_long_lived(i) == (a in (*STABLE, *LONG, *WEAK, *UNSEEN)), i
        assert not (is_long_lived(i) and is_short_lived(i))


def test_what_needs_no_table_is_as_the_table_has_it():
    for i, common in particles._COMMON.items():
        assert particles._of_table(i, particles._tabulated(i)) == common == species(i)


def test_only_photons_and_neutrinos_have_no_mass():
    for i in ALL:
        found = species(i)
        if abs(i) in (*NEUTRINOS, 22):
            assert found.mass == 0.0
        elif abs(i) in FOURTH:
            assert math.isnan(found.mass)
        else:
            assert found.mass > 0.5, i
        assert 0.0 <= found.width < found.mass + 1.0 or abs(i) in FOURTH, i


def test_measured_numbers_are_those_of_the_table():
    for one in Particle.all():
        i = int(one.pdgid)
        if one.width and one.width_upper is not None and abs(i) in (*LONG, *WEAK, 113, 313, 443):
            assert species(i).ctau == pytest.approx(one.ctau, rel=1e-12)
            assert species(i).width == one.width
    assert species(413).width == pytest.approx(0.0834)


@pytest.mark.parametrize("pdg_id", [433, 513, 523, 533, 20553, 104122, 4312, 4334, 555])
def test_an_unknown_width_is_no_infinite_life(pdg_id):
    assert Particle.from_pdgid(pdg_id).ctau is None
    assert species(pdg_id).ctau == species(pdg_id).width == 0.0
    assert is_short_lived(pdg_id) and not is_long_lived(pdg_id)


@pytest.mark.parametrize("pdg_id", [423, 10431, 20433])
def test_an_upper_limit_is_no_width(pdg_id):
    assert Particle.from_pdgid(pdg_id).width > 1.0
    assert species(pdg_id).width == species(pdg_id).ctau == 0.0


@pytest.mark.parametrize(
    ("pdg_id", "mass"),
    [(120443, 3871.6), (100541, 6871.2), (200443, 4040.0), (10513, 5726.1), (4422, 3621.6)],
)
def test_unknown_masses_are_filled(pdg_id, mass):
    assert species(pdg_id).mass == pytest.approx(mass, abs=0.5)
    assert masses(np.array([pdg_id, -pdg_id]))[0] == species(pdg_id).mass


def test_masses_of_gaps_are_near_the_number_in_their_name():
    for i, gap in GAPS.items():
        numbers = [
            int(n)
            for n in gap.name.replace("(", " ").replace(")", " ").split()
            if n.isdecimal() and len(n) >= 4
        ]
        if numbers:
            assert gap.mass == pytest.approx(numbers[0], rel=0.04), i


def test_conjugation_is_an_involution():
    for i in ALL:
        other = antiparticle(i)
        assert antiparticle(other) == i
        a, b = species(i), species(other)
        assert (a.charge, a.mass, a.width) == (-b.charge, b.mass, b.width) or abs(i) in FOURTH
        assert other == -i or a.charge == 0.0
    assert antiparticle(219) == -219 and antiparticle(22) == 22 and antiparticle(310) == 310


def test_numbers_in_no_table():
    for i in (0, 100_000, 9_000_000, -22, 99_999_999_999, 4_900_111):
        assert species(i) is None
        assert not is_long_lived(i) and not is_short_lived(i)
    unknown = np.array([0, 100_000, 92, 2212, -4422])
    assert charges(unknown).tolist() == [0, 0, 0, 1, -2]
    assert masses(unknown)[:3].tolist() == [0.0, 0.0, 0.0]
    assert species(1_000_010_020).ctau == math.inf


def test_names_of_branches_are_names_in_root():
    names = {}
    for i in ALL:
        name = branch_name(i)
        assert name.isidentifier() and name.isascii(), (i, name)
        assert species(names.setdefault(name, i)).name == species(i).name
