"""Pages of plots of objects, detailed (black, grey) and fast on top of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...files.numbers import number
from ...files.sheets import write_sheet
from ...statistics.lines import Line
from ...statistics.mass_peak import WINDOWS
from ..series import NAN, Labels, Look, Series, panels_of, series, series_sheet
from .declared import LINES, MUONS, OCCUPANCY, SPECTRA
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
    """A histogram of each fast sample, the detailed one, which is the first, beside one of them."""
    bins, top = np.array(tuple(edges)), 1.4 * max(map(max, values.values()))
    detailed, *fast = (np.array(counts) for counts in values.values())
    for i, (found, name) in enumerate(zip(fast, names[1:], strict=True)):
        look: Look = {"name": name, "beside": names[0], "style": "steps", "top": max(top, 1e-9)}
        reference = None if i else detailed
        yield series(labels, bins, found, reference=reference, **look)


def _spectrum(one: SpectrumResult, versions: tuple[str, ...]) -> Iterator[Series]:
    floor, names = number(one.distances[FLOOR].ks, 2), [DETAILED]
    for name in versions:
        names.append(f"{name}, KS {number(one.distances[name].ks, 2)} (floor {floor})")
    labels = (f"{one.quantity}, {one.occupancy}", SPECTRA[one.quantity].label, "entries per event")
    shown = {sample: one.histograms[sample] for sample in (DETAILED, *versions)}
    return _histograms(labels, one.edges, shown, names)


def _lines(labels: Labels, lines: dict[str, Line], versions: tuple[str, ...]) -> Iterator[Series]:
    """The same curve of the detailed and of fast samples, on a logarithmic axis."""
    detailed, *fast = all_of = [lines[sample] for sample in (DETAILED, *versions)]
    values, errors = (np.array([getattr(k, w) for k in all_of]) for w in ("value", "error"))
    # What is near one is looked at closely.
    closely = not np.nanmin(values, initial=1.0) < 0.8
    top = NAN if closely else 1.1 * float(np.nanmax(values + errors, initial=1e-9))
    for i, (one, name) in enumerate(zip(fast, versions, strict=True)):
        shown = (one,) if i else (one, detailed)
        found = [np.array(values) for line in shown for values in (line.value, line.error)]
        look: Look = {"name": name, "beside": DETAILED, "log_x": True, "top": top}
        yield series(labels, np.array(one.edges), *found, **look)


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
    yield from _histograms(labels, one.edges, shown, names)
    top = max(map(max, shown.values()))
    for edge in (window.low, window.high):
        at = np.full(2, edge)
        yield series(labels, (at, at), np.array([0.0, top]), style="line")


def _tests(report: EcalReport) -> Iterator[Series]:
    """AUC of each version, and the floor."""
    labels = ("event-level two-sample test", "sample", "AUC")
    ends = np.array([0.0, max(len(report.tests), 1)])
    for i, test in enumerate(report.tests):
        name = f"{test.version}: {number(test.auc.value, 3)} +- {number(test.auc.error, 2)}"
        auc = (np.array([test.auc.value]), np.array([test.auc.error]))
        yield series(labels, np.array([i, i + 1.0]), *auc, name=name, top=1.4)
    lines = {"0.60": 0.6} | {
        f"floor {number(t.floor.value, 3)}": t.floor.value for t in report.tests
    }
    for name, value in lines.items():
        yield series(labels, (ends, ends), np.full(2, value), name=name, style="line")


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
        yield series(
            (curve.name, "p [GeV]", "share"), edges, *found, name=FAST, beside=DETAILED, log_x=True
        )


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
        return series_sheet(f"{title}; black, grey: detailed", panels, columns)

    write_sheet(draw, path)
    return path
