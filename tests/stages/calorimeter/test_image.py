from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lamarr_like.stages.calorimeter.image import (
    IMAGE,
    NODES,
    _corner,
    _deposits,
    expected_image,
    filled_part,
    shared_part,
    shares,
)
from lamarr_like.stages.geometry import CELL_ET, CELL_Z, HOLE

SIDE = 60.6


def image(places, energies, region=1, offsets=None):
    """Of sources in the middle region, at places counted in its cells from its corner."""
    x, y = SIDE * np.array(places, float).T
    n = len(x)
    offsets = np.array([0, n] if offsets is None else offsets)
    return expected_image(x, y, np.array(energies, float), np.full(n, region), offsets)


def test_how_full_a_cell_would_be():
    def part(u, v, energy=1e4, size=60.6, column=20):
        """In the cell of a column, at a place from -0.5 to 0.5 in it."""
        x, y = (np.array([size * (n + 0.5 + at)]) for n, at in ((column, u), (5, v)))
        sine = np.hypot(x, y) / np.sqrt(x**2 + y**2 + CELL_Z**2)
        return (filled_part(x, y, np.array([size]), np.array([energy])) / sine)[0]

    # In the middle of a large cell a whole shower, at a corner of one a quarter.
    assert part(0.0, 0.0, CELL_ET, 1e4) == pytest.approx(1.0, abs=1e-3)
    assert part(0.5 - 1e-9, -0.5, CELL_ET, 1e4) == pytest.approx(0.25, abs=1e-3)
    middle = part(0.0, 0.0, CELL_ET)
    assert 0.8 < middle < 0.95 and part(0.0, 0.0, 3.0 * CELL_ET) == pytest.approx(3.0 * middle)
    assert part(0.45, 0.0) < 0.8 * part(0.0, 0.0)
    shares = [part(u, v) for u, v in ((0.3, 0.2), (-0.3, 0.2), (0.3, -0.2), (0.2, 0.3))]
    assert shares == pytest.approx([shares[0]] * 4)
    # All cells of a shower together hold it.
    edges = 40.4 * np.arange(-60, 61) + 10.0
    u, v = np.meshgrid(edges, edges)
    corners = 0.8 * _corner(u, v, 5.5) + 0.2 * _corner(u, v, 26.0)
    cells = np.diff(np.diff(corners, axis=0), axis=1)
    assert (cells > 0.0).all() and cells.sum() == pytest.approx(1.0, abs=1e-3)


def test_the_table_of_shares_is_that_of_the_profile():
    rng = np.random.default_rng(3)
    u, v = rng.uniform(0.0, 1.0, (2, 200))
    unit, energy = np.full(200, SIDE), np.full(200, 1e3)
    x, y = (25 + u) * SIDE, (6 + v) * SIDE
    sine = np.hypot(x, y) / np.sqrt(x**2 + y**2 + CELL_Z**2)
    exact = filled_part(x, y, unit, energy) / sine * CELL_ET / 1e3
    table = shares()
    assert table.shape == (3, NODES, NODES, 9)
    assert np.abs(_deposits(u, v, np.ones(200, int))[:, 4] - exact).max() < 0.004
    # Nine of the cells hold nearly all of a shower in large ones, and none holds less than nothing.
    assert (table > 0.0).all() and (table.sum(axis=-1) < 1.0).all()
    assert table[0].sum(axis=-1).min() > 0.98 > table[2].sum(axis=-1).min()
    assert np.allclose(
        table[:, ::-1, :, :].reshape(3, NODES, NODES, 3, 3)[..., ::-1, :].reshape(table.shape),
        table,
    )


def test_a_shower_alone_has_all_and_a_hard_one_nearby_takes_the_maximum():
    alone = image([(25.5, 5.5)], [3e3])
    assert alone["seed_share"] == alone["block_share"] == 0.0 and alone["seed_margin"] > 2.0
    margins, parts = [], []
    for distance in (0.6, 1.0, 1.5, 2.0, 3.0, 4.0):
        both = image([(25.5, 5.5), (25.5 + distance, 5.5)], [2e4, 3e3])
        margins.append(both["seed_margin"][1])
        parts.append(both["block_share"][1])
        assert both["seed_share"][1] <= 0.0 and both["seed_margin"][0] > 1.0
    # Nearer than a cell it has no maximum of its own; with two cells between, one like alone.
    assert margins[0] < -1.0 and margins[-1] == alone["seed_margin"]
    assert parts[-1] == 0.0 and (np.diff(parts) >= 0.0).all() and parts[0] < np.log(0.2)
    # Saturated cells are equal: which of them is the maximum is chance.
    full = image([(25.5, 5.5), (26.5, 5.5)], [9e5, 8e5])
    assert full["seed_margin"] == pytest.approx([0.0, 0.0], abs=0.05)


def test_events_do_not_see_each_other_and_order_tells_nothing():
    rng = np.random.default_rng(4)
    places, energies = rng.uniform(22.0, 30.0, (400, 2)), rng.uniform(300.0, 2e4, 400)
    offsets = np.concatenate([[0], np.sort(rng.integers(0, 401, 299)), [400]])
    together = image(places, energies, offsets=offsets)
    for low, high in pairwise(offsets):
        if high > low:
            apart = image(places[low:high], energies[low:high])
            for name in IMAGE:
                assert np.array_equal(apart[name], together[name][low:high])
    turn = np.random.default_rng(5).permutation(40)
    one, two = image(places[:40], energies[:40]), image(places[turn], energies[turn])
    for name in IMAGE:
        assert two[name] == pytest.approx(one[name][turn])
    assert all(len(v) == 0 for v in image(np.zeros((0, 2)), [], offsets=[0]).values())


def test_the_hole_has_no_cells_and_what_is_far_out_stays_bounded():
    x = np.array([HOLE[0] + 5.0, HOLE[0] - 5.0, 0.0, 4.09e3, 1e9])
    y = np.array([10.0, 10.0, 0.0, 3.3e3, -1e9])
    region = np.array([2, 2, 2, 0, 0])
    found = expected_image(x, y, np.full(5, 1e4), region, np.array([0, 5]))
    assert all(np.isfinite(v).all() and (np.abs(v) <= 4.0).all() for v in found.values())
    # The one in the hole has no cell of its own, and shines into that of its neighbour.
    assert found["seed_margin"][1] < -2.0 and found["seed_margin"][0] > 0.0
    assert -1.0 < found["seed_share"][0] < 0.0


def test_the_part_of_a_shower_that_is_in_another_cluster():
    middle = SIDE * (np.array([20, 20, 20, 20, 20]) + 0.5)
    there = SIDE * (20.5 + np.arange(5))
    part = shared_part(middle, middle, there, middle, np.ones(5, int))
    # In the same cells all of it; of a neighbour the middle column and one beside it.
    own = shares()[1][NODES // 2, NODES // 2].reshape(3, 3).sum(axis=1)
    expected = [1.0, own[1:].sum() / own.sum(), own[2] / own.sum(), 0.0, 0.0]
    assert part == pytest.approx(expected)
    assert 0.9 < part[1] < 1.0 and 0.0 < part[2] < 0.1
