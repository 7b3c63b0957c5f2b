"""The softmax network of `fit_classifier`."""

from __future__ import annotations

import keras
import tensorflow as tf

from .config import ClassifierConfig
from .layers import Mlp, MovingAverage, adam, use_threads
from .onnx_graph import Graph
from .sample import stream

_LARGEST_LOSS = 20.0


class MlpTrainer:
    """Trains a softmax network by cross entropy.

    Args:
        n_inputs: width of the input.
        n_classes: number of classes.
        config: settings.
    """

    def __init__(self, n_inputs: int, n_classes: int, config: ClassifierConfig) -> None:
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

    @tf.function(jit_compile=True)
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

    def onnx(self) -> bytes:
        """The graph with the averaged weights."""
        graph, arrays = Graph(), self.average.numpy()
        layers = len(arrays) // 2
        h = graph.input("conditions", self.n_inputs)
        for i in range(layers):
            h = graph.dense(graph.silu(h) if i else h, arrays[i], arrays[layers + i])
        graph.output("probabilities", graph.op("Softmax", h, axis=1), self.n_classes)
        return graph.build()
