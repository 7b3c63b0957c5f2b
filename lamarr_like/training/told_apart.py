"""Whether trees tell a fast sample from a detailed one, before and after a refinement."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays import Columns, Ints
from ..events import EventBatch
from ..stages import features
from ..stages.refinement import AbstractRefinement
from ..statistics.two_sample import Auc, c2st
from .pairs import check_same_events, common_rows
from .sample import row_weights, sample_rows

MAX_PAIRS = 60_000
"""Pairs of tracks that are looked at, at the most."""
TESTS = {"plain": False, "equality flags and differences": True}
"""Tests by name, as `lamarr-like fidelity` has them."""


class Refined(NamedTuple):
    """How well trees tell a sample from the detailed one.

    Attributes:
        test: name of the test.
        before, after: of the fast and of the refined sample.
    """

    test: str
    before: Auc
    after: Auc

    def __str__(self) -> str:
        """One line."""
        sides = (f"{one.value:.4f} +- {one.error:.4f}" for one in (self.before, self.after))
        before, after = sides
        return f"{self.test}, {self.after.rows} pairs: AUC {before} before, {after} after"


def told_apart(
    stage: AbstractRefinement, fast: EventBatch, detailed: EventBatch, seed: int = 1
) -> list[Refined]:
    """Compare what a stage drew with the detailed sample, before and after a refinement.

    Pairs are tracks of one generated particle and of one type.  Trees are told the truth of the
    particle, so that what counts is this stage and not what others before it have done.

    Args:
        stage: the refinement, with its model.
        fast: fast events that its model was not trained on.
        detailed: detailed ones; those behind the last fast one are left out.
        seed: seed of the refinement, the choice of pairs and the folds.

    Raises:
        SchemaError: if the samples are not of the same generated events.
    """
    detailed = detailed.events(0, min(len(fast), len(detailed)))
    check_same_events(detailed, fast, "the fast sample")
    refined = stage(fast, seed)
    base = stage.refines
    masks = sample_rows(base, fast), sample_rows(base, detailed)
    places = common_rows("track", (fast, detailed), masks)
    types = [b.track["track_type"][p] for b, p in zip((fast, detailed), places, strict=True)]
    chosen = np.flatnonzero(types[0] == types[1])
    if len(chosen) > MAX_PAIRS:
        chosen = np.random.default_rng(seed).choice(chosen, MAX_PAIRS, replace=False)
    mine, theirs = places[0][chosen], places[1][chosen]
    options: dict[str, Any] = {"groups": fast.track.event_index[mine], "seed": seed}
    order = np.argsort(np.argsort(theirs))
    options["weights"] = row_weights(detailed, "track", _mask(detailed, theirs))[order]
    real, truth = _compared(stage, detailed, theirs), _truth(detailed, theirs)
    results = []
    for name, extra in TESTS.items():
        if extra and not base.equalities:
            continue
        options |= {"equalities": extra, "differences": extra}
        sides = [
            c2st(real, _compared(stage, one, mine), truth, **options) for one in (fast, refined)
        ]
        results.append(Refined(name, *sides))
    return results


def _mask(batch: EventBatch, places: Ints) -> np.ndarray:
    used = np.zeros(len(batch.track), np.bool_)
    used[places] = True
    return used


def _compared(stage: AbstractRefinement, batch: EventBatch, places: Ints) -> Columns:
    order = np.argsort(np.argsort(places))
    found = stage.refines.compared(batch, _mask(batch, places))
    return {name: values[order] for name, values in found.items()}


def _truth(batch: EventBatch, places: Ints) -> Columns:
    """What trees are told of the particles, and the type of the track."""
    order = np.argsort(np.argsort(places))
    known = features.linked_truth(batch, _mask(batch, places))
    flags = features.track_flags(batch.track["track_type"][_mask(batch, places)])
    return {name: values[order] for name, values in (known | flags).items()}
