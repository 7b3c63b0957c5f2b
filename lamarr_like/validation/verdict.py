"""The verdict: measurements against declared thresholds, pass, fail or cannot tell.

Of any comparison: its kinds of checks and its shipped thresholds are told to `load_thresholds`.

A measurement is a set of deviations with standard deviations.  Its check fails if the smallest
p-value for "the deviation is within the tolerance" is too small for the number of deviations looked
at (Bonferroni).  The probability of a false alarm of the whole verdict is shared by the checks, and
in each half of it goes to the deviations of all rows together and half to those in bins, so that
many bins do not hide what all rows show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from ..arrays import Floats
from ..errors import PipelineError
from ..files.find import shipped
from ..files.forms import Entries, Items, Number, Record, Text, check, check_version
from ..files.yaml_json import read_yaml
from ..statistics.influence import LEAST_UNITS

VERDICT_SCHEMA = 1
GROUPS = (
    *("acceptance", "tracking", "identification", "distributions", "resolution", "pulls"),
    *("correlations", "classifier", "duplicates", "decays"),
)
"""Kinds of checks of ``validate``, in the order in which they are shown."""

ALL = "all"
"""Place of a deviation of all rows together."""


class Status(str, Enum):
    """Outcome of a check."""

    passed = "pass"
    failed = "fail"
    unknown = "cannot tell"


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
class Measurement:
    """Deviations of one quantity, arrays of shape ``(n,)``.

    Args:
        group: kind of check, such as one of `GROUPS`.
        subject: species, table or group of variables.
        label: what was measured.
        deviation: fast less detailed, NaN where not judged.
        sigma: its standard deviation for equal laws.
        reference: the detailed value, by which relative tolerances are scaled.
        units: effective number of events behind each.
        places: where each was measured, as text; `ALL` for all rows, empty if that is the only one.
        one_sided: only positive deviations count.
    """

    group: str
    subject: str
    label: str
    deviation: Floats
    sigma: Floats
    reference: Floats
    units: Floats
    places: Sequence[str] = ()
    one_sided: bool = False


@dataclass(frozen=True)
class Threshold:
    """Thresholds of a kind of checks, see ``pipelines/verdict.yaml``.

    Args:
        relative, absolute: tolerance.
        limit: deviation that a check must be able to see.
        needs: subjects without which the verdict cannot tell.
    """

    relative: float
    absolute: float
    limit: float
    needs: tuple[str, ...] = ()

    def tolerance(self, reference: Floats) -> Floats:
        """Deviation that is allowed, shape of `reference`."""
        return np.maximum(self.relative * np.abs(reference), self.absolute)


@dataclass(frozen=True)
class VerdictConfig:
    """A checked file of thresholds.

    Args:
        name: name of the file.
        false_alarm: probability that the verdict fails for two samples of one law.
        checks: thresholds by kind of checks, in the order in which they are shown; kinds not in it
            are not judged.
    """

    name: str
    false_alarm: float
    checks: Mapping[str, Threshold]


@dataclass(frozen=True)
class Check:
    """A kind of checks on one subject.

    Args:
        group, subject: what was checked.
        status: its outcome.
        judged: number of deviations looked at.
        worst: the one with the smallest p-value, as text; empty without any.
        deviation, sigma, tolerance: of that one.
        p: its p-value, corrected for the number of deviations.
        sensitivity: deviation that would have failed in the middle one of those of all rows.
        in_bins: the same in the middle one of the bins, NaN without bins.
        needed: whether the verdict cannot tell without it.
    """

    group: str
    subject: str
    status: Status
    judged: int
    worst: str = ""
    deviation: float = float("nan")
    sigma: float = float("nan")
    tolerance: float = float("nan")
    p: float = float("nan")
    sensitivity: float = float("nan")
    in_bins: float = float("nan")
    needed: bool = False


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
    return VerdictConfig(file.name, found["false_alarm"], checks)


def judge(measurements: Iterable[Measurement], config: VerdictConfig) -> Verdict:
    """Judge measurements.

    Args:
        measurements: of all kinds; those of kinds without thresholds are left out.
        config: the thresholds.
    """
    parts: dict[tuple[str, str], list[Measurement]] = {
        (group, subject): [] for group, t in config.checks.items() for subject in t.needs
    }
    for one in measurements:
        if one.group in config.checks:
            parts.setdefault((one.group, one.subject), []).append(one)
    alpha = config.false_alarm / max(len(parts), 1)
    kinds = list(config.checks)
    order = sorted(parts, key=lambda key: kinds.index(key[0]))
    checks = tuple(_check(key, parts[key], config.checks[key[0]], alpha) for key in order)
    failed = any(c.status is Status.failed for c in checks)
    unknown = any(c.status is Status.unknown and c.needed for c in checks)
    whole = Status.failed if failed else Status.unknown if unknown else Status.passed
    return Verdict(whole, checks, config.false_alarm, config.name)


def _check(
    key: tuple[str, str], found: list[Measurement], threshold: Threshold, alpha: float
) -> Check:
    group, subject = key
    needed = subject in threshold.needs
    all_of = [_judged(one, i, threshold) for i, one in enumerate(found)]
    columns = {k: np.concatenate([part[k] for part in all_of]) for k in (all_of or [{}])[0]}
    if not columns or not columns["whole"].any():
        return Check(group, subject, Status.unknown, 0, needed=needed)
    sided, whole, units = (columns[k] for k in ("sided", "whole", "units"))
    deviation, sigma, tolerance = (columns[k] for k in ("deviation", "sigma", "tolerance"))
    excess = np.maximum(np.where(sided, deviation, np.abs(deviation)) - tolerance, 0.0)
    tails = np.where(sided, 1.0, 2.0)
    tests = np.where(whole, whole.sum(), (~whole).sum()) * (1.0 if whole.all() else 2.0)
    p = np.minimum(tails * stats.t.sf(excess / sigma, units) * tests, 1.0)
    reach = tolerance + sigma * stats.t.isf(alpha / tests / tails, units)
    sensitivity = float(np.median(reach[whole]))
    worst = int(np.lexsort((-excess / sigma, p))[0])
    seen = Status.unknown if sensitivity > threshold.limit else Status.passed
    one, index = found[columns["of"][worst]], columns["index"][worst]
    return Check(
        group=group,
        subject=subject,
        status=Status.failed if p[worst] < alpha else seen,
        judged=len(deviation),
        worst=one.label + (f" at {one.places[index]}" if len(one.places) else ""),
        deviation=float(deviation[worst]),
        sigma=float(sigma[worst]),
        tolerance=float(tolerance[worst]),
        p=float(p[worst]),
        sensitivity=sensitivity,
        in_bins=float("nan") if whole.all() else float(np.median(reach[~whole])),
        needed=needed,
    )


def _judged(one: Measurement, number: int, threshold: Threshold) -> dict[str, Any]:
    """Those deviations of a measurement that can be judged, and where each comes from."""
    good = np.isfinite(one.deviation) & np.isfinite(one.sigma) & (one.sigma > 0.0)
    good &= one.units >= LEAST_UNITS
    everywhere = [place == ALL for place in one.places] or np.full(len(good), True)
    columns = {
        **{"deviation": one.deviation, "sigma": one.sigma, "units": one.units},
        "tolerance": threshold.tolerance(one.reference),
        "sided": np.full(len(good), one.one_sided),
        "whole": np.array(everywhere),
        **{"of": np.full(len(good), number), "index": np.arange(len(good))},
    }
    return {name: values[good] for name, values in columns.items()}
