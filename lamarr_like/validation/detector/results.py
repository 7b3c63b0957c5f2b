"""What a comparison of the reference detector gives: numbers, curves, and judged targets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np

from ...arrays import Floats
from ..series import Series

if TYPE_CHECKING:
    from typing_extensions import Unpack


PASS, MISSED, NOT_JUDGED = "pass", "missed", "not judged"
NAN, INF = float("nan"), float("inf")


@dataclass(frozen=True)
class Row:
    """One number of the reference detector beside its target.

    Args:
        quantity: what, with its unit.
        ours: value of the reference detector; NaN where the samples cannot tell.
        error: its statistical error, that of the target included.
        target: published or measured value; NaN for none.
        low, high: accepted values; both infinite where nothing is asked for.
        n: entries it comes from.
        source: where the target stands.
        note: what else should be known.
    """

    quantity: str
    ours: float
    error: float = NAN
    target: float = NAN
    low: float = -INF
    high: float = INF
    n: int = 0
    source: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """`PASS`, `MISSED` or `NOT_JUDGED`.

        Not judged is what nothing is asked for, and what statistics cannot decide: an error
        beyond half of the accepted range about the target, unless two errors do not bridge the gap.
        """
        edges = [edge for edge in (self.low, self.high) if math.isfinite(edge)]
        if not math.isfinite(self.ours) or not edges:
            return NOT_JUDGED
        outside = max(self.low - self.ours, self.ours - self.high, 0.0)
        error = self.error if math.isfinite(self.error) else 0.0
        room = min(abs(edge - self.target) for edge in edges)
        if room == 0.0:  # a limit, which is its own target; of a share near 1, what is left to 1
            room = 1.0 - self.target if 0.5 < self.target < 1.0 else abs(self.target)
        if error > 0.5 * room and outside <= 2.0 * error:
            return NOT_JUDGED
        return MISSED if outside > 0.0 else PASS


class Origin(TypedDict, total=False):
    """Last fields of a `Row`."""

    n: int
    source: str
    note: str


def relative(
    quantity: str, ours: float, error: float, target: float, band: float, **more: Unpack[Origin]
) -> Row:
    """A row that may differ from its target by the share `band`."""
    low, high = sorted((target * (1.0 - band), target * (1.0 + band)))
    return Row(quantity, ours, error, target, low, high, **more)


def absolute(
    quantity: str, ours: float, error: float, target: float, band: float, **more: Unpack[Origin]
) -> Row:
    """A row that may differ from its target by `band`."""
    return Row(quantity, ours, error, target, target - band, target + band, **more)


def at_most(quantity: str, ours: float, error: float, limit: float, **more: Unpack[Origin]) -> Row:
    """A row that may not exceed a limit."""
    return Row(quantity, ours, error, limit, -INF, limit, **more)


def at_least(quantity: str, ours: float, error: float, limit: float, **more: Unpack[Origin]) -> Row:
    """A row that may not fall below a limit."""
    return Row(quantity, ours, error, limit, limit, INF, **more)


@dataclass(frozen=True)
class Section:
    """One comparison.

    Args:
        key: name of its files.
        title: heading.
        rows: numbers.
        series: curves.
        notes: what a reader must know.
        skipped: why it was left out, empty if it was not.
    """

    key: str
    title: str
    rows: tuple[Row, ...] = ()
    series: tuple[Series, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class SampleInfo:
    """One sample that was compared: name of the file, events and source of the truth."""

    name: str
    events: int
    source: str


@dataclass(frozen=True)
class CheckReport:
    """All comparisons of some samples."""

    samples: tuple[SampleInfo, ...]
    sections: tuple[Section, ...]

    @property
    def verdicts(self) -> Counter[str]:
        """Number of rows by verdict."""
        return Counter(row.verdict for section in self.sections for row in section.rows)


def worst(values: Sequence[float] | Floats, errors: Sequence[float] | Floats) -> int:
    """Position of the value furthest from 0 among those well measured, -1 for none.

    Well measured means an error of at most twice the median one, so that an almost empty bin does
    not decide. Values and errors are of shape ``(n,)``.
    """
    v, e = np.asarray(values, np.float64), np.asarray(errors, np.float64)
    good = np.isfinite(v) & np.isfinite(e)
    if not good.any():
        return -1
    good &= e <= 2.0 * np.median(e[good])
    return int(np.where(good, np.abs(v), -1.0).argmax())


TARGETS = (
    (
        *("calibration", ("",), "PIDCalib maps K, pi, mu"),
        "mean absolute difference at most 0.03, at most 0.05 in any slice of p from 3 to 100 GeV, "
        "slope with nTracks and isMuon of kaons within 30 %",
    ),
    (
        *("prob_nn", ("",), "ProbNN maps K, pi"),
        "mean absolute difference at most 0.04, at most 0.08 in any slice of p from 3 to 100 GeV",
    ),
    (
        *("efficiency", ("",), "acceptance and efficiency against LHCb 2016"),
        "within 0.03, 2 < eta < 4.8, 3 < p < 100 GeV, by species",
    ),
    (
        *("electrons", ("",), "electrons against RapidSim's histograms"),
        "quantiles within 30 % or 0.005, share with a photon 0.5 +- 0.15",
    ),
    ("tracks", ("core width",), "dp/p, dx, dy, dtx, dty core widths against p", "within 15 %"),
    ("tracks", ("var ",), "covariance diagonal medians against p", "within 25 %"),
    (
        *("tracks", ("beyond",), "tails of dp/p, dx, dy, dtx, dty"),
        "share beyond 5 published core widths within 25 %",
    ),
    (
        *("tracks", ("ndf:", "ghostProb", "corr ")),
        "quality of the fit and correlations, medians against p",
        "chi2/ndf and ghostProb within 25 %, ndf and correlations of place and slope within 10 %, "
        "corr tx qop within 0.1",
    ),
    ("tracks", ("e, long",), "momentum lost by electrons", "shares within 0.05"),
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
