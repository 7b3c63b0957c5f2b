"""A package with a new stage, from templates: the stage, its tests and its entry point."""

from __future__ import annotations

import keyword
import os
import re
from importlib import resources
from pathlib import Path
from string import Template

from .. import schema
from ..errors import OutputError, PipelineError
from ..stages import STAGES

FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "stage.py.txt": "$module.py",
    "test_stage.py.txt": "test_$module.py",
}
"""Name of each file by that of its template."""

_NAME = re.compile(r"[a-z][a-z0-9_]{1,40}")


def new_stage(name: str, folder: Path) -> list[Path]:
    """Write a package that adds a stage to the chain, which works and whose tests pass.

    Args:
        name: of the stage, in small letters with underscores; also that of its column.
        folder: where the package goes; made if it is not there.

    Returns:
        The files written.

    Raises:
        PipelineError: if the name cannot be that of a stage, or is taken.
        OutputError: if a file of the package is there already, or the folder cannot be written.
    """
    _check(name)
    words = name.split("_")
    values = {
        "name": name,
        "module": f"lamarr_{name}",
        "distribution": "lamarr-" + "-".join(words),
        "cls": "".join(word.capitalize() for word in words),
        "branch": words[0] + "".join(word.capitalize() for word in words[1:]),
    }
    templates = resources.files(__package__) / "templates"
    texts = {
        folder / Template(target).substitute(values): Template(
            templates.joinpath(source).read_text(encoding="utf-8")
        ).substitute(values)
        for source, target in FILES.items()
    }
    for path in texts:
        if os.path.lexists(path):
            raise OutputError(f"{path} is there already; choose another folder with -o")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise OutputError(f"{folder}: the package cannot be written ({error})") from None
    return list(texts)


def _check(name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or "__" in name or name[-1] == "_":
        raise PipelineError(
            f"{name!r} cannot be the name of a stage: small letters, digits and single underscores"
        )
    if name in STAGES:
        raise PipelineError(f"{name!r} is a stage of ours; choose another name")
    if ("track", name) in schema.COLUMNS:
        raise PipelineError(f"{name!r} is a column of the tracks already; choose another name")
