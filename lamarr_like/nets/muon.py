"""Steps of the matrices of a network made orthogonal: Muon.

Adam takes each weight by itself, so what lies along few directions of a layer is learnt at once and
the rest hardly ever: narrow ridges of a law, where outputs nearly follow from each other, need the
rest.  Here the momentum of a whole matrix gets all its singular values to about one before it is
taken off (K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024,
kellerjordan.github.io/posts/muon), in the size of a step of Adam and with decoupled decay (J. Liu
et al., arXiv:2502.16982).  Biases and last layers stay with Adam.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

_MOMENTUM = 0.95
_STEP = 0.2
"""Root mean square of a step of Adam over its rate."""
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Odd polynomial that takes singular values in (0, 1] to within 0.7 and 1.2 by a few iterations."""
_ITERATIONS = 5


def orthogonal(matrices: tf.Tensor) -> tf.Tensor:
    """Matrices with the singular vectors of the given ones and singular values about one.

    Args:
        matrices: shape ``(k, a, b)``; what is zero stays so.
    """
    a, b = matrices.shape[1:]
    x = matrices / (tf.norm(matrices, axis=[1, 2], keepdims=True) + 1e-7)
    x = tf.transpose(x, (0, 2, 1)) if a > b else x  # the smaller products
    one, three, five = _NEWTON_SCHULZ
    for _ in range(_ITERATIONS):
        square = tf.matmul(x, x, transpose_b=True)
        x = one * x + tf.matmul(three * square + five * tf.matmul(square, square), x)
    return tf.transpose(x, (0, 2, 1)) if a > b else x


class Muon:
    """Orthogonal steps of stacks of matrices.

    Args:
        kernels: variables of shape ``(k, a, b)``; each of the ``k`` matrices is one by itself.
        decay: decoupled weight decay, in units of the rate.
    """

    def __init__(self, kernels: Sequence[tf.Variable], decay: float) -> None:
        self.kernels, self.decay = list(kernels), decay
        self.momenta = [tf.Variable(tf.zeros_like(kernel)) for kernel in kernels]

    def apply(self, gradients: Sequence[tf.Tensor], rate: tf.Tensor) -> None:
        """Take one step by the gradients of `kernels`, of the rate of Adam's steps beside it."""
        for kernel, momentum, gradient in zip(self.kernels, self.momenta, gradients, strict=True):
            momentum.assign(_MOMENTUM * momentum + gradient)
            step = self.step(gradient + _MOMENTUM * momentum)
            kernel.assign(kernel * (1.0 - rate * self.decay) - rate * step)

    @staticmethod
    def step(direction: tf.Tensor) -> tf.Tensor:
        """Orthogonal step of matrices, of the size of one of Adam of rate one."""
        return _STEP * float(max(direction.shape[1:])) ** 0.5 * orthogonal(direction)


class PackedMuon(Muon):
    """The same of matrices that lie one after the other in one flat variable.

    Args:
        packed: the variable, shape ``(n,)``.
        shapes: shapes ``(a, b)`` of the matrices.
        decay: decoupled weight decay, in units of the rate.
    """

    def __init__(
        self, packed: tf.Variable, shapes: Sequence[tuple[int, ...]], decay: float
    ) -> None:
        super().__init__([packed], decay)
        self.shapes = list(shapes)

    def step(self, direction: tf.Tensor) -> tf.Tensor:  # type: ignore[override]
        """Orthogonal steps of all the matrices, flat."""
        parts = tf.split(direction, [a * b for a, b in self.shapes])
        steps = [
            Muon.step(tf.reshape(part, (1, *shape)))
            for part, shape in zip(parts, self.shapes, strict=True)
        ]
        return tf.concat([tf.reshape(step, [-1]) for step in steps], 0)
