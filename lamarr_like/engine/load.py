"""Trained models at run time: ONNX Runtime and XGBoost, one thread, no TensorFlow."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import plugins
from ..errors import ArtefactError
from ..files.forms import Record, Text, check
from .artefact import Artefact, read_artefact
from .classifier import ClassifierSpec
from .event_library import EventLibrarySpec
from .generator import GeneratorSpec
from .kinds import AbstractSpec, Model
from .refiner import RefinerSpec
from .translator.spec import TranslatorSpec

KINDS: dict[str, type[AbstractSpec] | str] = {
    **{
        spec.kind: spec
        for spec in (ClassifierSpec, GeneratorSpec, TranslatorSpec, EventLibrarySpec, RefinerSpec)
    },
    "response": "lamarr_like.responses.model:ResponseSpec",
    "devices": "lamarr_like.responses.joint:JointSpec",
    "array_translator": "lamarr_like.responses.translate.model:ArrayTranslatorSpec",
}
"""Our kinds of models, by the ``kind`` in their ``config.json``; ``module:class`` where the class
is in a room above."""

_HEAD = Record({"kind": Text()}, ("kind",), open=True)


def find_kind(name: str, where: str) -> type[AbstractSpec]:
    """A kind of model: ours, or that of a plug-in (see `lamarr_like.plugins`).

    Args:
        name: its name.
        where: who asks, for messages.

    Raises:
        ArtefactError: if there is none, or the plug-in cannot be imported or is none.
    """
    ours = KINDS.get(name)
    if isinstance(ours, str):
        module, spec = ours.split(":")
        ours = getattr(importlib.import_module(module), spec)
    if ours is not None:
        return ours
    found = plugins.load(plugins.MODEL_GROUP, name, ArtefactError)
    if found is None:
        known = ", ".join([*KINDS, *plugins.installed(plugins.MODEL_GROUP)])
        raise ArtefactError(f"{where}: unknown kind of model {name!r}; known are {known}")
    if not (isinstance(found, type) and issubclass(found, AbstractSpec)):
        raise ArtefactError(f"plug-in {name!r} is {found!r}, no class derived from AbstractSpec")
    if inspect.isabstract(found) or getattr(found, "kind", None) != name:
        raise ArtefactError(
            f"plug-in {name!r}: {found.__name__} must define build, and be of kind {name!r}"
        )
    return found


def build_model(config: Mapping[str, Any], files: Mapping[str, bytes], where: str) -> Model:
    """A runnable model from the contents of an artefact, tried on one row.

    Args:
        config: contents of ``config.json``.
        files: weights and tables by file name.
        where: name of the artefact, for messages.

    Raises:
        ArtefactError: if something is missing or cannot be read, or the parts do not fit together.
    """
    try:
        told = f"{where}/config.json"
        kind = check(config, _HEAD, told, ArtefactError)["kind"]
        model = find_kind(kind, told).read(config, told).build(files, where)
        model.rehearse()
    except KeyError as error:
        raise ArtefactError(f"{where} lacks {error}") from error
    except ArtefactError:
        raise
    except Exception as error:  # whatever a stranger's tables and shapes may lead to
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ArtefactError(f"{where}: its parts do not fit together ({reason})") from error
    return model


def load_model(path: Path | str | Artefact) -> Model:
    """Load, verify and prepare a trained model.

    Args:
        path: folder of the artefact, or one already read.

    Raises:
        ArtefactError: if it is absent, altered or cannot be read.
    """
    artefact = path if isinstance(path, Artefact) else read_artefact(path)
    return build_model(artefact.config, artefact.files, artefact.folder.name)
