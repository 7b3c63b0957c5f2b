"""Truth from HepMC2 and HepMC3 text and HepMC3's ROOT trees, standard or as LHCb writes it.

Statuses.  A particle is stable if it has no end vertex and status 1, or, in an LHCb file, 999 or
one of the codes below.  LHCb's codes say who dealt with the particle: 777 decayed by the decay
generator, 888 decayed in the generator or of the signal process, 889 the signal itself, 999 handed
to the detector simulation.  A file is taken as LHCb's if any of them occurs among its first
GenEvents.

Times.  HepMC gives them as lengths (mm/c); LHCb files have them in ns.  (In LHCb's sample files a
K_S vertex 788.7 mm behind its collision carries t = 2.634: the flight in ns, not in mm.)

Collisions.  ``?collisions=event``: each GenEvent is an event.  ``?collisions=file``: all GenEvents
of a file are the collisions of one event.  ``?collisions=auto``, the default, takes the second for
an LHCb file of at most 30 GenEvents numbered 1, 2, ... N, and the first for all others.
``?collisions=places``: each GenEvent is an event, with a collision wherever beams met, as `export`
writes events with pile-up.

Places.  Generators put their collisions at the origin.  ``?smear=1`` moves each, with all that
comes from it, by a place drawn in the luminous region (`generators.beam`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...arrays import Floats, Ints
from ...errors import BadEventError, SourceError
from ...events import EventBatch, Table
from ...files.locations import Location
from ...physics.particles import SPEED_OF_LIGHT
from ..generators.beam import collision_points
from ..options import check_options, parse_choice
from ..selection import RawTruth, nearest, select_particles, unphysical
from ..truth import TruthSource, drop_bad, make_batch
from ..unstable import Lost, decayed
from ..weights import bad_weights, numbered_names
from .ascii import GenEvents, parse
from .root_tree import is_hepmc_tree, tree_texts
from .text import MAX_EVENT, EventText, MalformedTextError, event_texts, sniff

LHCB_STATUSES = (777, 888, 889, 999)
"""Status codes that only LHCb's simulation writes."""

MAX_COLLISIONS = 30
"""Files with more GenEvents than this are never taken for the collisions of one event."""

BLOCK = 32
"""GenEvents that are parsed together."""

BLOCK_BYTES = 1 << 23
"""Length of text after which no further GenEvent is parsed with it."""

MAX_JOINED = 10_000
"""Most GenEvents that can be the collisions of one event."""

_EMPTY = "it has no particles"

OPTIONS = {
    "collisions": "auto, event (each GenEvent is one event), file (a file is one event) or places "
    "(each GenEvent is one event, with a collision wherever beams met)",
    "smear": "1 moves each collision to a place of its own in the luminous region",
    "units": "for files that state none: MEV-MM, MEV-CM, GEV-MM or GEV-CM",
    "weights": "all (with their names), or first for the nominal weight alone",
}
"""Options of a HepMC source and their meaning."""


_Parsed: TypeAlias = tuple[GenEvents | None, dict[int, str]]
"""What `_File._parse` makes of some texts."""


@dataclass
class _Block:
    """Texts of consecutive GenEvents; `broken` says why nothing follows where that is an error."""

    texts: list[EventText]
    broken: str | None
    last: bool


class HepmcSource(TruthSource):
    """GenEvents of HepMC files, in the order of the files.

    Args:
        name: the source as its user wrote it.
        paths: the files; plain or compressed, HepMC2 or HepMC3, found by content.
        n_events: how many events to give, None for all.
        options: see `OPTIONS`.
        skip_bad: leave broken events out and count them in `skipped` (-1 stands for a whole file
            without any event) rather than stop.
        seed: seed of the decays of particles that the generator left stable.

    Raises:
        SourceError: for options that do not exist and files that are not HepMC or hold no event.
        BadEventError: while iterating, for the first broken event unless `skip_bad`.
    """

    def __init__(
        self,
        name: str,
        paths: list[Location],
        n_events: int | None,
        options: Mapping[str, str],
        skip_bad: bool = False,
        seed: int = 1,
    ) -> None:
        super().__init__(name, n_events)
        check_options(name, options, OPTIONS)
        self.paths = paths
        self.skip_bad = skip_bad
        self.seed = seed
        self.n_given = 0
        self.collisions = parse_choice(
            name,
            "collisions",
            options.get("collisions", "auto"),
            ("auto", "event", "file", "places"),
        )
        smear = parse_choice(name, "smear", options.get("smear", "0"), ("0", "1"))
        self.smear = smear == "1"
        weights = parse_choice(name, "weights", options.get("weights", "all"), ("all", "first"))
        self.most_weights = None if weights == "all" else 1
        units = options.get("units")
        known = ("MEV-MM", "MEV-CM", "GEV-MM", "GEV-CM")
        self.units = None if units is None else parse_choice(name, "units", units, known)

    def inputs(self) -> tuple[Location, ...]:
        """The files."""
        return tuple(self.paths)

    def batches(self) -> Iterator[EventBatch]:
        """Read the files one after the other, a bounded number of GenEvents at a time."""
        next_id, self.n_given = 0, 0
        for path in self.paths:
            file = _File(path, self)
            left = None if self.n_events is None else self.n_events - next_id
            if left == 0:
                break
            for batch, n_read in file.events(next_id, left):
                next_id += n_read
                if len(batch):
                    yield batch
        if not self.n_given:
            raise SourceError(f"{self.name}: no usable event; {len(self.skipped)} skipped")


