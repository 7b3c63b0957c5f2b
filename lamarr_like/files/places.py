"""Where may be written: never over what is read, and over what is there only if that is asked for.

Every command with an input and an output asks here before it does anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
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
    if os.path.isdir(path):  # pathlib raises for names longer than the system's
        raise OutputError(f"{path}: is a folder; name a file that ends in .root")
    if path.suffix != ".root":
        raise OutputError(f"{path}: ROOT is written to names that end in .root; name another file")
    check_parent(path)


def check_parent(path: Path) -> None:
    """See whether there is a folder for a file, which is no model: those hold nothing else.

    Raises:
        OutputError: if not, saying what to do.
    """
    if not os.path.isdir(path.parent):
        raise OutputError(f"{path}: there is no folder {path.parent}")
    if os.path.exists(path.parent / _SUMS):
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
    there = [path for path in paths if os.path.lexists(path)]
    if not there:
        return  # what is read is there
    names: set[str] = set()
    numbers: set[tuple[int, int] | None] = set()
    for one in filter(None, map(local_path, inputs)):
        inside = [*one.glob("*"), *one.glob("*/*")] if one.is_dir() else []
        for read in (one, *inside):
            names.add(os.path.realpath(read))
            numbers.add(_number(read))
    numbers.discard(None)
    for path in there:
        if os.path.realpath(path) in names or _number(path) in numbers:
            raise OutputError(f"{path}: is an input of this command; name another output")


def chain_files(pipeline: str | Path = "", models: str | Path | None = None) -> Iterator[Path]:
    """Files of a pipeline of the user's and of all models in a folder of theirs.

    Args:
        pipeline: its name or file.
        models: the folder.
    """
    if pipeline and Path(pipeline).is_file():
        yield Path(pipeline)
    if models is not None:
        for sums in Path(models).glob(f"*/{_SUMS}"):
            yield from sums.parent.glob("*")


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
    if not os.path.isfile(path):
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


def check_report(
    folder: Path,
    main: str,
    others: Iterable[str],
    inputs: Iterable[str | Location] = (),
    *,
    force: bool = False,
) -> None:
    """See whether a report may be written into a folder; in the place of an older one it may.

    Args:
        folder: the folder, there or not.
        main: name of the JSON file by which a report of ours is known.
        others: names of further files and folders in it.
        inputs: files and folders that are read.
        force: whether what is there may be replaced anyway.

    Raises:
        OutputError: if it must not be written, saying what to do.
    """
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise OutputError(f"{folder}: is there and no folder; name another output")
    there = [path for path in (folder / name for name in (main, *others)) if os.path.lexists(path)]
    inside = [path for one in there if one.is_dir() for path in one.glob("*")]
    refuse_inputs([*there, *inside], inputs)
    if (folder / _SUMS).exists():
        raise OutputError(f"{folder}: a report would spoil the model; name another folder")
    may = force or _is_ours(folder / main)
    for path in there:
        if may and path.is_dir():
            continue
        check_free(path, may)


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return re.search(rb'"program": ?"lamarr_like ', file.read(4096)) is not None
    except OSError:
        return False
