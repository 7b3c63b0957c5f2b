"""Cutting a production into units of work with stable numbers, event ranges and random numbers.

Every source gets its own range of event numbers; ranges start at multiples of the block of Pythia
events that share a seed, so they never share a block.  All random numbers are functions of the
production's seed and the event number (`lamarr_like.rng`) or, inside Pythia, of the block number:
block b of a stream takes the seed ``1 + (start + b) mod 900 000 000``, which is injective for the
first 4.5e10 events.  So two units share no random number, and an event is the same however the
production is cut.  Where a production has two streams of Pythia (collisions and pile-up added to
a hard process) whose seeds would overlap, it is refused before the first event.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import SourceError
from ..io.locations import Location
from ..io.pythia import BLOCK
from ..plugins import SOURCE_GROUP, describe
from ..rng import stage_key
from .config import ProductionConfig, SourceConfig
from .errors import ProductionError

N_SEEDS = 900_000_000
"""Seeds that Pythia takes."""

MAX_UNITS = 1_000_000
"""Most units of a production: their numbers have six digits."""

PLAN_SCHEMA = 1


@dataclass(frozen=True)
class Unit:
    """One piece of work.

    Args:
        number: number of the unit, which names its part.
        text: the source, or one file of it with its options.
        add: what is added to each event.
        first: number of the first event in the source.
        stop: number after the last one.
        shift: number of event 0 of the source in the production.
        pileup: mean number of collisions, None for exactly one.
        file: the file, None for generators.
        size: bytes of the file.
        mtime_ns: when it was last changed.
    """

    number: int
    text: str
    add: tuple[str, ...]
    first: int
    stop: int
    shift: int
    pileup: float | None = None
    file: str | None = None
    size: int = 0
    mtime_ns: int = 0

    @property
    def part(self) -> str:
        """Name of the file that the unit writes."""
        return f"part-{self.number:06d}.root"

    @property
    def events(self) -> int:
        """Events of the unit, broken ones included."""
        return self.stop - self.first

    @property
    def range(self) -> tuple[int, int]:
        """First event number in the production, and the one after the last."""
        return self.first + self.shift, self.stop + self.shift


@dataclass(frozen=True)
class InputFile:
    """A file that a production reads.

    Args:
        path: where it is.
        size: its bytes.
        mtime_ns: when it was last changed.
        sha256: checksum.
        events: events in it, broken ones included; 0 for a Pythia card or an unusable file.
        problem: why it is left out, empty if it is not.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str
    events: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Plan:
    """A production, cut.

    Args:
        units: in order of event numbers.
        inputs: files that are read.
        identity: everything that the contents of the parts follow from.
        digest: SHA-256 of it.
    """

    units: tuple[Unit, ...]
    inputs: tuple[InputFile, ...]
    identity: dict[str, Any]
    digest: str

    @property
    def events(self) -> int:
        """Events of all units, broken ones included."""
        return sum(unit.events for unit in self.units)


def look_at(path: Location, text: str = "", skip_bad: bool = False) -> InputFile:
    """Checksum of a file and, for a file of events, their number.

    Args:
        path: the file.
        text: path with options, as a source; empty for a Pythia card.
        skip_bad: whether a file without a usable event is left out rather than an error.

    Raises:
        SourceError: if the file cannot be read or holds no event.
    """
    from .ranges import count_events

    try:
        status = path.stat()
        checksum = sha256(path)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error})") from None
    facts = (str(path), status.st_size, status.st_mtime_ns, checksum)
    if not text:
        return InputFile(*facts)
    try:
        return InputFile(*facts, count_events(text))
    except SourceError as error:
        if not skip_bad:
            raise
        return InputFile(*facts, problem=str(error))


