"""What the detector gave in the sample that a model learnt from: no draw may lie outside of it.

A mixture of Gaussians has tails without end, and what is a draw at the edge for one type of track
is far out for another.  The ranges of a sample are stored with the model (``detector_range`` in its
``config.json``), by type of track; a draw beyond them is made again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
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
    low, high = _ends(ranges, (figure,))
    return low[0][track_type], high[0][track_type]


def _ends(ranges: Ranges, figures: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest values by figure and code of the type of track."""
    nothing = [math.inf] * (1 + max(TRACK_TYPES.values()))
    low, high = [], []
    for figure in figures:
        ends = [-v for v in nothing], nothing.copy()
        for name, limits in ranges.items():
            if figure in limits:
                for side, end in zip(ends, limits[figure], strict=True):
                    side[TRACK_TYPES[name]] = end
        low.append(ends[0])
        high.append(ends[1])
    return np.array(low), np.array(high)


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
    low, high = (ends[:, track_type] for ends in _ends(ranges, figures))
    for k, name in enumerate(figures):
        if allowed and name in allowed:
            low[k] = np.minimum(low[k], allowed[name][0])
            high[k] = np.maximum(high[k], allowed[name][1])
    values = np.stack([*figures.values()])
    inside: Mask = np.all((values >= low) & (values <= high), axis=0)
    return inside
