"""Numbers that a training emphasises: physical outputs as tensors, and the penalty."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from eager import eagerly
from family_toys import vector_law

from lamarr_like.engine.normal_scores import dequantise
from lamarr_like.errors import TrainingError
from lamarr_like.nets.config import ArmdnConfig, GanConfig, LibraryConfig
from lamarr_like.nets.families import find_family
from lamarr_like.nets.sample import Emphasis, VectorRows, prepare_generator_sample

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.emphasis import Balance, Penalty, Physical  # noqa: E402
from lamarr_like.nets.gan import GanTrainer  # noqa: E402


@dataclass(frozen=True)
class Above:
    """Whether `a`, and half the flag, is above 150."""

    differentiable: bool = True
    name: str = "above"
    conditions: tuple[str, ...] = ("flag",)
    cut: float | None = 150.0
    softness: float = 10.0
    n_cells: int = 2

    def value(self, outputs, conditions):
        return outputs["a"] + 0.5 * conditions["flag"]

    def numbers(self, outputs, conditions):
        return (self.value(outputs, conditions) > self.cut).astype(float)


def rows_of(differentiable=True, n=4000):
    conditions, targets = vector_law(n, 1)
    number = Emphasis(Above(differentiable), (conditions["flag"] > 0.5).astype(int))
    wanted = {k: targets[k] for k in ("a", "b", "d")}
    return VectorRows(conditions, wanted, emphasis=number)


def test_outputs_of_scores_are_those_of_the_model():
    rows = rows_of()
    sample = prepare_generator_sample(rows, knots=100, seed=1)
    found = Physical(sample, list(rows.targets))(sample.y, sample.atom)
    expected = sample.scores.inverse(sample.y)
    sample.atoms.impose(expected, sample.atom.astype(np.int64))
    for k, name in enumerate(rows.targets):
        np.testing.assert_allclose(found[name], expected[:, k], rtol=1e-4, atol=0.05)
    assert (found["b"].numpy() == found["a"].numpy()).mean() > 0.1  # copies
    assert dequantise(np.zeros(1), np.full(1, 0.5))[0] == 0.0


def test_penalty_is_that_of_means_and_spreads_cell_by_cell():
    rng, n = np.random.default_rng(1), 4000
    cells = rng.integers(-1, 2, n)
    real = rng.normal(size=n) + cells
    balance = Balance(real, cells, 2, 1.0)
    ones = np.ones(n, np.float32)

    def told(drawn, steps=200):
        balance.average.assign(np.zeros((2, 2), np.float32))
        for _ in range(steps):
            loss = balance.loss(drawn.astype("f"), real.astype("f"), cells, ones)
        return float(loss)

    same = rng.normal(size=n) + cells
    best = told(same)
    assert 0.0 <= best < 0.02
    shifted = told(same + 0.5 * (cells == 0))
    assert shifted == pytest.approx(0.5 * (0.5**2 + 0.25**2), rel=0.35)
    assert told(np.where(cells == 1, 1.0 + 1.5 * (same - 1.0), same)) > 0.3
    assert told(same + 5.0 * (cells < 0)) == pytest.approx(best)


@pytest.mark.parametrize("differentiable", [True, False])
def test_the_number_has_a_slope(differentiable):
    rows = rows_of(differentiable)
    sample = prepare_generator_sample(rows, knots=100, seed=1)
    penalty = Penalty(sample, rows, rows.emphasis, 1.0, 1, 300)
    n_atoms = len(sample.atoms)
    given = np.concatenate([sample.x, np.eye(n_atoms, dtype="f")[sample.atom]], axis=1)
    number, cells, known = penalty.further
    assert set(cells) == {0, 1} and known.shape == (len(cells), 1)
    if not differentiable:
        assert set(number) == {0.0, 1.0}
        learn = tf.function(penalty.learn)
        for _ in range(200):
            learn(given, sample.y, number)
    with tf.GradientTape() as tape:
        scores = tf.constant(sample.y)
        tape.watch(scores)
        found = penalty.number(given, scores, sample.atom, known)
    slope = tape.gradient(found, scores).numpy()
    truth = rows.emphasis.number.numbers(rows.targets, rows.conditions)
    assert np.corrcoef(found.numpy(), truth)[0, 1] > 0.9
    assert slope[:, 0].mean() > 2.0 * np.abs(slope[:, 2].mean())
    np.testing.assert_array_equal(
        penalty.told(tf.constant(sample.y), sample.atom, penalty.further)[:50],
        truth[:50].astype("f"),
    )


def test_draws_of_the_law_in_training_are_those_of_the_graph():
    from lamarr_like.engine.onnx_session import Network
    from lamarr_like.nets.onnx_graph import Graph

    rows = rows_of()
    sample = prepare_generator_sample(rows, knots=100, seed=1)
    config = GanConfig(hidden=8, critic_hidden=8, depth=2, steps=10)
    law = GanTrainer(sample, config).law
    rng, n, k = np.random.default_rng(1), 64, sample.y.shape[1]
    given, uniforms, errors = (
        rng.normal(size=(n, law.n_given)).astype("f"),
        rng.random((n, k)).astype("f"),
        rng.normal(size=(n, k)).astype("f"),
    )
    graph = Graph()
    names = graph.input("given", law.n_given), graph.input("u", k), graph.input("e", k)
    arrays = [v.numpy() for v in law.net.variables]
    drawn = law.outputs(graph, names[0], uniforms=names[1], errors=names[2], arrays=arrays, free="")
    graph.output("scores", drawn, k)
    (found,) = Network(graph.build())(given=given, u=uniforms, e=errors)
    told = law.draw(given, uniforms, errors, np.ones((n, k), "f"))
    np.testing.assert_allclose(found, told, atol=1e-3)


@pytest.mark.parametrize("differentiable", [True, False])
def test_a_gan_gets_it_right(differentiable):
    rows = rows_of(differentiable)
    sample = prepare_generator_sample(rows, knots=100, seed=1)
    config = GanConfig(
        hidden=8,
        critic_hidden=8,
        depth=2,
        steps=10,
        warm_up=1,
        emphasis=5.0,
        latent=3,
        law_share=0.0,
    )
    trainer = GanTrainer(sample, config)
    batch = [a[:256] for a in (sample.x, sample.atom, sample.y, sample.weights, *trainer.further)]
    with eagerly():
        for _ in range(3):
            assert np.isfinite(float(trainer.step(*batch)))
    assert (trainer.penalty.balance.average.numpy() != 0).any()
    assert len(trainer.further) == 3 and trainer.files()["model.onnx"]


@pytest.mark.parametrize("config", [ArmdnConfig(steps=2), LibraryConfig()])
def test_other_families_say_so(config):
    rows = rows_of(n=500)
    with pytest.raises(TrainingError, match="cannot emphasise 'above'"):
        find_family(config.family).fit(rows, config, progress=False)
    assert replace(rows, emphasis=None).emphasis is None
