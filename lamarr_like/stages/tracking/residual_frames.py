"""Frames in which residuals of track states are simple, and the way back.

The state closest to the z axis obeys x tx + y ty = 0, so three of its five coordinates fix x and
y: with phi = atan2(ty, tx) and a signed distance d it is x = -d sin(phi), y = d cos(phi).

In the *perigee* frame the residual of the slope is split into a radial and a tangential part, and
those of d and z are taken where an ideal fit decouples them from the slope: at the first hits and
not where the track is extrapolated to.  All are in units of the errors of that fit (`expected`), so
that tracks of all types and momenta look alike.

The *carried* frame is the same, with the true state as a fit carries it back through the fringe of
the field (`fringe_field`): what it does to a downstream track is larger than all errors, and known.

The *cartesian* frame has the plain differences of x, y, z, tx, ty, for samples whose states do not
obey the constraint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ...arrays import Columns, Floats, Integers, Rows
from ...schema import TRACK_TYPES
from ..features import signed_distance

PERIGEE = ("qop_rel", "dt_tan", "u_tan", "dt_rad", "u_rad")
"""Residuals of the perigee frame, the most informative first."""
CARTESIAN = ("qop_rel", "dx", "dtx", "dy", "dty", "dz")
"""Residuals of the cartesian frame, the most informative first."""
FRAMES = {"carried": PERIGEE, "perigee": PERIGEE, "cartesian": CARTESIAN}
"""Residuals by frame, the default of a training first."""

_MIN_RATIO = 1e-3
"""Smallest |q/p| ratio of reconstructed to true: momenta grow by at most its inverse."""
_LEAST_P, _LEAST_P_UPSTREAM = 1000.0, 100.0
"""Momentum [MeV] below which the field bends tracks out of what they must cross: the magnet, or for
upstream tracks its fringe."""
_CORE, _SLOWEST, _MOST_COMPRESSED = 2.0, 8.0, 10.0
"""Compressed pulls of q/p: end of the core, slowest possible track, largest that is believed."""


class TrackState(NamedTuple):
    """States closest to the z axis: positions mm, momenta MeV; arrays of shape ``(n,)``."""

    x: Floats
    y: Floats
    z: Floats
    tx: Floats
    ty: Floats
    p: Floats
    charge: Floats

    def some(self, rows: Rows) -> TrackState:
        """Some of the states."""
        return TrackState._make(values[rows] for values in self)


class Scales(NamedTuple):
    """Resolutions of an ideal fit of each state; arrays of shape ``(n,)``.

    Attributes:
        u_rad, u_tan: positions [mm] along and across the azimuth where slope and position decouple.
        t_rad, t_tan: slopes.
        lever_rad, lever_tan: distance in z [mm] to there from the point closest to the axis.
        qop: relative resolution of q/p.
        reach: relative difference of q/p at which tracks are as slow as they can be.
        tan: slope to the z axis, dr/dz.
    """

    u_rad: Floats
    u_tan: Floats
    t_rad: Floats
    t_tan: Floats
    lever_rad: Floats
    lever_tan: Floats
    qop: Floats
    reach: Floats
    tan: Floats

    def some(self, rows: Rows) -> Scales:
        """Those of some of the states."""
        return Scales._make(values[rows] for values in self)


def ideal_scales(state: TrackState, covariance: Floats, track_type: Integers) -> Scales:
    """Units of residuals from the covariance of an ideal fit.

    Args:
        state: true or reconstructed states.
        covariance: of (x, y, tx, ty, q/p), shape ``(n, 5, 5)``; see `expected`.
        track_type: codes of `lamarr_like.schema.TRACK_TYPES`, shape ``(n,)``.
    """
    phi = np.arctan2(state.ty, state.tx)
    cos, sin = np.cos(phi), np.sin(phi)
    found: dict[str, Floats] = {}
    for side, a, b in (("rad", cos, sin), ("tan", -sin, cos)):
        uu, ut, tt = (
            a * a * covariance[:, i, j]
            + b * b * covariance[:, i + 1, j + 1]
            + a * b * (covariance[:, i, j + 1] + covariance[:, i + 1, j])
            for i, j in ((0, 0), (0, 2), (2, 2))
        )
        found[f"u_{side}"] = np.sqrt(np.maximum(uu - ut * ut / tt, 1e-9 * uu))
        found[f"t_{side}"] = np.sqrt(tt)
        found[f"lever_{side}"] = -ut / tt
    least = np.where(track_type == TRACK_TYPES["upstream"], _LEAST_P_UPSTREAM, _LEAST_P)
    return Scales(
        **found,
        qop=np.sqrt(covariance[:, 4, 4]) * state.p,
        reach=1.0 + state.p / least,
        tan=np.maximum(np.hypot(state.tx, state.ty), 1e-6),
    )


def _steps_of_tail(scales: Scales) -> Floats:
    """How much longer the tail of a pull's asinh is than that of its compressed value."""
    tail: Floats = np.maximum(np.arcsinh(scales.reach / scales.qop) - _CORE, 0.5)
    return tail / (_SLOWEST - _CORE)