class _File:
    """One file of a source while it is read."""

    def __init__(self, path: Location, source: HepmcSource) -> None:
        self.path = path
        self.source = source
        self.is_tree = is_hepmc_tree(path)
        self.version = 3 if self.is_tree else sniff(path)
        if not self.version:
            raise SourceError(
                f"{path}: not a HepMC2 (IO_GenEvent) or HepMC3 (Asciiv3) text file, nor a ROOT "
                "tree of HepMC3"
            )

    def events(self, first_id: int, limit: int | None) -> Iterator[tuple[EventBatch, int]]:
        """Batches and the number of events, sound or not, that went into each."""
        blocks = self._blocks()
        block: _Block | None = next(blocks)
        assert block is not None
        if not block.texts and block.broken is None:
            self._no_event()
            return
        head = self._parse(block.texts)
        self.lhcb, as_one = self._dialect(block, head[0])
        parsed: _Parsed | None = head
        if as_one:
            yield self._one_event(*_joined(block, blocks), first_id)
            return
        position = 0
        while block is not None:
            stop = None if limit is None else limit - position
            if parsed is None or len(block.texts[:stop]) < len(block.texts):
                parsed = self._parse(block.texts[:stop])
            batch, n_read = self._many_events(block, parsed, first_id, position, stop)
            parsed = None
            yield batch, n_read
            position += n_read
            block = None if block.last or position == limit else next(blocks, None)

    def _blocks(self) -> Iterator[_Block]:
        texts = tree_texts(self.path) if self.is_tree else event_texts(self.path)
        last = False
        while not last:
            held: list[EventText] = []
            broken, size = None, 0
            last = True  # unless enough events are there
            try:
                for text in texts:
                    held.append(text)
                    size += len(text)
                    if len(held) == BLOCK or size > BLOCK_BYTES:
                        last = False
                        break
            except MalformedTextError as error:
                broken = str(error)
            yield _Block(held, broken, last)

    def _no_event(self) -> None:
        if not self.source.skip_bad:
            raise SourceError(f"{self.path}: holds no events")
        self.source.skip([(-1, f"{self.path}: holds no events")], self.source.n_given)

    def _dialect(self, head: _Block, found: GenEvents | None) -> tuple[bool, bool]:
        """Whether the file is LHCb's, and whether it is one event; `found` are those of `head`."""
        lhcb = found is not None and bool(np.isin(found.status, LHCB_STATUSES).any())
        mode = self.source.collisions
        if mode != "auto":
            return lhcb, mode == "file"
        numbers = [text.split(None, 2)[1:2] for text in head.texts]
        counted = numbers == [[str(k + 1).encode()] for k in range(len(numbers))]
        as_one = lhcb and counted and head.last and len(numbers) <= MAX_COLLISIONS
        if as_one:
            self.source.note(
                "LHCb file: its GenEvents are read as the collisions of one event "
                "(?collisions=event reads each as an event)"
            )
        elif len(numbers) > 1:
            self.source.note(
                "each GenEvent is read as one event (?collisions=file makes a file one event)"
            )
        return lhcb, as_one

    def _parse(self, texts: list[EventText]) -> _Parsed:
        """Parsed GenEvents (None if there is no sound one) and why the others are broken."""
        units = self.source.units
        default = None if units is None else (units[:3], units[4:])
        broken: dict[int, str] = {}
        if not texts:
            return None, broken
        try:
            return parse(texts, self.version, default), broken
        except MalformedTextError:
            pass
        for k, text in enumerate(texts):
            if text.find(b"\nP ") < 0:
                broken[k] = _EMPTY
                continue
            try:
                parse([text], self.version, default)
            except MalformedTextError as error:
                broken[k] = str(error)
        sound = [text for k, text in enumerate(texts) if k not in broken]
        return (parse(sound, self.version, default) if sound else None), broken

    def _many_events(
        self, block: _Block, parsed: _Parsed, first_id: int, position: int, stop: int | None
    ) -> tuple[EventBatch, int]:
        """Each GenEvent of a block is an event; `stop` is the most that may be read."""
        found, broken = parsed
        n_read = len(block.texts[:stop])
        if block.broken is not None and (stop is None or n_read < stop):
            broken[n_read] = block.broken
            n_read += 1
        where = np.arange(position, position + n_read)
        ids = first_id + where
        names = np.array([f"{self.path}, GenEvent {k}" for k in where], dtype=object)
        skipped = self._report(broken, ids, names)
        sound = np.setdiff1d(np.arange(n_read), list(broken))
        batch = _empty_batch()
        if found is not None:
            batch, more = self._sound(found, np.arange(len(sound)), ids[sound], names[sound])
            skipped = sorted(skipped + more)
        self.source.n_given += len(batch)
        self.source.skip(skipped, self.source.n_given)
        return batch, n_read

    def _one_event(
        self, texts: list[EventText], cut: str | None, event_id: int
    ) -> tuple[EventBatch, int]:
        """All GenEvents are collisions of one event, which is broken if any of them is."""
        found, broken = self._parse(texts)
        if cut is not None:
            broken[len(texts)] = cut
        reasons = {}
        if broken:
            reasons[0] = f"GenEvent {min(broken)}: {broken[min(broken)]}"
        ids = np.array([event_id])
        names = np.array([str(self.path)], dtype=object)
        skipped = self._report(reasons, ids, names)
        batch = _empty_batch()
        if not reasons and found is not None:
            batch, skipped = self._sound(found, np.zeros(len(texts), dtype=np.int64), ids, names)
        self.source.n_given += len(batch)
        self.source.skip(skipped, self.source.n_given)
        return batch, 1

    def _report(
        self, broken: Mapping[int, str], ids: Ints, names: NDArray[np.object_]
    ) -> list[tuple[int, str]]:
        """What is said of broken events, unless the first of them is an error."""
        for k in sorted(broken):
            if not self.source.skip_bad:
                raise BadEventError(str(names[k]), int(ids[k]), broken[k])
        return [(int(ids[k]), f"{names[k]}: {broken[k]}") for k in sorted(broken)]

    def _sound(
        self,
        found: GenEvents,
        event_of: Ints,
        ids: Ints,
        names: NDArray[np.object_],
    ) -> tuple[EventBatch, list[tuple[int, str]]]:
        """The sound ones of the events, and what is said of the others."""
        batch, bad, lost = self._batch(found, event_of, ids)
        batch, skipped = drop_bad(batch, bad, names, self.source.skip_bad)
        for k, counts in lost.items():
            if k not in bad:
                self.source.drop(int(ids[k]), counts)
        return batch, skipped

    def _batch(
        self, found: GenEvents, event_of: Ints, ids: Ints
    ) -> tuple[EventBatch, dict[int, str], Lost]:
        """Tables of some GenEvents, why some events are broken, and what the detector misses.

        Args:
            found: the GenEvents.
            event_of: position of the event that each GenEvent belongs to.
            ids: ``event_id`` of the events.
        """
        first = np.searchsorted(event_of, np.arange(len(ids) + 1))
        pv_id = np.arange(len(event_of)) - first[event_of]
        if self.source.smear:
            sizes = np.diff(found.offsets)
            found = self._smeared(found, ids[event_of], pv_id, sizes)
        if self.source.collisions == "places":
            met = _places(found)
        else:
            whose = np.repeat(pv_id, np.diff(found.offsets))
            counts = np.bincount(event_of, minlength=len(ids))
            met = _Met(whose, counts, np.arange(len(event_of)), found.vertex)
        raw = _raw(found, found.offsets[first], met.whose, self.lhcb)
        weight = self._weights(found, first[:-1])
        bad = bad_weights(weight, self.source.weight_names) | unphysical(raw)
        raw, lost = decayed(raw, self.source.seed, ids, bad)
        particle, unsound = select_particles(raw)
        bad = {**unsound, **bad}
        for k in np.flatnonzero(np.diff(found.offsets[first]) == 0):
            bad[int(k)] = _EMPTY
        x, y, z, t = met.place.T
        of_event = np.arange(len(x)) - np.repeat(np.cumsum(met.counts) - met.counts, met.counts)
        columns = {"mc_pv_id": of_event, "mc_x": x, "mc_y": y, "mc_z": z}
        columns["mc_t"] = t / (found.length[met.genevent] if self.lhcb else SPEED_OF_LIGHT)
        vertex = Table.from_counts(columns, met.counts)
        number = found.number[first[:-1]]
        return make_batch(ids, weight, vertex, particle, number), bad, lost

    def _smeared(self, found: GenEvents, event_id: Ints, pv_id: Ints, sizes: Ints) -> GenEvents:
        """The GenEvents with all vertices of each moved by one place in the luminous region."""
        shift = collision_points(self.source.seed, event_id, pv_id)
        shift[:, 3] *= found.length if self.lhcb else SPEED_OF_LIGHT
        position = found.position + np.repeat(shift, sizes, axis=0)
        return replace(found, vertex=found.vertex + shift, position=position)

    def _weights(self, found: GenEvents, rows: Ints) -> Table:
        """All weights of some GenEvents, the first ones of their events."""
        most = self.source.most_weights
        values = [found.weights[k][:most] for k in rows]
        ids: list[int] = []
        for k, own in zip(rows, values, strict=True):
            names = found.weight_names[k]
            if names and len(names) != len(found.weights[k]):
                self.source.note(
                    f"{self.path}: {len(names)} names for {len(found.weights[k])} weights; where "
                    "they differ in number weights are called 0, 1, ..."
                )
                names = ()
            ids += self.source.weight_names.ids(names[:most] or numbered_names(len(own)))
        columns = {"mc_weight_id": np.array(ids), "mc_weight_value": np.concatenate(values)}
        return Table.from_counts(columns, [len(own) for own in values])


