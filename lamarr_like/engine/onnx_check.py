"""Check of an ONNX graph before ONNX Runtime: which operators, and what they cost.

Operators are those that our exporters use, and a few more of the same kind.  None of them loops,
draws random numbers or makes a tensor whose shape depends on computed numbers; so the shapes of all
tensors follow from those of the inputs, and with them the memory and the time.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..errors import ArtefactError
from .onnx_file import BOOL, DTYPES, FLOAT, INT64, MAX_RANK, Graph, Node, Value, need, parse_model
from .shipped_networks import SHIPPED

MAX_MEMORY = 1 << 30
"""Most bytes of the tensors that there are at a time."""
MAX_TRAFFIC = 1 << 33
"""Most bytes of all tensors of a call together."""
MAX_CONSTANT = 1 << 27
"""Most bytes of what is made of weights alone, which is kept."""
MAX_PRODUCTS = 1 << 35
"""Most multiplications of matrix products in a call."""
MAX_AXIS = 1 << 27
"""Longest axis."""
MAX_KNOWN = 64
"""Longest tensor of whole numbers that is followed, such as a shape."""


class Tensor(NamedTuple):
    """What is known of a tensor before the first run.

    Attributes:
        kind: its type.
        shape: its shape.
        values: whole numbers that are known, such as those of weights and shapes.
        fixed: whether it is made of weights alone.
    """

    kind: int
    shape: tuple[int, ...]
    values: np.ndarray | None = None
    fixed: bool = False

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.size * int(DTYPES[self.kind].itemsize)


class Cost(NamedTuple):
    """What a call of a graph costs at the most.

    Attributes:
        memory: bytes of the tensors that there are at a time.
        traffic: bytes of all tensors together.
        products: multiplications of matrix products.
    """

    memory: int
    traffic: int
    products: int


_Rule: TypeAlias = Callable[[list[Tensor], dict[str, Any]], tuple[int, tuple[int, ...]]]
"""Inputs and attributes to the type and shape of the output."""


def _broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    if all(shape == shapes[0] for shape in shapes):
        return tuple(shapes[0])
    rank = max(map(len, shapes))
    found = []
    for sizes in zip(*([1] * (rank - len(s)) + list(s) for s in shapes), strict=True):
        longer = {size for size in sizes if size != 1}
        if len(longer) > 1:
            raise ValueError(f"shapes {shapes} that do not fit together")
        found.append(longer.pop() if longer else 1)
    return tuple(found)


def _kinds(inputs: list[Tensor], *kinds: int) -> int:
    kind = inputs[0].kind
    need(kind in kinds and all(t.kind == kind for t in inputs), "types that do not fit")
    return kind


def _axis(attributes: Mapping[str, Any], rank: int, default: int | None = None) -> int:
    axis = attributes.get("axis", default)
    need(isinstance(axis, int) and -rank <= axis < rank, f"axis {axis} of {rank}")
    return int(axis) % rank


def _known(tensor: Tensor) -> list[int]:
    fits = tensor.kind == INT64 and len(tensor.shape) <= 1
    need(fits and tensor.values is not None, "a shape or place that is computed")
    return [int(v) for v in np.atleast_1d(tensor.values if tensor.values is not None else ())]


def _axes(tensor: Tensor, rank: int) -> list[int]:
    axes = _known(tensor)
    need(axes and all(-rank <= a < rank for a in axes), f"axes {axes} of {rank}")
    found = [a % rank for a in axes]
    need(len(set(found)) == len(found), f"axes {axes} twice")
    return found


def _unary(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    return _kinds(inputs, FLOAT), inputs[0].shape


def _joined(*kinds: int, to: int = 0) -> _Rule:
    def rule(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
        kind = _kinds(inputs, *kinds)
        return to or kind, _broadcast(*(t.shape for t in inputs))

    return rule


def _where(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    _kinds(inputs[:1], BOOL)
    kind = _kinds(inputs[1:], FLOAT, INT64)
    return kind, _broadcast(*(t.shape for t in inputs))


def _identity(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    return inputs[0].kind, inputs[0].shape


def _cast(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    need(attributes.get("to") in DTYPES, f"type {attributes.get('to')}")
    return attributes["to"], inputs[0].shape


def _clip(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    need(all(t.size == 1 and len(t.shape) < 2 for t in inputs[1:]), "bounds that are no numbers")
    return _kinds(inputs, FLOAT), inputs[0].shape


def _concat(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    kind, shape = _kinds(inputs, FLOAT, INT64), list(inputs[0].shape)
    axis = _axis(attributes, len(shape))
    for one in inputs[1:]:
        same = len(one.shape) == len(shape)
        need(same and one.shape[:axis] == tuple(shape[:axis]), "parts that do not fit")
        need(one.shape[axis + 1 :] == tuple(shape[axis + 1 :]), "parts that do not fit")
    shape[axis] = sum(t.shape[axis] for t in inputs)
    return kind, tuple(shape)


def _gather(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    data, index = inputs
    axis = _axis(attributes, len(data.shape), 0)
    _kinds([index], INT64)
    return data.kind, data.shape[:axis] + index.shape + data.shape[axis + 1 :]


def _gather_elements(
    inputs: list[Tensor], attributes: dict[str, Any]
) -> tuple[int, tuple[int, ...]]:
    data, index = inputs
    axis = _axis(attributes, len(data.shape), 0)
    _kinds([index], INT64)
    need(len(index.shape) == len(data.shape), "indices of another number of axes")
    pairs = enumerate(zip(index.shape, data.shape, strict=True))
    need(all(i == axis or a <= b for i, (a, b) in pairs), "indices beyond the end")
    return data.kind, index.shape


def _gemm(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    _kinds(inputs, FLOAT)
    need(all(len(t.shape) == 2 for t in inputs[:2]), "factors that are no matrices")
    a, b = (
        t.shape[::-1] if attributes.get(name) else t.shape
        for t, name in zip(inputs, ("transA", "transB"), strict=False)
    )
    need(a[1] == b[0], f"factors of shapes {a} and {b}")
    shape = (a[0], b[1])
    need(len(inputs) == 2 or _broadcast(shape, inputs[2].shape) == shape, "a bias of another shape")
    return FLOAT, shape


def _matmul(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    _kinds(inputs, FLOAT)
    a, b = (t.shape for t in inputs)
    need(len(a) > 1 and len(b) > 1 and a[-1] == b[-2], f"factors of shapes {a} and {b}")
    return FLOAT, (*_broadcast(a[:-2], b[:-2]), a[-2], b[-1])


def _normal(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    _kinds(inputs, FLOAT)
    shape = inputs[0].shape
    axis = _axis(attributes, len(shape), -1)
    need(all(t.shape == shape[axis:] for t in inputs[1:]), "scales of another shape")
    need(attributes.get("epsilon", 1e-5) > 0.0, "an epsilon that is not positive")
    return FLOAT, shape


def _reduced(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    kind, shape = _kinds(inputs[:1], FLOAT), inputs[0].shape
    axes = _axes(inputs[1], len(shape))
    kept = attributes.get("keepdims", 1)
    sizes = [(1 if i in axes else n) for i, n in enumerate(shape) if kept or i not in axes]
    return kind, tuple(sizes)


def _reshape(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    old, shape = inputs[0], _known(inputs[1])
    need(len(shape) <= MAX_RANK and shape.count(-1) <= 1, f"shape {shape}")
    shape = [old.shape[i] if n == 0 and i < len(old.shape) else n for i, n in enumerate(shape)]
    if -1 in shape:
        rest = -math.prod(shape)
        need(rest > 0 and old.size % rest == 0, f"{old.size} numbers in shape {shape}")
        shape[shape.index(-1)] = old.size // rest
    need(min(shape, default=1) >= 0 and math.prod(shape) == old.size, f"shape {shape}")
    return old.kind, tuple(shape)


def _shape(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    return INT64, (len(inputs[0].shape),)


def _slice(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    data = inputs[0]
    starts, stops = _known(inputs[1]), _known(inputs[2])
    rank = len(data.shape)
    axes = _axes(inputs[3], rank) if len(inputs) > 3 else list(range(len(starts)))
    steps = _known(inputs[4]) if len(inputs) > 4 else [1] * len(starts)
    need(len(starts) == len(stops) == len(axes) == len(steps) <= rank, "ends of other numbers")
    shape = list(data.shape)
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        need(step == 1, "a step that is not 1")
        # From the end to a place counted from the beginning: longer for shorter inputs.
        need(not (start < 0 <= stop < MAX_AXIS), "a slice from the end to a place from the start")
        shape[axis] = len(range(*slice(start, stop).indices(shape[axis])))
    return data.kind, tuple(shape)


def _softmax(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    _axis(attributes, len(inputs[0].shape), -1)
    return _kinds(inputs, FLOAT), inputs[0].shape


def _transposed(inputs: list[Tensor], attributes: dict[str, Any]) -> tuple[int, tuple[int, ...]]:
    shape = inputs[0].shape
    order = attributes.get("perm", tuple(range(len(shape)))[::-1])
    need(sorted(order) == list(range(len(shape))), f"order {order} of axes")
    return inputs[0].kind, tuple(shape[i] for i in order)


_FLOATS = ("Abs", "Erf", "Exp", "Log", "Neg", "Relu", "Sigmoid", "Softplus", "Sqrt", "Tanh")
_RULES: dict[str, tuple[_Rule, tuple[int, int], tuple[str, ...]]] = {
    **dict.fromkeys(_FLOATS, (_unary, (1, 1), ())),
    "LeakyRelu": (_unary, (1, 1), ("alpha",)),
    "Elu": (_unary, (1, 1), ("alpha",)),
    **dict.fromkeys(("Add", "Mul", "Sub"), (_joined(FLOAT, INT64), (2, 2), ())),
    # Of whole numbers it ends the process where the divisor is 0.
    "Div": (_joined(FLOAT), (2, 2), ()),
    **dict.fromkeys(("Max", "Min"), (_joined(FLOAT), (1, 64), ())),
    **dict.fromkeys(("Greater", "Less"), (_joined(FLOAT, INT64, to=BOOL), (2, 2), ())),
    **dict.fromkeys(("GreaterOrEqual", "LessOrEqual"), (_joined(FLOAT, to=BOOL), (2, 2), ())),
    **dict.fromkeys(("And", "Or"), (_joined(BOOL), (2, 2), ())),
    "Not": (_joined(BOOL), (1, 1), ()),
    "Where": (_where, (3, 3), ()),
    "Identity": (_identity, (1, 1), ()),
    "Cast": (_cast, (1, 1), ("to",)),
    "Clip": (_clip, (1, 3), ()),
    "Concat": (_concat, (1, 1000), ("axis",)),
    "Gather": (_gather, (2, 2), ("axis",)),
    "GatherElements": (_gather_elements, (2, 2), ("axis",)),
    "Gemm": (_gemm, (2, 3), ("alpha", "beta", "transA", "transB")),
    "LayerNormalization": (_normal, (2, 3), ("axis", "epsilon")),
    "MatMul": (_matmul, (2, 2), ()),
    "ReduceSum": (_reduced, (2, 2), ("keepdims",)),
    "Reshape": (_reshape, (2, 2), ()),
    "Shape": (_shape, (1, 1), ()),
    "Slice": (_slice, (3, 5), ()),
    "Softmax": (_softmax, (1, 1), ("axis",)),
    "Transpose": (_transposed, (1, 1), ("perm",)),
}
"""Rule, fewest and most inputs, and attributes of each operator."""

OPERATORS = tuple(sorted(_RULES))
"""Operators that a model may have."""


def check_model(content: bytes, where: str, sizes: Sequence[Mapping[str, int]]) -> None:
    """Refuse a model with anything beyond the operators, or beyond the memory and time, allowed.

    Args:
        content: bytes of the ONNX file.
        where: name for messages.
        sizes: lengths of the named axes of the inputs, in each of the ways in which it is to run;
            those under the empty name are for all other names.  Networks that ship are known.

    Raises:
        ArtefactError: saying what is wrong.
    """
    if hashlib.sha256(content).hexdigest() in SHIPPED:
        return
    try:
        graph = parse_model(content)
        for one in sizes:
            measure(graph, one)
    # What a damaged file may lead the reader to.
    except (ValueError, IndexError, KeyError, TypeError, struct.error, OverflowError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ArtefactError(f"{where} is no network that may be run: {reason}") from None


def measure(graph: Graph, sizes: Mapping[str, int]) -> Cost:
    """What a call of a graph costs, all of its operators and shapes checked.

    Args:
        graph: the graph.
        sizes: lengths of the named axes of its inputs.

    Raises:
        ValueError: saying what is not allowed.
    """
    known = {name: _constant(values) for name, values in graph.weights.items()}
    for value in graph.inputs:
        need(value.name and value.name not in known, f"{value.name!r} comes twice")
        known[value.name] = Tensor(value.kind, _lengths(value, sizes))
    left: dict[str, int] = {}
    for name in (name for node in graph.nodes for name in node.inputs):
        left[name] = left.get(name, 0) + 1
    memory = most = traffic = products = constant = 0
    for node in graph.nodes:
        if node.output in known:
            raise ValueError(f"{node.output!r} comes twice")
        found = known[node.output] = _output(node, known)
        memory += found.bytes
        traffic += found.bytes
        constant += found.bytes if found.fixed else 0
        products += _products(node, known)
        most = max(most, memory)
        for name in node.inputs:
            left[name] -= bool(name)
            if name and not left[name] and name not in graph.weights:
                memory -= known[name].bytes
        if memory > MAX_MEMORY:
            raise ValueError(f"{node.op} {node.output!r} needs {memory} bytes of memory")
        need(traffic <= MAX_TRAFFIC, "it moves too many bytes in a call")
        need(products <= MAX_PRODUCTS, "it multiplies too many numbers in a call")
        need(constant <= MAX_CONSTANT, "it makes too many bytes of weights alone")
    for value in graph.outputs:
        _agree(value, known, sizes)
    for value in graph.inner:
        _agree(value, known, {})
    need(graph.outputs, "no output")
    return Cost(most, traffic, products)


def _constant(values: np.ndarray) -> Tensor:
    kind = next(kind for kind, dtype in DTYPES.items() if dtype == values.dtype)
    known = values if kind == INT64 and values.size <= MAX_KNOWN else None
    return Tensor(kind, values.shape, known, True)


def _lengths(value: Value, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Shape of an input."""
    other = sizes.get("")
    lengths = [n if isinstance(n, int) else sizes.get(n, other) for n in value.shape]
    for name, n in zip(value.shape, lengths, strict=True):
        need(n is not None, f"input {value.name!r} has an axis of unknown length {name!r}")
    return tuple(n for n in lengths if n is not None)


