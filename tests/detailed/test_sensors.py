"""Hits of the trackers, plane by plane: where there is a sensor, what it measures, and how well."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from plain_kernels import make_plain, stream

from lamarr_like.detailed import geometry, random, sensors
from lamarr_like.detailed.parameters import DEFAULT

SURE = replace(
    DEFAULT, velo_efficiency=1.0, tt_efficiency=1.0, it_efficiency=1.0, ot_efficiency=1.0,
    hit_error_spread=0.0, outlier_fraction=0.0,
)  # fmt: skip
PLANES = geometry.build_planes(DEFAULT)


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    make_plain(monkeypatch, sensors, random)
    with np.errstate(over="ignore"):
        yield


def first(kind):
    return int(np.flatnonzero(PLANES.kind == kind)[0])


def measured(j, x, y, n=1, par=SURE, key=3):
    """Hits of `n` particles at one place of plane `j`."""
    shape = (n, geometry.N_MEASUREMENTS)
    hits = sensors.Hits(*(np.zeros(shape) for _ in range(3)), np.zeros(shape, bool))
    state = stream(key)
    spectrometer = geometry.spectrometer(PLANES, par)
    for k in range(n):
        sensors.measure(k, j, x, y, spectrometer, hits, state)
    return hits


def columns(hits):
    """Measurements that there are, in the first particle."""
    return np.flatnonzero(hits.hit[0]).tolist()


def test_the_velo_measures_radius_and_across():
    j = first(geometry.VELO)
    m = PLANES.measurement[j]
    for x, y in ((20.0, 0.0), (0.0, -15.0), (-12.0, 25.0)):
        hits = measured(j, x, y)
        assert columns(hits) == [m, m + 1]
        r, across = hits.angle[0, m], hits.angle[0, m + 1]
        assert math.cos(r) * x + math.sin(r) * y == pytest.approx(math.hypot(x, y))
        assert math.cos(across) * x + math.sin(across) * y == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("r", "seen"),
    [
        (0.99 * DEFAULT.velo_r_min, False),
        (1.01 * DEFAULT.velo_r_min, True),
        (0.99 * DEFAULT.velo_r_max, True),
        (1.01 * DEFAULT.velo_r_max, False),
    ],
)
def test_the_velo_ends_at_its_radii(r, seen):
    for phi in (0.0, 1.0, 4.0):
        hits = measured(first(geometry.VELO), r * math.cos(phi), r * math.sin(phi))
        assert hits.hit.sum() == (2 if seen else 0)


def test_errors_of_the_velo_grow_with_the_pitch():
    j = first(geometry.VELO)
    m = PLANES.measurement[j]
    ends = DEFAULT.velo_r_min, DEFAULT.velo_r_max
    pitches = DEFAULT.velo_pitch_inner, DEFAULT.velo_pitch_outer
    for r in np.linspace(*ends, 7)[1:-1]:
        error = measured(j, r, 0.0).error[0, m]
        assert error == pytest.approx(DEFAULT.velo_resolution * np.interp(r, ends, pitches))


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        (
            geometry.TT,
            [(0.99 * DEFAULT.tt_half_x, 0.0), (0.0, 0.99 * DEFAULT.tt_half_y),
             (1.01 * DEFAULT.tt_hole, 0.0)],
            [(1.01 * DEFAULT.tt_half_x, 0.0), (0.0, 1.01 * DEFAULT.tt_half_y), (0.0, 0.0)],
        ),
        (
            geometry.T,
            [(0.99 * DEFAULT.t_half_x, 0.0), (0.0, 0.99 * DEFAULT.t_half_y),
             (1.01 * DEFAULT.t_hole, 0.0)],
            [(1.01 * DEFAULT.t_half_x, 0.0), (0.0, 1.01 * DEFAULT.t_half_y), (0.0, 0.0)],
        ),
    ],
)  # fmt: skip
def test_stations_are_rectangles_with_a_hole(kind, inside, outside):
    j = first(kind)
    for places, n in ((inside, 1), (outside, 0)):
        for x, y in places:
            for i, k in ((1, 1), (-1, 1), (1, -1)):
                assert measured(j, i * x, k * y).hit.sum() == n, (x, y)


def test_silicon_has_one_layer_where_straws_have_two():
    """Of the two monolayers of a T layer the inner tracker answers in one."""
    two = np.flatnonzero(PLANES.kind == geometry.T)[:2]
    assert np.diff(PLANES.measurement[two]).tolist() == [1]
    in_silicon, in_straws = (0.5 * DEFAULT.it_half_x[0], 0.0), (0.5 * DEFAULT.t_half_x, 0.0)
    assert [measured(j, *in_silicon).hit.sum() for j in two] == [1, 0]
    assert [measured(j, *in_straws).hit.sum() for j in two] == [1, 1]
    m = PLANES.measurement[two[0]]
    errors = [measured(two[0], *place).error[0, m] for place in (in_silicon, in_straws)]
    assert errors == pytest.approx([DEFAULT.it_resolution, DEFAULT.ot_resolution])


@pytest.mark.parametrize("kind", [geometry.TT, geometry.T])
def test_stereo_layers_measure_turned_coordinates(kind):
    x, y = 700.0, 300.0
    for j in np.flatnonzero(PLANES.kind == kind):
        hits = measured(j, x, y, 30)
        m, angle = PLANES.measurement[j], PLANES.angle[j]
        if not hits.hit[0, m]:
            continue
        expected = math.cos(angle) * x + math.sin(angle) * y
        error = hits.error[0, m]
        assert hits.value[:, m].mean() == pytest.approx(expected, abs=4.5 * error / math.sqrt(30))
    assert set(np.round(PLANES.angle[PLANES.kind == kind], 9)) == {
        *(0.0, round(DEFAULT.stereo_angle, 9), -round(DEFAULT.stereo_angle, 9))
    }


def test_hits_scatter_by_their_errors():
    j, n = first(geometry.TT), 2000
    m = PLANES.measurement[j]
    hits = measured(j, 300.0, 100.0, n, replace(SURE, hit_error_spread=0.3))
    pull = (hits.value[:, m] - 300.0) / hits.error[:, m]
    assert pull.mean() == pytest.approx(0.0, abs=4.5 / math.sqrt(n))
    assert pull.std() == pytest.approx(1.0, abs=4.5 / math.sqrt(2 * n))
    # The errors vary, and their mean square stays.
    assert hits.error[:, m].std() > 0.1 * DEFAULT.tt_resolution
    rms = math.sqrt((hits.error[:, m] ** 2).mean())
    assert rms == pytest.approx(DEFAULT.tt_resolution, rel=0.08)


def test_some_hits_are_wrong_and_do_not_know_it():
    j, n = first(geometry.TT), 2000
    m = PLANES.measurement[j]
    par = replace(SURE, outlier_fraction=0.2, outlier_scale=10.0)
    hits = measured(j, 300.0, 100.0, n, par)
    pull = (hits.value[:, m] - 300.0) / hits.error[:, m]
    assert set(hits.error[:, m]) == {hits.error[0, m]}
    assert pull.var() == pytest.approx(0.8 + 0.2 * 100.0, rel=0.25)
    assert 0.10 < (np.abs(pull) > 4.0).mean() < 0.2


@pytest.mark.parametrize("efficiency", [0.0, 0.6])
def test_hits_are_lost_by_the_inefficiency(efficiency):
    j, n = first(geometry.VELO), 1200
    hits = measured(j, 20.0, 5.0, n, replace(SURE, velo_efficiency=efficiency))
    m = PLANES.measurement[j]
    both = hits.hit[:, m : m + 2]
    assert both.mean(axis=0) == pytest.approx(efficiency, abs=4.5 * 0.5 / math.sqrt(n))
    # Radius and angle are lost apart from each other.
    assert both.all(axis=1).mean() == pytest.approx(efficiency**2, abs=4.5 * 0.5 / math.sqrt(n))
    assert not np.delete(hits.hit, [m, m + 1], axis=1).any()
