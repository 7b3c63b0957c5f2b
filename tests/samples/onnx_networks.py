"""Small networks made by hand, in ONNX."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def value(name, *shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def node(op, inputs, output="y", **attributes):
    return helper.make_node(op, inputs.split(), [output], **attributes)


def weight(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def graph_of(nodes, weights=(), width=2, inputs=None, outputs=None):
    inputs = inputs or [value("x", "rows", 2)]
    outputs = outputs or [value("y", "rows", width)]
    return helper.make_graph(list(nodes), "g", inputs, outputs, list(weights))


def model_of(*nodes, weights=(), opsets=None, **options):
    opsets = opsets or [helper.make_opsetid("", 17)]
    model = helper.make_model(graph_of(nodes, weights, **options), opset_imports=opsets)
    model.ir_version = 8
    return model
