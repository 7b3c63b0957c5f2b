"""The command ``lamarr-like fidelity``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Optional

import typer

from ...system.command_line import (
    Again,
    ColumnMap,
    Force,
    LongOnly,
    Models,
    Part,
    Seed,
    command_line,
)


def fidelity(
    data: Annotated[list[Path], typer.Argument(help="Detailed samples not trained on.")],
    pipeline: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Pipeline to test; may be given more than once to compare."),
    ] = None,
    model: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Name or folder of a single model to test."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Folder for fidelity.json and fidelity.md."),
    ] = None,
    again: Again = None,
    columns: ColumnMap = None,
    part: Part = (0.0, 1.0),
    long_only: LongOnly = False,
    metric: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Compare such a metric of each --model, cell by cell: pidk."),
    ] = None,
    cards: Annotated[
        bool, typer.Option("--cards", help="Write the figures into the cards of the models.")
    ] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Test whole chains alone; needs --again.")
    ] = False,
    draws: Annotated[
        int, typer.Option(min=1, help="Draws of the whole chain; its figures are means of them.")
    ] = 1,
    seed: Seed = 1,
    models: Models = None,
    force: Force = False,
) -> None:
    """Tell how well each stage hides from a classifier, on detailed events it never saw."""
    from ...files.places import chain_files, check_report
    from . import fidelity as tests

    if output is not None:
        files = [p for one in pipeline or () for p in chain_files(one)]
        read = [
            *data,
            *(again or ()),
            *files,
            *chain_files(models=models),
            *([] if columns is None else [columns]),
        ]
        check_report(output, "fidelity.json", ["fidelity.md"], read, force=force)
    second = tuple(again or ())
    sample = tests.SampleConfig(
        data, columns, part, long_only, seed, again=second, whole=whole, draws=draws
    )
    if metric is not None:
        for name, found in tests.of_metric(sample, metric, model or [], models):
            typer.echo(f"{name}: {metric}\n\n{found.markdown}\n")
        return
    pipelines = pipeline or ([] if model else ["reference"])
    report = tests.run(
        sample, pipelines, model or [], models=models, say=partial(typer.echo, err=True)
    )
    typer.echo(report.markdown)
    if output is not None:
        for path in report.write(output):
            typer.echo(f"wrote {path}")
    if cards:
        from .cards import write_figures

        for path in write_figures(report, models, command_line(without=("-o", "--output"))):
            typer.echo(f"wrote the figures into {path}")
