"""Pieces that the families share: weights, schedules, moving averages, threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

# Before TensorFlow starts: less chatter, and no oneDNN kernels, whose rounding varies.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
import tensorflow as tf

XLA = os.environ.get("LAMARR_LIKE_XLA", "1") != "0"
"""Whether steps of trainings are compiled by XLA."""


def training_step(function: Callable[..., Any]) -> Any:
    """A step of a training as one graph, which XLA compiles at its first call.

    To compile takes 5 to 20 s; a step then takes a fraction of its time.  For trainings of a few
    hundred steps, as in tests, ``LAMARR_LIKE_XLA=0`` in the environment leaves it out.
    """
    return tf.function(function, jit_compile=XLA, autograph=False)


def use_threads(threads: int) -> None:
    """Limit TensorFlow to some threads, where it has not started yet."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass  # already running: the first training of the process has chosen


def weight(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> tf.Variable:
    """Normal initial weights of variance ``scale**2 / fan_in`` (fan-in: the last axis but one)."""
    values = rng.normal(size=shape) * (scale / np.sqrt(shape[-2]))
    return tf.Variable(values.astype(np.float32))


def zeros(*shape: int) -> tf.Variable:
    """A bias."""
    return tf.Variable(np.zeros(shape, dtype=np.float32))


class Mlp:
    """A dense network with SiLU between the layers.

    Args:
        rng: source of the initial weights.
        widths: input, hidden and output widths.
        stack: number of independent networks side by side, 0 for a single one.
        out_scale: scale of the initial weights of the last layer.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        widths: list[int],
        stack: int = 0,
        out_scale: float = 1.0,
    ) -> None:
        lead = (stack,) if stack else ()
        last = len(widths) - 2
        self.kernels = [
            weight(rng, *lead, a, b, scale=out_scale if i == last else np.sqrt(2.0))
            for i, (a, b) in enumerate(pairwise(widths))
        ]
        self.biases = [zeros(*lead, 1, b) if stack else zeros(b) for b in widths[1:]]

    @property
    def variables(self) -> list[tf.Variable]:
        """Everything trainable: kernels, then biases."""
        return [*self.kernels, *self.biases]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Map ``(rows, in)`` to ``(rows, out)``, or with a stack to ``(stack, rows, out)``."""
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            x = tf.matmul(tf.nn.silu(x) if i else x, kernel) + bias
        return x


def adam(
    learning_rate: float, warm_up: int, steps: int, **options: float | None
) -> keras.Optimizer:
    """Adam with a linear warm-up and a cosine decay to nearly nothing."""
    warm_up = min(warm_up, max(steps // 10, 1))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(steps - warm_up, 1),
        alpha=0.002,
        warmup_target=learning_rate,
        warmup_steps=warm_up,
    )
    return keras.optimizers.Adam(schedule, **options)


class MovingAverage:
    """Exponential moving average of weights, started gently.

    Args:
        variables: what is averaged.
        decay: largest decay.
    """

    def __init__(self, variables: list[tf.Variable], decay: float) -> None:
        self.variables = variables
        self.averages = [tf.Variable(v) for v in variables]
        self.count = tf.Variable(0.0)
        self.decay = decay

    def update(self) -> None:
        """Fold in the present weights."""
        self.count.assign_add(1.0)
        decay = tf.minimum(self.decay, self.count / (self.count + 10.0))
        for average, variable in zip(self.averages, self.variables, strict=True):
            average.assign(decay * average + (1.0 - decay) * variable)

    def numpy(self) -> list[np.ndarray]:
        """The averages as arrays, in the order of the variables and of their shapes."""
        return [a.numpy() for a in self.averages]
