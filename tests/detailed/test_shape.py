"""What three by three cells see of a mean shower."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.detailed.calorimeter import cells
from lamarr_like.detailed.calorimeter.shape import at_place, axis_offset, shape
from lamarr_like.detailed.parameters import DEFAULT

SHAPE = shape(DEFAULT)
SIZES = cells.ecal(DEFAULT).size
AXIS = np.linspace(-0.5, 0.5, SHAPE.position.shape[1])
MIDDLE = len(AXIS) // 2


def test_tables_are_those_of_each_region():
    assert len(SHAPE.position) == len(SHAPE.contained) == len(SHAPE.spread) == len(SIZES)
    assert (np.diff(SIZES) < 0).all() or (np.diff(SIZES) > 0).all()


def test_all_is_symmetric_about_the_middle_of_a_cell():
    np.testing.assert_allclose(SHAPE.position, -SHAPE.position[:, ::-1], atol=1e-9)
    for table in (SHAPE.contained, SHAPE.spread):
        for same in (table[:, ::-1], table[:, :, ::-1]):
            np.testing.assert_allclose(table, same, rtol=1e-12)
        # x and y are alike, but for the few showers that the mean is of.
        np.testing.assert_allclose(table, table.transpose(0, 2, 1), rtol=1e-6)


def test_the_barycentre_is_drawn_to_the_middle_of_the_cell():
    """The S-curve: most energy is in one cell, so that the axis is further out than they say."""
    assert (np.diff(SHAPE.position, axis=1) >= 0.0).all()
    out = AXIS > 0.0
    assert (SHAPE.position[:, out] >= AXIS[out] - 1e-9).all()
    # The wider a cell for the same shower, the more.
    at = SHAPE.position[np.argsort(SIZES), MIDDLE + 6]
    assert (np.diff(at) > 0).all()


def test_less_is_contained_and_it_is_wider_at_the_edge():
    assert ((SHAPE.contained > 0.5) & (SHAPE.contained <= 1.0)).all()
    for table, sign in ((SHAPE.contained, -1.0), (SHAPE.spread, 1.0)):
        along = sign * np.diff(table[:, MIDDLE:, MIDDLE], axis=1)
        assert (along > -1e-6).all()
    order = np.argsort(SIZES)
    assert (np.diff(SHAPE.contained[order, MIDDLE, MIDDLE]) > 0).all()


@pytest.mark.parametrize("region", range(len(SIZES)))
def test_between_the_nodes_tables_are_read_by_straight_lines(region):
    position, contained = SHAPE.position[region], SHAPE.contained[region]
    for u, v in ((-0.5, 0.5), (0.0, 0.0), (0.11, -0.36), (0.5, 0.5), (0.4999, 0.012)):
        wanted = np.interp(u, AXIS, position)
        assert axis_offset.py_func(u, position) == pytest.approx(wanted, abs=1e-12)
        rows = [np.interp(v, AXIS, row) for row in contained]
        assert at_place.py_func(u, v, contained) == pytest.approx(np.interp(u, AXIS, rows))
    # Beyond the cell it is what it is at its edge.
    assert axis_offset.py_func(0.9, position) == position[-1]
    assert at_place.py_func(-3.0, 0.0, contained) == pytest.approx(contained[0, MIDDLE])
