"""The verbs ``fidelity`` and ``train``, which tests what it trained, of the command line."""

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


def train(
    stage: Annotated[str, typer.Argument(help="Stage to train, or all.", show_default=False)],
    data: Annotated[list[Path], typer.Option(help="Detailed sample; may be given more than once.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the models.")] = Path(
        "models"
    ),
    family: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Family of models, such as gan, in place of that of the stage's own recipe; one "
            "that the stage cannot have lists those that it can."
        ),
    ] = None,
    sample: Annotated[str, typer.Option(help="Name of the sample in the model's name.")] = "pp13",
    model_version: Annotated[str, typer.Option(help="Version in the model's name.")] = "1",
    columns: ColumnMap = None,
    frame: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Residuals of the resolution: perigee (if not given) or cartesian."),
    ] = None,
    long_only: LongOnly = False,
    part: Part = (0.0, 1.0),
    steps: Annotated[int, typer.Option(min=0, help="Training steps; 0 for the recipe's.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 1,
    emphasise: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="What is to be right above all, such as pidk of the GAN of rich."),
    ] = None,
    test: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(help="Detailed sample to test on; the figures go into the card."),
    ] = None,
    force: Force = False,
) -> None:
    """Train the model of a stage (or all of them) on detailed samples; writes artefacts."""
    from ...training.train import Request
    from ...training.train import train as run

    request = Request(
        stage,
        family=family,
        options={} if frame is None else {"frame": frame},
        sample=sample,
        version=model_version,
        seed=seed,
        steps=steps,
        long_only=long_only,
        part=part,
        emphasise=emphasise,
    )
    command = command_line()
    for folder in run(
        stage, data, output=output, request=request, columns=columns, command=command, force=force
    ):
        typer.echo(f"wrote {folder}")
        if test:
            _test_model(folder, test, columns, long_only, command)


def _test_model(
    folder: Path, data: list[Path], columns: Path | None, long_only: bool, command: str
) -> None:
    """Test a model that was just trained and write the figures into its card."""
    from ...chain.pipeline import load_stage
    from . import fidelity as tests
    from .cards import write_figures

    stage, _ = load_stage(str(folder))
    if stage.incomparable:
        typer.echo(f"{folder.name}: there is no test of the stage alone: it {stage.incomparable}")
        return
    sample = tests.SampleConfig(data, columns, long_only=long_only)
    report = tests.run(sample, single=[str(folder)])
    typer.echo(report.markdown)
    write_figures(report, folder.parent, command)


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
    sample = tests.SampleConfig(data, columns, part, long_only, seed, again=tuple(again or ()))
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
