"""A fast and a detailed sample to a model that moves what a stage draws to the detailed one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..engine.artefact import artefact_name
from ..errors import PipelineError, TrainingError
from ..nets.config import RefinerConfig
from ..nets.families import find_family
from ..nets.trained import TrainedModel
from ..stages import AbstractGeneratorStage
from ..stages.refinement import PREFIX, learnt_form, refinement
from ..system.extras import need
from .paired_rows import paired_rows, unpaired_rows
from .sample import read_sample, stage_class
from .told_apart import told_apart
from .train import check_free_model

Say = Callable[[str], None]


@dataclass(frozen=True)
class RefineRequest:
    """What to refine and under which name.

    Args:
        stage: stage whose variables are moved.
        sample: name of the sample, part of the artefact's name.
        version: version of the artefact.
        seed: seed of the training.
        steps: training steps; 0 for the default.
        part: share of the events of each file, from and to.
        unpaired: the samples share no events: no partners, and laws alone are compared.
        settings: further settings of `lamarr_like.nets.config.RefinerConfig`.
    """

    stage: str
    sample: str = "pp13"
    version: str = "1"
    seed: int = 1
    steps: int = 0
    part: tuple[float, float] = (0.0, 1.0)
    unpaired: bool = False
    settings: Mapping[str, Any] | None = None

    @property
    def names(self) -> dict[str, str]:
        """Stage, sample and version as in the name of the artefact."""
        return {"stage": PREFIX + self.stage, "sample": self.sample, "version": self.version}

    @property
    def refined(self) -> type[AbstractGeneratorStage]:
        """The stage whose variables are moved.

        Raises:
            TrainingError: if there is none, or it cannot be refined.
        """
        stage = stage_class(self.stage)
        try:
            return refinement(stage).refines
        except PipelineError as error:
            raise TrainingError(str(error)) from error

    @property
    def config(self) -> RefinerConfig:
        """Settings of the training."""
        family = find_family("residual", "refiner")
        config = family.configured(**{"seed": self.seed, **(self.settings or {})})
        assert isinstance(config, RefinerConfig)
        return replace(config, steps=self.steps) if self.steps else config


def refine(
    fast: Path,
    detailed: Path,
    *,
    output: Path,
    request: RefineRequest,
    columns: Path | str | None = None,
    command: str = "",
    tests: Sequence[tuple[Path, Path]] = (),
    say: Say = lambda line: None,
    progress: bool = True,
    force: bool = False,
) -> Path:
    """Train a refinement and write its artefact.

    Args:
        fast: sample to be refined: the events of the detailed one, or its first ones, by any
            pipeline.
        detailed: detailed sample.
        output: folder of the artefacts, made if absent.
        request: stage, names and seed.
        columns: mapping file for a fast sample in another layout.
        command: command line, kept in the artefact.
        tests: fast and detailed samples of other events to judge on.
        say: called with a line of text for each figure.
        progress: show a progress bar.
        force: replace a model that is there.

    Returns:
        Folder of the artefact.

    Raises:
        TrainingError: if the samples cannot support the training.
        OutputError: before anything is read, if the model is there already.
        SchemaError: if the samples are not of the same generated events.
    """
    need("train")
    stage, config = request.refined, request.config
    check_free_model(output / artefact_name(**request.names), [fast, detailed, columns], force)
    one = read_sample([fast], columns, request.part)
    two = read_sample([detailed], None, request.part)
    rows = unpaired_rows(stage, one, two) if request.unpaired else paired_rows(stage, one, two)
    model = find_family("residual", "refiner").fit(rows, config, progress=progress)
    model = replace(model, config={**model.config, "learnt": learnt_form(stage, {})})
    figures = model.figures
    before, after = figures["unrefined_quick_c2st"], figures["held_out_quick_c2st"]
    say(f"rows held out, each with its own conditions: AUC {before:.4f} before, {after:.4f} after")
    if model.config["identity"]:
        say("no state was better than the sample as it is: the model is the identity")
    told: list[str] = []
    for pair in tests:
        names = " and ".join(path.name for path in pair)
        told += [f"{names}: {line}" for line in _tested(stage, model, pair, columns)]
        say("\n".join(told[-2:]))
    provenance = {"data": [fast.name, detailed.name], "events": len(one), "command": command}
    return model.save(
        output,
        **request.names,
        card=_card(request, model, provenance, told),
        provenance=provenance,
        overwrite=force,
    )


def judged_on(fast: Sequence[Path], detailed: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Samples to judge on, in pairs.

    Raises:
        TrainingError: if there are not as many of the one as of the other.
    """
    if len(fast) != len(detailed):
        raise TrainingError(
            f"{len(fast)} fast samples and {len(detailed)} detailed ones to judge on; they must be "
            "given in pairs"
        )
    return list(zip(fast, detailed, strict=True))


def _tested(
    stage: type[AbstractGeneratorStage],
    model: TrainedModel,
    pair: tuple[Path, Path],
    columns: Path | str | None,
) -> list[str]:
    """Figures on events that the model has not seen."""
    fast, detailed = read_sample([pair[0]], columns), read_sample([pair[1]])
    loaded = refinement(stage)(model.model(), model.config)
    return [str(one) for one in told_apart(loaded, fast, detailed)]


def _card(
    request: RefineRequest, model: TrainedModel, provenance: Mapping[str, Any], told: Sequence[str]
) -> str:
    """Text of ``card.md``."""
    training, figures = model.config["training"], model.config["figures"]
    before, after = figures["unrefined_quick_c2st"], figures["held_out_quick_c2st"]
    fast, detailed = provenance["data"]
    same = "\nNo state was better than the sample as it is: the model is the identity."
    same = same if model.config["identity"] else ""
    tested = "\n".join(f"- {line}" for line in told) or "Not judged on other events."
    return f"""# {PREFIX}{request.stage}, sample {request.sample}

Moves what the stage `{request.stage}` has drawn in a fast sample to what the detailed one has; a
pipeline has it behind that stage.  It belongs to the chain that made its fast sample.

## Trained on
{training["rows"]} rows of {provenance["events"]} events: {fast} (fast) and {detailed} (detailed).
Seed {request.seed}; {training["minutes"]} minutes on one thread.
Command: `{provenance["command"] or "lamarr_like.training.refine"}`

## How well, on rows held out of the training (they also chose the state kept)
Area under the ROC curve of trees that tell the sample from the detailed one, each row with its own
conditions, {figures["held_out_rows"]} rows a side: {before:.4f} before, {after:.4f} after.{same}

## How well, on other events
Tracks of the same particles, of which trees are told the truth.

{tested}

## Do not use it
- behind another chain than that of its fast sample;
- for conditions outside the sample.
"""
