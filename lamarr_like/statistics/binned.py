"""Shares, medians and widths, alone and in bins of another quantity, each with its error.

Two errors of a share are in use.  `share_error` is the choice: one success and one failure are
added (Agresti and Coull, Am. Stat. 52 (1998) 119), so that it is never zero and nothing is certain
after few trials.  `wald_error` is the textbook's, for published figures that were made with it and
for error bars of weighted shares whose own error is told beside them.

Three errors of a width are in use as well.  `gaussian_width` takes that of a normal law; where a
quantile may lie in a gap of the distribution `order_width` reads it off the order statistics; where
tails are part of what is asked, `standard_deviation` takes that of the fourth moment.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats, Ints, Mask
from .distances import core_width

Statistic = Callable[[Floats], tuple[float, float]]
"""A figure of some values and its error."""
Real = TypeVar("Real", float, Floats)

CORE = (0.15865, 0.84135)
"""Quantiles of one standard deviation below and above the middle of a normal law."""


def share_error(passed: Real, total: Real) -> Real:
    """Binomial error of a share, with one success and one failure added: never zero.

    Args:
        passed, total: numbers of entries, effective ones for weights; single or shape ``(n,)``.
    """
    centre = (passed + 1.0) / (total + 2.0)
    error: Real = np.sqrt(centre * (1.0 - centre) / (total + 2.0))
    return error


def wald_error(share: Real, total: Real, least: float = 0.0) -> Real:
    """Binomial error of a share without anything added.

    Args:
        share: the share, single or shape ``(n,)``.
        total: effective number of entries; fewer than one counts as one.
        least: smallest variance of one entry, so that nothing is certain.
    """
    error: Real = np.sqrt(np.maximum(share * (1.0 - share), least) / np.maximum(total, 1.0))
    return error


def width_error(width: Real, total: Real) -> Real:
    """Error of the core width of normal values: ``1.18 / sqrt(n)`` of it, on the safe side.

    Order statistics of a normal law give 0.96 (Cramer, "Mathematical methods of statistics", 1946).

    Args:
        width: the width, single or shape ``(n,)``.
        total: effective number of values; fewer than one count as one.
    """
    error: Real = 1.18 * width / np.sqrt(np.maximum(total, 1.0))
    return error


def share_of(passed: NDArray[np.generic]) -> tuple[float, float]:
    """Share of flags that are set, shape ``(n,)``, and its `share_error`."""
    k, n = float(np.count_nonzero(passed)), float(len(passed))
    return k / n, float(share_error(k, n))


def median_of(values: Floats) -> tuple[float, float]:
    """Median of values of shape ``(n,)`` and its `quantile_error`."""
    return float(np.median(values)), quantile_error(values, 0.5)


def gaussian_width(values: Floats) -> tuple[float, float]:
    """Half the central 68.3 % interval of values of shape ``(n,)``, the error of a normal law."""
    width = core_width(values)
    return width, float(width_error(width, float(len(values))))


def order_width(values: Floats) -> tuple[float, float]:
    """Half the central 68.3 % interval of values of shape ``(n,)``, error from its two ends."""
    low, high = (quantile_error(values, p) for p in (0.16, 0.84))
    return core_width(values), 0.5 * math.hypot(low, high)


def standard_deviation(values: Floats) -> tuple[float, float]:
    """Standard deviation and its error by the fourth moment, of values of any law, shape ``(n,)``.

    Cramer, "Mathematical methods of statistics" (1946), sec. 27.4.  For a normal law it is
    ``1 / sqrt(2 n)`` of the width, with tails more.
    """
    squares = (values - values.mean()) ** 2
    sd = float(np.sqrt(squares.mean()))
    return sd, float(squares.std()) / (2 * max(sd, 1e-300) * math.sqrt(len(values)))


def quantile_error(values: Floats, p: float) -> float:
    """Standard deviation of a quantile, whatever the distribution: from its order statistics.

    The formulas for a Gaussian fail where a quantile lies in a gap, as between photons that kept
    their cluster and those that shared it.

    Args:
        values: shape ``(n,)``.
        p: share of the values below the quantile.
    """
    step = np.sqrt(p * (1.0 - p) / len(values))
    low, high = np.quantile(values, [max(p - step, 0.0), min(p + step, 1.0)])
    return 0.5 * float(high - low)


# --- with weights


def effective(weights: Floats) -> float:
    """Effective number of entries, ``(sum w)^2 / sum w^2``; 0 for none.

    Args:
        weights: shape ``(n,)``.
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0.0 else 0.0


