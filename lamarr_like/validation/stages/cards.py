"""Key figures of the fidelity report, written into the cards of the models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...engine.artefact import read_artefact, write_artefact
from ...errors import ArtefactError
from ...registry.find import find_model
from .results import WHOLE_CHAIN, BinFidelity, FidelityReport, StageFidelity

HEADING = "## How well, on independent events"
"""Heading of the section that `write_figures` makes or replaces."""

_SECTION = re.compile(rf"{re.escape(HEADING)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def write_figures(
    report: FidelityReport, models: Path | str | None = None, command: str = ""
) -> list[Path]:
    """Write the figures of a report into the artefacts of the models that it is about.

    The card gets a section and ``config.json`` an entry ``tested``; weights stay as they are, while
    checksums and the digest of the artefact change.

    Args:
        report: the figures.
        models: folder of the user's own models, searched first.
        command: command line that made the report, kept beside the figures.

    Returns:
        Folders of the artefacts.

    Raises:
        ArtefactError: if an artefact is absent, altered or cannot be written.
    """
    tests = (r for results in report.stages.values() for r in results)
    names = {r.model: None for r in tests if r.stage != WHOLE_CHAIN}
    return [_revised(find_model(name, models), name, report, command) for name in names]


def _revised(folder: Path, name: str, report: FidelityReport, command: str) -> Path:
    artefact = read_artefact(folder)
    if not artefact.files.get("card.md"):
        raise ArtefactError(f"{folder} lacks card.md")
    tests = [r for results in report.stages.values() for r in results if r.model == name]
    bins = [r for results in report.bins.values() for r in results if r.model == name]
    files = {k: v for k, v in artefact.files.items() if k != "card.md"}
    text = with_section(artefact.files["card.md"].decode(), _text(report, command, tests, bins))
    config = {**artefact.config, "tested": _figures(report, command, tests, bins)}
    return write_artefact(folder, config, files, text, overwrite=True)


def _figures(
    report: FidelityReport, command: str, tests: list[StageFidelity], bins: list[BinFidelity]
) -> dict[str, Any]:
    """What ``config.json`` gets."""
    return {
        "samples": list(report.samples),
        "events": report.events,
        "command": command,
        "tests": [
            {
                "test": r.test,
                "rows": r.auc.rows,
                "auc": [r.auc.value, r.auc.error],
                "floor": [r.floor.value, r.floor.error],
            }
            for r in tests
        ],
        "bins": [
            {"outcome": r.outcome, "bins": r.bins, "good": r.good, "worst": r.worst} for r in bins
        ],
    }


def _text(
    report: FidelityReport, command: str, tests: list[StageFidelity], bins: list[BinFidelity]
) -> str:
    """What the card gets."""
    lines = [
        f"{report.events} events of {', '.join(report.samples)}, which no model was trained on.",
        "Area under the ROC curve of trees that tell draws from the detailed sample; 0.5: they",
        f"cannot. The floor: {report.between}.",
        f"Command: `{command or 'lamarr-like fidelity'}`",
        "",
    ]
    lines += [
        f"- {r.test}, {r.auc.rows} rows a side: {r.auc.value:.4f} +- {r.auc.error:.4f}, "
        f"floor {r.floor.value:.4f} +- {r.floor.error:.4f}"
        for r in tests
    ]
    lines += [
        f"- {b.outcome}: {b.good:.1%} of {b.bins} bins in P, eta and nSPDHits within 1 % or 2 sigma"
        for b in bins
    ]
    return "\n".join(lines)


def with_section(card: str, text: str) -> str:
    """A card with the section of `HEADING`, in place of an older one or before the last section."""
    section = f"{HEADING}\n{text}\n\n"
    if _SECTION.search(card):
        return _SECTION.sub(lambda _: section, card)
    at = card.rfind("\n## ")
    return f"{card.rstrip()}\n\n{section}" if at < 0 else card[: at + 1] + section + card[at + 1 :]
