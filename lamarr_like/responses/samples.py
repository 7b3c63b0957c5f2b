"""Samples of a response, detailed or drawn, in one ``.npz`` file of plain arrays.

::

    arrays        shape (n, *shape of the response), float32
    <condition>   shape (n,), one for each condition
    response      the declaration as JSON text (bytes); may be absent where it is given otherwise
    record        how the sample was made, as JSON text (bytes); may be absent

So a file of somebody else needs no more than ``arrays`` and the conditions by their names.  One of
several devices (`lamarr_like.responses.devices`) has ``arrays_<name>`` for each of them.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from .devices import Devices, read_declaration
from .hits import Hits, hits_of
from .response import Response

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


@dataclass(frozen=True)
class JointSample:
    """Particles and their arrays in several devices.

    Args:
        devices: declaration.
        parts: the sample of each device, in order, all of the same particles.
    """

    devices: Devices
    parts: tuple[ResponseSample, ...]

    def __len__(self) -> int:
        return len(self.parts[0])

    @property
    def conditions(self) -> dict[str, Floats]:
        """Of the particles, shapes ``(n,)``."""
        return self.parts[0].conditions

    @property
    def record(self) -> Mapping[str, Any]:
        """How it was made."""
        return self.parts[0].record

    @property
    def where(self) -> str:
        """Name for messages."""
        return self.parts[0].where

    def take(self, rows: Rows | slice) -> JointSample:
        """Some of the particles, by their numbers or a mask, shape ``(k,)``."""
        return JointSample(self.devices, tuple(part.take(rows) for part in self.parts))


AnySample = ResponseSample | JointSample


def parts_of(sample: AnySample) -> tuple[ResponseSample, ...]:
    """The sample of each device; of one response itself."""
    return (sample,) if isinstance(sample, ResponseSample) else sample.parts


def arrays_of(sample: AnySample) -> dict[str, np.ndarray]:
    """Its arrays by their names in a file, shapes ``(n, *shape)``."""
    if isinstance(sample, ResponseSample):
        return {ARRAYS: sample.arrays}
    return {_arrays_of(part.response.name): part.arrays for part in sample.parts}


def with_record(sample: AnySample, record: Mapping[str, Any]) -> AnySample:
    """The same sample, of arrays ``(n, *shape)``, with another record of how it was made."""
    if isinstance(sample, ResponseSample):
        return replace(sample, record=record)
    parts = tuple(replace(part, record=record) for part in sample.parts)
    return JointSample(sample.devices, parts)


def declared_as(sample: AnySample) -> Response | Devices:
    """Its declaration."""
    return sample.response if isinstance(sample, ResponseSample) else sample.devices


def joint_sample(
    devices: Devices,
    conditions: ReadColumns,
    arrays: Sequence[np.ndarray],
    where: str,
    record: Mapping[str, Any] | None = None,
) -> JointSample:
    """A sample of several devices, after a look at every number of it.

    Args:
        devices: declaration.
        conditions: shapes ``(n,)``.
        arrays: of each device, shapes ``(n, *shape)``.
        where: name for messages.
        record: how it was made.

    Raises:
        SchemaError: as `checked_sample`.
    """
    pairs = zip(devices.responses, arrays, strict=True)
    parts = [checked_sample(r, conditions, a, f"{where}: {r.name}", record) for r, a in pairs]
    return JointSample(devices, tuple(parts))


def any_sample(
    declaration: Response | Devices,
    conditions: ReadColumns,
    arrays: Sequence[np.ndarray],
    where: str,
    record: Mapping[str, Any] | None = None,
) -> AnySample:
    """`joint_sample` of devices, `checked_sample` of the one array of a response.

    Args:
        declaration: of either.
        conditions: shapes ``(n,)``.
        arrays: one for each device, shapes ``(n, *shape)``.
        where: name for messages.
        record: how it was made.
    """
    if isinstance(declaration, Devices):
        return joint_sample(declaration, conditions, arrays, where, record)
    return checked_sample(declaration, conditions, arrays[0], where, record)


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


def write_sample(sample: AnySample, path: Path | str, *, force: bool = False) -> None:
    """Write a sample; the file appears complete or not at all.

    Args:
        sample: it.
        path: ends in ``.npz``.
        force: replace a file that is there.

    Raises:
        OutputError: if it cannot be written.
    """
    tables: dict[str, np.ndarray] = {
        **arrays_of(sample),
        **sample.conditions,
        RESPONSE: _text(declared_as(sample).to_json()),
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
    """Read a sample of one response.

    Args:
        path: the ``.npz`` file, of this response or of devices among which it is.
        response: declaration; that in the file if None.

    Raises:
        SchemaError: if it is none, or of another response.
    """
    found = read_any(path, response)
    if isinstance(found, ResponseSample):
        return found
    names = ", ".join(part.response.name for part in found.parts)
    raise SchemaError(f"{path} holds the arrays of several devices ({names}); name one of them")


def read_device(path: Path | str, device: str) -> ResponseSample:
    """Read a sample of one device out of a file of several, by what the file declares.

    Args:
        path: the ``.npz`` file.
        device: name of its response.

    Raises:
        SchemaError: if it is none, or holds no such device.
    """
    parts = parts_of(read_any(path))
    found = next((part for part in parts if part.response.name == device), None)
    if found is None:
        names = ", ".join(part.response.name for part in parts)
        raise SchemaError(f"{path} holds no device {device!r}; it holds {names}")
    return found


def read_any(path: Path | str, declaration: Response | Devices | None = None) -> AnySample:
    """Read a sample of one response or of devices.

    Args:
        path: the ``.npz`` file.
        declaration: what is read; what the file says it holds if None.

    Raises:
        SchemaError: if it is none, or of another response.
    """
    where = str(path)
    tables = dict(_tables(Path(path), where))
    if not any(name == ARRAYS or name.startswith(f"{ARRAYS}_") for name in tables):
        raise SchemaError(f"{where} lacks {ARRAYS}; a sample holds them and the conditions by name")
    written = tables.pop(RESPONSE, None)
    record = _json(tables.pop(RECORD, None), f"{where}: {RECORD}")
    if declaration is None:
        if written is None:
            raise SchemaError(f"{where} does not say of which response it is; name it")
        place = f"{where}: {RESPONSE}"
        declaration = read_declaration(_json(written, place), place)
    if isinstance(declaration, Devices):
        names = [_arrays_of(response.name) for response in declaration.responses]
    else:
        own = _arrays_of(declaration.name)
        names = [own if own in tables and ARRAYS not in tables else ARRAYS]
    missing = next((name for name in names if name not in tables), None)
    if missing is not None:
        raise SchemaError(
            f"{where} lacks {missing}; a sample holds them and the conditions by name"
        )
    arrays = [tables[name] for name in names]
    return any_sample(declaration, tables, arrays, where, record)


def _arrays_of(name: str) -> str:
    """Name of the arrays of a device in a file."""
    return f"{ARRAYS}_{name}"


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
