"""Conditional generative adversarial networks.

The critic compares a real and a generated vector for the same conditions (relativistic pairing,
Jolicoeur-Martineau, arXiv:1807.00734) under zero-centred gradient penalties on both, the recipe of
Huang et al., "The GAN is dead; long live the GAN!", arXiv:2501.05441, which converges without the
tricks that older losses need.  The energy score (Gneiting and Raftery 2007) of two draws for the
same conditions keeps the generator from collapsing.  Atoms are drawn as a class first, exactly as
in `mixture_law`.

Generator and critic work on residuals of an autoregressive law of few Gaussians, fitted by
likelihood: at first alone, then beside them.  A slope-penalised critic cannot follow widths and
correlations that change by orders of magnitude with the conditions, nor ridges much narrower than
the whole (a covariance has them: one for each set of hits).  A real vector's error is that about a
component drawn from those that may have made it, so where the law holds the errors are normal and
independent; what does not hold, and all that components cannot tell, is left to the adversaries.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from .config import GanConfig
from .emphasis import Penalty
from .generator import fit_rows
from .layers import Mlp, MovingAverage, adam, training_step, weight, zeros
from .mixture_law import ATOM_WIDTHS, MixtureLaw, add_atom_choice
from .muon import Muon
from .onnx_graph import Graph
from .sample import GeneratorSample, VectorRows, stream
from .trained import TrainedModel

_SLOPE = 0.2
_LAW_RATE, _LAW_DECAY = 8e-3, 0.02
"""Peak learning rate of the law, and decay of its matrices in units of it."""
_FARTHEST = 8.0
"""Errors about a component, in units of its width, are cut there."""


class ResidualNet:
    """Dense network with leaky rectifiers and skip connections around the inner layers.

    Args:
        rng: source of the initial weights.
        n_in: width of the input.
        hidden: width of the hidden layers.
        depth: number of hidden layers.
        n_out: width of the output.
        out_scale: scale of the initial weights of the last layer.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        n_in: int,
        *,
        hidden: int,
        depth: int,
        n_out: int,
        out_scale: float = 0.7,
    ) -> None:
        widths = [n_in, *[hidden] * depth, n_out]
        # Inner layers start small: the network is nearly linear at first.
        scales = [1.4, *[0.7] * (depth - 1), out_scale]
        self.kernels = [
            weight(rng, a, b, scale=s) for (a, b), s in zip(pairwise(widths), scales, strict=True)
        ]
        self.biases = [zeros(b) for b in widths[1:]]
        self.widths = widths

    @property
    def variables(self) -> list[tf.Variable]:
        """Kernels, then biases."""
        return [*self.kernels, *self.biases]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Map ``(rows, n_in)`` to ``(rows, n_out)``."""
        *inner, last = list(zip(self.kernels, self.biases, strict=True))
        h = x
        for i, (kernel, bias) in enumerate(inner):
            step = tf.nn.leaky_relu(tf.matmul(h, kernel) + bias, _SLOPE)
            h = h + step if i else step
        return tf.matmul(h, last[0]) + last[1]


def fit_gan(rows: VectorRows, config: GanConfig, *, progress: bool = True) -> TrainedModel:
    """Train such networks; see `lamarr_like.nets.generator.fit_rows`."""
    return fit_rows(GanTrainer, rows, config, progress=progress)


class GanTrainer:
    """Trains a conditional generator against a critic.

    Args:
        sample: the prepared sample.
        config: settings.
    """

    def __init__(self, sample: GeneratorSample, config: GanConfig) -> None:
        rng = stream(config.seed, "weights")
        self.config = config
        self.n_conditions, self.n_outputs = sample.x.shape[1], sample.y.shape[1]
        self.n_atoms = len(sample.atoms)
        self.free = sample.atoms.free.astype(np.float32)
        self.latent = max(config.latent or 2 * self.n_outputs, self.n_outputs)
        given = self.n_conditions + (self.n_atoms if self.n_atoms > 1 else 0)
        shape = {"hidden": config.hidden, "depth": config.depth}
        # It starts as the law is.
        self.net = ResidualNet(
            rng, given + self.latent, n_out=self.n_outputs, out_scale=0.0, **shape
        )
        shape["hidden"] = config.critic_hidden
        self.critic = ResidualNet(rng, given + self.n_outputs, n_out=1, **shape)
        self.law = MixtureLaw(
            rng,
            given,
            self.n_outputs,
            hidden=[config.law_hidden] * 2,
            components=config.law_components,
        )
        self.atom_net = Mlp(rng, [self.n_conditions, *ATOM_WIDTHS, self.n_atoms], out_scale=0.1)
        chosen = self.atom_net.variables if self.n_atoms > 1 else []
        laws = [*self.law.net.variables, *chosen]
        matrices = self.law.net.kernels[:-1]
        self.muon = Muon(matrices, _LAW_DECAY)
        # The kernels of the law come first.
        self.groups = [self.net.variables, self.critic.variables, laws[len(matrices) :]]
        self.alone = int(config.law_share * config.steps)
        adversarial = (config.learning_rate, config.steps - self.alone, 0.0)
        settings = (adversarial, adversarial, (_LAW_RATE, config.steps, 0.9))
        self.optimizers = [
            adam(rate, config.warm_up, steps, beta_1=beta, beta_2=0.99)
            for rate, steps, beta in settings
        ]
        for optimizer, group in zip(self.optimizers, self.groups, strict=True):
            optimizer.build(group)
        self.average = MovingAverage([*self.net.variables, *laws], config.ema)
        self.count = tf.Variable(0, dtype=tf.int32)
        self.penalty: Penalty | None = None
        if sample.rows is not None and sample.rows.emphasis is not None:
            numbers = (config.emphasis, config.seed, config.steps - self.alone)
            self.penalty = Penalty(sample, sample.rows, sample.rows.emphasis, *numbers)

    @property
    def further(self) -> tuple[np.ndarray, ...]:
        """Beside the sample, of each row of a batch: what is emphasised, shape ``(n_rows,)``."""
        return self.penalty.further if self.penalty is not None else ()

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""
        return (self.n_outputs + (self.n_atoms > 1), self.latent)

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw."""
        total = sum(a * b for a, b in pairwise(self.net.widths))
        if self.n_atoms > 1:
            widths = [self.n_conditions, *ATOM_WIDTHS, self.n_atoms]
            total += sum(a * b for a, b in pairwise(widths))
        return 2 * total + self.law.flops

    def step(self, x: Any, atom: Any, y: Any, w: Any, *more: Any) -> tf.Tensor:
        """One update of law and class network, later of critic and generator as well.

        Args:
            x, atom, y, w: rows of the sample.
            more: what of them is in `further`.

        Returns:
            The law's loss as long as it learns alone, then the critic's.
        """
        if int(self.count) < self.alone:
            return self._alone(x, atom, y, w)
        if self.penalty is not None and self.penalty.net is not None:
            scores = self._sample(x, atom)
            self._learn(x, atom, y, scores, self.penalty.told(scores, atom, more), more[0])
        return self._step(x, atom, y, w, *more)

    @training_step
    def _alone(self, x: tf.Tensor, atom: tf.Tensor, y: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        """One update of law and class network."""
        given, free = self._given(x, atom)
        self.count.assign_add(1)
        loss, _ = self._law_step(x, atom, given, y, free=free, w=w)
        self.average.update()
        return loss

    @training_step
    def _sample(self, x: tf.Tensor, atom: tf.Tensor) -> tf.Tensor:
        """Scores drawn for rows of the sample."""
        seed = tf.stack([self.config.seed + 2, self.count])
        z = tf.random.stateless_normal((tf.shape(x)[0], self.latent), seed=seed)
        given, free = self._given(x, atom)
        return self._scores(given, free, self._residuals(given, free, z))

    @training_step
    def _learn(
        self,
        x: tf.Tensor,
        atom: tf.Tensor,
        y: tf.Tensor,
        scores: tf.Tensor,
        told: tf.Tensor,
        number: tf.Tensor,
    ) -> tf.Tensor:
        """Have the penalty's network learn the number of detailed and of drawn rows."""
        assert self.penalty is not None
        given, _ = self._given(x, atom)
        twice = tf.concat([given, given], 0)
        self.penalty.learn(twice, tf.concat([y, scores], 0), tf.concat([number, told], 0))
        return tf.zeros(())

    def _given(self, x: tf.Tensor, atom: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What the networks are given, and the mask of free outputs."""
        given = tf.concat([x, tf.one_hot(atom, self.n_atoms)], 1) if self.n_atoms > 1 else x
        return given, tf.gather(self.free, atom)

    def _scores(self, given: tf.Tensor, free: tf.Tensor, errors: tf.Tensor) -> tf.Tensor:
        """Scores that some errors lead to, as in a draw."""
        seed = tf.stack([self.config.seed + 3, self.count])
        u = tf.random.stateless_uniform(tf.shape(errors), seed=seed)
        return self.law.draw(given, u, errors, free)

    @training_step
    def _step(
        self, x: tf.Tensor, atom: tf.Tensor, y: tf.Tensor, w: tf.Tensor, *more: tf.Tensor
    ) -> tf.Tensor:
        given, free = self._given(x, atom)
        self.count.assign_add(1)
        shape = (2, tf.shape(x)[0], self.latent)
        z = tf.random.stateless_normal(shape, seed=tf.stack([self.config.seed, self.count]))
        _, parts = self._law_step(x, atom, given, y, free=free, w=w)
        real = self._own_errors(*parts, free)
        loss = self._critic_step(given, real, self._residuals(given, free, z[0]), w)
        self._generator_step(
            given, real, free, z=z, w=w, emphasised=(atom, y, *more) if more else ()
        )
        self.average.update()
        return loss

    def _residuals(self, given: tf.Tensor, free: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Residuals drawn for some noise: Gaussian until the network has learnt otherwise."""
        return free * (z[:, : self.n_outputs] + self.net(tf.concat([given, z], 1)))

    def _apply(self, which: int, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        group = self.groups[which]
        self.optimizers[which].apply(tape.gradient(loss, group), group)

    def _critic_step(
        self, given: tf.Tensor, real: tf.Tensor, fake: tf.Tensor, w: tf.Tensor
    ) -> tf.Tensor:
        with tf.GradientTape() as tape:
            score = self.critic(tf.concat([given, real], 1)) - self.critic(
                tf.concat([given, fake], 1)
            )
            loss = tf.reduce_mean(w * tf.nn.softplus(-score[:, 0]))
            # The penalty is an average of its own: a part of the batch is enough.
            part = tf.shape(real)[0] // self.config.penalty_part
            penalty = self._slope2(given[:part], real[:part]) + self._slope2(
                given[:part], fake[:part]
            )
            total = loss + 0.5 * self.config.penalty * penalty
        self._apply(1, tape, total)
        return loss

    def _slope2(self, given: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Mean squared slope of the critic in the generated vector."""
        with tf.GradientTape() as tape:
            tape.watch(y)
            score = tf.reduce_sum(self.critic(tf.concat([given, y], 1)))
        return tf.reduce_mean(tf.reduce_sum(tf.square(tape.gradient(score, y)), 1))

    def _generator_step(
        self,
        given: tf.Tensor,
        real: tf.Tensor,
        free: tf.Tensor,
        *,
        z: tf.Tensor,
        w: tf.Tensor,
        emphasised: tuple[tf.Tensor, ...],
    ) -> None:
        with tf.GradientTape() as tape:
            fake = self._residuals(given, free, z[0])
            score = self.critic(tf.concat([given, fake], 1)) - self.critic(
                tf.concat([given, real], 1)
            )
            loss = tf.reduce_mean(w * tf.nn.softplus(-score[:, 0]))
            if self.config.energy > 0:
                other = self._residuals(given, free, z[1])
                loss += self.config.energy * energy_score(real, fake, other, w)
            if self.penalty is not None:
                atom, y, number, cells, known = emphasised
                scores = self._scores(given, free, fake)
                found = self.penalty.number(given, scores, atom, known)
                number = self.penalty.detailed(given, y, number)
                loss += self.penalty.loss(found, number, cells, w)
        self._apply(0, tape, loss)

    def _law_step(
        self,
        x: tf.Tensor,
        atom: tf.Tensor,
        given: tf.Tensor,
        y: tf.Tensor,
        *,
        free: tf.Tensor,
        w: tf.Tensor,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
        """Update law and class network; returns the loss and `MixtureLaw.parts` before."""
        with tf.GradientTape() as tape:
            logit, log_sigma, errors = self.law.parts(given, y)
            nll = -tf.transpose(self.law.log_density(logit, log_sigma, errors))
            loss = tf.reduce_mean(w * tf.reduce_sum(free * nll, 1))
            if self.n_atoms > 1:
                entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(atom, self.atom_net(x))
                loss += tf.reduce_mean(w * tf.minimum(entropy, 20.0))
        gradients = tape.gradient(loss, [*self.muon.kernels, *self.groups[2]])
        n = len(self.muon.kernels)
        self.muon.apply(gradients[:n], self.optimizers[2].learning_rate)
        self.optimizers[2].apply(gradients[n:], self.groups[2])
        return loss, (logit, log_sigma, errors)

    def _own_errors(
        self, logit: tf.Tensor, log_sigma: tf.Tensor, errors: tf.Tensor, free: tf.Tensor
    ) -> tf.Tensor:
        """Errors of real outputs about a component each, 0 where not free, shape ``(rows, k)``."""
        # A component drawn from those that may have made the output (the largest of scores that
        # Gumbel numbers were added to), then the error about it.
        score = logit - log_sigma - 0.5 * tf.square(errors)
        seed = tf.stack([self.config.seed + 1, self.count])
        u = tf.random.stateless_uniform(tf.shape(score), seed=seed, minval=1e-6, maxval=1.0 - 1e-6)
        chosen = tf.argmax(score - tf.math.log(-tf.math.log(u)), axis=2)
        own = tf.reduce_sum(errors * tf.one_hot(chosen, self.law.components), axis=2)
        return free * tf.clip_by_value(tf.transpose(own), -_FARTHEST, _FARTHEST)

    def files(self) -> dict[str, bytes]:
        """The sampling graph with the averaged weights."""
        arrays = self.average.numpy()
        layers, laws = len(self.net.kernels), len(self.law.net.variables)
        arrays, law = arrays[: 2 * layers], arrays[2 * layers :]
        law, choice = law[:laws], law[laws:]
        graph = Graph()
        x = graph.input("conditions", self.n_conditions)
        uniforms = graph.input("uniforms", self.noise[0])
        free = index = ""
        if self.n_atoms > 1:
            index, x, free = add_atom_choice(graph, x, uniforms, choice, self.free)
            uniforms = graph.slice(uniforms, 1, self.noise[0])
        z = graph.input("normals", self.latent)
        h = graph.concat(x, z)
        for i in range(layers - 1):
            step = graph.dense(h, arrays[i], arrays[layers + i])
            step = graph.op("LeakyRelu", step, alpha=_SLOPE)
            h = graph.op("Add", h, step) if i else step
        drawn = graph.dense(h, arrays[layers - 1], arrays[2 * layers - 1])
        errors = graph.op("Add", graph.slice(z, 0, self.n_outputs), drawn)
        scores = self.law.outputs(graph, x, uniforms=uniforms, errors=errors, arrays=law, free=free)
        graph.output("scores", scores, self.n_outputs)
        if index:
            graph.output("atom", graph.op("Cast", index, to=1), 1)
        return {"model.onnx": graph.build()}


def energy_score(real: tf.Tensor, one: tf.Tensor, two: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Energy score of two draws for the same conditions; least for the true law.

    Args:
        real: true vectors, shape ``(n, k)``.
        one: a draw each, shape ``(n, k)``.
        two: another independent draw each, shape ``(n, k)``.
        weights: shape ``(n,)``.
    """

    def distance(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return tf.sqrt(tf.reduce_sum(tf.square(a - b), 1) + 1e-6)

    both = 0.5 * (distance(real, one) + distance(real, two))
    return tf.reduce_mean(weights * (both - 0.5 * distance(one, two)))
