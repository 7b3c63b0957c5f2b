"""Samples with foreign columns as event batches, by a small declarative mapping.

A mapping is a YAML file (``lhcb2016.yaml`` beside this module is an example) that gives each column
of our schema as an expression of foreign columns: the name of a column, a number, or one of the
named operations in `OPERATIONS` on a list of expressions.  Nothing is evaluated as code.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .. import schema
from ..arrays import ReadColumns
from ..errors import SchemaError, SourceError
from ..events import EventBatch, Table
from ..files.forms import (
    Entries,
    Form,
    Number,
    Place,
    Record,
    Text,
    check,
    check_version,
    kind,
    shown,
)
from ..files.yaml_json import read_yaml
from ..io.ntuple_reader import damaged, open_root
from ..physics.kinematics import momentum_components, pseudorapidity
from ..physics.particles import masses
from ..rng import uniforms

MAPPING_SCHEMA = 1


def _energy(px: np.ndarray, py: np.ndarray, pz: np.ndarray, pdg_id: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.sqrt(px**2 + py**2 + pz**2 + masses(pdg_id.astype(np.int64)) ** 2)
    return result


def _norm(*parts: np.ndarray) -> np.ndarray:
    return np.sqrt(sum(part**2 for part in parts))


OPERATIONS: dict[str, tuple[int, Callable[..., np.ndarray]]] = {
    "sum": (0, lambda *a: np.add.reduce(a)),
    "product": (0, lambda *a: np.multiply.reduce(a)),
    "norm": (0, _norm),
    "difference": (2, np.subtract),
    "ratio": (2, np.divide),
    "energy": (4, _energy),
    "nonzero": (1, lambda a: (a != 0) * 1.0),
    "positive": (1, lambda a: (a > 0) * 1.0),
    "equal": (2, lambda a, b: (a == b) * 1.0),
    "either": (0, lambda *a: np.any(np.not_equal(a, 0), axis=0) * 1.0),
    "both": (0, lambda *a: np.all(np.not_equal(a, 0), axis=0) * 1.0),
}
"""Operations of a mapping: number of arguments (0 for any) and function on float64 arrays.  There
is also ``bernoulli``, one argument: 1 with that probability, else 0, the same in every reading."""


MAX_TERMS = 1000
"""Names, numbers and operations of an expression."""


class _Expression:
    """Form of an expression: a name, a number, or one operation on a list of expressions."""

    words = "a name, a number or one operation"

    def check(self, value: Any, at: Place) -> Any:
        """The expression, if it is one of at most `MAX_TERMS` terms."""
        if self._terms(value, at) > MAX_TERMS:
            at.refuse(f"more than {MAX_TERMS} terms")
        return value

    def _terms(self, value: Any, at: Place) -> int:
        if isinstance(value, str):
            return 1
        if not isinstance(value, dict):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                at.expected(self.words, value)
            Number(-1e300, 1e300).check(value, at)
            return 1
        if len(value) != 1:
            at.refuse(f"expected one operation, found {len(value)}")
        ((name, arguments),) = value.items()
        if name not in _ARGUMENTS:
            known = ", ".join(_ARGUMENTS)
            at.refuse(f"unknown operation {shown(name)}; there are {known}")
        count = _ARGUMENTS[name]
        if not isinstance(arguments, list) or not arguments or count not in (0, len(arguments)):
            found = len(arguments) if isinstance(arguments, list) else kind(arguments)
            at.refuse(f"{name} takes a list of {count or 'some'} arguments, found {found}")
        return 1 + sum(self._terms(one, at / name / i) for i, one in enumerate(arguments))


_ARGUMENTS = {name: count for name, (count, _) in OPERATIONS.items()} | {"bernoulli": 1}


class _Evaluator:
    """Evaluates checked expressions on the foreign columns of one file."""

    def __init__(self, columns: ReadColumns, event_id: np.ndarray, where: str) -> None:
        self.columns, self.event_id, self.where = columns, event_id, where

    def __call__(self, expression: Any, target: str) -> np.ndarray:
        """Values of an expression, float64, shape ``(n,)``; ``target`` is for messages."""
        if isinstance(expression, str):
            where = f"{self.where}: column {target!r}"
            if expression not in self.columns:
                raise SchemaError(f"{where} needs the column {expression!r}, which is not there")
            values = np.asarray(self.columns[expression])
            if values.ndim != 1 or values.dtype.kind not in "biuf":
                raise SchemaError(f"{where}: column {expression!r} holds no plain numbers")
            return values.astype(np.float64)
        if isinstance(expression, int | float):
            return np.full(len(self.event_id), float(expression))
        ((name, arguments),) = expression.items()
        function = self._bernoulli if name == "bernoulli" else OPERATIONS[name][1]
        return function(*(self(a, target) for a in arguments))

    def _bernoulli(self, probability: np.ndarray) -> np.ndarray:
        row = np.arange(len(probability))
        return (uniforms(0, "foreign sample", self.event_id, row)[:, 0] < probability) * 1.0


def read_mapping(mapping: Path | str) -> dict[str, Any]:
    """Read and check a mapping.

    Args:
        mapping: path of a YAML file, or the name of a mapping that comes with the package
            (``"lhcb2016"``).

    Raises:
        SchemaError: if it is no mapping, of another version or names unknown columns, with the
            path of the item.
        SourceError: if it cannot be read.
    """
    path, here = Path(mapping), Path(str(resources.files(__package__)))
    if not path.suffix and (here / f"{mapping}.yaml").is_file():
        path = here / f"{mapping}.yaml"
    content, _ = read_yaml(path, SourceError)
    check_version(content, "mapping_schema", MAPPING_SCHEMA, str(path), SchemaError)
    found: dict[str, Any] = check(content, _form(), str(path), SchemaError)
    return found


def _form() -> Record:
    """Form of a mapping, with the columns that are declared by now."""
    tables: dict[str, Form] = {}
    for name in ("event", "particle", "track"):
        names = tuple(column.name for column in schema.table_columns(name))
        keys: dict[str, Form] = {
            "columns": Entries(_Expression(), names, least=1),
            "rows": _Expression(),
        }
        if name == "event":
            del keys["rows"]  # what holds for an event is that of its first row
        tables[name] = Record(keys, ("columns",))
    return Record(
        {
            "mapping_schema": Number(whole=True),
            "tree": Text(),
            "event_id": Text(),
            "tables": Record(tables, least=1),
        },
        ("mapping_schema", "tables"),
    )


def _flat_columns(path: Path, tree: str | None) -> dict[str, np.ndarray]:
    """Columns of a flat Parquet file or ROOT tree."""
    if path.suffix != ".parquet":
        with open_root(path) as file:
            name = tree or next(iter(file.keys(filter_classname="TTree")), None)
            if name is None or name not in file:
                raise SourceError(f"{path} holds no tree{'' if tree is None else ' ' + repr(tree)}")
            return _of_one_length(path, dict(file[name].arrays(library="np")))
    import pyarrow.parquet as pq

    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    with damaged(path):
        found = pq.read_table(path)
        return {name: found[name].to_numpy() for name in found.column_names}


def _of_one_length(path: Path, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same columns; branches of a damaged tree can differ in their entries."""
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise SourceError(f"{path}: branches have different numbers of rows ({listed})")
    return columns


