"""Softmax networks, trained by cross entropy."""

from __future__ import annotations

import time

import keras
import numpy as np
import tensorflow as tf

from ..engine.normal_scores import ConditionTransform
from ..engine.onnx_session import Network
from .classifier import checked_rows, cross_entropy, finished
from .config import MlpConfig
from .layers import Mlp, MovingAverage, adam, use_threads
from .loop import Exact, Files, Judge, row_batches, run
from .onnx_graph import Graph
from .sample import LabelledRows, archive, split, stream
from .trained import TrainedModel

_LARGEST_LOSS = 20.0


def fit_mlp(rows: LabelledRows, config: MlpConfig, *, progress: bool = True) -> TrainedModel:
    """Train a softmax network.

    Args:
        rows: the sample.
        config: settings.
        progress: show a progress bar.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    columns, y, w = checked_rows(rows)
    transform = ConditionTransform.fit(columns, w)
    x, held = transform(columns), split(len(y), config.holdout, config.seed)
    started = time.perf_counter()
    trainer = MlpTrainer(x.shape[1], len(rows.classes), config)

    def measure(files: Files) -> Exact:
        p = Network(files["model.onnx"])(conditions=x[held])[0].astype(np.float64)
        return Exact(cross_entropy(p, y[held], w[held]))

    judge = Judge(measure, "held-out cross entropy", digits=6)
    arrays = [x[~held], y[~held], w[~held].astype(np.float32)]
    batches = row_batches(arrays, config.batch, config.steps, config.seed)
    history = run(trainer, batches, config, judge, progress=progress)
    files = {**judge.kept, "transforms.npz": archive(transform.scores.to_arrays("conditions"))}
    return finished(
        rows,
        config,
        files,
        y=y,
        w=w,
        held=held,
        history=history,
        started=started,
        condition_flags=transform.flags,
    )


class MlpTrainer:
    """Trains a softmax network by cross entropy.

    Args:
        n_inputs: width of the input.
        n_classes: number of classes.
        config: settings.
    """

    def __init__(self, n_inputs: int, n_classes: int, config: MlpConfig) -> None:
        use_threads(config.threads)
        keras.utils.set_random_seed(config.seed)
        rng = stream(config.seed, "weights")
        self.n_inputs, self.n_classes = n_inputs, n_classes
        self.net = Mlp(rng, [n_inputs, *[config.hidden] * config.depth, n_classes], out_scale=0.1)
        self.optimizer = adam(
            config.learning_rate, config.warm_up, config.steps, global_clipnorm=config.clip
        )
        self.optimizer.build(self.net.variables)
        self.average = MovingAverage(self.net.variables, config.ema)

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
    def step(self, x: tf.Tensor, label: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        """One update on a batch; returns the mean cross entropy."""
        with tf.GradientTape() as tape:
            nll = tf.nn.sparse_softmax_cross_entropy_with_logits(label, self.net(x))
            # Bounded, so that negative weights cannot gain without end.
            loss = tf.reduce_mean(w * tf.minimum(nll, _LARGEST_LOSS))
        variables = self.net.variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.average.update()
        return loss

    def files(self) -> dict[str, bytes]:
        """The graph with the averaged weights."""
        graph, arrays = Graph(), self.average.numpy()
        layers = len(arrays) // 2
        h = graph.input("conditions", self.n_inputs)
        for i in range(layers):
            h = graph.dense(graph.silu(h) if i else h, arrays[i], arrays[layers + i])
        graph.output("probabilities", graph.op("Softmax", h, axis=1), self.n_classes)
        return {"model.onnx": graph.build()}
