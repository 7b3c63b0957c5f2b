"""One way to train any classifier, and what its families share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import Floats, Integers, Ints32, Mask
from ..errors import TrainingError
from .config import AbstractConfig, MlpConfig
from .families import find_family
from .sample import LabelledRows, checked_columns, checked_weights, data_digest
from .trained import TrainedModel, training_record

Loss = Callable[[Floats, Integers, Floats], float]
"""Of probabilities of shape ``(n, n_classes)``, labels and weights of ``(n,)``."""


def fit_classifier(
    conditions: Mapping[str, np.ndarray],
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    classes: Sequence[str],
    config: AbstractConfig | None = None,
    progress: bool = True,
) -> TrainedModel:
    """Train a classifier.

    Args:
        conditions: arrays of shape ``(n,)``; the model asks for them by these names.
        labels: index of the class of each row, shape ``(n,)``.
        weights: shape ``(n,)``, possibly negative; None for ones.
        classes: names of the classes.
        config: settings, whose class says the family; None for `MlpConfig`.
        progress: show a progress bar.

    Returns:
        The trained model at the state with the least held-out cross entropy (a proper score: at
        its minimum the probabilities are calibrated).

    Raises:
        TrainingError: if the sample cannot be used.
    """
    config = config or MlpConfig()
    rows = LabelledRows(conditions, labels, classes, weights)
    return find_family(config.family, "classifier").fit(rows, config, progress=progress)


def checked_rows(
    rows: LabelledRows,
) -> tuple[list[Floats], Ints32, Floats]:
    """Condition columns, labels and weights of a sample, shapes ``(n,)``.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    y, classes = np.asarray(rows.labels).astype(np.int32), rows.classes
    if len(y) < 100 or not rows.conditions:
        raise TrainingError(f"{len(y)} rows of {len(rows.conditions)} conditions: too few")
    missing = [c for i, c in enumerate(classes) if not (y == i).any()]
    if missing or y.min() < 0 or y.max() >= len(classes):
        raise TrainingError(
            f"labels run from {y.min()} to {y.max()} for {len(classes)} classes; classes without "
            f"a row: {', '.join(missing) or 'none'}"
        )
    columns = checked_columns(rows.conditions, len(y), "condition")
    return list(columns.values()), y, checked_weights(rows.weights, len(y))


def cross_entropy(probabilities: Floats, labels: Integers, weights: Floats) -> float:
    """Weighted mean of ``-log p`` of the true class.

    Args:
        probabilities: shape ``(n, n_classes)``.
        labels: shape ``(n,)``.
        weights: shape ``(n,)``.
    """
    p = np.take_along_axis(probabilities, labels[:, None].astype(np.int64), axis=1)[:, 0]
    return float(-(weights * np.log(np.maximum(p, 1e-12))).sum() / weights.sum())


def finished(
    rows: LabelledRows,
    config: AbstractConfig,
    files: dict[str, bytes],
    *,
    y: Ints32,
    w: Floats,
    held: Mask,
    history: list[dict[str, float]],
    started: float,
    loss: Loss = cross_entropy,
    **spec: Any,
) -> TrainedModel:
    """The trained model, with its cross entropy on held-out rows and that of the classes' shares.

    Args:
        rows: the sample.
        config: settings.
        files: weights and tables.
        y, w: labels and weights as `checked_rows` gave them, shapes ``(n,)``.
        held: rows held out, shape ``(n,)``.
        history, started: see `training_record`.
        loss: the cross entropy, of probabilities, labels and weights.
        spec: what else the model needs to know of itself to run.
    """
    told: dict[str, Any] = {
        "kind": "classifier",
        "family": config.family,
        "conditions": list(rows.conditions),
        **spec,
        "classes": list(rows.classes),
        **training_record(
            config,
            rows=int((~held).sum()),
            digest=data_digest(rows.conditions, {"label": y, "weight": w}),
            weighted=bool((w != 1).any()),
            history=history,
            started=started,
        ),
        "figures": {},
    }
    trained = TrainedModel(told, files)
    p = trained.classifier().predict({k: np.asarray(v)[held] for k, v in rows.conditions.items()})
    shares = np.bincount(y, weights=w, minlength=p.shape[1]) / w.sum()
    trained.figures.update(
        held_out_rows=int(held.sum()),
        held_out_cross_entropy=loss(p, y[held], w[held]),
        cross_entropy_of_shares=loss(np.broadcast_to(shares, p.shape), y[held], w[held]),
    )
    return trained
