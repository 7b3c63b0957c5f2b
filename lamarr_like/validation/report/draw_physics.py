"""Figures of resolutions, identification curves, masses, and the 3 x 3 pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .canvas import DETAILED, FAST, SCALE, UNIT, Drawing, new_figure, points, ratio_band, set_range
from .columns import PULLS
from .compute import Report
from .distributions import Width, title
from .physics import MassPeak, Page, PidCurve, page_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def physics_drawings(report: Report) -> Iterator[Drawing]:
    """Figures of resolutions, pulls, vertices, identification, masses and the 3 x 3 pages."""
    groups: dict[str, list[Width]] = {}
    for width in report.whole.widths:
        kind = "pulls" if width.variable in PULLS else "resolution"
        groups.setdefault(f"{kind}-{width.species}", []).append(width)
    shown = report.physics
    groups |= {"impact": list(shown.impact), "vertices": list(shown.vertices)}
    for name, widths in groups.items():
        if not widths:
            continue
        what = "Width (half the central 68 %)"
        caption = (
            f"{what} of {', '.join(title(w.variable) for w in widths)}, {widths[0].species}, "
            f"{widths[0].n[0]:.0f} detailed entries. Band: 2 %."
        )
        yield Drawing(name, "physics", caption, _width_figure(widths))
    if shown.curves:
        yield Drawing("pid-curves", "physics", *_grid(shown.curves, _curve, (
            "Efficiency against misidentification of long tracks as a cut moves."
        )))  # fmt: skip
    if shown.peaks:
        yield Drawing("masses", "physics", *_grid(shown.peaks, _peak, (
            "Mass of pairs of unmatched clusters; the peak above sidebands in the titles."
        )))  # fmt: skip
    for page in shown.pages:
        n = page.counts.sum(axis=(1, 2))
        caption = (
            f"{page_title(page)} in nine boxes of P and eta, {n[0]:.0f} detailed (grey) and "
            f"{n[1]:.0f} fast (blue) inside the axes."
        )
        name = f"page-{page.species}-{page.variable}"
        yield Drawing(name, "pages", caption, _page_figure(page))


def _grid(
    items: Sequence[PidCurve] | Sequence[MassPeak],
    draw: Callable[..., None],
    caption: str,
) -> tuple[str, Figure]:
    columns = min(len(items), 3)
    figure = new_figure(-(-len(items) // columns), columns, 4.2, 3.4)
    for i, item in enumerate(items):
        draw(figure.add_subplot(-(-len(items) // columns), columns, i + 1), item)
    return caption, figure


def _width_figure(widths: Sequence[Width]) -> Figure:
    figure = new_figure(1, len(widths), 3.4, 3.8)
    cells = figure.subfigures(1, len(widths), squeeze=False)[0]
    for cell, width in zip(cells, widths, strict=True):
        upper, lower = cell.subplots(2, 1, height_ratios=(2, 1), sharex=True)
        edges = width.edges * SCALE.get(width.axis, 1.0)
        inner = slice(1, None)
        for values, error, fast in (
            (width.detailed, width.detailed_error, False),
            (width.fast, width.fast_error, True),
        ):
            points(upper, edges, values[inner], error[inner], fast=fast, shift=True)
        points(lower, edges, width.ratio[inner], width.ratio_error[inner], fast=True, shift=False)
        ratio_band(lower)
        unit = f" [{UNIT[width.variable]}]" if width.variable in UNIT else ""
        upper.set_ylabel(f"width of {title(width.variable)}{unit}", fontsize=8)
        upper.set_ylim(0.0, 1.3 * upper.get_ylim()[1])
        ratio = f"all: {width.ratio[0]:.3f} +- {width.ratio_error[0]:.3f}"
        lower.set_title(ratio, fontsize=8)
        upper.legend(frameon=False, fontsize=7)
        set_range(lower, width.axis, edges)
    return figure


def _curve(axes: Axes, curve: PidCurve) -> None:
    for i, (style, colour, name) in enumerate((("--", DETAILED, "detailed"), ("-", FAST, "fast"))):
        n = curve.tracks[i]
        label = f"{name}: {n[0]:.0f}, {n[1]:.0f}"
        axes.plot(
            *(curve.efficiency[i], np.maximum(curve.misidentification[i], 1e-5)),
            style, color=colour, label=label,
        )  # fmt: skip
    axes.set(yscale="log", xlabel="efficiency", ylabel="misidentification", xlim=(0.3, 1.0))
    axes.set_ylim(1e-3, 1.0)
    axes.set_title(curve.name, fontsize=9)
    axes.legend(frameon=False, fontsize=7)


def _peak(axes: Axes, peak: MassPeak) -> None:
    for counts, fast in zip(peak.counts, (False, True), strict=True):
        colour = FAST if fast else DETAILED
        n = peak.events[int(fast)]
        name = "fast" if fast else "detailed"
        axes.stairs(
            counts, peak.edges, color=colour, fill=not fast,
            alpha=1.0 if fast else 0.45, label=f"{name}, {n} events",
        )  # fmt: skip
    axes.set(xlabel="mass of two clusters [MeV]", ylabel="pairs an event")
    texts = [
        f"{p.mean:.1f} +- {p.mean_error:.1f} MeV" if np.isfinite(p.mean) else "no peak found"
        for p in (peak.detailed, peak.fast)
    ]
    axes.set_title(f"{peak.name}: {texts[0]}; {texts[1]}", fontsize=8)
    axes.legend(frameon=False, fontsize=7)


def _page_figure(page: Page) -> Figure:
    figure = new_figure(3, 3, 3.8, 2.7)
    for i in range(len(page.bins)):
        axes = figure.add_subplot(3, 3, i + 1)
        n = page.counts[:, i].sum(axis=1)
        for k in (0, 1):
            total = max(n[k], 1e-9)
            axes.stairs(
                page.counts[k, i] / total, page.edges, color=FAST if k else DETAILED,
                fill=not k, alpha=1.0 if k else 0.45,
            )  # fmt: skip
        (p0, p1), (e0, e1) = page.bins.seen[i]
        place = f"P {p0 / 1e3:.3g}-{p1 / 1e3:.3g} GeV, eta {e0:.2f}-{e1:.2f}"
        axes.set_title(f"{place}\n{n[0]:.0f} detailed, {n[1]:.0f} fast", fontsize=8)
        axes.set_xlabel(title(page.variable), fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_yticks([])
    return figure
