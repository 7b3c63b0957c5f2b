"""The diffusion family: codes flow from noise along a learnt field, in as many steps as one likes.

Conditional flow matching (Lipman et al., arXiv:2210.02747), as CaloDREAM (Favaro et al.,
arXiv:2405.09629) draws showers; CaloDiffusion (Amram and Pedro, arXiv:2308.03876) is the denoising
kin of it.  What flows here are the codes of blocks about the particle
(`lamarr_like.responses.blocks`), voxels as those of AtlFast3; cells are filled afterwards by the
network that all families share (`lamarr_like.responses.filling`).

A state at time ``t`` is ``(1 - t) noise + t scores``; the field is the mean of ``scores - noise``
there.  Were the scores independent and normal it would be ``(2 t - 1) / (t**2 + (1 - t)**2)`` times
the state: the network learns what is to be added to that.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ...engine.onnx_session import Network
from ...nets.layers import MovingAverage, adam, training_step
from ...nets.onnx_graph import Graph
from ...nets.sample import stream
from ...nets.trained import TrainedModel
from ..config import DiffusionConfig
from ..samples import AnySample
from .codes import CodeSample, fit_codes
from .residual import ResidualMlp, add_residual

_BUMPS = 16
"""Gaussians in the time that the network sees."""


def fit_diffusion(
    sample: AnySample, settings: DiffusionConfig, *, progress: bool = True
) -> TrainedModel:
    """Train it; see `lamarr_like.responses.training.codes.fit_codes`."""
    return fit_codes(DiffusionTrainer, sample, settings, progress=progress)


class DiffusionTrainer:
    """Trains the field between noise and codes.

    Args:
        sample: prepared sample.
        config: settings.
    """

    def __init__(self, sample: CodeSample, config: DiffusionConfig) -> None:
        self.config = config
        self.n_given, self.n_codes = sample.given.shape[1], sample.scores.shape[1]
        self.net = ResidualMlp(
            stream(config.seed, "weights"),
            self.n_given + self.n_codes + _BUMPS,
            self.n_codes,
            hidden=config.hidden,
            depth=config.depth,
        )
        self.optimizer = adam(
            config.learning_rate, config.warm_up, config.steps, global_clipnorm=config.clip
        )
        self.optimizer.build(self.net.variables)
        self.average = MovingAverage(self.net.variables, config.ema)
        self.count = tf.Variable(0, dtype=tf.int32)

    @property
    def draw_steps(self) -> int:
        """Steps from noise to codes."""
        return self.config.draw_steps

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""
        return (0, self.n_codes)

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw of the codes."""
        return self.draw_steps * self.net.flops

    @training_step
    def step(self, given: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """One update on a batch; returns the mean squared error of the field."""
        self.count.assign_add(1)
        seed = tf.stack([self.config.seed, self.count])
        noise = tf.random.stateless_normal(tf.shape(scores), seed=seed)
        # One time in each of as many intervals as there are rows.
        n = tf.shape(scores)[0]
        seed = tf.stack([self.config.seed + 1, self.count])
        u = tf.random.stateless_uniform((n, 1), seed=seed)
        times = (tf.cast(tf.range(n), tf.float32)[:, None] + u) / tf.cast(n, tf.float32)
        state = (1 - times) * noise + times * scores
        with tf.GradientTape() as tape:
            field = _share(times) * state + self.net(given, state, _bumps(times))
            loss = tf.reduce_mean(tf.square(field - (scores - noise)))
        variables = self.net.variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.average.update()
        return loss

    def field_of(self) -> Network:
        """The field as it stands, on ONNX Runtime."""
        return Network(self.files()["codes.onnx"])

    def files(self) -> dict[str, bytes]:
        """The graph of the field with the averaged weights."""
        graph = Graph()
        given = graph.input("conditions", self.n_given)
        state = graph.input("state", self.n_codes)
        time = graph.input("time", 1)
        seen = graph.concat(given, state, _add_bumps(graph, time))
        added = add_residual(graph, seen, self.average.numpy())
        own = graph.op("Mul", _add_share(graph, time), state)
        graph.output("direction", graph.op("Add", own, added), self.n_codes)
        return {"codes.onnx": graph.build()}


def _bumps(times: tf.Tensor) -> tf.Tensor:
    """Gaussians in the time, shape ``(n, _BUMPS)``."""
    away = _BUMPS * times - np.linspace(0, _BUMPS, _BUMPS, dtype=np.float32)
    return tf.exp(-0.5 * tf.square(away))


def _add_bumps(graph: Graph, time: str) -> str:
    centres = graph.constant(np.linspace(0, _BUMPS, _BUMPS)[None])
    away = graph.op("Sub", graph.op("Mul", time, graph.constant([[_BUMPS]])), centres)
    return graph.op("Exp", graph.op("Mul", graph.op("Mul", away, away), graph.constant([[-0.5]])))


def _share(times: tf.Tensor) -> tf.Tensor:
    """The field of independent normal scores, in units of the state, shape ``(n, 1)``."""
    return (2 * times - 1) / (tf.square(times) + tf.square(1 - times))


def _add_share(graph: Graph, time: str) -> str:
    left = graph.op("Sub", graph.constant([[1.0]]), time)
    square = graph.op("Add", graph.op("Mul", time, time), graph.op("Mul", left, left))
    return graph.op("Div", graph.op("Sub", time, left), square)
