"""The columns of an ntuple for people: meaning, stage, range, a small picture, and how well drawn.

Declarations come from the schema, so nothing can be missing; ranges and pictures from an ntuple,
measured beside a detailed one if there is one.  What was measured of the shipped chain lies in
``columns.json``, made by the first command of the page ``tutorials/look.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ... import schema
from ...arrays import Floats
from ...chain.pipeline import TRUTH
from ...errors import SchemaError, SourceError
from ...events import EventBatch
from ...files.forms import Entries, Items, Number, Record, Text, check
from ...files.yaml_json import parse_json
from ...io.ntuple_reader import read_events
from ...runs.redraw import first_events
from ...stages import STAGES, TRAINED_STAGES

SHIPPED = Path(__file__).with_name("columns.json")
EVENTS = 2000
"""Events that are looked at unless told otherwise."""
BINS = 24
_MOST_VALUES = 200_000
"""Values of a column that are looked at."""
_KOLMOGOROV = 0.8687
"""Mean of Kolmogorov's law: what two draws of one law are apart, times the root of their number."""

_NUMBER = Number()
_FORM = Record(
    {
        "schema_version": Number(1, 1, whole=True),
        "samples": Items(Text(most=200), least=1, most=2),
        "columns": Entries(
            Record(
                {
                    **dict.fromkeys(("low", "high", "distance", "floor"), _NUMBER),
                    "rows": Number(0, whole=True),
                    **dict.fromkeys(("ours", "theirs"), Items(_NUMBER, most=BINS)),
                },
                ("low", "high", "rows", "ours"),
            ),
            most=2000,
        ),
    },
    ("schema_version", "samples", "columns"),
)


@dataclass(frozen=True)
class Measured:
    """What a column looks like.

    Args:
        low, high: where the middle 98 % of its values lie.
        rows: values that were looked at.
        ours: shares of the values in bins from `low` to `high`.
        theirs: those of the ntuple beside it, empty if there is none.
        distance: Kolmogorov's between the two, NaN if there is none.
        floor: what two draws of one law are apart on average, for as many values.
    """

    low: float
    high: float
    rows: int
    ours: tuple[float, ...]
    theirs: tuple[float, ...] = ()
    distance: float = float("nan")
    floor: float = float("nan")


@dataclass(frozen=True)
class Dictionary:
    """Measured columns, by branch.

    Args:
        samples: names of the ntuple and of the one beside it.
        columns: what each branch looks like; branches that were not there are left out.
    """

    samples: tuple[str, ...]
    columns: Mapping[str, Measured]

    @classmethod
    def shipped(cls) -> Dictionary:
        """That of the shipped chain.

        Raises:
            SchemaError: if the file is damaged.
        """
        text = SHIPPED.read_text(encoding="utf-8")
        found = check(parse_json(text, str(SHIPPED), SchemaError), _FORM, str(SHIPPED), SchemaError)
        shaped = ("ours", "theirs")
        columns: dict[str, Measured] = {}
        for name, given in found["columns"].items():
            values: dict[str, Any] = {k: tuple(v) if k in shaped else v for k, v in given.items()}
            columns[name] = Measured(**values)
        return cls(tuple(found["samples"]), columns)

    def text(self) -> str:
        """As JSON, as it ships."""
        columns = {
            name: {k: v for k, v in asdict(one).items() if v != () and not _unknown(v)}
            for name, one in self.columns.items()
        }
        lines = (f"  {json.dumps(name)}: {json.dumps(columns[name])}" for name in sorted(columns))
        head = f'{{"schema_version": 1, "samples": {json.dumps(list(self.samples))}, "columns": {{'
        return "\n".join([head, ",\n".join(lines), "}}", ""])


def _unknown(value: object) -> bool:
    return isinstance(value, float) and bool(np.isnan(value))


def measure(path: Path, beside: Path | None = None, events: int | None = EVENTS) -> Dictionary:
    """Look at the columns of an ntuple.

    Args:
        path: fast or detailed.
        beside: another one, such as the detailed sample of the same events.
        events: how many of each, None for all.

    Raises:
        LamarrLikeError: if one cannot be read or holds no event.
    """
    ours = _values(path, events)
    theirs = {} if beside is None else _values(beside, events)
    names = (path.name,) if beside is None else (path.name, beside.name)
    found = {}
    for branch, values in ours.items():
        others = theirs.get(branch, np.zeros(0))
        if len(values):
            found[branch] = _measured(values, others)
    return Dictionary(names, found)


def _values(path: Path, events: int | None) -> dict[str, Floats]:
    """Finite values of every branch that the schema knows, in order of the schema."""
    parts: dict[str, list[np.ndarray]] = {}
    counts: dict[str, int] = {}
    n = 0
    for batch in first_events(read_events(path), events):
        n += len(batch)
        for column, values in _columns_of(batch):
            if counts.setdefault(column.branch, 0) < _MOST_VALUES:
                counts[column.branch] += len(values)
                parts.setdefault(column.branch, []).append(values)
    if not n:
        raise SourceError(f"{path}: holds no events")
    return {
        branch: np.concatenate(parts[branch])[:_MOST_VALUES]
        for branch in schema.by_branch()
        if branch in parts
    }


def _columns_of(batch: EventBatch) -> Iterable[tuple[schema.Column, Floats]]:
    for name, table in batch.tables.items():
        for column in schema.table_columns(name):
            if column.name in table:
                values = np.asarray(table[column.name], np.float64).ravel()
                yield column, values[np.isfinite(values)]


