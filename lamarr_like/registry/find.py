"""Where a model is that a pipeline or a command names: in folders, or fetched before."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.artefact import MAX_CONFIG, NAME, SUMS, artefact_name, digest
from ..errors import ArtefactError
from ..files import find as folders
from ..files.forms import Record, Text, check
from ..files.yaml_json import parse_json, read_bytes

if TYPE_CHECKING:
    from .pin import Known, Pin

UNKNOWN = "unknown"
"""Stage of life of a model whose registry is not there any more: no range of versions takes it."""

_KEYS = ("stage", "sample", "version", "family")
_HEAD = Record(dict.fromkeys(_KEYS, Text(most=200)), _KEYS, open=True)


def is_pin(text: str) -> bool:
    """Whether a text is a pin (`lamarr_like.registry.pin`) rather than a plain name or a path."""
    return ("@" in text or "#" in text) and os.sep not in text


def check_pin(text: str) -> None:
    """Refuse a pin that is none.

    Raises:
        ArtefactError: saying what one looks like.
    """
    from .pin import Pin

    Pin.parse(text)


def find_model(name: str, models: Path | str | None = None) -> Path:
    """Folder of a model: in the user's folders, among those that ship, or fetched before.

    Nothing is fetched here.

    Args:
        name: name of the artefact, path of its folder, or a pin such as ``rich@>=2``.
        models: folder to search before the others.

    Raises:
        ArtefactError: if there is none, or it is not clear which.
    """
    if is_pin(name):
        return _pinned(name, models)
    try:
        return folders.find_model(name, models)
    except ArtefactError as error:
        plain = re.fullmatch(NAME, name)
        found = [one for one in _fetched(name) if one.name == name] if plain else []
        if not found:
            raise
        if len(found) > 1:
            pins = " or ".join(f"{name}#{one.digest}" for one in found)
            raise ArtefactError(f"{error}; fetched were {len(found)} of it: name {pins}") from None
        return found[0].place


def _pinned(text: str, models: Path | str | None) -> Path:
    from .pin import Pin

    pin = Pin.parse(text)
    known = list(_known(pin, models))
    found = pin.choose(known)
    if found is None:
        there = ", ".join(sorted({one.name for one in known}))
        raise ArtefactError(
            f"no model fits {text!r}; there is {there or 'none of that name'}; fetch one by "
            f"lamarr-like models get {text!r} --registry PLACE"
        )
    return found.place


def _known(pin: Pin, models: Path | str | None) -> Iterator[Known]:
    """Models whose names begin as a pin wants it, in the order of the search."""
    for folder in folders.model_folders(models):
        yield from _inside(folder, pin.name)
    yield from _fetched(pin.name)


def _inside(folder: Path, start: str) -> Iterator[Known]:
    from .pin import Known

    lives = None
    for place in sorted(folder.glob(f"{start}*")):
        if not (place / SUMS).is_file():
            continue
        head = _head(place)
        if lives is None:
            lives = _lives(folder)
        if artefact_name(*(head[k] for k in _KEYS[:3])) == place.name:
            own = digest(place)
            yield Known(**head, digest=own, place=place, life=lives.get(own, ""))


def _fetched(start: str) -> Iterator[Known]:
    from .remote import ORIGIN, fetched

    try:
        homes = sorted(fetched().glob(f"*/{start}*/{SUMS}"))
    except ArtefactError:
        return
    for sums in homes:
        home = sums.parent.parent
        for one in _inside(home, start):
            origin = home / ORIGIN
            if one.place == sums.parent and one.digest == home.name and origin.is_file():
                place = read_bytes(origin, 1 << 16, ArtefactError).decode(errors="replace")
                yield one._replace(life=_life(place.strip(), one))


def _life(origin: str, model: Known) -> str:
    """Stage of life by the registry that a model was fetched from, as seen last."""
    from ..files.locations import is_url
    from .remote import seen

    if not is_url(origin):
        return _lives(Path(origin)).get(model.digest, UNKNOWN)
    index = seen(origin)
    entry = None if index is None else index.models.get(model.name)
    return entry.life if entry is not None and entry.digest == model.digest else UNKNOWN


def _lives(folder: Path) -> dict[str, str]:
    """Stages of life by digest in a folder that is a registry."""
    from .index import INDEX
    from .store import read_index

    if not (folder / INDEX).is_file():
        return {}
    return {one.digest: one.life for one in read_index(folder).models.values()}


def _head(place: Path) -> dict[str, str]:
    path = place / "config.json"
    content = read_bytes(path, MAX_CONFIG, ArtefactError, links=False)
    head = check(
        parse_json(content, str(path), ArtefactError, finite=True), _HEAD, str(path), ArtefactError
    )
    return {key: str(head[key]) for key in _KEYS}