def _joined(block: _Block, blocks: Iterator[_Block]) -> tuple[list[EventText], str | None]:
    """The texts of a file that is one event, and why it is broken if it is."""
    texts, broken, size = list(block.texts), block.broken, sum(map(len, block.texts))
    for more in blocks:
        texts += more.texts
        size += sum(map(len, more.texts))
        broken = more.broken
        if size > MAX_EVENT:
            return texts, f"all collisions together are longer than {MAX_EVENT >> 20} MiB"
        if len(texts) > MAX_JOINED:
            return texts[:1], f"it has more than {MAX_JOINED} GenEvents, too many for collisions"
    return texts, broken


class _Met(NamedTuple):
    """Collision of each particle, counted within its event; how many each event has.

    And of each collision its GenEvent and x, y, z, t.
    """

    whose: Ints
    counts: Ints
    genevent: Ints
    place: Floats


def _places(found: GenEvents) -> _Met:
    """A collision wherever beams met, in order of appearance.

    Beams, which come from no vertex themselves, count to the first collision of their event.
    """
    event = np.repeat(np.arange(len(found.number)), np.diff(found.offsets))
    primary = found.made & ((found.mother < 0) | ~found.made[found.mother])
    top, _ = nearest(found.mother, primary)
    below = top >= 0
    keys = np.column_stack([event, found.position[top]])[below]
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    rows = np.flatnonzero(below)[np.sort(first)]
    counts = np.bincount(event[rows], minlength=len(found.number))
    whose = np.zeros(len(event), np.int64)
    whose[below] = rank[which.ravel()] - (np.cumsum(counts) - counts)[event[below]]
    return _Met(whose, counts, event[rows], found.position[top[rows]])


def _raw(found: GenEvents, offsets: Ints, pv_id: Ints, lhcb: bool) -> RawTruth:
    px, py, pz, energy = found.momentum.T
    vx, vy, vz, vt = found.position.T
    length = np.repeat(found.length, np.diff(found.offsets))
    return RawTruth(
        offsets=offsets,
        pdg_id=found.pdg_id,
        status=found.status,
        stable=~found.decayed & np.isin(found.status, (1, *LHCB_STATUSES) if lhcb else (1,)),
        mother=found.mother,
        pv_id=pv_id,
        px=px,
        py=py,
        pz=pz,
        energy=energy,
        vx=vx,
        vy=vy,
        vz=vz,
        # LHCb's times are in ns whatever the unit of length.
        vt=vt / length if lhcb else vt / SPEED_OF_LIGHT,
    )


def _empty_batch() -> EventBatch:
    none = np.zeros(0, dtype=np.int64)
    return EventBatch({"event": Table({"event_id": none}, np.zeros(1, dtype=np.int64))})
