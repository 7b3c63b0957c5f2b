"""Graphs written by hand compute what NumPy computes."""

import numpy as np
import pytest
from scipy.special import softmax

from lamarr_like.engine.onnx_session import Session
from lamarr_like.nets.onnx_graph import Graph

N = 200


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).normal(size=(N, 4)).astype(np.float32)


def run(x, build, width, **further):
    graph = Graph()
    tensor = graph.input("x", 4)
    others = [graph.input(name, values.shape[1]) for name, values in further.items()]
    graph.output("y", build(graph, tensor, *others), width)
    return Session(graph.build())(x=x, **further)[0]


def test_layers(x):
    rng = np.random.default_rng(2)
    weight, bias = rng.normal(size=(4, 3)), rng.normal(size=3)

    def build(graph, t):
        return graph.silu(graph.dense(t, weight, bias))

    z = x @ weight + bias
    np.testing.assert_allclose(run(x, build, 3), z / (1 + np.exp(-z)), rtol=1e-4, atol=1e-5)


def test_columns_are_cut_clipped_and_joined(x):
    def build(graph, t):
        return graph.concat(graph.slice(t, 2, 4), graph.clip(graph.slice(t, 0, 1), -0.5, 0.5))

    expected = np.concatenate([x[:, 2:4], np.clip(x[:, :1], -0.5, 0.5)], axis=1)
    np.testing.assert_array_equal(run(x, build, 3), expected)
    graph = Graph()
    assert graph.concat("alone") == "alone"


def test_classes_are_drawn_by_their_probabilities(x):
    u = np.random.default_rng(3).random((N, 1)).astype(np.float32)

    def build(graph, t, uniform):
        return graph.one_hot(graph.choose(t, uniform, 4), 4)

    found = run(x, build, 4, u=u)
    assert set(found.sum(axis=1)) == {1.0}
    expected = (u > softmax(x, axis=1).cumsum(axis=1)[:, :3]).sum(axis=1)
    assert (found.argmax(axis=1) == expected).mean() > 0.99  # but for rounding at the steps
    # No number of [0, 1) leads beyond the last class.
    edge = np.full((N, 1), np.nextafter(np.float32(1), np.float32(0)))
    assert run(x, build, 4, u=edge).argmax(axis=1).max() <= 3


def test_graphs_are_the_same_bytes_each_time(x):
    def made():
        graph = Graph()
        graph.output("y", graph.silu(graph.input("x", 4)), 4)
        return graph.build()

    assert made() == made()


def test_graphs_that_are_wrong_are_refused():
    graph = Graph()
    graph.output("y", graph.op("NoSuchOperator", graph.input("x", 4)), 4)
    with pytest.raises(Exception, match="NoSuchOperator"):
        graph.build()
