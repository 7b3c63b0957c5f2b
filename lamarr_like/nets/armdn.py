"""Autoregressive mixture density networks: the law of `mixture_law`, trained by likelihood."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import tensorflow as tf

from .config import ArmdnConfig
from .generator import fit_rows
from .layers import Mlp, MovingAverage, adam, training_step
from .mixture_law import ATOM_WIDTHS, MixtureLaw, add_atom_choice
from .muon import Muon
from .onnx_graph import Graph
from .sample import GeneratorSample, VectorRows, stream
from .trained import TrainedModel


def fit_armdn(rows: VectorRows, config: ArmdnConfig, *, progress: bool = True) -> TrainedModel:
    """Train such a network; see `lamarr_like.nets.generator.fit_rows`."""
    return fit_rows(ArmdnTrainer, rows, config, progress=progress)


class ArmdnTrainer:
    """Trains an autoregressive mixture density network by likelihood.

    Args:
        sample: the prepared sample.
        config: settings.
    """

    def __init__(self, sample: GeneratorSample, config: ArmdnConfig) -> None:
        rng = stream(config.seed, "weights")
        self.config = config
        self.n_conditions, self.n_outputs = sample.x.shape[1], sample.y.shape[1]
        self.n_atoms = len(sample.atoms)
        self.free = sample.atoms.free.astype(np.float32)
        given = self.n_conditions + (self.n_atoms if self.n_atoms > 1 else 0)
        hidden, components = [config.hidden] * config.depth, config.components
        self.law = MixtureLaw(rng, given, self.n_outputs, hidden=hidden, components=components)
        self.atom_net = Mlp(rng, [self.n_conditions, *ATOM_WIDTHS, self.n_atoms], out_scale=0.1)
        chosen = self.atom_net.variables if self.n_atoms > 1 else []
        self.variables = [*self.law.net.variables, *chosen]
        self.optimizer = adam(
            config.learning_rate,
            config.warm_up,
            config.steps,
            global_clipnorm=config.clip,
            weight_decay=config.weight_decay or None,
        )
        biases = [*self.law.net.biases, *self.atom_net.biases]
        self.optimizer.exclude_from_weight_decay(var_list=biases)
        matrices = self.law.net.kernels[:-1] if config.orthogonal else []
        self.muon = Muon(matrices, config.weight_decay)
        # The kernels of the law come first in `variables`.
        self.optimizer.build(self.variables[len(matrices) :])
        self.average = MovingAverage(self.variables, config.ema)

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""
        return (self.n_outputs + (self.n_atoms > 1), self.n_outputs)

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw."""
        widths = [self.n_conditions, *ATOM_WIDTHS, self.n_atoms]
        choice = sum(a * b for a, b in pairwise(widths)) if self.n_atoms > 1 else 0
        return self.law.flops + 2 * choice

    @training_step
    def step(self, x: tf.Tensor, atom: tf.Tensor, y: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        """One update on a batch; returns the mean negative log likelihood."""
        with tf.GradientTape() as tape:
            loss = self.loss(x, atom, y, w)
        gradients, n = tape.gradient(loss, self.variables), len(self.muon.kernels)
        self.muon.apply(gradients[:n], self.optimizer.learning_rate)
        self.optimizer.apply(gradients[n:], self.variables[n:])
        self.average.update()
        return loss

    def loss(self, x: tf.Tensor, atom: tf.Tensor, y: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        """Mean negative log likelihood of a batch."""
        given = tf.concat([x, tf.one_hot(atom, self.n_atoms)], 1) if self.n_atoms > 1 else x
        log_density = self.law.log_density(*self.law.parts(given, y))
        free = tf.transpose(tf.gather(self.free, atom))
        nll = -tf.reduce_sum(free * log_density, axis=0)
        if self.n_atoms > 1:
            nll += tf.nn.sparse_softmax_cross_entropy_with_logits(atom, self.atom_net(x))
        return tf.reduce_mean(w * nll)

    def files(self) -> dict[str, bytes]:
        """The sampling graph with the averaged weights."""
        return {"model.onnx": self.onnx()}

    def onnx(self) -> bytes:
        """That graph, which is also the head of a translation."""
        arrays, laws = self.average.numpy(), len(self.law.net.variables)
        graph = Graph()
        x = graph.input("conditions", self.n_conditions)
        uniforms = graph.input("uniforms", self.noise[0])
        errors = graph.input("normals", self.noise[1])
        index, free = "", ""
        if self.n_atoms > 1:
            index, x, free = add_atom_choice(graph, x, uniforms, arrays[laws:], self.free)
            uniforms = graph.slice(uniforms, 1, self.noise[0])
        scores = self.law.outputs(
            graph,
            x,
            uniforms=uniforms,
            errors=errors,
            arrays=arrays[:laws],
            free=free,
            bound=np.flatnonzero(~self.free.any(axis=0)).tolist(),
        )
        graph.output("scores", scores, self.n_outputs)
        if index:
            graph.output("atom", graph.op("Cast", index, to=1), 1)
        return graph.build()
