"""The verbs ``response compare`` and ``translate compare`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ...system.command_line import Force, Seed, command_line


def compare(
    detailed: Annotated[Path, typer.Argument(help="Detailed sample (.npz).", show_default=False)],
    drawn: Annotated[
        Path, typer.Argument(help="Drawn sample of the same particles.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the report.")],
    again: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Second detailed draw of the same particles: the floor."),
    ] = None,
    training: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="What the generator was trained on, to see what it knows by heart."),
    ] = None,
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Name or folder of the generator, to take its time."),
    ] = None,
    models: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder of your own models, searched before those that ship."),
    ] = None,
    thresholds: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Thresholds in YAML, in place of those that ship."),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Which device, of samples of several: its name.")
    ] = "",
    trees_only: Annotated[
        bool, typer.Option("--trees-only", help="No network on the arrays (no TensorFlow).")
    ] = False,
    seed: Seed = 1,
    force: Force = False,
) -> None:
    """Compare a drawn response with a detailed one; exit status as of validate."""
    from ...files.places import check_report
    from ...responses.joint import load_any
    from ...responses.samples import read_device, read_sample
    from ...system.extras import need
    from ..verdict import load_thresholds
    from .compute import KINDS
    from .compute import compare as run
    from .write import write_report

    need("report")
    if not trees_only:
        need("train", "tensorflow", "keras")
    read = [p for p in (detailed, drawn, again, training, thresholds) if p is not None]
    check_report(output, "report.json", ["index.html", "plots"], read, force=force)
    config = load_thresholds(thresholds, KINDS, "verdict-responses.yaml")
    real = read_device(detailed, device) if device else read_sample(detailed)
    fake = read_sample(drawn, real.response)
    second = None if again is None else read_sample(again, real.response)
    comparison = run(
        real,
        fake,
        config,
        again=second,
        training=None if training is None else read_sample(training, real.response),
        model=None if model is None else load_any(model, models),
        images=not trees_only,
        seed=seed,
    )
    for path in write_report(comparison, real, fake, second, output, command_line()):
        typer.echo(f"wrote {path}")
    for line in comparison.verdict.lines:
        typer.echo(line)
    raise typer.Exit(comparison.verdict.exit_status)


def compare_translated(
    untranslated: Annotated[Path, typer.Argument(help="Arrays (.npz).", show_default=False)],
    translated: Annotated[
        Path, typer.Argument(help="What a translation made of them.", show_default=False)
    ],
    wanted: Annotated[
        Path,
        typer.Argument(help="Arrays of the same events as they should be.", show_default=False),
    ],
    again: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="A second draw of the wanted arrays: what chance leaves."),
    ] = None,
    seed: Seed = 1,
) -> None:
    """Compare translated arrays with the wanted ones of the same events, cell by cell."""
    from ...responses.samples import read_sample
    from .pairs import compare_pairs, nearness_table

    real = read_sample(wanted)
    others = [("untranslated", read_sample(untranslated)), ("translated", read_sample(translated))]
    if again is not None:
        others.append(("wanted once more", read_sample(again)))
    for line in nearness_table(real, compare_pairs(real, others, seed)).markdown:
        typer.echo(line)
