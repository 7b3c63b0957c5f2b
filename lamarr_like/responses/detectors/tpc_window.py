"""A window of the readout of a time projection chamber: 16 pads of one row x 32 time buckets.

Several tracks cross it, whose pulses overlap.  Which tracks, their ionisation and where along the
drift each electron arrives follow from the number of the event, one of the conditions; so two
responses to the same events are made by ``lamarr-like response sample --like``:

- ``tpc_window``, the detailed one of `drift_chamber`: diffusion across the drift, an avalanche of
  each electron, charge induced on neighbouring pads and rows;
- ``tpc_window_1d``, a simple one in one dimension: an electron over a pad of the row is seen by
  that pad alone, with the mean gain.  It diffuses along the drift only.

A second detailed draw (``--like`` with another seed) has the same tracks and ionisation, and new
avalanches and diffusion across.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...arrays import Floats, Floats32, Ints, Keys
from ...rng import key_uniforms, stream_keys, uniforms
from ..response import Axis, Condition, Feature, Mirror, Response
from .drift_chamber import (
    CLUSTERS,
    INNER_ROWS,
    ROWS,
    THRESHOLD,
    Electrons,
    electrons,
    induced,
    row_heights,
    shaped,
)
from .tpc_pads import CROSSING, DIP, DRIFT, PT

PADS, BUCKETS = 16, 32
TRACKS = (2, 8)
"""Fewest and most tracks that cross a window."""

EVENTS = 1 << 40
"""Events that there are."""

_FIRST = DRIFT - BUCKETS
_MARGIN = 1.0
"""Tracks begin so far outside of the window [cells]."""
_BLOCK = 64
_BEFORE = (4, 8)
"""Cells of a segment's window before its middle, see `drift_chamber`."""

TPC_WINDOW = Response(
    name="tpc_window",
    title="window of a pad row of a time projection chamber with several tracks, 16 pads x 32 "
    "time buckets",
    axes=(Axis("pad", "pad", PADS, 1.0, -0.5), Axis("time", "bucket", BUCKETS, 1.0, -0.5)),
    conditions=(
        Condition("event", "", "number of the event: its tracks and ionisation", 0, EVENTS),
        Condition("tracks", "", "number of tracks", 1, 100),
        Condition("drift", "bucket", "drift of the first bucket", 0, _FIRST),
        Condition("row", "", "number of the pad row", 0, ROWS - 1),
    ),
    features=(
        Feature("tracks", "value", ("tracks",)),
        Feature("drift", "value", ("drift",)),
        Feature("outer", "above", ("row",), INNER_ROWS),
    ),
    unit="ADC",
    threshold=THRESHOLD,
    origin="global",
    mirrors=(Mirror("pad", ()),),
)
"""By the detailed response."""

TPC_WINDOW_1D = replace(
    TPC_WINDOW, name="tpc_window_1d", title=f"{TPC_WINDOW.title}, by a response in one dimension"
)
"""By a response in one dimension."""


def particles(n: int, seed: int, first: int = 0) -> dict[str, Floats]:
    """Windows of a sample, shapes ``(n,)``: uniform in all.

    Args:
        n: how many.
        seed: of the sample.
        first: number of the first one; a window depends on seed and number only.
    """
    u = uniforms(seed, TPC_WINDOW.name, np.arange(first, first + n), 0, 4)
    return {
        "event": np.floor(EVENTS * u[:, 0]),
        "tracks": np.floor(TRACKS[0] + (TRACKS[1] + 1 - TRACKS[0]) * u[:, 1]),
        "drift": np.floor((_FIRST + 1) * u[:, 2]),
        "row": np.floor(ROWS * u[:, 3]),
    }


def simulate(conditions: Mapping[str, Floats], keys: Keys) -> Floats32:
    """Detailed windows, shape ``(n, 16, 32)`` [ADC].

    Args:
        conditions: shapes ``(n,)``.
        keys: of avalanches and of diffusion across the drift, shape ``(n,)``.
    """
    return _windows(conditions, keys, simple=False)


def simulate_1d(conditions: Mapping[str, Floats], keys: Keys) -> Floats32:
    """Windows by the response in one dimension, shape ``(n, 16, 32)`` [ADC].

    Args:
        conditions: shapes ``(n,)``.
        keys: of nothing, shape ``(n,)``: all follows from the event.
    """
    return _windows(conditions, keys, simple=True)


def _windows(conditions: Mapping[str, Floats], keys: Keys, *, simple: bool) -> Floats32:
    found = np.zeros((len(keys), PADS, BUCKETS), np.float32)
    for first in range(0, len(keys), _BLOCK):
        rows = slice(first, first + _BLOCK)
        part = {name: values[rows] for name, values in conditions.items()}
        made, height = _electrons(part, keys[rows], across=not simple)
        charges = _collected(made, height) if simple else induced(made, height, (PADS, BUCKETS))
        found[rows] = shaped(charges)
    return found


def _electrons(
    conditions: Mapping[str, Floats], keys: Keys, *, across: bool
) -> tuple[Electrons, Floats]:
    """Electrons of windows, and the heights of their rows, shape ``(n,)`` [cm]."""
    window, segments, own = _segments(conditions)
    height = row_heights(conditions["row"])
    made = electrons(segments, own, height[window], CLUSTERS, keys[window], across=across)
    pad, drift = np.floor(segments["pad"]), np.floor(segments["drift"])
    drift -= conditions["drift"][window]
    return made._replace(
        row=window[made.row],
        pad=made.pad + (pad - _BEFORE[0])[made.row],
        time=made.time + (drift - _BEFORE[1])[made.row],
    ), height


def _segments(conditions: Mapping[str, Floats]) -> tuple[Ints, dict[str, Floats], Keys]:
    """Window of each track, conditions of its segment, and keys of its ionisation."""
    tracks = conditions["tracks"].astype(np.int64)
    window = np.repeat(np.arange(len(tracks)), tracks)
    number = np.arange(len(window)) - np.repeat(np.cumsum(tracks) - tracks, tracks)
    own = stream_keys(0, TPC_WINDOW.name, conditions["event"].astype(np.int64)[window], number)
    u = key_uniforms(own, 5)
    place = [(size + 2 * _MARGIN) * u[:, k] - _MARGIN for k, size in ((2, PADS), (3, BUCKETS))]
    return (
        window,
        {
            "crossing": CROSSING * (2 * u[:, 0] - 1),
            "dip": DIP * (2 * u[:, 1] - 1),
            "pad": place[0] - 0.5,
            "drift": np.clip(conditions["drift"][window] + place[1] - 0.5, 0, DRIFT),
            "pt": PT[0] * (PT[1] / PT[0]) ** u[:, 4],
            "row": conditions["row"][window],
        },
        own,
    )


def _collected(made: Electrons, height: Floats) -> Floats:
    """Electrons over each pad, shape ``(n, 16, 32)``."""
    pad, bucket = (np.floor(place).astype(np.int64) for place in (made.pad, made.time))
    inside = (pad >= 0) & (pad < PADS) & (bucket >= 0) & (bucket < BUCKETS)
    inside &= np.abs(made.depth) < 0.5 * height[made.row]
    cell = ((made.row * PADS + pad) * BUCKETS + bucket)[inside]
    found = np.bincount(cell, minlength=len(height) * PADS * BUCKETS)
    return found.reshape(len(height), PADS, BUCKETS).astype(np.float64)
