"""Processes that work for another one: how they begin, and end with it."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from .quick_start import put_off
from .signals import SIGNALS, deferred

_P = ParamSpec("_P")
_T = TypeVar("_T")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that keep numerical libraries to one thread."""

_GRACE = 1.0
"""Seconds between SIGTERM and the end of a worker: the parent may have got it as well, and has
then more to say than that a worker died."""


def processes(n: int) -> ProcessPoolExecutor:
    """Fresh processes that end with this one; use `one_thread` around what gives them work."""
    context = multiprocessing.get_context("spawn")
    with deferred():  # the process of Python that removes semaphores starts here
        return _Pool(n, mp_context=context, initializer=_begin)


class _Pool(ProcessPoolExecutor):
    """Starts its processes where no signal can cut in."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        with deferred():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def worker_pool(n: int) -> Iterator[ProcessPoolExecutor]:
    """Processes as `processes` gives them, killed where the work ends early.

    Nothing that they have begun is worth waiting for then.
    """
    pool = processes(n)
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Inline(Executor):
    """Does everything at once in this process."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """The result is there when this returns; errors are raised here."""
        future: Future[_T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def executor(n: int) -> AbstractContextManager[Executor]:
    """Processes of their own, see `worker_pool`, or this one if `n` is 1."""
    return Inline() if n <= 1 else worker_pool(n)


def _begin() -> None:
    """First thing in a worker: leave signals to the parent, and end when the parent does."""
    put_off()
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    parent: Any = multiprocessing.parent_process()
    threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _end(signum: int, frame: FrameType | None) -> None:
    time.sleep(_GRACE)
    os._exit(128 + signum)


def _follow(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)


@contextmanager
def one_thread() -> Any:
    """Processes that start meanwhile run numerical libraries on one thread."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def peak_memory() -> float:
    """Peak resident memory of this process [MB]."""
    # On Linux getrusage starts from the peak of the process that this one was forked from.
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(float(line.split()[1]) / 1e3, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)
