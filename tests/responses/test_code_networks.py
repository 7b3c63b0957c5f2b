"""Parts of the families of codes: each as a graph does what it does in training."""

from __future__ import annotations

import numpy as np
import pytest
from eager import in_xla

from lamarr_like.engine.onnx_session import Network
from lamarr_like.errors import TrainingError
from lamarr_like.nets.onnx_graph import Graph
from lamarr_like.responses.config import (
    DiffusionConfig,
    DistilledConfig,
    FlowConfig,
    GanConfig,
    SplittingConfig,
    VaeConfig,
)

tf = pytest.importorskip("tensorflow")

from lamarr_like.responses.training import diffusion, splines  # noqa: E402
from lamarr_like.responses.training.codes import CodeSample  # noqa: E402
from lamarr_like.responses.training.critic import Critic  # noqa: E402
from lamarr_like.responses.training.diffusion import DiffusionTrainer  # noqa: E402
from lamarr_like.responses.training.distilled import DistilledTrainer  # noqa: E402
from lamarr_like.responses.training.filling import _Filling  # noqa: E402
from lamarr_like.responses.training.flow import FlowTrainer  # noqa: E402
from lamarr_like.responses.training.gan import GanTrainer  # noqa: E402
from lamarr_like.responses.training.residual import ResidualMlp, add_residual  # noqa: E402
from lamarr_like.responses.training.splitting import SplittingTrainer  # noqa: E402
from lamarr_like.responses.training.vae import VaeTrainer  # noqa: E402

N_GIVEN, N_CODES = 3, 7
TINY = {"hidden": 8, "depth": 2, "steps": 10}


def sample(n=200, metrics=None):
    rng = np.random.default_rng(1)
    given, scores = rng.normal(size=(n, N_GIVEN)), rng.normal(size=(n, N_CODES))
    return CodeSample(given.astype(np.float32), scores.astype(np.float32), metrics)


def noise(n, *widths, seed=2):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, width)).astype(np.float32) for width in widths]


@pytest.mark.parametrize("bins", [2, 5])
def test_splines_and_their_opposite(bins):
    k = 4
    x, told = noise(500, k, k * (3 * bins - 1))
    x *= 3  # also beyond the reach
    graph = Graph()
    names = graph.input("x", k), graph.input("told", told.shape[1])
    graph.output("y", splines.add_forward(graph, *names, k=k, bins=bins), k)
    network = Network(graph.build())
    y = network(x=x, told=told)[0]
    found, logs = splines.back(tf.constant(y), tf.constant(told), bins)
    # Where a spline is nearly flat, its opposite is steep.
    assert found.numpy() == pytest.approx(x, abs=0.02)
    assert np.median(np.abs(found.numpy() - x)) < 1e-5
    beyond = np.abs(x) > splines.REACH
    assert beyond.any() and y[beyond] == pytest.approx(x[beyond], abs=1e-4)
    assert logs.numpy()[beyond] == pytest.approx(0, abs=2e-3)
    near, step = np.abs(x) < 4.9, np.float32(1e-2)
    ends = [network(x=x + side * step, told=told)[0] for side in (-1, 1)]
    slope = (ends[1] - ends[0]) / (2 * step)
    assert np.median(np.abs(np.log(slope[near]) - logs.numpy()[near])) < 0.01
    assert (slope > 0).all()


def test_splines_told_nothing_are_straight():
    y = tf.constant(np.linspace(-6, 6, 50, dtype=np.float32)[:, None])
    found, logs = splines.back(y, tf.zeros((50, 11)), 4)
    assert found.numpy() == pytest.approx(y.numpy(), abs=1e-5)
    assert logs.numpy() == pytest.approx(0, abs=1e-5)


