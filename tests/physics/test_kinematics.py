"""Closed formulae of kinematics against their definitions, symmetries and limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr_like.physics.kinematics import (
    closest_to_beam,
    momentum,
    momentum_components,
    pseudorapidity,
)

SLOPES = st.floats(-1.0, 1.0)
PLACES = st.floats(-1e3, 1e3)
N = 500


def vectors(seed=1):
    return np.random.default_rng(seed).normal(size=(3, N)) * [[1e3], [2e3], [3e4]]


def rotated(px, py, angle):
    return np.cos(angle) * px - np.sin(angle) * py, np.sin(angle) * px + np.cos(angle) * py


def test_momentum_is_a_length():
    v = vectors()
    assert momentum(*v) == pytest.approx(np.linalg.norm(v, axis=0))
    assert momentum(*(-3.0 * v)) == pytest.approx(3.0 * momentum(*v))
    assert (momentum(*v) >= np.abs(v[2])).all()
    assert momentum(*np.zeros((3, 1)))[0] == 0.0


def test_pseudorapidity_is_that_of_the_polar_angle():
    v = vectors()
    theta = np.arccos(v[2] / np.linalg.norm(v, axis=0))
    assert pseudorapidity(*v) == pytest.approx(-np.log(np.tan(0.5 * theta)), abs=1e-9)
    # Of a massless particle it is the rapidity.
    p = momentum(*v)
    assert pseudorapidity(*v) == pytest.approx(0.5 * np.log((p + v[2]) / (p - v[2])), abs=1e-7)


def test_pseudorapidity_knows_neither_scale_nor_azimuth_and_turns_with_z():
    px, py, pz = vectors()
    eta = pseudorapidity(px, py, pz)
    assert pseudorapidity(7.0 * px, 7.0 * py, 7.0 * pz) == pytest.approx(eta)
    assert pseudorapidity(*rotated(px, py, 1.2), pz) == pytest.approx(eta)
    assert pseudorapidity(px, py, -pz) == pytest.approx(-eta)


def test_differences_of_rapidities_do_not_change_with_a_boost_along_z():
    """Of massless particles, whose rapidity is their pseudorapidity."""
    px, py, pz = vectors()
    e, beta = momentum(px, py, pz), 0.8
    boosted = (pz - beta * e) / np.sqrt(1.0 - beta**2)
    shift = pseudorapidity(px, py, pz) - pseudorapidity(px, py, boosted)
    assert shift == pytest.approx(np.arctanh(beta), abs=1e-7)


def test_along_the_axis_pseudorapidity_is_infinite():
    one, none = np.ones(2), np.zeros(2)
    assert pseudorapidity(none, none, np.array([1.0, -1.0]) * one).tolist() == [np.inf, -np.inf]
    assert pseudorapidity(one, none, none).tolist() == [0.0, 0.0]


@given(PLACES, PLACES, PLACES, SLOPES, SLOPES)
def test_no_other_point_of_the_line_is_nearer(x, y, z, tx, ty):
    values = (np.array([v]) for v in (x, y, z, tx, ty))
    near = np.array([float(v[0]) for v in closest_to_beam(*values)])
    least = np.hypot(near[0], near[1])
    for step in (-10.0, -0.1, 0.1, 10.0):
        there = near[:2] + step * np.array([tx, ty])
        assert np.hypot(*there) >= least - 1e-9 * (1.0 + least)
    # It is on the line.
    way = near[2] - z
    assert near[:2] == pytest.approx([x + tx * way, y + ty * way], abs=1e-6 * (1.0 + abs(way)))


def test_the_nearest_point_does_not_depend_on_the_one_given():
    rng = np.random.default_rng(2)
    x, y, z = rng.normal(size=(3, N)) * 10.0
    tx, ty = rng.uniform(-0.3, 0.3, (2, N))
    here = closest_to_beam(x, y, z, tx, ty)
    there = closest_to_beam(x + 500.0 * tx, y + 500.0 * ty, z + 500.0, tx, ty)
    again = closest_to_beam(*here, tx, ty)
    for a, b, c in zip(here, there, again, strict=True):
        assert b == pytest.approx(a, abs=1e-6) and c == pytest.approx(a, abs=1e-6)
    # Position and direction are at right angles in the plane.
    assert here[0] * tx + here[1] * ty == pytest.approx(0.0, abs=1e-9)


def test_a_turn_about_the_beam_turns_the_nearest_point():
    rng = np.random.default_rng(3)
    x, y, z = rng.normal(size=(3, N))
    tx, ty = rng.uniform(-0.3, 0.3, (2, N))
    px, py, pz = closest_to_beam(x, y, z, tx, ty)
    qx, qy, qz = closest_to_beam(*rotated(x, y, 0.7), z, *rotated(tx, ty, 0.7))
    for one, two in zip((*rotated(px, py, 0.7), pz), (qx, qy, qz), strict=True):
        assert two == pytest.approx(one, abs=1e-9)


def test_lines_parallel_to_the_beam_stay_where_they_are():
    values = np.array([[1.0, 2.0, 3.0, 0.0, 0.0]]).T
    assert [float(v[0]) for v in closest_to_beam(*values)] == [1.0, 2.0, 3.0]


@given(st.floats(1.0, 1e6), SLOPES, SLOPES)
def test_components_have_the_momentum_and_the_slopes(p, tx, ty):
    px, py, pz = (float(v) for v in momentum_components(np.float64(p), tx, ty))
    assert np.sqrt(px**2 + py**2 + pz**2) == pytest.approx(p)
    assert pz > 0.0 and (px / pz, py / pz) == (
        pytest.approx(tx, abs=1e-12),
        pytest.approx(ty, abs=1e-12),
    )
