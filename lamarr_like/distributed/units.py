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

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import ProductionError, SourceError
from ..files.locations import Location
from ..io.generators.pythia import BLOCK
from ..io.kept import Kept
from ..io.sources import inputs_of, kind_of, open_source, traits
from ..plugins import SOURCE_GROUP, describe
from ..rng import stage_key
from .config import ProductionConfig, SourceConfig, traits_of
from .inputs import InputFile, facts_of
from .platforms import versions
from .records import digest_of

N_SEEDS = 900_000_000
"""Seeds that Pythia takes."""

MAX_UNITS = 1_000_000
"""Most units of a production: their numbers have six digits."""

PLAN_SCHEMA = 2


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
        inputs: all that the events follow from, as it was when the production was planned.
    """

    number: int
    text: str
    add: tuple[str, ...]
    first: int
    stop: int
    shift: int
    pileup: float | None = None
    inputs: tuple[InputFile, ...] = ()

    @property
    def part(self) -> str:
        """Name of the file that the unit writes."""
        return f"part-{self.number:06d}.root"

    @property
    def report(self) -> str:
        """Name of the file that says what is in the part."""
        return f"part-{self.number:06d}.json"

    @property
    def events(self) -> int:
        """Events of the unit, broken ones included."""
        return self.stop - self.first

    @property
    def range(self) -> tuple[int, int]:
        """First event number in the production, and the one after the last."""
        return self.first + self.shift, self.stop + self.shift


@dataclass(frozen=True)
class Plan:
    """A production, cut.

    Args:
        units: in order of event numbers.
        inputs: files that are read.
        identity: everything that the contents of the parts follow from.
        digest: SHA-256 of it.
        notes: remarks of the sources for the user.
    """

    units: tuple[Unit, ...]
    inputs: tuple[InputFile, ...]
    identity: dict[str, Any]
    digest: str
    notes: tuple[str, ...] = ()

    @property
    def events(self) -> int:
        """Events of all units, broken ones included."""
        return sum(unit.events for unit in self.units)


def look_at(path: Location, text: str, skip_bad: bool, known: InputFile | None) -> InputFile:
    """Checksum of a file and, for a file of events, their number.

    Args:
        path: the file.
        text: path with options, as a source; empty for what holds no events of its own.
        skip_bad: whether a file without a usable event is left out rather than an error.
        known: what was found before; events of the same content are not counted again.

    Raises:
        SourceError: if the file cannot be read or holds no event.
    """
    facts = facts_of(path, known)
    if not text:
        return facts
    if known is not None and known.sha256 == facts.sha256 and (known.events or known.problem):
        return replace(facts, events=known.events, problem=known.problem)
    try:
        return replace(facts, events=count_events(text))
    except SourceError as error:
        if not skip_bad:
            raise
        return replace(facts, problem=str(error))


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
        known: files looked at before; events of those with the same content are not counted again.
        each: called before each file is read; may raise to stop.

    Raises:
        SourceError: if a file cannot be read or holds no event, or a source is none.
        ProductionError: if the seeds of two streams of Pythia overlap, or nothing is left to do.
    """
    inputs: dict[str, InputFile] = {}
    notes: dict[str, None] = {}
    before = {i.path: i for i in known}

    def look(path: Location, text: str = "") -> InputFile:
        each()
        name = str(path)
        inputs[name] = look_at(path, text, config.skip_bad, before.get(name))
        return inputs[name]

    units: list[Unit] = []
    shift, n_units = 0, 0
    for source in config.sources:
        # Reaching the middle of what is not ours means reading all before it.
        whole = not (traits_of(source).is_generated or source.split)
        for piece in _pieces(source, look):
            notes |= dict.fromkeys(piece.notes)
            size = piece.events if whole else config.unit_events
            n_units += -(-piece.events // (size or 1))
            if n_units > MAX_UNITS:
                raise ProductionError(
                    f"{config.name}: more than {MAX_UNITS} units; raise unit_events"
                )
            units += _units(source, piece, size, shift, len(units))
            shift += piece.events
        shift = -(-shift // BLOCK) * BLOCK
    if not units:
        raise ProductionError(f"{config.name}: no file holds a usable event")
    _check_seeds(units, config.seed)
    # As it is read again: JSON knows lists only.
    identity = json.loads(json.dumps(_identity(config, provenance, list(inputs.values()))))
    return Plan(tuple(units), tuple(inputs.values()), identity, digest_of(identity), tuple(notes))


@dataclass(frozen=True)
class _Piece:
    """A generator or one file: what is numbered in one go."""

    text: str
    events: int
    inputs: tuple[InputFile, ...]
    notes: tuple[str, ...] = ()


def _units(
    source: SourceConfig, piece: _Piece, size: int, shift: int, number: int
) -> Iterator[Unit]:
    """Units of so many events of a piece, numbered from `number`."""
    for k, first in enumerate(range(0, piece.events, size or 1)):
        yield Unit(
            number=number + k,
            text=piece.text,
            add=source.add,
            first=first,
            stop=min(first + size, piece.events),
            shift=shift,
            pileup=source.pileup,
            inputs=piece.inputs,
        )


def _pieces(source: SourceConfig, look: Callable[..., InputFile]) -> Iterator[_Piece]:
    if source.kind != "files":
        # Of no more events than there may be; the seed and what is added do not count here.
        most = source.events or None
        opened = open_source(source.text, n_events=most, seed=0, pileup=source.pileup)
        inputs = tuple(look(path) for path in inputs_of(source.text, opened))
        events = source.events or count_events(source.text)
        if opened.length is not None:
            events = min(events, opened.length)
        yield _Piece(source.text, events, inputs, tuple(opened.notes))
    for path in source.files:
        text = f"{path}{source.text}"
        file = look(path, text)
        yield _Piece(text, min(file.events, source.events or file.events), (file,))


def count_events(text: str) -> int:
    """Events of a file, broken ones included, by reading it once.

    Args:
        text: path of the file, with its options.

    Raises:
        SourceError: if the file cannot be read or holds no event.
    """
    source = open_source(text, n_events=None, seed=0, skip_bad=True)
    given = sum(len(batch) for batch in source)
    count = given + sum(event >= 0 for event, _ in source.skipped)
    if not count:
        raise SourceError(f"{text}: holds no events")
    return count


def _check_seeds(units: Sequence[Unit], seed: int) -> None:
    """Refuse productions of which two streams of Pythia would share a seed."""
    spans: dict[str, list[int]] = {}
    streams: dict[tuple[str, float | None], tuple[str, ...]] = {}
    for text, pileup in {(unit.text, unit.pileup) for unit in units}:
        head = text.partition(":")[2].partition("?")[0]
        streams[text, pileup] = traits(kind_of(text)).streams(head, pileup)
    for unit in units:
        low, high = unit.range
        for stream in streams[unit.text, unit.pileup]:
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
        named = source.kind != "files" and traits(head).names_file
        entry["text"] = f"{head}:{Path(tail).name}" if named else source.text
        if source.kind == "plugin":
            points = entry_points(group=SOURCE_GROUP, name=head)
            entry["plugin"] = sorted({describe(point) for point in points})
        sources.append(entry)
    draws: dict[str, Any] = {} if config.oversample == 1 else {"oversample": config.oversample}
    if config.kept != Kept():
        kept = asdict(config.kept)
        draws["kept"] = {k: v if isinstance(v, str) else list(v) for k, v in kept.items()}
    draws |= config.conditions.noted()
    packages = sorted({p for source in config.sources for p in traits_of(source).packages})
    return {
        **draws,
        **({"versions": versions(packages)} if packages else {}),
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
