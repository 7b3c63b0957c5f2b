"""The frame of a response in which models see it: moved to the middle and folded by symmetries.

Where a response is declared to move with its particle by whole cells, to be mirrored or to have its
axes exchanged with it, every particle is brought to the one cell, side and order that models are
trained on, and what they draw is brought back.  A model then has an eighth of the conditions to
learn, for cells in a plane, and obeys the symmetries exactly.  Where a response is expected beside
its array, the nearest cell stands for the one in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Floats, Ints, Mask
from .hits import Hits, hits_of
from .response import Response

_FAR = 1e9
"""Cells beyond which nothing is told apart."""


@dataclass(frozen=True)
class Placement:
    """How each of some particles was brought to the common frame.

    Args:
        given: features in that frame; behind them, of an array that stands still, where on it the
            expected middle of the response is along each axis that shifts, from -1 to 1, and last
            how far this is from the middle of its cell; shape ``(n, n_given)``.
        origin: cell that became the one in the middle, shape ``(n, rank)``.
        sign: -1 where an axis is mirrored, else 1, shape ``(n, rank)``.
        swapped: whether the axes are exchanged, shape ``(n,)``.
        axes: the two that may be.
    """

    given: Floats
    origin: Ints
    sign: Ints
    swapped: Mask
    axes: tuple[int, int]

    @classmethod
    def joined(cls, parts: Sequence[Placement]) -> Placement:
        """Those of several responses with the same axes and features, one after the other."""
        if len(parts) == 1:
            return parts[0]
        given, origin, sign, swapped = zip(*(p.columns for p in parts), strict=True)
        return cls(
            np.concatenate(given),
            np.concatenate(origin),
            np.concatenate(sign),
            np.concatenate(swapped),
            parts[0].axes,
        )

    @property
    def columns(self) -> tuple[Floats, Ints, Ints, Mask]:
        """What there is of each particle."""
        return self.given, self.origin, self.sign, self.swapped

    def to_frame(self, hits: Hits) -> Hits:
        """Cells counted from the one in the middle."""
        cell = hits.cell - self.origin.take(hits.row, axis=0)
        cell *= self.sign.take(hits.row, axis=0)
        return hits._replace(cell=self._swap(hits.row, cell))

    def to_array(self, hits: Hits) -> Hits:
        """The opposite of `to_frame`."""
        cell = self._swap(hits.row, hits.cell)
        cell = cell * self.sign.take(hits.row, axis=0)
        cell += self.origin.take(hits.row, axis=0)
        return hits._replace(cell=cell)

    def _swap(self, row: Ints, cell: Ints) -> Ints:
        swapped = np.flatnonzero(self.swapped[row])
        if not len(swapped):
            return cell
        a, b = self.axes
        result = cell.copy()
        result[swapped, a], result[swapped, b] = cell[swapped, b], cell[swapped, a]
        return result


@dataclass(frozen=True)
class Frame:
    """What brings particles of a response to the common frame.

    Args:
        response: its declaration.
        depth: for each shift, how far along the particle's path the response sits: at unit
            logarithmic scale, and its slope with that logarithm; shape ``(n_shifts, 2)``.
    """

    response: Response
    depth: Floats

    @classmethod
    def fit(cls, response: Response, seen: Floats, arrays: np.ndarray) -> Frame:
        """From a sample: where the mean of the response lies along the path of its particle.

        Args:
            response: declaration.
            seen: features, shape ``(n, n_features)``.
            arrays: of shape ``(n, *shape)``.
        """
        hits = hits_of(arrays)
        sums = np.maximum(hits.sums(len(seen)), 1e-30)
        depth = np.zeros((len(response.shifts), 2))
        for k, shift in enumerate(response.shifts):
            if not shift.slope:
                continue
            axis = response.axis(shift.axis)
            weights = hits.value * response.axes[axis].centres[hits.cell[:, axis]]
            mean = np.bincount(hits.row, weights=weights, minlength=len(seen)) / sums
            moved = mean - seen[:, response.feature(shift.feature)]
            slope = seen[:, response.feature(shift.slope)]
            columns = np.stack([slope, slope * _log_scale(response, seen)], axis=1)
            depth[k] = np.linalg.lstsq(columns, moved, rcond=None)[0]
        if response.exchanges:
            tilted = [k for k, shift in enumerate(response.shifts) if shift.slope]
            if tilted:
                depth[tilted] = depth[tilted].mean(axis=0)
        return cls(response, depth)

    def place(self, seen: Floats) -> Placement:
        """The placement of some particles.

        Args:
            seen: their features, shape ``(n, n_features)``.
        """
        response = self.response
        n, rank = len(seen), len(response.axes)
        given = seen.copy()
        origin = np.zeros((n, rank), dtype=np.int64)
        sign = np.ones((n, rank), dtype=np.int64)
        offset: dict[int, Floats] = {}
        where: dict[int, Floats] = {}
        for shift, depth in zip(response.shifts, self.depth, strict=True):
            k, place = response.axis(shift.axis), response.feature(shift.feature)
            axis = response.axes[k]
            middle = seen[:, place].copy()
            if shift.slope:
                along = depth[0] + depth[1] * _log_scale(response, seen)
                middle += seen[:, response.feature(shift.slope)] * along
            cell = np.clip((middle - axis.start) / axis.pitch, -_FAR, _FAR)
            whole = np.floor(cell).astype(np.int64)
            origin[:, k] = np.clip(whole, 0, axis.size - 1)
            centre = axis.start + (origin[:, k] + 0.5) * axis.pitch
            given[:, place] -= centre
            offset[k] = middle - centre
            # From outside the nearest cell is seen, and nothing of how far it is.
            away = whole != origin[:, k]
            for values in (given[:, place], offset[k]):
                values[away] = np.clip(values[away], -axis.pitch / 2, axis.pitch / 2)
            if response.origin == "global":
                where[k] = np.clip(2 * cell / axis.size - 1, -1, 1)
        for mirror in response.mirrors:
            names = [response.feature(name) for name in mirror.negates]
            if not mirror.axis:
                given[:, names] *= np.where(given[:, names[0]] < 0, -1, 1)[:, None]
                continue
            k = response.axis(mirror.axis)
            decides = offset[k] if k in offset else given[:, names[0]]
            turned = decides < 0
            for name in names:
                given[turned, name] *= -1
            sign[turned, k] = -1
            if k in where:
                where[k][turned] *= -1
            if k in offset:
                offset[k] = np.abs(offset[k])
            else:
                origin[turned, k] = response.axes[k].size - 1
        swapped = np.zeros(n, dtype=bool)
        axes = (0, 0)
        for exchange in response.exchanges:
            axes = (response.axis(exchange.axes[0]), response.axis(exchange.axes[1]))
            pairs = [(response.feature(a), response.feature(b)) for a, b in exchange.pairs]
            a, b = (offset[k] if k in offset else given[:, pairs[0][i]] for i, k in enumerate(axes))
            swapped = b > a
            for i, j in pairs:
                given[swapped, i], given[swapped, j] = given[swapped, j], given[swapped, i]
            if axes[0] in offset and axes[1] in offset:
                offset[axes[0]], offset[axes[1]] = np.maximum(a, b), np.minimum(a, b)
            if axes[0] in where and axes[1] in where:
                one, two = where[axes[0]], where[axes[1]]
                where[axes[0]] = np.where(swapped, two, one)
                where[axes[1]] = np.where(swapped, one, two)
        behind = [*where.values(), *offset.values()]
        given = np.concatenate([given, *(v[:, None] for v in behind)], axis=1)
        return Placement(given, origin, sign, swapped, axes)

    @property
    def n_given(self) -> int:
        """Number of columns of `Placement.given`."""
        columns = 2 if self.response.origin == "global" else 1
        return len(self.response.features) + columns * len(self.response.shifts)


def _log_scale(response: Response, seen: Floats) -> Floats:
    return seen[:, response.feature(response.scale)] if response.scale else np.zeros(len(seen))
