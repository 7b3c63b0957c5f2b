"""ROOT files that appear whole under their name or not at all."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ..errors import OutputError

_Self = TypeVar("_Self", bound="RootOutput")


class RootOutput(ABC):
    """A ROOT file to be written; use it as a context manager.

    The file is written under a temporary name in the same folder and takes its own name when it is
    closed without an error; otherwise nothing is left behind.

    Args:
        path: where to write; an existing file is replaced at the end.

    Raises:
        OutputError: if the file cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._file: Any = None

    def __enter__(self: _Self) -> _Self:
        import uproot

        if self.path.is_dir():
            raise OutputError(f"{self.path}: is a folder; name a file")
        if not self.path.parent.is_dir():
            raise OutputError(f"{self.path}: there is no folder {self.path.parent}")
        try:
            self._file = uproot.recreate(self._temporary, compression=uproot.LZ4(1))
        except OSError as error:
            raise self._failed(error) from None
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
                os.replace(self._temporary, self.path)
        except OSError as failure:
            raise self._failed(failure) from None
        finally:
            self._file.close()
            with suppress(OSError):  # the folder may have gone read-only
                self._temporary.unlink()

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path}: cannot be written ({error})")

    @abstractmethod
    def _finish(self) -> None:
        """Write what is held and what stands beside it."""
