"""Which charged particles can be reconstructed as a track at all."""

from __future__ import annotations

import numpy as np

from ...arrays import Columns, Mask
from ...events import EventBatch
from ...physics import particles
from .. import features, geometry
from ..recipe import recipe
from ..stage import AbstractClassifierStage, keys

MIN_MOMENTUM = 100.0
"""Softest particle [MeV] that the model is asked about."""
MAX_SLOPE = 0.6
"""Largest slope pT/pz that the model is asked about; the detector ends at 0.30."""


class Acceptance(AbstractClassifierStage):
    """Draws whether a particle is reconstructible as a long, upstream or downstream track.

    Only charged tracked species that the generator left to the detector and that fly forward can
    be; the model is asked about no others.
    """

    name = "acceptance"
    table = "particle"
    requires = features.TRUTH_COLUMNS | keys("event", "event_id") | keys("particle", "mc_stable")
    provides = keys("particle", "in_acceptance")
    target_columns = provides
    target = "in_acceptance"
    classes = ("outside", "inside")
    recipes = (recipe("booster", trees=300, depth=6, learning_rate=0.15),)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Stable forward particles of the tracked species."""
        particle = batch.particle
        px, py, pz = (particle[c] for c in features.MOMENTUM)
        pt2 = px * px + py * py
        mask: Mask = particle["mc_stable"].astype(bool) & (pz > 0.0)
        mask &= pt2 + pz * pz > MIN_MOMENTUM**2
        mask &= pt2 < (MAX_SLOPE * pz) ** 2
        mask &= particle["mc_vz"] < geometry.T3_Z
        mask[mask] = particles.is_tracked(particle["mc_pdg_id"][mask])
        return mask

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Direction, species, origin and positions along the spectrometer."""
        out = features.truth(batch.particle, rows)
        out |= features.decay_length(out)
        return out

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """1 for particles inside, 0 for those outside."""
        return {cls.target: batch.particle["in_acceptance"][rows].astype(np.int64)}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add ``in_acceptance``."""
        rows = self.rows(batch)
        inside = np.zeros(len(rows), dtype=bool)
        inside[rows] = self._draw(batch, rows, "mcparticle_id", seed) == 1
        return batch.with_columns("particle", in_acceptance=inside)
