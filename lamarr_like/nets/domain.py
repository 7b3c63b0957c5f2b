"""Softmax networks of features that are blind to the domain a row comes from.

After Ganin et al., JMLR 17 (2016) 59, arXiv:1505.07818: a critic tries to tell rows of the source
domain from those of the target domain by the features of the network, and the features move against
it, ever more strongly as the training goes on.  A critic that lags behind is no adversary; so it
makes several steps for each one of the features, its slope is penalised, and the distance of the
laws of the features in both domains (MMD) is a second term.  Critic and distance see the features
in units of their spread, so that nothing is gained by making them small.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ..arrays import Floats, Floats32
from ..engine.normal_scores import ConditionTransform
from ..engine.onnx_session import Network
from ..errors import TrainingError
from ..statistics.two_sample import Auc, c2st
from .classifier import checked_rows, cross_entropy, finished
from .config import DomainConfig, MlpConfig
from .layers import Mlp, adam, training_step
from .loop import Exact, Files, Judge, row_batches, run
from .mlp import LARGEST_LOSS, MlpTrainer, dense_layers, halves
from .mmd import whole_distance
from .onnx_graph import Graph
from .sample import LabelledRows, archive, checked_columns, data_digest, split, stream
from .trained import TrainedModel

FEATURES = "features"
"""Name of the output of the graph that holds the features."""
_LAW_ROWS = 256
"""Rows of each domain between which the distance of the laws is taken in a step."""


def fit_domain(rows: LabelledRows, config: DomainConfig, *, progress: bool = True) -> TrainedModel:
    """Train such a network.

    Args:
        rows: the sample, with rows of the target domain.
        config: settings.
        progress: show a progress bar.

    Returns:
        The model at its last state: on labelled rows alone the least blind one would be the best.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    columns, y, w = checked_rows(rows)
    if (w < 0.0).any():
        raise TrainingError("family 'domain' cannot learn from negative weights")
    target = _target_columns(rows)
    transform = ConditionTransform.fit(
        [np.concatenate(both) for both in zip(columns, target, strict=True)],
        np.concatenate([w, np.ones(len(target[0]))]),
    )
    x, other = transform(columns), transform(target)
    held, held_other = (split(len(a), config.holdout, config.seed) for a in (x, other))
    started = time.perf_counter()
    trainer = DomainTrainer(x.shape[1], len(rows.classes), config)

    def measure(files: Files) -> Exact:
        p: Floats = Network(files["model.onnx"])(conditions=x[held])[0].astype(np.float64)
        return Exact(cross_entropy(p, y[held], w[held]))

    judge = Judge(measure, "held-out cross entropy", digits=6)
    labelled = [x[~held], y[~held], w[~held].astype(np.float32)]
    batches = _batches(labelled, other[~held_other], config)
    history = run(trainer, batches, config, judge, progress=progress)
    files = {**judge.kept, "transforms.npz": archive(transform.scores.to_arrays("conditions"))}
    trained = finished(
        rows,
        config,
        files,
        y=y,
        w=w,
        held=held,
        history=history,
        started=started,
        condition_flags=transform.flags,
    )
    network = Network(files["model.onnx"])
    told = domains_told(features(network, x[held]), features(network, other[held_other]), w[held])
    trained.config["training"]["target_rows"] = int((~held_other).sum())
    trained.config["training"]["target_digest"] = data_digest(rows.target or {})
    trained.figures.update(domains_told_apart=told.value, domains_told_apart_error=told.error)
    return trained


def _target_columns(rows: LabelledRows) -> list[Floats]:
    """Conditions of the target domain, in the order of those of the source, shapes ``(m,)``.

    Raises:
        TrainingError: if there are none, too few, or others.
    """
    if rows.target is None:
        raise TrainingError("family 'domain' needs rows of the target domain")
    if list(rows.target) != list(rows.conditions):
        raise TrainingError("both domains need the same conditions")
    n = len(next(iter(rows.target.values())))
    if n < 100:
        raise TrainingError(f"{n} rows of the target domain: too few")
    return list(checked_columns(rows.target, n, "condition of the target domain").values())


def _batches(
    labelled: list[np.ndarray], other: Floats32, config: DomainConfig
) -> Iterator[tuple[np.ndarray, ...]]:
    batch = min(config.batch, len(labelled[0]), len(other))
    mine = row_batches(labelled, batch, config.steps, config.seed)
    theirs = row_batches([other], batch, config.steps, config.seed + 1)
    for one, two in zip(mine, theirs, strict=True):
        yield (*one, *two)


def features(network: Network, x: Floats32) -> Floats32:
    """What a network makes of prepared conditions of shape ``(n, n_inputs)``: ``(n, features)``."""
    return network(conditions=x)[network.outputs.index(FEATURES)]


def domains_told(
    source: Floats32, target: Floats32, weights: np.ndarray | None = None, **options: int
) -> Auc:
    """How well fresh trees tell two domains apart; 0.5 where they cannot.

    Args:
        source, target: features of rows of each, shapes ``(n, k)`` and ``(m, k)``.
        weights: of the rows of the source, shape ``(n,)``; None for ones.
        options: of `lamarr_like.statistics.two_sample.c2st`.
    """
    one, two = ({f"f{k}": c for k, c in enumerate(side.T)} for side in (source, target))
    size: dict[str, Any] = {"trees": 100, "depth": 4, **options}
    return c2st(one, two, {}, {}, weights=weights, **size)


