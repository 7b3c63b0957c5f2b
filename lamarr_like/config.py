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

A file is checked in two steps, first its structure and then its meaning; every message starts with
the file and the path of the item, as in ``reference.yaml: stages[1].model``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .documents import read_yaml
from .errors import PipelineError
from .resources import find_pipeline
from .stages import AbstractModelStage, find_stage

PIPELINE_SCHEMA = 1


@dataclass(frozen=True)
class StageConfig:
    """One entry of a pipeline.

    Args:
        stage: name of the stage.
        model: name or folder of its artefact, None for analytic stages.
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
    top = _mapping(document, where)
    prefix = f"{where}: "
    version = _item(top, "schema_version", int, prefix)
    if version != PIPELINE_SCHEMA:  # first: another version has other items
        raise PipelineError(
            f"{prefix}schema_version is {version}, this version reads {PIPELINE_SCHEMA}"
        )
    _only(top, ("schema_version", "name", "description", "stages"), prefix)
    name = _item(top, "name", str, prefix)
    description = _item(top, "description", str, prefix, "")
    items = _item(top, "stages", list, prefix)
    stages = tuple(_stage(item, f"{prefix}stages[{i}]") for i, item in enumerate(items))
    _check_meaning(stages, prefix)
    return PipelineConfig(name, stages, description)


def _stage(item: object, where: str) -> StageConfig:
    entry = _mapping(item, where)
    prefix = f"{where}."
    _only(entry, ("stage", "model", "options"), prefix)
    model = _item(entry, "model", str, prefix, "")
    options = _item(entry, "options", dict, prefix, {})
    return StageConfig(_item(entry, "stage", str, prefix), model or None, options)


def _check_meaning(stages: tuple[StageConfig, ...], prefix: str) -> None:
    if not stages:
        raise PipelineError(f"{prefix}stages is empty")
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
        known = stage.options
        for key in config.options:
            if key not in known:
                raise PipelineError(
                    f"{where}.options.{key}: stage {config.stage!r} has no such option; "
                    f"it has: {', '.join(known) or 'none'}"
                )


def _mapping(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise PipelineError(f"{where}: expected a mapping, found {_kind(value)}")
    return value


def _only(entry: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> None:
    for key in entry:
        if key not in known:
            raise PipelineError(f"{prefix}{key} is unknown; known are {', '.join(known)}")


def _item(entry: Mapping[str, Any], key: str, kind: type, prefix: str, default: Any = None) -> Any:
    """An item of the right type, or its default where it has one."""
    if key not in entry:
        if default is None:
            raise PipelineError(f"{prefix}{key} is missing")
        return default
    value = entry[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise PipelineError(f"{prefix}{key}: expected {_NAMES[kind]}, found {_kind(value)}")
    return value


_NAMES: dict[type, str] = {
    int: "a whole number",
    str: "text",
    list: "a list",
    dict: "a mapping",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
}


def _kind(value: object) -> str:
    return _NAMES.get(type(value), type(value).__name__)
