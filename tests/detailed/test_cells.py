"""Cells of the calorimeters: as many as LHCb's, none cut, found where they lie, neighbours."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lamarr_like.detailed.calorimeter import cells as layout
from lamarr_like.detailed.parameters import DEFAULT

find, sine = layout.cell_at.py_func, layout.sine.py_func


@pytest.fixture(scope="module", params=["ecal", "hcal"])
def cells(request):
    return getattr(layout, request.param)(DEFAULT)


def neighbours(cells, c):
    return cells.neighbour[cells.first[c] : cells.first[c + 1]]


def test_there_are_as_many_as_in_lhcb():
    """LHCb detector, JINST 3 (2008) S08005, sec. 6."""
    ecal, hcal = layout.ecal(DEFAULT), layout.hcal(DEFAULT)
    assert np.bincount(ecal.region[ecal.exists]).tolist() == [2688, 1792, 1536]
    assert np.bincount(hcal.region[hcal.exists]).tolist() == [608, 880]
    assert layout.ecal(DEFAULT) is ecal  # laid out once


def test_regions_fill_the_face_up_to_the_hole(cells):
    area = (cells.size[cells.region[cells.exists]] ** 2).sum()
    whole = 4.0 * cells.half[0].prod() - 4.0 * cells.hole[-1].prod()
    assert area == pytest.approx(whole)
    # The hole of each region is the region inside it.
    assert cells.hole[:-1] == pytest.approx(cells.half[1:])


def test_cells_are_found_at_their_centres_and_corners(cells):
    rng = np.random.default_rng(1)
    for c in rng.choice(np.flatnonzero(cells.exists), 300, replace=False):
        half = 0.499 * cells.size[cells.region[c]]
        for dx, dy in ((0.0, 0.0), (half, half), (-half, half), (half, -half), (-half, -half)):
            assert find(cells.x[c] + dx, cells.y[c] + dy, cells) == c


def test_every_point_lies_in_one_cell_or_none(cells):
    rng = np.random.default_rng(2)
    for x, y in rng.uniform(-1.1, 1.1, (1000, 2)) * cells.half[0]:
        c = find(x, y, cells)
        in_hole = abs(x) < cells.hole[-1, 0] and abs(y) < cells.hole[-1, 1]
        outside = abs(x) >= cells.half[0, 0] or abs(y) >= cells.half[0, 1]
        assert (c == -1) == (in_hole or outside)
        if c >= 0:
            assert cells.exists[c]
            far = max(abs(x - cells.x[c]), abs(y - cells.y[c]))
            assert far <= 0.5 * cells.size[cells.region[c]] + 1e-9


def test_neighbours_are_mutual(cells):
    pairs = {(c, int(n)) for c in np.flatnonzero(cells.exists) for n in neighbours(cells, c)}
    assert all((b, a) in pairs and a != b for a, b in pairs)
    assert all(len(neighbours(cells, c)) == 0 for c in np.flatnonzero(~cells.exists))


def test_neighbours_touch(cells):
    for c in np.flatnonzero(cells.exists)[::37]:
        others = neighbours(cells, c)
        reach = 0.5 * (cells.size[cells.region[c]] + cells.size[cells.region[others]])
        apart = np.maximum(
            np.abs(cells.x[others] - cells.x[c]), np.abs(cells.y[others] - cells.y[c])
        )
        assert apart == pytest.approx(reach) and cells.exists[others].all()
        # All about it are there: eight of its size where no border is near.
        if (cells.region[others] == cells.region[c]).all():
            assert len(others) <= 8
        mixed = len(set(cells.region[others])) > 1
        assert mixed or len(others) in (3, 5, 7, 8), (c, len(others))


def test_borders_of_regions_have_no_gap():
    """A point just beyond the side of a cell lies in one of its neighbours."""
    cells = layout.ecal(DEFAULT)
    for c in np.flatnonzero(cells.exists)[::41]:
        reach = 0.5 * cells.size[cells.region[c]] + 1.0
        for dx, dy in ((reach, 0.3), (-reach, 0.3), (0.3, reach), (0.3, -reach)):
            found = find(cells.x[c] + dx, cells.y[c] + dy, cells)
            assert found == -1 or found in neighbours(cells, c)


def test_sine_of_the_polar_angle():
    cells = layout.ecal(DEFAULT)
    for c in np.flatnonzero(cells.exists)[::500]:
        angle = math.atan2(math.hypot(cells.x[c], cells.y[c]), 12_500.0)
        assert sine(c, cells, 12_500.0) == pytest.approx(math.sin(angle))
