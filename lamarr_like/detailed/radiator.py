"""The two gas radiators of the RICH detectors: numbers, angle, yield and acceptance."""

from __future__ import annotations

import math
from typing import NamedTuple

from .compiled import inner
from .parameters import Parameters


class Radiator(NamedTuple):
    """Numbers of one radiator for the kernels.

    Attributes:
        n: refractive index.
        yield_: detected photons of a saturated track.
        sigma: resolution per photon [rad].
        track_error, track_scatter: error of the track direction, constant [rad] and per momentum
            [rad MeV].
        theta_min, theta_whole: angles to the beam from which a part of a ring, and all of it,
            misses the beam pipe [rad].
        slope_x, slope_y: outer limits of the acceptance.
        outer_end, outer_width: over these limits, where it ends and over how much it falls.
        noise: noise photons an event.
        background: stray photons per Cherenkov photon.
        tail, tail_scale: share and widening of badly measured photons, which the likelihood
            does not know of.
        cell: side of a photon detector [rad].
        floor: least density of background that the likelihood assumes [1/rad^2].
        assumed: error per photon in the likelihood over the true one.
        ring_error: error of the angle that all photons of a ring share [rad].
        expected: detected photons of a saturated track in the likelihood.
        shadow: share of rings of which a part is not seen.
        unexplained: background that the likelihood assumes over the photons that it cannot explain.
        cluster: clusters of hits that are no photons, for each particle in the gas.
        cluster_size: mean number of further hits of one.
        cluster_width: spread of its hits in each projection [rad].
    """

    n: float
    yield_: float
    sigma: float
    track_error: float
    track_scatter: float
    theta_min: float
    theta_whole: float
    slope_x: float
    slope_y: float
    outer_end: float
    outer_width: float
    noise: float
    background: float
    tail: float
    tail_scale: float
    cell: float
    floor: float
    assumed: float
    ring_error: float
    expected: float
    shadow: float
    unexplained: float
    cluster: float
    cluster_size: float
    cluster_width: float


def radiators(par: Parameters) -> tuple[Radiator, Radiator]:
    """C4F10 of RICH 1 and CF4 of RICH 2."""
    return _radiator(par, 0), _radiator(par, 1)


def _radiator(par: Parameters, i: int) -> Radiator:
    numbers = Radiator(
        n=par.rich_index[i],
        yield_=par.rich_yield[i],
        sigma=par.rich_resolution[i],
        track_error=par.rich_track_error[i],
        track_scatter=par.rich_track_scatter[i],
        theta_min=par.rich_theta_min[i],
        theta_whole=par.rich_theta_whole[i],
        slope_x=par.rich_slope_x[i],
        slope_y=par.rich_slope_y[i],
        outer_end=par.rich_outer_end[i],
        outer_width=par.rich_outer_width,
        noise=par.rich_noise[i],
        background=par.rich_background[i],
        tail=par.rich_tail,
        tail_scale=par.rich_tail_scale,
        cell=par.rich_cell[i],
        floor=par.rich_floor[i],
        assumed=par.rich_assumed[i],
        ring_error=par.rich_ring_error[i],
        expected=par.rich_expected[i],
        shadow=par.rich_shadow,
        unexplained=par.rich_unexplained[i],
        cluster=par.rich_cluster[i],
        cluster_size=par.rich_cluster_size,
        cluster_width=par.rich_cluster_width,
    )
    # Compiled code wants one type for both.
    return Radiator._make(float(number) for number in numbers)


@inner
def cherenkov_angle(p, mass, n):  # type: ignore[no-untyped-def]
    """Cherenkov angle [rad], 0 below threshold: cos(theta) = 1 / (n beta)."""
    cos = math.sqrt(p * p + mass * mass) / (n * p)
    return math.acos(cos) if cos < 1.0 else 0.0


@inner
def expected_yield(p, mass, rad):  # type: ignore[no-untyped-def]
    """Detected photons from Frank and Tamm: the saturated yield times sin^2 over its maximum."""
    s = math.sin(cherenkov_angle(p, mass, rad.n))
    return rad.yield_ * s * s / (1.0 - 1.0 / (rad.n * rad.n))


@inner
def acceptance(sx, sy, rad):  # type: ignore[no-untyped-def]
    """Share of the ring that is seen from x/z and y/z of the track, falling at the edges."""
    r = math.sqrt(sx * sx + sy * sy)
    inner = (r - rad.theta_min) / (rad.theta_whole - rad.theta_min)
    outer_x = (rad.outer_end * rad.slope_x - abs(sx)) / (rad.outer_width * rad.slope_x)
    outer_y = (rad.outer_end * rad.slope_y - abs(sy)) / (rad.outer_width * rad.slope_y)
    a = min(max(inner, 0.0), 1.0)
    return a * min(max(outer_x, 0.0), 1.0) * min(max(outer_y, 0.0), 1.0)
