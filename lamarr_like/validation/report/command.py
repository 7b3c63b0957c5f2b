"""The command ``lamarr-like validate``: read or make the samples, compare, write, tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ...decays.command import Fits
from ...errors import SchemaError
from ...system.command_line import Again, Events, Force, Models, tell_shorter
from ...system.command_line import Pipeline as PipelineName
from ...system.progress import progress

if TYPE_CHECKING:
    from ...chain.pipeline import Pipeline
    from ...decays.request import DecayRequest

Detailed = Annotated[
    list[Path], typer.Argument(metavar="DETAILED", help="Detailed samples.", show_default=False)
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the report.")]
# typer reads these at run time on Python 3.10, hence Optional and not a union.
Fast = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option(help="Fast ntuple; may be given more than once. Without it the pipeline runs."),
]
Species = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(help="e, mu, pi, K or p; may be given more than once; all if not given."),
]
Cuts = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--cut", help="Working point, such as 'PIDK > 5'; may be given more than once."),
]
Thresholds = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--verdict", help="YAML file of thresholds in place of the shipped one."),
]
Decays = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        help='Decay to compare, such as "NAME: B+ -> (J/psi(1S) -> mu+ mu-) K+" (as in `decays`);'
        " may be given more than once."
    ),
]
Calibration = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="Folder of measured PIDCalib maps (TH3 total and passing) to overlay."),
]


def validate(
    detailed: Detailed,
    output: Output,
    fast: Fast = None,
    again: Again = None,
    pipeline: PipelineName = "reference",
    species: Species = None,
    cut: Cuts = None,
    verdict: Thresholds = None,
    pidcalib: Calibration = None,
    decay: Decays = None,
    fit: Fits = None,
    events: Events = None,
    seed: Annotated[int, typer.Option(help="Seed of the chain, of halves and of folds.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the classifier.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 1,
    all_plots: Annotated[
        bool, typer.Option("--all-plots", help="Draw every efficiency ratio.")
    ] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write each figure as PDF, too.")] = False,
    models: Models = None,
    force: Force = False,
) -> None:
    """Compare a fast sample with a detailed one: report, plots and a verdict (status 0, 1, 2)."""
    from .compute import ReportConfig
    from .efficiency import WorkingPoint
    from .tell_apart import TreeConfig

    config = ReportConfig(
        species=_species(species),
        points=tuple(WorkingPoint.parse(text) for text in cut or ()),
        trees=TreeConfig(threads=threads, seed=seed),
        seed=seed,
    )
    source: list[Path] | Pipeline
    if fast:
        source = list(fast)
    else:
        from ...chain.pipeline import Pipeline

        source = Pipeline.load(pipeline, models)
    status = run(
        detailed,
        source,
        output,
        config,
        again=again or (),
        thresholds=verdict,
        pidcalib=pidcalib,
        decays=_decays(decay, fit),
        events=events,
        every=all_plots,
        pdf=pdf,
        workers=workers,
        force=force,
    )
    raise typer.Exit(status)


def run(
    detailed: Sequence[Path],
    fast: Sequence[Path] | Pipeline,
    output: Path,
    config: Any = None,
    *,
    again: Sequence[Path] = (),
    thresholds: Path | None = None,
    pidcalib: Path | None = None,
    decays: Sequence[DecayRequest] = (),
    events: int | None = None,
    every: bool = False,
    pdf: bool = False,
    workers: int = 1,
    force: bool = False,
) -> int:
    """Make a report; returns the exit status of the verdict.

    Args:
        detailed: files of the detailed sample.
        fast: files of the fast sample, or the chain that makes it from the same events.
        output: folder for the report.
        config: what to look at, a `compute.ReportConfig`.
        again: files of second draws of the detailed sample, made where they are not there.
        thresholds: file of thresholds, the shipped one where None.
        pidcalib: folder of measured maps to overlay.
        decays: truth-matched decays to compare.
        events: how many events to take, None for all.
        every: draw every efficiency ratio.
        pdf: write each figure as PDF, too.
        workers: processes that share the work.
        force: replace files in the folder that are no report of ours.

    Raises:
        LamarrLikeError: for samples that cannot be compared, naming the file and column, and if
            the folder holds something else than a report.
    """
    from ...io.ntuple_reader import of_gun
    from ...runs.redraw import second_draws
    from ...system.processes import executor, one_thread
    from ..verdict import load_thresholds
    from .compute import ReportConfig, compare
    from .gather import read_samples
    from .pidcalib import overlays, read_maps
    from .write import write_report

    config = config or ReportConfig()
    given = [one for one in (thresholds, pidcalib) if one is not None]
    _check_begin(output, [*detailed, *again, *given, *_files(fast)], force)
    limits = load_thresholds(thresholds)
    maps = read_maps(pidcalib) if pidcalib is not None else []
    again = second_draws(detailed, again, partial(typer.echo, err=True))
    total = _total([detailed, again, fast if isinstance(fast, Sequence) else ()], events)
    with progress(total) as bar, one_thread(), executor(workers) as pool:
        samples = read_samples(
            detailed,
            fast,
            again=again,
            seed=config.seed,
            is_gun=not isinstance(fast, Sequence) and all(map(of_gun, detailed)),
            events=events,
            decays=decays,
            pool=pool,
            ahead=2 * workers if workers > 1 else 0,
            progress=bar.advance,
        )
        facts = _facts(detailed, fast, config.seed)
        if again:
            facts["second draw"] = ", ".join(p.name for p in again)
        pair = samples[0], samples[1]
        second = samples[2] if again else None
        report = compare(*pair, limits, config, facts, bar.describe, pool, second)
        extra = overlays(maps, *pair) if maps else ()
        files = write_report(
            report,
            output,
            every=every,
            pdf=pdf,
            extra=extra,
            say=bar.describe,
            pool=pool,
            workers=workers,
        )
    for line in report.verdict.lines:
        typer.echo(line)
    typer.echo(f"wrote {files[0]}, report.json, histograms.root and {len(files) - 3} plots")
    return report.verdict.exit_status


def _files(fast: Sequence[Path] | Pipeline) -> Iterable[Path]:
    """Files of the fast sample, or those of the chain that makes it."""
    from ...files.places import chain_files

    if isinstance(fast, Sequence):
        return fast
    return () if fast.recipe is None else chain_files(*fast.recipe)


def _check_begin(output: Path, inputs: Sequence[Path], force: bool) -> None:
    """What would be a pity to find out at the end."""
    from ...files.places import check_report
    from ...system.extras import need

    need("report")
    others = ("index.html", "histograms.root", "plots")
    check_report(output, "report.json", others, inputs, force=force)


def _species(names: Sequence[str] | None) -> tuple[str, ...]:
    from ..tracks import SPECIES

    for name in names or ():
        if name not in SPECIES:
            raise SchemaError(f"no species {name!r}; there are {', '.join(SPECIES)}")
    return tuple(names or SPECIES)


def _decays(texts: list[str] | None, fits: list[str] | None) -> list[DecayRequest]:
    from ...decays.candidates import check_names
    from ...decays.command import make_requests
    from ...decays.request import Selection

    if fits and not texts:
        raise SchemaError("--fit needs a --decay that it fits")
    found = make_requests(texts or [], False, [], Selection(), fits)
    check_names(found)
    return found


def _facts(detailed: Sequence[Path], fast: Sequence[Path] | Pipeline, seed: int) -> dict[str, Any]:
    """Where the samples come from, for the report."""
    facts: dict[str, Any] = {"detailed files": ", ".join(p.name for p in detailed)}
    if isinstance(fast, Sequence):
        facts["fast files"] = ", ".join(p.name for p in fast)
        return facts
    facts["pipeline"] = f"{fast.name}, seed {seed}, on the events of the detailed sample"
    models = fast.provenance.get("models", {})
    facts["models"] = ", ".join(f"{m['model']} ({m['digest'][:8]})" for m in models.values())
    return facts


def _total(samples: Iterable[Sequence[Path]], events: int | None) -> int:
    """Events that will be read, for the bar."""
    from ...io.ntuple_reader import TREE, open_root

    total = 0
    for paths in samples:
        own = 0
        for path in paths:
            with open_root(path) as file:
                own += file[TREE].num_entries if TREE in file else 0
        if events is not None and paths:
            tell_shorter(", ".join(map(str, paths)), events - own, events)
        total += own if events is None else min(own, events)
    return total
