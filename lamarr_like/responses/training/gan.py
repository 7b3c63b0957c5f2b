"""The adversarial family: a generator of codes against a critic that is shown their metrics, too.

The generators of LHCb's and ATLAS's calorimeters are Wasserstein GANs with a gradient penalty
(Gulrajani et al., arXiv:1704.00028); the critic here is a kin of theirs that keeps its balance
(`lamarr_like.responses.training.critic`).  With the auxiliary regressor of Rogachev and Ratnikov
(arXiv:2207.06329): a network learns on detailed arrays what their metrics are for given codes,
asymmetries and widths along the slope of the particle and across
(`lamarr_like.responses.training.metrics`), and what it says of real and of generated codes is shown
to the critic beside them, as coordinates of their own.  The energy score of two draws (Gneiting and
Raftery 2007) keeps them from being alike.

What is generated are the codes of blocks about the particle (`lamarr_like.responses.blocks`),
voxels as those of AtlFast3; cells are filled afterwards by the network that all families share
(`lamarr_like.responses.filling`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ...nets.gan import energy_score
from ...nets.layers import MovingAverage, adam, training_step
from ...nets.onnx_graph import Graph
from ...nets.sample import stream
from ...nets.trained import TrainedModel
from ..config import GanConfig
from ..samples import AnySample
from .codes import CodeSample, fit_codes
from .critic import Critic
from .emphasis import CodesPenalty
from .residual import ResidualMlp, add_residual

_FARTHEST = 5.0
"""Bound of what the regressor may say, in units of the spread of a metric."""


def fit_gan(sample: AnySample, settings: GanConfig, *, progress: bool = True) -> TrainedModel:
    """Train it; see `lamarr_like.responses.training.codes.fit_codes`."""
    return fit_codes(GanTrainer, sample, settings, progress=progress)


class GanTrainer:
    """Trains generator, critic and regressor.

    Args:
        sample: prepared sample, with metrics where the settings ask for the regressor.
        config: settings.
    """

    draw_steps = 0

    def __init__(self, sample: CodeSample, config: GanConfig) -> None:
        rng = stream(config.seed, "weights")
        self.config = config
        self.n_given, self.n_codes = sample.given.shape[1], sample.scores.shape[1]
        self.latent = self.n_codes + config.latent
        shape = {"hidden": config.hidden, "depth": config.depth}
        self.net = ResidualMlp(rng, self.n_given + self.latent, self.n_codes, **shape)
        self.optimizer = adam(
            config.learning_rate, config.warm_up, config.steps, beta_1=0.0, beta_2=0.99
        )
        self.optimizer.build(self.net.variables)
        self.average = MovingAverage(self.net.variables, config.ema)
        n_metrics = 0
        self.regressor: ResidualMlp | None = None
        if sample.metrics is not None:
            n_metrics = sample.metrics.shape[1]
            self.regressor = ResidualMlp(rng, self.n_given + self.n_codes, n_metrics, **shape)
            self.regression = adam(config.regressor_rate, config.warm_up, config.steps)
            self.regression.build(self.regressor.variables)
        self.critic = Critic(rng, self.n_given, self.n_codes + n_metrics, config)
        self.penalty: CodesPenalty | None = None
        if sample.emphasis is not None:
            self.penalty = CodesPenalty(
                config.seed,
                *(self.n_given, self.n_codes, sample.emphasis),
                config.emphasis,
                *(config.regressor_rate, config.steps),
            )
        self.count = tf.Variable(0, dtype=tf.int32)

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""
        return (0, self.latent)

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw of the codes."""
        return self.net.flops

    @training_step
    def step(self, given: tf.Tensor, scores: tf.Tensor, *more: tf.Tensor) -> tf.Tensor:
        """One update of each network on a batch; returns the critic's loss."""
        n, rounds = tf.shape(scores)[0], self.config.critic_steps
        self.count.assign_add(1)
        seed = tf.stack([self.config.seed, self.count])
        z = tf.random.stateless_normal((rounds + 2, n, self.latent), seed=seed)
        cells = None
        if self.penalty is not None:
            number, cells = more[-2:]
            more = more[:-2]
            self.penalty.learn(given, scores, number)
        if self.regressor is not None:
            self._regress(self.regressor, given, scores, more[0])
        doubt = tf.zeros(())
        seen = self._shown(given, scores)
        for i in range(rounds):
            drawn = self._shown(given, self._codes(given, z[i]))
            doubt = self.critic.update(given, seen, drawn, seed + i)
        with tf.GradientTape() as tape:
            codes = self._codes(given, z[-1])
            loss = self.critic.doubt(given, self._shown(given, codes), seen)
            if self.config.energy > 0:
                other = self._codes(given, z[-2])
                ones = tf.ones((n,))
                loss += self.config.energy * energy_score(scores, codes, other, ones)
            if self.config.diversity > 0:
                loss += self.config.diversity * self._sameness(given, codes, z[-1], z[-2], more[-1])
            if self.penalty is not None:
                loss += self.penalty.loss(given, codes, scores, cells)
        self.optimizer.apply(tape.gradient(loss, self.net.variables), self.net.variables)
        self.average.update()
        return doubt

    def _codes(self, given: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Codes drawn for some noise: independent until the network has learnt otherwise."""
        return z[:, : self.n_codes] + self.net(given, z)

    def _sameness(
        self, given: tf.Tensor, codes: tf.Tensor, z: tf.Tensor, other: tf.Tensor, spread: tf.Tensor
    ) -> tf.Tensor:
        """Distance of the noise over that of the codes, the more the more similar particles differ.

        Selectively increasing diversity (SDI-GAN, Bedkowski et al., arXiv:2207.01561).
        """
        apart = tf.reduce_mean(tf.abs(codes - self._codes(given, other)), 1, keepdims=True)
        noise = tf.reduce_mean(tf.abs(z - other), 1, keepdims=True)
        return tf.reduce_mean(spread * noise / (apart + 1e-3))

    def _shown(self, given: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        """What the critic is shown: codes, and what the regressor says of them."""
        if self.regressor is None:
            return codes
        # Bounded: what it says of codes that it has never seen means nothing.
        said = _FARTHEST * tf.tanh(self.regressor(given, codes) / _FARTHEST)
        return tf.concat([codes, self.config.metric_weight * said], axis=1)

    def _regress(
        self, net: ResidualMlp, given: tf.Tensor, scores: tf.Tensor, metrics: tf.Tensor
    ) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(net(given, scores) - metrics))
        self.regression.apply(tape.gradient(loss, net.variables), net.variables)

    def files(self) -> dict[str, bytes]:
        """The generator as a graph, with the averaged weights."""
        return generator_files(self.n_given, self.latent, self.n_codes, self.average.numpy())


def generator_files(
    n_given: int, n_noise: int, n_codes: int, arrays: Sequence[np.ndarray]
) -> dict[str, bytes]:
    """The graph of a generator that adds to the first of its normal numbers.

    Args:
        n_given, n_noise, n_codes: widths: inputs have the shapes ``(n, n_given)``,
            ``(n, n_noise)``, the codes ``(n, n_codes)``.
        arrays: weights in the order of `ResidualMlp.variables`.
    """
    graph = Graph()
    given = graph.input("conditions", n_given)
    z = graph.input("normals", n_noise)
    added = add_residual(graph, graph.concat(given, z), arrays)
    codes = graph.op("Add", graph.slice(z, 0, n_codes), added)
    graph.output("scores", graph.clip(codes, -6.0, 6.0), n_codes)
    return {"codes.onnx": graph.build()}
