"""Files of a production's output folder: each appears whole under its name, or not at all.

``part-000123.root`` holds the events of unit 123, ``part-000123.json`` says what is in it and is
written after it; ``plan.json`` says what the production is, ``manifest.json`` what became of it.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import ProductionError
from .inputs import sha256
from .records import (
    has_form,
    is_amount,
    is_count,
    is_digest,
    is_text,
    is_texts,
    read_record,
    write_record,
)
from .units import Unit

PLAN, MANIFEST = "plan.json", "manifest.json"

_PDG_ID = re.compile(r"-?[0-9]{1,10}")


@dataclass(frozen=True)
class PartReport:
    """What is in a part.

    Args:
        unit: number of the unit.
        plan: digest of the plan that it belongs to.
        events: events written.
        digest: `content_digest` of the part.
        sha256: checksum of the file; empty where there is none, because no event was sound.
        size: bytes of the file.
        skipped: (event, reason) of broken events that were left out.
        tracks: reconstructed tracks.
        seconds: duration [s].
        memory: peak memory of the worker so far [MB].
        host: where it was made.
        platform: kind of processor and versions, see `platforms`.
        notes: remarks of the source.
        dropped: particles that were not simulated, by their PDG identifier in digits.
    """

    unit: int
    plan: str
    events: int
    digest: str
    sha256: str
    size: int
    skipped: tuple[tuple[int, str], ...]
    tracks: int
    seconds: float
    memory: float
    host: str
    platform: dict[str, str] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()
    dropped: dict[str, int] = field(default_factory=dict, hash=False)


def _is_skipped(value: object) -> bool:
    """Pairs of a number, -1 for a whole file, and a reason; each event once."""
    if not isinstance(value, list):
        return False
    pairs = [v for v in value if isinstance(v, list) and len(v) == 2]
    events = [e for e, reason in pairs if type(e) is int and e >= -1 and is_text(reason)]
    numbered = [e for e in events if e >= 0]
    return len(events) == len(value) and len(set(numbered)) == len(numbered)


def _is_dropped(value: object) -> bool:
    """Counts by PDG identifier."""
    return isinstance(value, dict) and all(
        _PDG_ID.fullmatch(key) and is_count(count) for key, count in value.items()
    )


_REPORT = {
    "unit": is_count,
    "plan": is_text,
    "events": is_count,
    "digest": lambda value: value == "" or is_digest(value),
    "sha256": lambda value: value == "" or is_digest(value),
    "size": is_count,
    "skipped": _is_skipped,
    "tracks": is_count,
    "seconds": is_amount,
    "memory": is_amount,
    "host": is_text,
    "platform": is_texts,
    "notes": lambda value: isinstance(value, list) and all(map(is_text, value)),
    "dropped": _is_dropped,
}


def write_report(folder: Path, unit: Unit, report: PartReport) -> None:
    """Write the report of a part beside it."""
    write_record(folder / unit.report, asdict(report))


def read_report(path: Path) -> PartReport | None:
    """The report of a part; None if there is none, or it is not what was written."""
    try:
        values = read_record(path)
    except ProductionError:
        return None
    if values is None or not has_form(values, _REPORT):
        return None
    values["skipped"] = tuple((event, reason) for event, reason in values["skipped"])
    values["notes"] = tuple(values["notes"])
    return PartReport(**values)


def sound_part(folder: Path, unit: Unit, plan: str, draws: int = 1) -> PartReport | None:
    """The report of a unit's part if the part is there, of this plan and not damaged.

    Each event of the unit must be in the part or have been skipped for a reason.

    Args:
        folder: output folder.
        unit: the unit.
        plan: digest of the plan.
        draws: draws of the detector for each event.
    """
    path = folder / unit.part
    report = read_report(folder / unit.report)
    if report is None or report.plan != plan or report.unit != unit.number:
        return None
    low, high = unit.range
    skipped = sum(low <= event < high for event, _ in report.skipped)
    if report.events != (unit.events - skipped) * draws:
        return None
    if not report.events:
        return None if report.sha256 or report.digest else report
    try:
        return report if report.digest and sha256(path) == report.sha256 else None
    except OSError:
        return None


def is_there(folder: Path, unit: Unit, report: PartReport) -> bool:
    """Whether the file of a part has not vanished since it was made, by its size."""
    try:
        return not report.events or (folder / unit.part).stat().st_size == report.size
    except OSError:
        return False
