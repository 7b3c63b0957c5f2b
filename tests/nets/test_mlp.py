"""Softmax networks: the graph is the trained network, and losses are bounded."""

from __future__ import annotations

import numpy as np
import pytest
from family_toys import class_batch, class_law

from lamarr_like.engine.onnx_session import Network
from lamarr_like.errors import TrainingError
from lamarr_like.nets.config import MlpConfig
from lamarr_like.nets.sample import LabelledRows

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.mlp import MlpTrainer, fit_mlp  # noqa: E402

pytestmark = pytest.mark.usefixtures("eager")
TINY = MlpConfig(hidden=8, depth=2, steps=40, warm_up=2, learning_rate=0.05, ema=0.9)


def probabilities(trainer, x):
    return Network(trainer.files()["model.onnx"])(conditions=x)[0]


def test_graph_is_the_averaged_network():
    trainer, (x, label, w) = MlpTrainer(2, 3, TINY), class_batch()
    for _ in range(3):
        trainer.step(x, label, w)
    assert np.abs(tf.nn.softmax(trainer.net(x)).numpy() - probabilities(trainer, x)).max() > 1e-4
    for variable, average in zip(trainer.net.variables, trainer.average.numpy(), strict=True):
        variable.assign(average)
    wanted = tf.nn.softmax(trainer.net(x)).numpy()
    assert probabilities(trainer, x) == pytest.approx(wanted, abs=1e-5)


def test_steps_lower_the_cross_entropy():
    trainer, (x, label, w) = MlpTrainer(2, 3, TINY), class_batch()
    losses = [float(trainer.step(x, label, w)) for _ in range(12)]
    assert losses[0] == pytest.approx(np.log(3), abs=0.1) and losses[-1] < losses[0] - 0.05


def test_rows_without_weight_do_not_count():
    x, label, w = class_batch()
    w[100:] = 0.0
    found = []
    for labels in (label, np.where(w > 0, label, (label + 1) % 3).astype(np.int32)):
        trainer = MlpTrainer(2, 3, TINY)
        for _ in range(3):
            trainer.step(x, labels, w)
        found.append(probabilities(trainer, x))
    assert np.array_equal(*found)


def test_a_hopeless_row_of_negative_weight_gains_nothing_more():
    trainer, (x, label, w) = MlpTrainer(2, 3, TINY), class_batch()
    label[:] = 0
    trainer.net.biases[-1].assign([-30.0, 0.0, 0.0])
    assert float(trainer.step(x, label, -w)) == pytest.approx(-20.0)
    trainer.step(x, label, -w)
    assert trainer.net.biases[-1].numpy().tolist() == [-30.0, 0.0, 0.0]


def test_bad_rows_are_refused():
    conditions, label, _ = class_law(200, 1)
    conditions["x"][7] = np.nan
    with pytest.raises(TrainingError, match="condition 'x' is nan in row 7"):
        fit_mlp(LabelledRows(conditions, label, ("a", "b", "c")), TINY, progress=False)
