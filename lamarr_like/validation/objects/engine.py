"""Fast samples beside the detailed one of the same generated events, and beside the floor.

Every figure stands beside its floor: the same figure between the detailed sample and a second draw
of the same generated events.  Where there is none, two halves of the sample stand in: a half has
half of the events, and other ones, so that this floor is a little larger.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from ...arrays import Columns, Floats
from ...errors import SchemaError
from ...events import EventBatch
from ...stages import Propagation
from ...stages.calorimeter.sources import source_rows
from ...statistics.distances import floor, halves
from ...statistics.lines import NAN, Line, line, line_distance, spread
from ...statistics.mass_peak import WINDOWS, find_peak
from ...statistics.two_sample import Auc, c2st
from ...training.ecal import event_features
from ..bins import picked
from ..detector.muon_curves import MIN_P
from . import declared, results
from .declared import OCCUPANCY, Curve
from .reports import EcalReport, MuonReport
from .results import DETAILED, FAST, FLOOR, HALVES
from .samples import Figures, check, figures

T = TypeVar("T")
D = TypeVar("D")

LEAST_EVENTS = 100
"""Events below which no classifier is trained."""


def ecal_report(
    detailed: EventBatch,
    fast: Mapping[str, EventBatch],
    again: EventBatch | None = None,
    *,
    seed: int = 0,
    folds: int = 5,
    alone: Mapping[str, EventBatch] | None = None,
) -> EcalReport:
    """Compare clusters.

    Args:
        detailed: events of the detailed simulation.
        fast: fast samples of the same generated events by name, in the order of the tables.
        again: a second detailed draw of them, for the floor; None for halves of the first.
        seed: seed of the halves and of the folds.
        folds: parts of the cross fit.
        alone: more samples for the event-level test only, such as the stage by itself on the
            tracks and occupancy of the detailed sample.

    Raises:
        SchemaError: if a table or column is missing, there is no event or no fast sample, or the
            samples are not of the same events.
    """
    if not fast or not len(detailed):
        raise SchemaError("clusters are compared between a detailed and a fast sample with events")
    every = {**fast, **(alone or {})}
    for name, batch in every.items():
        check(batch, "ecal", f"fast sample {name!r}")
        if not np.array_equal(batch.event["event_id"], detailed.event["event_id"]):
            raise SchemaError(f"fast sample {name!r}: its events are not those of the detailed one")
    samples = {DETAILED: figures(detailed, "ecal", "detailed sample")}
    samples |= {k: figures(batch, "ecal", f"fast sample {k!r}") for k, batch in fast.items()}
    versions = tuple(fast)
    borders = [float(b) for b in np.quantile(samples[DETAILED].spd, [1 / 3, 2 / 3])]
    samples = _with_floor(samples, "ecal", again, seed)
    spectra, peaks = _in_occupancy(samples, versions, borders)
    return EcalReport(
        *(len(detailed), versions, tuple(borders)),
        tests=_event_tests(detailed, every, again, seed, folds),
        spectra=spectra,
        peaks=peaks,
        lines=tuple(_line_result(curve, samples, versions) for curve in declared.LINES.values()),
    )


def _in_occupancy(
    samples: Mapping[str, Figures], versions: tuple[str, ...], borders: Sequence[float]
) -> tuple[tuple[results.SpectrumResult, ...], tuple[results.PeakResult, ...]]:
    """Spectra and peaks of all events, and in bins of nSPDHits with borders between."""
    spectra: list[results.SpectrumResult] = []
    peaks: list[results.PeakResult] = []
    edges = (-np.inf, *borders, np.inf)
    for occupancy, inside in zip(OCCUPANCY, [None, *itertools.pairwise(edges)], strict=True):
        part = samples if inside is None else {k: _between(s, *inside) for k, s in samples.items()}
        spectra += [_spectrum(name, occupancy, part, versions) for name in declared.SPECTRA]
        peaks += [_peak(name, occupancy, part) for name in WINDOWS]
    return tuple(spectra), tuple(peaks)


def _with_floor(
    samples: Mapping[str, Figures], page: str, again: EventBatch | None, seed: int
) -> dict[str, Figures]:
    """Samples and the two that the floor is between: both draws, or halves of the first."""
    first = samples[DETAILED]
    if again is not None:
        parts = first, figures(again, page, "second draw")
    else:
        half = halves(len(first.spd), seed)
        parts = first.of(half), first.of(~half)
    return {**samples, **dict(zip(HALVES, parts, strict=True))}


def _between(figures: Figures, low: float, high: float) -> Figures:
    return figures.of((figures.spd > low) & (figures.spd <= high))


def _distances(
    values: Mapping[str, T], versions: tuple[str, ...], distance: Callable[[T, T], D]
) -> dict[str, D]:
    """Distance of each fast sample from the detailed one, and the floor."""
    out = {v: distance(values[DETAILED], values[v]) for v in versions}
    return {**out, FLOOR: distance(*(values[k] for k in HALVES))}


def _line_result(
    curve: Curve, samples: Mapping[str, Figures], versions: tuple[str, ...]
) -> results.LineResult:
    lines = {k: _line(curve, s.groups[curve.group]) for k, s in samples.items()}
    return results.LineResult(curve.name, lines, _distances(lines, versions, line_distance))


def _line(curve: Curve, columns: Columns) -> Line:
    rows, values = curve.rows(columns), picked(columns, curve.values)
    return line(values[rows], columns[curve.by][rows], curve.edges, curve.statistic)


def _event_tests(
    detailed: EventBatch,
    fast: Mapping[str, EventBatch],
    again: EventBatch | None,
    seed: int,
    folds: int,
) -> tuple[results.EventTest, ...]:
    """Two-sample tests of what an analyst sees of the clusters of an event.

    The trees see `training.ecal.event_features` and nSPDHits of each sample, and of the generated
    event how many charged particles and photons come to the ECAL and with which energies.  An
    event of the detailed sample and the same one of a fast sample are judged by the same trees,
    which saw neither.
    """
    if len(detailed) < LEAST_EVENTS:
        nothing = Auc(NAN, NAN, len(detailed))
        return tuple(results.EventTest(name, nothing, nothing) for name in fast)
    real, conditions = _features(detailed), _conditions(detailed)
    if again is None:
        least = floor(real, conditions, seed=seed, folds=folds)
    else:
        least = c2st(real, _features(again), conditions, seed=seed, folds=folds)
    return tuple(
        results.EventTest(
            name, c2st(real, _features(batch), conditions, seed=seed, folds=folds), least
        )
        for name, batch in fast.items()
    )


def _features(batch: EventBatch) -> dict[str, np.ndarray]:
    # nSPDHits is an outcome of the chain too: the clusters have to fit to it.
    return event_features(batch.tables) | {"n_spd_hits": batch.event["n_spd_hits"]}


def _conditions(batch: EventBatch) -> dict[str, np.ndarray]:
    """Generated particles that come to the ECAL, by event, shape ``(n_events,)``."""
    if "mc_ecal_x" not in batch.particle or "mc_ecal_y" not in batch.particle:
        batch = Propagation()(batch, seed=0)
    particle, n = batch.particle, len(batch)
    p = np.sqrt(sum(particle[f"mc_p{c}"].astype(np.float64) ** 2 for c in "xyz"))
    rows = source_rows(batch)
    out = {}
    for name, charged in (("photons", False), ("charged", True)):
        mine = rows & ((particle["mc_charge"] != 0) == charged)
        event = particle.event_index[mine]
        out[f"n_{name}"] = np.bincount(event, minlength=n)
        out[f"energy_{name}"] = np.log1p(np.bincount(event, p[mine], minlength=n))
    return out


def _spectrum(
    name: str, occupancy: str, samples: Mapping[str, Figures], versions: tuple[str, ...]
) -> results.SpectrumResult:
    what, values = declared.SPECTRA[name], {}
    for sample, one in samples.items():
        column = one.groups[what.group][what.column]
        values[sample] = column[np.isfinite(column)]
    edges = _edges(name, values[DETAILED])
    histograms = {
        k: tuple((np.histogram(values[k], edges)[0] / max(samples[k].n, 1)).tolist())
        for k in (DETAILED, *versions)
    }
    apart = _distances(values, versions, spread)
    return results.SpectrumResult(name, occupancy, tuple(edges.tolist()), histograms, apart)


def _edges(name: str, values: Floats) -> Floats:
    """Bins of a histogram; whole numbers for multiplicities."""
    if name == "mass":
        return np.linspace(0.0, 1000.0, 51)
    if not len(values):
        return np.array([0.0, 1.0])
    if name == "multiplicity":
        step = max(1, int(np.quantile(values, 0.995) - values.min()) // 40)
        return np.arange(values.min() - 0.5, np.quantile(values, 0.998) + 1.5 * step, step)
    low, high = np.quantile(values, [0.0005, 0.9995])
    return np.linspace(low, high + 1e-6, 41)


def _peak(name: str, occupancy: str, samples: Mapping[str, Figures]) -> results.PeakResult:
    window, peaks, histograms = WINDOWS[name], {}, {}
    for sample, one in samples.items():
        pair = one.groups["pair"]
        mass = pair["mass"][pair["least_et"] > window.least_et]
        peaks[sample] = find_peak(mass, one.n, window)
        counts = np.histogram(mass, window.edges)[0] / max(one.n, 1)
        histograms[sample] = tuple(counts.tolist())
    return results.PeakResult(name, occupancy, peaks, tuple(window.edges.tolist()), histograms)


def muon_report(
    detailed: EventBatch, fast: EventBatch, again: EventBatch | None = None, *, seed: int = 0
) -> MuonReport:
    """Compare muon identification.

    Args:
        detailed: events of the detailed simulation.
        fast: events of the fast chain.
        again: a second detailed draw, for the floor; None for halves of the first.
        seed: seed of the halves.

    Raises:
        SchemaError: if a column is missing.
    """
    samples = {DETAILED: figures(detailed, "muons", "detailed sample")}
    samples[FAST] = figures(fast, "muons", "fast sample")
    samples = _with_floor(samples, "muons", again, seed)
    return MuonReport(tuple(_muon(curve, samples) for curve in declared.MUONS))


def _muon(curve: Curve, samples: Mapping[str, Figures]) -> results.MuonResult:
    """A share against momentum, and over all momenta at which there are muons."""
    shares, n = {}, {}
    for name, one in samples.items():
        columns = one.groups[curve.group]
        hard = curve.rows(columns) & (columns["p"] > MIN_P)
        n[name] = int(hard.sum())
        passed = picked(columns, curve.values)[hard]
        shares[name] = float(passed.mean()) if n[name] else NAN
    found, tracks = _line_result(curve, samples, (FAST,)), (n[DETAILED], n[FAST])
    told = (found.lines, found.distances)
    return results.MuonResult(curve.species, curve.name, tracks, shares, *told)
