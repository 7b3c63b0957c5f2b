"""Helices and segments: against a helix in steps, and the same whatever else there is."""

import numpy as np
import pytest

from lamarr_like.responses.detectors.drift_chamber import ROWS
from lamarr_like.responses.detectors.tpc_pads import TPC_PADS
from lamarr_like.tpc import geometry
from lamarr_like.tpc.geometry import (
    FIELD,
    PADS,
    along_drift,
    along_row,
    drift_buckets,
    pad_coordinate,
    row_centres,
    row_heights,
    row_pads,
)
from lamarr_like.tpc.tracks import cross, make_tracks, segments


def test_rows_and_pads_are_those_of_mpd():
    assert row_pads().sum() * 24 == PADS and (row_pads() % 2 == 0).all()
    assert (np.diff(row_pads()) >= 0).all()
    assert np.diff(row_centres()) == pytest.approx(0.5 * (row_heights()[1:] + row_heights()[:-1]))
    assert row_centres()[-1] == pytest.approx(geometry.INNERMOST + 27 * 1.2 + 26 * 1.8 - 0.9)
    half = row_centres() * np.tan(np.pi / geometry.SECTORS)
    assert (0.25 * row_pads() < half).all()


def test_coordinates_come_back():
    row = np.arange(ROWS)
    u = np.linspace(-10, 10, ROWS)
    assert along_row(pad_coordinate(u, row), row) == pytest.approx(u)
    assert pad_coordinate(np.array([0.0]), np.array([0])) == row_pads()[0] / 2 - 0.5
    assert along_drift(drift_buckets(u)) == pytest.approx(u)
    assert drift_buckets(np.array(0.0)) == pytest.approx(309.09, abs=0.01)


def test_crossings_are_those_of_a_helix_in_steps():
    tracks = make_tracks(1, 20, 3)
    step, there = 0.01, []
    for k in range(20):
        s = np.arange(0, 200, step)
        angle = tracks.angle[k] + tracks.curvature[k] * s
        v = tracks.birth[k, 1] + np.cumsum(np.cos(angle)) * step
        u = tracks.birth[k, 0] + np.cumsum(np.sin(angle)) * step
        at = np.searchsorted(v[: v.argmax()], row_centres())
        z = tracks.birth[k, 2] + tracks.slope[k] * s
        there.append(np.stack([u[at], z[at], angle[at]]))
    start = (a[:, None] for a in (tracks.angle, tracks.curvature, tracks.slope))
    found = np.stack(cross(tracks.birth[:, None], *start, row_centres()[None]), axis=1)
    assert np.abs(found - np.stack(there)).max() < 0.03


def test_straight_tracks_are_straight():
    birth, zero = np.array([0.0, 0.0, 5.0]), np.array(0.0)
    u, z, angle = cross(birth, np.array(0.1), zero, np.array(0.5), np.array([50.0, 100.0]))
    assert u == pytest.approx(np.tan(0.1) * np.array([50, 100]))
    assert z == pytest.approx(5 + 0.5 / np.cos(0.1) * np.array([50, 100])) and (angle == 0.1).all()


def test_radius_is_that_of_the_field():
    tracks = make_tracks(2, 50, 1)
    radius = 100 * tracks.pt / (0.3 * FIELD)
    assert np.abs(1 / tracks.curvature) == pytest.approx(radius, rel=1e-3)


def test_segments_are_within_what_is_declared():
    tracks = make_tracks(4, 100, 1)
    crossed = segments(tracks)
    TPC_PADS.checked(crossed.conditions, "segments")
    rows = np.bincount(crossed.track, minlength=400)
    assert 44 < rows.mean() < 53 and (rows > 20).mean() > 0.9
    assert np.abs(crossed.conditions["crossing"]).max() > 20


def test_tracks_do_not_depend_on_the_number_of_events():
    few, many = make_tracks(2, 10, 5), make_tracks(6, 10, 5)
    assert np.array_equal(few.birth, many.birth[:20])
    assert not np.array_equal(few.birth, make_tracks(2, 10, 6).birth)
