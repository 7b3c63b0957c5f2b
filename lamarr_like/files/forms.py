"""What a document must look like: a table of types, ranges and lengths, and its check.

::

    FORM = Record(
        {
            "schema_version": Number(1, 1, whole=True),
            "name": Text(),
            "cuts": Items(Record({"low": Number(), "high": Number()}, required=("low",))),
        },
        required=("schema_version", "name"),
    )
    values = check(document, FORM, "cuts.yaml", SchemaError)

Every message starts with the document and the path of the item, as in ``cuts.yaml: cuts[2].low``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from ..errors import LamarrLikeError


class Form(Protocol):
    """What a value must look like."""

    @property
    def words(self) -> str:
        """The form in words."""

    def check(self, value: Any, at: Place) -> Any:
        """The value; a `LamarrLikeError` if it does not look like that."""


class Place:
    """Where a value stands in a document, and what is raised if it is wrong.

    Args:
        file: name of the document.
        error: what is raised.
        path: path of the item, as ``stages[1].model``.
    """

    __slots__ = ("error", "file", "path")

    def __init__(self, file: str, error: type[LamarrLikeError], path: str = "") -> None:
        self.file, self.error, self.path = file, error, path

    def __truediv__(self, key: object) -> Place:
        """An item of a mapping, by its key, or of a list, by its number."""
        step = f"[{key}]" if isinstance(key, int) else f".{key}" if self.path else str(key)
        return Place(self.file, self.error, self.path + step)

    def refuse(self, reason: str) -> NoReturn:
        """Raise, with the file and the path before the reason."""
        colon = "" if not self.path else " " if reason.startswith("is ") else ": "
        raise self.error(f"{self.file}: {self.path}{colon}{reason}")

    def expected(self, words: str, value: object) -> NoReturn:
        """Raise because the value is of another kind."""
        self.refuse(f"expected {words}, found {kind(value)}")


def check(value: Any, form: Form, where: str, error: type[LamarrLikeError]) -> Any:
    """A value that has a form.

    Args:
        value: what was read.
        form: what it must look like.
        where: name of the document, for messages.
        error: what is raised.

    Raises:
        LamarrLikeError: of the kind asked for, with the path of the item that is wrong.
    """
    return form.check(value, Place(where, error))


def check_version(
    value: Any, key: str, version: int, where: str, error: type[LamarrLikeError]
) -> None:
    """Refuse a document of another version; to be asked first, because such has other items."""
    found = check(value, Record({key: Number(whole=True)}, (key,), open=True), where, error)[key]
    if found != version:
        raise error(f"{where}: {key} is {shown(found, '')}, this version reads {version}")


def kind(value: object) -> str:
    """What a value is, in words."""
    return _KINDS.get(type(value), type(value).__name__)


_KINDS: dict[type, str] = {
    int: "a whole number",
    str: "text",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
}


@dataclass(frozen=True)
class Text:
    """A text.

    Args:
        choices: the only ones allowed, any if empty.
        pattern: regular expression that it must match as a whole.
        most: its greatest length.
    """

    choices: tuple[str, ...] = ()
    pattern: str = ""
    most: int = 100_000
    words = "text"

    def check(self, value: Any, at: Place) -> str:
        """The value, if it has the form."""
        if not isinstance(value, str):
            at.expected(self.words, value)
        if len(value) > self.most:
            at.refuse(f"{len(value)} letters; {self.most} are the most")
        if self.choices and value not in self.choices:
            at.refuse(f"{shown(value)} is unknown{_near(value, self.choices)}")
        if self.pattern and not re.fullmatch(self.pattern, value):
            at.refuse(f"{shown(value)} does not look like {self.pattern}")
        return value


@dataclass(frozen=True)
class Number:
    """A number within bounds, which are allowed themselves.

    Args:
        low, high: bounds.
        whole: whether it must be whole.
    """

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False

    @property
    def words(self) -> str:
        """The form in words."""
        return "a whole number" if self.whole else "a number"

    def check(self, value: Any, at: Place) -> Any:
        """The value, if it has the form."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            at.expected(self.words, value)
        if isinstance(value, float) and not math.isfinite(value):
            at.refuse(f"{value} is not finite")
        if not self.low <= value <= self.high:
            at.refuse(f"{value} is not within {self.low:.10g} and {self.high:.10g}")
        return value


@dataclass(frozen=True)
class Flag:
    """True or false."""

    words = "true or false"

    def check(self, value: Any, at: Place) -> bool:
        """The value, if it has the form."""
        if not isinstance(value, bool):
            at.expected(self.words, value)
        return value


@dataclass(frozen=True)
class Anything:
    """Any plain value: its meaning is looked at elsewhere."""

    words = "a value"

    def check(self, value: Any, at: Place) -> Any:
        """The value, if it has the form."""
        return value


