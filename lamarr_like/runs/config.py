"""What a run reads and writes, and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..io.kept import Kept
from .conditions import Conditions

if TYPE_CHECKING:
    from ..decays.request import DecayRequest
    from ..decays.run import DecaySummary


CHUNK = 1000
"""Events held in memory at a time where nobody says how many."""

COLLISION = 30
"""Generated particles of a small collision.  Chunks of still smaller events, as of one decay, hold
more of them: most of what a chunk of few particles costs does not depend on how many they are."""


@dataclass(frozen=True)
class RunConfig:
    """What a run reads and writes.

    Args:
        source: generator or files, as `lamarr_like.io.sources.open_source` takes it.
        output: ROOT file to write.
        n_events: how many events, None for all of the source.
        seed: seed of generator and detector.
        chunk_size: events held in memory at a time, None for 1000, and for more of small ones; the
            result does not depend on it.
        pileup: mean number of collisions an event, None for the source's own.
        skip_bad: count broken events and go on, instead of stopping at the first.
        root_format: ``"ttree"`` or ``"rntuple"``.
        command: command line, kept in the file.
        decays: decays to be reconstructed; each gets a folder with its ``DecayTree``.
        split_events: events in each of the numbered files that are written instead of `output`
            (``out.root`` becomes ``out-000000.root``, ...); 0 for one file.
        oversample: draws of the detector for each generated event (`oversampling.oversampled`).
        force: replace an output that is there; an input is never replaced.
        kept: which branches of the events are written.
        conditions: polarity of the magnet and run number.
    """

    source: str
    output: Path
    n_events: int | None = None
    seed: int = 1
    chunk_size: int | None = None
    pileup: float | None = None
    skip_bad: bool = False
    root_format: str = "ttree"
    command: str = ""
    decays: tuple[DecayRequest, ...] = ()
    split_events: int = 0
    oversample: int = 1
    force: bool = False
    kept: Kept = field(default_factory=Kept)
    conditions: Conditions = field(default_factory=Conditions)

    @property
    def generated_chunk(self) -> int:
        """Generated events at a time: their draws together are a chunk."""
        return max((self.chunk_size or CHUNK) // self.oversample, 1)

    @property
    def generated_particles(self) -> int:
        """Generated particles at a time at the least: those of a chunk of collisions."""
        return 0 if self.chunk_size else CHUNK * COLLISION // self.oversample


@dataclass(frozen=True)
class RunSummary:
    """What a run did.

    Attributes:
        events: events written.
        particles: generated particles written.
        tracks: reconstructed tracks by type.
        wall: duration [s].
        seconds: part of it spent on each step, reading and writing included; of all workers.
        skipped: (event, reason) of the events that were left out.
        notes: remarks of the source.
        workers: processes that made the events.
        memory: highest peak memory of any of the processes [MB]; 0 where it was not taken.
        outputs: files written, in order.
        out_of_range: tracks outside the training sample of the models.
        missing: events that were asked for and that the source did not hold.
        decays: candidates of the decays that were asked for, None if none was.
    """

    events: int
    particles: int
    tracks: dict[str, int]
    wall: float
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()
    workers: int = 1
    memory: float = 0.0
    outputs: tuple[Path, ...] = ()
    out_of_range: int = 0
    missing: int = 0
    decays: DecaySummary | None = None

    @property
    def rate(self) -> float:
        """Events a second, reading and writing included."""
        return self.events / self.wall if self.wall > 0.0 else 0.0
