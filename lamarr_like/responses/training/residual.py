"""The dense network that the families of codes share: SiLU, with skips around inner layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ...nets.layers import weight, zeros
from ...nets.onnx_graph import Graph

_FIRST, _INNER = 1.0, 0.7


class ResidualMlp:
    """A dense network whose inner layers add to what they see.

    Args:
        rng: source of the initial weights.
        n_in, n_out: widths of input and output.
        hidden, depth: width and number of the hidden layers.
        out_scale: scale of the initial weights of the last layer.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        n_in: int,
        n_out: int,
        *,
        hidden: int,
        depth: int,
        out_scale: float = 0.1,
    ) -> None:
        self.widths = [n_in, *[hidden] * depth, n_out]
        scales = [_FIRST, *[_INNER] * (depth - 1), out_scale]
        sides = zip(pairwise(self.widths), scales, strict=True)
        self.kernels = [weight(rng, a, b, scale=scale) for (a, b), scale in sides]
        self.biases = [zeros(b) for b in self.widths[1:]]

    @property
    def variables(self) -> list[tf.Variable]:
        """Kernels, then biases."""
        return [*self.kernels, *self.biases]

    @property
    def flops(self) -> int:
        """Floating-point operations of the products for one row."""
        return 2 * sum(a * b for a, b in pairwise(self.widths))

    def __call__(self, *parts: tf.Tensor) -> tf.Tensor:
        """Map columns side by side, ``(rows, n_in)`` in all, to ``(rows, n_out)``."""
        h = tf.concat(parts, axis=1)
        last = len(self.kernels) - 1
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            step = tf.matmul(tf.nn.silu(h) if i else h, kernel) + bias
            h = h + step if 0 < i < last else step
        return h


def add_residual(graph: Graph, x: str, arrays: Sequence[np.ndarray]) -> str:
    """The same in a graph.

    Args:
        graph: graph to extend.
        x: input, shape ``(rows, n_in)``.
        arrays: weights in the order of `ResidualMlp.variables`.
    """
    last = len(arrays) // 2 - 1
    h = x
    for i in range(last + 1):
        step = graph.dense(graph.silu(h) if i else h, arrays[i], arrays[last + 1 + i])
        h = graph.op("Add", h, step) if 0 < i < last else step
    return h
