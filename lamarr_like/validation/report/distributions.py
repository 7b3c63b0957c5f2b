"""Distributions of single variables and widths of residuals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...arrays import Columns, Floats
from ...statistics.adaptive_bins import adaptive_bins
from ...statistics.influence import Chi2
from ...statistics.matching import where
from ...statistics.paired import Sides, compare_laws, width_ratio
from ..tracks import PULLS, RESIDUALS, SPECIES
from .efficiency import MIN_PARTICLES, TITLE
from .sample import Sample, by_species, effective

SLOTS = 20
"""Bins of the chi2 of a distribution: quantiles of the detailed sample."""
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
    """Compare one variable of two sets of rows."""
    values = [c[variable].astype(np.float64) for c in (one, two)]
    found = compare_laws(
        values, [c["weight"] for c in (one, two)], (one["unit"], two["unit"]), SLOTS
    )
    return Distance(species, variable, *found)


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
        least: effective number of rows in a bin, of the sample that has fewer.
    """
    fewer = max(effective(one) / max(effective(two), 1.0), 1.0)
    bins = adaptive_bins((axis,), one, one["weight"], least=least * fewer)
    places = bins.place(one), bins.place(two)
    found = [_ratio(one, two, variable)]
    one, two = ({n: c[n] for n in (variable, "weight", "unit")} for c in (one, two))
    for i in range(len(bins)):
        part = where(one, places[0] == i), where(two, places[1] == i)
        found.append(_ratio(*part, variable))
    return Width(species, variable, axis, bins.edges, *np.array(found).T)


def _ratio(one: Columns, two: Columns, variable: str) -> tuple[float, ...]:
    n = effective(one)
    enough = min(n, effective(two)) >= MIN_WIDTH
    return (n, *(width_ratio(*_sides(one, two, variable)) if enough else (float("nan"),) * 6))


def _sides(one: Columns, two: Columns, variable: str) -> Sides:
    """Values, weights and units of both."""
    values = [c[variable].astype(np.float64) for c in (one, two)]
    return values, [c["weight"] for c in (one, two)], (one["unit"], two["unit"])
