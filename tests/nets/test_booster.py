"""Gradient-boosted trees: the signed gradient, the state that is kept, when they stop."""

from __future__ import annotations

import numpy as np
import pytest
from family_toys import class_law

from lamarr_like.errors import TrainingError
from lamarr_like.nets.booster import _signed_gradient, fit_trees
from lamarr_like.nets.config import BoosterConfig
from lamarr_like.nets.sample import LabelledRows


def entropy(margin, y, w):
    """Signed cross entropy of each row."""
    two = np.stack([0 * margin, margin], axis=1) if margin.ndim == 1 else margin
    log_p = two - np.log(np.exp(two).sum(axis=1, keepdims=True))
    return -w * log_p[np.arange(len(y)), y]


@pytest.mark.parametrize("shape", [(50,), (50, 3)])
def test_gradient_is_that_of_the_signed_cross_entropy(shape):
    rng = np.random.default_rng(1)
    margin, w = rng.normal(size=shape), rng.normal(size=50)
    y = rng.integers(0, 2 if len(shape) == 1 else 3, 50)
    grad, hess = _signed_gradient(margin, y, w)
    assert grad.shape == hess.shape == shape and (hess > 0.0).all()
    for k in range(grad[0].size):
        step = np.zeros(shape)
        step.reshape(50, -1)[:, k] = 1e-5
        slope = (entropy(margin + step, y, w) - entropy(margin - step, y, w)) / 2e-5
        assert grad.reshape(50, -1)[:, k] == pytest.approx(slope, abs=1e-6)


def toy(n=600, classes=("a", "b", "c")):
    conditions, label, _ = class_law(n, 1)
    return LabelledRows(conditions, np.minimum(label, len(classes) - 1), classes)


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c")])
def test_the_trees_of_the_least_cross_entropy_are_kept(classes):
    # Too fast: it gets worse again, long before the last tree.
    config = BoosterConfig(trees=30, depth=4, learning_rate=0.9, patience=30, min_child_weight=1.0)
    trained = fit_trees(toy(classes=classes), config, progress=False)
    history = trained.config["training"]["history"]
    figures = [h["figure"] for h in history]
    assert [h["step"] for h in history] == list(range(1, 31))
    assert min(figures) < figures[-1] - 0.02
    assert trained.figures["held_out_cross_entropy"] == pytest.approx(min(figures), abs=1e-5)


def test_training_ends_after_the_patience():
    config = BoosterConfig(trees=30, depth=4, learning_rate=0.9, patience=3, min_child_weight=1.0)
    trained = fit_trees(toy(), config, progress=False)
    figures = [h["figure"] for h in trained.config["training"]["history"]]
    assert len(figures) == figures.index(min(figures)) + 1 + 3


def test_bad_rows_are_refused():
    rows = toy(200)
    rows.conditions["x"][7] = np.inf
    with pytest.raises(TrainingError, match="condition 'x' is inf in row 7"):
        fit_trees(rows, BoosterConfig(), progress=False)
