"""The common frame: there and back, folded by the symmetries, equivariant."""

import numpy as np
import pytest
from blobs import BLOBS, DEPTH, blobs

from lamarr_like.responses.frame import Frame
from lamarr_like.responses.hits import Hits, hits_of
from lamarr_like.responses.response import Axis, Condition, Feature, Mirror, Response


@pytest.fixture(scope="module")
def sample():
    return blobs(400)


@pytest.fixture(scope="module")
def frame(sample):
    return Frame.fit(BLOBS, sample.seen, sample.arrays)


def test_depth_is_that_of_the_light(frame):
    at = np.log([2.0, 10.0])
    for depth in frame.depth:
        assert np.allclose(depth[0] + depth[1] * at, DEPTH, atol=0.25)
    assert np.array_equal(frame.depth[0], frame.depth[1])  # axes that can be exchanged


def test_hits_come_back(frame, sample):
    placement = frame.place(sample.seen)
    there = placement.to_frame(sample.hits)
    back = placement.to_array(there)
    assert np.array_equal(back.cell, sample.hits.cell)
    assert np.array_equal(back.dense(len(sample), BLOBS.shape), sample.arrays)


def test_the_middle_is_in_one_eighth_of_one_cell(frame, sample):
    placement = frame.place(sample.seen)
    off = placement.given[:, -2:]
    assert frame.n_given == placement.given.shape[1] == 8
    assert (off[:, 1] >= -1e-12).all() and (off[:, 0] >= off[:, 1]).all()
    assert (off[:, 0] <= 0.5 + 1e-9).all()
    entry = [BLOBS.feature(name) for name in ("x", "y")]
    slope = [BLOBS.feature(name) for name in ("tx", "ty")]
    log_energy = placement.given[:, BLOBS.feature("log_energy")]
    depth = frame.depth[0, 0] + frame.depth[0, 1] * log_energy
    for k in (0, 1):
        middle = placement.given[:, entry[k]] + placement.given[:, slope[k]] * depth
        assert np.allclose(middle, off[:, k])


def moved(sample, k):
    """Particles and arrays, mirrored or with exchanged axes."""
    seen, arrays = sample.seen.copy(), sample.arrays
    tx, ty, x, y = (BLOBS.feature(name) for name in ("tx", "ty", "x", "y"))
    if k == "x":
        seen[:, [tx, x]] *= -1
        arrays = arrays[:, ::-1]
    elif k == "y":
        seen[:, [ty, y]] *= -1
        arrays = arrays[:, :, ::-1]
    else:
        seen[:, [tx, ty]], seen[:, [x, y]] = seen[:, [ty, tx]], seen[:, [y, x]]
        arrays = arrays.transpose(0, 2, 1)
    return seen, np.ascontiguousarray(arrays)


@pytest.mark.parametrize("k", ["x", "y", "xy"])
def test_mirrored_and_exchanged_particles_are_one_in_the_frame(frame, sample, k):
    seen, arrays = moved(sample, k)
    one, two = frame.place(sample.seen), frame.place(seen)
    assert np.allclose(one.given, two.given)
    first, second = one.to_frame(sample.hits), two.to_frame(hits_of(arrays))

    def ordered(hits):
        return sorted(zip(hits.row, *hits.cell.T, hits.value, strict=True))

    assert ordered(first) == ordered(second)


def test_a_particle_moved_by_a_cell_is_the_same(frame, sample):
    seen = sample.seen.copy()
    seen[:, BLOBS.feature("x")] += 1.0
    one, two = frame.place(sample.seen), frame.place(seen)
    assert np.allclose(one.given, two.given)
    assert np.array_equal(two.origin[:, 0] - one.origin[:, 0], np.ones(len(seen), int))


def test_axes_that_stay_are_mirrored_as_a_whole():
    response = Response(
        name="r",
        title="r",
        axes=(Axis("z", "cm", 5, 1.0, 0.0),),
        conditions=(Condition("a", "", "a"),),
        features=(Feature("a", "value", ("a",)),),
        unit="",
        mirrors=(Mirror("z", ("a",)),),
    )
    frame = Frame(response, np.zeros((0, 2)))
    placement = frame.place(np.array([[2.0], [-2.0]]))
    assert placement.given.tolist() == [[2.0], [2.0]]
    hits = Hits(np.array([0, 1]), np.array([[1], [1]]), np.ones(2, np.float32))
    assert placement.to_frame(hits).cell.tolist() == [[1], [3]]
    assert placement.to_array(placement.to_frame(hits)).cell.tolist() == [[1], [1]]
