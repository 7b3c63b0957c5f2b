"""A report as one HTML page: verdict, text, tables and figures, beside ``report.json``.

A command writes one so, into a folder of its own::

    verdict = judge(measurements, load_thresholds(path, KINDS, "verdict-NAME.yaml"))
    drawings = [Drawing("shape-pi", "shapes", "Mean response of 500 pions.", draw)]
    sections = [
        Section("verdict", "Verdict", "How it was judged.", [verdict_table(verdict)]),
        Section("shapes", "Shapes", "How to read it.", [table_of("", COLUMNS, rows)]),
    ]
    with report_folder(folder):
        images = draw_all(drawings, folder / "plots")
        write_json(folder / "report.json", {**own_numbers, "verdict": verdict.numbers})
        write_page(folder / "index.html", HEADING, sections, images, verdict, facts)
    raise typer.Exit(verdict.exit_status)

``draw`` makes a figure (`sheets.sheet_of`); `tables` says what columns are, `verdict` what is
measured.  A section with neither rows nor figures is left out.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..files.scratch import write_text
from ..files.sheets import DPI, write_sheet
from ..files.tables import Table, table_of
from ..statistics.judgement import Status
from ..system.extras import need
from .verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EMBEDDED = 9_000_000
"""Bytes of PNG that the page carries at the most; further figures lie beside it."""
_MARKS = {Status.passed: "pass", Status.failed: "fail", Status.unknown: "unknown"}
"""Classes of the style sheet."""
_CHECKS = (
    *("check = {0.group}", "subject = {0.subject}{star}", "outcome = {0.status.value}"),
    *("looked at = {0.judged}", "most significant deviation = {0.worst}"),
    *("off by = {0.deviation:.3g}", "+- = {0.sigma:.3g}", "allowed = {0.tolerance:.3g}"),
    *("p = {0.p:.3g}", "would see = {0.sensitivity:.3g}", "in bins = {0.in_bins:.3g}"),
)


class Drawing(NamedTuple):
    """A figure of a report.

    Attributes:
        name: of its files.
        section: `Section.id` of where it stands.
        caption: what it shows, with the sizes of the samples.
        draw: draws it, in the style of the report.
    """

    name: str
    section: str
    caption: str
    draw: Callable[[], Figure]


class Image(NamedTuple):
    """A figure that was drawn.

    Attributes:
        name, section, caption: as in `Drawing`.
        width, height: pixels.
        data: the PNG in base64; empty if it only lies beside the page.
        file: name of the file with most detail, in the folder ``plots``.
    """

    name: str
    section: str
    caption: str
    width: int
    height: int
    data: str
    file: str = ""


class Section(NamedTuple):
    """A section of the page.

    Attributes:
        id: for links and drawings.
        title: above it.
        note: how to read it.
        tables: the first things in it.
    """

    id: str
    title: str
    note: str = ""
    tables: Sequence[Table] = ()


def verdict_table(verdict: Verdict) -> Table:
    """Everything that was judged."""
    rows = [(c, None, {"star": " *" if c.needed else ""}) for c in verdict.checks]
    note = f"Thresholds: {verdict.thresholds}; * needed for a verdict"
    return table_of(note, _CHECKS, rows, 5, {s.value: mark for s, mark in _MARKS.items()})


ENDINGS = ("png", "pdf")
"""Files that each figure is written to; the page holds the first."""


def draw_all(
    drawings: Iterable[Drawing], folder: Path, endings: Sequence[str] = ENDINGS
) -> list[Image]:
    """Write figures as ``NAME.png`` and ``NAME.pdf``.

    Args:
        drawings: the figures.
        folder: where to, made if absent.
        endings: those of `ENDINGS` that are wanted, the first among them: a PDF takes as long as
            all else of a figure.

    Raises:
        MissingExtraError: without the extra ``plot``.
        OSError, OutputError: if a file cannot be written.
    """
    images = []
    for name, section, caption, draw in drawings:
        paths = [folder / f"{name}.{ending}" for ending in endings]
        width, height = write_sheet(draw, *paths).get_size_inches() * DPI
        data = base64.b64encode(paths[0].read_bytes()).decode()
        file = paths[-1].name
        images.append(Image(name, section, caption, int(width), int(height), data, file))
    return images


def write_page(
    path: Path,
    heading: str,
    sections: Iterable[Section],
    images: Sequence[Image],
    verdict: Verdict | None,
    facts: Iterable[tuple[str, str]] = (),
) -> Path:
    """Write the page, with as many of the figures inside as `EMBEDDED` allows.

    Args:
        path: ``index.html`` beside the folder ``plots`` of the figures.
        heading, sections, images, verdict, facts: as of `page_text`.

    Raises:
        MissingExtraError: without the extra ``report``.
        OutputError: if it cannot be written.
    """
    sizes = np.cumsum([len(image.data) for image in images])
    pairs = zip(images, sizes, strict=True)
    held = [i if size <= EMBEDDED else i._replace(data="") for i, size in pairs]
    return write_text(path, page_text(heading, sections, held, verdict, facts))


def page_text(
    heading: str,
    sections: Iterable[Section],
    images: Sequence[Image],
    verdict: Verdict | None,
    facts: Iterable[tuple[str, str]] = (),
) -> str:
    """The page as text.

    Args:
        heading: the question that it answers.
        sections: those with rows or figures are shown.
        images: the figures.
        verdict: the answer; None where nothing is judged.
        facts: name and text of what was compared or is shown.

    Raises:
        MissingExtraError: without the extra ``report``.
    """
    need("report", "jinja2")
    from jinja2 import Environment

    placed = [(s, [i for i in images if i.section == s.id]) for s in sections]
    source = files(__package__).joinpath("page.html.j2").read_text()
    return (
        Environment(autoescape=True)
        .from_string(source)
        .render(
            heading=heading,
            title=heading if verdict is None else f"Validation report: {verdict.status.value}",
            kind=None if verdict is None else _MARKS[verdict.status],
            lines=() if verdict is None else verdict.lines,
            facts=list(facts),
            sections=[(s, own) for s, own in placed if own or any(t.rows for t in s.tables)],
        )
    )
