"""A pad row of a time projection chamber like MPD's: 8 pads x 16 time buckets about a segment.

The window moves with the particle: its first pad is four before that of the segment's projection,
its first bucket eight before that of the segment's drift.  Window and conditions are those of
Maevskiy et al., Eur. Phys. J. C 81 (2021) 599 (arXiv:2012.04595); `TPC_PADS4` knows four of them,
as its first model (Fast4), `TPC_PADS` six, as its successor (Fast6).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Floats, Floats32, Keys
from ...rng import GOLDEN, key_uniforms, mix, uniforms
from ..response import Axis, Condition, Feature, Mirror, Response, Shift
from .drift_chamber import INNER_ROWS, PION, ROWS, THRESHOLD, pad_responses

CROSSING, DIP, DRIFT, PADS = 45.0, 60.0, 309.0, 120.0
"""Largest crossing and dip angle [deg], drift length [buckets] and pad coordinate."""

PT = (0.15, 2.0)
"""Range of the transverse momentum [GeV]."""

TPC_PADS = Response(
    name="tpc_pads",
    title="pion over a pad row of a time projection chamber, 8 pads x 16 time buckets",
    axes=(Axis("pad", "pad", 8, 1.0, -4.5), Axis("time", "bucket", 16, 1.0, -8.5)),
    conditions=(
        Condition(
            "crossing", "deg", "angle to the normal of the row, in its plane", -CROSSING, CROSSING
        ),
        Condition("dip", "deg", "angle to the plane of the pads", -DIP, DIP),
        Condition("drift", "bucket", "drift of the segment's middle", 0, DRIFT),
        Condition("pad", "pad", "coordinate of the segment's middle along the row", 0, PADS),
        Condition("pt", "GeV", "transverse momentum", *PT),
        Condition("row", "", "number of the pad row", 0, ROWS - 1),
    ),
    features=(
        Feature("crossing", "value", ("crossing",)),
        Feature("dip", "value", ("dip",)),
        Feature("drift", "value", ("drift",)),
        Feature("in_pad", "fraction", ("pad",)),
        Feature("in_bucket", "fraction", ("drift",)),
        Feature("ionisation", "ionisation", ("pt", "dip", "crossing"), PION),
        Feature("outer", "above", ("row",), INNER_ROWS),
    ),
    unit="ADC",
    threshold=THRESHOLD,
    scale="ionisation",
    mirrors=(
        Mirror("pad", ("crossing", "in_pad")),
        Mirror("time", ("dip", "in_bucket")),
        # A row is as deep before its middle as behind it.
        Mirror("", ("dip", "crossing")),
    ),
    shifts=(Shift("pad", "in_pad"), Shift("time", "in_bucket")),
)
"""Given all that changes the response."""

TPC_PADS4 = TPC_PADS.restricted(
    "tpc_pads4",
    "pion of any momentum over any pad row of a time projection chamber, 8 pads x 16 time buckets",
    ("crossing", "dip", "drift", "pad"),
)
"""Given four conditions, whatever the momentum and the row."""


def particles(n: int, seed: int, first: int = 0) -> dict[str, Floats]:
    """Segments of a sample, shapes ``(n,)``: uniform in all, `pt` in its logarithm.

    Args:
        n: how many.
        seed: of the sample.
        first: number of the first one; a segment depends on seed and number only.
    """
    u = uniforms(seed, TPC_PADS.name, np.arange(first, first + n), 0, 6)
    return {
        "crossing": CROSSING * (2 * u[:, 0] - 1),
        "dip": DIP * (2 * u[:, 1] - 1),
        "drift": DRIFT * u[:, 2],
        "pad": PADS * u[:, 3],
        **_unknown(u[:, 4:]),
    }


def _unknown(u: Floats) -> dict[str, Floats]:
    """What four conditions leave open, of uniform numbers of shape ``(n, 2)``."""
    return {"pt": PT[0] * (PT[1] / PT[0]) ** u[:, 0], "row": np.floor(ROWS * u[:, 1])}


def simulate(conditions: Mapping[str, Floats], keys: Keys) -> Floats32:
    """Electron by electron, shape ``(n, 8, 16)``; see `pad_responses`.

    Args:
        conditions: shapes ``(n,)``; momentum and row, where they are missing, are drawn as
            `particles` draws them.
        keys: of the random numbers of each, shape ``(n,)``.
    """
    if "pt" not in conditions:
        with np.errstate(over="ignore"):
            open_keys = mix(keys ^ GOLDEN)
        conditions = {**conditions, **_unknown(key_uniforms(open_keys, 2))}
    return pad_responses(conditions, keys)
