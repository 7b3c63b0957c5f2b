"""Frames in which residuals of track states are simple, and the way back.

The state closest to the z axis obeys x tx + y ty = 0, so three of its five coordinates fix x and
y: with phi = atan2(ty, tx) and a signed distance d it is x = -d sin(phi), y = d cos(phi).

In the *perigee* frame the residual of the slope is split into a radial and a tangential part, and
those of d and z are taken where the track is measured and not where it is extrapolated to: behind
the lever arm over which an error of the slope turns into one of d and z.  There they are nearly
independent of the slope.  All are in units of the resolution that one expects.

The *cartesian* frame has the plain differences of x, y, z, tx, ty, for samples whose states do not
obey the constraint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..schema import TRACK_TYPES
from .features import VELO_INNER, VELO_STATIONS, signed_distance
from .stage import Columns, Floats

PERIGEE = ("qop_rel", "dt_tan", "u_tan", "dt_rad", "u_rad")
"""Residuals of the perigee frame, the most informative first."""
CARTESIAN = ("qop_rel", "dx", "dtx", "dy", "dty", "dz")
"""Residuals of the cartesian frame, the most informative first."""
FRAMES = {"perigee": PERIGEE, "cartesian": CARTESIAN}

_FOIL_RADIUS = 5.5
"""Radius [mm] of the foil between beam and VELO (JINST 3 (2008) S08005)."""
_DOWNSTREAM_Z = 1800.0
"""The same point for downstream tracks [mm]: the material of RICH 1."""
_MIN_RATIO = 1e-3
"""Smallest |q/p| ratio of reconstructed to true: momenta grow by at most its inverse."""


class TrackState(NamedTuple):
    """States closest to the z axis: positions mm, momenta MeV; arrays of shape ``(n,)``."""

    x: Floats
    y: Floats
    z: Floats
    tx: Floats
    ty: Floats
    p: Floats
    charge: Floats


class Scales(NamedTuple):
    """Expected resolutions of states; arrays of shape ``(n,)``.

    Attributes:
        d: distance to the axis [mm], extrapolated.
        u: position where the track is first measured [mm].
        slope: slopes.
        qop: relative resolution of q/p.
        lever: distance in z [mm] from the closest point to where slope and position decouple.
        tan: slope to the z axis, dr/dz.
    """

    d: Floats
    u: Floats
    slope: Floats
    qop: Floats
    lever: Floats
    tan: Floats


def expected_scales(state: TrackState, track_type: NDArray[np.integer], birth_z: Floats) -> Scales:
    """Rough resolutions after arXiv:1412.6352; they set units and need not be exact.

    Args:
        state: true or reconstructed states.
        track_type: codes of `lamarr_like.schema.TRACK_TYPES`, shape ``(n,)``.
        birth_z: z of the production vertex [mm], shape ``(n,)``.
    """
    inverse_p = 1e3 / np.maximum(state.p, 1.0)
    tan = np.maximum(np.hypot(state.tx, state.ty), 1e-6)
    inverse_pt = inverse_p * np.sqrt(1.0 + tan**2) / tan
    down = track_type == TRACK_TYPES["downstream"]
    up = track_type == TRACK_TYPES["upstream"]
    # The slope is spoilt by scattering between the RF foil and the first station.
    foil = np.maximum(state.z + _FOIL_RADIUS / tan, birth_z)
    station = np.searchsorted(VELO_STATIONS, np.maximum(state.z + VELO_INNER / tan, birth_z))
    first = VELO_STATIONS[np.minimum(station, len(VELO_STATIONS) - 1)]
    middle = np.maximum(foil + 0.35 * (first - foil), birth_z)
    lever = np.where(down, _DOWNSTREAM_Z, np.minimum(middle, VELO_STATIONS[-1])) - state.z
    return Scales(
        d=np.where(down, 0.7 + 7.0 * inverse_p, 0.012 + 0.024 * inverse_pt),
        u=np.where(down, 0.5 + 3.0 * inverse_p, 0.012 + 0.008 * inverse_pt),
        slope=np.where(down, 3e-4 + 3e-3 * inverse_p, 3e-5 + 3e-3 * inverse_p),
        qop=np.where(up, 0.15, np.where(down, 0.007, 0.005)),
        lever=np.clip(lever, 0.0, _DOWNSTREAM_Z),
        tan=tan,
    )


def residuals(frame: str, truth: TrackState, reco: TrackState, scales: Scales) -> Columns:
    """Differences of reconstructed and true states in a frame.

    Args:
        frame: ``"perigee"`` or ``"cartesian"``.
        truth, reco: the two states.
        scales: units of the perigee frame; the cartesian frame takes those of q/p only.

    Returns:
        One array for each name in ``FRAMES[frame]``; ``qop_rel`` is the ratio of q/p to the true
        one minus 1, so that a track with the wrong charge lies below -1.
    """
    ratio = reco.charge * truth.charge * truth.p / reco.p
    out = {"qop_rel": (ratio - 1.0) / scales.qop}
    dtx, dty = reco.tx - truth.tx, reco.ty - truth.ty
    if frame == "cartesian":
        out |= {"dx": reco.x - truth.x, "dtx": dtx, "dy": reco.y - truth.y, "dty": dty}
        return out | {"dz": reco.z - truth.z}
    phi = np.arctan2(truth.ty, truth.tx)
    cos, sin = np.cos(phi), np.sin(phi)
    d_true = signed_distance(truth.x, truth.y, phi)
    d_reco = signed_distance(reco.x, reco.y, np.arctan2(reco.ty, reco.tx))
    tangential, radial = dty * cos - dtx * sin, dtx * cos + dty * sin
    return out | {
        "dt_tan": tangential / scales.slope,
        "u_tan": (d_reco - d_true + scales.lever * tangential) / scales.u,
        "dt_rad": radial / scales.slope,
        "u_rad": (scales.lever * radial - (reco.z - truth.z) * scales.tan) / scales.u,
    }


def smeared(
    frame: str, truth: TrackState, drawn: Mapping[str, np.ndarray], scales: Scales
) -> TrackState:
    """Reconstructed states from true ones and residuals: the inverse of `residuals`."""
    ratio = 1.0 + drawn["qop_rel"] * scales.qop
    charge = np.where(ratio < 0.0, -truth.charge, truth.charge)
    p = truth.p / np.maximum(np.abs(ratio), _MIN_RATIO)
    if frame == "cartesian":
        x, y, z = truth.x + drawn["dx"], truth.y + drawn["dy"], truth.z + drawn["dz"]
        return TrackState(x, y, z, truth.tx + drawn["dtx"], truth.ty + drawn["dty"], p, charge)
    phi = np.arctan2(truth.ty, truth.tx)
    cos, sin = np.cos(phi), np.sin(phi)
    radial, tangential = drawn["dt_rad"] * scales.slope, drawn["dt_tan"] * scales.slope
    tx = truth.tx + radial * cos - tangential * sin
    ty = truth.ty + radial * sin + tangential * cos
    d = signed_distance(truth.x, truth.y, phi)
    d = d + drawn["u_tan"] * scales.u - scales.lever * tangential
    z = truth.z + (scales.lever * radial - drawn["u_rad"] * scales.u) / scales.tan
    new_phi = np.arctan2(ty, tx)
    return TrackState(-d * np.sin(new_phi), d * np.cos(new_phi), z, tx, ty, p, charge)
