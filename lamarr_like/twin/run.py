"""The plan of a twin, and its run: Dask runs the steps; ours are the graph and the addresses."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..distributed.cluster import CONNECT_SECONDS, make_cluster
from ..distributed.config import ClusterConfig
from ..distributed.lock import FolderLock
from ..errors import LamarrLikeError, OutputError, TwinError
from ..registry import store as registries
from ..registry.index import INDEX, Index
from ..statistics.judgement import Status
from ..system.extras import need
from ..system.processes import one_thread
from .graph import Step
from .search import begin, run_trials
from .store import Made, reasons
from .work import Bench, do

_NOT_WANTED = ("files", "sample", "search", "train")
"""Kinds of steps that are made for others only."""


@dataclass(frozen=True)
class Planned:
    """A step that is to be made.

    Args:
        step: the step.
        why: why.
        problem: why it cannot be; empty if it can.
    """

    step: Step
    why: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a step.

    Args:
        name: of the step.
        error: why it was not made; empty if it was.
    """

    name: str
    error: str = ""


def plan(steps: Sequence[Step], bench: Bench, thorough: bool = False) -> list[Planned]:
    """What is to be made and why: what is not there and is wanted, and what that takes from.

    Args:
        steps: in order.
        bench: where they work.
        thorough: read what is there, rather than looking at lengths.

    Raises:
        ArtefactError: if the registry is broken.
    """
    index = _index(bench)
    wanted = {step.key for step in steps if step.kind not in _NOT_WANTED}
    found: dict[str, Planned] = {}
    for step in reversed(steps):
        if step.kind == "files" or step.key not in wanted:
            continue
        made = bench.store.find(step, thorough)
        why = reasons(step, bench.store) if made is None else _outdated(step, made, index)
        if why:
            found[step.key] = Planned(step, tuple(why), _taken(step, bench, index))
            wanted |= {one.key for one in step.inputs}
    return [found[step.key] for step in steps if step.key in found]


def _index(bench: Bench) -> Index:
    there = (bench.registry / INDEX).is_file()
    return registries.read_index(bench.registry) if there else Index()


def _outdated(step: Step, made: Made, index: Index) -> list[str]:
    """Why a step that was made is to be made again: what it did to the registry is not there."""
    entry = index.models.get(step.subject)
    if step.kind == "publish":
        same = entry is not None and entry.digest == made.result.get("digest")
        return [] if same else ["the registry does not have it"]
    if step.kind == "approve":
        passed = made.result.get("status") == Status.passed.value
        lost = passed and (entry is None or entry.life == "candidate")
        return ["the registry says that it is not approved"] if lost else []
    if step.kind == "pipeline":
        lives = made.result.get("lives", {})
        now = {name: entry.life for name, entry in index.models.items()}
        changed = [name for name, life in lives.items() if now.get(name) != life]
        return [f"{changed[0]} has another stage of life"] if changed else []
    return []


def _taken(step: Step, bench: Bench, index: Index) -> str:
    """Whether the name of a model that is to be published stands for another one."""
    entry = index.models.get(step.subject) if step.kind == "publish" else None
    (trained,) = step.input("train") if step.kind == "publish" else (step,)
    if entry is None or str(entry.lineage.get("command", "")).endswith(trained.key[:16]):
        return ""
    return (
        f"{bench.registry} has a {entry.name} that was made otherwise, and versions never change: "
        "give the model another version"
    )


