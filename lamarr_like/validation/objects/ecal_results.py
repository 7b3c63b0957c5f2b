"""Results of the comparison of clusters, as text and as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...statistics.mass_peak import Peak
from ...statistics.two_sample import Auc
from .lines import Line, LineDistance, Spread, number

FLOOR = "floor"
"""Name of the comparison of two halves of the detailed sample."""
DETAILED = "detailed"
"""Name of the detailed sample among the samples."""
OCCUPANCY = ("all", "low nSPDHits", "middle nSPDHits", "high nSPDHits")
"""All events, and the terciles of nSPDHits of the detailed sample."""

SPECTRA: dict[str, tuple[str, str, str]] = {
    "multiplicity": ("event", "multiplicity", "clusters of an event"),
    "energy": ("cluster", "log_energy", "log10(energy / MeV)"),
    "nearest cluster": ("cluster", "log_near", "log10(distance / mm)"),
    "mass": ("pair", "mass", "mass of unmatched pairs, ET > 200 MeV [MeV]"),
}
"""Distributions by name: group and column of the figures, and what it is."""

LINES: dict[str, tuple[str, str]] = {
    "photon efficiency": ("ET of the photon [MeV]", "share with a cluster of its own"),
    "photon response": ("energy of the photon [MeV]", "median of E / generated, share > 90 %"),
    "photon resolution": (
        "energy of the photon [MeV]",
        "core width of E / generated, share > 90 %",
    ),
    "merged mass": ("energy of the cluster [MeV]", "unmatched with a mass of halves"),
    "two photons": ("energy of the cluster [MeV]", "with photons, two of them > 10 %"),
}
"""Curves by name: what stands on their axes."""


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
        names = [*self.versions, FLOOR]
        lines = ["| event-level C2ST | events | AUC | floor |", "|---|---|---|---|"]
        lines += [
            f"| {t.version} | {t.auc.rows} | {_auc(t.auc)} | {_auc(t.floor)} |" for t in self.tests
        ]
        head = "".join(f" {name}: mean | KS | W1/sigma |" for name in names)
        lines += ["", f"| distribution | nSPDHits | detailed mean |{head}"]
        lines.append("|---|---|---|" + "---|---|---|" * len(names))
        for s in self.spectra:
            cells = [
                f" {number(d.mean[1])} | {number(d.ks, 3)} | {number(d.wasserstein, 3)} |"
                for d in (s.distances[name] for name in names)
            ]
            first = number(s.distances[self.versions[0]].mean[0])
            lines.append(f"| {s.quantity} | {s.occupancy} | {first} |{''.join(cells)}")
        lines += ["", "| peak | nSPDHits | sample | yield per event | position, MeV | width, MeV |"]
        lines.append("|---|---|---|---|---|---|")
        lines += [
            f"| {p.name} | {p.occupancy} | {name} | {_pm(k.yields, k.yield_error)} "
            f"| {_pm(k.mean, k.mean_error)} | {_pm(k.width, k.width_error)} |"
            for p in self.peaks
            for name, k in p.peaks.items()
        ]
        head = "".join(f" {name}: ratio | largest | chi2/bin |" for name in names)
        lines += ["", f"| curve | bins |{head}", "|---|---|" + "---|---|---|" * len(names)]
        for one in self.lines:
            cells = [
                f" {number(d.ratio)} | {number(d.largest, 3)} | {number(d.chi2, 3)} |"
                for d in (one.distances[name] for name in names)
            ]
            bins = one.distances[self.versions[0]].bins
            lines.append(f"| {one.name} | {bins} |{''.join(cells)}")
        return "\n".join(lines) + "\n"


def _auc(auc: Auc) -> str:
    return _pm(auc.value, auc.error)


def _pm(value: float, error: float) -> str:
    return f"{number(value)} +- {number(error, 2)}" if np.isfinite(value) else "-"