class _Joined(Mlp):
    """Two networks, one behind the other."""

    def __init__(self, first: Mlp, second: Mlp) -> None:
        self.first, self.second = first, second

    @property
    def variables(self) -> list[tf.Variable]:
        """Those of the first, then those of the second."""
        return [*self.first.variables, *self.second.variables]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Map ``(rows, in)`` to ``(rows, out)``."""
        return self.second(self.first(x))


class DomainTrainer(MlpTrainer):
    """Trains features and classes against a critic of the domain; see `MlpTrainer`."""

    def __init__(self, n_inputs: int, n_classes: int, config: DomainConfig) -> None:
        self.config = config
        super().__init__(n_inputs, n_classes, config)
        rng = stream(config.seed, "critic")
        hidden = [config.critic_hidden] * 2
        self.critic = Mlp(rng, [config.features, *hidden, 1], out_scale=0.1)
        self.critic_optimizer = adam(
            config.critic_rate, config.warm_up, config.steps * config.critic_steps
        )
        self.critic_optimizer.build(self.critic.variables)

    def network(self, rng: np.random.Generator, config: MlpConfig) -> _Joined:
        """All layers from the conditions to the classes, the features among them."""
        assert isinstance(config, DomainConfig)
        hidden = [config.hidden] * config.depth
        self.maker = Mlp(rng, [self.n_inputs, *hidden, config.features])
        self.head = Mlp(rng, [config.features, config.head_hidden, self.n_classes], out_scale=0.1)
        return _Joined(self.maker, self.head)

    @training_step
    def step(self, x: tf.Tensor, label: tf.Tensor, w: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        """One update on a batch of each domain; returns the mean cross entropy of the classes.

        Args:
            x, label, w: conditions, classes and weights of rows of the source, ``(n, ...)``.
            other: conditions of rows of the target, shape ``(n, n_inputs)``.
        """
        one = self.config
        with tf.GradientTape() as tape:
            mine, theirs = self.maker(x), self.maker(other)
            nll = tf.nn.sparse_softmax_cross_entropy_with_logits(label, self.head(mine))
            loss = tf.reduce_mean(w * tf.minimum(nll, LARGEST_LOSS))
            total = loss
            if one.adversary > 0.0 or one.laws > 0.0:
                mine, theirs = _in_units(mine, theirs)
                for _ in range(one.critic_steps if one.adversary > 0.0 else 0):
                    self._learn(tf.stop_gradient(mine), tf.stop_gradient(theirs), w)
                total += self._strength() * self._blindness(mine, theirs, w)
        self.optimizer.apply(tape.gradient(total, self.net.variables), self.net.variables)
        self.average.update()
        return loss

    def _strength(self) -> tf.Tensor:
        """Share of the full strength at this step, from 0 to 1, as in the paper."""
        share = self.average.count / float(self.config.steps)
        return 2.0 / (1.0 + tf.exp(-10.0 * share)) - 1.0

    def _told(self, mine: tf.Tensor, theirs: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        """Cross entropy of the critic."""
        one, two = self.critic(mine)[:, 0], self.critic(theirs)[:, 0]
        return 0.5 * tf.reduce_mean(w * tf.nn.softplus(-one)) + 0.5 * tf.reduce_mean(
            tf.nn.softplus(two)
        )

    def _blindness(self, mine: tf.Tensor, theirs: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        """What features that are told apart cost."""
        one, cost = self.config, 0.0
        if one.adversary > 0.0:
            cost -= one.adversary * self._told(mine, theirs, w)
        if one.laws > 0.0:
            n = _LAW_ROWS
            cost += one.laws * whole_distance(mine[:n], w[:n], theirs[:n], tf.ones_like(w[:n]))
        return cost

    def _learn(self, mine: tf.Tensor, theirs: tf.Tensor, w: tf.Tensor) -> None:
        """One update of the critic."""
        with tf.GradientTape() as tape:
            loss = self._told(mine, theirs, w)
            both = tf.concat([mine, theirs], 0)
            with tf.GradientTape() as inner:
                inner.watch(both)
                told = tf.reduce_sum(self.critic(both))
            slope = tf.reduce_sum(tf.square(inner.gradient(told, both)), 1)
            loss += self.config.penalty * tf.reduce_mean(slope)
        known = self.critic.variables
        self.critic_optimizer.apply(tape.gradient(loss, known), known)

    def files(self) -> dict[str, bytes]:
        """The graph with the averaged weights, whose second output are the features."""
        graph, arrays = Graph(), self.average.numpy()
        own = len(self.maker.variables)
        x = graph.input("conditions", self.n_inputs)
        made = dense_layers(graph, x, *halves(arrays[:own]))
        found = dense_layers(graph, made, *halves(arrays[own:]))
        graph.output("probabilities", graph.op("Softmax", found, axis=1), self.n_classes)
        graph.output(FEATURES, made, self.config.features)
        return {"model.onnx": graph.build()}


def _in_units(mine: tf.Tensor, theirs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Features of both domains in units of their common spread."""
    both = tf.concat([mine, theirs], 0)
    middle = tf.reduce_mean(both, 0)
    spread = tf.sqrt(tf.reduce_mean(tf.square(both - middle), 0) + 1e-6)
    return (mine - middle) / spread, (theirs - middle) / spread
