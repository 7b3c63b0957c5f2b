"""Workers on this machine: one process each, with one thread for every numerical library."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType

from ..system.processes import one_thread, processes
from .units import Unit
from .work import Job, Outcome, run_unit


class LocalWorkers:
    """Processes of this machine; use it as a context manager.

    Each worker is a pool of its own, so that a killed process spoils one unit and no other.

    Args:
        n: how many.
        job: what the units have in common.
    """

    link = ""

    def __init__(self, n: int, job: Job) -> None:
        self.slots = n
        self.job = job
        self._pools: list[ProcessPoolExecutor | None] = [None] * n
        self._running: dict[Future[Outcome], int] = {}

    def __enter__(self) -> LocalWorkers:
        return self

    def submit(self, unit: Unit) -> Future[Outcome]:
        """Start a unit; there must be a free worker."""
        slot = min(set(range(self.slots)) - set(self._running.values()))
        with one_thread():
            pool = self._pools[slot] or processes(1)
            self._pools[slot] = pool
            future = pool.submit(run_unit, self.job, unit)
        self._running[future] = slot
        return future

    def wait(self, futures: Iterable[Future[Outcome]], timeout: float) -> set[Future[Outcome]]:
        """Those that are done, after some seconds at most."""
        return wait(futures, timeout, FIRST_COMPLETED).done

    def result(self, future: Future[Outcome]) -> Outcome:
        """What became of a unit; a worker that died is replaced."""
        slot = self._running.pop(future)
        try:
            return future.result()
        except BrokenProcessPool:
            pool, self._pools[slot] = self._pools[slot], None
            assert pool is not None
            pool.shutdown(wait=False)
            return Outcome(None, "the worker was killed (out of memory?)")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pool in filter(None, self._pools):
            # Half-made parts have temporary names and are removed: nothing is worth waiting for.
            for process in list((pool._processes or {}).values()) if self._running else ():
                process.kill()
            pool.shutdown(wait=True, cancel_futures=True)
