"""Detailed samples as the comparisons read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import schema
from ...arrays import Mask
from ...errors import SchemaError, SourceError
from ...events import EventBatch, concatenate
from ...io.ntuple import read_events
from ...io.ntuple_reader import read_provenance
from .curves import NEEDED as CURVES
from .results import SampleInfo

NEEDED = {
    **CURVES,
    "particle": (*CURVES["particle"], "mc_stable"),
    "track": (
        *CURVES["track"],
        *("pid_k", "pid_mu", "is_muon", "in_muon", "has_brem", "brem_energy"),
        *("cov02", "cov13", "cov24"),
    ),
}
"""Columns of a detailed sample that the comparisons read."""

LONG = schema.TRACK_TYPES["long"]
FOLLOWED = (11, 13, 211, 321, 2212)


@dataclass(frozen=True)
class Sample:
    """One detailed sample.

    Args:
        info: where it comes from.
        batch: its events.
    """

    info: SampleInfo
    batch: EventBatch


def read_sample(path: Path) -> Sample:
    """Read a sample.

    Raises:
        SourceError: if it cannot be read or holds no events.
        SchemaError: if it is not a detailed sample.
    """
    batches = list(read_events(path, NEEDED))
    if not batches:
        raise SourceError(f"{path}: holds no events")
    try:
        source = str(read_provenance(path).get("source", "unknown"))
    except SchemaError:  # a user's own full simulation
        source = "unknown"
    batch = concatenate(batches)
    return Sample(SampleInfo(path.name, len(batch), source), batch)


def together(samples: Sequence[Sample]) -> EventBatch:
    """The events of all samples."""
    return samples[0].batch if len(samples) == 1 else concatenate(s.batch for s in samples)


def real_long(batch: EventBatch) -> Mask:
    """Long tracks of generated particles, shape ``(n_tracks,)``."""
    track = batch.track
    wanted: Mask = (track["track_type"] == LONG) & (track["origin"] == 0)
    return wanted & (track["mcparticle_id"] >= 0)
