"""Training of the models of the chain: one recipe a stage."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.artefact import SUMS, artefact_name
from ..errors import OutputError, TrainingError
from ..events import EventBatch
from ..files.places import refuse_inputs
from ..nets.booster import fit_booster
from ..nets.classifier import fit_classifier
from ..nets.config import BoosterConfig, ClassifierConfig, GeneratorConfig
from ..nets.generator import fit_generator
from ..nets.trained import TrainedModel
from ..nets.translator.config import TranslatorConfig
from ..physics.particles import SPECIES_NAMES
from ..stages import AbstractClassifierStage, AbstractGeneratorStage, AbstractModelStage, Resolution
from ..stages.training_range import training_range
from ..system.extras import need
from .sample import read_sample, row_weights, sample_rows, stage_class

FAMILIES = ("armdn", "gan", "k-to-k")

GAN_STAGES = ("resolution", "covariance", "rich")
"""Stages that are also trained as GANs by ``train all``."""

Settings = GeneratorConfig | ClassifierConfig | BoosterConfig | TranslatorConfig

RECIPES: dict[str, Settings] = {
    "occupancy": GeneratorConfig(hidden=48, depth=2, steps=12_000, weight_decay=0.1),
    "acceptance": BoosterConfig(trees=300, depth=6, learning_rate=0.15),
    "efficiency": ClassifierConfig(hidden=64, depth=3, steps=16_000),
    "resolution": GeneratorConfig(steps=24_000, weight_decay=0.02),
    "covariance": GeneratorConfig(hidden=96, steps=30_000, weight_decay=0.02),
    "rich": GeneratorConfig(hidden=96, steps=48_000, weight_decay=0.02),
    "muon_id": BoosterConfig(trees=150, depth=5, learning_rate=0.15),
    # Numbers of hits enter the likelihoods: many narrow ridges, one or two to a component.
    "muon_likelihood": GeneratorConfig(components=16, steps=16_000, weight_decay=0.02),
    "ecal": TranslatorConfig(),
    "calo_pid": GeneratorConfig(hidden=96, depth=3, steps=46_000, weight_decay=0.02),
    "global_pid": GeneratorConfig(hidden=64, depth=3, steps=46_000, weight_decay=0.02),
    "vertex_finding": BoosterConfig(trees=150, depth=4),
    "vertices": GeneratorConfig(hidden=32, depth=2, steps=8000, weight_decay=0.05),
}
"""Family and settings of each stage; generators can also be trained as a GAN."""

REFERENCE_RECIPES: dict[str, Settings] = {
    "prob_nn": ClassifierConfig(hidden=32, depth=3, steps=16_000),
}
"""Models of the detailed simulation, each trained by its own name and never by ``train all``.

