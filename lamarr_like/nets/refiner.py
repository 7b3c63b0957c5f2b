"""Residual networks that move a fast sample to a detailed one.

As CMS refines variables of its fast simulation (Bein, Connor, Pedro, Schleper and Wolf, EPJ Web
Conf. 295 (2024) 09032, arXiv:2309.12919): a residual network that begins as the identity, trained
by a distance of the laws (MMD, Gretton et al., JMLR 13 (2012) 723) and a distance of each row to
its partner.  Where no state of it is better than the sample as it was, by more than the error of
the judge, it stays the identity.

What has to agree is the law of the outputs for given conditions.  A kernel over fifty conditions
sees no pair of rows as near, so that over the conditions is that of random trees: 1 where two rows
share a cell (Scornet, arXiv:1502.03836).  Over the outputs, in units of their spread in the cell,
it is minus the distance (energy distance) plus rational quadratics, for what is narrow.
"""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..engine.refiner import N_CHOICES
from .config import RefinerConfig
from .layers import Mlp, MovingAverage, adam, training_step, use_threads
from .loop import Judge, run
from .mlp import dense_layers, halves
from .mmd import distance
from .onnx_graph import Graph
from .paired_sample import HeldOutPairs, RefinerSample
from .sample import PairedRows, archive, data_digest, stream
from .trained import TrainedModel, training_record

APART = 3.0
"""Distance of two classes of atoms, in units of the spread of a cell."""
REACH = 5.0
"""Largest score."""
_CLASS_WIDTHS = (32, 32)


def fit_refiner(rows: PairedRows, config: RefinerConfig, *, progress: bool = True) -> TrainedModel:
    """Train such a network.

    Args:
        rows: both samples.
        config: settings.
        progress: show a progress bar.

    Raises:
        TrainingError: if the samples cannot be used.
    """
    started = time.perf_counter()
    use_threads(config.threads)
    keras.utils.set_random_seed(config.seed)
    sample = RefinerSample(rows, config)
    trainer = RefinerTrainer(sample, config)
    spec: dict[str, Any] = {
        "kind": "refiner",
        "family": "residual",
        "conditions": list(rows.conditions),
        "condition_flags": sample.transform.flags,
        "outputs": list(rows.fast),
        "atoms": sample.atoms.to_json(),
    }
    tables = archive(
        {**sample.transform.scores.to_arrays("conditions"), **sample.scores.to_arrays("outputs")}
    )
    measure = HeldOutPairs(spec, tables, rows, sample)
    judge, before = Judge(measure), measure.unrefined
    files = trainer.files()
    history = run(trainer, sample.batches(config), config, judge, progress=progress)
    moves = judge.figure < before.value - before.error
    spec["identity"] = not moves
    if moves:
        files = judge.kept
    spec |= training_record(
        config,
        rows=int((~sample.held).sum()),
        digest=data_digest(rows.conditions, rows.fast, rows.detailed),
        weighted=rows.weights is not None,
        history=history,
        started=started,
    )
    spec["figures"] = {
        "held_out_rows": int(sample.held.sum()),
        "held_out_quick_c2st": judge.figure if moves else before.value,
        "unrefined_quick_c2st": before.value,
    }
    return TrainedModel(spec, {**files, "transforms.npz": tables})


