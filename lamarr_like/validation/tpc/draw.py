"""Figures of events of a time projection chamber."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...files.sheets import new_sheet
from ...tpc.geometry import BUCKETS
from ...tpc.readout import SPAN, STRIDE, Readout
from ..page import Drawing
from ..series import Look, Series, panels_of, series, series_sheet
from .compute import DETAILED, EDGES, Row, TpcComparison, figure_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS = (
    *(("x", "DCA resolution in x [um]"), ("y", "DCA resolution in y [um]")),
    *(("z", "DCA resolution in z [um]"), ("chi2", "median of chi2/NDF")),
    *(("efficiency", "efficiency"), ("pull_d0", "width of the pull of d0")),
)
_SECTOR = 64
"""Rows that a sector counts."""


def drawings(comparison: TpcComparison) -> Iterator[Drawing]:
    """All figures."""
    yield Drawing(
        "against-pt",
        "tracks",
        f"Tracks against their transverse momentum; {comparison.tracks} tracks.",
        lambda: _against_pt(comparison.rows),
    )
    yield Drawing("chi2", "tracks", "chi2/NDF of all tracks.", lambda: _chi2(comparison))
    yield Drawing(
        "sector",
        "readout",
        "The fullest sector of the events: largest amplitude over the pads of each row, against "
        "the row and the time.",
        lambda: _sector(comparison),
    )


def _against_pt(rows: list[Row]) -> Figure:
    shown: list[Series] = []
    names = list(dict.fromkeys(row.simulation for row in rows))
    for label, title in _PANELS:
        values = {}
        for name in names:
            bins = [row for row in rows if row.simulation == name][1:]
            found = np.array([getattr(row, label) for row in bins])
            n = np.array([max(row.tracks, 1) for row in bins], dtype=np.float64)
            values[name] = found, figure_error(label, found, n)
        for i, name in enumerate(names[1:]):
            reference = (None, None) if i else values[DETAILED]
            labels = (title, "transverse momentum [GeV]", title)
            look = Look(name=name, beside=DETAILED, log_x=True)
            shown.append(series(labels, EDGES, *values[name], *reference, **look))
    return series_sheet("", panels_of(shown), columns=3)


def _chi2(comparison: TpcComparison) -> Figure:
    edges = np.linspace(0, 3, 61)
    counts = {
        name: np.histogram(one.chi2[np.isfinite(one.chi2)], edges)[0].astype(float)
        for name, one in comparison.samples.items()
    }
    shown = [
        series(
            ("chi2/NDF", "chi2/NDF", "tracks"), edges, counts[name],
            reference=None if i else counts[DETAILED], name=name, beside=DETAILED, style="steps",
        )
        for i, name in enumerate(list(counts)[1:])
    ]  # fmt: skip
    return series_sheet("", panels_of(shown), columns=1)


def _sector(comparison: TpcComparison) -> Figure:
    from matplotlib.colors import LogNorm

    first = comparison.examples[DETAILED].readout
    sector = np.bincount(first.cell // (SPAN * STRIDE * _SECTOR)).argmax()
    n = len(comparison.examples)
    sheet = new_sheet(1, n, 4.2, 4.4)
    for i, (name, event) in enumerate(comparison.examples.items()):
        ax = sheet.add_subplot(1, n, i + 1)
        picture = _rows_and_times(event.readout, int(sector))
        shown = ax.imshow(
            np.where(picture > 0, picture, np.nan), aspect="auto", origin="lower",
            norm=LogNorm(1, 1000), cmap="viridis", interpolation="nearest",
        )  # fmt: skip
        ax.set(title=name, xlabel="time [bucket]", ylabel="row")
    sheet.colorbar(shown, ax=ax, label="amplitude [ADC]")
    return sheet


def _rows_and_times(readout: Readout, sector: int) -> np.ndarray:
    line = readout.cell // (SPAN * STRIDE)
    some = line // _SECTOR == sector
    picture = np.zeros((_SECTOR, BUCKETS))
    place = (line[some] % _SECTOR, readout.cell[some] % SPAN - 1)
    np.maximum.at(picture, place, readout.value[some])
    return picture[:53]
