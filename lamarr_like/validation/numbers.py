"""Numbers of reports as text, as Markdown tables and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..files.scratch import write_text


def number(value: float, digits: int = 4) -> str:
    """A number with some digits; a dash where there is none."""
    return f"{value:.{digits}g}" if math.isfinite(value) else "-"


def fixed(value: float, digits: int = 4) -> str:
    """A number with some digits after the point; a dash where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


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
