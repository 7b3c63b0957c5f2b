"""The verb ``rapidsim``: a decay of RapidSim, in a collision, through the chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..decays.command import Particles
from ..system.command_line import Force, Models, Output, Pipeline, Workers, command_line
from ..system.progress import progress


def rapidsim(
    config: Annotated[
        Path, typer.Argument(metavar="FILE.config", help="RapidSim's, with FILE.decay beside it.")
    ],
    output: Output,
    events: Annotated[int, typer.Option("-n", "--events", min=1, help="How many decays.")],
    collisions: Annotated[
        str, typer.Option(help="Source of the collisions around the decays; none for none.")
    ] = "pythia:minbias",
    pileup: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(min=0.0, help="Mean number of collisions an event."),
    ] = None,
    seed: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Equal seeds give equal files; that of the config, or 1."),
    ] = None,
    pipeline: Pipeline = "reference",
    models: Models = None,
    particles: Particles = None,
    workers: Workers = 1,
    force: Force = False,
) -> None:
    """Run a decay of RapidSim: its .decay and .config as they are, our detector in its place."""
    from ..decays.command import make_requests
    from ..decays.rapidsim import RapidSim
    from ..decays.request import Selection
    from .command import show
    from .config import RunConfig
    from .simulate import simulate

    found = RapidSim.read(config)
    alone = f"decay:{config}"
    run = RunConfig(
        alone if collisions == "none" else f"{collisions}+{alone}",
        output,
        n_events=events,
        seed=seed if seed is not None else found.seed if found.seed is not None else 1,
        pileup=pileup,
        command=command_line(),
        decays=tuple(make_requests([found.decay.text], False, [], Selection(), [], found.branches)),
        force=force,
    )
    with progress(events, "starting") as bar:
        summary = simulate(run, pipeline, models, bar.advance, workers)
    show(run, summary)
