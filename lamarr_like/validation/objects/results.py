"""Results of the comparison of objects, as text and as numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ...statistics.binned import share_error
from ...statistics.mass_peak import Peak
from ...statistics.two_sample import Auc
from ..numbers import number, table
from .lines import Line, LineDistance, Spread

D = TypeVar("D")

DETAILED, FAST, FLOOR = "detailed", "fast", "floor"
"""The detailed sample, the only fast one, and the comparison of two halves of the detailed one."""
HALVES = ("detailed, half 1", "detailed, half 2")
"""Halves of the detailed sample among the samples."""
TOLERANCE = 0.02
"""A ratio this near to one is good whatever its error."""


@dataclass(frozen=True)
class Share:
    """Share of tracks that pass a cut.

    Args:
        passed, total: numbers of tracks.
    """

    passed: int
    total: int

    @property
    def value(self) -> float:
        """The share, 0 for no tracks."""
        return self.passed / self.total if self.total else 0.0

    @property
    def error(self) -> float:
        """Binomial error; with one success and one failure added, so that it is never zero."""
        return float(share_error(np.float64(self.passed), np.float64(self.total)))


@dataclass(frozen=True)
class RatioResult:
    """Efficiency ratios of one cut in bins of P, eta and nSPDHits.

    Args:
        species: true species.
        variable: variable that is cut on.
        quantile: share of the detailed tracks below the cut.
        cut: the cut; tracks above it pass.
        detailed, fast: over all bins together.
        bins: bins with enough tracks.
        good: share of them whose ratio is within `TOLERANCE` or two standard deviations of one.
        worst: largest difference in standard deviations.
    """

    species: str
    variable: str
    quantile: float
    cut: float
    detailed: Share
    fast: Share
    bins: int
    good: float
    worst: float


@dataclass(frozen=True)
class Comparison:
    """One cut, detailed beside fast.

    Args:
        name: the cut.
        species: true species.
        detailed, fast: what passes.
    """

    name: str
    species: str
    detailed: Share
    fast: Share

    @property
    def ratio(self) -> float:
        """Fast over detailed; NaN where no detailed track passes."""
        return self.fast.value / self.detailed.value if self.detailed.passed else float("nan")

    @property
    def ratio_error(self) -> float:
        """Its standard deviation."""
        if not self.detailed.passed:
            return float("nan")
        return float(
            np.hypot(self.fast.error, self.ratio * self.detailed.error) / self.detailed.value
        )

    @property
    def good(self) -> bool:
        """Whether the efficiencies agree within `TOLERANCE` or two standard deviations."""
        difference = abs(self.fast.value - self.detailed.value)
        sigma = np.hypot(self.fast.error, self.detailed.error)
        return bool(difference <= max(TOLERANCE * self.detailed.value, 2.0 * sigma))


@dataclass(frozen=True)
class CutCurve:
    """A cut against momentum.

    Args:
        name: of the cut.
        edges: bins of momentum [MeV].
        points: one comparison a bin.
        whole: over all momenta.
    """

    name: str
    edges: tuple[float, ...]
    points: tuple[Comparison, ...]
    whole: Comparison


@dataclass(frozen=True)
class EventTest:
    """Two-sample test of the clusters of events.

    Args:
        version: which fast sample.
        auc: it against the detailed sample.
        floor: two halves of the detailed sample.
    """

    version: str
    auc: Auc
    floor: Auc


@dataclass(frozen=True)
class SpectrumResult:
    """One distribution in one bin of occupancy.

    Args:
        quantity: key of `SPECTRA`.
        occupancy: one of `OCCUPANCY`.
        edges: bins of the histograms.
        histograms: entries per event in each bin, by name of the sample.
        distances: by version, and `FLOOR`.
    """

    quantity: str
    occupancy: str
    edges: tuple[float, ...]
    histograms: dict[str, tuple[float, ...]]
    distances: dict[str, Spread]


@dataclass(frozen=True)
class LineResult:
    """One curve.

    Args:
        name: key of `LINES`.
        lines: by name of the sample.
        distances: by version, and `FLOOR`.
    """

    name: str
    lines: dict[str, Line]
    distances: dict[str, LineDistance]


@dataclass(frozen=True)
class PeakResult:
    """One meson in one bin of occupancy.

    Args:
        name: key of `WINDOWS`.
        occupancy: one of `OCCUPANCY`.
        peaks: by name of the sample, the two halves of the detailed one included.
        edges: bins of the histograms [MeV].
        histograms: pairs per event in each bin, by name of the sample.
    """

    name: str
    occupancy: str
    peaks: dict[str, Peak]
    edges: tuple[float, ...]
    histograms: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class MuonResult:
    """One share of one species against momentum.

    Args:
        species: true species.
        quantity: key of `declared.MUON_QUANTITIES`.
        tracks: tracks above 3 GeV that it is a share of, detailed and fast.
        shares: share over all momenta above 3 GeV, by name of the sample.
        lines: curves by name of the sample, the two halves of the detailed one included.
        distances: of ``fast`` and of `FLOOR`.
    """

    species: str
    quantity: str
    tracks: tuple[int, int]
    shares: dict[str, float]
    lines: dict[str, Line]
    distances: dict[str, LineDistance]


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
