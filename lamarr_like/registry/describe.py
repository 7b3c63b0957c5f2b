"""What a registry says of a model, from its artefact: lineage, figures, digests of its files."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from ..engine.artefact import MAX_BYTES, SUMS, Artefact
from ..errors import ArtefactError
from ..files.yaml_json import read_bytes
from .index import Entry

MAX_TOLD = 1000
"""Longest text that is kept."""


def describe(artefact: Artefact, detector: str = "", parent: str = "") -> Entry:
    """The entry of a model, without a history yet.

    Args:
        artefact: the model, as verified.
        detector: what it imitates; empty for what its ``config.json`` says, if it does.
        parent: name and digest of the model that it replaces.

    Raises:
        ArtefactError: if a file of it cannot be read.
    """
    config = artefact.config
    names = [*artefact.files, "config.json", SUMS]
    contents = {n: read_bytes(artefact.folder / n, MAX_BYTES, ArtefactError, False) for n in names}
    files = {n: (hashlib.sha256(c).hexdigest(), len(c)) for n, c in sorted(contents.items())}
    return Entry(
        **{key: config[key] for key in ("stage", "sample", "version", "kind", "family")},
        detector=told(detector or config.get("detector", "")),
        digest=artefact.digest,
        files=files,
        lineage=_lineage(config) | ({"parent": parent} if parent else {}),
        figures=own_figures(config),
    )


def _lineage(config: Mapping[str, Any]) -> dict[str, Any]:
    training, provenance = _mapping(config, "training"), _mapping(config, "provenance")
    data = provenance.get("data", [])
    found: dict[str, Any] = {
        "data": [told(one) for one in data] if isinstance(data, list) else [],
        "data_digest": training.get("data_digest"),
        "events": provenance.get("events"),
        "rows": training.get("rows"),
        "code_version": config.get("code_version"),
        "command": provenance.get("command"),
        "settings": {told(k)[:100]: told(v) for k, v in _mapping(training, "settings").items()},
    }
    for key in ("events", "rows"):
        if type(found[key]) is not int or found[key] < 0:
            found[key] = None
    for key in ("data_digest", "code_version", "command"):
        found[key] = told(found[key] or "")
    return {key: value for key, value in found.items() if value not in (None, "", {})}


def own_figures(config: Mapping[str, Any]) -> dict[str, list[float]]:
    """Figures in a ``config.json``: of rows held out of the training, and of independent events.

    Args:
        config: contents of the file.

    Returns:
        Value, and error where there is one, by name.
    """
    found: dict[str, list[float]] = {}
    for name, value in _mapping(config, "figures").items():
        if _is_number(value):
            found[told(name)[:100]] = [float(value)]
    tested = _mapping(config, "tested").get("tests", [])
    for one in tested if isinstance(tested, list) else []:
        if isinstance(one, dict):
            for key in ("auc", "floor"):
                pair = one.get(key)
                if isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair)):
                    found[f"{told(one.get('test', ''))[:100]}, {key}"] = [float(x) for x in pair]
    return found


def lines_of(entry: Entry) -> Iterator[tuple[str, str]]:
    """What is told of the origin of a model, as name and text.

    Args:
        entry: the model.
    """
    told_of = entry.lineage
    yield "detector", entry.detector or "not told"
    yield "digest", entry.digest
    yield "learnt from", ", ".join(told_of.get("data", ())) or "not told"
    for key in ("events", "rows", "data_digest", "code_version", "command", "parent"):
        if key in told_of:
            yield key.replace("_", " "), str(told_of[key])
    if told_of.get("settings"):
        yield "settings", ", ".join(f"{k} {v}" for k, v in told_of["settings"].items())


def told(value: object) -> str:
    """A value as one line of text, cut where it is long."""
    text = " ".join(str(value)[: MAX_TOLD + 1].split())
    return "".join(c if c.isprintable() else "?" for c in text)[:MAX_TOLD]


def _mapping(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(float(str(value)))
