"""Probabilities of classifier stages beside detailed shares, in bins of P, eta and nSPDHits."""

from __future__ import annotations

import numpy as np

from ...events import EventBatch
from ...stages import AbstractClassifierStage
from ...statistics.binned import closed, expected_counts
from ...statistics.matching import cells
from ...training.sample import sample_rows
from .results import BinFidelity

P_EDGES = (2e3, 3e3, 5e3, 7.5e3, 1e4, 1.5e4, 2.5e4, 4e4, 7e4, 2e5)
"""Bins of momentum [MeV] in which probabilities are compared."""
ETA_EDGES = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
"""Bins of pseudorapidity."""
SPD_BINS = 4
"""Bins of nSPDHits, of equal numbers of rows."""
_BINNED_BY = ("log_p", "eta")


def can_be_binned(stage: type[AbstractClassifierStage]) -> bool:
    """Whether momentum and pseudorapidity are among the conditions of a stage."""
    return set(_BINNED_BY) <= set(stage.condition_names())


def calibration(
    model: str, stage: AbstractClassifierStage, batch: EventBatch, *, min_rows: int = 200
) -> list[BinFidelity]:
    """Compare mean probabilities with detailed shares in bins of P, eta and nSPDHits.

    Args:
        model: name of its model.
        stage: the stage.
        batch: detailed events (after the propagation stage).
        min_rows: bins with fewer rows are left out.
    """
    rows = sample_rows(stage, batch)
    conditions = stage.conditions(batch, rows)
    truth = stage.targets(batch, rows)[stage.target]
    p = stage.model.predict(conditions)
    spd = batch.event_column(stage.table, "n_spd_hits")[rows]
    spd_edges = np.quantile(spd, np.linspace(0.0, 1.0, SPD_BINS + 1))
    binned = {"p": 10.0 ** conditions["log_p"], "eta": conditions["eta"], "spd": spd}
    axes = {"p": P_EDGES, "eta": ETA_EDGES, "spd": spd_edges}
    place = cells(binned, [(name, closed(edges)) for name, edges in axes.items()])
    full = np.bincount(place[place >= 0]) >= min_rows
    if not full.any():
        return []
    results = []
    for k, outcome in enumerate(stage.classes):
        n, difference, sigma = (v[full] for v in expected_counts(place, truth == k, p[:, k]))
        good = (difference < 0.01 * n) | (difference < 2.0 * sigma)
        worst = float((difference / np.maximum(sigma, 1e-9)).max())
        results.append(BinFidelity(model, stage.name, outcome, len(n), float(good.mean()), worst))
    return results
