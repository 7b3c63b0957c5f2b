"""Results of the comparison of particle identification, as text, as numbers and on a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...arrays import Floats
from ...files.places import fresh
from ...system.extras import need

TOLERANCE = 0.02
"""A ratio this near to one is good whatever its error."""


def share_error(passed: Floats | np.float64, total: Floats | np.float64) -> Floats:
    """Binomial error of a share, with one success and one failure added: never zero.

    Args:
        passed, total: numbers of tracks, shape ``(n,)`` or single.
    """
    centre = (passed + 1.0) / (total + 2.0)
    error: Floats = np.sqrt(centre * (1.0 - centre) / (total + 2.0))
    return error


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
class Curve:
    """A misidentification against momentum.

    Args:
        name: key of `MISIDENTIFICATION`.
        edges: bins of momentum [MeV].
        points: one comparison a bin.
        whole: over all momenta.
    """

    name: str
    edges: tuple[float, ...]
    points: tuple[Comparison, ...]
    whole: Comparison


@dataclass(frozen=True)
class PidReport:
    """Identification of a fast sample beside that of a detailed one.

    Args:
        ratios: efficiency ratios by species, variable and quantile.
        curves: misidentification against momentum.
        joint: cuts on several variables.
    """

    ratios: tuple[RatioResult, ...]
    curves: tuple[Curve, ...]
    joint: tuple[Comparison, ...]

    @property
    def good(self) -> float:
        """Share of all bins of all cuts that are good; NaN without any."""
        bins = sum(r.bins for r in self.ratios)
        return sum(r.bins * r.good for r in self.ratios) / bins if bins else float("nan")

    @property
    def markdown(self) -> str:
        """Three tables as text."""
        lines = [
            "| species | variable | quantile | cut | detailed | fast "
            "| bins | good | worst, sigma |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {r.species} | {r.variable} | {r.quantile:.0%} | {r.cut:.3g} "
            f"| {r.detailed.value:.4f} | {r.fast.value:.4f} | {r.bins} | {r.good:.1%} "
            f"| {r.worst:.1f} |"
            for r in self.ratios
        ]
        lines += ["", f"All cuts: {self.good:.1%} of the bins are good.", ""]
        head = "| {} | species | detailed | fast | ratio | good |\n|---|---|---|---|---|---|"
        for title, rows in (
            ("misidentification", [c.whole for c in self.curves]),
            ("joint cut", self.joint),
        ):
            lines += [head.format(title), *(_row(one) for one in rows), ""]
        return "\n".join(lines)

    def write(self, folder: Path) -> list[Path]:
        """Write ``pid.md`` and ``pid.json`` into a folder, made if absent."""
        folder.mkdir(parents=True, exist_ok=True)
        text, numbers = folder / "pid.md", folder / "pid.json"
        fresh(text).write_text(self.markdown)
        fresh(numbers).write_text(json.dumps(asdict(self), indent=1) + "\n")
        return [text, numbers]


def _row(one: Comparison) -> str:
    shares = " | ".join(f"{s.value:.5f} +- {s.error:.5f}" for s in (one.detailed, one.fast))
    verdict = "yes" if one.good else "no"
    return (
        f"| {one.name} | {one.species} | {shares} "
        f"| {one.ratio:.3f} +- {one.ratio_error:.3f} | {verdict} |"
    )


def draw(curves: Sequence[Curve], path: Path) -> Path:
    """Draw misidentification against momentum on one page, detailed and fast on top of each other.

    Args:
        curves: what to draw, each in a panel of its own.
        path: file to write; its ending chooses the format.
    """
    need("plot", "matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_columns = 3
    n_rows = max(-(-len(curves) // n_columns), 1)
    figure = Figure(figsize=(4.2 * n_columns, 3.2 * n_rows), layout="constrained")
    FigureCanvasAgg(figure)
    for i, curve in enumerate(curves):
        axes = figure.add_subplot(n_rows, n_columns, i + 1)
        edges = np.array(curve.edges) / 1e3
        middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
        for sample, style in (("detailed", "s"), ("fast", "o")):
            shares = [getattr(point, sample) for point in curve.points]
            axes.errorbar(
                middle,
                [s.value for s in shares],
                yerr=[s.error for s in shares],
                xerr=half,
                fmt=style,
                markersize=4,
                fillstyle="none" if sample == "detailed" else "full",
                label=sample,
            )
        axes.set(title=curve.name, xlabel="p [GeV]", ylabel="share", xscale="log", ylim=(0, None))
        axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(fresh(path))
    return path
