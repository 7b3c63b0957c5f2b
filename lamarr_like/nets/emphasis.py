"""A number that has to be right above all, as a penalty in a training.

After Rogachev and Ratnikov (arXiv:2207.06329), who had a generator of showers learn their
asymmetry.  The penalty is the difference of mean and of mean square between drawn and detailed rows
in each cell of the conditions, in units of the number's spread there.  Its square in a batch would
mostly be noise; so it is averaged over steps, and a step moves against the average.

A number that has no slope is learnt: a network tells it from the scores of a row, from detailed
rows and from those that were drawn, beside the generator, and takes its place in the penalty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..arrays import Floats32
from ..engine.atoms import FREE
from .layers import Mlp, adam
from .sample import Emphasis, GeneratorSample, VectorRows, stream

_MEMORY = 0.98
"""Share of the average that stays from one step to the next."""
_LEAST_SPREAD = 0.05
_WIDTHS = (64, 64)


class Physical:
    """Normal scores and classes of atoms to physical outputs, as tensors.

    Args:
        sample: what the tables are of.
        names: of the outputs.
    """

    def __init__(self, sample: GeneratorSample, names: Sequence[str]) -> None:
        scores, atoms = sample.scores, sample.atoms
        n, k = len(atoms), len(scores.limits)
        self.names = list(names)
        self.limits = scores.limits.astype(np.float32)
        self.width = scores.knots.shape[1]
        self.knots = scores.knots.ravel().astype(np.float32)
        fixed, copied = np.zeros((n, k), np.float32), np.zeros((n, k, k), np.float32)
        for c, pattern in enumerate(atoms.patterns):
            for i, code in enumerate(pattern):
                if code >= 0:
                    fixed[c, i] = atoms.values[i][code]
                elif code < FREE:
                    copied[c, i, -2 - code] = 1.0
        self.fixed, self.copied = fixed, copied
        self.free = atoms.free.astype(np.float32)

    def __call__(self, scores: tf.Tensor, atom: tf.Tensor) -> dict[str, tf.Tensor]:
        """Outputs by name, shapes ``(n,)``, for scores of shape ``(n, k)`` and classes ``(n,)``."""
        place = tf.clip_by_value(0.5 * (scores / self.limits + 1.0), 0.0, 1.0) * (self.width - 1)
        cell = tf.minimum(tf.cast(tf.floor(place), tf.int32), self.width - 2)
        part = place - tf.cast(cell, tf.float32)
        cell += np.arange(len(self.limits), dtype=np.int32) * self.width
        low, high = (tf.gather(self.knots, cell + step) for step in (0, 1))
        values = low + part * (high - low)
        values = tf.gather(self.free, atom) * values + tf.gather(self.fixed, atom)
        copied = tf.gather(self.copied, atom)
        found: dict[str, tf.Tensor] = {}
        for k, name in enumerate(self.names):
            found[name] = values[:, k]
            for j, other in enumerate(self.names[:k]):
                found[name] += copied[:, k, j] * found[other]
        return found


class Balance:
    """Differences of mean and mean square of a number, cell by cell, averaged over steps.

    Args:
        numbers: the number of detailed rows, shape ``(n,)``.
        cells: cell of each, -1 for none.
        n_cells: how many there are.
        weight: of the penalty.
    """

    def __init__(self, numbers: np.ndarray, cells: np.ndarray, n_cells: int, weight: float) -> None:
        self.n_cells, self.weight = n_cells, weight
        inside = cells >= 0
        totals = np.maximum(np.bincount(cells[inside], minlength=n_cells), 1)
        mean, square = (
            np.bincount(cells[inside], values[inside], n_cells) / totals
            for values in (numbers, numbers**2)
        )
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        least = _LEAST_SPREAD * max(float(numbers[inside].std()), 1e-9) if inside.any() else 1.0
        self.spread = np.maximum(spread, least).astype(np.float32)
        self.mean = mean.astype(np.float32)
        self.average = tf.Variable(tf.zeros((2, n_cells)))

    def loss(
        self, found: tf.Tensor, number: tf.Tensor, cells: tf.Tensor, w: tf.Tensor
    ) -> tf.Tensor:
        """Penalty of a batch, whose slope is that of half the squared average differences.

        Args:
            found: the number of drawn rows, shape ``(n,)``.
            number: that of detailed rows with the same conditions, shape ``(n,)``.
            cells: of both, shape ``(n,)``.
            w: weights, shape ``(n,)``.
        """
        place = tf.one_hot(cells, self.n_cells) * w[:, None]  # -1 is in none
        count = tf.reduce_sum(place, 0)
        scale = tf.gather(self.spread, tf.maximum(cells, 0))
        middle = tf.gather(self.mean, tf.maximum(cells, 0))
        one, two = ((values - middle) / scale for values in (found, number))
        gaps = [
            tf.linalg.matvec(place, a - b, transpose_a=True) / tf.maximum(count, 1e-3)
            for a, b in ((one, two), (tf.square(one), tf.square(two)))
        ]
        gap = tf.stack(gaps)
        there = tf.cast(count > 0.0, tf.float32)
        memory = 1.0 - (1.0 - _MEMORY) * there
        self.average.assign(memory * self.average + (1.0 - memory) * tf.stop_gradient(gap))
        return self.weight * tf.reduce_sum(self.average * gap * there) / float(self.n_cells)


class Penalty:
    """Difference of the number between drawn and detailed rows, cell by cell.

    Args:
        sample: the prepared sample.
        rows: the same as it came.
        emphasis: the number and the cells.
        weight: of the penalty.
        seed: of the weights of the network that learns the number.
        steps: of the training.

    Attributes:
        further: what a batch has of each row beside the sample: the number, cell and conditions.
    """

    def __init__(
        self,
        sample: GeneratorSample,
        rows: VectorRows,
        emphasis: Emphasis,
        weight: float,
        seed: int,
        steps: int,
    ) -> None:
        self.metric = emphasis.number
        self.physical = Physical(sample, list(rows.targets))
        known = [np.asarray(rows.conditions[name], np.float32) for name in self.metric.conditions]
        n = len(sample.y)
        numbers = self.metric.numbers(rows.targets, rows.conditions)
        cells = np.asarray(emphasis.cells, dtype=np.int32)
        table = np.stack(known, axis=1) if known else np.zeros((n, 0), np.float32)
        self.further = (self._soft_numpy(rows, numbers), cells, table)
        self.balance = Balance(self.further[0], cells, self.metric.n_cells, weight)
        self.net: Mlp | None = None
        if not self.metric.differentiable:
            width = sample.x.shape[1] + sample.y.shape[1]
            width += len(sample.atoms) if len(sample.atoms) > 1 else 0
            self.net = Mlp(stream(seed, "surrogate"), [width, *_WIDTHS, 1], out_scale=0.1)
            self.optimizer = adam(2e-3, 200, steps)
            self.optimizer.build(self.net.variables)

    def _soft_numpy(self, rows: VectorRows, numbers: np.ndarray) -> Floats32:
        """The number of detailed rows as `number` tells it of drawn ones."""
        one = self.metric
        if one.cut is None or not one.differentiable:
            return numbers.astype(np.float32)
        value = np.asarray(one.value(rows.targets, rows.conditions), dtype=np.float64)
        found: Floats32 = (0.5 + 0.5 * np.tanh(0.5 * (value - one.cut) / one.softness)).astype("f")
        return found

    def number(
        self, given: tf.Tensor, scores: tf.Tensor, atom: tf.Tensor, known: tf.Tensor
    ) -> tf.Tensor:
        """The number of drawn rows with a slope, shape ``(n,)``.

        Args:
            given: conditions and class as a network sees them, shape ``(n, n_given)``.
            scores: shape ``(n, k)``.
            atom: class of each row, shape ``(n,)``.
            known: conditions that the number is made of, shape ``(n, n_known)``.
        """
        one = self.metric
        if self.net is not None:
            return self.net(tf.concat([given, scores], 1))[:, 0]
        conditions = {name: known[:, i] for i, name in enumerate(one.conditions)}
        value = one.value(self.physical(scores, atom), conditions)
        return value if one.cut is None else tf.sigmoid((value - one.cut) / one.softness)

    def detailed(self, given: tf.Tensor, scores: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """The number of detailed rows, as `number` tells it of drawn ones, shape ``(n,)``."""
        if self.net is None:
            return number
        return tf.stop_gradient(self.net(tf.concat([given, scores], 1))[:, 0])

    def told(self, scores: tf.Tensor, atom: np.ndarray, more: tuple[Any, ...]) -> Floats32:
        """The number itself of drawn rows, shape ``(n,)``; see `number`."""
        outputs = {k: v.numpy() for k, v in self.physical(scores, tf.constant(atom)).items()}
        known = {name: np.asarray(more[2])[:, i] for i, name in enumerate(self.metric.conditions)}
        found: Floats32 = self.metric.numbers(outputs, known).astype(np.float32)
        return found

    def loss(
        self, found: tf.Tensor, number: tf.Tensor, cells: tf.Tensor, w: tf.Tensor
    ) -> tf.Tensor:
        """Penalty of a batch; see `Balance.loss`."""
        return self.balance.loss(found, number, cells, w)

    def learn(self, given: tf.Tensor, scores: tf.Tensor, number: tf.Tensor) -> None:
        """One update of the network that tells the number of rows."""
        net = self.net
        assert net is not None
        with tf.GradientTape() as tape:
            told = net(tf.concat([given, scores], 1))[:, 0]
            loss = tf.reduce_mean(tf.square(told - number))
        self.optimizer.apply(tape.gradient(loss, net.variables), net.variables)
