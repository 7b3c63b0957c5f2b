"""The networks that translate, written once for TensorFlow and for ONNX.

``cyclegan``: convolutions, residual blocks at half resolution, and back (Zhu et al.,
arXiv:1703.10593).  ``uvcgan``: a U-Net whose bottleneck is a transformer over its places (Torbunov
et al., arXiv:2203.02557).  Normalisation of instances is left out of both: how much an array holds
has to pass.  Both see logarithms and shares of the largest cell near by, and move a cell by a share
of that: they begin near the identity, and where nothing is near nothing can come.

Arrays come as square roots in units of the mean (`lamarr_like.responses.translate.model`), shape
``(b, h, w, 1)`` with sides that 4 divides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from ...nets.onnx_graph import Graph
from ...nets.translator.ops import OnnxOps, Ops, TensorFlowOps
from ..translate.config import CycleGanConfig, TranslationConfig, UvcGanConfig

Shape = tuple[int, int]
"""Sides of an array."""

CONTRAST = 8.0
"""Networks see ``log(1 + CONTRAST * root)``: a pulse that neighbours share has one shape there,
however large it is."""
_NOTHING = 1e-3
"""Shares are those of the largest cell near by and this."""


class ImageOps(Ops, Protocol):
    """Operations on ``(b, h, w, c)``."""

    def conv(self, a: Any, name: str, shape: Shape) -> Any:
        """Convolution of 3 x 3 with zeros beyond the edges."""

    def largest(self, a: Any, shape: Shape) -> Any:
        """Largest of the 3 x 3 cells about each, none of them negative; ``c`` is 1."""


class TensorFlowImages(TensorFlowOps):
    """See `ImageOps`."""

    def conv(self, a: Any, name: str, shape: Shape) -> Any:
        """See `ImageOps`."""
        kernel = self.weight(f"{name}.kernel")
        return tf.nn.conv2d(a, kernel, 1, "SAME") + self.weight(f"{name}.bias")

    def largest(self, a: Any, shape: Shape) -> Any:
        """See `ImageOps`."""
        return tf.nn.max_pool2d(a, 3, 1, "SAME")


class OnnxImages(OnnxOps):
    """See `ImageOps`: a convolution is a product of the nine shifted arrays side by side."""

    def conv(self, a: Any, name: str, shape: Shape) -> Any:
        """See `ImageOps`."""
        kernel = self._weights[f"{name}.kernel"]
        flat = self.constant(kernel.reshape(-1, kernel.shape[-1]))
        found = self.matmul(self.concat(self._shifted(a, shape), 3), flat)
        return self.binary("Add", found, self.weight(f"{name}.bias"))

    def largest(self, a: Any, shape: Shape) -> Any:
        """See `ImageOps`."""
        found, *others = self._shifted(a, shape)
        for other in others:
            found = self.binary("Max", found, other)
        return found

    def _shifted(self, a: Any, shape: Shape) -> list[Any]:
        """An array shifted to its nine neighbours, with zeros beyond the edges."""
        for axis in (1, 2):
            edge = self.binary("Mul", self.slice(a, 0, 1, axis), self.constant(0.0))
            a = self.concat([edge, a, edge], axis)
        h, w = shape
        rows = [self.slice(a, i, i + h, 1) for i in range(3)]
        return [self.slice(row, j, j + w, 2) for row in rows for j in range(3)]


class _Initial:
    """Weights by name."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.made = rng, dict[str, np.ndarray]()

    def conv(self, name: str, a: int, b: int, scale: float = 1.4) -> None:
        values = self.rng.normal(size=(3, 3, a, b)) * (scale / np.sqrt(9 * a))
        self.made[f"{name}.kernel"], self.made[f"{name}.bias"] = values, np.zeros(b)

    def dense(self, name: str, a: int, b: int, scale: float = 1.4) -> None:
        self.made[f"{name}.kernel"] = self.rng.normal(size=(a, b)) * (scale / np.sqrt(a))
        self.made[f"{name}.bias"] = np.zeros(b)

    def norm(self, name: str, d: int) -> None:
        self.made[f"{name}.scale"], self.made[f"{name}.shift"] = np.ones(d), np.zeros(d)

    def floats(self) -> dict[str, np.ndarray]:
        return {name: values.astype(np.float32) for name, values in self.made.items()}


