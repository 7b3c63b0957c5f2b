"""How far two samples of a vector are apart along random directions.

Two laws of a vector are the same if all their projections are (Cramer and Wold, 1936); the mean
Wasserstein distance over directions is the sliced one of Rabin et al., SSVM 2011.  Single variables
that agree may hide a wrong dependence between them: a direction shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..arrays import Floats
from .distances import weighted_wasserstein

DIRECTIONS = 32
_CLIP = 5.0
"""Tails beyond so many widths are drawn in: no direction shall be about a few far rows."""

Found = tuple[tuple[str, ...], float, float, tuple[float, ...]]
"""Names of the variables, mean and largest distance, coefficients of the worst direction."""


def sliced_distance(
    variables: Mapping[str, tuple[np.ndarray, np.ndarray]], weights: Sequence[Floats], seed: int
) -> Found | None:
    """Compare two samples of a vector, in widths of the first; None with fewer than two variables.

    Args:
        variables: values of both samples by name, of shapes ``(n,)`` and ``(m,)``; what is constant
            in the first is left out.
        weights: of both, of the same shapes.
        seed: of the directions.
    """
    values, known = [], []
    for name, both in variables.items():
        pair = [v.astype(np.float64) for v in both]
        low, middle, high = np.quantile(pair[0], [0.16, 0.5, 0.84])
        width = 0.5 * (high - low)
        if not width > 0.0:  # atoms: the root mean square instead
            middle, width = float(pair[0].mean()), float(pair[0].std())
        if width > 0.0:
            values.append([np.clip((v - middle) / width, -_CLIP, _CLIP) for v in pair])
            known.append(name)
    if len(known) < 2:
        return None
    vectors = [np.stack([v[i] for v in values], axis=1) for i in (0, 1)]
    directions = np.random.default_rng(seed).normal(size=(DIRECTIONS, len(known)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    areas = np.array([_area(vectors, weights, d) for d in directions])
    k = int(np.argmax(areas))
    worst = tuple(float(c) for c in directions[k])
    return tuple(known), float(areas.mean()), float(areas[k]), worst


def _area(vectors: list[Floats], weights: Sequence[Floats], direction: Floats) -> float:
    one, two = (v @ direction for v in vectors)
    return weighted_wasserstein(one, two, *weights)