def _output(node: Node, known: Mapping[str, Tensor]) -> Tensor:
    """What a node makes."""
    if node.op not in _RULES:
        raise ValueError(f"operator {node.op!r} is not among those allowed: {', '.join(OPERATORS)}")
    rule, (fewest, most), names = _RULES[node.op]
    for name in node.inputs:
        if name and name not in known:
            raise ValueError(f"{node.op} of {name!r}, which is not there before it")
    inputs = [known[name] for name in node.inputs if name]
    if not fewest <= len(inputs) <= most:
        raise ValueError(f"{node.op} of {len(inputs)} inputs")
    # Left out may only be what is at the end, or a bound of two.
    need("" not in node.inputs or node.op == "Clip", "an input left out")
    for name, value in node.attributes.items():
        if name not in names or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(f"{node.op} with the attribute {name} of {value}")
    try:
        kind, shape = rule(inputs, node.attributes)
    except ValueError as error:
        raise ValueError(f"{node.op} {node.output!r}: {error}") from None
    if len(shape) > MAX_RANK or max(shape, default=0) > MAX_AXIS:
        raise ValueError(f"{node.op} {node.output!r} of the shape {shape}")
    fixed = all(t.fixed for t in inputs)
    return Tensor(kind, shape, _whole(node, inputs, shape), fixed)


