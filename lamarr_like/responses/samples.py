"""Samples of a response, detailed or drawn, in one ``.npz`` file of plain arrays.

::

    arrays        shape (n, *shape of the response), float32
    <condition>   shape (n,), one for each condition
    response      the declaration as JSON text (bytes); may be absent where it is given otherwise
    record        how the sample was made, as JSON text (bytes); may be absent

So a file of somebody else needs no more than ``arrays`` and the conditions by their names.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Floats, Floats32, ReadColumns, Rows
from ..errors import OutputError, SchemaError
from ..files.locations import Location
from ..files.places import check_free, check_parent, place, refuse_inputs
from ..files.scratch import Scratch
from ..files.yaml_json import parse_json
from .hits import Hits, hits_of
from .response import Response, read_response

ARRAYS, RESPONSE, RECORD = "arrays", "response", "record"

MOST_BYTES = 1 << 33
"""Most bytes that a sample may unpack to."""

_MOST_TEXT = 1 << 20
_MOST_TABLES = 200


@dataclass(frozen=True)
class ResponseSample:
    """Particles and their arrays.

    Args:
        response: declaration.
        conditions: shapes ``(n,)``, checked.
        arrays: shape ``(n, *response.shape)``.
        record: how it was made: plain values.
        where: name for messages.
    """

    response: Response
    conditions: dict[str, Floats]
    arrays: Floats32
    record: Mapping[str, Any] = field(default_factory=dict)
    where: str = "sample"

    def __len__(self) -> int:
        return len(self.arrays)

    @cached_property
    def seen(self) -> Floats:
        """Features of the particles, shape ``(n, n_features)``."""
        return self.response.seen(self.conditions, self.where)

    @cached_property
    def hits(self) -> Hits:
        """The arrays as cells that are not zero."""
        return hits_of(self.arrays)

    def take(self, rows: Rows | slice) -> ResponseSample:
        """Some of the particles."""
        conditions = {name: values[rows] for name, values in self.conditions.items()}
        return ResponseSample(self.response, conditions, self.arrays[rows], self.record, self.where)


def checked_sample(
    response: Response,
    conditions: ReadColumns,
    arrays: np.ndarray,
    where: str,
    record: Mapping[str, Any] | None = None,
) -> ResponseSample:
    """A sample, after a look at every number of it.

    Raises:
        SchemaError: for conditions that are missing, of another length, not finite or out of
            range, and for arrays of another shape or type, not finite, below zero, or below the
            threshold without being zero.
    """
    columns = response.checked(conditions, where)
    n = len(next(iter(columns.values())))
    if arrays.dtype.kind not in "iuf" or arrays.shape != (n, *response.shape):
        raise SchemaError(
            f"{where}: {ARRAYS} have type {arrays.dtype} and shape {arrays.shape}; "
            f"{response.name} has numbers of shape {(n, *response.shape)}"
        )
    found = arrays.astype(np.float32, copy=False)
    # Written so that NaN fails.
    bad = ~((found >= 0) & np.isfinite(found))
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise SchemaError(
            f"{where}: {ARRAYS} hold {found[place]} in row {place[0]}, cell {place[1:]}; "
            "values must be finite and not below 0"
        )
    if response.threshold > 0:
        # What float32 makes of the threshold counts as above it.
        low = (found > 0) & (found < np.float32(response.threshold) * np.float32(1 - 1e-6))
        found = np.where(low, np.float32(0), found) if low.any() else found
    return ResponseSample(response, columns, found, dict(record or {}), where)


def check_sample_output(
    path: Path | str, inputs: Iterable[str | Location] = (), *, force: bool = False
) -> Path:
    """See whether a sample may be written.

    Args:
        path: the file.
        inputs: files and folders that are read.
        force: whether a file that is there may be replaced.

    Raises:
        OutputError: if it must not be written, saying what to do.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise OutputError(f"{path}: samples are written to names that end in .npz; name another")
    check_parent(path)
    refuse_inputs([path], inputs)
    check_free(path, force)
    return path


def write_sample(sample: ResponseSample, path: Path | str, *, force: bool = False) -> None:
    """Write a sample; the file appears complete or not at all.

    Args:
        sample: it.
        path: ends in ``.npz``.
        force: replace a file that is there.

    Raises:
        OutputError: if it cannot be written.
    """
    tables: dict[str, np.ndarray] = {
        ARRAYS: sample.arrays,
        **sample.conditions,
        RESPONSE: _text(sample.response.to_json()),
        RECORD: _text(dict(sample.record)),
    }
    path = check_sample_output(path, force=force)
    scratch = Scratch(path)
    try:
        with scratch.begun(), scratch.path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **tables)
        place(scratch.path, path, force)
    finally:
        scratch.remove()


def read_sample(path: Path | str, response: Response | None = None) -> ResponseSample:
    """Read a sample.

    Args:
        path: the ``.npz`` file.
        response: declaration; that in the file if None.

    Raises:
        SchemaError: if it is none, or of another response.
    """
    where = str(path)
    tables = dict(_tables(Path(path), where))
    if ARRAYS not in tables:
        raise SchemaError(f"{where} lacks {ARRAYS}; a sample holds them and the conditions by name")
    written = tables.pop(RESPONSE, None)
    record = _json(tables.pop(RECORD, None), f"{where}: {RECORD}")
    if response is None:
        if written is None:
            raise SchemaError(f"{where} does not say of which response it is; name it")
        place = f"{where}: {RESPONSE}"
        response = read_response(_json(written, place), place)
    return checked_sample(response, tables, tables.pop(ARRAYS), where, record)


def _tables(path: Path, where: str) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays of an ``.npz`` file of a stranger."""
    try:
        with zipfile.ZipFile(path) as packed:
            entries = packed.infolist()
            if len(entries) > _MOST_TABLES:
                raise SchemaError(f"{where} holds {len(entries)} arrays; {_MOST_TABLES} are most")
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise SchemaError(f"{where} unpacks to more than {MOST_BYTES} bytes")
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                yield name, archive[name]
    except SchemaError:
        raise
    except FileNotFoundError as error:
        raise SchemaError(f"{where} does not exist") from error
    except Exception as error:  # zipfile, zlib and numpy raise many kinds
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SchemaError(f"{where} is no .npz file that can be read ({reason})") from error


def _text(value: Any) -> np.ndarray:
    return np.frombuffer(json.dumps(value, allow_nan=False).encode(), dtype=np.uint8)


def _json(table: np.ndarray | None, where: str) -> Any:
    if table is None:
        return {}
    if table.dtype != np.uint8 or table.ndim != 1 or len(table) > _MOST_TEXT:
        raise SchemaError(f"{where} is no text")
    return parse_json(table.tobytes(), where, SchemaError)
