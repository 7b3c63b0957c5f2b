"""Ctrl-C, SIGTERM and their like as a request that is heeded between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from ..system.signals import heeded


class Stopped(Exception):  # noqa: N818
    """Somebody asked to stop.

    Args:
        signum: number of the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class StopRequest:
    """Catches the signals that ask to stop while it is used as a context manager.

    The handlers only take a note; whoever works asks with `check`, so that nothing is cut off
    half way.  Outside of the main thread, where Python allows no handlers, it does nothing.
    """

    def __init__(self) -> None:
        self.signum = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for signum in heeded():
                self._before[signum] = signal.signal(signum, self._note)
        return self

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.signum = self.signum or signum

    def check(self) -> None:
        """Go on.

        Raises:
            Stopped: if a signal came.
        """
        if self.signum:
            raise Stopped(self.signum)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]
