"""Reports of the reference detector as JSON and Markdown."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...errors import OutputError
from ...files.places import fresh
from .judgement import Judgement, judgements
from .results import MISSED, NOT_JUDGED, PASS, CheckReport, Row, Section, Series

_MARKS = {PASS: "pass", MISSED: "**missed**", NOT_JUDGED: "-"}


def write_report(report: CheckReport, folder: Path) -> list[Path]:
    """Write ``detailed_check.json`` and ``detailed_check.md``; returns both.

    Raises:
        OutputError: if the folder cannot be written.
    """
    files = [folder / f"detailed_check.{ending}" for ending in ("json", "md")]
    content = (json.dumps(as_json(report), indent=1, allow_nan=False) + "\n", as_markdown(report))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in zip(files, content, strict=True):
            fresh(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error})") from None
    return files


def as_json(report: CheckReport) -> dict[str, Any]:
    """Every number of a report; what is not finite becomes null."""
    return {
        "program": f"lamarr_like {__version__}",
        "samples": [
            {"name": s.name, "events": s.events, "source": s.source} for s in report.samples
        ],
        "verdicts": {name: report.verdicts[name] for name in (PASS, MISSED, NOT_JUDGED)},
        "targets": [
            {
                **{"comparison": j.comparison, "target": j.target, "verdict": j.verdict},
                **{"passed": j.passed, "missed": j.missed},
                "worst": j.worst.quantity if j.worst else None,
            }
            for j in judgements(report)
        ],
        "sections": [_section(s) for s in report.sections],
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _section(section: Section) -> dict[str, Any]:
    if section.skipped:
        return {"key": section.key, "title": section.title, "skipped": section.skipped}
    return {
        "key": section.key,
        "title": section.title,
        "notes": list(section.notes),
        "figures": [_row(r) for r in section.rows],
        "curves": [_curve(s) for s in section.series],
    }


def _row(row: Row) -> dict[str, Any]:
    numbers = {k: _number(getattr(row, k)) for k in ("ours", "error", "target", "low", "high")}
    words = {"n": row.n, "verdict": row.verdict, "source": row.source, "note": row.note}
    return {"quantity": row.quantity, **numbers, **words}


def _curve(series: Series) -> dict[str, Any]:
    arrays = ("low", "high", "ours", "error", "reference", "reference_error")
    words = {"panel": series.panel, "name": series.name, "x": series.x, "y": series.y}
    return {
        **words,
        **{k: [_number(v) for v in np.asarray(getattr(series, k)).tolist()] for k in arrays},
    }


def as_markdown(report: CheckReport) -> str:
    """Tables of a report."""
    v = report.verdicts
    lines = [
        "# The reference detector beside LHCb",
        "",
        *(f"- `{s.name}`: {s.events} events of `{s.source}`" for s in report.samples),
        "",
        f"{v[PASS]} figures pass, {v[MISSED]} miss, {v[NOT_JUDGED]} are not judged "
        "(nothing is asked of them, or statistics cannot tell).",
        "",
        "| comparison | target | verdict | pass | missed | furthest away |",
        "|---|---|---|---|---|---|",
        *(_judgement(j) for j in judgements(report)),
        "",
        "| section | pass | missed | not judged |",
        "|---|---|---|---|",
    ]
    for section in report.sections:
        counts = [sum(r.verdict == k for r in section.rows) for k in _MARKS]
        cells = " | ".join(map(str, counts)) if not section.skipped else "skipped | |"
        lines.append(f"| {section.title} | {cells} |")
    for section in report.sections:
        lines += ["", f"## {section.title}", ""]
        lines += [f"Skipped: {section.skipped}."] if section.skipped else _table(section)
    return "\n".join(lines) + "\n"


def _judgement(judgement: Judgement) -> str:
    worst = judgement.worst
    words = "-"
    if worst is not None:
        words = f"{worst.quantity}: {with_error(worst.ours, worst.error)}, asked {accepted(worst)}"
    cells = (judgement.comparison, judgement.target, _MARKS[judgement.verdict])
    counts = (str(judgement.passed), str(judgement.missed), words.replace("|", "\\|"))
    return "| " + " | ".join((*cells, *counts)) + " |"


def _table(section: Section) -> list[str]:
    lines = [note + "\n" for note in section.notes]
    lines += [
        "| figure | ours | target | accepted | verdict | entries | source | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in section.rows:
        ours = with_error(row.ours, row.error)
        target = f"{row.target:.4g}" if math.isfinite(row.target) else "-"
        cells = (row.quantity, ours, target, accepted(row), _MARKS[row.verdict], str(row.n))
        words = (*cells, row.source, row.note)
        lines.append("| " + " | ".join(w.replace("|", "\\|") for w in words) + " |")
    return lines


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
