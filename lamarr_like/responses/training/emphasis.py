"""A metric of arrays that has to be right above all, as a penalty in a training of codes.

After Rogachev and Ratnikov (arXiv:2207.06329).  What an array's metric is does not follow from its
codes alone; a network learns it on detailed arrays, beside the generator, and what it says of
generated codes is held to what it says of detailed ones by the penalty of
`lamarr_like.nets.emphasis`.

Every metric that the critic of the ``gan`` is shown can be emphasised by its name
(`lamarr_like.responses.training.metrics.frame_metrics`); a package of yours declares others, made
of these, by an entry point of the group ``lamarr_like.metrics`` that names a
`lamarr_like.stages.metrics.Metric` whose ``stage`` is the response.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ... import plugins
from ...arrays import Floats, Floats32, Ints
from ...errors import TrainingError
from ...nets.emphasis import Balance
from ...nets.layers import adam
from ...nets.sample import stream
from ...stages.metrics import Metric
from ...statistics.binned import bins_of
from ..frame import Placement
from ..hits import Hits
from ..response import Response
from .metrics import frame_metrics
from .residual import ResidualMlp

BINS = 6
"""Cells of a metric that declares none: of so many equal shares of the sample in the scale."""

_HIDDEN, _DEPTH = 64, 2


class Emphasised(NamedTuple):
    """A metric of detailed arrays.

    Attributes:
        numbers: in units of its spread, shape ``(n, 1)``.
        cells: in which its mean and spread have to be right, shape ``(n, 1)``; -1 for none.
        n_cells: how many there are.
    """

    numbers: Floats32
    cells: Floats32
    n_cells: int


def emphasised(name: str, response: Response, placement: Placement, hits: Hits) -> Emphasised:
    """What is emphasised of a sample.

    Args:
        name: of the metric.
        response: declaration.
        placement: of the particles.
        hits: their arrays, in the frame.

    Raises:
        TrainingError: if there is no such metric of the response, or it is not finite.
    """
    known = frame_metrics(response, placement, hits)
    given = {f.name: placement.given[:, k] for k, f in enumerate(response.features)}
    if name in known:
        numbers, cells, n_cells = known[name], _shares(response, given), BINS
    else:
        metric = _declared(name, response, list(known))
        numbers, cells = metric.numbers(known, given), metric.cells(given)
        n_cells = metric.n_cells
    if not np.isfinite(numbers).all():
        raise TrainingError(f"metric {name!r} of {response.name} is not finite for all arrays")
    numbers = (numbers - numbers.mean()) / max(float(numbers.std()), 1e-9)
    return Emphasised(
        numbers.astype(np.float32)[:, None], cells.astype(np.float32)[:, None], n_cells
    )


def _shares(response: Response, given: dict[str, Floats]) -> Ints:
    """Shares of the sample in the scale, of a response without one in what it sees first."""
    along = given[response.scale or response.features[0].name]
    edges = np.quantile(along, np.linspace(0, 1, BINS + 1))
    # The largest value of all lies on the last edge.
    return np.where(along >= edges[-1], BINS - 1, bins_of(along, edges)).astype(np.int64)


def _declared(name: str, response: Response, known: list[str]) -> Metric:
    """A metric of a plug-in."""
    found = plugins.load(plugins.METRIC_GROUP, name, TrainingError)
    if not isinstance(found, Metric) or found.name != name or found.stage != response.name:
        raise TrainingError(
            f"no metric {name!r} of response {response.name!r}; there are {', '.join(known)}"
        )
    return found


class CodesPenalty:
    """Holds a metric of generated codes to that of detailed ones.

    Args:
        seed: of the initial weights.
        n_given, n_codes: widths.
        of: the metric of the sample.
        weight: of the penalty.
        rate, steps: learning rate and steps of the network that tells it.
    """

    def __init__(
        self,
        seed: int,
        n_given: int,
        n_codes: int,
        of: Emphasised,
        weight: float,
        rate: float,
        steps: int,
    ) -> None:
        rng = stream(seed, "emphasis")
        self.net = ResidualMlp(rng, n_given + n_codes, 1, hidden=_HIDDEN, depth=_DEPTH)
        self.optimizer = adam(rate, 200, steps)
        self.optimizer.build(self.net.variables)
        cells = of.cells[:, 0].astype(np.int64)
        self.balance = Balance(of.numbers[:, 0].astype(np.float64), cells, of.n_cells, weight)

    def learn(self, given: tf.Tensor, scores: tf.Tensor, numbers: tf.Tensor) -> None:
        """One update of the network on detailed codes.

        Args:
            given: of the particles, shape ``(n, n_given)``.
            scores: their codes, shape ``(n, n_codes)``.
            numbers: the metric, shape ``(n, 1)``.
        """
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.net(given, scores) - numbers))
        self.optimizer.apply(tape.gradient(loss, self.net.variables), self.net.variables)

    def loss(
        self, given: tf.Tensor, drawn: tf.Tensor, scores: tf.Tensor, cells: tf.Tensor
    ) -> tf.Tensor:
        """Penalty of generated codes; see `lamarr_like.nets.emphasis.Balance.loss`.

        Args:
            given: of the particles, shape ``(n, n_given)``.
            drawn, scores: generated and detailed codes, shape ``(n, n_codes)``.
            cells: of the particles, shape ``(n, 1)``.
        """
        found = self.net(given, drawn)[:, 0]
        wanted = tf.stop_gradient(self.net(given, scores)[:, 0])
        place = tf.cast(cells[:, 0], tf.int32)
        return self.balance.loss(found, wanted, place, tf.ones_like(found))
