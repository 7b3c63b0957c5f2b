"""Detailed samples as the comparisons read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import schema
from ...arrays import Columns, Mask
from ...errors import SchemaError, SourceError
from ...events import EventBatch, Table, concatenate
from ...io.ntuple import read_events
from ...io.ntuple_reader import read_provenance
from ...stages.features import from_truth
from ...statistics.matching import where
from ..bins import SPECIES
from .curves import NEEDED as CURVES
from .results import SampleInfo

NEEDED = {
    **CURVES,
    "particle": (*CURVES["particle"], "mc_stable"),
    "track": (
        *CURVES["track"],
        *("pid_k", "pid_mu", "is_muon", "in_muon", "muon_mu_ll", "muon_bg_ll"),
        *("has_brem", "brem_energy"),
        *("cov02", "cov13", "cov24"),
    ),
}
"""Columns of a detailed sample that the comparisons read."""

PROB_NN = ("prob_nn_k", "prob_nn_p")
"""Columns of tracks that are compared where all samples have them."""

LONG = schema.TRACK_TYPES["long"]
_MUONS = frozenset({"mu-", "mu+"})


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
    try:
        batches = list(read_events(path, {**NEEDED, "track": (*NEEDED["track"], *PROB_NN)}))
    except SchemaError:
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
    if len(samples) == 1:
        return samples[0].batch
    common = set.intersection(*(set(s.batch.track.columns) for s in samples))
    return concatenate(s.batch.with_table("track", _only(s.batch.track, common)) for s in samples)


def _only(table: Table, names: set[str]) -> Table:
    return Table({k: v for k, v in table.columns.items() if k in names}, table.offsets)


def real_long(batch: EventBatch) -> Mask:
    """Long tracks of generated particles, shape ``(n_tracks,)``."""
    wanted: Mask = from_truth(batch) & (batch.track["track_type"] == LONG)
    return wanted


def long_tracks(batch: EventBatch, *columns: str) -> Columns:
    """Columns of the long tracks of generated particles, arrays of shape ``(n_tracks,)``.

    Args:
        batch: events.
        columns: names of columns to take; flags become booleans.

    Returns:
        These, ``p`` [MeV] and ``eta`` as reconstructed, ``species`` (absolute PDG identifier),
        ``event`` and, as far as it is known, ``n_tracks`` and ``n_spd_hits`` of the event.
    """
    real = real_long(batch)
    out: Columns = {c: batch.track[c][real] for c in columns}
    out |= {c: v.astype(np.bool_) for c, v in out.items() if c in ("is_muon", "in_muon")}
    out |= {c: batch.track[c][real].astype(np.float64) for c in ("p", "eta")}
    out["species"] = np.abs(batch.linked("mc_pdg_id", real)).astype(np.int64)
    out["event"] = batch.track.event_index[real]
    for c in ("n_tracks", "n_spd_hits"):
        if c in batch.event:
            out[c] = batch.event_column("track", c)[real].astype(np.float64)
    return out


def adds_muons(source: str) -> bool:
    """Whether a source adds muons of a gun, and nothing else, to its collisions.

    Where there are many muons, hadrons have hits of theirs in the muon system.
    """
    guns = [text.partition("?")[0].split(",") for text in source.split("+gun:")[1:]]
    return any({*species} <= _MUONS for species in guns)


def identified_tracks(samples: Sequence[Sample], *columns: str) -> Columns:
    """Tracks of all samples for what is asked of identification, see `long_tracks`.

    Of events that muons were added to (`adds_muons`) muons count alone.

    Args:
        samples: detailed samples.
        columns: names of columns to take.
    """
    parts, first = [], 0
    for sample in samples:
        found = long_tracks(sample.batch, *columns)
        found["event"] = found["event"] + first
        first += len(sample.batch)
        only = adds_muons(sample.info.source)
        parts.append(where(found, found["species"] == SPECIES["mu"]) if only else found)
    return {c: np.concatenate([part[c] for part in parts]) for c in parts[0]}
