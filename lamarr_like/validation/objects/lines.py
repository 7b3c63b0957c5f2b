"""Shares, medians and widths in bins, and how far two samples are apart in them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...detailed.figures import core_width
from ...statistics.distances import weighted_ks, weighted_wasserstein

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

NAN = float("nan")
LEAST = 20
"""Entries below which a bin or a distribution counts as empty."""


def share_error(passed: Floats | np.float64, total: Floats | np.float64) -> Floats:
    """Binomial error of a share, with one success and one failure added: never zero.

    Args:
        passed, total: numbers of tracks, shape ``(n,)`` or single.
    """
    centre = (passed + 1.0) / (total + 2.0)
    error: Floats = np.sqrt(centre * (1.0 - centre) / (total + 2.0))
    return error


@dataclass(frozen=True)
class Line:
    """A quantity in bins of another; NaN in bins with fewer than `LEAST` entries.

    Args:
        edges: of the bins, one more than there are bins.
        value: the quantity.
        error: its statistical error.
        n: entries.
    """

    edges: tuple[float, ...]
    value: tuple[float, ...]
    error: tuple[float, ...]
    n: tuple[int, ...]


def _line(
    values: NDArray[np.generic],
    by: Floats,
    edges: Sequence[float],
    statistic: Callable[[Floats], tuple[float, float]],
) -> Line:
    rows: list[tuple[float, float, int]] = []
    for low, high in itertools.pairwise(edges):
        inside = values[(by >= low) & (by < high)].astype(np.float64)
        enough = len(inside) >= LEAST
        rows.append((*(statistic(inside) if enough else (NAN, NAN)), len(inside)))
    value, error, n = zip(*rows, strict=True)
    return Line(tuple(float(e) for e in edges), value, error, n)


def share_line(passed: Mask, by: Floats, edges: Sequence[float]) -> Line:
    """Share of the entries that pass, in bins of `by`; arrays of shape ``(n,)``."""

    def share(values: Floats) -> tuple[float, float]:
        k, n = values.sum(), np.float64(len(values))
        return float(k / n), float(share_error(k, n))

    return _line(passed, by, edges, share)


def median_line(values: Floats, by: Floats, edges: Sequence[float]) -> Line:
    """Median in bins of `by`; arrays of shape ``(n,)``."""

    def median(values: Floats) -> tuple[float, float]:
        return float(np.median(values)), _quantile_error(values, 0.5)

    return _line(values, by, edges, median)


def width_line(values: Floats, by: Floats, edges: Sequence[float]) -> Line:
    """Half the central 68 % interval in bins of `by`; arrays of shape ``(n,)``."""

    def width(values: Floats) -> tuple[float, float]:
        errors = [_quantile_error(values, p) for p in (0.16, 0.84)]
        return core_width(values), 0.5 * math.hypot(*errors)

    return _line(values, by, edges, width)


def _quantile_error(values: Floats, p: float) -> float:
    """Standard deviation of a quantile, whatever the distribution: from its order statistics.

    The formulas for a Gaussian fail where a quantile lies in a gap, as between photons that kept
    their cluster and those that shared it.
    """
    step = math.sqrt(p * (1.0 - p) / len(values))
    low, high = np.quantile(values, [max(p - step, 0.0), min(p + step, 1.0)])
    return 0.5 * float(high - low)


@dataclass(frozen=True)
class LineDistance:
    """How far two lines are apart.

    Args:
        bins: bins that both have.
        chi2: mean over them of the squared difference in standard deviations; 1 is chance.
        largest: largest difference, without its error; NaN without any bin.
        ratio: mean over the bins of the second over the first, weighted with the entries.
    """

    bins: int
    chi2: float
    largest: float
    ratio: float


def line_distance(first: Line, second: Line) -> LineDistance:
    """Compare two lines with the same bins, the first being the reference."""
    a, b = np.array(first.value), np.array(second.value)
    sigma = np.hypot(first.error, second.error)
    good = np.isfinite(a) & np.isfinite(b) & (sigma > 0.0)
    if not good.any():
        return LineDistance(0, NAN, NAN, NAN)
    difference, n = (b - a)[good], np.array(first.n)[good]
    expected = float((n * a[good]).sum())
    return LineDistance(
        bins=int(good.sum()),
        chi2=float(((difference / sigma[good]) ** 2).mean()),
        largest=float(np.abs(difference).max()),
        ratio=float((n * b[good]).sum()) / expected if expected else NAN,
    )


@dataclass(frozen=True)
class Spread:
    """Two distributions of one quantity.

    Args:
        n: entries of each, the reference first.
        mean: mean of each.
        ks: largest distance of the cumulative distributions.
        wasserstein: area between them in standard deviations of the reference.
    """

    n: tuple[int, int]
    mean: tuple[float, float]
    ks: float
    wasserstein: float


def spread(first: Floats, second: Floats) -> Spread:
    """Compare two samples of shapes ``(n,)`` and ``(m,)``, the first being the reference."""
    n = (len(first), len(second))
    if min(n) < LEAST:
        return Spread(n, (_mean(first), _mean(second)), NAN, NAN)
    width = float(first.std())
    area = weighted_wasserstein(first, second)
    scaled = area / width if width > 0.0 else (0.0 if area == 0.0 else NAN)
    return Spread(n, (_mean(first), _mean(second)), weighted_ks(first, second), scaled)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else NAN


def number(value: float, digits: int = 4) -> str:
    """A number for a table; a dash where there is none."""
    return f"{value:.{digits}g}" if math.isfinite(value) else "-"
