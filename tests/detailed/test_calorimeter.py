from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from calorimeter_samples import QUIET, arrivals, gun, pointing, simulate, spots

from lamarr_like import rng, schema
from lamarr_like.detailed import matter
from lamarr_like.detailed.arrivals import Arrivals
from lamarr_like.detailed.calorimeter import alone, cells
from lamarr_like.detailed.calorimeter.simulate import simulate_calorimeter
from lamarr_like.detailed.parameters import DEFAULT


@pytest.fixture(scope="module")
def photons():
    return alone.single_particles(9000, (1000.0, 5e4), QUIET)


def test_layout_has_the_cells_of_the_ecal():
    ecal = cells.ecal(DEFAULT)
    assert np.bincount(ecal.region[ecal.exists]).tolist() == [2688, 1792, 1536]
    assert ecal.exists.sum() == 6016
    counts = np.diff(ecal.first)
    assert counts[~ecal.exists].max() == 0
    assert np.median(counts[ecal.exists]) == 8


def test_every_cell_finds_itself_and_neighbours_touch():
    for layout in (cells.ecal(DEFAULT), cells.hcal(DEFAULT)):
        for c in np.flatnonzero(layout.exists)[::97]:
            assert cells.cell_at(layout.x[c], layout.y[c], layout) == c
        owner = np.repeat(np.arange(len(layout.x)), np.diff(layout.first))
        pairs = set(zip(owner.tolist(), layout.neighbour.tolist(), strict=True))
        assert all((b, a) in pairs for a, b in pairs)
        assert cells.cell_at(0.0, 0.0, layout) == -1
        assert cells.cell_at(5000.0, 0.0, layout) == -1


def test_tables_are_those_of_the_schema():
    result = gun(50, 5000.0, matter.PHOTON, 0)
    for name, table in (("cluster", result.cluster), ("cluster_link", result.link)):
        declared = {c.name: np.dtype(c.dtype) for c in schema.table_columns(name)}
        assert {k: v.dtype for k, v in table.columns.items()} == declared
        assert all(np.isfinite(v).all() for v in table.columns.values())
    assert all(schema.column("track", name) for name in result.track)
    for name in ("photon_id", "is_not_h", "is_not_e", "mc_share"):
        assert (result.cluster[name] >= 0).all()
        assert (result.cluster[name] <= 1).all()


def test_energy_is_linear(photons):
    ratio = photons.measured / np.where(photons.found, photons.energy, 1.0)
    for region in range(3):
        for low, high in ((3e3, 8e3), (8e3, 2e4), (2e4, 3.5e4)):
            mine = (photons.region == region) & (photons.energy > low) & (photons.energy < high)
            assert np.median(ratio[mine]) == pytest.approx(1.0, abs=0.015)


def test_energy_resolution_is_that_of_lhcb(photons):
    """9 %/sqrt(E) + 0.8 % with the noise of 9 cells on top, in the outer and middle region."""
    outside = photons.region < 2
    for low, high in ((5e3, 1e4), (1e4, 2e4), (2e4, 3.5e4)):
        mine = outside & photons.found & (photons.energy > low) & (photons.energy < high)
        ratio, energy = photons.measured[mine] / photons.energy[mine], photons.energy[mine]
        sine = photons.et[mine] / energy
        noise = 3.0 * DEFAULT.calo_noise * DEFAULT.calo_count / sine / energy
        expected = np.sqrt(0.09**2 / (energy / 1e3) + 0.008**2 + noise**2)
        pull = (ratio - np.median(ratio)) / expected
        width = np.diff(np.quantile(pull, [0.159, 0.841]))[0] / 2.0
        assert 0.85 < width < 1.2


def test_place_resolution_follows_the_size_of_cells(photons):
    at_10_gev = (photons.energy > 8e3) & (photons.energy < 1.3e4) & photons.found
    width = [
        np.std(np.clip(photons.dx[at_10_gev & (photons.region == r)], -30, 30)) for r in range(3)
    ]
    assert width[2] < 3.5 < width[0] < 12.0
    assert width[2] < width[1] < width[0]
    assert abs(np.median(photons.dx[photons.found])) < 0.3


def test_photon_efficiency_turns_on_with_transverse_energy(photons):
    assert photons.found[photons.et > 300.0].mean() > 0.99
    assert photons.found[photons.et < 60.0].mean() < 0.1


def test_quoted_errors_describe_the_spread():
    n = 800
    x, y = spots(n)
    result = simulate(arrivals(np.arange(n), x, y, 1e4))
    row = result.cluster.offsets[:-1]
    assert (result.cluster.counts >= 1).all()
    energy = (result.cluster["energy"][row] - 1e4) / result.cluster["sigma_energy"][row]
    place = (result.cluster["x"][row] - x) / result.cluster["sigma_x"][row]
    assert 0.75 < np.diff(np.quantile(energy, [0.159, 0.841]))[0] / 2 < 1.25
    assert 0.75 < np.diff(np.quantile(place, [0.159, 0.841]))[0] / 2 < 1.25


def test_two_photons_that_approach_merge_into_one_cluster():
    n = 60
    x, y = spots(n)
    share = []
    for distance in (20.0, 60.0, 110.0, 200.0):
        event = np.repeat(np.arange(n), 2)
        xs = np.stack([x - distance / 2, x + distance / 2], axis=1).ravel()
        result = simulate(arrivals(event, xs, np.repeat(y, 2), 8000.0), n=n)
        share.append((result.cluster.counts >= 2).mean())
    assert share[0] < 0.05
    assert share[-1] > 0.95
    assert share == sorted(share)


