"""The distilled family: draws at once what a diffusion model draws in many steps.

First a diffusion model is trained as that of `lamarr_like.responses.training.diffusion`.  The way
from a noise to its codes is fixed, so a network can learn to take it in one step (Luhman and
Luhman, arXiv:2101.02388): pairs of noise and codes are drawn from the teacher in many steps, and
the student is fitted to them, with a critic that compares what it draws with the sample itself
(adversarial diffusion distillation, Sauer et al., arXiv:2311.17042), which keeps it from drawing
means.  Distilled in one step CaloClouds II draws showers (Buhmann et al., arXiv:2309.05704).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ...arrays import Floats32
from ...nets.gan import energy_score
from ...nets.layers import MovingAverage, adam, training_step
from ...nets.sample import stream
from ...nets.trained import TrainedModel
from ..config import DiffusionConfig, DistilledConfig
from ..samples import AnySample
from .codes import CodeSample, fit_codes
from .critic import Critic
from .diffusion import DiffusionTrainer
from .gan import generator_files
from .residual import ResidualMlp

_AT_ONCE = 4096
"""Pairs that are drawn from the teacher at a time."""


def fit_distilled(
    sample: AnySample, settings: DistilledConfig, *, progress: bool = True
) -> TrainedModel:
    """Train it; see `lamarr_like.responses.training.codes.fit_codes`."""
    return fit_codes(DistilledTrainer, sample, settings, progress=progress)


class DistilledTrainer:
    """Trains a teacher for the first part of the steps, then a student and its critic.

    Args:
        sample: prepared sample.
        config: settings.
    """

    draw_steps = 0

    def __init__(self, sample: CodeSample, config: DistilledConfig) -> None:
        rng = stream(config.seed, "weights")
        self.config = config
        self.given = sample.given
        self.n_given, self.n_codes = sample.given.shape[1], sample.scores.shape[1]
        self.taught = max(int(config.teacher_part * config.steps), 1)
        teacher = DiffusionConfig(
            steps=self.taught,
            hidden=config.teacher_hidden,
            depth=config.teacher_depth,
            warm_up=config.warm_up,
            seed=config.seed,
            ema=config.ema,
        )
        self.teacher = DiffusionTrainer(sample, teacher)
        self.net = ResidualMlp(
            rng,
            self.n_given + self.n_codes,
            self.n_codes,
            hidden=config.hidden,
            depth=config.depth,
        )
        left = max(config.steps - self.taught, 1)
        self.optimizer = adam(config.learning_rate, min(config.warm_up, left), left, beta_2=0.99)
        self.optimizer.build(self.net.variables)
        self.average = MovingAverage(self.net.variables, config.ema)
        self.critic = Critic(rng, self.n_given, self.n_codes, config)
        self.count = tf.Variable(0, dtype=tf.int32)
        self.done = 0
        self.pairs: tuple[tf.Tensor, tf.Tensor, tf.Tensor] | None = None

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""
        return (0, self.n_codes)

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw of the codes."""
        return self.net.flops

    def step(self, given: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """One update of the teacher, or of student and critic; returns its loss."""
        self.done += 1
        if self.done <= self.taught:
            return self.teacher.step(given, scores)
        if self.pairs is None:
            self.pairs = tuple(map(tf.constant, self._pairs()))
        return self._student_step(given, scores, *self.pairs)

    def _pairs(self) -> tuple[Floats32, Floats32, Floats32]:
        """What is given, noise, and the codes to which the teacher takes it."""
        rng = stream(self.config.seed, "pairs")
        field = self.teacher.field_of()
        rows = rng.integers(len(self.given), size=self.config.pairs)
        noise = rng.standard_normal((len(rows), self.n_codes)).astype(np.float32)
        given, n = self.given[rows], self.config.teacher_steps
        codes = noise.copy()
        for first in range(0, len(rows), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            for i in range(n):
                times = np.full((len(codes[part]), 1), i / n, np.float32)
                codes[part] += field(conditions=given[part], state=codes[part], time=times)[0] / n
        return given, noise, codes

    @training_step
    def _student_step(
        self,
        given: tf.Tensor,
        scores: tf.Tensor,
        pair_given: tf.Tensor,
        pair_noise: tf.Tensor,
        pair_codes: tf.Tensor,
    ) -> tf.Tensor:
        n = tf.shape(scores)[0]
        self.count.assign_add(1)
        seed = tf.stack([self.config.seed, self.count])
        z = tf.random.stateless_normal((3, n, self.n_codes), seed=seed)
        doubt = self.critic.update(given, scores, self._codes(given, z[0]), seed)
        rows = tf.random.stateless_uniform(
            (n,), seed=seed, maxval=tf.shape(pair_given)[0], dtype=tf.int32
        )
        taught = [tf.gather(table, rows) for table in (pair_given, pair_noise, pair_codes)]
        with tf.GradientTape() as tape:
            away = self._codes(*taught[:2]) - taught[2]
            loss = self.config.distillation * tf.reduce_mean(tf.square(away))
            one, two = (self._codes(given, z[i]) for i in (1, 2))
            loss += self.config.energy * energy_score(scores, one, two, tf.ones((n,)))
            loss += self.config.adversarial * self.critic.doubt(given, one, scores)
        self.optimizer.apply(tape.gradient(loss, self.net.variables), self.net.variables)
        self.average.update()
        return doubt

    def _codes(self, given: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        return z + self.net(given, z)

    def files(self) -> dict[str, bytes]:
        """The student as a graph, with the averaged weights."""
        return generator_files(self.n_given, self.n_codes, self.n_codes, self.average.numpy())
