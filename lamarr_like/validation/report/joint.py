"""Joint vectors of a track: correlations of pairs, and projections on random directions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...arrays import Columns
from ...statistics.paired import correlation_difference, normal_scores
from ...statistics.sliced import sliced_distance
from ..tracks import GROUPS, SPECIES
from .distributions import MIN_WIDTH
from .efficiency import VARIABLES
from .sample import Sample, by_species, effective, of_species

MOST_ROWS = 40_000
"""Rows of a sample that are projected at the most."""


@dataclass(frozen=True)
class Correlation:
    """Correlation of the normal scores of two variables.

    Args:
        species: true species.
        pair: the variables.
        detailed, fast: the coefficient.
        sigma: standard deviation of the difference if both are one law.
        units: effective number of events behind it.
    """

    species: str
    pair: tuple[str, str]
    detailed: float
    fast: float
    sigma: float
    units: float


@dataclass(frozen=True)
class Sliced:
    """Distance of two samples of a joint vector, in widths of the detailed one.

    Args:
        species: true species.
        group: step of the chain, one of `columns.GROUPS`.
        variables: of the vector.
        n_detailed, n_fast: effective number of rows.
        mean: Wasserstein distance, mean over the directions.
        worst: largest of them.
        direction: coefficients of the worst direction.
    """

    species: str
    group: str
    variables: tuple[str, ...]
    n_detailed: float
    n_fast: float
    mean: float
    worst: float
    direction: tuple[float, ...]


# --- correlations


def correlations(
    detailed: Sample,
    fast: Sample,
    species: Sequence[str] = tuple(SPECIES),
    variables: Sequence[str] = VARIABLES,
) -> Iterator[Correlation]:
    """Correlation of the normal scores of each pair of variables, by species.

    Each sample is ranked by itself, so that only the dependence counts.
    """
    common = [v for v in variables if v in detailed.track and v in fast.track]
    for name, *parts in by_species(detailed.track, fast.track, species, MIN_WIDTH):
        weights, units = [c["weight"] for c in parts], (parts[0]["unit"], parts[1]["unit"])
        scores = [
            {v: normal_scores(c[v].astype(np.float64), c["weight"]) for v in common} for c in parts
        ]
        told = [v for v in common if all(s[v].std() > 0.05 for s in scores)]
        for pair in itertools.combinations(told, 2):
            sides = [(score[pair[0]], score[pair[1]]) for score in scores]
            yield Correlation(name, pair, *correlation_difference(sides, weights, units))


# --- projections


def sliced(
    detailed: Sample, fast: Sample, species: Sequence[str] = tuple(SPECIES), seed: int = 1
) -> Iterator[Sliced]:
    """Compare the joint vector of each step of the chain, by species.

    Args:
        detailed, fast: the samples.
        species: some of `SPECIES`.
        seed: of the directions.
    """
    for name in species:
        parts = [_thinned(of_species(s.track, name)) for s in (detailed, fast)]
        if min(effective(c) for c in parts) < MIN_WIDTH:
            continue
        for group, names in GROUPS.items():
            found = _compared(name, group, names, parts, seed)
            if found is not None:
                yield found


def _thinned(columns: Columns) -> Columns:
    step = -(-len(columns["unit"]) // MOST_ROWS)
    return {k: v[:: max(step, 1)] for k, v in columns.items()}


def _compared(
    species: str, group: str, names: Sequence[str], parts: list[Columns], seed: int
) -> Sliced | None:
    pairs = {n: (parts[0][n], parts[1][n]) for n in names if all(n in c for c in parts)}
    found = sliced_distance(pairs, [c["weight"] for c in parts], seed)
    if found is None:
        return None
    known, mean, worst, direction = found
    n = [effective(c) for c in parts]
    return Sliced(species, group, known, n[0], n[1], mean, worst, direction)