def sha256(path: Location) -> str:
    """Checksum of a file, read in pieces."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            total.update(piece)
    return total.hexdigest()


def make_plan(
    config: ProductionConfig,
    provenance: dict[str, Any],
    known: Sequence[InputFile] = (),
    each: Callable[[], None] = lambda: None,
) -> Plan:
    """Cut a production.

    Args:
        config: the production.
        provenance: what identifies the pipeline and its models.
        known: files looked at before; those unchanged since are not read again.
        each: called before each file is read; may raise to stop.

    Raises:
        SourceError: if a file cannot be read or holds no event.
        ProductionError: if the seeds of two streams of Pythia overlap, or nothing is left to do.
    """
    inputs: dict[str, InputFile] = {}
    before = {(i.path, i.size, i.mtime_ns): i for i in known}

    def look(path: Location, text: str) -> InputFile:
        each()
        try:
            status = path.stat()
        except OSError as error:
            raise SourceError(f"{path}: cannot be read ({error})") from None
        found = before.get((str(path), status.st_size, status.st_mtime_ns))
        inputs[str(path)] = found or look_at(path, text, config.skip_bad)
        return inputs[str(path)]

    units: list[Unit] = []
    shift, n_units = 0, 0
    for source in config.sources:
        # Reaching the middle of what is not ours means reading all before it.
        whole = source.kind in ("files", "plugin") and not source.split
        for text, file, n in _pieces(source, look):
            size = n if whole else config.unit_events
            n_units += -(-n // (size or 1))
            if n_units > MAX_UNITS:
                raise ProductionError(
                    f"{config.name}: more than {MAX_UNITS} units; raise unit_events"
                )
            for first in range(0, n, size or 1):
                stop = min(first + size, n)
                unit = Unit(len(units), text, source.add, first, stop, shift, source.pileup)
                units.append(unit if file is None else _of_file(unit, file))
            shift += n
        shift = -(-shift // BLOCK) * BLOCK
    if not units:
        raise ProductionError(f"{config.name}: no file holds a usable event")
    _check_seeds(units, config.seed)
    identity = _identity(config, provenance, list(inputs.values()))
    return Plan(tuple(units), tuple(inputs.values()), identity, digest_of(identity))


def _pieces(
    source: SourceConfig, look: Callable[[Location, str], InputFile]
) -> Iterator[tuple[str, InputFile | None, int]]:
    """Text, file and number of events of each piece of a source that is numbered in one go."""
    from .ranges import count_events

    if source.kind != "files":
        card = Path(source.text.partition(":")[2].partition("?")[0])
        if source.kind == "pythia" and card.is_file():
            look(card, "")
        yield source.text, None, source.events or count_events(source.text)
    for path in source.files:
        text = f"{path}{source.text}"
        file = look(path, text)
        yield text, file, min(file.events, source.events or file.events)


def _of_file(unit: Unit, file: InputFile) -> Unit:
    return replace(unit, file=file.path, size=file.size, mtime_ns=file.mtime_ns)


def _check_seeds(units: Sequence[Unit], seed: int) -> None:
    """Refuse productions of which two streams of Pythia would share a seed."""
    spans: dict[str, list[int]] = {}
    for unit in (u for u in units if u.text.startswith("pythia:")):
        low, high = unit.range
        streams = ["pythia"]
        if unit.pileup is not None and not unit.text.startswith("pythia:minbias"):
            streams.append("pythia_pileup")
        for stream in streams:
            spans.setdefault(stream, []).extend((low // BLOCK, -(-high // BLOCK)))
    placed = []
    for stream, blocks in spans.items():
        start = int(stage_key(seed, stream)) % N_SEEDS
        placed.append(((start + min(blocks)) % N_SEEDS, max(blocks) - min(blocks)))
    placed.sort()
    round_trip = [(start + N_SEEDS, length) for start, length in placed[:1]]
    for (start, length), (following, _) in pairwise([*placed, *round_trip]):
        if start + length > following:
            raise ProductionError(
                f"seed {seed}: the random streams of Pythia for collisions and for pile-up would "
                "overlap; take another seed"
            )


def _identity(
    config: ProductionConfig, provenance: dict[str, Any], inputs: Sequence[InputFile]
) -> dict[str, Any]:
    """What the contents of the parts follow from; file names without folders, to be movable."""
    sources = []
    for source in config.sources:
        entry = asdict(source)
        entry["files"] = [path.name for path in source.files]
        head, _, tail = source.text.partition(":")
        entry["text"] = f"{head}:{Path(tail).name}" if source.kind == "pythia" else source.text
        if source.kind == "plugin":
            points = entry_points(group=SOURCE_GROUP, name=head)
            entry["plugin"] = sorted({describe(point) for point in points})
        sources.append(entry)
    draws = {} if config.oversample == 1 else {"oversample": config.oversample}
    return {
        **draws,
        "plan_schema": PLAN_SCHEMA,
        "program": f"lamarr_like {__version__}",
        "name": config.name,
        "seed": config.seed,
        "unit_events": config.unit_events,
        "skip_bad": config.skip_bad,
        "root_format": config.root_format,
        **provenance,
        "sources": sources,
        "inputs": [[Path(i.path).name, i.sha256, i.events] for i in inputs],
    }


def digest_of(identity: Any) -> str:
    """SHA-256 of JSON values."""
    text = json.dumps(identity, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
