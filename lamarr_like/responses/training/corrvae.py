"""The family whose draws can be asked for properties: CorrVAE.

After Wang et al., "Multi-objective Deep Data Generation with Correlated Property Control"
(arXiv:2210.01796), as tried on ALICE's zero-degree calorimeter.  What is in an array is told by
bridging latents ``w``, on which its properties depend (`lamarr_like.responses.control`), and by
latents ``z`` of all else; a decoder makes codes of both and of noise.

An encoder of ``w`` is not needed: the properties of an array are known, so that its ``w`` are the
least ones of those scores, plus noise that changes no property.  An encoder gives ``z``, which are
held to a normal law and away from the properties.  Reconstructions are compared by the energy score
of two of them (Gneiting and Raftery 2007), draws of new ``w`` and ``z`` with the sample by a
critic.  It is not shown ``w``: it would tell draws from the sample by how exactly their properties
are those of ``w``, by nothing else, and drive the decoder astray.  Where the paper has a network
tell properties of what is decoded, they follow here from the codes
(`lamarr_like.responses.training.properties`): draws must have those that ``w`` stand for.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ...nets.gan import energy_score
from ...nets.layers import MovingAverage, adam
from ...nets.onnx_graph import Graph
from ...nets.sample import stream
from ...nets.trained import TrainedModel
from ..config import CorrVaeConfig
from ..properties import REACH
from ..samples import AnySample
from .codes import CodeSample, fit_codes
from .critic import Critic
from .properties import Columns
from .residual import ResidualMlp, add_residual

_LOG_WIDTHS = (-4.0, 1.0)
"""Range of the logarithms of the widths that an encoder gives."""

_FARTHEST = 4.0
"""Distances of properties, in units of their spread, beyond which the penalty grows linearly."""

_CLIP = 5.0
"""Largest norm of the gradient: a share of next to nothing has steep ones."""


def fit_corrvae(
    sample: AnySample, settings: CorrVaeConfig, *, progress: bool = True
) -> TrainedModel:
    """Train it; see `lamarr_like.responses.training.codes.fit_codes`."""
    return fit_codes(CorrVaeTrainer, sample, settings, progress=progress)


class CorrVaeTrainer:
    """Trains encoder, decoder and critic.

    Args:
        sample: prepared sample, with what is learnt of its properties.
        config: settings.
    """

    draw_steps = 0

    def __init__(self, sample: CodeSample, config: CorrVaeConfig) -> None:
        assert sample.learnt is not None
        rng = stream(config.seed, "weights")
        self.config, self.learnt = config, sample.learnt
        self.n_given, self.n_codes = sample.given.shape[1], sample.scores.shape[1]
        self.mixing = self.learnt.mixing.astype(np.float32)
        self.inverse = np.linalg.pinv(self.learnt.mixing).astype(np.float32)
        self.n_bridging = self.mixing.shape[1]
        self.knots = self.learnt.law.knots.astype(np.float32)
        shape = {"hidden": config.hidden, "depth": config.depth}
        wide = self.n_given + self.n_codes
        self.encoder = ResidualMlp(rng, wide, 2 * config.latent, **shape)
        self.decoder = ResidualMlp(rng, self.n_given + self.n_noise, self.n_codes, **shape)
        self.critic = Critic(rng, self.n_given, self.n_codes, config)
        self.coder = [*self.encoder.variables, *self.decoder.variables]
        rates = (config.learning_rate, config.warm_up, config.steps)
        self.optimizer = adam(*rates, beta_2=0.99, global_clipnorm=_CLIP)
        self.optimizer.build(self.coder)
        self.average = MovingAverage(self.decoder.variables, config.ema)
        self.count = tf.Variable(0, dtype=tf.int32)

    @property
    def n_noise(self) -> int:
        """Normal numbers of a draw: bridging latents, other latents, noise."""
        numbers: int = self.n_bridging + self.config.latent + self.config.noise
        return numbers

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""
        return (0, self.n_noise)

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw of the codes."""
        return self.decoder.flops

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(self, given: tf.Tensor, scores: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """One update of each network on a batch; returns the tie of draws to their properties."""
        n, rounds = tf.shape(scores)[0], self.config.critic_steps
        self.count.assign_add(1)
        seed = tf.stack([self.config.seed, self.count])
        z = tf.random.stateless_normal((rounds + 3, n, self.n_noise), seed=seed)
        of = self.learnt.reading.split(columns)
        # The first numbers of one row of noise are of use nowhere else.
        bridging = self._bridging(of.scores, z[-1])
        for i in range(rounds):
            self.critic.update(given, scores, self.decoder(given, z[i]), seed + i)
        with tf.GradientTape() as tape:
            mean, log_width = self._encoded(given, scores)
            again = [self._again(bridging, mean, log_width, z[-1 - i]) for i in (0, 1)]
            # All at once: one product of many rows is quicker than three.
            codes = self.decoder(tf.tile(given, (3, 1)), tf.concat([*again, z[-3]], axis=0))
            one, two, drawn = tf.split(codes, 3)
            loss = energy_score(scores, one, two, tf.ones((n,)))
            excess = tf.square(mean) + tf.exp(2 * log_width) - 1 - 2 * log_width
            loss += 0.5 * self.config.divergence * tf.reduce_mean(tf.reduce_sum(excess, 1))
            loss += self.config.apart * _covariance(mean, of.scores)
            loss += self.config.adversarial * self.critic.doubt(given, drawn, scores)
            wanted = tf.matmul(z[-3][:, : self.n_bridging], self.mixing, transpose_b=True)
            tie = self._untied(tf.concat([one, drawn], 0), tf.concat([of.scores, wanted], 0), of)
            loss += self.config.tie * tie
        self.optimizer.apply(tape.gradient(loss, self.coder), self.coder)
        self.average.update()
        return tie

    def _bridging(self, scores: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Bridging latents of arrays of known properties, shape ``(n, n_bridging)``."""
        free = z[:, : self.n_bridging]
        away = scores - tf.matmul(free, self.mixing, transpose_b=True)
        return free + tf.matmul(away, self.inverse, transpose_b=True)

    def _encoded(self, given: tf.Tensor, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and logarithm of the width of the other latents, shapes ``(n, latent)``."""
        mean, log_width = tf.split(self.encoder(given, scores), 2, axis=1)
        return mean, tf.clip_by_value(log_width, *_LOG_WIDTHS)

    def _again(
        self, bridging: tf.Tensor, mean: tf.Tensor, log_width: tf.Tensor, z: tf.Tensor
    ) -> tf.Tensor:
        """What the decoder makes an array of again, shape ``(n, n_noise)``."""
        first = self.n_bridging + self.config.latent
        latent = mean + tf.exp(log_width) * z[:, self.n_bridging : first]
        return tf.concat([bridging, latent, z[:, first:]], axis=1)

    def _untied(self, codes: tf.Tensor, scores: tf.Tensor, particles: Columns) -> tf.Tensor:
        """Mean squared distance of properties from those of some scores, in units of their spread.

        Of arrays that hold too little nothing is asked, nor of those again that had none.

        Args:
            codes: of the arrays made again, and of as many drawn.
            scores: that they must have.
            particles: columns of the particles, which are the same for both.
        """
        of = Columns(*(tf.tile(column, (2, 1)) for column in particles))
        values, there = self.learnt.reading(codes, of)
        weight = tf.concat([particles.there, tf.ones_like(particles.there)], axis=0)
        away = (values - of.mean) / of.sd - self._left(scores)
        far = tf.abs(away)
        squares = tf.where(far < _FARTHEST, away**2, _FARTHEST * (2 * far - _FARTHEST))
        return 2 * tf.reduce_mean(weight * there * tf.reduce_sum(squares, 1, keepdims=True))

    def _left(self, scores: tf.Tensor) -> tf.Tensor:
        """What is left of properties in units of their spread, for normal scores ``(n, k)``."""
        k, n_knots = self.knots.shape
        position = tf.clip_by_value(0.5 * (scores / REACH + 1), 0.0, 1.0) * (n_knots - 1)
        cell = tf.clip_by_value(tf.cast(position, tf.int32), 0, n_knots - 2)
        at, flat = tf.range(k)[None, :] * n_knots + cell, self.knots.reshape(-1)
        low, high = tf.gather(flat, at), tf.gather(flat, at + 1)
        return low + (position - tf.cast(cell, tf.float32)) * (high - low)

    def files(self) -> dict[str, bytes]:
        """The decoder as a graph, with the averaged weights."""
        graph = Graph()
        given = graph.input("conditions", self.n_given)
        z = graph.input("normals", self.n_noise)
        codes = add_residual(graph, graph.concat(given, z), self.average.numpy())
        graph.output("scores", graph.clip(codes, -6.0, 6.0), self.n_codes)
        return {"codes.onnx": graph.build()}


def _covariance(latents: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Mean squared covariance of two sets of columns of a batch."""
    latents = latents - tf.reduce_mean(latents, 0)
    scores = scores - tf.reduce_mean(scores, 0)
    n = tf.cast(tf.shape(scores)[0], tf.float32)
    return tf.reduce_mean(tf.square(tf.matmul(latents, scores, transpose_a=True) / n))
