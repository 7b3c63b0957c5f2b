"""Weights that give one sample the population of another, and statistics that take weights."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from ...arrays import Floats, Ints


def bins_of(values: Floats, edges: Floats) -> Ints:
    """Bin of each value, -1 outside, shape ``(n,)``."""
    place = np.searchsorted(edges, values, side="right") - 1
    inside = (place >= 0) & (place < len(edges) - 1)
    return np.where(inside, place, -1).astype(np.int64)


def in_bin_weights(values: Floats, edges: Floats, totals: Floats, parts: int = 4) -> Floats:
    """Weights that give values the distribution *inside* bins that a coarse histogram implies.

    The cumulative of the histogram is interpolated by a monotone cubic; each bin is cut into equal
    parts, in which the values get the implied share.  The weights of a bin have the mean 1.

    Args:
        values: shape ``(n,)``; those outside the edges get the weight 0.
        edges: of the bins, shape ``(n_bins + 1,)``.
        totals: content of the bins; negative ones (sWeights) count as 0.
        parts: parts of a bin.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(np.clip(totals, 0.0, None))])
    fine = np.interp(np.arange(parts * (len(edges) - 1) + 1) / parts, np.arange(len(edges)), edges)
    implied = np.clip(np.diff(PchipInterpolator(edges, cumulative)(fine)), 0.0, None)
    place = bins_of(values, fine)
    have = np.bincount(place[place >= 0], minlength=len(implied)).astype(np.float64)
    implied = np.where(have > 0.0, implied, 0.0).reshape(-1, parts)
    count = have.reshape(-1, parts)
    norm = implied.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = implied / norm * count.sum(axis=1, keepdims=True) / count
    # A bin in which nothing is implied where values are keeps them as they are.
    weight = np.where(norm > 0.0, np.nan_to_num(weight), 1.0).ravel()
    return np.where(place >= 0, weight[np.maximum(place, 0)], 0.0)


def cell_weights(cells: Ints, reference: Floats, at_least: int = 10) -> Floats:
    """Weights that give rows the population of a reference over cells, shape ``(n,)``.

    Args:
        cells: cell of each row, -1 for none.
        reference: population of each cell.
        at_least: rows that a cell must have; those of other cells get the weight 0.
    """
    have = np.bincount(cells[cells >= 0], minlength=len(reference))
    each = np.where(have >= at_least, reference / np.maximum(have, 1), 0.0)
    return np.where(cells >= 0, each[np.maximum(cells, 0)], 0.0)


def effective(weights: Floats) -> float:
    """Effective number of entries: the squared sum over the sum of squares."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0.0 else 0.0


def weighted_quantiles(values: Floats, weights: Floats, shares: Floats) -> Floats:
    """Quantiles of weighted values, shape of `shares`; NaN without weight."""
    kept = weights > 0.0
    if not kept.any():
        return np.full(len(shares), np.nan)
    order = np.argsort(values[kept], kind="stable")
    v, w = values[kept][order], weights[kept][order]
    middle = (np.cumsum(w) - 0.5 * w) / w.sum()
    return np.interp(shares, middle, v)


def weighted_median(values: Floats, weights: Floats) -> tuple[float, float]:
    """Median and its error from the order statistics."""
    n = effective(weights)
    if n < 10.0:
        return float("nan"), float("nan")
    step = 0.5 / np.sqrt(n)
    low, middle, high = weighted_quantiles(values, weights, np.array([0.5 - step, 0.5, 0.5 + step]))
    return float(middle), float(0.5 * (high - low))


def weighted_width(values: Floats, weights: Floats) -> tuple[float, float]:
    """Half the central 68.3 % interval and its error; NaN for fewer than 20 effective entries."""
    n = effective(weights)
    if n < 20.0:
        return float("nan"), float("nan")
    low, high = weighted_quantiles(values, weights, np.array([0.15865, 0.84135]))
    width = 0.5 * float(high - low)
    return width, 1.18 * width / float(np.sqrt(n))


def weighted_share(passed: Floats, weights: Floats) -> tuple[float, float]:
    """Mean of flags or probabilities and its binomial error; NaN for under 5 effective entries."""
    n = effective(weights)
    if n < 5.0:
        return float("nan"), float("nan")
    share = float((passed * weights).sum() / weights.sum())
    centre = (share * n + 1.0) / (n + 2.0)
    return share, float(np.sqrt(centre * (1.0 - centre) / (n + 2.0)))
