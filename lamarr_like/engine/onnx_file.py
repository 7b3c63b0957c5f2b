"""ONNX models from bytes, in the forms that our exporters write; everything else is refused.

ONNX Runtime opens files that a model names (external data), runs loops and code of its own domains.
So a strict reader goes first that knows a part of the format only: one graph of nodes of the
default domain, whose attributes are numbers and whose weights are in the file.

The format is protobuf; the numbers of the fields are those of onnx.proto
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

FLOAT, INT64, BOOL = 1, 7, 9
"""Types of tensors that there may be."""

DTYPES: dict[int, np.dtype[Any]] = {
    FLOAT: np.dtype("<f4"),
    INT64: np.dtype("<i8"),
    BOOL: np.dtype("?"),
}

MAX_NODES = 4000
"""Most nodes, and most weights, of a graph."""
MAX_RANK = 6
"""Most axes of a tensor."""
MAX_SIZE = 1 << 24
"""Longest axis that a file may declare."""

_OPSETS = range(13, 22)


class Value(NamedTuple):
    """An input or output that a graph declares; axes of open length have a name."""

    name: str
    kind: int
    shape: tuple[int | str, ...]


class Node(NamedTuple):
    """An operation; attributes are numbers or tuples of whole numbers."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


class Graph(NamedTuple):
    """What a model computes; `weights` are arrays by name, `inner` is what it tells of others."""

    nodes: list[Node]
    weights: dict[str, np.ndarray]
    inputs: list[Value]
    outputs: list[Value]
    inner: list[Value]


_Form: TypeAlias = tuple[str, Mapping[int, tuple[str, bool]], Mapping[int, str]]
"""What a message is; name of each field and whether it may be repeated, by its key in the file
(number * 8 + wire type: 0 whole number, 2 bytes, 5 four bytes); words for what is refused."""


def _form(what: str, refused: Mapping[int, str], /, **fields: tuple[int, int, bool]) -> _Form:
    return what, {n * 8 + wire: (k, many) for k, (n, wire, many) in fields.items()}, refused


_MODEL = _form(
    "model",
    {14: "metadata", 20: "training information", 25: "functions", 26: "devices"},
    ir_version=(1, 0, False),
    producer_name=(2, 2, False),
    producer_version=(3, 2, False),
    domain=(4, 2, False),
    model_version=(5, 0, False),
    doc_string=(6, 2, False),
    graph=(7, 2, False),
    opset_import=(8, 2, True),
)
_OPSET = _form("operator set", {}, domain=(1, 2, False), version=(2, 0, False))
_GRAPH = _form(
    "graph",
    {14: "quantisation", 15: "sparse weights", 16: "metadata"},
    node=(1, 2, True),
    name=(2, 2, False),
    weight=(5, 2, True),
    doc_string=(10, 2, False),
    input=(11, 2, True),
    output=(12, 2, True),
    inner=(13, 2, True),
)
_NODE = _form(
    "node",
    {8: "an overload", 9: "metadata", 10: "devices"},
    input=(1, 2, True),
    output=(2, 2, True),
    name=(3, 2, False),
    op=(4, 2, False),
    attribute=(5, 2, True),
    doc_string=(6, 2, False),
    domain=(7, 2, False),
)
_ATTRIBUTE = _form(
    "attribute",
    {
        **{4: "text", 5: "a tensor", 6: "a graph", 7: "numbers", 9: "texts", 10: "tensors"},
        **{11: "graphs", 14: "a type", 15: "types", 21: "a reference", 22: "a sparse tensor"},
    },
    name=(1, 2, False),
    f=(2, 5, False),
    i=(3, 0, False),
    ints=(8, 0, True),
    packed=(8, 2, True),
    doc_string=(13, 2, False),
    type=(20, 0, False),
)
_TENSOR = _form(
    "weight",
    {
        **{3: "segments", 4: "numbers that are not raw", 5: "numbers that are not raw"},
        **{6: "texts", 7: "numbers that are not raw", 10: "numbers that are not raw"},
        **{11: "numbers that are not raw", 13: "external data", 16: "metadata"},
    },
    shape=(1, 0, True),
    packed=(1, 2, True),
    kind=(2, 0, False),
    name=(8, 2, False),
    raw=(9, 2, False),
    doc_string=(12, 2, False),
    location=(14, 0, False),
)
_VALUE = _form("input or output", {4: "metadata"}, name=(1, 2, False), type=(2, 2, False))
_TYPE = _form(
    "type",
    {4: "a sequence", 5: "a map", 6: "a denotation", 8: "a sparse tensor", 9: "an optional"},
    tensor=(1, 2, False),
)
_TENSOR_TYPE = _form("type", {}, kind=(1, 0, False), shape=(2, 2, False))
_SHAPE = _form("shape", {}, axis=(1, 2, True))
_AXIS = _form("axis", {3: "a denotation"}, size=(1, 0, False), name=(2, 2, False))


