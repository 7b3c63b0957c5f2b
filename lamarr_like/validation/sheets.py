"""Sheets of panels in one style, and how they are written: for every figure of the validation.

The style is that of mplhep's ``LHCb2`` (fonts, ticks on all sides) with sizes for many small panels
in place of one large.  Nothing here uses pyplot, which would keep global state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..files.scratch import whole
from ..system.extras import need

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Item = TypeVar("Item")

DPI = 90
_TAKEN = ("direction", "visible", "top", "right", "font.", "mathtext.", "frameon", "labellocation")
"""Words in the settings that are taken from mplhep; all others there are sizes for one panel."""
_SIZES: dict[str, Any] = {
    **{"font.size": 9.0, "axes.titlesize": 8.5, "axes.labelsize": 8.5, "legend.fontsize": 7.5},
    **{"lines.linewidth": 1.2, "lines.markersize": 4.0, "lines.markeredgewidth": 1.0},
    **{f"{axis}tick.{key}": value for axis in "xy" for key, value in (
        *(("labelsize", 7.5), ("major.size", 4.0), ("minor.size", 2.0)),
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


def new_sheet(rows: int, columns: int, width: float = 4.0, height: float = 3.0) -> Figure:
    """An empty figure with room for a grid of panels.

    Args:
        rows, columns: of the grid.
        width, height: of a panel [inch].
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(sheet)
    return sheet


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
    sheet = new_sheet(down, across, width, height)
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
        # The layout takes most of the time and is the same for all files; no other engine may look
        # once more before each.
        sheet.draw_without_rendering()
        sheet.set_layout_engine(None)
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            undated: Any = {"CreationDate": None} if path.suffix == ".pdf" else None
            with whole(path, durable=False) as new:
                sheet.savefig(new, dpi=dpi, metadata=undated)
    return sheet
