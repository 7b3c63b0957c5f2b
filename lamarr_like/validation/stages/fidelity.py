"""Held-out fidelity of each stage: can trees tell its draws from the detailed sample?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__, rng
from ...arrays import Columns, Floats, Mask
from ...chain.pipeline import Pipeline, load_stage
from ...errors import PipelineError
from ...events import EventBatch
from ...files.places import fresh
from ...schema import as_declared
from ...stages import (
    REFERENCE_STAGES,
    AbstractClassifierStage,
    AbstractGeneratorStage,
    AbstractModelStage,
    CaloPid,
    GlobalPid,
    Resolution,
    RichPid,
)
from ...stages.identification.prob_nn import PROB_NN
from ...stages.stage import draw_classes
from ...statistics.distances import floor
from ...statistics.two_sample import Auc, c2st
from ...training.sample import read_sample, row_weights, sample_rows

P_EDGES = (2e3, 3e3, 5e3, 7.5e3, 1e4, 1.5e4, 2.5e4, 4e4, 7e4, 2e5)
"""Bins of momentum [MeV] in which probabilities are compared."""
ETA_EDGES = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
"""Bins of pseudorapidity."""
_BINNED = ("particle", "track")
"""Tables whose rows have momentum and pseudorapidity among their conditions."""


@dataclass(frozen=True)
class StageFidelity:
    """Two-sample test of one stage on events that it never saw.

    Args:
        model: name of the model.
        stage: name of the stage.
        test: which variables the trees saw.
        auc: area under the ROC curve, fast against detailed.
        floor: the same between two halves of the detailed sample.
    """

    model: str
    stage: str
    test: str
    auc: Auc
    floor: Auc


@dataclass(frozen=True)
class BinFidelity:
    """Calibration of a classifier stage in bins of P, eta and nSPDHits.

    Args:
        model: name of the model.
        stage: name of the stage.
        outcome: the class looked at.
        bins: bins with enough rows.
        good: share of them where fast and detailed agree within 1 % or two standard deviations.
        worst: largest difference in standard deviations.
    """

    model: str
    stage: str
    outcome: str
    bins: int
    good: float
    worst: float


@dataclass(frozen=True)
class FidelityReport:
    """Tables of one or several pipelines.

    Args:
        samples: names of the files that were read.
        events: detailed events.
        stages: two-sample tests by pipeline.
        bins: calibration of the classifiers by pipeline.
    """

    samples: tuple[str, ...]
    events: int
    stages: dict[str, list[StageFidelity]]
    bins: dict[str, list[BinFidelity]]

    @property
    def markdown(self) -> str:
        """Both tables as text."""
        lines = [
            f"{self.events} detailed events of {', '.join(self.samples)}",
            "",
            "| pipeline | stage | test | rows a side | AUC | floor |",
            "|---|---|---|---|---|---|",
        ]
        for name, results in self.stages.items():
            lines += [
                f"| {name} | {r.stage} | {r.test} | {r.auc.rows} "
                f"| {r.auc.value:.4f} +- {r.auc.error:.4f} "
                f"| {r.floor.value:.4f} +- {r.floor.error:.4f} |"
                for r in results
            ]
        lines += [
            "",
            "| pipeline | stage | outcome | bins | within 1 % or 2 sigma | worst, sigma |",
            "|---|---|---|---|---|---|",
        ]
        for name, rows in self.bins.items():
            lines += [
                f"| {name} | {r.stage} | {r.outcome} | {r.bins} | {r.good:.1%} | {r.worst:.1f} |"
                for r in rows
            ]
        return "\n".join(lines)

    def write(self, folder: Path) -> list[Path]:
        """Write ``fidelity.md`` and ``fidelity.json`` into a folder, made if absent."""
        folder.mkdir(parents=True, exist_ok=True)
        text, numbers = folder / "fidelity.md", folder / "fidelity.json"
        fresh(text).write_text(self.markdown + "\n")
        content = {"program": f"lamarr_like {__version__}", **asdict(self)}
        fresh(numbers).write_text(json.dumps(content, indent=1) + "\n")
        return [text, numbers]


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
    """

    data: Sequence[Path]
    columns: Path | str | None = None
    part: tuple[float, float] = (0.0, 1.0)
    long_only: bool = False
    seed: int = 1
    max_rows: int = 120_000


