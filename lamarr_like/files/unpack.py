"""Compressed files of text as chunks of bounded size: gzip, bzip2, xz and zstd, by their content.

What a file takes when unpacked is not known before, and may be a million times its size: nothing
here holds more than a chunk of it, and xz files that ask for large tables are refused.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

from .locations import Location

CHUNK = 1 << 18
"""Most bytes that are given at once."""
MOST_MEMORY = 1 << 28
"""What an xz file may ask for to be unpacked [bytes]; its strongest preset takes 65 MiB."""
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What a file that is cut short or damaged raises."""

_GZIP, _BZIP2, _XZ, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
_SMALL = 1 << 14
"""Bytes at a time of a zstd file: those before the damage of a damaged one are lost with it."""


def unpacked(path: Location) -> Iterator[bytes]:
    """The contents of a file, unpacked if it is compressed, in chunks that are not empty.

    Raises:
        OSError, EOFError, zlib.error, lzma.LZMAError: see `DAMAGED`.
    """
    with path.open("rb") as plain:
        head = plain.read(6)
        plain.seek(0)
        if head.startswith(_GZIP):
            with gzip.GzipFile(fileobj=plain) as file:
                # read1 returns what could be unpacked before a truncation; read would lose it.
                yield from _chunks(file.read1, CHUNK)
        elif head.startswith(_BZIP2):
            yield from _streams(plain, bz2.BZ2Decompressor)
        elif head.startswith(_XZ):
            yield from _streams(plain, _xz)
        elif head.startswith(_ZSTD):
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(plain, mode="r"), "zstd") as file:
                yield from _chunks(file.read, _SMALL)
        else:
            yield from _chunks(plain.read, CHUNK)


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MOST_MEMORY)


def _chunks(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    while chunk := read(size):
        yield chunk


def _streams(plain: IO[bytes], make: Callable[[], Any]) -> Iterator[bytes]:
    """All compressed streams of a file, which may follow each other, with zeros in between."""
    unpack, data, done = make(), plain.read(CHUNK), False
    while data:
        chunk = unpack.decompress(data, CHUNK)
        while chunk:
            yield chunk
            chunk = b"" if unpack.eof or unpack.needs_input else unpack.decompress(b"", CHUNK)
        done = unpack.eof
        if not done:
            data = plain.read(CHUNK)
            continue
        data = unpack.unused_data.lstrip(b"\0")
        while not data and (more := plain.read(CHUNK)):
            data = more.lstrip(b"\0")
        if data:
            unpack, done = make(), False
    if not done:
        raise EOFError("it ends before its end-of-stream marker")
