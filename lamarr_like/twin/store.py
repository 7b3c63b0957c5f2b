"""What a twin has made: one folder a step, which appears whole, with a record of what went in.

::

    WORK/
        steps/KIND-SUBJECT-ADDRESS/    the results, and step.json
        searches/ADDRESS/              trials of searches, also of unfinished ones
        registry/                      unless the twin names another
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import TwinError
from ..files.forms import Anything, Entries, Number, Record, Row, Text, check, check_version
from ..files.scratch import Scratch, unwritable
from ..files.yaml_json import parse_json, read_bytes
from .graph import Step

STEP_SCHEMA = 1

RECORD = "step.json"
MAX_RECORD = 1 << 22

_DIGEST = Text(pattern="[0-9a-f]{64}")
_ANY = Entries(Anything(), most=10_000)
_FORM = Record(
    {
        "step_schema": Number(whole=True),
        "name": Text(most=200),
        "key": _DIGEST,
        "ingredients": Record(
            {"settings": _ANY, "code": Entries(Text(most=200)), "inputs": Entries(_DIGEST)},
            ("settings", "code", "inputs"),
        ),
        "files": Entries(
            Row((_DIGEST, Number(0, whole=True))),
            most=10_000,
            pattern=r"(?!/)(?!(.*/)?\.\.(/.*)?$)[^\x00-\x1f]+",
        ),
        "result": _ANY,
    },
    ("step_schema", "name", "key", "ingredients", "files", "result"),
)


@dataclass(frozen=True)
class Made:
    """A step that was made.

    Args:
        step: the step.
        folder: its results.
        files: SHA-256 and length of each of them by path in the folder.
        result: what else it told.
        ingredients: all that its address was made of.
    """

    step: str
    folder: Path
    key: str
    files: Mapping[str, tuple[str, int]]
    result: Mapping[str, Any] = field(default_factory=dict)
    ingredients: Mapping[str, Any] = field(default_factory=dict)


class Store:
    """The folder of what was made.

    Args:
        folder: the folder; made when something is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps = folder / "steps"

    def place(self, step: Step) -> Path:
        """Folder of a step, there or not."""
        return self.steps / f"{step.kind}-{step.subject}-{step.key[:16]}"

    def search(self, step: Step) -> Path:
        """Folder of the trials of a search, there or not."""
        return self.folder / "searches" / step.key[:16]

    def find(self, step: Step, thorough: bool = False) -> Made | None:
        """A step as it was made; None if it was not, or what is there is broken.

        Args:
            step: the step.
            thorough: read all files, rather than looking at their lengths.
        """
        try:
            made = read_record(self.place(step))
        except TwinError:
            return None
        sound = made.key == step.key and not broken(made, thorough)
        return made if sound else None

    def make(self, step: Step, work: Callable[[Path], Mapping[str, Any]]) -> Made:
        """Make a step in a folder that gets its name in the end.

        Args:
            step: the step.
            work: writes the results into the folder that it is given; what else it tells.

        Raises:
            OutputError: if the folder cannot be written.
            LamarrLikeError: what the work raises.
        """
        target = self.place(step)
        try:
            self.steps.mkdir(parents=True, exist_ok=True)
            scratch = Scratch(target, is_folder=True)
            try:
                scratch.create()
                result = dict(work(scratch.path))
                _write_record(step, scratch.path, result)
                if target.exists():
                    _remove(target)
                os.replace(scratch.path, target)
            finally:
                scratch.remove()
        except OSError as error:
            raise unwritable(target, error) from error
        return read_record(target)

    def others(self, step: Step) -> Iterator[Made]:
        """What was made of a step of the same name before, the latest first."""
        found = sorted(
            self.steps.glob(f"{step.kind}-{step.subject}-*/{RECORD}"),
            key=lambda path: -path.stat().st_mtime_ns,
        )
        for path in found:
            try:
                made = read_record(path.parent)
            except TwinError:
                continue
            if made.step == step.name and made.key != step.key:
                yield made


def read_record(folder: Path) -> Made:
    """What is recorded of a step.

    Args:
        folder: its folder.

    Raises:
        TwinError: if there is no record, or it is broken.
    """
    path = folder / RECORD
    content = read_bytes(path, MAX_RECORD, TwinError, links=False)
    found = parse_json(content, str(path), TwinError, finite=True)
    check_version(found, "step_schema", STEP_SCHEMA, str(path), TwinError)
    found = check(found, _FORM, str(path), TwinError)
    return Made(
        found["name"],
        folder,
        found["key"],
        {k: (v[0], v[1]) for k, v in found["files"].items()},
        found["result"],
        found["ingredients"],
    )


def broken(made: Made, thorough: bool = False) -> str:
    """The first file of a step that is gone or altered; empty for none.

    Args:
        made: the step.
        thorough: read all files, rather than looking at their lengths.
    """
    for name, (digest, length) in made.files.items():
        path = made.folder / name
        try:
            if path.is_symlink() or path.stat().st_size != length:
                return name
            if thorough and _digest(path)[0] != digest:
                return name
        except OSError:
            return name
    return ""


def reasons(step: Step, store: Store) -> list[str]:
    """Why a step is to be made: what is other than when it was made last.

    Args:
        step: the step, which is not there.
        store: what was made.
    """
    try:
        there = read_record(store.place(step))
    except TwinError:
        pass
    else:
        return [f"{broken(there, thorough=True) or RECORD} was altered or is gone"]
    before = next(store.others(step), None)
    if before is None:
        return ["not made yet"]
    found: list[str] = []
    now = step.ingredients
    for part, word in (("settings", ""), ("code", "code "), ("inputs", "")):
        old, new = _flat(before.ingredients[part]), _flat(now[part])
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                found.append(_change(f"{word}{name}", old.get(name), new.get(name), part))
    return found or ["made otherwise before"]


def _change(name: str, old: object, new: object, part: str) -> str:
    long = any(isinstance(one, str) and len(one) >= 16 for one in (old, new))
    if part == "inputs" or long:
        return f"{name} changed"
    return f"{name} {'-' if old is None else old} -> {'-' if new is None else new}"


def _flat(value: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Values of mappings in each other by their path."""
    found: dict[str, Any] = {}
    for key, one in value.items():
        if isinstance(one, Mapping):
            found |= _flat(one, f"{head}{key}.")
        else:
            found[f"{head}{key}"] = list(one) if isinstance(one, tuple) else one
    return found


def _write_record(step: Step, folder: Path, result: Mapping[str, Any]) -> None:
    files = {
        path.relative_to(folder).as_posix(): _digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    document = {
        "step_schema": STEP_SCHEMA,
        "name": step.name,
        "key": step.key,
        "ingredients": step.ingredients,
        "files": files,
        "result": result,
    }
    (folder / RECORD).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")


def _digest(path: Path) -> tuple[str, int]:
    found, length = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
            length += len(block)
    return found.hexdigest(), length


def _remove(folder: Path) -> None:
    """Remove a broken step, and nothing but a step."""
    if folder.is_symlink() or not (folder / RECORD).is_file():
        raise TwinError(f"{folder}: is there and no step of a twin; move it away")
    shutil.rmtree(folder)