def test_couplings_change_every_code_and_can_be_undone():
    trainer = FlowTrainer(sample(), FlowConfig(couplings=2, bins=4, **TINY))
    rng = np.random.default_rng(3)
    for v in trainer.variables:
        v.assign_add(0.3 * rng.normal(size=v.shape).astype(np.float32))
    trainer.average.count.assign(0.0)
    trainer.average.update()
    for variable, average in zip(trainer.variables, trainer.average.averages, strict=True):
        average.assign(variable)
    given, z = noise(300, N_GIVEN, N_CODES)
    drawn = Network(trainer.files()["codes.onnx"])(conditions=given, normals=z)[0]
    assert (np.abs(drawn - z) > 1e-3).any(axis=0).all()
    # The density of a draw is that of its noise, by the slopes of small changes of the noise.
    one, eps = np.repeat(z[:1], N_CODES, axis=0), np.float32(1e-2)
    network = Network(trainer.files()["codes.onnx"])
    same = np.repeat(given[:1], N_CODES, axis=0)
    ends = [
        network(conditions=same, normals=one + side * eps * np.eye(N_CODES, dtype=np.float32))[0]
        for side in (-1, 1)
    ]
    jacobian = (ends[1] - ends[0]).astype(np.float64) / (2 * eps)
    expected = -0.5 * (z[0] ** 2).sum() - np.log(abs(np.linalg.det(jacobian)))
    found = trainer._log_density(tf.constant(given[:1]), tf.constant(drawn[:1])).numpy()[0]
    assert found == pytest.approx(expected, abs=0.05)


def test_the_field_as_a_graph():
    trainer = DiffusionTrainer(sample(), DiffusionConfig(**TINY))
    given, state = noise(40, N_GIVEN, N_CODES)
    network = Network(trainer.files()["codes.onnx"])
    for t in (0.0, 0.3, 1.0):
        times = np.full((40, 1), t, np.float32)
        found = network(conditions=given, state=state, time=times)[0]
        added = trainer.net(given, state, diffusion._bumps(tf.constant(times)))
        own = (2 * t - 1) / (t**2 + (1 - t) ** 2) * state
        assert found == pytest.approx(own + added.numpy(), abs=1e-4)


def test_the_critic_is_shown_metrics_only_where_there_are_some():
    (metrics,) = noise(200, 4)
    assert GanConfig().needs_metrics and not GanConfig(regressor=False).needs_metrics
    assert not DiffusionConfig().needs_metrics
    with_them = GanTrainer(sample(metrics=metrics), GanConfig(**TINY))
    without = GanTrainer(sample(), GanConfig(regressor=False, **TINY))
    given, codes = noise(30, N_GIVEN, N_CODES)
    shown = with_them._shown(tf.constant(given), tf.constant(codes))
    assert shown.shape == (30, N_CODES + 4)
    assert shown[:, :N_CODES].numpy() == pytest.approx(codes)
    assert without._shown(given, codes) is codes
    assert with_them.critic.net.widths[0] == N_GIVEN + N_CODES + 4


def test_a_generator_that_knows_nothing_hands_on_its_noise():
    trainer = GanTrainer(sample(), GanConfig(regressor=False, latent=2, **TINY))
    for v in trainer.net.variables[:1] + trainer.net.kernels[-1:]:
        v.assign(tf.zeros_like(v))
    for variable, average in zip(trainer.net.variables, trainer.average.averages, strict=True):
        average.assign(variable)
    given, z = noise(30, N_GIVEN, N_CODES + 2)
    found = Network(trainer.files()["codes.onnx"])(conditions=given, normals=z)[0]
    assert found == pytest.approx(z[:, :N_CODES], abs=1e-5)


def test_stored_particles_are_chosen_by_their_likeness():
    trainer = VaeTrainer(sample(60), VaeConfig(stored=50, similar=0.7, **TINY))
    assert trainer.side == 7 and trainer.stored_given.shape == (49, N_GIVEN)
    graph = Graph()
    names = graph.input("given", N_GIVEN), graph.input("uniforms", 2)
    index = graph.op("Reshape", trainer._add_choice(graph, *names), graph.constant([-1, 1], "i8"))
    graph.output("index", graph.op("Cast", index, to=1), 1)
    rng, n = np.random.default_rng(4), 40_000
    given = np.repeat(trainer.stored_given[3:4], n, axis=0)
    uniforms = rng.random((n, 2)).astype(np.float32)
    found = Network(graph.build())(given=given, uniforms=uniforms)[0][:, 0].astype(int)
    away = ((trainer.stored_given - given[0]) ** 2).sum(axis=1).astype(np.float64)
    weights = np.exp(-0.5 * away / 0.7**2)
    weights /= weights.sum()
    counts = np.bincount(found, minlength=49)
    assert np.abs(counts - n * weights).max() < 5 * np.sqrt(n * weights.max())
    assert counts.argmax() == 3


