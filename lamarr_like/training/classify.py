"""Candidates of two domains to a classifier that is to hold in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Columns, Floats32, Ints, Mask
from ..engine.artefact import artefact_name
from ..engine.model_tables import read_arrays, read_transform
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
        steps: training steps; 0 for the default, fewer for a small sample.
        strength: of the adversary, in units of the default.
        judged: share of the candidates of each file, its last ones, that are kept to judge by.
        settings: further settings of `lamarr_like.nets.config.DomainConfig`.
    """

    candidates: Candidates
    adversary: str = "domain"
    sample: str = "candidates"
    version: str = "1"
    seed: int = 1
    steps: int = 0
    strength: float = 1.0
    judged: float = 0.4
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
        config = family.configured(**{"seed": self.seed, **(self.settings or {})})
        assert isinstance(config, DomainConfig)
        strength = self.strength if self.adversary == "domain" else 0.0
        config = replace(config, adversary=strength * config.adversary, laws=strength * config.laws)
        return config


class Held(NamedTuple):
    """How well a classifier does on candidates that it has not learnt from.

    Attributes:
        domains: how well fresh trees tell the domains by the features.
        source: area under the ROC curve of signal and background.
        target: the same there, None where nothing tells what its candidates are.
    """

    domains: Auc
    source: Auc
    target: Auc | None

    def __str__(self) -> str:
        """One line."""
        target = "" if self.target is None else f", {_told(self.target)} in the target"
        return (
            f"signal told from background by AUC {_told(self.source)} in the source{target}; "
            f"domains told apart by the features {_told(self.domains)}"
        )


def classify(
    source: Sequence[Path],
    target: Sequence[Path],
    *,
    output: Path,
    request: ClassifyRequest,
    command: str = "",
    say: Say = lambda line: None,
    progress: bool = True,
    force: bool = False,
) -> Path:
    """Train a classifier of candidates and write its artefact.

    Args:
        source: trees of candidates that are known to be signal or background.
        target: trees of the domain in which it has to hold; what its candidates are is not read but
            to judge by, where the files tell it.
        output: folder of the artefacts, made if absent.
        request: features, names and seed.
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
    config, reader = request.config, request.candidates
    if not 0.0 < request.judged < 1.0:
        raise TrainingError(f"a share of {request.judged:g} of the candidates to judge by is none")
    check_free_model(output / artefact_name(**request.names), [*source, *target], force)
    learnt, kept = (0.0, 1.0 - request.judged), (1.0 - request.judged, 1.0)
    columns, labels = reader.labelled(source, learnt)
    left_out = reader.left_out([*source, *target])
    for line in left_out:
        say(line)
    other = reader.unlabelled(target, learnt)
    n = len(next(iter(other.values())))
    say(
        f"learns from {labels.sum()} signal and {(labels == 0).sum()} background of the source, "
        f"{n} candidates of the target"
    )
    rows = LabelledRows(columns, labels, CLASSES, target=other)
    config = config.for_rows(len(labels))
    if request.steps:
        config = replace(config, steps=request.steps)
    model = find_family("domain", "classifier").fit(rows, config, progress=progress)
    theirs = reader.labelled(target, kept) if reader.are_known(target) else None
    held = judged(
        model, reader.labelled(source, kept), theirs or (reader.unlabelled(target, kept), None)
    )
    say(str(held))
    names = [[path.name for path in paths] for paths in (source, target)]
    provenance: dict[str, Any] = {
        "data": names[0],
        "target": names[1],
        "signal": list(reader.signal),
        "counts": [int((labels == 1).sum()), int((labels == 0).sum()), n],
        "left_out": left_out,
        "command": command,
    }
    model.figures.update(
        {f"judged_{name}": auc.value for name, auc in held._asdict().items() if auc is not None}
    )
    return model.save(
        output,
        **request.names,
        card=_card(request, model, provenance, held),
        provenance=provenance,
        overwrite=force,
    )


def judged(
    model: TrainedModel, source: tuple[Columns, Ints], target: tuple[Columns, Ints | None]
) -> Held:
    """Figures of a classifier on candidates of both domains.

    Args:
        model: the classifier.
        source, target: features and classes, of shape ``(n,)`` and ``(m,)``; None for classes that
            nobody knows.
    """
    from ..nets.domain import domains_told, features

    arrays = read_arrays(model.files, "trained model")
    transform = read_transform(arrays, model.config["condition_flags"], "trained model")
    network, names = Network(model.files["model.onnx"]), model.config["conditions"]
    prepared = [transform([columns[c] for c in names]) for columns, _ in (source, target)]
    aucs = [
        None if labels is None else _auc(network(conditions=x)[0][:, 1], labels == 1)
        for x, (_, labels) in zip(prepared, (source, target), strict=True)
    ]
    assert aucs[0] is not None
    return Held(domains_told(*(features(network, x) for x in prepared)), aucs[0], aucs[1])


def _auc(scores: Floats32, is_signal: Mask) -> Auc:
    sides = [side.astype(np.float64) for side in (scores[is_signal], scores[~is_signal])]
    value, error = weighted_auc(*sides, *(np.ones(len(side)) for side in sides))
    return Auc(value, error, min(map(len, sides)))


def _told(auc: Auc) -> str:
    return f"{auc.value:.4f} +- {auc.error:.4f}"


def _card(
    request: ClassifyRequest, model: TrainedModel, provenance: Mapping[str, Any], held: Held
) -> str:
    """Text of ``card.md``."""
    training = model.config["training"]
    name, low, high = request.candidates.signal
    signal, background, n = provenance["counts"]
    left_out = "".join(f"{line}.\n" for line in provenance["left_out"])
    how = "blind to the domain" if request.adversary == "domain" else "without an adversary"
    return f"""# Classifier of candidates, sample {request.sample}

Gives the probability that a candidate is signal; {how}.

## Trained on
Source: {", ".join(provenance["data"])}, {signal} signal ({name} from {low:g} to {high:g}) and
{background} background.  Target, of which no class was read: {", ".join(provenance["target"])},
{n} candidates.
{left_out}Seed {request.seed}; {training["minutes"]} minutes on one thread.
Command: `{provenance["command"] or "lamarr_like.training.classify"}`

## How well, on the last {request.judged:.0%} of the candidates, which it has not learnt from
{held}.

## Do not use it
- where signal and background have other shares in the target than in the source: their laws cannot
  be made equal without making the classes alike;
- for candidates of another selection, or without a value of a feature.
"""
