"""What all figures share: colours, axes, ratios, histograms, and maps of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...arrays import Floats
from ...statistics.adaptive_bins import Bins
from ...statistics.binned import wald_error
from ...statistics.binned_shares import Binned
from ...statistics.influence import Chi2
from ..series import Labels, Look, Series, draw_panel, log_axis, series
from .distributions import Width

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


Storeys = tuple[Series, Series]
"""Both samples in bins of one quantity, and below them their ratio."""


def with_unit(name: str, variable: str) -> str:
    """A name for people and the unit of the variable, where it has one."""
    return f"{name} [{UNIT[variable]}]" if variable in UNIT else name


def chi2_text(chi2: Chi2, digits: int = 1) -> str:
    """A chi2 over bins for a title."""
    if not chi2.bins:
        return "too few to judge"
    return f"chi2 {chi2.value:.{digits}f} / {chi2.bins}, p = {chi2.p:.2g}"


def of_shares(binned: Binned) -> Storeys:
    """Efficiencies in bins of one axis; ratios where they are judged."""
    s, axis = binned.shares, binned.bins.axes[0]
    edges = binned.bins.edges * SCALE.get(axis, 1.0)
    if axis == "tau":  # decay times reach down to nothing, their axis is logarithmic
        edges[0] = max(edges[0], 0.02 * edges[1])
    pairs = ((s.fast, s.n_fast), (s.detailed, s.n_detailed))
    values = [v for share, n in pairs for v in (share, wald_error(share, n, 1e-6))]
    good = s.judged & np.isfinite(s.ratio)
    ratio = [np.where(good, v, np.nan) for v in (s.ratio, s.ratio_error)]
    return _storeys(axis, edges, values, ratio, chi2_text(binned.chi2))


def of_width(width: Width) -> Storeys:
    """Widths in bins, without that of all rows, which is said of the ratio."""
    edges = width.edges * SCALE.get(width.axis, 1.0)
    values = (width.fast, width.fast_error, width.detailed, width.detailed_error)
    inside, ratio = [v[1:] for v in values], (width.ratio, width.ratio_error)
    text = f"all: {ratio[0][0]:.3f} +- {ratio[1][0]:.3f}"
    return _storeys(width.axis, edges, inside, [v[1:] for v in ratio], text)


def _storeys(
    axis: str, edges: Floats, values: Sequence[Floats], ratio: Sequence[Floats], text: str
) -> Storeys:
    log = axis in ("p", "tau") and edges[0] > 0.0
    top = 1.25 * max(_largest(v + error, 1e-9) for v, error in (values[:2], values[2:]))
    labels = (text, AXIS_TITLE[axis], "fast / detailed")
    above = series(("", labels[1], ""), edges, *values, log_x=log, top=top)
    above = replace(above, beside=SAMPLES[0], name=SAMPLES[1])
    return above, series(labels, edges, *ratio, log_x=log)


def storeys(cell: Figure | SubFigure, shown: Storeys, what: str, title: str = "") -> None:
    """Draw both samples above their ratio, with a band of 2 % about one.

    Args:
        cell: where to draw.
        shown: what.
        what: title of the upper vertical axis.
        title: of the whole.
    """
    upper, lower = cell.subplots(2, 1, height_ratios=(2, 1), sharex=True)
    above, below = shown
    draw_panel(upper, [replace(above, panel=title, x="", y=what)])
    draw_panel(lower, [below])
    lower.axhline(1.0, color="0.5", linewidth=0.8)
    lower.axhspan(0.98, 1.02, color="0.9", zorder=0)
    reach = min(1.1 * _largest(np.abs(below.ours - 1.0) + below.error, 0.05), 1.0)
    lower.set_ylim(1.0 - reach, 1.0 + reach)


def _largest(values: Floats, least: float) -> float:
    return float(np.max(values, initial=least, where=np.isfinite(values)))


def histograms(
    axes: Axes,
    labels: Labels,
    edges: Floats,
    counts: Sequence[Floats] | Floats,
    names: Sequence[str] = ("", ""),
) -> None:
    """Histograms of both samples, the detailed one filled.

    Args:
        axes: where to draw.
        labels: title and axes.
        edges: of the bins, shape ``(n_bins + 1,)``.
        counts: detailed and fast, shape ``(n_bins,)`` each.
        names: of both in the legend.
    """
    look: Look = {"beside": names[0], "name": names[1], "style": "steps"}
    draw_panel(axes, [series(labels, edges, counts[1], reference=counts[0], **look)])


def shapes(
    axes: Axes,
    labels: Labels,
    edges: Floats,
    values: Sequence[np.ndarray],
    weights: Sequence[Floats],
    names: Sequence[str] = ("", ""),
) -> None:
    """Histograms of both samples, each normalised to one, without numbers on the vertical axis.

    Args:
        axes, labels, edges, names: as of `histograms`.
        values: of each sample, shape ``(n,)``.
        weights: of each sample, shape ``(n,)``.
    """
    pairs = zip(values, weights, strict=True)
    counts = [np.histogram(v, edges, weights=w / w.sum())[0] for v, w in pairs]
    histograms(axes, labels, edges, counts, names)
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
    if bins.axes[0] == "p":
        log_axis(axes, x0, x1)
    labels = {f"{axis}label": AXIS_TITLE[a] for axis, a in zip("xy", bins.axes, strict=True)}
    axes.set(xlim=(x0, x1), ylim=(y0, y1), **labels)
