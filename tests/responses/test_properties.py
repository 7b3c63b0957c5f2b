"""Properties of arrays: against sums over cells, there and back, and their law."""

import dataclasses

import numpy as np
import pytest
from spots import SPOTS, spots

from lamarr_like.engine.onnx_session import Network
from lamarr_like.nets.onnx_graph import Graph
from lamarr_like.responses import properties
from lamarr_like.responses.frame import Frame
from lamarr_like.responses.hits import hits_of
from lamarr_like.responses.properties import Law


@pytest.fixture(scope="module")
def sample():
    return spots(500, seed=1)


@pytest.fixture(scope="module")
def placement(sample):
    return Frame.fit(SPOTS, sample.seen, sample.arrays).place(sample.seen)


@pytest.fixture(scope="module")
def values(sample, placement):
    return properties.of_hits(SPOTS, placement, placement.to_frame(sample.hits))


def test_they_are_the_moments_of_the_array_itself(sample, placement, values):
    # Half of the spots are mirrored, half have their axes exchanged: their users must not notice.
    assert placement.swapped.any() and (placement.sign < 0).any()
    found = properties.to_natural(SPOTS, placement, values)
    assert list(found) == ["total", "centroid_x", "centroid_y", "width"]
    there = np.isfinite(values).all(axis=1)
    arrays = sample.arrays.astype(np.float64)
    total = arrays.sum(axis=(1, 2))
    share = arrays / total[:, None, None]
    x, y = (axis.centres for axis in SPOTS.axes)
    cx, cy = share.sum(axis=2) @ x, share.sum(axis=1) @ y
    square = ((x[:, None] - cx[:, None, None]) ** 2 + (y - cy[:, None, None]) ** 2) * share
    expected = [total, cx, cy, np.sqrt(square.sum(axis=(1, 2)))]
    for name, column in zip(found, expected, strict=True):
        assert found[name][there] == pytest.approx(column[there], rel=1e-5, abs=1e-5), name
    assert there.mean() > 0.9


def test_there_and_back(placement, values):
    found = properties.to_natural(SPOTS, placement, values)
    again = properties.from_natural(SPOTS, placement, found)
    assert again == pytest.approx(values, abs=1e-9, nan_ok=True)


def test_what_is_not_named_is_nothing_in_the_frame(placement):
    some = properties.from_natural(SPOTS, placement, {"centroid_x": np.ones(500)})
    asked = np.isfinite(some)
    # Where axes are exchanged, the x of the array is the y of the frame.
    assert (asked.sum(axis=1) == 1).all()
    assert np.array_equal(asked[:, 2], placement.swapped)


def test_an_array_of_few_cells_has_none(placement):
    arrays = np.zeros((500, 8, 8), np.float32)
    arrays[0, 3, 2:6], arrays[1, 3, 2:7] = 1.0, 1.0
    found = properties.of_hits(SPOTS, placement, placement.to_frame(hits_of(arrays)))
    assert np.isnan(found[0]).all() and np.isfinite(found[1]).all() and np.isnan(found[2:]).all()


def test_the_width_is_along_axes_of_one_unit():
    assert properties.wide_axes(SPOTS) == [0, 1]
    other = dataclasses.replace(SPOTS.axes[1], unit="ns")
    odd = dataclasses.replace(SPOTS, axes=(SPOTS.axes[0], other), exchanges=())
    assert properties.wide_axes(odd) == [0]
    still = dataclasses.replace(SPOTS, shifts=(), mirrors=(), exchanges=())
    assert properties.wide_axes(still) == [0, 1]


def test_scores_of_the_law_and_back():
    rng = np.random.default_rng(1)
    weight, bias = rng.normal(size=(3, 4)).astype(np.float32), np.zeros(4, np.float32)
    weight[:, 2:] *= 0.1
    grid = np.linspace(-properties.REACH, properties.REACH, 51)
    graph = Graph()
    graph.output("moments", graph.dense(graph.input("conditions", 3), weight, bias), 4)
    law = Law(Network(graph.build()), np.stack([grid, np.sinh(grid)]))
    given = rng.normal(size=(200, 3))
    values = given @ weight[:, :2] + np.exp(given @ weight[:, 2:]) * rng.normal(size=(200, 2))
    scores = law.scores(given, values)
    assert law.values(given, scores) == pytest.approx(values, abs=1e-4)
    assert scores[:, 0].std() == pytest.approx(1, abs=0.15)
    values[0, 1] = np.nan
    assert np.isnan(law.scores(given, values)[0, 1])
