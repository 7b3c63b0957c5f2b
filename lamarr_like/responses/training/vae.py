"""The family of autoencoders: BIB-AE, with its post-processor and a kernel density of latents.

The bounded information bottleneck autoencoder of Buhmann et al. (arXiv:2005.05334,
arXiv:2102.12491): an encoder makes a few latent numbers of an array, a decoder makes arrays of
them and of noise, and a critic judges reconstructions beside the term that compares each with what
it was made from.  That term is here the energy score of two reconstructions (Gneiting and Raftery
2007), of which the noise of the decoder is a part; a squared distance would silence it.  A small
post-processor mends the spectrum: where the paper compares sorted cells, here the sorted values of
each code in a batch.  New latents come from a kernel density of those of the sample, as in
arXiv:2102.12491: one of the stored particles, the more similar the likelier, and normal noise as
wide as the encoder left open.

What is generated are the codes of blocks about the particle (`lamarr_like.responses.blocks`),
voxels as those of AtlFast3; cells are filled afterwards by the network that all families share
(`lamarr_like.responses.filling`).
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from ...arrays import Floats
from ...engine.onnx_session import Network
from ...nets.gan import energy_score
from ...nets.layers import MovingAverage, adam, training_step
from ...nets.onnx_graph import Graph
from ...nets.sample import stream
from ...nets.trained import TrainedModel
from ..config import VaeConfig
from ..samples import AnySample
from .codes import CodeSample, fit_codes
from .critic import Critic
from .residual import ResidualMlp, add_residual

_LOG_WIDTHS = (-4.0, 1.0)
"""Range of the logarithms of the widths that an encoder gives."""


def fit_vae(sample: AnySample, settings: VaeConfig, *, progress: bool = True) -> TrainedModel:
    """Train it; see `lamarr_like.responses.training.codes.fit_codes`."""
    return fit_codes(VaeTrainer, sample, settings, progress=progress)


class VaeTrainer:
    """Trains encoder, decoder, critic and post-processor.

    Args:
        sample: prepared sample.
        config: settings.
    """

    draw_steps = 0

    def __init__(self, sample: CodeSample, config: VaeConfig) -> None:
        rng = stream(config.seed, "weights")
        self.config = config
        self.n_given, self.n_codes = sample.given.shape[1], sample.scores.shape[1]
        shape = {"hidden": config.hidden, "depth": config.depth}
        wide = self.n_given + self.n_codes
        self.encoder = ResidualMlp(rng, wide, 2 * config.latent, **shape)
        self.decoder = ResidualMlp(
            rng, self.n_given + config.latent + config.noise, self.n_codes, **shape
        )
        shape = {"hidden": config.post_hidden, "depth": 2}
        self.post = ResidualMlp(rng, wide, self.n_codes, **shape)
        self.critic = Critic(rng, self.n_given, self.n_codes, config)
        self.coder = [*self.encoder.variables, *self.decoder.variables]
        rates = (config.learning_rate, config.warm_up, config.steps)
        self.optimizers = [adam(*rates, beta_2=0.99), adam(*rates, beta_2=0.99)]
        for optimizer, group in zip(
            self.optimizers, (self.coder, self.post.variables), strict=True
        ):
            optimizer.build(group)
        self.average = MovingAverage([*self.coder, *self.post.variables], config.ema)
        self.count = tf.Variable(0, dtype=tf.int32)
        stored = stream(config.seed, "stored").permutation(len(sample.given))[: config.stored]
        side = math.isqrt(len(stored))
        self.side, stored = side, stored[: side * side]
        self.stored_given, self.stored_scores = sample.given[stored], sample.scores[stored]

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""
        return (2, self.config.latent + self.config.noise)

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw of the codes."""
        choice: int = 2 * self.side**2 * self.n_given
        return self.decoder.flops + self.post.flops + choice

    @training_step
    def step(self, given: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """One update of each network on a batch; returns the loss of the autoencoder."""
        n, rounds = tf.shape(scores)[0], self.config.critic_steps
        self.count.assign_add(1)
        seed = tf.stack([self.config.seed, self.count])
        shape = (rounds + 2, n, self.config.latent + self.config.noise)
        z = tf.random.stateless_normal(shape, seed=seed)
        mean, log_width = self._encoded(given, scores)
        for i in range(rounds):
            drawn = self._decoded(given, mean, log_width, z[i])
            self.critic.update(given, scores, drawn, seed + i)
        with tf.GradientTape() as tape:
            mean, log_width = self._encoded(given, scores)
            one, two = (self._decoded(given, mean, log_width, z[-1 - i]) for i in (0, 1))
            excess = tf.square(mean) + tf.exp(2 * log_width) - 1 - 2 * log_width
            loss = energy_score(scores, one, two, tf.ones((n,)))
            loss += 0.5 * self.config.divergence * tf.reduce_mean(tf.reduce_sum(excess, 1))
            loss += self.config.adversarial * self.critic.doubt(given, one, scores)
        self.optimizers[0].apply(tape.gradient(loss, self.coder), self.coder)
        self._post_step(given, scores, one)
        self.average.update()
        return loss

    def _encoded(self, given: tf.Tensor, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and logarithm of the width of the latent numbers, shapes ``(n, latent)``."""
        mean, log_width = tf.split(self.encoder(given, scores), 2, axis=1)
        return mean, tf.clip_by_value(log_width, *_LOG_WIDTHS)

    def _decoded(
        self, given: tf.Tensor, mean: tf.Tensor, log_width: tf.Tensor, z: tf.Tensor
    ) -> tf.Tensor:
        """Codes reconstructed from latent numbers and noise, shape ``(n, n_codes)``."""
        latent = mean + tf.exp(log_width) * z[:, : self.config.latent]
        return self.decoder(given, latent, z[:, self.config.latent :])

    def _post_step(self, given: tf.Tensor, scores: tf.Tensor, codes: tf.Tensor) -> None:
        """Update the post-processor: sorted codes as in the sample, none changed without need."""
        with tf.GradientTape() as tape:
            change = self.post(given, codes)
            spectrum = tf.square(tf.sort(codes + change, axis=0) - tf.sort(scores, axis=0))
            loss = self.config.post_weight * tf.reduce_mean(spectrum)
            loss += tf.reduce_mean(tf.square(change))
        variables = self.post.variables
        self.optimizers[1].apply(tape.gradient(loss, variables), variables)

    def files(self) -> dict[str, bytes]:
        """The sampling graph with the averaged weights."""
        arrays = self.average.numpy()
        n_encoder, n_coder = len(self.encoder.variables), len(self.coder)
        decoder, post = arrays[n_encoder:n_coder], arrays[n_coder:]
        tables = self._stored_latents(arrays[:n_encoder])
        graph = Graph()
        given = graph.input("conditions", self.n_given)
        uniforms = graph.input("uniforms", 2)
        z = graph.input("normals", self.noise[1])
        chosen = self._add_choice(graph, given, uniforms)
        mean, width = (graph.op("Gather", graph.constant(t), chosen, axis=0) for t in tables)
        spread = graph.op("Mul", width, graph.slice(z, 0, self.config.latent))
        latent = graph.op("Add", mean, spread)
        free = graph.slice(z, self.config.latent, self.noise[1])
        codes = add_residual(graph, graph.concat(given, latent, free), decoder)
        change = add_residual(graph, graph.concat(given, codes), post)
        codes = graph.clip(graph.op("Add", codes, change), -6.0, 6.0)
        graph.output("scores", codes, self.n_codes)
        return {"codes.onnx": graph.build()}

    def _stored_latents(self, encoder: list[np.ndarray]) -> tuple[Floats, Floats]:
        """Middles and widths of the kernels of the stored particles, shapes ``(m, latent)``."""
        net = Graph()
        x = net.input("x", self.n_given + self.n_codes)
        net.output("y", add_residual(net, x, encoder), 2 * self.config.latent)
        seen = np.concatenate([self.stored_given, self.stored_scores], axis=1)
        mean, log_width = np.split(Network(net.build())(x=seen)[0].astype(np.float64), 2, axis=1)
        width = np.exp(np.clip(log_width, *_LOG_WIDTHS))
        return mean, np.hypot(width, self.config.bandwidth)

    def _add_choice(self, graph: Graph, given: str, uniforms: str) -> str:
        """Number of a stored particle, by a kernel in what is given, shape ``(rows,)``.

        Stored particles are a square table: first a row is chosen by its sum, then one of it, so
        that no running sum over all is needed.
        """
        side, scale = self.side, self.config.similar
        stored = self.stored_given.astype(np.float64) / scale
        # All but the square of the given, which is the same for all stored particles.
        logits = graph.dense(given, stored.T / scale, -0.5 * (stored**2).sum(axis=1))
        shape = graph.constant([-1, side, side], np.int64)
        table = graph.op("Reshape", graph.op("Softmax", logits, axis=1), shape)
        sums = graph.op("ReduceSum", table, graph.constant([2], np.int64), keepdims=0)
        row = self._add_drawn(graph, sums, graph.slice(uniforms, 0, 1))
        upright = graph.constant([-1, side, 1], np.int64)
        ones = graph.op("Reshape", graph.one_hot(row, side), upright)
        axis = graph.constant([1], np.int64)
        own = graph.op("ReduceSum", graph.op("Mul", table, ones), axis, keepdims=0)
        column = self._add_drawn(graph, own, graph.slice(uniforms, 1, 2))
        first = graph.op("Mul", row, graph.constant([[side]], np.int64))
        flat = graph.constant([-1], np.int64)
        return graph.op("Reshape", graph.op("Add", first, column), flat)

    def _add_drawn(self, graph: Graph, weights: str, uniform: str) -> str:
        """Index (int64) drawn with `side` weights a row, shape ``(rows, 1)``."""
        logits = graph.op("Log", graph.op("Max", weights, graph.constant(1e-30)))
        return graph.choose(logits, uniform, self.side)
