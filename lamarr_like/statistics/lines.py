"""Curves and distributions of samples, and how far two of them are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats
from .binned import Statistic, curve
from .distances import weighted_ks, weighted_wasserstein

NAN = float("nan")
LEAST = 20
"""Entries below which a bin or a distribution counts as empty."""


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


def line(
    values: NDArray[np.generic], by: Floats, edges: Sequence[float], statistic: Statistic
) -> Line:
    """A statistic of values in bins of `by`; arrays of shape ``(n,)``."""
    found = curve(values, by, edges, statistic, LEAST)
    columns = (tuple(column.tolist()) for column in (found.y, found.error, found.n))
    return Line(tuple(float(e) for e in edges), *columns)


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
