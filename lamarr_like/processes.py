"""Processes that work for another one: how they begin, and end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from typing import Any

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that keep numerical libraries to one thread."""


def processes(n: int) -> ProcessPoolExecutor:
    """Fresh processes that end with this one; use `one_thread` around what gives them work."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(n, mp_context=context, initializer=_begin)


def _begin() -> None:
    """First thing in a worker: leave Ctrl-C to the parent, and end when the parent does."""
    from .lean import import_xgboost

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent: Any = multiprocessing.parent_process()
    threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()
    import_xgboost()


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
