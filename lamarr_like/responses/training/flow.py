"""The flow family: codes from normal numbers by invertible layers, trained by likelihood.

CaloFlow (Krause and Shih, arXiv:2106.05285) showed that normalising flows draw showers which
classifiers hardly tell from detailed ones; CaloINN (Ernst et al., arXiv:2312.09290) did it with
coupling layers, which are as fast to draw from as to train: each maps half of the numbers by
rational-quadratic splines (Durkan et al., arXiv:1906.04032) that a network chooses from the other
half and the particle.  What is drawn here are the codes of blocks about the particle
(`lamarr_like.responses.blocks`), voxels as those of AtlFast3; cells are filled afterwards by the
network that all families share (`lamarr_like.responses.filling`).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ...nets.layers import MovingAverage, adam, training_step
from ...nets.onnx_graph import Graph
from ...nets.sample import stream
from ...nets.trained import TrainedModel
from ..config import FlowConfig
from ..samples import AnySample
from .codes import CodeSample, fit_codes
from .residual import ResidualMlp, add_residual
from .splines import add_forward, back


def fit_flow(sample: AnySample, settings: FlowConfig, *, progress: bool = True) -> TrainedModel:
    """Train it; see `lamarr_like.responses.training.codes.fit_codes`."""
    return fit_codes(FlowTrainer, sample, settings, progress=progress)


class FlowTrainer:
    """Trains coupling layers by likelihood.

    Args:
        sample: prepared sample.
        config: settings.
    """

    draw_steps = 0

    def __init__(self, sample: CodeSample, config: FlowConfig) -> None:
        self.n_given, self.n_codes = sample.given.shape[1], sample.scores.shape[1]
        self.bins = config.bins
        rng = stream(config.seed, "weights")
        self.orders = _orders(stream(config.seed, "order of codes"), self.n_codes, config.couplings)
        # The first codes of each order are seen, the others changed.
        self.seen = self.n_codes // 2
        self.changed = self.n_codes - self.seen
        self.nets = [
            ResidualMlp(
                rng,
                self.n_given + self.seen,
                self.changed * (3 * self.bins - 1),
                hidden=config.hidden,
                depth=config.depth,
            )
            for _ in self.orders
        ]
        self.variables = [v for net in self.nets for v in net.variables]
        self.optimizer = adam(
            config.learning_rate,
            config.warm_up,
            config.steps,
            global_clipnorm=config.clip,
            weight_decay=config.weight_decay or None,
        )
        self.optimizer.exclude_from_weight_decay(
            var_list=[b for net in self.nets for b in net.biases]
        )
        self.optimizer.build(self.variables)
        self.average = MovingAverage(self.variables, config.ema)

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""
        return (0, self.n_codes)

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw of the codes."""
        return sum(net.flops for net in self.nets)

    @training_step
    def step(self, given: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """One update on a batch; returns the mean negative log likelihood."""
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(self._log_density(given, scores))
        self.optimizer.apply(tape.gradient(loss, self.variables), self.variables)
        self.average.update()
        return loss

    def _log_density(self, given: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Of codes, but for the constant of the normal law, shape ``(n,)``."""
        total = tf.zeros_like(y[:, 0])
        for net, order in zip(reversed(self.nets), reversed(self.orders), strict=True):
            y = tf.gather(y, order, axis=1)
            kept, changed = y[:, : self.seen], y[:, self.seen :]
            changed, slopes = back(changed, net(given, kept), self.bins)
            y = tf.gather(tf.concat([kept, changed], axis=1), np.argsort(order), axis=1)
            total -= tf.reduce_sum(slopes, axis=1)
        return total - 0.5 * tf.reduce_sum(tf.square(y), axis=1)

    def files(self) -> dict[str, bytes]:
        """The sampling graph with the averaged weights."""
        graph = Graph()
        given = graph.input("conditions", self.n_given)
        y = graph.input("normals", self.n_codes)
        arrays, at = self.average.numpy(), 0
        for net, order in zip(self.nets, self.orders, strict=True):
            y = graph.op("Gather", y, graph.constant(order, np.int64), axis=1)
            kept = graph.slice(y, 0, self.seen)
            changed = graph.slice(y, self.seen, self.n_codes)
            own = arrays[at : at + len(net.variables)]
            at += len(own)
            told = add_residual(graph, graph.concat(given, kept), own)
            changed = add_forward(graph, changed, told, k=self.changed, bins=self.bins)
            y = graph.concat(kept, changed)
            y = graph.op("Gather", y, graph.constant(np.argsort(order), np.int64), axis=1)
        graph.output("scores", graph.clip(y, -6.0, 6.0), self.n_codes)
        return {"codes.onnx": graph.build()}


def _orders(rng: np.random.Generator, n: int, couplings: int) -> list[np.ndarray]:
    """Orders of the codes: random ones, each followed by its opposite, so that all are changed."""
    found: list[np.ndarray] = []
    for i in range(couplings):
        found.append(found[-1][::-1].copy() if i % 2 else rng.permutation(n))
    return found