def run(
    sample: SampleConfig,
    pipelines: Sequence[str] = (),
    single: Sequence[str] = (),
    *,
    models: Path | str | None = None,
) -> FidelityReport:
    """Test trained stages on detailed samples.

    A model that several pipelines share is tested once, under the first of them.

    Args:
        sample: what to test on.
        pipelines: names or files of pipelines, all trained stages of which are tested.
        single: names or folders of models to test by themselves.
        models: folder of the user's own models.

    Raises:
        PipelineError: for a model of the detailed simulation itself.
    """
    batch = read_sample(sample.data, sample.columns, sample.part)
    chains = {name: _trained_stages(name, models) for name in pipelines}
    if single:
        loaded = [load_stage(name, models) for name in single]
        for stage, artefact in loaded:
            if not isinstance(stage, (AbstractClassifierStage, AbstractGeneratorStage)):
                raise PipelineError(
                    f"model {artefact.folder.name!r} makes a table of its own, which "
                    "`lamarr-like objects` compares"
                )
            if stage.name in REFERENCE_STAGES:
                raise PipelineError(
                    f"model {artefact.folder.name!r} defines variables of the detailed sample: "
                    "there is nothing to compare it with"
                )
        chains["-"] = [(artefact.folder.name, stage) for stage, artefact in loaded]
    seen: set[str] = set()
    stages: dict[str, list[StageFidelity]] = {}
    bins: dict[str, list[BinFidelity]] = {}
    for name, entries in chains.items():
        stages[name], bins[name] = [], []
        for model, stage in entries:
            if model in seen:
                continue
            seen.add(model)
            stages[name] += _one_stage(model, stage, batch, sample)
            if isinstance(stage, AbstractClassifierStage) and stage.table in _BINNED:
                bins[name] += calibration(model, stage, batch)
    return FidelityReport(tuple(p.name for p in sample.data), len(batch), stages, bins)


def _trained_stages(name: str, models: Path | str | None) -> list[tuple[str, AbstractModelStage]]:
    """Name and stage of each model of a pipeline."""
    chain = Pipeline.load(name, models)
    used = chain.provenance["models"]
    return [
        (used[stage.name]["model"], stage)
        for stage in chain.stages
        if isinstance(stage, (AbstractClassifierStage, AbstractGeneratorStage))
    ]


def calibration(
    model: str, stage: AbstractClassifierStage, batch: EventBatch, *, min_rows: int = 200
) -> list[BinFidelity]:
    """Compare mean probabilities with detailed shares in bins of P, eta and nSPDHits.

    The expected number of each outcome is the sum of the model's probabilities; its variance
    that of the detailed outcome, ``sum p (1 - p)``, so a pull is one of a binomial count.

    Args:
        model: name of its model.
        stage: the stage.
        batch: detailed events (after the propagation stage).
        min_rows: bins with fewer rows are left out.
    """
    rows = sample_rows(type(stage), batch)
    conditions = stage.conditions(batch, rows)
    truth = stage.targets(batch, rows)[stage.target]
    p = stage.model.predict(conditions)
    spd = batch.event_column(stage.table, "n_spd_hits")[rows]
    values = (10.0 ** conditions["log_p"], conditions["eta"], spd)
    spd_edges = np.quantile(spd, [0.0, 0.25, 0.5, 0.75, 1.0])
    edges = (np.array(P_EDGES), np.array(ETA_EDGES), spd_edges)
    place = np.zeros(len(truth), np.int64)
    inside = np.ones(len(truth), bool)
    for value, edge in zip(values, edges, strict=True):
        slot = np.searchsorted(edge, value, side="right") - 1
        slot[value == edge[-1]] = len(edge) - 2
        inside &= (slot >= 0) & (slot < len(edge) - 1)
        place = place * (len(edge) - 1) + np.clip(slot, 0, len(edge) - 2)
    n = np.bincount(place[inside])
    full = n >= min_rows
    if not full.any():
        return []
    results = []
    for k, outcome in enumerate(stage.classes):
        seen = np.bincount(place[inside], truth[inside] == k)[full]
        expected = np.bincount(place[inside], p[inside, k])[full]
        sigma = np.sqrt(np.bincount(place[inside], (p * (1.0 - p))[inside, k])[full])
        difference = np.abs(seen - expected)
        good = (difference < 0.01 * n[full]) | (difference < 2.0 * sigma)
        worst = float((difference / np.maximum(sigma, 1e-9)).max())
        results.append(
            BinFidelity(model, stage.name, outcome, int(full.sum()), float(good.mean()), worst)
        )
    return results


