"""What a worker does: one unit from its source to a part that was read back and verified."""

from __future__ import annotations

import errno
import itertools
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..chain.pipeline import Pipeline
from ..errors import OutputError, PipelineError, SourceError
from ..events import EventBatch, rebatch
from ..files.scratch import whole
from ..io.digest import ContentHash
from ..io.kept import Kept
from ..io.ntuple import EventWriter, content_digest
from ..io.sources import inputs_of, open_source
from ..io.truth import TruthSource
from ..runs.conditions import Conditions
from ..runs.recipe import Recipe
from ..system.processes import peak_memory
from .inputs import check_inputs, sha256
from .parts import PartReport, write_report
from .platforms import this_platform
from .units import Unit

_DISK = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Job:
    """What all units of a production have in common.

    Args:
        folder: output folder, seen by all workers.
        pipeline: name or file of the pipeline.
        models: folder of the user's own models, searched first.
        seed: seed of the production.
        chunk_size: events in memory at a time.
        skip_bad: leave out broken events.
        root_format: ``"ttree"`` or ``"rntuple"``.
        provenance: what identifies pipeline and models; a worker that finds others refuses.
        metadata: kept in each part, beside the provenance.
        plan: digest of the plan.
        oversample: draws of the detector for each generated event.
        kept: which branches are written.
        conditions: polarity of the magnet and run number.
    """

    folder: Path
    pipeline: str
    models: Path | None
    seed: int
    chunk_size: int
    skip_bad: bool
    root_format: str
    provenance: dict[str, Any]
    metadata: dict[str, Any]
    plan: str
    oversample: int = 1
    kept: Kept = field(default_factory=Kept)
    conditions: Conditions = field(default_factory=Conditions)


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt at a unit.

    Args:
        report: of the part, None if the attempt failed.
        reason: why it failed.
        no_space: whether the output folder is at fault, not the unit.
    """

    report: PartReport | None
    reason: str = ""
    no_space: bool = False


def run_unit(job: Job, unit: Unit) -> Outcome:
    """Make the part of a unit.

    The part appears under its name once it was read back with the number of events and the digest
    that were computed.  No exception leaves: many of them cannot cross to another process.
    """
    try:
        return Outcome(make_part(job, unit))
    except Exception as error:
        return failed(error)


def failed(error: BaseException) -> Outcome:
    """What became of a unit that ended in an error.

    The output folder is at fault where a disk is full, whoever says it first, or where the system
    refused what our error says could not be written: a closing file has often an error of its own.
    """
    chain = list(_chain_of(error))
    refused = [e for e in chain if isinstance(e, OSError)]
    full = any(e.errno in _DISK for e in refused)
    at_fault = full or (bool(refused) and any(isinstance(e, OutputError) for e in chain))
    kind = "" if type(error).__module__.startswith("lamarr_like") else type(error).__name__
    reason = " ".join(f"{kind} {error}".split()) or type(error).__name__
    return Outcome(None, reason, at_fault)


def _chain_of(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it came from, said or not."""
    waiting, seen = [error], set[int]()
    while waiting:
        found = waiting.pop()
        if id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += filter(None, (found.__cause__, found.__context__))


def make_part(job: Job, unit: Unit) -> PartReport:
    """Make the part of a unit and its report.

    Raises:
        LamarrLikeError: naming the file, event and column; nothing is left under the part's name.
    """
    start = time.perf_counter()
    source = open_unit(job, unit)
    check_inputs(unit.inputs, inputs_of(unit.text, source))
    path = job.folder / unit.part
    written = ContentHash()
    checksum, size = "", 0
    with whole(path) as temporary:
        tracks = _write(job, unit, source, temporary, written)
        check_inputs(unit.inputs, inputs_of(unit.text, source))
        if written.events:
            _verify(temporary, path, written)
            checksum, size = sha256(temporary), temporary.stat().st_size
    report = PartReport(
        unit=unit.number,
        plan=job.plan,
        events=written.events,
        digest=written.hexdigest() if written.events else "",
        sha256=checksum,
        size=size,
        skipped=tuple(source.skipped),
        tracks=tracks,
        seconds=round(time.perf_counter() - start, 3),
        memory=peak_memory(),
        host=socket.gethostname(),
        platform=this_platform(),
        notes=tuple(source.notes),
        dropped={str(code): n for code, n in sorted(source.dropped.items())},
    )
    write_report(job.folder, unit, report)
    return report


