"""Random streams, matter and decays of the reference detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detector_samples import MUON_MASS, follow, sheet
from scipy import stats

from lamarr_like.detailed import geometry, matter, random
from lamarr_like.detailed.parameters import DEFAULT

CALM = replace(
    DEFAULT, scattering_tail=0.0, ionisation_per_x0=0.0, interaction_per_x0=0.0, outlier_fraction=0
)
LEVEL = (0.0,) * 6
"""Powers of cross-sections that do not depend on the momentum."""
HADRONS = (
    *((matter.PION, 1.0), (matter.PION, -1.0), (matter.KAON, 1.0), (matter.KAON, -1.0)),
    *((matter.PROTON, 1.0), (matter.PROTON, -1.0)),
)
N = 20_000


def stream(seed=1):
    return np.array([seed], dtype=np.uint64)


def width(values):
    low, high = np.quantile(values, [0.15865, 0.84135])
    return (high - low) / 2.0


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        (random.uniform, stats.uniform()),
        (random.normal, stats.norm()),
        (random.exponential, stats.expon()),
        (lambda s: random.gamma(s, 0.05), stats.gamma(0.05)),
        (lambda s: random.gamma(s, 3.2), stats.gamma(3.2)),
    ],
)
def test_random_numbers_follow_their_law(draw, law):
    state = stream(7)
    values = np.array([draw(state) for _ in range(N)])
    assert stats.kstest(values, law.cdf).pvalue > 0.01
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 3.5 / np.sqrt(N)


@pytest.mark.parametrize("mean", [0.0, 0.3, 7.0, 59.0, 200.0])
def test_poisson_numbers(mean):
    state = stream(3)
    values = np.array([random.poisson(state, mean) for _ in range(N)])
    assert values.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / N) + 1e-12)
    assert values.var() == pytest.approx(mean, rel=0.05)


def test_streams_of_different_keys_are_unrelated():
    first = [random.uniform(s) for s in (stream(k) for k in range(N))]
    assert stats.kstest(first, "uniform").pvalue > 0.01


def _kick(p, t, species=matter.MUON):
    sim = follow(species, N, p=p, par=CALM, planes=sheet(t))
    return width(sim.rich[:, 0, 1]) / np.sqrt(1.0 + 0.1**2)


def test_scattering_is_that_of_highland():
    p, t = 5000.0, 0.02
    path = t * np.sqrt(1.01)
    beta = p / np.hypot(p, MUON_MASS)
    expected = 13.6 / (beta * p) * np.sqrt(path) * (1.0 + 0.038 * np.log(0.1))
    assert matter.highland(p, MUON_MASS, path) == pytest.approx(expected, rel=1e-3)
    assert _kick(p, t) == pytest.approx(expected, rel=0.03)


def test_scattering_falls_as_1_over_p_and_grows_as_root_t():
    assert _kick(4000.0, 0.02) / _kick(40_000.0, 0.02) == pytest.approx(10.0, rel=0.03)
    assert _kick(10_000.0, 0.08) / _kick(10_000.0, 0.02) == pytest.approx(2.0, rel=0.03)


def test_scattering_does_not_depend_on_the_cut_of_the_material():
    whole, half = matter.highland(3e3, MUON_MASS, 0.04), matter.highland(3e3, MUON_MASS, 0.02)
    assert whole == pytest.approx(np.sqrt(2.0) * half, rel=1e-12)


def test_ionisation_loss():
    par = replace(CALM, ionisation_per_x0=50.0)
    for p in (300.0, 3000.0):
        sim = follow(matter.MUON, 4000, p=p, par=par, planes=sheet(0.1))
        energy = np.hypot(sim.rich[:, 0, 2], MUON_MASS)
        loss = np.hypot(p, MUON_MASS) - energy.mean()
        beta2 = p**2 / (p**2 + MUON_MASS**2)
        assert loss == pytest.approx(50.0 * 0.1 * np.sqrt(1.01) / beta2, rel=0.03)


def test_electrons_lose_as_bethe_and_heitler():
    t = 0.2
    sim = follow(matter.ELECTRON, N, p=20_000.0, par=CALM, planes=sheet(t))
    kept = sim.rich[sim.generation == 0, 0, 2] / 20_000.0
    path = t * np.sqrt(1.01)
    # <E'/E> = exp(-t); its spread is that of 2^-g, g ~ Gamma(t / ln 2).
    spread = np.sqrt(3.0 ** (-path / np.log(2)) - np.exp(-2 * path))
    assert kept.mean() == pytest.approx(np.exp(-path), abs=4 * spread / np.sqrt(N))
    assert (kept <= 1.0).all()
    # What is lost flies on as a photon.
    photons = sim.generation == 1
    assert (sim.species[photons] == matter.PHOTON).all()
    left = kept[sim.row[photons]]
    alive = left > 0.0  # below 50 MeV the electron is given up
    assert alive.mean() > 0.999
    lost = 20_000.0 * (1.0 - left)
    np.testing.assert_allclose(sim.start[photons, 5][alive], lost[alive], rtol=1e-5)


def test_muons_do_not_radiate():
    sim = follow(matter.MUON, 500, p=20_000.0, par=CALM, planes=sheet(0.2))
    np.testing.assert_allclose(sim.rich[:, 0, 2], 20_000.0)


def test_photons_convert_in_seven_ninths_of_a_radiation_length():
    t = 0.1
    sim = follow(matter.PHOTON, N, p=5000.0, par=CALM, planes=sheet(t), charge=0.0)
    electron = sim.generation == 1
    assert (sim.species[electron] == matter.ELECTRON).all()
    made = np.bincount(sim.row[electron], minlength=N)
    expected = 1.0 - np.exp(-7 / 9 * t * np.sqrt(1.01))
    assert (made > 0).mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / N))
    # One of two is given up where it has less than 50 MeV; pairs share the photon's momentum.
    assert (made == 2).sum() > 0.95 * (made > 0).sum()
    whole = made == 2
    total = np.bincount(sim.row[electron], sim.start[electron, 5], minlength=N)
    np.testing.assert_allclose(total[whole], 5000.0)
    charge = np.bincount(sim.row[electron], sim.charge[electron], minlength=N)
    assert (charge[whole] == 0).all()


def test_hadrons_interact_and_leptons_do_not():
    par = replace(CALM, interaction_per_x0=0.33, interaction_fall=LEVEL)
    t = 0.5
    expected = 1.0 - np.exp(-t * np.sqrt(1.01) * 0.33 * par.interaction_of[4])
    sim = follow(matter.PROTON, 5000, p=50_000.0, par=par, planes=sheet(t), charge=1.0)
    stopped = (sim.end_z[sim.generation == 0] == 100.0).mean()
    assert stopped == pytest.approx(expected, abs=4 * np.sqrt(expected / 5000))
    # Energy: the products never carry more than the projectile, but for their transverse kicks.
    total = np.bincount(sim.row[sim.generation == 1], sim.start[sim.generation == 1, 5])
    assert np.median(total[total > 0]) < 50_000.0
    sim = follow(matter.MUON, 500, p=50_000.0, par=par, planes=sheet(t))
    assert (sim.end_z == 12_300.0).all()


def test_cross_sections_fall_with_the_momentum_and_the_pipe_is_beryllium():
    det = geometry.detector(DEFAULT)

    def lengths(p, kind=geometry.PASSIVE, species=matter.PION):
        return matter.interaction_lengths(species, 1.0, p, 1.0, kind, det)

    assert lengths(30e3) == pytest.approx(DEFAULT.interaction_per_x0)
    fall = DEFAULT.interaction_fall[0]
    assert lengths(4e3) / lengths(30e3) == pytest.approx((30.0 / 4.0) ** fall)
    assert lengths(100.0) == lengths(2e3)
    assert lengths(30e3, geometry.PIPE) == pytest.approx(DEFAULT.pipe_interaction_per_x0)
    # Interaction lengths of pions and protons in carbon, 117.8 and 85.8 g/cm^2 [PDG].
    ratio = lengths(30e3, species=matter.PROTON) / lengths(30e3)
    assert ratio == pytest.approx(117.8 / 85.8, rel=0.02)


@pytest.mark.parametrize("p", [2e3, 5e4])
def test_single_scatters_make_the_tail_of_rutherford(p):
    n, t = 20_000, 0.4
    par = replace(CALM, scattering_tail=DEFAULT.scattering_tail)
    beta = p / np.hypot(p, matter.MASS[matter.MUON])
    rng = np.random.default_rng(3)
    state = rng.integers(1, 2**63, 1).astype(np.uint64)
    kicks = _single_scatters(n, p, t, geometry.detector(par), state)
    far = np.hypot(*kicks.T) * p * beta
    least, most = par.scattering_tail_range
    assert far[far > 0.0].min() >= 0.999 * least
    assert far.max() <= 1.001 * most
    for angle in (15.0, 25.0, 50.0):  # MeV / p beta
        expected = n * par.scattering_tail * t * (angle**-2 - most**-2)
        assert (far > angle).sum() == pytest.approx(expected, abs=4 * np.sqrt(expected))


def _single_scatters(n, p, t, det, state):
    mass = matter.MASS[matter.MUON]
    return np.array([matter._scattered_once(0.0, 0.0, p, mass, t, det, state) for _ in range(n)])


@pytest.mark.parametrize("index", range(6))
def test_interaction_length_by_species(index):
    species, charge = HADRONS[index]
    sections = [0.1] * 6
    sections[index] = 1.0
    par = replace(
        CALM, interaction_per_x0=0.5, interaction_of=tuple(sections), interaction_fall=LEVEL
    )
    sim = follow(species, 3000, p=1e5, par=par, planes=sheet(1.0), charge=charge)
    expected = 1.0 - np.exp(-0.5 * np.sqrt(1.01))
    stopped = (sim.end_z[sim.generation == 0] == 100.0).mean()
    assert stopped == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 3000))


def test_elastic_scatters_turn_hadrons_by_their_momentum_transfer():
    level = {"interaction_of": (1.0,) * 6, "interaction_fall": LEVEL}
    alone = replace(CALM, interaction_per_x0=1e-6, elastic_share=1e9, elastic_kick=140.0, **level)
    sim = follow(matter.PROTON, N, p=2e4, par=alone, planes=sheet(1e-3), charge=1.0)
    angle = sim.rich[sim.generation == 0, 0, 1] / np.sqrt(1.01)
    share = 1.0 - np.exp(-np.sqrt(1.01))
    # The mean square is that of the kicks, weighted with their share, and of Highland.
    expected = share * (140.0 / 2e4) ** 2 + matter.highland(2e4, 938.27, 1e-3) ** 2
    assert np.mean(angle**2) == pytest.approx(expected, rel=0.06)
    muon = follow(matter.MUON, N, p=2e4, par=alone, planes=sheet(1e-3))
    assert width(muon.rich[:, 0, 1]) < 1e-4


def test_wall_of_the_beam_pipe_is_met_at_a_grazing_angle():
    det = geometry.detector(DEFAULT)

    def path(angle):
        x, z = angle * DEFAULT.pipe_z, DEFAULT.pipe_z
        return matter.material_on_path(
            *(geometry.PIPE, DEFAULT.pipe_x0, x, 0.0, z, angle, 0.0, det)
        )

    assert path(0.008) == 0.0  # inside the beam pipe all the way
    assert path(0.03) == 0.0  # outside its first cone
    grazing = DEFAULT.pipe_angle - 0.012
    assert path(0.012) == pytest.approx(DEFAULT.pipe_x0 / grazing, rel=1e-3)
    assert path(0.012) < path(0.018) < path(0.024)
    assert path(0.024) == pytest.approx(DEFAULT.pipe_x0 / DEFAULT.pipe_least, rel=1e-3)


@pytest.mark.parametrize(
    ("species", "mass", "c_tau"), [(matter.PION, 139.57, 7804.5), (matter.KAON, 493.68, 3711.0)]
)
def test_decay_length(species, mass, c_tau):
    p = 10_000.0
    sim = follow(species, N, p=p, par=CALM, planes=sheet(0.0), charge=0.0, tx=0.0)
    length = c_tau * p / mass
    decayed = sim.end_z < 12_300.0
    expected = 1.0 - np.exp(-12_300.0 / length)
    assert decayed.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / N))
    law = stats.truncexpon(12_300.0 / length, scale=length)
    assert stats.kstest(sim.end_z[decayed], law.cdf).pvalue > 0.01
    np.testing.assert_array_equal(sim.decay_z, np.where(decayed, sim.end_z, 0.0))


def _decays(species, p, n=4000):
    state = stream(5)
    return np.array([matter.decayed(0.1, -0.05, p, species, state) for _ in range(n)])


def test_pion_decay_conserves_four_momentum():
    p = 5000.0
    daughter, tx, ty, q = _decays(matter.PION, p).T
    assert (daughter == matter.MUON).all()
    m_pi, m_mu = matter.MASS[matter.PION], matter.MASS[matter.MUON]
    parent = np.array([0.1, -0.05, 1.0]) / np.sqrt(1.0 + 0.1**2 + 0.05**2)
    unit = np.stack([tx, ty, np.ones(len(tx))]) / np.sqrt(1.0 + tx**2 + ty**2)
    cos = parent @ unit
    missing_energy = np.hypot(p, m_pi) - np.hypot(q, m_mu)
    missing_momentum2 = p**2 + q**2 - 2.0 * p * q * cos
    np.testing.assert_allclose(missing_energy**2 - missing_momentum2, 0.0, atol=1.0)
    # Limits of the muon's energy and of its angle to the pion.
    star = (m_pi**2 - m_mu**2) / (2.0 * m_pi)
    gamma, beta = np.hypot(p, m_pi) / m_pi, p / np.hypot(p, m_pi)
    energy, e_star = np.hypot(q, m_mu), np.hypot(star, m_mu)
    assert energy.min() >= gamma * (e_star - beta * star) * (1 - 1e-9)
    assert energy.max() <= gamma * (e_star + beta * star) * (1 + 1e-9)
    largest = np.arcsin(star / (gamma * beta * m_mu))
    assert np.arccos(np.minimum(cos, 1.0)).max() <= largest * (1 + 1e-6)
    assert np.arccos(np.minimum(cos, 1.0)).max() > 0.95 * largest


def test_kaon_decay_modes():
    p = 10_000.0
    daughter, tx, ty, q = _decays(matter.KAON, p, N).T
    muon = daughter == matter.MUON
    assert muon.mean() == pytest.approx(0.636, abs=4 * np.sqrt(0.25 / N))
    parent = np.array([0.1, -0.05, 1.0]) / np.sqrt(1.0 + 0.1**2 + 0.05**2)
    unit = np.stack([tx, ty, np.ones(N)]) / np.sqrt(1.0 + tx**2 + ty**2)
    mass = matter.MASS[daughter.astype(int)]
    energy = np.hypot(p, matter.MASS[matter.KAON]) - np.hypot(q, mass)
    missing = energy**2 - (p**2 + q**2 - 2.0 * p * q * (parent @ unit))
    np.testing.assert_allclose(missing[muon], 0.0, atol=5.0)
    other = np.sqrt(missing[~muon])
    assert (np.isclose(other, 134.977, atol=0.1) | np.isclose(other, 300.0, atol=0.1)).all()
