"""YAML and JSON that strangers wrote: read whole, without surprises, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from .errors import LamarrLikeError

MAX_BYTES = 1_000_000
"""Longest YAML file that is read; parsing takes seconds for each MB."""


class _Loader(yaml.SafeLoader):
    """Safe loader without merge keys, a few of which in each other make billions of entries."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "merge keys (<<) are not allowed", key.start_mark
                )


def parse_yaml(content: bytes, where: str, error: type[LamarrLikeError]) -> Any:
    """The one document in a YAML file.

    Args:
        content: bytes of the file.
        where: its name, for messages.
        error: what is raised.

    Raises:
        LamarrLikeError: of the kind asked for, if the file is too long or no YAML.
    """
    if len(content) > MAX_BYTES:
        raise error(f"{where}: {len(content)} bytes; {MAX_BYTES} are the most of a YAML file")
    try:
        return yaml.load(content, _Loader)
    # Beside its own errors, the loader lets through those of int(), datetime, base64 and so on.
    except Exception as found:
        raise error(f"{where} is no YAML: {' '.join(str(found).split())}") from None


def read_yaml(path: Path, error: type[LamarrLikeError]) -> tuple[Any, bytes]:
    """The one document in a YAML file, and its bytes.

    Args:
        path: the file.
        error: what is raised.

    Raises:
        LamarrLikeError: of the kind asked for, if the file cannot be read or is no YAML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as found:
        raise error(f"{path}: cannot be read ({found})") from None
    return parse_yaml(content, str(path), error), content


def parse_json(content: bytes | str, where: str, error: type[LamarrLikeError]) -> Any:
    """The value in a JSON file.

    Raises:
        LamarrLikeError: of the kind asked for, if it is no JSON or nested too deeply.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as found:
        raise error(f"{where} is no JSON: {found}") from None
