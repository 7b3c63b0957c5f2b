"""The autoregressive family: each code in turn a mixture of Gaussians, given the earlier ones.

CaloFlow (Krause and Shih, arXiv:2106.05285) and CaloLatent draw energies of layers first and cells
after; here the order is from the sum over slices and shells to single blocks, and the law is that
of `lamarr_like.nets.mixture_law` (RNADE, arXiv:1306.0186): likelihood, one pass, no iteration.
"""

from __future__ import annotations

import tensorflow as tf

from ...nets.layers import MovingAverage, adam, training_step
from ...nets.mixture_law import MixtureLaw
from ...nets.onnx_graph import Graph
from ...nets.sample import stream
from ...nets.trained import TrainedModel
from ..config import SplittingConfig
from ..samples import AnySample
from .codes import CodeSample, fit_codes


def fit_splitting(
    sample: AnySample, settings: SplittingConfig, *, progress: bool = True
) -> TrainedModel:
    """Train it; see `lamarr_like.responses.training.codes.fit_codes`."""
    return fit_codes(SplittingTrainer, sample, settings, progress=progress)


class SplittingTrainer:
    """Trains a mixture law of the codes by likelihood.

    Args:
        sample: prepared sample.
        config: settings.
    """

    draw_steps = 0

    def __init__(self, sample: CodeSample, config: SplittingConfig) -> None:
        self.n_given, self.n_codes = sample.given.shape[1], sample.scores.shape[1]
        self.law = MixtureLaw(
            stream(config.seed, "weights"),
            self.n_given,
            self.n_codes,
            hidden=[config.hidden] * config.depth,
            components=config.components,
        )
        self.variables = self.law.net.variables
        self.optimizer = adam(
            config.learning_rate,
            config.warm_up,
            config.steps,
            global_clipnorm=config.clip,
            weight_decay=config.weight_decay or None,
        )
        self.optimizer.exclude_from_weight_decay(var_list=self.law.net.biases)
        self.optimizer.build(self.variables)
        self.average = MovingAverage(self.variables, config.ema)

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""
        return (self.n_codes, self.n_codes)

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw of the codes."""
        return self.law.flops

    @training_step
    def step(self, given: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """One update on a batch; returns the mean negative log likelihood."""
        with tf.GradientTape() as tape:
            density = self.law.log_density(*self.law.parts(given, scores))
            loss = -tf.reduce_mean(tf.reduce_sum(density, axis=0))
        self.optimizer.apply(tape.gradient(loss, self.variables), self.variables)
        self.average.update()
        return loss

    def files(self) -> dict[str, bytes]:
        """The sampling graph with the averaged weights."""
        graph = Graph()
        given = graph.input("conditions", self.n_given)
        uniforms = graph.input("uniforms", self.n_codes)
        errors = graph.input("normals", self.n_codes)
        arrays = self.average.numpy()
        scores = self.law.outputs(
            graph, given, uniforms=uniforms, errors=errors, arrays=arrays, free=""
        )
        graph.output("scores", scores, self.n_codes)
        return {"codes.onnx": graph.build()}
