"""The fringe of the dipole before the TT, in which daughters of K_S and Lambda are born.

The state of a track stands at the closest point to the beam: its fit carried it backward through
the fringe, also where the particle was born in between.  The field on the axis is a Gaussian B(z),
beside it By = B - y^2 B'' / 2 and Bz = y B'.  On the way from where it begins to z the slopes
change, to first order in the bend, by::

    dtx = k q/p n ([y^2 B' / 2] - (1 + tx^2) I),     dty = -k q/p n tx [y B]

with [] the difference of end and begin, I the integral of B and n = sqrt(1 + tx^2 + ty^2); the
position follows by integrating once more.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from ...arrays import Floats, Ints
from ...events import Table
from ...physics.kinematics import closest_to_beam
from ..features import VERTEX
from ..geometry import KICK, MAGNET_WIDTH, MAGNET_Z, TT_START
from .residual_frames import TrackState

FIELD_START = 700.0
"""z [mm] before which states are on straight lines, as in the detailed simulation."""

_DOWN = -1
"""Sign of the field along y in the chain: events of magnet up are mirror images."""
_STEPS = 3
_SOFTEST, _STEEPEST = 500.0, 1.0
"""Momentum [MeV] and slopes beyond which nothing leaves a track behind the TT: not carried."""
_NORM = 1.0 / np.sqrt(2.0 * np.pi)


def carried(truth: TrackState, particle: Table, rows: Ints) -> TrackState:
    """True states as a fit carries them back: without the field that the particles did not cross.

    Args:
        truth: true states closest to the beam, on straight lines, shapes ``(n,)``.
        particle: table of particles.
        rows: theirs, shape ``(n,)``.

    Returns:
        The same but for particles born behind `FIELD_START`, as far as they can leave a track.
    """
    able = (particle["mc_vz"][rows] > FIELD_START) & (truth.p > _SOFTEST)
    able &= (np.abs(truth.tx) < _STEEPEST) & (np.abs(truth.ty) < _STEEPEST)
    late = np.flatnonzero(able)
    if not len(late):
        return truth
    born, some = (particle[c][rows[late]].astype(np.float64) for c in VERTEX), truth.some(late)
    x, y, vz = born
    z = np.minimum(vz, TT_START)
    there = np.stack([x + (z - vz) * some.tx, y + (z - vz) * some.ty, some.tx, some.ty], axis=1)
    line = np.concatenate([there, 1.0 / some.p[:, None]], axis=1)
    for _ in range(_STEPS):
        line[:, :4] = there - bend(line, some.charge, z, _DOWN)
    x, y, tx, ty, _ = line.T
    x, y, z = closest_to_beam(x, y, z, tx, ty)
    out = TrackState._make(values.copy() for values in truth)
    for name, values in {"x": x, "y": y, "z": z, "tx": tx, "ty": ty}.items():
        getattr(out, name)[late] = values
    return out


def bend(state: Floats, charge: Floats, z: Floats, polarity: int | Ints) -> Floats:
    """Changes of x, y, tx, ty by the field between its start and z, to first order; ``(n, 4)``.

    Args:
        state: x, y [mm], tx, ty, 1/p [1/MeV] (and more) at z of the line before the field, shape
            ``(n, >= 5)``.
        charge: shape ``(n,)``.
        z: places [mm], shape ``(n,)``.
        polarity: sign of the field along y, of all or of each.
    """
    tx, ty, y = state[:, 2], state[:, 3], state[:, 1]
    way = z - FIELD_START
    u, start = ((a - MAGNET_Z) / MAGNET_WIDTH for a in (z, FIELD_START))
    density, first = (_NORM * np.exp(-0.5 * a * a) for a in (u, start))
    once = ndtr(u) - ndtr(start)
    twice = MAGNET_WIDTH * (u * ndtr(u) + density - start * ndtr(start) - first)
    twice -= way * ndtr(start)
    early = y - way * ty
    at, begin = ((h * b / MAGNET_WIDTH) for h, b in ((y, density), (early, first)))  # y By
    falls, rose = ((-a * f * h / MAGNET_WIDTH) for a, f, h in ((u, at, y), (start, begin, early)))
    moved = y * once - ty * twice  # integral of y By
    change = 0.5 * (y * at - early * begin) - ty * moved - 0.5 * rose * way
    turned = (0.5 * (falls - rose) - (1.0 + tx * tx) * once, tx * (begin - at))
    shifted = (change - (1.0 + tx * tx) * twice, tx * (begin * way - moved))
    scale = polarity * KICK * charge * state[:, 4] * np.sqrt(1.0 + tx * tx + ty * ty)
    result: Floats = scale[:, None] * np.stack([*shifted, *turned], axis=1)
    return result
