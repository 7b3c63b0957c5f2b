"""One production in one folder at a time."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from types import TracebackType

from ..errors import OutputError

LOCK = ".lock"
"""File in the output folder."""


class FolderLock:
    """Holds the lock of an output folder; use it as a context manager.

    The kernel drops the lock of a dead process, so one that was left behind on this host is taken
    over.  What was left behind by another host cannot be told from one that runs, and is refused.

    Args:
        folder: the output folder.

    Raises:
        OutputError: if another production runs in the folder, naming host and process.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._fd = -1

    def __enter__(self) -> FolderLock:
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from None
        try:
            self._take()
        except BaseException:
            os.close(self._fd)
            raise
        return self

    def _take(self) -> None:
        has_locks = True
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(self._message(self._owner())) from None
        except OSError:
            has_locks = False  # some network file systems know none: the owner's number must do
        owner = self._owner()
        if owner:
            here = owner.get("host") == socket.gethostname()
            if not here or (not has_locks and _is_alive(owner.get("pid"))):
                raise OutputError(self._message(owner))
        mine = {"host": socket.gethostname(), "pid": os.getpid()}
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, json.dumps(mine).encode(), 0)
            os.fsync(self._fd)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from None

    def _owner(self) -> dict[str, object]:
        """Who wrote the lock; empty if it was given back or was never written."""
        text = os.pread(self._fd, 4096, 0)
        if not text:
            return {}
        try:
            owner = json.loads(text)
        except ValueError:
            return {}
        return owner if isinstance(owner, dict) else {}

    def _message(self, owner: dict[str, object]) -> str:
        who = f"process {owner.get('pid', '?')} on host {owner.get('host', '?')}"
        return (
            f"{self.path.parent}: another production runs in this folder ({who}); wait for it, "
            f"choose another output, or delete {self.path} if that process is gone"
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The file stays: deleting it would let two others lock two different files.
        try:
            os.ftruncate(self._fd, 0)
        finally:
            os.close(self._fd)


def _is_alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