def _one_stage(
    model: str, stage: AbstractModelStage, batch: EventBatch, sample: SampleConfig
) -> list[StageFidelity]:
    """Two-sample tests of one stage.

    The stage gets the detailed sample's own columns as conditions, so that its figure holds nothing
    of the other stages.  A detailed row and the draw for its conditions are judged by the same
    trees, which never saw their event.  The floor compares even with odd events.
    """
    rows = sample_rows(type(stage), batch, sample.long_only)
    choice = np.random.default_rng(sample.seed)
    used = _at_most(rows, sample.max_rows, choice)
    drawn, real = _drawn(stage, batch, used, sample.seed), _targets(stage, batch, used)
    conditions = stage.conditions(batch, used)
    weights = row_weights(batch, stage.table, used)
    event = batch[stage.table].event_index[used]
    results = []
    for name, extra in _tests(stage).items():
        options: dict[str, Any] = {"weights": weights, "groups": event, "seed": sample.seed}
        options |= {"equalities": extra, "differences": extra}
        auc = c2st(real, drawn, conditions, **options)
        results.append(
            StageFidelity(model, stage.name, name, auc, floor(real, conditions, **options))
        )
    return results


def _at_most(mask: Mask, n: int, choice: np.random.Generator) -> Mask:
    places = np.flatnonzero(mask)
    if len(places) <= n:
        return mask
    out = np.zeros_like(mask)
    out[choice.choice(places, n, replace=False)] = True
    return out


def _tests(stage: AbstractModelStage) -> dict[str, bool]:
    """Tests by name, and whether equality flags and differences are among the features."""
    if isinstance(stage, (RichPid, CaloPid, GlobalPid)):
        return {"plain": False, "equality flags and differences": True}
    return {"plain": False}


def _targets(stage: AbstractModelStage, batch: EventBatch, rows: Mask) -> Columns:
    """What the stage answers for, as a reader of the ntuple sees it where that is a number."""
    if isinstance(stage, Resolution):
        return stage.targets(batch, rows, "cartesian")
    if isinstance(stage, GlobalPid):
        return _as_stored({name: batch.track[name][rows] for name in PROB_NN})
    found = stage.targets(batch, rows)
    if isinstance(stage, AbstractGeneratorStage):
        return {name: found[name] for name in stage.outputs}
    return dict(found)


def _drawn(stage: AbstractModelStage, batch: EventBatch, rows: Mask, seed: int) -> Columns:
    """The same from the stage's model."""
    if isinstance(stage, AbstractClassifierStage):
        u = _uniforms(stage, batch, rows, seed, 1)[:, 0]
        return {stage.target: draw_classes(stage.model.predict(stage.conditions(batch, rows)), u)}
    assert isinstance(stage, AbstractGeneratorStage)
    u = _uniforms(stage, batch, rows, seed, stage.model.n_uniforms)
    drawn = stage.model.draw(stage.conditions(batch, rows), u)
    if isinstance(stage, Resolution):
        columns = stage.reconstructed(batch, rows, drawn)
        table = {k: v.copy() for k, v in batch.track.columns.items()}
        for name, values in columns.items():
            table[name] = table[name].astype(np.float64)
            table[name][rows] = values
        return stage.targets(batch.with_columns("track", **table), rows, "cartesian")
    if isinstance(stage, (CaloPid, GlobalPid)):
        return _as_stored(stage.reconstructed(batch, rows, drawn))
    return {name: np.asarray(drawn[name]) for name in stage.outputs}


def _as_stored(columns: Columns) -> Columns:
    """Columns of tracks rounded to the type that they are stored in."""
    return {k: as_declared("track", k, v).astype(np.float64) for k, v in columns.items()}


def _uniforms(
    stage: AbstractModelStage, batch: EventBatch, rows: Mask, seed: int, size: int
) -> Floats:
    """Uniform numbers of a stream of its own, shape ``(rows.sum(), size)``."""
    places = np.flatnonzero(rows)
    event_id = batch.event_ids(stage.table)[places]
    return rng.uniforms(seed, f"fidelity/{stage.name}", event_id, places, size)
