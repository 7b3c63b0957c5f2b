"""Everything that the report shows, as numbers: samples in, tables and a verdict out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import SchemaError
from ...statistics.adaptive_bins import SCHEMES
from ...statistics.distances import halves
from ...system.processes import Inline
from ..tracks import SPECIES
from ..verdict import Verdict, VerdictConfig, judge
from . import efficiency, tell_apart
from .decays import DecayComparison, compare_decay, decay_measurements
from .distributions import Distance, Width, distances, widths
from .efficiency import VARIABLES, Ratio, WorkingPoint
from .joint import Correlation, Sliced, correlations, sliced
from .measure import duplicates, measurements
from .physics import Physics, physics
from .sample import Sample
from .tell_apart import Telling, TreeConfig


@dataclass(frozen=True)
class ReportConfig:
    """What the report looks at.

    Args:
        species: some of `SPECIES`.
        points: cuts that the user named.
        variables: variables that are cut on.
        schemes: axes of the bins.
        least: effective number of detailed rows in a bin.
        trees: size of the classifier.
        classify: whether to run the classifier tests.
        floor: whether to compare the detailed sample with itself, too.
        seed: seed of the halves.
    """

    species: Sequence[str] = tuple(SPECIES)
    points: Sequence[WorkingPoint] = ()
    variables: Sequence[str] = VARIABLES
    schemes: Sequence[tuple[str, ...]] = SCHEMES
    least: float = 200.0
    trees: TreeConfig = field(default_factory=TreeConfig)
    classify: bool = True
    floor: bool = True
    seed: int = 1


@dataclass(frozen=True)
class Part:
    """Comparison of two samples.

    Args:
        ratios: efficiency ratios.
        distances: distributions.
        widths: of residuals and pulls.
        correlations: of pairs of variables.
        slices: of joint vectors.
        decays: those that were asked for.
    """

    ratios: tuple[Ratio, ...]
    distances: tuple[Distance, ...]
    widths: tuple[Width, ...]
    correlations: tuple[Correlation, ...]
    slices: tuple[Sliced, ...]
    decays: tuple[DecayComparison, ...] = ()


@dataclass(frozen=True)
class Report:
    """All numbers.

    Args:
        detailed, fast: the samples, without pairs of clusters.
        common: events that both hold.
        whole: fast beside detailed.
        floor: two draws of the detailed sample, or its halves; None if not asked for.
        draws: whether the floor is between two draws.
        tellings: classifier tests.
        physics: resolutions, curves and peaks.
        verdict: the judgement.
        missing: variables of the detailed sample that the fast one lacks.
        provenance: where the samples come from.
    """

    detailed: Sample
    fast: Sample
    common: int
    whole: Part
    floor: Part | None
    draws: bool
    tellings: tuple[Telling, ...]
    physics: Physics
    verdict: Verdict
    missing: tuple[str, ...]
    provenance: dict[str, Any]


def compare(
    detailed: Sample,
    fast: Sample,
    thresholds: VerdictConfig,
    config: ReportConfig | None = None,
    provenance: dict[str, Any] | None = None,
    say: Callable[[str], None] = lambda line: None,
    pool: Executor | None = None,
    again: Sample | None = None,
) -> Report:
    """Compare two samples and judge.

    Args:
        detailed, fast: the samples, after `gather.paired`.
        thresholds: of the verdict.
        config: what to look at.
        provenance: where the samples come from.
        say: called with the name of each step.
        pool: processes that share the work, this one if None.
        again: a second detailed draw of the same generated events, for the floor; None for halves
            of the first.

    Raises:
        SchemaError: if there is nothing to compare.
    """
    config, pool = config or ReportConfig(), pool or Inline()
    _check(detailed, fast, config)
    # What takes longest goes first, so that processes end together.
    say("efficiencies, distributions and correlations")
    slim = detailed.without_pairs(), fast.without_pairs()
    wholes = pool.submit(_part, *slim, config)
    second = None if again is None else again.without_pairs()
    if config.floor:
        say("the same for the floor")
    floors = pool.submit(_floor, slim[0], second, config)
    if config.classify:
        say("classifier tests")
    tests = pool.submit(_told, *slim, second, config)
    say("physics")
    shown = physics(detailed, fast, config.species)
    whole, floor, told = wholes.result(), floors.result(), tests.result()
    found = measurements(whole.ratios, whole.distances, whole.widths, whole.correlations, told)
    own = decay_measurements(whole.decays)
    verdict = judge([*found, *own, duplicates(detailed, fast)], thresholds)
    return Report(
        detailed=slim[0],
        fast=slim[1],
        common=len(np.intersect1d(detailed.signature, fast.signature)),
        whole=whole,
        floor=floor,
        draws=again is not None,
        tellings=told,
        physics=shown,
        verdict=verdict,
        missing=tuple(v for v in detailed.variables if v not in fast.variables),
        provenance=provenance or {},
    )


def _floor(detailed: Sample, again: Sample | None, config: ReportConfig) -> Part | None:
    return _part(*_no_better(detailed, again, config.seed), config) if config.floor else None


def _told(
    detailed: Sample, fast: Sample, again: Sample | None, config: ReportConfig
) -> tuple[Telling, ...]:
    if not config.classify:
        return ()
    two = _no_better(detailed, again, config.seed)
    return tuple(tell_apart.tellings(detailed, fast, two, config.trees))


def _no_better(detailed: Sample, again: Sample | None, seed: int) -> tuple[Sample, Sample]:
    """Two samples that only chance tells apart: both draws, or halves of the first."""
    return _halves(detailed, seed) if again is None else (detailed, again)


def _check(detailed: Sample, fast: Sample, config: ReportConfig) -> None:
    """Refuse what leaves nothing to compare."""
    for sample in (detailed, fast):
        there = {n for n, code in SPECIES.items() if (sample.track["species"] == code).any()}
        if not there & set(config.species):
            raise SchemaError(
                f"{sample.name} sample: has no long track of a generated particle of species "
                f"{', '.join(config.species)}"
            )
        for point in config.points:
            if point.variable not in sample.track:
                raise SchemaError(f"{sample.name} sample: cut {point.label!r}: no such variable")
    if not set(detailed.variables) & set(fast.variables):
        raise SchemaError("the two samples have no variable in common")


def _part(one: Sample, two: Sample, config: ReportConfig) -> Part:
    bins: Any = {"schemes": config.schemes, "least": config.least}
    steps = efficiency.step_ratios(one, two, config.species, **bins)
    cuts = efficiency.cut_ratios(
        one, two, config.species, config.points, variables=config.variables, **bins
    )
    return Part(
        ratios=(*steps, *cuts),
        distances=tuple(distances(one, two, config.species)),
        widths=tuple(widths(one, two, config.species)),
        correlations=tuple(correlations(one, two, config.species, config.variables)),
        slices=tuple(sliced(one, two, config.species, config.seed)),
        decays=tuple(compare_decay(*d) for d in zip(one.decays, two.decays, strict=True)),
    )


def _halves(sample: Sample, seed: int) -> tuple[Sample, Sample]:
    size = int(sample.event["unit"].max()) + 1
    first = halves(size, seed)
    return sample.of_units(first, "one half"), sample.of_units(~first, "the other half")
