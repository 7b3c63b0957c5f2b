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

from ..arrays import Floats, Ints
from . import geometry
from .compiled import inlined, inner, kernel
from .field import FIELD_START, LANES, propagate, propagate_lanes
from .matter import MASS, PION, highland, material_on_path, mean_loss
from .parameters import Parameters
from .sensors import Hits

_VELO, _TT, _T, _PIPE = geometry.VELO, geometry.TT, geometry.T, geometry.PIPE
_FIRST_TT, _FIRST_T = geometry.FIRST_TT, geometry.FIRST_T
_PION_MASS = float(MASS[PION])
_ITERATIONS = 2
_MIN_FIT_P = 100.0  # MeV, below which the reference is not believed
_MAX_SLOPE = 1.5  # of a trajectory that left the detector
_STRAIGHT = 1e-9  # 1/MeV, least |q/p|
_STEP_SLOPE, _STEP_QOP = 1e-4, 1e-7  # of the numerical derivatives, in slopes and 1/MeV
_DOWNSTREAM_END = 780.0  # mm, behind the exit window of the VELO: downstream tracks end here

PRIOR = (1e4, 1e4, 0.04, 0.04, 1e-6)
"""Variances of x, y [mm^2], tx, ty and q/p [1/MeV^2] before the first hit: as good as unknown."""
_FIXED = 1e-20  # variance of q/p that is kept


class Fitted(NamedTuple):
    """Fit results, one entry a candidate.

    Attributes:
        state: x, y, z [mm], tx, ty, q/p [1/MeV] at the point closest to the z axis, shape
            ``(n, 6)``.
        covariance: of (x, y, tx, ty, q/p) there, shape ``(n, 5, 5)``.
        chi2: chi2 of all, of the VELO and of the T hits, shape ``(n, 3)``.
        n_dof: degrees of freedom, shape ``(n,)``.
        n_hits: hits in VELO, TT and T, shape ``(n, 3)``.
    """

    state: Floats
    covariance: Floats
    chi2: Floats
    n_dof: Ints
    n_hits: Ints


class Line(NamedTuple):
    """A trajectory at one plane: x, y [mm], tx, ty, q/p [1/MeV]."""

    x: float
    y: float
    tx: float
    ty: float
    qop: float


class _Work(NamedTuple):
    """What the filter of one candidate works on.

    Attributes:
        d: difference to the reference, shape ``(5,)``.
        cov: its covariance, shape ``(5, 5)``.
        chi2: chi2 of all, of the VELO and of the T hits, shape ``(3,)``.
        f: Jacobian of a step, shape ``(5, 5)``.
        lanes: lines of its derivatives, see `propagate_lanes`.
        ch: covariance with what a hit measures, shape ``(5,)``.
        fc: Jacobian times covariance, shape ``(5, 5)``.
    """

    d: Floats
    cov: Floats
    chi2: Floats
    f: Floats
    lanes: Floats
    ch: Floats
    fc: Floats


@inner
def _add_scattering(c, tx, ty, p, path):  # type: ignore[no-untyped-def]
    """Add the scattering in `path` radiation lengths (along the track) to a covariance."""
    sigma = highland(p, _PION_MASS, path)
    w = sigma * sigma * (1.0 + tx * tx + ty * ty)
    c[2, 2] += w * (1.0 + tx * tx)
    c[3, 3] += w * (1.0 + ty * ty)
    c[2, 3] += w * tx * ty
    c[3, 2] += w * tx * ty


@inner
def _update(d, c, ch, value, angle, sigma):  # type: ignore[no-untyped-def]
    """Kalman update with one measurement of cos(a) x + sin(a) y; returns its chi2."""
    hx, hy = math.cos(angle), math.sin(angle)
    for i in range(5):
        ch[i] = c[i, 0] * hx + c[i, 1] * hy
    s = hx * ch[0] + hy * ch[1] + sigma * sigma
    residual = value - hx * d[0] - hy * d[1]
    for i in range(5):
        d[i] += ch[i] * residual / s
        for j in range(5):
            c[i, j] -= ch[i] * ch[j] / s
    return residual * residual / s


@inner
def _transport_covariance(c, f, g):  # type: ignore[no-untyped-def]
    """C -> F C F^T with F of `_jacobian`: rows 0-3 change, q/p stays; `g` is filled with F C."""
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


