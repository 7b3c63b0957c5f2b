"""Images of tracks in the planes x = 0 and y = 0, to which the detector is symmetric.

The field of the dipole stands along y.  So the image of a track in y = 0 moves like the track of a
particle of the same charge, that in x = 0 like that of the opposite charge.  Sensors and material
are images of themselves but for the order of the stereo layers, for which models are told where a
track was.  All tracks become images in the quadrant of positive slopes: what is learnt of one
quadrant and charge holds in all, and correlations that are odd about a plane have one sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from ...arrays import Columns, Floats, Rows
from .residual_frames import TrackState

FLAGS = ("is_left", "is_below")
"""Conditions that tell where a track was: whether its slopes in x and in y are negative."""

_ODD = frozenset({"ctb_d", "dt_tan", "u_tan"})
_ODD_X = _ODD | {"cos_phi", "tx", "tt_x", "t3_x", "tx_after", "charge", "dx", "dtx"}
_ODD_Y = _ODD | {"sin_phi", "ty", "tt_y", "t3_y", "dy", "dty"}


class Mirrors(NamedTuple):
    """Factors that take odd numbers of tracks to those of their images, shapes ``(n,)``.

    Attributes:
        x: -1 for tracks whose image is taken in the plane x = 0, else 1.
        y: the same for y = 0.
    """

    x: Floats
    y: Floats

    @classmethod
    def of(cls, state: TrackState, taken: bool = True) -> Mirrors:
        """Those that make both slopes of some states positive.

        Args:
            state: the states.
            taken: False for a model that sees tracks where they are.
        """
        slopes = (state.tx, state.ty)
        return cls(*(np.where((slope < 0.0) & taken, -1.0, 1.0) for slope in slopes))

    def some(self, rows: Rows) -> Mirrors:
        """Those of some of the tracks."""
        return Mirrors(self.x[rows], self.y[rows])

    def image(self, columns: Mapping[str, np.ndarray]) -> Columns:
        """Columns of the images of tracks, and back; shapes ``(n,)``.

        Args:
            columns: conditions of tracks, residuals by the names of `residual_frames`, partial
                correlations by those of `covariance`; what else there is counts as even.
        """
        factors = {(True, True): self.x * self.y, (True, False): self.x, (False, True): self.y}
        return {
            name: factors[_odd(name)] * values if any(_odd(name)) else values
            for name, values in columns.items()
        }

    def flags(self) -> Columns:
        """Which mirrors were taken: `FLAGS`, 0 or 1."""
        return dict(zip(FLAGS, ((side < 0.0) * 1.0 for side in self), strict=True))

    @property
    def one(self) -> Floats:
        """Whether one mirror alone was taken, 0 or 1.

        Turned about the beam stereo layers are themselves, so that what they make of a track goes
        by this; networks are slow to find it in both flags.
        """
        found: Floats = (self.x * self.y < 0.0).astype(np.float64)
        return found


@cache
def _odd(name: str) -> tuple[bool, bool]:
    """Whether a number changes its sign in the planes x = 0 and y = 0."""
    _, partial, axes = name.rpartition("z_")
    if partial and axes.count("_") >= 2:
        across = axes.count("tan") % 2 == 1
        return across ^ ("qop" in axes), across
    return name in _ODD_X, name in _ODD_Y
