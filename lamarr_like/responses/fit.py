"""Trains a generator of a response and writes it as an artefact."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from ..engine.artefact import artefact_name
from ..errors import ArtefactError, TrainingError
from ..nets.config import AbstractConfig
from ..nets.families import Family
from ..system.extras import need
from .config import CodesConfig
from .families import DEFAULT, find_response_family
from .samples import AnySample, declared_as, parts_of

S = TypeVar("S", bound=AnySample)


class Request(NamedTuple):
    """What is to be trained.

    Attributes:
        family: of generators; the default one if empty.
        minutes: about how long; 0 for the steps.
        steps: of the training; 0 for the recipe's.
        part: share of the sample, from and to.
        seed: of the training.
        version: in the name of the artefact.
        words: settings of the family other than the recipe's, such as ``objective=wasserstein``.
    """

    family: str = ""
    minutes: float = 0.0
    steps: int = 0
    part: tuple[float, float] = (0.0, 1.0)
    seed: int = 1
    version: str = "1"
    words: Sequence[str] = ()

    def part_of(self, sample: S) -> S:
        """The share of a sample that is asked for.

        Raises:
            TrainingError: if it is none.
        """
        low, high = self.part
        if not 0.0 <= low < high <= 1.0:
            raise TrainingError(f"--part {low} {high}: must be from 0 to 1, the first the smaller")
        rows = slice(int(low * len(sample)), int(high * len(sample)))
        return cast(S, sample.take(rows))


def fit(
    sample: AnySample,
    request: Request,
    output: Path | str,
    *,
    command: str = "",
    force: bool = False,
    progress: bool = True,
    timed: bool = True,
) -> Path:
    """Train and write ``<response>-<family>-<version>``; returns its folder.

    Args:
        sample: detailed arrays.
        request: what to train.
        output: folder of models.
        command: how this was asked for, for the card.
        force: replace a model of that name.
        progress: show progress bars.
        timed: tell how long it took, which is another number each time; without, the same inputs
            give the same bytes.

    Raises:
        TrainingError: if the sample cannot be used.
        ArtefactError: if there is a model of that name.
    """
    family = find_response_family(request.family or DEFAULT)
    if family.extra:
        need(family.extra)
    of = declared_as(sample)
    folder = Path(output) / artefact_name(of.name, family.name, request.version)
    if folder.exists() and not force:
        raise ArtefactError(f"{folder} exists; replace it with --force, or name another version")
    part = request.part_of(sample)
    settings = settings_of(family, request)
    trained = family.fit(part, settings, progress=progress)
    if not timed:
        training = {k: v for k, v in trained.config["training"].items() if k != "minutes"}
        trained = replace(trained, config={**trained.config, "training": training})
    return trained.save(
        output,
        stage=of.name,
        sample=family.name,
        version=request.version,
        card=card(sample, family.name, trained.config, command),
        provenance={
            "sample": dict(sample.record),
            "data": [Path(sample.where).name],
            "command": command,
        },
        overwrite=force,
    )


def settings_of(family: Family, request: Request) -> AbstractConfig:
    """Settings with the steps or the time that was asked for.

    Args:
        family: of which they are.
        request: what to train.

    Raises:
        TrainingError: if a setting is none, or the family cannot be trained for a time.
    """
    settings = family.configured(seed=request.seed)
    settings = replace(settings, **values_of(settings, request.words))
    if request.steps:
        return settings.with_steps(request.steps)
    if not request.minutes or not hasattr(settings, "steps"):
        return settings
    if not isinstance(settings, CodesConfig):
        raise TrainingError(f"family {family.name!r} cannot be trained for a time; give --steps")
    return replace(settings, minutes=request.minutes)


def values_of(settings: AbstractConfig, words: Sequence[str]) -> dict[str, Any]:
    """Values by the names of settings, from words like ``penalty=10`` or ``widths=2,4``.

    Args:
        settings: of the family, whose values tell of what type others are.
        words: name and value each.

    Raises:
        TrainingError: if one is no setting, or its value is of another type.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in (known := sorted(field.name for field in fields(settings))):
            raise TrainingError(
                f"--set {word}: family {settings.family} has the settings {', '.join(known)}"
            )
        now = getattr(settings, name)
        try:
            found[name] = _value(now, text)
        except ValueError as error:
            raise TrainingError(f"--set {word}: must be like {name}={_text(now)}") from error
    return found


def _value(now: Any, text: str) -> Any:
    """The value that a text stands for, of the type of another one."""
    if isinstance(now, tuple):
        return tuple(_value(now[0], part) for part in text.split(","))
    if isinstance(now, bool):
        return ("false", "true").index(text) == 1  # a ValueError where it is neither
    value = type(now)(text)
    if isinstance(now, (int, float)) and not 0 <= value < math.inf:
        raise ValueError(text)
    return value


def _text(value: Any) -> str:
    """As `_value` reads it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def card(sample: AnySample, family: str, config: Mapping[str, Any], command: str) -> str:
    """Text of ``card.md``."""
    of = declared_as(sample)
    ranges = "\n".join(
        f"- `{c.name}`: {c.meaning}, {c.low:g} to {c.high:g} {c.unit}".rstrip()
        for c in of.conditions
    )
    figures = "\n".join(f"| {k.replace('_', ' ')} | {v} |" for k, v in config["figures"].items())
    record, training = sample.record, config["training"]
    took = f", in {training['minutes']} minutes" if "minutes" in training else ""
    arrays = " and of ".join(
        f"{' x '.join(map(str, part.response.shape))} cells [{part.response.unit}]"
        for part in parts_of(sample)
    )
    return f"""# {of.name}, family {family}

{of.title[:1].upper()}{of.title[1:]}. Arrays of {arrays},
drawn for given particles; of the reference detector, not of LHCb.

## Use
`lamarr-like response draw {of.name}-{family}-1 --like PARTICLES -o drawn.npz`. Declared for

{ranges}

Other particles are refused. Compare with a detailed sample before use:
`lamarr-like response compare`.

## Training
On {training["rows"]} of {len(sample)} arrays made by {record.get("made_by", "others")}
(seed {record.get("seed", "unknown")}){took}:
`{command or "Python"}`.

| figure on held-out arrays | value |
|---|---|
{figures}
"""