@inner
def _transport_difference(d, f):  # type: ignore[no-untyped-def]
    a, b, q = d[2], d[3], d[4]
    d[0] += f[0, 2] * a + f[0, 3] * b + f[0, 4] * q
    d[1] += f[1, 2] * a + f[1, 3] * b + f[1, 4] * q
    d[2] = f[2, 2] * a + f[2, 3] * b + f[2, 4] * q
    d[3] = f[3, 2] * a + f[3, 3] * b + f[3, 4] * q


@inner
def _clear(f):  # type: ignore[no-untyped-def]
    for i in range(5):
        for j in range(5):
            f[i, j] = 0.0


@inner
def _jacobian(line, z1, z2, magnet, f, lanes):  # type: ignore[no-untyped-def]
    """Derivatives of (x, y, tx, ty) at z2 by (tx, ty, q/p) at z1, into columns 2-4 of `f`."""
    _clear(f)
    if z1 <= FIELD_START and z2 <= FIELD_START:
        f[0, 2] = f[1, 3] = z2 - z1
        f[2, 2] = f[3, 3] = 1.0
        return
    # The line itself, and with each of the three changed.
    _spread(line, lanes)
    if not propagate_lanes(lanes, z1, z2, magnet):
        _spread(line, lanes)
        for k in range(LANES):
            x, y, tx, ty, qop = _lane(lanes, k)
            moved = propagate(x, y, tx, ty, qop, z1, z2, magnet)
            for i in range(4):
                lanes[i * LANES + k] = moved[i]
    for i in range(4):
        base = lanes[i * LANES]
        f[i, 2] = (lanes[i * LANES + 1] - base) / _STEP_SLOPE
        f[i, 3] = (lanes[i * LANES + 2] - base) / _STEP_SLOPE
        f[i, 4] = (lanes[i * LANES + 3] - base) / _STEP_QOP


@inner
def _lane(lanes, k):  # type: ignore[no-untyped-def]
    y, tx, ty, qop = LANES + k, 2 * LANES + k, 3 * LANES + k, 4 * LANES + k
    return lanes[k], lanes[y], lanes[tx], lanes[ty], lanes[qop]


@inner
def _spread(line, lanes):  # type: ignore[no-untyped-def]
    """A line in all lanes: as it is, then with tx, ty and q/p a little larger."""
    for k in range(LANES):
        for i in range(5):
            lanes[i * LANES + k] = line[i]
    lanes[2 * LANES + 1] += _STEP_SLOPE
    lanes[3 * LANES + 2] += _STEP_SLOPE
    lanes[4 * LANES + 3] += _STEP_QOP


@inner
def _momentum(qop):  # type: ignore[no-untyped-def]
    return max(_MIN_FIT_P, 1.0 / max(abs(qop), _STRAIGHT))


@inner
def _with_loss(qop, path, sign, det):  # type: ignore[no-untyped-def]
    """q/p behind (sign 1) or before (sign -1) `path` radiation lengths of material."""
    p = _momentum(qop)
    # dp = dE / beta
    loss = mean_loss(p, _PION_MASS, path, det) * math.sqrt(1.0 + (_PION_MASS / p) ** 2)
    return math.copysign(1.0 / max(_MIN_FIT_P, p - sign * loss), qop)


@inner
def _path(j, r, planes, det):  # type: ignore[no-untyped-def]
    """Radiation lengths met at plane `j` by the reference `r`."""
    return material_on_path(planes.kind[j], planes.x0[j], r[0], r[1], planes.z[j], r[2], r[3], det)


@inner
def _extent(hit, planes):  # type: ignore[no-untyped-def]
    """First and last plane with hits (-1 for none) and the number of hits."""
    first, last, n = -1, -1, 0
    for j in range(len(planes.z)):
        m = planes.measurement[j]
        if m < 0:
            continue
        count = int(hit[m])
        if planes.kind[j] == _VELO:
            count += int(hit[m + 1])
        if count > 0:
            if first < 0:
                first = j
            last = j
            n += count
    return first, last, n


@inlined
def _trajectory(ref, first, last, planes, det, magnet):  # type: ignore[no-untyped-def]
    """Fill the rows of `ref` behind `first`; false if the trajectory leaves the detector."""
    z, kind, x0 = planes.z, planes.kind, planes.x0
    x, y, tx, ty, q = ref[first, 0], ref[first, 1], ref[first, 2], ref[first, 3], ref[first, 4]
    for j in range(first + 1, last + 1):
        x, y, tx, ty = propagate(x, y, tx, ty, q, z[j - 1], z[j], magnet)
        if abs(tx) > _MAX_SLOPE or abs(ty) > _MAX_SLOPE:
            return False
        q = _with_loss(q, material_on_path(kind[j], x0[j], x, y, z[j], tx, ty, det), 1.0, det)
        ref[j, 0], ref[j, 1], ref[j, 2], ref[j, 3], ref[j, 4] = x, y, tx, ty, q
    return True


