"""Training of the translation of sources into clusters."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import __version__
from ...engine.load import build_model
from ...engine.translator.cluster_layout import CLUSTER_FEATURES
from ...engine.translator.sequences import Sources
from ...engine.translator.translation import Again, Drawn, Translator
from ...errors import TrainingError
from ...statistics.two_sample import Auc, c2st
from ..loop import evaluation_steps, progress_bar
from ..sample import archive, data_digest, split, stream
from ..trained import TrainedModel
from .config import TranslatorConfig
from .sample import Prepared, TranslatorSample, batches_of, buckets_of, head_conditions

if TYPE_CHECKING:
    from .trainer import TranslatorTrainer

Metric = Callable[[Sources, Drawn, Drawn], Auc]
"""Sources, true clusters, drawn clusters of held-out events to a figure; less is better."""


def event_c2st(sources: Sources, real: Drawn, fake: Drawn) -> Auc:
    """AUC of number of clusters and mean outputs of events, given the number of sources."""
    n_sources = np.diff(sources.offsets)
    event = np.repeat(np.arange(len(n_sources)), n_sources)
    energy = np.bincount(event, sources.energy, minlength=len(n_sources))

    def columns(drawn: Drawn) -> dict[str, np.ndarray]:
        n = np.diff(drawn.offsets)
        index = np.repeat(np.arange(len(n)), n)
        sums = {k: np.bincount(index, v, minlength=len(n)) for k, v in drawn.values.items()}
        return {"n": n} | {k: v / np.maximum(n, 1) for k, v in sums.items()}

    conditions = {"n_sources": n_sources, "energy": np.log1p(energy)}
    return c2st(columns(real), columns(fake), conditions, folds=2, trees=100, depth=4)


class _Judge:
    """Draws clusters of held-out events, measures, and keeps the best state."""

    def __init__(
        self,
        sample: TranslatorSample,
        spec: dict[str, Any],
        tables: bytes,
        metric: Metric,
        again: Again | None,
        seed: int,
    ) -> None:
        self.sample, self.spec, self.tables, self.metric = sample, spec, tables, metric
        self.again = again
        self.real, self.seed = sample.truth(), seed
        self.best, self.figure, self.kept = float("inf"), float("inf"), dict[str, bytes]()

    def __call__(self, files: dict[str, bytes]) -> float:
        """Figure of a state, kept if it is not significantly worse than the best so far."""
        files = {**files, "transforms.npz": self.tables}
        model = build_model(self.spec, files, "state in training")
        assert isinstance(model, Translator)
        rng = stream(self.seed, "judge")
        sources = self.sample.sources
        fake = model.draw(
            sources,
            rng.random((len(sources.x), 2)),
            lambda owner, _, __, size: np.clip(rng.random((len(owner), size)), 1e-12, 1 - 1e-12),
            self.again,
        )
        found = self.metric(sources, self.real, fake)
        if found.value < self.best + found.error or not self.kept:
            self.figure, self.kept = found.value, files
        self.best = min(self.best, found.value)
        return found.value


def fit_translator(
    sample: TranslatorSample,
    config: TranslatorConfig | None = None,
    *,
    metric: Metric = event_c2st,
    again: Again | None = None,
    progress: bool = True,
) -> TrainedModel:
    """Train a translation of sources into clusters.

    Args:
        sample: the sample.
        config: settings; ``config.k_to_k()`` gives the baseline, for which the sample must come
            without background zones.
        metric: figure on held-out events that chooses the state to keep.
        again: which clusters are drawn again.
        progress: show a progress bar.

    Returns:
        The trained model at its best state.

    Raises:
        TrainingError: if the sample cannot be used or the loss is not finite.
    """
    config = config or TranslatorConfig()
    n_events = len(sample.sources.offsets) - 1
    if n_events < 20:
        raise TrainingError(f"{n_events} events are too few to train a translation on")
    held = split(n_events, config.holdout, config.seed, most=2000)
    judged, adapted = sample.events(held), sample.adapted(config)
    started = time.perf_counter()
    prepared = Prepared(adapted.events(~held), config)
    # This module sets TensorFlow up before it starts.
    from ..layers import use_threads

    use_threads(config.threads)
    from .trainer import TranslatorTrainer

    trainer = TranslatorTrainer(prepared, config)
    spec = _spec(sample, prepared, trainer, config)
    tables = archive(prepared.scores.to_arrays("outputs"))
    judge = _Judge(judged, spec, tables, metric, again, config.seed)
    history = _train(trainer, prepared, config, judge, progress)
    if config.head_steps:
        history.append(_train_head(prepared, config, judge, progress))
    n, m = len(prepared.sources.x), len(prepared.y)
    spec["training"] = {
        "rows": n,
        "events": int((~held).sum()),
        "clusters": m,
        "data_digest": data_digest(
            {"features": sample.sources.features, "own": sample.own, "pointer": sample.pointer},
            {k: np.asarray(v) for k, v in sample.values.items()},
        ),
        "weighted": False,
        "settings": config.to_json(),
        "history": history,
        "minutes": round((time.perf_counter() - started) / 60, 2),
    }
    spec["code_version"] = __version__
    spec["figures"] = {
        "held_out_events": int(held.sum()),
        "held_out_event_c2st": judge.figure,
        "outcome_cross_entropy": history[config.evaluations - 1]["entropy"],
        "cluster_nll": history[-1]["nll"],
        "clusters_beyond_model": _lost(adapted.own.sum(), sample.own.sum()),
        "pointers_beyond_model": _lost((adapted.pointer >= 0).sum(), (sample.pointer >= 0).sum()),
    }
    return TrainedModel(spec, judge.kept)


def _lost(kept: int, all_of_them: int) -> float:
    return round(1.0 - float(kept) / max(float(all_of_them), 1.0), 5)


def _spec(
    sample: TranslatorSample,
    prepared: Prepared,
    trainer: TranslatorTrainer,
    config: TranslatorConfig,
) -> dict[str, Any]:
    noise = trainer.head.noise
    return {
        "kind": "translator",
        "family": config.family,
        "conditions": list(sample.conditions),
        "copied": list(sample.copied),
        "cluster_features": list(CLUSTER_FEATURES),
        "outputs": list(sample.values),
        "atoms": prepared.atoms.to_json(),
        "noise": {"uniforms": int(noise[0]), "normals": int(noise[1])},
        "longest": config.longest,
        "zones": config.zones,
    }


def _train(
    trainer: TranslatorTrainer,
    prepared: Prepared,
    config: TranslatorConfig,
    judge: _Judge,
    progress: bool,
) -> list[dict[str, float]]:
    """Run all steps; returns losses and figure at each evaluation."""
    due = evaluation_steps(config.steps, config.evaluations)
    history: list[dict[str, float]] = []
    sums, seen = np.zeros(2), 0
    with progress_bar(progress) as bar:
        task = bar.add_task(config.family, total=config.steps, note="")
        buckets = buckets_of(prepared, config)
        for step, batch in enumerate(batches_of(prepared, buckets, config), 1):
            entropy, nll = trainer.step(batch)
            sums, seen = sums + np.array([entropy, nll]), seen + 1
            if step % 20 == 0:
                bar.update(task, completed=step)
            if step in due:
                mean = sums / seen
                sums, seen = np.zeros(2), 0
                if not np.isfinite(mean).all():
                    raise TrainingError(f"the loss is {mean[0]}, {mean[1]} at step {step}")
                value = judge(trainer.files())
                entry = {"step": step, "entropy": mean[0], "nll": mean[1], "figure": value}
                history.append({k: round(float(v), 5) for k, v in entry.items()})
                bar.update(task, completed=step, note=f"held-out C2ST {value:.4f}")
    return history


def _train_head(
    prepared: Prepared, config: TranslatorConfig, judge: _Judge, progress: bool
) -> dict[str, float]:
    """Train a new head on the best encoder and decoder; returns loss and figure."""
    from .trainer import train_head

    given = head_conditions(prepared, judge.kept)
    losses: list[float] = []
    head = b""
    with progress_bar(progress) as bar:
        task = bar.add_task(f"{config.family}, head", total=config.head_steps, note="")
        for step, loss, graph in train_head(prepared, given, config):
            losses.append(loss)
            bar.update(task, completed=step)
            if step == config.head_steps:
                head = graph()
        nll = float(np.mean(losses[-20:]))
        if not np.isfinite(nll):
            raise TrainingError(f"the loss of the head is {nll}")
        value = judge({**judge.kept, "head.onnx": head})
        bar.update(task, note=f"held-out C2ST {value:.4f}")
    return {"step": config.steps, "nll": round(nll, 5), "figure": round(value, 5)}
