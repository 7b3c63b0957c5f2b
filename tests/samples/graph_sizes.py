"""Sizes of the products in a graph of ONNX."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper


def products(model):
    """Floating-point operations of the products with weights in a graph, a row.

    Running sums, which are products with a triangle of ones, are left out.
    """
    graph = onnx.load_from_string(model).graph
    weights = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    used = [weights[n.input[1]] for n in graph.node if n.op_type in ("Gemm", "MatMul")]
    return sum(2 * w.size for w in used if not np.isin(w, (0.0, 1.0)).all())


def widths(model):
    """Widths of the inputs of a graph by name."""
    graph = onnx.load_from_string(model).graph
    return {i.name: i.type.tensor_type.shape.dim[1].dim_value for i in graph.input}
