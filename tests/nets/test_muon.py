"""Orthogonal steps: singular values, size and decay of a step, and what trainers do with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lamarr_like.nets.config import ArmdnConfig
from lamarr_like.nets.sample import VectorRows, prepare_generator_sample

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.armdn import ArmdnTrainer  # noqa: E402
from lamarr_like.nets.muon import Muon, PackedMuon, orthogonal  # noqa: E402


@pytest.mark.parametrize("shape", [(3, 12, 30), (3, 30, 12), (2, 16, 16)])
def test_singular_values_become_about_one_and_vectors_stay(shape):
    given = (
        np.random.default_rng(1).normal(size=shape)
        * np.array([1e-6, 1.0, 1e4])[: shape[0], None, None]
    )
    left, _, right = np.linalg.svd(given, full_matrices=False)
    found = orthogonal(tf.constant(given, tf.float32)).numpy()
    inner = np.swapaxes(left, 1, 2) @ found @ np.swapaxes(right, 1, 2)
    diagonal = np.diagonal(inner, axis1=1, axis2=2)
    np.testing.assert_allclose(inner, diagonal[:, :, None] * np.eye(diagonal.shape[1]), atol=2e-3)
    # The polynomial takes small values up slowly: all but the least are within its band.
    assert 0.6 < np.median(diagonal) < 1.25 and diagonal.max() < 1.25 and diagonal.min() > 0.0


def test_what_is_zero_stays_zero():
    given = np.random.default_rng(2).normal(size=(2, 10, 8)).astype(np.float32)
    given[:, 7:] = 0.0
    assert (orthogonal(tf.constant(given)).numpy()[:, 7:] == 0.0).all()
    assert (orthogonal(tf.zeros((1, 4, 4))).numpy() == 0.0).all()


def test_a_step_has_the_size_of_one_of_adam_whatever_the_gradient():
    start = np.random.default_rng(3).normal(size=(2, 32, 32)).astype(np.float32)
    gradient = np.random.default_rng(4).normal(size=(2, 32, 32)).astype(np.float32)
    steps = []
    for scale in (1.0, 1e-3):
        kernel = tf.Variable(start)
        Muon([kernel], decay=0.0).apply([tf.constant(scale * gradient)], tf.constant(0.01))
        steps.append(kernel.numpy() - start)
    np.testing.assert_allclose(steps[0], steps[1], atol=1e-6)
    size = np.sqrt((steps[0] ** 2).mean(axis=(1, 2)))
    np.testing.assert_allclose(size, 0.2 * 0.01, rtol=0.25)
    assert (np.sum(steps[0] * gradient, axis=(1, 2)) < 0.0).all()


def test_weights_decay_in_units_of_the_rate():
    kernel = tf.Variable(tf.ones((1, 6, 6)))
    Muon([kernel], decay=0.5).apply([tf.zeros((1, 6, 6))], tf.constant(0.1))
    np.testing.assert_allclose(kernel.numpy(), 0.95, rtol=1e-6)


def test_packed_matrices_take_the_steps_that_they_would_take_alone():
    rng = np.random.default_rng(6)
    shapes = [(4, 9), (9, 9), (9, 2)]
    start, gradient = (
        [rng.normal(size=shape).astype(np.float32) for shape in shapes] for _ in range(2)
    )
    packed = tf.Variable(np.concatenate([m.ravel() for m in start]))
    alone = [tf.Variable(m[None]) for m in start]
    together, single = PackedMuon(packed, shapes, 0.1), Muon(alone, 0.1)
    for _ in range(2):  # the second one has a momentum
        flat = np.concatenate([g.ravel() for g in gradient])
        together.apply([tf.constant(flat)], tf.constant(0.01))
        single.apply([tf.constant(g[None]) for g in gradient], tf.constant(0.01))
    expected = np.concatenate([v.numpy().ravel() for v in alone])
    np.testing.assert_allclose(packed.numpy(), expected, atol=1e-6)
    assert not np.array_equal(packed.numpy()[-18:], start[2].ravel())


def test_the_trainer_moves_all_weights_and_learns():
    rng = np.random.default_rng(5)
    c, a = rng.uniform(-1, 1, 2000), rng.normal(size=2000)
    rows = VectorRows({"c": c}, {"a": a, "b": a * c + 0.1 * rng.normal(size=2000)})
    sample = prepare_generator_sample(rows, knots=100, seed=1)
    config = ArmdnConfig(hidden=16, depth=2, components=2, steps=60, warm_up=5, orthogonal=True)
    trainer = ArmdnTrainer(sample, replace(config, learning_rate=8e-3))
    before = [v.numpy() for v in trainer.law.net.variables]
    batch = sample.x, sample.atom, sample.y, sample.weights
    first = float(trainer.loss(*batch))
    for _ in range(config.steps):
        loss = trainer.step(*batch)
    assert float(loss) < first - 1.0
    moved = [
        not np.array_equal(a, b) for a, b in zip(before, trainer.law.net.variables, strict=True)
    ]
    assert all(moved) and len(trainer.muon.kernels) == config.depth
