"""Trains the network of `lamarr_like.responses.filling`."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ...arrays import Floats
from ...nets.layers import Mlp, MovingAverage, adam, training_step
from ...nets.loop import row_batches
from ...nets.onnx_graph import Graph
from ...nets.sample import stream
from ...system.progress import progress as progress_bar
from ..blocks import Layout
from ..config import CodesConfig
from ..filling import COMPONENTS, OUTPUTS, splits_of
from ..frame import Placement
from ..hits import Hits

_LOG_WIDTHS = (-6.0, 3.0)
_SHOWN = 50
_MOST_PARTICLES = 40_000
"""Particles whose blocks are used: there are a hundred of each."""


def fit_filling(
    layout: Layout,
    placement: Placement,
    hits: Hits,
    given: Floats,
    scale: int | None,
    config: CodesConfig,
    *,
    progress: bool,
) -> bytes | None:
    """The network as ONNX; None where there is nothing to fill.

    Args:
        layout, placement, hits, given, scale: as for `lamarr_like.responses.filling.splits_of`;
            `given` has the shape ``(n, n_given)``.
        config: settings.
        progress: show a progress bar.
    """
    kept = hits.row < _MOST_PARTICLES
    some = Hits(hits.row[kept], hits.cell[kept], hits.value[kept])
    x, share = splits_of(layout, placement, some, given, scale)
    if not len(share):
        return None
    mean, sd = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    trainer = _Filling(x.shape[1], config)
    batches = row_batches(
        [((x - mean) / sd).astype(np.float32), share.astype(np.float32)],
        config.filling_batch,
        config.filling_steps,
        config.seed,
    )
    with progress_bar(config.filling_steps, "filling", "steps", shown=progress) as bar:
        for step, batch in enumerate(batches, 1):
            trainer.step(*batch)
            if step % _SHOWN == 0:
                bar.advance(_SHOWN)
    return trainer.onnx(mean.astype(np.float64), sd.astype(np.float64))


class _Filling:
    def __init__(self, n_inputs: int, config: CodesConfig) -> None:
        rng = stream(config.seed, "filling")
        hidden = [config.filling_hidden] * 2
        self.net = Mlp(rng, [n_inputs, *hidden, OUTPUTS], out_scale=0.3)
        self.optimizer = adam(2e-3, config.warm_up, config.filling_steps, global_clipnorm=1.0)
        self.optimizer.build(self.net.variables)
        self.average = MovingAverage(self.net.variables, config.ema)

    @training_step
    def step(self, x: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        """One update; returns the mean negative log likelihood."""
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(_log_likelihood(self.net(x), share))
        variables = self.net.variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.average.update()
        return loss

    def onnx(self, mean: Floats, sd: Floats) -> bytes:
        """The averaged network, on inputs that are not normalised."""
        arrays = self.average.numpy()
        n = len(arrays) // 2
        kernels = [a.astype(np.float64) for a in arrays[:n]]
        biases = [a.astype(np.float64) for a in arrays[n:]]
        biases[0] = biases[0] - (mean / sd) @ kernels[0]
        kernels[0] = kernels[0] / sd[:, None]
        graph = Graph()
        h = graph.input("node", len(mean))
        for i in range(n):
            h = graph.dense(graph.silu(h) if i else h, kernels[i], biases[i])
        widths = graph.clip(graph.slice(h, 2 + 2 * COMPONENTS, OUTPUTS), *_LOG_WIDTHS)
        h = graph.concat(graph.slice(h, 0, 2 + 2 * COMPONENTS), widths)
        graph.output("law", h, OUTPUTS)
        return graph.build()


def _log_likelihood(law: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Of nothing, all, or log-odds from a mixture of logistic laws, shape ``(m,)``."""
    k = COMPONENTS
    zero = tf.zeros_like(law[:, :1])
    kinds = tf.nn.log_softmax(tf.concat([law[:, :2], zero], axis=1))
    inner = tf.clip_by_value(share, 1e-6, 1 - 1e-6)
    odds = tf.math.log(inner) - tf.math.log1p(-inner)
    log_width = tf.clip_by_value(law[:, 2 + 2 * k :], *_LOG_WIDTHS)
    z = (odds[:, None] - law[:, 2 + k : 2 + 2 * k]) * tf.exp(-log_width)
    weights = tf.nn.log_softmax(law[:, 2 : 2 + k])
    density = tf.reduce_logsumexp(weights - z - log_width - 2 * tf.nn.softplus(-z), axis=1)
    return tf.where(
        share <= 0, kinds[:, 0], tf.where(share >= 1, kinds[:, 1], kinds[:, 2] + density)
    )
