"""RICH 1 and 2: photons on the detection plane and the global likelihood of the mass hypotheses.

Spherical mirrors map directions to points, so the detection plane is described by the direction
of the photons: a track's photons lie on a cone of the Cherenkov angle about its own direction.
Photons of all charged particles of the event and noise share the plane; for a track the others'
photons are background, which therefore grows with occupancy by itself.  The likelihood is the
global one of LHCb (EPJC 73 (2013) 2431, sec. 5): each track's hypothesis is varied while the others
are kept at their best one, twice over, and the background is what the tracks do not explain in each
photon detector.  Like a real one it is not quite true: it believes in the yields of the simulation,
in smaller errors than there are, in independent photons where some hits come in clusters, and in
rings that are seen whole.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Floats, Ints, Keys
from .compiled import inner, kernel
from .matter import MASS
from .parameters import Parameters
from .radiator import Radiator, acceptance, cherenkov_angle, expected_yield, radiators
from .random import normal, poisson, uniform

HYPOTHESES = ("e", "mu", "pi", "k", "p", "bt")
_PION = 2
_N_HYP = 6
_COLUMNS = 6  # of what shines, see `rich_dlls`
_WINDOW_SIGMAS = 5.0  # beyond, a ring adds less than a thousandth of the background
_TURNS = 2  # of the global likelihood
_GRID = 24  # cells a side of the plane of photon detectors
_HALF_GRID = 12
_RING_POINTS = 36  # at which a ring is looked up on that grid
_CLUSTER_REACH = 2.2  # saturated angles from a particle within which its clusters lie
_STRAY_REACH = 3.0  # Cherenkov angles from a particle within which its stray light lies (chosen)
_LEAST_ANGLE = 1e-3  # rad, at which the density of a ring is held
_ROOM, _ROOM_EACH = 4096, 64  # photons of an event: in any case, and for each particle
_ROOM_ALONE = 256  # photons of a lone track


@inner
def _unit(tx, ty):  # type: ignore[no-untyped-def]
    n = 1.0 / math.sqrt(1.0 + tx * tx + ty * ty)
    return tx * n, ty * n, n


@inner
def _emit(photons, n, emitter, species, rad, state):  # type: ignore[no-untyped-def]
    """Photons of one particle (see `rich_dlls`).  Returns the new count."""
    tx, ty, p = emitter[0], emitter[1], emitter[2]
    mass = MASS[species]
    mean = expected_yield(p, mass, rad) * acceptance(emitter[3], emitter[4], rad) * emitter[5]
    if not mean > 0.0:
        return n
    if uniform(state) < rad.shadow:
        mean *= uniform(state)
    theta_c = cherenkov_angle(p, mass, rad.n) + rad.ring_error * normal(state)
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
            theta = _STRAY_REACH * theta_c * math.sqrt(uniform(state))
        s, c = math.sin(theta), math.cos(theta)
        u, v = s * math.cos(phi), s * math.sin(phi)
        photons[n, 0] = c * dx + u * ax + v * bx
        photons[n, 1] = c * dy + v * by
        photons[n, 2] = c * dz + u * az + v * bz
        n += 1
    return n


@inner
def _clusters(photons, n, emitter, rad, state):  # type: ignore[no-untyped-def]
    """Hits that come in clusters and are no photons of a ring.  Returns the new count.

    They follow the particles: where many fly, many cross the windows of photon detectors.
    """
    for _ in range(poisson(state, rad.cluster)):
        r = _CLUSTER_REACH * math.acos(1.0 / rad.n) * math.sqrt(uniform(state))
        phi = 2.0 * math.pi * uniform(state)
        x, y = emitter[0] + r * math.cos(phi), emitter[1] + r * math.sin(phi)
        for _ in range(1 + poisson(state, -rad.cluster_size * math.log(uniform(state)))):
            if n >= len(photons):
                return n
            dx, dy = rad.cluster_width * normal(state), rad.cluster_width * normal(state)
            photons[n, 0], photons[n, 1], photons[n, 2] = _unit(x + dx, y + dy)
            n += 1
    return n


@inner
def _cell(x, y, z, cell):  # type: ignore[no-untyped-def]
    i = math.floor(x / (z * cell)) + _HALF_GRID
    j = math.floor(y / (z * cell)) + _HALF_GRID
    return min(max(i, 0), _GRID - 1), min(max(j, 0), _GRID - 1)


@inner
def _counts(photons, n, rad):  # type: ignore[no-untyped-def]
    """Photons in each detector."""
    grid = np.zeros((_GRID, _GRID))
    for g in range(n):
        i, j = _cell(photons[g, 0], photons[g, 1], photons[g, 2], rad.cell)
        grid[i, j] += 1.0
    return grid


@inner
def _expected(tracks, theta, mean, best, rad):  # type: ignore[no-untyped-def]
    """Photons in each detector that the best hypotheses of all tracks expect."""
    grid = np.zeros((_GRID, _GRID))
    for t in range(len(best)):
        h = best[t]
        if mean[t, h] <= 0.0:
            continue
        # Flat approximation: detectors are far larger than the error of it.
        angle = math.tan(theta[t, h])
        for k in range(_RING_POINTS):
            phi = 2.0 * math.pi * (k + 0.5) / _RING_POINTS
            x, y = tracks[t, 0] + angle * math.cos(phi), tracks[t, 1] + angle * math.sin(phi)
            i, j = _cell(x, y, 1.0, rad.cell)
            grid[i, j] += mean[t, h] / _RING_POINTS
    return grid


@inner
def _background(photons, n, counts, expected, rad):  # type: ignore[no-untyped-def]
    """Density of background [1/rad^2] at each photon: what tracks do not explain in its cell."""
    density = np.empty(n)
    for g in range(n):
        i, j = _cell(photons[g, 0], photons[g, 1], photons[g, 2], rad.cell)
        excess = rad.unexplained * (counts[i, j] - expected[i, j])
        density[g] = max(excess / (rad.cell * rad.cell), rad.floor)
    return density


@inner
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
        a = acceptance(tracks[t, 3], tracks[t, 4], rad)
        sigma[t] = rad.assumed * math.sqrt(
            rad.sigma**2 + rad.track_error**2 + (rad.track_scatter / p) ** 2
        )
        for h in range(_N_HYP - 1):
            theta[t, h] = cherenkov_angle(p, MASS[h], rad.n)
            mean[t, h] = expected_yield(p, MASS[h], rad) * a * (rad.expected / rad.yield_)
    return theta, mean, sigma


@inner
def _longer(photon, angle):  # type: ignore[no-untyped-def]
    """Both arrays with as much room again."""
    n = len(photon)
    photons, angles = np.empty(2 * n, np.int64), np.empty(2 * n)
    for i in range(n):
        photons[i], angles[i] = photon[i], angle[i]
    return photons, angles


@inner
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
                        photon, angle = _longer(photon, angle)
                        size *= 2
                    photon[m] = g
                    angle[m] = 2.0 * math.asin(min(1.0, 0.5 * math.sqrt(c2)))
                    m += 1
        first[t + 1] = m
    return first, photon[:m], angle[:m]


@inner
def _signals(first, angles, theta, mean, sigma):  # type: ignore[no-untyped-def]
    """Density of photons [1/rad^2] that each hypothesis expects at each pair."""
    signal = np.zeros((len(angles), _N_HYP))
    for t in range(len(sigma)):
        for k in range(first[t], first[t + 1]):
            angle = max(angles[k], _LEAST_ANGLE)
            for h in range(_N_HYP - 1):
                if mean[t, h] > 0.0:
                    d = (angle - theta[t, h]) / sigma[t]
                    if abs(d) < _WINDOW_SIGMAS:
                        norm = (2.0 * math.pi) ** 1.5 * angle * sigma[t]
                        signal[k, h] = mean[t, h] * math.exp(-0.5 * d * d) / norm
    return signal


@inner
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


@inner
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
    counts = _counts(photons, n_photons, rad)
    for _ in range(_TURNS):
        expected = _expected(tracks, theta, mean, best, rad)
        total = _background(photons, n_photons, counts, expected, rad)
        _improve(best, logs, total, first, photon, signal, mean)
    for t in range(n):
        if mean[t, 0] > 0.0:
            for h in range(_N_HYP):
                dll[t, h] += logs[t, h] - logs[t, _PION]


@kernel
def _event(keys, emitters, species, tracks, rads, dll):  # type: ignore[no-untyped-def]
    """Both RICH detectors of one event."""
    state = np.zeros(1, dtype=np.uint64)
    counts = np.zeros(2, np.int64)
    for r in range(2):
        rad = rads[r]
        state[0] = keys[r]
        size = _ROOM + _ROOM_EACH * len(emitters)
        photons = np.empty((size, 3))
        n = 0
        for i in range(len(emitters)):
            if emitters[i, r, 2] > 0.0:
                n = _emit(photons, n, emitters[i, r], species[i, r], rad, state)
                n = _clusters(photons, n, emitters[i, r], rad, state)
        for _ in range(poisson(state, rad.noise)):
            x = rad.slope_x * (2.0 * uniform(state) - 1.0)
            y = rad.slope_y * (2.0 * uniform(state) - 1.0)
            if n < size:
                photons[n, 0], photons[n, 1], photons[n, 2] = _unit(x, y)
                n += 1
        measured = np.empty((len(tracks), _COLUMNS))
        for i in range(len(measured)):
            for column in range(_COLUMNS):
                measured[i, column] = tracks[i, r, column]
            if measured[i, 2] > 0.0:
                s = math.sqrt(rad.track_error**2 + (rad.track_scatter / measured[i, 2]) ** 2)
                measured[i, 0] += s * normal(state)
                measured[i, 1] += s * normal(state)
        counts[r] = n
        _likelihood(measured, photons, n, rad, dll)
    return counts


@kernel
def _isolated(keys, emitter, species, rad):  # type: ignore[no-untyped-def]
    """Photons of lone tracks: number of each and all angles to their track."""
    state = np.zeros(1, dtype=np.uint64)
    photons = np.empty((_ROOM_ALONE, 3))
    counts = np.zeros(len(keys), np.int64)
    angles = np.empty(_ROOM_ALONE * len(keys))
    m = 0
    dx, dy, dz = _unit(emitter[0], emitter[1])
    for i in range(len(keys)):
        state[0] = keys[i]
        n = _emit(photons, 0, emitter, species, rad, state)
        counts[i] = n
        for g in range(n):
            c2 = (photons[g, 0] - dx) ** 2 + (photons[g, 1] - dy) ** 2 + (photons[g, 2] - dz) ** 2
            angles[m] = 2.0 * math.asin(min(1.0, 0.5 * math.sqrt(c2)))
            m += 1
    return counts, angles[:m]


def photon_angles(
    keys: Keys,
    direction: tuple[float, float, float],
    species: int,
    radiator: Radiator,
) -> tuple[Ints, Floats]:
    """Cherenkov photons of lone tracks, without stray light.

    Args:
        keys: stream key of each track, shape ``(n,)``.
        direction: tx, ty, p [MeV] of all of them.
        species: their species (`matter`).
        radiator: the radiator.

    Returns:
        Photons of each track, shape ``(n,)``, and the angle of every photon to its track [rad].
    """
    emitter = np.array([*direction, direction[0], direction[1], 1.0])
    clean = radiator._replace(background=0.0, shadow=0.0)
    result: tuple[Ints, Floats] = _isolated(keys, emitter, species, clean)
    return result


def rich_dlls(
    keys: Keys,
    emitters: Floats,
    species: Ints,
    tracks: Floats,
    par: Parameters,
) -> Floats:
    """Log-likelihood differences of one event's tracks.

    Args:
        keys: stream keys of the two detectors, shape ``(2,)``.
        emitters: tx, ty, p [MeV], x/z, y/z of all charged particles in the middle of each
            radiator, and the share of it in which they fly; p = 0 where they are not there, shape
            ``(n, 2, 6)``.
        species: their species there (`matter`), shape ``(n, 2)``.
        tracks: the same of the reconstructed tracks with their fitted momentum, shape
            ``(m, 2, 6)``.
        par: parameters.

    Returns:
        Hypotheses e, mu, pi, K, p, below threshold relative to the pion, shape ``(m, 6)``.
    """
    dll = np.zeros((len(tracks), _N_HYP))
    _event(keys, emitters, species, tracks, radiators(par), dll)
    return dll
