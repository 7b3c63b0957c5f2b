"""Adversarial networks: the score that holds them together, and the graph of the generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from family_toys import vector_law
from graph_sizes import products, widths

from lamarr_like.engine.onnx_session import Network
from lamarr_like.nets.config import GanConfig
from lamarr_like.nets.onnx_graph import Graph
from lamarr_like.nets.sample import VectorRows, prepare_generator_sample

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.gan import GanTrainer, ResidualNet, energy_score  # noqa: E402

TINY = GanConfig(
    hidden=8, critic_hidden=8, depth=3, steps=20, warm_up=2, law_hidden=16, law_share=0.0
)


def trainer_of(*names, config=TINY):
    conditions, targets = vector_law(300, 1)
    rows = VectorRows(conditions, {k: targets[k] for k in names}, integers=frozenset({"count"}))
    sample = prepare_generator_sample(rows, knots=100, seed=1)
    return GanTrainer(sample, config), sample


def woken(trainer):
    """The trainer with a generator that does not stay at the law, as after some steps."""
    kernel = trainer.net.kernels[-1]
    assert not kernel.numpy().any()  # it starts as the law is
    kernel.assign(np.random.default_rng(3).normal(size=kernel.shape))
    trainer.average.averages[len(trainer.net.kernels) - 1].assign(kernel)
    return trainer


def test_energy_score_is_least_for_the_true_law():
    rng, n = np.random.default_rng(1), 20_000
    real, one, two = rng.normal(size=(3, n, 2)).astype(np.float32)
    w = np.ones(n, np.float32)

    def score(change):
        return float(energy_score(real, change(one), change(two), w))

    best = score(lambda y: y)
    for wrong in (lambda y: y + 0.5, lambda y: 1.5 * y, lambda y: 0.5 * y, lambda y: 0.0 * y):
        assert score(wrong) > best + 0.01
    half = np.where(np.arange(n) < 100, w, 0.0).astype(np.float32)
    part = float(energy_score(real[:100], one[:100], two[:100], w[:100]))
    assert float(energy_score(real, one, two, half)) == pytest.approx(part * 100 / n, rel=1e-4)


def test_inner_layers_are_skipped_over():
    net = ResidualNet(np.random.default_rng(1), 3, hidden=6, depth=3, n_out=2)
    x = np.random.default_rng(2).normal(size=(5, 3)).astype(np.float32)
    h = x
    for i, kernel in enumerate(v.numpy() for v in net.kernels[:-1]):
        step = h @ kernel
        step = np.where(step > 0, step, 0.2 * step)
        h = h + step if i else step
    assert net(x).numpy() == pytest.approx(h @ net.kernels[-1].numpy(), abs=1e-5)
    assert len(net.variables) == 8 and net.widths == [3, 6, 6, 6, 2]


def test_slope_of_the_critic():
    trainer, sample = trainer_of("count", "d")
    given, y = np.zeros((9, trainer.critic.widths[0] - 2), np.float32), sample.y[:9]
    step, found = 1e-2, []
    for k in range(2):
        moved = [y + sign * step * np.eye(2, dtype=np.float32)[k] for sign in (1, -1)]
        up, down = (trainer.critic(np.hstack([given, m])).numpy()[:, 0] for m in moved)
        found.append((up - down) / (2 * step))
    wanted = (np.square(found).sum(axis=0)).mean()
    assert float(trainer._slope2(given, tf.constant(y))) == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize("names", [("count", "a", "b", "d"), ("count",)])
def test_costs_and_noise_are_those_of_the_graph(names):
    trainer = woken(trainer_of(*names)[0])
    model = trainer.files()["model.onnx"]
    assert (trainer.n_atoms > 1) == (len(names) > 1)
    assert trainer.flops == products(model)
    found = widths(model)
    assert (found["uniforms"], found["normals"]) == trainer.noise


def test_graph_scales_the_residuals_of_the_trained_network():
    trainer, sample = trainer_of("count")
    rng, n = np.random.default_rng(2), len(sample.x)
    woken(trainer)
    u = rng.random((n, 1)).astype(np.float32)
    z = rng.normal(size=(n, trainer.latent)).astype(np.float32)
    model = Network(trainer.files()["model.onnx"])
    (found,) = model(conditions=sample.x, uniforms=u, normals=z)
    errors = trainer._residuals(sample.x, np.ones((n, 1), np.float32), z).numpy()
    graph = Graph()
    x = graph.input("conditions", sample.x.shape[1])
    options = {"uniforms": graph.input("uniforms", 1), "errors": graph.input("normals", 1)}
    arrays = [v.numpy() for v in trainer.law.net.variables]
    graph.output("scores", trainer.law.outputs(graph, x, arrays=arrays, free="", **options), 1)
    (wanted,) = Network(graph.build())(conditions=sample.x, uniforms=u, normals=errors)
    assert found == pytest.approx(wanted, abs=1e-4)
    assert np.abs(errors - z[:, :1]).max() > 0.1


def test_one_step_moves_all_three_networks(eager):
    trainer, sample = trainer_of("count", "d")
    groups = [[v.numpy() for v in group] for group in trainer.groups]
    for _ in range(2):
        loss = trainer.step(sample.x, sample.atom, sample.y, sample.weights)
    assert np.isfinite(float(loss)) and int(trainer.count) == 2
    for before, group in zip(groups, trainer.groups, strict=True):
        assert any(not np.array_equal(a, b.numpy()) for a, b in zip(before, group, strict=True))


def test_the_law_learns_alone_at_first():
    trainer, sample = trainer_of("count", "d", config=replace(TINY, law_share=0.5))
    assert trainer.alone == 10
    batch = (sample.x, sample.atom, sample.y, sample.weights)
    still = [v.numpy() for v in (*trainer.net.variables, *trainer.critic.variables)]
    law = [v.numpy() for v in trainer.law.net.variables]
    first = float(trainer.step(*batch))
    for _ in range(9):
        last = float(trainer.step(*batch))
    assert last < first and int(trainer.count) == 10
    now = [*trainer.net.variables, *trainer.critic.variables]
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(still, now, strict=True))
    assert not any(
        np.array_equal(a, b.numpy()) for a, b in zip(law, trainer.law.net.variables, strict=True)
    )
    for _ in range(2):  # the rate rises from nothing
        trainer.step(*batch)
    assert any(not np.array_equal(a, b.numpy()) for a, b in zip(still, now, strict=True))


def test_matrices_of_the_law_take_orthogonal_steps():
    trainer, sample = trainer_of("count", "d")
    kernels = trainer.law.net.kernels
    assert len(trainer.muon.kernels) == len(kernels) - 1
    assert not {id(k) for k in trainer.muon.kernels} & {id(v) for v in trainer.groups[2]}
    before = [v.numpy() for v in trainer.law.net.variables]
    for _ in range(4):  # the rate rises from nothing
        trainer.step(sample.x, sample.atom, sample.y, sample.weights)
    after = [v.numpy() for v in trainer.law.net.variables]
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert Network(trainer.files()["model.onnx"]) is not None
