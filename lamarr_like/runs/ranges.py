"""A range of the events of a source, numbered as in the production.

What reaching the first event of a range costs:

* guns and decays: nothing, an event is a function of its number;
* Pythia: at most 49 events, those of the same block of `io.generators.pythia.BLOCK` before it;
  with a Les Houches event file, reading past the hard events before it (15 us each);
* files and sources of plug-ins: all that lies before it is read and thrown away, so each is one
  unit unless its user asks for less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .. import plugins
from ..decays.collisions import host_of
from ..decays.source import open_source, with_decays
from ..errors import SourceError
from ..events import EventBatch
from ..files.locations import Location, is_url
from ..io.generators.embedding import EmbeddedSource
from ..io.sources import GENERATORS
from ..io.truth import TruthSource
from ..rng import stage_key


class RangeSource(TruthSource):
    """Events ``first`` to ``stop`` of another source.

    Args:
        whole: the source; a generator must give at least ``stop + shift`` events.
        first: number of the first event, as the source counts from 0.
        stop: number after the last event; None for the end of a file.
        shift: added to the number of an event: where the source starts in the production.
            Generators draw with the shifted number, so no two sources share random numbers.
    """

    def __init__(self, whole: TruthSource, first: int, stop: int | None, shift: int) -> None:
        super().__init__(whole.name, whole.n_events)
        self.whole = whole
        self.first, self.stop, self.shift = first, stop, shift
        self.is_gun = whole.is_gun
        self.notes, self.dropped = whole.notes, whole.dropped
        self.length, self.weight_names = whole.length, whole.weight_names

    def batches(self) -> Iterator[EventBatch]:
        """The events of the range, a bounded number at a time."""
        if self.stop is not None:
            first, stop = self.first + self.shift, self.stop + self.shift
            made = self.whole.numbered(first, stop, self.shift)
            if made is not None:
                self.whole.counted = (first, stop)
                return self._from_numbers(made, first, stop)
        return self._from_file()

    def inputs(self) -> tuple[Location, ...]:
        """Those of the whole source."""
        return self.whole.inputs()

    def _from_numbers(
        self, made: Iterator[EventBatch], first: int, stop: int
    ) -> Iterator[EventBatch]:
        for batch in made:
            self._take_skipped(first, stop, 0)
            yield _between(batch, first, stop)
        self._take_skipped(first, stop, 0)

    def _from_file(self) -> Iterator[EventBatch]:
        stop = np.iinfo(np.int64).max if self.stop is None else self.stop
        self.whole.counted = (self.first, stop)
        for batch in self.whole.batches():
            self._take_skipped(self.first, stop, self.shift)
            ids = batch.event["event_id"]
            done = len(ids) > 0 and int(ids[-1]) >= stop - 1
            part = _between(batch, self.first, stop)
            if len(part):
                yield part.with_columns("event", event_id=part.event["event_id"] + self.shift)
            if done:
                return
        self._take_skipped(self.first, stop, self.shift)

    def _take_skipped(self, first: int, stop: int, shift: int) -> None:
        """Take over what the source skipped inside of the range; whole files have no number."""
        for event, reason in self.whole.skipped:
            if first <= event < stop:
                self.skipped.append((event + shift, reason))
        self.whole.skipped.clear()


def open_range(
    text: str,
    add: Sequence[str],
    first: int,
    stop: int | None,
    shift: int,
    *,
    seed: int,
    pileup: float | None = None,
    skip_bad: bool = False,
) -> TruthSource:
    """Open a range of a source.

    Args:
        text: a source as `lamarr_like.decays.source.open_source` takes it, nothing added.
        add: ``gun:...`` and ``decay:...`` whose particles are added to each event.
        first: number of the first event in the source.
        stop: number after the last one; None for all of a file.
        shift: number of the source's event 0 in the production.
        seed: seed of the production.
        pileup: mean number of interactions of a Pythia event, None for exactly one.
        skip_bad: leave out broken events and count them.

    Raises:
        SourceError: naming what is wrong with the source.
        DecayError: for a bad decay.
    """
    generated = text.partition(":")[0] in GENERATORS
    limit = stop if stop is None or not generated else stop + shift
    own = seed if generated or not shift else _seed_of_plugin(seed, shift)
    opened, how = host_of(text, _decays(add))
    whole = open_source(opened, n_events=limit, seed=own, pileup=pileup, skip_bad=skip_bad)
    return range_of(whole, add, first, stop, shift, seed=seed, skip_bad=skip_bad, how=how)


def inputs_of(text: str, source: TruthSource) -> tuple[Location, ...]:
    """All files that the events of a source follow from, the code of a plug-in among them.

    Args:
        text: the source as `open_range` takes it.
        source: the same, opened.
    """
    kind, colon, _ = text.partition(":")
    if not colon or is_url(text) or kind in GENERATORS:
        return source.inputs()
    return (*source.inputs(), *plugins.files(plugins.SOURCE_GROUP, kind))


def _seed_of_plugin(seed: int, shift: int) -> int:
    """Seed of a source that counts its events from 0: no two of them draw the same numbers."""
    return int(stage_key(seed, f"source from {shift}")) >> 1


def range_of(
    whole: TruthSource,
    add: Sequence[str],
    first: int,
    stop: int | None,
    shift: int,
    *,
    seed: int,
    skip_bad: bool = False,
    how: str = "any",
) -> TruthSource:
    """A range of a source that is open already; arguments as for `RangeSource`, `open_range`.

    `how` is how signals find their collision, see `lamarr_like.decays.collisions.host_of`.
    """
    source: TruthSource = RangeSource(whole, first, stop, shift)
    guns = [a.removeprefix("gun:") for a in add if a.startswith("gun:")]
    decays = _decays(add)
    name = "+".join((whole.name, *add))
    if guns:
        source = EmbeddedSource(name, source, guns, seed, skip_bad)
    return with_decays(name, source, decays, seed, skip_bad, how)


def _decays(add: Sequence[str]) -> list[str]:
    return [a.removeprefix("decay:") for a in add if a.startswith("decay:")]


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


def _between(batch: EventBatch, first: int, stop: int) -> EventBatch:
    """The events with numbers from `first` to before `stop`; numbers rise within a batch."""
    low, high = np.searchsorted(batch.event["event_id"], [first, stop])
    return batch.events(int(low), int(high))
