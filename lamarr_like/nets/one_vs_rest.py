"""One small network for each class that tells it from all others, trained by binary cross entropy.

The probabilities of a row are answers to several questions ("a kaon, or anything else?"), each
calibrated by itself: they need not add up to one.  LHCb's ProbNN are made so.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..arrays import Floats, Integers
from .config import MlpConfig, OneVsRestConfig
from .layers import Mlp
from .mlp import LARGEST_LOSS, MlpTrainer, dense_layers, fit_network
from .onnx_graph import Graph
from .sample import LabelledRows
from .trained import TrainedModel


def fit_one_vs_rest(
    rows: LabelledRows, config: OneVsRestConfig, *, progress: bool = True
) -> TrainedModel:
    """Train one network a class.

    Args:
        rows: the sample; its weights say how frequent the classes are.
        config: settings.
        progress: show a progress bar.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    return fit_network(
        rows, config, OneVsRestTrainer, binary_cross_entropy, progress=progress, exclusive=False
    )


def binary_cross_entropy(probabilities: Floats, labels: Integers, weights: Floats) -> float:
    """Weighted mean, over rows and classes, of the binary cross entropy.

    Args:
        probabilities: shape ``(n, n_classes)``.
        labels: shape ``(n,)``.
        weights: shape ``(n,)``.
    """
    mine = labels[:, None] == np.arange(probabilities.shape[1])
    p = np.where(mine, probabilities, 1.0 - probabilities)
    nll = -np.log(np.maximum(p, 1e-12)).mean(axis=1)
    return float((weights * nll).sum() / weights.sum())


class OneVsRestTrainer(MlpTrainer):
    """Trains the networks of all classes beside each other; see `MlpTrainer`."""

    def network(self, rng: np.random.Generator, config: MlpConfig) -> Mlp:
        """As many networks of one output as classes."""
        widths = [self.n_inputs, *[config.hidden] * config.depth, 1]
        return Mlp(rng, widths, stack=self.n_classes, out_scale=0.1)

    def losses(self, x: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        """Binary cross entropy of each row, the mean over the classes, shape ``(rows,)``."""
        logits = tf.transpose(self.net(x)[:, :, 0])
        mine = tf.one_hot(label, self.n_classes)
        nll = tf.nn.sigmoid_cross_entropy_with_logits(mine, logits)
        return tf.reduce_mean(tf.minimum(nll, LARGEST_LOSS), axis=1)

    def probabilities(
        self, graph: Graph, x: str, kernels: list[np.ndarray], biases: list[np.ndarray]
    ) -> str:
        """See `MlpTrainer.probabilities`; shape ``(rows, n_classes)``."""
        each = [
            dense_layers(graph, x, [k[c] for k in kernels], [b[c, 0] for b in biases])
            for c in range(self.n_classes)
        ]
        return graph.op("Sigmoid", graph.concat(*each))
