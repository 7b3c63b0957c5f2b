"""JSON files that decide what exists: each is read in bounds and carries its own checksum.

The checksum is that of the values, not of the bytes: a file that was only laid out anew is sound.
A file is no record where it is no plain file, longer than `MAX_BYTES`, no JSON, has a key twice,
a number that JSON does not know, or another checksum than its values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import OutputError, ProductionError
from ..files.forms import Number, Text
from ..files.scratch import whole
from ..files.yaml_json import parse_json, read_bytes
from ..io.truth import MAX_SKIPPED

MAX_BYTES = 64 << 20
"""Longest record: the report of a unit of some 500,000 broken events."""

CHECKSUM = "checksum"
"""Key of the checksum."""

MAX_ITEMS = 4 * MAX_SKIPPED + 100_000
"""Values in a record: a list of a number and a reason for each broken event."""


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        OutputError: if it cannot be written.
    """
    _write_text(path, json.dumps(values, indent=1, allow_nan=False))


def write_record(path: Path, values: Mapping[str, Any]) -> None:
    """Write a mapping with its checksum, whole or not at all.

    Raises:
        OutputError: if it cannot be written, or is too long to be read again.
    """
    text = json.dumps({**values, CHECKSUM: digest_of(values)}, indent=1, allow_nan=False)
    if len(text) >= MAX_BYTES:
        raise OutputError(f"{path}: would be longer than {MAX_BYTES} bytes; make smaller units")
    _write_text(path, text)


def _write_text(path: Path, text: str) -> None:
    with whole(path) as temporary:
        temporary.write_text(text + "\n")


def read_record(path: Path) -> dict[str, Any] | None:
    """The values of a record, without the checksum; None if there is no file.

    Raises:
        ProductionError: if it is damaged, or cannot be read.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        pass  # said where it is read
    content = read_bytes(path, MAX_BYTES, ProductionError)
    try:
        values = parse_json(content, "it", ProductionError, finite=True, most=MAX_ITEMS)
        if not isinstance(values, dict):
            raise ProductionError("it is no mapping")
        checksum = values.pop(CHECKSUM, None)
        if checksum != digest_of(values):
            raise ProductionError(
                "its checksum is wrong"
                if checksum
                else "it has no checksum, as those of older versions"
            )
    except ProductionError as error:
        raise ProductionError(f"{path}: is damaged ({error})") from None
    return values


def digest_of(values: Any) -> str:
    """SHA-256 of JSON values.

    Raises:
        ValueError: for numbers that JSON does not know.
    """
    text = json.dumps(values, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


COUNT = Number(0, (1 << 63) - 1, whole=True)
"""Form of a whole number of something."""

DIGEST = "[0-9a-f]{64}"
"""What a SHA-256 looks like."""

TEXT = Text(most=MAX_BYTES)
"""Form of a text of any length."""
