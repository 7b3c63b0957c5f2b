"""What a physicist looks at first: resolutions, identification curves, masses, the 3 x 3 pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...arrays import Floats
from ...statistics.adaptive_bins import Bins, adaptive_bins
from ...statistics.binned import box_histograms, share_above
from ...statistics.mass_peak import WINDOWS, Peak, find_peak
from ...statistics.matching import where
from ..tracks import SPECIES
from .distributions import MIN_WIDTH, Width, width_by
from .sample import Sample, effective, of_species

CURVES: dict[str, tuple[str, str, str]] = {
    "K beside pi, PIDK": ("K", "pi", "pid_k"),
    "K beside pi, ProbNNk": ("K", "pi", "prob_nn_k"),
    "K beside pi, RichDLLk": ("K", "pi", "rich_dll_k"),
    "p beside pi, PIDp": ("p", "pi", "pid_p"),
    "p beside pi, ProbNNp": ("p", "pi", "prob_nn_p"),
    "mu beside pi, PIDmu": ("mu", "pi", "pid_mu"),
    "e beside pi, PIDe": ("e", "pi", "pid_e"),
}
"""Curves of identification: signal, background, variable."""
PAGES: tuple[tuple[str, str], ...] = (
    *(("K", "rich_dll_k"), ("pi", "rich_dll_k"), ("p", "rich_dll_p")),
    *(("K", "pid_k"), ("pi", "pid_k"), ("mu", "pid_mu"), ("e", "pid_e")),
)
"""Species and variables of the pages of distributions in boxes of momentum and eta."""
LEAST_PT = 0.2
"""Transverse momentum [GeV] of the tracks of which the impact parameter is shown."""
POINTS = 101
_HISTOGRAM = 40


@dataclass(frozen=True)
class PidCurve:
    """Efficiency of a signal against misidentification of a background, as a cut moves.

    Args:
        name: for titles.
        cuts: the cuts, shape ``(n,)``.
        efficiency: detailed and fast, shape ``(2, n)``.
        misidentification: the same.
        tracks: of the signal and the background, detailed and fast, shape ``(2, 2)``.
    """

    name: str
    cuts: Floats
    efficiency: Floats
    misidentification: Floats
    tracks: Floats


@dataclass(frozen=True)
class Page:
    """Distributions of a variable in nine boxes of momentum and pseudorapidity.

    Args:
        species, variable: what is shown.
        bins: the boxes.
        edges: of the histograms.
        counts: sums of weights, detailed and fast, shape ``(2, n_boxes, n_bins)``.
        squares: sums of squared weights, the same shape.
    """

    species: str
    variable: str
    bins: Bins
    edges: Floats
    counts: Floats
    squares: Floats


@dataclass(frozen=True)
class MassPeak:
    """Mass of pairs of photons.

    Args:
        name: ``pi0`` or ``eta``.
        edges: of the histogram [MeV].
        counts: detailed and fast, per event, shape ``(2, n_bins)``.
        detailed, fast: the peaks.
        events: detailed and fast.
    """

    name: str
    edges: Floats
    counts: Floats
    detailed: Peak
    fast: Peak
    events: tuple[int, int]


@dataclass(frozen=True)
class Physics:
    """All of them.

    Args:
        impact: widths of x and y in bins of 1/pT [1/GeV].
        vertices: widths of x, y and z in bins of the tracks of the vertex.
        curves: of identification.
        pages: of distributions.
        peaks: of masses.
    """

    impact: tuple[Width, ...]
    vertices: tuple[Width, ...]
    curves: tuple[PidCurve, ...]
    pages: tuple[Page, ...]
    peaks: tuple[MassPeak, ...]


def physics(detailed: Sample, fast: Sample, species: Sequence[str] = tuple(SPECIES)) -> Physics:
    """Compute everything that both samples allow.

    Args:
        detailed, fast: the samples, after `gather.paired`.
        species: some of `SPECIES`.
    """
    return Physics(
        tuple(_impact(detailed, fast, species)),
        tuple(_vertices(detailed, fast)),
        tuple(_curves(detailed, fast, species)),
        tuple(_pages(detailed, fast, species)),
        tuple(_peaks(detailed, fast)),
    )


def _impact(detailed: Sample, fast: Sample, species: Sequence[str]) -> Iterator[Width]:
    """Widths of x and y of all species but electrons, which radiate."""
    parts = []
    for sample in (detailed, fast):
        mine = np.isin(sample.track["species"], [SPECIES[n] for n in species if n != "e"])
        pt = 1e-3 * sample.track["p"] / np.cosh(sample.track["eta"])
        chosen = mine & (pt > LEAST_PT)
        parts.append({**where(sample.track, chosen), "inverse_pt": 1.0 / pt[chosen]})
    if min(effective(c) for c in parts) >= MIN_WIDTH:
        for variable in ("dx", "dy"):
            yield width_by("hadrons and mu", variable, parts[0], parts[1], "inverse_pt")


def _vertices(detailed: Sample, fast: Sample) -> Iterator[Width]:
    parts = detailed.vertex, fast.vertex
    if min(effective(c) for c in parts) >= MIN_WIDTH:
        for axis in "xyz":
            yield width_by("primary vertices", axis, parts[0], parts[1], "n_tracks")


def _curves(detailed: Sample, fast: Sample, species: Sequence[str]) -> Iterator[PidCurve]:
    for name, (signal, background, variable) in CURVES.items():
        if not {signal, background} <= set(species):
            continue
        if any(variable not in s.track for s in (detailed, fast)):
            continue
        sides = [[of_species(s.track, n) for n in (signal, background)] for s in (detailed, fast)]
        tracks = np.array([[effective(c) for c in side] for side in sides])
        if tracks.min() < MIN_WIDTH:
            continue
        both = np.concatenate([c[variable] for c in sides[0]])
        cuts = np.unique(np.quantile(both, np.linspace(0.001, 0.999, POINTS)))
        shares = [[share_above(c[variable], c["weight"], cuts) for c in side] for side in sides]
        above = np.array(shares)
        yield PidCurve(name, cuts, above[:, 0], above[:, 1], tracks)


def _pages(detailed: Sample, fast: Sample, species: Sequence[str]) -> Iterator[Page]:
    for name, variable in PAGES:
        if name not in species or any(variable not in s.track for s in (detailed, fast)):
            continue
        sides = of_species(detailed.track, name), of_species(fast.track, name)
        if min(effective(c) for c in sides) < 9.0 * MIN_WIDTH:
            continue
        bins = adaptive_bins(("p", "eta"), sides[0], sides[0]["weight"], least=MIN_WIDTH, most=3)
        low, high = np.quantile(sides[0][variable], [0.005, 0.995])
        if not high > low:
            continue
        edges = np.linspace(low, high, _HISTOGRAM + 1)
        filled = [
            box_histograms(bins.place(c), len(bins), c[variable], c["weight"], edges) for c in sides
        ]
        counts, squares = np.stack(filled, axis=1)
        yield Page(name, variable, bins, edges, counts, squares)


def _peaks(detailed: Sample, fast: Sample) -> Iterator[MassPeak]:
    events = detailed.n_events, fast.n_events
    if not min(len(detailed.pair["mass"]), len(fast.pair["mass"])):
        return
    for name, window in WINDOWS.items():
        edges = np.linspace(window.below[0], window.above[1], 51)
        masses = [s.pair["mass"][s.pair["least_et"] > window.least_et] for s in (detailed, fast)]
        counts = [np.histogram(m, edges)[0] / n for m, n in zip(masses, events, strict=True)]
        found = [find_peak(m, n, window) for m, n in zip(masses, events, strict=True)]
        yield MassPeak(name, edges, np.array(counts), found[0], found[1], events)
