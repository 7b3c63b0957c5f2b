"""Distributions of single variables and widths of residuals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ...arrays import Columns, Floats, Ints
from ...statistics.adaptive_bins import adaptive_bins
from ...statistics.distances import weighted_ks, weighted_wasserstein
from ...statistics.influence import Chi2, common_units, quadratic_test
from ...statistics.matching import where
from .columns import PULLS, RESIDUALS, SPECIES
from .efficiency import MIN_PARTICLES, TITLE
from .sample import Sample, by_species, effective

SLOTS = 20
"""Bins of the chi2 of a distribution: quantiles of the detailed sample."""
CORE = (0.16, 0.84)
"""Half the distance of these quantiles is the width of a residual."""
MIN_WIDTH = 300.0
"""Effective number of tracks of a bin in which a width is taken."""


@dataclass(frozen=True)
class Distance:
    """How far two distributions are apart.

    Args:
        species: true species; ``events`` for a quantity of events.
        variable: the variable.
        n_detailed, n_fast: effective number of rows.
        ks: largest distance of the cumulative distributions.
        ks_p: its p-value for equal laws.
        ks_scale: standard deviation of a point of the difference, at its largest.
        wasserstein: area between them in standard deviations of the detailed sample.
        chi2: of `SLOTS` bins of equal population, their covariance included.
        mean: detailed and fast.
    """

    species: str
    variable: str
    n_detailed: float
    n_fast: float
    ks: float
    ks_p: float
    ks_scale: float
    wasserstein: float
    chi2: Chi2
    mean: tuple[float, float]


@dataclass(frozen=True)
class Width:
    """Width of a residual or pull in bins of another column; the first entry is that of all rows.

    Args:
        species: true species.
        variable: one of `RESIDUALS` or `PULLS`.
        axis: column that is binned, the generated momentum [MeV] for residuals and pulls.
        edges: its bins.
        n: effective number of detailed tracks.
        detailed, fast: half the central 68 % interval.
        detailed_error, fast_error: their standard deviations.
        ratio, ratio_error: fast over detailed; the error knows of common events.
    """

    species: str
    variable: str
    axis: str
    edges: Floats
    n: Floats
    detailed: Floats
    fast: Floats
    detailed_error: Floats
    fast_error: Floats
    ratio: Floats
    ratio_error: Floats


def title(variable: str) -> str:
    """Name of a variable for people."""
    return TITLE.get(variable, variable)


def distances(
    detailed: Sample, fast: Sample, species: Sequence[str] = tuple(SPECIES)
) -> Iterator[Distance]:
    """Compare every variable that both samples have, by species, and the occupancy of events."""
    for name in ("n_spd_hits", "n_tracks", "n_pvs"):
        if name in detailed.event and name in fast.event:
            yield distance("events", name, detailed.event, fast.event)
    common = [v for v in detailed.variables if v in fast.variables]
    for name, one, two in by_species(detailed.track, fast.track, species, MIN_PARTICLES):
        for variable in common:
            yield distance(name, variable, one, two)


def distance(species: str, variable: str, one: Columns, two: Columns) -> Distance:
    """Compare one variable of two sets of rows.

    The KS distance is scaled by its variance over events at the slots: tracks of one event, common
    truth and weights change it from that of independent tracks (Kolmogorov's law for the rest).
    """
    values = [c[variable].astype(np.float64) for c in (one, two)]
    weights = [c["weight"] for c in (one, two)]
    n = [effective(c) for c in (one, two)]
    ks = weighted_ks(*values, *weights)
    ks = ks if ks > 1e-12 else 0.0  # rounding of the sums of weights
    mean = [float(np.average(v, weights=w)) for v, w in zip(values, weights, strict=True)]
    width = float(np.sqrt(max(np.average((values[0] - mean[0]) ** 2, weights=weights[0]), 0.0)))
    area = weighted_wasserstein(*values, *weights)
    psi, difference, share = _slots(values, weights, (one["unit"], two["unit"]))
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
    return Distance(
        *(species, variable, n[0], n[1], ks, p),
        ks_scale=float(np.sqrt(variance.max())) if len(variance) else 0.0,
        wasserstein=area / width if width > 0.0 else 0.0,
        chi2=quadratic_test(difference[present], covariance, int((psi != 0).any(axis=1).sum())),
        mean=(mean[0], mean[1]),
    )


def _slots(
    values: list[Floats], weights: list[Floats], units: tuple[Ints, Ints]
) -> tuple[Floats, Floats, Floats]:
    """Terms of each event in the difference of the shares of the slots; difference; share."""
    edges = np.unique(np.quantile(values[0], np.arange(1, SLOTS) / SLOTS))
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


def widths(
    detailed: Sample,
    fast: Sample,
    species: Sequence[str] = tuple(SPECIES),
    *,
    least: float = 500.0,
) -> Iterator[Width]:
    """Width of residuals and pulls, by species, of all tracks and in bins of the momentum."""
    for name, one, two in by_species(detailed.track, fast.track, species, MIN_WIDTH):
        for variable in (*RESIDUALS, *PULLS):
            if variable in one and variable in two:
                yield width_by(name, variable, one, two, "p", least)


def width_by(
    species: str, variable: str, one: Columns, two: Columns, axis: str, least: float = 500.0
) -> Width:
    """Width of a variable, of all rows and in bins of another one.

    Args:
        species: name of the rows.
        variable: a column.
        one, two: detailed and fast rows.
        axis: column that is binned.
        least: effective number of detailed rows in a bin.
    """
    bins = adaptive_bins((axis,), one, one["weight"], least=least)
    places = bins.place(one), bins.place(two)
    found = [_width_ratio(one, two, variable)]
    for i in range(len(bins)):
        part = where(one, places[0] == i), where(two, places[1] == i)
        found.append(_width_ratio(*part, variable))
    return Width(species, variable, axis, bins.edges, *np.array(found).T)


def _width_ratio(one: Columns, two: Columns, variable: str) -> tuple[float, ...]:
    nothing = (float("nan"),) * 6
    n = effective(one)
    if min(n, effective(two)) < MIN_WIDTH:
        return (n, *nothing)
    terms, sizes = [], []
    for columns in (one, two):
        width, psi = _width(columns[variable].astype(np.float64), columns["weight"])
        if not width > 0.0:
            return (n, *nothing)
        terms.append(psi / width)
        sizes.append(width)
    *units, n_units = common_units(one["unit"], two["unit"])
    first, second = (np.bincount(u, t, n_units) for u, t in zip(units, terms, strict=True))
    ratio = sizes[1] / sizes[0]
    alone = [
        size * float(np.sqrt((t**2).sum())) for size, t in zip(sizes, (first, second), strict=True)
    ]
    error = ratio * float(np.sqrt(((second - first) ** 2).sum()))
    return (n, *sizes, *alone, ratio, error)


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
