"""What the detector gave in the sample that a model learnt from: no draw may lie outside of it.

A mixture of Gaussians has tails without end, and what is a draw at the edge for one type of track
is far out for another.  The ranges of a sample are stored with the model (``detector_range`` in its
``config.json``), by type of track; a draw beyond them is made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from ...arrays import Columns, Integers, Mask
from ...errors import ArtefactError
from ...schema import TRACK_TYPES

Ranges: TypeAlias = dict[str, dict[str, list[float]]]
"""Smallest and largest value of each figure, by type of track."""

MOST_P = 6.5e6
"""Largest momentum [MeV] in collisions of 13 TeV.  The track fit of the reference detector, which
keeps 1/p above 1e-7 / MeV, would go to 10 TeV."""


def detector_range(figures: Columns, track_type: Integers) -> Ranges:
    """Ranges of some figures in a sample.

    Args:
        figures: arrays of shape ``(n,)``.
        track_type: codes of `lamarr_like.schema.TRACK_TYPES`, shape ``(n,)``.
    """
    found: Ranges = {}
    for name, code in TRACK_TYPES.items():
        rows = track_type == code
        if code and rows.any():
            found[name] = {
                k: [float(np.min(v[rows])), float(np.max(v[rows]))] for k, v in figures.items()
            }
    return found


def checked(config: Mapping[str, Any], stage: str) -> Ranges:
    """The ranges in the configuration of a model; none if it has none.

    Raises:
        ArtefactError: if they are something else.
    """
    ranges = config.get("detector_range", {})
    try:
        found = {
            str(kind): {str(k): [float(low), float(high)] for k, (low, high) in limits.items()}
            for kind, limits in ranges.items()
        }
        if not set(found) <= set(TRACK_TYPES):
            raise ValueError(f"unknown track types {sorted(set(found) - set(TRACK_TYPES))}")
        for limits in found.values():
            if not all(low <= high for low, high in limits.values()):
                raise ValueError("a lower end above the upper one")
    except (AttributeError, TypeError, ValueError) as error:
        raise ArtefactError(
            f"stage {stage!r}: 'detector_range' in config.json of its model is no table of "
            f"ranges by type of track ({error}); train it again"
        ) from None
    return found


def limits_of(ranges: Ranges, figure: str, track_type: Integers) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value of a figure, shapes ``(n,)``; infinite where none is known."""
    ends = np.full((2, 1 + max(TRACK_TYPES.values())), np.inf)
    ends[0] = -np.inf
    for name, limits in ranges.items():
        if figure in limits:
            ends[:, TRACK_TYPES[name]] = limits[figure]
    return ends[0][track_type], ends[1][track_type]


def within(
    figures: Columns,
    ranges: Ranges,
    track_type: Integers,
    allowed: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> Mask:
    """Tracks whose figures all lie within the ranges of their type.

    Args:
        figures: arrays of shape ``(n,)``; those without a range are not looked at.
        ranges: `detector_range`.
        track_type: codes of `lamarr_like.schema.TRACK_TYPES`, shape ``(n,)``.
        allowed: values from and to which each track may go in any case, by figure.
    """
    inside = np.ones(len(track_type), dtype=np.bool_)
    for name, values in figures.items():
        low, high = limits_of(ranges, name, track_type)
        if allowed and name in allowed:
            low, high = np.minimum(low, allowed[name][0]), np.maximum(high, allowed[name][1])
        inside &= (values >= low) & (values <= high)
    return inside
