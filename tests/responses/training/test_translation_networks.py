"""The networks of translations: the same in TensorFlow and as a graph, and what the graph costs."""

import numpy as np
import pytest

from lamarr_like.engine.onnx_session import Session
from lamarr_like.responses.translate.config import CycleGanConfig, UvcGanConfig
from lamarr_like.responses.translate.model import BLOCK

CONFIGS = [CycleGanConfig(width=4, blocks=2), UvcGanConfig(width=4, tokens=8, heads=2)]
SHAPE = (8, 12)


@pytest.fixture(scope="module")
def networks():
    pytest.importorskip("tensorflow")
    from lamarr_like.responses.training import translation_networks as networks

    return networks


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.family)
def test_the_graph_is_the_network(networks, config):
    import tensorflow as tf

    rng = np.random.default_rng(1)
    weights = networks.initial_generator(config, SHAPE, rng)
    x = rng.random((3, *SHAPE), np.float32)
    tensors = {name: tf.constant(values) for name, values in weights.items()}
    wanted = networks.in_tensorflow(tensors, config, SHAPE).generate(x[..., None]).numpy()
    assert wanted.shape == (3, *SHAPE, 1) and np.ptp(wanted) > 0.1
    graph = Session(networks.generator_file(weights, config, SHAPE), "toy", [{"": BLOCK}])
    (found,) = graph(cells=x.reshape(3, -1))
    assert np.allclose(found.reshape(wanted.shape), wanted, atol=2e-5)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.family)
def test_a_cell_moves_by_no_more_than_the_largest_near_it(networks, config):
    rng = np.random.default_rng(1)
    weights = networks.initial_generator(config, SHAPE, rng)
    weights["out.bias"] += 50.0
    graph = Session(networks.generator_file(weights, config, SHAPE), "toy", [{"": BLOCK}])
    x = np.zeros((1, *SHAPE), np.float32)
    x[0, 1, 6] = 3.0
    moved = graph(cells=x.reshape(1, -1))[0].reshape(SHAPE) - x[0]
    near = np.zeros(SHAPE, bool)
    near[0:4, 4:9] = True
    assert np.allclose(moved[near], 3.0) and not moved[~near].any()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.family)
def test_what_is_far_is_seen_by_the_transformer_only(networks, config):
    rng = np.random.default_rng(1)
    weights = networks.initial_generator(config, (40, 8), rng)
    graph = Session(networks.generator_file(weights, config, (40, 8)), "toy", [{"": BLOCK}])
    x = rng.random((1, 40, 8), np.float32)
    y = x.copy()
    y[0, 0, 0] += 1.0
    one, two = (graph(cells=part.reshape(1, -1))[0].reshape(40, 8) for part in (x, y))
    moved = np.abs(one - two).max(axis=1)
    assert moved[0] > 1e-3
    assert (moved[-1] > 1e-6) == (config.family == "uvcgan")


def test_a_critic_scores_patches(networks):
    import tensorflow as tf

    config = CONFIGS[0]
    weights = networks.initial_critic(config, np.random.default_rng(1))
    tensors = {name: tf.constant(values) for name, values in weights.items()}
    x = np.zeros((2, *SHAPE, 1), np.float32)
    x[0, 0, 0] = 1.0
    score = networks.in_tensorflow(tensors, config, SHAPE).criticise(x).numpy()
    assert score.shape == (2, 2, 3, 1)
    assert score[0, 0, 0] != score[1, 0, 0] and score[0, 1, 2] == score[1, 1, 2]
