"""ROOT files of events: one ``Events`` tree, jagged branches with counters, as in NanoAOD.

The tree has one entry an event.  A table is a set of jagged branches with a common prefix and a
counter (``nTrack``, ``Track_px``, ...); event columns are plain branches.  The same names serve for
a TTree and for an RNTuple.  Two strings lie beside the tree, both JSON: ``schema`` (table, unit,
type and meaning of every branch) and ``provenance`` (how the file was made).

Where a row holds an array (`schema.Column.shape`), an RNTuple and the event columns of a TTree have
it as inner axes of fixed length.  Jagged branches of a TTree can have none (uproot writes them, but
cannot read them back): they hold all numbers of an event in one list, row by row, with a counter of
their own (``nTrack_image``); the shape stands in ``schema``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .. import schema
from ..arrays import Ints
from ..errors import OutputError, SchemaError
from ..events import EventBatch, Table, concatenate
from ..files.output import RootOutput
from ..files.scratch import unwritable
from .kept import Kept
from .ntuple_reader import TREE, content_digest, read_events, read_provenance, read_schema

if TYPE_CHECKING:
    import awkward as ak

__all__ = [
    "TREE",
    "EventWriter",
    "content_digest",
    "read_events",
    "read_provenance",
    "read_schema",
]

ROOT_FORMATS = ("ttree", "rntuple")
"""Kinds of tree that can be written."""

BASKET_ROWS = 50_000
"""Rows of the longest table that are gathered before they are written: small baskets are slow."""


class FurtherTrees(Protocol):
    """What adds trees of its own to the file of the events, such as candidates of decays."""

    def fill(self, file: Any, batch: EventBatch) -> None:
        """Take in some events; may write to the file, an uproot one."""

    def flush(self, file: Any) -> None:
        """Write what is held, once more before the file is closed."""


class EventWriter(RootOutput):
    """Write batches of events to a ROOT file; use it as a context manager.

    Args:
        path: where to write.
        metadata: provenance (JSON values); without times, so that equal runs give equal contents.
        root_format: ``"ttree"`` or ``"rntuple"``.
        further: what else is to be written of the events.
        force: replace an existing file at the end.
        weight_names: names of the weights by ``mc_weight_id``, read when the file is closed.
        kept: which branches are written, all if not given.

    Raises:
        OutputError: if the file cannot be written or is there already, no event came, or `kept`
            names what is not there.
        SchemaError: if batches differ in their tables or columns.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        metadata: Mapping[str, Any],
        root_format: str = "ttree",
        further: FurtherTrees | None = None,
        force: bool = False,
        weight_names: Sequence[str] = (),
        kept: Kept | None = None,
    ) -> None:
        self._kept = kept or Kept()
        self._kept.check()
        if root_format not in ROOT_FORMATS:
            raise OutputError(f"format {root_format!r}; it can be {', '.join(ROOT_FORMATS)}")
        super().__init__(path, force)
        self.outputs = [self.path]
        self.metadata = dict(metadata)
        self.root_format = root_format
        self.further = further
        self.weight_names = weight_names
        self._tree: Any = None
        self._columns: dict[str, list[str]] | None = None
        self._held: list[EventBatch] = []
        self._held_rows = 0

    def write(self, batch: EventBatch) -> None:
        """Append the events of a batch; columns that the schema does not know are left out."""
        known = {
            name: self._kept.columns(
                name, [c.name for c in schema.table_columns(name) if c.name in batch[name]]
            )
            for name in schema.TABLES
            if name in batch.tables
        }
        known = {name: columns for name, columns in known.items() if columns}
        if self._columns is None:
            self._columns = known
        elif known != self._columns:
            raise SchemaError(f"{self.path}: a batch has other tables or columns than the first")
        if not len(batch):
            return
        if self.further is not None:
            self.further.fill(self._file, batch)
        self._held.append(
            EventBatch(
                {
                    name: Table(
                        {k: schema.as_declared(name, k, batch[name][k]) for k in columns},
                        batch[name].offsets,
                    )
                    for name, columns in known.items()
                }
            )
        )
        self._held_rows += max(len(table) for table in batch.tables.values())
        if self._held_rows >= BASKET_ROWS:
            try:
                self._flush()
            except OSError as error:
                raise unwritable(self.path, error) from None

    def _flush(self) -> None:
        batch = concatenate(self._held)
        self._held, self._held_rows = [], 0
        data = _tree_data(batch) if self.root_format == "ttree" else _ntuple_data(batch)
        # An uproot file with folders cannot be asked what it contains.
        if self._tree is None:
            types = {k: _type(v) for k, v in data.items()}
            if self.root_format == "ttree":
                self._tree = self._file.mktree(TREE, types)
            else:
                self._tree = self._file.mkrntuple(TREE, types)
        self._tree.extend(data)

    def _finish(self) -> None:
        if self._held:
            self._flush()
        if self._tree is None:
            raise OutputError(f"{self.path}: no events to write")
        assert self._columns is not None
        if self.further is not None:
            self.further.flush(self._file)
        self._file["schema"] = json.dumps(_described(self._columns), indent=1)
        names = {"weight_names": list(self.weight_names)} if self.weight_names else {}
        self._file["provenance"] = json.dumps({**self.metadata, **names}, indent=1, sort_keys=True)


