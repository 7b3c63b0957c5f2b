"""Tables of reports: columns are declared once, and become Markdown or a part of a page.

A column is told as "title = format": ``{0}`` is what a row is about, ``{1}`` the same of its floor,
and names are worked out for the row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .numbers import table

Row = tuple[Any, Any, Mapping[str, Any]]
"""What a row is about, its floor or None, and what was worked out for it."""
_NO_NUMBER = ("nan", "inf", "-inf")


class Table(NamedTuple):
    """A table of a report.

    Attributes:
        title: above it.
        head: titles of the columns.
        rows: cells as text.
        text: how many columns from the left hold words.
        marks: class of the style sheet by content of the cell.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1
    marks: Mapping[str, str] = {}

    @property
    def markdown(self) -> list[str]:
        """Its lines in Markdown, without the title."""
        return table(self.head, self.rows)


class _Nothing:
    """Stands for a floor that is not there: whatever is asked of it is a dash."""

    def __getattr__(self, name: str) -> _Nothing:
        return self

    def __getitem__(self, place: int) -> _Nothing:
        return self

    def __format__(self, wanted: str) -> str:
        return "-"


def table_of(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Row],
    text: int = 1,
    marks: Mapping[str, str] | None = None,
) -> Table:
    """A table with a dash where there is no number.

    Args:
        title, text, marks: as in `Table`.
        columns: title and format of each.
        rows: what they are about.
    """
    head, formats = zip(*(column.split(" = ") for column in columns), strict=True)
    cells = [
        [f.format(one, _Nothing() if other is None else other, **names) for f in formats]
        for one, other, names in rows
    ]
    dashed = [
        ["-" if c.split(" ")[0].rstrip("%") in _NO_NUMBER else c for c in row] for row in cells
    ]
    return Table(title, head, dashed, text, marks or {})


def _dashed(cell: str) -> str:
    return "-" if cell.split(" ", maxsplit=1)[0].rstrip("%") in _NO_NUMBER else cell


def lines_of(columns: Sequence[str], items: Iterable[Any]) -> list[str]:
    """The table of some items, which have no floor, in Markdown."""
    return table_of("", columns, ((item, None, {}) for item in items)).markdown


def beside(items: Iterable[Any], others: Iterable[Any], *key: str) -> Iterator[tuple[Any, Any]]:
    """Each item with the next other one of equal attributes, None where there is none."""

    def of(one: Any) -> Hashable:
        return tuple(getattr(one, name) for name in key)

    held = defaultdict(list)
    for other in others:
        held[of(other)].append(other)
    for item in items:
        yield item, held[of(item)].pop(0) if held[of(item)] else None
