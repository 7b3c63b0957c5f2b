"""The record of a production: what went in, what came out, what failed."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..io.truth import dropped_note
from .parts import MANIFEST, PartReport
from .platforms import versions
from .records import write_json
from .units import Plan, Unit

MANIFEST_SCHEMA = 1

_PACKAGES = ("lamarr_like", "awkward", "numpy", "onnxruntime", "pythia8mc", "uproot", "xgboost-cpu")


@dataclass(frozen=True)
class Failure:
    """A unit that could not be made.

    Args:
        unit: its number.
        source: its source or file.
        first: number of its first event in the production.
        last: number of its last event.
        attempts: how often it was tried.
        reason: of the last attempt.
    """

    unit: int
    source: str
    first: int
    last: int
    attempts: int
    reason: str

    @classmethod
    def of(cls, unit: Unit, attempts: int, reason: str) -> Failure:
        """The failure of a unit."""
        low, high = unit.range
        return cls(unit.number, unit.text, low, high - 1, attempts, reason)


@dataclass(frozen=True)
class ProductionReport:
    """What a production did.

    Args:
        folder: output folder.
        events: events in all sound parts.
        units: units of the production.
        done: units whose part is there and sound.
        made: those of them that were made this time.
        failures: units that were given up.
        stopped: why it ended early, empty if it did not.
        signum: signal that ended it, 0 for none.
        merged: merged file, None if there is none.
        digest: `content_digest` of the merged file.
        wall: duration of this run [s].
        memory: highest peak memory of a worker [MB].
        notes: remarks of the sources, and what of their particles was not simulated.
    """

    folder: Path
    events: int
    units: int
    done: int
    made: int
    failures: tuple[Failure, ...]
    stopped: str
    signum: int
    merged: Path | None
    digest: str
    wall: float
    memory: float
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """In a word: complete, failed (some units) or stopped."""
        if self.stopped:
            return "stopped"
        return "complete" if self.done == self.units else "failed"

    @property
    def exit_code(self) -> int:
        """0 for a complete production, 1 for one that is not, 128 and the signal for a stop."""
        if self.signum:
            return 128 + self.signum
        return 0 if self.status == "complete" else 1


def notes_of(parts: Iterable[PartReport]) -> tuple[str, ...]:
    """Remarks on all units, each once, and what was dropped in all of them together.

    Args:
        parts: reports in the order of the units.
    """
    notes: dict[str, None] = {}
    dropped: Counter[int] = Counter()
    for part in parts:
        notes |= dict.fromkeys(part.notes)
        dropped.update({int(code): n for code, n in part.dropped.items()})
    return (*notes, *dropped_note(dropped))


def write_manifest(
    report: ProductionReport,
    plan: Plan,
    parts: Mapping[int, PartReport],
    attempts: Mapping[int, int],
    command: str,
    times: tuple[str, str],
) -> None:
    """Write ``manifest.json``.

    Args:
        report: the outcome.
        plan: the production.
        parts: reports of the sound parts by number of the unit.
        attempts: attempts of this run by number of the unit.
        command: command line.
        times: begin and end of this run, ISO 8601.

    Raises:
        OutputError: if it cannot be written.
    """
    draws = plan.identity.get("oversample", 1)
    made = [(unit, parts[unit.number]) for unit in plan.units if unit.number in parts]
    platforms: list[dict[str, str]] = []
    for _, part in made:
        if part.platform not in platforms:
            platforms.append(part.platform)
    values = {
        "manifest_schema": MANIFEST_SCHEMA,
        "status": report.status,
        "stopped": report.stopped,
        "production": plan.identity,
        "plan": plan.digest,
        "inputs": [asdict(i) for i in plan.inputs],
        "events": {"planned": plan.events * draws, "written": report.events},
        "units": [_entry(unit, part, attempts, platforms) for unit, part in made],
        "platforms": platforms,
        "notes": list(report.notes),
        "failures": [asdict(f) for f in report.failures],
        "merged": _merged(report),
        "run": {
            "command": command,
            "begin": times[0],
            "end": times[1],
            "wall_seconds": round(report.wall, 2),
            "units_made": report.made,
            "peak_worker_memory_mb": report.memory,
        },
        "versions": {"python": platform.python_version(), **versions(_PACKAGES)},
    }
    write_json(report.folder / MANIFEST, values)


def _entry(
    unit: Unit, part: PartReport, attempts: Mapping[int, int], platforms: Sequence[dict[str, str]]
) -> dict[str, Any]:
    """A unit in the manifest; its platform by the position in the list of them."""
    values = asdict(replace(part, skipped=()))
    values["platform"] = platforms.index(part.platform)
    for key in ("unit", "plan"):
        del values[key]
    low, high = unit.range
    head = {"unit": unit.number, "output": unit.part if part.sha256 else None}
    head |= {"source": unit.text, "first_event": low, "last_event": high - 1}
    values["skipped"] = [list(pair) for pair in part.skipped]
    return {**head, **values, "attempts": attempts.get(unit.number, 0)}


def _merged(report: ProductionReport) -> dict[str, Any] | None:
    if report.merged is None:
        return None
    return {"output": report.merged.name, "events": report.events, "digest": report.digest}
