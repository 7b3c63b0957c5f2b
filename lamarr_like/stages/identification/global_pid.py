"""Global particle identification of the fast chain: all ProbNN of a track as one vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...arrays import Columns, Floats, Mask
from ...events import EventBatch
from ...physics.likelihoods import COMBINED, SUMMED, combined_dlls
from .. import features
from ..recipe import recipe
from ..stage import AbstractGeneratorStage, as_stored, keys, typed
from . import calo_pid
from .prob_nn import (
    CLASSES,
    PROB_NN,
    VISIBLE,
    from_log_ratios,
    from_logits,
    logits,
    visible,
)

_RATIOS = {f"log_{name}_over_pi": name for name in CLASSES if name != "pi"}
"""Outputs of models of version 0.1, whose six probabilities added up to one."""
_LOGITS = {f"logit_{name}": name for name in ("k", "pi", "p", "mu", "e", "ghost")}


class GlobalPid(AbstractGeneratorStage):
    """Draws the six ProbNN jointly, and adds up the combined likelihoods.

    For samples whose classifier is not at hand.  Where it is, and `calo_pid` draws the energies
    that it reads, stage ``prob_nn`` gives ProbNN without a draw: ProbNN is a function of what the
    track has by now and of those energies, which make it random.  Here the vector is drawn, written
    as six logits, so that any draw gives probabilities; the six need not add up to one.
    """

    name = "global_pid"
    table = "track"
    requires = calo_pid.REQUIRES | VISIBLE | keys("track", *SUMMED)
    provides = keys("track", *PROB_NN, *COMBINED)
    target_columns = keys("track", *PROB_NN)
    outputs = tuple(_LOGITS)
    rare_species = True
    equalities = True
    told_by = features.DECAYS
    recipes = (recipe("armdn", hidden=64, depth=3, steps=46_000, weight_decay=0.02),)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated particles."""
        return features.from_truth(batch)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Every input of ProbNN that the track has; and, for the others, truth and neighbours."""
        return calo_pid.conditions(batch, rows) | visible(batch, rows)

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Logits of the probabilities."""
        found = logits({name: batch.track[name][rows] for name in PROB_NN})
        return {output: found[name] for output, name in _LOGITS.items()}

    @classmethod
    def restored(
        cls, batch: EventBatch, rows: Mask, values: Mapping[str, np.ndarray], **options: Any
    ) -> Columns:
        """The six probabilities."""
        return dict(from_logits({name: values[k] for k, name in _LOGITS.items()}))

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the probabilities and the combined likelihoods."""
        rows = self.rows(batch)
        drawn = self.reconstructed(batch, rows, self._draw(batch, rows, "mcparticle_id", seed))
        columns: Columns = {name: np.zeros(len(rows)) for name in PROB_NN}
        for name, values in columns.items():
            values[rows] = drawn[name]
        columns |= combined_dlls(batch.track.columns)
        return batch.with_columns("track", **typed("track", columns))

    @classmethod
    def compared(cls, batch: EventBatch, rows: Mask) -> Columns:
        """The six probabilities as they are stored."""
        return as_stored("track", {name: batch.track[name][rows] for name in PROB_NN})

    def answers(self, batch: EventBatch, rows: Mask, uniforms: Floats) -> Columns:
        """The same of a draw."""
        drawn = self.model.draw(self.conditions(batch, rows), uniforms)
        return as_stored("track", self.reconstructed(batch, rows, drawn))

    def reconstructed(
        self, batch: EventBatch, rows: Mask, drawn: Mapping[str, np.ndarray]
    ) -> Columns:
        """Probabilities from a draw of the model, shapes ``(rows.sum(),)``."""
        if set(_RATIOS) <= set(drawn):
            return dict(from_log_ratios({name: drawn[k] for k, name in _RATIOS.items()}))
        return self.restored(batch, rows, drawn)

    def _check_outputs(self, wanted: tuple[str, ...]) -> None:
        if set(getattr(self.model, "outputs", ())) != set(_RATIOS):
            super()._check_outputs(wanted)
