"""Generators of responses in twin files, beside the models of stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.artefact import artefact_name
from ..errors import LamarrLikeError
from ..files.forms import Place
from ..nets.config import AbstractConfig
from ..nets.families import Family
from ..responses.declared import find_response
from ..responses.devices import Devices
from ..responses.families import DEFAULT, find_response_family
from ..responses.fit import Request, settings_of
from ..responses.response import Response


@dataclass(frozen=True)
class TwinGenerator:
    """A generator of a response that is trained.

    Args:
        response: name of the response, or the file that declares it.
        request: what is trained.
        train, test: names of the sample to learn from, and of that to measure on, if any.
        trees_only: measure by trees on features only, without a network on the arrays.
    """

    response: str
    request: Request
    train: tuple[str, ...]
    test: tuple[str, ...] = ()
    trees_only: bool = False

    @property
    def declared(self) -> Response | Devices:
        """The declaration.

        Raises:
            SchemaError: if there is none.
        """
        return find_response(self.response)

    @property
    def family(self) -> Family:
        """Its family.

        Raises:
            TrainingError: if there is none of that name.
        """
        return find_response_family(self.request.family or DEFAULT)

    @property
    def settings(self) -> AbstractConfig:
        """Those of its training.

        Raises:
            TrainingError: if the family has no such setting.
        """
        return settings_of(self.family, self.request)

    @property
    def name(self) -> str:
        """Name of the artefact."""
        return artefact_name(self.declared.name, self.family.name, self.request.version)

    @property
    def line(self) -> str:
        """What its versions have in common."""
        return self.name.removesuffix(f"-{self.request.version}")

    @property
    def comparable(self) -> bool:
        """Whether there is a test of it alone."""
        return True


def generator_of(item: Mapping[str, Any], folder: Path, at: Place) -> TwinGenerator:
    """The generator that an item of a twin file asks for.

    Args:
        item: as `lamarr_like.twin.form` has looked at it.
        folder: where relative paths start.
        at: where it stands.

    Raises:
        TwinError: if there is no such response, family or setting.
    """
    words = [f"{name}={_word(value)}" for name, value in item.get("settings", {}).items()]
    request = Request(
        family=item.get("family", ""),
        steps=item.get("steps", 0),
        seed=item.get("seed", 1),
        version=item.get("version", "1"),
        words=tuple(words),
    )
    found = TwinGenerator(
        response_in(item["response"], folder),
        request,
        tuple(item["train"]),
        tuple(item.get("test", ())),
        item.get("trees_only", False),
    )
    try:
        _ = found.name, found.settings
    except LamarrLikeError as error:
        at.refuse(str(error))
    return found


def response_in(text: str, folder: Path) -> str:
    """A response by its name, or a file beside the twin that declares it."""
    return str(folder / text) if text.endswith((".yaml", ".yml")) else text


def _word(value: Any) -> str:
    """A value as `lamarr_like.responses.fit.values_of` reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
