"""Candidates of two domains to a classifier that is to hold in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Columns, Floats, Ints
from ..engine.artefact import artefact_name
from ..engine.onnx_session import Network
from ..errors import TrainingError
from ..nets.config import DomainConfig
from ..nets.families import find_family
from ..nets.sample import LabelledRows
from ..nets.trained import TrainedModel
from ..statistics.two_sample import Auc, weighted_auc
from ..system.extras import need
from .candidates import CLASSES, Candidates
from .train import check_free_model

Say = Callable[[str], None]

STAGE = "classifier"
"""First part of the names of such models; it is no stage of a chain."""


@dataclass(frozen=True)
class ClassifyRequest:
    """What to learn and under which name.

    Args:
        candidates: what is read of the trees.
        adversary: ``"domain"`` for features that are blind to the domain, ``"none"`` for the same
            network without.
        sample: name of the sample, part of the artefact's name.
        version: version of the artefact.
        seed: seed of the training.
        steps: training steps; 0 for the default.
        strength: of the adversary, in units of the default.
        settings: further settings of `lamarr_like.nets.config.DomainConfig`.
    """

    candidates: Candidates
    adversary: str = "domain"
    sample: str = "candidates"
    version: str = "1"
    seed: int = 1
    steps: int = 0
    strength: float = 1.0
    settings: Mapping[str, Any] | None = None

    @property
    def names(self) -> dict[str, str]:
        """Stage, sample and version as in the name of the artefact."""
        return {"stage": STAGE, "sample": self.sample, "version": self.version}

    @property
    def config(self) -> DomainConfig:
        """Settings of the training.

        Raises:
            TrainingError: if there is no such adversary or setting.
        """
        if self.adversary not in ("domain", "none"):
            raise TrainingError(f"no adversary {self.adversary!r}; there are domain and none")
        family = find_family("domain", "classifier")
        config = family.configured(**{"seed": self.seed, "holdout": 0.3, **(self.settings or {})})
        assert isinstance(config, DomainConfig)
        strength = self.strength if self.adversary == "domain" else 0.0
        config = replace(config, adversary=strength * config.adversary, laws=strength * config.laws)
        return replace(config, steps=self.steps) if self.steps else config


class Held(NamedTuple):
    """How well a classifier does on candidates that it has not learnt from.

    Attributes:
        source, target: area under the ROC curve of signal and background in each domain.
        domains: how well fresh trees tell the domains by the features.
    """

    source: Auc
    target: Auc
    domains: Auc

    def __str__(self) -> str:
        """One line."""
        one, two, three = (f"{auc.value:.4f} +- {auc.error:.4f}" for auc in self)
        return (
            f"signal told from background by AUC {one} in the source, {two} in the target; domains "
            f"told apart by the features {three}"
        )


def classify(
    source: Sequence[Path],
    target: Sequence[Path],
    *,
    output: Path,
    request: ClassifyRequest,
    tests: tuple[Sequence[Path], Sequence[Path]] = ((), ()),
    command: str = "",
    say: Say = lambda line: None,
    progress: bool = True,
    force: bool = False,
) -> Path:
    """Train a classifier of candidates and write its artefact.

    Args:
        source: trees of candidates that are known to be signal or background.
        target: trees of the domain in which it has to hold; of what they are nothing is read.
        output: folder of the artefacts, made if absent.
        request: features, names and seed.
        tests: trees of other candidates of both domains, known in both, to judge by.
        command: command line, kept in the artefact.
        say: called with a line of text for each figure.
        progress: show a progress bar.
        force: replace a model that is there.

    Returns:
        Folder of the artefact.

    Raises:
        TrainingError: if the samples cannot support the training.
        OutputError: before anything is read, if the model is there already.
        SourceError, SchemaError: if a file cannot be read or lacks a branch.
    """
    need("train")
    config = request.config
    if bool(tests[0]) != bool(tests[1]):
        raise TrainingError("to judge by candidates of one domain alone says nothing of the other")
    check_free_model(output / artefact_name(**request.names), [*source, *target], force)
    columns, labels = request.candidates.labelled(source)
    other = request.candidates.unlabelled(target)
    rows = LabelledRows(columns, labels, CLASSES, target=other)
    shares = {
        "source": [int((labels == label).sum()) for label in range(len(CLASSES))],
        "target": len(next(iter(other.values()))),
    }
    say(
        f"{shares['source'][1]} signal and {shares['source'][0]} background of the source, "
        f"{shares['target']} candidates of the target"
    )
    model = find_family("domain", "classifier").fit(rows, config, progress=progress)
    told = f"rows held out: domains told apart by the features {_apart(model)}"
    say(told)
    lines = [told]
    if tests[0]:
        held = judged(model, *(request.candidates.labelled(one) for one in tests))
        lines.append(f"other candidates: {held}")
        say(lines[-1])
    names = [[path.name for path in paths] for paths in (source, target, *tests)]
    provenance: dict[str, Any] = {
        "data": names[0],
        "target": names[1],
        "tests": names[2:],
        "signal": list(request.candidates.signal),
        "command": command,
    }
    return model.save(
        output,
        **request.names,
        card=_card(request, model, provenance, shares, lines),
        provenance=provenance,
        overwrite=force,
    )


def judged(model: TrainedModel, source: tuple[Columns, Ints], target: tuple[Columns, Ints]) -> Held:
    """Figures of a classifier on candidates of both domains.

    Args:
        model: the classifier.
        source, target: features and classes, of shape ``(n,)`` and ``(m,)``.
    """
    from ..engine.model_tables import read_arrays, read_transform
    from ..nets.domain import domains_told, features

    classifier = model.classifier()
    arrays = read_arrays(model.files, "trained model")
    transform = read_transform(arrays, model.config["condition_flags"], "trained model")
    network = Network(model.files["model.onnx"])
    aucs, made = [], []
    for columns, labels in (source, target):
        p = classifier.predict(columns)[:, 1]
        aucs.append(_auc(p, labels == 1))
        made.append(features(network, transform([columns[c] for c in classifier.conditions])))
    return Held(aucs[0], aucs[1], domains_told(made[0], made[1]))


def _auc(scores: Floats, is_signal: np.ndarray) -> Auc:
    sides = scores[is_signal], scores[~is_signal]
    value, error = weighted_auc(*sides, *(np.ones(len(side)) for side in sides))
    return Auc(value, error, min(map(len, sides)))


def _apart(model: TrainedModel) -> str:
    figures = model.figures
    return f"{figures['domains_told_apart']:.4f} +- {figures['domains_told_apart_error']:.4f}"


def _card(
    request: ClassifyRequest,
    model: TrainedModel,
    provenance: Mapping[str, Any],
    shares: Mapping[str, Any],
    told: Sequence[str],
) -> str:
    """Text of ``card.md``."""
    training = model.config["training"]
    name, low, high = request.candidates.signal
    background, signal = shares["source"]
    how = "blind to the domain" if request.adversary == "domain" else "without an adversary"
    lines = "\n".join(f"- {line}" for line in told)
    return f"""# Classifier of candidates, sample {request.sample}

Gives the probability that a candidate is signal; {how}.

## Trained on
Source: {", ".join(provenance["data"])}, {signal} signal ({name} from {low:g} to {high:g}) and
{background} background.  Target, of which no class was read: {", ".join(provenance["target"])},
{shares["target"]} candidates.
Seed {request.seed}; {training["minutes"]} minutes on one thread.
Command: `{provenance["command"] or "lamarr_like.training.classify"}`

## How well
{lines}

## Do not use it
- where signal and background have other shares in the target than in the source: their laws cannot
  be made equal without making the classes alike;
- for candidates of another selection.
"""