def _compressed(pull: Floats, scales: Scales) -> Floats:
    v = np.arcsinh(pull)
    over = np.maximum(np.abs(v) - _CORE, 0.0)
    result: Floats = np.clip(v, -_CORE, _CORE) + np.sign(v) * over / _steps_of_tail(scales)
    return result


def _expanded(value: Floats, scales: Scales) -> Floats:
    """The inverse of `_compressed`."""
    v = np.clip(value, -_MOST_COMPRESSED, _MOST_COMPRESSED)
    over = np.maximum(np.abs(v) - _CORE, 0.0)
    pull: Floats = np.sinh(np.clip(v, -_CORE, _CORE) + np.sign(v) * over * _steps_of_tail(scales))
    return pull


def residuals(frame: str, truth: TrackState, reco: TrackState, scales: Scales) -> Columns:
    """Differences of reconstructed and true states in a frame.

    Args:
        frame: one of `FRAMES`.
        truth, reco: the two states.
        scales: units of the perigee; the cartesian frame takes those of q/p only.

    Returns:
        One array for each name in ``FRAMES[frame]``; ``qop_rel`` is the pull of q/p, compressed:
        its asinh in the core, and a straight line from there to the slowest track that can be,
        which has the same value for all.  Without that the far tail of some tracks would be within
        reach of others.
    """
    ratio = reco.charge * truth.charge * truth.p / reco.p
    out = {"qop_rel": _compressed((ratio - 1.0) / scales.qop, scales)}
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
        "dt_tan": tangential / scales.t_tan,
        "u_tan": (d_reco - d_true + scales.lever_tan * tangential) / scales.u_tan,
        "dt_rad": radial / scales.t_rad,
        "u_rad": (scales.lever_rad * radial - (reco.z - truth.z) * scales.tan) / scales.u_rad,
    }


def smeared(
    frame: str, truth: TrackState, drawn: Mapping[str, np.ndarray], scales: Scales
) -> TrackState:
    """Reconstructed states from true ones and residuals, shapes ``(n,)``: undoes `residuals`."""
    ratio = 1.0 + _expanded(drawn["qop_rel"], scales) * scales.qop
    charge = np.where(ratio < 0.0, -truth.charge, truth.charge)
    p = truth.p / np.maximum(np.abs(ratio), _MIN_RATIO)
    if frame == "cartesian":
        x, y, z = truth.x + drawn["dx"], truth.y + drawn["dy"], truth.z + drawn["dz"]
        return TrackState(x, y, z, truth.tx + drawn["dtx"], truth.ty + drawn["dty"], p, charge)
    phi = np.arctan2(truth.ty, truth.tx)
    cos, sin = np.cos(phi), np.sin(phi)
    radial, tangential = drawn["dt_rad"] * scales.t_rad, drawn["dt_tan"] * scales.t_tan
    tx = truth.tx + radial * cos - tangential * sin
    ty = truth.ty + radial * sin + tangential * cos
    d = signed_distance(truth.x, truth.y, phi)
    d = d + drawn["u_tan"] * scales.u_tan - scales.lever_tan * tangential
    z = truth.z + (scales.lever_rad * radial - drawn["u_rad"] * scales.u_rad) / scales.tan
    new_phi = np.arctan2(ty, tx)
    return TrackState(-d * np.sin(new_phi), d * np.cos(new_phi), z, tx, ty, p, charge)
