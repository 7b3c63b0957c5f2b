"""JSON files that decide what exists: each is read in bounds and carries its own checksum.

The checksum is that of the values, not of the bytes: a file that was only laid out anew is sound.
A file is no record where it is no plain file, longer than `MAX_BYTES`, no JSON, has a key twice,
a number that JSON does not know, or another checksum than its values.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OutputError, ProductionError
from ..files.scratch import whole

if TYPE_CHECKING:
    pass

MAX_BYTES = 64 << 20
"""Longest record: the report of a unit of some 500,000 broken events."""

CHECKSUM = "checksum"
"""Key of the checksum."""

_HEX = re.compile(r"[0-9a-f]{64}")


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
    content = _content(path)
    if content is None:
        return None
    try:
        values = json.loads(content, object_pairs_hook=_once, parse_constant=_refuse)
        if not isinstance(values, dict):
            raise ValueError("no mapping")
        checksum = values.pop(CHECKSUM, None)
        if checksum != digest_of(values):
            raise ValueError(
                "its checksum is wrong"
                if checksum
                else "it has no checksum, as those of older versions"
            )
    except (ValueError, RecursionError) as error:
        raise ProductionError(f"{path}: is damaged ({error})") from None
    return values


def digest_of(values: Any) -> str:
    """SHA-256 of JSON values.

    Raises:
        ValueError: for numbers that JSON does not know.
    """
    text = json.dumps(values, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _content(path: Path) -> bytes | None:
    """Bytes of a plain file; a pipe or a device is not opened for longer than it takes to see."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ProductionError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ProductionError(f"{path}: is no plain file")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProductionError(f"{path}: cannot be read ({error.strerror})") from None
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise ProductionError(f"{path}: is longer than {MAX_BYTES} bytes")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key is there twice")
    return values


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


Check = Callable[[Any], bool]
"""Whether a value is what it should be."""


def is_count(value: Any) -> bool:
    """A whole number from 0 to 2^63; true and false are none."""
    return type(value) is int and 0 <= value < 1 << 63


def is_amount(value: Any) -> bool:
    """A finite number from 0."""
    return type(value) in (int, float) and 0 <= value < math.inf


def is_text(value: Any) -> bool:
    """Text of any length."""
    return type(value) is str


def is_digest(value: Any) -> bool:
    """A SHA-256 in hexadecimal digits."""
    return type(value) is str and _HEX.fullmatch(value) is not None


def is_texts(value: Any) -> bool:
    """A mapping of texts."""
    return type(value) is dict and all(map(is_text, value.values()))


def has_form(values: Any, form: Mapping[str, Check]) -> bool:
    """Whether a value is a mapping with just these keys, each of which passes its check."""
    return (
        type(values) is dict
        and values.keys() == form.keys()
        and all(check(values[key]) for key, check in form.items())
    )
