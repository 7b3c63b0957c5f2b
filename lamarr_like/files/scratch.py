"""Temporary names, which nothing is left under: not even by processes that were killed."""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import shutil
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError

_LIVE: set[tuple[int, Path]] = set()
"""Process and name of what exists now."""

_PIDS = 10**10

_NAME = re.compile(r"\.+[^.].*\.(\d+\.part|[0-9a-f]{12}\.tmp(\.\d+\.part)?)")
"""Temporary names, those of older versions among them."""


class Scratch:
    """A temporary name beside a file, locked while its process lives.

    What dead processes of this host left for the same file is removed: the kernel drops their
    locks.  Other hosts are left alone, as not every file system tells one host of another's locks.

    Args:
        target: the file that it is for.
        is_folder: make a folder, for several files.
        tidy: whether to look for what dead processes left; in folders of very many files somebody
            else had better do that once.
    """

    def __init__(self, target: Path, is_folder: bool = False, tidy: bool = True) -> None:
        self.target = target
        self.is_folder = is_folder
        self.tidy = tidy
        number = _host() * _PIDS + os.getpid()
        self.path = target.with_name(f".{target.name}.{number}.part")
        self._lock = -1

    def create(self) -> None:
        """Make the file or folder, empty.

        Raises:
            OSError: if it cannot be made.
        """
        if self.tidy:
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

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Make the file or folder; if what is done with it first fails, it is gone again.

        Raises:
            OutputError: in place of an `OSError`.
        """
        try:
            self.create()
            yield
        except OSError as error:
            self.remove()
            raise unwritable(self.target, error) from None
        except BaseException:
            self.remove()
            raise

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


@contextmanager
def whole(path: Path, durable: bool = True) -> Iterator[Path]:
    """A name for a file that takes its place at the end; gone if that fails.

    What stands at `path` is replaced as it is: a link itself and not what it points to.  Where
    nothing was written, nothing is replaced.

    Args:
        path: the file.
        durable: wait until the disk has it, so that a power cut leaves a whole file.

    Raises:
        OutputError: if the disk is full, read-only or gone.
    """
    scratch = Scratch(path, is_folder=True, tidy=False)
    try:
        scratch.create()
        temporary = scratch.path / path.name
        yield temporary
        if temporary.exists():
            if durable:
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        scratch.remove()


def write_text(path: Path, text: str) -> Path:
    """Write a text file, whole or not at all; returns its path.

    Raises:
        OutputError: if it cannot be written.
    """
    with whole(path, durable=False) as new:
        new.write_text(text, encoding="utf-8")
    return path


def unwritable(path: Path, error: OSError) -> OutputError:
    """What is raised where the system refuses to write a file."""
    return OutputError(f"{path}: cannot be written ({error})")


def remove_left(folder: Path) -> None:
    """Remove all that has a temporary name in a folder in which nobody else works.

    What the folder does not let go stays.
    """
    with suppress(OSError):
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name) and not path.is_symlink():
                _remove(path)


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
