"""Metrics of arrays in the common frame: what the auxiliary regressor of a GAN learns."""

from __future__ import annotations

import numpy as np

from ...arrays import Floats, Floats32
from ..features import about_impact, axis_moments
from ..frame import Placement
from ..hits import Hits
from ..response import Response

_FARTHEST = 5.0
"""Metrics are cut there, in units of their spread."""


def metrics(response: Response, placement: Placement, hits: Hits) -> Floats32:
    """Normalised metrics, shape ``(n, k)``; see `frame_metrics`."""
    table = np.stack(list(frame_metrics(response, placement, hits).values()), axis=1)
    spread = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    normalised: Floats32 = np.clip(table, -_FARTHEST, _FARTHEST).astype(np.float32)
    return normalised


def frame_metrics(response: Response, placement: Placement, hits: Hits) -> dict[str, Floats]:
    """Metrics by name, shapes ``(n,)``.

    Those of `lamarr_like.responses.features` along the slope of the particle and across,
    widths and asymmetries, and the distance of centroid and impact; for a response without two
    slopes widths and skews along the axes.  In the frame, where mirrored arrays are alike.

    Args:
        response: declaration.
        placement: of the particles.
        hits: their arrays, in the frame.
    """
    n, row = len(placement.given), hits.row
    sums = hits.sums(n)
    share = hits.value / np.where(sums > 0, sums, 1.0)[row]
    moved = {response.axis(shift.axis) for shift in response.shifts}
    # Places of particles are told from the middle of cell 0 along axes that move.
    places = [
        hits.cell[:, k] * axis.pitch + (0.0 if k in moved else axis.centres[0])
        for k, axis in enumerate(response.axes)
    ]
    found = about_impact(response, placement.given, row, share, places, n)
    if "longitudinal_width" not in found:
        found |= axis_moments(response, row, share, places, n)
    return found
