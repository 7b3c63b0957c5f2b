"""The command ``lamarr-like batch``: a production from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..system.command_line import Force, command_line
from ..system.progress import progress

if TYPE_CHECKING:
    from .manifest import ProductionReport


def batch(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.yaml", help="The production.", show_default=False)
    ],
    workers: Annotated[
        int, typer.Option(min=0, help="Processes, or jobs of a cluster; 0: as the file says, or 1.")
    ] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Make what is missing or damaged, and only that.")
    ] = False,
    scheduler: Annotated[
        str, typer.Option(help="Dask scheduler that runs, as tcp://host:8786.")
    ] = "",
    merge: Annotated[
        bool, typer.Option("--merge", help="Join the parts into NAME.root in the end.")
    ] = False,
    job_script: Annotated[
        bool, typer.Option("--job-script", help="Show what the batch system would get, and end.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Write plan.json, the number of units in it, and end.")
    ] = False,
    unit: Annotated[
        int, typer.Option(help="Make this unit of a planned production only, and end.")
    ] = -1,
    force: Force = False,
) -> None:
    """Run a production: units of events by many processes, each event exactly once."""
    from .cluster import job_script as script
    from .config import ClusterConfig, load_production
    from .outputs import check_outputs
    from .produce import Watcher, make_unit, plan_production, run_production

    production = load_production(config)
    check_outputs(production, [config], merge=merge, force=force)
    if plan:
        planned = plan_production(production)
        for note in planned.notes:
            typer.echo(note, err=True)
        typer.echo(f"{production.output}: {len(planned.units)} units, {planned.events} events")
        return
    if unit >= 0:
        part = make_unit(production, unit)
        typer.echo(f"{production.output}: unit {unit}, {part.events} events")
        return
    if job_script:
        typer.echo(script(production.cluster or ClusterConfig()))
        return
    with progress(None, "planning") as bar:
        watcher = Watcher(total=bar.end_at, advance=bar.advance, say=bar.say)
        report = run_production(
            production,
            workers=workers,
            resume=resume,
            scheduler=scheduler,
            merge=merge,
            watcher=watcher,
            command=command_line(),
            force=force,
        )
    _show(report)
    raise typer.Exit(report.exit_code)


def _show(report: ProductionReport) -> None:
    """The summary at the end."""
    rate = f", {report.made} made now in {report.wall:.1f} s" if report.made else ""
    typer.echo(
        f"{report.folder}: {report.status}; {report.done} of {report.units} units, "
        f"{report.events} events{rate}"
    )
    if report.memory:
        typer.echo(f"peak memory of a worker: {report.memory:.0f} MB")
    if report.merged is not None:
        typer.echo(f"merged into {report.merged}, digest {report.digest}")
    for note in report.notes:
        typer.echo(f"note: {note}", err=True)
    if report.stopped:
        typer.echo(f"stopped: {report.stopped}; go on with --resume", err=True)
    for failure in report.failures:
        typer.echo(
            f"unit {failure.unit}, events {failure.first} to {failure.last} of {failure.source}, "
            f"failed {failure.attempts} times: {failure.reason}",
            err=True,
        )