A sample holds ProbNN of the classifier that it was made with, and `global_pid` learns those;
another classifier beside it would define variables that nobody has.  So: simulate, train
``prob_nn`` on that sample, simulate with it, and train all the rest.
"""

MAX_EPOCHS = 80
"""Passes over the sample at the most: a small one would be learnt by heart."""
FEW_ROWS = 300_000
"""Below this number of rows the decay of the weights grows as their inverse."""
MAX_ROWS = 600_000
"""Rows that a training uses at the most; more bring nothing within the steps."""


@dataclass(frozen=True)
class Request:
    """What to train and under which name.

    Args:
        stage: name of the stage.
        family: ``"armdn"`` or ``"gan"`` for generators; ``"k-to-k"`` for the baseline of ``ecal``.
        frame: frame of the residuals (``resolution``).
        sample: name of the sample, part of the artefact's name.
        version: version of the artefact.
        seed: seed of the training.
        steps: training steps; 0 for those of the recipe.
        long_only: learn from long tracks only.
        part: share of the events of each file, from and to.
    """

    stage: str
    family: str = "armdn"
    frame: str = "perigee"
    sample: str = "pp13"
    version: str = "1"
    seed: int = 1
    steps: int = 0
    long_only: bool = False
    part: tuple[float, float] = (0.0, 1.0)

    @property
    def names(self) -> tuple[str, str, str]:
        """Stage, sample and version as in the name of the artefact."""
        sample = self.sample if self.family == "armdn" else f"{self.family}-{self.sample}"
        return self.stage, sample, self.version


def train(
    stage: str,
    data: Sequence[Path],
    *,
    output: Path,
    request: Request | None = None,
    columns: Path | str | None = None,
    command: str = "",
    progress: bool = True,
    force: bool = False,
) -> Iterator[Path]:
    """Train one stage or all and write the artefacts.

    Args:
        stage: name of the stage, or ``"all"`` for every stage of the chain and the GANs of
            `GAN_STAGES` (not for `REFERENCE_RECIPES`).
        data: detailed samples.
        output: folder of the artefacts, made if absent.
        request: family, names and seed.
        columns: mapping file for samples in another layout.
        command: command line, kept in the artefact.
        progress: show progress bars.
        force: replace models that are there.

    Yields:
        Folders of the artefacts written.

    Raises:
        TrainingError: if the sample cannot support the training.
        OutputError: before anything is read, if a model is there already or a folder that is none.
        MissingExtraError: before anything is read or written, if a net is asked for and the extra
            ``train`` is not installed.
    """
    request = request or Request(stage)
    if request.family not in FAMILIES:
        raise TrainingError(f"no family {request.family!r}; there are {', '.join(FAMILIES)}")
    wanted = _requests(stage, request)
    _check_extra(wanted)
    for one in wanted:
        _check_output(output / artefact_name(*one.names), [*data, columns], force)
    batch = read_sample(data, columns, request.part)
    provenance = {"data": [path.name for path in data], "events": len(batch), "command": command}
    for one in wanted:
        model = fit_stage(batch, one, progress=progress)
        yield model.save(
            output,
            **dict(zip(("stage", "sample", "version"), one.names, strict=True)),
            card=card(one, model, provenance),
            provenance=provenance,
            overwrite=force,
        )


def recipe(stage: str) -> Settings:
    """Settings of a stage; plug-ins get those that suit a few outputs of a track.

    Raises:
        TrainingError: if there is no such stage or it has no model.
    """
    known = RECIPES | REFERENCE_RECIPES
    if stage in known:
        return known[stage]
    if issubclass(stage_class(stage), AbstractClassifierStage):
        return ClassifierConfig()
    return GeneratorConfig(weight_decay=0.02)


def _check_extra(requests: Sequence[Request]) -> None:
    """Fail now rather than after the boosters that come first; those do without."""
    if all(isinstance(recipe(one.stage), BoosterConfig) for one in requests):
        return
    need("train")


def _check_output(folder: Path, inputs: Sequence[Path | str | None], force: bool) -> None:
    """See that a model may be written, and that nothing is lost where one is replaced."""
    if os.path.lexists(folder.parent) and not folder.parent.is_dir():
        raise OutputError(f"{folder.parent}: is there and no folder; name another output")
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not (folder / SUMS).is_file():
        raise OutputError(f"{folder}: is there and no model; name another folder or version")
    if not force:
        raise OutputError(
            f"{folder}: is there already; replace it with --force (force=True), or name another "
            "folder or version"
        )
    refuse_inputs(folder.glob("*"), [one for one in inputs if one is not None])


def _requests(stage: str, request: Request) -> list[Request]:
    if stage != "all":
        stage_class(stage)
        return [replace(request, stage=stage)]
    main = [replace(request, stage=name, family="armdn") for name in RECIPES]
    return main + [replace(request, stage=name, family="gan") for name in GAN_STAGES]


def fit_stage(batch: EventBatch, request: Request, *, progress: bool = True) -> TrainedModel:
    """Train the model of one stage on a sample.

    Args:
        batch: sample as `read_sample` gives it.
        request: what to train.
        progress: show a progress bar.
    """
    stage = stage_class(request.stage)
    if (request.family == "k-to-k") != (request.family != "armdn" and request.stage == "ecal"):
        raise TrainingError(f"stage {request.stage!r} has no family {request.family!r}")
    if request.stage == "ecal":
        # Needs TensorFlow from the start.
        from .ecal import fit_ecal

        settings = _settings(request, 0)
        assert isinstance(settings, TranslatorConfig)
        if request.family == "k-to-k":
            settings = settings.k_to_k()
        return fit_ecal(batch, settings, progress=progress)
    rows = _thinned(sample_rows(stage, batch, request.long_only), request.seed)
    conditions = stage.conditions(batch, rows)
    found = row_weights(batch, stage.table, rows)
    settings = _settings(request, int(rows.sum()))
    labels = np.zeros(0, np.int64)
    if issubclass(stage, AbstractClassifierStage):
        labels = stage.targets(batch, rows)[stage.target]
        if stage.balanced:
            found = _balanced(found, labels, len(stage.classes))
    elif getattr(stage, "rare_species", False):
        found = found * _species_factors(conditions, found)
    weights = None if (found == 1.0).all() else found
    if issubclass(stage, AbstractClassifierStage):
        if isinstance(settings, BoosterConfig):
            model = fit_booster(
                *(conditions, labels, weights),
                classes=stage.classes,
                config=settings,
                progress=progress,
            )
        else:
            assert isinstance(settings, ClassifierConfig)
            model = fit_classifier(
                *(conditions, labels, weights),
                classes=stage.classes,
                config=settings,
                progress=progress,
            )
    else:
        assert isinstance(settings, GeneratorConfig)
        assert issubclass(stage, AbstractGeneratorStage)
        targets = stage_targets(stage, batch, rows, request.frame)
        model = fit_generator(
            *(conditions, targets, weights),
            settings,
            integers=sorted(stage.integers & targets.keys()),
            pulls=sorted(stage.pulls & targets.keys()),
            progress=progress,
        )
    extra = stage.extra_config(batch)
    if stage is Resolution:
        extra |= {"frame": request.frame, "training_range": training_range(conditions)}
    return replace(model, config={**model.config, **extra})


def stage_targets(
    stage: type[AbstractModelStage], batch: EventBatch, rows: np.ndarray, frame: str = "perigee"
) -> dict[str, np.ndarray]:
    """Targets of a generator stage in the order in which they are drawn."""
    if stage is Resolution:
        found = Resolution.targets(batch, rows, frame)
        return {name: found[name] for name in Resolution.outputs_in(frame)}
    found = stage.targets(batch, rows)
    assert issubclass(stage, AbstractGeneratorStage)
    return {name: found[name] for name in stage.outputs}


def _balanced(weights: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Weights scaled so that every class that occurs has the same sum."""
    sums = np.bincount(labels, weights, minlength=n_classes)
    if (sums[np.unique(labels)] <= 0.0).any():
        raise TrainingError("the weights of a class sum to nothing positive")
    factor = weights.sum() / np.where(sums > 0.0, sums, 1.0) / np.count_nonzero(sums)
    result: np.ndarray = weights * factor[labels]
    return result


