"""Targets of the reference detector, each judged by the rows of a report that belong to it."""

from __future__ import annotations

import math
from typing import NamedTuple

from .results import MISSED, NOT_JUDGED, PASS, CheckReport, Row

TARGETS = (
    (
        *("calibration", ("",), "PIDCalib maps K, pi, mu"),
        "mean absolute difference at most 0.03, at most 0.06 in any slice of p from 3 to 100 GeV, "
        "slope with nTracks within 30 %",
    ),
    (
        *("efficiency", ("",), "acceptance and efficiency against LHCb 2016"),
        "within 0.03, 2 < eta < 4.8, 3 < p < 100 GeV, by species",
    ),
    ("tracks", ("core width",), "dp/p, dx, dy, dtx, dty core widths against p", "within 15 %"),
    ("tracks", ("var ",), "covariance diagonal medians against p", "within 25 %"),
    ("published", ("",), "published figures", "within 10 % or the quoted spread"),
    (
        *("showers", ("",), "ECAL profile and resolution against Geant4"),
        "within 5 %, 3 x 3 containment within 0.02",
    ),
)
"""Section, words of which one is in the quantity of a row, comparison, and what is asked for."""


class Judgement(NamedTuple):
    """One target and how it is met.

    Attributes:
        comparison, target: in words.
        passed, missed: rows that do and do not meet it; those not judged are not counted.
        worst: the row furthest outside of what is accepted, in accepted half-widths; None for none.
    """

    comparison: str
    target: str
    passed: int
    missed: int
    worst: Row | None

    @property
    def verdict(self) -> str:
        """`PASS` if all rows pass, `MISSED` if one misses, `NOT_JUDGED` without any."""
        if self.missed:
            return MISSED
        return PASS if self.passed else NOT_JUDGED


def judgements(report: CheckReport) -> list[Judgement]:
    """All targets."""
    rows = {section.key: section.rows for section in report.sections}
    out = []
    for key, words, comparison, target in TARGETS:
        mine = [r for r in rows.get(key, ()) if any(word in r.quantity for word in words)]
        missed = [r for r in mine if r.verdict == MISSED]
        passed = sum(r.verdict == PASS for r in mine)
        worst = max(missed, key=excess, default=None)
        out.append(Judgement(comparison, target, passed, len(missed), worst))
    return out


def excess(row: Row) -> float:
    """Distance to what is accepted over the room that was left, 0 inside.

    The room is half of the accepted range, for a limit the limit itself or, near 1, what is left
    to 1.
    """
    outside = max(row.low - row.ours, row.ours - row.high, 0.0)
    if math.isfinite(row.low) and math.isfinite(row.high):
        room = 0.5 * (row.high - row.low)
    else:
        limit = row.low if math.isfinite(row.low) else row.high
        room = 1.0 - limit if 0.5 < limit < 1.0 else abs(limit)
    return outside / max(room, 1e-12)
