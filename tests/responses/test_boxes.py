"""Boxes: halved until single cells are left, each cell once; cut to what is there of an array."""

import numpy as np
import pytest
from blobs import BLOBS, blobs

from lamarr_like.responses import boxes
from lamarr_like.responses.frame import Frame


def one(low, high):
    return boxes.Boxes(np.array([low]), np.array([high]))


def test_halves_are_the_box_and_end_in_its_cells():
    whole = one([-3, 2, 0], [4, 4, 5])
    todo, cells = whole, []
    while len(todo.low):
        cells += todo.take(todo.single).low.tolist()
        todo = todo.take(~todo.single)
        split = boxes.halves(todo)
        sides = todo.high - todo.low
        assert (sides[np.arange(len(sides)), split.axis] == sides.max(axis=1)).all()
        halved = todo.halved(split)
        n = len(todo.low)
        volume = (halved.high - halved.low).prod(axis=1)
        assert (volume > 0).all()
        assert np.array_equal(volume[:n] + volume[n:], sides.prod(axis=1))
        todo = halved
    assert sorted(cells) == [[i, j, k] for i in range(-3, 4) for j in (2, 3) for k in range(5)]


def test_networks_see_place_distance_sides_and_axis():
    box = one([-4, 3], [-1, 5])
    seen = boxes.box_input(box, boxes.halves(box))
    far = np.hypot(3.0, 3.5)
    told = [-np.log1p(3.0), np.log1p(3.5), np.log1p(far), np.log2(3), np.log2(2), 1, 0]
    assert seen.dtype == np.float32 and seen[0] == pytest.approx(told, rel=1e-6)


def test_visible_is_the_array():
    sample = blobs(300)
    placement = Frame.fit(BLOBS, sample.seen, sample.arrays).place(sample.seen)
    seen = boxes.visible(placement, BLOBS.shape)
    cells = placement.to_frame(sample.hits)
    low, high = seen.low[cells.row], seen.high[cells.row]
    assert ((cells.cell >= low) & (cells.cell < high)).all()
    assert ((seen.high - seen.low) == 12).all()


@pytest.mark.parametrize("pairs", (5, 200))
def test_boxes_are_cut_to_what_each_particle_sees(pairs):
    rng = np.random.default_rng(1)
    low = rng.integers(-6, 3, (4, 2))
    whole = boxes.Boxes(low, low + rng.integers(1, 9, (4, 2)))
    corner = rng.integers(-2, 3, (3, 2))[rng.integers(0, 3, 10)]
    seen = boxes.Boxes(corner, corner + 3)
    number, row = rng.integers(0, 4, pairs), rng.integers(0, 10, pairs)
    found, which = boxes.cut(whole, seen, number, row)
    # Many pairs share the few that differ.
    assert len(found.low) <= 3 * 4 and which.shape == (pairs,)
    assert np.array_equal(found.low[which], np.maximum(whole.low[number], seen.low[row]))
    assert np.array_equal(found.high[which], np.minimum(whole.high[number], seen.high[row]))
