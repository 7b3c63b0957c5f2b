"""Whether the particle of a track decayed on its way, and where."""

from __future__ import annotations

import numpy as np

from ...arrays import Columns, Mask
from ...events import EventBatch
from ...physics import particles
from .. import features
from ..recipe import recipe
from ..stage import AbstractGeneratorStage, keys, typed

_DECAYING = tuple(particles.LIFETIME_LENGTH)


class DecayInFlight(AbstractGeneratorStage):
    """Draws where pions and kaons that left a track decayed before the calorimeters.

    Few do, but nearly half of the pions with isMuon: their muon was measured too slow, fits badly,
    and makes the rings and the hits of a muon.  Those are effects of one cause, which is therefore
    drawn first.  The law is the exponential one times the chance that the track was still found,
    which goes by where the kink is.
    """

    name = "decay_in_flight"
    table = "track"
    requires = (
        features.TRUTH_COLUMNS
        | keys("event", "event_id")
        | keys("track", "mcparticle_id", "track_type", "origin")
    )
    provides = keys("track", "decay_z")
    target_columns = provides
    outputs = ("decay_z",)
    recipes = (recipe("armdn", hidden=32, depth=2, steps=16_000, weight_decay=0.02),)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated pions and kaons; the others fly further, or do not decay."""
        rows = features.from_truth(batch)
        pdg = np.abs(batch.particle["mc_pdg_id"][features.linked_rows(batch, rows)])
        rows[rows] = np.isin(pdg, _DECAYING)
        return rows

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """True particle, its path in decay lengths, type of track."""
        out = features.linked_truth(batch, rows)
        out |= features.decay_length(out)
        return out | features.track_flags(batch.track["track_type"][rows])

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Where the decays are along z [mm], 0 for none."""
        return {"decay_z": batch.track["decay_z"][rows].astype(np.float64)}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add ``decay_z``, 0 for all other tracks."""
        rows = self.rows(batch)
        z = np.zeros(len(rows))
        z[rows] = self._draw(batch, rows, "mcparticle_id", seed)["decay_z"]
        return batch.with_columns("track", **typed("track", {"decay_z": z}))
