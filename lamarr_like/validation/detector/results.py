"""What a comparison of the reference detector gives: judged numbers and curves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ...arrays import Floats
from ...statistics.binned import Curve

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
class Series:
    """A quantity in bins of another, ours beside the reference; arrays of shape ``(n,)``.

    Args:
        panel: title of the panel that shows it; series of one panel share its axes.
        x, y: labels of the axes.
        low, high: edges of the bins; equal ones for what has no width.
        ours, error: values; NaN where there are none.
        reference, reference_error: the same of the reference; empty for none.
        name: label in the legend, empty for none.
        style: one of `STYLES`.
        log_x, log_y: whether an axis is logarithmic.
        top: upper end of the y axis, which then begins at 0; NaN to let the values decide.
    """

    panel: str
    x: str
    y: str
    low: Floats
    high: Floats
    ours: Floats
    error: Floats
    reference: Floats
    reference_error: Floats
    name: str = ""
    style: str = "points"
    log_x: bool = False
    log_y: bool = False
    top: float = NAN


STYLES = ("points", "steps", "curve", "dots", "line")
"""Points with errors, a histogram, a line, entries one by one, dashes for what is expected."""


class Look(TypedDict, total=False):
    """Last fields of a `Series`."""

    name: str
    style: str
    log_x: bool
    log_y: bool
    top: float


Labels = tuple[str, str, str]
"""Panel, x axis, y axis."""


def series(
    labels: Labels,
    bins: Floats | tuple[Floats, Floats],
    ours: Floats,
    error: Floats | None = None,
    reference: Floats | None = None,
    reference_error: Floats | None = None,
    **look: Unpack[Look],
) -> Series:
    """A series; errors that are not given are 0.

    Args:
        labels: panel and axes.
        bins: edges, shape ``(n + 1,)``, or lower and upper edges, each of shape ``(n,)``.
        ours, error, reference, reference_error: as in `Series`.
        look: last fields of a `Series`.
    """
    low, high = bins if isinstance(bins, tuple) else (bins[:-1], bins[1:])
    theirs = np.zeros(0) if reference is None else reference
    first = np.zeros(len(ours)) if error is None else error
    second = np.zeros(len(theirs)) if reference_error is None else reference_error
    return Series(*labels, low, high, ours, first, theirs, second, **look)


def of_curve(
    labels: Labels, curve: Curve, *reference: Floats, scale: float = 1.0, **look: Unpack[Look]
) -> Series:
    """A curve as a series, its edges times `scale`, beside a reference and maybe its error.

    The reference and its error are of the shape of the curve, ``(n,)``.
    """
    bins = (curve.low * scale, curve.high * scale)
    return series(labels, bins, curve.y, curve.error, *reference, **look)


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
