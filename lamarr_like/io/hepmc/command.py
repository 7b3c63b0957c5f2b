"""The verb ``truth``: events of any source as HepMC3 text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...system.command_line import Events, Force, Pileup, Quiet, Seed, SkipBad, tell_shorter
from ...system.progress import progress


def truth(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="What is simulated or was: pythia:bbbar, gun:..., decay:..., a file, an ntuple.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="truth.hepmc, or .hepmc.gz, to write.")
    ],
    events: Events = None,
    seed: Seed = 1,
    pileup: Pileup = None,
    skip_bad: SkipBad = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write generated events as HepMC3 text, for other programs and to be read again."""
    from ..sources import open_source
    from .export import write_hepmc

    opened = open_source(source, n_events=events, seed=seed, pileup=pileup, skip_bad=skip_bad)
    with progress(events, "starting", shown=not quiet) as bar:
        n = write_hepmc(opened, output, bar.advance, force)
    if not quiet:
        typer.echo(f"{output}: {n} events")
        for note in opened.remarks():
            typer.echo(f"note: {note}", err=True)
        tell_shorter(source, (events or 0) - n - len(opened.skipped), events)