def _species_factors(conditions: Mapping[str, np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Factors that fall with the root of the share of each row's species; of mean one."""
    factors = np.ones(len(weights))
    for name in SPECIES_NAMES.values():
        flag = np.asarray(conditions[f"is_{name.lower()}"]) > 0.5
        share = weights[flag].sum() / weights.sum()
        if share > 0.0:
            factors[flag] = 1.0 / np.sqrt(share)
    result: np.ndarray = factors * (weights.sum() / (weights * factors).sum())
    return result


def _thinned(rows: np.ndarray, seed: int) -> np.ndarray:
    """At most `MAX_ROWS` of the rows, chosen at random."""
    places = np.flatnonzero(rows)
    if len(places) <= MAX_ROWS:
        return rows
    kept = np.random.default_rng(seed).choice(places, MAX_ROWS, replace=False)
    thinned = np.zeros_like(rows)
    thinned[kept] = True
    return thinned


def _settings(request: Request, n_rows: int) -> Settings:
    """Settings of the recipe; small samples of tracks get fewer steps and decay their weights more.

    The nets of events and vertices are small enough as they are.
    """
    settings = replace(recipe(request.stage), seed=request.seed)
    if isinstance(settings, GeneratorConfig) and request.family == "gan":
        settings = GeneratorConfig(family="gan", steps=12_000, seed=request.seed)
    if isinstance(settings, GeneratorConfig) and stage_class(request.stage).table == "track":
        settings = replace(
            settings,
            steps=max(1, min(settings.steps, MAX_EPOCHS * n_rows // settings.batch)),
            weight_decay=settings.weight_decay * max(1.0, FEW_ROWS / n_rows),
        )
    if not request.steps:
        return settings
    if isinstance(settings, BoosterConfig):
        return replace(settings, trees=request.steps)
    return replace(settings, steps=request.steps)


def card(request: Request, model: TrainedModel, provenance: dict[str, Any]) -> str:
    """Text of ``card.md``: what it is, what it learnt from, how well, and where not to use it."""
    config, training = model.config, model.config["training"]
    figures = "\n".join(f"- {name}: {_plain(value)}" for name, value in config["figures"].items())
    outputs = ", ".join(config.get("outputs", config.get("classes", ())))
    weighted = f"Weighted: {'yes' if training['weighted'] else 'no'}."
    if training["weighted"] and getattr(stage_class(request.stage), "rare_species", False):
        weighted = "Weighted: rare species by the inverse root of their share."
    return f"""# {request.stage}, {config["family"]}, sample {request.sample}

Model of the stage `{request.stage}`; gives {outputs}.

## Trained on
{training["rows"]} rows of {provenance["events"]} events of {", ".join(provenance["data"])},
made by the *reference detector* of this package unless the sample's name says otherwise: an
LHCb-like spectrometer with published resolutions, not LHCb.
{weighted}
Seed {request.seed}; {training["minutes"]} minutes on one thread.
Command: `{provenance["command"] or "lamarr_like.training.train"}`

## How well, on rows held out of the training (they also chose the state kept)
{figures}

Figures on independent events, stage by stage and beside their floor: tutorials/fidelity.md, made by
`lamarr-like fidelity`.

## Do not use it
- for conditions outside the sample: other beam energies or lines, other magnet settings, momenta
  above a few hundred GeV, other species than e, mu, pi, K, p;
- for statements about LHCb itself.
"""


def _plain(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
