"""Particles that the PDG's table lacks: charges by their quarks, names, masses among neighbours."""

from __future__ import annotations

import pytest

from lamarr_like.physics.particle_gaps import GAPS, _read, opposite

CHARGE = {1: -1 / 3, 2: 2 / 3, 3: -1 / 3, 4: 2 / 3, 5: -1 / 3}
MASS = {1: 300.0, 2: 300.0, 3: 450.0, 4: 1600.0, 5: 4900.0}
"""Constituent masses [MeV], roughly."""


def quarks(pdg_id):
    """Quarks of an ordinary hadron; empty for tetraquarks."""
    digits = f"{pdg_id % 10_000:04d}"
    if pdg_id > 100_000_000:
        return ()
    found = [int(d) for d in digits[:3] if d != "0"]
    return tuple(found)


def charge(name):
    return name.count("+") - name.count("-")


ORDINARY = sorted(i for i in GAPS if len(quarks(i)) in (2, 3))


def test_most_are_ordinary_hadrons():
    assert len(ORDINARY) > 0.85 * len(GAPS) > 60


@pytest.mark.parametrize("pdg_id", ORDINARY)
def test_charges_in_names_are_those_of_the_quarks(pdg_id):
    found = quarks(pdg_id)
    if len(found) == 3:
        total = sum(CHARGE[q] for q in found)
    else:
        # Of a meson the heavier quark comes first; one of down type is the antiquark.
        heavy, light = found
        total = CHARGE[heavy] - CHARGE[light]
        total *= 1 if heavy % 2 == 0 else -1
    assert charge(GAPS[pdg_id].name) == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("pdg_id", ORDINARY)
def test_masses_are_those_of_the_quarks_within_what_excites_them(pdg_id):
    if GAPS[pdg_id].name.startswith("eta(b)"):
        return
    total = sum(MASS[q] for q in quarks(pdg_id))
    assert -400.0 < GAPS[pdg_id].mass - total < 2200.0


def test_heavier_quarks_make_heavier_baryons():
    for light, heavy in ((4412, 4432), (4412, 5142), (5142, 5512), (5512, 5554), (5142, 5342)):
        assert GAPS[light].mass < GAPS[heavy].mass


def test_excited_states_are_above_their_ground_states():
    for ground, excited in ((4412, 4414), (4422, 4424), (5212, 5214), (5512, 5514), (5312, 5314)):
        assert 0.0 < GAPS[excited].mass - GAPS[ground].mass < 100.0


def test_only_weak_decays_fly_and_widths_exclude_a_flight():
    for pdg_id, gap in GAPS.items():
        assert gap.mass > 900.0 and gap.width >= 0.0 and 0.0 <= gap.ctau < 1.0
        assert not (gap.width > 0.0 and gap.ctau > 0.0), pdg_id
        if gap.ctau > 0.0:  # ground states, of spin 1/2 but for three equal quarks
            assert len(set(quarks(pdg_id))) == 1 or pdg_id % 10 == 2


@pytest.mark.parametrize(
    ("name", "charged", "other"),
    [
        ("Xi(cc)++", False, "Xi(cc)~--"),
        ("B(c)*+", True, "B(c)*-"),
        ("Omega(b)*-", False, "Omega(b)*~+"),
        ("B(1)(5721)0", False, "B(1)(5721)~0"),
        ("D(s1)*(2700)+", True, "D(s1)*(2700)-"),
    ],
)
def test_names_of_antiparticles(name, charged, other):
    assert opposite(name, charged) == other


@pytest.mark.parametrize("name", sorted({g.name for g in GAPS.values()}))
def test_charges_of_antiparticles_are_opposite(name):
    for charged in (False, True):
        assert charge(opposite(name, charged)) == -charge(name)


def test_lines_are_read_as_they_are_told():
    (gap,) = _read("\n7 X(0)+ 12.5 - 0.3\n").values()
    assert gap == ("X(0)+", 12.5, 0.0, 0.3)
    assert _read("1 a 2 3 4\n2 b 3 4 5").keys() == {1, 2}
    with pytest.raises(ValueError, match="unpack|convert"):
        _read("7 X 12.5")
