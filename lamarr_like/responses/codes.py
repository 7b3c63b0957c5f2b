"""Energies as normal scores at each scale, those of empty blocks among them.

A block may be empty: such atoms become an interval at the lower end of a normal law, into which
they are spread evenly (the randomised quantile residuals of Dunn and Smyth, J. Comput. Graph. Stat.
5 (1996) 236).  So any generator of smooth vectors can draw them.

How often a block is empty, and how little one may hold, changes much with the energy of the
particle: the tables are those of several scales, and a law in between is between theirs.  With one
table for all, the scores of weak showers leave a gap between what is empty and the least that a
block holds there, which no smooth generator leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from ..arrays import Floats, Ints
from .response import Response

KNOTS = 100
"""Values of a table."""

SCALES = 10
"""Most scales that there are tables of."""

MOST_LOG = 300.0
"""Greatest logarithm of an energy."""

_REACH = 4.5
_LEAST_ROWS = 500
"""Rows of a sample for each scale."""


@dataclass(frozen=True)
class Codes:
    """Scores of energies.

    Args:
        scales: that the tables are of, ascending, shape ``(n_scales,)``.
        knots: logarithms of the energies at scores spaced evenly over ``[-4.5, 4.5]`` within their
            range, shape ``(n_scales, n_codes, n_knots)``.
        empty: probability of nothing, shape ``(n_scales, n_codes)``.
    """

    scales: Floats
    knots: Floats
    empty: Floats

    @classmethod
    def fit(cls, amounts: Floats, scale: Floats | None = None, n_knots: int = KNOTS) -> Codes:
        """From a sample.

        Args:
            amounts: as of `Layout.amounts`, shape ``(n, n_codes)``.
            scale: of each particle, shape ``(n,)``; one table for all if None.
            n_knots: knots of each table.
        """
        n_scales = 1 if scale is None else min(SCALES, max(len(amounts) // _LEAST_ROWS, 1))
        order = np.arange(len(amounts)) if scale is None else np.argsort(scale, kind="stable")
        parts = np.array_split(order, n_scales)
        tables = [_tables(amounts[rows], n_knots) for rows in parts]
        knots, empty = (np.stack(table) for table in zip(*tables, strict=True))
        at = np.zeros(1) if scale is None else np.array([scale[rows].mean() for rows in parts])
        return cls(at, knots, empty)

    def scores(self, amounts: Floats, uniforms: Floats, scale: Floats | None = None) -> Floats:
        """Scores of energies, shape ``(n, n_codes)``.

        Args:
            amounts: as for `fit`.
            uniforms: numbers in (0, 1) that spread the empty ones, shape ``(n, n_codes)``.
            scale: as for `fit`.
        """
        found = np.empty_like(amounts)
        below, part = self._between(scale, len(amounts))
        padded, none = self._padded(self.knots), self._padded(self.empty)
        for k in range(amounts.shape[1]):
            values, u = amounts[:, k], uniforms[:, k].copy()
            empty = _mixed(none[below, k], none[below + 1, k], part)
            free = np.flatnonzero(values > 0)
            u[values <= 0] *= empty[values <= 0]
            low, high = padded[below[free], k], padded[below[free] + 1, k]
            within = ndtr(_position(_mixed(low, high, part[free][:, None]), np.log(values[free])))
            u[free] = empty[free] + (1 - empty[free]) * within
            found[:, k] = ndtri(np.clip(u, 1e-9, 1 - 1e-9))
        return found

    def amounts(self, scores: Floats, scale: Floats | None = None) -> Floats:
        """The opposite of `scores`."""
        n_knots = self.knots.shape[2]
        below, part = self._between(scale, len(scores))
        row, weight = below[:, None], part[:, None]
        knots, none = self._padded(self.knots), self._padded(self.empty)
        empty = _mixed(none[below], none[below + 1], weight)
        u = ndtr(scores)
        within = ndtri(np.clip((u - empty) / np.maximum(1 - empty, 1e-12), 1e-6, 1 - 1e-6))
        position = np.clip(0.5 * (within / _REACH + 1), 0, 1) * (n_knots - 1)
        cell = np.minimum(position.astype(np.int64), n_knots - 2)
        at = (row * knots.shape[1] + np.arange(knots.shape[1])) * n_knots + cell
        next_scale, table = knots[0].size, knots.ravel()
        low, high = (
            _mixed(table.take(k), table.take(k + next_scale), weight) for k in (at, at + 1)
        )
        found: Floats = np.exp(low + (position - cell) * (high - low))
        found[u < empty] = 0.0
        return found

    def _between(self, scale: Floats | None, n: int) -> tuple[Ints, Floats]:
        """Number of the table below each particle, and how far it is on the way to the next."""
        if scale is None or len(self.scales) == 1:
            return np.zeros(n, dtype=np.int64), np.zeros(n)
        last = len(self.scales) - 2
        below = np.clip(np.searchsorted(self.scales, scale) - 1, 0, last).astype(np.int64)
        step = np.maximum(np.diff(self.scales)[below], 1e-12)
        return below, np.clip((scale - self.scales[below]) / step, 0, 1)

    def _padded(self, table: Floats) -> Floats:
        """A table of at least two scales."""
        return table if len(table) > 1 else np.concatenate([table, table])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays for an ``.npz`` file."""
        return {
            "code_scales": self.scales,
            "code_knots": self.knots.astype(np.float32),
            "code_empty": self.empty,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Codes:
        """The opposite of `to_arrays`."""
        return cls(
            arrays["code_scales"], arrays["code_knots"].astype(np.float64), arrays["code_empty"]
        )


def _tables(amounts: Floats, n_knots: int) -> tuple[Floats, Floats]:
    """Knots and empty ones of one scale, shapes ``(n_codes, n_knots)`` and ``(n_codes,)``."""
    n_codes = amounts.shape[1]
    knots, empty = np.zeros((n_codes, n_knots)), np.zeros(n_codes)
    grid = ndtr(np.linspace(-_REACH, _REACH, n_knots))
    for k in range(n_codes):
        values = amounts[:, k]
        free = values[values > 0]
        empty[k] = 1 - len(free) / max(len(values), 1)
        if len(free):
            knots[k] = np.quantile(np.log(free), grid)
    return knots, empty


def _mixed(low: Floats, high: Floats, part: Floats) -> Floats:
    mixed: Floats = low + part * (high - low)
    return mixed


def _position(knots: Floats, values: Floats) -> Floats:
    """Where on the grid of scores values lie, shape ``(m,)``.

    Args:
        knots: ascending, shape ``(m, n_knots)``.
        values: shape ``(m,)``.
    """
    n = knots.shape[1]
    above = (knots < values[:, None]).sum(axis=1)
    cell = np.clip(above - 1, 0, n - 2)
    every = np.arange(len(values))
    low, high = knots[every, cell], knots[every, cell + 1]
    part = np.clip((values - low) / np.maximum(high - low, 1e-12), 0, 1)
    found: Floats = _REACH * (2 * (cell + part) / (n - 1) - 1)
    return found


def scaled(response: Response, amounts: Floats, given: Floats, back: bool = False) -> Floats:
    """Energies in units of the response's scale (or, `back`, in its own unit).

    Args:
        response: declaration.
        amounts: as of `Layout.amounts`, shape ``(n, n_codes)``.
        given: as of `Placement.given`, shape ``(n, n_given)``.
        back: from those units.
    """
    if not response.scale:
        return amounts
    log_scale = given[:, [response.feature(response.scale)]]
    factor = np.exp(np.clip(log_scale, -MOST_LOG, MOST_LOG))
    found: Floats = amounts * factor if back else amounts / factor
    return found