_FOLLOW: dict[str, Callable[[list[np.ndarray], dict[str, Any]], np.ndarray]] = {
    "Identity": lambda v, _: v[0],
    "Cast": lambda v, _: v[0],
    "Concat": lambda v, a: np.concatenate(v, a["axis"]),
    "Gather": lambda v, a: np.take(v[0], v[1], a.get("axis", 0)),
    "Slice": lambda v, _: v[0][int(v[1][0]) : int(v[2][0])],
}
"""How known whole numbers are cut and put together; none of them is computed with."""


def _whole(node: Node, inputs: list[Tensor], shape: tuple[int, ...]) -> np.ndarray | None:
    """Whole numbers, of shape `shape`, that follow from known ones."""
    if node.op == "Shape":
        return np.array(inputs[0].shape, np.int64)
    values = [t.values for t in inputs if t.values is not None]
    if node.op not in _FOLLOW or len(values) < len(inputs) or math.prod(shape) > MAX_KNOWN:
        return None
    found = _FOLLOW[node.op](values, node.attributes)
    return found if found.shape == shape else None


def _products(node: Node, known: Mapping[str, Tensor]) -> int:
    if node.op not in ("Gemm", "MatMul"):
        return 0
    a = known[node.inputs[0]].shape
    inner = a[0] if node.op == "Gemm" and node.attributes.get("transA") else a[-1]
    return known[node.output].size * inner


def _agree(value: Value, known: Mapping[str, Tensor], sizes: Mapping[str, int]) -> None:
    """A tensor must have the type and the lengths that the file declares."""
    need(value.name in known, f"nothing makes {value.name!r}")
    found = known[value.name]
    fits = len(value.shape) == len(found.shape) and found.kind == value.kind
    for want, n in zip(value.shape, found.shape, strict=False):
        length = sizes.get(want, sizes.get("", n)) if isinstance(want, str) else want
        fits = fits and length == n
    need(fits, f"{value.name!r} has the shape {found.shape}, not the declared one")
