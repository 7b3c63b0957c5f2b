"""An autoregressive law of rational-quadratic splines.

One small network an output sees the conditions and the earlier outputs and gives centre and width
of the output and a monotone spline that takes it, so scaled, to a residual that is standard normal
where the law is right (Durkan et al., "Neural spline flows", arXiv:1906.04032, there with all
outputs in one network).  The map from outputs to residuals is one to one, whatever the fit: two
samples have the same law just where their residuals have.  A spline follows several narrow peaks,
which a law of one width an output cannot, and its inverse is a quadratic equation.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import tensorflow as tf

from .layers import Mlp
from .onnx_graph import Graph

_REACH = 4.0
"""Residuals within which the spline bends; beyond, it is the identity."""
_LEAST_SHARE = 1e-3
"""Least width or height of a bin, as a share of the whole."""
_LEAST_SLOPE = 1e-3
_UNIT_SLOPE = float(np.log(np.expm1(1.0 - _LEAST_SLOPE)))
"""What has the slope one: the spline starts as the identity."""
_LOG_SIGMA = (-7.0, 3.0)
_MOST_SCORE = 5.0


class SplineLaw:
    """Each output in turn a spline of a normal number, given conditions and earlier outputs.

    Args:
        rng: source of the initial weights.
        n_in: width of the conditions.
        n_out: number of outputs.
        hidden: width of the hidden layers of each output's network.
        depth: number of these layers.
        bins: pieces of each spline.
    """

    def __init__(
        self, rng: np.random.Generator, n_in: int, n_out: int, *, hidden: int, depth: int, bins: int
    ) -> None:
        self.n_in, self.n_out, self.bins = n_in, n_out, bins
        self.widths = [n_in + n_out, *[hidden] * depth, 2 + 3 * bins - 1]
        self.net = Mlp(rng, self.widths, stack=n_out, out_scale=0.1)
        self.mask = np.ones((n_out, n_in + n_out, 1), dtype=np.float32)
        for i in range(n_out):
            self.mask[i, n_in + i :] = 0.0

    @property
    def products(self) -> int:
        """Multiplications of the products of one draw."""
        first, *inner = pairwise(self.widths)
        earlier = self.n_out * (self.n_out - 1) // 2
        return (self.n_in * self.n_out + earlier) * first[1] + self.n_out * sum(
            a * b for a, b in inner
        )

    def residuals(self, given: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Residuals, and minus the log slopes of the map to them, both of the shape of `y`."""
        kernels, biases = self.net.kernels, self.net.biases
        h = tf.matmul(tf.concat([given, y], 1)[None], kernels[0] * self.mask) + biases[0]
        for kernel, bias in zip(kernels[1:], biases[1:], strict=True):
            h = tf.matmul(tf.nn.silu(h), kernel) + bias
        log_sigma = tf.clip_by_value(h[..., 1], *_LOG_SIGMA)
        scaled = (tf.transpose(y) - h[..., 0]) * tf.exp(-log_sigma)
        residuals, log_slope = _bent(scaled, h[..., 2:], self.bins)
        return tf.transpose(residuals), tf.transpose(log_sigma - log_slope)

    def outputs(
        self, graph: Graph, given: str, residuals: str, arrays: list[np.ndarray], free: str
    ) -> str:
        """The way back, output after output, in a graph; `free` may be empty."""
        layers, hidden = len(self.widths) - 1, self.widths[1]
        kernels, biases = arrays[:layers], arrays[layers:]
        # The part of all first layers that depends on nothing drawn is one product.
        shared = np.concatenate(list(kernels[0][:, : self.n_in]), axis=1)
        base = graph.dense(given, shared, biases[0].reshape(-1))
        known = ""
        for i in range(self.n_out):
            h = graph.slice(base, i * hidden, (i + 1) * hidden)
            if known:
                earlier = graph.constant(kernels[0][i, self.n_in : self.n_in + i])
                h = graph.op("Add", h, graph.op("MatMul", known, earlier))
            for kernel, bias in zip(kernels[1:], biases[1:], strict=True):
                h = graph.dense(graph.silu(h), kernel[i], bias[i, 0])
            scaled = self._straightened(graph, h, graph.slice(residuals, i, i + 1))
            sigma = graph.op("Exp", graph.clip(graph.slice(h, 1, 2), *_LOG_SIGMA))
            value = graph.op("Add", graph.slice(h, 0, 1), graph.op("Mul", sigma, scaled))
            value = graph.clip(value, -_MOST_SCORE, _MOST_SCORE)
            if free:
                value = graph.op("Mul", value, graph.slice(free, i, i + 1))
            known = graph.concat(known, value) if known else value
        return known

    def _straightened(self, graph: Graph, h: str, residual: str) -> str:
        """The inverse of `_bent` in a graph: what the spline takes to the residual."""
        k, add, mul = self.bins, "Add", "Mul"
        widths, heights = (
            _shares_in(graph, graph.slice(h, 2 + at, 2 + at + k), k) for at in (0, k)
        )
        slopes = graph.op(add, graph.slice(h, 2 + 2 * k, 1 + 3 * k), graph.constant(_UNIT_SLOPE))
        slopes = graph.op("Softplus", slopes)
        slopes = graph.op(add, slopes, graph.constant(_LEAST_SLOPE))
        # Slopes of one at the ends, in the shape of a column of the batch.
        one = graph.op("Add", graph.op(mul, residual, graph.constant(0.0)), graph.constant(1.0))
        triangle = graph.constant(np.triu(np.ones((k, k)), 1))
        left, bottom = (
            graph.op("Sub", graph.op("MatMul", v, triangle), graph.constant(_REACH))
            for v in (widths, heights)
        )
        inside = graph.clip(residual, -_REACH, _REACH)
        beyond = graph.op("GreaterOrEqual", inside, graph.slice(bottom, 1, k))
        count = graph.op("ReduceSum", graph.op("Cast", beyond, to=1), _axis(graph), keepdims=1)
        places = np.array([[0, k, 2 * k, 3 * k, 4 * k, 4 * k + 1]])
        index = graph.op("Cast", graph.op(add, count, graph.constant(places)), to=7)
        table = graph.concat(left, widths, bottom, heights, one, slopes, one)
        picked = graph.op("GatherElements", table, index, axis=1)
        x, w, y, height, low, high = (graph.slice(picked, j, j + 1) for j in range(6))
        mean = graph.op("Div", height, w)
        rise = graph.op("Sub", inside, y)
        twice = graph.op(mul, mean, graph.constant(2.0))
        bend = graph.op(mul, rise, graph.op("Sub", graph.op(add, low, high), twice))
        a = graph.op(add, graph.op(mul, height, graph.op("Sub", mean, low)), bend)
        b = graph.op("Sub", graph.op(mul, height, low), bend)
        c = graph.op(mul, mean, rise)
        four = graph.op(mul, graph.op(mul, a, c), graph.constant(4.0))
        root = graph.op("Sqrt", graph.op("Relu", graph.op(add, graph.op(mul, b, b), four)))
        share = graph.op("Div", graph.op(mul, c, graph.constant(2.0)), graph.op(add, b, root))
        bent = graph.op(add, x, graph.op(mul, share, w))
        return graph.op(add, bent, graph.op("Sub", residual, inside))


