"""The verbs ``response list``, ``sample``, ``train`` and ``draw`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..system.command_line import Force, Models, Seed, Workers, command_line

Npz = Annotated[Path, typer.Option("--output", "-o", help="Sample to write (.npz).")]
Number = Annotated[Optional[int], typer.Option("-n", min=1, help="How many particles.")]  # noqa: UP045


def list_responses() -> None:
    """List the responses, the families of generators and the trained generators that ship."""
    from ..files.find import shipped
    from .declared import find_declared, known
    from .devices import Devices
    from .families import RESPONSE_FAMILIES

    for name in known():
        of = find_declared(name).response
        parts = of.responses if isinstance(of, Devices) else (of,)
        cells = " and ".join(f"{' x '.join(map(str, p.shape))} cells [{p.unit}]" for p in parts)
        given = ", ".join(c.name for c in of.conditions)
        typer.echo(f"{name}: {of.title}\n  {cells}, given {given}")
        models = sorted(p.parent.name for p in shipped("models").glob(f"{name}-*/SHA256SUMS"))
        typer.echo(f"  trained: {', '.join(models) or 'none'}")
    typer.echo(f"families: {', '.join(RESPONSE_FAMILIES)}")


def sample(
    name: Annotated[str, typer.Argument(help="Response.", show_default=False)],
    output: Npz,
    n: Annotated[int, typer.Option("-n", min=1, help="How many particles.")] = 1000,
    seed: Seed = 1,
    like: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Take the particles of this sample: with another seed a second draw."),
    ] = None,
    workers: Workers = 1,
    force: Force = False,
) -> None:
    """Simulate a response in detail."""
    from .declared import find_declared
    from .making import make_sample
    from .samples import check_sample_output, read_any, write_sample

    check_sample_output(output, [] if like is None else [like], force=force)
    response = find_declared(name).response
    particles = None if like is None else read_any(like, response)
    made = make_sample(name, n, seed, like=particles, workers=workers)
    write_sample(made, output, force=force)
    cost = made.record["ms_per_particle"]
    typer.echo(f"wrote {output}: {len(made)} particles, {cost:.3g} ms each")


def train(
    name: Annotated[
        str, typer.Argument(help="Response, or a YAML file that declares one.", show_default=False)
    ],
    data: Annotated[Path, typer.Option(help="Detailed sample (.npz).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the models.")] = Path(
        "models"
    ),
    family: Annotated[str, typer.Option(help="Family of generators.")] = "",
    minutes: Annotated[
        float, typer.Option(min=0.0, help="About so long, instead of the steps of the recipe.")
    ] = 0.0,
    steps: Annotated[int, typer.Option(min=0, help="Training steps; 0 for the recipe's.")] = 0,
    part: Annotated[
        tuple[float, float], typer.Option(help="Share of the particles, from and to.")
    ] = (0.0, 1.0),
    model_version: Annotated[str, typer.Option(help="Version in the model's name.")] = "1",
    settings: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--set", help="Setting other than the recipe's: objective=wasserstein."),
    ] = None,
    emphasise: Annotated[
        str, typer.Option(help="Metric that is to be right above all: width_pad (family gan).")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 1,
    force: Force = False,
) -> None:
    """Train a generator of a response on a detailed sample; writes an artefact."""
    from .declared import find_response
    from .fit import Request, fit
    from .samples import read_any

    words = [*(settings or ()), *([f"emphasise={emphasise}"] if emphasise else ())]
    request = Request(family, minutes, steps, part, seed, model_version, words)
    folder = fit(
        read_any(data, find_response(name)),
        request,
        output,
        command=command_line(without=("-o", "--output")),
        force=force,
    )
    typer.echo(f"wrote {folder}")


def draw(
    model: Annotated[
        str, typer.Argument(help="Name or folder of a trained generator.", show_default=False)
    ],
    like: Annotated[
        Path,
        typer.Option(help="Particles: a sample (.npz) or a Parquet table of the conditions."),
    ],
    output: Npz,
    n: Number = None,
    steps: Annotated[
        int, typer.Option(min=0, help="Steps of families that have them; 0 for their own.")
    ] = 0,
    want: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Value that a property must have, of families with control: total=300."),
    ] = None,
    seed: Seed = 1,
    models: Models = None,
    force: Force = False,
) -> None:
    """Draw a response for the particles of a sample or table."""
    from ..engine.artefact import digest
    from ..registry.find import find_model
    from .drawing import draw_sample, particles, wanted_of
    from .joint import load_any
    from .samples import check_sample_output, write_sample

    check_sample_output(output, [like], force=force)
    wanted = wanted_of(want or [])
    generator = load_any(model, models)
    conditions = particles(like, generator.response, n)
    drawn = draw_sample(
        generator,
        conditions,
        seed,
        steps=steps,
        wanted=wanted,
        model=(folder := find_model(model, models)).name,
        digest=digest(folder),
    )
    write_sample(drawn, output, force=force)
    cost = drawn.record["ms_per_particle"]
    typer.echo(f"wrote {output}: {len(drawn)} particles, {cost:.3g} ms each")
