"""The critic that the adversarial families share, by one of two objectives.

``relativistic``: it compares a real and a generated vector of the same particle (relativistic
pairing, Jolicoeur-Martineau, arXiv:1807.00734) under zero-centred gradient penalties on both, as
that of `lamarr_like.nets.gan` (Huang et al., arXiv:2501.05441).

``wasserstein``: WGAN-GP (Gulrajani et al., arXiv:1704.00028), the Wasserstein distance under a
penalty that holds slopes at 1 between real and generated vectors, as the generators of LHCb's and
ATLAS's calorimeters are trained.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ...nets.layers import adam
from ..config import AdversarialConfig
from .residual import ResidualMlp


class Critic:
    """Scores vectors of given particles, real ones higher.

    Args:
        rng: source of the initial weights.
        n_given: width of what is given.
        n_seen: width of the vectors.
        config: settings.
    """

    def __init__(
        self, rng: np.random.Generator, n_given: int, n_seen: int, config: AdversarialConfig
    ) -> None:
        shape = {"hidden": config.critic_hidden, "depth": config.critic_depth}
        self.net = ResidualMlp(rng, n_given + n_seen, 1, **shape)
        self.wasserstein = config.objective == "wasserstein"
        self.penalty, self.penalty_part = config.penalty, config.penalty_part
        self.optimizer = adam(
            config.learning_rate, config.warm_up, config.steps, beta_1=0.0, beta_2=0.99
        )
        self.optimizer.build(self.net.variables)

    def update(
        self, given: tf.Tensor, real: tf.Tensor, drawn: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """One update; returns its loss, of the relativistic one log 2 where it cannot tell.

        Args:
            given: of the particles, shape ``(n, n_given)``.
            real, drawn: shapes ``(n, n_seen)``.
            seed: two numbers, of where between them the slope is taken.
        """
        # The penalty is an average of its own: a part of the batch is enough.
        part = tf.shape(real)[0] // self.penalty_part
        some = (given[:part], real[:part], drawn[:part])
        with tf.GradientTape() as tape:
            loss = self.doubt(given, real, drawn)
            penalty = self._held(*some, seed) if self.wasserstein else self._centred(*some)
            total = loss + self.penalty * penalty
        variables = self.net.variables
        self.optimizer.apply(tape.gradient(total, variables), variables)
        return loss

    def doubt(self, given: tf.Tensor, better: tf.Tensor, worse: tf.Tensor) -> tf.Tensor:
        """Small where the critic holds `better` for more real than `worse`.

        Args:
            given: of the particles, shape ``(n, n_given)``.
            better, worse: shapes ``(n, n_seen)``.
        """
        score = self.net(given, better) - self.net(given, worse)
        return tf.reduce_mean(-score if self.wasserstein else tf.nn.softplus(-score))

    def _centred(self, given: tf.Tensor, real: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """Half the mean squared slopes at real and drawn vectors."""
        return 0.5 * sum(tf.reduce_mean(self._slope2(given, seen)) for seen in (real, drawn))

    def _held(
        self, given: tf.Tensor, real: tf.Tensor, drawn: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """Mean squared distance of slopes from 1 between real and drawn vectors."""
        part = tf.random.stateless_uniform((tf.shape(real)[0], 1), seed=seed)
        slope2 = self._slope2(given, part * real + (1 - part) * drawn)
        return tf.reduce_mean(tf.square(tf.sqrt(slope2 + 1e-12) - 1))

    def _slope2(self, given: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        """Squared slopes in the vectors, shape ``(n,)``."""
        with tf.GradientTape() as tape:
            tape.watch(seen)
            score = tf.reduce_sum(self.net(given, seen))
        return tf.reduce_sum(tf.square(tape.gradient(score, seen)), 1)
