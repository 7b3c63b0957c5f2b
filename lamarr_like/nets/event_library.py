"""Libraries of whole events: which events of a sample are stored, and how."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ..arrays import Floats, Floats32, Ints
from ..engine.event_library import FILE
from ..errors import TrainingError
from .config import EventLibraryConfig
from .sample import archive, checked_columns, data_digest, split, stream
from .trained import TrainedModel, training_record

_CROWD = 100
"""Events of the sample among which it is measured how dense it is."""
_LEAST_EVENTS, _LEAST_DISTANCE = 20, 1e-6
_BINS = 6
"""Bins of the first condition in which numbers are compared."""


@dataclass(frozen=True)
class EventRows:
    """What a library of events learns from.

    Args:
        conditions: of the events, shape ``(m,)``; distances are Euclidean in their units.
        columns: of their rows, shape ``(n,)``, in the order of the events.
        counts: rows of each event, shape ``(m,)``.
        kinds: numbers by event that draws should have as in the sample, shape ``(m,)``.
    """

    conditions: Mapping[str, np.ndarray]
    columns: Mapping[str, np.ndarray]
    counts: Ints
    kinds: Mapping[str, np.ndarray]


def fit_event_library(
    rows: EventRows, config: EventLibraryConfig, *, progress: bool = True
) -> TrainedModel:
    """Choose the events that are stored.

    Rare events are preferred: draws for events like them would otherwise come from the denser side.
    Of several choices the one is stored whose draws for the conditions of the whole sample have
    most nearly the numbers of the sample, in bins of the first condition.

    Args:
        rows: the sample.
        config: settings.
        progress: there is nothing to show: it takes a minute.

    Raises:
        TrainingError: if there are too few events, or numbers that are not finite.
    """
    started, m = time.perf_counter(), len(rows.counts)
    if m < _LEAST_EVENTS:
        raise TrainingError(f"{m} events are too few for a library; {_LEAST_EVENTS} are the least")
    points = np.stack(list(checked_columns(rows.conditions, m, "condition").values()), axis=1)
    columns = checked_columns(rows.columns, int(rows.counts.sum()), "column")
    kinds = np.stack(list(checked_columns(rows.kinds, m, "number").values()), axis=1)
    bins = np.argsort(np.argsort(points[:, 0], kind="stable")) * _BINS // m
    held = split(m, config.holdout, config.seed)
    seen, choice = np.flatnonzero(~held), stream(config.seed, "event library")
    sparse = cKDTree(points[seen]).query(points[seen], k=[min(_CROWD, len(seen))])[0][:, 0]
    best, stored = np.inf, seen[:0]
    for _ in range(config.trials):
        chance = np.log(choice.random(len(seen))) / np.maximum(sparse, _LEAST_DISTANCE)
        order = seen[np.argsort(-chance, kind="stable")]
        chosen = np.sort(order[np.cumsum(rows.counts[order]) <= config.rows])
        if len(chosen) and (found := _misfit(points, kinds, bins, chosen, seen, config)) < best:
            best, stored = found, chosen
    if not len(stored):
        raise TrainingError(f"no event of the sample has as few as {config.rows} rows")
    spec, files = _library(rows, points, columns, stored, config)
    spec |= training_record(
        config,
        rows=int(rows.counts[stored].sum()),
        events=len(stored),
        digest=data_digest(rows.conditions, rows.columns),
        weighted=False,
        history=[{"step": config.trials, "figure": round(float(best), 6)}],
        started=started,
    )
    left = np.flatnonzero(held)
    drawn = _expected(points[left], points, kinds, stored, config).sum(axis=0)
    spec["figures"] = {
        "held_out_misfit": _misfit(points, kinds, bins, stored, left, config),
        **{
            f"{name}_drawn_over_held_out": float(a / b) if b else 1.0
            for name, a, b in zip(rows.kinds, drawn, kinds[left].sum(axis=0), strict=True)
        },
        "held_out_events": len(left),
        "stored_events": len(stored),
    }
    return TrainedModel(spec, files)


def _expected(
    at: Floats, points: Floats, kinds: Floats, stored: Ints, config: EventLibraryConfig
) -> Floats:
    """Mean numbers of the events that may be drawn for each of some, shape ``(n, n_kinds)``."""
    k = np.arange(1, min(config.neighbours, len(stored)) + 1)
    near = cKDTree(points[stored]).query(at, k=k)[1]
    found: Floats = kinds[stored[near]].mean(axis=1)
    return found


def _misfit(
    points: Floats,
    kinds: Floats,
    bins: Ints,
    stored: Ints,
    events: Ints,
    config: EventLibraryConfig,
) -> float:
    """How far the numbers drawn for some events are from theirs, as a share of them.

    Root of the mean over kinds of the squared deviations in each bin, summed.
    """
    drawn = _expected(points[events], points, kinds, stored, config)
    total = []
    for mine, theirs in zip(drawn.T, kinds[events].T, strict=True):
        difference = np.bincount(bins[events], mine - theirs)
        total.append((difference**2).sum() / max(theirs.sum(), 1.0) ** 2)
    return float(np.sqrt(np.mean(total)))


def _library(
    rows: EventRows,
    points: Floats,
    columns: Mapping[str, Floats],
    stored: Ints,
    config: EventLibraryConfig,
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Configuration and files of the stored events."""
    chosen = np.zeros(len(rows.counts), bool)
    chosen[stored] = True
    mine = np.repeat(chosen, rows.counts)
    numbers = [rounded(values[mine], config.bits) for values in columns.values()]
    tables = {
        "features": points[stored].astype(np.float32),
        "counts": rows.counts[stored].astype(np.int32),
        "numbers": np.stack(numbers),
    }
    names = {"conditions": list(rows.conditions), "outputs": list(columns)}
    spec = {"kind": "event_library", "family": "event_library", **names}
    return spec | {"neighbours": config.neighbours}, {FILE: archive(tables)}


def rounded(values: Floats, bits: int) -> Floats32:
    """Numbers with so many binary digits, which pack into half the room; shape kept."""
    fraction, exponent = np.frexp(values)
    scale = 2.0**bits
    return np.ldexp(np.rint(fraction * scale) / scale, exponent).astype(np.float32)
