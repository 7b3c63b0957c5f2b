"""The verdict: measurements against declared thresholds, pass, fail or cannot tell.

Of any comparison: its kinds of checks and its shipped thresholds are told to `load_thresholds`.
How a check is made, `lamarr_like.statistics.judgement` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PipelineError
from ..files.find import shipped
from ..files.forms import Entries, Items, Number, Record, Text, check, check_version
from ..files.yaml_json import read_yaml
from ..statistics.judgement import Check, Measurement, Status, Threshold, checked

VERDICT_SCHEMA = 1
GROUPS = (
    *("acceptance", "tracking", "identification", "distributions", "resolution", "pulls"),
    *("correlations", "classifier", "duplicates", "decays"),
)
"""Kinds of checks of ``validate``, in the order in which they are shown."""

EXIT = {Status.passed: 0, Status.failed: 1, Status.unknown: 2}
"""Exit status of the command."""
WORDS = {
    Status.passed: "PASS: the fast sample is the detailed one within the tolerances.",
    Status.failed: "FAIL: the fast sample is not the detailed one.",
    Status.unknown: "CANNOT TELL: too few tracks for a judgement.",
}

_TOLERANCES = ("relative", "absolute", "limit")
_THRESHOLD = Record(
    {**dict.fromkeys(_TOLERANCES, Number(0.0)), "needs": Items(Text(), most=1000)}, _TOLERANCES
)


@dataclass(frozen=True)
class VerdictConfig:
    """A checked file of thresholds.

    Args:
        name: name of the file.
        false_alarm: probability that the verdict fails for two samples of one law.
        checks: thresholds by kind of checks, in the order in which they are shown; kinds not in it
            are not judged.
        least_data: share of the training data of the model approved last that a candidate has to
            have; 0 where that is not asked.
    """

    name: str
    false_alarm: float
    checks: Mapping[str, Threshold]
    least_data: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """Outcome of all checks.

    Args:
        status: of the whole.
        checks: of each.
        false_alarm: probability that it fails for two samples of one law.
        thresholds: name of the file of thresholds.
    """

    status: Status
    checks: tuple[Check, ...] = field(default_factory=tuple)
    false_alarm: float = 0.0
    thresholds: str = ""

    @property
    def exit_status(self) -> int:
        """0 for pass, 1 for fail, 2 for cannot tell."""
        return EXIT[self.status]

    @property
    def numbers(self) -> dict[str, Any]:
        """What ``report.json`` has of it."""
        told = {"status": self.status.value, "exit_status": self.exit_status, "lines": self.lines}
        rest = ("false_alarm", "thresholds", "checks")
        return {**told, **{name: getattr(self, name) for name in rest}}

    def of(self, status: Status) -> list[Check]:
        """Checks with an outcome, the most significant first."""
        found = [c for c in self.checks if c.status is status]
        return sorted(found, key=lambda c: c.p if np.isfinite(c.p) else 1.0)

    @property
    def lines(self) -> tuple[str, str, str]:
        """Three lines for a hurried reader."""
        passed, failed, unknown = (self.of(status) for status in Status)
        first = f"{WORDS[self.status]} {len(passed)} checks pass, {len(failed)} fail, "
        told = [c for c in self.checks if np.isfinite(c.p)]
        second = "Nothing found."
        if failed:
            second = "Worst: " + "; ".join(map(_told, failed[:3])) + "."
        elif told:
            second = f"Nearest to failing: {_told(min(told, key=lambda c: c.p))}."
        names = ", ".join(f"{c.group} of {c.subject}" for c in unknown[:6])
        more = ", ..." if len(unknown) > 6 else ""
        third = f"Not judged for lack of tracks: {names}{more}." if names else "All was judged."
        return f"{first}{len(unknown)} cannot tell.", second, third


def _told(check: Check) -> str:
    return (
        f"{check.group} of {check.subject}, {check.worst}, off by {check.deviation:+.3g} "
        f"+- {check.sigma:.2g} (allowed {check.tolerance:.2g}, p = {check.p:.2g})"
    )


def load_thresholds(
    path: Path | None = None, kinds: Sequence[str] = GROUPS, name: str = "verdict.yaml"
) -> VerdictConfig:
    """Read a file of thresholds.

    Args:
        path: the file, the shipped one where None.
        kinds: kinds of checks that it may have, in the order in which they are shown.
        name: of the shipped file in ``pipelines``, which begins with ``verdict``.

    Raises:
        PipelineError: naming the file and the item that is wrong.
    """
    file = shipped("pipelines") / name if path is None else path
    found, _ = read_yaml(file, PipelineError)
    check_version(found, "schema_version", VERDICT_SCHEMA, str(file), PipelineError)
    form = Record(
        {
            "schema_version": Number(whole=True),
            "false_alarm": Number(1e-9, 1.0 - 1e-9),
            "checks": Entries(_THRESHOLD, tuple(kinds), least=1),
            "least_data": Number(0.0, 1.0),
        },
        ("schema_version", "false_alarm", "checks"),
    )
    found = check(found, form, str(file), PipelineError)
    asked = {kind: found["checks"][kind] for kind in kinds if kind in found["checks"]}
    checks = {
        kind: Threshold(
            needs=tuple(one.get("needs", ())), **{k: float(one[k]) for k in _TOLERANCES}
        )
        for kind, one in asked.items()
    }
    least_data = float(found.get("least_data", 0.0))
    return VerdictConfig(file.name, found["false_alarm"], checks, least_data)


def judge(measurements: Iterable[Measurement], config: VerdictConfig) -> Verdict:
    """Judge measurements.

    Args:
        measurements: of all kinds; those of kinds without thresholds are left out.
        config: the thresholds.
    """
    checks = checked(measurements, config.checks, config.false_alarm)
    failed = any(c.status is Status.failed for c in checks)
    unknown = any(c.status is Status.unknown and c.needed for c in checks)
    whole = Status.failed if failed else Status.unknown if unknown else Status.passed
    return Verdict(whole, checks, config.false_alarm, config.name)
