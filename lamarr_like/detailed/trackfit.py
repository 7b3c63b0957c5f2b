"""The track fit: an extended Kalman filter with scattering, iterated about its own result.

The filter runs from the last hit to the first on the difference to a reference trajectory
(Fruehwirth, NIM A262 (1987) 444).  The trajectory starts from a seed and is then replaced by the
fitted one, so that the result does not depend on the seed beyond the linearisation.  As in LHCb
every track is fitted as a pion; radiation of electrons is not corrected.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from . import geometry
from .field import propagate
from .parameters import Parameters
from .transport import MASS, PION, detector_row, highland, is_inner

_VELO, _TT, _T, _PASSIVE = geometry.VELO, geometry.TT, geometry.T, geometry.PASSIVE
_PION_MASS = float(MASS[PION])
_ITERATIONS = 2
_MIN_FIT_P = 100.0


class Fitted(NamedTuple):
    """Fit results, one entry a candidate.

    Attributes:
        state: x, y, z [mm], tx, ty, q/p [1/MeV] at the point closest to the z axis, ``(n, 6)``.
        covariance: of (x, y, tx, ty, q/p) there, shape ``(n, 5, 5)``.
        chi2: chi2 of all, of the VELO and of the T hits, shape ``(n, 3)``.
        n_dof: degrees of freedom.
        n_hits: hits in VELO, TT and T, shape ``(n, 3)``.
    """

    state: NDArray[np.float64]
    covariance: NDArray[np.float64]
    chi2: NDArray[np.float64]
    n_dof: NDArray[np.int64]
    n_hits: NDArray[np.int64]


@njit(cache=True)
def _add_scattering(c, tx, ty, p, path):  # type: ignore[no-untyped-def]
    """Add the scattering in `path` radiation lengths (along the track) to a covariance."""
    sigma = highland(p, _PION_MASS, path)
    w = sigma * sigma * (1.0 + tx * tx + ty * ty)
    c[2, 2] += w * (1.0 + tx * tx)
    c[3, 3] += w * (1.0 + ty * ty)
    c[2, 3] += w * tx * ty
    c[3, 2] += w * tx * ty


@njit(cache=True)
def _update(d, c, value, angle, sigma):  # type: ignore[no-untyped-def]
    """Kalman update with one measurement of cos(a) x + sin(a) y; returns its chi2."""
    hx, hy = math.cos(angle), math.sin(angle)
    ch = np.empty(5)
    for i in range(5):
        ch[i] = c[i, 0] * hx + c[i, 1] * hy
    s = hx * ch[0] + hy * ch[1] + sigma * sigma
    residual = value - hx * d[0] - hy * d[1]
    for i in range(5):
        d[i] += ch[i] * residual / s
        for j in range(5):
            c[i, j] -= ch[i] * ch[j] / s
    return residual * residual / s


@njit(cache=True)
def _transport_covariance(c, f):  # type: ignore[no-untyped-def]
    """C -> F C F^T with F of `_jacobian`: rows 0-3 change, q/p stays."""
    g = np.empty((5, 5))
    for i in range(4):
        for j in range(5):
            g[i, j] = f[i, 2] * c[2, j] + f[i, 3] * c[3, j] + f[i, 4] * c[4, j]
            if i < 2:
                g[i, j] += c[i, j]
    for j in range(5):
        g[4, j] = c[4, j]
    for i in range(5):
        for j in range(4):
            c[i, j] = f[j, 2] * g[i, 2] + f[j, 3] * g[i, 3] + f[j, 4] * g[i, 4]
            if j < 2:
                c[i, j] += g[i, j]
        c[i, 4] = g[i, 4]


@njit(cache=True)
def _transport_difference(d, f):  # type: ignore[no-untyped-def]
    a, b, q = d[2], d[3], d[4]
    d[0] += f[0, 2] * a + f[0, 3] * b + f[0, 4] * q
    d[1] += f[1, 2] * a + f[1, 3] * b + f[1, 4] * q
    d[2] = f[2, 2] * a + f[2, 3] * b + f[2, 4] * q
    d[3] = f[3, 2] * a + f[3, 3] * b + f[3, 4] * q


@njit(cache=True)
def _jacobian(x, y, tx, ty, qop, z1, z2, magnet, f):  # type: ignore[no-untyped-def]
    """Derivatives of (x, y, tx, ty) at z2 by (tx, ty, q/p) at z1, into columns 2-4 of `f`."""
    f[:] = 0.0
    if z1 <= 700.0 and z2 <= 700.0:
        f[0, 2] = f[1, 3] = z2 - z1
        f[2, 2] = f[3, 3] = 1.0
        return
    base = propagate(x, y, tx, ty, qop, z1, z2, magnet)
    e, eq = 1e-4, 1e-7
    a = propagate(x, y, tx + e, ty, qop, z1, z2, magnet)
    b = propagate(x, y, tx, ty + e, qop, z1, z2, magnet)
    c = propagate(x, y, tx, ty, qop + eq, z1, z2, magnet)
    for i in range(4):
        f[i, 2] = (a[i] - base[i]) / e
        f[i, 3] = (b[i] - base[i]) / e
        f[i, 4] = (c[i] - base[i]) / eq


@njit(cache=True, inline="always")
def _momentum(qop):  # type: ignore[no-untyped-def]
    return max(_MIN_FIT_P, 1.0 / max(abs(qop), 1e-9))


@njit(cache=True)
def _resolution(kind, x, y, par):  # type: ignore[no-untyped-def]
    if kind == _VELO:
        r = min(max(math.sqrt(x * x + y * y), par[0]), par[1])
        return par[4] * (par[2] + (par[3] - par[2]) * (r - par[0]) / (par[1] - par[0]))
    if kind == _TT:
        return par[9]
    return par[18] if is_inner(x, y, par) else par[22]


@njit(cache=True)
def _fit_one(seed, value, angle, hit, fixed, planes, par, magnet, state, cov, chi2):  # type: ignore[no-untyped-def]
    """Fit one candidate; returns the number of hits, 0 if the trajectory left the detector."""
    plane_z, plane_kind, plane_meas, plane_x0 = planes
    first, last, n = -1, -1, 0
    for j in range(len(plane_z)):
        m = plane_meas[j]
        if m < 0:
            continue
        count = int(hit[m])
        if plane_kind[j] == _VELO:
            count += int(hit[m + 1])
        if count > 0:
            if first < 0:
                first = j
            last = j
            n += count
    if first < 0:
        return 0
    qop = seed[5]
    x, y, tx, ty = propagate(
        seed[0], seed[1], seed[3], seed[4], qop, seed[2], plane_z[first], magnet
    )
    ref = np.empty((last + 1, 5))
    f = np.empty((5, 5))
    d = np.empty(5)
    for _ in range(_ITERATIONS):
        ref[first, 0], ref[first, 1], ref[first, 2], ref[first, 3] = x, y, tx, ty
        ref[first, 4] = qop
        for j in range(first, last):
            r = ref[j]
            x, y, tx, ty = propagate(
                r[0], r[1], r[2], r[3], r[4], plane_z[j], plane_z[j + 1], magnet
            )
            if abs(tx) > 1.5 or abs(ty) > 1.5:
                return 0
            r = ref[j + 1]
            r[0], r[1], r[2], r[3] = x, y, tx, ty
            q = ref[j, 4]
            loss = par[30] * plane_x0[j + 1] * math.sqrt(1.0 + tx * tx + ty * ty)
            r[4] = math.copysign(1.0 / max(_MIN_FIT_P, _momentum(q) - loss), q)
        d[:] = 0.0
        cov[:] = 0.0
        cov[0, 0] = cov[1, 1] = 1e4
        cov[2, 2] = cov[3, 3] = 0.04
        cov[4, 4] = 1e-20 if fixed else 1e-6
        chi2[:] = 0.0
        for j in range(last, first - 1, -1):
            r = ref[j]
            kind, m = plane_kind[j], plane_meas[j]
            if m >= 0:
                sigma = _resolution(kind, r[0], r[1], par)
                for i in range(2 if kind == _VELO else 1):
                    if hit[m + i]:
                        a = angle[m + i]
                        local = value[m + i] - math.cos(a) * r[0] - math.sin(a) * r[1]
                        gain = _update(d, cov, local, a, sigma)
                        chi2[0] += gain
                        if kind == _VELO:
                            chi2[1] += gain
                        elif kind == _T:
                            chi2[2] += gain
            if plane_x0[j] > 0.0:
                path = plane_x0[j] * math.sqrt(1.0 + r[2] * r[2] + r[3] * r[3])
                _add_scattering(cov, r[2], r[3], _momentum(r[4]), path)
            if j > first:
                _jacobian(
                    *(r[0], r[1], r[2], r[3], r[4], plane_z[j], plane_z[j - 1], magnet, f)
                )
                _transport_difference(d, f)
                _transport_covariance(cov, f)
        r = ref[first]
        x, y, tx, ty, qop = r[0] + d[0], r[1] + d[1], r[2] + d[2], r[3] + d[3], r[4] + d[4]
        if abs(tx) > 1.5 or abs(ty) > 1.5:
            return 0
    _to_beam(x, y, tx, ty, qop, first, planes, par, magnet, state, cov, f)
    return n


@njit(cache=True)
def _to_beam(x, y, tx, ty, qop, first, planes, par, magnet, state, cov, f):  # type: ignore[no-untyped-def]
    """Carry state and covariance from the first hit to the point closest to the z axis."""
    plane_z, plane_kind, plane_meas, plane_x0 = planes
    z = plane_z[first]
    if plane_kind[first] != _VELO:
        # A downstream track: back through the passive material, then the fringe of the field.
        for j in range(first - 1, -1, -1):
            if plane_z[j] < 780.0:
                break
            _jacobian(x, y, tx, ty, qop, z, plane_z[j], magnet, f)
            _transport_covariance(cov, f)
            x, y, tx, ty = propagate(x, y, tx, ty, qop, z, plane_z[j], magnet)
            z = plane_z[j]
            if plane_x0[j] > 0.0:
                path = plane_x0[j] * math.sqrt(1.0 + tx * tx + ty * ty)
                _add_scattering(cov, tx, ty, _momentum(qop), path)
        x, y, tx, ty = propagate(x, y, tx, ty, qop, z, 700.0, magnet)
    slope2 = tx * tx + ty * ty
    stop = z - (x * tx + y * ty) / slope2
    if plane_kind[first] != _VELO:
        _jacobian(x, y, tx, ty, qop, z, 700.0, magnet, f)
        _transport_covariance(cov, f)
        z = 700.0
        stop = z - (x * tx + y * ty) / slope2
    b = x * tx + y * ty
    c = x * x + y * y - par[24] * par[24]
    root = b * b - slope2 * c
    if c > 0.0 and root > 0.0 and stop < z:
        dz = (-b + math.sqrt(root)) / slope2
        if dz < 0.0:
            f[:] = 0.0
            f[0, 2] = f[1, 3] = dz
            f[2, 2] = f[3, 3] = 1.0
            _transport_covariance(cov, f)
            x, y, z = x + tx * dz, y + ty * dz, z + dz
            _add_scattering(cov, tx, ty, _momentum(qop), par[25])
    dz = stop - z
    f[:] = 0.0
    f[0, 2] = f[1, 3] = dz
    f[2, 2] = f[3, 3] = 1.0
    _transport_covariance(cov, f)
    state[0], state[1], state[2] = x + tx * dz, y + ty * dz, stop
    state[3], state[4], state[5] = tx, ty, qop


@njit(cache=True)
def _fit_all(seeds, value, angle, hit, fixed, planes, par, magnet, out):  # type: ignore[no-untyped-def]
    state, cov, chi2, n_dof, n_hits = out
    for i in range(len(seeds)):
        n = _fit_one(
            *(seeds[i], value[i], angle[i], hit[i], fixed, planes, par, magnet),
            *(state[i], cov[i], chi2[i]),
        )
        n_dof[i] = n - (4 if fixed else 5) if n > 0 else -1
        n_hits[i, 0] = hit[i, : geometry.FIRST_TT].sum()
        n_hits[i, 1] = hit[i, geometry.FIRST_TT : geometry.FIRST_T].sum()
        n_hits[i, 2] = hit[i, geometry.FIRST_T :].sum()


def fit(
    seeds: NDArray[np.float64],
    value: NDArray[np.float64],
    angle: NDArray[np.float64],
    hit: NDArray[np.bool_],
    planes: geometry.Planes,
    par: Parameters,
    *,
    fixed_momentum: bool = False,
) -> Fitted:
    """Fit track candidates.

    Args:
        seeds: x, y, z [mm], tx, ty, q/p [1/MeV] to start from, shape ``(n, 6)``.
        value, angle, hit: measurements as in `transport.Simulated`, shape
            ``(n, N_MEASUREMENTS)``.
        planes: the detector.
        par: its parameters.
        fixed_momentum: keep q/p of the seed (VELO segments).

    Returns:
        The fits; ``n_dof`` is -1 where the trajectory left the detector.
    """
    n = len(seeds)
    out = Fitted(
        np.zeros((n, 6)),
        np.zeros((n, 5, 5)),
        np.zeros((n, 3)),
        np.zeros(n, np.int64),
        np.zeros((n, 3), np.int64),
    )
    arrays = (planes.z, planes.kind, planes.measurement, planes.x0)
    detector, field = detector_row(par), geometry.magnet(par)
    _fit_all(seeds, value, angle, hit, fixed_momentum, arrays, detector, field, tuple(out))
    return out
