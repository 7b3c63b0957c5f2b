"""Pages of plots of objects, detailed (black) and fast on top of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...statistics.mass_peak import WINDOWS
from ..numbers import number
from ..series import Labels, Series, panels_of, series, series_sheet
from ..sheets import write_sheet
from .declared import LINES, MUONS, OCCUPANCY, SPECTRA
from .lines import Line
from .reports import EcalReport, MuonReport, PidReport
from .results import DETAILED, FAST, FLOOR, PeakResult, SpectrumResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _ecal(report: EcalReport) -> Iterator[Series]:
    versions, wanted = report.versions, OCCUPANCY[1:]
    for one in sorted(report.spectra, key=lambda s: OCCUPANCY.index(s.occupancy)):
        if one.occupancy in wanted:
            yield from _spectrum(one, versions)
    for line in report.lines:
        curve = LINES[line.name]
        yield from _lines((line.name, curve.x, curve.y), line.lines, versions)
    for peak in report.peaks:
        if peak.occupancy == OCCUPANCY[0]:
            yield from _masses(peak, versions)
    yield from _tests(report)


def _histograms(
    labels: Labels, edges: Iterable[float], values: dict[str, tuple[float, ...]], names: list[str]
) -> Iterator[Series]:
    """A histogram of each fast sample, the detailed one beside the first of them."""
    bins, beside = np.array(tuple(edges)), np.array(values[DETAILED])
    fast = [sample for sample in values if sample != DETAILED]
    for i, (sample, name) in enumerate(zip(fast, names, strict=True)):
        reference = None if i else beside
        found = np.array(values[sample])
        yield series(labels, bins, found, reference=reference, name=name, style="steps")


def _spectrum(one: SpectrumResult, versions: tuple[str, ...]) -> Iterator[Series]:
    floor, names = number(one.distances[FLOOR].ks, 2), []
    for name in versions:
        names.append(f"{name}, KS {number(one.distances[name].ks, 2)} (floor {floor})")
    labels = (f"{one.quantity}, {one.occupancy}", SPECTRA[one.quantity].label, "entries per event")
    return _histograms(labels, one.edges, one.histograms, names)


def _lines(
    labels: Labels, lines: dict[str, Line], versions: tuple[str, ...], unit: float = 1.0
) -> Iterator[Series]:
    """The same curve of the detailed and of fast samples, on a logarithmic axis."""
    detailed = lines[DETAILED]
    beside = (np.array(detailed.value), np.array(detailed.error))
    for i, name in enumerate(versions):
        one = lines[name]
        found = (np.array(one.value), np.array(one.error), *(() if i else beside))
        yield series(labels, np.array(one.edges) / unit, *found, name=name, log_x=True)


def _masses(one: PeakResult, versions: tuple[str, ...]) -> Iterator[Series]:
    """The peak of each sample, told in the legend, and the borders of its window."""
    window, names = WINDOWS[one.name], []
    for sample in (DETAILED, *versions):
        k = one.peaks[sample]
        text = f"{sample}: {number(k.mean)}, width {number(k.width, 3)} MeV\n"
        names.append(f"{text}{number(k.yields, 3)} +- {number(k.yield_error, 2)} an event")
    x = f"mass of unmatched pairs, ET > {window.least_et:g} MeV [MeV]"
    labels = (f"{one.name} region", x, "entries per event")
    shown = {sample: one.histograms[sample] for sample in (DETAILED, *versions)}
    yield from _histograms(labels, one.edges, shown, names[1:])
    top = 1.2 * max(map(max, shown.values()))
    for edge, name in zip((window.low, window.high), (names[0], ""), strict=True):
        at = np.full(2, edge)
        yield series(labels, (at, at), np.array([0.0, top]), name=name, style="line")


def _tests(report: EcalReport) -> Iterator[Series]:
    """AUC of each version beside the floor."""
    labels = ("event-level two-sample test", "version", "AUC")
    for i, test in enumerate(report.tests):
        name = f"{test.version}: {number(test.auc.value, 3)} +- {number(test.auc.error, 2)}"
        edges, (auc, floor) = np.array([i, i + 1.0]), (test.auc, test.floor)
        values = (np.array([v]) for v in (auc.value, auc.error, floor.value, floor.error))
        yield series(labels, edges, *values, name=name)
    ends = np.array([0.0, max(len(report.tests), 1)])
    yield series(labels, (ends, ends), np.full(2, 0.6), name="0.60", style="line")


def _muons(report: MuonReport) -> Iterator[Series]:
    """A row a quantity and a panel a species."""
    for curve, one in zip(MUONS, report.results, strict=True):
        chi2 = " ".join(f"{k} {number(one.distances[k].chi2, 2)}" for k in (FAST, FLOOR))
        panel = f"{one.species}, {one.quantity}: chi2/bin {chi2}"
        yield from _lines((panel, curve.x, curve.y), one.lines, (FAST,))


def _pid(report: PidReport) -> Iterator[Series]:
    for curve in report.curves:
        shares = [[getattr(p, sample) for p in curve.points] for sample in (FAST, DETAILED)]
        found = (
            np.array([getattr(s, k) for s in one]) for one in shares for k in ("value", "error")
        )
        edges = np.array(curve.edges) / 1e3
        yield series((curve.name, "p [GeV]", "share"), edges, *found, name=FAST, log_x=True)


PAGES: dict[str, tuple[str, Callable[[Any], Iterator[Series]], int]] = {
    "ecal": ("ECAL", _ecal, len(SPECTRA)),
    "pid": ("Particle identification", _pid, 3),
    "pid_floor": ("Particle identification, floor", _pid, 3),
    "muons": ("Muons", _muons, len({curve.species for curve in MUONS})),
}
"""Title of each part of a report, what is drawn of it, and panels beside each other."""


def draw_part(key: str, report: EcalReport | PidReport | MuonReport, path: Path) -> Path:
    """Draw a part of a report on one page.

    Args:
        key: of `PAGES`.
        report: what to draw.
        path: file to write; its ending chooses the format.
    """
    title, part, columns = PAGES[key]

    def draw() -> Figure:
        panels = panels_of(part(report))
        return series_sheet(f"{title}; black: detailed", panels, columns)

    write_sheet(draw, path)
    return path
