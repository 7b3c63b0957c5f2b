"""Blocks into cells: nothing lost, nothing outside, the same whatever shares the call."""

from dataclasses import replace

import numpy as np
import pytest
from blobs import BLOBS, blobs

from lamarr_like.engine.onnx_session import Network
from lamarr_like.nets.onnx_graph import Graph
from lamarr_like.responses import filling
from lamarr_like.responses.blocks import Layout, Shells
from lamarr_like.responses.boxes import Boxes, visible
from lamarr_like.responses.frame import Frame
from lamarr_like.rng import stream_keys

LAYOUT = Layout(BLOBS, Shells(1, (2,)))
SCALE = BLOBS.feature("log_energy")


@pytest.fixture(scope="module")
def made():
    sample = blobs(300)
    frame = Frame.fit(BLOBS, sample.seen, sample.arrays)
    return sample, frame.place(sample.seen)


@pytest.fixture(scope="module")
def even(made):
    """A network for which halves are equal on the mean, and empty now and then."""
    sample, placement = made
    hits = placement.to_frame(sample.hits)
    inputs, _ = filling.splits_of(LAYOUT, placement, hits, placement.given, SCALE)
    law = np.zeros(filling.OUTPUTS)
    law[:2] = -1.0
    law[-filling.COMPONENTS :] = -0.5
    weight = np.zeros((inputs.shape[1], filling.OUTPUTS))
    graph = Graph()
    graph.output("law", graph.dense(graph.input("node", len(weight)), weight, law), len(law))
    network = Network(graph.build())
    return lambda node, row: network(node=node)[0]


def blocks(made):
    sample, placement = made
    hits = placement.to_frame(sample.hits)
    energies = LAYOUT.energies(hits, len(sample))
    seen = visible(placement, BLOBS.shape)
    return filling.blocks_of(Boxes(LAYOUT.low, LAYOUT.high), seen, energies, BLOBS.threshold)


def filled(made, even, rows=slice(None)):
    nodes, boxes, block = blocks(made)
    keys = stream_keys(1, "t", nodes.row, block)
    nodes, keys = nodes.take(np.arange(len(nodes.row))[rows]), keys[rows]
    settings = {"scale": SCALE, "least": BLOBS.threshold}
    return nodes, filling.fill(nodes, boxes, keys, made[1].given, even, **settings)


def test_what_blocks_hold_is_in_cells_of_the_array(made, even):
    nodes, hits = filled(made, even)
    n = len(made[0])
    held = np.bincount(nodes.row, weights=nodes.value, minlength=n)
    assert np.allclose(hits.sums(n), held, rtol=1e-5)
    cells = made[1].to_array(hits).cell
    assert ((cells >= 0) & (cells < 12)).all()
    flat = np.ravel_multi_index((hits.row, *(hits.cell.T + 40)), (n, 100, 100))
    assert len(np.unique(flat)) == len(flat)
    assert (hits.value >= BLOBS.threshold * 0.999).all()


def test_blocks_are_filled_alike_whatever_shares_the_call(made, even):
    _, whole = filled(made, even)
    nodes, part = filled(made, even, slice(0, 40))
    last = nodes.row[-1]
    for row in range(last):
        one, two = whole.row == row, part.row == row
        assert np.array_equal(whole.cell[one], part.cell[two])
        assert np.array_equal(whole.value[one], part.value[two])


def test_nothing_is_nothing(made, even):
    for network in (even, None):
        nodes, boxes, _ = blocks(made)
        none = nodes.take(np.zeros(0, dtype=np.int64))
        keys = np.zeros(0, np.uint64)
        hits = filling.fill(none, boxes, keys, made[1].given, network, scale=SCALE, least=1.0)
        assert hits.row.shape == (0,) and hits.cell.shape == (0, 2) and hits.value.shape == (0,)


def test_shares_of_a_sample_are_those_of_its_halves(made):
    sample, placement = made
    hits = placement.to_frame(sample.hits)
    inputs, shares = filling.splits_of(LAYOUT, placement, hits, placement.given, SCALE)
    assert len(inputs) == len(shares) and np.isfinite(inputs).all()
    assert ((shares >= 0) & (shares <= 1)).all()
    nodes, boxes, _ = blocks(made)
    assert len(shares) >= len(filling.several(nodes, boxes)[0]) > 100


