"""Signals that ask to stop, as one exception: Ctrl-C, and what `timeout` and batch systems send.

The command installs the handlers (`stoppable`); a program that uses the package as a library keeps
its own.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)
"""Signals that ask to stop; all of them end the process without a word by default, but SIGINT."""

_REPEAT = 3.0
"""Seconds in which the same request may come again, as `timeout` sends it to process and group."""


class Interrupted(BaseException):
    """Somebody asked to stop; no `Exception`, so that nothing takes it for a failure.

    Args:
        signum: number of the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class _State:
    """What the handler knows of this process."""

    active = False
    caught = 0
    when = 0.0
    depth = 0
    waiting = 0


def _handle(signum: int, frame: FrameType | None) -> None:
    if _State.depth:
        _State.waiting = _State.waiting or signum
        return
    now = time.monotonic()
    if _State.caught and now - _State.when < _REPEAT:
        return
    _State.caught, _State.when = signum, now
    raise Interrupted(signum)


def heeded() -> list[signal.Signals]:
    """Those of `SIGNALS` that this process is to heed.

    What it was started to ignore, as by ``nohup``, it ignores; but not what somebody must mean, and
    shells let what a script starts in the background ignore SIGINT.
    """
    always = (signal.SIGINT, signal.SIGTERM)
    return [s for s in SIGNALS if s in always or signal.getsignal(s) != signal.SIG_IGN]


@contextmanager
def stoppable() -> Iterator[None]:
    """What is done meanwhile ends with one line and exit status 128 + n when signal n comes.

    Raises:
        SystemExit: instead of `Interrupted`, and of the errors that follow from a signal.
    """
    if _State.active or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.signal(s, _handle) for s in heeded()}
    _State.active, _State.caught = True, 0
    try:
        yield
    except BaseException:
        if not _State.caught:
            raise
        # The way out is not to be interrupted any more.
        before = dict.fromkeys(before, signal.SIG_IGN)
        name = signal.Signals(_State.caught).name
        print(f"lamarr-like: stopped by {name}", file=sys.stderr)
        raise SystemExit(128 + _State.caught) from None
    finally:
        _State.active = False
        for s, handler in before.items():
            signal.signal(s, handler)


def interrupted() -> bool:
    """Whether a signal came; errors that follow are of no interest then."""
    return _State.caught > 0


@contextmanager
def deferred() -> Iterator[None]:
    """Signals wait until this is over; processes that start meanwhile are deaf to them.

    A new process inherits the mask, and would write a traceback if it were interrupted before it
    has handlers of its own.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    is_main = threading.current_thread() is threading.main_thread()
    _State.depth += is_main
    try:
        yield
    finally:
        _State.depth -= is_main
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if is_main and not _State.depth and _State.waiting:
        signum, _State.waiting = _State.waiting, 0
        _handle(signum, None)
