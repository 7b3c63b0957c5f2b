"""The critic that the adversarial families share.

It compares a real and a generated vector of the same particle (relativistic pairing,
Jolicoeur-Martineau, arXiv:1807.00734) under zero-centred gradient penalties on both, as that of
`lamarr_like.nets.gan` (Huang et al., arXiv:2501.05441).  The Wasserstein distance under a penalty
that holds slopes at 1 (WGAN-GP, Gulrajani et al., arXiv:1704.00028) was tried first: within
two thousand steps, shown what a regressor says without bounds, it ran away.
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
        self.penalty, self.penalty_part = config.penalty, config.penalty_part
        self.optimizer = adam(
            config.learning_rate, config.warm_up, config.steps, beta_1=0.0, beta_2=0.99
        )
        self.optimizer.build(self.net.variables)

    def update(self, given: tf.Tensor, real: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """One update; returns its loss, log 2 where it cannot tell one from the other.

        Args:
            given: of the particles, shape ``(n, n_given)``.
            real, drawn: shapes ``(n, n_seen)``.
        """
        # The penalty is an average of its own: a part of the batch is enough.
        part = tf.shape(real)[0] // self.penalty_part
        with tf.GradientTape() as tape:
            loss = self.doubt(given, real, drawn)
            slopes = sum(self._slope2(given[:part], seen[:part]) for seen in (real, drawn))
            total = loss + 0.5 * self.penalty * slopes
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
        return tf.reduce_mean(tf.nn.softplus(-score[:, 0]))

    def _slope2(self, given: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        """Mean squared slope in the vector."""
        with tf.GradientTape() as tape:
            tape.watch(seen)
            score = tf.reduce_sum(self.net(given, seen))
        return tf.reduce_mean(tf.reduce_sum(tf.square(tape.gradient(score, seen)), 1))