def need(condition: object, reason: str) -> None:
    """Raise ValueError unless a condition holds."""
    if not condition:
        raise ValueError(reason)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A whole number and where the next begins."""
    found = shift = 0
    while True:
        byte = data[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            need(found < 1 << 64, "a number that is too long")
            return found, at
        shift += 7
        need(shift < 70, "a number that is too long")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _message(data: bytes, form: _Form) -> dict[str, Any]:
    """Fields of a message: a list for those that may be repeated, a value for the others."""
    what, fields, refused = form
    found: dict[str, Any] = {}
    at, end = 0, len(data)
    while at < end:
        key = data[at]
        at += 1
        if key >= 0x80:
            key, at = _varint(data, at - 1)
        wire = key & 7
        value: Any
        if wire == 2:
            size = data[at]
            at += 1
            if size >= 0x80:
                size, at = _varint(data, at - 1)
            if at + size > end:
                raise ValueError(f"a {what} that is cut short")
            value = data[at : at + size]
            at += size
        elif wire == 0:
            value, at = _varint(data, at)
            value = _signed(value)
        else:
            if wire != 5 or at + 4 > end:
                raise ValueError(f"a {what} that is cut short or of unknown form")
            (value,) = struct.unpack_from("<f", data, at)
            at += 4
        if key not in fields:
            raise ValueError(f"a {what} with {refused.get(key >> 3, f'the field {key >> 3}')}")
        name, many = fields[key]
        if many:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise ValueError(f"a {what} with two fields {name}")
        else:
            found[name] = value
    return found


def _whole(fields: Mapping[str, Any], name: str) -> list[int]:
    """Whole numbers, one by one or packed."""
    found: list[int] = list(fields.get(name, ()))
    for data in fields.get("packed", ()):
        at = 0
        need(len(data) <= 1000, "too many numbers")
        while at < len(data):
            value, at = _varint(data, at)
            found.append(_signed(value))
    return found


def _text(fields: Mapping[str, Any], name: str) -> str:
    data: bytes = fields.get(name, b"")
    need(len(data) <= 1000, "a name that is too long")
    return data.decode()


def parse_model(content: bytes) -> Graph:
    """The graph of a model.

    Raises:
        ValueError, IndexError, struct.error: if the bytes are no model, or one that has more than
            is allowed.
    """
    model = _message(content, _MODEL)
    need("graph" in model, "no graph")
    for one in model.get("opset_import", ()):
        opset = _message(one, _OPSET)
        need(_text(opset, "domain") in ("", "ai.onnx"), "operators of another domain")
        need(opset.get("version") in _OPSETS, f"operator set {opset.get('version')}")
    graph = _message(model["graph"], _GRAPH)
    for name in ("node", "weight", "input", "output", "inner"):
        need(len(graph.get(name, ())) <= MAX_NODES, f"more than {MAX_NODES} of {name}")
    weights: dict[str, np.ndarray] = {}
    for one in graph.get("weight", ()):
        name, values = _weight(one)
        if not name or name in weights:
            raise ValueError(f"weight {name!r} comes twice")
        weights[name] = values
    return Graph(
        [_node(one) for one in graph.get("node", ())],
        weights,
        [_value(one) for one in graph.get("input", ())],
        [_value(one) for one in graph.get("output", ())],
        [_value(one) for one in graph.get("inner", ())],
    )


def _weight(data: bytes) -> tuple[str, np.ndarray]:
    fields = _message(data, _TENSOR)
    name, kind, shape = _text(fields, "name"), fields.get("kind", 0), _whole(fields, "shape")
    dtype, raw = DTYPES.get(kind), fields.get("raw", b"")
    if fields.get("location", 0) != 0:
        raise ValueError(f"weight {name!r} with external data")
    fits = len(shape) <= MAX_RANK and all(0 <= size <= MAX_SIZE for size in shape)
    # Python's whole numbers do not overflow.
    if dtype is None or not fits or math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError(f"weight {name!r} of another size or type")
    values = np.frombuffer(raw, dtype).reshape(shape)
    if kind == FLOAT and not np.isfinite(values).all():
        raise ValueError(f"weight {name!r} is not finite")
    return name, values


def _node(data: bytes) -> Node:
    fields = _message(data, _NODE)
    op, outputs = _text(fields, "op"), [o.decode() for o in fields.get("output", ())]
    if _text(fields, "domain") not in ("", "ai.onnx"):
        raise ValueError(f"{op} of another domain")
    if len(outputs) != 1 or not outputs[0]:
        raise ValueError(f"{op} with {len(outputs)} outputs")
    attributes: dict[str, Any] = {}
    for one in fields.get("attribute", ()):
        attribute = _message(one, _ATTRIBUTE)
        name, kind = _text(attribute, "name"), attribute.get("type")
        need(name not in attributes, "an attribute that comes twice")
        values: dict[Any, Any] = {1: attribute.get("f", 0.0), 2: attribute.get("i", 0)}
        values[7] = tuple(_whole(attribute, "ints"))
        if kind not in values:
            raise ValueError(f"{op} with an attribute {name} of type {kind}")
        attributes[name] = values[kind]
    return Node(op, tuple(i.decode() for i in fields.get("input", ())), outputs[0], attributes)


def _value(data: bytes) -> Value:
    fields = _message(data, _VALUE)
    name = _text(fields, "name")
    tensor = _message(_message(fields.get("type", b""), _TYPE).get("tensor", b""), _TENSOR_TYPE)
    need(tensor.get("kind") in DTYPES and "shape" in tensor, f"{name!r} is no tensor of a shape")
    shape: list[int | str] = []
    for one in _message(tensor["shape"], _SHAPE).get("axis", ()):
        axis = _message(one, _AXIS)
        size = axis.get("size")
        need(size is None or 0 < size <= MAX_SIZE, f"{name!r} has an axis of length {size}")
        shape.append(_text(axis, "name") if size is None else size)
    need(len(shape) <= MAX_RANK, f"{name!r} has {len(shape)} axes")
    return Value(name, tensor["kind"], tuple(shape))
