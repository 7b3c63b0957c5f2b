"""Figures of resolutions, identification curves, masses, and the 3 x 3 pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...files.sheets import new_sheet, sheet_of
from ..page import Drawing
from ..tracks import PULLS
from .canvas import COLOURS, SAMPLES, histograms, of_width, storeys, with_unit
from .compute import Report
from .distributions import Width, title
from .physics import MassPeak, Page, PidCurve

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
        if widths:
            caption = (
                f"Width (half the central 68 %) of {', '.join(title(w.variable) for w in widths)}, "
                f"{widths[0].species}, {widths[0].n[0]:.0f} detailed entries. Band: 2 %."
            )
            yield Drawing(name, "physics", caption, partial(_width_figure, widths))
    sheet = partial(sheet_of, columns=3, width=4.2, height=3.4)
    if shown.curves:
        caption = "Efficiency against misidentification of long tracks as a cut moves."
        draw = partial(sheet, shown.curves, _curve)
        yield Drawing("pid-curves", "physics", caption, draw)
    if shown.peaks:
        caption = "Mass of pairs of unmatched clusters; the peak above sidebands in the titles."
        yield Drawing("masses", "physics", caption, partial(sheet, shown.peaks, _peak))
    for page in shown.pages:
        n = page.counts.sum(axis=(1, 2))
        caption = (
            f"{title(page.variable)} of true {page.species} in nine boxes of P and eta, "
            f"{n[0]:.0f} detailed (grey) and {n[1]:.0f} fast (blue) inside the axes."
        )
        boxes = range(len(page.bins))
        draw = partial(sheet_of, boxes, partial(_box, page), columns=3, width=3.8, height=2.7)
        yield Drawing(f"page-{page.species}-{page.variable}", "pages", caption, draw)


def _width_figure(widths: Sequence[Width]) -> Figure:
    figure = new_sheet(1, len(widths), 3.4, 3.8, fitted=False)
    cells = figure.subfigures(1, len(widths), squeeze=False)[0]
    for cell, width in zip(cells, widths, strict=True):
        what = with_unit(f"width of {title(width.variable)}", width.variable)
        storeys(cell, of_width(width), what)
    return figure


def _curve(axes: Axes, curve: PidCurve) -> None:
    for i, style in enumerate(("--", "-")):
        n = curve.tracks[i]
        axes.plot(
            *(curve.efficiency[i], np.maximum(curve.misidentification[i], 1e-5), style),
            color=COLOURS[i], label=f"{SAMPLES[i]}: {n[0]:.0f}, {n[1]:.0f}",
        )  # fmt: skip
    axes.set(yscale="log", xlabel="efficiency", ylabel="misidentification", xlim=(0.3, 1.0))
    axes.set(ylim=(1e-3, 1.0), title=curve.name)
    axes.legend()


def _peak(axes: Axes, peak: MassPeak) -> None:
    names = [f"{s}, {n} events" for s, n in zip(SAMPLES, peak.events, strict=True)]
    texts = [
        f"{p.mean:.1f} +- {p.mean_error:.1f} MeV" if np.isfinite(p.mean) else "no peak found"
        for p in (peak.detailed, peak.fast)
    ]
    labels = (f"{peak.name}: {'; '.join(texts)}", "mass of two clusters [MeV]", "pairs an event")
    histograms(axes, labels, peak.edges, peak.counts, names)


def _box(page: Page, axes: Axes, i: int) -> None:
    n = page.counts[:, i].sum(axis=1)
    (p0, p1), (e0, e1) = page.bins.seen[i]
    place = f"P {p0 / 1e3:.3g}-{p1 / 1e3:.3g} GeV, eta {e0:.2f}-{e1:.2f}"
    labels = (f"{place}\n{n[0]:.0f} detailed, {n[1]:.0f} fast", title(page.variable), "")
    histograms(axes, labels, page.edges, page.counts[:, i] / np.maximum(n, 1e-9)[:, None])
    axes.set_yticks([])
