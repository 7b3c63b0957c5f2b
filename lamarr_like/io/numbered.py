"""The events of a run in numbered files with equal numbers of events."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..errors import OutputError
from ..events import EventBatch
from ..files.locations import Location
from ..files.places import check_free, check_name, check_parent, place, refuse_inputs
from ..files.scratch import Scratch, unwritable
from .ntuple import EventWriter


def check_numbered(
    path: Path, inputs: Iterable[str | Location] = (), *, force: bool = False
) -> None:
    """See whether numbered files may be written, as `places.check_output` does for one.

    Raises:
        OutputError: if not, saying what to do.
    """
    check_name(path)
    there = _numbered(path)
    refuse_inputs(there, inputs)
    _check_free(there, force)


def _numbered(path: Path) -> list[Path]:
    """Numbered files of a name that are there."""
    return sorted(path.parent.glob(f"{path.stem}-{'[0-9]' * 6}{path.suffix}"))


def _check_free(there: list[Path], force: bool) -> None:
    if there and not force:
        raise OutputError(
            f"{there[0]}: is there already; replace it and its like with --force (force=True), "
            "or name another output"
        )
    for one in there:
        check_free(one, force)


class NumberedWriter:
    """Write ``out-000000.root``, ``out-000001.root``, ...; use it as a context manager.

    Every file has the same number of events but the last one.  They are written in a hidden folder
    and all get their names in the end, or none of them does: a set without its end would pass for
    a whole one.

    Args:
        path: name that the numbers are put into.
        n_events: events in a file.
        writer: gives the writer of one file.
        force: replace the numbered files of that name, and remove those that are too many.

    Attributes:
        outputs: files that have their names.

    Raises:
        OutputError: if files of that name are there already; as `EventWriter` otherwise.
    """

    def __init__(
        self,
        path: Path,
        n_events: int,
        writer: Callable[[Path], EventWriter],
        force: bool = False,
    ) -> None:
        if n_events < 1:
            raise OutputError(f"{path}: files of {n_events} events; ask for at least 1")
        self.path = path
        self.n_events = n_events
        self.force = force
        self.outputs: list[Path] = []
        self._make = writer
        self._scratch = Scratch(path, is_folder=True)
        self._writer: EventWriter | None = None
        self._made: list[Path] = []
        self._left = 0

    def __enter__(self) -> NumberedWriter:
        check_parent(self.path)
        _check_free(_numbered(self.path), self.force)
        with self._scratch.begun():
            self._open()
        return self

    def _open(self) -> None:
        number = f"{self.path.stem}-{len(self._made):06d}{self.path.suffix}"
        self._writer = self._make(self._scratch.path / number).__enter__()
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
        self._made.append(writer.path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._close()
                self._name()
            elif self._writer is not None:
                self._writer.__exit__(kind, error, trace)
        except OSError as failure:
            raise unwritable(self.path, failure) from None
        finally:
            self._scratch.remove()

    def _name(self) -> None:
        """Give all files their names; where one is taken meanwhile, keep them elsewhere."""
        before = _numbered(self.path)
        try:
            _check_free(before, self.force)
            for made in self._made:
                target = self.path.with_name(made.name)
                place(made, target, self.force)
                self.outputs.append(target)
        except OutputError as error:
            for path in self.outputs:
                os.replace(path, self._scratch.path / path.name)
            self.outputs.clear()
            kept = self._scratch.keep()
            raise OutputError(f"{error}; what was written is in {kept}") from None
        for path in set(before) - set(self.outputs):
            with suppress(OSError):  # the folder may have gone read-only
                path.unlink()
