"""Training of families that draw codes of blocks: what all of them share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypeVar

import keras
import numpy as np

from ...arrays import Floats, Floats32
from ...errors import TrainingError
from ...nets.layers import use_threads
from ...nets.loop import Judge, row_batches, run
from ...nets.sample import archive, data_digest, split, stream
from ...nets.trained import TrainedModel, training_record
from ..blocks import Layout, Shells, fewer
from ..coded import CodedBlocks
from ..codes import Codes, Particles, scaled, spread_whole
from ..config import CodesConfig, CorrVaeConfig
from ..frame import Frame
from ..joint import prefix_of
from ..samples import AnySample, ResponseSample, arrays_of, declared_as, parts_of
from .duration import TRIAL, within
from .emphasis import Emphasised, emphasised
from .filling import fit_filling
from .judge import HeldOut, base_spec
from .metrics import metrics
from .properties import Learnt, learn_properties

C = TypeVar("C", bound=CodesConfig)

LEAST_ROWS = 200

SIMILAR = 16
"""Particles among which the spread of codes is taken."""


class CodeSample(NamedTuple):
    """What a family of codes learns from; of devices all columns side by side.

    Args:
        given: what is known of each particle, normalised, shape ``(n, n_given)``.
        scores: normal scores of its codes, shape ``(n, n_codes)``.
        metrics: normalised metrics of its array, shape ``(n, k)``, where the settings ask for them.
        spread: how much the codes of similar particles differ, shape ``(n, 1)`` and 1 on average,
            where the settings ask for it.
        learnt: of the properties, where the settings ask for them; its columns are the last.
        emphasis: what is emphasised, where the settings say so; its columns come behind all others.
    """

    given: Floats32
    scores: Floats32
    metrics: Floats32 | None = None
    spread: Floats32 | None = None
    learnt: Learnt | None = None
    emphasis: Emphasised | None = None

    @property
    def columns(self) -> list[Floats32]:
        """All that are there, in order."""
        last = None if self.learnt is None else self.learnt.columns
        found = [column for column in (*self[:4], last) if column is not None]
        if self.emphasis is not None:
            found += [self.emphasis.numbers, self.emphasis.cells]
        return found


class CodesTrainer(Protocol):
    """What a family of codes has to offer; its file is ``codes.onnx``."""

    def step(self, *batch: Any) -> Any:
        """One update on a batch of the columns of a `CodeSample`; its loss."""

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


class _Part(NamedTuple):
    """What is made of the sample of one device before a family sees it."""

    blocks: CodedBlocks
    given: Floats
    scores: Floats
    metrics: Floats32 | None
    tables: dict[str, np.ndarray]
    filling: bytes | None
    learnt: Learnt | None
    emphasis: Emphasised | None


def fit_codes(
    trainer_of: Callable[[CodeSample, C], CodesTrainer],
    sample: AnySample,
    config: C,
    *,
    progress: bool = True,
) -> TrainedModel:
    """Train a family of codes: on one response, or on devices together.

    Args:
        trainer_of: makes the family's trainer.
        sample: detailed arrays.
        config: settings.
        progress: show progress bars.

    Raises:
        TrainingError: if the sample cannot be used.
    """
    started = time.perf_counter()
    for one in parts_of(sample):
        filled = int((one.hits.sums(len(one)) > 0).sum())
        if filled < LEAST_ROWS:
            raise TrainingError(
                f"{one.where}: {filled} arrays that are not empty; {LEAST_ROWS} are the least"
            )
    if config.needs_properties and len(parts_of(sample)) > 1:
        raise TrainingError(
            f"{sample.where}: family {config.family} draws one array; train on one of the devices"
        )
    if config.emphasised and len(parts_of(sample)) > 1:
        raise TrainingError(
            f"{sample.where}: a metric is emphasised of one array; train on one of the devices"
        )
    use_threads(config.threads)
    keras.utils.set_random_seed(config.seed)
    held = split(len(sample), config.holdout, config.seed)
    learnt = sample.take(~held)
    parts = [_part(p, k, config, progress) for k, p in enumerate(parts_of(learnt))]
    prefixes = [""] if len(parts) == 1 else [prefix_of(k) for k in range(len(parts))]
    fixed = {"transforms.npz": archive(dict(_tables(parts, prefixes)))}
    for part, prefix in zip(parts, prefixes, strict=True):
        if part.filling is not None:
            fixed[f"{prefix}filling.onnx"] = part.filling
    prepared = _together(parts, config)
    trainer = trainer_of(prepared, replace(config, steps=TRIAL) if config.minutes else config)
    spec = base_spec(declared_as(sample), config) | {
        "shells": [part.blocks.layout.to_json() for part in parts],
        "noise": {"uniforms": trainer.noise[0], "normals": trainer.noise[1]},
        "steps": trainer.draw_steps,
    }
    if len(parts) == 1:
        spec |= {"method": "codes", "shells": spec["shells"][0]}
    if prepared.learnt is not None:
        fixed["properties.onnx"] = prepared.learnt.file
        spec["control"] = prepared.learnt.to_json()
    measure = HeldOut(spec, fixed, sample.take(held), config)
    if config.minutes:
        trial = row_batches(prepared.columns, config.batch, TRIAL, config.seed)
        config = within(config, trainer, trial, measure, started)
        trainer = trainer_of(prepared, config)
    judge = Judge(measure)
    batches = row_batches(prepared.columns, config.batch, config.steps, config.seed)
    history = run(trainer, batches, config, judge, progress=progress)
    spec |= training_record(
        config,
        rows=len(learnt),
        digest=data_digest(sample.conditions, arrays_of(sample)),
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


def _part(learnt: ResponseSample, number: int, config: CodesConfig, progress: bool) -> _Part:
    """Frame, blocks, scores and the filling of one device."""
    response = learnt.response
    frame = Frame.fit(response, learnt.seen, learnt.arrays)
    shells = Shells(config.core, tuple(config.widths), config.slices)
    layout = Layout(response, fewer(response, shells, config.most_codes))
    placement = frame.place(learnt.seen)
    hits = placement.to_frame(learnt.hits)
    mean = placement.given.mean(axis=0)
    sd = np.where(placement.given.std(axis=0) > 1e-9, placement.given.std(axis=0), 1.0)
    given = (placement.given - mean) / sd
    amounts = layout.amounts(layout.energies(hits, len(learnt)))
    if response.whole:
        u = stream(config.seed, f"whole{number or ''}").random(amounts.shape)
        amounts = spread_whole(amounts, u)
    amounts = scaled(response, amounts, placement.given)
    particles = Particles.of(response, placement.given)
    codes = Codes.fit(amounts, particles)
    u = stream(config.seed, f"atoms{number or ''}").random(amounts.shape)
    scale = response.feature(response.scale) if response.scale else None
    tables = {"depth": frame.depth}
    law: Learnt | None = None
    if config.needs_properties:
        assert isinstance(config, CorrVaeConfig)
        law = learn_properties(layout, codes, particles, placement, hits, given, config)
        tables["property_knots"] = law.law.knots
    return _Part(
        CodedBlocks(layout, codes, mean, sd, None),
        given,
        codes.scores(amounts, u, particles),
        metrics(response, placement, hits) if config.needs_metrics else None,
        tables,
        fit_filling(layout, placement, hits, given, scale, config, progress=progress),
        law,
        emphasised(config.emphasised, response, placement, hits) if config.emphasised else None,
    )


def _tables(parts: list[_Part], prefixes: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    for part, prefix in zip(parts, prefixes, strict=True):
        yield from ((prefix + name, table) for name, table in part.tables.items())
        yield from part.blocks.to_arrays(prefix).items()


def _together(parts: list[_Part], config: CodesConfig) -> CodeSample:
    """Columns of all devices side by side."""
    given, scores = (
        np.concatenate([part[k] for part in parts], axis=1).astype(np.float32) for k in (1, 2)
    )
    found = [part.metrics for part in parts if part.metrics is not None]
    return CodeSample(
        given,
        scores,
        np.concatenate(found, axis=1) if found else None,
        spread_of(given, scores) if config.needs_spread else None,
        parts[0].learnt,
        parts[0].emphasis,
    )


def spread_of(given: Floats32, scores: Floats32) -> Floats32:
    """How much the codes of the most similar particles differ, 1 on average, shape ``(n, 1)``.

    What SDI-GAN calls the variance of the samples of a condition (Bedkowski et al.,
    arXiv:2207.01561).

    Args:
        given: shape ``(n, n_given)``.
        scores: shape ``(n, n_codes)``.
    """
    from scipy.spatial import cKDTree

    _, near = cKDTree(given).query(given, k=min(SIMILAR, len(given)))
    spread = np.array([scores[rows].std(axis=0).mean() for rows in near])
    found: Floats32 = (spread / max(spread.mean(), 1e-9)).astype(np.float32)[:, None]
    return found
