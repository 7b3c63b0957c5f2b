"""Reports on objects: the results of a page and their tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ...statistics.two_sample import Auc
from ..numbers import number, table
from .lines import LineDistance, Spread
from .results import (
    DETAILED,
    FAST,
    FLOOR,
    Comparison,
    CutCurve,
    EventTest,
    LineResult,
    MuonResult,
    PeakResult,
    RatioResult,
    SpectrumResult,
)

D = TypeVar("D")


@dataclass(frozen=True)
class EcalReport:
    """Everything about clusters.

    Args:
        events: events of each sample.
        versions: names of the fast samples.
        spd_edges: borders of the bins of nSPDHits.
        tests: event-level two-sample tests.
        spectra: distributions.
        peaks: mesons.
        lines: curves.
    """

    events: int
    versions: tuple[str, ...]
    spd_edges: tuple[float, ...]
    tests: tuple[EventTest, ...]
    spectra: tuple[SpectrumResult, ...]
    peaks: tuple[PeakResult, ...]
    lines: tuple[LineResult, ...]

    @property
    def markdown(self) -> str:
        """Four tables as text."""
        return "\n".join(
            [*self._tests(), "", *self._spectra(), "", *self._peaks(), "", *self._lines(), ""]
        )

    def _tests(self) -> list[str]:
        rows = [(t.version, t.auc.rows, _auc(t.auc), _auc(t.floor)) for t in self.tests]
        return table(("event-level C2ST", "events", "AUC", "floor"), rows)

    def _spectra(self) -> list[str]:
        names, first = (*self.versions, FLOOR), self.versions[0]
        rows = [
            ((s.quantity, s.occupancy, number(s.distances[first].mean[0])), s.distances)
            for s in self.spectra
        ]
        return _compared(("distribution", "nSPDHits", "detailed mean"), rows, names, _SPREAD)

    def _peaks(self) -> list[str]:
        rows = [
            (
                *(p.name, p.occupancy, name, _pm(k.yields, k.yield_error)),
                *(_pm(k.mean, k.mean_error), _pm(k.width, k.width_error)),
            )
            for p in self.peaks
            for name, k in p.peaks.items()
        ]
        measured = ("yield per event", "position, MeV", "width, MeV")
        return table(("peak", "nSPDHits", "sample", *measured), rows)

    def _lines(self) -> list[str]:
        names, first = (*self.versions, FLOOR), self.versions[0]
        rows = [((one.name, one.distances[first].bins), one.distances) for one in self.lines]
        return _compared(("curve", "bins"), rows, names, _LINE)


@dataclass(frozen=True)
class PidReport:
    """Identification of a fast sample beside that of a detailed one.

    Args:
        ratios: efficiency ratios by species, variable and quantile.
        curves: misidentification against momentum.
        joint: cuts on several variables.
    """

    ratios: tuple[RatioResult, ...]
    curves: tuple[CutCurve, ...]
    joint: tuple[Comparison, ...]

    @property
    def good(self) -> float:
        """Share of all bins of all cuts that are good; NaN without any."""
        bins = sum(r.bins for r in self.ratios)
        return sum(r.bins * r.good for r in self.ratios) / bins if bins else float("nan")

    @property
    def markdown(self) -> str:
        """Three tables as text."""
        head = "species | variable | quantile | cut | detailed | fast | bins | good | worst, sigma"
        rows = [
            (
                *(r.species, r.variable, f"{r.quantile:.0%}", f"{r.cut:.3g}"),
                *(f"{r.detailed.value:.4f}", f"{r.fast.value:.4f}"),
                *(r.bins, f"{r.good:.1%}", f"{r.worst:.1f}"),
            )
            for r in self.ratios
        ]
        lines = [*table(head.split(" | "), rows), ""]
        lines += [f"All cuts: {self.good:.1%} of the bins are good.", ""]
        for title, cuts in (
            ("misidentification", [c.whole for c in self.curves]),
            ("joint cut", self.joint),
        ):
            head = f"{title} | species | detailed | fast | ratio | good"
            lines += [*table(head.split(" | "), [_cells(one) for one in cuts]), ""]
        return "\n".join(lines)


def _cells(one: Comparison) -> tuple[str, ...]:
    shares = (f"{s.value:.5f} +- {s.error:.5f}" for s in (one.detailed, one.fast))
    ratio = f"{one.ratio:.3f} +- {one.ratio_error:.3f}"
    return (one.name, one.species, *shares, ratio, "yes" if one.good else "no")


@dataclass(frozen=True)
class MuonReport:
    """All species and quantities."""

    results: tuple[MuonResult, ...]

    @property
    def markdown(self) -> str:
        """One table as text."""
        head = ("species", "share", "tracks", DETAILED, FAST)
        rows = []
        for r in self.results:
            shares = (number(r.shares[k]) for k in (DETAILED, FAST))
            rows.append(((r.species, r.quantity, r.tracks[0], *shares), r.distances))
        return "\n".join([*_compared(head, rows, (FAST, FLOOR), _LINE), ""])


_SPREAD: dict[str, Callable[[Spread], str]] = {
    "mean": lambda d: number(d.mean[1]),
    "KS": lambda d: number(d.ks, 3),
    "W1/sigma": lambda d: number(d.wasserstein, 3),
}
_LINE: dict[str, Callable[[LineDistance], str]] = {
    "ratio": lambda d: number(d.ratio),
    "largest": lambda d: number(d.largest, 3),
    "chi2/bin": lambda d: number(d.chi2, 3),
}


def _compared(
    head: Sequence[str],
    rows: Sequence[tuple[Sequence[object], dict[str, D]]],
    names: Sequence[str],
    figures: dict[str, Callable[[D], str]],
) -> list[str]:
    """A table whose rows end in the figures of the distances of each name."""
    first, *more = figures
    titles = [title for name in names for title in (f"{name}: {first}", *more)]
    cells = [
        (*one, *(tell(distances[name]) for name in names for tell in figures.values()))
        for one, distances in rows
    ]
    return table((*head, *titles), cells)


def _auc(auc: Auc) -> str:
    return _pm(auc.value, auc.error)


def _pm(value: float, error: float) -> str:
    return f"{number(value)} +- {number(error, 2)}" if np.isfinite(value) else "-"
