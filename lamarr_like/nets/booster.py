"""Training of gradient-boosted trees."""

from __future__ import annotations

import time

import numpy as np

from ..arrays import Floats, Floats32, Ints32, Mask
from ..system.progress import progress
from .classifier import checked_rows, cross_entropy, finished
from .config import BoosterConfig
from .sample import LabelledRows, split
from .trained import TrainedModel


def fit_trees(rows: LabelledRows, config: BoosterConfig, *, progress: bool = True) -> TrainedModel:
    """Train gradient-boosted trees, up to the number of least held-out cross entropy.

    They have a loop of their own: a step adds a tree to the model instead of changing weights, and
    the model so far is judged after each.

    Args:
        rows: the sample.
        config: settings.
        progress: show a progress bar.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    columns, y, w = checked_rows(rows)
    held = split(len(y), config.holdout, config.seed)
    x = np.stack(columns, axis=1).astype(np.float32)
    started = time.perf_counter()
    width = len(rows.classes)
    model, history = _train_booster(x, y, w, held, config, n_classes=width, bar=progress)
    files = {"model.ubj": model}
    return finished(rows, config, files, y=y, w=w, held=held, history=history, started=started)


def _train_booster(
    x: Floats32,
    y: Ints32,
    w: Floats,
    held: Mask,
    config: BoosterConfig,
    *,
    n_classes: int,
    bar: bool,
) -> tuple[bytes, list[dict[str, float]]]:
    import xgboost as xgb

    # XGBoost takes no negative weights.  Where there are some, it gets the unsigned ones, and the
    # signs enter the gradient by hand.
    signed = bool((w < 0).any())
    train = xgb.QuantileDMatrix(x[~held], y[~held], weight=abs(w[~held]), nthread=config.threads)
    binary = n_classes == 2
    parameters = {
        "objective": "binary:logistic" if binary else "multi:softprob",
        "max_depth": config.depth,
        "eta": config.learning_rate,
        "min_child_weight": config.min_child_weight,
        "tree_method": "hist",
        "nthread": config.threads,
        "seed": config.seed,
        # A margin of zero to start from is the same in training and in prediction.
        "base_score": 0.5,
        **({} if binary else {"num_class": n_classes}),
    }
    booster = xgb.Booster(parameters, [train])
    best, patience, kept = float("inf"), 0, b""
    history: list[dict[str, float]] = []
    with progress(config.trees, "trees", "trees", shown=bar) as told:
        for tree in range(1, config.trees + 1):
            if signed:
                margin = booster.predict(train, output_margin=True, training=True)
                grad, hess = _signed_gradient(margin, y[~held], w[~held])
                booster.boost(train, tree - 1, grad=grad, hess=hess)
            else:
                booster.update(train, tree - 1)
            p = np.asarray(booster.inplace_predict(x[held]), dtype=np.float64)
            p = np.stack([1 - p, p], axis=1) if binary else p
            figure = cross_entropy(p, y[held], w[held])
            history.append({"step": tree, "figure": round(figure, 6)})
            told.advance(1)
            told.describe(f"trees, held-out cross entropy {figure:.4f}")
            patience = 0 if figure < best else patience + 1
            if figure < best or not kept:
                best, kept = figure, bytes(booster.save_raw("ubj"))
            if patience >= config.patience:
                break
    return kept, history[:: max(len(history) // 20, 1)]


def _signed_gradient(margin: np.ndarray, y: Ints32, w: Floats) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivative of the signed cross entropy by the margin."""
    if margin.ndim == 1:
        p = 1.0 / (1.0 + np.exp(-margin))
        return w * (p - y), np.abs(w) * np.maximum(p * (1 - p), 1e-6)
    e = np.exp(margin - margin.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    truth = np.arange(p.shape[1]) == y[:, None]
    return w[:, None] * (p - truth), np.abs(w)[:, None] * np.maximum(2 * p * (1 - p), 1e-6)
