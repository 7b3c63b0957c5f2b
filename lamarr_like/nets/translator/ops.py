"""The operations that a translation is written in, for TensorFlow and for ONNX.

The network is written down once against these; training runs it in TensorFlow and the export
writes it as a graph.  Tensors are TensorFlow tensors or names in the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from ..onnx_graph import Graph

_EPSILON = 1e-5


class Ops(Protocol):
    """What both offer; ``b`` pieces, ``l`` and ``m`` elements in each."""

    def weight(self, name: str) -> Any:
        """A weight."""

    def constant(self, values: Any) -> Any:
        """A float32 constant."""

    def binary(self, kind: str, a: Any, b: Any) -> Any:
        """``Add``, ``Sub``, ``Mul``, ``Div`` or ``Max`` of two tensors, with broadcasting."""

    def unary(self, kind: str, a: Any) -> Any:
        """``Abs``, ``Floor``, ``Log``, ``Relu``, ``Sigmoid`` or ``Tanh``."""

    def clip(self, a: Any, low: float, high: float) -> Any:
        """Bound each element."""

    def matmul(self, a: Any, b: Any) -> Any:
        """Matrix product over the last two axes."""

    def softmax(self, a: Any) -> Any:
        """Softmax over the last axis."""

    def norm(self, a: Any, name: str) -> Any:
        """Layer normalisation over the last axis."""

    def concat(self, tensors: list[Any], axis: int) -> Any:
        """Join along an axis."""

    def slice(self, a: Any, start: int, stop: int, axis: int) -> Any:
        """Part of an axis."""

    def gather(self, table: Any, index: Any) -> Any:
        """Rows of a table."""

    def transpose(self, a: Any, order: list[int]) -> Any:
        """Permute the axes."""

    def like(self, a: Any, mask: Any, tail: list[int]) -> Any:
        """Reshape to the shape of the mask followed by `tail`."""

    def reshape(self, a: Any, shape: list[int]) -> Any:
        """Reshape; 0 keeps an axis, -1 takes what is left."""

    def total(self, a: Any) -> Any:
        """Sum over the last axis, which goes away."""

    def unfold(self, a: Any, plane: Any) -> Any:
        """``(b, c, l * m)`` to ``(b, c, l, m)`` for a plane of shape ``(b, l, m)``."""


_TF_BINARY = {
    "Add": tf.add,
    "Sub": tf.subtract,
    "Mul": tf.multiply,
    "Div": tf.divide,
    "Max": tf.maximum,
}
_TF_UNARY = {
    "Abs": tf.abs,
    "Floor": tf.floor,
    "Log": tf.math.log,
    "Relu": tf.nn.relu,
    "Sigmoid": tf.sigmoid,
    "Tanh": tf.tanh,
}


class TensorFlowOps:
    """The operations in TensorFlow; shapes are known when they are traced.

    Args:
        weights: tensors by name.
    """

    def __init__(self, weights: Mapping[str, tf.Tensor]) -> None:
        self._weights = weights

    def weight(self, name: str) -> Any:
        """See `Ops`."""
        return self._weights[name]

    def constant(self, values: Any) -> Any:
        """See `Ops`."""
        return tf.constant(values, dtype=tf.float32)

    def binary(self, kind: str, a: Any, b: Any) -> Any:
        """See `Ops`."""
        return _TF_BINARY[kind](a, b)

    def unary(self, kind: str, a: Any) -> Any:
        """See `Ops`."""
        return _TF_UNARY[kind](a)

    def clip(self, a: Any, low: float, high: float) -> Any:
        """See `Ops`."""
        return tf.clip_by_value(a, low, high)

    def matmul(self, a: Any, b: Any) -> Any:
        """See `Ops`."""
        return tf.matmul(a, b)

    def softmax(self, a: Any) -> Any:
        """See `Ops`."""
        return tf.nn.softmax(a)

    def norm(self, a: Any, name: str) -> Any:
        """See `Ops`."""
        centred = a - tf.reduce_mean(a, axis=-1, keepdims=True)
        scale = tf.math.rsqrt(tf.reduce_mean(centred**2, axis=-1, keepdims=True) + _EPSILON)
        return centred * scale * self.weight(f"{name}.scale") + self.weight(f"{name}.shift")

    def concat(self, tensors: list[Any], axis: int) -> Any:
        """See `Ops`."""
        return tf.concat(tensors, axis)

    def slice(self, a: Any, start: int, stop: int, axis: int) -> Any:
        """See `Ops`."""
        begin, size = [0] * len(a.shape), [-1] * len(a.shape)
        begin[axis], size[axis] = start, stop - start
        return tf.slice(a, begin, size)

    def gather(self, table: Any, index: Any) -> Any:
        """See `Ops`."""
        return tf.gather(table, index)

    def transpose(self, a: Any, order: list[int]) -> Any:
        """See `Ops`."""
        return tf.transpose(a, order)

    def like(self, a: Any, mask: Any, tail: list[int]) -> Any:
        """See `Ops`."""
        return tf.reshape(a, [*mask.shape, *tail])

    def reshape(self, a: Any, shape: list[int]) -> Any:
        """See `Ops`."""
        return tf.reshape(a, [a.shape[i] if s == 0 else s for i, s in enumerate(shape)])

    def total(self, a: Any) -> Any:
        """See `Ops`."""
        return tf.reduce_sum(a, axis=-1)

    def unfold(self, a: Any, plane: Any) -> Any:
        """See `Ops`."""
        return tf.reshape(a, [plane.shape[0], a.shape[1], plane.shape[1], plane.shape[2]])


class OnnxOps:
    """The operations as nodes of a graph.

    Args:
        graph: graph to extend.
        weights: arrays by name.
    """

    def __init__(self, graph: Graph, weights: Mapping[str, np.ndarray]) -> None:
        self._graph, self._weights = graph, weights
        self._names: dict[str, str] = {}

    def weight(self, name: str) -> Any:
        """See `Ops`."""
        if name not in self._names:
            self._names[name] = self.constant(self._weights[name])
        return self._names[name]

    def constant(self, values: Any) -> Any:
        """See `Ops`."""
        return self._graph.constant(values)

    def binary(self, kind: str, a: Any, b: Any) -> Any:
        """See `Ops`."""
        return self._graph.op(kind, a, b)

    def unary(self, kind: str, a: Any) -> Any:
        """See `Ops`."""
        return self._graph.op(kind, a)

    def clip(self, a: Any, low: float, high: float) -> Any:
        """See `Ops`."""
        return self._graph.clip(a, low, high)

    def matmul(self, a: Any, b: Any) -> Any:
        """See `Ops`."""
        return self._graph.op("MatMul", a, b)

    def softmax(self, a: Any) -> Any:
        """See `Ops`."""
        return self._graph.op("Softmax", a, axis=-1)

    def norm(self, a: Any, name: str) -> Any:
        """See `Ops`."""
        parts = (self.weight(f"{name}.scale"), self.weight(f"{name}.shift"))
        return self._graph.op("LayerNormalization", a, *parts, axis=-1, epsilon=_EPSILON)

    def concat(self, tensors: list[Any], axis: int) -> Any:
        """See `Ops`."""
        return self._graph.op("Concat", *tensors, axis=axis)

    def slice(self, a: Any, start: int, stop: int, axis: int) -> Any:
        """See `Ops`."""
        ends = [self._whole([v]) for v in (start, stop, axis)]
        return self._graph.op("Slice", a, *ends)

    def gather(self, table: Any, index: Any) -> Any:
        """See `Ops`."""
        return self._graph.op("Gather", table, index, axis=0)

    def transpose(self, a: Any, order: list[int]) -> Any:
        """See `Ops`."""
        return self._graph.op("Transpose", a, perm=order)

    def like(self, a: Any, mask: Any, tail: list[int]) -> Any:
        """See `Ops`."""
        shape = self._graph.op("Concat", self._graph.op("Shape", mask), self._whole(tail), axis=0)
        return self._graph.op("Reshape", a, shape)

    def reshape(self, a: Any, shape: list[int]) -> Any:
        """See `Ops`."""
        return self._graph.op("Reshape", a, self._whole(shape))

    def total(self, a: Any) -> Any:
        """See `Ops`."""
        return self._graph.op("ReduceSum", a, self._whole([-1]), keepdims=0)

    def unfold(self, a: Any, plane: Any) -> Any:
        """See `Ops`."""
        shape = self._graph.op("Shape", plane)
        first, rest = self.slice(shape, 0, 1, 0), self.slice(shape, 1, 3, 0)
        return self._graph.op(
            "Reshape", a, self._graph.op("Concat", first, self._whole([-1]), rest, axis=0)
        )

    def _whole(self, values: list[int]) -> str:
        return self._graph.constant(values, np.int64)
