"""Reports of the reference detector: JSON, Markdown, and the curves of each section."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...files.numbers import number, plain, report_folder, table, write_tables
from ...files.sheets import write_sheet
from ..series import panels_of, series_sheet
from .results import MISSED, NOT_JUDGED, PASS, CheckReport, Judgement, Row, Section, judgements

_COLUMNS, _ROWS = 4, 4
_MARKS = {PASS: "pass", MISSED: "**missed**", NOT_JUDGED: "-"}


def write_report(report: CheckReport, folder: Path) -> list[Path]:
    """Write ``detailed_check.md`` and ``detailed_check.json``; returns both.

    Raises:
        OutputError: if the folder cannot be written.
    """
    return [*write_tables(folder, "detailed_check", as_json(report), as_markdown(report))]


def draw_sections(sections: Sequence[Section], folder: Path) -> list[Path]:
    """Write the curves of each section as ``SECTION.png``, ``SECTION-2.png``, ...; returns them.

    Args:
        sections: what to draw.
        folder: where to write; made if need be.

    Raises:
        OutputError: if the folder cannot be written.
    """
    files: list[Path] = []
    with report_folder(folder):
        for section in sections:
            panels, size = panels_of(section.series), _COLUMNS * _ROWS
            title = f"{section.title} (points and lines: detailed; black, grey: reference)"
            for page, start in enumerate(range(0, len(panels), size), 1):
                name = section.key if page == 1 else f"{section.key}-{page}"
                files.append(folder / f"{name}.png")
                shown = panels[start : start + size]
                write_sheet(partial(series_sheet, title, shown, _COLUMNS), files[-1])
    return files


def as_json(report: CheckReport) -> dict[str, Any]:
    """Every number of a report; what is not finite becomes null."""
    targets = [
        {
            **{"comparison": j.comparison, "target": j.target, "verdict": j.verdict},
            **{"passed": j.passed, "missed": j.missed},
            "worst": j.worst.quantity if j.worst else None,
        }
        for j in judgements(report)
    ]
    content = {
        "samples": report.samples,
        "verdicts": {name: report.verdicts[name] for name in _MARKS},
        "targets": targets,
        "sections": [_section(s) for s in report.sections],
    }
    told: dict[str, Any] = plain(content)
    return told


def _section(section: Section) -> dict[str, Any]:
    told = {"key": section.key, "title": section.title}
    if section.skipped:
        return {**told, "skipped": section.skipped}
    names = ("quantity", "ours", "error", "target", "low", "high", "n", "verdict", "source", "note")
    drawn = ("panel", "name", "x", "y", "low", "high")
    measured = ("ours", "error", "reference", "reference_error")
    return {
        **told,
        "notes": section.notes,
        "figures": [{k: getattr(row, k) for k in names} for row in section.rows],
        "curves": [{k: getattr(s, k) for k in (*drawn, *measured)} for s in section.series],
    }


def as_markdown(report: CheckReport) -> str:
    """Tables of a report."""
    v = report.verdicts
    head = ("comparison", "target", "verdict", "pass", "missed", "furthest away")
    lines = [
        "# The reference detector beside LHCb",
        "",
        *(f"- `{s.name}`: {s.events} events of `{s.source}`" for s in report.samples),
        "",
        f"{v[PASS]} figures pass, {v[MISSED]} miss, {v[NOT_JUDGED]} are not judged "
        "(nothing is asked of them, or statistics cannot tell).",
        "",
        *table(head, map(_judgement, judgements(report))),
        "",
        *table(("section", "pass", "missed", "not judged"), map(_counts, report.sections)),
    ]
    for section in report.sections:
        lines += ["", f"## {section.title}", ""]
        lines += [f"Skipped: {section.skipped}."] if section.skipped else _table(section)
    return "\n".join(lines) + "\n"


def _counts(section: Section) -> tuple[object, ...]:
    counts = [sum(r.verdict == k for r in section.rows) for k in _MARKS]
    return (section.title, *(("skipped", "", "") if section.skipped else counts))


def _judgement(judgement: Judgement) -> tuple[object, ...]:
    worst, words = judgement.worst, "-"
    if worst is not None:
        words = f"{worst.quantity}: {with_error(worst.ours, worst.error)}, asked {accepted(worst)}"
    cells = (judgement.comparison, judgement.target, _MARKS[judgement.verdict])
    return (*cells, judgement.passed, judgement.missed, words)


def _table(section: Section) -> list[str]:
    head = ("figure", "ours", "target", "accepted", "verdict", "entries", "source", "note")
    rows = [
        (
            *(row.quantity, with_error(row.ours, row.error), number(row.target), accepted(row)),
            *(_MARKS[row.verdict], row.n, row.source, row.note),
        )
        for row in section.rows
    ]
    return [*(note + "\n" for note in section.notes), *table(head, rows)]


def with_error(value: float, error: float) -> str:
    """A value and its error with as many digits as the error has meaning."""
    if not math.isfinite(value):
        return "-"
    if not math.isfinite(error) or error <= 0.0:
        return f"{value:.4g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    if digits > 6:
        return f"{value:.4g} +- {error:.2g}"
    return f"{value:.{digits}f} +- {error:.{digits}f}"


def accepted(row: Row) -> str:
    """The accepted range in words."""
    if math.isinf(row.low) and math.isinf(row.high):
        return "-"
    if math.isinf(row.low):
        return f"<= {row.high:.4g}"
    if math.isinf(row.high):
        return f">= {row.low:.4g}"
    return f"{row.low:.4g} to {row.high:.4g}"
