"""Running a production: plan, units, retries, manifest, merge."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from .. import __version__
from ..chain.pipeline import Pipeline
from ..errors import LamarrLikeError, OutputError, ProductionError
from ..files.places import refuse_inputs
from ..files.scratch import remove_left
from ..io.kept import Kept
from .cluster import DaskWorkers
from .config import ProductionConfig
from .local import LocalWorkers
from .lock import LOCK, FolderLock
from .manifest import Failure, ProductionReport, notes_of, write_manifest
from .merge import merge_parts
from .outputs import check_outputs
from .parts import MANIFEST, PLAN, PartReport, is_there, sound_part
from .platforms import warning
from .stop import Stopped, StopRequest
from .stored import StoredPlan, check_same, read_plan, write_plan
from .units import Plan, Unit, make_plan
from .work import Job, Outcome, provenance_of, run_unit

POLL_SECONDS = 0.2
"""Longest time between two looks at signals."""


class Workers(Protocol):
    """What runs units: `LocalWorkers` or `DaskWorkers`."""

    slots: int
    link: str

    def submit(self, unit: Unit) -> Any:
        """Start a unit."""

    def wait(self, futures: Iterable[Any], timeout: float) -> set[Any]:
        """Those that are done."""

    def result(self, future: Any) -> Outcome:
        """What became of one that is done."""


@dataclass(frozen=True)
class Watcher:
    """Whom a production tells how far it is; every field may be left as it is.

    Args:
        total: called once with the number of events that are planned.
        advance: called with the number of events of each unit that is done.
        say: called with remarks for the user.
    """

    total: Callable[[int], None] = lambda n: None
    advance: Callable[[int], None] = lambda n: None
    say: Callable[[str], None] = lambda text: None


@dataclass
class _State:
    """What is known of the units while a production runs."""

    parts: dict[int, PartReport] = field(default_factory=dict)
    attempts: Counter[int] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    made: int = 0
    stopped: str = ""
    signum: int = 0
    merged: Path | None = None
    digest: str = ""


def run_production(
    config: ProductionConfig,
    *,
    workers: int = 0,
    resume: bool = False,
    scheduler: str = "",
    merge: bool = False,
    watcher: Watcher | None = None,
    command: str = "",
    force: bool = False,
) -> ProductionReport:
    """Run a production, or what is missing of it.

    Args:
        config: the production.
        workers: processes or jobs; 0 for what the production says, or one.
        resume: go on with what is in the output folder.
        scheduler: address of a Dask scheduler to use.
        merge: join the parts in the end, also where the production does not ask for it.
        watcher: told how far it is.
        command: command line, kept in the manifest.
        force: replace a merged file that no run of the production has made.

    Raises:
        LamarrLikeError: if it cannot begin, or the manifest cannot be written.  Failures of units,
            full disks and signals are in the report.
    """
    watcher = watcher or Watcher()
    start, begin = time.perf_counter(), _now()
    check_outputs(config, merge=merge, force=force)
    _make_folder(config.output)
    state = _State()
    with FolderLock(config.output) as lock, StopRequest() as stop:
        try:
            plan, job = _prepare(config, resume, stop, watcher)
            watcher.total(plan.events)
            missing = _missing(config, plan, state, stop, watcher)
        except Stopped as signal:
            return _report(config, state, start, 0, signal)
        try:
            if missing:
                with _workers(config, job, workers, scheduler) as pool:
                    if pool.link:
                        watcher.say(f"dashboard: {pool.link}")
                    _run(pool, missing, config.retries, state, stop, watcher, lock)
            _check_parts(config, plan, state, lock)
            if (merge or config.merge) and len(state.parts) == len(plan.units):
                _merge(config, plan, job, state, stop)
                lock.check()
        except Stopped as signal:
            state.stopped, state.signum = f"by {signal}", signal.signum
        except LamarrLikeError as error:
            state.stopped = str(error)
        if mixed := warning([part.platform for part in state.parts.values()]):
            watcher.say(mixed)
        return _end(config, plan, state, lock, start, command, begin)


def _end(
    config: ProductionConfig,
    plan: Plan,
    state: _State,
    lock: FolderLock,
    start: float,
    command: str,
    begin: str,
) -> ProductionReport:
    """Clean up and write the manifest; where that cannot be, the report says why."""
    report = _report(config, state, start, len(plan.units))
    try:
        lock.check()
        remove_left(config.output)
        write_manifest(report, plan, state.parts, state.attempts, command, (begin, _now()))
    except OutputError as error:
        reasons = dict.fromkeys(filter(None, (state.stopped, str(error))))
        report = replace(report, stopped="; ".join(reasons))
    return report


def _check_parts(config: ProductionConfig, plan: Plan, state: _State, lock: FolderLock) -> None:
    """See that what was made is still there.

    Raises:
        OutputError: if it is not, or the folder is another one.
    """
    lock.check()
    made = [unit for unit in plan.units if unit.number in state.parts]
    gone = [u for u in made if not is_there(config.output, u, state.parts[u.number])]
    for unit in gone:
        del state.parts[unit.number]
    if gone:
        raise OutputError(
            f"{config.output / gone[0].part}: was removed or changed while the production ran "
            f"({len(gone)} parts)"
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror})") from None


def plan_production(config: ProductionConfig) -> Plan:
    """Write the plan of a production, or check the one that is there, and make nothing.

    Args:
        config: the production.

    Raises:
        LamarrLikeError: if the production cannot begin, or the folder holds another one.
    """
    _make_folder(config.output)
    with FolderLock(config.output), StopRequest() as stop:
        try:
            return _prepare(config, True, stop, Watcher())[0]
        except Stopped as signal:
            raise ProductionError(f"{config.output}: stopped by {signal}, no plan") from None


def make_unit(config: ProductionConfig, number: int) -> PartReport:
    """Make one unit of a production that was planned, unless its part is there and sound.

    For workflow managers, which run many at a time; what they made is checked and joined by
    `run_production` with `resume`.

    Args:
        config: the production.
        number: of the unit.

    Raises:
        LamarrLikeError: if there is no plan or no such unit, or the unit fails.
    """
    stored = read_plan(config.output)
    if stored is None:
        raise ProductionError(f"{config.output}: no plan is there; write it with --plan first")
    plan, job = _planned(config, stored, lambda: None)
    if not 0 <= number < len(plan.units):
        raise ProductionError(f"no unit {number}; there are 0 to {len(plan.units) - 1}")
    unit = plan.units[number]
    part = sound_part(config.output, unit, plan.digest, config.oversample)
    if part is None:
        outcome = run_unit(job, unit)
        part = outcome.report
        if part is None:
            raise ProductionError(f"unit {number}: {outcome.reason}")
    return part


def _prepare(
    config: ProductionConfig, resume: bool, stop: StopRequest, watcher: Watcher
) -> tuple[Plan, Job]:
    """The plan, written down, and what its units share; needs the lock."""
    folder = config.output
    if not resume and (os.path.lexists(folder / PLAN) or any(folder.glob("part-*.root"))):
        raise ProductionError(
            f"{folder}: holds a production already; go on with --resume or choose another output"
        )
    plan, job = _planned(config, read_plan(folder), stop.check)
    for note in plan.notes:
        watcher.say(note)
    remove_left(folder)
    write_plan(folder, plan)
    return plan, job


def _planned(
    config: ProductionConfig, stored: StoredPlan | None, each: Callable[[], None]
) -> tuple[Plan, Job]:
    """The plan, which must be that of what is in the folder, and what its units share."""
    folder = config.output
    provenance = provenance_of(Pipeline.load(config.pipeline, config.models))
    plan = make_plan(config, provenance, () if stored is None else stored.inputs, each)
    if stored is not None:
        check_same(folder, stored, plan)
    _check_outputs(config, plan)
    metadata: dict[str, Any] = {"program": f"lamarr_like {__version__}"}
    metadata |= {"production": config.name, "seed": config.seed}
    if config.oversample > 1:
        metadata["oversample"] = config.oversample
    metadata |= config.conditions.noted()
    if config.kept != Kept():
        metadata["kept"] = asdict(config.kept)
    job = Job(
        folder=folder,
        pipeline=config.pipeline,
        models=config.models,
        seed=config.seed,
        chunk_size=config.chunk_size,
        skip_bad=config.skip_bad,
        root_format=config.root_format,
        provenance=provenance,
        metadata=metadata,
        plan=plan.digest,
        oversample=config.oversample,
        kept=config.kept,
        conditions=config.conditions,
    )
    return plan, job


def _check_outputs(config: ProductionConfig, plan: Plan) -> None:
    """Refuse to write over what is read, and to put the merged file where no file is."""
    merged = config.output / (config.merge or f"{config.name}.root")
    if os.path.lexists(merged) and (merged.is_symlink() or not merged.is_file()):
        raise ProductionError(f"{merged}: is no plain file; remove it or choose another output")
    names = {PLAN, MANIFEST, LOCK, merged.name}
    names |= {name for unit in plan.units for name in (unit.part, unit.report)}
    refuse_inputs([config.output / name for name in names], [item.path for item in plan.inputs])


def _missing(
    config: ProductionConfig, plan: Plan, state: _State, stop: StopRequest, watcher: Watcher
) -> list[Unit]:
    """Units without a sound part; the reports of the others go into the state."""
    missing = []
    for unit in plan.units:
        stop.check()
        part = sound_part(config.output, unit, plan.digest, config.oversample)
        if part is None:
            missing.append(unit)
        else:
            state.parts[unit.number] = part
            watcher.advance(unit.events)
    return missing


def _workers(config: ProductionConfig, job: Job, n: int, scheduler: str) -> Any:
    if scheduler or config.cluster is not None:
        return DaskWorkers(job, scheduler, config.cluster, n)
    return LocalWorkers(n or 1, job)


def _run(
    pool: Workers,
    units: Sequence[Unit],
    retries: int,
    state: _State,
    stop: StopRequest,
    watcher: Watcher,
    lock: FolderLock,
) -> None:
    """Run units until each has a part or was given up.

    Raises:
        Stopped: on a signal.
        OutputError: if the output folder takes no more.
        ProductionError: if the workers are gone as a whole.
    """
    waiting = deque(units)
    running: dict[Any, Unit] = {}
    while waiting or running:
        while waiting and len(running) < pool.slots:
            unit = waiting.popleft()
            running[pool.submit(unit)] = unit
        for future in pool.wait(running, POLL_SECONDS):
            unit = running.pop(future)
            outcome = pool.result(future)
            state.attempts[unit.number] += 1
            if outcome.report is None:
                lock.check()  # which says more than whoever finds no folder
            if outcome.report is not None:
                state.parts[unit.number] = outcome.report
                state.made += 1
                watcher.advance(unit.events)
            elif state.attempts[unit.number] <= retries and not outcome.no_space:
                watcher.say(f"{unit.part}: {outcome.reason}; tried again later")
                waiting.append(unit)
            else:
                failure = Failure.of(unit, state.attempts[unit.number], outcome.reason)
                state.failures.append(failure)
                if outcome.no_space:
                    raise OutputError(outcome.reason)
        stop.check()
        lock.check()


def _merge(
    config: ProductionConfig, plan: Plan, job: Job, state: _State, stop: StopRequest
) -> None:
    output = config.output / (config.merge or f"{config.name}.root")
    parts = [config.output / u.part for u in plan.units if state.parts[u.number].events]
    metadata = {**job.metadata, **job.provenance, "plan": plan.digest}
    metadata["source"] = [entry["text"] for entry in plan.identity["sources"]]
    _, state.digest = merge_parts(
        parts, output, metadata, config.root_format, lambda n: stop.check()
    )
    state.merged = output


def _report(
    config: ProductionConfig,
    state: _State,
    start: float,
    units: int,
    signal: Stopped | None = None,
) -> ProductionReport:
    report = ProductionReport(
        folder=config.output,
        events=sum(part.events for part in state.parts.values()),
        units=units,
        done=len(state.parts),
        made=state.made,
        failures=tuple(sorted(state.failures, key=lambda f: f.unit)),
        stopped=state.stopped,
        signum=state.signum,
        merged=state.merged,
        digest=state.digest,
        wall=time.perf_counter() - start,
        memory=max((part.memory for part in state.parts.values()), default=0.0),
        notes=notes_of([state.parts[number] for number in sorted(state.parts)]),
    )
    if signal is None:
        return report
    return replace(report, stopped=f"by {signal}", signum=signal.signum)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
