"""The critic that the adversarial families share: Wasserstein distance under a gradient penalty.

Gulrajani et al., "Improved training of Wasserstein GANs", arXiv:1704.00028.
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
        self.penalty = config.penalty
        self.optimizer = adam(
            config.learning_rate, config.warm_up, config.steps, beta_1=0.0, beta_2=0.9
        )
        self.optimizer.build(self.net.variables)

    def __call__(self, given: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        """Scores, shape ``(n,)``."""
        return self.net(given, seen)[:, 0]

    def update(
        self, given: tf.Tensor, real: tf.Tensor, drawn: tf.Tensor, between: tf.Tensor
    ) -> tf.Tensor:
        """One update; returns the estimated distance.

        Args:
            given: of the particles, shape ``(n, n_given)``.
            real, drawn: shapes ``(n, n_seen)``.
            between: uniform numbers that place the penalty between the two, shape ``(n, 1)``.
        """
        middle = between * real + (1 - between) * drawn
        with tf.GradientTape() as tape:
            distance = tf.reduce_mean(self(given, real) - self(given, drawn))
            with tf.GradientTape() as inner:
                inner.watch(middle)
                score = tf.reduce_sum(self(given, middle))
            slope = tf.sqrt(tf.reduce_sum(tf.square(inner.gradient(score, middle)), 1) + 1e-12)
            loss = self.penalty * tf.reduce_mean(tf.square(slope - 1)) - distance
        variables = self.net.variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return distance
