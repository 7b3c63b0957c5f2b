"""The one loop over the events of a run: in this process, or shared by several of this machine.

The events come out in order, and are the same however many workers make them; nothing of the output
is written twice.  Where an event follows from its number, each worker is told ranges of numbers and
generates them itself; files are read here, once, and their events handed out.  For jobs that may be
killed and resumed, and for many machines, there are productions (`distributed.produce`).
"""

from __future__ import annotations

import functools
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeVar

from ..errors import ProductionError
from ..events import EventBatch, rebatch
from ..io.sources import open_source
from ..io.truth import TruthSource
from ..io.weights import renamed
from ..system.processes import one_thread, peak_memory, worker_pool
from .config import RunConfig

_T = TypeVar("_T")
_R = TypeVar("_R")


class Conversion(Protocol):
    """What turns generated events into reconstructed ones, in whatever process it is sent to."""

    def __call__(self, batch: EventBatch) -> EventBatch:
        """Convert some events."""

    def seconds(self) -> Mapping[str, float]:
        """Time that each step of it took in this process so far [s]; empty if it has none."""

    def counts(self) -> Mapping[str, int]:
        """What it counted in this process so far; empty if it counts nothing."""


class _Range(NamedTuple):
    """Events ``first`` to before ``stop`` of a generator."""

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
    counts: Counter[str]
    memory: float


class Loop:
    """The events of a run, converted, in order; what there is to say goes to their source.

    Args:
        config: what is read, and how many events at a time.
        source: the same, opened.
        convert: what is made of the events.
        workers: processes that share them; at most two chunks a worker are held at a time.

    Attributes:
        seconds: time spent so far on reading and on each step, of all workers [s].
        counts: what the conversion counted.
        memory: highest peak memory of a worker [MB].
    """

    def __init__(
        self, config: RunConfig, source: TruthSource, convert: Conversion, workers: int = 1
    ) -> None:
        self.config, self.source = config, source
        self.convert, self.workers = convert, workers
        self.seconds: dict[str, float] = defaultdict(float, reading=0.0)
        self.counts: Counter[str] = Counter()
        self.memory = 0.0

    def batches(self) -> Generator[EventBatch, None, None]:
        """The events; closing the generator ends the workers at once.

        Raises:
            ProductionError: if a worker was killed.
            LamarrLikeError: from the source or the conversion.
        """
        if self.workers <= 1:
            for chunk in self._chunks():
                yield _converted(self.convert, chunk, self.seconds, self.counts)
            return
        # Decays are reconstructed where the file is written.
        make = functools.partial(_make, replace(self.config, decays=()), self.convert)
        with _pool(self.workers) as pool:
            try:
                for made in in_order(pool, make, self._pieces(), 2 * self.workers):
                    yield from self._entered(made)
            except BrokenProcessPool:
                raise ProductionError(
                    f"{self.source.name}: a worker was killed (out of memory?); nothing was written"
                ) from None

    def _chunks(self) -> Iterator[EventBatch]:
        read = timed(self.source, self.seconds, "reading")
        chunks = rebatch(read, self.config.generated_chunk, self.config.generated_particles)
        return map(self.config.conditions.of, chunks)

    def _pieces(self) -> Iterator[_Range | EventBatch]:
        """Work for one call of a worker each."""
        if not self.source.is_generated:
            yield from self._chunks()
            return
        n_events = self.config.n_events
        assert n_events is not None  # generators have no end
        # Of a block, a worker would throw away what is not in its range.
        size = -(-self.config.generated_chunk // self.source.block) * self.source.block
        for first in range(0, n_events, size):
            yield _Range(first, min(first + size, n_events))

    def _entered(self, made: _Made) -> Iterator[EventBatch]:
        """The events of a piece, which is entered into the books of the source."""
        source = self.source
        source.skipped += made.skipped
        for text in made.notes:
            source.note(text)
        source.dropped.update(made.dropped)
        for step, seconds in made.seconds.items():
            self.seconds[step] += seconds
        self.counts.update(made.counts)
        self.memory = max(self.memory, made.memory)
        for batch in made.batches:
            yield renamed(batch, made.weight_names, source.weight_names)


@contextmanager
def _pool(n: int) -> Iterator[ProcessPoolExecutor]:
    with one_thread(), worker_pool(n) as pool:  # the pool starts processes when it is given work
        yield pool


def _converted(
    convert: Conversion, batch: EventBatch, seconds: dict[str, float], counts: Counter[str]
) -> EventBatch:
    """Some events, converted; the time of each step and what is counted are added."""
    before, start = dict(convert.seconds()), time.perf_counter()
    counted = Counter(convert.counts())
    result = convert(batch)
    counts.update(Counter(convert.counts()) - counted)
    whole = {"detector": time.perf_counter() - start}
    for step, now in (convert.seconds() or whole).items():
        seconds[step] += now - before.get(step, 0.0)
    return result


def _make(config: RunConfig, convert: Conversion, piece: _Range | EventBatch) -> _Made:
    """In a worker: the events of a piece, converted."""
    seconds: dict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    if isinstance(piece, EventBatch):
        batches = [_converted(convert, piece, seconds, counts)]
        return _Made(batches, [], [], Counter(), [], dict(seconds), counts, peak_memory())
    source = _source(config)
    given = timed(source.events_between(*piece), seconds, "reading")
    chunks = rebatch(given, piece.stop - piece.first)
    noted = map(config.conditions.of, chunks)
    batches = [_converted(convert, chunk, seconds, counts) for chunk in noted]
    return _Made(
        batches,
        skipped=list(source.skipped),
        notes=source.notes,
        dropped=Counter(source.dropped),
        weight_names=list(source.weight_names),
        seconds=dict(seconds),
        counts=counts,
        memory=peak_memory(),
    )


@functools.lru_cache(maxsize=1)
def _source(config: RunConfig) -> TruthSource:
    """The source of a run, opened once a process: Pythia takes seconds to start."""
    return opened(config)


def opened(config: RunConfig) -> TruthSource:
    """The source that a run reads.

    Raises:
        SourceError, DecayError: if it makes no sense.
    """
    return open_source(
        config.source,
        n_events=config.n_events,
        seed=config.seed,
        pileup=config.pileup,
        skip_bad=config.skip_bad,
    )


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
