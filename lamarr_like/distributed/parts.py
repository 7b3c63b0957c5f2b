"""Files of a production's output folder: each appears whole under its name, or not at all.

``part-000123.root`` holds the events of unit 123, ``part-000123.json`` says what is in it and is
written after it; ``plan.json`` says what the production is, ``manifest.json`` what became of it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import OutputError
from .units import Unit, sha256

PLAN, MANIFEST = "plan.json", "manifest.json"

_SCRATCH = re.compile(r"\.{1,2}.+\.[0-9a-f]{12}\.tmp(\.\d+\.part)?")


@dataclass(frozen=True)
class PartReport:
    """What is in a part.

    Args:
        unit: number of the unit.
        plan: digest of the plan that it belongs to.
        events: events written.
        digest: `content_digest` of the part.
        sha256: checksum of the file; empty where there is none, because no event was sound.
        skipped: (event, reason) of broken events that were left out.
        tracks: reconstructed tracks.
        seconds: duration [s].
        memory: peak memory of the worker so far [MB].
        host: where it was made.
    """

    unit: int
    plan: str
    events: int
    digest: str
    sha256: str
    skipped: tuple[tuple[int, str], ...]
    tracks: int
    seconds: float
    memory: float
    host: str


@contextmanager
def scratch_name(path: Path) -> Iterator[Path]:
    """A name beside `path` for a file that takes its place at the end; gone if that fails.

    Raises:
        OutputError: if the disk is full, read-only or gone.
    """
    token = os.urandom(6).hex()
    temporary = path.with_name(f".{path.name}.{token}.tmp")
    try:
        yield temporary
        if temporary.exists():
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error})") from None
    finally:
        with suppress(OSError):  # of a folder gone read-only: `remove_scratch` takes it later
            temporary.unlink()


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        OutputError: if it cannot be written.
    """
    with scratch_name(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON mapping, or None if there is no file or it is damaged."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def write_report(folder: Path, unit: Unit, report: PartReport) -> None:
    """Write the report of a part beside it."""
    write_json((folder / unit.part).with_suffix(".json"), asdict(report))


def sound_part(folder: Path, unit: Unit, plan: str) -> PartReport | None:
    """The report of a unit's part if the part is there, of this plan and not damaged.

    Args:
        folder: output folder.
        unit: the unit.
        plan: digest of the plan.
    """
    path = folder / unit.part
    values = read_json(path.with_suffix(".json"))
    if values is None or set(values) != {f.name for f in fields(PartReport)}:
        return None
    values["skipped"] = tuple((int(e), str(r)) for e, r in values["skipped"])
    report = PartReport(**values)
    if report.plan != plan or report.unit != unit.number:
        return None
    if not report.sha256:
        return report if report.events == 0 else None
    try:
        return report if sha256(path) == report.sha256 else None
    except OSError:
        return None


def remove_scratch(folder: Path) -> None:
    """Remove what killed processes left behind under temporary names, where the folder lets it."""
    for path in folder.iterdir():
        if _SCRATCH.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()
