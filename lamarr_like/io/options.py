"""Options of a source, ``head?key=value&key=value``: cut, checked and read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import SourceError

_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_RANGE = re.compile(rf"({_NUMBER})(?:[-:]({_NUMBER}))?")
_MAX_DIGITS = 60


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """Cut ``head?key=value&key=value`` into its head and its options.

    Raises:
        SourceError: if an option has no value or comes twice.
    """
    head, _, tail = text.partition("?")
    options: dict[str, str] = {}
    for item in filter(None, tail.split("&")):
        key, equals, value = item.partition("=")
        if not equals or not value:
            raise SourceError(f"{text}: option {item!r} is not of the form name=value")
        if key in options:
            raise SourceError(f"{text}: option {key!r} is given twice")
        options[key] = value
    return head, options


def check_options(text: str, options: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Refuse options that do not exist.

    Args:
        text: the source as its user wrote it.
        options: options given.
        known: meaning of each option by its name.

    Raises:
        SourceError: naming the unknown option and listing those that exist.
    """
    for key in options:
        if key not in known:
            listing = "; ".join(f"{k}: {meaning}" for k, meaning in known.items())
            raise SourceError(f"{text}: unknown option {key!r}; there are {listing}")


def parse_range(text: str, key: str, value: str) -> tuple[float, float]:
    """Read ``3-100``, ``-5:5`` or one number (a range of no width).

    Raises:
        SourceError: if it is neither, or the range is upside down.
    """
    match = _RANGE.fullmatch(value) if len(value) <= _MAX_DIGITS else None
    if match is None:
        shown = value if len(value) <= _MAX_DIGITS else f"{value[:_MAX_DIGITS]}..."
        raise SourceError(f"{text}: {key}={shown} is neither a number nor a range such as 3-100")
    low = float(match[1])
    high = low if match[2] is None else float(match[2])
    if high < low:
        raise SourceError(f"{text}: {key}={value} ends below its start")
    return low, high


def parse_count(text: str, key: str, value: str, most: int, what: str) -> int:
    """Read a number of something, from 1 to `most`.

    Raises:
        SourceError: if it is none.
    """
    # Only so many digits: Python refuses to read thousands of them, with an error of its own.
    plain = value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS
    if not plain or not 1 <= int(value) <= most:
        shown = value[:_MAX_DIGITS]
        raise SourceError(f"{text}: {key}={shown} is not a number of {what} from 1 to {most}")
    return int(value)


def parse_choice(text: str, key: str, value: str, choices: tuple[str, ...]) -> str:
    """Check that an option has one of the values that it may have.

    Raises:
        SourceError: listing the choices.
    """
    if value not in choices:
        raise SourceError(f"{text}: {key}={value}; it can be {', '.join(choices)}")
    return value
