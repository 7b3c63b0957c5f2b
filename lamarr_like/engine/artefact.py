"""A trained model on disk: one folder of plain files with checksums, no pickle anywhere.

::

    <stage>-<sample>-<version>/
        model.onnx | model.ubj   weights
        transforms.npz           tables of the transforms (absent where there are none)
        config.json              what goes in, what comes out, how it was trained
        card.md                  for people: what it is for, how good, where it must not be used
        SHA256SUMS               checksums of all the others, as `sha256sum -c` reads them
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import ArtefactError
from ..files.forms import Items, Record, Text, check
from ..files.scratch import Scratch
from ..files.yaml_json import parse_json, read_bytes

ARTEFACT_SCHEMA = 1

SUMS = "SHA256SUMS"

MAX_BYTES = 1 << 28
"""Longest file of an artefact, also of all its files together and of what unpacks from one."""

MAX_CONFIG = 1 << 23
"""Longest ``config.json``."""

MAX_FILES = 32
"""Most files of an artefact."""

NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]*"
"""What names of artefacts and of their files look like: no folders, nothing hidden, no option."""

_NAME = re.compile(NAME)
_PLAIN, _NAMES = Text(pattern=NAME), Items(Text())
_CONFIG = Record(
    {
        **dict.fromkeys(("kind", "family"), Text()),
        **dict.fromkeys(("stage", "sample", "version"), _PLAIN),
        **dict.fromkeys(("conditions", "outputs", "classes"), _NAMES),
    },
    required=("kind", "family", "stage", "sample", "version", "conditions"),
    open=True,  # the rest is checked by the kind of the model
)


@dataclass(frozen=True)
class Artefact:
    """A verified artefact in memory.

    Args:
        folder: where it was read from.
        config: contents of ``config.json``.
        files: every other file's bytes by name, as verified.
        digest: SHA-256 of the checksum list, which identifies the whole artefact.
    """

    folder: Path
    config: dict[str, Any]
    files: dict[str, bytes]
    digest: str


def artefact_name(stage: str, sample: str, version: str) -> str:
    """Folder name of an artefact.

    Raises:
        ArtefactError: if it would not be a plain folder name.
    """
    name = f"{stage}-{sample}-{version}"
    if not _NAME.fullmatch(name):
        raise ArtefactError(f"{name!r} is no artefact name: use letters, digits and . _ + - only")
    return name


def _sums(files: Mapping[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(files[n]).hexdigest()}  {n}\n" for n in sorted(files)]
    return "".join(lines).encode()


def write_artefact(
    folder: Path | str,
    config: Mapping[str, Any],
    files: Mapping[str, bytes],
    card: str,
    *,
    overwrite: bool = False,
) -> Path:
    """Write an artefact; the folder appears complete or not at all.

    Args:
        folder: the artefact's folder, whose name should be `artefact_name`.
        config: contents of ``config.json``; the schema version is added.
        files: weights and tables by file name.
        card: text of ``card.md``.
        overwrite: replace an artefact that is there.

    Raises:
        ArtefactError: if the folder exists and may not be replaced, a name is not plain or the
            configuration lacks a required entry.
    """
    folder = Path(folder)
    if folder.exists() and not overwrite:
        raise ArtefactError(f"{folder} exists; allow overwriting or choose another version")
    config = {"artefact_schema": ARTEFACT_SCHEMA, **config}
    _check_config(config, folder)
    text = json.dumps(config, indent=1, sort_keys=False, allow_nan=False) + "\n"
    content = {**files, "config.json": text.encode(), "card.md": card.encode()}
    for name in content:
        _check_name(name, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Scratch(folder, is_folder=True)
    try:
        scratch.create()
        for name, data in {**content, SUMS: _sums(content)}.items():
            (scratch.path / name).write_bytes(data)
        if folder.exists():
            _remove(folder)
        os.replace(scratch.path, folder)
    except OSError as error:
        raise ArtefactError(f"{folder} cannot be written: {error}") from error
    finally:
        scratch.remove()
    return folder


def _remove(folder: Path) -> None:
    """Remove an artefact that is to be replaced, and nothing but an artefact."""
    if not (folder / SUMS).is_file():
        raise ArtefactError(f"{folder} is no artefact and will not be replaced")
    shutil.rmtree(folder)


def _check_name(name: str, folder: Path) -> None:
    if not _NAME.fullmatch(name) or name == SUMS:
        raise ArtefactError(f"{folder}: {name!r} is no allowed file name in an artefact")


def _check_config(config: Any, folder: Path) -> None:
    if not isinstance(config, dict):
        raise ArtefactError(f"{folder}/config.json is no JSON object")
    version = config.get("artefact_schema")
    if version != ARTEFACT_SCHEMA:
        raise ArtefactError(
            f"{folder}/config.json has artefact schema {version!r}, this version reads "
            f"{ARTEFACT_SCHEMA}; train the model again or install a matching lamarr_like"
        )
    check(config, _CONFIG, f"{folder}/config.json", ArtefactError)


def _listed(folder: Path) -> dict[str, str]:
    """File name to checksum from the list in the folder."""
    try:
        text = _content(folder / SUMS, 1 << 16).decode("ascii")
    except UnicodeDecodeError as error:
        raise ArtefactError(f"{folder}/{SUMS} cannot be read: {error}") from error
    listed = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = re.fullmatch(r"([0-9a-f]{64})  (.+)", line)
        if match is None:
            raise ArtefactError(f"{folder}/{SUMS}, line {number} is no checksum line")
        _check_name(match[2], folder)
        if match[2] in listed:
            raise ArtefactError(f"{folder}/{SUMS}, line {number}: {match[2]} comes twice")
        listed[match[2]] = match[1]
    if len(listed) > MAX_FILES:
        raise ArtefactError(f"{folder}/{SUMS} lists {len(listed)} files, more than any model")
    return listed


def _content(path: Path, most: int = MAX_BYTES) -> bytes:
    return read_bytes(path, most, ArtefactError, links=False)


def _present(folder: Path) -> set[str]:
    """Names in the folder, some of them if there are far too many."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in islice(entries, 2 * MAX_FILES)} - {SUMS}
    except OSError as error:
        raise ArtefactError(f"{folder} cannot be read: {error}") from None


