"""The verbs ``translate train`` and ``translate apply`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ...system.command_line import Force, Models, command_line


def train(
    first: Annotated[
        Path,
        typer.Argument(help="Sample of arrays (.npz), such as simple ones.", show_default=False),
    ],
    second: Annotated[
        Path, typer.Argument(help="Sample of other events to translate to.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the models.")] = Path(
        "models"
    ),
    family: Annotated[str, typer.Option(help="uvcgan or cyclegan.")] = "uvcgan",
    steps: Annotated[int, typer.Option(min=0, help="Training steps; 0 for the recipe's.")] = 0,
    part: Annotated[tuple[float, float], typer.Option(help="Share of the arrays, from and to.")] = (
        0.0,
        1.0,
    ),
    paired: Annotated[
        bool,
        typer.Option("--paired", help="Learn from pairs of the same events: a bound, to compare."),
    ] = False,
    model_version: Annotated[str, typer.Option(help="Version in the model's name.")] = "1",
    settings: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--set", help="Setting other than the recipe's: cycle=20."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 1,
    force: Force = False,
) -> None:
    """Learn to translate arrays between two samples that share no events; writes an artefact."""
    from ..fit import Request
    from ..samples import read_sample
    from .fit import TwoSamples, fit

    words = [*(settings or ()), *(["paired=true"] if paired else ())]
    folder = fit(
        TwoSamples(read_sample(first), read_sample(second)),
        Request(family, 0.0, steps, part, seed, model_version, words),
        output,
        command=command_line(without=("-o", "--output")),
        force=force,
    )
    typer.echo(f"wrote {folder}")


def apply(
    model: Annotated[
        str, typer.Argument(help="Name or folder of a translation.", show_default=False)
    ],
    arrays: Annotated[
        Path, typer.Argument(help="Sample of arrays to translate (.npz).", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Sample to write (.npz).")],
    backward: Annotated[
        bool, typer.Option("--backward", help="From the second response to the first.")
    ] = False,
    models: Models = None,
    force: Force = False,
) -> None:
    """Translate a sample of arrays."""
    from ..samples import check_sample_output, read_sample, write_sample
    from .model import load

    check_sample_output(output, [arrays], force=force)
    translator = load(model, models)
    made = translator.translate_sample(
        read_sample(arrays), backward=backward, model=Path(model).name
    )
    write_sample(made, output, force=force)
    typer.echo(f"wrote {output}: {len(made)} arrays of {made.response.name}")