def weighted_quantiles(values: Floats, weights: Floats, shares: Floats) -> Floats:
    """Quantiles of weighted values, shape of `shares`; NaN without weight.

    Args:
        values, weights: shape ``(n,)``; entries without a positive weight do not count.
        shares: of the weight below each quantile.
    """
    kept = weights > 0.0
    if not kept.any():
        return np.full(len(shares), np.nan)
    order = np.argsort(values[kept], kind="stable")
    v, w = values[kept][order], weights[kept][order]
    middle = (np.cumsum(w) - 0.5 * w) / w.sum()
    return np.interp(shares, middle, v)


def weighted_median(values: Floats, weights: Floats) -> tuple[float, float]:
    """Median of values of shape ``(n,)``, its error from the order statistics."""
    n = effective(weights)
    if n < 10.0:
        return float("nan"), float("nan")
    step = 0.5 / np.sqrt(n)
    low, middle, high = weighted_quantiles(values, weights, np.array([0.5 - step, 0.5, 0.5 + step]))
    return float(middle), float(0.5 * (high - low))


def weighted_width(values: Floats, weights: Floats) -> tuple[float, float]:
    """Half the central 68.3 % interval and its error; NaN for fewer than 20 effective entries.

    Args:
        values: shape ``(n,)``.
        weights: shape ``(n,)``.
    """
    n = effective(weights)
    if n < 20.0:
        return float("nan"), float("nan")
    low, high = weighted_quantiles(values, weights, np.array(CORE))
    width = 0.5 * float(high - low)
    return width, float(width_error(width, n))


def weighted_share(passed: Floats, weights: Floats) -> tuple[float, float]:
    """Mean of flags or probabilities and its `share_error`; NaN for under 5 effective entries.

    Args:
        passed: flags or probabilities, shape ``(n,)``.
        weights: shape ``(n,)``.
    """
    n = effective(weights)
    if n < 5.0:
        return float("nan"), float("nan")
    share = float((passed * weights).sum() / weights.sum())
    return share, float(share_error(share * n, n))


# --- in bins


def bins_of(values: NDArray[np.generic], edges: Sequence[float] | Floats) -> Ints:
    """Bin of each value, lower edges inside, -1 outside of all; shape ``(n,)``."""
    place = np.searchsorted(edges, values, side="right") - 1
    inside = (place >= 0) & (place < len(edges) - 1)
    return np.where(inside, place, -1).astype(np.int64)


class Curve(NamedTuple):
    """A figure in bins of another quantity; arrays of shape ``(n_bins,)``.

    Attributes:
        x: mean of the entries of the bin.
        low, high: edges of the bin.
        y: the figure, NaN in bins with too few entries.
        error: its statistical error.
        n: entries.
    """

    x: Floats
    low: Floats
    high: Floats
    y: Floats
    error: Floats
    n: Ints

    @property
    def known(self) -> Curve:
        """The same without the bins that have too few entries."""
        there = np.isfinite(self.y)
        return Curve(**{name: column[there] for name, column in self._asdict().items()})


def curve(
    values: NDArray[np.generic],
    by: Floats,
    edges: Sequence[float] | Floats,
    statistic: Statistic,
    at_least: int = 20,
) -> Curve:
    """A figure in bins of another quantity.

    Args:
        values: what the figure is of, shape ``(n,)``.
        by: the quantity that is binned, shape ``(n,)``.
        edges: of the bins, lower ones inside; one more than there are bins.
        statistic: `share_of`, `median_of`, `gaussian_width`, `order_width` or one of your own.
        at_least: entries below which a bin counts as empty.
    """
    rows = []
    for first, last in itertools.pairwise(edges):
        inside = (by >= first) & (by < last)
        count = int(inside.sum())
        middle = float(by[inside].mean()) if count else float("nan")
        enough = count >= at_least
        found = statistic(values[inside].astype(np.float64)) if enough else (float("nan"),) * 2
        rows.append((middle, first, last, *found, count))
    x, low, high, y, error, n = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    return Curve(x, low, high, y, error, n.astype(np.int64))


