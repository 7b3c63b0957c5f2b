"""Collisions of a generator whose hard processes stand in a Les Houches event file.

A seed does not put such a generator back to where it was: each event that it makes takes the next
of the file, or some, where it rejects, vetoes or fails to finish one.  Here every event of the file
has its number and is taken once: for events ``first`` to ``stop`` the file is read on, or anew, up
to ``first``, and what Pythia made is known by what it tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import SourceError

if TYPE_CHECKING:
    import awkward as ak


@dataclass(frozen=True)
class HardRange:
    """What became of some events of a file.

    Args:
        collisions: those that Pythia finished, None for none.
        numbers: of each of them, the number of its event in the file.
        unreadable: numbers of events in which Pythia found no event.
    """

    collisions: ak.Array | None
    numbers: list[int]
    unreadable: list[int]


class HardEvents:
    """The events of a file as a started generator finishes them.

    Args:
        pythia: the generator, at the first event of its file.
        length: events of the file.
        name: of the source, for messages.
    """

    def __init__(self, pythia: Any, length: int, name: str) -> None:
        self.pythia = pythia
        self.length = length
        self.name = name
        self._at: int | None = 0
        self._one_by_one = False
        self._lags = False

    def take(self, first: int, stop: int, seed: int) -> HardRange:
        """Make collisions of events ``first`` to ``stop``; a function of these and the seed.

        Raises:
            SourceError: if the file can no longer be opened.
        """
        import awkward as ak

        if not self._one_by_one:
            self._start(first, seed)
            before = self._tried()
            batch = self.pythia.nextBatch(stop - first, "none")
            self._at = stop
            is_none = ak.to_numpy(ak.is_none(batch))
            self._lags = bool(is_none[-1])
            if self._tried() - before == stop - first and not is_none.any():
                return HardRange(ak.drop_none(batch), list(range(first, stop)), [])
            self._one_by_one = True  # some were not finished, and so it may go on
        self._start(first, seed)
        return self._each(first, stop)

    def _each(self, first: int, stop: int) -> HardRange:
        """The same, one at a time, which tells the number of each."""
        import awkward as ak

        pieces: list[ak.Array] = []
        numbers: list[int] = []
        unreadable: list[int] = []
        # After a collision the counter is that of all events so far, but for those that could not
        # be read; after a failure it lags behind.
        tried, after, least = self._tried(), first, first
        while least < stop:
            one = self.pythia.nextBatch(1, "none")
            self._lags = one[0] is None
            if not self._lags:
                now = self._tried()
                after, tried = after + now - tried, now
                least = after
                if after > stop:
                    break  # one of the next range, whose seed makes it
                pieces.append(one)
                numbers.append(after - 1)
                continue
            if self.pythia.infoPython().atEndOfFile():
                unreadable.append(least)
                after += 1
            least += 1
        self._at = stop if after == stop else None
        made = ak.drop_none(ak.concatenate(pieces)) if pieces else None
        return HardRange(made, numbers, unreadable)

    def _tried(self) -> int:
        return int(self.pythia.infoPython().nTried())  # what `infoPython` gives is a copy

    def _start(self, first: int, seed: int) -> None:
        """Go to an event of the file and seed the generator."""
        if self._lags:
            self._rewind()
            for _ in range(self.length):  # until one is finished, which brings the counter up
                if self.pythia.nextBatch(1, "none")[0] is not None:
                    break
            self._lags, self._at = False, None
        if self._at is None or self._at > first:
            self._rewind()
            self._at = 0
        for _ in range(first - self._at):
            self.pythia.LHAeventSkip(1)  # one that cannot be read is passed as well
        self._at = first
        self.pythia.rndm.init(seed)

    def _rewind(self) -> None:
        self.pythia.readString("Beams:newLHEFsameInit = on")
        if not self.pythia.init():
            raise SourceError(f"{self.name}: its Les Houches event file cannot be read again")
