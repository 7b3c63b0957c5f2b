"""Which branches of an ntuple are written: presets, and patterns that keep or drop some.

Generated particles are two thirds of a file, and an analysis reads few of the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from .. import schema
from ..errors import OutputError
from ..events import EventBatch, Table

_NUMBER = "eventNumber"
_TRUTH_DETAILS = (
    *("GenPart_status", "GenPart_vt", "GenPart_charge", "GenPart_ctb?", "GenPart_ecal?"),
    *("GenPart_t3?", "GenPart_isRecbleLong", "GenPart_inAcceptance", "GenPart_trackType"),
    *("GenWeight_*", "ClusterLink_*"),
)
PRESETS: dict[str, tuple[str, ...]] = {
    "full": (),
    "analysis": _TRUTH_DETAILS,
    "thin": (
        *("GenPart_*", "GenPV_*", "GenWeight_*", "ClusterLink_*", "Track_cov*"),
        *("Track_RichDLL*", "Track_Muon?*LL", "Track_Calo*", "Track_t[xy]", "Track_[xyz]"),
    ),
}
"""Patterns of the branches that each preset drops."""


@dataclass(frozen=True)
class Kept:
    """A choice of branches.

    Args:
        preset: key of `PRESETS`, whose branches are dropped first.
        keep: patterns (``*``, ``?``, ``[...]``) of branches that are written all the same.
        drop: patterns of branches that are not written, whatever else says.
    """

    preset: str = "full"
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse a preset that is not there, and patterns that no branch has.

        Raises:
            OutputError: naming it.
        """
        if self.preset not in PRESETS:
            raise OutputError(f"no preset {self.preset!r}; there are {', '.join(PRESETS)}")
        branches = [column.branch for column in schema.COLUMNS.values()]
        for pattern in (*self.keep, *self.drop):
            if not _matches(branches, [pattern]):
                near = get_close_matches(pattern, branches, 3) or ["Track_*"]
                raise OutputError(f"no branch is called {pattern!r}, as is {', '.join(near)}")
        if _matches([_NUMBER], self.drop):
            raise OutputError(f"{_NUMBER} tells which event is which and cannot be dropped")

    def columns(self, table: str, names: Sequence[str]) -> list[str]:
        """Those columns of a table that are written.

        Args:
            table: name of the table.
            names: columns that there are.
        """
        branches = {schema.column(table, name).branch: name for name in names}
        gone = _matches(branches, PRESETS[self.preset]) - _matches(branches, self.keep)
        gone |= _matches(branches, self.drop)
        return [name for branch, name in branches.items() if branch not in gone]

    def of(self, batch: EventBatch) -> EventBatch:
        """The events with what is written of them alone."""
        tables = {}
        for name in (t for t in schema.TABLES if t in batch.tables):
            there = [c.name for c in schema.table_columns(name) if c.name in batch[name]]
            columns = {k: batch[name][k] for k in self.columns(name, there)}
            if columns:
                tables[name] = Table(columns, batch[name].offsets)
        return EventBatch(tables)


def _matches(branches: Iterable[str], patterns: Iterable[str]) -> set[str]:
    return {b for b in branches if any(fnmatchcase(b, pattern) for pattern in patterns)}
