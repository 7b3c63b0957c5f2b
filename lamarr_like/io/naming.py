"""Under which names columns of the truth are found in tables that others made.

A column may bear the package's own name (``mc_px``), that of its branch (``GenPart_px``), or lie in
a record that is called as the table or as its prefix, under its own or the exported name
(``particle.mc_px``, ``GenPart.px``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from .. import schema
from ..errors import SchemaError
from .truth import PARTICLE_COLUMNS

TABLES = ("particle", "vertex", "event", "weight")
"""Tables of the truth."""

REQUIRED = ("mc_pdg_id", "mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
"""Columns of particles without a default."""

Key = tuple[str, str]
"""Table and column."""

EXAMPLE = """
one row a particle, rising event_id:
    pandas.DataFrame({"event_id": [0, 0, 1], "mc_pdg_id": [13, -13, 211], "mc_px": [...], ...})
or one entry an event, lists of particles:
    ak.Array({"GenPart_pdgId": [[13, -13], [211]], "GenPart_px": [[..., ...], [...]], ...})
both written with .to_parquet(path) or ak.to_parquet(array, path); lengths in mm, momenta in MeV"""


def _aliases() -> dict[str, Key]:
    """Table and column of every name outside of a record."""
    return _all_aliases(tuple(schema.COLUMNS))


@cache
def _all_aliases(declared: tuple[Key, ...]) -> dict[str, Key]:
    """The same for the columns that are declared by now; particles come first.

    Without a prefix, ``mc_x`` and the like are the collision's, repeated for each particle.
    """
    names: dict[str, Key] = {}
    for table in TABLES:
        for c in schema.table_columns(table):
            names[c.branch] = names[f"{table}_{c.name}"] = (table, c.name)
            own = "particle" if table == "vertex" else table
            names.setdefault(c.name, (own, c.name))
    return names


def _inside(table: str) -> dict[str, str]:
    """Column of every name in a record or a table of its own."""
    return _all_inside(table, tuple(schema.COLUMNS))


@cache
def _all_inside(table: str, declared: tuple[Key, ...]) -> dict[str, str]:
    """The same for the columns that are declared by now: plug-ins may come later."""
    names: dict[str, str] = {}
    for c in schema.table_columns(table):
        names |= {c.name: c.name, c.export: c.name, c.branch: c.name, f"{table}_{c.name}": c.name}
    return names


def may_hold_truth(name: str) -> bool:
    """Whether a name at the top is that of a column of the truth or of a record with some."""
    return name in _aliases() or table_of(name) is not None


def holds_particles(names: Iterable[str]) -> bool:
    """Whether there are particles among names at the top."""
    wanted = ("particle", "mc_pdg_id")
    return any(_aliases().get(n) == wanted or table_of(n) == "particle" for n in names)


def table_of(name: str) -> str | None:
    """The table that a record or a data frame of this name is; None if it is none of the truth."""
    for table in TABLES:
        if name in (table, schema.EXPORT_PREFIX.get(table)):
            return table
    return None


def column_in(table: str, name: str) -> str:
    """The column that a name in a table of its own stands for; unknown names stay as they are."""
    return _inside(table).get(name, name)


def named(fields: Mapping[str, Sequence[str]], where: str) -> dict[Key, tuple[str, ...]]:
    """Where the columns of the truth are.

    Args:
        fields: names at the top, each with the names in it where it is a record.
        where: what is looked at, for messages.

    Returns:
        The path of each column by table and column; of what is in no table of the truth, nothing.

    Raises:
        SchemaError: if a column is there under two names.
    """
    paths: dict[Key, tuple[str, ...]] = {}
    found: list[tuple[Key, tuple[str, ...]]]
    for top, inner in fields.items():
        table = table_of(top)
        if inner and table is not None:
            found = [((table, column_in(table, name)), (top, name)) for name in inner]
        elif not inner and top in _aliases():
            found = [(_aliases()[top], (top,))]
        else:
            continue
        for key, path in found:
            if key in paths:
                both = f"{'.'.join(paths[key])} and {'.'.join(path)}"
                raise SchemaError(f"{where}: {both} are the same column; leave one out")
            paths[key] = path
    return paths


def take(source: Any, path: Sequence[str]) -> Any:
    """What lies at a path."""
    for name in path:
        source = source[name]
    return source


def require_particles(columns: Iterable[str], where: str) -> None:
    """Check that all columns of particles without a default are there.

    Raises:
        SchemaError: naming those that are not, with an example of tables that hold them.
    """
    have = set(columns)
    missing = [c for c in REQUIRED if c not in have]
    if missing:
        branches = ", ".join(schema.column("particle", c).branch for c in missing)
        raise SchemaError(
            f"{where}: table 'particle' lacks the columns {', '.join(missing)} (or {branches}); "
            "columns of other names have to be renamed. What can be read is" + EXAMPLE
        )


def is_truth(table: str, name: str) -> bool:
    """Whether a column may come from outside: of the truth, or unknown to the schema.

    Charges are those of the species, whatever is said of them.
    """
    if (table, name) not in schema.COLUMNS:
        return True
    if table == "particle":
        return name in PARTICLE_COLUMNS and name != "mc_charge"
    return table == "vertex" or name not in ("n_spd_hits", "n_tracks", "n_pvs")
