"""Draws from a library: the stored shower of the most similar particle, scaled to its energy.

A frozen library of showers that are scaled and moved is how Bock et al. (Nucl. Instrum. Meth. 186
(1981) 533) and ATLAS (Barberio and Straessner, ATL-PHYS-PUB-2007-013) simulated calorimeters fast.
Here similarity counts what changes the response most (see `lamarr_like.responses.training.library`)
and moving and mirroring are exact (`lamarr_like.responses.frame`), so a small library goes far.  It
knows no array that it has not stored: many draws repeat each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import Floats, Ints, Keys
from ..errors import ArtefactError
from ..rng import GOLDEN, mix, unit
from .bins import Bins
from .codes import MOST_LOG
from .frame import Placement
from .hits import Hits

LOG_STEP = 1 / 12
"""Step of the stored logarithms: a cell's energy is kept to 4 %, spread evenly when drawn."""

_LEVELS, _LARGEST = 255, 1e30
_NARROWEST, _STEEPEST = 0.05, 2.0


@dataclass(frozen=True)
class Library:
    """Stored arrays.

    Args:
        given: features of their particles in the frame, shape ``(m, n_given)``.
        weights: by which features are multiplied where similarity is measured, ``(n_given,)``.
        start: first hit of each array and the one behind the last, shape ``(m + 1,)``.
        cell: cells of the hits in the frame, shape ``(h, rank)``.
        level: logarithms of their values in steps of `LOG_STEP` above `least`, shape ``(h,)``.
        total: sum of each array, shape ``(m,)``.
        least: value of level 0.
        neighbours: among how many of the most similar one is chosen.
        bins: where these are looked up in a table of bins instead of searched.
    """

    given: Floats
    weights: Floats
    start: Ints
    cell: Ints
    level: Ints
    total: Floats
    least: float
    neighbours: int
    bins: Bins | None = None

    def draw(
        self,
        placement: Placement,
        keys: Keys,
        scale: int | None,
        moving: Sequence[tuple[int, float]] = (),
    ) -> Hits:
        """Hits in the frame.

        Args:
            placement: of the particles.
            keys: of the random numbers of each.
            scale: number of the feature of the scale; None for none.
            moving: numbers of the axes along which arrays move with their particles, and the
                sizes of their cells.
        """
        n = len(keys)
        chosen = self._similar(placement.given * self.weights, unit(keys))
        count = np.diff(self.start)[chosen]
        row = np.repeat(np.arange(n), count)
        place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        hit = place + np.repeat(self.start[chosen], count)
        with np.errstate(over="ignore"):
            u = unit(mix(keys[row] + (place.astype(np.uint64) + np.uint64(1)) * GOLDEN))
        value = self.least * np.exp((self.level[hit] + u - 0.5) * LOG_STEP)
        if self.bins is not None:
            away = placement.given - self.given[chosen]
            value = value * _tilt(row, self.cell[hit], value, away, moving)
        total = self.total[chosen]
        if scale is not None:
            more = placement.given[:, scale] - self.given[chosen, scale]
            total = total * np.exp(np.clip(more, -MOST_LOG, MOST_LOG))
        sums = np.bincount(row, weights=value, minlength=n)
        value = value * (total / np.maximum(sums, 1e-30))[row]
        return Hits(row, self.cell[hit], value.astype(np.float32))

    def _similar(self, place: Floats, u: Floats) -> Ints:
        """Number of a similar array for each particle, by a uniform number."""
        if self.bins is not None:
            return self.bins.choose(place, u)
        k = min(self.neighbours, len(self.given))
        _, near = self._tree.query(place, k=k)
        n = len(u)
        found: Ints = near.reshape(n, k)[np.arange(n), (u * k).astype(np.int64)]
        return found

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(self.given * self.weights)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays for an ``.npz`` file, as small as they can be."""
        bins = {} if self.bins is None else self.bins.to_arrays()
        return bins | {
            "library_given": self.given.astype(np.float32),
            "library_weights": self.weights,
            "library_count": np.diff(self.start).astype(np.uint32),
            "library_cell": self.cell.astype(
                np.int16 if np.abs(self.cell).max() > 127 else np.int8
            ),
            "library_level": self.level.astype(np.uint8),
            "library_total": self.total.astype(np.float32),
        }

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, np.ndarray],
        least: float,
        neighbours: int,
        where: str,
        most: int = 1 << 30,
    ) -> Library:
        """The opposite of `to_arrays`.

        Args:
            arrays: tables of a stranger.
            least, neighbours: as of the class.
            where: name for messages.
            most: hits of an array.

        Raises:
            ArtefactError: if the tables do not fit to each other.
        """
        names = ("given", "weights", "count", "cell", "level", "total")
        given, weights, count, cell, level, total = (arrays[f"library_{n}"] for n in names)
        kinds = "".join(table.dtype.kind for table in (given, weights, count, cell, level, total))
        if kinds not in ("ffuiuf", "ffuuuf") or (given.ndim, count.ndim, cell.ndim) != (2, 1, 2):
            raise ArtefactError(f"{where}: the tables of the library are of other kinds")
        start = np.concatenate([[0], np.cumsum(count.astype(np.int64))])
        given, cell = given.astype(np.float64), cell.astype(np.int64)
        m = len(given)
        # Written so that NaN fails.
        if not (
            m
            and len(start) == m + 1
            and count.max() <= most
            and level.ndim == 1
            and level.max(initial=0) <= _LEVELS
            and (np.abs(total) <= _LARGEST).all()
            and (np.abs(given) <= _LARGEST).all()
            and (np.abs(weights) <= _LARGEST).all()
            and len(cell) == len(level) == start[-1]
            and total.shape == (m,)
            and weights.shape == (given.shape[1],)
        ):
            raise ArtefactError(f"{where}: the tables of the library do not fit each other")
        return cls(
            given,
            weights.astype(np.float64),
            start,
            cell,
            level.astype(np.int64),
            total.astype(np.float64),
            least,
            neighbours,
            Bins.from_arrays(arrays, m, given.shape[1], where) if "bins_axis" in arrays else None,
        )


def _tilt(
    row: Ints, cell: Ints, value: Floats, away: Floats, moving: Sequence[tuple[int, float]]
) -> Floats:
    """Factors that move arrays by parts of a cell, shape of `value`.

    A normal law of variance V moves by d where it is multiplied with exp(d x / V).

    Args:
        row, cell, value: of the hits.
        away: what is given, less that of the stored particles; how far they are from the middle of
            the cell is in the last columns, shape ``(n, n_given)``.
        moving: as for `Library.draw`.
    """
    n = len(away)
    total = np.maximum(np.bincount(row, weights=value, minlength=n), 1e-30)
    exponent = np.zeros(len(value))
    for k, (axis, pitch) in enumerate(moving):
        place = cell[:, axis].astype(np.float64)
        mean = np.bincount(row, weights=value * place, minlength=n) / total
        square = np.bincount(row, weights=value * place**2, minlength=n) / total
        variance = np.maximum(square - mean**2, _NARROWEST)
        slope = away[:, k - len(moving)] / pitch / variance
        exponent += slope[row] * (place - mean[row])
    return np.exp(np.clip(exponent, -_STEEPEST, _STEEPEST))