def test_halves_hold_as_much_as_a_cell_at_least():
    rng, least = np.random.default_rng(2), 0.1
    sums = least + rng.exponential(0.05, (500, 2))
    sums[:100, 0], sums[100:200, 1] = 0.0, 0.0
    share = sums[:, 0] / sums.sum(axis=1)
    nodes = filling.Nodes(np.arange(500), np.zeros(500, np.int64), sums.sum(axis=1))
    told = filling._beyond(sums, share, replace(BLOBS, threshold=least))
    assert told[:100].max() == 0 and told[100:200].min() == 1
    found, parent, n_first = filling.children(nodes, 1, told, least)
    back = np.zeros((500, 2))
    back[parent, found.box] = found.value
    assert np.array_equal(found.box, np.arange(len(parent)) >= n_first)
    assert np.allclose(back, sums, atol=1e-6)
    # Whatever is drawn, nothing is below; where two cells are too many, one has all.
    drawn = filling.children(nodes, 1, rng.random(500), least)[0]
    assert (drawn.value >= least - 1e-12).all()
    assert drawn.value.sum() == pytest.approx(sums.sum())
    low = nodes._replace(value=np.full(500, 1.5 * least))
    alone, parent, _ = filling.children(low, 1, rng.random(500), least)
    assert np.array_equal(np.sort(parent), np.arange(500)) and np.allclose(alone.value, 0.15)


def test_shares_follow_their_law():
    law = np.zeros((20_000, filling.OUTPUTS), np.float32)
    law[:, 0], law[:, 1] = np.log(2.0), np.log(1.0)  # nothing, all, else: 2 : 1 : 1
    law[:, 2:5] = (-20, 0, -20)
    law[:, 6], law[:, 9] = 0.7, np.log(0.3)
    share = filling.drawn_share(law, stream_keys(1, "t", np.arange(len(law))))
    assert abs((share == 0).mean() - 0.5) < 0.015
    assert abs((share == 1).mean() - 0.25) < 0.015
    inner = share[(share > 0) & (share < 1)]
    odds = np.log(inner / (1 - inner))
    assert abs(odds.mean() - 0.7) < 0.03
    assert abs(odds.std() - 0.3 * np.pi / np.sqrt(3)) < 0.02


def test_whole_numbers_are_halved_exactly_and_fairly():
    """Halves are whole and add up; a share that is uniform gives each number the same chance."""
    response = replace(BLOBS, values="counts", threshold=1.0)
    assert response.whole and response.least == 1.0
    sums = np.random.default_rng(3).integers(0, 6, (4000, 2)).astype(float)
    sums = sums[sums.sum(axis=1) > 0]
    n = len(sums)
    share = sums[:, 0] / sums.sum(axis=1)
    nodes = filling.Nodes(np.arange(n), np.zeros(n, np.int64), sums.sum(axis=1))
    told = filling._beyond(sums, share, response)
    found, parent, _ = filling.children(nodes, 1, told, 1.0, whole=True)
    back = np.zeros((n, 2))
    back[parent, found.box] = found.value
    assert np.array_equal(back, sums)
    # Of those of one sum the shares of what is beyond are spread evenly.
    seven = (sums.sum(axis=1) == 7) & (sums > 0).all(axis=1)
    flat = np.unique(np.floor(6 * told[seven]), return_counts=True)[1]
    assert len(flat) == 6 - 2 and (sums[seven].min() >= 2)
    u = np.random.default_rng(4).random(60_000)
    many = filling.Nodes(np.arange(60_000), np.zeros(60_000, np.int64), np.full(60_000, 5.0))
    firsts = filling.children(many, 1, u, 1.0, whole=True)[0].value[:60_000]
    assert np.allclose(np.bincount(firsts.astype(int))[1:5], 15_000, rtol=0.05)
    two = filling.Nodes(np.arange(3), np.zeros(3, np.int64), np.array([1.0, 2.0, 2.0]))
    value = filling.children(two, 1, np.array([0.3, 0.3, 0.0]), 1.0, whole=True)[0].value
    assert value.tolist() == [1.0, 1.0, 1.0, 2.0]
