"""Spectra of the heads of decays: flavours, ranges, and how they change with energy and eta."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lamarr_like.decays.spectra import ENERGIES, ETA_RANGE, MAX_PT, heavy_quarks, spectrum_of
from lamarr_like.errors import SourceError

U = np.random.default_rng(1).random((20_000, 2))


@pytest.mark.parametrize(
    ("pdg_id", "wanted"),
    [
        (511, (5, 1)), (-521, (5, 1)), (541, (5, 1)), (553, (5, 2)), (5122, (5, 1)), (421, (4, 1)),
        (-431, (4, 1)), (443, (4, 2)), (100443, (4, 2)), (4122, (4, 1)), (4422, (4, 2)),
        (211, (0, 0)), (310, (0, 0)), (3122, (0, 0)), (22, (0, 0)), (13, (0, 0)),
    ],
)  # fmt: skip
def test_heaviest_quarks(pdg_id, wanted):
    assert heavy_quarks(pdg_id) == heavy_quarks(-pdg_id) == wanted


@pytest.mark.parametrize("pdg_id", [511, 421, 431, 541, 3122, 211])
def test_antiparticles_have_the_spectra_of_particles(pdg_id):
    assert spectrum_of(pdg_id) == spectrum_of(-pdg_id)


@pytest.mark.parametrize("pdg_id", [511, 4122, 443, 211])
@pytest.mark.parametrize("pt", [(0.0, MAX_PT), (2.0, 2.5), (20.0, 60.0)])
@pytest.mark.parametrize("eta", [ETA_RANGE, (2.0, 5.0), (4.5, 4.6)])
def test_draws_stay_in_their_ranges(pdg_id, pt, eta):
    found, place = spectrum_of(pdg_id).draw(U[:2000], pt, eta)
    assert found.min() >= 1e3 * pt[0] and found.max() <= 1e3 * pt[1]
    assert place.min() >= eta[0] and place.max() <= eta[1]
    assert np.isfinite(found).all() and len(np.unique(found)) > 1900


def test_a_range_is_a_part_of_the_whole():
    """What is drawn in a range has the law of the whole within it."""
    spectrum = spectrum_of(511)
    pt, eta = spectrum.draw(U, (0.0, MAX_PT), (2.0, 5.0))
    inside = (pt > 3e3) & (pt < 9e3) & (eta > 2.5) & (eta < 2.6)
    other = np.random.default_rng(2).random((5000, 2))
    part = spectrum.draw(other, (3.0, 9.0), (2.5, 2.6))[0]
    assert inside.sum() > 200
    assert stats.ks_2samp(pt[inside], part).pvalue > 1e-3


def test_hadrons_are_softer_forward():
    for pdg_id in (511, 421, 310):
        pt, eta = spectrum_of(pdg_id).draw(U, (0.0, MAX_PT), (1.0, 5.0))
        central, forward = (pt[eta < 2.0].mean(), pt[eta > 4.0].mean())
        assert forward < 0.9 * central


def test_more_energy_means_harder_and_farther_forward():
    means = []
    for energy in (7.0, 8.0, 10.0, 13.0, 14.0):
        pt, eta = spectrum_of(511, energy).draw(U, (0.0, MAX_PT), (0.0, 6.0))
        means.append((pt.mean(), eta.mean()))
    assert (np.diff(means, axis=0) > 0.0).all()
    between = [spectrum_of(421, e).p0 for e in (8.0, 10.5, 13.0)]
    assert between[1] == pytest.approx(0.5 * (between[0] + between[2]))


def test_heavier_light_hadrons_are_harder():
    mean = [spectrum_of(i).draw(U, (0.0, MAX_PT), (2.0, 5.0))[0].mean() for i in (111, 310, 3122)]
    assert mean == sorted(mean) and mean[2] > 1.3 * mean[0]


def test_quarkonia_have_a_law_of_their_own():
    assert spectrum_of(443)[:3] == spectrum_of(553)[:3] == (4.1, 2.0, 3.6)
    # A baryon of two charm quarks is none.
    assert spectrum_of(4422)[:3] == spectrum_of(421)[:3]
    assert spectrum_of(443).k2 == spectrum_of(421).k2 != spectrum_of(553).k2


@pytest.mark.parametrize("energy", [0.9, 6.99, 14.01, 100.0])
def test_energies_that_are_not_known(energy):
    with pytest.raises(SourceError, match=f"known from 7 to 14 TeV, not at {energy:g}"):
        spectrum_of(511, energy)
    assert all(spectrum_of(511, e).p0 > 0.0 for e in ENERGIES)


def test_each_number_moves_its_own_quantity():
    spectrum, low = spectrum_of(511), U[:500].copy()
    pt, eta = spectrum.draw(low, (0.0, MAX_PT), (2.0, 5.0))
    low[:, 1] = np.minimum(low[:, 1] + 0.1, 1.0)
    harder, same = spectrum.draw(low, (0.0, MAX_PT), (2.0, 5.0))
    assert np.array_equal(same, eta) and (harder > pt).all()
