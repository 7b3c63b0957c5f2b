"""Files of a production's output folder: each appears whole under its name, or not at all.

``part-000123.root`` holds the events of unit 123, ``part-000123.json`` says what is in it and is
written after it; ``plan.json`` says what the production is, ``manifest.json`` what became of it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import ProductionError
from ..files.forms import Entries, Form, Items, Number, Record, Row, Text, check
from .inputs import sha256
from .records import COUNT, DIGEST, MAX_ITEMS, TEXT, read_record, write_record
from .units import Unit

PLAN, MANIFEST = "plan.json", "manifest.json"


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


_REPORT_KEYS: dict[str, Form] = {
    "unit": COUNT,
    "plan": TEXT,
    "events": COUNT,
    "digest": Text(pattern=f"({DIGEST})?"),
    "sha256": Text(pattern=f"({DIGEST})?"),
    "size": COUNT,
    "skipped": Items(Row((Number(-1, whole=True), TEXT)), most=MAX_ITEMS),
    "tracks": COUNT,
    "seconds": Number(0),
    "memory": Number(0),
    "host": TEXT,
    "platform": Entries(TEXT),
    "notes": Items(TEXT),
    "dropped": Entries(COUNT, pattern="-?[0-9]{1,10}"),
}
_REPORT = Record(_REPORT_KEYS, required=tuple(_REPORT_KEYS))


def write_report(folder: Path, unit: Unit, report: PartReport) -> None:
    """Write the report of a part beside it."""
    write_record(folder / unit.report, asdict(report))


def read_report(path: Path) -> PartReport | None:
    """The report of a part; None if there is none, or it is not what was written."""
    try:
        found = read_record(path)
        if found is None:
            return None
        values = check(found, _REPORT, str(path), ProductionError)
    except ProductionError:
        return None
    skipped = tuple(values["skipped"])
    numbered = [event for event, _ in skipped if event >= 0]
    if len(set(numbered)) < len(numbered):
        return None
    return PartReport(**{**values, "skipped": skipped, "notes": tuple(values["notes"])})


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
