"""RICH 1 and 2: photons on the detection plane and the global likelihood of the mass hypotheses.

Spherical mirrors map directions to points, so the detection plane is described by the direction
of the photons: a track's photons lie on a cone of the Cherenkov angle about its own direction.
Photons of all charged particles of the event and noise share the plane; for a track the others'
photons are background, which therefore grows with occupancy by itself.  The likelihood is the
global one of LHCb (EPJC 73 (2013) 2431, sec. 5): each track's hypothesis is varied while the others
are kept at their best one, twice over.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .matter import MASS
from .parameters import Parameters
from .random import normal, poisson, uniform

HYPOTHESES = ("e", "mu", "pi", "k", "p", "bt")
_PION = 2
_N_HYP = 6
_WINDOW_SIGMAS = 6.0
_TURNS = 2  # of the global likelihood
_CELL = 0.02  # rad, grid on which the density of photons is averaged
_GRID = 40
_HALF_GRID = 20


class Radiator(NamedTuple):
    """Numbers of one radiator for the kernels.

    Attributes:
        n: refractive index.
        yield_: detected photons of a saturated track.
        sigma: resolution per photon [rad].
        track_error, track_scatter: error of the track direction, constant [rad] and per momentum
            [rad MeV].
        theta_min, slope_x, slope_y: acceptance.
        noise: noise photons an event.
        background: stray photons per Cherenkov photon.
        tail, tail_scale: share and widening of badly measured photons, which the likelihood
            does not know of.
    """

    n: float
    yield_: float
    sigma: float
    track_error: float
    track_scatter: float
    theta_min: float
    slope_x: float
    slope_y: float
    noise: float
    background: float
    tail: float
    tail_scale: float


def radiators(par: Parameters) -> tuple[Radiator, Radiator]:
    """C4F10 of RICH 1 and CF4 of RICH 2."""
    made = [
        Radiator(
            *(par.rich_index[i], par.rich_yield[i], par.rich_resolution[i]),
            *(par.rich_track_error[i], par.rich_track_scatter[i], par.rich_theta_min[i]),
            *(par.rich_slope_x[i], par.rich_slope_y[i], par.rich_noise[i]),
            *(par.rich_background[i], par.rich_tail, par.rich_tail_scale),
        )
        for i in (0, 1)
    ]
    return made[0], made[1]


@njit(cache=True)
def cherenkov_angle(p, mass, n):  # type: ignore[no-untyped-def]
    """Cherenkov angle [rad], 0 below threshold: cos(theta) = 1 / (n beta)."""
    cos = math.sqrt(p * p + mass * mass) / (n * p)
    return math.acos(cos) if cos < 1.0 else 0.0


@njit(cache=True)
def expected_yield(p, mass, rad):  # type: ignore[no-untyped-def]
    """Detected photons from Frank and Tamm: the saturated yield times sin^2 over its maximum."""
    s = math.sin(cherenkov_angle(p, mass, rad.n))
    return rad.yield_ * s * s / (1.0 - 1.0 / (rad.n * rad.n))


@njit(cache=True)
def acceptance(tx, ty, rad):  # type: ignore[no-untyped-def]
    """Share of the ring that the photon detectors see, falling at the edges."""
    r = math.sqrt(tx * tx + ty * ty)
    inner = (r - 0.8 * rad.theta_min) / (0.4 * rad.theta_min)
    outer_x = (1.05 * rad.slope_x - abs(tx)) / (0.12 * rad.slope_x)
    outer_y = (1.05 * rad.slope_y - abs(ty)) / (0.12 * rad.slope_y)
    a = min(max(inner, 0.0), 1.0)
    return a * min(max(outer_x, 0.0), 1.0) * min(max(outer_y, 0.0), 1.0)


@njit(cache=True)
def _unit(tx, ty):  # type: ignore[no-untyped-def]
    n = 1.0 / math.sqrt(1.0 + tx * tx + ty * ty)
    return tx * n, ty * n, n


@njit(cache=True)
def _emit(photons, n, direction, species, rad, state):  # type: ignore[no-untyped-def]
    """Photons of one particle; `direction` is tx, ty, p.  Returns the new count."""
    tx, ty, p = direction
    a = acceptance(tx, ty, rad)
    mass = MASS[species]
    mean = expected_yield(p, mass, rad) * a
    if mean <= 0.0:
        return n
    theta_c = cherenkov_angle(p, mass, rad.n)
    dx, dy, dz = _unit(tx, ty)
    e = 1.0 / math.sqrt(dz * dz + dx * dx)
    ax, az = dz * e, -dx * e
    bx, by, bz = dy * az, dz * ax - dx * az, -dy * ax
    signal = poisson(state, mean)
    for i in range(signal + poisson(state, mean * rad.background)):
        if n >= len(photons):
            return n
        phi = 2.0 * math.pi * uniform(state)
        if i < signal:
            width = rad.sigma * (rad.tail_scale if uniform(state) < rad.tail else 1.0)
            theta = abs(theta_c + width * normal(state))
        else:
            # Stray light falls off around the particle with no ring.
            theta = 3.0 * theta_c * math.sqrt(uniform(state))
        s, c = math.sin(theta), math.cos(theta)
        u, v = s * math.cos(phi), s * math.sin(phi)
        photons[n, 0] = c * dx + u * ax + v * bx
        photons[n, 1] = c * dy + v * by
        photons[n, 2] = c * dz + u * az + v * bz
        n += 1
    return n


@njit(cache=True)
def _cell(photon):  # type: ignore[no-untyped-def]
    i = math.floor(photon[0] / (photon[2] * _CELL)) + _HALF_GRID
    j = math.floor(photon[1] / (photon[2] * _CELL)) + _HALF_GRID
    return min(max(i, 0), _GRID - 1), min(max(j, 0), _GRID - 1)


@njit(cache=True)
def _background(photons, n, explained):  # type: ignore[no-untyped-def]
    """Density of unexplained photons [1/rad^2] at each photon, from 3 x 3 cells of a grid."""
    grid = np.zeros((_GRID, _GRID))
    for g in range(n):
        i, j = _cell(photons[g])
        grid[i, j] += 1.0
    share = min(max(1.0 - explained / max(n, 1), 0.08), 1.0)
    density = np.empty(n)
    for g in range(n):
        i, j = _cell(photons[g])
        total, cells = 0.0, 0
        for a in range(max(i - 1, 0), min(i + 2, _GRID)):
            for b in range(max(j - 1, 0), min(j + 2, _GRID)):
                total += grid[a, b]
                cells += 1
        density[g] = share * total / (cells * _CELL * _CELL)
    return density


@njit(cache=True)
def _hypotheses(tracks, rad):  # type: ignore[no-untyped-def]
    """Expected angle and photons of each track and hypothesis, and its angular resolution."""
    n = len(tracks)
    theta = np.zeros((n, _N_HYP))
    mean = np.zeros((n, _N_HYP))
    sigma = np.zeros(n)
    for t in range(n):
        p = tracks[t, 2]
        if p <= 0.0:
            continue
        a = acceptance(tracks[t, 0], tracks[t, 1], rad)
        sigma[t] = math.sqrt(rad.sigma**2 + rad.track_error**2 + (rad.track_scatter / p) ** 2)
        for h in range(_N_HYP - 1):
            theta[t, h] = cherenkov_angle(p, MASS[h], rad.n)
            mean[t, h] = expected_yield(p, MASS[h], rad) * a
    return theta, mean, sigma


@njit(cache=True)
def _pairs(tracks, photons, n_photons, reach, mean, sigma):  # type: ignore[no-untyped-def]
    """Pairs of track and photon within reach, track by track.

    Returns:
        first: pairs of track t are ``first[t]:first[t + 1]``.
        photon: photon of each pair.
        angle: angle between the two [rad].
    """
    n, m, size = len(tracks), 0, 64
    photon = np.empty(size, np.int64)
    angle = np.empty(size)
    first = np.zeros(n + 1, np.int64)
    for t in range(n):
        if mean[t, 0] > 0.0:
            limit = reach + _WINDOW_SIGMAS * sigma[t]
            cut = (2.0 * math.sin(0.5 * limit)) ** 2
            dx, dy, dz = _unit(tracks[t, 0], tracks[t, 1])
            for g in range(n_photons):
                c2 = (photons[g, 0] - dx) ** 2 + (photons[g, 1] - dy) ** 2
                if c2 < cut:
                    c2 += (photons[g, 2] - dz) ** 2
                    if m >= size:
                        photon = np.concatenate((photon, np.empty(size, np.int64)))
                        angle = np.concatenate((angle, np.empty(size)))
                        size *= 2
                    photon[m] = g
                    angle[m] = 2.0 * math.asin(min(1.0, 0.5 * math.sqrt(c2)))
                    m += 1
        first[t + 1] = m
    return first, photon[:m], angle[:m]


@njit(cache=True)
def _signals(first, angles, theta, mean, sigma):  # type: ignore[no-untyped-def]
    """Density of photons [1/rad^2] that each hypothesis expects at each pair."""
    signal = np.zeros((len(angles), _N_HYP))
    for t in range(len(sigma)):
        for k in range(first[t], first[t + 1]):
            angle = max(angles[k], 1e-3)
            for h in range(_N_HYP - 1):
                if mean[t, h] > 0.0:
                    d = (angle - theta[t, h]) / sigma[t]
                    if abs(d) < _WINDOW_SIGMAS:
                        norm = (2.0 * math.pi) ** 1.5 * angle * sigma[t]
                        signal[k, h] = mean[t, h] * math.exp(-0.5 * d * d) / norm
    return signal


@njit(cache=True)
def _improve(best, logs, total, first, photon, signal, mean):  # type: ignore[no-untyped-def]
    """One turn of the global likelihood: fills `logs`, moves `best` to the best hypotheses.

    `total` holds the density of background photons and becomes that of all photons.
    """
    n = len(best)
    for t in range(n):
        for k in range(first[t], first[t + 1]):
            total[photon[k]] += signal[k, best[t]]
    for t in range(n):
        for h in range(_N_HYP):
            logs[t, h] = -mean[t, h]
        for k in range(first[t], first[t + 1]):
            others = total[photon[k]] - signal[k, best[t]]
            for h in range(_N_HYP):
                if signal[k, h] > 0.0:
                    logs[t, h] += math.log1p(signal[k, h] / others)
    for t in range(n):
        for h in range(_N_HYP - 1):
            if logs[t, h] > logs[t, best[t]]:
                best[t] = h


@njit(cache=True)
def _likelihood(tracks, photons, n_photons, rad, dll):  # type: ignore[no-untyped-def]
    """Add the log-likelihood of each hypothesis relative to the pion to `dll`.

    Args:
        tracks: tx, ty, p as reconstructed, shape ``(n, 3)``; p = 0 where the track is not here.
        photons: directions on the plane, shape ``(n_photons, 3)``.
        n_photons: how many.
        rad: radiator.
        dll: result, shape ``(n, 6)``.
    """
    n = len(tracks)
    theta, mean, sigma = _hypotheses(tracks, rad)
    reach = math.acos(1.0 / rad.n)
    first, photon, angles = _pairs(tracks, photons, n_photons, reach, mean, sigma)
    signal = _signals(first, angles, theta, mean, sigma)
    best = np.full(n, _PION)
    logs = np.zeros((n, _N_HYP))
    for _ in range(_TURNS):
        explained = 0.0
        for t in range(n):
            explained += mean[t, best[t]]
        total = _background(photons, n_photons, explained)
        _improve(best, logs, total, first, photon, signal, mean)
    for t in range(n):
        if mean[t, 0] > 0.0:
            for h in range(_N_HYP):
                dll[t, h] += logs[t, h] - logs[t, _PION]


@njit(cache=True)
def _event(keys, emitters, species, tracks, rads, dll):  # type: ignore[no-untyped-def]
    """Both RICH detectors of one event."""
    state = np.zeros(1, dtype=np.uint64)
    counts = np.zeros(2, np.int64)
    for r in range(2):
        rad = rads[r]
        state[0] = keys[r]
        size = 4096 + 64 * len(emitters)
        photons = np.empty((size, 3))
        n = 0
        for i in range(len(emitters)):
            if emitters[i, r, 2] > 0.0:
                n = _emit(photons, n, emitters[i, r], species[i, r], rad, state)
        for _ in range(poisson(state, rad.noise)):
            x = rad.slope_x * (2.0 * uniform(state) - 1.0)
            y = rad.slope_y * (2.0 * uniform(state) - 1.0)
            if n < size:
                photons[n, 0], photons[n, 1], photons[n, 2] = _unit(x, y)
                n += 1
        measured = tracks[:, r].copy()
        for i in range(len(measured)):
            if measured[i, 2] > 0.0:
                s = math.sqrt(rad.track_error**2 + (rad.track_scatter / measured[i, 2]) ** 2)
                measured[i, 0] += s * normal(state)
                measured[i, 1] += s * normal(state)
        counts[r] = n
        _likelihood(measured, photons, n, rad, dll)
    return counts


@njit(cache=True)
def _isolated(keys, direction, species, rad):  # type: ignore[no-untyped-def]
    """Photons of lone tracks: number of each and all angles to their track."""
    state = np.zeros(1, dtype=np.uint64)
    photons = np.empty((256, 3))
    counts = np.zeros(len(keys), np.int64)
    angles = np.empty(256 * len(keys))
    m = 0
    dx, dy, dz = _unit(direction[0], direction[1])
    for i in range(len(keys)):
        state[0] = keys[i]
        n = _emit(photons, 0, direction, species, rad, state)
        counts[i] = n
        for g in range(n):
            c2 = (photons[g, 0] - dx) ** 2 + (photons[g, 1] - dy) ** 2 + (photons[g, 2] - dz) ** 2
            angles[m] = 2.0 * math.asin(min(1.0, 0.5 * math.sqrt(c2)))
            m += 1
    return counts, angles[:m]


def photon_angles(
    keys: NDArray[np.uint64],
    direction: tuple[float, float, float],
    species: int,
    radiator: Radiator,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cherenkov photons of lone tracks, without stray light.

    Args:
        keys: stream key of each track, shape ``(n,)``.
        direction: tx, ty, p [MeV] of all of them.
        species: their species (`matter`).
        radiator: the radiator.

    Returns:
        Photons of each track, shape ``(n,)``, and the angle of every photon to its track [rad].
    """
    return _isolated(keys, direction, species, radiator._replace(background=0.0))


def rich_dlls(
    keys: NDArray[np.uint64],
    emitters: NDArray[np.float64],
    species: NDArray[np.int64],
    tracks: NDArray[np.float64],
    par: Parameters,
) -> NDArray[np.float64]:
    """Log-likelihood differences of one event's tracks.

    Args:
        keys: stream keys of the two detectors, shape ``(2,)``.
        emitters: tx, ty, p [MeV] of all charged particles in the middle of each radiator, p = 0
            where they are not there, shape ``(n, 2, 3)``.
        species: their species there (`matter`), shape ``(n, 2)``.
        tracks: the same of the reconstructed tracks with their fitted momentum, shape
            ``(m, 2, 3)``.
        par: parameters.

    Returns:
        Hypotheses e, mu, pi, K, p, below threshold relative to the pion, shape ``(m, 6)``.
    """
    dll = np.zeros((len(tracks), _N_HYP))
    _event(keys, emitters, species, tracks, radiators(par), dll)
    return dll
