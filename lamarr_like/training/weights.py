"""Which rows of a sample a model learns from, and how much each counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..arrays import Floats, Mask
from ..errors import TrainingError
from ..physics.particles import SPECIES_NAMES

MAX_ROWS = 1_000_000
"""Rows that a training uses at the most."""


def balanced(weights: np.ndarray, labels: np.ndarray, n_classes: int) -> Floats:
    """Weights scaled so that every class that occurs has the same sum.

    Args:
        weights: shape ``(n,)``.
        labels: position of the class of each row, shape ``(n,)``.
        n_classes: number of classes.

    Raises:
        TrainingError: if the weights of a class sum to nothing positive.
    """
    sums = np.bincount(labels, weights, minlength=n_classes)
    if (sums[np.unique(labels)] <= 0.0).any():
        raise TrainingError("the weights of a class sum to nothing positive")
    factor = weights.sum() / np.where(sums > 0.0, sums, 1.0) / np.count_nonzero(sums)
    result: Floats = weights * factor[labels]
    return result


def species_factors(conditions: Mapping[str, np.ndarray], weights: np.ndarray) -> Floats:
    """Factors that fall with the root of the share of each row's species; of mean one.

    Args:
        conditions: with a flag of each species, ``is_e`` and so on; shapes ``(n,)``.
        weights: shape ``(n,)``.
    """
    factors = np.ones(len(weights))
    for name in SPECIES_NAMES.values():
        flag = np.asarray(conditions[f"is_{name.lower()}"]) > 0.5
        share = weights[flag].sum() / weights.sum()
        if share > 0.0:
            factors[flag] = 1.0 / np.sqrt(share)
    result: Floats = factors * (weights.sum() / (weights * factors).sum())
    return result


def thinned(rows: Mask, seed: int) -> Mask:
    """At most `MAX_ROWS` of the rows, chosen at random.

    Args:
        rows: mask of any shape ``(n,)``.
        seed: seed of the choice.
    """
    places = np.flatnonzero(rows)
    if len(places) <= MAX_ROWS:
        return rows
    kept = np.random.default_rng(seed).choice(places, MAX_ROWS, replace=False)
    mask = np.zeros_like(rows)
    mask[kept] = True
    return mask