def open_unit(job: Job, unit: Unit) -> TruthSource:
    """The source of a unit, with what is added to its events."""
    return open_source(
        "+".join((unit.text, *unit.add)),
        n_events=unit.stop,
        seed=job.seed,
        pileup=unit.pileup,
        skip_bad=job.skip_bad,
        start=unit.shift,
    )


def _write(job: Job, unit: Unit, source: TruthSource, path: Path, written: ContentHash) -> int:
    """Stream the events of a unit through the pipeline into a file; returns the tracks."""
    recipe = _recipe(job, source.is_gun)
    tracks = 0
    chunks = rebatch(_checked(source, unit), max(job.chunk_size // job.oversample, 1))
    first = next(chunks, None)
    if first is None:
        return 0  # a part without an event is no file
    low, high = unit.range
    metadata = {**job.metadata, **job.provenance, "source": source.name, "events": [low, high]}
    with EventWriter(
        path,
        metadata=metadata,
        root_format=job.root_format,
        weight_names=source.weight_names,
    ) as writer:
        noted = map(job.conditions.of, itertools.chain([first], chunks))
        for batch in map(recipe, noted):
            thinned = job.kept.of(batch)
            writer.write(thinned)
            written.update(thinned)
            tracks += len(batch.track) if "track" in batch.tables else 0
    return tracks


def _checked(source: TruthSource, unit: Unit) -> Iterator[EventBatch]:
    """The events of a unit; each of its numbers must come once, or be skipped with a reason."""
    low, high = unit.range
    last, given = low - 1, 0
    for batch in source.events_between(low, high):
        ids = batch.event["event_id"]
        if not len(ids):
            continue
        if ids[0] <= last or ids[-1] >= high or (ids[1:] <= ids[:-1]).any():
            raise SourceError(f"{source.name}: events {ids[0]} to {ids[-1]} are not in order")
        last, given = int(ids[-1]), given + len(ids)
        yield batch
    missing = unit.events - given - sum(event >= 0 for event, _ in source.skipped)
    if missing:
        raise SourceError(
            f"{source.name}: {missing} events of {low} to {high - 1} did not come; was the file "
            "cut short while it was read?"
        )


def _verify(temporary: Path, path: Path, written: ContentHash) -> None:
    found = content_digest(temporary)
    if found != written.hexdigest():
        raise OutputError(
            f"{path}: what was written reads back differently ({found[:12]}... instead of "
            f"{written.hexdigest()[:12]}...); the disk may be damaged"
        )


def provenance_of(chain: Pipeline) -> dict[str, Any]:
    """What identifies a pipeline and its models, the code of stages that are not ours included."""
    modules = {s.name: sys.modules[type(s).__module__] for s in chain.stages}
    files = {name: str(module.__file__ or "") for name, module in modules.items()}
    own = f"{__package__.partition('.')[0]}."
    code = {
        name: sha256(Path(files[name]))
        for name, module in modules.items()
        if not module.__name__.startswith(own) and files[name]
    }
    return {**chain.provenance, **({"plugins": code} if code else {})}


def _recipe(job: Job, is_gun: bool) -> Recipe:
    """What is made of the events, the chain being loaded once a process."""
    recipe = Recipe(
        job.pipeline, job.models, seed=job.seed, is_gun=is_gun, oversample=job.oversample
    )
    if provenance_of(recipe.chain) != job.provenance:
        raise PipelineError(
            f"pipeline {job.pipeline!r} or a model of it is another one here than where the "
            "production was planned"
        )
    return recipe
