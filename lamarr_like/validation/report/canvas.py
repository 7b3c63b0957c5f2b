"""What all figures share: colours, axes, points, and maps of boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...statistics.adaptive_bins import Bins
from ...system.extras import need

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DETAILED, FAST = "0.35", "#0072b2"
"""Grey, and the blue of Okabe and Ito, which differ in lightness."""
AXIS_TITLE = {
    "p": "generated P [GeV]",
    "eta": "generated eta",
    "n_spd_hits": "nSPDHits",
    "inverse_pt": "1 / generated pT [1/GeV]",
    "n_tracks": "tracks of the vertex",
}
"""Titles of the axes that are binned."""
SCALE = {"p": 1e-3}
"""Factor from the unit of a column to that of its axis."""
UNIT = {
    **dict.fromkeys(("dx", "dy", "x", "y", "z"), "mm"),
    **dict.fromkeys(("sigma_x", "sigma_y"), "mm"),
    "brem_energy": "MeV",
    "sigma_qop": "1/MeV",
}
"""Units of variables."""


class Drawing(NamedTuple):
    """A figure of the report.

    Attributes:
        name: of its files.
        section: where it stands.
        caption: what it shows, with the sizes of the samples.
        figure: the figure.
    """

    name: str
    section: str
    caption: str
    figure: Figure


def new_figure(rows: int, columns: int, width: float = 4.0, height: float = 3.0) -> Figure:
    """A figure with room for a grid of panels; sizes of one in inches."""
    need("report", "matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def set_range(axes: Axes, axis: str, edges: np.ndarray) -> None:
    """Title, scale and ticks of the horizontal axis."""
    axes.set_xlabel(AXIS_TITLE[axis])
    if axis == "p" and edges[0] > 0.0:
        from matplotlib.ticker import FuncFormatter, NullFormatter

        axes.set_xscale("log")
        ticks = [t for t in (1, 3, 10, 30, 100, 300) if edges[0] <= t <= edges[-1]]
        axes.set_xticks(ticks)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def points(
    axes: Axes, edges: np.ndarray, values: np.ndarray, error: np.ndarray, fast: bool, shift: bool
) -> None:
    """Points in the middle of bins; the fast ones a little aside so that both are seen."""
    middle = 0.5 * (edges[1:] + edges[:-1])
    if edges[0] > 0.0 and edges[-1] / edges[0] > 20.0:
        middle = np.sqrt(edges[1:] * edges[:-1])
    x = middle + (0.08 * np.diff(edges) if fast and shift else 0.0)
    axes.errorbar(
        x,
        values,
        yerr=error,
        xerr=None if fast and shift else [middle - edges[:-1], edges[1:] - middle],
        fmt="o" if fast else "s",
        color=FAST if fast else DETAILED,
        markersize=4 if fast else 5,
        fillstyle="full" if fast else "none",
        linewidth=1,
        label="fast" if fast else "detailed",
    )


def ratio_band(axes: Axes, text: str = "fast / detailed") -> None:
    """A line at one and a band of 2 % about it."""
    axes.axhline(1.0, color="0.5", linewidth=0.8)
    axes.axhspan(0.98, 1.02, color="0.9", zorder=0)
    axes.set_ylabel(text)


def map_of(axes: Axes, bins: Bins, values: np.ndarray, limit: float) -> object:
    """Colour boxes of two axes by a value between -limit and limit, the number inside."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    colours = ScalarMappable(Normalize(-limit, limit), "PuOr")
    scale = [SCALE.get(a, 1.0) for a in bins.axes]
    for box, value in zip(bins.seen, values, strict=True):
        (x0, x1), (y0, y1) = box[0] * scale[0], box[1] * scale[1]
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
    flat = bins.seen * np.array(scale)[None, :, None]
    axes.set(xlim=(flat[:, 0].min(), flat[:, 0].max()), ylim=(flat[:, 1].min(), flat[:, 1].max()))
    set_range(axes, bins.axes[0], np.array(axes.get_xlim()))
    axes.set_ylabel(AXIS_TITLE[bins.axes[1]])
    return colours
