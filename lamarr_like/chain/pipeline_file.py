"""Pipeline files: which stages run, in which order, with which models.

::

    schema_version: 1
    name: reference
    description: one line for people
    stages:
      - stage: propagation
        options: {polarity: -1}
      - stage: acceptance
        model: acceptance-pp13-1
      - stage: rich
        model: rich@>=2

A model is told by its name, its folder, or a pin: a range of versions, a digest
(`lamarr_like.registry.pin`).

A file is checked in two steps, first its structure and then its meaning; every message starts with
the file and the path of the item, as in ``reference.yaml: stages[1].model``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ArtefactError, PipelineError
from ..files.find import find_pipeline
from ..files.forms import Anything, Entries, Items, Number, Record, Text, check, check_version
from ..files.yaml_json import read_yaml
from ..registry.find import check_pin, is_pin
from ..stages import AbstractModelStage, find_stage

PIPELINE_SCHEMA = 1

_STAGE = Record({"stage": Text(), "model": Text(), "options": Entries(Anything())}, ("stage",))
_FORM = Record(
    {
        "schema_version": Number(whole=True),
        "name": Text(),
        "description": Text(),
        "stages": Items(_STAGE, least=1, most=1000),
    },
    ("schema_version", "name", "stages"),
)


@dataclass(frozen=True)
class StageConfig:
    """One entry of a pipeline.

    Args:
        stage: name of the stage.
        model: name, folder or pin of its artefact, None for analytic stages.
        options: options of the stage.
    """

    stage: str
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineConfig:
    """A checked pipeline file.

    Args:
        name: name of the pipeline.
        stages: its stages in order.
        description: one line for people.
        digest: SHA-256 of the file.
    """

    name: str
    stages: tuple[StageConfig, ...]
    description: str = ""
    digest: str = ""


def load_config(name: str | Path) -> PipelineConfig:
    """Read and check a pipeline.

    Args:
        name: name of a shipped pipeline or path of a YAML file.

    Raises:
        PipelineError: if there is none, it is no YAML, or an item is wrong.
    """
    path = find_pipeline(str(name))
    document, content = read_yaml(path, PipelineError)
    config = parse_config(document, str(path))
    return PipelineConfig(
        config.name, config.stages, config.description, hashlib.sha256(content).hexdigest()
    )


def parse_config(document: object, where: str) -> PipelineConfig:
    """Check the content of a pipeline file.

    Args:
        document: what the YAML says.
        where: name of the file, for messages.

    Raises:
        PipelineError: with the path of the item that is wrong.
    """
    check_version(document, "schema_version", PIPELINE_SCHEMA, where, PipelineError)
    top = check(document, _FORM, where, PipelineError)
    stages = tuple(
        StageConfig(item["stage"], item.get("model") or None, item.get("options", {}))
        for item in top["stages"]
    )
    _check_meaning(stages, f"{where}: ")
    return PipelineConfig(top["name"], stages, top.get("description", ""))


def _check_meaning(stages: tuple[StageConfig, ...], prefix: str) -> None:
    seen: set[str] = set()
    for i, config in enumerate(stages):
        where = f"{prefix}stages[{i}]"
        try:
            stage = find_stage(config.stage)
        except PipelineError as error:
            raise PipelineError(f"{where}.stage: {error}") from error
        if config.stage in seen:
            raise PipelineError(f"{where}.stage: {config.stage!r} comes twice")
        seen.add(config.stage)
        trained = issubclass(stage, AbstractModelStage)
        if trained and config.model is None:
            raise PipelineError(f"{where}.model is missing: stage {config.stage!r} needs a model")
        if not trained and config.model is not None:
            raise PipelineError(f"{where}.model: stage {config.stage!r} takes no model")
        if config.model is not None and is_pin(config.model):
            try:
                check_pin(config.model)
            except ArtefactError as error:
                raise PipelineError(f"{where}.model: {error}") from None
        known = stage.options
        for key in config.options:
            if key not in known:
                raise PipelineError(
                    f"{where}.options.{key}: stage {config.stage!r} has no such option; "
                    f"it has: {', '.join(known) or 'none'}"
                )
