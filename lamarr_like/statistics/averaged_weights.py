"""Weights of mixed sign, averaged over rows that are alike, so that hardly any stays negative.

A sum of weight times loss does not change in its mean if each weight is replaced by its mean over
all rows of the same variables.  With the means, background is taken away where it lies, before a
network looks at it; with the weights themselves a network has to learn a density and to unlearn it
again, by a loss that is bounded so that it cannot gain without end, and some background stays.
After Nachman and Thaler, "Neural resampler for Monte Carlo reweighting with preserved
uncertainties", arXiv:2007.11586, with trees for the regression.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Floats, Ints

_FOLDS, _TREES = 5, 120
_PARAMETERS = {
    "max_depth": 3,
    "eta": 0.1,
    "min_child_weight": 40,  # rows: a mean of fewer weights of mixed sign says little
    "subsample": 0.7,
    "tree_method": "hist",
    "nthread": 1,  # the same sums in the same order everywhere
    "seed": 1,
}


def averaged_weights(features: Floats, weights: Floats, group: Ints) -> Floats:
    """Mean weight of rows like each one, learnt from the others.

    Where there is nothing but background they are about zero, some below: cut off there, what is
    left of the others would be too much.

    Args:
        features: what rows are alike in, shape ``(n, k)``, of any scale, as trees see them.
        weights: weights, shape ``(n,)``; those of one sign are returned as they are.
        group: number of what each row belongs to, shape ``(n,)``: the mean of a row is learnt from
            others' rows alone.

    Returns:
        Weights of the same sum, shape ``(n,)``.
    """
    if not (weights < 0.0).any():
        return weights
    import xgboost as xgb

    fold = np.unique(group, return_inverse=True)[1] % _FOLDS
    result: Floats = np.zeros(len(weights))
    for k in range(_FOLDS):
        known = fold != k
        if not known.any() or known.all():
            continue
        table = xgb.QuantileDMatrix(features[known], weights[known], nthread=1)
        parameters = {**_PARAMETERS, "base_score": float(weights[known].mean())}
        booster = xgb.train(parameters, table, _TREES)
        result[~known] = booster.inplace_predict(features[~known])
    if not result.sum() > 0.0:
        return weights
    result *= weights.sum() / result.sum()
    return result
