"""What a production reads: by content, at planning, before and after each unit, and at a resume.

A file of this machine is known by the checksum of all of it.  Within a process a file is read again
only where its size, its times or its place on the disk are others than when it was read, and always
where it was changed a moment before that: a second change in the same tick would not be seen.
Reading costs little beside simulating what is in the file.  A URL is read whole once, at planning;
from then on its size and, where the protocol tells, the time of its last change must stay.
A folder is known by the names and checksums of the files in it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SourceError
from ..files.forms import Form, Number, Record, Text
from ..files.locations import Location, Url
from .records import COUNT, DIGEST, TEXT

SETTLED_SECONDS = 3
"""Age from which the times of a file are trusted: file systems count in ticks of up to 2 s."""

_seen: dict[tuple[str, tuple[int, ...]], str] = {}


@dataclass(frozen=True)
class InputFile:
    """A file or folder that a production reads.

    Args:
        path: where it is.
        size: its bytes.
        mtime_ns: when it was last changed.
        sha256: checksum.
        events: events in it, broken ones included; 0 for what holds settings, or is unusable.
        problem: why it is left out, empty if it is not.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str
    events: int = 0
    problem: str = ""


_KEYS: dict[str, Form] = {
    "path": TEXT,
    "size": COUNT,
    "mtime_ns": Number(whole=True),
    "sha256": Text(pattern=DIGEST),
    "events": COUNT,
    "problem": TEXT,
}
INPUT = Record(_KEYS, required=tuple(_KEYS))
"""Form of an `InputFile` in a JSON file."""


def facts_of(path: Location, before: InputFile | None = None) -> InputFile:
    """A file or folder as it is now.

    Args:
        path: where it is.
        before: the same at planning; a URL of its size and time is not read again.

    Raises:
        SourceError: if it cannot be read.
    """
    try:
        if isinstance(path, Url):
            status = path.stat()
            size, mtime = status.st_size, status.st_mtime_ns
            same = before is not None and (size, mtime) == (before.size, before.mtime_ns)
            checksum = before.sha256 if same and before is not None else sha256(path)
            return InputFile(str(path), size, mtime, checksum)
        if path.is_dir():
            return InputFile(str(path), 0, 0, _folder_digest(path))
        about = path.stat()
        return InputFile(str(path), about.st_size, about.st_mtime_ns, _digest(path))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error})") from None


def check_inputs(planned: Sequence[InputFile], paths: Sequence[Location]) -> None:
    """Compare what a source reads with what the plan says.

    Args:
        planned: the inputs as they were at planning.
        paths: the inputs of the source now, in the same order.

    Raises:
        SourceError: naming the first that is another one, or cannot be read.
    """
    for before, path in zip(planned, paths, strict=False):
        if facts_of(path, before).sha256 != before.sha256:
            raise SourceError(f"{path}: was changed since the production was planned")
    gone, new = planned[len(paths) :], paths[len(planned) :]
    if gone:
        raise SourceError(f"{gone[0].path}: was there when the production was planned, and is gone")
    if new:
        raise SourceError(f"{new[0]}: was not there when the production was planned")


def sha256(path: Location) -> str:
    """Checksum of a plain file, read in pieces.

    Raises:
        OSError: if it cannot be read.
    """
    if isinstance(path, Path) and not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is no plain file")
    total = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            total.update(piece)
    return total.hexdigest()


def _digest(path: Path) -> str:
    """Checksum of a file, remembered while the file is left alone."""
    status = path.stat()
    key = (str(path.absolute()), _marks(status))
    found = _seen.get(key)
    if found is None:
        settled = time.time() - max(status.st_ctime, status.st_mtime) > SETTLED_SECONDS
        found = sha256(path)
        if settled and _marks(path.stat()) == key[1]:
            _seen[key] = found
    return found


def _marks(status: os.stat_result) -> tuple[int, ...]:
    """What changes with the content of a file; the time of its last change cannot be set back."""
    return (
        *(status.st_dev, status.st_ino, status.st_size),
        *(status.st_mtime_ns, status.st_ctime_ns),
    )


def _folder_digest(folder: Path) -> str:
    """Digest of the names and checksums of all files in a folder and below it."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\0{_digest(path)}\n".encode())
    return total.hexdigest()
