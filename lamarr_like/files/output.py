"""ROOT files that appear whole under their name or not at all."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ..errors import OutputError
from .places import check_free, check_parent, place
from .scratch import Scratch, unwritable

_Self = TypeVar("_Self", bound="RootOutput")


class RootOutput(ABC):
    """A ROOT file to be written; use it as a context manager.

    The file is written under a temporary name in the same folder and takes its own name when it is
    closed without an error; otherwise nothing is left behind.

    Args:
        path: where to write.
        force: replace an existing file at the end.

    Raises:
        OutputError: if the file cannot be written, or is there already.  One that appears only
            meanwhile is not replaced either, and what was written is kept under another name.
    """

    def __init__(self, path: str | Path, force: bool = False) -> None:
        self.path = Path(path)
        self.force = force
        self._scratch = Scratch(self.path)
        self._file: Any = None

    def __enter__(self: _Self) -> _Self:
        import uproot

        if os.path.isdir(self.path):
            raise OutputError(f"{self.path}: is a folder; name a file")
        check_parent(self.path)
        check_free(self.path, self.force)
        with self._scratch.begun():
            self._file = uproot.recreate(self._scratch.path, compression=uproot.LZ4(1))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
                self._file.close()
                self._name()
        except OSError as failure:
            raise unwritable(self.path, failure) from None
        finally:
            self._file.close()
            self._scratch.remove()

    def _name(self) -> None:
        """Give the file its name; what was worked on for hours is not lost if that is taken."""
        try:
            place(self._scratch.path, self.path, self.force)
        except OutputError as error:
            raise OutputError(f"{error}; what was written is {self._scratch.keep()}") from None

    @abstractmethod
    def _finish(self) -> None:
        """Write what is held and what stands beside it."""
