"""Whole runs: truth in, a conversion of events in chunks, an ntuple out, in bounded memory."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import OutputError
from ..files.find import PROB_NN
from ..files.locations import Location
from ..files.places import chain_files, check_output
from ..io.ntuple import EventWriter
from ..io.ntuple_reader import read_events, read_provenance
from ..io.numbered import check_numbered
from ..io.truth import TruthSource
from ..system.extras import need
from ..system.processes import peak_memory
from .config import RunConfig, RunSummary
from .loop import Loop, opened
from .oversampling import check_draws
from .recipe import DetailedRecipe, Recipe, classifier
from .record import Progress, record

if TYPE_CHECKING:
    from ..detailed.calorimeter.showers import Rule

__all__ = ["RunConfig", "RunSummary", "identify", "open_run", "simulate", "simulate_detailed"]


def simulate(
    config: RunConfig,
    pipeline: str | Path = "reference",
    models: Path | str | None = None,
    progress: Progress | None = None,
    workers: int = 1,
) -> RunSummary:
    """Run the fast chain on a source.

    Every process runs its engines on one thread.  The contents of the output do not depend on the
    number of workers.

    Args:
        config: what to read and write.
        pipeline: name or file of the pipeline.
        models: folder of the user's own models, searched first.
        progress: called with the number of events of each chunk that is done.
        workers: processes that share the events.

    Raises:
        ProductionError: if a worker was killed.
        LamarrLikeError: naming the file, event and column; nothing is left under the output name.
    """
    source = open_run(config, pipeline, models)
    recipe = Recipe.of(
        pipeline,
        models,
        seed=config.seed,
        is_gun=source.is_gun,
        oversample=config.oversample,
        here=workers <= 1,
    )
    if workers <= 1:
        _ = recipe.chain  # before the first event is read
    return _run(config, source, recipe, progress, workers)


def simulate_detailed(
    config: RunConfig,
    workers: int = 1,
    progress: Progress | None = None,
    prob_nn: str | None = PROB_NN,
    rules: tuple[Rule, ...] = (),
    models: Path | str | None = None,
    changes: Sequence[str] = (),
) -> RunSummary:
    """Run the detailed reference simulation on a source.

    Args:
        config: what to read and write.
        workers: processes that share the events; the result does not depend on it.
        progress: called with the number of events of each chunk that is done.
        prob_nn: model or folder of the classifier behind the columns ``prob_nn_*``; None leaves
            them out, as for the sample that a new one is trained on.
        rules: what makes showers of photons and electrons in place of the parametrisation, see
            `lamarr_like.detailed.calorimeter.showers`.
        models: folder of the user's own models, searched first for those of the rules.
        changes: numbers of the detector other than the reference's, such as
            ``velo_resolution=0.4`` (`lamarr_like.detailed.parameters`).

    Raises:
        PipelineError: if the detector has no such number.
        ProductionError: if a worker was killed.
        LamarrLikeError: naming the file, event and column; nothing is left under the output name.
    """
    need("detailed")
    from ..detailed.parameters import changed

    changed(changes)
    source = open_run(config)
    if workers > 1:
        # Finds a place for compiled code that the workers share.
        importlib.import_module("lamarr_like.detailed.simulate")
    own = None if models is None else Path(models)
    recipe = DetailedRecipe(config.seed, prob_nn, rules, own, tuple(changes))
    recipe.showers.check()
    return _run(config, source, recipe, progress, workers)


def planned(
    config: RunConfig,
    pipeline: str | Path = "reference",
    models: Path | str | None = None,
    detailed: DetailedRecipe | None = None,
) -> list[str]:
    """What a run would do, in words, after all checks that are made before its first event.

    Args:
        config: what it reads and writes.
        pipeline: name or file of the pipeline.
        models: folder of the user's own models, searched first.
        detailed: what a detailed run makes of the events, in place of the pipeline.

    Raises:
        LamarrLikeError: as the run itself; nothing is written.
    """
    source = open_run(config, "" if detailed else pipeline, models)
    recipe = detailed or Recipe.of(pipeline, models, seed=config.seed, is_gun=source.is_gun)
    found = recipe.metadata()
    events = "all that there are" if config.n_events is None else str(config.n_events)
    lines = [f"source: {source.name}, events: {events}, seed {config.seed}"]
    lines += [f"reads {one}" for one in source.inputs()]
    lines.append(f"pipeline: {found['pipeline']}")
    for stage, one in found.get("models", {}).items():
        lines.append(f"  {stage}: {one['model']}, digest {one['digest'][:12]}")
    lines += [f"decay: {request.decay.text}" for request in config.decays]
    lines.append(f"would write {config.output}")
    return [*lines, *(f"note: {note}" for note in source.remarks())]


def _run(
    config: RunConfig,
    source: TruthSource,
    recipe: Recipe | DetailedRecipe,
    progress: Progress | None,
    workers: int,
) -> RunSummary:
    """Stream the source through a conversion into the output file and count."""
    loop = Loop(config, source, recipe, workers)
    with closing(loop.batches()) as batches:  # ends its workers at once
        summary = record(config, source, batches, recipe.metadata(), progress)
    return replace(
        summary,
        seconds={**loop.seconds, **summary.seconds},
        notes=(*summary.notes, *(f"{n} showers by {by}" for by, n in loop.counts.items() if n)),
        workers=workers,
        memory=max(loop.memory, peak_memory()) if workers > 1 else 0.0,
    )


def open_run(
    config: RunConfig, pipeline: str | Path = "", models: str | Path | None = None
) -> TruthSource:
    """The source of a run, whose output was found to be writable and none of what is read.

    Args:
        config: what to read and write.
        pipeline: name or file of the pipeline.
        models: folder of the user's own models.

    Raises:
        LamarrLikeError: if the source or the size of the chunks makes no sense, or the output must
            not be written.
    """
    if config.chunk_size is not None and config.chunk_size < 1:
        raise OutputError(f"a chunk of {config.chunk_size} events; ask for at least 1")
    check_draws(config.oversample)
    config.kept.check()
    config.conditions.check()
    source = opened(config)
    check = check_numbered if config.split_events else check_output
    check(Path(config.output), _inputs(config, source, pipeline, models), force=config.force)
    return source


def _inputs(
    config: RunConfig, source: TruthSource, pipeline: str | Path, models: str | Path | None
) -> Iterator[str | Location]:
    """What a run reads, found out when somebody asks."""
    yield from source.inputs()
    yield from chain_files(pipeline, models)
    # What plug-ins read may stand in the text of the source only.
    words = [config.source, *config.source.partition(":")[2].partition("?")[0].split(",")]
    yield from (Path(word) for word in words if os.path.isfile(word))


def identify(
    sample: Path,
    output: Path,
    prob_nn: str = PROB_NN,
    step_size: int = 1000,
    force: bool = False,
) -> int:
    """Write a detailed sample anew with the probabilities of a classifier; returns its events.

    Args:
        sample: detailed sample, with or without the columns ``prob_nn_*``.
        output: file to write.
        prob_nn: model or folder of the classifier.
        step_size: events held in memory at a time.
        force: replace an output that is there; the sample is never replaced.

    Raises:
        LamarrLikeError: naming the file and column; nothing is left under the output name.
    """
    check_output(output, [sample, Path(prob_nn)], force=force)
    stage, models = classifier(prob_nn)
    metadata = {**read_provenance(sample), "models": models}
    done = 0
    with EventWriter(output, metadata=metadata, force=force) as writer:
        for batch in read_events(sample, step_size=step_size):
            writer.write(stage(batch, seed=0))
            done += len(batch)
    return done
