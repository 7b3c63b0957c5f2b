"""The index of a registry: one JSON file that says what there is, with the digest of every file.

::

    REGISTRY/
        index.json               this
        index.html               catalogue for people, by `lamarr-like models catalogue`
        NAME/                    the artefact, as `lamarr_like.engine.artefact` writes it
        figures/NAME/LABEL.json  figures of `validate` and `fidelity`

Any server of plain files will do, or a folder.  No path is in the index, only names that cannot
leave the folder.  It only ever grows: a version keeps its digest, a model is retired and not
removed, and no stage of life comes back.  So a client that saw an index knows an older one, or one
that somebody exchanged, when it meets it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..engine.artefact import MAX_BYTES, MAX_FILES, NAME, SUMS
from ..errors import ArtefactError
from ..files.forms import Entries, Items, Number, Record, Row, Text, check, check_version
from ..files.yaml_json import parse_json

REGISTRY_SCHEMA = 1

INDEX = "index.json"

FIGURES = "figures"
"""Folder of the figures in a registry."""

LIVES = ("candidate", "approved", "retired")
"""Stages of life, in the order in which a model goes through them."""

MAX_INDEX = 1 << 23
"""Longest index."""
MAX_MODELS = 10_000
"""Most models of a registry."""
MAX_FIGURES = 1 << 24
"""Longest file of figures."""

_LINE = r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*"
"""Text that moves no cursor and turns no letters around where it is printed."""
_WORD = Text(pattern=NAME, most=200)
_TOLD = Text(pattern=_LINE, most=2000)
_DIGEST = Text(pattern=r"[0-9a-f]{64}")
_FILE = Row((_DIGEST, Number(0, MAX_BYTES, whole=True)))
_EVENT = Record(
    {
        "serial": Number(1, 1 << 53, whole=True),
        "date": Text(pattern=r"\d{4}-\d\d-\d\d", most=10),
        "life": Text(LIVES),
        "note": _TOLD,
    },
    ("serial", "date", "life", "note"),
)
_LINEAGE = Record(
    {
        "data": Items(_TOLD, most=10_000),
        **dict.fromkeys(("data_digest", "code_version", "command", "parent"), _TOLD),
        **dict.fromkeys(("events", "rows"), Number(0, 1 << 53, whole=True)),
        "settings": Entries(_TOLD, most=500),
    },
)
_MODEL = Record(
    {
        **dict.fromkeys(("stage", "sample", "version", "kind", "family"), _WORD),
        "detector": _TOLD,
        "digest": _DIGEST,
        "files": Entries(_FILE, least=2, most=MAX_FILES + 1, pattern=NAME),
        "lineage": _LINEAGE,
        "figures": Entries(Items(Number(), 1, 2), most=500),
        "reports": Entries(_FILE, most=20, pattern=NAME),
        "history": Items(_EVENT, 1, 1000),
    },
    (
        *("stage", "sample", "version", "kind", "family", "detector", "digest", "files"),
        *("lineage", "figures", "reports", "history"),
    ),
)
_INDEX = Record(
    {
        "registry_schema": Number(whole=True),
        "serial": Number(0, 1 << 53, whole=True),
        "models": Entries(_MODEL, most=MAX_MODELS, pattern=NAME),
    },
    ("registry_schema", "serial", "models"),
    open=True,
)


@dataclass(frozen=True)
class Entry:
    """What a registry says of one model.

    Args:
        stage, sample, version, kind, family: as in its ``config.json``.
        detector: what it imitates, in words of whoever published it.
        digest: of the artefact.
        files: SHA-256 and length by name, that of the list of checksums among them.
        lineage: names (``data``) and digest (``data_digest``) of what it learnt from, ``events``,
            ``rows``, ``code_version``, ``command``, ``settings``, ``parent``, as far as told.
        figures: value and maybe error of its own figures, by name.
        reports: SHA-256 and length of the figures beside it, by label.
        history: its stages of life: ``serial`` of the index, ``date``, ``life`` and ``note``.
    """

    stage: str
    sample: str
    version: str
    kind: str
    family: str
    detector: str
    digest: str
    files: Mapping[str, tuple[str, int]]
    lineage: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, list[float]] = field(default_factory=dict)
    reports: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()

    @property
    def line(self) -> str:
        """What its versions have in common."""
        return f"{self.stage}-{self.sample}"

    @property
    def name(self) -> str:
        """Name of the artefact."""
        return f"{self.line}-{self.version}"

    @property
    def life(self) -> str:
        """Its stage of life, one of `LIVES`; empty for a model that is in no registry."""
        return str(self.history[-1]["life"]) if self.history else ""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(length for _, length in self.files.values())

    def approved_at(self) -> int:
        """Serial of the index in which it was approved; 0 if it is not approved now."""
        return int(self.history[-1]["serial"]) if self.life == "approved" else 0


@dataclass(frozen=True)
class Index:
    """All models of a registry.

    Args:
        models: by name.
        serial: grows with each change.
    """

    models: Mapping[str, Entry] = field(default_factory=dict)
    serial: int = 0

    @classmethod
    def parse(cls, content: bytes, where: str) -> Index:
        """Read and check an index.

        Args:
            content: the file.
            where: its name, for messages.

        Raises:
            ArtefactError: with the path of the item that is wrong.
        """
        if len(content) > MAX_INDEX:
            raise ArtefactError(f"{where}: more than {MAX_INDEX} bytes, the most of an index")
        found = parse_json(content, where, ArtefactError, finite=True)
        check_version(found, "registry_schema", REGISTRY_SCHEMA, where, ArtefactError)
        found = check(found, _INDEX, where, ArtefactError)
        models = {name: _entry(name, one, where) for name, one in found["models"].items()}
        return cls(models, found["serial"])

    def text(self) -> str:
        """The file."""
        models = {name: dict(vars(self.models[name])) for name in sorted(self.models)}
        head = {"registry_schema": REGISTRY_SCHEMA, "serial": self.serial}
        return json.dumps({**head, "models": models}, indent=1, allow_nan=False) + "\n"

    def with_entry(self, entry: Entry) -> Index:
        """The next index, in which one model is new or another one than before."""
        return replace(self, models={**self.models, entry.name: entry}, serial=self.serial + 1)

    def approved(self, line: str) -> Entry | None:
        """The model of a line that was approved last."""
        found = [one for one in self.models.values() if one.line == line and one.approved_at()]
        return max(found, key=Entry.approved_at, default=None)

    def check_follows(self, older: Index, where: str) -> None:
        """Refuse an index that cannot have come from one that was seen before.

        Args:
            older: what was seen.
            where: name of this one, for messages.

        Raises:
            ArtefactError: saying what went backward.
        """
        if self.serial < older.serial:
            raise ArtefactError(
                f"{where}: serial {self.serial} is older than {older.serial}, which was seen before"
            )
        if self.serial == older.serial and self != older:
            raise ArtefactError(f"{where}: serial {self.serial} was seen with other contents")
        for name, before in older.models.items():
            now = self.models.get(name)
            if now is None:
                raise ArtefactError(f"{where}: model {name}, which was seen before, is gone")
            if now.digest != before.digest:
                raise ArtefactError(f"{where}: model {name} has another digest than before")
            if now.history[: len(before.history)] != before.history:
                raise ArtefactError(f"{where}: the history of model {name} was changed")


def _entry(name: str, found: Mapping[str, Any], where: str) -> Entry:
    """An entry that fits its name and itself."""
    entry = Entry(**{**found, "history": tuple(found["history"])})
    lives = [LIVES.index(event["life"]) for event in entry.history]
    if entry.name != name:
        raise ArtefactError(f"{where}: models.{name}: is {entry.name} by its own words")
    if lives != sorted(set(lives)) or lives[0] != 0:
        raise ArtefactError(f"{where}: models.{name}.history: is not {' -> '.join(LIVES)}")
    if SUMS not in entry.files or "config.json" not in entry.files:
        raise ArtefactError(f"{where}: models.{name}.files: lacks {SUMS} or config.json")
    if entry.size > MAX_BYTES:
        raise ArtefactError(f"{where}: models.{name}: {entry.size} bytes are more than any model")
    return entry
