"""One production in one folder at a time."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import stat
from pathlib import Path
from types import TracebackType

from ..errors import OutputError

LOCK = ".lock"
"""File in the output folder."""

_LONGEST = 4096
_BEGIN = b'{"host": '


class FolderLock:
    """Holds the lock of an output folder; use it as a context manager.

    The kernel drops the lock of a dead process, so one that was left behind on this host is taken
    over.  What was left behind by another host cannot be told from one that runs, and is refused.
    A link, a file that has another name elsewhere, and one that holds no lock are left as they are.

    Args:
        folder: the output folder.

    Raises:
        OutputError: if another production runs in the folder, naming host and process, or what is
            there under the name of the lock is none.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._fd = self._folder = -1

    def __enter__(self) -> FolderLock:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            self._folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._fd = os.open(LOCK, flags, 0o644, dir_fd=self._folder)
        except OSError as error:
            self._close()
            if self.path.is_symlink():
                raise self._foreign("is a link") from None
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from None
        try:
            self._take()
        except BaseException:
            self._close()
            raise
        return self

    def check(self) -> None:
        """Go on.

        Raises:
            OutputError: if the folder that is locked is no longer the one of that name.
        """
        try:
            same = os.path.samestat(os.stat(self.path.parent), os.fstat(self._folder))
        except OSError:
            same = False
        if not same:
            raise OutputError(
                f"{self.path.parent}: was removed, renamed or replaced while the production ran; "
                "put it back"
            )

    def _foreign(self, what: str) -> OutputError:
        return OutputError(
            f"{self.path}: {what}, no lock of a production; remove it or choose another output"
        )

    def _check_ours(self) -> None:
        """Refuse to overwrite what no production wrote, or what is kept elsewhere as well."""
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            raise self._foreign("is no plain file")
        if status.st_nlink > 1:
            raise self._foreign("is a file with another name elsewhere")
        # A power cut leaves a part of a lock, or zeros.
        text = os.pread(self._fd, _LONGEST + 1, 0).strip(b"\0")
        if len(text) > _LONGEST or text[: len(_BEGIN)] != _BEGIN[: len(text)]:
            raise self._foreign("holds something else")

    def _close(self) -> None:
        for descriptor in (self._fd, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._fd = self._folder = -1

    def _take(self) -> None:
        self._check_ours()
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
        text = os.pread(self._fd, _LONGEST, 0)
        try:
            owner = json.loads(text)
        except (ValueError, RecursionError):
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
            self._close()


def _is_alive(pid: object) -> bool:
    if type(pid) is not int or pid < 1:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # of a number beyond all processes
        return False
    except PermissionError:
        return True
    return True
