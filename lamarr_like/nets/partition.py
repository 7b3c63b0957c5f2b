"""Partitions of conditions by random trees, in whose cells the laws of two samples are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Floats, Floats32, Ints
from .config import RefinerConfig
from .sample import stream

if TYPE_CHECKING:
    from .paired_sample import RefinerSample

_GROWN_ON = 30_000
"""Rows that trees are grown on at the most."""
_LEAST_SPREAD = 0.1
"""In a direction in which a cell has less, in scores, differences count no more than this."""


class Partition:
    """Rows of two samples by cell.

    Args:
        places: cell of each row of both samples, shapes ``(n,)``.
        rows: numbers of these rows, shape ``(n,)``.
        scale: matrix of each cell that makes the spread of the scores one, ``(n_cells, k, k)``.
    """

    def __init__(self, places: tuple[Ints, Ints], rows: Ints, scale: Floats32) -> None:
        n = len(scale)
        self.scale = scale
        self._sorted = [rows[np.argsort(place, kind="stable")] for place in places]
        counts = [np.bincount(place, minlength=n) for place in places]
        self._first = [np.concatenate([[0], np.cumsum(c)[:-1]]) for c in counts]
        self._counts = counts
        # A cell that one of the samples does not reach tells nothing.
        share = np.where(np.minimum(*counts) > 1, counts[0], 0).astype(np.float64)
        self.share: Floats = share / max(share.sum(), 1.0)

    def choose(self, choice: np.random.Generator, n: int) -> Ints:
        """Some cells, as often as they have rows of the first sample; shape ``(n,)``."""
        found: Ints = choice.choice(len(self.share), n, p=self.share)
        return found

    def rows(self, side: int, cells: Ints, choice: np.random.Generator, n: int) -> Ints:
        """Rows of one sample in some cells, drawn with replacement, shape ``(len(cells), n)``."""
        places = choice.random((len(cells), n)) * self._counts[side][cells][:, None]
        found: Ints = self._sorted[side][self._first[side][cells][:, None] + places.astype(int)]
        return found


def partitions(sample: RefinerSample, used: Ints, config: RefinerConfig) -> list[Partition]:
    """Partitions whose trees part what the detailed sample has by its conditions.

    Args:
        sample: both samples.
        used: rows to part, shape ``(n_used,)``.
        config: how many partitions and cells.
    """
    from sklearn.ensemble import RandomForestRegressor

    choice = stream(config.seed, "partition")
    grown = choice.choice(used, min(len(used), _GROWN_ON), replace=False)
    classes = 2.0 * np.eye(sample.n_atoms + 1, dtype=np.float32)[sample.atom[1, grown]]
    answers = sample.y[1, grown]
    forest = RandomForestRegressor(
        config.partitions,
        max_leaf_nodes=config.cells,
        min_samples_leaf=min(100, len(grown) // 10),
        max_features=0.4,
        max_samples=0.7,
        random_state=config.seed,
        n_jobs=config.threads,
    )
    forest.fit(
        sample.x[1, grown], np.concatenate([answers, answers**2 / np.sqrt(2.0), classes], axis=1)
    )
    found = []
    for tree in forest.estimators_:
        leaves = [tree.tree_.apply(np.ascontiguousarray(sample.x[side, used])) for side in (0, 1)]
        _, place = np.unique(np.concatenate(leaves), return_inverse=True)
        one, two = place.ravel()[: len(used)], place.ravel()[len(used) :]
        scale = _scales(sample.y[1, used], two, int(place.max()) + 1)
        found.append(Partition((one, two), used, scale))
    return found


def _scales(y: Floats32, place: Ints, n: int) -> Floats32:
    """Inverse roots of the covariance in each cell, shape ``(n, k, k)``."""
    k = y.shape[1]
    count = np.maximum(np.bincount(place, minlength=n), 1)[:, None]
    mean = np.stack([np.bincount(place, column, n) for column in y.T], axis=1) / count
    gap = y - mean[place]
    covariance = np.empty((n, k, k))
    for i in range(k):
        for j in range(i + 1):
            term = np.bincount(place, gap[:, i] * gap[:, j], n) / count[:, 0]
            covariance[:, i, j] = covariance[:, j, i] = term
    values, vectors = np.linalg.eigh(covariance)
    spread = np.sqrt(np.maximum(values, 0.0) + _LEAST_SPREAD**2)
    root = vectors / spread[:, None, :] @ np.swapaxes(vectors, 1, 2)
    found: Floats32 = root.astype(np.float32)
    return found
