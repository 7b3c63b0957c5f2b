"""Hits of the trackers, the fit of them, and what calorimeters read out: laws of single pieces."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from detector_samples import follow

from lamarr_like.detailed import geometry, ghost, matter, radiator, sensors, trackfit
from lamarr_like.detailed.calorimeter import cells, clusters, objects, readout, shape, shower
from lamarr_like.detailed.calorimeter.response import Signals, moyal, response
from lamarr_like.detailed.field import propagate
from lamarr_like.detailed.parameters import DEFAULT

CALM = replace(
    DEFAULT, scattering_tail=0.0, ionisation_per_x0=0.0, interaction_per_x0=0.0,
    outlier_fraction=0.0, passive=(), velo_x0=0.0, velo_exit_x0=0.0, tt_x0=0.0,
)  # fmt: skip
N = 3000


@pytest.fixture(scope="module")
def followed():
    """Muons on one line through all planes, of detectors that weigh nothing, and that line."""
    planes = geometry.build_planes(CALM)
    planes = planes._replace(x0=np.zeros(len(planes.z)))
    return planes, follow(matter.MUON, N, p=2e4, par=CALM, planes=planes, tx=0.08)


def test_hits_are_as_frequent_as_the_sensors_are_efficient(followed):
    _, sim = followed
    shares = sim.hit.mean(axis=0)
    tt = slice(geometry.FIRST_TT, geometry.FIRST_T)
    for part, efficiency in ((tt, DEFAULT.tt_efficiency), (slice(0, 42), DEFAULT.velo_efficiency)):
        seen = shares[part][shares[part] > 0]
        assert len(seen) > 3
        assert np.abs(seen - efficiency).max() < 5 * math.sqrt(efficiency * (1 - efficiency) / N)


def test_errors_of_hits_are_those_of_the_hits(followed):
    planes, sim = followed
    for j in np.flatnonzero(planes.kind == geometry.TT):
        m, z = planes.measurement[j], planes.z[j]
        x, y, _, _ = propagate(10.0, 0.0, 0.08, 0.0, -1.0 / 2e4, 0.0, z, geometry.magnet(CALM))
        angle, good = planes.angle[j], sim.hit[:, m]
        pull = sim.value[good, m] - math.cos(angle) * x - math.sin(angle) * y
        pull /= sim.error[good, m]
        assert pull.mean() == pytest.approx(0.0, abs=5 / math.sqrt(N))
        assert pull.std() == pytest.approx(1.0, abs=0.06)
        # The errors vary about the resolution in the mean square.
        rms = math.sqrt((sim.error[good, m] ** 2).mean())
        assert rms == pytest.approx(DEFAULT.tt_resolution, rel=0.1)


def test_the_inner_tracker_is_a_cross():
    det = geometry.detector(DEFAULT)
    inner = sensors.is_inner.py_func
    for half_x, half_y in zip(det.it_half_x, det.it_half_y, strict=True):
        assert inner(0.99 * half_x, -0.99 * half_y, det)
    assert not inner(0.99 * max(det.it_half_x), 0.99 * max(det.it_half_y), det)


def test_a_fit_starts_at_the_origin_of_the_line(followed):
    planes, sim = followed
    seeds = np.tile([10.0, 0.0, 0.0, 0.08, 0.0, -1.0 / 2e4], (N, 1))
    hits = sensors.Hits(sim.value, sim.angle, sim.error, sim.hit)
    fit = trackfit.fit(seeds, hits, planes, CALM)
    good = fit.n_dof > 0
    assert good.mean() > 0.99
    np.testing.assert_array_equal(fit.n_hits.sum(axis=1), sim.hit.sum(axis=1))
    np.testing.assert_array_equal(fit.n_dof[good], sim.hit[good].sum(axis=1) - 5)
    chi2 = fit.chi2[good, 0] / fit.n_dof[good]
    assert chi2.mean() == pytest.approx(1.0, abs=0.05)
    assert np.median(fit.state[good, 3]) == pytest.approx(0.08, abs=1e-5)
    assert np.median(fit.state[good, 5]) == pytest.approx(-1.0 / 2e4, rel=2e-3)
    eigen = np.linalg.eigvalsh(fit.covariance[good])
    assert (eigen > 0).all()
    # Nothing measured, nothing fitted.
    two = sensors.Hits(*(a[:2] for a in hits))._replace(hit=np.zeros_like(sim.hit[:2]))
    none = trackfit.fit(seeds[:2], two, planes, CALM)
    assert (none.n_dof == -1).all()


def test_ghost_probability_rises_with_chi2_and_ends(followed):
    n = 50
    state = np.tile([0.0, 0.0, 0.0, 0.08, 0.0, 1e-4], (n, 1))
    dof, hits = np.full(n, 20), np.tile([20, 4, 20], (n, 1))
    chi2 = np.tile(np.linspace(1.0, 1000.0, n)[:, None], (1, 3))
    fit = trackfit.Fitted(state, np.zeros((n, 5, 5)), chi2, dof, hits)
    features = ghost.ghost_features(fit)
    assert features.shape == (n, len(ghost.FEATURES)) and np.isfinite(features).all()
    end = 1.0 / (1.0 + math.exp(-ghost.SATURATION))
    for code in ghost.COEFFICIENTS:
        p = ghost.ghost_probability(fit, np.full(n, code))
        assert ((p >= 1 - end) & (p <= end)).all()
    # Only the overall quality: T hits alone can also be good because there are few.
    one = fit._replace(chi2=np.stack([chi2[:, 0], chi2[:1, 1].repeat(n), chi2[:1, 2].repeat(n)], 1))
    assert (np.diff(ghost.ghost_probability(one, np.full(n, 3))) > 0).all()


def test_cherenkov_angles_have_a_threshold_and_an_end():
    for gas in radiator.radiators(DEFAULT):
        mass = matter.MASS[matter.PION]
        threshold = mass / math.sqrt(gas.n**2 - 1.0)
        angle = [radiator.cherenkov_angle.py_func(k * threshold, mass, gas.n) for k in (0.9, 2, 99)]
        assert angle[0] == 0.0 < angle[1] < angle[2] < math.acos(1.0 / gas.n)


# --- calorimeters


RESPONSE = response(DEFAULT)
RECONSTRUCTION = objects.reconstruction(DEFAULT)


def test_a_slice_is_shared_out_and_lost_nowhere():
    grid = np.zeros(40 * 40)
    piece = np.array([1000.0, 100.0, 12.0, 60.0, 0.9])
    shower.add_slice(3.0, -7.0, piece, shower.Grid(-4000.0, -4000.0, 200.0, 40, 40), grid)
    assert (grid > 0).all() and grid.sum() == pytest.approx(1000.0, rel=0.02)
    fine = np.zeros(9)
    shower.add_slice(0.0, 0.0, piece, shower.Grid(-60.0, -60.0, 40.0, 3, 3), fine)
    np.testing.assert_allclose(fine.reshape(3, 3), fine.reshape(3, 3).T, rtol=1e-9)
    assert fine.argmax() == 4
    quarter = shower.corner(1e7, 1e7, 12.0, 60.0, 0.9)
    assert quarter == pytest.approx(0.25, rel=1e-3)
    assert shower.corner(-20.0, 30.0, 12.0, 60.0, 0.9) == -shower.corner(
        20.0, 30.0, 12.0, 60.0, 0.9
    )


def test_the_mean_shower_is_symmetric_and_narrower_in_the_middle():
    table = shape.shape(DEFAULT)
    assert table.position.shape[0] == table.contained.shape[0] == 3
    np.testing.assert_allclose(table.position, -table.position[:, ::-1], atol=1e-12)
    np.testing.assert_allclose(table.contained, table.contained[:, ::-1], atol=1e-12)
    assert (np.diff(table.position, axis=1) >= 0).all()
    middle = table.contained.shape[1] // 2
    assert (table.contained[:, middle, middle] >= table.contained.max(axis=(1, 2)) - 1e-9).all()
    # Larger cells hold more.
    sides = np.argsort(RESPONSE.ecal.size)
    assert (np.diff(table.contained[sides, middle, middle]) > 0).all()
    for node in (0, 7, middle, 2 * middle):
        u = node / (2 * middle) - 0.5
        place = shape.axis_offset(u, table.position[0])
        assert place == pytest.approx(table.position[0, node], abs=1e-9)


def test_seeds_are_the_highest_cells_of_their_neighbourhood():
    ecal = RESPONSE.ecal
    rng = np.random.default_rng(1)
    energy = np.where(ecal.exists, rng.exponential(300.0, len(ecal.exists)).round(-2), 0.0)
    seeds = clusters.find_seeds(energy, 50.0, RESPONSE.plane_z, ecal)
    assert len(seeds) > 50
    for c in seeds:
        near = ecal.neighbour[ecal.first[c] : ecal.first[c + 1]]
        assert (energy[near] <= energy[c]).all()
        assert energy[c] * cells.sine(c, ecal, RESPONSE.plane_z) >= 50.0
        assert not set(near) & set(seeds)  # of two equal ones the first


def test_depth_of_showers_rises_with_the_logarithm_of_the_energy():
    depth = objects.shower_depth.py_func
    a, b, c = (depth(e, 20.0, RECONSTRUCTION) for e in (1e3, 1e4, 1e5))
    assert b - a == pytest.approx(c - b) and b > a
    assert depth(1e4, -5.0, RECONSTRUCTION) == depth(1e4, 0.0, RECONSTRUCTION)


def test_a_box_holds_each_cell_once():
    ecal, ones = RESPONSE.ecal, np.ones(len(RESPONSE.ecal.exists))
    c = int(np.flatnonzero(ecal.exists & (ecal.region == 0))[100])
    side = ecal.size[ecal.region[c]]
    assert objects.box_sum(ones, ecal.x[c], ecal.y[c], 0.2 * side, ecal) == 1.0
    edge = objects.box_sum(ones, ecal.x[c] + 0.5 * side, ecal.y[c], 0.2 * side, ecal)
    assert edge == 2.0


def test_energies_of_minimum_ionising_particles_have_a_tail_above():
    state = np.array([5], np.uint64)
    values = np.array([moyal(RESPONSE.mip, state) for _ in range(4000)])
    assert (values > 0).all()
    low, middle, high = np.quantile(values, [0.02, 0.5, 0.98])
    assert high - middle > 1.5 * (middle - low)


def test_readout_counts_and_saturates():
    quiet = RESPONSE._replace(noise=0.0, hcal_noise=0.0, stray=0.0)
    ecal = quiet.ecal
    n, m = len(ecal.exists), len(quiet.hcal.x)
    energy = np.where(ecal.exists, 1e9, 0.0)
    real = np.flatnonzero(ecal.exists)
    energy[real[::2]] = 12345.678
    signals = Signals(energy.copy(), np.zeros(n), np.zeros(n, bool), np.zeros(m),
                      np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))  # fmt: skip
    readout.read_out(quiet, signals, np.array([1], np.uint64))
    sine = np.array([cells.sine(c, ecal, quiet.plane_z) for c in real])
    counts = signals.ecal[real] * sine / quiet.adc_step
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-6)
    full = quiet.et_max / quiet.adc_step - 1.0
    np.testing.assert_allclose(counts[1::2], full, rtol=1e-9)
    below = np.minimum(np.rint(12345.678 * sine[::2] / quiet.adc_step), full)
    np.testing.assert_allclose(counts[::2], below, atol=1e-6)
    assert (signals.hcal == 0).all()
