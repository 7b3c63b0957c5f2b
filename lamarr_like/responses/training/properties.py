"""Properties told by codes of blocks, and the law of them for given conditions.

What codes say of the properties of `lamarr_like.responses.properties` follows exactly but for where
inside its block a cell is: for this each block has the mean place of what the sample has there.
So nothing has to be learnt to hold a generator to a property, and nothing can be misled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import ndtr

from ...arrays import Floats, Floats32
from ...engine.onnx_session import Network
from ...nets.layers import Mlp, adam
from ...nets.loop import row_batches
from ...nets.onnx_graph import Graph
from ...nets.sample import stream
from ..blocks import Layout
from ..codes import Codes, Particles
from ..config import CorrVaeConfig
from ..frame import Placement
from ..hits import Hits
from ..properties import (
    KNOTS,
    LEAST_CELLS,
    REACH,
    Law,
    cell_places,
    framed,
    least_variance,
    log_scale,
    names_of,
    of_hits,
    particle_places,
    wide_axes,
)
from .mixing import learn_mixing

_CODES_REACH = 4.5
_LAW_STEPS, _LAW_BATCH, _LAW_RATE = 1000, 256, 3e-3
_LOG_WIDTHS = (-5.0, 3.0)
_STEEPEST = 2.0
"""Slope of a score among those that are not empty over that among all, for gradients."""


class Learnt(NamedTuple):
    """What a family with control learns from beside codes.

    Args:
        columns: of each particle, see `Reading.split`, shape ``(n, m)``.
        reading: what codes say of properties.
        law: of them for given conditions.
        file: of the network of the law.
        mixing: matrix from latents to normal scores, shape ``(k, n_latents)``.
        names: of the properties.
    """

    columns: Floats32
    reading: Reading
    law: Law
    file: bytes
    mixing: Floats
    names: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """What ``config.json`` says of control."""
        return {"properties": list(self.names), "mixing": self.mixing.round(6).tolist()}


class Columns(NamedTuple):
    """Columns of a batch by what they are, shapes ``(n, k)``, and ``(n, 1)`` below `place`.

    Args:
        scores: normal scores of the properties; random where there are none.
        mean, sd: of the properties, by the law.
        place: of the particle in the frame, ``(n, rank)``.
        there: 1 where the array has properties, else 0.
        floor: logarithm of the sum below which an array has none, over the scale.
        below, above, part: tables of codes of the particle.
    """

    scores: tf.Tensor
    mean: tf.Tensor
    sd: tf.Tensor
    place: tf.Tensor
    there: tf.Tensor
    floor: tf.Tensor
    below: tf.Tensor
    above: tf.Tensor
    part: tf.Tensor


class Reading:
    """What codes say of properties, differentiable.

    Args:
        layout: blocks.
        codes: tables of their scores.
        means: mean place in each block, shape ``(n_blocks, rank)``.
        square: mean squared distance from the middle along the axes of the width, ``(n_blocks,)``.
    """

    def __init__(self, layout: Layout, codes: Codes, means: Floats, square: Floats) -> None:
        self.n_codes, self.n_knots = codes.knots.shape[1:]
        self.means, self.square = means.astype(np.float32), square.astype(np.float32)
        self.wide = wide_axes(layout.response)
        self.least = least_variance(layout.response)
        self.knots = codes.knots.reshape(-1).astype(np.float32)
        self.empty = codes.empty.reshape(-1).astype(np.float32)
        rank = means.shape[1]
        self.n_properties = rank + 2
        self.sizes = [self.n_properties] * 3 + [rank] + [1] * 5

    def split(self, columns: tf.Tensor) -> Columns:
        """Columns by what they are."""
        return Columns(*tf.split(columns, self.sizes, axis=1))

    def __call__(self, scores: tf.Tensor, of: Columns) -> tuple[tf.Tensor, tf.Tensor]:
        """Properties in the frame, shape ``(n, k)``, and 1 where there are any, ``(n, 1)``.

        Args:
            scores: normal scores of codes, shape ``(n, n_codes)``.
            of: columns of the particles.
        """
        amounts = self._amounts(scores, of)
        log_sum = tf.math.log(amounts[:, :1] + 1e-12)
        energies = amounts[:, 1:]
        share = energies / (tf.reduce_sum(energies, 1, keepdims=True) + 1e-12)
        means = share @ self.means
        square = share @ self.square[:, None]
        middle = tf.gather(means, self.wide, axis=1)
        variance = square - tf.reduce_sum(tf.square(middle), 1, keepdims=True)
        width = 0.5 * tf.math.log(tf.maximum(variance, self.least))
        found = tf.concat([log_sum, means - of.place, width], axis=1)
        filled = tf.logical_and(log_sum > of.floor, tf.reduce_sum(energies, 1, keepdims=True) > 0)
        return found, tf.cast(filled, tf.float32)

    def _amounts(self, scores: tf.Tensor, of: Columns) -> tf.Tensor:
        """As `lamarr_like.responses.codes.Codes.amounts`."""
        of_code = tf.range(self.n_codes)[None, :]
        below, above = (tf.cast(t, tf.int32) * self.n_codes + of_code for t in (of.below, of.above))
        empty = _between(tf.gather(self.empty, below), tf.gather(self.empty, above), of.part)
        u = 0.5 * tf.math.erfc(-scores * np.float32(np.sqrt(0.5)))
        filled = tf.maximum(1 - empty, 1e-6)
        within = tf.math.ndtri(tf.clip_by_value((u - empty) / filled, 1e-5, 1 - 1e-5))
        # Just above the empty ones it is steep without bound: such a slope would drown all others.
        slope = tf.exp(0.5 * (tf.square(within) - tf.square(scores))) / filled
        slope = tf.stop_gradient(tf.minimum(slope, _STEEPEST))
        within = tf.stop_gradient(within) + slope * (scores - tf.stop_gradient(scores))
        position = 0.5 * (within / _CODES_REACH + 1) * (self.n_knots - 1)
        cell = tf.clip_by_value(tf.cast(position, tf.int32), 0, self.n_knots - 2)
        low, high = (
            _between(
                tf.gather(self.knots, below * self.n_knots + cell + i),
                tf.gather(self.knots, above * self.n_knots + cell + i),
                of.part,
            )
            for i in (0, 1)
        )
        log_amount = low + (position - tf.cast(cell, tf.float32)) * (high - low)
        return tf.where(u < empty, 0.0, tf.exp(log_amount))


def _between(low: tf.Tensor, high: tf.Tensor, part: tf.Tensor) -> tf.Tensor:
    return low + part * (high - low)


def learn_properties(
    layout: Layout,
    codes: Codes,
    particles: Particles,
    placement: Placement,
    hits: Hits,
    given: Floats,
    config: CorrVaeConfig,
) -> Learnt:
    """Properties of a sample, their law, and how latents are mixed.

    Args:
        layout, codes: blocks, and the tables of their scores.
        particles: what tells which of the tables a particle has.
        placement: of the `n` particles.
        hits: of their arrays, in the frame.
        given: normalised, shape ``(n, n_given)``.
        config: settings.
    """
    response, n = layout.response, len(given)
    means, square = block_places(layout, hits)
    energies = layout.energies(hits, n)
    sums = energies.sum(axis=1)
    share = energies / np.where(sums > 0, sums, 1.0)[:, None]
    values = framed(response, placement, sums, share @ means, share @ square)
    there = np.isfinite(of_hits(response, placement, hits)).all(axis=1)
    law, file = fit_law(given[there], values[there], config)
    mean, sd = law.moments(given)
    scores = law.scores(given, values)
    scores[~there] = stream(config.seed, "no properties").standard_normal(scores[~there].shape)
    floor = np.log(max(LEAST_CELLS * response.least, 1e-12)) - log_scale(response, placement)
    tables = codes.tables_of(particles)
    place = particle_places(response, placement)
    columns = np.column_stack([scores, mean, sd, place, there, floor, *tables])
    return Learnt(
        columns.astype(np.float32),
        Reading(layout, codes, means, square),
        law,
        file,
        learn_mixing(scores[there], config),
        names_of(response),
    )


def block_places(layout: Layout, hits: Hits) -> tuple[Floats, Floats]:
    """Mean place in each block and mean squared distance from the middle, by what cells hold.

    Args:
        layout: blocks.
        hits: in the frame.

    Returns:
        Shapes ``(n_blocks, rank)`` and ``(n_blocks,)``; of blocks that are empty in the sample
        those of their middle.
    """
    response = layout.response
    block, places = layout.block_of(hits.cell), cell_places(response, hits)
    wide, pitch = wide_axes(response), np.array([axis.pitch for axis in response.axes])
    sums = np.bincount(block, hits.value, layout.n_blocks)
    empty, safe = sums <= 0, np.where(sums > 0, sums, 1.0)
    first = [np.bincount(block, hits.value * p, layout.n_blocks) for p in places.T]
    far2 = hits.value * (places[:, wide] ** 2).sum(axis=1)
    square: Floats = np.bincount(block, far2, layout.n_blocks).astype(np.float64) / safe
    means: Floats = np.stack(first, axis=1).astype(np.float64) / safe[:, None]
    means[empty] = (0.5 * (layout.low + layout.high - 1) * pitch)[empty]
    square[empty] = (means[:, wide] ** 2).sum(axis=1)[empty]
    return means, square


def fit_law(given: Floats, values: Floats, config: CorrVaeConfig) -> tuple[Law, bytes]:
    """The law of properties for given conditions, and its network as a file.

    Args:
        given: normalised, shape ``(n, n_given)``.
        values: properties in the frame, shape ``(n, k)``.
        config: settings.
    """
    middle, spread = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    k = values.shape[1]
    net = Mlp(
        stream(config.seed, "law"),
        [given.shape[1], config.law_hidden, config.law_hidden, 2 * k],
        out_scale=0.1,
    )
    optimizer = adam(_LAW_RATE, 100, _LAW_STEPS, weight_decay=0.02)
    optimizer.build(net.variables)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            mean, log_sd = tf.split(net(x), 2, axis=1)
            log_sd = tf.clip_by_value(log_sd, *_LOG_WIDTHS)
            loss = tf.reduce_mean(log_sd + 0.5 * tf.square((y - mean) * tf.exp(-log_sd)))
        optimizer.apply(tape.gradient(loss, net.variables), net.variables)

    table = [given.astype(np.float32), ((values - middle) / spread).astype(np.float32)]
    for batch in row_batches(table, _LAW_BATCH, _LAW_STEPS, config.seed):
        step(*batch)
    graph = Graph()
    h = graph.input("conditions", given.shape[1])
    for i, (kernel, bias) in enumerate(zip(net.kernels, net.biases, strict=True)):
        h = graph.dense(graph.silu(h) if i else h, kernel.numpy(), bias.numpy())
    mean = graph.op("Mul", graph.slice(h, 0, k), graph.constant(spread))
    mean = graph.op("Add", mean, graph.constant(middle))
    log_sd = graph.clip(graph.slice(h, k, 2 * k), *_LOG_WIDTHS)
    log_sd = graph.op("Add", log_sd, graph.constant(np.log(spread)))
    graph.output("moments", graph.concat(mean, log_sd), 2 * k)
    file = graph.build()
    law = Law(Network(file), np.zeros((k, 2)))
    found, sd = law.moments(given)
    probabilities = ndtr(np.linspace(-REACH, REACH, KNOTS))
    knots = np.quantile((values - found) / sd, probabilities, axis=0).T
    return Law(law.network, knots), file
