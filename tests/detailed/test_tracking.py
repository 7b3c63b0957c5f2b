"""Hits, pattern recognition and the track fit, seen through the whole reference detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detector_samples import muons, particles_of

from lamarr_like import schema
from lamarr_like.detailed import geometry
from lamarr_like.detailed.figures import core_width
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.detailed.simulate import simulate_detailed
from lamarr_like.validation.detector import curves

# Without hits and scatters that the fit does not know of, its errors must be exact.
GAUSSIAN = replace(DEFAULT, outlier_fraction=0.0, scattering_tail=0.0)


@pytest.fixture(scope="module")
def gun():
    p = 1e3 * np.exp(np.linspace(np.log(5.0), np.log(100.0), 4000))
    return simulate_detailed(muons(4000, p=p), seed=1, par=GAUSSIAN)


def covariance(batch):
    out = np.empty((len(batch.track), 5, 5))
    for j in range(5):
        for i in range(j + 1):
            out[:, i, j] = out[:, j, i] = batch.track[f"cov{i}{j}"]
    return out


def test_planes():
    planes = geometry.build_planes(DEFAULT)
    assert (np.diff(planes.z) > 0).all()
    assert (planes.measurement >= 0).sum() == 21 + 4 + 24
    upstream = planes.x0[planes.z < 7800.0].sum()
    assert 0.3 < upstream < 0.7  # radiation lengths before the T stations


def test_most_muons_are_long(gun):
    assert (gun.particle["track_type"] == 3).mean() > 0.9
    assert gun.particle["reconstructible_long"].mean() > 0.95
    np.testing.assert_array_equal(
        gun.particle["track_type"] > 0,
        np.isin(np.arange(len(gun)), gun.track.event_index),
    )


@pytest.mark.parametrize("axis", schema.COVARIANCE_AXES)
def test_pulls_are_normal(gun, axis):
    pull = curves.pulls(gun, curves.linked_long_tracks(gun))[axis]
    assert len(pull) > 3500
    assert core_width(pull) == pytest.approx(1.0, abs=0.05)
    assert abs(np.median(pull)) < (0.12 if axis == "qop" else 0.06)
    assert (np.abs(pull) > 5).mean() < 0.002


def test_chi2_is_one_per_degree_of_freedom(gun):
    assert gun.track["chi2_per_dof"].mean() == pytest.approx(1.0, abs=0.03)
    assert (gun.track["n_dof"] > 0).all()


def test_pulls_hold_with_outliers_and_tails():
    batch = simulate_detailed(muons(3000, p=2e4), seed=1)
    linked = curves.linked_long_tracks(batch)
    for name, pull in curves.pulls(batch, linked).items():
        assert core_width(pull) == pytest.approx(1.0, abs=0.1), name
    # 2 % of the hits three times too wide: 1 + 0.02 (9 - 1)
    chi2 = batch.track["chi2_per_dof"][linked.rows]
    assert chi2.mean() == pytest.approx(1.16, abs=0.04)


def test_covariance_is_positive_definite(gun):
    matrix = covariance(gun)
    sigma = np.sqrt(np.diagonal(matrix, axis1=1, axis2=2))
    correlation = matrix / sigma[:, :, None] / sigma[:, None, :]
    assert np.linalg.eigvalsh(correlation).min() > 0.0
    np.linalg.cholesky(matrix)


def test_charge_and_slopes_are_measured(gun):
    linked = curves.linked_long_tracks(gun)
    charge = gun.track["charge"][linked.rows]
    np.testing.assert_array_equal(charge, curves.charges(gun, linked))
    assert set(np.unique(charge)) == {-1, 1}
    assert core_width(gun.track["tx"][linked.rows] - linked.tx) < 1e-3


def _dp_over_p(p):
    batch = simulate_detailed(muons(800, p=p), seed=2)
    linked = curves.linked_long_tracks(batch)
    return core_width(batch.track["p"][linked.rows] / linked.p - 1.0)


def test_momentum_resolution_rises_with_momentum():
    values = [_dp_over_p(p) for p in (1e4, 5e4, 1e5, 2e5)]
    assert values == sorted(values)
    # Scattering gives a floor, hits a term that grows as p.
    assert values[0] == pytest.approx(0.0047, rel=0.15)
    assert values[3] / values[2] > 1.2


def test_impact_parameter_falls_as_1_over_pt():
    inverse, widths = np.array([0.4, 0.8, 1.6]), []
    for value in inverse:
        pt = 1e3 / value
        phi = np.linspace(0, 2 * np.pi, 1500, endpoint=False)
        slope = 1.0 / np.sinh(3.2)
        p = pt * np.cosh(3.2)
        batch = simulate_detailed(
            particles_of(13, p, slope * np.cos(phi), slope * np.sin(phi)), seed=3
        )
        widths.append(1e3 * core_width(curves.linked_long_tracks(batch).dx))
    slope, offset = np.polyfit(inverse, widths, 1)
    assert slope == pytest.approx(23.4, rel=0.2)
    assert offset == pytest.approx(11.6, rel=0.4)
    np.testing.assert_allclose(slope * inverse + offset, widths, rtol=0.1)


def test_low_momentum_particles_are_upstream_and_late_ones_downstream():
    soft = simulate_detailed(muons(600, p=1500.0), seed=1)
    assert (soft.particle["track_type"] == 4).mean() > 0.2
    late = simulate_detailed(particles_of(13, 2e4, np.full(300, 0.1), 0.05, z=900.0, x=90.0), 1)
    assert set(np.unique(late.particle["track_type"])) <= {0, 5}
    assert (late.particle["track_type"] == 5).mean() > 0.5
    assert np.linalg.eigvalsh(covariance(late)).min() > 0.0
    dz = late.track["z"]
    assert (np.abs(dz) < 2000.0).all()


def test_particles_whose_t_hits_lie_elsewhere_are_lost():
    """Electrons radiate in the magnet: the search forward ends away from their hits."""
    sharp = replace(DEFAULT, forward_low_p=0.0, forward_found=1.0, occupancy_loss=0.0)
    wide = replace(sharp, forward_window_tx=(1e3, 0.0), forward_window_y=(1e6, 0.0))

    def found(pdg, par):
        out = simulate_detailed(muons(1500, p=2e4, pdg=pdg), seed=1, par=par)
        return (out.particle["track_type"] == 3)[out.particle["reconstructible_long"]].mean()

    assert found(13, sharp) > found(13, wide) - 0.01
    assert found(11, sharp) < found(11, wide) - 0.02


def test_efficiency_falls_with_occupancy():
    from lamarr_like.events import EventBatch, Table

    def efficiency(copies):
        one = muons(60 * copies, p=2e4, seed=4)
        counts = np.full(60, copies)
        columns = dict(one.particle.columns)
        columns["mcparticle_id"] = np.tile(np.arange(copies, dtype=np.int32), 60)
        batch = EventBatch(
            {
                "event": Table({"event_id": np.arange(60)}, np.arange(61)),
                "vertex": one.vertex.events(0, 60),
                "particle": Table.from_counts(columns, counts),
            }
        )
        out = simulate_detailed(batch, seed=1)
        able = out.particle["reconstructible_long"]
        return (out.particle["track_type"] == 3)[able].mean()

    assert efficiency(150) < efficiency(5) - 0.02
