"""Training of families that draw codes of blocks: what all of them share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import keras
import numpy as np

from ...arrays import Floats32
from ...errors import TrainingError
from ...nets.layers import use_threads
from ...nets.loop import Judge, row_batches, run
from ...nets.sample import archive, data_digest, split, stream
from ...nets.trained import TrainedModel, training_record
from ..blocks import Layout, Shells, fewer
from ..codes import Codes, scaled
from ..config import CodesConfig
from ..frame import Frame
from ..samples import ResponseSample
from .filling import fit_filling
from .judge import HeldOut, base_spec
from .metrics import metrics

C = TypeVar("C", bound=CodesConfig)

LEAST_ROWS = 200


class CodeSample(NamedTuple):
    """What a family of codes learns from.

    Args:
        layout: blocks.
        codes: scores of codes.
        given: what is known of each particle, normalised, shape ``(n, n_given)``.
        scores: normal scores of its codes, shape ``(n, n_codes)``.
        metrics: normalised metrics of its array, shape ``(n, k)``, where the settings ask for them.
    """

    layout: Layout
    codes: Codes
    given: Floats32
    scores: Floats32
    metrics: Floats32 | None = None


class CodesTrainer(Protocol):
    """What a family of codes has to offer; its file is ``codes.onnx``."""

    def step(self, *batch: Any) -> Any:
        """One update on a batch of what is given, scores and, if any, metrics; its loss."""

    def files(self) -> dict[str, bytes]:
        """The sampling graph, with averaged weights."""

    @property
    def noise(self) -> tuple[int, int]:
        """Uniform and normal numbers that a draw needs."""

    @property
    def flops(self) -> int:
        """Floating-point operations of the products of one draw of the codes."""

    @property
    def draw_steps(self) -> int:
        """Steps from noise to codes; 0 where the graph gives them at once."""


def fit_codes(
    trainer_of: Callable[[CodeSample, C], CodesTrainer],
    sample: ResponseSample,
    config: C,
    *,
    progress: bool = True,
) -> TrainedModel:
    """Train a family of codes.

    Args:
        trainer_of: makes the family's trainer.
        sample: detailed arrays.
        config: settings.
        progress: show progress bars.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    started = time.perf_counter()
    filled = int((sample.hits.sums(len(sample)) > 0).sum())
    if filled < LEAST_ROWS:
        raise TrainingError(
            f"{sample.where}: {filled} arrays that are not empty; {LEAST_ROWS} are the least"
        )
    use_threads(config.threads)
    keras.utils.set_random_seed(config.seed)
    held = split(len(sample), config.holdout, config.seed)
    learnt = sample.take(~held)
    response = sample.response
    frame = Frame.fit(response, learnt.seen, learnt.arrays)
    shells = Shells(config.core, tuple(config.widths), config.slices)
    layout = Layout(response, fewer(response, shells, config.most_codes))
    placement = frame.place(learnt.seen)
    hits = placement.to_frame(learnt.hits)
    mean = placement.given.mean(axis=0)
    sd = np.where(placement.given.std(axis=0) > 1e-9, placement.given.std(axis=0), 1.0)
    given = (placement.given - mean) / sd
    amounts = layout.amounts(layout.energies(hits, len(learnt)))
    amounts = scaled(response, amounts, placement.given)
    scale = response.feature(response.scale) if response.scale else None
    sizes = None if scale is None else placement.given[:, scale]
    codes = Codes.fit(amounts, sizes)
    scores = codes.scores(amounts, stream(config.seed, "atoms").random(amounts.shape), sizes)
    fixed = {
        "transforms.npz": archive(
            {"depth": frame.depth, "given_mean": mean, "given_sd": sd, **codes.to_arrays()}
        )
    }
    network = fit_filling(layout, placement, hits, given, scale, config, progress=progress)
    if network is not None:
        fixed["filling.onnx"] = network
    prepared = CodeSample(
        layout,
        codes,
        given.astype(np.float32),
        scores.astype(np.float32),
        metrics(response, placement, hits) if config.needs_metrics else None,
    )
    trainer = trainer_of(prepared, config)
    spec = base_spec(response, config) | {
        "method": "codes",
        "shells": layout.to_json(),
        "noise": {"uniforms": trainer.noise[0], "normals": trainer.noise[1]},
        "steps": trainer.draw_steps,
    }
    judge = Judge(HeldOut(spec, fixed, sample.take(held), config))
    columns = [c for c in (prepared.given, prepared.scores, prepared.metrics) if c is not None]
    batches = row_batches(columns, config.batch, config.steps, config.seed)
    history = run(trainer, batches, config, judge, progress=progress)
    spec |= training_record(
        config,
        rows=len(learnt),
        digest=data_digest(sample.conditions, {"arrays": sample.arrays}),
        weighted=False,
        history=history,
        started=started,
    )
    spec["figures"] = {
        "held_out_rows": int(held.sum()),
        "held_out_c2st": round(judge.figure, 5),
        "mflop_of_codes": round(trainer.flops / 1e6, 4),
    }
    return TrainedModel(spec, {**judge.kept, **fixed})
