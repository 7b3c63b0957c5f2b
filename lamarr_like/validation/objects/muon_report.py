"""isMuon of a fast sample beside the detailed one: efficiency, misidentification, likelihoods."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import schema
from ...events import EventBatch
from ...files.places import fresh
from ...statistics.distances import halves
from ...system.extras import need
from ..detector.muon_curves import NEEDED, P_EDGES, SPECIES, MuonTracks, muon_tracks
from .ecal_page import draw_lines
from .ecal_results import DETAILED, FLOOR
from .lines import Line, LineDistance, line_distance, number, share_line

FAST = "fast"
QUANTITIES = ("isMuon", "MuLL - BgLL > 2 among isMuon")
"""What is drawn against momentum, for each species."""

_CUT = 2.0
_LEAST_P = 3000.0  # MeV, below which isMuon is never true


@dataclass(frozen=True)
class MuonResult:
    """One share of one species against momentum.

    Args:
        species: key of `muon_curves.SPECIES`.
        quantity: one of `QUANTITIES`.
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
class MuonReport:
    """All species and quantities."""

    results: tuple[MuonResult, ...]

    @property
    def markdown(self) -> str:
        """One table as text."""
        lines = [
            "| species | share | tracks | detailed | fast | ratio | largest | chi2/bin "
            "| floor: ratio | largest | chi2/bin |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for r in self.results:
            cells = [
                f"{number(d.ratio)} | {number(d.largest, 3)} | {number(d.chi2, 3)}"
                for d in (r.distances[FAST], r.distances[FLOOR])
            ]
            shares = " | ".join(number(r.shares[k]) for k in (DETAILED, FAST))
            lines.append(
                f"| {r.species} | {r.quantity} | {r.tracks[0]} | {shares} | {' | '.join(cells)} |"
            )
        return "\n".join(lines) + "\n"


def muon_report(detailed: EventBatch, fast: EventBatch, *, seed: int = 0) -> MuonReport:
    """Compare muon identification.

    Args:
        detailed: events of the detailed simulation.
        fast: events of the fast chain.
        seed: seed of the halves.

    Raises:
        SchemaError: if a column is missing.
    """
    half = halves(len(detailed), seed)
    samples = {DETAILED: _checked(detailed, "detailed sample"), FAST: _checked(fast, "fast sample")}
    for i, events in ((1, half), (2, ~half)):
        chosen = detailed.track.select(events[detailed.track.event_index])
        samples[f"{DETAILED}, half {i}"] = muon_tracks(detailed.with_table("track", chosen))
    return MuonReport(tuple(_result(s, q, samples) for q in QUANTITIES for s in SPECIES))


def _checked(batch: EventBatch, where: str) -> MuonTracks:
    for table, columns in NEEDED.items():
        have = batch[table].columns if table in batch.tables else ()
        schema.require(table, have, columns, where)
    return muon_tracks(batch)


def _result(species: str, quantity: str, samples: dict[str, MuonTracks]) -> MuonResult:
    lines, shares, n = {}, {}, {}
    for name, tracks in samples.items():
        mine = tracks.pdg == SPECIES[species]
        passed = tracks.is_muon
        if quantity != QUANTITIES[0]:
            mine, passed = mine & tracks.is_muon, tracks.dll > _CUT
        lines[name] = share_line(passed[mine], tracks.p[mine], P_EDGES.tolist())
        hard = mine & (tracks.p > _LEAST_P)
        n[name] = int(hard.sum())
        shares[name] = float(passed[hard].mean()) if n[name] else float("nan")
    distances = {FAST: line_distance(lines[DETAILED], lines[FAST])}
    distances[FLOOR] = line_distance(*(lines[f"{DETAILED}, half {i}"] for i in (1, 2)))
    return MuonResult(species, quantity, (n[DETAILED], n[FAST]), shares, lines, distances)


def draw_muon_report(report: MuonReport, path: Path) -> Path:
    """Draw the curves on one page, a row a quantity and a panel a species.

    Args:
        report: what to draw.
        path: file to write; its ending chooses the format.
    """
    need("plot", "matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(4.6 * len(SPECIES), 3.8 * len(QUANTITIES)), layout="constrained")
    FigureCanvasAgg(sheet)
    axes = sheet.subplots(len(QUANTITIES), len(SPECIES), squeeze=False).ravel()
    for ax, r in zip(axes, report.results, strict=True):
        draw_lines(ax, r.lines, (FAST,))
        chi2 = " ".join(f"{name} {number(r.distances[name].chi2, 2)}" for name in (FAST, FLOOR))
        ax.set_title(f"{r.species}: chi2/bin {chi2}", fontsize=10)
        ax.set(xlabel="p [MeV]", ylabel=r.quantity)
        values = np.array([r.lines[DETAILED].value, r.lines[FAST].value])
        if np.isfinite(values).any() and np.nanmin(values) < 0.8:
            ax.set_ylim(0.0, None)
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.savefig(fresh(path), dpi=90)
    return path
