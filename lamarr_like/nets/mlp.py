"""Softmax networks, trained by cross entropy, and what other networks of classes have of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..arrays import Floats
from ..engine.normal_scores import ConditionTransform
from ..engine.onnx_session import Network
from .classifier import Loss, checked_rows, cross_entropy, finished
from .config import MlpConfig
from .layers import Mlp, MovingAverage, adam, training_step, use_threads
from .loop import Exact, Files, Judge, row_batches, run
from .onnx_graph import Graph
from .sample import LabelledRows, archive, split, stream
from .trained import TrainedModel

LARGEST_LOSS = 20.0
"""Bound of the loss of a row."""


def fit_mlp(rows: LabelledRows, config: MlpConfig, *, progress: bool = True) -> TrainedModel:
    """Train a softmax network.

    Args:
        rows: the sample.
        config: settings.
        progress: show a progress bar.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    return fit_network(rows, config, MlpTrainer, cross_entropy, progress=progress)


def fit_network(
    rows: LabelledRows,
    config: MlpConfig,
    trained_by: Callable[[int, int, MlpConfig], MlpTrainer],
    loss: Loss,
    *,
    progress: bool = True,
    **spec: Any,
) -> TrainedModel:
    """Train a network that gives probabilities of classes.

    Args:
        rows: the sample.
        config: settings.
        trained_by: makes the trainer from the width of the input, the number of classes and the
            settings.
        loss: figure of held-out probabilities, labels and weights, by which the state is chosen.
        progress: show a progress bar.
        spec: what else the model needs to know of itself to run.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    columns, y, w = checked_rows(rows)
    transform = ConditionTransform.fit(columns, w)
    x, held = transform(columns), split(len(y), config.holdout, config.seed)
    started = time.perf_counter()
    trainer = trained_by(x.shape[1], len(rows.classes), config)

    def measure(files: Files) -> Exact:
        p: Floats = Network(files["model.onnx"])(conditions=x[held])[0].astype(np.float64)
        return Exact(loss(p, y[held], w[held]))

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
        loss=loss,
        condition_flags=transform.flags,
        **spec,
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
        self.net = self.network(rng, config)
        self.optimizer = adam(
            config.learning_rate, config.warm_up, config.steps, global_clipnorm=config.clip
        )
        self.optimizer.build(self.net.variables)
        self.average = MovingAverage(self.net.variables, config.ema)

    def network(self, rng: np.random.Generator, config: MlpConfig) -> Mlp:
        """The network with its initial weights."""
        hidden = [config.hidden] * config.depth
        return Mlp(rng, [self.n_inputs, *hidden, self.n_classes], out_scale=0.1)

    def losses(self, x: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        """Cross entropy of each row, shape ``(rows,)``."""
        nll = tf.nn.sparse_softmax_cross_entropy_with_logits(label, self.net(x))
        # Bounded, so that negative weights cannot gain without end.
        return tf.minimum(nll, LARGEST_LOSS)

    @training_step
    def step(self, x: tf.Tensor, label: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        """One update on a batch; returns the mean cross entropy."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(w * self.losses(x, label))
        variables = self.net.variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.average.update()
        return loss

    def files(self) -> dict[str, bytes]:
        """The graph with the averaged weights."""
        graph, arrays = Graph(), self.average.numpy()
        x = graph.input("conditions", self.n_inputs)
        found = self.probabilities(graph, x, *halves(arrays))
        graph.output("probabilities", found, self.n_classes)
        return {"model.onnx": graph.build()}

    def probabilities(
        self, graph: Graph, x: str, kernels: list[np.ndarray], biases: list[np.ndarray]
    ) -> str:
        """The network in a graph; returns its probabilities, of shape ``(rows, n_classes)``.

        Args:
            graph: the graph.
            x: its input, of shape ``(rows, n_inputs)``.
            kernels, biases: of the layers, as the network has them.
        """
        return graph.op("Softmax", dense_layers(graph, x, kernels, biases), axis=1)


def halves(arrays: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Kernels, of shape ``(in, out)``, and biases, as `lamarr_like.nets.layers.Mlp` lists them."""
    layers = len(arrays) // 2
    return arrays[:layers], arrays[layers:]


def dense_layers(graph: Graph, x: str, kernels: list[np.ndarray], biases: list[np.ndarray]) -> str:
    """Dense layers with SiLU between them in a graph; returns the last one, ``(rows, out)``.

    Args:
        graph: the graph.
        x: what goes in, of shape ``(rows, in)``.
        kernels: of the layers, each of shape ``(in, out)``.
        biases: of the layers, each of shape ``(out,)``.
    """
    for i, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        x = graph.dense(graph.silu(x) if i else x, kernel, bias)
    return x
