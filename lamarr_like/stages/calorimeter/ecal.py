"""Clusters of the ECAL: translated from the particles that come to its face, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from scipy.special import ndtri

from ... import rng, schema
from ...arrays import Columns, Floats, Ints, Mask
from ...engine.translator.translation import Translator
from ...errors import PipelineError
from ...events import EventBatch
from ..recipe import recipe
from ..stage import AbstractModelStage, Model, keys
from . import sources as ecal_sources
from .placing import completed
from .sources import make_sources, numbered, source_rows
from .tables import KNOWN, OUTPUTS, PLAIN, PULLS, Rules, cluster_tables

_FURTHER = 1 << 40
"""Added to the number of a cluster behind the fourth of its source, for its random numbers."""


class Ecal(AbstractModelStage):
    """Makes the clusters of each event and their links to generated particles.

    A cluster belongs to one particle, its owner, and may hold others that were absorbed in it; or
    to none, as noise and what comes from elsewhere.
    """

    name = "ecal"
    table = "particle"
    kind = "translator"
    recipes = (recipe("translator", orthogonal=True, learning_rate=8e-3),)
    trained_by = "ecal"
    incomparable = "makes a table of its own, which `lamarr-like objects` compares"
    requires = ecal_sources.REQUIRED
    provides = keys("cluster", *(c.name for c in schema.table_columns("cluster"))) | keys(
        "cluster_link", *(c.name for c in schema.table_columns("cluster_link"))
    )
    target_columns = keys("cluster", "cluster_id", "x", "y", "energy", "mcparticle_id", *PLAIN) | (
        keys("cluster_link", "cluster_id", "mcparticle_id", "weight")
    )

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(model, config)
        found = tuple(getattr(model, "outputs", ()))
        if found not in KNOWN or not hasattr(model, "zones"):
            raise PipelineError(
                f"stage 'ecal' needs a translator of ({', '.join(OUTPUTS)}), "
                f"its model gives ({', '.join(found)})"
            )
        self.model = cast(Translator, model)
        unknown = [name for name in self.model.pulls if name not in PULLS]
        if unknown:
            raise PipelineError(
                f"stage 'ecal' knows no expected resolution of {', '.join(unknown)}, which its "
                "model draws in units of it"
            )
        self.rules = Rules.of(self.config)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Particles that are sources."""
        return source_rows(batch)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Features of the sources."""
        return ecal_sources.source_columns(batch, rows)

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Number of clusters that each source owns, and its absorber (row among them, or -1)."""
        from .truth import outcomes

        found = outcomes(batch, rows, zones=False)
        return {"own": found.own, "pointer": found.pointer}

    @classmethod
    def extra_config(cls, batch: EventBatch) -> dict[str, Any]:
        """What holds for all clusters of the sample (`ecal_tables.Rules`)."""
        from .truth import rules

        return dict(rules(batch)._asdict())

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the tables ``cluster`` and ``cluster_link``."""
        rows = source_rows(batch)
        sources = make_sources(batch, rows, self.model.conditions, self.model.zones)
        number = numbered(batch, rows, self.model.zones)
        event = batch.event
        event_id = np.repeat(event["event_id"], np.diff(sources.offsets))

        def noise(owner: Ints, k: Ints, attempt: int, size: int) -> Floats:
            # Four numbers a source as in earlier versions, the further ones out of their way.
            index = 4 * number[owner] + k + np.where(k < 4, 0, _FURTHER)
            return rng.uniforms(seed, f"ecal/cluster/{attempt}", event_id[owner], index, size)

        uniforms = rng.uniforms(seed, self.name, event_id, number, 2)
        rules = self.rules
        # Of a particle gun the SPD hits are those of the rest of the event, which is not there.
        normals = (
            None if is_gun else ndtri(rng.uniforms(seed, "ecal/hits", event["event_id"])[:, 0])
        )
        choose = rules.numbers(sources, self.model.conditions, event["n_spd_hits"], normals)
        drawn = self.model.draw(
            sources, uniforms, noise, rules.again, rules.widths, choose, completed
        )
        tables = cluster_tables(sources, drawn, number, rules, self.model.conditions)
        for name, table in tables.items():
            batch = batch.with_table(name, table)
        return batch