def _measured(ours: Floats, theirs: Floats) -> Measured:
    from scipy.stats import ks_2samp

    low, high = (float(v) for v in np.quantile(ours, [0.01, 0.99]))
    whole = bool((ours == np.round(ours)).all()) and high - low < BINS
    if whole:
        edges = np.arange(np.floor(low), np.ceil(high) + 2.0) - 0.5
    else:
        edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low - 1, low + 1])

    low, high = (float(f"{v:.6g}") for v in (low, high))

    def shares(values: Floats) -> tuple[float, ...]:
        counts = np.histogram(values, edges)[0] / max(len(values), 1)
        return tuple(float(f"{v:.3g}") for v in counts)

    if not len(theirs):
        return Measured(low, high, len(ours), shares(ours))
    n = len(ours) * len(theirs) / (len(ours) + len(theirs))
    distance = float(ks_2samp(ours, theirs, method="asymp").statistic)
    return Measured(
        *(low, high, len(ours), shares(ours), shares(theirs)),
        *(float(f"{v:.3g}") for v in (distance, _KOLMOGOROV / np.sqrt(n))),
    )


def made_by(table: str, name: str) -> tuple[str, ...]:
    """Stages that provide a column; ``source`` in front for what a generated event brings."""
    key = table, name
    every = {**STAGES, **TRAINED_STAGES}.values()
    found = [stage.name for stage in every if key in stage.provides | stage.at_times]
    return tuple((["source"] if key in TRUTH else []) + found)


def reach(one: Measured) -> str:
    """The range of a column in words."""
    return f"{one.low:.4g} to {one.high:.4g}" if one.high > one.low else f"{one.low:.4g}"


def quality(table: str, name: str, one: Measured) -> str:
    """How far a drawn column is from the one beside it, ``""`` for what was not drawn."""
    stages = [stage for stage in made_by(table, name) if stage != "source"]
    if not stages or _unknown(one.distance):
        return ""
    return f"{one.distance:.3f} ({one.floor:.3f})"


def picture(one: Measured) -> str:
    """A small histogram as SVG on one line: filled what was measured, a line what is beside it."""
    width, height = 96.0, 24.0
    most = max((*one.ours, *one.theirs, 1e-12))
    step = width / len(one.ours)
    bars = " ".join(
        f"M{k * step:.1f},{height:g}v{-height * v / most:.1f}h{step:.1f}V{height:g}z"
        for k, v in enumerate(one.ours)
        if v > 0.0
    )
    line = " ".join(
        f"{'L' if k else 'M'}{k * step:.1f},{height * (1 - v / most):.1f}h{step:.1f}"
        for k, v in enumerate(one.theirs)
    )
    outline = f'<path d="{line}" fill="none" stroke="#222"/>' if line else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{reach(one)}"><path d="{bars}" fill="#8ab6e0"/>{outline}</svg>'
    )


def wanted(patterns: Iterable[str] = ()) -> list[schema.Column]:
    """Columns whose branches fit one of some patterns, all if there is none.

    Raises:
        SchemaError: naming a pattern that fits none.
    """
    columns = list(schema.COLUMNS.values())
    patterns = list(patterns)
    for pattern in patterns:
        if not any(fnmatchcase(c.branch, pattern) for c in columns):
            raise SchemaError(f"no branch is called {pattern!r}, such as Track_p or 'Track_*'")
    return [c for c in columns if not patterns or any(fnmatchcase(c.branch, p) for p in patterns)]


HEAD = ("branch", "unit", "type", "meaning", "stage", "range", "", "distance (of two draws)")


def cells(column: schema.Column, found: Dictionary) -> tuple[str, ...]:
    """What is told of a column, as text; the picture is empty if there is none."""
    one = found.columns.get(column.branch)
    stages = ", ".join(made_by(column.table, column.name)) or "none"
    told = (column.branch, column.unit, column.dtype, column.doc, stages)
    if one is None:
        return (*told, "", "", "")
    return (*told, reach(one), picture(one), quality(column.table, column.name, one))


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Columns</title>
<style>
body {{ font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em; color: #222 }}
table {{ border-collapse: collapse }} td, th {{ padding: .2em .7em; text-align: left }}
tr {{ border-bottom: 1px solid #ddd }} td:first-child {{ font-family: monospace }}
</style>
<h1>Columns</h1>
<p>Filled: {ours}. {beside}The range holds 98 % of the values. The distance is that of Kolmogorov;
in parentheses what two draws of one law are apart on average. Lengths are mm, momenta MeV.</p>
<table>
<tr>{head}</tr>
{rows}
</table></html>
"""


def page(columns: Iterable[schema.Column], found: Dictionary) -> str:
    """One HTML page that opens offline."""
    rows = []
    for column in columns:
        told = cells(column, found)
        shown = [cell if k == 6 else escape(cell) for k, cell in enumerate(told)]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in shown) + "</tr>")
    ours, *others = map(escape, found.samples)
    return _PAGE.format(
        ours=ours,
        beside=f"Line: {others[0]}. " if others else "",
        head="".join(f"<th>{title}</th>" for title in HEAD),
        rows="\n".join(rows),
    )


def plain(columns: Iterable[schema.Column], found: Dictionary) -> str:
    """A table for the terminal."""
    rows = [(*told[:6], told[7]) for told in (cells(c, found) for c in columns)]
    order = (0, 1, 5, 6, 4, 3)
    head = ("branch", "unit", "range", "distance", "stage", "meaning")
    lines = [head, *(tuple(row[k] for k in order) for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(5)]
    return "\n".join(
        "  ".join([*(f"{line[k]:{widths[k]}}" for k in range(5)), line[5]]).rstrip()
        for line in lines
    )
