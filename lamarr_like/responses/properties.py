"""Properties of an array that a draw may be asked for: total, centroid along each axis, width.

In the common frame of `lamarr_like.responses.frame` they are told so that particles are alike: the
logarithm of the sum over the response's scale, the centroid from the particle's place, and the
logarithm of the width.  How they are spread for given conditions is a `Law`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..arrays import Floats
from ..engine.onnx_session import Network
from .frame import Placement
from .hits import Hits
from .response import Response

LEAST_CELLS = 5
"""Cells of an array below which it has no properties."""

REACH = 4.5
"""Normal scores are within this and its negative."""

KNOTS = 101
"""Values of a table."""

TOTAL, WIDTH = "total", "width"


def names_of(response: Response) -> tuple[str, ...]:
    """Names of the properties: ``total``, ``centroid_<axis>`` of each axis, ``width``."""
    return (TOTAL, *(f"centroid_{axis.name}" for axis in response.axes), WIDTH)


def wide_axes(response: Response) -> list[int]:
    """Axes along which the width is taken: those that move with the particle, else all.

    Of these the ones with the unit of the first.
    """
    moving = sorted({response.axis(shift.axis) for shift in response.shifts})
    axes = moving or list(range(len(response.axes)))
    unit = response.axes[axes[0]].unit
    return [k for k in axes if response.axes[k].unit == unit]


def cell_places(response: Response, hits: Hits) -> Floats:
    """Places of cells from the centre of the middle one [unit of the axis], shape ``(m, rank)``.

    Args:
        response: declaration.
        hits: in the frame.
    """
    found: Floats = hits.cell * np.array([axis.pitch for axis in response.axes])
    return found


def of_hits(response: Response, placement: Placement, hits: Hits) -> Floats:
    """Properties in the frame, shape ``(n, k)``; NaN where fewer than `LEAST_CELLS` are hit.

    Args:
        response: declaration.
        placement: of the `n` particles.
        hits: of their arrays, in the frame.
    """
    n, row = len(placement.given), hits.row
    sums = hits.sums(n)
    share = hits.value / np.where(sums > 0, sums, 1.0)[row]
    places = cell_places(response, hits)
    means = [np.bincount(row, share * places[:, k], n) for k in range(places.shape[1])]
    far2 = share * (places[:, wide_axes(response)] ** 2).sum(axis=1)
    square = np.bincount(row, far2, n).astype(np.float64)
    found = framed(response, placement, sums, np.stack(means, axis=1), square)
    found[np.bincount(row, minlength=n) < LEAST_CELLS] = np.nan
    return found


def framed(
    response: Response, placement: Placement, sums: Floats, means: Floats, square: Floats
) -> Floats:
    """Properties in the frame from moments, shape ``(n, k)``.

    Args:
        response: declaration.
        placement: of the `n` particles.
        sums: of the arrays [unit of the response], shape ``(n,)``.
        means: places in the frame, shape ``(n, rank)``.
        square: mean squared distance from the middle cell along the axes of the width, ``(n,)``.
    """
    axes = wide_axes(response)
    variance = square - (means[:, axes] ** 2).sum(axis=1)
    width = np.maximum(variance, least_variance(response))
    total = np.log(np.maximum(sums, 1e-30)) - log_scale(response, placement)
    centroid = means - particle_places(response, placement)
    return np.column_stack([total, centroid, 0.5 * np.log(width)])


def least_variance(response: Response) -> float:
    """Below it a width is not told apart from it: that of a tenth of a cell."""
    return 0.01 * response.axes[wide_axes(response)[0]].pitch ** 2


def log_scale(response: Response, placement: Placement) -> Floats:
    """Logarithm of the expected sum, zero where no scale is declared, shape ``(n,)``."""
    if not response.scale:
        return np.zeros(len(placement.given))
    found: Floats = placement.given[:, response.feature(response.scale)]
    return found


def particle_places(response: Response, placement: Placement) -> Floats:
    """Places of particles in the frame, zero along axes that do not move, shape ``(n, rank)``."""
    found = np.zeros((len(placement.given), len(response.axes)))
    for shift in response.shifts:
        found[:, response.axis(shift.axis)] = placement.given[:, response.feature(shift.feature)]
    return found


def to_natural(response: Response, placement: Placement, values: Floats) -> dict[str, Floats]:
    """Properties of arrays as users know them, by name, shapes ``(n,)``.

    The total in the unit of the response, centroids and width in those of the axes.

    Args:
        response: declaration.
        placement: of the `n` particles.
        values: in the frame, shape ``(n, k)``.
    """
    places = _swapped(placement, values[:, 1:-1] + particle_places(response, placement))
    places = _origin(response, placement) + placement.sign * places
    total = np.exp(values[:, 0] + log_scale(response, placement))
    columns = [total, *places.T, np.exp(values[:, -1])]
    return dict(zip(names_of(response), columns, strict=True))


def from_natural(response: Response, placement: Placement, wanted: Mapping[str, Floats]) -> Floats:
    """The opposite of `to_natural`, shape ``(n, k)``; NaN for properties that are not named.

    Args:
        response: declaration.
        placement: of the `n` particles.
        wanted: by name, shapes ``(n,)``; total and width above zero.
    """
    nothing = np.full(len(placement.given), np.nan)
    columns = [wanted.get(name, nothing) for name in names_of(response)]
    places = np.stack(columns[1:-1], axis=1) - _origin(response, placement)
    places = _swapped(placement, placement.sign * places)
    total = np.log(columns[0]) - log_scale(response, placement)
    centroid = places - particle_places(response, placement)
    return np.column_stack([total, centroid, np.log(columns[-1])])


def _origin(response: Response, placement: Placement) -> Floats:
    """Centre of the cell in the middle, on the array, shape ``(n, rank)``."""
    columns = [axis.centres[placement.origin[:, k]] for k, axis in enumerate(response.axes)]
    return np.stack(columns, axis=1)


def _swapped(placement: Placement, places: Floats) -> Floats:
    """Places with the axes exchanged where those of the frame are, shape ``(n, rank)``."""
    found, rows = places.copy(), placement.swapped
    a, b = placement.axes
    found[rows, a], found[rows, b] = places[rows, b], places[rows, a]
    return found


@dataclass(frozen=True)
class Law:
    """How properties are spread for given conditions.

    Args:
        network: means and logarithms of standard deviations for ``conditions``, ``2 k`` columns.
        knots: ascending, what is left in units of the standard deviation, at normal scores spaced
            evenly over ``[-REACH, REACH]``, shape ``(k, n_knots)``.
    """

    network: Network
    knots: Floats

    def moments(self, given: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each property, shapes ``(n, k)``.

        Args:
            given: normalised, shape ``(n, n_given)``.
        """
        told = self.network(conditions=given.astype(np.float32))[0].astype(np.float64)
        mean, log_sd = np.split(told, 2, axis=1)
        return mean, np.exp(np.clip(log_sd, -20, 20))

    def scores(self, given: Floats, values: Floats) -> Floats:
        """Normal scores of properties, shape ``(n, k)``; NaN stays.

        Args:
            given: normalised, shape ``(n, n_given)``.
            values: properties in the frame, shape ``(n, k)``.
        """
        mean, sd = self.moments(given)
        left, grid = (values - mean) / sd, self._grid
        columns = [np.interp(left[:, k], knots, grid) for k, knots in enumerate(self.knots)]
        return np.stack(columns, axis=1)

    def values(self, given: Floats, scores: Floats) -> Floats:
        """The opposite of `scores`, shape ``(n, k)``."""
        mean, sd = self.moments(given)
        grid = self._grid
        columns = [np.interp(scores[:, k], grid, knots) for k, knots in enumerate(self.knots)]
        found: Floats = mean + sd * np.stack(columns, axis=1)
        return found

    @property
    def _grid(self) -> Floats:
        return np.linspace(-REACH, REACH, self.knots.shape[1])
