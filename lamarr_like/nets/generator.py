"""One way to train any conditional generator."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from .. import __version__
from ..arrays import Mask
from ..engine.load import Generator, build_model
from ..errors import TrainingError
from ..statistics.two_sample import Auc, c2st
from .config import GeneratorConfig
from .loop import evaluation_steps, progress_bar, shuffled_batches
from .sample import GeneratorSample, archive, data_digest, prepare_generator_sample, split, stream
from .trained import TrainedModel

Metric = Callable[
    [Mapping[str, np.ndarray], Mapping[str, np.ndarray], Mapping[str, np.ndarray], np.ndarray],
    Auc,
]
"""Real outputs, drawn outputs, conditions, weights of held-out rows to a figure with its error;
less is better."""


class Trainer(Protocol):
    """What a family has to offer."""

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw."""

    def step(self, x: Any, atom: Any, y: Any, w: Any) -> Any:
        """One update on a batch."""

    def onnx(self) -> bytes:
        """The sampling graph as it stands."""


def quick_c2st(
    real: Mapping[str, np.ndarray],
    fake: Mapping[str, np.ndarray],
    conditions: Mapping[str, np.ndarray],
    weights: np.ndarray,
) -> Auc:
    """AUC of a two-fold classifier two-sample test with equality flags."""
    return c2st(
        real, fake, conditions, weights=weights, equalities=True, folds=2, trees=100, depth=5
    )


def fit_generator(
    conditions: Mapping[str, np.ndarray],
    targets: Mapping[str, np.ndarray],
    weights: np.ndarray | None = None,
    config: GeneratorConfig | None = None,
    *,
    integers: Sequence[str] | None = None,
    pulls: Sequence[str] = (),
    metric: Metric = quick_c2st,
    progress: bool = True,
) -> TrainedModel:
    """Train a conditional generator.

    Args:
        conditions: arrays of shape ``(n,)``; the model asks for them by these names.
        targets: arrays of shape ``(n,)``, in the order in which they are to be drawn (from the
            most informative).
        weights: shape ``(n,)``, possibly negative; None for ones.
        config: settings.
        integers: targets that are integers; None for those of integer type.
        pulls: targets in units of their expected resolution, see `NormalScores.fit`.
        metric: figure on held-out rows that chooses the state to keep.
        progress: show a progress bar.

    Returns:
        The trained model at its best state.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    config = _with_defaults(config or GeneratorConfig())
    if integers is None:
        integers = [k for k, v in targets.items() if np.asarray(v).dtype.kind in "iub"]
    sample = prepare_generator_sample(
        conditions,
        targets,
        weights,
        integers=frozenset(integers),
        knots=config.knots,
        seed=config.seed,
        pulls=frozenset(pulls),
    )
    held = split(len(sample.y), config.holdout, config.seed)
    started = time.perf_counter()
    trainer = new_trainer(sample, config)
    spec: dict[str, Any] = {
        "kind": "generator",
        "family": config.family,
        "conditions": list(conditions),
        "condition_flags": sample.transform.flags,
        "outputs": list(targets),
        "integer": sample.integer.tolist(),
        "atoms": sample.atoms.to_json(),
        "noise": {"uniforms": trainer.noise[0], "normals": trainer.noise[1]},
    }
    tables = archive(
        {**sample.transform.scores.to_arrays("conditions"), **sample.scores.to_arrays("outputs")}
    )
    judge = _Judge(
        spec,
        tables,
        conditions=conditions,
        targets=targets,
        weights=sample.weights,
        held=held,
        metric=metric,
        seed=config.seed,
    )
    history = _train(trainer, sample, ~held, config, judge=judge, progress=progress)
    spec["training"] = {
        "rows": int((~held).sum()),
        "data_digest": data_digest(
            {k: np.asarray(v) for k, v in conditions.items()},
            {k: np.asarray(v) for k, v in targets.items()},
        ),
        "weighted": weights is not None,
        "settings": config.to_json(),
        "history": history,
        "minutes": round((time.perf_counter() - started) / 60, 2),
    }
    spec["code_version"] = __version__
    spec["figures"] = {
        "held_out_rows": int(held.sum()),
        "held_out_quick_c2st": judge.figure,
        "mflop_per_draw": round(trainer.flops / 1e6, 4),
    }
    return TrainedModel(spec, {"model.onnx": judge.kept, "transforms.npz": tables})


def _with_defaults(config: GeneratorConfig) -> GeneratorConfig:
    if config.family == "armdn":
        from . import armdn as family
    else:
        from . import gan as family  # type: ignore[no-redef]
    return replace(
        config,
        hidden=config.hidden or family.DEFAULT_HIDDEN,
        depth=config.depth or family.DEFAULT_DEPTH,
        steps=config.steps or family.DEFAULT_STEPS,
        learning_rate=config.learning_rate or family.DEFAULT_LEARNING_RATE,
    )


def new_trainer(sample: GeneratorSample, config: GeneratorConfig) -> Trainer:
    """A family's trainer at its start, seeded."""
    import keras

    from .layers import use_threads

    use_threads(config.threads)
    keras.utils.set_random_seed(config.seed)
    if config.family == "armdn":
        from .armdn import ArmdnTrainer

        return ArmdnTrainer(sample, config)
    from .gan import GanTrainer

    return GanTrainer(sample, config)


