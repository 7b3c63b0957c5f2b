"""Pages of plots of the sections of a report and of the detector itself."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..numbers import report_folder
from ..sheets import sheet_of, write_sheet
from .results import Section, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS, _ROWS = 4, 4
_LETTERS = 55  # of a title above one panel


def draw_sections(sections: Sequence[Section], folder: Path) -> list[Path]:
    """Write the curves of each section as ``SECTION.png``, ``SECTION-2.png``, ...; returns them.

    Args:
        sections: what to draw.
        folder: where to write; made if need be.

    Raises:
        OutputError: if the folder cannot be written.
    """
    files: list[Path] = []
    with report_folder(folder):
        for section in sections:
            panels = list(dict.fromkeys(s.panel for s in section.series))
            size = _COLUMNS * _ROWS
            for page, start in enumerate(range(0, len(panels), size), 1):
                name = section.key if page == 1 else f"{section.key}-{page}"
                files.append(folder / f"{name}.png")
                shown = panels[start : start + size]
                write_sheet(partial(_page, section, shown), files[-1])
    return files


def _page(section: Section, panels: list[str]) -> Figure:
    shown = [[s for s in section.series if s.panel == panel] for panel in panels]
    sheet = sheet_of(shown, _panel, columns=_COLUMNS, width=4.6, height=3.5)
    title = f"{section.title} (points and lines: detailed; black: reference)"
    sheet.suptitle(textwrap.fill(title, _LETTERS * min(_COLUMNS, len(panels))))
    return sheet


def _panel(ax: Axes, shown: Sequence[Series]) -> None:
    ours = [s for s in shown if s.style != "line"]
    for number, series in enumerate(ours):
        _draw(ax, series, f"C{number % 10}", alone=len(ours) == 1)
    for series in shown:
        if series.style == "line":
            ax.plot(series.low, series.ours, "k--", lw=1, label=series.name or None)
    _finish(ax, shown[0])


def _draw(ax: Axes, series: Series, colour: str, *, alone: bool) -> None:
    label, dark = series.name or None, "k" if alone else colour
    if series.style == "steps":
        edges = np.append(series.low, series.high[-1:])
        ax.stairs(series.ours, edges, color=colour, label=label)
        if len(series.reference):
            ax.stairs(series.reference, edges, color=dark, ls=":", lw=1.3)
        return
    middle, half = 0.5 * (series.low + series.high), 0.5 * (series.high - series.low)
    if series.style in ("dots", "curve"):
        look: dict[str, Any] = {"ls": "", "marker": ".", "ms": 2, "alpha": 0.3}
        look = look if series.style == "dots" else {}
        ax.plot(middle, series.ours, color=colour, label=label, **look)
        return
    looks: tuple[dict[str, Any], dict[str, Any]] = (
        {"fmt": "o", "ms": 3.5, "color": colour, "label": label},
        {"fmt": "s", "ms": 3, "color": dark, "mfc": "none", "zorder": 1},
    )
    pairs = ((series.ours, series.error), (series.reference, series.reference_error))
    for (values, error), points in zip(pairs, looks, strict=True):
        if len(values):
            known = np.isfinite(values)
            across = half[known] if half.any() else None
            ax.errorbar(middle[known], values[known], error[known], across, lw=1, **points)


def _finish(ax: Axes, series: Series) -> None:
    from matplotlib.ticker import NullFormatter

    ax.set_title(series.panel)
    ax.set(xlabel=series.x, ylabel=series.y)
    if np.isfinite(series.top):
        ax.set_ylim(0.0, series.top)
    if series.log_x and (series.low > 0.0).all():
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
    if series.log_y and (series.ours > 0.0).any():
        ax.set_yscale("log")
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=7)
