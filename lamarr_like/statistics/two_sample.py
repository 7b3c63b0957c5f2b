"""Classifier two-sample test: can gradient-boosted trees tell a generated sample from a real one?

Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", arXiv:1610.06545.  An AUC of 0.5
means that they cannot; the same number between two halves of the real sample is the floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Floats, Floats32, Ints, Mask
from ..errors import SchemaError
from ..system.quick_start import import_xgboost


@dataclass(frozen=True)
class Auc:
    """Area under a ROC curve.

    Args:
        value: the area; 0.5 where the samples cannot be told apart.
        error: its standard deviation.
        rows: rows of the smaller of the two samples.
    """

    value: float
    error: float
    rows: int


def weighted_auc(
    real: Floats, fake: Floats, real_weights: Floats, fake_weights: Floats
) -> tuple[float, float]:
    """AUC of a classifier's scores and its standard deviation (DeLong et al. 1988).

    Args:
        real, fake: scores, larger for what looks real; shapes ``(n,)`` and ``(m,)``.
        real_weights, fake_weights: weights of the rows, negative ones allowed.
    """

    def below(x: Floats, others: Floats, weights: Floats) -> Floats:
        """Weighted share of the others below each x, ties counted half."""
        order = np.argsort(others, kind="stable")
        summed = np.concatenate([[0.0], np.cumsum(weights[order])]) / weights.sum()
        left = np.searchsorted(others[order], x, side="left")
        right = np.searchsorted(others[order], x, side="right")
        result: Floats = 0.5 * (summed[left] + summed[right])
        return result

    w, v = real_weights / real_weights.sum(), fake_weights / fake_weights.sum()
    of_real, of_fake = below(real, fake, fake_weights), 1.0 - below(fake, real, real_weights)
    auc = float((w * of_real).sum())
    variance = (w**2 * (of_real - auc) ** 2).sum() + (v**2 * (of_fake - auc) ** 2).sum()
    return auc, float(np.sqrt(variance))


def features(
    outputs: Mapping[str, np.ndarray],
    conditions: Mapping[str, np.ndarray],
    *,
    equalities: bool = False,
    differences: bool = False,
) -> Floats32:
    """Columns that the classifier sees, shape ``(n, n_features)``.

    Args:
        outputs: generated variables.
        conditions: what they were generated for.
        equalities: add, for each pair of outputs, whether they are exactly equal, and for each
            output whether it is exactly zero.
        differences: add the difference of each pair of outputs.
    """
    values = [np.asarray(v, dtype=np.float64) for v in outputs.values()]
    columns = values + [np.asarray(v, dtype=np.float64) for v in conditions.values()]
    pairs = [(a, b) for i, a in enumerate(values) for b in values[:i]]
    if differences:
        columns += [a - b for a, b in pairs]
    if equalities:
        # Compared as float32, the type in which samples are stored.
        columns += [(a.astype(np.float32) == b.astype(np.float32)) * 1.0 for a, b in pairs]
        columns += [(a == 0) * 1.0 for a in values]
    return np.stack(columns, axis=1).astype(np.float32)


def feature_names(
    outputs: Sequence[str],
    conditions: Sequence[str],
    *,
    equalities: bool = False,
    differences: bool = False,
) -> list[str]:
    """Names of the columns of `features`, of names of outputs and conditions."""
    names = [*outputs, *conditions]
    pairs = [(a, b) for i, a in enumerate(outputs) for b in outputs[:i]]
    if differences:
        names += [f"{a} - {b}" for a, b in pairs]
    if equalities:
        names += [f"{a} = {b}" for a, b in pairs] + [f"{a} = 0" for a in outputs]
    return names


def c2st(
    real: Mapping[str, np.ndarray],
    fake: Mapping[str, np.ndarray],
    conditions: Mapping[str, np.ndarray],
    fake_conditions: Mapping[str, np.ndarray] | None = None,
    *,
    weights: np.ndarray | None = None,
    fake_weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    fake_groups: np.ndarray | None = None,
    equalities: bool = False,
    differences: bool = False,
    folds: int = 5,
    trees: int = 200,
    depth: int = 6,
    seed: int = 0,
    threads: int = 1,
) -> Auc:
    """Cross-fitted classifier two-sample test between a real and a generated sample.

    Args:
        real, fake: the variables compared, arrays of shape ``(n,)`` and ``(m,)``.
        conditions: conditions of the real rows.
        fake_conditions: conditions of the generated rows; those of the real rows where None.
        weights, fake_weights: weights of the rows; with None and common conditions the generated
            rows get the weights of the real ones.
        groups, fake_groups: event of each real and generated row, of both where ``fake_groups`` is
            None and the samples are of one size.  Rows of one event share conditions to the last
            bit (its vertex, its occupancy), by which trees would know the sample of an event that
            they have seen a part of; so an event is judged as a whole.
        equalities, differences: see `features`.
        folds: parts of the cross fit; each row is judged by trees that never saw its part.  A real
            row and the generated row with its conditions are always in the same part.
        trees, depth: size of the classifier.
        seed: seed of the split.
        threads: threads of XGBoost.

    Raises:
        SchemaError: if the two samples do not have the same variables.
    """
    if list(real) != list(fake):
        raise SchemaError(f"c2st compares {', '.join(real)} with {', '.join(fake)}")
    paired = fake_conditions is None
    other = conditions if fake_conditions is None else fake_conditions
    x = features(real, conditions, equalities=equalities, differences=differences)
    y = features(fake, other, equalities=equalities, differences=differences)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    if fake_weights is None:
        v = w if paired else np.ones(len(y))
    else:
        v = np.asarray(fake_weights, dtype=np.float64)
    rng = np.random.default_rng(seed)
    part = _parts(len(x), groups, folds, rng)
    together = paired or (groups is not None and fake_groups is None and len(x) == len(y))
    part_y = part if together else _parts(len(y), fake_groups, folds, rng)
    size = {"trees": trees, "depth": depth, "folds": folds, "threads": threads, "seed": seed}
    return cross_fit((x, w, part), (y, v, part_y), **size).auc


def _parts(n: int, groups: np.ndarray | None, folds: int, rng: np.random.Generator) -> Ints:
    """Fold of each row, shape ``(n,)``; rows of one group fall into one fold."""
    if groups is None:
        result: Ints = rng.permutation(n) % folds
        return result
    unique, row = np.unique(groups, return_inverse=True)
    result = (rng.permutation(len(unique)) % folds)[row.ravel()]
    return result


_Part = tuple[Floats32, Floats, Mask]
_Side = tuple[Floats32, Floats, Ints]


class CrossFit(NamedTuple):
    """What trees make of two samples; each row is judged by trees that have not seen its fold.

    Attributes:
        auc: mean over the folds.
        scores: larger for what looks real, of shapes ``(n,)`` and ``(m,)``.
        gain: total gain of the trees by feature, shape ``(n_features,)``.
    """

    auc: Auc
    scores: tuple[Floats, Floats]
    gain: Floats


def cross_fit(
    real: _Side, fake: _Side, *, trees: int, depth: int, folds: int, threads: int, seed: int
) -> CrossFit:
    """Train trees on all folds but one, judge that one with its signed weights, for each in turn.

    Args:
        real, fake: features of shape ``(n, n_features)``, weights and folds of shape ``(n,)``.
        trees, depth: number and depth of the trees.
        folds: how many; those without a row in one of the samples are not judged.
        threads: threads of XGBoost.
        seed: its seed.
    """
    parameters = {
        "objective": "binary:logistic",
        "max_depth": depth,
        "eta": 0.1,
        "tree_method": "hist",
        "nthread": threads,
        "seed": seed,
    }
    sides = (real, fake)
    scores = (np.zeros(len(real[0])), np.zeros(len(fake[0])))
    gain = np.zeros(real[0].shape[1])
    results = []
    for fold in range(folds):
        booster = _grown(sides, fold, parameters, trees)
        for name, value in booster.get_score(importance_type="total_gain").items():
            gain[int(name[1:])] += float(value)
        mine = [part == fold for _, _, part in sides]
        for score, (x, _, _), rows in zip(scores, sides, mine, strict=True):
            score[rows] = booster.inplace_predict(x[rows])
        if min(rows.sum() for rows in mine):
            judged = (score[rows] for score, rows in zip(scores, mine, strict=True))
            weights = (w[rows] for (_, w, _), rows in zip(sides, mine, strict=True))
            results.append(weighted_auc(*judged, *weights))
    values, errors = np.array(results).T
    error = float(np.sqrt((errors**2).sum()) / len(results))
    return CrossFit(Auc(float(values.mean()), error, min(map(len, scores))), scores, gain)


def _grown(sides: tuple[_Side, _Side], fold: int, parameters: dict[str, object], trees: int) -> Any:
    """A booster that has seen all folds but one."""
    import_xgboost()
    import xgboost as xgb

    rest = [(x[part != fold], w[part != fold]) for x, w, part in sides]
    data = np.concatenate([x for x, _ in rest])
    label = np.repeat([1.0, 0.0], [len(x) for x, _ in rest])
    # The trees accept no negative weights; the AUC uses the signed ones, so that it stays an
    # unbiased figure of this classifier.
    weight = np.concatenate([np.maximum(w, 0.0) / w.sum() for _, w in rest])
    # Values sketched by the trainer: a `QuantileDMatrix` is the same and takes longer to make.
    train = xgb.DMatrix(
        data, label=label, weight=weight * len(data) / weight.sum(), nthread=parameters["nthread"]
    )
    return xgb.train(parameters, train, num_boost_round=trees, verbose_eval=False)
