"""One network a class: the graph is the trained networks, each question is answered by itself."""

from __future__ import annotations

import numpy as np
import pytest
from family_toys import class_batch, class_law

from lamarr_like.engine.onnx_session import Network
from lamarr_like.errors import TrainingError
from lamarr_like.nets.config import OneVsRestConfig
from lamarr_like.nets.sample import LabelledRows

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.one_vs_rest import (  # noqa: E402
    OneVsRestTrainer,
    binary_cross_entropy,
    fit_one_vs_rest,
)

pytestmark = pytest.mark.usefixtures("eager")
TINY = OneVsRestConfig(hidden=8, depth=2, steps=40, warm_up=2, learning_rate=0.05, ema=0.9)


def probabilities(trainer, x):
    return Network(trainer.files()["model.onnx"])(conditions=x)[0]


def test_graph_is_the_averaged_networks():
    trainer, (x, label, w) = OneVsRestTrainer(2, 3, TINY), class_batch()
    for _ in range(3):
        trainer.step(x, label, w)
    for variable, average in zip(trainer.net.variables, trainer.average.numpy(), strict=True):
        variable.assign(average)
    wanted = tf.sigmoid(tf.transpose(trainer.net(x)[:, :, 0])).numpy()
    assert probabilities(trainer, x) == pytest.approx(wanted, abs=1e-5)
    assert np.abs(wanted.sum(axis=1) - 1.0).max() > 1e-3


def test_steps_lower_the_loss_of_each_class():
    trainer, (x, label, w) = OneVsRestTrainer(2, 3, TINY), class_batch()
    losses = [float(trainer.step(x, label, w)) for _ in range(12)]
    assert losses[0] == pytest.approx(np.log(2), abs=0.1) and losses[-1] < losses[0] - 0.05


def test_a_class_learns_nothing_from_how_the_others_are_told_apart():
    """Labels of the second and third class exchanged: the first network stays as it is."""
    x, label, w = class_batch()
    found = []
    for labels in (label, np.array([0, 2, 1], np.int32)[label]):
        trainer = OneVsRestTrainer(2, 3, TINY)
        # Adam without the common norm of the gradient, which would mix them.
        trainer.optimizer.global_clipnorm = None
        for _ in range(3):
            trainer.step(x, labels, w)
        found.append(probabilities(trainer, x))
    assert found[0][:, 0] == pytest.approx(found[1][:, 0], abs=1e-6)
    assert np.abs(found[0][:, 1] - found[1][:, 1]).max() > 1e-3


def test_cross_entropy():
    p = np.array([[0.9, 0.2], [0.4, 0.5]])
    by_hand = [-np.log(0.9) - np.log(0.8), -np.log(0.6) - np.log(0.5)]
    found = binary_cross_entropy(p, np.array([0, 1]), np.array([1.0, 3.0]))
    assert found == pytest.approx(0.5 * (by_hand[0] + 3.0 * by_hand[1]) / 4.0)


def test_weights_of_the_classes_are_kept():
    """The mean of each probability is the share of its class, as often as it comes."""
    conditions, label, _ = class_law(4000, 1)
    rows = LabelledRows(conditions, label, ("a", "b", "c"), np.where(label == 0, 4.0, 1.0))
    model = fit_one_vs_rest(rows, TINY, progress=False)
    assert model.config["exclusive"] is False
    share = 4.0 * (label == 0).sum() / (4.0 * (label == 0) + (label != 0)).sum()
    w = np.where(label == 0, 4.0, 1.0)
    p = model.classifier().predict(conditions)[:, 0]
    assert np.average(p, weights=w) == pytest.approx(share, abs=0.05)


def test_bad_rows_are_refused():
    conditions, label, _ = class_law(200, 1)
    conditions["x"][7] = np.nan
    with pytest.raises(TrainingError, match="condition 'x' is nan in row 7"):
        fit_one_vs_rest(LabelledRows(conditions, label, ("a", "b", "c")), TINY, progress=False)
