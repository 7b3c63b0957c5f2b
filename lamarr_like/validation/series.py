"""Curves and histograms of a comparison as data, and how they are drawn: ours beside a reference.

Series that name one panel share its axes; several panels make a sheet.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ..arrays import Floats
from ..files.sheets import sheet_of
from ..statistics.binned import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from typing_extensions import Unpack

NAN = float("nan")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9")
"""Of series of one panel: those of Okabe and Ito, which differ in lightness."""
_LETTERS = 55  # of a title above one panel
_MOST_TICKS = 7
_MOST_LINEAR = 5  # numbers of a linear axis


@dataclass(frozen=True)
class Series:
    """A quantity in bins of another, ours beside the reference; arrays of shape ``(n,)``.

    Args:
        panel: title of the panel that shows it; series of one panel share its axes.
        x, y: labels of the axes.
        low, high: edges of the bins; equal ones for what has no width.
        ours, error: values; NaN where there are none.
        reference, reference_error: the same of the reference; empty for none.
        name, beside: labels of ours and of the reference in the legend, empty for none.
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
    beside: str = ""
    style: str = "points"
    log_x: bool = False
    log_y: bool = False
    top: float = NAN


STYLES = ("points", "steps", "curve", "dots", "line")
"""Points with errors, a histogram, a line, entries one by one, dashes for what is expected."""


class Look(TypedDict, total=False):
    """Last fields of a `Series`."""

    name: str
    beside: str
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


# --- how they are drawn


def panels_of(shown: Iterable[Series]) -> list[list[Series]]:
    """Series by panel, in the order in which panels are named first."""
    panels: dict[str, list[Series]] = {}
    for one in shown:
        panels.setdefault(one.panel, []).append(one)
    return list(panels.values())


def series_sheet(title: str, panels: Sequence[Sequence[Series]], columns: int) -> Figure:
    """A sheet of panels under a title.

    Args:
        title: above all.
        panels: see `panels_of`.
        columns: panels beside each other at the most.
    """
    sheet = sheet_of(panels, draw_panel, columns=columns, width=4.6, height=3.5)
    sheet.suptitle(textwrap.fill(title, _LETTERS * min(columns, max(len(panels), 1))))
    return sheet


def draw_panel(ax: Axes, shown: Sequence[Series]) -> None:
    """Draw the series of one panel; a reference that is the only one is grey or black."""
    beside = sum(len(one.reference) > 0 for one in shown)
    for number, one in enumerate(s for s in shown if s.style != "line"):
        # Points that agree would hide each other.
        aside = 0.08 * (number + 1) if beside == 1 else 0.08 * bool(len(one.reference))
        _draw(ax, one, COLOURS[number % len(COLOURS)], aside, alone=beside == 1)
    for one in shown:
        if one.style == "line":
            ax.plot(one.low, one.ours, "k--", lw=1, label=one.name or None)
    _finish(ax, shown[0])


def _draw(ax: Axes, series: Series, colour: str, aside: float, *, alone: bool) -> None:
    label, beside, dark = series.name or None, series.beside or None, "k" if alone else colour
    if series.style == "steps":
        edges = np.append(series.low, series.high[-1:])
        if len(series.reference):
            grey: dict[str, Any] = {"fill": True, "color": "0.8"}
            steps = grey if alone else {"color": dark, "ls": ":", "lw": 1.3}
            ax.stairs(series.reference, edges, label=beside, **steps)
        ax.stairs(series.ours, edges, color=colour, label=label)
        return
    low, high = series.low, series.high
    middle = np.sqrt(low * high) if series.log_x and (low > 0.0).all() else 0.5 * (low + high)
    if series.style in ("dots", "curve"):
        dots: dict[str, Any] = {"ls": "", "marker": ".", "ms": 2, "alpha": 0.3}
        look = dots if series.style == "dots" else {}
        ax.plot(middle, series.ours, color=colour, label=label, **look)
        return
    half = np.stack([middle - low, high - middle])
    hollow: dict[str, Any] = {"fmt": "s", "fillstyle": "none", "color": dark, "label": beside}
    filled: dict[str, Any] = {"fmt": "o", "color": colour, "label": label}
    for values, error, shift, points in (
        (series.reference, series.reference_error, 0.0, hollow),
        (series.ours, series.error, aside, filled),
    ):
        if len(values):
            known = np.isfinite(values)
            x, across = (middle + shift * (high - low))[known], half[:, known]
            bars = across if across.any() and not shift else None
            ax.errorbar(x, values[known], error[known], bars, ms=4, lw=1, **points)


def _finish(ax: Axes, series: Series) -> None:
    ax.set_title(series.panel)
    ax.set(xlabel=series.x, ylabel=series.y)
    if np.isfinite(series.top):
        ax.set_ylim(0.0, series.top)
    if series.log_x and len(series.low) and (series.low > 0.0).all():
        log_axis(ax, float(series.low.min()), float(series.high.max()))
    if series.log_y and (series.ours > 0.0).any():
        ax.set_yscale("log")
    # Numbers take most of the time of a panel.
    if ax.get_xscale() == "linear":
        ax.locator_params("x", nbins=_MOST_LINEAR)
    if ax.get_yscale() == "linear":
        ax.locator_params("y", nbins=_MOST_LINEAR)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=7)


def log_axis(ax: Axes, low: float, high: float) -> None:
    """Make the horizontal axis logarithmic, with plain numbers if they are few.

    It reaches over the whole range, whether or not anything is drawn there: of an empty
    logarithmic axis nobody else could say where it is.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    margin = max((high / low) ** 0.05, 1.05)
    ax.set_xscale("log")
    ax.set_xlim(low / margin, high * margin)
    ax.xaxis.set_minor_formatter(NullFormatter())
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1.0)
    ticks = np.outer(powers, (1.0, 3.0)).ravel()
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    if 1 < len(ticks) <= _MOST_TICKS:
        ax.set_xticks(ticks)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
