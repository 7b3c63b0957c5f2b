"""The dipole field and the propagation of particles through it."""

from __future__ import annotations

import math

import numpy as np

from ..physics.passage import CURVATURE
from .compiled import inlined, inner

KAPPA = CURVATURE
"""MeV per (T mm): p[MeV] = KAPPA B[T] R[mm]."""

FIELD_START = 700.0
"""Upstream of this z [mm] the field is below 1.3 % of its peak and tracks are straight."""

MAX_STEP = 200.0
"""Longest Runge-Kutta step [mm]; against 20 mm steps it errs by less than a micrometre at 2 GeV."""

LANES = 4
"""Lines that `propagate_lanes` carries: as many as a core multiplies at once."""

_Y, _TX, _TY, _QOP = (np.uint64(quantity * LANES) for quantity in range(1, 5))
_LOST = 5.0  # slope at which a particle turns back, where steps in z make no sense


@inner
def field(y: float, z: float, magnet: tuple[float, float, float]) -> tuple[float, float]:
    """By and Bz [T] of the dipole at (y, z).

    By follows a Gaussian along z; Bz = y dBy/dz and the quadratic fall of By make the field free
    of curl and divergence to second order in y.

    Args:
        y, z: position [mm].
        magnet: peak field [T], centre [mm], width [mm] of the Gaussian.
    """
    found: tuple[float, float] = _off_axis(y, _on_axis(z, magnet))
    return found


@inner
def _on_axis(z, magnet):  # type: ignore[no-untyped-def]
    """By [T] at y = 0 and its first and second derivative by z."""
    peak, centre, width = magnet
    u = (z - centre) / width
    b = peak * math.exp(-0.5 * u * u)
    return b, -u / width * b, (u * u - 1.0) / (width * width) * b


@inlined
def _off_axis(y, axis):  # type: ignore[no-untyped-def]
    b, slope, curve = axis
    return b - 0.5 * y * y * curve, y * slope


@inlined
def _derivative(y, tx, ty, kq, axis):  # type: ignore[no-untyped-def]
    by, bz = _off_axis(y, axis)
    norm = kq * math.sqrt(1.0 + tx * tx + ty * ty)
    return norm * (ty * bz - (1.0 + tx * tx) * by), norm * (-tx * bz - tx * ty * by)


@inlined
def _step(x, y, tx, ty, kq, h, axis):  # type: ignore[no-untyped-def]
    """One Runge-Kutta step; `axis` is the field on the axis where it starts, half-way, at its end.

    The field on the axis takes longer than all else: it is worked out once for what is there.
    """
    ax, ay = _derivative(y, tx, ty, kq, axis[0])
    bx, by = _derivative(y + 0.5 * h * ty, tx + 0.5 * h * ax, ty + 0.5 * h * ay, kq, axis[1])
    yc = y + 0.5 * h * (ty + 0.5 * h * ay)
    cx, cy = _derivative(yc, tx + 0.5 * h * bx, ty + 0.5 * h * by, kq, axis[1])
    yd = y + h * (ty + 0.5 * h * by)
    dx, dy = _derivative(yd, tx + h * cx, ty + h * cy, kq, axis[2])
    x += h * tx + h * h / 6.0 * (ax + bx + cx)
    y += h * ty + h * h / 6.0 * (ay + by + cy)
    tx += h / 6.0 * (ax + 2.0 * bx + 2.0 * cx + dx)
    ty += h / 6.0 * (ay + 2.0 * by + 2.0 * cy + dy)
    return x, y, tx, ty


@inner
def propagate(x, y, tx, ty, qop, z1, z2, magnet):  # type: ignore[no-untyped-def]
    """Carry (x, y, tx, ty) from z1 to z2 by fourth-order Runge-Kutta.

    Args:
        x, y: position [mm].
        tx, ty: slopes.
        qop: charge over momentum [1/MeV].
        z1, z2: start and end [mm], in either order.
        magnet: as in `field`.

    Returns:
        x, y, tx, ty at z2.
    """
    # Upstream of the field the line is straight.
    if z1 < FIELD_START and z2 > FIELD_START:
        dz = FIELD_START - z1
        x, y, z1 = x + tx * dz, y + ty * dz, FIELD_START
    if (z1 <= FIELD_START and z2 <= FIELD_START) or qop == 0.0:
        dz = z2 - z1
        return x + tx * dz, y + ty * dz, tx, ty
    steps, h = _steps(z1, z2)
    kq = KAPPA * qop
    z = z1
    here = _on_axis(z, magnet)
    for _ in range(steps):
        axis = here, _on_axis(z + 0.5 * h, magnet), _on_axis(z + h, magnet)
        x, y, tx, ty = _step(x, y, tx, ty, kq, h, axis)
        z += h
        here = axis[2]
        if abs(tx) > _LOST or abs(ty) > _LOST:
            break
    if z2 < FIELD_START:
        dz = z2 - FIELD_START
        x, y = x + tx * dz, y + ty * dz
    return x, y, tx, ty


@inner
def _steps(z1, z2):  # type: ignore[no-untyped-def]
    """Number and length [mm] of the steps in the field between z1 and z2."""
    stop = max(z2, FIELD_START)
    steps = max(1, math.ceil(abs(stop - z1) / MAX_STEP))
    return steps, (stop - z1) / steps


@inner
def propagate_lanes(lanes, z1, z2, magnet):  # type: ignore[no-untyped-def]
    """Carry `LANES` lines through the field at once, each as `propagate` would, bit for bit.

    Args:
        lanes: all x, then all y, tx, ty and q/p, moved in place; shape ``(5 * LANES,)``.
        z1, z2: start and end [mm], in either order.
        magnet: as in `field`.

    Returns:
        False if one of them has no charge or turns back: then `propagate` has to do it.
    """
    n = np.uint64(len(lanes) // 5)  # a number that the compiler knows would be unrolled
    for k in range(n):
        if lanes[_QOP + k] == 0.0:
            return False
    if z1 < FIELD_START and z2 > FIELD_START:
        _straight(lanes, FIELD_START - z1)
        z1 = FIELD_START
    if z1 <= FIELD_START and z2 <= FIELD_START:
        _straight(lanes, z2 - z1)
        return True
    steps, h = _steps(z1, z2)
    z = z1
    here = _on_axis(z, magnet)
    for _ in range(steps):
        axis = here, _on_axis(z + 0.5 * h, magnet), _on_axis(z + h, magnet)
        steepest = 0.0
        for k in range(n):
            x, y, tx, ty = lanes[k], lanes[_Y + k], lanes[_TX + k], lanes[_TY + k]
            x, y, tx, ty = _step(x, y, tx, ty, KAPPA * lanes[_QOP + k], h, axis)
            lanes[k], lanes[_Y + k], lanes[_TX + k], lanes[_TY + k] = x, y, tx, ty
        for k in range(n):
            steepest = max(steepest, abs(lanes[_TX + k]), abs(lanes[_TY + k]))
        if not steepest <= _LOST:
            return False
        z += h
        here = axis[2]
    if z2 < FIELD_START:
        _straight(lanes, z2 - FIELD_START)
    return True


@inner
def _straight(lanes, dz):  # type: ignore[no-untyped-def]
    for k in range(_TX):
        lanes[k] += lanes[_TX + k] * dz
