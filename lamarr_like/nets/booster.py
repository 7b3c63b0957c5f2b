"""Training of gradient-boosted trees."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from .. import __version__
from ..arrays import Floats, Floats32, Ints32, Mask
from .classifier import checked_sample, cross_entropy, training_record, with_figures
from .config import BoosterConfig
from .loop import progress_bar
from .sample import split
from .trained import TrainedModel


def fit_booster(
    conditions: Mapping[str, np.ndarray],
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    classes: Sequence[str],
    config: BoosterConfig | None = None,
    progress: bool = True,
) -> TrainedModel:
    """Train gradient-boosted trees.

    Args:
        conditions: arrays of shape ``(n,)``; the model asks for them by these names.
        labels: index of the class of each row, shape ``(n,)``.
        weights: shape ``(n,)``, possibly negative; None for ones.
        classes: names of the classes.
        config: settings.
        progress: show a progress bar.

    Returns:
        The trained model with the number of trees of least held-out cross entropy.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    config = config or BoosterConfig()
    columns, y, w = checked_sample(conditions, labels, weights, classes)
    held = split(len(y), config.holdout, config.seed)
    x = np.stack(columns, axis=1).astype(np.float32)
    started = time.perf_counter()
    model, history = _train_booster(x, y, w, held, config, n_classes=len(classes), bar=progress)
    spec = {
        "kind": "classifier",
        "family": "booster",
        "conditions": list(conditions),
        "classes": list(classes),
        "training": training_record(
            conditions, y, w, held, settings=config.to_json(), history=history, started=started
        ),
        "code_version": __version__,
    }
    return with_figures(spec, {"model.ubj": model}, conditions, y, w=w, held=held)


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
    with progress_bar(bar) as shown:
        task = shown.add_task("trees", total=config.trees, note="")
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
            shown.update(task, completed=tree, note=f"held-out cross entropy {figure:.4f}")
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
