"""The verbs ``plot``, ``display`` and ``columns`` of the command line."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ...system.command_line import Events, Force

if TYPE_CHECKING:
    from ..page import Drawing, Image
    from .plots import Ntuple


def plot(
    ntuple: Annotated[Path, typer.Argument(help="Fast or detailed ntuple.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for page and plots.")],
    what: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            help="occupancy, spectra, resolutions, identification or masses; may be given more "
            "than once; all that the file has columns for if not given."
        ),
    ] = None,
    beside: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Another ntuple, drawn in grey beside the first."),
    ] = None,
    events: Events = None,
    force: Force = False,
) -> None:
    """Plot what is in an ntuple: one page that opens offline, and PNG and PDF of each sheet."""
    from ...files.places import check_report
    from ...system.extras import need
    from .plots import KINDS, read_ntuple

    need("report", "matplotlib", "mplhep", "jinja2")
    others = [] if beside is None else [beside]
    check_report(output, "index.html", ["plots"], [ntuple, *others], force=force)
    kinds = list(dict.fromkeys(what or KINDS))
    for kind in kinds:
        if kind not in KINDS:
            raise typer.BadParameter(f"no plots {kind!r}; there are {', '.join(KINDS)}")
    ours = read_ntuple(ntuple, kinds, events)
    theirs = None if beside is None else read_ntuple(beside, kinds, events)
    images = _write(output, ours, theirs, kinds)
    typer.echo(f"wrote {output / 'index.html'} and {len(images)} sheets of plots")


def _write(folder: Path, ours: Ntuple, beside: Ntuple | None, kinds: list[str]) -> list[Image]:
    from ...errors import SchemaError
    from ...files.numbers import report_folder
    from ..page import Section, draw_all, write_page
    from .plots import KINDS

    drawings = list(_drawings(ours, beside, kinds))
    if not drawings:
        raise SchemaError(f"{ours.name}: has nothing that {', '.join(kinds)} would show")
    sections = [Section(kind, KINDS[kind].title) for kind in kinds]
    facts = [("ntuple", f"{ours.name}, {len(ours.batch)} events")]
    if beside is not None:
        facts.append(("beside", f"{beside.name}, {len(beside.batch)} events"))
    with report_folder(folder):
        images = draw_all(drawings, folder / "plots")
        write_page(folder / "index.html", f"What is in {ours.name}", sections, images, None, facts)
    return images


def _drawings(ours: Ntuple, beside: Ntuple | None, kinds: list[str]) -> list[Drawing]:
    from ..page import Drawing
    from ..series import panels_of, series_sheet
    from .plots import KINDS, sheets

    found = []
    for kind in kinds:
        panels = panels_of(sheets(kind, ours, beside))
        if panels:
            caption = ours.name + ("" if beside is None else f"; grey or hollow: {beside.name}")
            draw = partial(series_sheet, KINDS[kind].title, panels, min(len(panels), 3))
            found.append(Drawing(kind, kind, caption, draw))
    return found


def display(
    ntuple: Annotated[Path, typer.Argument(help="Fast or detailed ntuple.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Page (.html), or picture alone (.svg).")
    ],
    event: Annotated[int, typer.Option(min=0, help="Position of the event in the file.")] = 0,
    force: Force = False,
) -> None:
    """Draw one event: tracks, vertices, rings and clusters, and what was generated beside them."""
    from ...files.places import check_free, check_parent, refuse_inputs
    from ...files.scratch import write_text
    from .display import event_page, event_svg, read_event

    if output.suffix not in (".html", ".svg"):
        raise typer.BadParameter(f"{output}: a page ends in .html, a picture in .svg")
    check_parent(output)
    refuse_inputs([output], [ntuple])
    check_free(output, force)
    found = read_event(ntuple, event)
    text = event_svg(found) if output.suffix == ".svg" else event_page(found, ntuple.name)
    write_text(output, text)
    typer.echo(f"wrote {output}: {len(found.track)} tracks")


def columns(
    ntuple: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(
            help="Ntuple to look at; the shipped figures without it.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Page (.html) with pictures, or the figures (.json)."),
    ] = None,
    of: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Branches to tell of, such as 'Track_*'; may be repeated."),
    ] = None,
    beside: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Another ntuple, such as the detailed sample of the same events."),
    ] = None,
    events: Annotated[int, typer.Option("-n", "--events", min=1, help="Events of each.")] = 2000,
    force: Force = False,
) -> None:
    """Tell what every branch means, where its values lie, and how well the fast chain draws it."""
    from ...files.places import check_free, check_parent, refuse_inputs
    from ...files.scratch import write_text
    from .columns import Dictionary, measure, page, plain, wanted

    if beside is not None and ntuple is None:
        raise typer.BadParameter("--beside stands beside an ntuple; name one")
    if output is not None:
        if output.suffix not in (".html", ".json"):
            raise typer.BadParameter(f"{output}: a page ends in .html, figures in .json")
        check_parent(output)
        refuse_inputs([output], [p for p in (ntuple, beside) if p is not None])
        check_free(output, force)
    chosen = wanted(of or ())
    found = Dictionary.shipped() if ntuple is None else measure(ntuple, beside, events)
    if output is None:
        typer.echo(plain(chosen, found))
        return
    text = found.text() if output.suffix == ".json" else page(chosen, found)
    write_text(output, text)
    typer.echo(f"wrote {output}: {len(chosen)} branches")
