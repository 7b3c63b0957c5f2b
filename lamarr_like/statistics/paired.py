"""Two samples that may share events: laws, widths and correlations of single variables.

What each event adds to a figure (its influence) is taken from both samples before it is squared, so
that common truth, weights and tracks of one event count as what they are; see `influence`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from ..arrays import Floats, Ints
from .binned import effective
from .distances import weighted_distances
from .influence import Chi2, common_units, quadratic_test

CORE = (0.16, 0.84)
"""Half the distance of these quantiles is the width of a residual."""
Sides = tuple[Sequence[Floats], Sequence[Floats], tuple[Ints, Ints]]
"""Values, weights and units of two samples."""
Laws = tuple[float, float, float, float, float, float, Chi2, tuple[float, float]]


def compare_laws(
    values: Sequence[Floats], weights: Sequence[Floats], units: tuple[Ints, Ints], slots: int = 20
) -> Laws:
    """How far two distributions are apart.

    The KS distance is scaled by its variance over events at the slots: tracks of one event, common
    truth and weights change it from that of independent tracks (Kolmogorov's law for the rest).

    Args:
        values: of both samples, of shapes ``(n,)`` and ``(m,)``.
        weights: of the same shapes.
        units: number of the event of each, the same for common events.
        slots: bins of the chi2, quantiles of the first sample.

    Returns:
        Effective number of rows of both, KS distance, its p-value, standard deviation of a point of
        the difference at its largest, Wasserstein distance in standard deviations of the first
        sample, chi2 of the slots, and the means.
    """
    n = effective(weights[0]), effective(weights[1])
    ks, area = weighted_distances(*values, *weights)
    ks = ks if ks > 1e-12 else 0.0  # rounding of the sums of weights
    mean = [float(np.average(v, weights=w)) for v, w in zip(values, weights, strict=True)]
    width = float(np.sqrt(max(np.average((values[0] - mean[0]) ** 2, weights=weights[0]), 0.0)))
    psi, difference, share = _slots(values, weights, units, slots)
    cumulated = np.cumsum(psi, axis=1)[:, :-1]
    variance = (cumulated**2).sum(axis=0)
    below = np.cumsum(share)[:-1]
    independent = below * (1.0 - below) * (1.0 / n[0] + 1.0 / n[1])
    told = independent > 0.0
    effect = float(np.average(variance[told] / independent[told])) if told.any() else 0.0
    size = 1.0 / (1.0 / n[0] + 1.0 / n[1])
    p = float(stats.kstwobign.sf(ks * np.sqrt(size / effect))) if effect > 0.0 else float(ks == 0)
    # Where every event adds the same to both samples there is nothing to tell.
    present = (psi != 0.0).any(axis=0)
    covariance = psi[:, present].T @ psi[:, present]
    chi2 = quadratic_test(difference[present], covariance, int((psi != 0).any(axis=1).sum()))
    scale = float(np.sqrt(variance.max())) if len(variance) else 0.0
    return (*n, ks, p, scale, area / width if width > 0.0 else 0.0, chi2, (mean[0], mean[1]))


def _slots(
    values: Sequence[Floats], weights: Sequence[Floats], units: tuple[Ints, Ints], n: int
) -> tuple[Floats, Floats, Floats]:
    """Terms of each event in the difference of the shares of the slots; difference; share."""
    edges = np.unique(np.quantile(values[0], np.arange(1, n) / n))
    n_slots = 2 * len(edges) + 1
    *numbers, n_units = common_units(*units)
    sums = [float(w.sum()) for w in weights]
    table = []
    for v, w, u in zip(values, weights, numbers, strict=True):
        # A value at an edge, such as an exact zero, has a slot of its own.
        slot = np.searchsorted(edges, v, "left") + np.searchsorted(edges, v, "right")
        cells = np.bincount(u * n_slots + slot, w, n_units * n_slots)
        table.append(cells.reshape(n_units, n_slots))
    one, two = (t.sum(axis=0) / s for t, s in zip(table, sums, strict=True))
    size = [s**2 / float((w**2).sum()) for s, w in zip(sums, weights, strict=True)]
    common = (size[0] * one + size[1] * two) / (size[0] + size[1])
    first, second = (
        (t - common * t.sum(axis=1, keepdims=True)) / s for t, s in zip(table, sums, strict=True)
    )
    return second - first, two - one, common


# --- widths


def width_ratio(
    values: Sequence[Floats], weights: Sequence[Floats], units: tuple[Ints, Ints]
) -> tuple[float, ...]:
    """Half the central 68 % of two samples, and their ratio, whose error knows of common events.

    Args:
        values, weights, units: of shapes ``(n,)`` and ``(m,)``, as in `compare_laws`.

    Returns:
        The two widths, their errors, the second over the first and its error; NaN where a width
        is 0.
    """
    terms, sizes = [], []
    for v, w in zip(values, weights, strict=True):
        width, psi = _width(v, w)
        if not width > 0.0:
            return (float("nan"),) * 6
        terms.append(psi / width)
        sizes.append(width)
    *numbers, n_units = common_units(*units)
    first, second = (np.bincount(u, t, n_units) for u, t in zip(numbers, terms, strict=True))
    ratio = sizes[1] / sizes[0]
    alone = [
        size * float(np.sqrt((t**2).sum())) for size, t in zip(sizes, (first, second), strict=True)
    ]
    error = ratio * float(np.sqrt(((second - first) ** 2).sum()))
    return (*sizes, *alone, ratio, error)


def gain_ratio(
    values: Sequence[tuple[Floats, Floats]], weights: Sequence[Floats], units: tuple[Ints, Ints]
) -> tuple[float, float, float, float]:
    """How much narrower a second residual of the same rows is, in two samples.

    Args:
        values: first and second residual of both samples, of shapes ``(n,)`` and ``(m,)``.
        weights, units: of these shapes, as in `compare_laws`.

    Returns:
        Width of the second residual over that of the first in each sample; that of the second
        sample over that of the first and its error, which knows of common rows and events; NaN
        where a width is 0.
    """
    gains, terms = [], []
    for (first, second), w in zip(values, weights, strict=True):
        (before, one), (after, two) = _width(first, w), _width(second, w)
        if not (before > 0.0 and after > 0.0):
            return (float("nan"),) * 4
        gains.append(after / before)
        terms.append(two / after - one / before)
    *numbers, n = common_units(*units)
    detailed, fast = (np.bincount(u, t, n) for u, t in zip(numbers, terms, strict=True))
    ratio = gains[1] / gains[0]
    return gains[0], gains[1], ratio, ratio * float(np.sqrt(((fast - detailed) ** 2).sum()))


def _step(size: float) -> float:
    """Distance of the quantiles between which the density is taken."""
    result: float = min(0.1, size**-0.35)
    return result


def width_freedom(size: Floats) -> Floats:
    """Degrees of freedom of the error of a width: rows near its two ends, which give the density.

    Args:
        size: effective number of rows, shape ``(n,)``; so is the result.
    """
    return np.array([2.0 * n * _step(n) if n > 0.0 else 0.0 for n in size])


def _width(values: Floats, weights: Floats) -> tuple[float, Floats]:
    """Half the central 68 % interval and what each row adds to it.

    A row adds ``(p - [x <= q]) / f(q)`` to a quantile (Hampel et al., "Robust Statistics", 1986);
    the density ``f`` is that between quantiles a little below and above.
    """
    order = np.argsort(values, kind="stable")
    x, w = values[order], weights[order]
    summed = np.maximum.accumulate(np.cumsum(w))
    total = summed[-1]

    def quantile(p: float) -> float:
        return float(x[min(np.searchsorted(summed, p * total), len(x) - 1)])

    size = total**2 / float((w**2).sum())
    step = _step(size)
    ends, terms = [], []
    for p in CORE:
        q = quantile(p)
        density = 2.0 * step / max(quantile(p + step) - quantile(p - step), 1e-300)
        ends.append(q)
        terms.append(weights * (p - (values <= q)) / (total * density))
    return 0.5 * (ends[1] - ends[0]), 0.5 * (terms[1] - terms[0])


# --- correlations


def normal_scores(values: Floats, weights: Floats) -> Floats:
    """Normal quantile of the weighted middle rank of each value, all of shape ``(n,)``."""
    order = np.argsort(values, kind="stable")
    x = values[order]
    summed = np.concatenate([[0.0], np.cumsum(weights[order])])
    left = np.searchsorted(x, values, "left")
    right = np.searchsorted(x, values, "right")
    rank = 0.5 * (summed[left] + summed[right]) / summed[-1]
    edge = 0.5 / len(values)
    result: Floats = stats.norm.ppf(np.clip(rank, edge, 1.0 - edge))
    return result


def correlation_difference(
    scores: Sequence[tuple[Floats, Floats]], weights: Sequence[Floats], units: tuple[Ints, Ints]
) -> tuple[float, float, float, float]:
    """Correlation of two variables in two samples.

    The variance follows from the terms ``z1 z2 - r (z1^2 + z2^2) / 2`` (Klaassen and Wellner,
    Bernoulli 3 (1997) 55).

    Args:
        scores: `normal_scores` of both variables in each sample, of shapes ``(n,)`` and ``(m,)``.
        weights, units: as in `compare_laws`.

    Returns:
        Both coefficients, the standard deviation of their difference if both are one law, and the
        effective number of events behind it.
    """
    *numbers, n = common_units(*units)
    values, terms = [], []
    for score, w, u in zip(scores, weights, numbers, strict=True):
        r, psi = _correlation(*score, w)
        values.append(r)
        terms.append(np.bincount(u, psi, n))
    square = (terms[1] - terms[0]) ** 2
    size = float(square.sum()) ** 2 / max(float((square**2).sum()), 1e-300)
    return values[0], values[1], float(np.sqrt(square.sum())), size


def _correlation(one: Floats, two: Floats, weights: Floats) -> tuple[float, Floats]:
    total = weights.sum()

    def standard(z: Floats) -> Floats:
        centred: Floats = z - (weights * z).sum() / total
        scaled: Floats = centred / np.sqrt(max((weights * centred**2).sum() / total, 1e-12))
        return scaled

    a, b = standard(one), standard(two)
    r = float((weights * a * b).sum() / total)
    psi: Floats = weights * (a * b - 0.5 * r * (a**2 + b**2)) / total
    return r, psi
