"""Two models side by side: what they are, what they learnt from, and their own figures."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...files.numbers import number, table
from ...registry.index import Entry


def beside(one: Entry, other: Entry) -> list[str]:
    """Two models as tables in Markdown: what differs, and all figures.

    Args:
        one, other: the models.
    """
    head = ("", one.name, other.name)
    told = [row for row in _about(one, other) if row[1] != row[2]]
    lines = table(head, told) if told else [f"{one.name} and {other.name} have the same origin."]
    names = [*one.figures, *(n for n in other.figures if n not in one.figures)]
    if names:
        rows = [_figure(name, one.figures.get(name), other.figures.get(name)) for name in names]
        lines += ["", *table(("figure", one.name, other.name, "difference", "+-"), rows)]
    return lines


def _about(one: Entry, other: Entry) -> Iterator[tuple[str, ...]]:
    """What is told of both, as name and two texts."""
    for key in ("kind", "family", "detector", "life", "size", "digest"):
        yield key, str(getattr(one, key)), str(getattr(other, key))
    keys = [k for k in (*one.lineage, *other.lineage) if k not in ("settings", "command")]
    for key in dict.fromkeys(keys):
        yield key.replace("_", " "), *(_text(e.lineage.get(key)) for e in (one, other))
    settings = [e.lineage.get("settings", {}) for e in (one, other)]
    for key in dict.fromkeys([*settings[0], *settings[1]]):
        yield f"setting {key}", *(_text(s.get(key)) for s in settings)
    for name in sorted({*one.files, *other.files}):
        yield name, *(_text(e.files.get(name, ("-",))[0][:12]) for e in (one, other))


def _text(value: object) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _figure(name: str, one: list[float] | None, other: list[float] | None) -> tuple[str, ...]:
    values = [pair[0] if pair else math.nan for pair in (one, other)]
    errors = [pair[1] if pair and len(pair) > 1 else math.nan for pair in (one, other)]
    texts = [
        number(v, 5) + (f" +- {number(e, 2)}" if math.isfinite(e) else "")
        for v, e in zip(values, errors, strict=True)
    ]
    return name, *texts, number(values[1] - values[0], 3), number(math.hypot(*errors), 2)
