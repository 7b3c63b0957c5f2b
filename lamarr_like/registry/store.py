"""A registry in a folder: models are published into it, and go through their stages of life."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from ..engine.artefact import Artefact, read_artefact
from ..engine.load import load_model
from ..errors import ArtefactError, OutputError
from ..files.scratch import Scratch, unwritable, whole, write_text
from ..files.yaml_json import read_bytes
from .describe import describe, told
from .index import FIGURES, INDEX, LIVES, MAX_FIGURES, MAX_INDEX, Entry, Index


def read_index(folder: Path) -> Index:
    """The index of a registry in a folder.

    Raises:
        ArtefactError: if there is none or it is broken.
    """
    path = folder / INDEX
    if not path.is_file():
        raise ArtefactError(f"{folder} is no registry of models: it has no {INDEX}")
    return Index.parse(read_bytes(path, MAX_INDEX, ArtefactError, links=False), str(path))


def publish(
    folder: Path,
    model: Path,
    *,
    detector: str = "",
    parent: str = "",
    note: str = "",
) -> Entry:
    """Copy a model into a registry, as a candidate.

    Args:
        folder: the registry, made if absent.
        model: folder of the artefact.
        detector: what the model imitates.
        parent: name and digest of the model that it replaces; of the last approved one of the same
            line where empty.
        note: why, for people.

    Raises:
        ArtefactError: if the model is broken, or its name is taken.
        OutputError: if the registry cannot be written.
    """
    artefact = read_artefact(model)
    load_model(artefact)  # what does not run is of no use to anybody
    with _changed(folder) as index:
        entry = describe(artefact, detector, parent)
        before = index.approved(entry.line)
        if before is not None and not parent:
            lineage = {**entry.lineage, "parent": f"{before.name}#{before.digest}"}
            entry = replace(entry, lineage=lineage)
        if entry.name in index.models or os.path.lexists(folder / entry.name):
            raise ArtefactError(
                f"{folder} has {entry.name} already, and versions never change: "
                "train or name it as another version"
            )
        entry = _aged(entry, index.serial + 1, "candidate", note)
        checked = Index.parse(index.with_entry(entry).text().encode(), str(folder / INDEX))
        _copy(artefact, folder / entry.name)
        _write(folder, checked)
    return entry


def attach(folder: Path, name: str, reports: Mapping[str, bytes]) -> Entry:
    """Keep figures beside a candidate.

    Args:
        folder: the registry.
        name: name of the model.
        reports: contents of JSON files by label.

    Raises:
        ArtefactError: if there is no such model, it is no candidate, or a file is too long.
        OutputError: if the registry cannot be written.
    """
    with _changed(folder) as index:
        entry = _found(index, name, folder)
        if entry.life != "candidate":
            raise ArtefactError(f"{name} is {entry.life}: figures are given to candidates only")
        place = folder / FIGURES / name
        for part in (place.parent, place):
            if part.is_symlink():
                raise OutputError(f"{part}: is a link; a registry has none")
        held = dict(entry.reports)
        for label, content in reports.items():
            if len(content) > MAX_FIGURES:
                raise ArtefactError(f"{label}: more than {MAX_FIGURES} bytes of figures")
            held[label] = (hashlib.sha256(content).hexdigest(), len(content))
        entry = replace(entry, reports=held)
        following = index.with_entry(entry)
        Index.parse(following.text().encode(), str(folder / INDEX))
        place.mkdir(parents=True, exist_ok=True)
        for label, content in reports.items():
            with whole(place / f"{label}.json") as new:
                new.write_bytes(content)
        _write(folder, following)
    return entry


def set_life(folder: Path, name: str, life: str, note: str) -> Entry:
    """Move a model on to a later stage of life.

    Args:
        folder: the registry.
        name: name of the model.
        life: ``"approved"`` or ``"retired"``.
        note: why, for people.

    Raises:
        ArtefactError: if there is no such model, or it has had that stage.
        OutputError: if the registry cannot be written.
    """
    with _changed(folder) as index:
        entry = _found(index, name, folder)
        if LIVES.index(life) <= LIVES.index(entry.life):
            raise ArtefactError(f"{name} is {entry.life} and cannot become {life}")
        entry = _aged(entry, index.serial + 1, life, note)
        _write(folder, index.with_entry(entry))
    return entry


def read_report(folder: Path, entry: Entry, label: str) -> bytes:
    """Figures beside a model, as verified.

    Raises:
        ArtefactError: if they are altered or gone.
    """
    digest, length = entry.reports[label]
    path = folder / FIGURES / entry.name / f"{label}.json"
    content = read_bytes(path, length, ArtefactError, links=False)
    if hashlib.sha256(content).hexdigest() != digest:
        raise ArtefactError(f"{path} does not match its checksum in {INDEX}: altered or cut short")
    return content


def _aged(entry: Entry, serial: int, life: str, note: str) -> Entry:
    date = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    event = {"serial": serial, "date": date, "life": life, "note": told(note)}
    return replace(entry, history=(*entry.history, event))


def _found(index: Index, name: str, folder: Path) -> Entry:
    if name not in index.models:
        raise ArtefactError(f"{folder} has no model {name!r}; see `lamarr-like models list`")
    return index.models[name]


@contextmanager
def _changed(folder: Path) -> Iterator[Index]:
    """The index of a registry that nobody else changes meanwhile; empty for a new one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise unwritable(folder, error) from None
    try:
        with suppress(OSError):  # there are file systems without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / INDEX).exists():
            others = [p.name for p in folder.iterdir() if not p.name.startswith(".")]
            if others:
                raise OutputError(
                    f"{folder}: is no registry and not empty ({sorted(others)[0]}); name another"
                )
            yield Index()
        else:
            yield read_index(folder)
    except OSError as error:
        raise unwritable(folder, error) from None
    finally:
        os.close(lock)


def _copy(artefact: Artefact, target: Path) -> None:
    """Copy an artefact, byte by byte, whole or not at all."""
    scratch = Scratch(target, is_folder=True)
    try:
        scratch.create()
        for path in artefact.folder.iterdir():
            shutil.copyfile(path, scratch.path / path.name, follow_symlinks=False)
        if read_artefact(scratch.path).digest != artefact.digest:
            raise ArtefactError(f"{artefact.folder} was changed while it was copied")
        os.replace(scratch.path, target)
    finally:
        scratch.remove()


def _write(folder: Path, index: Index) -> None:
    write_text(folder / INDEX, index.text())