def test_clusters_that_share_cells_keep_their_energies():
    n = 300
    x, y = spots(n)
    event = np.repeat(np.arange(n), 2)
    xs = np.stack([x - 75.0, x + 75.0], axis=1).ravel()
    p = np.tile([12000.0, 6000.0], n)
    result = simulate(arrivals(event, xs, np.repeat(y, 2), p), n=n)
    row = alone.main_clusters(result, n, 2)
    apart = (row >= 0).all(axis=1) & (row[:, 0] != row[:, 1])
    energy = result.cluster["energy"][row[apart]]
    assert apart.mean() > 0.8
    assert np.median(energy[:, 0]) == pytest.approx(12000.0, rel=0.03)
    assert np.median(energy[:, 1]) == pytest.approx(6000.0, rel=0.04)


def test_links_sum_to_one_and_name_the_main_particle():
    n = 40
    x, y = spots(8 * n)
    particle = np.tile(10 * np.arange(8), n)
    arrived = arrivals(np.repeat(np.arange(n), 8), x, y, 6000.0, particle=particle)
    result = simulate(arrived, n=n)
    row = result.cluster.offsets[result.link.event_index] + result.link["cluster_id"]
    total = np.bincount(row, result.link["weight"], minlength=len(result.cluster))
    assert (total <= 1.0 + 1e-5).all()
    assert np.median(total) > 0.97
    largest = np.zeros(len(result.cluster))
    np.maximum.at(largest, row, result.link["weight"])
    assert largest == pytest.approx(result.cluster["mc_share"], abs=1e-6)
    assert set(result.cluster["mcparticle_id"].tolist()) <= set(range(0, 80, 10))
    assert (result.link["weight"] > DEFAULT.calo_link_share).all()


def test_noise_alone_makes_no_clusters_but_stray_energy_does():
    nobody = arrivals(np.zeros(0, np.int64), 0.0, 0.0, 1.0)
    assert len(simulate(nobody, n=50).cluster) == 0
    strayed = simulate(nobody, n=400, par=DEFAULT)
    rate = len(strayed.cluster) / 400
    assert 0.3 * DEFAULT.calo_stray < rate / np.exp(-75.0 / DEFAULT.calo_stray_et) < 3.0
    assert (strayed.cluster["mcparticle_id"] == -1).all()
    assert (strayed.cluster["mc_share"] == 0.0).all()
    assert len(strayed.link) == 0


def test_no_events_and_events_without_anything():
    nobody = arrivals(np.zeros(0, np.int64), 0.0, 0.0, 1.0)
    for n in (0, 3):
        result = simulate(nobody, n=n)
        assert result.cluster.n_events == result.link.n_events == n
        assert len(result.cluster) == 0
        assert all(len(v) == 0 for v in result.track.values())


def test_photons_in_the_hole_and_outside_leave_nothing():
    places = np.array([[0.0, 0.0], [150.0, -100.0], [4300.0, 0.0], [0.0, 3600.0], [9e3, 9e3]])
    result = simulate(arrivals(np.arange(5), places[:, 0], places[:, 1], 1e4))
    assert len(result.cluster) == 0
    edge = simulate(arrivals([0], 3870.0, 3140.0, 1e4))
    assert len(edge.cluster) == 1
    assert edge.cluster["energy"][0] < 1e4


def test_an_event_does_not_depend_on_the_others():
    x, y = spots(30)
    arrived = arrivals(np.repeat([0, 1], 15), x, y, 4000.0)
    together = simulate_calorimeter(arrived, pointing(arrived), np.array([7, 8]), 3, DEFAULT)
    for e, event_id in enumerate((7, 8)):
        part = Arrivals(*(a[15 * e : 15 * e + 15] for a in arrived))
        part = part._replace(event=np.zeros(15, np.int64))
        alone = simulate_calorimeter(part, pointing(part), np.array([event_id]), 3, DEFAULT)
        for name in ("cluster", "link"):
            one, both = getattr(alone, name), getattr(together, name).events(e, e + 1)
            assert all(np.array_equal(one[c], both[c]) for c in one.columns)
        for name, values in alone.track.items():
            assert np.array_equal(values, together.track[name][15 * e : 15 * e + 15])


def test_thousands_of_photons():
    n = 3000
    u = rng.uniforms(1, "tests/many", np.arange(n), 0, 3)
    x, y = 7600.0 * (u[:, 0] - 0.5), 6200.0 * (u[:, 1] - 0.5)
    p = 500.0 + 5000.0 * u[:, 2]
    result = simulate(arrivals(np.zeros(n, np.int64), x, y, p))
    assert 300 < len(result.cluster) < n
    assert result.cluster["energy"].sum() == pytest.approx(p.sum(), rel=0.25)
    assert np.isfinite(result.cluster["x"]).all()


def test_saturation_bounds_the_energy():
    result = gun(50, 3e5, matter.PHOTON, 0)
    free = dataclasses.replace(QUIET, calo_et_max=1e9)
    x, y = spots(50)
    unbound = simulate(arrivals(np.arange(50), x, y, 3e5), par=free)
    assert np.median(result.cluster["energy"]) < 0.7 * np.median(unbound.cluster["energy"])
    assert np.median(unbound.cluster["energy"]) == pytest.approx(3e5, rel=0.03)
