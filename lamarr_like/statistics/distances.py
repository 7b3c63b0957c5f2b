"""Distances between a reference sample and a fast one; every one of them takes weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import Floats, Mask
from ..errors import SchemaError
from .two_sample import Auc, c2st, features, weighted_auc

__all__ = [
    "Auc",
    "c2st",
    "core_width",
    "features",
    "floor",
    "halves",
    "weighted_auc",
    "weighted_ks",
    "weighted_wasserstein",
]


def core_width(values: Floats) -> float:
    """Half the central 68.3 % interval of values of shape ``(n,)``; 0 for fewer than ten."""
    if len(values) < 10:
        return 0.0
    low, high = np.quantile(values, [0.15865, 0.84135])
    return float(high - low) / 2.0


def halves(n: int, seed: int = 0, groups: np.ndarray | None = None) -> Mask:
    """Mark a random half of the rows, shape ``(n,)``.

    Args:
        n: number of rows.
        seed: seed of the split.
        groups: shape ``(n,)``; rows of one group (an event) stay together.
    """
    rng = np.random.default_rng(seed)
    if groups is None:
        half: Mask = rng.permutation(n) < n // 2
        return half
    unique, row = np.unique(groups, return_inverse=True)
    chosen: Mask = (rng.permutation(len(unique)) < len(unique) // 2)[row.ravel()]
    return chosen


def floor(
    sample: Mapping[str, np.ndarray],
    conditions: Mapping[str, np.ndarray],
    *,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    seed: int = 0,
    **options: Any,
) -> Auc:
    """`c2st` between two random halves of one sample: what no model can beat.

    Args:
        sample: the variables, arrays of shape ``(n,)``.
        conditions: the conditions.
        weights: weights of the rows.
        groups: rows of one group (an event) stay in one half.
        seed: seed of the split.
        options: passed on to `c2st`.
    """
    half = halves(len(next(iter(sample.values()))), seed, groups)
    one, two = (
        [{k: v[rows] for k, v in columns.items()} for columns in (sample, conditions)]
        for rows in (half, ~half)
    )
    if weights is not None:
        options |= {"weights": weights[half], "fake_weights": weights[~half]}
    if groups is not None:
        options |= {"groups": groups[half], "fake_groups": groups[~half]}
    return c2st(one[0], two[0], one[1], two[1], seed=seed, **options)


def _steps(
    a: np.ndarray,
    b: np.ndarray,
    a_weights: np.ndarray | None,
    b_weights: np.ndarray | None,
) -> tuple[Floats, Floats]:
    """Sorted values of both samples, and the difference of the distributions from each on."""
    values = np.concatenate([a, b]).astype(np.float64)
    masses = []
    for sample, weights in ((a, a_weights), (b, b_weights)):
        w = np.ones(len(sample)) if weights is None else np.asarray(weights, dtype=np.float64)
        if len(w) != len(sample) or not w.sum() > 0:
            raise SchemaError(
                f"a sample of {len(sample)} rows needs as many weights with a positive sum"
            )
        masses.append(w / w.sum())
    order = np.argsort(values, kind="stable")
    return values[order], np.cumsum(np.concatenate([masses[0], -masses[1]])[order])


def weighted_ks(
    a: np.ndarray,
    b: np.ndarray,
    a_weights: np.ndarray | None = None,
    b_weights: np.ndarray | None = None,
) -> float:
    """Largest distance between two weighted cumulative distributions (Kolmogorov-Smirnov).

    Args:
        a: sample of shape ``(n,)``.
        b: sample of shape ``(m,)``.
        a_weights: weights of ``a``, None for ones.
        b_weights: weights of ``b``, None for ones.

    Raises:
        SchemaError: if a sample is empty or its weights do not fit.
    """
    return weighted_distances(a, b, a_weights, b_weights)[0]


def weighted_wasserstein(
    a: np.ndarray,
    b: np.ndarray,
    a_weights: np.ndarray | None = None,
    b_weights: np.ndarray | None = None,
) -> float:
    """Area between two weighted cumulative distributions (1-Wasserstein), in the unit of ``a``.

    Args:
        a: sample of shape ``(n,)``.
        b: sample of shape ``(m,)``.
        a_weights: weights of ``a``, None for ones.
        b_weights: weights of ``b``, None for ones.

    Raises:
        SchemaError: if a sample is empty or its weights do not fit.
    """
    return weighted_distances(a, b, a_weights, b_weights)[1]


def weighted_distances(
    a: np.ndarray,
    b: np.ndarray,
    a_weights: np.ndarray | None = None,
    b_weights: np.ndarray | None = None,
) -> tuple[float, float]:
    """`weighted_ks` and `weighted_wasserstein` of two samples, which are sorted once.

    Args:
        a, b: samples of shapes ``(n,)`` and ``(m,)``.
        a_weights, b_weights: weights of the same shapes, None for ones.

    Raises:
        SchemaError: if a sample is empty or its weights do not fit.
    """
    values, difference = _steps(a, b, a_weights, b_weights)
    steps = np.diff(values)
    last_of_ties = np.append(steps > 0, True)
    area = (np.abs(difference[:-1]) * steps).sum()
    return float(np.abs(difference[last_of_ties]).max()), float(area)
