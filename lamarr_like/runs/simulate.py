"""Whole runs: truth in, a conversion of events in chunks, an ntuple out, in bounded memory."""

from __future__ import annotations

import functools
import importlib
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import __version__
from ..chain.pipeline import Pipeline, load_stage
from ..errors import OutputError, PipelineError
from ..events import EventBatch, rebatch
from ..files.find import PROB_NN
from ..schema import TRACK_TYPES
from ..stages.stage import AbstractModelStage
from ..system.extras import need
from ..system.processes import one_thread, worker_pool
from .oversampling import check_draws, oversampled

if TYPE_CHECKING:
    from ..decays.request import DecayRequest
    from ..decays.run import DecaySummary
    from ..decays.writer import DecayTrees
    from ..files.locations import Location
    from ..io.ntuple import EventWriter
    from ..io.numbered import NumberedWriter
    from ..io.truth import TruthSource

Convert = Callable[[EventBatch], EventBatch]
Progress = Callable[[int], None]

_T = TypeVar("_T")
_R = TypeVar("_R")
_TYPE_NAMES = {code: name for name, code in TRACK_TYPES.items() if code}


@dataclass(frozen=True)
class RunConfig:
    """What a run reads and writes.

    Args:
        source: generator or files, as `lamarr_like.io.sources.open_source` takes it.
        output: ROOT file to write.
        n_events: how many events, None for all of the source.
        seed: seed of generator and detector.
        chunk_size: events held in memory at a time; the result does not depend on it.
        pileup: mean number of collisions an event, None for the source's own.
        skip_bad: count broken events and go on, instead of stopping at the first.
        root_format: ``"ttree"`` or ``"rntuple"``.
        command: command line, kept in the file.
        decays: decays to be reconstructed; each gets a folder with its ``DecayTree``.
        split_events: events in each of the numbered files that are written instead of `output`
            (``out.root`` becomes ``out-000000.root``, ...); 0 for one file.
        oversample: draws of the detector for each generated event (`oversampling.oversampled`).
        force: replace an output that is there; an input is never replaced.
    """

    source: str
    output: Path
    n_events: int | None = None
    seed: int = 1
    chunk_size: int = 1000
    pileup: float | None = None
    skip_bad: bool = False
    root_format: str = "ttree"
    command: str = ""
    decays: tuple[DecayRequest, ...] = ()
    split_events: int = 0
    oversample: int = 1
    force: bool = False

    @property
    def generated_chunk(self) -> int:
        """Generated events at a time: their draws together are a chunk."""
        return max(self.chunk_size // self.oversample, 1)


@dataclass(frozen=True)
class RunSummary:
    """What a run did.

    Attributes:
        events: events written.
        particles: generated particles written.
        tracks: reconstructed tracks by type.
        wall: duration [s].
        seconds: part of it spent on each step, reading and writing included; of all workers.
        skipped: (event, reason) of the events that were left out.
        notes: remarks of the source.
        workers: processes that made the events.
        memory: highest peak memory of any of the processes [MB]; 0 where it was not taken.
        outputs: files written, in order.
        out_of_range: tracks outside the training sample of the models.
        missing: events that were asked for and that the source did not hold.
        decays: candidates of the decays that were asked for, None if none was.
    """

    events: int
    particles: int
    tracks: dict[str, int]
    wall: float
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()
    workers: int = 1
    memory: float = 0.0
    outputs: tuple[Path, ...] = ()
    out_of_range: int = 0
    missing: int = 0
    decays: DecaySummary | None = None

    @property
    def rate(self) -> float:
        """Events a second, reading and writing included."""
        return self.events / self.wall if self.wall > 0.0 else 0.0


def simulate(
    config: RunConfig,
    pipeline: str | Path = "reference",
    models: Path | str | None = None,
    progress: Progress | None = None,
) -> RunSummary:
    """Run the fast chain on a source.

    Args:
        config: what to read and write.
        pipeline: name or file of the pipeline.
        models: folder of the user's own models, searched first.
        progress: called with the number of events of each chunk that is done.

    Raises:
        LamarrLikeError: naming the file, event and column; nothing is left under the output name.
    """
    source = open_run(config, pipeline, models)
    chain = Pipeline.load(pipeline, models)

    def convert(batch: EventBatch) -> EventBatch:
        return chain(drawn_often(config, batch), seed=config.seed, is_gun=source.is_gun)

    return _run(config, source, convert, chain.provenance, chain.seconds, progress)


def drawn_often(config: RunConfig, batch: EventBatch) -> EventBatch:
    """Generated events as often as the run draws each of them."""
    return batch if config.oversample == 1 else oversampled(batch, config.oversample)


def simulate_detailed(
    config: RunConfig,
    workers: int = 1,
    progress: Progress | None = None,
    prob_nn: str | None = PROB_NN,
) -> RunSummary:
    """Run the detailed reference simulation on a source.

    Args:
        config: what to read and write.
        workers: processes that share the chunks; the result does not depend on it.
        progress: called with the number of events of each chunk that is done.
        prob_nn: model or folder of the classifier behind the columns ``prob_nn_*``; None leaves
            them out, as for the sample that a new one is trained on.

    Raises:
        LamarrLikeError: naming the file, event and column; nothing is left under the output name.
    """
    need("detailed")
    source = open_run(config)
    if workers > 1:
        # Finds a place for compiled code that the workers share.
        importlib.import_module("lamarr_like.detailed.simulate")
    provenance: dict[str, Any] = {"pipeline": "detailed"}
    if prob_nn is not None:
        provenance["models"] = _identity(prob_nn)[1]
    convert = functools.partial(_detailed, seed=config.seed, prob_nn=prob_nn)
    return _run(config, source, convert, provenance, {}, progress, workers)


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
    from ..files.places import check_output
    from ..io.ntuple import EventWriter
    from ..io.ntuple_reader import read_events, read_provenance

    check_output(output, [sample, Path(prob_nn)], force=force)
    stage, models = _identity(prob_nn)
    metadata = {**read_provenance(sample), "models": models}
    done = 0
    with EventWriter(output, metadata=metadata, force=force) as writer:
        for batch in read_events(sample, step_size=step_size):
            writer.write(stage(batch, seed=0))
            done += len(batch)
    return done


def _detailed(batch: EventBatch, seed: int, prob_nn: str | None) -> EventBatch:
    """Detailed simulation of a batch, and the combined identification on top of it."""
    from ..detailed.simulate import simulate_detailed as detailed

    batch = detailed(batch, seed=seed)
    return batch if prob_nn is None else _identity(prob_nn)[0](batch, seed=seed)


@functools.lru_cache
def _identity(prob_nn: str) -> tuple[AbstractModelStage, dict[str, dict[str, str]]]:
    """The stage that gives ProbNN, once a process, and the name and digest of its model."""
    stage, artefact = load_stage(prob_nn)
    if stage.name != "prob_nn":
        raise PipelineError(f"model {prob_nn!r} was trained for {stage.name!r}, not for prob_nn")
    return stage, {"prob_nn": {"model": artefact.folder.name, "digest": artefact.digest}}


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
    from ..decays.source import open_source
    from ..files.places import check_output
    from ..io.numbered import check_numbered

    if config.chunk_size < 1:
        raise OutputError(f"a chunk of {config.chunk_size} events; ask for at least 1")
    check_draws(config.oversample)
    source = open_source(
        config.source,
        n_events=config.n_events,
        seed=config.seed,
        pileup=config.pileup,
        skip_bad=config.skip_bad,
    )
    check = check_numbered if config.split_events else check_output
    check(Path(config.output), _inputs(config, source, pipeline, models), force=config.force)
    return source


def _inputs(
    config: RunConfig, source: TruthSource, pipeline: str | Path, models: str | Path | None
) -> Iterator[str | Location]:
    """What a run reads, found out when somebody asks."""
    from ..files.places import chain_files

    yield from source.inputs()
    yield from chain_files(pipeline, models)
    # What plug-ins read may stand in the text of the source only.
    words = [config.source, *config.source.partition(":")[2].partition("?")[0].split(",")]
    yield from (Path(word) for word in words if os.path.isfile(word))


def _run(
    config: RunConfig,
    source: TruthSource,
    convert: Convert,
    provenance: dict[str, Any],
    seconds: dict[str, float],
    progress: Progress | None,
    workers: int = 1,
) -> RunSummary:
    """Stream the source through a conversion into the output file and count."""
    steps = {"reading": 0.0, "writing": 0.0}
    chunks = rebatch(timed(source, steps, "reading"), config.generated_chunk)
    with closing(_mapped(convert, chunks, workers)) as batches:  # ends its workers at once
        summary = record(config, source, batches, provenance, steps, progress)
    inner = seconds or {"detector": summary.wall - sum(steps.values())}
    listed = {"reading": steps["reading"], **inner, "writing": steps["writing"]}
    return replace(summary, seconds=listed, workers=workers)


def record(
    config: RunConfig,
    source: TruthSource,
    batches: Iterable[EventBatch],
    provenance: dict[str, Any],
    steps: dict[str, float],
    progress: Progress | None,
) -> RunSummary:
    """Write the events of a run and count.

    Args:
        config: what to write.
        source: where they come from.
        batches: the events as they are to be written, in order.
        provenance: what identifies the conversion.
        steps: the time spent on writing is added to ``"writing"``.
        progress: called with the number of events of each batch.

    Raises:
        LamarrLikeError: from the batches, or if the output cannot be written; then nothing is
            left under its name.
    """
    start = time.perf_counter()
    events, particles, outside, tracks = 0, 0, 0, Counter[str]()
    trees: list[DecayTrees] = []
    metadata = {**_provenance(config, source), **provenance}
    writer = _writer(config, metadata, source.weight_names, trees)
    with writer:
        for batch in batches:
            began = time.perf_counter()
            writer.write(batch)
            steps["writing"] += time.perf_counter() - began
            events += len(batch)
            particles += len(batch.particle)
            tracks.update(_track_counts(batch))
            if "track" in batch.tables and "out_of_range" in batch.track:
                outside += int(batch.track["out_of_range"].sum())
            if progress is not None:
                progress(len(batch))
        began = time.perf_counter()
    steps["writing"] += time.perf_counter() - began  # closing the file writes the last rows
    return RunSummary(
        events=events,
        particles=particles,
        tracks={name: tracks[name] for name in _TYPE_NAMES.values()},
        wall=time.perf_counter() - start,
        skipped=tuple(source.skipped),
        notes=tuple(source.remarks()),
        outputs=tuple(writer.outputs),
        out_of_range=outside,
        missing=_missing(config, source, events),
        decays=_candidates(trees, events),
    )


def _missing(config: RunConfig, source: TruthSource, events: int) -> int:
    """Events that were asked for and neither written nor skipped."""
    known = events // config.oversample + sum(event >= 0 for event, _ in source.skipped)
    return max((config.n_events or 0) - known, 0)


def _candidates(trees: Sequence[DecayTrees], events: int) -> DecaySummary | None:
    """What was found in all files together."""
    from ..decays.run import DecaySummary

    if not trees:
        return None
    counts: Counter[str] = Counter()
    codes: dict[str, Counter[int]] = {name: Counter() for name in trees[0].counts}
    for one in trees:
        counts.update(one.counts)
        for name, found in one.codes.items():
            codes[name].update(found)
    return DecaySummary(events, dict(counts), {name: dict(c) for name, c in codes.items()})


def _writer(
    config: RunConfig, metadata: dict[str, Any], weight_names: list[str], made: list[DecayTrees]
) -> EventWriter | NumberedWriter:
    """What writes the one file or the numbered ones; the trees in each are added to a list."""
    from ..decays.writer import DecayTrees
    from ..io.ntuple import EventWriter
    from ..io.numbered import NumberedWriter

    def one(path: Path) -> EventWriter:
        trees = DecayTrees(config.decays) if config.decays else None
        if trees is not None:
            made.append(trees)
        return EventWriter(
            path,
            metadata=metadata,
            root_format=config.root_format,
            further=trees,
            force=config.force,
            weight_names=weight_names,
        )

    if not config.split_events:
        return one(config.output)
    return NumberedWriter(config.output, config.split_events, one, config.force)


def _provenance(config: RunConfig, source: TruthSource) -> dict[str, Any]:
    out = {"program": f"lamarr_like {__version__}", "source": source.name, "seed": config.seed}
    if config.pileup is not None:
        out["pileup"] = config.pileup
    if config.oversample > 1:
        out["oversample"] = config.oversample
    if config.decays:
        out["decays"] = {r.decay.name: r.decay.text for r in config.decays}
    return {**out, "command": config.command}


def timed(items: Iterable[_T], steps: dict[str, float], step: str) -> Iterator[_T]:
    """The same items; the time spent on getting them is added to a step."""
    iterator = iter(items)
    while True:
        start = time.perf_counter()
        try:
            item = next(iterator)
        except StopIteration:
            return
        finally:
            steps[step] += time.perf_counter() - start
        yield item


def _mapped(
    convert: Convert, chunks: Iterable[EventBatch], workers: int
) -> Generator[EventBatch, None, None]:
    """Converted chunks in order; at most two chunks a worker are under way."""
    if workers <= 1:
        yield from map(convert, chunks)
        return
    with one_thread(), worker_pool(workers) as pool:
        yield from in_order(pool, convert, chunks, 2 * workers)


def in_order(
    pool: Executor, function: Callable[[_T], _R], items: Iterable[_T], ahead: int
) -> Iterator[_R]:
    """Results of a function in the order of its arguments, made by the workers of a pool.

    Args:
        pool: the workers.
        function: what they do.
        items: arguments, taken one by one.
        ahead: most results that are under way or wait for those before them.
    """
    pending: deque[Future[_R]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def _track_counts(batch: EventBatch) -> dict[str, int]:
    if "track" not in batch.tables:
        return {}
    codes, counts = np.unique(batch.track["track_type"], return_counts=True)
    return {_TYPE_NAMES[int(c)]: int(n) for c, n in zip(codes, counts, strict=True)}
