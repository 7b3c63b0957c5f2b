"""A small builder of ONNX graphs.

The graphs that draw samples are written out by hand rather than traced from TensorFlow: masks drop
out, the part of the first layers that all outputs share is one product, and no tracer must follow
new releases of TensorFlow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSET = 17
_IR_VERSION = 8


class Graph:
    """Collects nodes and weights; tensors have shape ``(rows, width)`` unless told otherwise."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._count = 0

    def _name(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def input(
        self, name: str, *shape: int | str, lead: tuple[str, ...] = ("rows",), whole: bool = False
    ) -> str:
        """Declare an input.

        Args:
            name: its name.
            shape: its shape after the leading axes.
            lead: names of the leading axes.
            whole: int64 instead of float32.
        """
        kind = TensorProto.INT64 if whole else TensorProto.FLOAT
        self._inputs.append(helper.make_tensor_value_info(name, kind, [*lead, *shape]))
        return name

    def output(
        self, name: str, tensor: str, *shape: int | str, lead: tuple[str, ...] = ("rows",)
    ) -> None:
        """Declare an output."""
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        self._outputs.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [*lead, *shape])
        )

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Add a weight."""
        name = self._name()
        array = np.ascontiguousarray(values, dtype=dtype)
        self._weights.append(numpy_helper.from_array(array, name))
        return name

    def op(self, kind: str, *tensors: str, **attributes: Any) -> str:
        """Add a node with one output."""
        name = self._name()
        self._nodes.append(helper.make_node(kind, list(tensors), [name], **attributes))
        return name

    def dense(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """``x @ weight + bias``."""
        return self.op("Gemm", x, self.constant(weight), self.constant(bias))

    def silu(self, x: str) -> str:
        """``x * sigmoid(x)``."""
        return self.op("Mul", x, self.op("Sigmoid", x))

    def slice(self, x: str, start: int, stop: int) -> str:
        """Columns ``start:stop``."""
        ends = [self.constant(v, np.int64) for v in ([start], [stop], [1])]
        return self.op("Slice", x, *ends)

    def clip(self, x: str, low: float, high: float) -> str:
        """``min(max(x, low), high)``."""
        return self.op("Clip", x, self.constant(low), self.constant(high))

    def concat(self, *tensors: str) -> str:
        """Columns side by side."""
        return tensors[0] if len(tensors) == 1 else self.op("Concat", *tensors, axis=1)

    def choose(self, logits: str, uniform: str, n: int) -> str:
        """Index (int64) drawn from a softmax over ``n`` columns by one uniform number a row."""
        # Running sums as a product with a triangle; the last one is left out, so that rounding
        # can never choose a class beyond it.
        triangle = self.constant(np.triu(np.ones((n, n)))[:, : n - 1])
        summed = self.op("MatMul", self.op("Softmax", logits, axis=1), triangle)
        above = self.op("Cast", self.op("Greater", uniform, summed), to=TensorProto.FLOAT)
        index = self.op("ReduceSum", above, self.constant([1], np.int64), keepdims=1)
        return self.op("Cast", index, to=TensorProto.INT64)

    def one_hot(self, index: str, n: int) -> str:
        """Rows of the identity for indices of shape ``(rows, 1)``."""
        flat = self.op("Reshape", index, self.constant([-1], np.int64))
        return self.op("Gather", self.constant(np.eye(n)), flat, axis=0)

    def build(self) -> bytes:
        """The serialised model."""
        graph = helper.make_graph(
            self._nodes, "lamarr_like", self._inputs, self._outputs, self._weights
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="lamarr_like"
        )
        model.ir_version = _IR_VERSION
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())
