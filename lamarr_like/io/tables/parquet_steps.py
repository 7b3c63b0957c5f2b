"""Parquet files in steps of bounded memory, whatever their columns unpack to.

A list column of a few bytes can stand for billions of numbers, and Arrow unpacks the lists of a
step as a whole.  What a row group holds is written in the footer of the file: more numbers than
that Arrow does not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...arrays import Ints
from ...errors import SchemaError, SourceError
from ...files.locations import Location
from .parquet_footer import ColumnSize, column_sizes

MAX_STEP_ROWS = 2_000_000
"""Most particles of a step."""

MAX_GROUP_ROWS = 100_000_000
"""Most particles of a row group of jagged columns."""

MAX_RATIO = 200
"""How much larger than on disk a column of a row group may be, in bytes and in numbers a byte,
where it is long enough to matter."""

_SMALL = 1 << 28


def record_batches(
    path: Location, file: Any, names: list[str], jagged: bool, step: int, most: int
) -> Iterator[Any]:
    """Some rows at a time of a Parquet file, as Arrow record batches.

    Args:
        path: the file, for messages.
        file: the same, opened by `pyarrow`.
        names: columns to read.
        jagged: whether a row is an event with lists.
        step: most rows of a batch.
        most: most numbers of a list.

    Raises:
        SchemaError: if a column is no plain or jagged column of numbers.
        SourceError: if a step would take unbounded memory.
    """
    _check_types(path, file.schema_arrow, names)
    groups = column_sizes(path)
    if len(groups) != file.metadata.num_row_groups:
        raise SourceError(f"{path}: not a readable Parquet file (its footer does not add up)")
    for group, columns in enumerate(groups):
        size = _sizes(path, columns, group, names)
        own = step
        if jagged and max(size.values(), default=0) > MAX_STEP_ROWS:
            packed = sum(column.packed for column in columns)
            own = _step(path, file, group, size, packed, step, most)
        yield from file.iter_batches(own, [group], names, use_threads=False)


def _check_types(path: Location, there: Any, names: list[str]) -> None:
    import pyarrow.types as kinds

    for name in names:
        kind = there.field(name).type
        inner = kind.value_type if is_list(kind) else kind
        members = [field.type for field in inner] if kinds.is_struct(inner) else [inner]
        plain = (kinds.is_integer, kinds.is_floating, kinds.is_boolean)
        if not all(any(is_kind(one) for is_kind in plain) for one in members):
            raise SchemaError(f"{path}: column {name} has the type {kind}; it must be of numbers")


def is_list(kind: Any) -> bool:
    """Whether a type of Arrow is that of lists."""
    import pyarrow.types as kinds

    return any(f(kind) for f in (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list))


def fields(kind: Any) -> list[str]:
    """Names in a column of records, or of lists of records; none for numbers."""
    import pyarrow.types as kinds

    inner = kind.value_type if is_list(kind) else kind
    return [field.name for field in inner] if kinds.is_struct(inner) else []


def _sizes(
    path: Location, columns: list[ColumnSize], group: int, names: list[str]
) -> dict[str, int]:
    """Numbers in each column of a row group."""
    sizes: dict[str, int] = {}
    for column in columns:
        if column.name not in names:
            continue
        sizes[column.name] = column.values
        if column.unpacked > max(_SMALL, MAX_RATIO * max(column.packed, 1)):
            raise SourceError(
                f"{path}: column {column.name} of row group {group} unpacks from {column.packed} "
                f"bytes to {column.unpacked >> 20} MiB; write it with smaller row groups"
            )
    return sizes


def _step(
    path: Location,
    file: Any,
    group: int,
    sizes: dict[str, int],
    packed: int,
    step: int,
    most: int,
) -> int:
    """Rows of a large row group that can be read at a time, by the lengths of its lists."""
    rows = file.metadata.row_group(group).num_rows
    numbers = max(sizes.values())
    if numbers > min(MAX_GROUP_ROWS, MAX_STEP_ROWS + MAX_RATIO * packed):
        raise SourceError(
            f"{path}: row group {group} holds {numbers} particles in {packed} bytes; write it with "
            f"at most {MAX_STEP_ROWS} in a row group"
        )
    for name in sizes:
        ends = np.cumsum(_lengths(file, group, name, numbers, rows))
        if int(np.diff(ends, prepend=0).max(initial=0)) > most:
            raise SourceError(f"{path}: an event has more than {most} particles")
        while step > 1 and _longest(ends, step) > MAX_STEP_ROWS:
            step //= 2
    return step


def _lengths(file: Any, group: int, name: str, numbers: int, rows: int) -> Ints:
    """Length of each list of a column, 1 where it holds no lists."""
    import pyarrow.compute as pc

    step = max(MAX_STEP_ROWS * rows // numbers, 1)
    found = [np.zeros(0, dtype=np.int64)]
    for batch in file.iter_batches(step, [group], [name], use_threads=False):
        column = batch.column(0)
        if not is_list(column.type):
            return np.ones(rows, dtype=np.int64)
        found.append(np.asarray(pc.fill_null(pc.list_value_length(column), 0)).astype(np.int64))
    return np.concatenate(found)


def _longest(ends: Ints, step: int) -> int:
    """Most numbers in any `step` rows that are read together."""
    at = ends[np.append(np.arange(step - 1, len(ends) - 1, step), len(ends) - 1)]
    return int(np.diff(at, prepend=0).max())
