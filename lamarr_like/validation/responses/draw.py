"""Figures of a comparison of responses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...arrays import Columns, Floats
from ...files.sheets import new_sheet
from ...responses.response import Response
from ...responses.samples import ResponseSample
from ..page import Drawing
from ..series import panels_of, series, series_sheet
from .compute import BINS, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_BINS = 40
_EXAMPLES = 4
_PROFILES = ("response", "hits", "strongest", "within_1")
_LIGHT = 1e-4
"""Smallest share of the largest mean that a colour is given."""


class Sample(NamedTuple):
    """A sample as it is drawn.

    Attributes:
        name: in legends.
        arrays: shape ``(n, *shape)``.
        columns: its features.
    """

    name: str
    arrays: np.ndarray
    columns: Columns


def drawings(
    comparison: Comparison,
    detailed: ResponseSample,
    drawn: ResponseSample,
    again: ResponseSample | None,
) -> Iterator[Drawing]:
    """All figures.

    Args:
        comparison: the numbers.
        detailed, drawn, again: the samples that were compared.
    """
    real, fake, second = comparison.columns
    samples = [Sample("detailed", detailed.arrays, real), Sample("drawn", drawn.arrays, fake)]
    if again is not None and second is not None:
        samples.append(Sample("detailed again", again.arrays, second))
    response, seen, n = comparison.response, detailed.seen, comparison.n
    yield Drawing(
        "mean-arrays",
        "arrays",
        f"Mean arrays of {n} particles in three bins of the scale, detailed and drawn, and their "
        "ratio.",
        lambda: _means(response, seen, samples),
    )
    yield Drawing(
        "examples",
        "arrays",
        "Single arrays: detailed above, drawn for the same particle below.",
        lambda: _examples(response, samples),
    )
    yield Drawing(
        "features",
        "features",
        f"Summary features of {n} particles.",
        lambda: _histograms(samples),
    )
    if response.scale:
        yield Drawing(
            "scale",
            "features",
            f"Mean and spread of some features against exp({response.scale}).",
            lambda: _profiles(response, seen, samples),
        )


def _histograms(samples: list[Sample]) -> Figure:
    shown = []
    detailed, *others = samples
    for name, values in detailed.columns.items():
        edges = _edges(values)
        reference = np.histogram(values, edges)[0].astype(float)
        for i, other in enumerate(others):
            found = np.histogram(other.columns[name], edges)[0].astype(float)
            shown.append(
                series(
                    (name, name, "particles"),
                    edges,
                    found,
                    reference=None if i else reference,
                    name=other.name,
                    beside=detailed.name,
                    style="steps",
                )
            )
    return series_sheet("", panels_of(shown), columns=5)


def _edges(values: Floats) -> Floats:
    """Edges of bins; between whole numbers where all are whole."""
    low, high = np.quantile(values, (0.001, 0.999))
    if (values == np.rint(values)).all():
        step = max(np.ceil((high - low + 1) / _BINS), 1.0)
        return np.arange(low - 0.5, high + step, step)
    return np.linspace(low, high if high > low else low + 1, _BINS + 1)


def _profiles(response: Response, seen: Floats, samples: list[Sample]) -> Figure:
    scale = np.exp(seen[:, response.feature(response.scale)])
    edges = np.quantile(scale, np.linspace(0, 1, BINS + 1))
    edges[-1] *= 1 + 1e-9
    rows = [np.flatnonzero((scale >= a) & (scale < b)) for a, b in pairwise(edges)]
    shown = []
    for name in _PROFILES:
        for kind in ("mean", "spread"):
            values = [_in_bins(sample.columns[name], rows, kind) for sample in samples]
            for i, (found, error) in enumerate(values[1:]):
                reference = (None, None) if i else values[0]
                shown.append(
                    series(
                        (f"{kind} of {name}", f"exp({response.scale})", name),
                        edges,
                        found,
                        error,
                        *reference,
                        name=samples[1 + i].name,
                        beside=samples[0].name,
                        log_x=True,
                    )
                )
    return series_sheet("", panels_of(shown), columns=4)


def _in_bins(values: Floats, rows: list[np.ndarray], kind: str) -> tuple[Floats, Floats]:
    """Mean or spread in bins, and the error."""
    sd = np.array([values[r].std() if len(r) else np.nan for r in rows])
    n = np.array([max(len(r), 1) for r in rows])
    if kind == "spread":
        return sd, sd / np.sqrt(2 * n)
    return np.array([values[r].mean() if len(r) else np.nan for r in rows]), sd / np.sqrt(n)


def _flat(array: np.ndarray) -> np.ndarray:
    """An array as a picture: sums over what goes beyond two axes, one row for one axis."""
    if array.ndim == 1:
        return array[None, :]
    found: np.ndarray = array.sum(axis=tuple(range(2, array.ndim)))
    return found


def _means(response: Response, seen: Floats, samples: list[Sample]) -> Figure:
    from matplotlib.colors import LogNorm

    order = np.arange(len(seen))
    if response.scale:
        order = np.argsort(seen[:, response.feature(response.scale)], kind="stable")
    thirds = np.array_split(order, 3)
    sheet = new_sheet(3, 3, 4.0, 3.4)
    for i, rows in enumerate(thirds):
        means = [_flat(sample.arrays[rows].mean(axis=0)) for sample in samples[:2]]
        top = max(float(means[0].max()), 1e-30)
        for k, mean in enumerate(means):
            ax = sheet.add_subplot(3, 3, 3 * i + k + 1)
            picture = _show(ax, response, mean, norm=LogNorm(_LIGHT * top, top), cmap="viridis")
            sheet.colorbar(picture, ax=ax)
            ax.set_title(f"{samples[k].name}, mean [{response.unit}]")
        enough = means[0] > _LIGHT * top
        ratio = np.where(enough, means[1] / np.maximum(means[0], 1e-30), np.nan)
        ax = sheet.add_subplot(3, 3, 3 * i + 3)
        picture = _show(ax, response, ratio, vmin=0.7, vmax=1.3, cmap="RdBu_r")
        sheet.colorbar(picture, ax=ax)
        ax.set_title("drawn / detailed")
    return sheet


def _examples(response: Response, samples: list[Sample]) -> Figure:
    from matplotlib.colors import LogNorm

    n = min(_EXAMPLES, len(samples[0].arrays))
    sheet = new_sheet(2, n, 3.6, 3.2)
    for i in range(n):
        top = max(float(_flat(samples[0].arrays[i]).max()), 1e-30)
        for k, sample in enumerate(samples[:2]):
            ax = sheet.add_subplot(2, n, k * n + i + 1)
            norm = LogNorm(_LIGHT * top, top)
            _show(ax, response, _flat(sample.arrays[i]), norm=norm, cmap="viridis")
            ax.set_title(sample.name)
    return sheet


def _show(ax: Axes, response: Response, picture: np.ndarray, **look: Any) -> AxesImage:
    """A picture with the first axis of the response across and the second upwards."""
    first = response.axes[0]
    across = (first.start, first.start + first.size * first.pitch)
    up, label = (0.0, 1.0), ""
    if len(response.axes) > 1:
        second = response.axes[1]
        up = (second.start, second.start + second.size * second.pitch)
        label = f"{second.name} [{second.unit}]"
        picture = picture.T
    ax.set(xlabel=f"{first.name} [{first.unit}]", ylabel=label)
    shown = np.where(picture > 0, picture, np.nan)
    return ax.imshow(
        shown, origin="lower", extent=(*across, *up), aspect="auto", interpolation="nearest", **look
    )
