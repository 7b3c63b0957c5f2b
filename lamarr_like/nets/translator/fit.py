"""Training of the translation of sources into clusters."""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.load import build_model
from ...engine.translator.cluster_layout import CLUSTER_FEATURES
from ...engine.translator.translation import Translator
from ...errors import TrainingError
from ...statistics.two_sample import Auc
from ..loop import Files, Judge, Losses, run
from ..sample import archive, data_digest, split, stream
from ..trained import TrainedModel, training_record
from .batches import Prepared, batches_of, buckets_of, head_conditions
from .config import TranslatorConfig
from .sample import TranslatorSample

if TYPE_CHECKING:
    from .trainer import TranslatorTrainer

LEAST_EVENTS = 20
"""Fewest events to train a translation on."""
MOST_HELD = 2000
"""Most events that are held out."""
_KEPT = ("encoder.onnx", "decoder.onnx")
_TOLERANCE = 2.0
"""Errors by which a later state may look worse and is kept: each is judged by other clusters, and
with one error chance threw away the last quarter of a training and the head's own steps."""


def fit_translator(
    sample: TranslatorSample,
    config: TranslatorConfig | None = None,
    *,
    start: Mapping[str, bytes] | None = None,
    progress: bool = True,
) -> TrainedModel:
    """Train a translation of sources into clusters.

    Args:
        sample: the sample.
        config: settings; `KToKConfig` gives the baseline, for which the sample must come without
            background zones.
        start: files of a model whose encoder and decoder are kept, so that only the head is
            trained, in a fifth of the time; the sample must have the conditions that they know.
        progress: show a progress bar.

    Returns:
        The trained model at its best state.

    Raises:
        TrainingError: if the sample cannot be used or the loss is not finite.
    """
    config = config or TranslatorConfig()
    n_events = len(sample.sources.offsets) - 1
    if n_events < LEAST_EVENTS:
        raise TrainingError(f"{n_events} events are too few to train a translation on")
    held = split(n_events, config.holdout, config.seed, most=MOST_HELD)
    judged, adapted = sample.events(held), sample.adapted(config)
    started = time.perf_counter()
    prepared = Prepared(adapted.events(~held), config)
    spec = _spec(sample, prepared, config)
    tables = archive(prepared.scores.to_arrays("outputs"))
    judge = Judge(_HeldOut(judged, spec, tables, config.seed), tolerance=_TOLERANCE)
    history = _train(prepared, config, judge, start, progress)
    spec |= training_record(
        config,
        rows=len(prepared.sources.x),
        events=int((~held).sum()),
        clusters=len(prepared.y),
        digest=data_digest(
            {"features": sample.sources.features, "own": sample.own, "pointer": sample.pointer},
            sample.values,
        ),
        weighted=False,
        history=history,
        started=started,
        **({"start": {name: sha256(start[name]).hexdigest() for name in _KEPT}} if start else {}),
    )
    entropies = [entry["entropy"] for entry in history if "entropy" in entry]
    spec["figures"] = {
        "held_out_events": int(held.sum()),
        "held_out_event_c2st": judge.figure,
        **({"outcome_cross_entropy": entropies[-1]} if entropies else {}),
        "cluster_nll": history[-1]["nll"],
        "clusters_beyond_model": _lost(adapted.own.sum(), sample.own.sum()),
        "pointers_beyond_model": _lost((adapted.pointer >= 0).sum(), (sample.pointer >= 0).sum()),
    }
    return TrainedModel(spec, {**judge.kept, "transforms.npz": tables})


def _lost(kept: int, all_of_them: int) -> float:
    return round(1.0 - float(kept) / max(float(all_of_them), 1.0), 5)


def _trainer(prepared: Prepared, config: TranslatorConfig) -> TranslatorTrainer:
    # This module sets TensorFlow up before it starts.
    from ..layers import use_threads

    use_threads(config.threads)
    from .trainer import TranslatorTrainer

    return TranslatorTrainer(prepared, config)


def _spec(sample: TranslatorSample, prepared: Prepared, config: TranslatorConfig) -> dict[str, Any]:
    normals = prepared.y.shape[1]
    uniforms = normals + (len(prepared.atoms) > 1)  # one more chooses the class of atoms
    return {
        "kind": "translator",
        "family": config.family,
        "conditions": list(sample.conditions),
        "copied": list(sample.copied),
        "cluster_features": list(CLUSTER_FEATURES),
        "outputs": list(sample.values),
        "atoms": prepared.atoms.to_json(),
        "noise": {"uniforms": uniforms, "normals": normals},
        "longest": config.longest,
        "zones": config.zones,
        "followed": list(prepared.sample.followed),
        "pulls": prepared.pulls,
    }


class _HeldOut:
    """Draws clusters of held-out events, by the same numbers for every state, and measures them."""

    def __init__(
        self, sample: TranslatorSample, spec: dict[str, Any], tables: bytes, seed: int
    ) -> None:
        self.sample, self.spec, self.tables, self.seed = sample, spec, tables, seed
        self.real = sample.truth()

    def __call__(self, files: Files) -> Auc:
        """The metric of a state."""
        whole = {**files, "transforms.npz": self.tables}
        model = build_model(self.spec, whole, "state in training")
        assert isinstance(model, Translator)
        rng = stream(self.seed, "judge")
        sources = self.sample.sources
        fake = model.draw(
            sources,
            rng.random((len(sources.x), 2)),
            lambda owner, _, __, size: np.clip(rng.random((len(owner), size)), 1e-12, 1 - 1e-12),
            self.sample.again,
            self.sample.widths,
            complete=self.sample.complete,
        )
        return self.sample.metric(sources, self.real, fake)


def _train(
    prepared: Prepared,
    config: TranslatorConfig,
    judge: Judge,
    start: Mapping[str, bytes] | None,
    progress: bool,
) -> list[dict[str, float]]:
    """Train the whole, then a new head on the best encoder and decoder; or that alone."""
    if start is not None:
        rest = {name: start[name] for name in _KEPT}
        return [_train_head(prepared, config, judge, rest, progress)]
    trainer = _trainer(prepared, config)
    batches = batches_of(prepared, buckets_of(prepared, config), config)
    losses = Losses("entropy", "nll", window=None, digits=5)
    told = run(trainer, batches, config, judge, losses=losses, progress=progress)
    # Steps are floats here as in the configurations of earlier models: equal bits for equal seeds.
    history = [{**entry, "step": float(entry["step"])} for entry in told]
    if not config.head_steps:
        return history
    return [*history, _train_head(prepared, config, judge, judge.kept, progress)]


def _train_head(
    prepared: Prepared,
    config: TranslatorConfig,
    judge: Judge,
    rest: Mapping[str, bytes],
    progress: bool,
) -> dict[str, float]:
    """Train a new head on an encoder and a decoder; what is told of it."""
    # This module sets TensorFlow up before it starts.
    from ..layers import use_threads

    use_threads(config.threads)
    from .trainer import HeadTrainer

    head = HeadTrainer(prepared, head_conditions(prepared, rest), config, rest)
    losses = Losses("nll", every=50, window=20, digits=5)
    options: dict[str, Any] = {"losses": losses, "label": f"{config.family}, head"}
    (found,) = run(head, head.batches(), head.config, judge, progress=progress, **options)
    return {**found, "step": config.steps}
