"""What all figures share: colours, axes, points, histograms, and maps of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...arrays import Floats
from ...statistics.adaptive_bins import Bins
from ...statistics.binned import wald_error
from ...statistics.influence import Chi2
from .distributions import Width
from .efficiency import Binned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

SAMPLES = ("detailed", "fast")
DETAILED, FAST = COLOURS = ("0.35", "#0072b2")
"""Grey, and the blue of Okabe and Ito, which differ in lightness."""
AXIS_TITLE = {
    "p": "generated P [GeV]",
    "eta": "generated eta",
    "n_spd_hits": "nSPDHits",
    "inverse_pt": "1 / generated pT [1/GeV]",
    "n_tracks": "tracks of the vertex",
    "tau": "true decay time [ps]",
}
"""Titles of the axes that are binned."""
SCALE = {"p": 1e-3}
"""Factor from the unit of a column to that of its axis."""
UNIT = {
    **dict.fromkeys(("dx", "dy", "x", "y", "z", "sigma_x", "sigma_y"), "mm"),
    **{"brem_energy": "MeV", "sigma_qop": "1/MeV"},
}
"""Units of variables."""


class Beside(NamedTuple):
    """A figure of both samples in bins of one quantity, and their ratio.

    Attributes:
        axis: key of `AXIS_TITLE`.
        edges: of the bins in the unit of the axis, shape ``(n_bins + 1,)``.
        values, errors: detailed and fast, shape ``(n_bins,)`` each.
        ratio, ratio_error: fast over detailed, NaN where not judged, shape ``(n_bins,)``.
        text: what is said of the ratio.
    """

    axis: str
    edges: Floats
    values: tuple[Floats, Floats]
    errors: tuple[Floats, Floats]
    ratio: Floats
    ratio_error: Floats
    text: str


def with_unit(name: str, variable: str) -> str:
    """A name for people and the unit of the variable, where it has one."""
    return f"{name} [{UNIT[variable]}]" if variable in UNIT else name


def chi2_text(chi2: Chi2, digits: int = 1) -> str:
    """A chi2 over bins for a title."""
    if not chi2.bins:
        return "too few to judge"
    return f"chi2 {chi2.value:.{digits}f} / {chi2.bins}, p = {chi2.p:.2g}"


def of_shares(binned: Binned) -> Beside:
    """Efficiencies in bins of one axis."""
    s, axis = binned.shares, binned.bins.axes[0]
    edges = binned.bins.edges * SCALE.get(axis, 1.0)
    if axis == "tau":  # decay times reach down to nothing, their axis is logarithmic
        edges[0] = max(edges[0], 0.02 * edges[1])
    pairs = ((s.detailed, s.n_detailed), (s.fast, s.n_fast))
    one, two = (wald_error(share, n, 1e-6) for share, n in pairs)
    good = s.judged & np.isfinite(s.ratio)
    ratio, error = (np.where(good, v, np.nan) for v in (s.ratio, s.ratio_error))
    return Beside(
        axis, edges, (s.detailed, s.fast), (one, two), ratio, error, chi2_text(binned.chi2)
    )


def of_width(width: Width) -> Beside:
    """Widths in bins, without that of all rows, which is said of the ratio."""
    return Beside(
        *(width.axis, width.edges * SCALE.get(width.axis, 1.0)),
        values=(width.detailed[1:], width.fast[1:]),
        errors=(width.detailed_error[1:], width.fast_error[1:]),
        ratio=width.ratio[1:],
        ratio_error=width.ratio_error[1:],
        text=f"all: {width.ratio[0]:.3f} +- {width.ratio_error[0]:.3f}",
    )


def storeys(cell: Figure | SubFigure, shown: Beside, what: str, title: str = "") -> None:
    """Draw both samples above their ratio, with a band of 2 % about one.

    Args:
        cell: where to draw.
        shown: what.
        what: title of the upper vertical axis.
        title: of the whole.
    """
    upper, lower = cell.subplots(2, 1, height_ratios=(2, 1), sharex=True)
    both(upper, shown, what)
    upper.set_xlabel("")
    upper.set_title(title)
    _points(lower, shown, shown.ratio, shown.ratio_error, fast=True, shift=False)
    lower.axhline(1.0, color="0.5", linewidth=0.8)
    lower.axhspan(0.98, 1.02, color="0.9", zorder=0)
    reach = min(1.1 * _largest(np.abs(shown.ratio - 1.0) + shown.ratio_error, 0.05), 1.0)
    lower.set(ylabel="fast / detailed", ylim=(1.0 - reach, 1.0 + reach), title=shown.text)
    _set_range(lower, shown.axis, shown.edges)


def both(axes: Axes, shown: Beside, what: str) -> None:
    """Draw both samples side by side; `what` is the title of the vertical axis."""
    for fast in (False, True):
        _points(axes, shown, shown.values[fast], shown.errors[fast], fast=fast, shift=True)
    top = 1.25 * _largest(np.array(shown.values) + np.array(shown.errors), 1e-9)
    axes.set(ylabel=what, ylim=(0.0, top))
    _set_range(axes, shown.axis, shown.edges)
    axes.legend()


def _largest(values: Floats, least: float) -> float:
    return float(np.max(values, initial=least, where=np.isfinite(values)))


def _points(
    axes: Axes, shown: Beside, values: Floats, error: Floats, *, fast: bool, shift: bool
) -> None:
    """Points in the middle of bins; the fast ones a little aside so that both are seen."""
    edges = shown.edges
    middle = 0.5 * (edges[1:] + edges[:-1])
    if edges[0] > 0.0 and edges[-1] / edges[0] > 20.0:
        middle = np.sqrt(edges[1:] * edges[:-1])
    aside = fast and shift
    axes.errorbar(
        middle + (0.08 * np.diff(edges) if aside else 0.0),
        values,
        yerr=error,
        xerr=None if aside else [middle - edges[:-1], edges[1:] - middle],
        fmt="o" if fast else "s",
        color=COLOURS[fast],
        markersize=4 if fast else 5,
        fillstyle="full" if fast else "none",
        linewidth=1,
        label=SAMPLES[fast],
    )


def _set_range(axes: Axes, axis: str, edges: Floats) -> None:
    """Title, scale and ticks of the horizontal axis."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_xlabel(AXIS_TITLE[axis])
    if axis not in ("p", "tau") or not edges[0] > 0.0:
        return
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    if axis == "p":
        axes.set_xticks([t for t in (1, 3, 10, 30, 100, 300) if edges[0] <= t <= edges[-1]])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))


