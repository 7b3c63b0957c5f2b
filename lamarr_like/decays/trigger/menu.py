"""A menu of trigger lines: read from YAML, asked of events.

::

    schema_version: 1
    name: mine
    seed: 1                       # of the errors of L0, which are drawn
    lines:
      L0Muon: {kind: muon, min_pt: 1800, spread: 0.25, max_spd: 450}
      L0Global: {kind: any, of: [L0Muon]}
      Hlt1TrackMVA: {kind: track, after: [L0Global], min_pt: 1000, min_ip_chi2: 7.4}

Kinds and their cuts are in `lines.KINDS`.  A line fires only in events where one of those in
``after`` has; both name lines above.  Momenta and energies are in MeV.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ... import plugins, schema
from ...arrays import Mask
from ...errors import DecayError
from ...events import EventBatch
from ...files.forms import (
    Anything,
    Entries,
    Form,
    Items,
    Number,
    Place,
    Record,
    Text,
    check,
    check_version,
)
from ...files.yaml_json import read_yaml
from . import lines
from .lines import KINDS, Fired, Objects

MENU_SCHEMA = 1
SHIPPED = Path(__file__).with_name("lhcb-2016.yaml")
"""The menu that is taken where none is named."""
MOST_LINES = 64

_NAME = r"[A-Za-z][A-Za-z0-9]{0,39}"
_FORM = Record(
    {
        "schema_version": Number(whole=True),
        "name": Text(most=80),
        "seed": Number(0, 2**63 - 1, whole=True),
        "lines": Entries(Anything(), least=1, most=MOST_LINES, pattern=_NAME),
    },
    ("schema_version", "name", "lines"),
)
_EITHER: dict[str, Form] = {
    "kind": Text(choices=(*KINDS, "any")),
    "after": Items(Text(), least=1, most=MOST_LINES, once=True),
    "max_spd": Number(0),
}
_TOGETHER = {"hyperbola": "min_ip_chi2", "max_soft": "soft_ip_chi2"}
"""Cuts that others need."""
_ANY = Record({**_EITHER, "of": Items(Text(), least=1, most=MOST_LINES, once=True)}, ("kind", "of"))


@dataclass(frozen=True)
class Line:
    """One line of a menu.

    Args:
        name: without ``Decision``.
        kind: key of `lines.KINDS`, or ``any``.
        cuts: its settings.
        after: lines above of which one must have fired; none if empty.
        of: of ``any``, the lines above that it stands for.
    """

    name: str
    kind: str
    cuts: Mapping[str, Any]
    after: tuple[str, ...] = ()
    of: tuple[str, ...] = ()

    @property
    def decision(self) -> str:
        """Its branch of an event."""
        return f"{self.name}Decision"

    @property
    def column(self) -> schema.Column:
        """The column of its decision."""
        doc = f"whether the trigger-like line {self.name} fired"
        return schema.Column(
            "event", f"{self.name.lower()}_decision", "", "bool", doc, self.decision
        )


@dataclass(frozen=True, eq=False)
class Menu:
    """Lines in order; two menus are equal only if they are one.

    Args:
        name: of the menu.
        seed: of the errors that L0 measures with.
        lines: the lines.
    """

    name: str
    seed: int
    lines: tuple[Line, ...]

    @classmethod
    def load(cls, path: str | Path | None = None) -> Menu:
        """Read a menu.

        Args:
            path: the YAML file; that of LHCb in 2016 if None.

        Raises:
            DecayError: if it cannot be read, with the path of the item that is wrong.
        """
        file = SHIPPED if path is None else Path(path)
        found, _ = read_yaml(file, DecayError)
        where = str(file)
        check_version(found, "schema_version", MENU_SCHEMA, where, DecayError)
        values = check(found, _FORM, where, DecayError)
        made: list[Line] = []
        for name, given in values["lines"].items():
            made.append(_line(name, given, Place(where, DecayError) / "lines" / name, made))
        return cls(values["name"], values.get("seed", 1), tuple(made))

    @cached_property
    def needed(self) -> dict[str, tuple[str, ...]]:
        """Columns of each table that the lines need."""
        found: dict[str, tuple[str, ...]] = {"event": ("n_spd_hits",)}
        for line in self.lines:
            for table, columns in KINDS[line.kind].needs.items() if line.kind in KINDS else ():
                found[table] = tuple(dict.fromkeys((*found.get(table, ()), *columns)))
        return found

    def declare(self) -> None:
        """Make the columns of the decisions known, so that they are written and read."""
        plugins.declare(*(line.column for line in self.lines))

    def fire(self, batch: EventBatch) -> dict[str, Fired]:
        """What made each line fire.

        Args:
            batch: events with the columns `needed`, detailed or fast.

        Raises:
            SchemaError: if a table or column is missing.
        """
        for table, columns in self.needed.items():
            have = batch[table].columns if table in batch.tables else ()
            schema.require(table, have, columns, f"trigger menu {self.name!r}")
        objects = Objects(batch, self.seed)
        found: dict[str, Fired] = {}
        for line in self.lines:
            if line.kind == "any":
                fired = lines.joined([found[name] for name in line.of])
            else:
                fired = KINDS[line.kind].select(objects, line.cuts)
            allowed: Mask = batch.event["n_spd_hits"] < line.cuts.get("max_spd", np.inf)
            if line.after:
                before = [found[name].decision(len(batch)) for name in line.after]
                allowed = allowed & np.any(before, axis=0)
            found[line.name] = fired.take(allowed[fired.event])
        return found

    def decisions(self, batch: EventBatch) -> dict[str, Mask]:
        """Whether each line fired, by the name of the column, shape ``(n_events,)``."""
        fired = self.fire(batch)
        return {line.column.name: fired[line.name].decision(len(batch)) for line in self.lines}


def _line(name: str, given: Any, at: Place, above: list[Line]) -> Line:
    """One line, by the form of its kind."""
    kind = Record({"kind": _EITHER["kind"]}, ("kind",), open=True).check(given, at)["kind"]
    form = _ANY
    if kind != "any":
        form = Record({**_EITHER, **KINDS[kind].cuts}, ("kind", *KINDS[kind].required))
    values = form.check(given, at)
    for key, other in _TOGETHER.items():
        if key in values and other not in values:
            at.refuse(f"{key} needs {other}")
    names = [line.name for line in above]
    for key in ("after", "of"):
        for i, one in enumerate(values.get(key, ())):
            if one not in names:
                listed = ", ".join(names) or "none"
                (at / key / i).refuse(f"no line {one!r} above; there are {listed}")
    if name.lower() in {one.lower() for one in names}:
        at.refuse("another line has this name")
    after, of = (tuple(values.pop(key, ())) for key in ("after", "of"))
    return Line(name, values.pop("kind"), values, after, of)
