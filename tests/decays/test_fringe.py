"""Downstream tracks at their vertices: the field and the matter that they did not cross."""

import numpy as np
import pytest

from lamarr_like.decays import fringe
from lamarr_like.decays.prongs import Prongs
from lamarr_like.detailed import geometry
from lamarr_like.detailed.field import propagate
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.physics.passage import HIGHLAND, HIGHLAND_PATH
from lamarr_like.stages.geometry import MATTER_BEFORE_TT

MAGNET = geometry.magnet(DEFAULT)


def born(n, seed):
    """States at vertices in the fringe, and the lines that a fit carries back to the beam."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(750.0, 2300.0, n)
    phi, slope = rng.uniform(0.0, 2.0 * np.pi, n), rng.uniform(0.03, 0.2, n)
    tx, ty = slope * np.cos(phi), slope * np.sin(phi)
    charge = rng.choice([-1.0, 1.0], n)
    kappa = 1.0 / rng.uniform(3e3, 5e4, n)
    there = np.stack([tx * z, ty * z + rng.normal(0.0, 20.0, n), tx, ty], axis=1)
    line = np.zeros((n, 6))
    line[:, 4], line[:, 5] = kappa, 139.57
    at = np.zeros(n)
    for i, s in enumerate(there):
        x, y, a, b = propagate(*s, charge[i] * kappa[i], z[i], fringe.FIELD_START, MAGNET)
        dz = -(x * a + y * b) / (a * a + b * b)
        line[i, :4] = x + a * dz, y + b * dz, a, b
        at[i] = fringe.FIELD_START + dz
    covariance = np.tile(np.diag([0.5, 2.0, 1e-6, 4e-6, 1e-13, 0.0]), (n, 1, 1))
    return there, z, charge, Prongs(line, at, covariance)


def test_lines_at_the_vertex_are_those_that_were_born_there():
    there, z, charge, line = born(300, 1)
    found = fringe.at_vertex(line, charge, z, DEFAULT.polarity)
    np.testing.assert_allclose(found.z, z)
    straight = line.state[:, 2:4] - there[:, 2:4]
    left = found.state[:, 2:4] - there[:, 2:4]
    assert np.abs(straight).max() > 5e-3  # rad, what the field does
    assert np.abs(left).max() < 0.02 * np.abs(straight).max()
    assert np.median(np.abs(left[:, 0])) < 0.01 * np.median(np.abs(straight[:, 0]))
    beside = line.state[:, :2] + (z - line.z)[:, None] * line.state[:, 2:4] - there[:, :2]
    assert np.abs(found.state[:, :2] - there[:, :2]).max() < 0.03 * np.abs(beside).max()


def test_a_reversed_field_bends_the_other_way():
    _, z, charge, line = born(20, 2)
    down = fringe.at_vertex(line, charge, z, -1).state[:, 2] - line.state[:, 2]
    up = fringe.at_vertex(line, charge, z, 1).state[:, 2] - line.state[:, 2]
    np.testing.assert_allclose(down, -up, atol=1e-12)
    assert (np.sign(down) == charge).all()  # magnet down sends positive particles to +x


def test_before_the_field_lines_stay_as_they_are():
    _, _, charge, line = born(20, 3)
    found = fringe.at_vertex(line, charge, np.full(20, 100.0), -1)
    np.testing.assert_allclose(found.state[:, 2:], line.state[:, 2:], rtol=1e-12)
    moved = line.state[:, :2] + (found.z - line.z)[:, None] * line.state[:, 2:4]
    np.testing.assert_allclose(found.state[:, :2], moved)
    assert np.isnan(fringe.at_vertex(line, charge, np.full(20, np.nan), -1).state[:, :4]).all()


def test_matter_that_was_not_crossed_leaves_the_covariance():
    _, _, charge, line = born(50, 4)
    z = np.full(50, 1700.0)
    # An angle known to nothing, and the scattering of all sheets before z on top.
    sheets = [(at, x0) for at, x0 in MATTER_BEFORE_TT if at < 1700.0]
    state = line.state.copy()
    state[:, :2] = 200.0  # passes outside of foil and pipe
    line = line._replace(state=state)
    bare = fringe.at_vertex(line, charge, np.full(50, 750.0), -1).covariance[:, 2, 2]
    np.testing.assert_allclose(bare, line.covariance[:, 2, 2], rtol=1e-3)
    norm2 = 1.0 + (state[:, 2:4] ** 2).sum(axis=1)
    beta2 = 1.0 / (1.0 + (139.57 * state[:, 4]) ** 2)
    theta2 = (HIGHLAND * HIGHLAND_PATH * state[:, 4]) ** 2 / beta2
    theta2 *= sum(x0 for _, x0 in sheets) * np.sqrt(norm2)
    noise = theta2 * norm2 * (1.0 + state[:, 2] ** 2)
    loud = line.covariance.copy()
    loud[:, 2, 2] += 10.0 * noise
    loud[:, 3, 3] += 10.0 * noise
    loud[:, [0, 1], [0, 1]] = 1e4  # and where it passes, more than the scattering moves it
    quiet = fringe.at_vertex(line._replace(covariance=loud), charge, z, -1).covariance
    kept = loud[:, 2, 2] - noise
    np.testing.assert_allclose(quiet[:, 2, 2], kept, rtol=0.05)
    # Never below zero: a covariance without that noise stays as it was.
    tight = line.covariance * 1e-6
    left = fringe.at_vertex(line._replace(covariance=tight), charge, z, -1).covariance
    assert (np.linalg.eigvalsh(left[:, :5, :5]) > 0.0).all()


def test_sensors_of_the_velo_behind_a_vertex_are_added():
    _, _, charge, line = born(1, 6)
    state = np.array([[0.0, 12.0, 0.04, 0.0, 1e-4, 139.57]])
    line = Prongs(state, np.zeros(1), line.covariance)
    before, within, behind = (
        fringe.at_vertex(line, charge, np.array([z]), -1).covariance[0, 2, 2]
        for z in (400.0, 600.0, 745.0)
    )
    one = (HIGHLAND * HIGHLAND_PATH * 1e-4) ** 2 * (1.0 + 0.013957**2)
    one *= 0.0108 * (1.0 + 0.04**2) ** 2.5
    assert (before - within) / one == pytest.approx(2.0, abs=0.1)  # of 435 and 585 mm
    assert (within - behind) / one == pytest.approx(3.0, abs=0.1)  # of 635, 685 and 735 mm


@pytest.mark.parametrize("momentum", [3e3, 3e4])
def test_errors_of_the_momentum_reach_the_slope(momentum):
    _, z, charge, line = born(30, 5)
    state = line.state.copy()
    state[:, 4] = 1.0 / momentum
    line = Prongs(state, line.z, np.zeros((30, 6, 6)))
    line.covariance[:, range(4), range(4)] = 1e-4
    line.covariance[:, 4, 4] = (0.01 / momentum) ** 2
    found = fringe.at_vertex(line, charge, z, -1)
    more = line._replace(state=state * np.array([1, 1, 1, 1, 1.01, 1]))
    moved = fringe.at_vertex(more, charge, z, -1).state - found.state
    np.testing.assert_allclose(
        found.covariance[:, 2, 4], moved[:, 2] * 0.01 / momentum, rtol=1e-3, atol=1e-15
    )
