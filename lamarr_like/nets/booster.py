"""Training of gradient-boosted trees."""

from __future__ import annotations

import time

import numpy as np

from ..arrays import Floats, Floats32, Ints32
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
    forest = _Forest(x[~held], y[~held], w[~held], config, len(rows.classes))
    model, history = _grown(forest, x[held], y[held], w[held], config, progress)
    files = {"model.ubj": model}
    return finished(rows, config, files, y=y, w=w, held=held, history=history, started=started)


class _Forest:
    """Trees in training.

    Args:
        x, y, w: features ``(n, k)``, labels and weights ``(n,)`` to learn from.
        config: settings.
        n_classes: number of classes.
    """

    def __init__(
        self,
        x: Floats32,
        y: Ints32,
        w: Floats,
        config: BoosterConfig,
        n_classes: int,
    ) -> None:
        import xgboost as xgb

        self.y, self.w, self.binary, self.trees = y, w, n_classes == 2, 0
        # XGBoost takes no negative weights.  Where there are some, it gets the unsigned ones, and
        # the signs enter the gradient by hand.
        self.signed = bool((w < 0).any())
        self.train = xgb.QuantileDMatrix(x, y, weight=abs(w), nthread=config.threads)
        parameters = {
            "objective": "binary:logistic" if self.binary else "multi:softprob",
            "max_depth": config.depth,
            "eta": config.learning_rate,
            "min_child_weight": config.min_child_weight,
            "tree_method": "hist",
            "nthread": config.threads,
            "seed": config.seed,
            # A margin of zero to start from is the same in training and in prediction.
            "base_score": 0.5,
            **({} if self.binary else {"num_class": n_classes}),
        }
        self.booster = xgb.Booster(parameters, [self.train])

    def grow(self) -> None:
        """Add a tree (one for each class where there are more than two)."""
        if self.signed:
            margin = self.booster.predict(self.train, output_margin=True, training=True)
            grad, hess = _signed_gradient(margin, self.y, self.w)
            self.booster.boost(self.train, self.trees, grad=grad, hess=hess)
        else:
            self.booster.update(self.train, self.trees)
        self.trees += 1

    def probabilities(self, x: Floats32) -> Floats:
        """Probabilities of the classes as the trees stand, shape ``(n, n_classes)``."""
        p = np.asarray(self.booster.inplace_predict(x), dtype=np.float64)
        return np.stack([1 - p, p], axis=1) if self.binary else p

    def saved(self) -> bytes:
        """The trees as they stand."""
        return bytes(self.booster.save_raw("ubj"))


def _grown(
    forest: _Forest,
    x: Floats32,
    y: Ints32,
    w: Floats,
    config: BoosterConfig,
    bar: bool,
) -> tuple[bytes, list[dict[str, float]]]:
    """The best state by the held-out rows, and figures on the way."""
    best, patience, kept = float("inf"), 0, b""
    history: list[dict[str, float]] = []
    with progress(config.trees, "trees", "trees", shown=bar) as told:
        for tree in range(1, config.trees + 1):
            forest.grow()
            figure = cross_entropy(forest.probabilities(x), y, w)
            history.append({"step": tree, "figure": round(figure, 6)})
            told.advance(1)
            told.describe(f"trees, held-out cross entropy {figure:.4f}")
            patience = 0 if figure < best else patience + 1
            if figure < best or not kept:
                best, kept = figure, forest.saved()
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
