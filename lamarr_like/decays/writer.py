"""ROOT files of candidates: a folder for each decay with its ``DecayTree``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..events import EventBatch, Table
from ..files.output import RootOutput
from ..files.scratch import unwritable
from . import branches
from .candidates import check_names, make_candidates, make_generated
from .expressions import FUNCTIONS
from .fringe import POLARITY
from .request import DecayRequest
from .truth import Truth

BASKET_ROWS = 20_000
"""Candidates of all decays that are gathered before they are written: small baskets are slow."""


class DecayTrees:
    """Trees of candidates in a ROOT file that somebody else opens and closes.

    Args:
        requests: the decays.
        generated: write an ``MCDecayTree`` of the generated decays beside each.
        polarity: sign of the field.

    Attributes:
        counts: candidates so far by decay.
        codes: among them those of each BKGCAT.

    Raises:
        DecayError: if two decays have one name.
    """

    def __init__(
        self,
        requests: Sequence[DecayRequest],
        generated: bool = True,
        polarity: int = POLARITY,
    ) -> None:
        check_names(requests)
        self.requests = list(requests)
        self.generated = generated
        self.polarity = polarity
        self.counts = {r.decay.name: 0 for r in requests}
        self.codes: dict[str, dict[int, int]] = {r.decay.name: {} for r in requests}
        self._held: dict[str, list[Mapping[str, np.ndarray]]] = {}
        self._held_rows = 0
        self._trees: dict[str, Any] = {}

    def fill(self, file: Any, batch: EventBatch) -> None:
        """Reconstruct the decays in some events and append them.

        Args:
            file: writable uproot file.
            batch: events, see `make_candidates`.
        """
        truth = Truth(batch)
        tables = make_candidates(batch, self.requests, self.polarity, truth)
        for request in self.requests:
            name, table = request.decay.name, tables[request.decay.name]
            self._hold(f"{name}/{branches.TREE}", table)
            self._count(name, table[f"{request.decay.head.branch}_BKGCAT"])
        if self.generated:
            made = make_generated(batch, self.requests, self.polarity, truth)
            for name, table in made.items():
                self._hold(f"{name}/{branches.GENERATED_TREE}", table)
        if self._held_rows >= BASKET_ROWS:
            self.flush(file)

    def flush(self, file: Any) -> None:
        """Write what is held; to be called once more before the file is closed."""
        for tree, parts in self._held.items():
            data = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
            # Asking an uproot file with folders what it contains fails, so that is kept here.
            if tree not in self._trees:
                self._trees[tree] = file.mktree(tree, {k: v.dtype for k, v in data.items()})
            self._trees[tree].extend(data)
        self._held, self._held_rows = {}, 0

    def described(self) -> str:
        """Unit and meaning of every kind of branch, as JSON."""
        kinds: dict[str, dict[str, dict[str, str]]] = {}
        for b in branches.BRANCHES:
            entry = {"unit": b.unit, "doc": b.doc}
            kinds.setdefault(b.kind, {})[b.export] = entry
        for b in branches.FITTED:
            entry = {"unit": b.unit, "doc": b.doc}
            kinds.setdefault(f"fit, {b.kind}", {})[b.export] = entry
        if any(request.cones for request in self.requests):
            for kind, declared in (("isolation", branches.ISOLATED), ("cone", branches.CONES)):
                kinds[kind] = {b.export: {"unit": b.unit, "doc": b.doc} for b in declared}
        for menu in (r.menu for r in self.requests if r.menu is not None):
            kinds["trigger"] = {
                line.decision: {
                    "unit": "",
                    "doc": f"{line.column.doc}; _TOS and _TIS of a particle",
                }
                for line in menu.lines
            }
        for request in self.requests:
            for one in request.branches:
                entry = {"unit": FUNCTIONS[one.function].unit, "doc": one.text}
                kinds.setdefault(f"named, {request.decay.name}", {})[one.name] = entry
        texts = {r.decay.name: r.decay.text for r in self.requests}
        return json.dumps({"decays": texts, "branches": kinds}, indent=1)

    def _hold(self, tree: str, table: Table) -> None:
        self._held.setdefault(tree, []).append(table.columns)
        self._held_rows += len(table)

    def _count(self, name: str, category: np.ndarray) -> None:
        self.counts[name] += len(category)
        for code, n in zip(*np.unique(category, return_counts=True), strict=True):
            self.codes[name][int(code)] = self.codes[name].get(int(code), 0) + int(n)


class DecayWriter(RootOutput):
    """Write the candidates of batches of events to a file; use it as a context manager.

    Args:
        path: where to write.
        trees: the decays.
        metadata: provenance (JSON values).
        force: replace an existing file at the end.

    Raises:
        OutputError: if the file cannot be written or is there already.
    """

    def __init__(
        self,
        path: str | Path,
        trees: DecayTrees,
        metadata: Mapping[str, Any],
        force: bool = False,
    ) -> None:
        super().__init__(path, force)
        self.trees = trees
        self.metadata = dict(metadata)

    def write(self, batch: EventBatch) -> None:
        """Append the candidates of some events."""
        try:
            self.trees.fill(self._file, batch)
        except OSError as error:
            raise unwritable(self.path, error) from None

    def _finish(self) -> None:
        self.trees.flush(self._file)
        self._file["branches"] = self.trees.described()
        self._file["provenance"] = json.dumps(self.metadata, indent=1, sort_keys=True)
