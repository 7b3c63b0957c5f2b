"""Pages of plots of a report."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import OutputError
from ...files.places import fresh
from ...system.extras import need
from .results import CheckReport, Section, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS, _ROWS = 4, 4


def draw_report(report: CheckReport, folder: Path) -> list[Path]:
    """Write the curves of each section as ``SECTION.png``, ``SECTION-2.png``, ...; returns them.

    Raises:
        OutputError: if the folder cannot be written.
    """
    need("plot", "matplotlib")
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for section in report.sections:
            panels = list(dict.fromkeys(s.panel for s in section.series))
            size = _COLUMNS * _ROWS
            for page, start in enumerate(range(0, len(panels), size), 1):
                name = section.key if page == 1 else f"{section.key}-{page}"
                files.append(folder / f"{name}.png")
                _draw_page(section, panels[start : start + size], files[-1])
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error})") from None
    return files


def _draw_page(section: Section, panels: list[str], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    sheet = Figure(figsize=(4.6 * columns, 3.5 * rows), layout="constrained")
    FigureCanvasAgg(sheet)
    sheet.suptitle(f"{section.title} (points and lines: detailed; black: reference)", fontsize=11)
    axes = sheet.subplots(rows, columns, squeeze=False).ravel()
    for ax, panel in itertools.zip_longest(axes, panels):
        if panel is None:
            ax.set_axis_off()
            continue
        mine = [s for s in section.series if s.panel == panel]
        for number, series in enumerate(mine):
            _draw(ax, series, f"C{number % 10}", alone=len(mine) == 1)
        _finish(ax, mine[0], panel)
    sheet.savefig(fresh(path), dpi=90)


def _draw(ax: Axes, series: Series, colour: str, *, alone: bool) -> None:
    dark = "k" if alone else colour
    if series.steps:
        edges = np.append(series.low, series.high[-1:])
        ax.stairs(series.ours, edges, color=colour, label=series.name or None)
        if len(series.reference):
            ax.stairs(series.reference, edges, color=dark, ls=":", lw=1.3)
        return
    middle = 0.5 * (series.low + series.high)
    half = 0.5 * (series.high - series.low)
    known = np.isfinite(series.ours)
    ax.errorbar(
        *(middle[known], series.ours[known], series.error[known], half[known]),
        fmt="o",
        ms=3.5,
        lw=1,
        color=colour,
        label=series.name or None,
    )
    if len(series.reference):
        known = np.isfinite(series.reference)
        error = series.reference_error[known]
        ax.errorbar(
            *(middle[known], series.reference[known], error, half[known]),
            fmt="s",
            ms=3,
            lw=1,
            color=dark,
            mfc="none",
            zorder=1,
        )


def _finish(ax: Axes, series: Series, panel: str) -> None:
    from matplotlib.ticker import NullFormatter

    ax.set_title(panel, fontsize=9)
    ax.set_xlabel(series.x, fontsize=8)
    ax.set_ylabel(series.y, fontsize=8)
    ax.tick_params(labelsize=8)
    ax.grid(alpha=0.3)
    if series.log_x and (series.low > 0.0).all():
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=7, frameon=False)
