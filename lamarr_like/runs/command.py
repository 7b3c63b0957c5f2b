"""The verbs ``simulate``, ``detailed`` and ``identify`` of the command line."""

from __future__ import annotations

from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ..decays.command import (
    Branches,
    Combinatorial,
    Fits,
    Isolation,
    Masses,
    Particles,
    Swaps,
    Trigger,
)
from ..files.find import PROB_NN
from ..system.command_line import (
    Chunk,
    DryRun,
    Events,
    Force,
    Models,
    Output,
    OwnChunk,
    Pileup,
    Pipeline,
    Quiet,
    Seed,
    SkipBad,
    Workers,
    command_line,
    tell_shorter,
)
from ..system.progress import progress
from .conditions import Conditions, Polarity

if TYPE_CHECKING:
    from ..decays.request import DecayRequest
    from ..detailed.calorimeter.showers import Rule
    from .config import RunConfig, RunSummary


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
Decays = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--decay", help='"B0 -> (K*(892)0 -> K+ pi-) gamma": adds a DecayTree; may be repeated.'
    ),
]
Keep = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(help="Branches that are written whatever the preset, such as 'GenPart_pdgId'."),
]
Drop = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(help="Branches that are not written, such as 'Track_cov*'; may be repeated."),
]
Preset = Annotated[
    str, typer.Option(help="full, analysis (less of the truth) or thin (no truth, no covariances).")
]
Magnet = Annotated[
    Optional[Polarity],  # noqa: UP045
    typer.Option("--polarity", help="Of the magnet, up or down; down, and not noted, without it."),
]
Run = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--run", min=0, max=(1 << 31) - 1, help="Number of the run, kept as runNumber."),
]
Format = Annotated[RootFormat, typer.Option("--format", help="Container in the ROOT file.")]


def simulate(
    source: Source,
    output: Output,
    events: Events = None,
    pipeline: Pipeline = "reference",
    seed: Seed = 1,
    chunk_size: OwnChunk = None,
    pileup: Pileup = None,
    skip_bad: SkipBad = False,
    root_format: Format = RootFormat.ttree,
    models: Models = None,
    decay: Decays = None,
    combinatorial: Combinatorial = False,
    swap: Swaps = None,
    mass: Masses = None,
    fit: Fits = None,
    branch: Branches = None,
    isolation: Isolation = None,
    trigger: Trigger = None,
    particles: Particles = None,
    preset: Preset = "full",
    keep: Keep = None,
    drop: Drop = None,
    polarity: Magnet = None,
    run_number: Run = None,
    workers: Workers = 1,
    split_events: Annotated[
        int, typer.Option(min=0, help="Events in each of several numbered files; 0 for one file.")
    ] = 0,
    oversample: Annotated[
        int, typer.Option(min=1, help="Draws of the detector for each generated event.")
    ] = 1,
    force: Force = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
) -> None:
    """Simulate detector and reconstruction with trained models: SOURCE in, ntuple out."""
    from ..io.sources import kind_of
    from ..system.quick_start import import_awkward

    if kind_of(source):  # no Parquet files
        import_awkward()
    from ..io.kept import Kept
    from .config import RunConfig
    from .simulate import planned
    from .simulate import simulate as run

    config = RunConfig(
        source,
        output,
        n_events=events,
        seed=seed,
        chunk_size=chunk_size,
        pileup=pileup,
        skip_bad=skip_bad,
        root_format=root_format.value,
        command=command_line(),
        decays=_requests(decay, combinatorial, swap, mass, fit, branch, isolation, trigger),
        kept=Kept(preset, tuple(keep or ()), tuple(drop or ())),
        conditions=Conditions(polarity and polarity.value, run_number),
        split_events=split_events,
        oversample=oversample,
        force=force,
    )
    if dry_run:
        typer.echo("\n".join(planned(config, pipeline, models)))
        return
    total = None if events is None else events * oversample
    with progress(total, _begin(source), shown=not quiet) as bar:
        summary = run(config, pipeline, models, bar.advance, workers)
    if not quiet:
        show(config, summary)


