"""What a model has seen of each species, and which rows lie outside of it.

A model that is asked for conditions beyond its training sample answers with those of the border:
plausible numbers that nobody has checked.  Such tracks are flagged in the ntuple.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from ..arrays import Mask
from ..physics import particles

Ranges: TypeAlias = dict[str, dict[str, list[float]]]
"""Smallest and largest value of each condition, by species flag."""

_NO_LOWEST = ("log_vr",)
"""Logarithms of distances from the beam line: what is made on the line itself is as prompt as what
is made a few micrometres from it, which is as close as any of a sample comes."""

_SPECIES = tuple(f"is_{name.lower()}" for name in particles.SPECIES_NAMES.values())


def training_range(conditions: Mapping[str, np.ndarray]) -> Ranges:
    """Ranges of the conditions of a training sample.

    Args:
        conditions: arrays of shape ``(n,)`` with one flag for each species, ``is_e`` and so on;
            other flags (``is_*``) have no range.
    """
    names = [name for name in conditions if not name.startswith("is_")]
    found: Ranges = {}
    for flag in _SPECIES:
        rows = np.asarray(conditions[flag]) > 0.5
        if rows.any():
            found[flag] = {
                name: [float(np.min(conditions[name][rows])), float(np.max(conditions[name][rows]))]
                for name in names
            }
    return found


def outside(conditions: Mapping[str, np.ndarray], ranges: Ranges) -> Mask:
    """Rows with a condition out of the range of their species, or of a species without one.

    Args:
        conditions: arrays of shape ``(n,)``, as `training_range` had them.
        ranges: its result.

    Returns:
        Flags, shape ``(n,)``.
    """
    n = len(next(iter(conditions.values())))
    inside = np.zeros(n, dtype=np.bool_)
    for flag, limits in ranges.items():
        rows = np.flatnonzero(np.asarray(conditions[flag]) > 0.5)
        if not len(rows):
            continue
        values = np.stack([conditions[name][rows] for name in limits])
        low, high = np.array([*limits.values()]).T[:, :, None]
        low = np.where([[name in _NO_LOWEST] for name in limits], -np.inf, low)
        inside[rows] |= ((values <= high) & (values >= low)).all(axis=0)
    return ~inside
