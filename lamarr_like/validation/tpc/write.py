"""The report of events of a time projection chamber: page, numbers and figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...files.numbers import PROGRAM, number, report_folder, write_json
from ...files.tables import Table
from ..page import Section, draw_all, verdict_table, write_page
from .compute import TpcComparison
from .draw import drawings

SCHEMA = 1
HEADING = "Are tracks of drawn responses those of detailed ones?"


def write_report(comparison: TpcComparison, folder: Path, command: str = "") -> list[Path]:
    """Write everything into a folder, made if absent; returns the files.

    Args:
        comparison: the numbers.
        folder: where to.
        command: by which the report was made.

    Raises:
        MissingExtraError: without the extra ``report``.
        OutputError: if the folder cannot be written.
    """
    with report_folder(folder):
        images = draw_all(drawings(comparison), folder / "plots")
        content = {
            "program": PROGRAM,
            "schema_version": SCHEMA,
            "command": command,
            "events": comparison.events,
            "tracks": comparison.tracks,
            "rows": comparison.rows,
            "milliseconds": comparison.costs,
            "verdict": comparison.verdict.numbers,
        }
        numbers = write_json(folder / "report.json", content)
        facts = [("events", f"{comparison.events}, {comparison.tracks} tracks in all")]
        facts += [("command", command)] if command else []
        page = write_page(
            folder / "index.html",
            HEADING,
            list(sections(comparison)),
            images,
            comparison.verdict,
            facts,
        )
    return [page, numbers, folder / "plots"]


def sections(comparison: TpcComparison) -> Iterator[Section]:
    """Sections of the page."""
    yield Section(
        "verdict",
        "Verdict",
        "The first generator beside the detailed simulation of the same particles.",
        [verdict_table(comparison.verdict)],
    )
    yield Section(
        "tracks",
        "Tracks",
        "Point of closest approach less the true one, 68 % are nearer; median of chi2/NDF; tracks "
        "with hits that fit in two thirds of their rows; rows with hits; widths of pulls.",
        [tracks_table(comparison)],
    )
    yield Section("readout", "Readout", "", [])
    yield Section(
        "cost",
        "Cost",
        "Processor time of one core for one event.",
        [costs_table(comparison)],
    )


def tracks_table(comparison: TpcComparison) -> Table:
    """Figures of all simulations in all bins."""
    head = ["simulation", "pt [GeV]", "tracks", "x [um]", "y [um]", "z [um]", "chi2/NDF"]
    head += ["efficiency", "rows hit", "pull d0", "pull z"]
    rows = [
        [
            *(r.simulation, f"{r.low:g} to {r.high:g}", str(r.tracks)),
            *(number(v, 4) for v in (r.x, r.y, r.z, r.chi2, r.efficiency, r.hits)),
            *(number(v, 3) for v in (r.pull_d0, r.pull_z)),
        ]
        for r in comparison.rows
    ]
    return Table("", head, rows, 2)


def costs_table(comparison: TpcComparison) -> Table:
    """Time of an event, step by step."""
    rows = [
        [c.simulation, *(number(v, 3) for v in (c.responses, c.sums, c.responses + c.sums, c.hits))]
        for c in comparison.costs
    ]
    head = ["simulation", "responses [ms]", "readout [ms]", "both [ms]", "hits [ms]"]
    return Table("", head, rows)