def detailed(
    source: Source,
    output: Output,
    events: Events = None,
    seed: Seed = 1,
    chunk_size: Chunk = 100,
    pileup: Pileup = None,
    skip_bad: SkipBad = False,
    root_format: Format = RootFormat.ttree,
    workers: Workers = 1,
    prob_nn: Annotated[
        str, typer.Option(help="Model that gives ProbNN, or none: its own training sample.")
    ] = PROB_NN,
    showers: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Generator of showers of photons and electrons, or geant4."),
    ] = None,
    showers_by: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="YAML that says which particles' showers are made by what."),
    ] = None,
    models: Models = None,
    changes: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--set", help="Another number of the detector: velo_resolution=0.4; may be repeated."
        ),
    ] = None,
    decay: Decays = None,
    combinatorial: Combinatorial = False,
    swap: Swaps = None,
    mass: Masses = None,
    fit: Fits = None,
    branch: Branches = None,
    isolation: Isolation = None,
    trigger: Trigger = None,
    particles: Particles = None,
    preset: Preset = "full",
    keep: Keep = None,
    drop: Drop = None,
    polarity: Magnet = None,
    run_number: Run = None,
    force: Force = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
) -> None:
    """Run the detailed reference simulation: the sample that models are trained on."""
    from ..io.kept import Kept
    from .config import RunConfig
    from .recipe import DetailedRecipe
    from .simulate import planned, simulate_detailed

    config = RunConfig(
        source,
        output,
        n_events=events,
        seed=seed,
        chunk_size=chunk_size,
        pileup=pileup,
        skip_bad=skip_bad,
        root_format=root_format.value,
        command=command_line(),
        decays=_requests(decay, combinatorial, swap, mass, fit, branch, isolation, trigger),
        kept=Kept(preset, tuple(keep or ()), tuple(drop or ())),
        conditions=Conditions(polarity and polarity.value, run_number),
        force=force,
    )
    rules = _rules(showers, showers_by)
    chosen, changed = None if prob_nn == "none" else prob_nn, tuple(changes or ())
    if dry_run:
        recipe = DetailedRecipe(seed, chosen, rules, models, changed)
        typer.echo("\n".join(planned(config, models=models, detailed=recipe)))
        return
    with progress(events, _begin(source), shown=not quiet) as bar:
        summary = simulate_detailed(config, workers, bar.advance, chosen, rules, models, changed)
    if not quiet:
        show(config, summary)


def _rules(showers: str | None, path: Path | None) -> tuple[Rule, ...]:
    """Rules of `lamarr_like.detailed.calorimeter.showers`.

    Raises:
        PipelineError: if both are given, or the file is none.
    """
    from ..errors import PipelineError
    from ..system.extras import need

    if showers is None and path is None:
        return ()
    need("detailed")
    from ..detailed.calorimeter.showers import Rule, read_rules

    if path is None:
        return (Rule(str(showers)),)
    if showers is not None:
        raise PipelineError("--showers is for all particles; give it or --showers-by, not both")
    return read_rules(path)


def identify(
    sample: Annotated[Path, typer.Argument(help="Detailed sample.", show_default=False)],
    output: Output,
    prob_nn: Annotated[str, typer.Option(help="Model that gives ProbNN.")] = PROB_NN,
    force: Force = False,
) -> None:
    """Write a detailed sample anew with the ProbNN of a classifier, without simulating again."""
    from .simulate import identify as run

    n = run(sample, output, prob_nn, force=force)
    print(f"{n} events written to {output}")


def doctor(
    sample: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Also make a small detailed sample here, to be tried with validate."),
    ] = None,
) -> None:
    """Tell what is installed, load what ships, and simulate for some seconds; 1 if a part fails."""
    from .doctor import findings, make_sample

    failed = False
    for found in findings(partial(typer.echo, err=True)):
        mark = {True: "ok", False: "FAILED", None: "-"}[found.good]
        typer.echo(f"{mark:6} {found.what:22} {found.text}")
        failed |= found.good is False
    if sample is not None:
        make_sample(sample)
        typer.echo(f"wrote {sample}; try lamarr-like validate {sample} -o report/")
    raise typer.Exit(int(failed))


def _requests(
    decay: list[str] | None,
    combinatorial: bool,
    swap: list[str] | None,
    mass: list[str] | None,
    fit: list[str] | None,
    branch: list[str] | None,
    isolation: list[float] | None,
    trigger: str | None,
) -> tuple[DecayRequest, ...]:
    if not decay:
        return ()
    from ..decays.command import make_requests, parse_masses
    from ..decays.request import Selection

    selection = Selection(masses=parse_masses(mass or []))
    return tuple(
        make_requests(
            decay, combinatorial, swap or [], selection, fit or [], branch or [], isolation, trigger
        )
    )


def _begin(source: str) -> str:
    """What takes its time before the first event."""
    from ..io.sources import kind_of, traits

    return f"starting {traits(kind_of(source)).program}".rstrip()


def show(config: RunConfig, summary: RunSummary) -> None:
    """Print the summary at the end of a run."""
    tracks = ", ".join(f"{n} {name}" for name, n in summary.tracks.items())
    first, *_, last = summary.outputs * 2
    files = str(first) if first == last else f"{first} to {last.name}"
    typer.echo(
        f"{files}: {summary.events} events, {summary.particles} generated particles, "
        f"{sum(summary.tracks.values())} tracks ({tracks})"
    )
    for line in summary.decays.lines() if summary.decays else ():
        typer.echo(f"  {line}")
    width = max(map(len, ("step", *summary.seconds)))
    typer.echo(f"{'step':{width}} {'s':>8} {'%':>3} {'ms/event':>9}")
    for name, seconds in summary.seconds.items():
        share, each = 100 * seconds / summary.wall, 1e3 * seconds / max(summary.events, 1)
        typer.echo(f"{name:{width}} {seconds:8.2f} {share:3.0f} {each:9.3f}")
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
