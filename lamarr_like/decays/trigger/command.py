"""The command ``lamarr-like trigger``: how often each line fires, and files with its decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ...system.command_line import Events, Force, tell_shorter

Menus = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--menu", help="YAML with lines of your own; those of LHCb in 2016 without it."),
]
Copy = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--output", "-o", help="ROOT file: the events with a branch for each decision."),
]


def trigger(
    ntuple: Annotated[Path, typer.Argument(help="Detailed sample or fast ntuple.")],
    output: Copy = None,
    menu: Menus = None,
    events: Events = None,
    force: Force = False,
) -> None:
    """Ask trigger-like lines of the events of an ntuple, and tell the share that fires each."""
    from .run import run_trigger

    found = run_trigger(ntuple, output, menu, n_events=events, force=force)
    tell_shorter(str(ntuple), (events or 0) - found.events, events)
    typer.echo(f"{ntuple}: {found.events} events, menu {found.menu}")
    width = max(map(len, found.fired))
    for name, (n, share, error) in found.rates().items():
        typer.echo(f"{name:{width}} {n:8d} {100 * share:7.2f} +- {100 * error:.2f} %")
    if output is not None:
        typer.echo(f"wrote {output}")
