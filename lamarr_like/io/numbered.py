"""The events of a run in numbered files with equal numbers of events."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..errors import OutputError
from ..events import EventBatch
from .ntuple import EventWriter


class NumberedWriter:
    """Write ``out-000000.root``, ``out-000001.root``, ...; use it as a context manager.

    Every file has the same number of events but the last one.  If anything fails none is left: a
    set without its end would pass for a whole one.

    Args:
        path: name that the numbers are put into.
        n_events: events in a file.
        writer: gives the writer of one file.

    Attributes:
        outputs: files that are complete.

    Raises:
        OutputError: if files of that name are there already, since those that are not written
            again would mix with the new ones; as `EventWriter` otherwise.
    """

    def __init__(self, path: Path, n_events: int, writer: Callable[[Path], EventWriter]) -> None:
        if n_events < 1:
            raise OutputError(f"{path}: files of {n_events} events; ask for at least 1")
        self.path = path
        self.n_events = n_events
        self.outputs: list[Path] = []
        self._make = writer
        self._writer: EventWriter | None = None
        self._left = 0

    def __enter__(self) -> NumberedWriter:
        digits = "[0-9]" * 6
        there = sorted(self.path.parent.glob(f"{self.path.stem}-{digits}{self.path.suffix}"))
        if there:
            raise OutputError(
                f"{there[0]}: is there already; remove it and its like, or name another output"
            )
        self._open()
        return self

    def _open(self) -> None:
        number = f"{self.path.stem}-{len(self.outputs):06d}{self.path.suffix}"
        self._writer = self._make(self.path.with_name(number)).__enter__()
        self._left = self.n_events

    def write(self, batch: EventBatch) -> None:
        """Append the events of a batch, into as many files as they need."""
        start = 0
        while start < len(batch):
            if not self._left:
                self._close()
                self._open()
            assert self._writer is not None
            stop = min(start + self._left, len(batch))
            self._writer.write(batch.events(start, stop))
            self._left -= stop - start
            start = stop

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        assert writer is not None
        writer.__exit__(None, None, None)
        self.outputs.append(writer.path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._close()
                return
            if self._writer is not None:
                self._writer.__exit__(kind, error, trace)
            self._remove()
        except OutputError:
            self._remove()
            raise

    def _remove(self) -> None:
        for path in self.outputs:
            with suppress(OSError):  # the folder may have gone read-only
                path.unlink()
        self.outputs.clear()
