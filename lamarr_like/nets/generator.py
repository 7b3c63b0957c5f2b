"""One way to train any conditional generator of vectors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from ..arrays import Mask
from ..engine.generator import Generator
from ..engine.load import build_model
from ..errors import TrainingError
from ..statistics.two_sample import Auc
from .config import ArmdnConfig, GeneratorConfig
from .families import find_family
from .loop import Files, Judge, row_batches, run
from .loop import Trainer as LoopTrainer
from .sample import (
    GeneratorSample,
    Metric,
    VectorRows,
    archive,
    data_digest,
    prepare_generator_sample,
    quick_c2st,
    split,
    stream,
)
from .trained import TrainedModel, training_record

C = TypeVar("C", bound=GeneratorConfig)


class Trainer(LoopTrainer, Protocol):
    """What a family of generators has to offer; its one file is ``model.onnx``."""

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw."""


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
        config: settings, whose class says the family; None for `ArmdnConfig`.
        integers: targets that are integers; None for those of integer type.
        pulls: targets in units of their expected resolution, see `NormalScores.fit`.
        metric: figure on held-out rows that chooses the state to keep.
        progress: show a progress bar.

    Returns:
        The trained model at its best state.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    config = config or ArmdnConfig()
    if integers is None:
        integers = [k for k, v in targets.items() if np.asarray(v).dtype.kind in "iub"]
    rows = VectorRows(conditions, targets, weights, frozenset(integers), frozenset(pulls), metric)
    return find_family(config.family, "generator").fit(rows, config, progress=progress)


def fit_rows(
    trainer_of: Callable[[GeneratorSample, C], Trainer],
    rows: VectorRows,
    config: C,
    *,
    progress: bool = True,
) -> TrainedModel:
    """Train a generator of some family: what all of them share.

    Args:
        trainer_of: makes the family's trainer.
        rows: the sample.
        config: settings.
        progress: show a progress bar.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    sample = prepare_generator_sample(rows, knots=config.knots, seed=config.seed)
    held = split(len(sample.y), config.holdout, config.seed)
    started = time.perf_counter()
    trainer = seeded(trainer_of, sample, config)
    spec = _spec(rows, sample, trainer, config.family)
    tables = archive(
        {**sample.transform.scores.to_arrays("conditions"), **sample.scores.to_arrays("outputs")}
    )
    judge = Judge(HeldOut(spec, tables, rows, sample.weights, held, config.seed))
    further = getattr(trainer, "further", ())
    if rows.emphasis is not None and not further:
        raise TrainingError(
            f"family {config.family!r} cannot emphasise {rows.emphasis.number.name!r}: choose gan"
        )
    arrays = [a[~held] for a in (sample.x, sample.atom, sample.y, sample.weights, *further)]
    batches = row_batches(arrays, config.batch, config.steps, config.seed)
    history = run(trainer, batches, config, judge, progress=progress)
    spec |= training_record(
        config,
        rows=int((~held).sum()),
        digest=data_digest(rows.conditions, rows.targets),
        weighted=rows.weights is not None,
        history=history,
        started=started,
    )
    if rows.emphasis is not None:
        spec["training"] |= {"emphasis": rows.emphasis.number.name}
    spec["figures"] = {
        "held_out_rows": int(held.sum()),
        "held_out_quick_c2st": judge.figure,
        "mflop_per_draw": round(trainer.flops / 1e6, 4),
    }
    return TrainedModel(spec, {**judge.kept, "transforms.npz": tables})


def seeded(
    trainer_of: Callable[[GeneratorSample, C], Trainer], sample: GeneratorSample, config: C
) -> Trainer:
    """A family's trainer at its start, with TensorFlow's threads and seed set."""
    import keras

    from .layers import use_threads

    use_threads(config.threads)
    keras.utils.set_random_seed(config.seed)
    return trainer_of(sample, config)


def _spec(
    rows: VectorRows, sample: GeneratorSample, trainer: Trainer, family: str
) -> dict[str, Any]:
    """What the model needs to know of itself to run."""
    return {
        "kind": "generator",
        "family": family,
        "conditions": list(rows.conditions),
        "condition_flags": sample.transform.flags,
        "outputs": list(rows.targets),
        "integer": sample.integer.tolist(),
        "atoms": sample.atoms.to_json(),
        "noise": {"uniforms": trainer.noise[0], "normals": trainer.noise[1]},
    }


class HeldOut:
    """Draws for the held-out rows, the same numbers for every state, and measures them."""

    def __init__(
        self,
        spec: dict[str, Any],
        tables: bytes,
        rows: VectorRows,
        weights: np.ndarray,
        held: Mask,
        seed: int,
    ) -> None:
        self.spec, self.tables, self.metric = spec, tables, rows.metric
        self.conditions = {k: np.asarray(v)[held] for k, v in rows.conditions.items()}
        self.real = {k: np.asarray(v)[held] for k, v in rows.targets.items()}
        self.weights = weights[held].astype(np.float64)
        size = sum(spec["noise"].values())
        rng = stream(seed, "judge")
        self.uniforms = np.clip(rng.random((int(held.sum()), size)), 1e-12, 1 - 1e-12)

    def __call__(self, files: Files) -> Auc:
        """The metric of a state."""
        whole = {**files, "transforms.npz": self.tables}
        model = build_model(self.spec, whole, "state in training")
        assert isinstance(model, Generator)
        drawn = model.draw(self.conditions, self.uniforms)
        return self.metric(self.real, drawn, self.conditions, self.weights)
