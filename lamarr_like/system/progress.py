"""A progress bar that moves while the process is busy, because another one draws it.

Pythia takes seconds to start and lets no thread run meanwhile, nor does much else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from .signals import deferred


class Bar:
    """What moves the bar; without a terminal, nothing.

    Args:
        pipe: where the process that draws listens, None if there is none.
    """

    def __init__(self, pipe: IO[str] | None) -> None:
        self._pipe = pipe

    def advance(self, n: int) -> None:
        """So many more are done."""
        self._tell(f"+{n}")

    def describe(self, text: str) -> None:
        """What is being done."""
        self._tell(" ".join(text.split()))

    def end_at(self, total: int) -> None:
        """Where it ends, once that is known."""
        self._tell(f"={total}")

    def say(self, text: str) -> None:
        """A line of text on the error stream, above the bar."""
        if self._pipe is None:
            print(text, file=sys.stderr, flush=True)
        else:
            self._tell("!" + " ".join(text.split()))

    def _tell(self, line: str) -> None:
        if self._pipe is not None:
            with suppress(OSError):  # a bar that is gone is no reason to stop
                self._pipe.write(f"{line}\n")
                self._pipe.flush()


@contextmanager
def progress(
    total: int | None, begin: str = "starting", unit: str = "events", shown: bool = True
) -> Iterator[Bar]:
    """A bar on the error stream, gone when done; silent where that is no terminal.

    Args:
        total: where it ends, None if nobody knows.
        begin: what stands beside it before the first advance.
        unit: what stands beside it from then on.
        shown: whether it is wanted.
    """
    if not shown or not sys.stderr.isatty():
        yield Bar(None)
        return
    words = [str(total or 0), begin, unit]
    path = os.pathsep.join(filter(None, sys.path))  # it imports what this process can
    with deferred():  # deaf to Ctrl-C: it ends when this process closes the pipe, or ends
        child = subprocess.Popen(
            [sys.executable, "-m", __name__, *words],
            stdin=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    try:
        yield Bar(child.stdin)
    finally:
        with suppress(OSError):
            child.communicate(timeout=5)


def draw(total: int, begin: str, unit: str, lines: IO[str]) -> None:
    """Draw a bar until there are no more lines.

    Args:
        total: where it ends, 0 if nobody knows.
        begin: what stands beside it before the first advance.
        unit: what stands beside it from then on.
        lines: ``+N`` advances it, ``=N`` is where it ends, ``!TEXT`` stays above it, anything else
            is what stands beside it.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (SpinnerColumn(), "{task.description}", BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True), transient=True) as bar:
        task, fresh = bar.add_task(begin, total=total or None), True
        for line in map(str.strip, lines):
            if line.startswith("+"):
                bar.update(task, advance=int(line), description=unit if fresh else None)
                fresh = False
            elif line.startswith("="):
                bar.update(task, total=int(line[1:]))
            elif line.startswith("!"):
                bar.console.print(line[1:], markup=False, highlight=False)
            else:
                bar.update(task, description=line)
                fresh = False


if __name__ == "__main__":
    draw(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.stdin)
