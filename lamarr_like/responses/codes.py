"""Sums and shares as normal scores, empty and full ones among them.

A block may be empty, or take all that is left: such atoms become intervals at the lower and upper
end of a normal law, into which they are spread evenly (the randomised quantile residuals of Dunn
and Smyth, J. Comput. Graph. Stat. 5 (1996) 236).  So any generator of smooth vectors can draw them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from ..arrays import Floats
from .blocks import Layout

KNOTS = 400
MOST_LOG = 300.0
"""Greatest logarithm of a sum, greatest log-odds of a share."""

_REACH = 4.5


@dataclass(frozen=True)
class Codes:
    """Scores of sums and shares.

    Args:
        knots: values of each code at scores spaced evenly over ``[-4.5, 4.5]`` within its range;
            logarithms for the sum, log-odds for shares; shape ``(n_codes, n_knots)``.
        empty, full: probability of nothing and of all, shape ``(n_codes,)``.
    """

    knots: Floats
    empty: Floats
    full: Floats

    @classmethod
    def fit(cls, shares: Floats, n_knots: int = KNOTS) -> Codes:
        """From a sample.

        Args:
            shares: as of `Layout.shares`, the sum already divided by its scale.
            n_knots: knots of each table.
        """
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
        return cls(knots, empty, full)

    def scores(self, shares: Floats, uniforms: Floats) -> Floats:
        """Scores of shares, shape ``(n, n_codes)``.

        Args:
            shares: as for `fit`.
            uniforms: numbers in (0, 1) that spread the atoms, shape ``(n, n_codes)``.
        """
        found = np.empty_like(shares)
        grid = np.linspace(-_REACH, _REACH, self.knots.shape[1])
        for k in range(shares.shape[1]):
            values, u = shares[:, k], uniforms[:, k].copy()
            known = ~np.isnan(values)
            none, every = known & (values <= 0), known & (values >= 1) & (k > 0)
            free = known & ~none & ~every
            u[none] *= self.empty[k]
            u[every] = 1 - self.full[k] * u[every]
            x, first = np.unique(self.knots[k], return_index=True)
            if len(x) > 1:
                within = ndtr(np.interp(_smooth(values[free], k), x, grid[first]))
                u[free] = self.empty[k] + (1 - self.empty[k] - self.full[k]) * within
            found[:, k] = ndtri(np.clip(u, 1e-9, 1 - 1e-9))
        return found

    def shares(self, scores: Floats) -> Floats:
        """The opposite of `scores`."""
        n_knots = self.knots.shape[1]
        u = ndtr(scores)
        inner = np.maximum(1 - self.empty - self.full, 1e-12)
        within = ndtri(np.clip((u - self.empty) / inner, 1e-6, 1 - 1e-6))
        position = np.clip(0.5 * (within / _REACH + 1), 0, 1) * (n_knots - 1)
        cell = np.minimum(position.astype(np.int64), n_knots - 2)
        part = position - cell
        columns = np.arange(len(self.knots))
        low, high = self.knots[columns, cell], self.knots[columns, cell + 1]
        values = low + part * (high - low)
        found: Floats = np.empty_like(values)
        found[:, 0] = np.exp(values[:, 0])
        found[:, 1:] = 1 / (1 + np.exp(-values[:, 1:]))
        found[u < self.empty] = 0.0
        full = u > 1 - self.full
        full[:, 0] = False
        found[full] = 1.0
        return found

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays for an ``.npz`` file."""
        return {
            "code_knots": self.knots.astype(np.float32),
            "code_empty": self.empty,
            "code_full": self.full,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Codes:
        """The opposite of `to_arrays`."""
        return cls(
            arrays["code_knots"].astype(np.float64), arrays["code_empty"], arrays["code_full"]
        )


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
