"""Probabilities of classifier stages beside detailed shares, in bins of P, eta and nSPDHits."""

from __future__ import annotations

import numpy as np

from ...arrays import Ints, Mask
from ...events import EventBatch
from ...stages import AbstractClassifierStage
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

    The expected number of each outcome is the sum of the model's probabilities; its variance
    that of the detailed outcome, ``sum p (1 - p)``, so a pull is one of a binomial count.

    Args:
        model: name of its model.
        stage: the stage.
        batch: detailed events (after the propagation stage).
        min_rows: bins with fewer rows are left out.
    """
    rows = sample_rows(type(stage), batch)
    conditions = stage.conditions(batch, rows)
    truth = stage.targets(batch, rows)[stage.target]
    p = stage.model.predict(conditions)
    spd = batch.event_column(stage.table, "n_spd_hits")[rows]
    spd_edges = np.quantile(spd, np.linspace(0.0, 1.0, SPD_BINS + 1))
    place, inside = _bins(
        (10.0 ** conditions["log_p"], conditions["eta"], spd),
        (np.array(P_EDGES), np.array(ETA_EDGES), spd_edges),
    )
    n = np.bincount(place[inside])
    full = n >= min_rows
    if not full.any():
        return []
    results = []
    for k, outcome in enumerate(stage.classes):
        seen = np.bincount(place[inside], truth[inside] == k)[full]
        expected = np.bincount(place[inside], p[inside, k])[full]
        sigma = np.sqrt(np.bincount(place[inside], (p * (1.0 - p))[inside, k])[full])
        difference = np.abs(seen - expected)
        good = (difference < 0.01 * n[full]) | (difference < 2.0 * sigma)
        worst = float((difference / np.maximum(sigma, 1e-9)).max())
        results.append(
            BinFidelity(model, stage.name, outcome, int(full.sum()), float(good.mean()), worst)
        )
    return results


def _bins(values: tuple[np.ndarray, ...], edges: tuple[np.ndarray, ...]) -> tuple[Ints, Mask]:
    """Number of the bin of each row, and whether it lies in any; the last edges belong to bins."""
    place = np.zeros(len(values[0]), np.int64)
    inside = np.ones(len(place), bool)
    for value, edge in zip(values, edges, strict=True):
        slot = np.searchsorted(edge, value, side="right") - 1
        slot[value == edge[-1]] = len(edge) - 2
        inside &= (slot >= 0) & (slot < len(edge) - 1)
        place = place * (len(edge) - 1) + np.clip(slot, 0, len(edge) - 2)
    return place, inside
