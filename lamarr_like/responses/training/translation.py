"""Training of a translation without pairs: two generators and two critics.

CycleGAN (Zhu et al., arXiv:1703.10593): each critic tells arrays of its sample from translated ones
by least squares; what is translated there and back has to come back, and an array of the target
sample may be asked to stay as it is.  A gradient penalty on the critics, and generators that begin
with painting in what is hidden of their own sample, are what UVCGAN adds (Torbunov et al.,
arXiv:2203.02557).  The penalty is zero-centred, at real and at translated arrays.

Nine cells of ten are empty.  Then the nearest array in l1 is the empty one, and critics alone drive
generators to it, or to ever larger pulses, within some hundred steps.  So the laws of small patches
in both samples are compared as well, by a sliced Wasserstein distance (Deshpande, Zhang and
Schwing, CVPR 2018, arXiv:1803.11188).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ...arrays import Floats32
from ...nets.layers import MovingAverage, adam, training_step
from ...nets.loop import row_batches
from ...nets.sample import stream
from ..translate.config import TranslationConfig, UvcGanConfig
from ..translate.model import FILES, SIDE
from .translation_networks import (
    CONTRAST,
    Shape,
    generator_file,
    in_tensorflow,
    initial_critic,
    initial_generator,
)

_CLIP = 2.0
"""Largest norm of a gradient."""
_PATCH, _SLICES = (5, 3), 32
"""Cells of the patches whose laws are compared, and random sums of them a step."""


class Roots(NamedTuple):
    """Two samples as the networks take them.

    Attributes:
        arrays: of each, shapes ``(n, h, w)`` and ``(m, h, w)``.
        thresholds: below which a cell is empty.
        means: mean cell, empty ones included.
    """

    arrays: tuple[Floats32, Floats32]
    thresholds: tuple[float, float]
    means: tuple[float, float]


class TranslationTrainer:
    """Trains generators and critics.

    Args:
        sample: prepared samples.
        config: settings.
    """

    def __init__(self, sample: Roots, config: TranslationConfig) -> None:
        h, w = sample.arrays[0].shape[1:]
        self.sample, self.config = sample, config
        self.shape: Shape = (h, w)
        rng = stream(config.seed, "weights")
        made = [initial_generator(config, self.shape, rng) for _ in FILES]
        self.generators = [_variables(weights) for weights in made]
        self.critics = [_variables(initial_critic(config, rng)) for _ in FILES]
        self.painted = 0
        if isinstance(config, UvcGanConfig) and not config.paired:
            self.painted = int(config.painting * config.steps)
        self.painting = self._adam(config.learning_rate, max(self.painted, 1))
        self.learning = self._adam(config.learning_rate, config.steps - self.painted)
        self.criticism = self._adam(config.critic_rate, config.steps - self.painted)
        self.painting.build(self._all(self.generators))
        self.learning.build(self._all(self.generators))
        self.criticism.build(self._all(self.critics))
        self.average = MovingAverage(self._all(self.generators), config.ema)
        self.count, self.began = 0, tf.Variable(0, dtype=tf.int32)
        self.drawn = tf.Variable(0, dtype=tf.int32)

    def _adam(self, rate: float, steps: int) -> Any:
        options = {"beta_1": 0.5, "beta_2": 0.99, "global_clipnorm": _CLIP}
        return adam(rate, self.config.warm_up, max(steps, 1), **options)

    @staticmethod
    def _all(networks: list[dict[str, tf.Variable]]) -> list[tf.Variable]:
        return [one for weights in networks for one in weights.values()]

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Arrays of both samples for each step, of shape ``(batch, ...)``: in pairs, or not."""
        config, both = self.config, self.sample.arrays
        if config.paired:
            for a, b in row_batches(both, config.batch, config.steps, config.seed):
                yield a, b
            return
        each = [
            row_batches([arrays], config.batch, config.steps, 2 * config.seed + k)
            for k, arrays in enumerate(both)
        ]
        for (a,), (b,) in zip(*each, strict=True):
            yield a, b

    def step(self, a: np.ndarray, b: np.ndarray) -> Any:
        """One update on arrays of both samples, shapes ``(n, h, w)``; losses of both kinds."""
        self.count += 1
        x, y = (tf.constant(part[..., None]) for part in (a, b))
        if self.config.paired:
            return self._pairs(x, y)
        if self.count <= self.painted:
            return self._paint(x, y)
        if self.count <= self.painted + self.config.lead:
            return self._learn_to_tell(x, y)
        return self._translate(x, y)

    def _read(self, found: tf.Tensor, side: int) -> tf.Tensor:
        """What is read out of a translated array; its slope is that of the array itself."""
        kept = tf.where(found < self.sample.thresholds[side], 0.0, found)
        return found + tf.stop_gradient(kept - found)

    def _made(self, x: tf.Tensor, way: int) -> tf.Tensor:
        """Translation by generator 0, from the first to the second sample, or by 1, back."""
        images = in_tensorflow(self.generators[way], self.config, self.shape)
        return self._read(images.generate(x), 1 - way)

    def _far(self, one: tf.Tensor, other: tf.Tensor, side: int) -> tf.Tensor:
        """Mean distance of cells in units of the mean cell of a sample."""
        return tf.reduce_mean(tf.abs(one - other)) / self.sample.means[side]

    def _scores(self, logs: tf.Tensor, side: int) -> tf.Tensor:
        return in_tensorflow(self.critics[side], self.config, self.shape).criticise(logs)

    @training_step
    def _pairs(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            there, back = self._far(self._made(x, 0), y, 1), self._far(self._made(y, 1), x, 0)
            loss = there + back
        self._update(self.learning, tape, loss, self.generators)
        self.average.update()
        return loss, tf.zeros(())

    @training_step
    def _paint(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Each generator paints in patches that are hidden of arrays of its own input."""
        assert isinstance(self.config, UvcGanConfig)
        self.began.assign_add(1)
        h, w = self.shape
        loss = tf.zeros(())
        with tf.GradientTape() as tape:
            for way, whole in enumerate((x, y)):
                seed = tf.stack([self.config.seed + way, self.began])
                grid = (tf.shape(whole)[0], h // SIDE, w // SIDE, 1)
                shown = tf.cast(
                    tf.random.stateless_uniform(grid, seed) >= self.config.masked, tf.float32
                )
                shown = tf.repeat(tf.repeat(shown, SIDE, axis=1), SIDE, axis=2)
                images = in_tensorflow(self.generators[way], self.config, self.shape)
                painted = self._read(images.generate(whole * shown), way)
                loss += self._far(painted, whole, way)
        self._update(self.painting, tape, loss, self.generators)
        self.average.update()
        return loss, tf.zeros(())

    @training_step
    def _translate(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        config = self.config
        with tf.GradientTape() as tape:
            there, back = self._made(x, 0), self._made(y, 1)
            loss = config.cycle * self._far(self._made(there, 1), x, 0)
            loss += config.cycle * self._far(self._made(back, 0), y, 1)
            if config.identity > 0:
                loss += config.identity * self._far(self._made(y, 0), y, 1)
                loss += config.identity * self._far(self._made(x, 1), x, 0)
            for side, (real, made) in enumerate(((x, back), (y, there))):
                away = tf.square(self._scores(_logs(made), side) - 1.0)
                loss += config.adversarial * tf.reduce_mean(away)
                if config.laws > 0:
                    loss += config.laws * self._laws_apart(_logs(real), _logs(made))
                    loss += config.laws * self._laws_apart(real, made)
        self._update(self.learning, tape, loss, self.generators)
        self.average.update()
        return loss, self._tell((x, y), (back, there))

    def _laws_apart(self, real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
        """Sliced Wasserstein distance of the laws of patches, in units of what slices are.

        A slice is the sum of the cells of a patch with random weights, new ones in each step.
        """
        self.drawn.assign_add(1)
        seed = tf.stack([self.config.seed, self.drawn])
        weights = tf.random.stateless_normal((*_PATCH, 1, _SLICES), seed)
        found = []
        for one in (real, made):
            sums = tf.nn.conv2d(one, weights, 2, "SAME")
            found.append(tf.sort(tf.transpose(tf.reshape(sums, [-1, _SLICES])), axis=1))
        return tf.reduce_mean(tf.abs(found[1] - found[0])) / tf.reduce_mean(tf.abs(found[0]))

    @training_step
    def _learn_to_tell(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Critics alone learn: what they say before they know anything leads nowhere."""
        return tf.zeros(()), self._tell((x, y), (self._made(y, 1), self._made(x, 0)))

    def _tell(
        self, real: tuple[tf.Tensor, tf.Tensor], made: tuple[tf.Tensor, tf.Tensor]
    ) -> tf.Tensor:
        """Updates of the critics; their loss before the first."""
        seen, fake = (tuple(_logs(tf.stop_gradient(one)) for one in both) for both in (real, made))
        doubts = [self._criticise(seen, fake) for _ in range(self.config.critic_steps)]
        return doubts[0]

    def _criticise(
        self, real: tuple[tf.Tensor, tf.Tensor], made: tuple[tf.Tensor, tf.Tensor]
    ) -> tf.Tensor:
        """One update of both critics; their loss is 1 where they cannot tell."""
        doubt = total = tf.zeros(())
        with tf.GradientTape() as tape:
            for side in (0, 1):
                score = self._scores(real[side], side), self._scores(made[side], side)
                doubt += tf.reduce_mean(tf.square(score[0] - 1.0))
                doubt += tf.reduce_mean(tf.square(score[1]))
                if self.config.penalty > 0:
                    part = tf.shape(real[side])[0] // 2
                    for seen in (real[side][:part], made[side][:part]):
                        total += self.config.penalty * self._slope2(seen, side)
            total += doubt
        self._update(self.criticism, tape, total, self.critics)
        return doubt

    def _slope2(self, seen: tf.Tensor, side: int) -> tf.Tensor:
        """Mean squared slope in the array of the sum of its patches' scores."""
        with tf.GradientTape() as tape:
            tape.watch(seen)
            score = tf.reduce_sum(self._scores(seen, side))
        return tf.reduce_mean(tf.reduce_sum(tf.square(tape.gradient(score, seen)), (1, 2, 3)))

    def _update(
        self, optimizer: Any, tape: tf.GradientTape, loss: tf.Tensor, networks: list[Any]
    ) -> None:
        variables = self._all(networks)
        pairs = zip(tape.gradient(loss, variables), variables, strict=True)
        # What a network has and a step does not use, such as painting's, stays as it is.
        found = [tf.zeros_like(one) if slope is None else slope for slope, one in pairs]
        optimizer.apply(found, variables)

    def files(self) -> dict[str, bytes]:
        """The generators as graphs, with averaged weights."""
        arrays = iter(self.average.numpy())
        made = ({name: next(arrays) for name in weights} for weights in self.generators)
        return {
            name: generator_file(weights, self.config, self.shape)
            for name, weights in zip(FILES, made, strict=True)
        }


def _logs(roots: tf.Tensor) -> tf.Tensor:
    """How networks see cells."""
    return tf.math.log1p(CONTRAST * roots)


def _variables(weights: dict[str, np.ndarray]) -> dict[str, tf.Variable]:
    return {name: tf.Variable(values) for name, values in weights.items()}
