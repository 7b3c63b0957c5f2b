"""The verb ``objects`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ...system.command_line import Again, Events, Force, Models, Pipeline, Seed, tell_shorter


def objects(
    sample: Annotated[
        Path, typer.Argument(metavar="DETAILED", help="Detailed sample.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables and plots.")],
    pipeline: Pipeline = "reference",
    baseline: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Model of stage ecal to stand beside the pipeline's."),
    ] = None,
    page: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="ecal, pid or muons; may be given more than once; all if not given."),
    ] = None,
    again: Again = None,
    events: Events = None,
    seed: Seed = 1,
    models: Models = None,
    force: Force = False,
) -> None:
    """Compare clusters, PID and muons of the fast chain with a detailed sample; tables, plots."""
    from ...files.places import chain_files, check_report
    from ...system.extras import need
    from . import compare as tests

    need("plot", "matplotlib", "mplhep")
    pictures = [f"{name}.png" for name in ("ecal", "pid", "pid_floor", "muons")]
    read = [sample, *(again or ()), *chain_files(pipeline, models)]
    check_report(output, "objects.json", ["objects.md", *pictures], read, force=force)
    config = tests.ObjectsConfig(
        sample,
        pipeline=pipeline,
        baseline=baseline,
        models=models,
        events=events,
        seed=seed,
        pages=tuple(page or tests.PAGES),
        again=tuple(again or ()),
    )
    report = tests.compare_objects(config, typer.echo)
    tell_shorter(str(sample), (events or 0) - report.events, events)
    for path in report.write(output):
        typer.echo(f"wrote {path}")
