"""Results of single comparisons of objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...statistics.binned import share_error
from ...statistics.lines import Line, LineDistance, Spread
from ...statistics.mass_peak import Peak
from ...statistics.two_sample import Auc

DETAILED, FAST, FLOOR = "detailed", "fast", "floor"
"""The detailed sample, the only fast one, and the comparison of two detailed ones."""
HALVES = ("floor, one", "floor, other")
"""The detailed sample and its second draw among the samples, or its halves."""
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
        floor: two draws of the detailed sample, or its halves.
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
        peaks: by name of the sample, the two of the floor included.
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
        lines: curves by name of the sample, the two of the floor included.
        distances: of ``fast`` and of `FLOOR`.
    """

    species: str
    quantity: str
    tracks: tuple[int, int]
    shares: dict[str, float]
    lines: dict[str, Line]
    distances: dict[str, LineDistance]
