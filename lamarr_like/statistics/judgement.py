"""Measurements against tolerances: within, beyond, or too uncertain to tell.

A measurement is a set of deviations with standard deviations.  Its check fails if the smallest
p-value for "the deviation is within the tolerance" is too small for the number of deviations looked
at (Bonferroni).  The probability of a false alarm of all checks together is shared by them, and in
each half of it goes to the deviations of all rows together and half to those in bins, so that many
bins do not hide what all rows show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from scipy import stats

from ..arrays import Floats
from .influence import LEAST_UNITS

ALL = "all"
"""Place of a deviation of all rows together."""


class Status(str, Enum):
    """Outcome of a check."""

    passed = "pass"
    failed = "fail"
    unknown = "cannot tell"


@dataclass(frozen=True)
class Measurement:
    """Deviations of one quantity, arrays of shape ``(n,)``.

    Args:
        group: kind of check.
        subject: species, table or group of variables.
        label: what was measured.
        deviation: from what it is compared with, NaN where not judged.
        sigma: its standard deviation for equal laws.
        reference: what it is compared with, by which relative tolerances are scaled.
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


def checked(
    measurements: Iterable[Measurement], thresholds: Mapping[str, Threshold], false_alarm: float
) -> tuple[Check, ...]:
    """Checks of each kind and subject, kinds in the order of the thresholds.

    Args:
        measurements: of all kinds; those of kinds without thresholds are left out.
        thresholds: by kind.
        false_alarm: probability that any check fails for equal laws.
    """
    parts: dict[tuple[str, str], list[Measurement]] = {
        (group, subject): [] for group, t in thresholds.items() for subject in t.needs
    }
    for one in measurements:
        if one.group in thresholds:
            parts.setdefault((one.group, one.subject), []).append(one)
    alpha = false_alarm / max(len(parts), 1)
    kinds = list(thresholds)
    order = sorted(parts, key=lambda key: kinds.index(key[0]))
    return tuple(_check(key, parts[key], thresholds[key[0]], alpha) for key in order)


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
