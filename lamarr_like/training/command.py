"""The verbs ``refine`` and ``classify`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..system.command_line import ColumnMap, Force, Part, command_line


def refine(
    fast: Annotated[Path, typer.Argument(help="Fast sample to be refined.", show_default=False)],
    detailed: Annotated[
        Path, typer.Argument(help="Detailed sample of the same events.", show_default=False)
    ],
    stage: Annotated[str, typer.Option(help="Stage whose variables are moved, such as rich.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the model.")] = Path(
        "models"
    ),
    sample: Annotated[str, typer.Option(help="Name of the sample in the model's name.")] = "pp13",
    model_version: Annotated[str, typer.Option(help="Version in the model's name.")] = "1",
    columns: ColumnMap = None,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="The samples are of different generated events.")
    ] = False,
    paired: Annotated[
        float, typer.Option(min=0.0, help="Weight of the distance of each row to its partner.")
    ] = 0.01,
    part: Part = (0.0, 1.0),
    steps: Annotated[int, typer.Option(min=0, help="Training steps; 0 for the recipe's.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 1,
    test_fast: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(help="Fast sample of other events to judge on; may be given more than once."),
    ] = None,
    test_detailed: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(help="Detailed sample of the same events, one for each --test-fast."),
    ] = None,
    force: Force = False,
) -> None:
    """Learn to move what a stage drew in a fast sample to what the detailed one has."""
    from .refine import RefineRequest, judged_on
    from .refine import refine as run

    tests = judged_on(test_fast or [], test_detailed or [])
    request = RefineRequest(
        stage,
        sample=sample,
        version=model_version,
        seed=seed,
        steps=steps,
        part=part,
        unpaired=unpaired,
        settings={"paired": paired},
    )
    folder = run(
        fast,
        detailed,
        output=output,
        request=request,
        columns=columns,
        command=command_line(),
        tests=tests,
        say=typer.echo,
        force=force,
    )
    typer.echo(f"wrote {folder}")
    typer.echo("in a pipeline file, behind the stage that it refines:")
    typer.echo(f"  - stage: {request.names['stage']}\n    model: {folder.name}")


def classify(
    source: Annotated[
        list[Path],
        typer.Argument(help="Candidates that are known to be signal or not.", show_default=False),
    ],
    target: Annotated[
        list[Path],
        typer.Option(help="Candidates of the domain where it has to hold; may be repeated."),
    ],
    feature: Annotated[
        list[str], typer.Option(help="Branch that the classifier may see; may be repeated.")
    ],
    signal: Annotated[
        str, typer.Option(help="D0_BKGCAT:0-10, branch and range that tell the signal.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the model.")] = Path(
        "models"
    ),
    adversary: Annotated[
        str, typer.Option(help="domain: features are made blind to the domain; or none.")
    ] = "domain",
    sample: Annotated[
        str, typer.Option(help="Name of the sample in the model's name.")
    ] = "candidates",
    model_version: Annotated[str, typer.Option(help="Version in the model's name.")] = "1",
    tree: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Tree of the candidates, where the files hold several."),
    ] = None,
    steps: Annotated[int, typer.Option(min=0, help="Training steps; 0 for the recipe's.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 1,
    strength: Annotated[
        float, typer.Option(min=0.0, help="Of the adversary, 1 for the recipe's.")
    ] = 1.0,
    judged: Annotated[
        float, typer.Option(help="Share of the candidates of each file to judge by, its last ones.")
    ] = 0.4,
    force: Force = False,
) -> None:
    """Learn to tell signal from background in one domain so that it holds in another."""
    from ..decays.command import parse_masses
    from .candidates import Candidates
    from .classify import ClassifyRequest
    from .classify import classify as run

    ((name, (low, high)),) = parse_masses([signal]).items()
    request = ClassifyRequest(
        Candidates(tuple(feature), (name, low, high), tree),
        adversary=adversary,
        sample=sample,
        version=model_version,
        seed=seed,
        steps=steps,
        strength=strength,
        judged=judged,
    )
    folder = run(
        source,
        target,
        output=output,
        request=request,
        command=command_line(),
        say=typer.echo,
        force=force,
    )
    typer.echo(f"wrote {folder}")
