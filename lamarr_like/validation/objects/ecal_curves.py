"""Clusters of fast samples beside those of the detailed one for the same generated events.

Every figure stands beside its floor: the same figure between two random halves of the detailed
sample.  A half has half of the events, so that a floor is a little larger than chance between
whole samples would be.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Floats, Ints, Mask
from ...errors import SchemaError
from ...events import EventBatch
from ...stages import Propagation
from ...stages.calorimeter.sources import source_rows
from ...statistics.distances import floor, halves
from ...statistics.mass_peak import WINDOWS, find_peak
from ...statistics.two_sample import Auc, c2st
from ...training.ecal import event_features
from .ecal_figures import EcalFigures, check, ecal_figures
from .ecal_results import (
    DETAILED,
    FLOOR,
    LINES,
    OCCUPANCY,
    SPECTRA,
    EcalReport,
    EventTest,
    LineResult,
    PeakResult,
    SpectrumResult,
)
from .lines import NAN, Line, line_distance, median_line, share_line, spread, width_line

LEAST_EVENTS = 100
"""Events below which no classifier is trained."""

ET_EDGES = (50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 900.0, 1400.0, 2200.0, 4000.0)
"""Bins of transverse energy of generated photons [MeV]."""
E_EDGES = (1e3, 2e3, 3e3, 5e3, 8e3, 1.2e4, 2e4, 3.5e4, 6e4, 1.2e5)
"""Bins of energy [MeV]."""


def ecal_report(
    detailed: EventBatch,
    fast: Mapping[str, EventBatch],
    *,
    seed: int = 0,
    folds: int = 5,
    alone: Mapping[str, EventBatch] | None = None,
) -> EcalReport:
    """Compare clusters.

    Args:
        detailed: events of the detailed simulation.
        fast: fast samples of the same generated events by name, in the order of the tables.
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
        check(batch, f"fast sample {name!r}")
        if not np.array_equal(batch.event["event_id"], detailed.event["event_id"]):
            raise SchemaError(f"fast sample {name!r}: its events are not those of the detailed one")
    samples = {DETAILED: ecal_figures(detailed, "detailed sample")}
    samples |= {k: ecal_figures(batch, f"fast sample {k!r}") for k, batch in fast.items()}
    tests = event_tests(detailed, every, seed=seed, folds=folds)
    half = halves(len(detailed), seed)
    samples |= {
        f"{DETAILED}, half {i}": samples[DETAILED].of(h) for i, h in ((1, half), (2, ~half))
    }
    borders = np.quantile(samples[DETAILED].spd, [1 / 3, 2 / 3])
    spd_edges = (-np.inf, *(float(b) for b in borders), np.inf)
    spectra: list[SpectrumResult] = []
    peaks: list[PeakResult] = []
    for i, occupancy in enumerate(OCCUPANCY):
        inside = samples
        if i:
            inside = {k: s.of(_between(s.spd, *spd_edges[i - 1 : i + 1])) for k, s in _own(samples)}
            inside |= _halved(samples, inside[DETAILED], half)
        spectra += [_spectrum(name, occupancy, inside, tuple(fast)) for name in SPECTRA]
        peaks += [_peak(name, occupancy, inside) for name in WINDOWS]
    lines = tuple(_lines(name, samples, tuple(fast)) for name in LINES)
    return EcalReport(
        events=len(detailed),
        versions=tuple(fast),
        spd_edges=spd_edges[1:-1],
        tests=tests,
        spectra=tuple(spectra),
        peaks=tuple(peaks),
        lines=lines,
    )


def _own(samples: Mapping[str, EcalFigures]) -> list[tuple[str, EcalFigures]]:
    """All samples but the halves."""
    return [(k, s) for k, s in samples.items() if ", half " not in k]


def _halved(
    samples: Mapping[str, EcalFigures], part: EcalFigures, half: Mask
) -> dict[str, EcalFigures]:
    """The halves of a part of the detailed sample."""
    names = [k for k in samples if ", half " in k]
    return {k: part.of(h) for k, h in zip(names, (half, ~half), strict=True)}


