"""Reports on objects: the results of a page and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...files.tables import lines_of, table_of
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

TESTS = (
    *("event-level C2ST = {0.version}", "events = {0.auc.rows}"),
    "AUC = {0.auc.value:.4g} +- {0.auc.error:.2g}",
    "floor = {0.floor.value:.4g} +- {0.floor.error:.2g}",
)
SPECTRA = (
    "distribution = {0.quantity}",
    "nSPDHits = {0.occupancy}",
    "detailed mean = {0.distances[FIRST].mean[0]:.4g}",
)
SPREAD = ("mean = {0.mean[1]:.4g}", "KS = {0.ks:.3g}", "W1/sigma = {0.wasserstein:.3g}")
PEAKS = (
    *("peak = {0.name}", "nSPDHits = {0.occupancy}", "sample = {sample}"),
    "yield per event = {1.yields:.4g} +- {1.yield_error:.2g}",
    "position, MeV = {1.mean:.4g} +- {1.mean_error:.2g}",
    "width, MeV = {1.width:.4g} +- {1.width_error:.2g}",
)
LINES = ("curve = {0.name}", "bins = {0.distances[FIRST].bins}")
MUONS = (
    *("species = {0.species}", "share = {0.quantity}", "tracks = {0.tracks[0]}"),
    *(f"{name} = {{0.shares[{name}]:.4g}}" for name in (DETAILED, FAST)),
)
DISTANCE = ("ratio = {0.ratio:.4g}", "largest = {0.largest:.3g}", "chi2/bin = {0.chi2:.3g}")
RATIOS = (
    *("species = {0.species}", "variable = {0.variable}", "quantile = {0.quantile:.0%}"),
    *("cut = {0.cut:.3g}", "detailed = {0.detailed.value:.4f}", "fast = {0.fast.value:.4f}"),
    *("bins = {0.bins}", "good = {0.good:.1%}", "worst, sigma = {0.worst:.1f}"),
)
CUTS = (
    *("species = {0.species}", "detailed = {0.detailed.value:.5f} +- {0.detailed.error:.5f}"),
    "fast = {0.fast.value:.5f} +- {0.fast.error:.5f}",
    *("ratio = {0.ratio:.3f} +- {0.ratio_error:.3f}", "good = {good}"),
)


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
        names = (*self.versions, FLOOR)
        peaks = [(p, k, {"sample": name}) for p in self.peaks for name, k in p.peaks.items()]
        tables = (
            lines_of(TESTS, self.tests),
            _compared(SPECTRA, self.spectra, SPREAD, names),
            table_of("", PEAKS, peaks).markdown,
            _compared(LINES, self.lines, DISTANCE, names),
        )
        return "\n".join(line for table in tables for line in (*table, ""))


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
        lines = [*lines_of(RATIOS, self.ratios), ""]
        lines += [f"All cuts: {self.good:.1%} of the bins are good.", ""]
        alone = [c.whole for c in self.curves]
        for title, cuts in (("misidentification", alone), ("joint cut", self.joint)):
            rows = [(one, None, {"good": "yes" if one.good else "no"}) for one in cuts]
            lines += [*table_of("", (f"{title} = {{0.name}}", *CUTS), rows).markdown, ""]
        return "\n".join(lines)


@dataclass(frozen=True)
class MuonReport:
    """All species and quantities."""

    results: tuple[MuonResult, ...]

    @property
    def markdown(self) -> str:
        """One table as text."""
        return "\n".join([*_compared(MUONS, self.results, DISTANCE, (FAST, FLOOR)), ""])


def _compared(
    columns: Sequence[str], results: Sequence[object], distance: Sequence[str], names: Sequence[str]
) -> list[str]:
    """A table of results, `columns`, whose rows end in the distances of each name."""
    told = [column.replace("FIRST", names[0]) for column in columns]
    for name in names:
        first, *rest = (column.replace("{0.", f"{{0.distances[{name}].") for column in distance)
        told += [f"{name}: {first}", *rest]
    return lines_of(told, results)
