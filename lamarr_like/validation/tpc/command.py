"""The verb ``tpc`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ...system.command_line import Force, Models, Seed, command_line


def tpc(
    model: Annotated[
        str, typer.Argument(help="Name or folder of a generator of pad rows.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the report.")],
    beside: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Further generators, shown beside it."),
    ] = None,
    n: Annotated[int, typer.Option("-n", "--events", min=1, help="How many events.")] = 50,
    tracks: Annotated[int, typer.Option(min=1, help="Tracks of an event.")] = 100,
    thresholds: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Thresholds in YAML, in place of those that ship."),
    ] = None,
    seed: Seed = 1,
    models: Models = None,
    force: Force = False,
) -> None:
    """Compare tracks of a TPC of drawn and of detailed responses; exit status as of validate."""
    from ...files.places import check_report
    from ...responses.model import load
    from ...system.extras import need
    from ..verdict import load_thresholds
    from .compute import KINDS, compare_events
    from .write import write_report

    need("report")
    read = [] if thresholds is None else [thresholds]
    check_report(output, "report.json", ["index.html", "plots"], read, force=force)
    config = load_thresholds(thresholds, KINDS, "verdict-tpc.yaml")
    generators = {Path(name).name: load(name, models) for name in (model, *(beside or []))}
    comparison = compare_events(generators, n, tracks, seed, config)
    for path in write_report(comparison, output, command_line()):
        typer.echo(f"wrote {path}")
    for line in comparison.verdict.lines:
        typer.echo(line)
    raise typer.Exit(comparison.verdict.exit_status)
