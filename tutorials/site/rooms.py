"""Picture and table of the rooms of the package, from the import contract and the imports.

    python tutorials/site/rooms.py rooms.svg

Rows are the layers of `.importlinter`; an arrow stands for imports that do not follow from others
(if `runs` imports `chain` and `chain` imports `stages`, none is drawn from `runs` to `stages`).
None is drawn to `GROUND`, which all may use.
"""

from __future__ import annotations

import ast
import configparser
import sys
import textwrap
from html import escape
from pathlib import Path
from typing import NamedTuple

import grimp

TOP = Path(__file__).resolve().parents[2]
PACKAGE = "lamarr_like"
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN, SIDE = 240, 66, 24, 34, 16, 150
"""Size of a box, distances between boxes, margins above and beside them [pixels]."""

HEAD = ("room", "what it is for", "modules", "lines", "imports")

GROUND = {"errors", "rng", "schema", "plugins"}
"""Rooms that nearly all others use; arrows to them would hide the rest."""


class Room(NamedTuple):
    """A room: its name, what it is for, modules and lines in it, and the rooms that it imports."""

    name: str
    meaning: str
    modules: int
    lines: int
    imports: frozenset[str]


class Place(NamedTuple):
    """Where a box stands: upper left corner, layer, and whether it begins and ends its row."""

    x: float
    y: int
    layer: int
    ends: tuple[bool, bool]


def layers() -> list[list[str]]:
    """Names of the rooms, a list for each layer of the contract, from the top."""
    parser = configparser.ConfigParser()
    parser.read(TOP / ".importlinter")
    text = parser["importlinter:contract:layers"]["layers"]
    rows = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [[name.strip(" ()") for name in row.split("|")] for row in rows]


def rooms() -> dict[str, Room]:
    """Every room of the contract by its name."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    names = [name for layer in layers() for name in layer]
    return {name: _room(name, names, graph) for name in names}


def _room(name: str, names: list[str], graph: grimp.ImportGraph) -> Room:
    own = TOP / PACKAGE / name
    files = sorted(own.rglob("*.py")) if own.is_dir() else [own.with_suffix(".py")]
    doc = ast.get_docstring(ast.parse(files[0].read_text())) or ""
    full = f"{PACKAGE}.{name}"
    modules = {full, *graph.find_descendants(full)}
    found = {m for module in modules for m in graph.find_modules_directly_imported_by(module)}
    targets = {module.split(".")[1] for module in found - modules if "." in module}
    n_lines = sum(len(path.read_text().splitlines()) for path in files)
    meaning = doc.split("\n\n")[0].replace("\n", " ").replace("`", "")
    return Room(name, meaning, len(files), n_lines, frozenset(targets & set(names)))


def arrows(found: dict[str, Room]) -> list[tuple[str, str]]:
    """Imports that do not follow from others, from the upper room to the lower one."""
    reach: dict[str, set[str]] = {}
    for name in reversed(list(found)):  # from the bottom
        below = found[name].imports
        reach[name] = set(below).union(*(reach.get(other, set()) for other in below))
    return [
        (name, other)
        for name, room in found.items()
        for other in sorted(room.imports)
        if not any(other in reach.get(third, ()) for third in room.imports - {other})
    ]


def picture() -> str:
    """The rooms as SVG."""
    found, rows = rooms(), layers()
    span = max(len(row) for row in rows) * (WIDTH + GAP_X) - GAP_X
    width, height = span + 2 * SIDE, 2 * MARGIN + len(rows) * (HEIGHT + GAP_Y) - GAP_Y
    place: dict[str, Place] = {}
    for k, row in enumerate(rows):
        left = (width - len(row) * (WIDTH + GAP_X) + GAP_X) / 2
        for i, name in enumerate(row):
            ends = (i == 0, i == len(row) - 1)
            place[name] = Place(left + i * (WIDTH + GAP_X), MARGIN + k * (HEIGHT + GAP_Y), k, ends)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"',
        f' width="{width:.0f}" font-family="sans-serif">',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"',
        ' markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#5c6bc0"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
    ]
    drawn = [(place[a], place[b]) for a, b in arrows(found) if b not in GROUND]
    parts += [_arrow(start, end, k) for k, (start, end) in enumerate(drawn)]
    parts += [_box(found[name], place[name]) for name in place]
    return "\n".join([*parts, "</svg>", ""])


def _arrow(start: Place, end: Place, number: int) -> str:
    """Straight down to the next layer, around the outside to those below it."""
    skipped = end.layer - start.layer - 1
    if skipped == 0:
        x, y, u, v = start.x + WIDTH / 2, start.y + HEIGHT, end.x + WIDTH / 2, end.y
        half = (v - y) / 2
        path = f"M{x:.0f},{y} C{x:.0f},{y + half:.0f} {u:.0f},{v - half:.0f} {u:.0f},{v}"
    else:
        # The side on which both boxes are the last of their rows; either, where both are alone.
        sides = [k for k in (0, 1) if start.ends[k] and end.ends[k]] or [int(end.ends[1])]
        side = sides[number % len(sides)]
        x, u = start.x + side * WIDTH, end.x + side * WIDTH
        y, v = start.y + HEIGHT * 0.7, end.y + HEIGHT * 0.3
        out = (max if side else min)(x, u) + (2 * side - 1) * (30 + 13 * skipped)
        path = f"M{x:.0f},{y:.0f} C{out:.0f},{y:.0f} {out:.0f},{v:.0f} {u:.0f},{v:.0f}"
    return (
        f'<path d="{path}" fill="none" stroke="#5c6bc0" stroke-opacity="0.7"'
        ' marker-end="url(#head)"/>'
    )


def _box(room: Room, at: Place) -> str:
    lines = textwrap.wrap(room.meaning, 42, max_lines=2, placeholder=" ...")
    text = "".join(
        f'<text x="{at.x + 10:.0f}" y="{at.y + 38 + 15 * k:.0f}" font-size="10.5">{escape(line)}</text>'
        for k, line in enumerate(lines)
    )
    return (
        f'<rect x="{at.x:.0f}" y="{at.y}" width="{WIDTH}" height="{HEIGHT}" rx="6"'
        f' fill="#e8eaf6" stroke="#3f51b5"/><text x="{at.x + 10:.0f}" y="{at.y + 20}" font-size="14"'
        f' font-weight="bold">{room.name}</text>{text}'
    )


def table() -> list[tuple[str, str, str, str, str]]:
    """Cells of a table of the rooms: name, meaning, modules, lines, imports."""
    return [
        (f"`{r.name}`", r.meaning, str(r.modules), str(r.lines), ", ".join(sorted(r.imports)))
        for r in rooms().values()
    ]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture())