def _between(spd: Ints, low: float, high: float) -> Mask:
    mask: Mask = (spd > low) & (spd <= high)
    return mask


def event_tests(
    detailed: EventBatch, fast: Mapping[str, EventBatch], *, seed: int = 0, folds: int = 5
) -> tuple[EventTest, ...]:
    """Two-sample tests of what an analyst sees of the clusters of an event.

    The trees see `training.ecal.event_features` and nSPDHits of each sample, and of the generated
    event how many charged particles and photons come to the ECAL and with which energies.  An
    event of the detailed sample and the same one of a fast sample are judged by the same trees,
    which saw neither.

    Args:
        detailed: events of the detailed simulation.
        fast: fast samples of the same generated events.
        seed: seed of the folds and of the halves.
        folds: parts of the cross fit.
    """
    real, conditions = _features(detailed), _conditions(detailed)
    if len(detailed) < LEAST_EVENTS:
        nothing = Auc(NAN, NAN, len(detailed))
        return tuple(EventTest(name, nothing, nothing) for name in fast)
    least = floor(real, conditions, seed=seed, folds=folds)
    return tuple(
        EventTest(name, c2st(real, _features(batch), conditions, seed=seed, folds=folds), least)
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
    name: str, occupancy: str, samples: Mapping[str, EcalFigures], versions: tuple[str, ...]
) -> SpectrumResult:
    values = {k: _values(s, name) for k, s in samples.items()}
    edges = _edges(name, values[DETAILED])
    histograms = {
        k: tuple((np.histogram(values[k], edges)[0] / max(samples[k].n, 1)).tolist())
        for k in (DETAILED, *versions)
    }
    distances = {v: spread(values[DETAILED], values[v]) for v in versions}
    distances[FLOOR] = spread(*(values[f"{DETAILED}, half {i}"] for i in (1, 2)))
    return SpectrumResult(name, occupancy, tuple(edges.tolist()), histograms, distances)


def _values(figures: EcalFigures, name: str) -> Floats:
    group, column, _ = SPECTRA[name]
    values = figures.groups[group][column]
    return values[np.isfinite(values)]


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


def _peak(name: str, occupancy: str, samples: Mapping[str, EcalFigures]) -> PeakResult:
    window, peaks, histograms = WINDOWS[name], {}, {}
    for sample, figures in samples.items():
        pair = figures.groups["pair"]
        mass = pair["mass"][pair["least_et"] > window.least_et]
        peaks[sample] = find_peak(mass, figures.n, window)
        counts = np.histogram(mass, window.edges)[0] / max(figures.n, 1)
        histograms[sample] = tuple(counts.tolist())
    return PeakResult(name, occupancy, peaks, tuple(window.edges.tolist()), histograms)


def _lines(name: str, samples: Mapping[str, EcalFigures], versions: tuple[str, ...]) -> LineResult:
    lines = {k: _line(name, s) for k, s in samples.items()}
    distances = {v: line_distance(lines[DETAILED], lines[v]) for v in versions}
    distances[FLOOR] = line_distance(*(lines[f"{DETAILED}, half {i}"] for i in (1, 2)))
    return LineResult(name, lines, distances)


def _line(name: str, figures: EcalFigures) -> Line:
    photon, cluster = figures.groups["photon"], figures.groups["cluster"]
    if name == "photon efficiency":
        return share_line(photon["found"], photon["et"], ET_EDGES)
    if name in ("photon response", "photon resolution"):
        curve, mine = median_line if name == "photon response" else width_line, photon["alone"]
        return curve(photon["response"][mine], photon["energy"][mine], E_EDGES)
    mine = cluster["free"] if name == "merged mass" else cluster["any_photon"]
    passed = cluster["halves"] if name == "merged mass" else cluster["photons"]
    return share_line(passed[mine], cluster["energy"][mine], E_EDGES)
