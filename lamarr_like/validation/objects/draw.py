"""Pages of plots of objects, detailed and fast on top of each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...statistics.mass_peak import WINDOWS
from ..numbers import number
from ..sheets import new_sheet, sheet_of, write_sheet
from .declared import LINES, MUONS, OCCUPANCY, SPECTRA, Curve
from .lines import Line
from .reports import EcalReport, MuonReport, PidReport
from .results import DETAILED, FAST, FLOOR, CutCurve, MuonResult, SpectrumResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osv^D"


def _ecal(report: EcalReport) -> Figure:
    sheet = new_sheet(5, 4, 5.0, 4.1)
    axes = sheet.subplots(5, 4)
    sheet.suptitle(f"ECAL clusters of {report.events} events; grey: detailed")
    for i, occupancy in enumerate(OCCUPANCY[1:]):
        for ax, name in zip(axes[i], SPECTRA, strict=True):
            _spectrum(ax, _found(report, name, occupancy), report.versions)
    rest = list(axes[3:].ravel())
    for ax, one in zip(rest, report.lines, strict=False):
        _curves(ax, one.name, one.lines, report)
    for ax, name in zip(rest[len(LINES) :], WINDOWS, strict=False):
        _masses(ax, report, name)
    _tests(rest[len(LINES) + len(WINDOWS)], report)
    for ax in axes.ravel():
        ax.legend()
    return sheet


def _found(report: EcalReport, name: str, occupancy: str) -> SpectrumResult:
    return next(s for s in report.spectra if (s.quantity, s.occupancy) == (name, occupancy))


def _colour(versions: tuple[str, ...], name: str) -> str:
    return f"C{versions.index(name)}"


def _spectrum(ax: Axes, one: SpectrumResult, versions: tuple[str, ...]) -> None:
    ax.stairs(one.histograms[DETAILED], one.edges, fill=True, color="0.8", label=DETAILED)
    for name in versions:
        d = one.distances[name]
        label = f"{name}, KS {number(d.ks, 2)} (floor {number(one.distances[FLOOR].ks, 2)})"
        colour = _colour(versions, name)
        ax.stairs(one.histograms[name], one.edges, color=colour, lw=1.3, label=label)
    ax.set_title(f"{one.quantity}, {one.occupancy}")
    ax.set(xlabel=SPECTRA[one.quantity].label, ylabel="entries per event")
    ax.set_ylim(0.0, 1.3 * max(ax.get_ylim()[1], 1e-9))


def _draw_lines(ax: Axes, lines: dict[str, Line], versions: tuple[str, ...]) -> None:
    """The same curve of the detailed and of fast samples, on a logarithmic axis."""
    from matplotlib.ticker import NullFormatter

    shown = (DETAILED, *versions)
    for i, sample in enumerate(shown):
        line = lines[sample]
        edges, y = np.array(line.edges), np.array(line.value)
        middle = np.sqrt(edges[1:] * edges[:-1])
        # Points of one bin stand side by side, or they would hide each other.
        x = middle * (edges[1:] / edges[:-1]) ** (0.12 * (i - 0.5 * (len(shown) - 1)))
        colour = "k" if sample == DETAILED else _colour(versions, sample)
        style, fill = _MARKERS[i % len(_MARKERS)], "none" if sample == DETAILED else "full"
        ax.errorbar(
            *(x, y, line.error),
            fmt=style,
            ms=4,
            lw=1,
            color=colour,
            fillstyle=fill,
            label=sample,
        )
    ax.set_xscale("log")
    ax.xaxis.set_minor_formatter(NullFormatter())


def _curves(ax: Axes, name: str, lines: dict[str, Line], report: EcalReport) -> None:
    _draw_lines(ax, lines, report.versions)
    ax.set_title(name)
    ax.set(xlabel=LINES[name].x, ylabel=LINES[name].y)
    if name != "photon response":
        ax.set_ylim(0.0, None)


def _masses(ax: Axes, report: EcalReport, name: str) -> None:
    one = next(p for p in report.peaks if (p.name, p.occupancy) == (name, OCCUPANCY[0]))
    for sample in (DETAILED, *report.versions):
        k = one.peaks[sample]
        label = f"{sample}: {number(k.mean)}, width {number(k.width, 3)} MeV\n"
        label += f"{number(k.yields, 3)} +- {number(k.yield_error, 2)} an event"
        fill = sample == DETAILED
        colour = "0.8" if fill else _colour(report.versions, sample)
        ax.stairs(one.histograms[sample], one.edges, fill=fill, color=colour, label=label)
    window = WINDOWS[name]
    for edge in (window.low, window.high):
        ax.axvline(edge, color="k", ls=":", lw=1)
    ax.set_title(f"{name} region")
    x = f"mass of unmatched pairs, ET > {window.least_et:g} MeV [MeV]"
    ax.set(xlabel=x, ylabel="entries per event")
    ax.set_ylim(0.0, 1.5 * max(ax.get_ylim()[1], 1e-9))


def _tests(ax: Axes, report: EcalReport) -> None:
    """AUC of each version as a bar, with the floor as a line."""
    for i, test in enumerate(report.tests):
        label = f"{test.version}: {test.auc.value:.3f} +- {test.auc.error:.3f}"
        ax.barh(i, test.auc.value - 0.5, left=0.5, xerr=test.auc.error, color=f"C{i}", label=label)
    if report.tests:
        least = report.tests[0].floor
        ax.axvline(least.value, color="k", lw=1, label=f"floor {least.value:.3f}")
    ax.axvline(0.6, color="k", ls="--", lw=1, label="0.60")
    ax.set_yticks([])
    ax.set(xlabel="AUC", xlim=(0.45, 1.0), ylim=(-1.0, len(report.tests) + 3.0))
    ax.set_title("event-level two-sample test")


def _muons(report: MuonReport) -> Figure:
    """A row a quantity and a panel a species."""
    columns = sum(curve.name == MUONS[0].name for curve in MUONS)
    shown = list(zip(MUONS, report.results, strict=True))
    return sheet_of(shown, lambda ax, one: _muon(ax, *one), columns=columns, width=4.6, height=3.8)


def _muon(ax: Axes, curve: Curve, result: MuonResult) -> None:
    lines, distances = result.lines, result.distances
    _draw_lines(ax, lines, (FAST,))
    chi2 = " ".join(f"{name} {number(distances[name].chi2, 2)}" for name in (FAST, FLOOR))
    ax.set_title(f"{result.species}: chi2/bin {chi2}")
    ax.set(xlabel=curve.x, ylabel=curve.y)
    values = np.array([lines[DETAILED].value, lines[FAST].value])
    if np.isfinite(values).any() and np.nanmin(values) < 0.8:
        ax.set_ylim(0.0, None)
    ax.legend()


def _pid(report: PidReport) -> Figure:
    return sheet_of(report.curves, _cut, columns=3, width=4.2, height=3.2)


def _cut(ax: Axes, curve: CutCurve) -> None:
    edges = np.array(curve.edges) / 1e3
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
    for sample, style, fill in ((DETAILED, "s", "none"), (FAST, "o", "full")):
        shares = [getattr(point, sample) for point in curve.points]
        values, errors = [s.value for s in shares], [s.error for s in shares]
        look: dict[str, Any] = {"fmt": style, "fillstyle": fill}
        ax.errorbar(middle, values, yerr=errors, xerr=half, label=sample, **look)
    ax.set(title=curve.name, xlabel="p [GeV]", ylabel="share", xscale="log", ylim=(0, None))
    ax.legend()


PAGES: dict[str, tuple[str, Callable[[Any], Figure]]] = {
    "ecal": ("ECAL", _ecal),
    "pid": ("Particle identification", _pid),
    "pid_floor": ("Particle identification, floor", _pid),
    "muons": ("Muons", _muons),
}
"""Title of each part of a report, and what draws it."""


def draw_part(key: str, report: EcalReport | PidReport | MuonReport, path: Path) -> Path:
    """Draw a part of a report on one page.

    Args:
        key: of `PAGES`.
        report: what to draw.
        path: file to write; its ending chooses the format.
    """
    write_sheet(lambda: PAGES[key][1](report), path)
    return path
