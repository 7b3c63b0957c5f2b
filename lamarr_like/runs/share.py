"""One run by several processes of this machine: ``simulate --workers N``.

The workers make the events and this process writes them in order, so the file is that of one
process, and no part of it is written twice.  Generators run in the workers, which are told ranges
of event numbers; files are read here, once, and their events handed out.  For jobs that may be
killed and resumed, and for many machines, there are productions (`produce`).
"""

from __future__ import annotations

import functools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..chain.pipeline import Pipeline, identity
from ..decays.collisions import host_of
from ..decays.source import open_source, split_additions
from ..errors import PipelineError, ProductionError
from ..events import EventBatch, rebatch
from ..io.generators.pythia import BLOCK
from ..io.truth import TruthSource
from ..io.weights import renamed
from ..system.processes import one_thread, peak_memory, worker_pool
from .ranges import range_of
from .simulate import (
    Progress,
    RunConfig,
    RunSummary,
    drawn_often,
    in_order,
    open_run,
    record,
    simulate,
    timed,
)


@dataclass(frozen=True)
class _Task:
    """What all pieces of a run have in common; hashable, to be loaded once a process."""

    config: RunConfig
    pipeline: str
    models: Path | None
    provenance: str
    is_gun: bool


@dataclass(frozen=True)
class _Range:
    """Events ``first`` to ``stop`` of a generator."""

    first: int
    stop: int


@dataclass(frozen=True)
class _Made:
    """What a worker made of a piece."""

    batches: list[EventBatch]
    skipped: list[tuple[int, str]]
    notes: list[str]
    dropped: Counter[int]
    weight_names: list[str]
    seconds: dict[str, float]
    memory: float


def simulate_shared(
    config: RunConfig,
    workers: int = 1,
    pipeline: str | Path = "reference",
    models: Path | str | None = None,
    progress: Progress | None = None,
) -> RunSummary:
    """Run the fast chain on a source with several processes.

    Every process runs its engines on one thread.  The contents of the output do not depend on the
    number of workers; at most two chunks a worker are held at a time.

    Args:
        config: what to read and write.
        workers: processes; 1 stands for `lamarr_like.runs.simulate.simulate`.
        pipeline: name or file of the pipeline.
        models: folder of the user's own models, searched first.
        progress: called with the number of events of each chunk that is done.

    Raises:
        ProductionError: if a worker was killed.
        LamarrLikeError: naming the file, event and column; nothing is left under the output name.
    """
    if workers <= 1:
        return simulate(config, pipeline, models, progress)
    source = open_run(config, pipeline, models)
    provenance = identity(pipeline, models)
    task = _Task(
        config=replace(config, decays=()),  # these are made where the file is written
        pipeline=str(pipeline),
        models=None if models is None else Path(models),
        provenance=json.dumps(provenance, sort_keys=True),
        is_gun=source.is_gun,
    )
    steps = {"reading": 0.0, "writing": 0.0}
    total = _Total(source)
    with _pool(workers) as pool:
        pieces = _pieces(config, source, steps)
        made = in_order(pool, functools.partial(_make, task), pieces, 2 * workers)
        summary = record(config, source, total.of(made), provenance, steps, progress)
    reading = steps["reading"] + total.seconds.pop("reading", 0.0)
    seconds = {"reading": reading, **total.seconds, "writing": steps["writing"]}
    memory = max(total.memory, peak_memory())
    return replace(summary, seconds=seconds, workers=workers, memory=memory)


class _Total:
    """Books of what the workers did; what they skipped and remarked goes to the source."""

    def __init__(self, source: TruthSource) -> None:
        self.source = source
        self.seconds: dict[str, float] = defaultdict(float)
        self.memory = 0.0

    def of(self, made: Iterable[_Made]) -> Iterator[EventBatch]:
        """The events; each piece is entered when its events are taken."""
        try:
            for piece in made:
                self.source.skipped += piece.skipped
                for text in piece.notes:
                    self.source.note(text)
                self.source.dropped.update(piece.dropped)
                for step, seconds in piece.seconds.items():
                    self.seconds[step] += seconds
                self.memory = max(self.memory, piece.memory)
                for batch in piece.batches:
                    yield renamed(batch, piece.weight_names, self.source.weight_names)
        except BrokenProcessPool:
            raise ProductionError(
                f"{self.source.name}: a worker was killed (out of memory?); nothing was written"
            ) from None


def _is_generated(config: RunConfig) -> bool:
    return config.source.startswith(("pythia:", "gun:", "decay:"))


def _pieces(
    config: RunConfig, source: TruthSource, steps: dict[str, float]
) -> Iterator[_Range | EventBatch]:
    """Work for one call of a worker each."""
    if not _is_generated(config):
        yield from rebatch(timed(source, steps, "reading"), config.generated_chunk)
        return
    assert config.n_events is not None
    # Pythia makes whole blocks, and a worker would throw away what is not in its range.
    size = -(-config.generated_chunk // BLOCK) * BLOCK
    for first in range(0, config.n_events, size):
        yield _Range(first, min(first + size, config.n_events))


@contextmanager
def _pool(n: int) -> Iterator[ProcessPoolExecutor]:
    with one_thread(), worker_pool(n) as pool:  # the pool starts processes when it is given work
        yield pool


def _make(task: _Task, piece: _Range | EventBatch) -> _Made:
    """In a worker: the events of a piece through the pipeline."""
    chain = _chain(task)
    config = task.config
    steps, before = {"reading": 0.0}, dict(chain.seconds)
    skipped: list[tuple[int, str]] = []
    notes: list[str] = []
    dropped: Counter[int] = Counter()
    names: list[str] = []
    given: Iterable[EventBatch] = [piece] if isinstance(piece, EventBatch) else []
    if isinstance(piece, _Range):
        source = _range(task, piece)
        given = rebatch(timed(source, steps, "reading"), piece.stop - piece.first)
        skipped, notes = source.skipped, source.notes
        dropped, names = source.dropped, source.weight_names
    batches = [chain(drawn_often(config, b), seed=config.seed, is_gun=task.is_gun) for b in given]
    seconds = {**steps, **{k: v - before[k] for k, v in chain.seconds.items()}}
    return _Made(batches, skipped, notes, Counter(dropped), list(names), seconds, peak_memory())


def _range(task: _Task, piece: _Range) -> TruthSource:
    config = task.config
    _, extras = split_additions(config.source)
    add = [f"{kind}:{what}" for kind, what in extras]
    return range_of(
        *(_host(task), add, piece.first, piece.stop, 0),
        seed=config.seed,
        skip_bad=config.skip_bad,
        how=_collisions(config.source)[1],
    )


def _collisions(source: str) -> tuple[str, str]:
    """The source without what is added, and how signals find their collision."""
    text, extras = split_additions(source)
    return host_of(text, [what for kind, what in extras if kind == "decay"])


@functools.lru_cache(maxsize=1)
def _host(task: _Task) -> TruthSource:
    """The generator, without what is added to its events; Pythia starts once a process."""
    config = task.config
    return open_source(
        _collisions(config.source)[0],
        n_events=config.n_events,
        seed=config.seed,
        pileup=config.pileup,
        skip_bad=config.skip_bad,
    )


@functools.lru_cache(maxsize=1)
def _chain(task: _Task) -> Pipeline:
    chain = Pipeline.load(task.pipeline, task.models)
    if json.dumps(chain.provenance, sort_keys=True) != task.provenance:
        raise PipelineError(f"pipeline {task.pipeline!r} or a model was changed during the run")
    return chain
