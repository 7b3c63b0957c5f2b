"""Processes that share the work of a report."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeVar

from ...system.processes import worker_pool

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Inline(Executor):
    """Does everything at once in this process."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """The result is there when this returns; errors are raised here."""
        future: Future[_T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def executor(n: int) -> AbstractContextManager[Executor]:
    """Processes of their own, or this one if `n` is 1."""
    return Inline() if n <= 1 else worker_pool(n)
