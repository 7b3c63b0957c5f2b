"""What the footer of a Parquet file says of the sizes of its columns.

Arrow reads footers too, but ends the process where the statistics in one do not fit together.  A
footer is a Thrift structure in the compact protocol:
https://github.com/apache/parquet-format (parquet.thrift) and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from ...errors import SourceError
from ...files.locations import Location

MAX_FOOTER = 1 << 26
"""Longest footer that is read [bytes]."""

_MAGIC = b"PAR1"
_MAX_DEPTH = 16
_BOOLEANS, _BYTE, _WHOLE, _DOUBLE, _BINARY = (1, 2), 3, (4, 5, 6), 7, 8
_LISTS, _MAP, _STRUCT = (9, 10), 11, 12
# Numbers of the fields in parquet.thrift.
_ROW_GROUPS, _COLUMNS, _META, _PATH, _VALUES, _UNPACKED, _PACKED = 4, 1, 3, 3, 5, 6, 7


class ColumnSize(NamedTuple):
    """A column of a row group.

    Attributes:
        name: its first name, that of the top of the schema.
        values: numbers in it, those of all lists together.
        unpacked: bytes of its pages before compression.
        packed: bytes of its pages in the file.
    """

    name: str
    values: int
    unpacked: int
    packed: int


def column_sizes(path: Location) -> list[list[ColumnSize]]:
    """Sizes of the columns of each row group.

    Raises:
        SourceError: if the file has no footer that can be read.
    """
    try:
        footer = _Reader(_footer(path)).struct()
        return [
            [_size(column[_META]) for column in group[_COLUMNS]] for group in footer[_ROW_GROUPS]
        ]
    except (OSError, ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        raise SourceError(f"{path}: not a readable Parquet file ({error!r})") from None


def _size(meta: dict[int, Any]) -> ColumnSize:
    numbers = [int(meta[k]) for k in (_VALUES, _UNPACKED, _PACKED)]
    if min(numbers) < 0:
        raise ValueError("a size below 0")
    return ColumnSize(meta[_PATH][0].decode("utf-8", "replace"), *numbers)


def _footer(path: Location) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 12:
            raise ValueError("too short")
        file.seek(size - 8)
        (length,), magic = struct.unpack("<I", file.read(4)), file.read(4)
        if magic != _MAGIC or length > min(size - 8, MAX_FOOTER):
            raise ValueError(f"a footer of {length} bytes")
        file.seek(size - 8 - length)
        return file.read(length)


class _Reader:
    """Values of the compact protocol, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Fields by their numbers."""
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            found[number] = kind == 1 if kind in _BOOLEANS else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")
        if kind in _WHOLE:
            return self._signed()
        if kind in (_BINARY, _DOUBLE):
            return self._bytes(8 if kind == _DOUBLE else self._unsigned())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in _LISTS:
            return self._list(depth)
        if kind == _MAP:
            return self._map(depth)
        if kind in (_BYTE, *_BOOLEANS):
            return self._byte()
        raise ValueError(f"a value of the kind {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        n = self._unsigned() if head >> 4 == 15 else head >> 4
        self._room(n)
        return [self._value(head & 15, depth + 1) for _ in range(n)]

    def _map(self, depth: int) -> list[Any]:
        n = self._unsigned()
        self._room(n)
        kinds = self._byte() if n else 0
        kind = (kinds >> 4, kinds & 15)
        return [tuple(self._value(k, depth + 1) for k in kind) for _ in range(n)]

    def _room(self, n: int) -> None:
        """Every value takes a byte at least."""
        if n > len(self.data) - self.at:
            raise ValueError("a list longer than the footer")

    def _bytes(self, n: int) -> bytes:
        self._room(n)
        self.at += n
        return self.data[self.at - n : self.at]

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _unsigned(self) -> int:
        value, shift = 0, 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits")
        return value | byte << shift

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
