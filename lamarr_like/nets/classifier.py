"""Training of a softmax network."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import __version__
from ..arrays import Floats, Floats32, Integers, Ints32, Mask
from ..engine.normal_scores import ConditionTransform
from ..errors import TrainingError
from .config import ClassifierConfig
from .loop import evaluation_steps, progress_bar, shuffled_batches
from .sample import archive, checked_columns, checked_weights, data_digest, split
from .trained import TrainedModel


def fit_classifier(
    conditions: Mapping[str, np.ndarray],
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    classes: Sequence[str],
    config: ClassifierConfig | None = None,
    progress: bool = True,
) -> TrainedModel:
    """Train a softmax network.

    Args:
        conditions: arrays of shape ``(n,)``; the model asks for them by these names.
        labels: index of the class of each row, shape ``(n,)``.
        weights: shape ``(n,)``, possibly negative; None for ones.
        classes: names of the classes.
        config: settings.
        progress: show a progress bar.

    Returns:
        The trained model at the state with the least held-out cross entropy (a proper score: at
        its minimum the probabilities are calibrated).

    Raises:
        TrainingError: if the sample cannot be used.
    """
    config = config or ClassifierConfig()
    columns, y, w = checked_sample(conditions, labels, weights, classes)
    transform = ConditionTransform.fit(columns, w)
    x, held = transform(columns), split(len(y), config.holdout, config.seed)
    started = time.perf_counter()
    graph, history = _train_network(x, y, w, held, config, progress=progress, width=len(classes))
    spec = {
        "kind": "classifier",
        "family": "mlp",
        "conditions": list(conditions),
        "condition_flags": transform.flags,
        "classes": list(classes),
        "training": training_record(
            conditions, y, w, held, settings=config.to_json(), history=history, started=started
        ),
        "code_version": __version__,
    }
    tables = archive(transform.scores.to_arrays("conditions"))
    files = {"model.onnx": graph, "transforms.npz": tables}
    return with_figures(spec, files, conditions, y, w=w, held=held)


def checked_sample(
    conditions: Mapping[str, np.ndarray],
    labels: np.ndarray,
    weights: np.ndarray | None,
    classes: Sequence[str],
) -> tuple[list[Floats], Ints32, Floats]:
    """Condition columns, labels and weights of a training sample of a classifier.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    y = np.asarray(labels).astype(np.int32)
    if len(y) < 100 or not conditions:
        raise TrainingError(f"{len(y)} rows of {len(conditions)} conditions: too few to train on")
    missing = [c for i, c in enumerate(classes) if not (y == i).any()]
    if missing or y.min() < 0 or y.max() >= len(classes):
        raise TrainingError(
            f"labels run from {y.min()} to {y.max()} for {len(classes)} classes; classes without "
            f"a row: {', '.join(missing) or 'none'}"
        )
    columns = checked_columns(conditions, len(y), "condition")
    return list(columns.values()), y, checked_weights(weights, len(y))


def training_record(
    conditions: Mapping[str, np.ndarray],
    y: Ints32,
    w: Floats,
    held: Mask,
    *,
    settings: dict[str, Any],
    history: list[dict[str, float]],
    started: float,
) -> dict[str, Any]:
    """What the configuration records about a training."""
    columns = {k: np.asarray(v) for k, v in conditions.items()}
    return {
        "rows": int((~held).sum()),
        "data_digest": data_digest(columns, {"label": y, "weight": w}),
        "weighted": bool((w != 1).any()),
        "settings": settings,
        "history": history,
        "minutes": round((time.perf_counter() - started) / 60, 2),
    }


def cross_entropy(probabilities: Floats, labels: Integers, weights: Floats) -> float:
    """Weighted mean of ``-log p`` of the true class.

    Args:
        probabilities: shape ``(n, n_classes)``.
        labels: shape ``(n,)``.
        weights: shape ``(n,)``.
    """
    p = np.take_along_axis(probabilities, labels[:, None].astype(np.int64), axis=1)[:, 0]
    return float(-(weights * np.log(np.maximum(p, 1e-12))).sum() / weights.sum())


def with_figures(
    spec: dict[str, Any],
    files: dict[str, bytes],
    conditions: Mapping[str, np.ndarray],
    y: Ints32,
    *,
    w: Floats,
    held: Mask,
) -> TrainedModel:
    """Add the cross entropy on held-out rows, beside that of the shares of the classes."""
    trained = TrainedModel({**spec, "figures": {}}, files)
    p = trained.classifier().predict({k: np.asarray(v)[held] for k, v in conditions.items()})
    shares = np.bincount(y, weights=w, minlength=p.shape[1]) / w.sum()
    trained.figures.update(
        held_out_rows=int(held.sum()),
        held_out_cross_entropy=cross_entropy(p, y[held], w[held]),
        cross_entropy_of_shares=cross_entropy(np.broadcast_to(shares, p.shape), y[held], w[held]),
    )
    return trained


def _train_network(
    x: Floats32,
    y: Ints32,
    w: Floats,
    held: Mask,
    config: ClassifierConfig,
    *,
    progress: bool,
    width: int,
) -> tuple[bytes, list[dict[str, float]]]:
    from ..engine.onnx_session import Network
    from .mlp import MlpTrainer

    trainer = MlpTrainer(x.shape[1], width, config)
    arrays = [x[~held], y[~held], w[~held].astype(np.float32)]
    due = evaluation_steps(config.steps, config.evaluations)
    best, kept = float("inf"), b""
    history: list[dict[str, float]] = []
    with progress_bar(progress) as bar:
        task = bar.add_task("classifier", total=config.steps, note="")
        batches = shuffled_batches(len(arrays[0]), config.batch, config.steps, config.seed)
        for step, index in enumerate(batches, 1):
            loss = trainer.step(*(a[index] for a in arrays))
            if step % 50 == 0:
                bar.update(task, completed=step)
            if step in due:
                graph = trainer.onnx()
                p = Network(graph)(conditions=x[held])[0].astype(np.float64)
                figure = cross_entropy(p, y[held], w[held])
                history.append({"step": step, "loss": float(loss), "figure": round(figure, 6)})
                bar.update(task, completed=step, note=f"held-out cross entropy {figure:.4f}")
                if not np.isfinite(figure):
                    raise TrainingError(f"the loss is {figure} at step {step}")
                if figure < best or not kept:
                    best, kept = figure, graph
    return kept, history