def stairs(
    axes: Axes,
    edges: Floats,
    counts: Sequence[Floats] | Floats,
    labels: Sequence[str | None] = (None, None),
) -> None:
    """Histograms of both samples, the detailed one filled.

    Args:
        axes: where to draw.
        edges: of the bins, shape ``(n_bins + 1,)``.
        counts: detailed and fast, shape ``(n_bins,)`` each.
        labels: of both.
    """
    for i, (fill, width, alpha) in enumerate(((True, 0.0, 0.45), (False, 1.2, 1.0))):
        axes.stairs(
            counts[i], edges, fill=fill, color=COLOURS[i],
            linewidth=width, alpha=alpha, label=labels[i],
        )  # fmt: skip


def shapes(
    axes: Axes,
    edges: Floats,
    values: Sequence[np.ndarray],
    weights: Sequence[Floats],
    labels: Sequence[str | None] = (None, None),
) -> None:
    """Histograms of both samples, each normalised to one, without numbers on the vertical axis.

    Args:
        axes: where to draw.
        edges: of the bins, shape ``(n_bins + 1,)``.
        values: of each sample, shape ``(n,)``.
        weights: of each sample, shape ``(n,)``.
        labels: of both samples.
    """
    pairs = zip(values, weights, strict=True)
    counts = [np.histogram(v, edges, weights=w / w.sum())[0] for v, w in pairs]
    stairs(axes, edges, counts, labels)
    axes.set_yticks([])


def map_of(axes: Axes, bins: Bins, values: Floats, limit: float) -> None:
    """Colour boxes of two axes by a value between -limit and limit, the number inside.

    Args:
        axes: where to draw.
        bins: the boxes.
        values: of each box, NaN where it is not known, shape ``(n_bins,)``.
        limit: where the colours end.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    colours = ScalarMappable(Normalize(-limit, limit), "PuOr")
    boxes = bins.seen * np.array([SCALE.get(a, 1.0) for a in bins.axes])[None, :, None]
    for ((x0, x1), (y0, y1)), value in zip(boxes, values, strict=True):
        known = np.isfinite(value)
        colour = colours.to_rgba(np.array(float(value))) if known else "0.85"
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, facecolor=colour, edgecolor="0.6"))
        middle = np.sqrt(x0 * x1) if bins.axes[0] == "p" else 0.5 * (x0 + x1)
        if known:
            dark = abs(value) > 0.7 * limit
            axes.text(
                *(middle, 0.5 * (y0 + y1), f"{value:+.1f}"),
                ha="center", va="center", fontsize=6, color="white" if dark else "black",
            )  # fmt: skip
    (x0, y0), (x1, y1) = boxes[:, :, 0].min(axis=0), boxes[:, :, 1].max(axis=0)
    axes.set(xlim=(x0, x1), ylim=(y0, y1), ylabel=AXIS_TITLE[bins.axes[1]])
    _set_range(axes, bins.axes[0], np.array([x0, x1]))