@inlined
def _measure(kind, m, r, value, angle, error, hit, d, cov, ch, chi2):  # type: ignore[no-untyped-def]
    """Update with the hits of a plane, the first of which is `m`; `r` is the reference there."""
    for i in range(m, m + (2 if kind == _VELO else 1)):
        if hit[i]:
            a = angle[i]
            local = value[i] - math.cos(a) * r.x - math.sin(a) * r.y
            gain = _update(d, cov, ch, local, a, error[i])
            chi2[0] += gain
            if kind == _VELO:
                chi2[1] += gain
            elif kind == _T:
                chi2[2] += gain


@inlined
def _filter(ref, first, last, hits, fixed, spectrometer, work):  # type: ignore[no-untyped-def]
    """Kalman filter from the last plane to the first: fills `work`."""
    planes, det, magnet = spectrometer.planes, spectrometer.det, spectrometer.magnet
    z, kind, x0, measurement = planes.z, planes.kind, planes.x0, planes.measurement
    value, angle, error, hit = hits
    d, cov, chi2, f, lanes, ch, fc = work
    _clear(cov)
    for i in range(5):
        d[i] = 0.0
        cov[i, i] = PRIOR[i]
    if fixed:
        cov[4, 4] = _FIXED
    chi2[0], chi2[1], chi2[2] = 0.0, 0.0, 0.0
    for j in range(last, first - 1, -1):
        r = Line(ref[j, 0], ref[j, 1], ref[j, 2], ref[j, 3], ref[j, 4])
        if measurement[j] >= 0:
            _measure(kind[j], measurement[j], r, value, angle, error, hit, d, cov, ch, chi2)
        path = material_on_path(kind[j], x0[j], r.x, r.y, z[j], r.tx, r.ty, det)
        if path > 0.0:
            _add_scattering(cov, r.tx, r.ty, _momentum(r.qop), path)
        if j > first:
            _jacobian(r, z[j], z[j - 1], magnet, f, lanes)
            _transport_difference(d, f)
            _transport_covariance(cov, f, fc)


@inner
def _fit_one(seed, hits, fixed, spectrometer, state, cov, chi2):  # type: ignore[no-untyped-def]
    """Fit one candidate; returns the number of hits, 0 if the trajectory left the detector."""
    planes, det, magnet = spectrometer.planes, spectrometer.det, spectrometer.magnet
    first, last, n = _extent(hits.hit, planes)
    if first < 0:
        return 0
    qop = seed[5]
    x, y, tx, ty = propagate(
        seed[0], seed[1], seed[3], seed[4], qop, seed[2], planes.z[first], magnet
    )
    ref = np.empty((last + 1, 5))
    work = _Work(
        np.empty(5), cov, chi2, np.empty((5, 5)), np.empty(5 * LANES), np.empty(5), np.empty((5, 5))
    )
    d = work.d
    for _ in range(_ITERATIONS):
        r = ref[first]
        r[0], r[1], r[2], r[3], r[4] = x, y, tx, ty, qop
        if not _trajectory(ref, first, last, planes, det, magnet):
            return 0
        _filter(ref, first, last, hits, fixed, spectrometer, work)
        x, y, tx, ty, qop = r[0] + d[0], r[1] + d[1], r[2] + d[2], r[3] + d[3], r[4] + d[4]
        if abs(tx) > _MAX_SLOPE or abs(ty) > _MAX_SLOPE:
            return 0
    # The state is the one behind the material of the first plane.
    r[0], r[1], r[2], r[3] = x, y, tx, ty
    z, qop = planes.z[first], _with_loss(qop, _path(first, r, planes, det), -1.0, det)
    line = Line(x, y, tx, ty, qop)
    if planes.kind[first] != _VELO:
        line, z = _through_magnet(line, first, spectrometer, work)
    _to_beam(line, z, det, state, work)
    return n


