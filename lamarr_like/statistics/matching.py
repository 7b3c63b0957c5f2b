"""Weights that give one sample the population of another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..arrays import Columns, Floats, Ints, Mask
from .binned import bins_of

Statistic = Callable[[Floats, Floats], tuple[float, float]]

_LEAST_ROWS = 10  # of ours, for a cell to count


def where(columns: Columns, rows: Mask | Ints) -> Columns:
    """The same columns for some rows: a mask of shape ``(n,)``, or their places."""
    return {name: values[rows] for name, values in columns.items()}


def cells(columns: Columns, axes: Iterable[tuple[str, Sequence[float] | Floats]]) -> Ints:
    """Cell of each row in bins of several columns, -1 outside, shape ``(n,)``.

    Args:
        columns: the columns.
        axes: column and edges of the bins of each axis; the last one runs fastest.
    """
    place: Ints = np.zeros((), np.int64)
    inside = np.ones((), np.bool_)
    for name, edges in axes:
        slot = bins_of(columns[name], edges)
        inside = inside & (slot >= 0)
        place = place * (len(edges) - 1) + slot
    return np.where(inside, place, -1)


def in_bin_weights(values: Floats, edges: Floats, totals: Floats, parts: int = 4) -> Floats:
    """Weights that give values the distribution *inside* bins that a coarse histogram implies.

    The cumulative of the histogram is interpolated by a monotone cubic; each bin is cut into equal
    parts, in which the values get the implied share.  The weights of a bin have the mean 1.

    Args:
        values: shape ``(n,)``; those outside the edges get the weight 0.
        edges: of the bins, shape ``(n_bins + 1,)``.
        totals: content of the bins; negative ones (sWeights) count as 0.
        parts: parts of a bin.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(np.clip(totals, 0.0, None))])
    fine = np.interp(np.arange(parts * (len(edges) - 1) + 1) / parts, np.arange(len(edges)), edges)
    implied = np.clip(np.diff(PchipInterpolator(edges, cumulative)(fine)), 0.0, None)
    place = bins_of(values, fine)
    have = np.bincount(place[place >= 0], minlength=len(implied)).astype(np.float64)
    implied = np.where(have > 0.0, implied, 0.0).reshape(-1, parts)
    count = have.reshape(-1, parts)
    norm = implied.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = implied / norm * count.sum(axis=1, keepdims=True) / count
    # A bin in which nothing is implied where values are keeps them as they are.
    weight = np.where(norm > 0.0, np.nan_to_num(weight), 1.0).ravel()
    return np.where(place >= 0, weight[np.maximum(place, 0)], 0.0)


def cell_weights(cells: Ints, reference: Floats, at_least: int = _LEAST_ROWS) -> Floats:
    """Weights that give rows the population of a reference over cells, shape ``(n,)``.

    Args:
        cells: cell of each row, -1 for none.
        reference: population of each cell.
        at_least: rows that a cell must have; those of other cells get the weight 0.
    """
    have = np.bincount(cells[cells >= 0], minlength=len(reference))
    each = np.where(have >= at_least, reference / np.maximum(have, 1), 0.0)
    return np.where(cells >= 0, each[np.maximum(cells, 0)], 0.0)


def balanced(weights: Sequence[Floats], cells: Sequence[Ints], n_cells: int) -> list[Floats]:
    """Weights of which two samples have the same sum in each cell, that of their mean.

    Args:
        weights: of both samples, of shapes ``(n,)`` and ``(m,)``; so are those returned.
        cells: cell of each row, of the same shapes.
        n_cells: how many there are.
    """
    sums = [np.bincount(c, w, n_cells) for c, w in zip(cells, weights, strict=True)]
    mean = 0.5 * (sums[0] / max(sums[0].sum(), 1e-300) + sums[1] / max(sums[1].sum(), 1e-300))
    both = (sums[0] > 0.0) & (sums[1] > 0.0)
    factors = [np.where(both, mean * len(weights[0]) / np.where(both, s, 1.0), 0.0) for s in sums]
    return [w * f[c] for w, f, c in zip(weights, factors, cells, strict=True)]


def some_units(columns: Columns, n: int, seed: int) -> Columns:
    """At most `n` rows: those of the units that come first in a random order of all units.

    The order is that of the number of the unit alone, so that two samples keep the same ones.

    Args:
        columns: with the column ``unit``, shapes ``(rows,)``.
        n: rows at the most.
        seed: of the order.
    """
    if len(columns["unit"]) <= n:
        return columns
    unit, counts = np.unique(columns["unit"], return_counts=True)
    rank = np.random.default_rng(seed).random(int(unit.max()) + 1)[unit]
    order = np.argsort(rank)
    kept = unit[order[: int(np.searchsorted(np.cumsum(counts[order]), n))]]
    return where(columns, np.isin(columns["unit"], kept))


class Matched:
    """Particles of some species of two samples, the first with the population of the second.

    Attributes:
        both: columns of ours and of the reference.
        weights: of both; what the other sample lacks in its cell has the weight 0.
        share: of the reference, in cells that ours fills.
    """

    def __init__(
        self, ours: Columns, reference: Columns, species: Sequence[int], *axes: tuple[str, Floats]
    ) -> None:
        """Weight by cells of species and bins.

        Args:
            ours, reference: columns ``pdg`` and those of the axes.
            species: absolute PDG identifiers.
            axes: column and edges of the bins of each axis.
        """
        self.both = [where(c, np.isin(c["pdg"], species)) for c in (ours, reference)]
        kinds = ("pdg", np.append(codes := sorted(species), codes[-1] + 1))
        place = [cells(c, (kinds, *axes)) for c in self.both]
        size = len(species) * math.prod(len(edges) - 1 for _, edges in axes)
        counts = [np.bincount(c[c >= 0], minlength=size) for c in place]
        known = (place[1] >= 0) & (counts[0] >= _LEAST_ROWS)[np.maximum(place[1], 0)]
        mine = cell_weights(place[0], counts[1].astype(np.float64))
        self.weights = [mine, known.astype(np.float64)]
        self.share = float(known.sum() / max((place[1] >= 0).sum(), 1))

    @property
    def n(self) -> int:
        """Entries of ours that count."""
        return int((self.weights[0] > 0.0).sum())

    def against(self, by: str, edges: Floats, column: str, statistic: Statistic) -> Floats:
        """A statistic of a column in bins of another.

        Args:
            by, edges: column and edges of the bins.
            column: what the statistic is taken of.
            statistic: takes values and weights, gives a value and its error.

        Returns:
            Ours, its error, the reference and its error; shape ``(4, n_bins)``.
        """
        out = np.full((4, len(edges) - 1), np.nan)
        for k, (columns, weights) in enumerate(zip(self.both, self.weights, strict=True)):
            place = bins_of(columns[by], edges)
            for i in range(len(edges) - 1):
                mine = place == i
                out[2 * k : 2 * k + 2, i] = statistic(columns[column][mine], weights[mine])
        return out
