"""The trainer of mixture density networks: what the loss sees, and what the graph costs."""

from __future__ import annotations

import numpy as np
import pytest
from family_toys import vector_law
from graph_sizes import products, widths

from lamarr_like.engine.onnx_session import Network
from lamarr_like.nets.config import ArmdnConfig
from lamarr_like.nets.sample import VectorRows, prepare_generator_sample

pytest.importorskip("tensorflow")

from lamarr_like.nets.armdn import ArmdnTrainer

TINY = ArmdnConfig(hidden=8, depth=2, components=2, steps=20, warm_up=2, ema=0.9)


def prepared(names=("count", "a", "b", "d")):
    conditions, targets = vector_law(400, 1)
    rows = VectorRows(conditions, {k: targets[k] for k in names}, integers=frozenset({"count"}))
    return prepare_generator_sample(rows, knots=100, seed=1)


@pytest.fixture(scope="module")
def sample():
    return prepared()


def batch(sample, **changes):
    made = {"x": sample.x, "atom": sample.atom, "y": sample.y, "w": sample.weights} | changes
    return [made[k] for k in ("x", "atom", "y", "w")]


def test_outputs_that_are_not_free_do_not_enter_the_loss(sample):
    trainer = ArmdnTrainer(sample, TINY)
    free = sample.atoms.free[sample.atom, -1].astype(bool)
    assert 0 < free.sum() < len(free)
    before = float(trainer.loss(*batch(sample)))
    for rows, changed in ((~free, False), (free, True)):
        y = sample.y.copy()
        y[rows, -1] += 0.5
        assert (float(trainer.loss(*batch(sample, y=y))) != before) == changed


def test_loss_is_linear_in_the_weights(sample):
    trainer = ArmdnTrainer(sample, TINY)
    one, two = np.random.default_rng(1).normal(size=(2, len(sample.y))).astype(np.float32)
    a, b, both = (float(trainer.loss(*batch(sample, w=w))) for w in (one, two, one - 3 * two))
    assert both == pytest.approx(a - 3 * b, abs=1e-4) and abs(a) > 1e-3


@pytest.mark.parametrize("names", [("count", "a", "b", "d"), ("count",)])
def test_costs_and_noise_are_those_of_the_graph(names):
    sample = prepared(names)
    trainer = ArmdnTrainer(sample, TINY)
    model = trainer.files()["model.onnx"]
    assert (trainer.n_atoms > 1) == (len(names) > 1)
    assert trainer.flops == products(model)
    found = widths(model)
    assert (found["uniforms"], found["normals"]) == trainer.noise
    assert found["conditions"] == sample.x.shape[1]


def test_a_class_of_atoms_binds_its_outputs(sample):
    trainer = ArmdnTrainer(sample, TINY)
    rng, n = np.random.default_rng(2), 400
    uniforms = rng.random((n, trainer.noise[0])).astype(np.float32)
    normals = rng.normal(size=(n, trainer.noise[1])).astype(np.float32)
    model = Network(trainer.files()["model.onnx"])
    scores, atom = model(conditions=sample.x, uniforms=uniforms, normals=normals)
    free = sample.atoms.free[atom[:, 0].astype(int)].astype(bool)
    assert len(np.unique(atom)) == trainer.n_atoms
    assert (scores[~free] == 0.0).all() and (scores[free] != 0.0).all()


def test_steps_lower_the_loss_and_the_average_follows(sample, eager):
    trainer = ArmdnTrainer(sample, TINY)
    before, start = float(trainer.loss(*batch(sample))), trainer.files()["model.onnx"]
    for _ in range(6):
        told = float(trainer.step(*batch(sample)))
    assert told < before and trainer.files()["model.onnx"] != start
