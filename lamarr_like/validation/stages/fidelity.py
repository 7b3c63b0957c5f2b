"""Held-out fidelity of each stage: can trees tell its draws from the detailed sample?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import rng
from ...arrays import Columns, Floats, Mask
from ...chain.pipeline import Pipeline, load_stage
from ...errors import PipelineError, TrainingError
from ...events import EventBatch
from ...io.ntuple_reader import of_gun
from ...runs.redraw import Say, run_fast, second_draws, truth_of
from ...stages import AbstractClassifierStage, AbstractModelStage
from ...statistics.distances import floor
from ...statistics.matching import where
from ...statistics.two_sample import Auc, c2st
from ...training.metrics import find_metric
from ...training.pairs import check_same_events, common_rows, told_by_both
from ...training.sample import read_sample, row_weights, sample_rows
from .calibration import calibration, can_be_binned
from .emphasised import Cells, metric_cells
from .results import BinFidelity, FidelityReport, StageFidelity, mean_of_draws
from .whole_track import long_tracks, paired_tests

TESTS = {"plain": False, "equality flags and differences": True}
"""Tests by name, and whether equality flags and differences are among the features."""


@dataclass(frozen=True)
class SampleConfig:
    """Events that the tests take.

    Args:
        data: detailed samples that no model was trained on.
        columns: mapping file for foreign flat samples.
        part: share of the events of each file, from and to.
        long_only: test track stages on long tracks only.
        seed: seed of the draws and of the split.
        max_rows: rows of each side of a test at the most.
        again: second draws of the samples, one for each, made where they are not there; the floor
            is between both draws.  Without them it is between halves of the samples.
        whole: test whole chains alone, no single stages; needs second draws.
        draws: of whole chains, with the seed and those that follow; figures are means of them.
    """

    data: Sequence[Path]
    columns: Path | str | None = None
    part: tuple[float, float] = (0.0, 1.0)
    long_only: bool = False
    seed: int = 1
    max_rows: int = 120_000
    again: Sequence[Path] = ()
    whole: bool = False
    draws: int = 1


def run(
    sample: SampleConfig,
    pipelines: Sequence[str] = (),
    single: Sequence[str] = (),
    *,
    models: Path | str | None = None,
    say: Say = lambda line: None,
) -> FidelityReport:
    """Test trained stages on detailed samples, and whole pipelines where there is a second draw.

    A model that several pipelines share is tested once, under the first of them.

    Args:
        sample: what to test on.
        pipelines: names or files of pipelines, all trained stages of which are tested.
        single: names or folders of models to test by themselves.
        models: folder of the user's own models.
        say: called with a line of text as the work goes on.

    Raises:
        PipelineError: for a model whose stage cannot be compared, or where whole chains are asked
            for and there is none, or no second draw.
        SourceError, SchemaError: if a sample cannot be read or a second draw is of other events.
    """
    if sample.whole and (single or not pipelines or not sample.again):
        raise PipelineError("the whole chain alone is tested of a pipeline, with a second draw")
    batch, again = _read(sample, say)
    digests: dict[str, str] = {}
    chains = {name: _trained_stages(name, models, digests) for name in pipelines}
    if single:
        loaded = [load_stage(name, models) for name in single]
        for stage, artefact in loaded:
            if stage.incomparable:
                raise PipelineError(f"model {artefact.folder.name!r} {stage.incomparable}")
        chains["-"] = [(artefact.folder.name, stage) for stage, artefact in loaded]
        digests |= {artefact.folder.name: artefact.digest for _, artefact in loaded}
    seen: set[str] = set()
    stages: dict[str, list[StageFidelity]] = {}
    bins: dict[str, list[BinFidelity]] = {}
    for name, entries in chains.items():
        stages[name], bins[name] = [], []
        for model, stage in entries if not sample.whole else ():
            if model in seen:
                continue
            seen.add(model)
            say(f"{model}: {stage.name}")
            stages[name] += _one_stage(model, stage, batch, again, sample)
            if isinstance(stage, AbstractClassifierStage) and can_be_binned(type(stage)):
                bins[name] += calibration(model, stage, batch)
    if again is not None:
        detailed, second, truth = long_tracks(batch), long_tracks(again), truth_of(batch)
        gun = all(of_gun(path) for path in sample.data)
        for name in pipelines:
            chain = Pipeline.load(name, models)
            found = []
            for draw in range(sample.draws):
                fast = long_tracks(run_fast(chain, truth, sample.seed + draw, gun, say))
                tests = paired_tests(
                    *(name, detailed, fast, second, sample.max_rows, sample.seed),
                    floors=draw == 0,  # they are the same for all
                )
                found.append(list(tests))
            stages[name] += mean_of_draws(found)
    names = [tuple(p.name for p in paths) for paths in (sample.data, sample.again)]
    return FidelityReport(names[0], len(batch), stages, bins, names[1], digests)


def of_metric(
    sample: SampleConfig, metric: str, single: Sequence[str], models: Path | str | None = None
) -> Iterator[tuple[str, Cells]]:
    """Compare a metric of models with that of detailed rows, cell by cell.

    Args:
        sample: what to test on.
        metric: name of the metric.
        single: names or folders of the models.
        models: folder of the user's own models.

    Raises:
        TrainingError: if there is no such metric of the stage of a model, or no model.
    """
    if not single:
        raise TrainingError("a metric is compared of models: name one by --model")
    batch = read_sample(sample.data, sample.columns, sample.part)
    for name in single:
        stage, artefact = load_stage(name, models)
        one = find_metric(metric, stage.name)
        rows = sample_rows(stage, batch, sample.long_only)
        used = _at_most(rows, sample.max_rows, np.random.default_rng(sample.seed))
        uniforms = _uniforms(stage, batch, used, sample.seed)
        yield artefact.folder.name, metric_cells(stage, one, batch, used, uniforms)


def _read(sample: SampleConfig, say: Say) -> tuple[EventBatch, EventBatch | None]:
    """The samples as one batch, and their second draws, if there are to be any."""
    batch = read_sample(sample.data, sample.columns, sample.part)
    paths = second_draws(sample.data, sample.again, say)
    if not paths:
        return batch, None
    again = read_sample(paths, sample.columns, sample.part)
    check_same_events(batch, again, ", ".join(map(str, paths)))
    return batch, again


def _trained_stages(
    name: str, models: Path | str | None, digests: dict[str, str]
) -> list[tuple[str, AbstractModelStage]]:
    """Name and stage of each model of a pipeline; notes their digests."""
    chain = Pipeline.load(name, models)
    used = chain.provenance["models"]
    digests |= {one["model"]: one["digest"] for one in used.values()}
    return [
        (used[stage.name]["model"], stage)
        for stage in chain.stages
        if isinstance(stage, AbstractModelStage) and not stage.incomparable
    ]


def _one_stage(
    model: str,
    stage: AbstractModelStage,
    batch: EventBatch,
    again: EventBatch | None,
    sample: SampleConfig,
) -> list[StageFidelity]:
    """Two-sample tests of one stage.

    The stage gets the detailed sample's own columns as conditions, so that its figure holds nothing
    of the other stages.  A detailed row and the draw for its conditions are judged by the same
    trees, which never saw their event.
    """
    used, drawn = _drawn(stage, batch, sample)
    real, conditions = stage.compared(batch, used), stage.conditions(batch, used)
    weights = row_weights(batch, stage.table, used)
    event = batch[stage.table].event_index[used]
    results = []
    for name, extra in TESTS.items():
        if extra and not stage.equalities:
            continue
        options: dict[str, Any] = {"weights": weights, "groups": event, "seed": sample.seed}
        options |= {"equalities": extra, "differences": extra}
        auc = c2st(real, drawn, conditions, **options)
        if again is None:
            least = floor(real, conditions, **options)
        else:
            least = _between_draws(stage, (batch, again), sample, extra)
        results.append(StageFidelity(model, stage.name, name, auc, least))
    return results


def told_apart(stage: AbstractModelStage, batch: EventBatch, sample: SampleConfig) -> Auc:
    """The sharpest test of one stage, without a floor.

    That is the plain one, or the one with equality flags and differences where it has that.

    Args:
        stage: the stage, with its model.
        batch: detailed sample, as of `read_sample`.
        sample: seed, number and kind of the rows.
    """
    used, drawn = _drawn(stage, batch, sample)
    return c2st(
        *(stage.compared(batch, used), drawn, stage.conditions(batch, used)),
        weights=row_weights(batch, stage.table, used),
        groups=batch[stage.table].event_index[used],
        equalities=stage.equalities,
        differences=stage.equalities,
        seed=sample.seed,
    )


def _drawn(
    stage: AbstractModelStage, batch: EventBatch, sample: SampleConfig
) -> tuple[Mask, Columns]:
    """Mask of the rows that a test takes, and what the stage draws for them."""
    rows = sample_rows(stage, batch, sample.long_only)
    used = _at_most(rows, sample.max_rows, np.random.default_rng(sample.seed))
    return used, stage.answers(batch, used, _uniforms(stage, batch, used, sample.seed))


def _between_draws(
    stage: AbstractModelStage,
    draws: tuple[EventBatch, EventBatch],
    sample: SampleConfig,
    extra: bool,
) -> Auc:
    """`c2st` of what two draws answer for the same generated thing, each with its own conditions.

    Compared are rows that both draws have.
    """
    masks = tuple(sample_rows(stage, one, sample.long_only) for one in draws)
    places = common_rows(stage.table, draws, (masks[0], masks[1]))
    if (n := len(places[0])) > sample.max_rows:
        choice = np.random.default_rng(sample.seed).choice(n, sample.max_rows, replace=False)
        places = places[0][choice], places[1][choice]
    outputs, conditions, weights = [], [], []
    for one, mine in zip(draws, places, strict=True):
        # By mask, in the order of the table, and back to the common order.
        used = np.zeros(len(one[stage.table]), np.bool_)
        used[mine] = True
        order = np.argsort(np.argsort(mine))
        outputs.append(where(stage.compared(one, used), order))
        conditions.append(where(stage.conditions(one, used), order))
        weights.append(row_weights(one, stage.table, used)[order])
    return c2st(
        *(*outputs, *told_by_both(*conditions)),
        weights=weights[0],
        fake_weights=weights[1],
        groups=draws[0][stage.table].event_index[places[0]],
        equalities=extra,
        differences=extra,
        seed=sample.seed,
    )


def _at_most(mask: Mask, n: int, choice: np.random.Generator) -> Mask:
    places = np.flatnonzero(mask)
    if len(places) <= n:
        return mask
    out = np.zeros_like(mask)
    out[choice.choice(places, n, replace=False)] = True
    return out


def _uniforms(stage: AbstractModelStage, batch: EventBatch, rows: Mask, seed: int) -> Floats:
    """Uniform numbers of a stream of its own, shape ``(rows.sum(), n_uniforms)``."""
    places = np.flatnonzero(rows)
    event_id = batch.event_ids(stage.table)[places]
    return rng.uniforms(seed, f"fidelity/{stage.name}", event_id, places, stage.n_uniforms)