def initial_generator(
    config: TranslationConfig, shape: Shape, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Initial weights by name, float32.

    Kernels are of shape ``(3, 3, n_in, n_out)`` or ``(n_in, n_out)``, biases of ``(n_out,)``.

    Args:
        config: settings.
        shape: sides of the arrays.
        rng: source of random numbers.
    """
    made, c = _Initial(rng), config.width
    made.conv("in", 2, c)
    made.dense("down", 4 * c, 2 * c)
    if isinstance(config, CycleGanConfig):
        for i in range(config.blocks):
            made.conv(f"block{i}.first", 2 * c, 2 * c)
            made.conv(f"block{i}.second", 2 * c, 2 * c, 0.5)
        made.dense("up", 2 * c, 4 * c)
        made.conv("out", c, 1, 0.03)
        return made.floats()
    assert isinstance(config, UvcGanConfig)
    d = config.tokens
    made.conv("first", c, c)
    made.conv("second", 2 * c, 2 * c)
    made.dense("tokens", 8 * c, d)
    made.made["place"] = 0.1 * rng.normal(size=(shape[0] // 4 * (shape[1] // 4), d))
    for i in range(config.layers):
        made.norm(f"layer{i}.norm", d)
        made.dense(f"layer{i}.in", d, 3 * d, 1.0)
        made.dense(f"layer{i}.out", d, d, 0.3)
        made.norm(f"layer{i}.mlp", d)
        made.dense(f"layer{i}.wide", d, 2 * d)
        made.dense(f"layer{i}.narrow", 2 * d, d, 0.3)
    made.dense("untokens", d, 8 * c)
    made.dense("merge", 4 * c, 2 * c)
    made.conv("third", 2 * c, 2 * c)
    made.dense("up", 2 * c, 4 * c)
    made.dense("join", 2 * c, c)
    made.conv("fourth", c, c)
    made.conv("out", c, 1, 0.03)
    return made.floats()


def initial_critic(config: TranslationConfig, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Initial weights of a critic by name, float32; shapes as of `initial_generator`."""
    made, c = _Initial(rng), config.critic_width
    made.conv("in", 1, c)
    made.dense("down", 4 * c, 2 * c)
    made.conv("first", 2 * c, 2 * c)
    made.dense("further", 8 * c, 4 * c)
    made.dense("out", 4 * c, 1)
    return made.floats()


class Images:
    """Networks over some operations.

    Args:
        ops: TensorFlow or ONNX.
        config: settings.
        shape: sides of the arrays.
    """

    def __init__(self, ops: ImageOps, config: TranslationConfig, shape: Shape) -> None:
        self.ops, self.config, self.shape = ops, config, shape
        self.half: Shape = (shape[0] // 2, shape[1] // 2)
        self.quarter: Shape = (shape[0] // 4, shape[1] // 4)

    def generate(self, x: Any) -> Any:
        """The translated array, shape ``(b, h, w, 1)``; what is below the threshold counts as 0."""
        ops, config = self.ops, self.config
        reach = ops.largest(ops.largest(x, self.shape), self.shape)
        logs = ops.binary("Mul", ops.constant(CONTRAST), x)
        logs = ops.unary("Log", ops.binary("Add", ops.constant(1.0), logs))
        share = ops.binary("Div", x, ops.binary("Add", reach, ops.constant(_NOTHING)))
        seen = ops.concat([logs, share], 3)
        if isinstance(config, CycleGanConfig):
            change = self._residual_blocks(seen, config)
        else:
            assert isinstance(config, UvcGanConfig)
            change = self._unet(seen, config)
        return ops.binary("Add", x, ops.binary("Mul", reach, ops.unary("Tanh", change)))

    def criticise(self, x: Any) -> Any:
        """How real each patch of an array looks, shape ``(b, h / 4, w / 4, 1)``."""
        c, silu = self.config.critic_width, self._silu
        h = silu(self.ops.conv(x, "in", self.shape))
        h = silu(self._down(h, "down", self.half, c))
        h = silu(self.ops.conv(h, "first", self.half))
        h = silu(self._down(h, "further", self.quarter, 2 * c))
        return self._dense(h, "out")

    def _residual_blocks(self, x: Any, config: CycleGanConfig) -> Any:
        ops, silu, c = self.ops, self._silu, config.width
        h = silu(ops.conv(x, "in", self.shape))
        h = silu(self._down(h, "down", self.half, c))
        for i in range(config.blocks):
            added = silu(ops.conv(h, f"block{i}.first", self.half))
            h = ops.binary("Add", h, ops.conv(added, f"block{i}.second", self.half))
        h = silu(self._up(h, "up", self.half, c))
        return ops.conv(h, "out", self.shape)

    def _unet(self, x: Any, config: UvcGanConfig) -> Any:
        ops, silu, c = self.ops, self._silu, config.width
        h = silu(ops.conv(x, "in", self.shape))
        full = silu(ops.conv(h, "first", self.shape))
        h = silu(self._down(full, "down", self.half, c))
        half = silu(ops.conv(h, "second", self.half))
        h = self._transformer(self._down(half, "tokens", self.quarter, 2 * c), config)
        h = silu(self._up(h, "untokens", self.quarter, 2 * c))
        h = silu(self._dense(ops.concat([h, half], 3), "merge"))
        h = silu(ops.conv(h, "third", self.half))
        h = silu(self._up(h, "up", self.half, c))
        h = silu(self._dense(ops.concat([h, full], 3), "join"))
        h = silu(ops.conv(h, "fourth", self.shape))
        return ops.conv(h, "out", self.shape)

    def _transformer(self, h: Any, config: UvcGanConfig) -> Any:
        """Tokens that look at each other, normalised first; shape ``(b, h / 4, w / 4, d)``."""
        ops, d = self.ops, config.tokens
        n = self.quarter[0] * self.quarter[1]
        h = ops.binary("Add", ops.reshape(h, [-1, n, d]), ops.weight("place"))
        for i in range(config.layers):
            seen = self._attention(ops.norm(h, f"layer{i}.norm"), f"layer{i}", n, config)
            h = ops.binary("Add", h, seen)
            wide = self._silu(self._dense(ops.norm(h, f"layer{i}.mlp"), f"layer{i}.wide"))
            h = ops.binary("Add", h, self._dense(wide, f"layer{i}.narrow"))
        return ops.reshape(h, [-1, *self.quarter, d])

    def _attention(self, x: Any, name: str, n: int, config: UvcGanConfig) -> Any:
        ops, d = self.ops, config.tokens
        each = d // config.heads
        parts = self._dense(x, f"{name}.in")
        q, k, v = (
            ops.reshape(ops.slice(parts, j * d, (j + 1) * d, 2), [-1, n, config.heads, each])
            for j in range(3)
        )
        scores = ops.matmul(ops.transpose(q, [0, 2, 1, 3]), ops.transpose(k, [0, 2, 3, 1]))
        share = ops.softmax(ops.binary("Mul", scores, ops.constant(each**-0.5)))
        found = ops.transpose(ops.matmul(share, ops.transpose(v, [0, 2, 1, 3])), [0, 2, 1, 3])
        return self._dense(ops.reshape(found, [-1, n, d]), f"{name}.out")

    def _dense(self, x: Any, name: str) -> Any:
        found = self.ops.matmul(x, self.ops.weight(f"{name}.kernel"))
        return self.ops.binary("Add", found, self.ops.weight(f"{name}.bias"))

    def _silu(self, x: Any) -> Any:
        return self.ops.binary("Mul", x, self.ops.unary("Sigmoid", x))

    def _down(self, x: Any, name: str, to: Shape, channels: int) -> Any:
        """Squares of 2 x 2 cells of so many channels to one."""
        h, w = to
        x = self.ops.reshape(x, [-1, h, 2, w, 2 * channels])
        x = self.ops.reshape(self.ops.transpose(x, [0, 1, 3, 2, 4]), [-1, h, w, 4 * channels])
        return self._dense(x, name)

    def _up(self, x: Any, name: str, of: Shape, channels: int) -> Any:
        """One cell to squares of 2 x 2 cells of so many channels."""
        h, w = of
        x = self.ops.reshape(self._dense(x, name), [-1, h, w, 2, 2 * channels])
        x = self.ops.transpose(x, [0, 1, 3, 2, 4])
        return self.ops.reshape(x, [-1, 2 * h, 2 * w, channels])


def in_tensorflow(
    weights: Mapping[str, tf.Tensor], config: TranslationConfig, shape: Shape
) -> Images:
    """The networks in TensorFlow, with weights by name.

    Args:
        weights: of a generator or of a critic, shapes as of `initial_generator`.
        config: settings.
        shape: sides of the arrays.
    """
    return Images(TensorFlowImages(weights), config, shape)


def generator_file(
    weights: Mapping[str, np.ndarray], config: TranslationConfig, shape: Shape
) -> bytes:
    """A generator as a graph of ``cells`` to ``translated``, both of shape ``(rows, h * w)``.

    Args:
        weights: by name, shapes as of `initial_generator`.
        config: settings.
        shape: sides of the arrays.
    """
    graph, n = Graph(), shape[0] * shape[1]
    ops = OnnxImages(graph, weights)
    x = ops.reshape(graph.input("cells", n), [-1, *shape, 1])
    found = Images(ops, config, shape).generate(x)
    graph.output("translated", ops.reshape(found, [-1, n]), n)
    return graph.build()