def run(
    steps: Sequence[Step],
    bench: Bench,
    *,
    workers: int = 1,
    scheduler: str = "",
) -> list[Outcome]:
    """Make what is to be made; what became of each step.

    Args:
        steps: in order.
        bench: where they work.
        workers: processes of this machine; 1 for this one.
        scheduler: address of a Dask scheduler, whose workers see the same folders.

    Raises:
        TwinError: if the registry has a model of the same name that was made otherwise.
        OutputError: if somebody else works in the folder, or it cannot be written.
        MissingExtraError: without the extra ``twin``.
    """
    need("twin", "dask")
    from dask.base import compute

    folder = bench.store.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror})") from None
    with ExitStack() as stack:
        stack.enter_context(FolderLock(folder))
        planned = plan(steps, bench, thorough=True)
        for one in planned:
            if one.problem:
                raise TwinError(one.problem)
        nodes = _nodes(planned, bench)
        if not nodes:
            return []
        if workers == 1 and not scheduler:
            done = compute(*nodes, scheduler="synchronous")  # type: ignore[no-untyped-call]
            return list(done)
        client = stack.enter_context(_client(stack, workers, scheduler))
        return list(client.compute(nodes, sync=True))


def _client(stack: ExitStack, workers: int, scheduler: str) -> Any:
    need("batch", "distributed")
    from dask import config
    from distributed import Client

    stack.enter_context(one_thread())
    # Detailed simulations of responses run in processes of their own.
    stack.enter_context(config.set({"distributed.worker.daemon": False}))
    cluster = None
    if not scheduler:
        cluster = stack.enter_context(make_cluster(ClusterConfig(memory="auto"), workers))
    try:
        return Client(scheduler or cluster, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise TwinError(f"no Dask scheduler answers at {scheduler} ({error})") from None


def _nodes(planned: Sequence[Planned], bench: Bench) -> list[Any]:
    """The graph that Dask runs: a node for each step and for each worker of a search."""
    from dask.delayed import delayed

    def node(function: Any, below: list[Any], name: str) -> Any:
        return delayed(function, pure=False)(below, dask_key_name=name)

    nodes: dict[str, Any] = {}
    for one in planned:
        step = one.step
        below = [nodes[i.key] for i in step.inputs if i.key in nodes]
        name = f"{step.kind}-{step.subject}-{step.key[:16]}"
        if step.kind == "search":
            first = node(partial(_begin, step, bench), below, f"begin-{name}")
            below = [
                node(partial(_trials, step, bench, i), [first], f"trials-{i}-{name}")
                for i in range(bench.workers)
            ]
        nodes[step.key] = node(partial(_make, step, bench), below, name)
    return list(nodes.values())


def _make(step: Step, bench: Bench, below: Sequence[Outcome]) -> Outcome:
    """Make a step whose inputs are there."""
    return _told(step.name, below, lambda: do(step, bench))


def _begin(step: Step, bench: Bench, below: Sequence[Outcome]) -> Outcome:
    """Begin a search."""
    return _told(step.name, below, lambda: begin(bench.search_of(step), bench.resume))


def _trials(step: Step, bench: Bench, worker: int, below: Sequence[Outcome]) -> Outcome:
    """Make trials of a search, with others who do the same."""
    search = bench.search_of(step)
    say = partial(_say, f"{step.subject}: ")
    return _told(
        step.name, below, lambda: run_trials(search, worker, bench.workers, say), quiet=True
    )


def _told(name: str, below: Sequence[Outcome], work: Any, quiet: bool = False) -> Outcome:
    if bad := next((one for one in below if one.error), None):
        reason = f"needs {bad.name}" if bad.name != name else bad.error
        return Outcome(name, reason)
    if not quiet:
        _say("", name)
    try:
        work()
    except LamarrLikeError as error:
        return Outcome(name, " ".join(str(error).split()))
    return Outcome(name)


def _say(head: str, line: str) -> None:
    print(f"{head}{line}", file=sys.stderr, flush=True)


def told(steps: Sequence[Step], bench: Bench) -> Iterator[tuple[str, str, list[str]]]:
    """Name, status and words of each step that judges.

    Args:
        steps: those that were made.
        bench: where.
    """
    for step in steps:
        made = bench.store.find(step) if step.kind in ("validate", "approve", "drift") else None
        if made is not None:
            yield step.name, str(made.result["status"]), list(made.result.get("told", ()))
