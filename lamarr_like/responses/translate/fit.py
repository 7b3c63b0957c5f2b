"""Trains a translation and writes it as an artefact."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...arrays import Floats
from ...engine.artefact import artefact_name
from ...engine.load import build_model
from ...errors import ArtefactError, TrainingError
from ...nets.families import Family, find_family
from ...nets.sample import data_digest, split
from ...nets.trained import TrainedModel, training_record
from ...statistics.two_sample import c2st
from ...system.extras import need
from ..features import features
from ..fit import Request, settings_of
from ..hits import hits_of
from ..response import Response
from ..samples import ResponseSample
from .config import CycleGanConfig, TranslationConfig, UvcGanConfig
from .model import ArrayTranslator, to_roots

TRANSLATION_FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(CycleGanConfig, f"{__name__}:fit_translation"),
        Family(UvcGanConfig, f"{__name__}:fit_translation"),
    )
}
"""Our families by name."""

DEFAULT = "uvcgan"

LEAST_ARRAYS = 100


@dataclass(frozen=True)
class TwoSamples:
    """What a translation learns from.

    Args:
        first, second: samples; of the same events only where the settings say so.
    """

    first: ResponseSample
    second: ResponseSample

    @property
    def responses(self) -> tuple[Response, Response]:
        """Declarations of both."""
        return (self.first.response, self.second.response)


def fit(
    samples: TwoSamples,
    request: Request,
    output: Path | str,
    *,
    command: str = "",
    force: bool = False,
    progress: bool = True,
) -> Path:
    """Train and write ``<first>_to_<second>-<family>-<version>``; returns its folder.

    Args:
        samples: arrays of both responses.
        request: what to train.
        output: folder of models.
        command: how this was asked for, for the card.
        force: replace a model of that name.
        progress: show a progress bar.

    Raises:
        TrainingError: if the samples cannot be used.
        ArtefactError: if there is a model of that name.
    """
    family = find_family(request.family or DEFAULT, "array_translator", TRANSLATION_FAMILIES)
    need(family.extra)
    first, second = samples.responses
    stage = f"{first.name}_to_{second.name}"
    folder = Path(output) / artefact_name(stage, family.name, request.version)
    if folder.exists() and not force:
        raise ArtefactError(f"{folder} exists; replace it with --force, or name another version")
    part = TwoSamples(request.part_of(samples.first), request.part_of(samples.second))
    trained = family.fit(part, settings_of(family, request), progress=progress)
    return trained.save(
        output,
        stage=stage,
        sample=family.name,
        version=request.version,
        card=_card(samples, trained, folder.name, command),
        provenance={
            "samples": [dict(one.record) for one in (samples.first, samples.second)],
            "command": command,
        },
        overwrite=force,
    )


def fit_translation(
    samples: TwoSamples, config: TranslationConfig, *, progress: bool = True
) -> TrainedModel:
    """Train both directions at once.

    Args:
        samples: arrays of both responses.
        config: settings.
        progress: show a progress bar.

    Raises:
        TrainingError: if the samples cannot be used.
    """
    import keras

    from ...nets.layers import use_threads
    from ...nets.loop import Judge, Losses, run
    from ..training.translation import TranslationTrainer

    started = time.perf_counter()
    _check(samples, config)
    use_threads(config.threads)
    keras.utils.set_random_seed(config.seed)
    both = (samples.first, samples.second)
    held = [split(len(one), config.holdout, config.seed) for one in both]
    learnt = [one.take(~rows) for one, rows in zip(both, held, strict=True)]
    units = _units(learnt)
    spec: dict[str, Any] = {
        "kind": config.kind,
        "family": config.family,
        "conditions": [c.name for c in samples.first.response.conditions],
        "responses": [one.to_json() for one in samples.responses],
        "units": units,
    }
    trainer = TranslationTrainer(_roots(learnt, units), config)
    judge = Judge(
        _HeldOut(spec, [o.take(rows) for o, rows in zip(both, held, strict=True)], config)
    )
    losses = Losses("loss", "critics", every=10, window=20, digits=4)
    history = run(trainer, trainer.batches(), config, judge, losses=losses, progress=progress)
    spec |= training_record(
        config,
        rows=len(learnt[0]),
        second_rows=len(learnt[1]),
        digest=data_digest({"first": samples.first.arrays, "second": samples.second.arrays}),
        weighted=False,
        history=history,
        started=started,
    )
    spec["figures"] = {
        "held_out_rows": int(held[0].sum()),
        "held_out_c2st": round(judge.figure, 5),
    }
    return TrainedModel(spec, dict(judge.kept))


def _check(samples: TwoSamples, config: TranslationConfig) -> None:
    """Refuse samples that cannot be translated to each other."""
    first, second = samples.first, samples.second
    a, b = samples.responses
    if a.shape != b.shape:
        raise TrainingError(
            f"{first.where} holds arrays of shape {a.shape}, {second.where} of {b.shape}; only "
            "arrays of one shape are translated"
        )
    if len(a.shape) != 2:
        raise TrainingError(
            f"{first.where} holds arrays of {len(a.shape)} axes; those of two are translated"
        )
    names = [tuple(c.name for c in one.conditions) for one in (a, b)]
    if names[0] != names[1]:
        raise TrainingError(
            f"{second.where} has the conditions {', '.join(names[1])}, {first.where} has "
            f"{', '.join(names[0])}; they must be the same"
        )
    for one in (first, second):
        if len(one) < LEAST_ARRAYS:
            raise TrainingError(f"{one.where}: {len(one)} arrays; {LEAST_ARRAYS} are the least")
        if not one.arrays.any():
            raise TrainingError(f"{one.where}: all of its arrays are empty")
    if config.paired:
        if len(first) != len(second):
            raise TrainingError(
                f"{first.where} holds {len(first)} arrays, {second.where} {len(second)}: they are "
                "no pairs"
            )
        for name, values in first.conditions.items():
            bad = np.flatnonzero(values != second.conditions[name])
            if len(bad):
                raise TrainingError(
                    f"{second.where}: {name} in row {bad[0]} is not that of {first.where}: they "
                    "are no pairs"
                )
    elif not config.paired and _share_events(first, second):
        raise TrainingError(
            f"{second.where} holds events of {first.where}; a translation is learnt from other "
            "events of each (or from pairs, with --paired)"
        )


def _share_events(first: ResponseSample, second: ResponseSample) -> bool:
    """Whether some row of the one has all the conditions of a row of the other."""
    rows = [set(zip(*one.conditions.values(), strict=True)) for one in (first, second)]
    return bool(rows[0] & rows[1])


def _units(learnt: Sequence[ResponseSample]) -> list[float]:
    """Means of the cells that are not empty: one for both samples where they have one unit."""
    cells = [one.arrays[one.arrays > 0] for one in learnt]
    if learnt[0].response.unit == learnt[1].response.unit:
        cells = [np.concatenate(cells)] * 2
    return [float(some.mean(dtype=np.float64)) for some in cells]


def _roots(learnt: Sequence[ResponseSample], units: Sequence[float]) -> Any:
    from ..training.translation import Roots

    found = [to_roots(one.arrays, unit) for one, unit in zip(learnt, units, strict=True)]
    least = [
        np.sqrt(one.response.threshold / unit) for one, unit in zip(learnt, units, strict=True)
    ]
    return Roots(
        (found[0], found[1]),
        (float(least[0]), float(least[1])),
        (float(found[0].mean()), float(found[1].mean())),
    )


class Told(NamedTuple):
    """Figure of a state.

    Attributes:
        value: mean of the areas under the curves of both directions.
        error: its standard deviation.
    """

    value: float
    error: float


class _HeldOut:
    """Trees that tell translated arrays from those of the other sample by their features."""

    def __init__(
        self, spec: Mapping[str, Any], held: Sequence[ResponseSample], config: TranslationConfig
    ) -> None:
        self.spec, self.seed = spec, config.seed
        self.held = [one.take(slice(0, config.judged)) for one in held]
        self.real = [_features(one, one.arrays) for one in self.held]

    def __call__(self, files: Mapping[str, bytes]) -> Told:
        """Figure of a state; see `lamarr_like.nets.loop.Judge`."""
        model = build_model(self.spec, files, "model in training")
        assert isinstance(model, ArrayTranslator)
        found = []
        for start, stop in ((0, 1), (1, 0)):
            arrays = model.translate(self.held[start].arrays, backward=start == 1)
            made = _features(self.held[start], arrays)
            found.append(c2st(self.real[stop], made, {}, {}, trees=100, seed=self.seed))
        error = float(np.hypot(found[0].error, found[1].error)) / 2
        value = float(np.mean([one.value for one in found]))
        return Told(value, error) if np.isfinite(value) else Told(1.0, 0.0)


def _features(sample: ResponseSample, arrays: np.ndarray) -> dict[str, Floats]:
    return features(sample.response, sample.seen, hits_of(arrays))


def _card(samples: TwoSamples, trained: TrainedModel, name: str, command: str) -> str:
    """Text of ``card.md``."""
    (a, b), training = samples.responses, trained.config["training"]
    figures = trained.figures
    made = " and ".join(
        f"{n} arrays by {one.record.get('made_by', 'others')} (seed "
        f"{one.record.get('seed', 'unknown')})"
        for n, one in (
            (training["rows"], samples.first),
            (training["second_rows"], samples.second),
        )
    )
    paired = training["settings"]["paired"]
    how = "pairs, arrays of the same events" if paired else "samples that share no events"
    return f"""# {a.name} to {b.name}, family {trained.config["family"]}

Translates arrays of `{a.name}` ({a.title}) to what `{b.name}` ({b.title}) would have for the same
events, and back.

## Use
`lamarr-like translate apply {name} ARRAYS.npz -o translated.npz`, and with `--backward` the way
back. It is told nothing but the array. The same array gives the same bits, whatever comes with it.

## Training
On {how}: {made}, in {training["minutes"]} minutes: `{command or "Python"}`.

Trees that tell translated arrays from those of the other sample by their features, on
{figures["held_out_rows"]} arrays held out (they also chose the state kept): mean area under the
curve of both directions {figures["held_out_c2st"]:.4f}.

## Do not use it
- for arrays of other events or of another detector than it was trained on;
- where what one response adds by chance is of interest: a translation adds none.
"""
