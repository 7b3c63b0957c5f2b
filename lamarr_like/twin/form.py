"""What a twin file must look like: types, ranges and lengths of its items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..files.forms import (
    Anything,
    Either,
    Entries,
    Flag,
    Form,
    Items,
    Number,
    Place,
    Record,
    Row,
    Text,
)

TWIN_SCHEMA = 1
"""Version of the layout of twin files."""


@dataclass(frozen=True)
class _With:
    """A mapping of one form where it has a key, and of another where it has not.

    Args:
        key: the key.
        there, absent: the forms.
    """

    key: str
    there: Form
    absent: Form
    words = "a mapping"

    def check(self, value: Any, at: Place) -> Any:
        """The value, if it has the form."""
        has = isinstance(value, dict) and self.key in value
        return (self.there if has else self.absent).check(value, at)


_NAME = r"[A-Za-z0-9][A-Za-z0-9_+]{0,60}"
_PATH = Text(pattern=r"[^\0]+", most=4000)
_WORD = Text(pattern=_NAME)
_SEED = Number(0, 2**63 - 1, whole=True)
_VERSION = Text(pattern=r"[0-9][A-Za-z0-9._+]{0,40}")
_NAMES = Items(_WORD, 1, 1000, once=True)
_SAMPLE = Record(
    {
        "source": Text(most=10_000),
        "events": Number(1, 10**9, whole=True),
        "seed": _SEED,
        "pileup": Number(0.0, 1000.0),
        "prob_nn": Text(pattern=r"[A-Za-z0-9._+-]{1,200}"),
        "files": Items(_PATH, 1, 1000, once=True),
        "columns": _PATH,
        "part": Row((Number(0.0, 1.0), Number(0.0, 1.0))),
    }
)
_ARRAYS = Record(
    {
        "response": _PATH,
        "particles": Number(1, 10**9, whole=True),
        "seed": _SEED,
        "files": Items(_PATH, 1, 1),
        "part": Row((Number(0.0, 1.0), Number(0.0, 1.0))),
    },
    ("response",),
)
_SEARCH = Record(
    {
        "trials": Number(1, 10_000, whole=True),
        "seed": Number(0, 2**31, whole=True),
        "apart": Number(0.05, 0.95),
        "rows": Number(100, 10**7, whole=True),
        "minutes": Number(0.0, 10**6),
        "space": Entries(Row((Number(), Number())), most=100),
    },
    ("trials",),
)
_MODEL = Record(
    {
        **dict.fromkeys(("stage", "family", "sample"), Text(pattern=r"[A-Za-z0-9_+-]{1,60}")),
        "version": _VERSION,
        **dict.fromkeys(("train", "test"), _NAMES),
        "seed": _SEED,
        "steps": Number(0, 10**8, whole=True),
        "long_only": Flag(),
        "settings": Entries(Either((Number(), Flag())), most=100),
        "options": Entries(Anything(), most=100),
        "search": _SEARCH,
    },
    ("stage", "train"),
)
_GENERATOR = Record(
    {
        "response": _PATH,
        "family": Text(pattern=r"[A-Za-z0-9_+-]{1,60}"),
        "version": _VERSION,
        **dict.fromkeys(("train", "test"), Items(_WORD, 1, 1)),
        "seed": _SEED,
        "steps": Number(0, 10**8, whole=True),
        "settings": Entries(Either((Number(), Flag(), Text(most=200))), most=100),
        "trees_only": Flag(),
    },
    ("response", "train"),
)
FORM = Record(
    {
        "schema_version": Number(whole=True),
        "name": _WORD,
        "samples": Entries(_With("response", _ARRAYS, _SAMPLE), least=1, most=1000, pattern=_NAME),
        "models": Items(_With("response", _GENERATOR, _MODEL), 1, 1000),
        "pipeline": Text(pattern=r"[^\0]+", most=4000),
        "validate": Record({"samples": _NAMES}, ("samples",)),
        "thresholds": Record(dict.fromkeys(("verdict", "gate", "responses"), _PATH)),
        "publish": Record(
            {"registry": _PATH, "detector": Text(most=1000), "note": Text(most=1000)}
        ),
        "check": _NAMES,
    },
    ("schema_version", "name", "samples", "models"),
)
"""A twin file."""
