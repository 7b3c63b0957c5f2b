"""Numbers of reports as text, as Markdown tables and as JSON, and the folder of a report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..errors import OutputError
from .scratch import write_text

PROGRAM = f"lamarr_like {__version__}"
"""By this text in its JSON a report is known as ours."""


def number(value: float, digits: int = 4) -> str:
    """A number with some digits; a dash where there is none."""
    return f"{value:.{digits}g}" if math.isfinite(value) else "-"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a table in Markdown; bars inside of cells are escaped.

    Args:
        head: titles of the columns.
        rows: cells of each row, as many as there are titles.
    """
    lines = [head, *rows]
    told = ["| " + " | ".join(str(c).replace("|", "\\|") for c in line) + " |" for line in lines]
    return [told[0], "|" + "---|" * len(head), *told[1:]]


def plain(value: Any, digits: int | None = None) -> Any:
    """Numbers, text, lists and dictionaries only; None where there is no number, for JSON.

    Args:
        value: arrays, dataclasses, named tuples, enumerations of text, and all of these inside of
            each other.
        digits: significant digits of numbers that are not whole, all where None.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    elif is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    elif hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(k): plain(v, digits) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, digits) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, float) and digits is not None:
        return float(f"{value:.{digits}g}")
    return value


def write_json(
    path: Path, content: Any, *, digits: int | None = None, indent: int | None = 1
) -> Path:
    """Write what `plain` makes of something into a file.

    Args:
        path: the file.
        content: see `plain`.
        digits: significant digits of numbers, all where None.
        indent: spaces of a level; everything in one line where None.
    """
    between = (",", ":") if indent is None else None
    text = json.dumps(plain(content, digits), allow_nan=False, indent=indent, separators=between)
    return write_text(path, text + "\n")


@contextmanager
def report_folder(folder: Path) -> Iterator[None]:
    """Make the folder of a report; what the system refuses inside of it is an `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error})") from None


def write_tables(
    folder: Path, name: str, content: Mapping[str, Any], markdown: str
) -> tuple[Path, Path]:
    """Write ``NAME.md`` and ``NAME.json`` into a folder, made if absent; returns both.

    Args:
        folder: the folder.
        name: of the files.
        content: for the JSON, see `plain`; the program is added.
        markdown: the tables.

    Raises:
        OutputError: if they cannot be written.
    """
    text, numbers = (folder / f"{name}.{ending}" for ending in ("md", "json"))
    with report_folder(folder):
        write_json(numbers, {"program": PROGRAM, **content})
        return write_text(text, markdown), numbers