class RefinerTrainer:
    """Trains the residual network, and the one that knows the classes of both samples.

    Args:
        sample: both samples.
        config: settings.
    """

    def __init__(self, sample: RefinerSample, config: RefinerConfig) -> None:
        rng = stream(config.seed, "weights")
        self.config, self.n_atoms = config, sample.n_atoms
        self.n_conditions, self.n_outputs = sample.x.shape[2], sample.y.shape[2]
        self.free = sample.atoms.free.astype(np.float32)
        self.paired = config.paired if sample.are_pairs else 0.0
        n_in = self.n_conditions + self.n_outputs + (2 * self.n_atoms + 1) * (self.n_atoms > 1)
        widths = [n_in, *[config.hidden] * config.depth, self.n_outputs]
        self.net = Mlp(rng, widths, out_scale=0.0)
        self.classes = Mlp(
            rng, [self.n_conditions, *_CLASS_WIDTHS, 2 * self.n_atoms + 1], out_scale=0.0
        )
        known = self.classes.variables if self.n_atoms > 1 else []
        self.variables = [*self.net.variables, *known]
        self.optimizer = adam(
            config.learning_rate, config.warm_up, config.steps, global_clipnorm=1.0
        )
        self.optimizer.build(self.variables)
        self.average = MovingAverage(self.variables, config.ema)

    @training_step
    def step(
        self,
        x: tf.Tensor,
        y: tf.Tensor,
        atom: tf.Tensor,
        w: tf.Tensor,
        partner: tf.Tensor,
        partner_atom: tf.Tensor,
        own_x: tf.Tensor,
        own_y: tf.Tensor,
        own_atom: tf.Tensor,
        own_w: tf.Tensor,
        scale: tf.Tensor,
        u: tf.Tensor,
        z: tf.Tensor,
    ) -> tf.Tensor:
        """One update on some cells; returns the distance of the laws.

        Args:
            x, y, atom, w: conditions, scores, class (one-hot) and weight of fast rows in some
                cells, shapes ``(groups, rows, ...)``.
            partner, partner_atom: scores and class of the detailed rows of the same things.
            own_x, own_y, own_atom, own_w: detailed rows in the same cells.
            scale: makes the spread of the scores in each cell one, shape ``(groups, k, k)``.
            u, z: uniform and normal numbers.
        """
        with tf.GradientTape() as tape:
            new = self._new_class(x, atom, u)
            moved = self.moved(x, y, atom, new, z)
            law = distance(
                self._seen(moved, new, scale), w, self._seen(own_y, own_atom, scale), own_w
            )
            loss = law
            if self.paired > 0.0:
                both = self._is_free(new) * self._is_free(partner_atom)
                gap = tf.sqrt(tf.square(moved - partner) + 1e-2) - 0.1
                loss += self.paired * tf.reduce_mean(w[..., None] * both * gap)
            if self.n_atoms > 1:
                loss += self._class_loss(x, atom, w, 0) + self._class_loss(
                    own_x, own_atom, own_w, 1
                )
        self.optimizer.apply(tape.gradient(loss, self.variables), self.variables)
        self.average.update()
        return law

    def _is_free(self, atom: tf.Tensor) -> tf.Tensor:
        """Mask of free outputs for classes, one-hot of width ``n_atoms + 1``."""
        known = np.concatenate([self.free, np.ones((1, self.n_outputs), np.float32)])
        return tf.tensordot(atom, tf.constant(known), 1)

    def _class_loss(self, x: tf.Tensor, atom: tf.Tensor, w: tf.Tensor, side: int) -> tf.Tensor:
        logits = _flat(self.classes, x)
        logits = logits[..., self.n_atoms :] if side == 0 else logits[..., : self.n_atoms]
        known = atom if side == 0 else atom[..., : self.n_atoms]
        entropy = tf.nn.softmax_cross_entropy_with_logits(known, logits)
        return tf.reduce_mean(w * tf.minimum(entropy, 20.0))

    def _new_class(self, x: tf.Tensor, atom: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Class that each row gets: its own, unless the detailed sample has less of it."""
        if self.n_atoms == 1:
            return tf.concat([tf.ones_like(atom[..., :1]), tf.zeros_like(atom[..., 1:])], -1)
        logits = tf.stop_gradient(_flat(self.classes, x))
        wanted = tf.nn.softmax(logits[..., : self.n_atoms])
        have = tf.nn.softmax(logits[..., self.n_atoms :])
        own = atom[..., : self.n_atoms]
        keeps = tf.reduce_sum(wanted * own, -1) > u[..., 0] * tf.reduce_sum(have * atom, -1)
        short = tf.nn.relu(wanted - have[..., : self.n_atoms]) + 1e-9
        summed = tf.cumsum(short / tf.reduce_sum(short, -1, keepdims=True), axis=-1)
        index = tf.reduce_sum(tf.cast(u[..., 1:] > summed[..., :-1], tf.int32), -1)
        chosen = tf.where(keeps[..., None], own, tf.one_hot(index, self.n_atoms))
        return tf.concat([chosen, tf.zeros_like(atom[..., :1])], -1)

    def moved(
        self, x: tf.Tensor, y: tf.Tensor, atom: tf.Tensor, new: tf.Tensor, z: tf.Tensor
    ) -> tf.Tensor:
        """Refined scores, shape ``(..., k)``."""
        was, free = self._is_free(atom), self._is_free(new)
        start = free * (was * y + (1.0 - was) * z)
        given = [x, start]
        if self.n_atoms > 1:
            given += [atom, new[..., : self.n_atoms]]
        change = _flat(self.net, tf.concat(given, -1))
        return tf.clip_by_value(start + free * change, -REACH, REACH)

    def _seen(self, y: tf.Tensor, atom: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
        """Rows in units of the spread of their cell, with their class beside them."""
        return tf.concat([tf.matmul(y, scale), (APART / np.sqrt(2.0)) * atom], -1)

    def files(self) -> dict[str, bytes]:
        """The graph with the averaged weights."""
        arrays = self.average.numpy()
        own = len(self.net.variables)
        graph = Graph()
        x = graph.input("conditions", self.n_conditions)
        y = graph.input("drawn", self.n_outputs)
        z = graph.input("normals", self.n_outputs)
        given, free = [x, y], ""
        index = new = ""
        start = y
        if self.n_atoms > 1:
            atom = graph.input("atoms", self.n_atoms + 1)
            u = graph.input("uniforms", N_CHOICES)
            new = self._graph_class(graph, x, atom, u, arrays[own:])
            free = graph.op("MatMul", new, graph.constant(self.free))
            known = np.concatenate([self.free, np.ones((1, self.n_outputs), np.float32)])
            was = graph.op("MatMul", atom, graph.constant(known))
            kept = graph.op("Mul", was, y)
            fresh = graph.op("Mul", graph.op("Sub", graph.constant(1.0), was), z)
            start = graph.op("Mul", free, graph.op("Add", kept, fresh))
            given = [x, start, atom, new]
            order = graph.constant(np.arange(self.n_atoms)[:, None])
            index = graph.op("MatMul", new, order)
        elif not self.free.all():
            start = graph.op("Mul", y, graph.constant(self.free))
            given, free = [x, start], graph.constant(self.free)
        change = dense_layers(graph, graph.concat(*given), *halves(arrays[:own]))
        change = graph.op("Mul", free, change) if free else change
        if not index:  # an input that is declared must be used
            change = graph.op("Add", change, graph.op("Mul", z, graph.constant(0.0)))
        graph.output(
            "scores", graph.clip(graph.op("Add", start, change), -REACH, REACH), self.n_outputs
        )
        if index:
            graph.output("atom", index, 1)
        return {"model.onnx": graph.build()}

    def _graph_class(
        self, graph: Graph, x: str, atom: str, u: str, arrays: list[np.ndarray]
    ) -> str:
        """`_new_class` in a graph, one-hot of shape ``(rows, n_atoms)``."""
        logits = dense_layers(graph, x, *halves(arrays))
        n = self.n_atoms
        wanted = graph.op("Softmax", graph.slice(logits, 0, n), axis=1)
        have = graph.op("Softmax", graph.slice(logits, n, 2 * n + 1), axis=1)
        own, ones = graph.slice(atom, 0, n), graph.constant([1], np.int64)
        mine = graph.op("ReduceSum", graph.op("Mul", wanted, own), ones, keepdims=1)
        was = graph.op("ReduceSum", graph.op("Mul", have, atom), ones, keepdims=1)
        keeps = graph.op("Greater", mine, graph.op("Mul", graph.slice(u, 0, 1), was))
        short = graph.op("Relu", graph.op("Sub", wanted, graph.slice(have, 0, n)))
        short = graph.op("Log", graph.op("Add", short, graph.constant(1e-9)))
        other = graph.one_hot(graph.choose(short, graph.slice(u, 1, 2), n), n)
        return graph.op("Where", keeps, own, other)


def _flat(net: Mlp, x: tf.Tensor) -> tf.Tensor:
    """A network on rows in groups, shape ``(groups, rows, n_in)``: one product for all."""
    found = net(tf.reshape(x, [-1, x.shape[-1]]))
    return tf.reshape(found, [*x.shape[:-1], found.shape[-1]])
