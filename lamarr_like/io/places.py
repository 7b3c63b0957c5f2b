"""Where may be written: never over what is read, and over what is there only if that is asked for.

Every command with an input and an output asks here before it does anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import OutputError
from .locations import Location, local_path

_SUMS = "SHA256SUMS"


def check_output(
    path: str | Path, inputs: Iterable[str | Location] = (), *, force: bool = False
) -> Path:
    """See whether a ROOT file may be written.

    Args:
        path: the file.
        inputs: files and folders that are read: none is written over, under whatever name.
        force: whether an existing file may be replaced.

    Raises:
        OutputError: if it must not be written, saying what to do.
    """
    path = Path(path)
    check_name(path)
    refuse_inputs([path], inputs)
    check_free(path, force)
    return path


def check_name(path: Path) -> None:
    """See whether a name is one for a ROOT file.

    Raises:
        OutputError: if not, saying what to do.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file that ends in .root")
    if path.suffix != ".root":
        raise OutputError(f"{path}: ROOT is written to names that end in .root; name another file")
    check_parent(path)


def check_parent(path: Path) -> None:
    """See whether there is a folder for a file, which is no model: those hold nothing else.

    Raises:
        OutputError: if not, saying what to do.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")
    if (path.parent / _SUMS).exists():
        raise OutputError(f"{path}: would spoil the model in {path.parent}; name another folder")


def refuse_inputs(paths: Iterable[Path], inputs: Iterable[str | Location]) -> None:
    """See that files to be written are none of those that are read.

    Links are followed, and hard ones are known by the number of the file.

    Args:
        paths: the files, there or not.
        inputs: files and folders; of a folder what is in it, two levels deep, counts.

    Raises:
        OutputError: naming the file.
    """
    names: set[str] = set()
    numbers: set[tuple[int, int] | None] = set()
    for path in filter(None, map(local_path, inputs)):
        inside = [*path.glob("*"), *path.glob("*/*")] if path.is_dir() else []
        for one in (path, *inside):
            names.add(os.path.realpath(one))
            numbers.add(_number(one))
    for path in paths:
        number = _number(path)
        if os.path.realpath(path) in names or (number is not None and number in numbers):
            raise OutputError(f"{path}: is an input of this command; name another output")


def _number(path: Path) -> tuple[int, int] | None:
    """What a file is, whatever its name; None if there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def check_free(path: Path, force: bool) -> None:
    """See that nothing is under a name, or with `force` nothing but a regular file.

    Raises:
        OutputError: otherwise.
    """
    if not os.path.lexists(path):
        return
    if not path.is_file():
        raise OutputError(f"{path}: is there and no regular file; name another output")
    if not force:
        raise OutputError(
            f"{path}: is there already; replace it with --force (force=True), or name another"
        )


def place(source: Path, target: Path, force: bool) -> None:
    """Give a finished file its name, at once and without a moment in which another's is lost.

    Args:
        source: the file, on the same file system.
        target: its name.
        force: whether a regular file of that name may be replaced.

    Raises:
        OSError: if it cannot be renamed.
        OutputError: if the name is taken.
    """
    if not force:
        try:
            os.link(source, target)
        except FileExistsError:
            check_free(target, force)
        except OSError:  # there are file systems without hard links
            check_free(target, force)
        else:
            source.unlink()
            return
    check_free(target, force)
    os.replace(source, target)


def fresh(path: Path) -> Path:
    """A name to write to, free of the file or the link that was there.

    What else that file is called, and what the link points to, stays as it is.
    """
    path.unlink(missing_ok=True)
    return path


def check_folder(
    folder: Path, names: Iterable[str], inputs: Iterable[str | Location], *, force: bool, ours: bool
) -> None:
    """See whether a report may be written into a folder.

    Args:
        folder: the folder, there or not.
        names: files and folders that will be written in it.
        inputs: files and folders that are read.
        force: whether what is there may be replaced.
        ours: whether the folder holds such a report already, which may be replaced anyway.

    Raises:
        OutputError: if it must not be written, saying what to do.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError(f"{folder}: is there and no folder; name another output")
    there = [p for p in (folder / name for name in names) if os.path.lexists(p)]
    inside = [p for one in there if one.is_dir() for p in one.glob("*")]
    inputs = list(inputs)
    refuse_inputs([folder, *there, *inside], inputs)
    for path in there:
        if not path.is_dir():
            check_free(path, force or ours)
        elif not (force or ours):
            raise OutputError(
                f"{path}: is there already and not from us; replace what is in it with --force "
                "(force=True), or name another output"
            )
