"""Bins of similar particles, in which an array of a library is looked up instead of searched.

Cuts at medians, each across the widest side of what it cuts (the k-d tree of Bentley, Commun. ACM
18 (1975) 509, down to a few particles): a particle is brought to its bin by as many comparisons
as there are levels, all particles at once, in half a microsecond where a search of the nearest
takes twenty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..arrays import Floats, Ints
from ..errors import ArtefactError

MOST_LEVELS = 24
"""Most levels of cuts."""

_FEW = 8


@dataclass(frozen=True)
class Bins:
    """Cuts, level by level, and the particles of each bin.

    Args:
        axis: coordinate that each cut is across, shape ``(2**levels - 1,)``.
        cut: where; at or above it is the second half; infinite where nothing is cut.
        order: numbers of the particles, bin by bin, shape ``(m,)``.
        start: first place in `order` of each bin and the one behind, shape ``(2**levels + 1,)``.
    """

    axis: Ints
    cut: Floats
    order: Ints
    start: Ints

    @classmethod
    def fit(cls, places: Floats, size: int) -> Bins:
        """Bins of about `size` particles.

        Args:
            places: their coordinates, comparable with each other, shape ``(m, k)``.
            size: particles of a bin.
        """
        m = len(places)
        levels = min(max(int(np.log2(max(m / size, 1.0))), 0), MOST_LEVELS)
        axis = np.zeros(2**levels - 1, np.int64)
        cut = np.full(2**levels - 1, np.inf)
        order, start = np.arange(m), [0, m]
        for level in range(levels):
            following = [0]
            for i in range(2**level):
                first, stop = start[i], start[i + 1]
                node = 2**level - 1 + i
                rows = order[first:stop]
                axis[node], cut[node] = _median_cut(places[rows])
                above = places[rows, axis[node]] >= cut[node]
                order[first:stop] = np.concatenate([rows[~above], rows[above]])
                following += [first + int((~above).sum()), stop]
            start = following
        return cls(axis, cut, order, np.array(start))

    def choose(self, places: Floats, u: Floats) -> Ints:
        """One particle of the bin of each of others, shape ``(n,)``.

        Args:
            places: their coordinates, shape ``(n, k)``.
            u: a uniform number for each, shape ``(n,)``.
        """
        rows, node = np.arange(len(places)), np.zeros(len(places), np.int64)
        for _ in range(int(np.log2(len(self.start) - 1))):
            node = 2 * node + 1 + (places[rows, self.axis[node]] >= self.cut[node])
        first = self.start[node - len(self.axis)]
        count = self.start[node - len(self.axis) + 1] - first
        found: Ints = self.order[first + (u * count).astype(np.int64)]
        return found

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays for an ``.npz`` file."""
        return {
            "bins_axis": self.axis.astype(np.int8),
            "bins_cut": self.cut,
            "bins_order": self.order.astype(np.uint32),
            "bins_start": self.start.astype(np.uint32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], m: int, k: int, where: str) -> Bins:
        """The opposite of `to_arrays`.

        Args:
            arrays: tables of a stranger.
            m: particles.
            k: coordinates.
            where: name for messages.

        Raises:
            ArtefactError: if the tables do not fit to each other.
        """
        names = ("axis", "cut", "order", "start")
        if any(f"bins_{name}" not in arrays for name in names):
            raise ArtefactError(f"{where}: transforms.npz lacks tables of the bins")
        axis, cut, order, start = (arrays[f"bins_{name}"] for name in names)
        kinds = "".join(table.dtype.kind for table in (axis, cut, order, start))
        flat = all(table.ndim == 1 for table in (axis, cut, order, start))
        n = len(start) - 1 if flat else 0
        if not (
            kinds == "ifuu"
            and 1 <= n <= 2**MOST_LEVELS
            and n & (n - 1) == 0
            and len(axis) == len(cut) == n - 1
            and ((axis >= 0) & (axis < k)).all()
            and not np.isnan(cut).any()
            and np.array_equal(np.sort(order), np.arange(m))
            and start[0] == 0
            and start[-1] == m
            and (np.diff(start.astype(np.int64)) >= 0).all()
        ):
            raise ArtefactError(f"{where}: the tables of the bins do not fit each other")
        found = cls(
            axis.astype(np.int64),
            cut.astype(np.float64),
            *(t.astype(np.int64) for t in (order, start)),
        )
        if not found._full():
            raise ArtefactError(f"{where}: particles can fall into empty bins")
        return found

    def _full(self) -> bool:
        """Whether no bin is empty that a particle can come to."""
        reached = np.ones(1, bool)
        while len(reached) < len(self.start) - 1:
            cut = self.cut[len(reached) - 1 : 2 * len(reached) - 1]
            lower, upper = reached & (cut > -np.inf), reached & (cut < np.inf)
            reached = np.stack([lower, upper], axis=1).ravel()
        return bool((np.diff(self.start)[reached] > 0).all())


def _median_cut(places: Floats) -> tuple[int, float]:
    """Coordinate and place of a cut into halves; infinite where all are the same.

    Shape of `places`: ``(m, k)``.
    """
    if len(places) < 2:
        return 0, np.inf
    width = np.ptp(places, axis=0) if len(places) < _FEW else places.std(axis=0)
    axis = int(width.argmax())
    values = np.sort(places[:, axis])
    above = len(values) // 2
    if values[above] == values[0]:  # many are the same: cut behind them
        above = int(np.searchsorted(values, values[0], side="right"))
    if above == len(values):
        return axis, np.inf
    # Between two particles, so that those of a bin are in its middle.
    below, cut = float(values[above - 1]), float(values[above])
    between = 0.5 * (below + cut)
    return axis, between if below < between else cut
