"""HepMC files as the text of one event after the other, and lines of text as columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...arrays import Ints
from ...errors import SourceError
from ...files.locations import Location
from ...files.unpack import DAMAGED, unpacked
from ..weights import MAX_NAME

_MARKS = {b"HepMC::IO_GenEvent-START": 2, b"HepMC::Asciiv3-START": 3}
_MAX_FIELDS = 64
_SNIFF = 4096
_WHOLE = ("barcode", "origin", "pdg_id", "status", "end", "n_orphans", "n_out", "n")


MAX_EVENT = 1 << 25
"""Longest text of an event [bytes]; a collision of lead ions has about 7 million."""


MAX_LINE = 1 << 20
"""Longest line that is read [bytes]; a vertex of 10 000 particles has about 60 000."""


class MalformedTextError(Exception):
    """The text of an event is not what HepMC prescribes; only used inside `io`."""


class EventText(bytes):
    """The text of a GenEvent, and what its listing says of all of its events.

    Attributes:
        weight_names: names of the weights (HepMC3; HepMC2 has them in each event), () for none.
    """

    weight_names: tuple[str, ...] = ()


def sniff(path: Location) -> int:
    """HepMC version (2 or 3) of a file by its content, plain or compressed; 0 if it is neither.

    Raises:
        SourceError: if the file cannot be opened.
    """
    try:
        head = next(unpacked(path), b"")[:_SNIFF]
    except DAMAGED as error:
        raise SourceError(f"{path}: cannot be read ({error})") from None
    return next((version for mark, version in _MARKS.items() if mark in head), 0)


def event_texts(path: Location) -> Iterator[EventText]:
    """The text of each GenEvent from its ``E`` line on, ending in a newline.

    What stands before the first event of a listing belongs to all of its events, and to no event
    of the listing before it where listings were joined.

    Raises:
        MalformedTextError: after the last whole event, if the file is cut short or damaged.
    """
    held, started, seen = bytearray(b"\n"), False, 0
    listing = _Listing()
    try:
        for chunk in unpacked(path):
            held += chunk.replace(b"\r", b"")
            while (end := _next_event(held, seen)) >= 0:
                text, head = _cut(bytes(held[1 : end + 1]), started)
                if started:
                    yield listing.event(text)
                listing.open(head)
                del held[:end]
                started, seen = True, 1
            # The mark of the next event may have begun at the end of the chunk.
            seen = max(len(held) - 2, 1)
            if len(held) > MAX_EVENT:
                what = "an event" if started else "what stands before the first event"
                raise MalformedTextError(f"{what} is longer than {MAX_EVENT >> 20} MiB")
    except DAMAGED as error:
        raise MalformedTextError(f"the compressed file is cut short or damaged ({error})") from None
    if started:
        if not held.endswith(b"\n"):
            raise MalformedTextError("the file ends in the middle of a line")
        yield listing.event(_cut(bytes(held[1:]), started)[0])


def _next_event(text: bytearray, start: int) -> int:
    """Where the next line begins that starts an event, with the newline before it; -1 for none."""
    # Two letters are found twice as fast as three of which the last is as common as a space.
    while (at := text.find(b"\nE", start)) >= 0 and text[at + 2 : at + 3] != b" ":
        start = at + 1
    return at


def _cut(text: bytes, started: bool) -> tuple[bytes, bytes]:
    """The event at the beginning of a text, and the head of the next listing behind it."""
    if not started:
        return b"", text
    end = text.find(b"\nHepMC::") + 1
    return (text[:end], text[end:]) if end else (text, b"")


class _Listing:
    """What the head of a listing says of its events."""

    def __init__(self) -> None:
        self.version = 0
        self.names: tuple[str, ...] = ()

    def open(self, head: bytes) -> None:
        """Take in what stands before an event: the head of a new listing, or nothing."""
        version = next((v for mark, v in _MARKS.items() if mark in head), 0)
        if not version:
            return
        if self.version not in (0, version):
            raise MalformedTextError(
                f"HepMC{self.version} and HepMC{version} are joined in one file; take them apart"
            )
        self.version, self.names = version, ()
        for line in head.split(b"\n"):
            if version == 3 and line[:2] in (b"W ", b"N ") and len(line) <= MAX_LINE:
                self.names = _names3(line[2:])

    def event(self, text: bytes) -> EventText:
        """The text of an event of this listing."""
        event = EventText(text)
        event.weight_names = self.names
        return event


def _names3(field: bytes) -> tuple[str, ...]:
    r"""Names of the weights in the head of a HepMC3 listing, ``nominal\|up\|down``."""
    text = field.decode("utf-8", "replace").replace("\\|", "\n").replace("\\\\", "\\")
    return tuple(name[:MAX_NAME] for name in text.rstrip("\n").split("\n"))


def names2(field: bytes) -> tuple[str, ...]:
    """Names of the weights in a HepMC2 event, what follows the number in ``N 2 "0" "1"``."""
    text = field.decode("utf-8", "replace").strip()
    inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else ""
    return tuple(name[:MAX_NAME] for name in inner.split('" "')) if inner else ()


class Lines:
    """Text cut into lines, of which those of one kind can be read as columns."""

    def __init__(self, text: bytes) -> None:
        self.text = np.frombuffer(text, dtype=np.uint8)
        ends = np.flatnonzero(self.text == ord("\n"))
        starts = np.concatenate([[0], ends[:-1] + 1])
        filled = ends > starts
        self.starts, self.ends = starts[filled], ends[filled]
        self.kind = self.text[self.starts]
        # "HepMC::" lines stand between listings that were joined.
        spaced = self.text[np.minimum(self.starts + 1, len(self.text) - 1)] == ord(" ")
        self.kind = np.where(spaced, self.kind, 0)
        self.spaces = np.flatnonzero(self.text == ord(" "))
        self.first_space = np.searchsorted(self.spaces, self.starts)
        n_spaces = np.diff(self.first_space, append=len(self.spaces))
        self.n_fields = n_spaces + 1
        self.event = np.cumsum(self.kind == ord("E")) - 1

    def where(self, kind: str) -> Ints:
        """Numbers of the lines that begin with a letter, shape ``(n,)``."""
        return np.flatnonzero(self.kind == ord(kind))

    def line(self, line: int) -> bytes:
        """The text of one line."""
        self._check_length(np.array([line]))
        return self.text[self.starts[line] : self.ends[line]].tobytes()

    def fields(self, line: int) -> list[bytes]:
        """The fields of one line after its letter."""
        return self.line(line).split()[1:]

    def _check_length(self, lines: Ints) -> None:
        longest = int((self.ends[lines] - self.starts[lines]).max(initial=0))
        if longest > MAX_LINE:
            raise MalformedTextError(f"a line is longer than {MAX_LINE >> 20} MiB")

    def lists(self, lines: Ints, field: int) -> tuple[Ints, Ints]:
        """Lists of whole numbers, ``[52,54]``, in some lines of the same kind.

        Args:
            lines: numbers of the lines, shape ``(n,)``.
            field: position of the field after the letter, which is not the last one of all lines
                and which all of them have.

        Returns:
            How many each list has, shape ``(n,)``, and all of them.
        """
        before = self.first_space[lines] + field
        start = self.spaces[before] + 1
        following = np.append(self.spaces, len(self.text))[before + 1]
        sizes = np.minimum(following, self.ends[lines]) - start - 1  # its separators, as bytes
        filled = np.flatnonzero(sizes > 1)
        start, sizes = start[filled] + 1, sizes[filled]
        ends = np.cumsum(sizes)
        text = self.text[np.repeat(start - (ends - sizes), sizes) + np.arange(sizes.sum())]
        text[ends - 1] = ord(",")
        commas = np.flatnonzero(text == ord(","))
        counts = np.zeros(len(lines), np.int64)
        counts[filled] = np.diff(np.searchsorted(commas, ends), prepend=0)
        text[commas] = ord("\n")
        numbers = _csv(text.tobytes(), ["n"], ["n"])["n"] if len(text) else np.zeros(0, np.int64)
        if len(numbers) != counts.sum():  # the reader passes over empty lines
            raise MalformedTextError("a list of particles has an empty place")
        return counts, numbers

    def table(self, lines: Ints, names: list[str], least: int) -> dict[str, np.ndarray]:
        """Named columns of some lines of the same kind; further fields are ignored.

        Args:
            lines: numbers of the lines, shape ``(n,)``; so is each column.
            names: names of the fields after the letter; ``"_"`` for those not needed.
            least: fewest fields that such a line may have, the letter included.
        """
        self._check_length(lines)
        if len(lines) and self.n_fields[lines].min() < least:
            raise MalformedTextError(f"a line has fewer than {least} fields")
        if len(lines) and self.n_fields[lines].max() > _MAX_FIELDS:
            raise MalformedTextError(f"a line has more than {_MAX_FIELDS} fields")
        wanted = [name for name in names if name != "_"]
        columns = {n: np.zeros(len(lines), _type(n)) for n in wanted}
        for width in np.unique(self.n_fields[lines]):
            part = np.flatnonzero(self.n_fields[lines] == width)
            for name, values in self._read(lines[part], names, int(width)).items():
                columns[name][part] = values
        return columns

    def _read(self, lines: Ints, names: list[str], width: int) -> dict[str, np.ndarray]:
        fields = [f"{i}_" if n == "_" else n for i, n in enumerate(["_", *names])]
        fields += [f"{i}_" for i in range(len(fields), width)]
        return _csv(self._joined(lines), fields, [name for name in names if name != "_"])

    def _joined(self, lines: Ints) -> bytes:
        """The text of some lines, at least one; lines that follow each other are taken at once.

        Blank lines, counted to the line before them, come along: the CSV reader passes over them.
        """
        cuts = np.flatnonzero(np.diff(lines) != 1)
        first = self.starts[lines[np.concatenate([[0], cuts + 1])]]
        last = lines[np.append(cuts, len(lines) - 1)]
        stop = np.append(self.starts, len(self.text))[last + 1]
        text = self.text.data
        return b"".join([text[a:b] for a, b in zip(first.tolist(), stop.tolist(), strict=True)])


def _csv(text: bytes, fields: list[str], wanted: list[str]) -> dict[str, np.ndarray]:
    """Columns of lines of fields with spaces between them, by Arrow's reader."""
    import pyarrow as pa
    from pyarrow import csv

    types = {n: {"i": pa.int64(), "f": pa.float64()}[_type(n).kind] for n in wanted}
    try:
        table = csv.read_csv(
            pa.BufferReader(text),
            csv.ReadOptions(column_names=fields, use_threads=False, block_size=1 << 24),
            csv.ParseOptions(delimiter=" ", quote_char=False),
            csv.ConvertOptions(
                column_types=types,
                include_columns=wanted,
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise MalformedTextError(str(error).splitlines()[0]) from None
    return {name: _numbers(table.column(name), _type(name)) for name in wanted}


def _numbers(column: Any, dtype: np.dtype) -> np.ndarray:
    """A column of Arrow without gaps; its own conversion would import pandas."""
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * dtype.itemsize)
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate([np.zeros(0, dtype), *parts])


def _type(name: str) -> np.dtype:
    return np.dtype(np.int64 if name in _WHOLE else np.float64)
