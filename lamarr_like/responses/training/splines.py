"""Monotone rational-quadratic splines (Durkan et al., arXiv:1906.04032), for numbers about 0.

A spline maps ``[-REACH, REACH]`` onto itself and leaves what is outside as it is.  It is told by
``3 * bins - 1`` numbers: widths and heights of its bins before a softmax, and the slopes at the
knots between them before a softplus.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ...nets.onnx_graph import Graph

REACH = 5.0
_LEAST = 1e-3
"""Least width and height of a bin, in units of the range, and least slope."""
_SLOPE_OF_ZERO = float(np.log(np.expm1(1 - _LEAST)))
"""What the softplus needs so that numbers 0 make a straight line."""


class Bin(NamedTuple):
    """The bin in which each number is.

    Args:
        left, low: its corner.
        width, height: its sides.
        first, second: slopes at its ends.
    """

    left: tf.Tensor
    low: tf.Tensor
    width: tf.Tensor
    height: tf.Tensor
    first: tf.Tensor
    second: tf.Tensor


def back(y: tf.Tensor, told: tf.Tensor, bins: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Numbers that the splines map to some, and the logarithms of the slopes there.

    Args:
        y: shape ``(n, k)``.
        told: of the splines, shape ``(n, k * (3 * bins - 1))``: all widths, heights, slopes.
        bins: of a spline.

    Returns:
        Two tensors of shape ``(n, k)``.
    """
    inner = tf.clip_by_value(y, -REACH, REACH)
    b = _bin(inner, told, bins)
    steep, up = b.height / b.width, inner - b.low
    bent = b.first + b.second - 2 * steep
    linear = b.height * b.first - up * bent
    square = b.height * (steep - b.first) + up * bent
    root = tf.sqrt(tf.maximum(tf.square(linear) + 4 * square * steep * up, 1e-12))
    share = tf.clip_by_value(2 * steep * up / (linear + root), 0.0, 1.0)
    rest = 1 - share
    slope = b.second * share**2 + 2 * steep * share * rest + b.first * rest**2
    below = steep + bent * share * rest
    logs = 2 * tf.math.log(steep) + tf.math.log(slope) - 2 * tf.math.log(below)
    return y - inner + b.left + share * b.width, logs


def _bin(y: tf.Tensor, told: tf.Tensor, bins: int) -> Bin:
    n, k = tf.shape(y)[0], y.shape[1]
    parts = tf.split(told, [k * bins, k * bins, k * (bins - 1)], axis=1)
    scale = 2 * REACH
    widths, heights = (
        scale * (_LEAST + (1 - _LEAST * bins) * tf.nn.softmax(tf.reshape(p, (n, k, bins))))
        for p in parts[:2]
    )
    inner = _LEAST + tf.nn.softplus(tf.reshape(parts[2], (n, k, bins - 1)) + _SLOPE_OF_ZERO)
    ends = tf.ones((n, k, 1))
    left, low = (tf.cumsum(p, axis=2, exclusive=True) - REACH for p in (widths, heights))
    # The first edge is below all numbers, whatever the rounding.
    above = tf.concat([ends, tf.cast(y[:, :, None] >= low[:, :, 1:], tf.float32)], axis=2)
    chosen = above - tf.concat([above[:, :, 1:], tf.zeros_like(ends)], axis=2)
    sides = (
        left,
        low,
        widths,
        heights,
        tf.concat([ends, inner], axis=2),
        tf.concat([inner, ends], axis=2),
    )
    return Bin(*(tf.reduce_sum(chosen * side, axis=2) for side in sides))


def add_forward(graph: Graph, x: str, told: str, *, k: int, bins: int) -> str:
    """What the splines map numbers to, in a graph; the opposite of `back`.

    Args:
        graph: graph to extend.
        x: shape ``(rows, k)``.
        told: as for `back`.
        k: numbers.
        bins: of a spline.
    """
    add, sub, mul, div = (partial(graph.op, kind) for kind in ("Add", "Sub", "Mul", "Div"))

    def shaped(first: int, last: int, width: int) -> str:
        shape = graph.constant([-1, k, width], np.int64)
        return graph.op("Reshape", graph.slice(told, first, last), shape)

    def sides(first: int) -> str:
        soft = graph.op("Softmax", shaped(first, first + k * bins, bins), axis=2)
        scaled = mul(soft, graph.constant(2 * REACH * (1 - _LEAST * bins)))
        return add(scaled, graph.constant(2 * REACH * _LEAST))

    def starts(side: str) -> str:
        before = graph.constant(np.triu(np.ones((bins, bins)), 1))
        return sub(graph.op("MatMul", side, before), graph.constant(REACH))

    widths, heights = sides(0), sides(k * bins)
    left, low = starts(widths), starts(heights)
    raw = shaped(2 * k * bins, k * (3 * bins - 1), bins - 1)
    soft = graph.op("Softplus", add(raw, graph.constant(_SLOPE_OF_ZERO)))
    slopes = add(soft, graph.constant(_LEAST))
    # Slopes at both ends of each bin: products with shifted identities, and 1 at the very ends.
    first, second = (
        add(graph.op("MatMul", slopes, graph.constant(inner)), graph.constant(end[None]))
        for inner, end in (
            (np.eye(bins - 1, bins, k=1), np.eye(1, bins)),
            (np.eye(bins - 1, bins), np.eye(1, bins, k=bins - 1)),
        )
    )
    inside = graph.clip(x, -REACH, REACH)
    column = graph.op("Reshape", inside, graph.constant([-1, k, 1], np.int64))
    # The first edge is moved below all numbers; a number is in the bin whose edge is the last
    # below it.
    edges = sub(left, graph.constant(np.eye(1, bins)[None]))
    above = graph.op("Cast", graph.op("GreaterOrEqual", column, edges), to=1)
    chosen = graph.op("MatMul", above, graph.constant(np.eye(bins) - np.eye(bins, k=-1)))
    axis = graph.constant([2], np.int64)
    b = Bin(
        *(
            graph.op("ReduceSum", mul(chosen, side), axis, keepdims=0)
            for side in (left, low, widths, heights, first, second)
        )
    )
    share = div(sub(inside, b.left), b.width)
    both = mul(share, sub(graph.constant(1.0), share))
    steep = div(b.height, b.width)
    bent = sub(add(b.first, b.second), add(steep, steep))
    above_low = add(mul(steep, mul(share, share)), mul(b.first, both))
    up = mul(b.height, div(above_low, add(steep, mul(bent, both))))
    return add(sub(x, inside), add(b.low, up))
