"""Trains encoder, decoder and head of a translation together, in TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from ...engine.normal_scores import ConditionTransform, NormalScores
from ...engine.translator.cluster_layout import MOST_CLUSTERS
from ..armdn import ArmdnTrainer
from ..config import ArmdnConfig
from ..layers import MovingAverage, adam, use_threads
from ..loop import row_batches
from ..muon import Muon, PackedMuon
from ..onnx_graph import Graph
from ..sample import GeneratorSample, stream
from .batches import Prepared
from .config import TranslatorConfig
from .net import PLACE, Network
from .ops import OnnxOps, TensorFlowOps
from .weights import initial_weights

_LAST = ("own.kernel", "pointer.lost.kernel")
"""Matrices of last layers, which stay with Adam."""


class _Packed:
    """Many weights in one variable: what updates them is compiled once, not for each.

    Args:
        weights: initial values by name.
    """

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.shapes = {name: values.shape for name, values in weights.items()}
        flat = [values.ravel() for values in weights.values()]
        self.variable = tf.Variable(np.concatenate(flat).astype(np.float32))

    def unpacked(self) -> dict[str, tf.Tensor]:
        """Tensors by name."""
        sizes = [int(np.prod(shape)) for shape in self.shapes.values()]
        parts = tf.split(tf.convert_to_tensor(self.variable), sizes)
        named = zip(self.shapes.items(), parts, strict=True)
        return {name: tf.reshape(part, shape) for (name, shape), part in named}

    def arrays(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Arrays by name from a flat one."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes.values()])
        parts = np.split(values, ends[:-1])
        named = zip(self.shapes.items(), parts, strict=True)
        return {name: part.reshape(shape) for (name, shape), part in named}


class TranslatorTrainer:
    """Trains encoder, decoder and head together.

    Args:
        prepared: the sample.
        config: settings.
    """

    def __init__(self, prepared: Prepared, config: TranslatorConfig) -> None:
        use_threads(config.threads)
        keras.utils.set_random_seed(config.seed)
        self.config, self.scales = config, prepared.scales
        sizes = (prepared.sources.features.shape[1], prepared.layout.features.shape[1])
        made = initial_weights(config, *sizes, stream(config.seed, "weights"))
        self.sizes = sizes
        last = _LAST if config.orthogonal else ()
        matrices = {k for k in made if k.endswith(".kernel") and k not in last}
        self.packed = {
            kind: _Packed({k: v for k, v in made.items() if (k in matrices) == kind})
            for kind in (True, False)
        }
        told = prepared.told.shape[1]
        given = np.zeros((0, config.head_state + sizes[1] + told), np.float32)
        self.head = ArmdnTrainer(_head_sample(prepared, given), _head_config(config, config.steps))
        own = [p.variable for p in self.packed.values()]
        self.muons = self._muons() if config.orthogonal else []
        taken = {id(kernel) for muon in self.muons for kernel in muon.kernels}
        self.rest = [v for v in (*own, *self.head.variables) if id(v) not in taken]
        self.optimizer = adam(
            config.learning_rate,
            config.warm_up,
            config.steps,
            global_clipnorm=config.clip,
            weight_decay=config.weight_decay or None,
        )
        plain = [*self.head.law.net.biases, *self.head.atom_net.biases]
        self.optimizer.exclude_from_weight_decay([self.packed[False].variable, *plain])
        self.optimizer.build(self.rest)
        self.average = MovingAverage(own, config.ema)
        self.head.average.decay = config.ema
        # Not compiled by XLA: it takes longer for each length of pieces than it saves.
        self._graph = tf.function(self._step, autograph=False)

    def _muons(self) -> list[Muon]:
        """What takes orthogonal steps of the matrices of all three networks."""
        packed, decay = self.packed[True], self.config.weight_decay
        return [
            PackedMuon(packed.variable, list(packed.shapes.values()), decay),
            Muon(self.head.law.net.kernels[:-1], decay),
        ]

    def step(self, batch: dict[str, np.ndarray]) -> tuple[float, float]:
        """One update; returns cross entropy of an outcome and likelihood loss of a cluster.

        Args:
            batch: arrays of the shapes of `Prepared.batch`.
        """
        entropy, nll = self._graph(batch)
        return float(entropy), float(nll)

    def _step(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            entropy, nll = self._losses(batch)
            loss = self.config.assignment * entropy + nll
        matrices = [kernel for muon in self.muons for kernel in muon.kernels]
        found = tape.gradient(loss, [*matrices, *self.rest])
        for muon in self.muons:
            mine, found = found[: len(muon.kernels)], found[len(muon.kernels) :]
            muon.apply(mine, self.optimizer.learning_rate)
        self.optimizer.apply(found, self.rest)
        self.average.update()
        self.head.average.update()
        return entropy, nll

    def _losses(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        encoder = {k.removeprefix("encoder_"): v for k, v in batch.items() if k[:3] == "enc"}
        decoder = {k.removeprefix("decoder_"): v for k, v in batch.items() if k[:3] == "dec"}
        mask = encoder["mask"]
        weights = {k: v for p in self.packed.values() for k, v in p.unpacked().items()}
        net = Network(TensorFlowOps(weights), self.config, self.scales)
        logits, states, pointers = net.encode(**encoder)
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["own"], logits)
        if pointers is not None:
            # What owns nothing is lost or absorbed by something that does.
            able = tf.concat([tf.ones_like(mask[:, :1]), batch["able"]], 1)
            pointers += (able[:, None] - 1.0) * 1e9
            free = tf.cast(batch["own"] == 0, tf.float32)
            entropy += free * tf.nn.sparse_softmax_cross_entropy_with_logits(
                batch["pointer"], pointers
            )
        trusted = mask * batch["trusted"]
        entropy = tf.reduce_sum(entropy * trusted) / tf.maximum(tf.reduce_sum(trusted), 1.0)
        given = net.decode(
            states=states, source_place=encoder["place"], source_mask=mask, **decoder
        )
        given, w = tf.gather(given, batch["at"]), batch["weight"]
        given = tf.concat([given, batch["told"]], 1)
        share = tf.maximum(tf.reduce_mean(w), 1e-3)
        return entropy, self.head.loss(given, batch["atom"], batch["y"], w) / share

    def files(self) -> dict[str, bytes]:
        """The graphs with the averaged weights."""
        arrays: dict[str, np.ndarray] = {}
        for packed, values in zip(self.packed.values(), self.average.numpy(), strict=True):
            arrays |= packed.arrays(values)
        return {
            "encoder.onnx": self._encoder(arrays),
            "decoder.onnx": self._decoder(arrays),
            "head.onnx": self.head.onnx(),
        }

    def _encoder(self, arrays: dict[str, np.ndarray]) -> bytes:
        graph = Graph()
        ops = OnnxOps(graph, arrays)
        lead = ("pieces", "length")
        features = graph.input("features", self.sizes[0])
        place, mask = graph.input("place", PLACE, lead=lead), graph.input("mask", lead=lead)
        net = Network(ops, self.config, self.scales)
        logits, states, pointers = net.encode(features, place, mask)
        graph.output("probabilities", ops.softmax(logits), MOST_CLUSTERS + 1, lead=lead)
        graph.output("states", states, self.config.width)
        if pointers is not None:
            graph.output("pointers", pointers, "absorbers", lead=lead)
        return graph.build()

    def _decoder(self, arrays: dict[str, np.ndarray]) -> bytes:
        graph = Graph()
        source, cluster = ("pieces", "length"), ("pieces", "width")
        inputs = {
            "states": graph.input("states", self.config.width),
            "source_mask": graph.input("source_mask", lead=source),
            "owner": graph.input("owner", lead=("clusters",), whole=True),
            "features": graph.input("features", self.sizes[1], lead=("clusters",)),
            "mask": graph.input("mask", lead=cluster),
            "share": graph.input("share", "length", lead=cluster),
        }
        if self.config.decoder_layers:
            inputs |= {
                "source_place": graph.input("source_place", PLACE, lead=source),
                "outcome": graph.input("outcome", lead=("rows",), whole=True),
                "place": graph.input("place", PLACE, lead=cluster),
            }
        given = Network(OnnxOps(graph, arrays), self.config, self.scales).decode(**inputs)
        width = self.config.head_state + self.sizes[1]
        graph.output("conditions", given, width, lead=("clusters",))
        return graph.build()


def _head_config(config: TranslatorConfig, steps: int) -> ArmdnConfig:
    return ArmdnConfig(
        hidden=config.head_hidden,
        depth=config.head_depth,
        components=config.components,
        learning_rate=config.learning_rate,
        warm_up=config.warm_up,
        weight_decay=config.weight_decay,
        steps=steps,
        batch=config.head_batch,
        seed=config.seed,
        ema=config.ema,
        evaluations=1,
    )


def _head_sample(prepared: Prepared, given: np.ndarray) -> GeneratorSample:
    width = given.shape[1]
    return GeneratorSample(
        transform=ConditionTransform([True] * width, NormalScores(np.zeros((0, 2)), np.zeros(0))),
        scores=prepared.scores,
        atoms=prepared.atoms,
        integer=np.zeros(prepared.y.shape[1], dtype=bool),
        x=given,
        atom=prepared.atom,
        y=prepared.y,
        weights=prepared.pure,
    )


class HeadTrainer(ArmdnTrainer):
    """Trains a new head on what a finished decoder tells.

    Args:
        prepared: the sample.
        given: `batches.head_conditions`.
        config: settings.
        rest: the graphs of encoder and decoder.
    """

    def __init__(
        self,
        prepared: Prepared,
        given: np.ndarray,
        config: TranslatorConfig,
        rest: Mapping[str, bytes],
    ) -> None:
        self.sample, self.rest = _head_sample(prepared, given), rest
        settings = _head_config(config, config.head_steps)
        super().__init__(
            self.sample,
            replace(settings, learning_rate=config.head_rate, orthogonal=config.head_orthogonal),
        )

    def batches(self) -> Iterator[tuple[np.ndarray, ...]]:
        """Batches of clusters.

        Yields:
            Features, shape ``(batch, n_features)``, class of atoms, shape ``(batch,)``, normal
            scores, shape ``(batch, n_outputs)``, and weights, shape ``(batch,)``.
        """
        sample, config = self.sample, self.config
        arrays = (sample.x, sample.atom, sample.y, sample.weights)
        return row_batches(arrays, config.batch, config.steps, config.seed)

    def files(self) -> dict[str, bytes]:
        """The graphs with the new head."""
        return {**self.rest, "head.onnx": self.onnx()}
