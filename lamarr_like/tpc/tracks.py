"""Pions from the beam line, and their segments over the pad rows of a sector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from ..arrays import Floats, Ints
from ..responses.detectors import tpc_pads
from ..rng import uniforms
from .geometry import FIELD, SECTORS, drift_buckets, pad_coordinate, row_centres, row_pads

PT = (0.2, 1.6)
"""Range of the transverse momentum, uniform in its logarithm [GeV]."""

DIP = 45.0
"""Largest angle to the plane of the pads [deg]."""

VERTEX = (0.1, 20.0)
"""Spread of the places of birth across and along the beam [cm]."""

EDGE = 0.24
"""Azimuth from the middle of the sector within which tracks cross its middle row [rad]."""


@dataclass(frozen=True)
class Tracks:
    """Helices in the frames of their sectors, shapes ``(n,)``.

    Args:
        event, sector, side: where; the side is 1 or -1, and z is counted towards it.
        pt: transverse momentum [GeV].
        curvature: inverse signed radius [1/cm].
        angle: to v at the place of birth [rad].
        slope: of z over the path across the field.
        birth: place of birth in u, v, z [cm], shape ``(n, 3)``.
    """

    event: Ints
    sector: Ints
    side: Ints
    pt: Floats
    curvature: Floats
    angle: Floats
    slope: Floats
    birth: Floats

    def __len__(self) -> int:
        return len(self.pt)


class Segments(NamedTuple):
    """Crossings of tracks with rows, shapes ``(m,)``.

    Attributes:
        track, row: numbers.
        conditions: of `lamarr_like.responses.detectors.tpc_pads.TPC_PADS`.
        u, z: place of the crossing [cm].
    """

    track: Ints
    row: Ints
    conditions: dict[str, Floats]
    u: Floats
    z: Floats

    def part(self, rows: slice) -> Segments:
        """Some of them."""
        given = {name: values[rows] for name, values in self.conditions.items()}
        return Segments(self.track[rows], self.row[rows], given, self.u[rows], self.z[rows])


def make_tracks(events: int, each: int, seed: int) -> Tracks:
    """Pions of some events.

    Args:
        events: how many.
        each: tracks of an event.
        seed: a track depends on it and on the numbers of event and track only.
    """
    event, index = (a.ravel() for a in np.mgrid[:events, :each])
    u = uniforms(seed, "tpc tracks", event, index, 9)
    pt = PT[0] * (PT[1] / PT[0]) ** u[:, 0]
    charge = np.where(u[:, 1] < 0.5, -1.0, 1.0)
    curvature = charge * 0.003 * FIELD / pt
    dip = np.radians(DIP) * (2 * u[:, 2] - 1)
    birth = ndtri(u[:, 3:6]) * np.array([VERTEX[0], VERTEX[0], VERTEX[1]])
    middle = row_centres()[len(row_centres()) // 2]
    # Aimed so that the middle row is crossed at this azimuth of the sector.
    angle = EDGE * (2 * u[:, 6] - 1) - np.arcsin(0.5 * curvature * middle)
    z = birth[:, 2] + middle * np.tan(dip)
    side = np.where(z < 0, -1, 1)
    birth[:, 2] *= side
    sector = np.floor(SECTORS * u[:, 7]).astype(np.int64)
    return Tracks(event, sector, side, pt, curvature, angle, np.tan(dip) * side, birth)


def cross(
    birth: Floats, angle: Floats, curvature: Floats, slope: Floats, v: Floats
) -> tuple[Floats, Floats, Floats]:
    """Where helices cross rows: u, z [cm] and the angle to v [rad]; NaN where they turn before.

    Args:
        birth: a point of each in u, v, z, shape ``(..., 3)``.
        angle: there, to v [rad].
        curvature: inverse signed radius [1/cm].
        slope: of z over the path across the field.
        v: of the row [cm]; all shapes broadcast.
    """
    far = v - birth[..., 1]
    with np.errstate(invalid="ignore"):
        there = np.arcsin(np.sin(angle) + curvature * far)
        chord = far / np.cos(0.5 * (angle + there))
        half = 0.5 * (there - angle)
        u = birth[..., 0] + far * np.tan(0.5 * (angle + there))
        z = birth[..., 2] + slope * chord / np.sinc(half / np.pi)
    return u, z, there


def segments(tracks: Tracks) -> Segments:
    """Crossings within the pads, the drift volume, and what the response is declared for."""
    start, curvature, slope = (a[:, None] for a in (tracks.angle, tracks.curvature, tracks.slope))
    v = row_centres()[None, :]
    u, z, angle = cross(tracks.birth[:, None, :], start, curvature, slope, v)
    row = np.broadcast_to(np.arange(u.shape[1]), u.shape)
    pad, drift = pad_coordinate(u, row), drift_buckets(z)
    crossing = np.degrees(angle)
    with np.errstate(invalid="ignore"):
        inside = (
            (pad > -0.5) & (pad < row_pads()[row] - 0.5) & (np.abs(crossing) < tpc_pads.CROSSING)
        )
        inside &= (z > 0) & (drift > 0) & (drift < tpc_pads.DRIFT)
    track, kept = np.nonzero(inside)
    given = {
        "crossing": crossing[inside],
        "dip": np.degrees(np.arctan(tracks.slope))[track],
        "drift": drift[inside],
        "pad": np.maximum(pad[inside], 0.0),
        "pt": tracks.pt[track],
        "row": kept.astype(np.float64),
    }
    return Segments(track, kept, given, u[inside], z[inside])
