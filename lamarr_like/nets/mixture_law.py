"""The autoregressive law of mixtures of Gaussians, and the choice of a class of atoms before it.

Bishop, "Mixture density networks" (1994); Uria et al., "RNADE: the real-valued neural
autoregressive density-estimator", arXiv:1306.0186.  One small network an output sees the
conditions, the class of atoms and the earlier outputs, and gives a mixture of Gaussians of the
normal score.  In training the earlier outputs are known, so all networks run side by side as one
stacked product; a draw goes through them in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

from .layers import Mlp
from .onnx_graph import Graph

_LOG_SIGMA_CENTRE, _LOG_SIGMA_REACH = -2.5, 4.5
_LEAST_LOG_DENSITY = -20.0
ATOM_WIDTHS = [32, 32]


class MixtureLaw:
    """Each output in turn a mixture of Gaussians, given the conditions and the earlier outputs.

    Args:
        rng: source of the initial weights.
        n_given: width of the conditions, the class of atoms among them.
        n_outputs: number of outputs.
        hidden: widths of the hidden layers of each output's network.
        components: Gaussians of a mixture.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        n_given: int,
        n_outputs: int,
        *,
        hidden: Sequence[int],
        components: int,
    ) -> None:
        self.n_given, self.n_outputs, self.components = n_given, n_outputs, components
        m, k, width = components, n_outputs, n_given + n_outputs
        self.widths = [width, *hidden, 3 * m]
        self.net = Mlp(rng, self.widths, stack=k, out_scale=0.3)
        self.mask = np.ones((k, width, 1), dtype=np.float32)
        for i in range(k):
            self.mask[i, n_given + i :] = 0.0
        # Components start spread over the range of a normal score, with sigma about 0.6.
        start = np.concatenate([np.zeros(m), np.linspace(-1.5, 1.5, m), np.full(m, 2.1)])
        self.net.biases[-1].assign(np.broadcast_to(start, (k, 1, 3 * m)).astype(np.float32))

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw."""
        first, later = self.widths[1], sum(a * b for a, b in pairwise(self.widths[1:]))
        return 2 * sum((self.n_given + i) * first + later for i in range(self.n_outputs))

    def parts(self, given: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Logits, log widths and standardised errors of all components, ``(k, rows, m)`` each."""
        h = tf.concat([given, y], axis=1)
        kernels, biases = self.net.kernels, self.net.biases
        h = tf.matmul(h[None], kernels[0] * self.mask) + biases[0]
        for kernel, bias in zip(kernels[1:], biases[1:], strict=True):
            h = tf.matmul(tf.nn.silu(h), kernel) + bias
        m = self.components
        logit, mean, raw = h[..., :m], h[..., m : 2 * m], h[..., 2 * m :]
        log_sigma = _LOG_SIGMA_CENTRE + _LOG_SIGMA_REACH * tf.tanh(raw / _LOG_SIGMA_REACH)
        return logit, log_sigma, (tf.transpose(y)[:, :, None] - mean) * tf.exp(-log_sigma)

    def draw(
        self, given: tf.Tensor, uniforms: tf.Tensor, errors: tf.Tensor, free: tf.Tensor
    ) -> tf.Tensor:
        """Outputs drawn one after the other, as `outputs` does in a graph, shape ``(rows, k)``.

        Args:
            given: conditions, shape ``(rows, n_given)``.
            uniforms: numbers that choose the components, shape ``(rows, k)``.
            errors: standardised errors about them, shape ``(rows, k)``.
            free: mask of free outputs, shape ``(rows, k)``.
        """
        m = self.components
        drawn: list[tf.Tensor] = []
        for k in range(self.n_outputs):
            h = tf.concat([given, *drawn], axis=1)
            for i, (kernel, bias) in enumerate(zip(self.net.kernels, self.net.biases, strict=True)):
                here = kernel[k] if i else kernel[k, : self.n_given + k]
                h = tf.matmul(tf.nn.silu(h) if i else h, here) + bias[k, 0]
            summed = tf.cumsum(tf.nn.softmax(h[:, :m]), axis=1)[:, :-1]
            chosen = tf.reduce_sum(tf.cast(uniforms[:, k : k + 1] > summed, tf.int32), 1)
            pick = tf.one_hot(chosen, m)
            mean = tf.reduce_sum(pick * h[:, m : 2 * m], 1)
            raw = tf.reduce_sum(pick * h[:, 2 * m :], 1)
            log_sigma = _LOG_SIGMA_CENTRE + _LOG_SIGMA_REACH * tf.tanh(raw / _LOG_SIGMA_REACH)
            score = tf.clip_by_value(mean + tf.exp(log_sigma) * errors[:, k], -5.0, 5.0)
            drawn.append((free[:, k] * score)[:, None])
        return tf.concat(drawn, axis=1)

    @staticmethod
    def log_density(logit: tf.Tensor, log_sigma: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Log density of each output from `parts`, ``(k, rows)``, bounded from below."""
        found = tf.reduce_logsumexp(logit - log_sigma - 0.5 * z * z, axis=2)
        found -= tf.reduce_logsumexp(logit, axis=2)
        # Negative weights could drive a density to zero for an endless gain: it stops here.
        return tf.maximum(found, _LEAST_LOG_DENSITY)

    def outputs(
        self,
        graph: Graph,
        given: str,
        *,
        uniforms: str,
        errors: str,
        arrays: list[np.ndarray],
        free: str,
        bound: Sequence[int] = (),
    ) -> str:
        """Outputs drawn one after the other, in a graph.

        Args:
            graph: graph to extend.
            given: conditions.
            uniforms: uniform numbers that choose the components, one an output.
            errors: standardised errors about them, one an output.
            arrays: weights, kernels of shape ``(n_outputs, n_in, n_out)``, then biases of shape
                ``(n_outputs, 1, n_out)``.
            free: mask of free outputs; may be empty.
            bound: outputs that no class leaves free: nothing is computed for them.
        """
        layers, hidden = len(self.net.kernels), self.widths[1]
        kernels, biases = arrays[:layers], [*arrays[layers:]]
        # The division inside the bound of log sigma goes into the last layer.
        kernels[-1], biases[-1] = kernels[-1].copy(), biases[-1].copy()
        for last in (kernels[-1], biases[-1]):
            last[..., 2 * self.components :] /= _LOG_SIGMA_REACH
        # The part of all first layers that depends on nothing drawn is one product.
        shared = np.concatenate(list(kernels[0][:, : self.n_given]), axis=1)
        base = graph.dense(given, shared, biases[0].reshape(-1))
        drawn: list[str] = []
        for k in range(self.n_outputs):
            uniform, error = (graph.slice(numbers, k, k + 1) for numbers in (uniforms, errors))
            if k in bound:
                drawn.append(graph.op("Mul", uniform, graph.constant(0.0)))
                continue
            h = graph.slice(base, k * hidden, (k + 1) * hidden)
            if k:
                earlier = graph.constant(kernels[0][k, self.n_given : self.n_given + k])
                h = graph.op("Add", h, graph.op("MatMul", graph.concat(*drawn), earlier))
            for kernel, bias in zip(kernels[1:], biases[1:], strict=True):
                h = graph.dense(graph.silu(h), kernel[k], bias[k, 0])
            score = self._draw(graph, h, uniform, error)
            if free:
                score = graph.op("Mul", score, graph.slice(free, k, k + 1))
            drawn.append(score)
        return graph.concat(*drawn)

    def _draw(self, graph: Graph, mixture: str, uniform: str, error: str) -> str:
        """A score from the mixture: choose a component, then scale and shift an error."""
        m = self.components
        chosen = graph.choose(graph.slice(mixture, 0, m), uniform, m)
        both = graph.op("Add", chosen, graph.constant([[m, 2 * m]], np.int64))
        picked = graph.op("GatherElements", mixture, both, axis=1)
        mean, bounded = graph.slice(picked, 0, 1), graph.op("Tanh", graph.slice(picked, 1, 2))
        reach, centre = graph.constant(_LOG_SIGMA_REACH), graph.constant(_LOG_SIGMA_CENTRE)
        sigma = graph.op("Exp", graph.op("Add", graph.op("Mul", bounded, reach), centre))
        score = graph.op("Add", mean, graph.op("Mul", sigma, error))
        return graph.clip(score, -5.0, 5.0)


def add_atom_choice(
    graph: Graph, x: str, uniforms: str, arrays: list[np.ndarray], free: np.ndarray
) -> tuple[str, str, str]:
    """Add the choice of a class of atoms to a sampling graph.

    Args:
        graph: graph to extend.
        x: conditions.
        uniforms: uniform numbers, the first of which is used.
        arrays: weights of the class network, kernels then biases.
        free: whether each output is free in each class, as numbers; shape ``(n_classes, k)``.

    Returns:
        Names of the class index, of the conditions with the class one-hot appended, and of the
        mask of free outputs.
    """
    layers = len(arrays) // 2
    h = x
    for i in range(layers):
        h = graph.dense(graph.silu(h) if i else h, arrays[i], arrays[layers + i])
    index = graph.choose(h, graph.slice(uniforms, 0, 1), len(free))
    flat = graph.op("Reshape", index, graph.constant([-1], np.int64))
    given = graph.concat(x, graph.one_hot(index, len(free)))
    return index, given, graph.op("Gather", graph.constant(free), flat, axis=0)
