"""Where drawn clusters stand: the face, the threshold, what is too near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr_like.stages.calorimeter import placing
from lamarr_like.stages.calorimeter.placing import off_face
from lamarr_like.stages.geometry import BORDERS, CELL_Z, HOLE

PLACE = st.floats(-6000.0, 6000.0)
N = 400


def places(seed=1):
    return np.random.default_rng(seed).uniform(-5000.0, 5000.0, (2, N))


@given(PLACE, PLACE)
def test_what_is_off_the_face_is_put_on_it_and_nothing_else_is_moved(x, y):
    x, y = np.array([x]), np.array([y])
    u, v = placing._on_the_face(x, y)
    assert not off_face(u, v)[0]
    well = (np.abs(x) < BORDERS[0][0] - placing._EDGE) & (np.abs(y) < BORDERS[0][1] - placing._EDGE)
    if not off_face(x, y)[0] and well[0]:
        assert (u[0], v[0]) == (x[0], y[0])
    # Whatever was moved goes to the nearest edge: its side stays.
    assert u[0] * x[0] >= 0.0 and v[0] * y[0] >= 0.0


def test_the_face_is_symmetric_and_has_a_hole():
    x, y = places()
    for i, j in ((-1, 1), (1, -1), (-1, -1)):
        np.testing.assert_array_equal(off_face(i * x, j * y), off_face(x, y))
    corner = np.array([[0.999, 0.999], [1.001, 0.0], [0.0, 1.001]]) * BORDERS[0]
    assert off_face(*corner.T).tolist() == [False, True, True]
    hole = np.array([[0.999, 0.999], [1.001, 0.0], [0.0, 1.001], [0.0, 0.0]]) * HOLE
    assert off_face(*hole.T).tolist() == [True, False, False, True]


def test_sines_are_those_of_a_cluster_seen_from_the_origin():
    x, y = places(2)
    sine = placing.sine_at(x, y)
    np.testing.assert_allclose(sine, np.hypot(x, y) / np.sqrt(x**2 + y**2 + CELL_Z**2))
    assert placing.sine_at(np.zeros(1), np.zeros(1))[0] > 0.0  # a threshold in ET stays finite


@given(st.floats(0.1, 1e5), st.floats(1.0, 500.0))
def test_energies_below_the_threshold_are_mirrored_at_it(et, least):
    found = placing._reflected(np.array([et]), least)[0]
    if et >= least:
        assert found == et
    else:
        assert least <= found <= 1.5 * least
        if et > least / 1.5 and et > 1.0:
            assert found * et == pytest.approx(least * least)


def test_what_is_too_near_becomes_part_of_the_hardest():
    x = np.array([0.0, 30.0, 60.0, 500.0, 20.0])
    energy, event = np.array([1e3, 5e3, 2e3, 1e3, 9e3]), np.array([0, 0, 0, 0, 1])
    y = np.zeros(5)
    joined = placing._joined(x, y, energy, event, 0.9)
    # Cells of 40.4 mm: the first and the third are near the second; another event is far away.
    assert joined.tolist() == [1, 1, 1, 3, 4]
    chain = placing._joined(np.array([0.0, 35.0, 70.0]), y[:3], np.array([3e3, 2e3, 1e3]),
                           np.zeros(3, int), 0.9)  # fmt: skip
    assert chain.tolist() == [0, 0, 0]  # what was joined to something that was joined
