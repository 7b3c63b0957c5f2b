"""Temporary names, which nothing is left under: not even by processes that were killed."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import socket
import zlib
from contextlib import suppress
from pathlib import Path

_LIVE: set[tuple[int, Path]] = set()
"""Process and name of what exists now."""

_PIDS = 10**10


class Scratch:
    """A temporary name beside a file, locked while its process lives.

    What dead processes of this host left for the same file is removed: the kernel drops their
    locks.  Other hosts are left alone, as not every file system tells one host of another's locks.

    Args:
        target: the file that it is for.
        is_folder: make a folder, for several files.
    """

    def __init__(self, target: Path, is_folder: bool = False) -> None:
        self.target = target
        self.is_folder = is_folder
        number = _host() * _PIDS + os.getpid()
        self.path = target.with_name(f".{target.name}.{number}.part")
        self._lock = -1

    def create(self) -> None:
        """Make the file or folder, empty.

        Raises:
            OSError: if it cannot be made.
        """
        _remove_dead(self.target)
        _LIVE.add((os.getpid(), self.path))
        while True:
            if self.is_folder:
                self.path.mkdir()
            else:
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
            # Another process may have taken it for one of the dead before it was locked.
            with suppress(FileNotFoundError):
                self._lock = _locked(self.path)
                if self.path.exists():
                    return

    def keep(self) -> Path:
        """Give what was written a name that nobody else has, instead of the one it is for."""
        suffix = "" if self.is_folder else self.target.suffix
        path = self.target.with_name(f"{self.target.stem}.{os.getpid()}{suffix}")
        os.replace(self.path, path)
        return path

    def remove(self) -> None:
        """Remove what has got no other name, where the folder lets it."""
        _remove(self.path)
        _LIVE.discard((os.getpid(), self.path))
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _host() -> int:
    return zlib.crc32(socket.gethostname().encode())


def _locked(path: Path) -> int:
    """A file descriptor that holds the lock of a file or folder, if the file system knows locks.

    Raises:
        FileNotFoundError: if it is gone.
    """
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _remove_dead(target: Path) -> None:
    """Remove what killed processes of this host left behind."""
    if target.name.startswith("."):
        return  # a temporary name itself, used once
    head = f".{target.name}."
    with suppress(OSError):
        for path in target.parent.iterdir():
            number = path.name.removeprefix(head).removesuffix(".part")
            named = path.name == f"{head}{number}.part" and number.isdecimal()
            if named and int(number) // _PIDS == _host() and not path.is_symlink():
                _remove_unlocked(path)


def _remove_unlocked(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


@atexit.register
def _remove_live() -> None:
    """At the end, for what an exception kept from being removed, as Ctrl-C can anywhere."""
    for pid, path in list(_LIVE):
        if pid == os.getpid():
            _remove(path)
