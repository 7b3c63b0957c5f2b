"""Sheets of panels in one style, and how they are written: for every figure of a report.

The style is that of mplhep's ``LHCb2`` (fonts, ticks on all sides) with sizes for many small panels
in place of one large.  Nothing here uses pyplot, which would keep global state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..system.extras import need
from .scratch import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Item = TypeVar("Item")

DPI = 90
_TAKEN = ("direction", "top", "right", "font.", "mathtext.", "frameon")
"""Words in the settings that are taken from mplhep.

The others are sizes for one panel, and minor ticks, which double the time that a sheet takes.
"""
_SIZES: dict[str, Any] = {
    **{"font.size": 10.0, "axes.titlesize": 10.0, "axes.labelsize": 10.0, "legend.fontsize": 9.0},
    **{"lines.linewidth": 1.2, "lines.markersize": 4.0, "lines.markeredgewidth": 1.0},
    # The exponent of small numbers stands beside the axis: in many small panels they would overlap.
    "axes.formatter.limits": (-3, 4),
    **{f"{axis}tick.{key}": value for axis in "xy" for key, value in (
        *(("labelsize", 8.5), ("major.size", 4.0), ("minor.size", 2.0)),
        *(("major.width", 0.7), ("minor.width", 0.5)),
    )},
}  # fmt: skip


@contextmanager
def style() -> Iterator[None]:
    """The style of all sheets; what is drawn inside has it.

    Raises:
        MissingExtraError: without the extra ``plot``.
    """
    need("plot", "matplotlib", "mplhep")
    import matplotlib
    import mplhep

    theirs = {k: v for k, v in mplhep.style.LHCb2.items() if any(word in k for word in _TAKEN)}
    settings: dict[Any, Any] = {**theirs, **_SIZES}
    with matplotlib.rc_context(settings):
        yield


_LEFT, _RIGHT, _BOTTOM, _TOP = 0.66, 0.14, 0.50, 0.34
"""Room [inch] about the axes of a sheet for numbers, titles of axes, and the title of a panel."""
_ACROSS, _DOWN, _SHARED = 0.80, 0.86, 0.26
"""Room [inch] between axes beside and above each other, and above each other on one x axis."""
_LINE = 0.19
"""Height [inch] of a line of a title."""


def new_sheet(
    rows: int, columns: int, width: float = 4.0, height: float = 3.0, *, fitted: bool = True
) -> Figure:
    """An empty figure with room for a grid of panels.

    Args:
        rows, columns: of the grid.
        width, height: of a panel [inch].
        fitted: look where texts end and make room for them, which takes as long as to draw all
            twice; else room is that which panels of a grid need (`settle`).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = Figure(
        figsize=(width * columns, height * rows), layout="constrained" if fitted else None
    )
    FigureCanvasAgg(sheet)
    return sheet


def settle(sheet: Figure) -> None:
    """Make room between the panels of a sheet that is not fitted, in its parts as well."""
    parts: tuple[Any, ...] = (sheet, *sheet.subfigs)
    for part in parts:
        axes = [ax for ax in part.axes if ax.figure is part]
        grid = axes[0].get_gridspec() if axes else None
        if grid is None:
            continue
        across, down = part.bbox.width / part.figure.dpi, part.bbox.height / part.figure.dpi
        titles = [ax.get_title().count("\n") + 1 for ax in axes if ax.get_title()]
        top = _TOP + _LINE * max(max(titles, default=0) - 1, 0)
        if part is sheet and sheet.get_suptitle():
            top += _LINE * (sheet.get_suptitle().count("\n") + 2)
        shared = len(axes) > 1 and axes[1] in axes[0].get_shared_x_axes().get_siblings(axes[0])
        below = _SHARED if shared else _DOWN + top - _TOP
        inner = across - _LEFT - _RIGHT, down - _BOTTOM - top
        each = (
            (inner[0] - (grid.ncols - 1) * _ACROSS) / grid.ncols,
            (inner[1] - (grid.nrows - 1) * below) / grid.nrows,
        )
        part.subplots_adjust(
            left=_LEFT / across,
            right=1.0 - _RIGHT / across,
            bottom=_BOTTOM / down,
            top=1.0 - top / down,
            wspace=_ACROSS / each[0],
            hspace=below / each[1],
        )


def _fix_titles(sheet: Figure) -> None:
    """Fix the titles of panels but where the vertical axis has an exponent above it.

    Else all numbers of an axis are laid out once more to see whether the title is in the way.
    """
    for ax in sheet.axes:
        formatter = ax.yaxis.get_major_formatter()
        formatter.set_locs(ax.yaxis.get_majorticklocs().tolist())
        if ax.get_title() and not formatter.get_offset():
            look: Any = {"fontproperties": ax.title.get_fontproperties()}
            ax.set_title(ax.get_title(), y=1.0, color=ax.title.get_color(), **look)


def sheet_of(
    items: Sequence[Item],
    draw: Callable[[Axes, Item], object],
    *,
    columns: int,
    width: float = 3.0,
    height: float = 2.5,
) -> Figure:
    """A figure with a panel for each of some items.

    Args:
        items: what is drawn.
        draw: draws one of them.
        columns: panels beside each other at the most.
        width, height: of a panel [inch].
    """
    across = max(min(columns, len(items)), 1)
    down = max(-(-len(items) // across), 1)
    sheet = new_sheet(down, across, width, height, fitted=False)
    for i, item in enumerate(items, start=1):
        draw(sheet.add_subplot(down, across, i), item)
    return sheet


def write_sheet(draw: Callable[[], Figure], *paths: Path, dpi: float = DPI) -> Figure:
    """Draw a figure in the `style` and write it.

    Args:
        draw: what draws it.
        paths: files to write, their folders made if absent; endings choose the formats.
        dpi: dots per inch of those that have dots.

    Returns:
        The figure.

    Raises:
        MissingExtraError: without the extra ``plot``.
        OSError: if a folder cannot be made.
        OutputError: if a file cannot be written.
    """
    with style():
        sheet = draw()
        _fix_titles(sheet)
        if sheet.get_layout_engine() is None:
            settle(sheet)
        else:
            # The layout takes most of the time and is the same for all files; no other engine may
            # look once more before each.
            sheet.draw_without_rendering()
            sheet.set_layout_engine(None)
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            undated: Any = {"CreationDate": None} if path.suffix == ".pdf" else None
            with whole(path, durable=False) as new:
                sheet.savefig(new, dpi=dpi, metadata=undated)
    return sheet