def read_artefact(folder: Path | str) -> Artefact:
    """Read and verify an artefact.

    Raises:
        ArtefactError: if a file is missing, added, altered, no plain file, or of another schema.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ArtefactError(f"there is no artefact at {folder}")
    listed = _listed(folder)
    present = _present(folder)
    if extra := sorted(present - set(listed)):
        names = ", ".join(extra[:5]) + (", ..." if len(extra) > 5 else "")
        raise ArtefactError(f"{folder} holds files that {SUMS} does not list: {names}")
    if missing := sorted(set(listed) - present):
        raise ArtefactError(f"{folder} lacks {', '.join(missing)}")
    files: dict[str, bytes] = {}
    left = MAX_BYTES
    for name, checksum in listed.items():
        path = folder / name
        files[name] = _content(path, MAX_CONFIG if name == "config.json" else left)
        left -= len(files[name])
        if hashlib.sha256(files[name]).hexdigest() != checksum:
            raise ArtefactError(f"{path} does not match its checksum: altered or cut short")
    if "config.json" not in files:
        raise ArtefactError(f"{folder} lacks config.json")
    config = parse_json(files.pop("config.json"), f"{folder}/config.json", ArtefactError, True)
    _check_config(config, folder)
    return Artefact(folder, config, files, _digest(listed))


def digest(folder: Path | str) -> str:
    """SHA-256 that identifies the whole artefact (of its sorted checksum list)."""
    return _digest(_listed(Path(folder)))


def _digest(listed: Mapping[str, str]) -> str:
    lines = [f"{listed[name]}  {name}\n" for name in sorted(listed)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