class _Judge:
    """Draws for the held-out rows, measures, and keeps the best state."""

    def __init__(
        self,
        spec: dict[str, Any],
        tables: bytes,
        *,
        conditions: Mapping[str, np.ndarray],
        targets: Mapping[str, np.ndarray],
        weights: np.ndarray,
        held: Mask,
        metric: Metric,
        seed: int,
    ) -> None:
        self.spec, self.tables, self.metric = spec, tables, metric
        self.conditions = {k: np.asarray(v)[held] for k, v in conditions.items()}
        self.real = {k: np.asarray(v)[held] for k, v in targets.items()}
        self.weights = weights[held].astype(np.float64)
        size = sum(spec["noise"].values())
        rng = stream(seed, "judge")
        self.uniforms = np.clip(rng.random((int(held.sum()), size)), 1e-12, 1 - 1e-12)
        self.best, self.figure, self.kept = float("inf"), float("inf"), b""

    def __call__(self, graph: bytes) -> float:
        """Figure of a state; it is kept if it is not significantly worse than the best so far.

        The figure of a few thousand rows is uncertain, and the last states have the smallest
        learning rate: chance must not choose an early one.
        """
        files = {"model.onnx": graph, "transforms.npz": self.tables}
        model = build_model(self.spec, files, "state in training")
        assert isinstance(model, Generator)
        drawn = model.draw(self.conditions, self.uniforms)
        found = self.metric(self.real, drawn, self.conditions, self.weights)
        if found.value < self.best + found.error or not self.kept:
            self.figure, self.kept = found.value, graph
        self.best = min(self.best, found.value)
        return found.value


def _train(
    trainer: Trainer,
    sample: GeneratorSample,
    rows: Mask,
    config: GeneratorConfig,
    *,
    judge: _Judge,
    progress: bool,
) -> list[dict[str, float]]:
    """Run all steps; returns loss and figure at each evaluation."""
    arrays = [a[rows] for a in (sample.x, sample.atom, sample.y, sample.weights)]
    batches = shuffled_batches(len(arrays[0]), config.batch, config.steps, config.seed)
    due = evaluation_steps(config.steps, config.evaluations)
    history: list[dict[str, float]] = []
    loss = np.float32(0.0)
    with progress_bar(progress) as bar:
        task = bar.add_task(f"{config.family}", total=config.steps, note="")
        for step, index in enumerate(batches, 1):
            loss = trainer.step(*(a[index] for a in arrays))
            if step % 50 == 0:
                bar.update(task, completed=step)
            if step in due:
                if not np.isfinite(float(loss)):
                    raise TrainingError(f"the loss is {float(loss)} at step {step}")
                value = judge(trainer.onnx())
                history.append({"step": step, "loss": float(loss), "figure": round(value, 5)})
                bar.update(task, completed=step, note=f"held-out C2ST {value:.4f}")
    return history