def _bent(u: tf.Tensor, parameters: tf.Tensor, bins: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Rational-quadratic splines, and the logarithms of their slopes.

    Args:
        u: where, any shape.
        parameters: the same shape and one more axis of ``3 bins - 1``: logits of the bins' widths
            and heights, and what gives the slopes at the knots between them.
        bins: pieces of each spline.
    """
    widths, heights = (_shares(parameters[..., at : at + bins]) for at in (0, bins))
    slopes = _LEAST_SLOPE + tf.nn.softplus(parameters[..., 2 * bins :] + _UNIT_SLOPE)
    one = tf.ones_like(slopes[..., :1])
    # Running sums as a product with a triangle: quicker than cumsum when compiled.
    triangle = tf.constant(np.triu(np.ones((bins, bins)), 1), tf.float32)
    left, bottom = (tf.matmul(v, triangle) - _REACH for v in (widths, heights))
    inside = tf.clip_by_value(u, -_REACH, _REACH)
    beyond = tf.cast(inside[..., None] >= left[..., 1:], tf.float32)
    chosen = tf.concat([one, beyond], -1) - tf.concat([beyond, 0.0 * one], -1)
    slopes = tf.concat([one, slopes, one], -1)
    x, w, y, height, low, high = (
        tf.reduce_sum(chosen * values, -1)
        for values in (left, widths, bottom, heights, slopes[..., :-1], slopes[..., 1:])
    )
    share, mean = (inside - x) / w, height / w
    mixed = share * (1.0 - share)
    scale = mean + (low + high - 2.0 * mean) * mixed
    value = y + height * (mean * tf.square(share) + low * mixed) / scale
    slope = high * tf.square(share) + 2.0 * mean * mixed + low * tf.square(1.0 - share)
    log_slope = 2.0 * tf.math.log(mean / scale) + tf.math.log(slope)
    return value + (u - inside), tf.where(u == inside, log_slope, 0.0)


def _shares(logits: tf.Tensor) -> tf.Tensor:
    """Positive sizes of bins that add up to the whole, ``2 _REACH``."""
    bins = logits.shape[-1]
    share = _LEAST_SHARE + (1.0 - bins * _LEAST_SHARE) * tf.nn.softmax(logits)
    return 2.0 * _REACH * share


def _shares_in(graph: Graph, logits: str, bins: int) -> str:
    """The same in a graph."""
    share = graph.op("Softmax", logits, axis=1)
    share = graph.op("Mul", share, graph.constant(2.0 * _REACH * (1.0 - bins * _LEAST_SHARE)))
    return graph.op("Add", share, graph.constant(2.0 * _REACH * _LEAST_SHARE))


def _axis(graph: Graph) -> str:
    return graph.constant([1], np.int64)