@dataclass(frozen=True)
class Items:
    """A list of values of one form.

    Args:
        of: form of each.
        least, most: bounds of their number.
        once: whether each comes once only.
    """

    of: Form
    least: int = 0
    most: int = 1_000_000
    once: bool = False
    words = "a list"

    def check(self, value: Any, at: Place) -> list[Any]:
        """The value, if it has the form."""
        if not isinstance(value, list):
            at.expected(self.words, value)
        if not self.least <= len(value) <= self.most:
            few = "is empty" if not value else f"{len(value)} items"
            bounds = f"{self.least}" if self.least == self.most else f"{self.least}-{self.most}"
            at.refuse(f"{few}; there must be {bounds}")
        found = [self.of.check(one, at / i) for i, one in enumerate(value)]
        if self.once and len(set(found)) < len(found):
            twice = next(i for i, one in enumerate(found) if one in found[:i])
            (at / twice).refuse(f"{shown(found[twice])} comes twice")
        return found


@dataclass(frozen=True)
class Row:
    """A list of so many values, each with a form of its own.

    Args:
        forms: form of each.
    """

    forms: tuple[Form, ...]
    words = "a list"

    def check(self, value: Any, at: Place) -> tuple[Any, ...]:
        """The values, if they have the forms."""
        if not isinstance(value, list):
            at.expected(self.words, value)
        if len(value) != len(self.forms):
            at.refuse(f"{len(value)} items; there must be {len(self.forms)}")
        pairs = zip(self.forms, value, strict=True)
        return tuple(form.check(one, at / i) for i, (form, one) in enumerate(pairs))


@dataclass(frozen=True)
class Record:
    """A mapping of known keys, each with a form of its own.

    Args:
        keys: forms by key.
        required: keys that must be there.
        least: smallest number of keys.
        open: whether there may be other keys, which are left out.
    """

    keys: Mapping[str, Form]
    required: tuple[str, ...] = ()
    least: int = 0
    open: bool = False
    words = "a mapping"

    def check(self, value: Any, at: Place) -> dict[str, Any]:
        """The value, if it has the form."""
        _mapping(value, at)
        unknown = [] if self.open else [key for key in value if key not in self.keys]
        if unknown:
            (at / shown(unknown[0], "")).refuse(f"is unknown{_near(unknown[0], self.keys)}")
        for key in self.required:
            if key not in value:
                (at / key).refuse("is missing")
        if len(value) < self.least:
            at.refuse(f"is empty; it may hold {', '.join(self.keys)}")
        return {k: self.keys[k].check(v, at / k) for k, v in value.items() if k in self.keys}


@dataclass(frozen=True)
class Entries:
    """A mapping whose keys are names.

    Args:
        of: form of each value.
        names: the only keys allowed, any text if empty.
        least, most: bounds of the number of entries.
        pattern: regular expression that each key must match as a whole.
    """

    of: Form
    names: tuple[str, ...] = ()
    least: int = 0
    most: int = 100_000
    pattern: str = ""
    words = "a mapping"

    def check(self, value: Any, at: Place) -> dict[str, Any]:
        """The value, if it has the form."""
        _mapping(value, at)
        if not self.least <= len(value) <= self.most:
            few = "is empty" if not value else f"{len(value)} entries"
            at.refuse(f"{few}; there must be {self.least}-{self.most}")
        for key in value if self.names else ():
            if key not in self.names:
                (at / shown(key, "")).refuse(f"is unknown{_near(key, self.names)}")
        for key in value if self.pattern else ():
            if not re.fullmatch(self.pattern, key):
                (at / shown(key, "")).refuse(f"does not look like {self.pattern}")
        return {key: self.of.check(one, at / key) for key, one in value.items()}


@dataclass(frozen=True)
class Either:
    """A value of one of some forms, told apart by their types.

    Args:
        forms: the forms.
    """

    forms: tuple[Form, ...]

    @property
    def words(self) -> str:
        """The form in words."""
        return " or ".join(form.words for form in self.forms)

    def check(self, value: Any, at: Place) -> Any:
        """The value, if it has the form."""
        found = [form for form in self.forms if _suits(value, form)]
        if not found:
            at.expected(self.words, value)
        return found[0].check(value, at)


def _suits(value: object, form: Form) -> bool:
    types: dict[type, tuple[type, ...]] = {
        Text: (str,),
        Number: (int, float),
        Flag: (bool,),
        Items: (list,),
        Row: (list,),
        Record: (dict,),
        Entries: (dict,),
    }
    return type(value) in types.get(type(form), (type(value),))


def _mapping(value: Any, at: Place) -> None:
    if not isinstance(value, dict):
        at.expected("a mapping", value)
    for key in value:
        if not isinstance(key, str):
            at.refuse(f"expected text as a key, found {kind(key)}: {shown(key)}")


def shown(value: object, quote: str = "'") -> str:
    """A value for a message, cut where it is long and without letters that cannot be printed."""
    text = str(value)[:61]
    text = "".join(c if c.isprintable() else "?" for c in text)
    return f"{quote}{text[:60]}{'...' if len(text) > 60 else ''}{quote}"


def _near(value: object, known: Iterable[str]) -> str:
    """Names like one that is unknown, and all that there are."""
    import difflib

    names = list(known)
    near = difflib.get_close_matches(str(value)[:60], names, 1, 0.5)
    listed = ", ".join(names[:40]) + (", ..." if len(names) > 40 else "")
    return f"; known are {listed}" + (f"; did you mean {near[0]!r}?" if near else "")
