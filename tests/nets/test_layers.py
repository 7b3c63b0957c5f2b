"""Initial weights, dense networks, the rate of learning, and averages of weights."""

from __future__ import annotations

import numpy as np
import pytest
from eager import in_xla
from family_toys import class_batch, vector_law

from lamarr_like.nets.config import ArmdnConfig, GanConfig, MlpConfig, OneVsRestConfig
from lamarr_like.nets.sample import VectorRows, prepare_generator_sample

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets import layers  # noqa: E402
from lamarr_like.nets.armdn import ArmdnTrainer  # noqa: E402
from lamarr_like.nets.gan import GanTrainer  # noqa: E402
from lamarr_like.nets.layers import Mlp, MovingAverage, adam, weight  # noqa: E402
from lamarr_like.nets.mlp import MlpTrainer  # noqa: E402
from lamarr_like.nets.one_vs_rest import OneVsRestTrainer  # noqa: E402

TINY = {"hidden": 8, "depth": 2, "steps": 20, "warm_up": 2}


def test_variance_of_weights_is_one_over_the_fan_in():
    values = weight(np.random.default_rng(1), 3, 50, 400, scale=2.0).numpy()
    assert values.dtype == np.float32 and values.shape == (3, 50, 400)
    assert values.std() == pytest.approx(2.0 / np.sqrt(50), rel=0.02)


def silu(x):
    return x / (1.0 + np.exp(-x))


def test_network_is_the_formula():
    net = Mlp(np.random.default_rng(1), [3, 8, 5, 2])
    for bias in net.biases:
        bias.assign(np.random.default_rng(2).normal(size=bias.shape))
    x = np.random.default_rng(3).normal(size=(7, 3)).astype(np.float32)
    one, two, three = (v.numpy() for v in net.kernels)
    a, b, c = (v.numpy() for v in net.biases)
    wanted = silu(silu(x @ one + a) @ two + b) @ three + c
    assert net(x).numpy() == pytest.approx(wanted, abs=1e-5)
    assert len(net.variables) == 6


def test_stacked_networks_do_not_touch_each_other():
    net = Mlp(np.random.default_rng(1), [3, 8, 2], stack=4, out_scale=0.1)
    x = np.random.default_rng(3).normal(size=(7, 3)).astype(np.float32)
    whole = net(x).numpy()
    assert whole.shape == (4, 7, 2)
    one = Mlp(np.random.default_rng(1), [3, 8, 2])
    for mine, theirs in zip(one.variables, net.variables, strict=True):
        mine.assign(tf.reshape(theirs[2], mine.shape))
    assert one(x).numpy() == pytest.approx(whole[2], abs=1e-6)
    net.kernels[0][1].assign(tf.zeros((3, 8)))
    changed = [not np.array_equal(a, b) for a, b in zip(whole, net(x).numpy(), strict=True)]
    assert changed == [False, True, False, False]


@pytest.mark.parametrize(("steps", "warm_up"), [(80, 4), (60, 500)])
def test_rate_rises_then_falls_to_nearly_nothing(steps, warm_up):
    optimizer = adam(0.01, warm_up, steps)
    rate = np.array([float(optimizer._learning_rate(i)) for i in range(steps + 1)])
    top = min(warm_up, steps // 10)
    assert rate[0] == 0.0 and rate[top // 2] == pytest.approx(0.01 * (top // 2) / top)
    assert rate.argmax() == top and rate[top] == pytest.approx(0.01)
    assert (np.diff(rate[top:]) <= 0.0).all()
    assert rate[-1] == pytest.approx(0.002 * 0.01, rel=1e-3)


def test_average_starts_gently_and_then_forgets_as_told():
    variable = tf.Variable([0.0])
    average = MovingAverage([variable], 0.5)
    variable.assign([1.0])
    wanted = 0.0
    for count in range(1, 30):
        average.update()
        decay = min(0.5, count / (count + 10.0))
        wanted = decay * wanted + 1.0 - decay
        assert average.numpy()[0][0] == pytest.approx(wanted, abs=1e-6)
    assert variable.numpy()[0] == 1.0 and wanted > 0.999


@pytest.mark.parametrize(
    ("trainer", "config", "step"),
    [(ArmdnTrainer, ArmdnConfig, "step"), (GanTrainer, GanConfig, "_step")],
)
def test_xla_takes_the_steps_of_generators(trainer, config, step):
    conditions, targets = vector_law(300, 1)
    rows = VectorRows(conditions, targets, integers=frozenset({"count"}))
    sample = prepare_generator_sample(rows, knots=100, seed=1)
    settings = config(**TINY | ({"critic_hidden": 8} if config is GanConfig else {}))
    batch = [array[:64] for array in (sample.x, sample.atom, sample.y, sample.weights)]
    assert "ENTRY" in in_xla(trainer(sample, settings), *batch, name=step)


@pytest.mark.parametrize(
    ("trainer", "config"), [(MlpTrainer, MlpConfig), (OneVsRestTrainer, OneVsRestConfig)]
)
def test_xla_takes_the_steps_of_classifiers(trainer, config):
    assert "ENTRY" in in_xla(trainer(2, 3, config(**TINY)), *class_batch())


def test_a_compiled_step_is_the_plain_one(monkeypatch):
    made = []
    for compiled in (False, True):
        monkeypatch.setattr(layers, "XLA", compiled)
        own = {"step": layers.training_step(MlpTrainer.step.python_function)}
        trainer = type("Own", (MlpTrainer,), own)(2, 3, MlpConfig(**TINY))
        losses = [float(trainer.step(*class_batch())) for _ in range(4)]
        made.append((losses, [v.numpy() for v in trainer.net.variables]))
    (one, weights), (two, others) = made
    assert two == pytest.approx(one, rel=1e-5) and one[0] != one[3]
    for a, b in zip(weights, others, strict=True):
        assert b == pytest.approx(a, abs=1e-5)
