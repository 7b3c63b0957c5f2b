"""Registries by folder or URL: their index is checked, their models are fetched into the cache.

Files are fetched one by one and by their checksums (`pooch`).  Nothing is signed.  What is trusted
is the digest: of a model in a pin, or of the whole index (``--index-digest``).  Without either, the
first index that a registry shows is believed, and later ones must follow from it
(`Index.check_follows`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.artefact import SUMS, read_artefact
from ..engine.kept_networks import cache_folder
from ..errors import ArtefactError
from ..files.locations import Location, Url, location
from ..files.scratch import whole, write_text
from ..files.yaml_json import read_bytes
from ..system.extras import need
from .index import FIGURES, INDEX, MAX_INDEX, Entry, Index
from .pin import Known, Pin
from .store import read_report

FETCHED = "models"
"""Folder of the fetched models in the user's cache: ``DIGEST/NAME/``, their origin beside it."""

ORIGIN = "origin"
"""File that names the registry of a fetched model."""


@dataclass(frozen=True)
class Registry:
    """A registry that was opened.

    Args:
        place: its folder or URL.
        index: what is in it, as checked.
        digest: SHA-256 of the index.
    """

    place: Location
    index: Index
    digest: str

    def find(self, text: str) -> Entry:
        """The model that a name or pin means.

        Raises:
            ArtefactError: if there is none, or it is not clear which.
        """
        pin = Pin.parse(text)
        models = self.index.models.values()
        found = pin.choose(
            Known(e.stage, e.sample, e.version, e.family, e.digest, life=e.life) for e in models
        )
        if found is None:
            same = [f"{e.name} ({e.life})" for e in models if pin.name in (e.stage, e.line, e.name)]
            there = f"; it has {', '.join(same[:10])}" if same else ""
            raise ArtefactError(f"{self.place}: no model fits {text!r}{there}")
        return self.index.models[found.name]

    def fetch(self, entry: Entry) -> Path:
        """Fetch a model into the cache, or find it there; returns its folder.

        Raises:
            ArtefactError: if a file is absent, longer than told or another one.
            MissingExtraError: without the extra ``registry``.
        """
        need("registry", "pooch")
        import pooch

        pooch.get_logger().setLevel("WARNING")
        home = fetched() / entry.digest
        # The list of checksums comes last: a folder without it is no model yet.
        names = sorted(entry.files, key=lambda name: (name == SUMS, name))
        known = {name: f"sha256:{entry.files[name][0]}" for name in names}
        store = pooch.create(home / entry.name, f"{self.place}/{entry.name}/", registry=known)
        for name in names:
            try:
                store.fetch(name, downloader=_Limited(entry.files[name][1]))
            except (OSError, ValueError) as error:
                raise ArtefactError(f"{self.place}/{entry.name}/{name}: {_reason(error)}") from None
        folder = home / entry.name
        found = read_artefact(folder)
        for key in ("stage", "sample", "version", "kind", "family"):
            if found.config[key] != getattr(entry, key):
                raise ArtefactError(f"{self.place}: {entry.name}: its {key} is another one inside")
        if found.digest != entry.digest:
            raise ArtefactError(f"{self.place}: {entry.name} has another digest than {INDEX} says")
        origin = self.place.absolute() if isinstance(self.place, Path) else self.place
        write_text(home / ORIGIN, f"{origin}\n")
        return folder

    def report(self, entry: Entry, label: str) -> bytes:
        """Figures beside a model, as verified.

        Raises:
            ArtefactError: if they are altered or gone.
        """
        if isinstance(self.place, Path):
            return read_report(self.place, entry, label)
        where = f"{self.place}/{FIGURES}/{entry.name}/{label}.json"
        digest, length = entry.reports[label]
        content = _read(location(where), length)
        if hashlib.sha256(content).hexdigest() != digest:
            raise ArtefactError(f"{where} does not match its checksum in {INDEX}")
        return content


def open_registry(text: str, digest: str = "") -> Registry:
    """Open a registry.

    Args:
        text: its folder or URL.
        digest: SHA-256 that its index must have; empty for any.

    Raises:
        ArtefactError: if there is none, or its index is broken, another one, or older than one that
            was seen before.
        SourceError: if a package is missing that the URL needs.
    """
    place = location(text.rstrip("/") or text)
    where = f"{place}/{INDEX}"
    if isinstance(place, Path) and not (place / INDEX).is_file():
        raise ArtefactError(f"{place} is no registry of models: it has no {INDEX}")
    content = _read(location(where), MAX_INDEX)
    found = hashlib.sha256(content).hexdigest()
    if digest and found != digest:
        raise ArtefactError(f"{where} has SHA-256 {found}, not {digest}: another or altered index")
    index = Index.parse(content, where)
    if isinstance(place, Url):
        _follow(place, index, content)
    return Registry(place, index, found)


def seen(place: str) -> Index | None:
    """The index of a registry at a URL as it was seen last; None if it never was."""
    path = _seen(place)
    if not path.is_file():
        return None
    return Index.parse(read_bytes(path, MAX_INDEX, ArtefactError), str(path))


def fetched() -> Path:
    """Folder of the fetched models.

    Raises:
        ArtefactError: if the user has no home and no cache.
    """
    try:
        return cache_folder() / FETCHED
    except RuntimeError as error:
        raise ArtefactError(f"no folder for fetched models: {error}; set XDG_CACHE_HOME") from None


def _seen(place: str) -> Path:
    name = hashlib.sha256(place.encode()).hexdigest()[:32]
    return fetched() / "registries" / f"{name}.json"


def _follow(place: Url, index: Index, content: bytes) -> None:
    """Hold an index against the one seen before, and keep it."""
    path, where = _seen(str(place)), f"{place}/{INDEX}"
    before = seen(str(place))
    if before is not None:
        try:
            index.check_follows(before, where)
        except ArtefactError as error:
            raise ArtefactError(
                f"{error}: somebody rolled it back or exchanged it; if you know that it was made "
                f"anew, remove {path}"
            ) from None
    if before != index:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as new:
            new.write_bytes(content)


def _read(place: Location, most: int) -> bytes:
    """All bytes of a file that may not have more than so many."""
    if isinstance(place, Path):
        return read_bytes(place, most, ArtefactError, links=False)
    try:
        with place.open() as file:
            content: bytes = file.read(most + 1)
    except OSError as error:
        raise ArtefactError(f"{place}: cannot be fetched ({error})") from None
    if len(content) > most:
        raise ArtefactError(f"{place}: more than the {most} bytes that it may have")
    return content


@dataclass(frozen=True)
class _Limited:
    """Downloads for `pooch`: a file of so many bytes at the most, by any protocol or from a folder.

    Args:
        most: its length as told.
    """

    most: int

    def __call__(self, url: str, output: Any, pooch: Any) -> None:
        Path(output).write_bytes(_read(location(url), self.most))


def _reason(error: Exception) -> str:
    """What to say of an error of `pooch`, whose own text is for programmers."""
    if isinstance(error, ValueError):
        return "does not match its checksum in the index: altered or cut short"
    return f"cannot be fetched ({error})"
