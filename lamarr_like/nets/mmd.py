"""Distance of the laws of two samples (MMD, Gretton et al., JMLR 13 (2012) 723), group by group.

The kernel is minus the distance (energy distance) plus rational quadratics, for what is narrow.
"""

from __future__ import annotations

import tensorflow as tf

SCALES = (0.3, 1.0)
"""Widths of the rational quadratic kernels; the spread of the rows should be about one."""


def distance(one: tf.Tensor, w: tf.Tensor, two: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """MMD of two samples in each of some groups, mean over these; less what only `two` adds to it.

    Args:
        one, two: rows, shape ``(groups, rows, k)``.
        w, v: their weights, shape ``(groups, rows)``.
    """
    other = 1.0 - tf.eye(tf.shape(one)[1])
    within = w[:, :, None] * w[:, None, :] * other
    between = w[:, :, None] * v[:, None, :]
    same = tf.reduce_sum(within * _kernel(one, one), (1, 2)) / _sum(within)
    cross = tf.reduce_sum(between * _kernel(one, two), (1, 2)) / _sum(between)
    return tf.reduce_mean(same - 2.0 * cross)


def whole_distance(one: tf.Tensor, w: tf.Tensor, two: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """MMD of two samples of which both move.

    Args:
        one, two: rows, shapes ``(n, k)`` and ``(m, k)``.
        w, v: their weights, shapes ``(n,)`` and ``(m,)``.
    """
    one, two, w, v = (values[None] for values in (one, two, w, v))
    other = 1.0 - tf.eye(tf.shape(two)[1])
    within = v[:, :, None] * v[:, None, :] * other
    same = tf.reduce_sum(within * _kernel(two, two), (1, 2)) / _sum(within)
    return distance(one, w, two, v) + tf.reduce_mean(same)


def _sum(weights: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(weights, (1, 2)) + 1e-6


def _kernel(one: tf.Tensor, two: tf.Tensor) -> tf.Tensor:
    """Kernel of all pairs of rows in each group, shape ``(groups, rows, rows)``."""
    square = tf.reduce_sum(tf.square(one[:, :, None] - two[:, None]), -1)
    narrow = [1.0 / (1.0 + square / (2.0 * scale**2)) for scale in SCALES]
    return tf.add_n(narrow) - tf.sqrt(square + 1e-6)
