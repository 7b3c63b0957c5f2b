"""Which particles in acceptance become a track, and of which type."""

from __future__ import annotations

import numpy as np

from ... import schema
from ...arrays import Columns, Mask
from ...events import EventBatch, Table
from .. import features
from ..recipe import recipe
from ..stage import AbstractClassifierStage, keys, typed

_CODES = np.array([schema.TRACK_TYPES[c] for c in ("none", "long", "upstream", "downstream")])


class Efficiency(AbstractClassifierStage):
    """Draws not reconstructed, long, upstream or downstream, and starts the table of tracks."""

    name = "efficiency"
    table = "particle"
    requires = (
        features.TRUTH_COLUMNS
        | keys("event", "event_id", "n_spd_hits", "n_tracks")
        | keys("particle", "in_acceptance")
    )
    provides = keys("particle", "track_type") | keys(
        "track", "track_id", "mcparticle_id", "track_type", "origin"
    )
    target_columns = keys("particle", "track_type")
    target = "track_type"
    classes = ("none", "long", "upstream", "downstream")
    recipes = (recipe("mlp", hidden=64, depth=3, steps=16_000),)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Particles in acceptance."""
        return batch.particle["in_acceptance"].astype(bool)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """As for the acceptance, and the occupancy of the event."""
        out = features.truth(batch.particle, rows)
        out |= features.decay_length(out)
        return out | features.occupancy(batch, "particle", rows)

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Position of the track type in `classes`."""
        track_type = batch.particle["track_type"][rows]
        return {cls.target: np.searchsorted(_CODES, track_type).astype(np.int64)}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add ``track_type`` of the particles and one track for each that has one."""
        rows = self.rows(batch)
        track_type = np.zeros(len(rows), dtype=np.int64)
        track_type[rows] = _CODES[self._draw(batch, rows, "mcparticle_id", seed)]
        particle = batch.particle.with_columns(**typed("particle", {"track_type": track_type}))
        made = particle.select(track_type > 0)
        first = made.offsets[:-1]
        columns = {
            "track_id": np.arange(len(made)) - np.repeat(first, made.counts),
            "mcparticle_id": made["mcparticle_id"],
            "track_type": made["track_type"],
            "origin": np.zeros(len(made), dtype=np.int64),
        }
        track = Table(typed("track", columns), made.offsets)
        return batch.with_table("particle", particle).with_table("track", track)
