"""The HTML page: tables of the report beside its figures, in one file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import NamedTuple

from ...system.extras import need
from . import tables
from .compute import Report
from .tables import MARKS, Table


class Image(NamedTuple):
    """A figure of the page.

    Attributes:
        name: of its files in ``plots/``.
        section: where it stands.
        caption: below it.
        width, height: pixels.
        data: the PNG in base64; empty if it only lies beside the page.
    """

    name: str
    section: str
    caption: str
    width: int
    height: int
    data: str


class Section(NamedTuple):
    """A section of the page; the template has what is to be noted in each.

    Attributes:
        id: for links and notes.
        title: above it.
        tables: the first things in it.
        figures: those that are shown.
        others: names of those that lie beside the page.
    """

    id: str
    title: str
    tables: Sequence[Table]
    figures: Sequence[Image]
    others: Sequence[str]


def page(report: Report, images: Iterable[Image]) -> str:
    """The page as text.

    Args:
        report: the numbers.
        images: its figures.
    """
    need("report", "jinja2")
    from jinja2 import Environment

    source = files(__package__).joinpath("page.html.j2").read_text()
    template = Environment(autoescape=True).from_string(source)
    return template.render(
        status=report.verdict.status.value,
        kind=MARKS[report.verdict.status],
        lines=report.verdict.lines,
        facts=_facts(report),
        sections=_sections(report, list(images)),
    )


def _facts(report: Report) -> list[tuple[str, str]]:
    rows = []
    for s in (report.detailed, report.fast):
        text = f"{s.n_events} events, {len(s.track['unit'])} long tracks of known species"
        if s.out_of_range is not None:
            text += f", {s.out_of_range} of them outside the training sample of the models"
        rows.append((f"{s.name} sample", text))
    rows.append(("events of both", f"{report.common}: the same generated particles in both"))
    rows += [(str(k), str(v)) for k, v in report.provenance.items()]
    if report.missing:
        rows.append(("not compared", f"the fast sample lacks {', '.join(report.missing)}"))
    return rows


def _sections(report: Report, images: list[Image]) -> list[Section]:
    """Sections with something in them."""
    parts: list[tuple[str, str, Sequence[Table]]] = [
        ("verdict", "Verdict", [tables.checks(report)]),
        ("tracking", "Acceptance and tracking", [tables.ratios(report, cuts=False)]),
        ("identification", "Cuts on identification", [tables.ratios(report, cuts=True)]),
        ("distributions", "Distributions and correlations", tables.distances(report)),
        ("classifier", "Can a classifier tell?", tables.tellings(report)),
        ("physics", "Physics", []),
        ("decays", "Decays", tables.decay_tables(report)),
        ("pages", "Distributions in boxes of P and eta", []),
        ("pidcalib", "Measured calibration data", []),
    ]
    found = []
    for name, heading, mine in parts:
        figures = [i for i in images if i.section == name]
        if figures or any(t.rows for t in mine):
            shown, others = [i for i in figures if i.data], [i.name for i in figures if not i.data]
            found.append(Section(name, heading, mine, shown, others))
    return found
