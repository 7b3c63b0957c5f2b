"""Hits on the planes of the trackers."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..arrays import Floats, Mask
from . import geometry
from .compiled import inlined, inner
from .random import normal, uniform


class Hits(NamedTuple):
    """Measurements of some particles or candidates, shapes ``(n, N_MEASUREMENTS)``.

    Attributes:
        value: measured coordinates [mm].
        angle: angle of the measured coordinate to x [rad].
        error: error assigned to it [mm].
        hit: whether there is a hit.
    """

    value: Floats
    angle: Floats
    error: Floats
    hit: Mask


@inner
def is_inner(x, y, det):  # type: ignore[no-untyped-def]
    """Whether (x, y) [mm] of a T layer lies on the silicon of the inner tracker."""
    return (abs(x) < det.it_half_x[0] and abs(y) < det.it_half_y[0]) or (
        abs(x) < det.it_half_x[1] and abs(y) < det.it_half_y[1]
    )


@inlined
def _hit(k, m, angle, x, y, sigma, det, out, state):  # type: ignore[no-untyped-def]
    """One hit: its error varies about `sigma` in the mean square, and now and then is wrong."""
    spread = det.hit_error_spread
    error = sigma * math.exp(spread * normal(state) - spread * spread)
    s = error * (det.outlier_scale if uniform(state) < det.outlier_fraction else 1.0)
    out.value[k, m] = math.cos(angle) * x + math.sin(angle) * y + s * normal(state)
    out.angle[k, m] = angle
    out.error[k, m] = error
    out.hit[k, m] = True


@inlined
def measure(k, j, x, y, spectrometer, out, state):  # type: ignore[no-untyped-def]
    """Make the hits of particle `k` at one plane.

    Args:
        k: entry of `out`.
        j: the plane.
        x, y: where the particle crosses [mm].
        spectrometer: `geometry.Spectrometer`.
        out: `transport.Simulated`.
        state: random stream.
    """
    det, planes = spectrometer.det, spectrometer.planes
    kind, m, angle = planes.kind[j], planes.measurement[j], planes.angle[j]
    if kind == geometry.VELO:
        r = math.sqrt(x * x + y * y)
        if r < det.velo_r_min or r > det.velo_r_max:
            return
        pitch = det.velo_pitch_inner + (det.velo_pitch_outer - det.velo_pitch_inner) * (
            r - det.velo_r_min
        ) / (det.velo_r_max - det.velo_r_min)
        sigma = det.velo_resolution * pitch
        phi = math.atan2(y, x)
        for i in range(2):
            if uniform(state) < det.velo_efficiency:
                _hit(k, m + i, phi + 0.5 * math.pi * i, x, y, sigma, det, out, state)
        return
    if kind == geometry.TT:
        inside = abs(x) < det.tt_half_x and abs(y) < det.tt_half_y
        if not inside or (abs(x) < det.tt_hole and abs(y) < det.tt_hole):
            return
        sigma, efficiency = det.tt_resolution, det.tt_efficiency
    else:
        if (
            abs(x) > det.t_half_x
            or abs(y) > det.t_half_y
            or (abs(x) < det.t_hole and abs(y) < det.t_hole)
        ):
            return
        if is_inner(x, y, det):
            if (m - geometry.FIRST_T) % 2 == 1:
                return
            sigma, efficiency = det.it_resolution, det.it_efficiency
        else:
            sigma, efficiency = det.ot_resolution, det.ot_efficiency
    if uniform(state) < efficiency:
        _hit(k, m, angle, x, y, sigma, det, out, state)
