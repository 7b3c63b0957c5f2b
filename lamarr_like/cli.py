"""The command ``lamarr-like``: thin verbs over the library; heavy imports happen inside them."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from . import __version__
from .decays.command import Combinatorial, Force, Masses, Swaps, decays, tell_shorter
from .distributed.command import batch
from .errors import DecayError, LamarrLikeError
from .files.find import PROB_NN
from .system.extras import extra_of, missing, need
from .system.progress import progress
from .system.signals import interrupted, stoppable
from .validation.detector.command import detailed_check
from .validation.report.command import validate

if TYPE_CHECKING:
    from .decays.request import DecayRequest
    from .runs.simulate import RunConfig, RunSummary

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ultra-fast simulation of an LHCb-like detector: truth particles in, ntuple out.",
)


class RootFormat(str, Enum):
    """Containers for the output."""

    ttree = "ttree"
    rntuple = "rntuple"


Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="pythia:minbias, pythia:bbbar, pythia:ccbar, pythia:FILE.cmnd, gun:K-?p=3-100&eta=2-5,"
        " a HepMC, ROOT or Parquet file, or SOURCE+gun:mu-,mu+?n=2 to add particles to collisions",
        show_default=False,
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="ROOT file to write.")]
# typer reads these at run time on Python 3.10, hence Optional and not a union.
Events = Annotated[Optional[int], typer.Option("-n", "--events", min=1, help="How many events.")]  # noqa: UP045
Seed = Annotated[int, typer.Option(help="Equal seeds give equal files, bit for bit.")]
Chunk = Annotated[int, typer.Option(min=1, help="Events in memory at a time.")]
Pileup = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(min=0.0, help="Mean number of collisions an event (generators)."),
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Count broken events and go on; stop at none.")
]
Format = Annotated[RootFormat, typer.Option("--format", help="Container in the ROOT file.")]
Models = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="Folder of your own models, searched before those that ship."),
]
ColumnMap = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="YAML that maps the columns of a foreign flat sample to ours."),
]
Decays = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--decay", help='"B0 -> (K*(892)0 -> K+ pi-) gamma": adds a DecayTree; may be repeated.'
    ),
]
LongOnly = Annotated[bool, typer.Option("--long-only", help="Take long tracks only.")]
Part = Annotated[
    tuple[float, float], typer.Option(help="Share of the events of each file, from and to.")
]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"lamarr-like {__version__}")
        raise typer.Exit


def _cite(asked: bool) -> None:
    if asked:
        from .files.citation import citation

        typer.echo(citation())
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    cite: Annotated[
        bool, typer.Option("--cite", callback=_cite, is_eager=True, help="Show what to cite.")
    ] = False,
) -> None:
    pass


@app.command()
def simulate(
    source: Source,
    output: Output,
    events: Events = None,
    pipeline: Annotated[str, typer.Option(help="Shipped pipeline or YAML file.")] = "reference",
    seed: Seed = 1,
    chunk_size: Chunk = 1000,
    pileup: Pileup = None,
    skip_bad: SkipBad = False,
    root_format: Format = RootFormat.ttree,
    models: Models = None,
    decay: Decays = None,
    combinatorial: Combinatorial = False,
    swap: Swaps = None,
    mass: Masses = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the events.")] = 1,
    split_events: Annotated[
        int, typer.Option(min=0, help="Events in each of several numbered files; 0 for one file.")
    ] = 0,
    oversample: Annotated[
        int, typer.Option(min=1, help="Draws of the detector for each generated event.")
    ] = 1,
    force: Force = False,
) -> None:
    """Simulate detector and reconstruction with trained models: SOURCE in, ntuple out."""
    from .runs.share import simulate_shared
    from .system.quick_xgboost import import_xgboost

    if workers == 1:  # else the workers do
        import_xgboost()
    config = _config(source, output, events, seed, chunk_size, pileup, skip_bad, root_format)
    requests = _requests(decay, combinatorial, swap, mass)
    config = replace(config, decays=requests, split_events=split_events, oversample=oversample)
    config = replace(config, force=force)
    with progress(None if events is None else events * oversample, _begin(source)) as bar:
        summary = simulate_shared(config, workers, pipeline, models, bar.advance)
    _show(config, summary)


@app.command()
def detailed(
    source: Source,
    output: Output,
    events: Events = None,
    seed: Seed = 1,
    chunk_size: Chunk = 100,
    pileup: Pileup = None,
    skip_bad: SkipBad = False,
    root_format: Format = RootFormat.ttree,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the events.")] = 1,
    prob_nn: Annotated[
        str, typer.Option(help="Model that gives ProbNN, or none: its own training sample.")
    ] = PROB_NN,
    decay: Decays = None,
    combinatorial: Combinatorial = False,
    swap: Swaps = None,
    mass: Masses = None,
    force: Force = False,
) -> None:
    """Run the detailed reference simulation: the sample that models are trained on."""
    from .runs import simulate as runs

    config = _config(source, output, events, seed, chunk_size, pileup, skip_bad, root_format)
    config = replace(config, decays=_requests(decay, combinatorial, swap, mass), force=force)
    with progress(events, _begin(source)) as bar:
        chosen = None if prob_nn == "none" else prob_nn
        summary = runs.simulate_detailed(config, workers, bar.advance, chosen)
    _show(config, summary)


@app.command()
def identify(
    sample: Annotated[Path, typer.Argument(help="Detailed sample.", show_default=False)],
    output: Output,
    prob_nn: Annotated[str, typer.Option(help="Model that gives ProbNN.")] = PROB_NN,
    force: Force = False,
) -> None:
    """Write a detailed sample anew with the ProbNN of a classifier, without simulating again."""
    from .runs import simulate as runs

    n = runs.identify(sample, output, prob_nn, force=force)
    print(f"{n} events written to {output}")


@app.command()
def train(
    stage: Annotated[str, typer.Argument(help="Stage to train, or all.", show_default=False)],
    data: Annotated[list[Path], typer.Option(help="Detailed sample; may be given more than once.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the models.")] = Path(
        "models"
    ),
    family: Annotated[str, typer.Option(help="armdn or gan, for generators.")] = "armdn",
    sample: Annotated[str, typer.Option(help="Name of the sample in the model's name.")] = "pp13",
    model_version: Annotated[str, typer.Option(help="Version in the model's name.")] = "1",
    columns: ColumnMap = None,
    frame: Annotated[
        str, typer.Option(help="Residuals of the resolution: perigee or cartesian.")
    ] = "perigee",
    long_only: LongOnly = False,
    part: Part = (0.0, 1.0),
    steps: Annotated[int, typer.Option(min=0, help="Training steps; 0 for the recipe's.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 1,
    test: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(help="Detailed sample to test on; the figures go into the card."),
    ] = None,
    force: Force = False,
) -> None:
    """Train the model of a stage (or all of them) on detailed samples; writes artefacts."""
    from .training.train import Request
    from .training.train import train as run

    request = Request(
        stage,
        family=family,
        frame=frame,
        sample=sample,
        version=model_version,
        seed=seed,
        steps=steps,
        long_only=long_only,
        part=part,
    )
    command = shlex.join(["lamarr-like", *sys.argv[1:]])
    for folder in run(
        stage, data, output=output, request=request, columns=columns, command=command, force=force
    ):
        typer.echo(f"wrote {folder}")
        if test:
            _test_model(folder, test, columns, long_only, command)


def _without_output(words: list[str]) -> str:
    """The command line without the folder that it writes to, which says nothing about figures."""
    kept = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word not in ("-o", "--output") and before not in ("-o", "--output")
    ]
    return shlex.join(["lamarr-like", *kept])


def _test_model(
    folder: Path, data: list[Path], columns: Path | None, long_only: bool, command: str
) -> None:
    """Test a model that was just trained and write the figures into its card."""
    from .chain.pipeline import load_stage
    from .stages import REFERENCE_STAGES, AbstractClassifierStage, AbstractGeneratorStage
    from .validation.stages import fidelity as tests
    from .validation.stages.cards import write_figures

    stage, _ = load_stage(str(folder))
    if stage.name in REFERENCE_STAGES or not isinstance(
        stage, (AbstractClassifierStage, AbstractGeneratorStage)
    ):
        typer.echo(f"{folder.name}: see `lamarr-like objects`, there is no test of the stage alone")
        return
    sample = tests.SampleConfig(data, columns, long_only=long_only)
    report = tests.run(sample, single=[str(folder)])
    typer.echo(report.markdown)
    write_figures(report, folder.parent, command)


@app.command()
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
    columns: ColumnMap = None,
    part: Part = (0.0, 1.0),
    long_only: LongOnly = False,
    cards: Annotated[
        bool, typer.Option("--cards", help="Write the figures into the cards of the models.")
    ] = False,
    seed: Seed = 1,
    models: Models = None,
    force: Force = False,
) -> None:
    """Tell how well each stage hides from a classifier, on detailed events it never saw."""
    from .files.places import chain_files, check_report
    from .validation.stages import fidelity as tests

    if output is not None:
        files = [p for one in pipeline or () for p in chain_files(one)]
        read = [*data, *files, *chain_files(models=models), *([] if columns is None else [columns])]
        check_report(output, "fidelity.json", ["fidelity.md"], read, force=force)
    sample = tests.SampleConfig(data, columns, part, long_only, seed)
    pipelines = pipeline or ([] if model else ["reference"])
    report = tests.run(sample, pipelines, model or [], models=models)
    typer.echo(report.markdown)
    if output is not None:
        for path in report.write(output):
            typer.echo(f"wrote {path}")
    if cards:
        from .validation.stages.cards import write_figures

        for path in write_figures(report, models, _without_output(sys.argv[1:])):
            typer.echo(f"wrote the figures into {path}")


@app.command()
def objects(
    sample: Annotated[
        Path, typer.Argument(metavar="DETAILED", help="Detailed sample.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables and plots.")],
    pipeline: Annotated[str, typer.Option(help="Shipped pipeline or YAML file.")] = "reference",
    baseline: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Model of stage ecal to stand beside the pipeline's."),
    ] = None,
    page: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="ecal, pid or muons; may be given more than once; all if not given."),
    ] = None,
    events: Events = None,
    seed: Seed = 1,
    models: Models = None,
    force: Force = False,
) -> None:
    """Compare clusters, PID and muons of the fast chain with a detailed sample; tables, plots."""
    from .files.places import chain_files, check_report
    from .validation.objects import compare as tests

    need("plot", "matplotlib", "mplhep")
    pictures = [f"{name}.png" for name in ("ecal", "pid", "pid_floor", "muons")]
    read = [sample, *chain_files(pipeline, models)]
    check_report(output, "objects.json", ["objects.md", *pictures], read, force=force)
    config = tests.ObjectsConfig(
        *(sample, pipeline, baseline, models, events, seed), pages=tuple(page or tests.PAGES)
    )
    report = tests.compare_objects(config, typer.echo)
    tell_shorter(str(sample), (events or 0) - report.events, events)
    for path in report.write(output):
        typer.echo(f"wrote {path}")


@app.command()
def inspect(
    model: Annotated[
        str, typer.Argument(help="Name or folder of a trained model.", show_default=False)
    ],
    models: Models = None,
) -> None:
    """Verify a trained model and show what it takes, what it gives and its card."""
    from .engine.artefact import read_artefact
    from .files.find import find_model

    artefact = read_artefact(find_model(model, models))
    config = artefact.config
    typer.echo(f"{artefact.folder.name}  sha256 {artefact.digest}")
    for key in ("stage", "kind", "family", "sample", "version"):
        typer.echo(f"  {key:10} {config[key]}")
    for key in ("conditions", "outputs", "classes"):
        if key in config:
            typer.echo(f"  {key:10} {', '.join(map(str, config[key]))}")
    size = sum(len(content) for content in artefact.files.values())
    typer.echo(f"  {'size':10} {size / 1e3:.0f} kB in {', '.join(sorted(artefact.files))}")
    card = artefact.files.get("card.md", b"").decode().strip()
    typer.echo(f"\n{card}")


app.command()(decays)
app.command("detailed-check")(detailed_check)
app.command()(validate)
app.command()(batch)


def _requests(
    decay: list[str] | None, combinatorial: bool, swap: list[str] | None, mass: list[str] | None
) -> tuple[DecayRequest, ...]:
    if not decay:
        return ()
    from .decays.command import make_requests, parse_masses
    from .decays.request import Selection

    selection = Selection(masses=parse_masses(mass or []))
    return tuple(make_requests(decay, combinatorial, swap or [], selection))


def _config(
    source: str,
    output: Path,
    events: int | None,
    seed: int,
    chunk_size: int,
    pileup: float | None,
    skip_bad: bool,
    root_format: RootFormat,
) -> RunConfig:
    from .runs.simulate import RunConfig

    return RunConfig(
        source,
        output,
        n_events=events,
        seed=seed,
        chunk_size=chunk_size,
        pileup=pileup,
        skip_bad=skip_bad,
        root_format=root_format.value,
        command=shlex.join(["lamarr-like", *sys.argv[1:]]),
    )


def _begin(source: str) -> str:
    """What takes its time before the first event."""
    return "starting Pythia" if source.startswith("pythia:") else "starting"


def _show(config: RunConfig, summary: RunSummary) -> None:
    """The summary at the end of a run."""
    from rich.console import Console
    from rich.table import Table

    tracks = ", ".join(f"{n} {name}" for name, n in summary.tracks.items())
    first, *_, last = summary.outputs * 2
    files = str(first) if first == last else f"{first} to {last.name}"
    typer.echo(
        f"{files}: {summary.events} events, {summary.particles} generated particles, "
        f"{sum(summary.tracks.values())} tracks ({tracks})"
    )
    for line in summary.decays.lines() if summary.decays else ():
        typer.echo(f"  {line}")
    table = Table("step", box=None, pad_edge=False)
    for head in ("s", "%", "ms/event"):
        table.add_column(head, justify="right")
    for name, seconds in summary.seconds.items():
        share, each = 100 * seconds / summary.wall, 1e3 * seconds / max(summary.events, 1)
        table.add_row(name, f"{seconds:.2f}", f"{share:.0f}", f"{each:.3f}")
    Console().print(table)
    typer.echo(f"{summary.wall:.1f} s in all, {summary.rate:.0f} events/s")
    if summary.memory:
        typer.echo(
            f"{summary.workers} workers, whose times are added above; peak memory of a process "
            f"{summary.memory:.0f} MB"
        )
    if summary.out_of_range:
        typer.echo(
            f"{summary.out_of_range} tracks lie outside the training sample of the models: "
            "Track_outOfRange"
        )
    for note in summary.notes:
        typer.echo(f"note: {note}", err=True)
    if summary.missing:
        tell_shorter(config.source, summary.missing, config.n_events)
    if summary.skipped:
        typer.echo(f"skipped {len(summary.skipped)} broken events, the first:")
        for event, reason in summary.skipped[:5]:
            typer.echo(f"  event {event}: {reason}")


def main() -> None:
    """Run the command; errors raised on purpose become one line and exit status 2."""
    with stoppable():
        try:
            app()
        except (ModuleNotFoundError, LamarrLikeError) as error:
            if interrupted():  # the error is only what the signal led to
                raise
            print(f"lamarr-like: error: {_line(error)}", file=sys.stderr)
            raise SystemExit(2) from None


def _line(error: Exception) -> str:
    """What there is to say of an error.

    Raises:
        ModuleNotFoundError: if it is one and no extra has the module.
    """
    if isinstance(error, ModuleNotFoundError) and not isinstance(error, LamarrLikeError):
        extra = extra_of(error.name)
        if extra is None:
            raise error
        error = missing(str(error.name), extra)
    # The caret under a decay descriptor needs its line breaks.
    return str(error) if isinstance(error, DecayError) else " ".join(str(error).split())
