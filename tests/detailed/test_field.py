"""The dipole field and the propagation through it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lamarr_like.detailed import geometry
from lamarr_like.detailed.field import (
    FIELD_START,
    KAPPA,
    LANES,
    field,
    propagate,
    propagate_lanes,
)
from lamarr_like.detailed.parameters import DEFAULT

MAGNET = geometry.magnet(DEFAULT)
START = (12.0, -30.0, 0.05, -0.08)


def test_bending_power_is_4_tesla_metres():
    z = np.linspace(-5_000.0, 15_000.0, 2_001)
    by = np.array([field(0.0, v, MAGNET)[0] for v in z])
    assert by.sum() * (z[1] - z[0]) * 1e-3 == pytest.approx(-4.0, rel=1e-6)
    assert z[np.argmax(np.abs(by))] == 5200.0
    # Upstream of where tracks are taken as straight there is next to nothing.
    assert np.abs(by[z < FIELD_START]).max() < 0.013 * np.abs(by).max()


@pytest.mark.parametrize("z", [3000.0, 5200.0, 6500.0])
def test_curl_vanishes_to_second_order_and_divergence_with_it(z):
    """(curl B)_x = dBz/dy - dBy/dz is of order y^2, div B = dBy/dy + dBz/dz as well."""

    def laws(y, h=0.5):
        dz_dy = (field(y + h, z, MAGNET)[1] - field(y - h, z, MAGNET)[1]) / (2 * h)
        dy_dz = (field(y, z + h, MAGNET)[0] - field(y, z - h, MAGNET)[0]) / (2 * h)
        dy_dy = (field(y + h, z, MAGNET)[0] - field(y - h, z, MAGNET)[0]) / (2 * h)
        dz_dz = (field(y, z + h, MAGNET)[1] - field(y, z - h, MAGNET)[1]) / (2 * h)
        return abs(dz_dy - dy_dz), abs(dy_dy + dz_dz)

    scale = abs(MAGNET[0]) / MAGNET[2]
    for y in (50.0, 100.0, 200.0):
        curl, divergence = laws(y)
        assert curl < 3.0 * (y / MAGNET[2]) ** 2 * scale + 1e-12
        assert divergence < 1e-6 * scale


def test_kick_in_transverse_momentum_is_1_2_gev():
    p = 50_000.0
    _, _, tx, ty = propagate(0.0, 0.0, 0.0, 0.0, 1.0 / p, 0.0, 12_000.0, MAGNET)
    sine = tx / np.sqrt(1 + tx**2 + ty**2)
    assert p * sine == pytest.approx(KAPPA * 4000.0, rel=2e-3)
    assert pytest.approx(1200.0, rel=2e-3) == 4000.0 * KAPPA


def test_charges_bend_opposite_ways_and_neutral_ones_not():
    plus = propagate(0.0, 0.0, 0.0, 0.0, 1e-4, 0.0, 9000.0, MAGNET)
    minus = propagate(0.0, 0.0, 0.0, 0.0, -1e-4, 0.0, 9000.0, MAGNET)
    assert plus[0] == pytest.approx(-minus[0])
    assert plus[0] > 100.0
    x, y, tx, ty = START
    line = propagate(*START, 0.0, -50.0, 9000.0, MAGNET)
    assert line == pytest.approx((x + tx * 9050.0, y + ty * 9050.0, tx, ty))


def test_straight_upstream_of_the_field():
    x, y, tx, ty = START
    there = propagate(*START, 1.0 / 2000.0, -100.0, 650.0, MAGNET)
    assert there == pytest.approx((x + tx * 750.0, y + ty * 750.0, tx, ty))


@pytest.mark.parametrize("p", [2e3, 1e4, 1e5])
def test_there_and_back(p):
    there = propagate(*START, 1.0 / p, -50.0, 9300.0, MAGNET)
    back = propagate(*there, 1.0 / p, 9300.0, -50.0, MAGNET)
    assert back[:2] == pytest.approx(START[:2], abs=1e-3)
    assert back[2:] == pytest.approx(START[2:], abs=1e-6)


def test_curvature_is_that_of_the_field():
    """A track at constant momentum turns by q B / p for each unit of its length."""
    p, z, h = 5000.0, 5200.0, 1.0
    a = propagate(0.0, 0.0, 0.1, 0.0, 1.0 / p, z - h, z + h, MAGNET)
    turned = np.arctan(a[2]) - np.arctan(0.1)
    length = 2.0 * h * np.sqrt(1.0 + 0.1**2)
    assert abs(turned) == pytest.approx(KAPPA * abs(MAGNET[0]) / p * length, rel=1e-3)


@pytest.mark.parametrize(
    ("z1", "z2"),
    [(9300.0, 7600.0), (2600.0, -40.0), (-40.0, 9300.0), (650.0, -50.0), (700.0, 700.5)],
)
def test_lines_in_lanes_are_those_of_single_ones_bit_for_bit(z1, z2):
    rng = np.random.default_rng(7)
    for _ in range(20):
        lines = np.column_stack(
            [
                rng.normal(0, 300.0, (LANES, 2)),
                rng.normal(0, 0.1, (LANES, 2)),
                rng.normal(0, 3e-4, 4),
            ]
        )
        lanes = lines.T.ravel().copy()
        assert propagate_lanes(lanes, z1, z2, MAGNET)
        found = lanes.reshape(5, LANES).T
        expected = [(*propagate(*line, z1, z2, MAGNET), line[4]) for line in lines]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("qop", [0.0, 1.0 / 30.0])
def test_lanes_leave_neutral_lines_and_those_that_turn_back_to_others(qop):
    lanes = np.zeros((5, LANES))
    lanes[2:4], lanes[4] = 0.1, 1e-4
    assert propagate_lanes(lanes.ravel().copy(), 5000.0, 6000.0, MAGNET)
    lanes[4, 2] = qop
    assert not propagate_lanes(lanes.ravel().copy(), 5000.0, 6000.0, MAGNET)


@pytest.mark.parametrize(("p", "allowed"), [(2e3, 2e-3), (1e4, 1e-4)])
def test_step_size_has_converged(p, allowed):
    """One call takes steps of 200 mm; many short calls take steps of 10 mm."""
    coarse = propagate(*START, 1.0 / p, 700.0, 9300.0, MAGNET)
    fine = START
    edges = np.linspace(700.0, 9300.0, 861)
    for z1, z2 in itertools.pairwise(edges):
        fine = propagate(*fine, 1.0 / p, z1, z2, MAGNET)
    assert coarse[0] == pytest.approx(fine[0], abs=allowed)
    assert coarse[1] == pytest.approx(fine[1], abs=allowed)