@inner
def _through_magnet(line, first, spectrometer, work):  # type: ignore[no-untyped-def]
    """Carry a downstream track to the end of the field: the passive material, then the fringe.

    Returns:
        The line there, and its z [mm].
    """
    planes, det, magnet = spectrometer.planes, spectrometer.det, spectrometer.magnet
    z = planes.z[first]
    for j in range(first - 1, -1, -1):
        if planes.z[j] < _DOWNSTREAM_END:
            break
        _jacobian(line, z, planes.z[j], magnet, work.f, work.lanes)
        _transport_covariance(work.cov, work.f, work.fc)
        x, y, tx, ty, qop = line
        x, y, tx, ty = propagate(x, y, tx, ty, qop, z, planes.z[j], magnet)
        z = planes.z[j]
        if planes.x0[j] > 0.0:
            path = planes.x0[j] * math.sqrt(1.0 + tx * tx + ty * ty)
            if planes.kind[j] == _PIPE:
                path = material_on_path(_PIPE, planes.x0[j], x, y, z, tx, ty, det)
            _add_scattering(work.cov, tx, ty, _momentum(qop), path)
            qop = _with_loss(qop, path, -1.0, det)
        line = Line(x, y, tx, ty, qop)
    _jacobian(line, z, FIELD_START, magnet, work.f, work.lanes)
    _transport_covariance(work.cov, work.f, work.fc)
    x, y, tx, ty, qop = line
    x, y, tx, ty = propagate(x, y, tx, ty, qop, z, FIELD_START, magnet)
    return Line(x, y, tx, ty, qop), FIELD_START


@inner
def _drift(cov, dz, f, fc):  # type: ignore[no-untyped-def]
    """Carry a covariance over a straight line."""
    _clear(f)
    f[0, 2] = f[1, 3] = dz
    f[2, 2] = f[3, 3] = 1.0
    _transport_covariance(cov, f, fc)


@inner
def _to_beam(line, z, det, state, work):  # type: ignore[no-untyped-def]
    """Carry state and covariance to the point closest to the z axis, through the foil."""
    x, y, tx, ty, qop = line
    cov, f, fc = work.cov, work.f, work.fc
    slope2 = tx * tx + ty * ty
    b = x * tx + y * ty
    c = x * x + y * y - det.foil_radius * det.foil_radius
    stop = z - b / slope2
    root = b * b - slope2 * c
    if c > 0.0 and root > 0.0 and stop < z:
        dz = (-b + math.sqrt(root)) / slope2
        if dz < 0.0:
            _drift(cov, dz, f, fc)
            x, y, z = x + tx * dz, y + ty * dz, z + dz
            _add_scattering(cov, tx, ty, _momentum(qop), det.foil_x0)
            qop = _with_loss(qop, det.foil_x0, -1.0, det)
    dz = stop - z
    _drift(cov, dz, f, fc)
    state[0], state[1], state[2] = x + tx * dz, y + ty * dz, stop
    state[3], state[4], state[5] = tx, ty, qop


@kernel
def _fit_all(seeds, hits, fixed, spectrometer, out):  # type: ignore[no-untyped-def]
    """Fit all candidates: fills `out`, a `Fitted`."""
    value, angle, error, hit = hits
    for i in range(len(seeds)):
        own = Hits(value[i], angle[i], error[i], hit[i])
        state, cov, chi2 = out.state[i], out.covariance[i], out.chi2[i]
        n = _fit_one(seeds[i], own, fixed, spectrometer, state, cov, chi2)
        out.n_dof[i] = n - (4 if fixed else 5) if n > 0 else -1
        for m in range(hit.shape[1]):
            if hit[i, m]:
                out.n_hits[i, 0 if m < _FIRST_TT else (1 if m < _FIRST_T else 2)] += 1


def fit(
    seeds: Floats,
    hits: Hits,
    planes: geometry.Planes,
    par: Parameters,
    *,
    fixed_momentum: bool = False,
) -> Fitted:
    """Fit track candidates.

    Args:
        seeds: x, y, z [mm], tx, ty, q/p [1/MeV] to start from, shape ``(n, 6)``.
        hits: measurements of each, shapes ``(n, N_MEASUREMENTS)``.
        planes: the detector.
        par: its parameters.
        fixed_momentum: keep q/p of the seed (VELO segments).

    Returns:
        The fits; ``n_dof`` is -1 where the trajectory left the detector.
    """
    n = len(seeds)
    out = Fitted(
        state=np.zeros((n, 6)),
        covariance=np.zeros((n, 5, 5)),
        chi2=np.zeros((n, 3)),
        n_dof=np.zeros(n, np.int64),
        n_hits=np.zeros((n, 3), np.int64),
    )
    _fit_all(seeds, hits, fixed_momentum, geometry.spectrometer(planes, par), out)
    return out
