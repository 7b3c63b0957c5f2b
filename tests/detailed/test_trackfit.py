"""The track fit beside least squares, and the laws of covariances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lamarr_like.detailed import geometry, trackfit
from lamarr_like.detailed.field import FIELD_START
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.detailed.sensors import Hits

EMPTY = replace(DEFAULT, foil_x0=0.0)
PLANES = geometry.build_planes(EMPTY)
BARE = PLANES._replace(x0=np.zeros(len(PLANES.z)))
LINE = np.array([0.3, -0.2, 0.06, -0.04])  # x, y at z = 0 [mm], slopes
LAST = 9  # sensors of the VELO behind 100 mm and before the field


def velo_hits(n_sensors, scale=1.0, n=4, seed=5):
    """Hits of the VELO about `LINE` with errors as given; the same numbers by chance each time."""
    rng = np.random.default_rng(seed)
    value, angle, error = (np.zeros((n, geometry.N_MEASUREMENTS)) for _ in range(3))
    hit = np.zeros(value.shape, np.bool_)
    error[:] = 1.0
    straight = (PLANES.z > 100.0) & (PLANES.z < FIELD_START)
    downstream = np.flatnonzero((PLANES.kind == geometry.VELO) & straight)
    noise = rng.standard_normal((len(downstream), 2, n))
    for k, j in enumerate(downstream[:n_sensors]):
        x, y = LINE[:2] + LINE[2:] * PLANES.z[j]
        for i, a in enumerate((0.3 * k, 0.3 * k + 0.5 * np.pi)):
            m = PLANES.measurement[j] + i
            angle[:, m], error[:, m], hit[:, m] = a, scale * (0.01 + 0.002 * k), True
            value[:, m] = np.cos(a) * x + np.sin(a) * y + scale * noise[k, i] * (0.01 + 0.002 * k)
    return Hits(value, angle, error, hit)


def fitted(hits, planes=BARE, par=EMPTY, p=2e4):
    n = len(hits.value)
    seeds = np.tile([*LINE[:2], 0.0, *LINE[2:], 1.0 / p], (n, 1))
    return trackfit.fit(seeds, hits, planes, par, fixed_momentum=True)


def least_squares(hits, row, at):
    """A straight line through the hits: x, y, tx, ty at z, their covariance and chi2."""
    planes = np.flatnonzero(PLANES.kind == geometry.VELO)
    z = np.zeros(geometry.N_MEASUREMENTS)
    for j in planes:
        z[PLANES.measurement[j] : PLANES.measurement[j] + 2] = PLANES.z[j]
    m = np.flatnonzero(hits.hit[row])
    c, s, dz = np.cos(hits.angle[row, m]), np.sin(hits.angle[row, m]), z[m] - at
    design = np.stack([c, s, c * dz, s * dz], axis=1) / hits.error[row, m][:, None]
    value = hits.value[row, m] / hits.error[row, m]
    covariance = np.linalg.inv(design.T @ design)
    state = covariance @ design.T @ value
    return state, covariance, float(((value - design @ state) ** 2).sum())


def larger(one, other):
    """Whether each covariance of one is larger in all directions; x and slopes alone."""
    difference = (one.covariance - other.covariance)[:, :4, :4]
    scale = np.sqrt(np.diagonal(one.covariance[:, :4, :4], axis1=1, axis2=2))
    unit = difference / scale[:, :, None] / scale[:, None, :]
    return np.linalg.eigvalsh(unit) > -1e-9


def test_without_matter_it_is_least_squares():
    hits = velo_hits(LAST)
    fit = fitted(hits)
    assert (fit.n_dof == 2 * LAST - 4).all() and (fit.n_hits == [2 * LAST, 0, 0]).all()
    for row in range(len(fit.state)):
        x, y, z, tx, ty, _ = fit.state[row]
        state, covariance, chi2 = least_squares(hits, row, z)
        np.testing.assert_allclose([x, y, tx, ty], state, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(fit.covariance[row, :4, :4], covariance, rtol=1e-4, atol=1e-12)
        assert fit.chi2[row, 0] == pytest.approx(chi2, rel=1e-4)
        assert fit.chi2[row, 1] == pytest.approx(fit.chi2[row, 0])
        # At the point nearest to the beam the way there is along the beam.
        assert x * tx + y * ty == pytest.approx(0.0, abs=1e-9)


def test_errors_twice_as_large_are_variances_four_times_as_large():
    one, two = fitted(velo_hits(LAST)), fitted(velo_hits(LAST, 2.0))
    # The state moves with the hits, and with it where the covariance is told: by slopes times dz.
    slopes = (fit.covariance[:, 2:4, 2:4] for fit in (two, one))
    np.testing.assert_allclose(next(slopes), 4.0 * next(slopes), rtol=1e-4, atol=1e-15)
    np.testing.assert_allclose(two.chi2, one.chi2, rtol=1e-4)


def test_a_further_sensor_widens_nothing():
    few, more = fitted(velo_hits(LAST - 1)), fitted(velo_hits(LAST))
    assert larger(few, more._replace(covariance=moved(more, few))).all()


def moved(fit, to):
    """Covariances of x, y, tx, ty at the places of another fit."""
    found = fit.covariance.copy()
    for row, dz in enumerate(to.state[:, 2] - fit.state[:, 2]):
        f = np.eye(5)
        f[0, 2] = f[1, 3] = dz
        found[row] = f @ found[row] @ f.T
    return found


def test_matter_widens_and_the_more_the_slower():
    hits = velo_hits(LAST)
    fits = [fitted(hits), *(fitted(hits, PLANES, p=p) for p in (5e4, 5e3))]
    for one, other in zip(fits[1:], fits, strict=False):
        assert larger(one, other._replace(covariance=moved(other, one))).all()
    widths = [np.sqrt(fit.covariance[:, 0, 0]).mean() for fit in fits]
    assert widths[2] > 1.2 * widths[0]