def read_foreign(path: Path | str, mapping: Path | str) -> EventBatch:
    """Read a flat table with one row for each generated particle as one event batch.

    Args:
        path: Parquet file, or ROOT file with a flat tree (the mapping's ``tree``, else the first).
        mapping: see `read_mapping`.

    Returns:
        A batch with the tables ``event``, ``particle`` and ``track``; each track is linked to the
        particle of its row.  Momentum components, pT and eta of the tracks follow from p and the
        slopes; columns of the event are those of its first row.

    Raises:
        SourceError: if a file cannot be read.
        SchemaError: if the mapping does not fit the file or a column has values that are not
            finite.
    """
    path = Path(path)
    spec = read_mapping(mapping)
    columns = _flat_columns(path, spec.get("tree"))
    key = spec.get("event_id", "event_id")
    if key not in columns:
        raise SchemaError(f"{path} has no column {key!r} for the event")
    order = np.argsort(columns[key], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    ids, first, counts = np.unique(columns[key], return_index=True, return_counts=True)
    event_id = columns[key].astype(np.int64)
    evaluate = _Evaluator(columns, event_id, str(path))
    local = np.arange(len(event_id)) - np.repeat(first, counts)
    offsets = np.append(first, len(event_id))
    event: dict[str, np.ndarray] = {"event_id": ids.astype(np.int64)}
    event["run_number"] = np.zeros(len(ids), dtype=np.int32)
    tables: dict[str, Table] = {}
    for name, table in spec["tables"].items():
        if name == "event":
            # What holds for an event is repeated in its rows.
            for column, expression in table["columns"].items():
                raw = evaluate(expression, f"{name}.{column}")[first]
                event[column] = _declared(name, column, raw, path)
            continue
        rows = evaluate(table["rows"], "rows") != 0 if "rows" in table else local >= 0
        full = Table({"mcparticle_id": local.astype(np.int32)}, offsets).select(rows)
        values = {"mcparticle_id": full["mcparticle_id"]}
        for column, expression in table["columns"].items():
            raw = evaluate(expression, f"{name}.{column}")[rows]
            values[column] = _declared(name, column, raw, path)
        if name == "track":
            starts = np.repeat(full.offsets[:-1], full.counts)
            values["track_id"] = (np.arange(len(full)) - starts).astype(np.int32)
            values |= _track_momenta(values)
        tables[name] = Table(values, full.offsets)
    return EventBatch({"event": Table(event, np.arange(len(ids) + 1)), **tables})


def _declared(table: str, name: str, values: np.ndarray, path: Path) -> np.ndarray:
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise SchemaError(
            f"{path}: column '{table}.{name}' is {values[bad[0]]} in row {bad[0]} of the rows kept"
        )
    integer = np.dtype(schema.column(table, name).dtype).kind in "iu"
    return schema.as_declared(table, name, np.rint(values) if integer else values)


def _track_momenta(track: ReadColumns) -> dict[str, np.ndarray]:
    """Components, pT and eta where p and the slopes are there."""
    if not {"p", "tx", "ty"} <= set(track):
        return {}
    px, py, pz = momentum_components(track["p"], track["tx"], track["ty"])
    derived = {"px": px, "py": py, "pz": pz, "pt": np.hypot(px, py)}
    derived["eta"] = pseudorapidity(px, py, pz)
    return {k: schema.as_declared("track", k, v) for k, v in derived.items()}
