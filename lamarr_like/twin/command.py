"""The verbs ``twin`` and ``train`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ..system.command_line import ColumnMap, Force, LongOnly, Part, Workers, command_line

if TYPE_CHECKING:
    from ..training.request import Request
    from .config import TwinConfig
    from .graph import Step
    from .run import Outcome
    from .work import Bench


def twin(
    file: Annotated[
        Path, typer.Argument(metavar="TWIN.yaml", help="Twin file.", show_default=False)
    ],
    plan: Annotated[
        bool, typer.Option("--plan", help="Tell what would be made and why, and make nothing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with searches that were broken off.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Hold the registered models against new samples.")
    ] = False,
    work: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder of what is made; twin-NAME here if not given."),
    ] = None,
    registry: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder of the registry, in place of that of the file."),
    ] = None,
    workers: Workers = 1,
    scheduler: Annotated[
        str, typer.Option(help="Dask scheduler whose workers see the same folders.")
    ] = "",
) -> None:
    """Make models come true: samples, search, training, validation, publication (status 0, 1, 2).

    What is there and was made of the same inputs is not made again.
    """
    from . import run
    from .config import load_twin
    from .store import Store
    from .work import Bench

    config = load_twin(file)
    folder = work or Path(f"twin-{config.name}")
    home = registry or config.registry or folder / "registry"
    bench = Bench(
        Store(folder.absolute()), home.absolute(), f"lamarr-like twin {file.name}", resume, workers
    )
    steps = _check_steps(config, bench) if check else _steps(config)
    if plan:
        raise typer.Exit(_show_plan(steps, bench))
    outcomes = run.run(steps, bench, workers=workers, scheduler=scheduler)
    raise typer.Exit(_show(steps, bench, outcomes))


def _steps(config: TwinConfig) -> list[Step]:
    from .graph import steps_of

    return steps_of(config)


def _check_steps(config: TwinConfig, bench: Bench) -> list[Step]:
    from ..registry.store import read_index
    from .graph import check_steps

    models = read_index(bench.registry).models
    return check_steps(config, {name: entry.digest for name, entry in models.items()})


def _show_plan(steps: list[Step], bench: Bench) -> int:
    from .run import plan

    planned = plan(steps, bench)
    for one in planned:
        typer.echo(f"{one.step.name:40} {'; '.join(one.why[:6])}")
        if one.problem:
            typer.echo(f"{'':40} CANNOT BE: {one.problem}")
    n = sum(step.kind != "files" for step in steps)
    typer.echo(f"{len(planned)} of {n} steps would be made")
    return 2 if any(one.problem for one in planned) else 0


def _show(steps: list[Step], bench: Bench, outcomes: list[Outcome]) -> int:
    """Tell what became of the steps; the exit status."""
    from ..statistics.judgement import Status
    from ..validation.verdict import EXIT
    from .run import told

    failed = [one for one in outcomes if one.error]
    for one in outcomes:
        typer.echo(f"{one.name:40} {'made' if not one.error else f'FAILED: {one.error}'}")
    typer.echo(f"{len(outcomes) - len(failed)} steps made, {len(failed)} not")
    worst = 2 if failed else 0
    for name, status, words in told(steps, bench):
        typer.echo(f"{name}: {status}")
        for line in words:
            typer.echo(f"  {line}")
        if not name.startswith("validate/"):  # which the gate has looked at
            worst = worst or EXIT[Status(status)]
    for step in steps:
        made = bench.store.find(step) if step.kind == "pipeline" else None
        if made is not None:
            for name, life in made.result["lives"].items():
                typer.echo(f"{name} is {life} in {bench.registry}")
            for path in made.files:
                typer.echo(f"pipeline with these models, by digest: {made.folder / path}")
    return worst


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
        typer.Option(
            help="Residuals of the resolution: carried (if not given; at the perigee, particles "
            "born in the field of the reference detector as a fit carries them back), perigee, or "
            "cartesian."
        ),
    ] = None,
    calo_law: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="What calo_pid draws: likelihoods (if not given), or energies of the reference "
            "detector, from which they and ProbNN follow."
        ),
    ] = None,
    long_only: LongOnly = False,
    part: Part = (0.0, 1.0),
    steps: Annotated[int, typer.Option(min=0, help="Training steps; 0 for the recipe's.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 1,
    search: Annotated[
        int, typer.Option(min=0, help="Trials of a search for settings; 0 for the recipe's.")
    ] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the search.")] = 1,
    emphasise: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="What is to be right above all, such as pidk of the GAN of rich."),
    ] = None,
    start: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Model of ecal that is to get a new head; the rest of it is kept."),
    ] = None,
    test: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(help="Detailed sample to test on; the figures go into the card."),
    ] = None,
    force: Force = False,
) -> None:
    """Train the model of a stage (or all of them) on detailed samples; writes artefacts."""
    from ..training.train import Request
    from ..training.train import train as run

    request = Request(
        stage,
        family=family,
        options={k: v for k, v in (("frame", frame), ("calo_law", calo_law)) if v is not None},
        sample=sample,
        version=model_version,
        seed=seed,
        steps=steps,
        long_only=long_only,
        part=part,
        emphasise=emphasise,
        start=start,
    )
    command = command_line()
    told: dict[str, Any] = {}
    if search:
        request, told = _searched(request, data, columns, output, search, workers, force)
    for folder in run(
        stage,
        data,
        output=output,
        request=request,
        columns=columns,
        command=command,
        force=force,
        **told,
    ):
        typer.echo(f"wrote {folder}")
        if test:
            _test_model(folder, test, columns, long_only, command)


def _searched(
    request: Request,
    data: list[Path],
    columns: Path | None,
    output: Path,
    trials: int,
    workers: int,
    force: bool,
) -> tuple[Request, dict[str, Any]]:
    """A request with the settings that a search found, and what the card says of it."""
    from ..training.train import check_outputs
    from .alone import search_alone
    from .config import SearchConfig, TwinModel
    from .work import searched

    check_outputs([request], output, [*data, columns], force)
    model = TwinModel(request, (), search=SearchConfig(trials, seed=request.seed))
    done = search_alone(model, data, columns, workers)
    request, lines, pictures = searched(model, done)
    typer.echo("\n".join(lines[4:]))
    return request, {"search": lines, "further": pictures}


def _test_model(
    folder: Path, data: list[Path], columns: Path | None, long_only: bool, command: str
) -> None:
    """Test a model that was just trained and write the figures into its card."""
    from ..chain.pipeline import load_stage
    from ..validation.stages import fidelity as tests
    from ..validation.stages.cards import write_figures

    stage, _ = load_stage(str(folder))
    if stage.incomparable:
        typer.echo(f"{folder.name}: there is no test of the stage alone: it {stage.incomparable}")
        return
    sample = tests.SampleConfig(data, columns, long_only=long_only)
    report = tests.run(sample, single=[str(folder)])
    typer.echo(report.markdown)
    write_figures(report, folder.parent, command)
