"""Sums and shares as normal scores at each scale, empty and full ones among them.

A block may be empty, or take all that is left: such atoms become intervals at the lower and upper
end of a normal law, into which they are spread evenly (the randomised quantile residuals of Dunn
and Smyth, J. Comput. Graph. Stat. 5 (1996) 236).  So any generator of smooth vectors can draw them.

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
from .blocks import Layout

KNOTS = 100
"""Values of a table."""

SCALES = 10
"""Most scales that there are tables of."""

MOST_LOG = 300.0
"""Greatest logarithm of a sum, greatest log-odds of a share."""

_REACH = 4.5
_LEAST_ROWS = 500
"""Rows of a sample for each scale."""


@dataclass(frozen=True)
class Codes:
    """Scores of sums and shares.

    Args:
        scales: that the tables are of, ascending, shape ``(n_scales,)``.
        knots: values of each code at scores spaced evenly over ``[-4.5, 4.5]`` within its range;
            logarithms for the sum, log-odds for shares; shape ``(n_scales, n_codes, n_knots)``.
        empty, full: probability of nothing and of all, shape ``(n_scales, n_codes)``.
    """

    scales: Floats
    knots: Floats
    empty: Floats
    full: Floats

    @classmethod
    def fit(cls, shares: Floats, scale: Floats | None = None, n_knots: int = KNOTS) -> Codes:
        """From a sample.

        Args:
            shares: as of `Layout.shares`, the sum already divided by its scale.
            scale: of each particle, shape ``(n,)``; one table for all if None.
            n_knots: knots of each table.
        """
        n_scales = 1 if scale is None else min(SCALES, max(len(shares) // _LEAST_ROWS, 1))
        order = np.arange(len(shares)) if scale is None else np.argsort(scale, kind="stable")
        parts = np.array_split(order, n_scales)
        tables = [_tables(shares[rows], n_knots) for rows in parts]
        knots, empty, full = (np.stack(table) for table in zip(*tables, strict=True))
        at = np.zeros(1) if scale is None else np.array([scale[rows].mean() for rows in parts])
        return cls(at, knots, empty, full)

    def scores(self, shares: Floats, uniforms: Floats, scale: Floats | None = None) -> Floats:
        """Scores of shares, shape ``(n, n_codes)``.

        Args:
            shares: as for `fit`.
            uniforms: numbers in (0, 1) that spread the atoms, shape ``(n, n_codes)``.
            scale: as for `fit`.
        """
        found = np.empty_like(shares)
        below, part = self._between(scale, len(shares))
        for k in range(shares.shape[1]):
            values, u = shares[:, k], uniforms[:, k].copy()
            empty, full = (
                _mixed(table[below, k], table[below + 1, k], part)
                for table in (self._padded(self.empty), self._padded(self.full))
            )
            known = ~np.isnan(values)
            none, every = known & (values <= 0), known & (values >= 1) & (k > 0)
            free = np.flatnonzero(known & ~none & ~every)
            u[none] *= empty[none]
            u[every] = 1 - full[every] * u[every]
            padded = self._padded(self.knots)[:, k]
            knots = _mixed(padded[below[free]], padded[below[free] + 1], part[free][:, None])
            within = ndtr(_position(knots, _smooth(values[free], k)))
            # As far from the atoms as can be where a table knows none that is free.
            u[free] = empty[free] + np.maximum(1 - empty[free] - full[free], 0) * within
            found[:, k] = ndtri(np.clip(u, 1e-9, 1 - 1e-9))
        return found

    def shares(self, scores: Floats, scale: Floats | None = None) -> Floats:
        """The opposite of `scores`."""
        n_knots = self.knots.shape[2]
        below, part = self._between(scale, len(scores))
        row, weight = below[:, None], part[:, None]
        knots = self._padded(self.knots)
        empty, full = (
            _mixed(table[below], table[below + 1], weight)
            for table in (self._padded(self.empty), self._padded(self.full))
        )
        u = ndtr(scores)
        inner = np.maximum(1 - empty - full, 1e-12)
        within = ndtri(np.clip((u - empty) / inner, 1e-6, 1 - 1e-6))
        position = np.clip(0.5 * (within / _REACH + 1), 0, 1) * (n_knots - 1)
        cell = np.minimum(position.astype(np.int64), n_knots - 2)
        columns = np.arange(knots.shape[1])
        low, high = (
            _mixed(knots[row, columns, at], knots[row + 1, columns, at], weight)
            for at in (cell, cell + 1)
        )
        values = low + (position - cell) * (high - low)
        found: Floats = np.empty_like(values)
        found[:, 0] = np.exp(values[:, 0])
        found[:, 1:] = 1 / (1 + np.exp(-values[:, 1:]))
        found[u < empty] = 0.0
        whole = u > 1 - full
        whole[:, 0] = False
        found[whole] = 1.0
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
            "code_full": self.full,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Codes:
        """The opposite of `to_arrays`."""
        return cls(
            arrays["code_scales"],
            arrays["code_knots"].astype(np.float64),
            arrays["code_empty"],
            arrays["code_full"],
        )


def _tables(shares: Floats, n_knots: int) -> tuple[Floats, Floats, Floats]:
    """Knots, empty and full ones of one scale, shapes ``(n_codes, n_knots)`` and ``(n_codes,)``."""
    n_codes = shares.shape[1]
    knots = np.zeros((n_codes, n_knots))
    empty, full = np.zeros(n_codes), np.zeros(n_codes)
    grid = ndtr(np.linspace(-_REACH, _REACH, n_knots))
    for k in range(n_codes):
        values = shares[~np.isnan(shares[:, k]), k]
        free = values[_free(values, k)]
        n = max(len(values), 1)
        empty[k] = (values <= 0).sum() / n
        full[k] = 0.0 if k == 0 else (values >= 1).sum() / n
        if len(free):
            knots[k] = np.quantile(_smooth(free, k), grid)
    return knots, empty, full


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


def _free(values: Floats, k: int) -> np.ndarray:
    return (values > 0) & ((values < 1) | (k == 0))


def _smooth(values: Floats, k: int) -> Floats:
    """Logarithm of a sum, log-odds of a share."""
    found: Floats = np.log(values) if k == 0 else np.log(values) - np.log1p(-values)
    return found


def scaled(layout: Layout, shares: Floats, given: Floats, back: bool = False) -> Floats:
    """Shares whose sum is in units of the response's scale (or, `back`, in its own unit).

    Args:
        layout: of the blocks.
        shares: as of `Layout.shares`, shape ``(n, n_codes)``.
        given: as of `Placement.given`, shape ``(n, n_given)``.
        back: from those units.
    """
    response = layout.response
    if not response.scale:
        return shares
    found = shares.copy()
    factor = np.exp(np.minimum(given[:, response.feature(response.scale)], MOST_LOG))
    found[:, 0] = found[:, 0] * factor if back else found[:, 0] / factor
    return found
