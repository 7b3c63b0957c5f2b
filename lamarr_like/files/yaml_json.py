"""YAML and JSON that strangers wrote: read whole, without surprises, or refused.

A document is checked in two steps, first its structure, by `lamarr_like.files.forms`, then its
meaning.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ..errors import LamarrLikeError

MAX_BYTES = 1_000_000
"""Longest YAML file that is read; parsing takes seconds for each MB."""

MAX_DEPTH = 40
"""Lists and mappings in each other."""

MAX_ITEMS = 1_000_000
"""Values in a document; what YAML aliases repeat counts as often as it is there."""

MAX_TEXT = 1 << 26
"""Letters of all texts of a document, repetitions counted."""

MAX_BITS = 128
"""Bits of a whole number."""

_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """Safe loader of plain values, in which a key comes once and a number is what it looks like.

    Merge keys, a few of which in each other make billions of entries, are refused.  Dates, numbers
    to the base 60 (``12:30:00``) and octal ones (``010``) are text, ``1e3`` is a number.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  (the name is PyYAML's)
        first: [(tag, rule) for tag, rule in rules if tag.removeprefix(_TAG) in ("bool", "null")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge" or getattr(key_node, "value", None) == "<<":
                _refuse("merge keys (<<) are not allowed", key_node)
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, (str, int, float, bool, type(None))):
                _refuse("a key that is no text", key_node)
            if key in found:
                _refuse(f"the key {key!r} comes twice", key_node)
            found[key] = self.construct_object(value_node, deep=deep)
        return found


def _refuse(reason: str, node: yaml.Node) -> NoReturn:
    raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark)


_INT = r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+|0b[01]+)"
_FLOAT = (
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
for _name, _rule in (("int", _INT), ("float", _FLOAT)):
    _Loader.add_implicit_resolver(
        f"{_TAG}{_name}", re.compile(rf"(?:{_rule})\Z"), list("-+.0123456789")
    )


def read_bytes(path: Path, most: int, error: type[LamarrLikeError], links: bool = True) -> bytes:
    """All bytes of a plain file.

    Args:
        path: the file.
        most: its greatest length.
        error: what is raised.
        links: whether it may be a symbolic link.

    Raises:
        LamarrLikeError: of the kind asked for, if it is no plain file, too long or cannot be read.
    """
    # What is opened is what is looked at and read: nobody can exchange it in between.  Without
    # waiting, because a pipe may have nobody at its other end.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    if not links:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise error(f"{path} is no plain file")
            content = file.read(most + 1) if about.st_size <= most else b""
            if max(len(content), about.st_size) > most:
                size = max(len(content), about.st_size)
                raise error(f"{path} has {size} bytes; {most} are the most of such a file")
            return content
    except (OSError, ValueError) as found:
        if getattr(found, "errno", None) in (errno.EISDIR, errno.ELOOP, errno.ENXIO):
            raise error(f"{path} is no plain file") from None
        raise error(f"{path}: cannot be read ({found})") from None


def parse_yaml(content: bytes, where: str, error: type[LamarrLikeError]) -> Any:
    """The one document in a YAML file: texts, numbers, flags, None, lists and mappings.

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
        found = yaml.load(content, _Loader)
    # Beside its own errors, the loader lets through those of int(), datetime, base64 and so on.
    except Exception as reason:
        raise error(f"{where} is no YAML: {' '.join(str(reason).split())[:500]}") from None
    check_plain(found, where, error)
    return found


def read_yaml(path: Path, error: type[LamarrLikeError]) -> tuple[Any, bytes]:
    """The one document in a YAML file, and its bytes.

    Args:
        path: the file.
        error: what is raised.

    Raises:
        LamarrLikeError: of the kind asked for, if the file cannot be read or is no YAML.
    """
    content = read_bytes(path, MAX_BYTES, error)
    return parse_yaml(content, str(path), error), content


def parse_json(
    content: bytes | str,
    where: str,
    error: type[LamarrLikeError],
    finite: bool = False,
    most: int = MAX_ITEMS,
) -> Any:
    """The value in a JSON file.

    Args:
        content: the file, or a text from one.
        where: its name, for messages.
        error: what is raised.
        finite: refuse infinite numbers and NaN, which Python writes though JSON has none.
        most: greatest number of values in it.

    Raises:
        LamarrLikeError: of the kind asked for, if it is no JSON, nested too deeply, has a key
            twice or a number that is too large.
    """
    try:
        found = json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError) as reason:
        raise error(f"{where} is no JSON: {str(reason)[:500]}") from None
    check_plain(found, where, error, finite, most)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} comes twice")
    return found


def check_plain(
    value: Any,
    where: str,
    error: type[LamarrLikeError],
    finite: bool = False,
    most: int = MAX_ITEMS,
) -> None:
    """Refuse a document that is not made of plain values, or that explodes when it is walked.

    Args:
        value: what was read.
        where: name of the file, for messages.
        error: what is raised.
        finite: refuse infinite numbers and NaN.
        most: greatest number of values in it.
    """
    items, letters = 0, 0
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        items += 1
        if items + len(waiting) > most or letters > MAX_TEXT:
            raise error(f"{where}: more than {most} values or {MAX_TEXT} letters")
        if isinstance(one, str):
            letters += len(one)
        elif isinstance(one, (list, dict)):
            if depth >= MAX_DEPTH:
                raise error(f"{where}: more than {MAX_DEPTH} lists or mappings in each other")
            inner = [*one, *one.values()] if isinstance(one, dict) else one
            waiting += [(each, depth + 1) for each in inner]
        elif isinstance(one, float):
            if finite and not math.isfinite(one):
                raise error(f"{where}: a number that is not finite")
        elif isinstance(one, int):
            if one.bit_length() > MAX_BITS:
                raise error(f"{where}: a whole number of more than {MAX_BITS} bits")
        elif one is not None:
            raise error(f"{where}: a value that is no text, number, flag, list or mapping")