def test_stored_latents_are_the_encoders_with_a_least_width():
    trainer = VaeTrainer(sample(60), VaeConfig(stored=16, bandwidth=0.5, **TINY))
    arrays = trainer.average.numpy()[: len(trainer.encoder.variables)]
    mean, width = trainer._stored_latents(arrays)
    known, logs = trainer._encoded(trainer.stored_given, trainer.stored_scores)
    assert mean == pytest.approx(known.numpy(), abs=1e-5)
    assert width == pytest.approx(np.hypot(np.exp(logs.numpy()), 0.5), abs=1e-5)


def test_residual_network_as_a_graph():
    net = ResidualMlp(np.random.default_rng(1), 5, 2, hidden=8, depth=3, out_scale=1.0)
    graph = Graph()
    x = graph.concat(graph.input("a", 3), graph.input("b", 2))
    graph.output("y", add_residual(graph, x, [v.numpy() for v in net.variables]), 2)
    a, b = noise(130, 3, 2)
    assert np.allclose(Network(graph.build())(a=a, b=b)[0], net(a, b), atol=1e-5)
    assert net.flops == 2 * (5 * 8 + 8 * 8 + 8 * 8 + 8 * 2)


def test_a_critic_learns_which_vectors_are_real():
    config = GanConfig(critic_hidden=16, critic_depth=2, warm_up=2, steps=60, learning_rate=5e-3)
    critic = Critic(np.random.default_rng(1), 1, 2, config)
    given, real, drawn = map(tf.constant, noise(400, 1, 2, 2))
    seed = tf.constant([1, 2])
    first = float(critic.update(given, real + 2, drawn, seed))
    assert first == pytest.approx(np.log(2), abs=0.3)
    for _ in range(59):
        last = float(critic.update(given, real + 2, drawn, seed))
    assert last < 0.5 * first
    assert critic.doubt(given, real + 2, drawn) < critic.doubt(given, drawn, real + 2)


def test_the_wasserstein_critic_measures_how_far_apart_vectors_are():
    config = GanConfig(
        objective="wasserstein",
        penalty=10.0,
        penalty_part=1,
        critic_hidden=16,
        critic_depth=2,
        warm_up=2,
        steps=300,
        learning_rate=5e-3,
    )
    critic = Critic(np.random.default_rng(1), 1, 2, config)
    given, real, drawn = map(tf.constant, noise(400, 1, 2, 2))
    moved = real + np.array([3, 4], np.float32)
    update = tf.function(critic.update, autograph=False)
    for step in range(300):
        last = float(update(given, moved, drawn, tf.constant([1, step])))
    # Moved by 5 in all: slopes s that maximise 5 s - 10 (s - 1)^2.
    assert -last == pytest.approx(5.0 * 1.25, rel=0.05)
    with pytest.raises(TrainingError, match="objective 'least squares': there are relativistic"):
        GanConfig(objective="least squares")


def test_xla_takes_every_step():
    """All are trained without it in tests."""
    made, pairs = sample(64), noise(20, N_GIVEN, N_CODES, N_CODES)
    tiny = {"critic_hidden": 8, "critic_depth": 1}
    for trainer in (
        DiffusionTrainer(made, DiffusionConfig(**TINY)),
        FlowTrainer(made, FlowConfig(couplings=2, bins=4, **TINY)),
        GanTrainer(made, GanConfig(regressor=False, **TINY, **tiny)),
        SplittingTrainer(made, SplittingConfig(components=2, **TINY)),
        VaeTrainer(made, VaeConfig(latent=2, stored=16, **TINY, **tiny)),
    ):
        assert "ENTRY" in in_xla(trainer, made.given, made.scores), type(trainer)
    student = DistilledTrainer(made, DistilledConfig(pairs=20, **TINY, **tiny))
    assert "ENTRY" in in_xla(student, made.given, made.scores, *pairs, name="_student_step")
    x, share = noise(64, 5)[0], np.random.default_rng(1).random(64).astype(np.float32)
    assert "ENTRY" in in_xla(_Filling(5, SplittingConfig(**TINY)), x, share)
