from __future__ import annotations

import numpy as np
import pytest
from calorimeter_samples import arrivals, gun, pointing, simulate, spots

from lamarr_like.detailed import matter
from lamarr_like.detailed.arrivals import Arrivals, Pointing
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.physics.calo_likelihoods import E_OVER_P, HCAL_MIP, P_KNOTS

N = 400


@pytest.fixture(scope="module")
def electrons():
    return gun(N, 1e4, matter.ELECTRON, -1)


@pytest.fixture(scope="module")
def muons():
    return gun(N, 1e4, matter.MUON, -1)


@pytest.fixture(scope="module")
def pions():
    return gun(N, 1e4, matter.PION, 1)


def test_muons_are_minimum_ionising(muons):
    assert 300.0 < np.median(muons.track["ecal_energy"]) < 450.0
    assert np.std(muons.track["ecal_energy"]) < 250.0
    assert 1500.0 < np.median(muons.track["hcal_energy"]) < 2400.0
    assert 2.0 < np.median(muons.track["prs_energy"]) < 3.5
    assert len(muons.cluster) < 0.2 * N


def test_electrons_leave_their_momentum(electrons):
    assert np.median(electrons.track["ecal_energy"]) == pytest.approx(1e4, rel=0.03)
    assert np.median(electrons.track["prs_energy"]) > 50.0
    assert np.median(electrons.track["hcal_energy"]) < 500.0
    assert electrons.cluster["is_matched"].mean() > 0.95


def test_pions_cross_or_shower(pions):
    share = pions.track["ecal_energy"] / 1e4
    assert 0.25 < (share < 0.06).mean() < 0.55  # about exp(-1.1 / 1.18) = 0.39
    assert (share > 0.8).mean() < 0.12
    assert np.median(pions.track["hcal_energy"]) > 4000.0


def test_likelihoods_tell_species_apart(electrons, muons, pions):
    e, mu = (lambda r: r.track["calo_dll_e"]), (lambda r: r.track["calo_dll_mu"])
    assert (e(electrons) > 0).mean() > 0.97
    assert (e(pions) > 0).mean() < 0.06
    assert (mu(muons) > 0).mean() > 0.8
    assert (mu(pions) > 0).mean() < 0.15


def test_likeness_of_clusters(electrons, pions):
    photons = gun(N, 1e4, matter.PHOTON, 0, with_tracks=False)
    means = {
        name: [np.mean(r.cluster[name]) for r in (photons, electrons, pions)]
        for name in ("photon_id", "is_not_h", "is_not_e")
    }
    assert means["photon_id"][0] > 0.7 > 0.3 > max(means["photon_id"][1:])
    assert min(means["is_not_h"][:2]) > 0.7 > 0.4 > means["is_not_h"][2]
    assert means["is_not_e"][0] > 0.7 > 0.3 > means["is_not_e"][1]


def test_tracks_outside_have_nothing():
    arrived = arrivals(np.zeros(3, np.int64), [0.0, 5000.0, 1500.0], 0.0, 5e3, matter.PION, 1)
    tracks = pointing(arrived)
    tracks.x[2] = np.nan  # an upstream track
    result = simulate(arrived, tracks)
    assert not result.track["in_ecal"].any()
    for name in ("ecal_energy", "prs_energy", "hcal_energy", "calo_dll_e", "calo_dll_mu"):
        assert (result.track[name] == 0.0).all()


def test_bremsstrahlung_goes_to_the_track_that_made_it():
    """The photon flies along the first direction, the electron hits 400 mm beside it."""
    x, y = spots(N)
    both = np.repeat(np.arange(N), 2)
    place = np.stack([x, x + 400.0], axis=1).ravel()
    species = np.tile([matter.PHOTON, matter.ELECTRON], N)
    p = np.tile([3000.0, 9000.0], N)
    arrived = arrivals(both, place, np.repeat(y, 2), p, species, np.tile([0, -1], N))
    tracks = pointing(Arrivals(*(a[1::2] for a in arrived)))
    tracks.origin[:, 3] = x / DEFAULT.calo_plane_z
    result = simulate(arrived, tracks, N)
    assert result.track["has_brem"].mean() > 0.95
    found = result.track["brem_energy"][result.track["has_brem"]]
    assert np.median(found) == pytest.approx(3000.0, rel=0.03)
    downstream = tracks._replace(track_type=np.full(N, 5))
    none = simulate(arrived, downstream, N)
    assert not none.track["has_brem"].any()
    assert (none.track["brem_energy"] == 0.0).all()


def test_only_the_electron_is_matched():
    x, y = spots(N)
    both = np.repeat(np.arange(N), 2)
    place = np.stack([x, x + 400.0], axis=1).ravel()
    species = np.tile([matter.PHOTON, matter.ELECTRON], N)
    arrived = arrivals(both, place, np.repeat(y, 2), 6e3, species, np.tile([0, -1], N))
    tracks = pointing(Arrivals(*(a[1::2] for a in arrived)))
    result = simulate(arrived, tracks, N)
    matched, owner = result.cluster["is_matched"], result.cluster["mcparticle_id"]
    assert matched[owner == 1].mean() > 0.95
    assert matched[owner == 0].mean() < 0.05


def test_likelihood_tables_interpolate():
    for table in (E_OVER_P, HCAL_MIP):
        x = np.array(table.x)
        for row, p in zip(table.table, P_KNOTS, strict=True):
            assert table(x, np.full(len(x), p)) == pytest.approx(row)
        beyond = table(np.array([1e9, -1e9]), np.array([1e9, 1.0]))
        assert beyond == pytest.approx([table.table[-1][-1], table.table[0][0]])


def test_pointing_is_not_changed(electrons):
    x, y = spots(4)
    arrived = arrivals(np.arange(4), x, y, 1e4, matter.ELECTRON, -1)
    tracks = pointing(arrived)
    before = Pointing(*(a.copy() for a in tracks))
    simulate(arrived, tracks, 4)
    assert all(np.array_equal(a, b) for a, b in zip(before, tracks, strict=True))