def _described(columns: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    branches = {}
    for table, names in columns.items():
        for c in (schema.column(table, name) for name in names):
            branches[c.branch] = {
                "table": c.table,
                "name": c.name,
                "unit": c.unit,
                "dtype": c.dtype,
                "doc": c.doc,
                **({"shape": list(c.shape)} if c.shape else {}),
            }
    counters = {
        schema.EXPORT_PREFIX[t]: f"n{schema.EXPORT_PREFIX[t]}"
        for t in columns
        if t in schema.EXPORT_PREFIX
    }
    return {"schema_version": schema.SCHEMA_VERSION, "counters": counters, "branches": branches}


def _exported(batch: EventBatch, table: str) -> dict[str, np.ndarray]:
    return {schema.column(table, k).export: v for k, v in batch[table].columns.items()}


def _tree_data(batch: EventBatch) -> dict[str, Any]:
    """Event columns and one record array a table, of which uproot makes counters and branches."""
    import awkward as ak

    data: dict[str, Any] = _exported(batch, "event")
    for name, table in batch.tables.items():
        if name != "event":
            columns = _exported(batch, name)
            single = {k: v for k, v in columns.items() if v.ndim == 1}
            record = ak.contents.RecordArray(
                [ak.contents.NumpyArray(np.ascontiguousarray(v)) for v in single.values()],
                list(single),
                length=len(table),
            )
            prefix = schema.EXPORT_PREFIX[name]
            if single:
                data[prefix] = _jagged(table.offsets, record)
            else:
                data[f"n{prefix}"] = table.counts.astype(np.int32)
            for key in (k for k in columns if k not in single):
                flat = np.ascontiguousarray(columns[key]).reshape(-1)
                offsets = table.offsets * (flat.size // max(len(table), 1))
                data[f"{prefix}_{key}"] = _jagged(offsets, ak.contents.NumpyArray(flat))
    return data


def _ntuple_data(batch: EventBatch) -> dict[str, Any]:
    """Every branch on its own, so that an RNTuple has the same names as a TTree."""
    import awkward as ak

    data: dict[str, Any] = {
        k: v if v.ndim == 1 else ak.Array(v) for k, v in _exported(batch, "event").items()
    }
    for name, table in batch.tables.items():
        if name != "event":
            data[f"n{schema.EXPORT_PREFIX[name]}"] = table.counts.astype(np.int32)
            for column, values in table.columns.items():
                content = ak.contents.NumpyArray(np.ascontiguousarray(values))
                data[schema.column(name, column).branch] = _jagged(table.offsets, content)
    return data


def _jagged(offsets: Ints, content: Any) -> ak.Array:
    import awkward as ak

    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), content))


def _type(values: Any) -> Any:
    """What uproot wants to know of a branch."""
    if not isinstance(values, np.ndarray):
        return values.type.content
    return values.dtype if values.ndim == 1 else (values.dtype, values.shape[1:])
