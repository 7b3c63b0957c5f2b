"""What a refinement learns from: rows of a stage in a fast and in a detailed sample."""

from __future__ import annotations

import numpy as np

from ..arrays import Columns, Ints
from ..errors import TrainingError
from ..events import EventBatch
from ..nets.sample import PairedRows
from ..stages import AbstractGeneratorStage
from ..stages.refinement import learnt_form
from .pairs import check_same_events, common_rows, told_by_both
from .sample import row_weights, sample_rows
from .weights import MAX_ROWS


def paired_rows(
    stage: type[AbstractGeneratorStage], fast: EventBatch, detailed: EventBatch
) -> PairedRows:
    """Rows of both samples that are about the same generated particle.

    Args:
        stage: whose variables they have.
        fast: fast events.
        detailed: detailed ones; those behind the last fast one are left out.

    Raises:
        TrainingError: if there is no such row or a column is missing.
        SchemaError: if the samples are not of the same generated events.
    """
    detailed = detailed.events(0, min(len(fast), len(detailed)))
    check_same_events(detailed, fast, "the fast sample")
    draws = fast, detailed
    masks = sample_rows(stage, fast), sample_rows(stage, detailed)
    places = common_rows(stage.table, draws, masks)
    if not len(places[0]):
        raise TrainingError(f"stage {stage.name!r}: no particle has a row in both samples")
    return _rows(stage, draws, (places[0], places[1]), are_pairs=True)


def unpaired_rows(
    stage: type[AbstractGeneratorStage], fast: EventBatch, detailed: EventBatch
) -> PairedRows:
    """As many rows of both samples, which share no events; none is the partner of another."""
    draws = fast, detailed
    places = [np.flatnonzero(sample_rows(stage, one)) for one in draws]
    n = min(map(len, places))
    choice = np.random.default_rng(0)
    some = [np.sort(choice.choice(place, n, replace=False)) for place in places]
    return _rows(stage, draws, (some[0], some[1]), are_pairs=False)


def _rows(
    stage: type[AbstractGeneratorStage],
    draws: tuple[EventBatch, EventBatch],
    places: tuple[Ints, Ints],
    *,
    are_pairs: bool,
) -> PairedRows:
    n = len(places[0])
    if n > MAX_ROWS:
        kept = np.sort(np.random.default_rng(0).choice(n, MAX_ROWS, replace=False))
        places = places[0][kept], places[1][kept]
    form = learnt_form(stage, {})
    conditions: list[Columns] = []
    values: list[Columns] = []
    weights = []
    for batch, mine in zip(draws, places, strict=True):
        # By mask, in the order of the table, and back to the common order.
        used = np.zeros(len(batch[stage.table]), np.bool_)
        used[mine] = True
        order = np.argsort(np.argsort(mine))
        conditions.append({k: v[order] for k, v in stage.conditions(batch, used).items()})
        values.append({k: v[order] for k, v in stage.learnt(batch, used, **form).items()})
        weights.append(row_weights(batch, stage.table, used)[order])
    weight = weights[1] if are_pairs and not (weights[1] == 1.0).all() else None
    told = told_by_both(*conditions)
    return PairedRows(told[0], values[0], told[1], values[1], weight, are_pairs=are_pairs)