def projected_share(
    passing: Floats, total: Floats, size: Floats, population: Floats, others: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Share along some axes of a map, with a given population along the others, and its error.

    Args:
        passing, total: sums of weights in each bin, any shape.
        size: effective number of entries, the same shape.
        population: what the bins count with, 0 for those that do not; the same shape.
        others: axes that are summed over.
    """
    whole = population.sum(axis=others)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(population > 0.0, passing / total, 0.0)
        number = np.where(population > 0.0, size, 1.0)
        square = population**2 * np.clip(share * (1.0 - share), 0.0, None) / number
        mean = (population * share).sum(axis=others) / whole
        return mean, np.sqrt(square.sum(axis=others)) / whole


def expected_counts(place: Ints, seen: Mask, p: Floats) -> tuple[Ints, Floats, Floats]:
    """Rows of each bin, how far the number seen is from the expected one, and its error.

    The expected number is the sum of the probabilities, its variance ``sum p (1 - p)``: a pull is
    one of a binomial count.

    Args:
        place: bin of each row, -1 for none, shape ``(n,)``.
        seen: whether it has the outcome.
        p: probability that it has.

    Returns:
        Shapes ``(n_bins,)``.
    """
    inside = place >= 0
    bins = place[inside]
    expected, variance = (np.bincount(bins, v[inside]) for v in (p, p * (1.0 - p)))
    difference = np.abs(np.bincount(bins, seen[inside]) - expected)
    return np.bincount(bins), difference, np.sqrt(variance)


def share_above(values: Floats, weights: Floats, cuts: Floats) -> Floats:
    """Share of the weight above each of some cuts, shape ``(n_cuts,)``.

    Args:
        values, weights: shape ``(n,)``.
        cuts: shape ``(n_cuts,)``.
    """
    order = np.argsort(values, kind="stable")
    summed = np.concatenate([[0.0], np.cumsum(weights[order])])
    at = np.searchsorted(values[order], cuts, "right")
    result: Floats = 1.0 - summed[at] / summed[-1]
    return result


def paired_means(
    place: Ints, n: int, sides: Sequence[Floats], weights: Floats, least: int
) -> Floats:
    """Means of two numbers of the same rows in cells, and the error of the second over the first.

    Args:
        place: cell of each row, shape ``(rows,)``.
        n: number of cells.
        sides: both numbers, shape ``(rows,)`` each.
        weights: of the rows.
        least: rows that a cell must have; others are NaN, as those without a positive weight.

    Returns:
        Shape ``(3, n)``.
    """
    found = np.full((3, n), np.nan)
    for cell in range(n):
        here = place == cell
        if here.sum() < least or not weights[here].sum() > 0:
            continue
        w = weights[here] / weights[here].sum()
        one, two = (float((w * values[here]).sum()) for values in sides)
        spread = [
            float(np.sqrt((w**2 * (values[here] - mean) ** 2).sum()))
            for values, mean in zip(sides, (one, two), strict=True)
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.hypot(spread[1] / np.float64(one), two * spread[0] / np.float64(one) ** 2)
        found[:, cell] = one, two, np.maximum(error, 1e-12)
    return found


def box_histograms(
    place: Ints, n: int, values: Floats, weights: Floats, edges: Floats
) -> tuple[Floats, Floats]:
    """Sums of weights and of their squares in the bins of each of some boxes, ``(n, n_bins)`` each.

    Args:
        place: box of each row, shape ``(rows,)``.
        n: number of boxes.
        values, weights: of the rows.
        edges: of the bins, shape ``(n_bins + 1,)``.
    """
    counts, squares = np.zeros((2, n, len(edges) - 1))
    for box in range(n):
        v, w = values[place == box], weights[place == box]
        counts[box] = np.histogram(v, edges, weights=w)[0]
        squares[box] = np.histogram(v, edges, weights=w**2)[0]
    return counts, squares


def closed(edges: Sequence[float] | Floats) -> Floats:
    """Edges of bins to the last of which its upper edge belongs, too; shape ``(n_bins + 1,)``."""
    return np.append(edges[:-1], np.nextafter(edges[-1], np.inf))
