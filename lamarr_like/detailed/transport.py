"""Particles through matter and field: hits, secondaries, decays.

Every particle is followed from plane to plane.  At a plane it may scatter (Highland's formula as in
Lynch and Dahl, NIM B58 (1991) 6, with a tail of single large-angle scatters), lose energy by
ionisation, radiate (electrons: Bethe-Heitler loss, -ln(E'/E) ~ Gamma(t / ln 2)), convert (photons:
7/9 of a radiation length), or interact (hadrons).  Pions and kaons decay on the way.  Secondaries
go on a stack and are followed in the same way.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from . import geometry
from .field import propagate
from .parameters import Parameters
from .random import exponential, gamma, normal, poisson, uniform

ELECTRON, MUON, PION, KAON, PROTON, PHOTON = range(6)
"""Species inside the kernel."""

SPECIES_OF_PDG = {11: ELECTRON, 13: MUON, 211: PION, 321: KAON, 2212: PROTON, 22: PHOTON}

MASS = np.array([0.51099895, 105.6583755, 139.57039, 493.677, 938.27208943, 0.0])
"""Mass [MeV] by species."""

C_TAU = np.array([0.0, 0.0, 7804.5, 3711.0, 0.0, 0.0])
"""c tau [mm] of the species that decay in flight; muons are left alone."""

_VELO, _TT, _T, _RICH1, _RICH2, _SPD = (
    geometry.VELO,
    geometry.TT,
    geometry.T,
    geometry.RICH1,
    geometry.RICH2,
    geometry.SPD,
)
_FIRST_T2 = geometry.FIRST_T + 8
_N_MEAS = geometry.N_MEASUREMENTS
_MIN_P = 50.0
_MAX_GENERATION = 3
_MAX_STACK = 256


class Simulated(NamedTuple):
    """What happened to each followed particle, arrays with one entry (or row) a particle.

    Attributes:
        row: row of the generated particle it stems from.
        generation: 0 for the generated particle itself, above for secondaries.
        species: species at its start.
        charge: charge.
        start: x, y, z [mm], tx, ty, p [MeV] at its start, shape ``(n, 6)``.
        value: measured coordinates [mm], shape ``(n, N_MEASUREMENTS)``.
        angle: angle of the measured coordinate to x [rad], same shape.
        hit: whether there is a hit, same shape.
        rich: tx, ty, p in the middle of RICH 1 and 2, p = 0 where it never came, shape
            ``(n, 2, 3)``.
        t2: x, y [mm], tx, ty at the second T station, shape ``(n, 4)``; NaN where it never came.
        spd: x, y [mm] at the SPD, NaN where it never came, shape ``(n, 2)``.
        end_z: z where it decayed, interacted or left [mm].
    """

    row: NDArray[np.int64]
    generation: NDArray[np.int64]
    species: NDArray[np.int64]
    charge: NDArray[np.int64]
    start: NDArray[np.float64]
    value: NDArray[np.float64]
    angle: NDArray[np.float64]
    hit: NDArray[np.bool_]
    rich: NDArray[np.float64]
    t2: NDArray[np.float64]
    spd: NDArray[np.float64]
    end_z: NDArray[np.float64]


@njit(cache=True)
def highland(p, mass, t):  # type: ignore[no-untyped-def]
    """Projected width [rad] of multiple scattering in `t` radiation lengths at momentum p [MeV].

    The logarithm is taken at 10 % of a radiation length, the order of the whole path: applied to
    each thin sheet by itself it would make the sum depend on how the material is cut.
    """
    beta = p / math.sqrt(p * p + mass * mass)
    return 13.6 / (beta * p) * math.sqrt(t) * 0.9125


@njit(cache=True)
def _deflect(tx, ty, sigma, state):  # type: ignore[no-untyped-def]
    """Kick a direction by two normal angles in the plane across it."""
    norm = math.sqrt(1.0 + tx * tx + ty * ty)
    a, b = sigma * normal(state), sigma * normal(state)
    t = math.sqrt(tx * tx + ty * ty)
    if t < 1e-9:
        return tx + a, ty + b
    # Radial slope moves by (1 + t^2) a, the tangential one by sqrt(1 + t^2) b.
    radial, tangential = a * norm * norm, b * norm
    return tx + (tx * radial - ty * tangential) / t, ty + (ty * radial + tx * tangential) / t


@njit(cache=True)
def _turned(tx, ty, theta, phi):  # type: ignore[no-untyped-def]
    """Unit vector at angle theta, azimuth phi about the direction of the slopes."""
    n = 1.0 / math.sqrt(1.0 + tx * tx + ty * ty)
    dx, dy, dz = tx * n, ty * n, n
    # Two unit vectors across (dz > 0 always, so the first is never null).
    e = 1.0 / math.sqrt(dz * dz + dx * dx)
    ax, az = dz * e, -dx * e
    bx, by, bz = dy * az, dz * ax - dx * az, -dy * ax
    s, c = math.sin(theta), math.cos(theta)
    u, v = s * math.cos(phi), s * math.sin(phi)
    return c * dx + u * ax + v * bx, c * dy + v * by, c * dz + u * az + v * bz


@njit(cache=True)
def _decay(tx, ty, p, species, state):  # type: ignore[no-untyped-def]
    """Charged daughter of a pion or kaon: species, tx, ty, p.

    K -> mu nu (63.6 %), pi pi0 (20.7 %); the rest is taken as pi + 300 MeV of neutral mass.
    """
    mass = MASS[species]
    daughter, other = MUON, 0.0
    if species == KAON:
        u = uniform(state)
        if u > 0.636:
            daughter = PION
            other = 134.977 if u < 0.843 else 300.0
    m = MASS[daughter]
    pstar = math.sqrt((mass**2 - (m + other) ** 2) * (mass**2 - (m - other) ** 2)) / (2.0 * mass)
    estar = math.sqrt(pstar * pstar + m * m)
    cos = 2.0 * uniform(state) - 1.0
    energy = math.sqrt(p * p + mass * mass)
    along = (energy * pstar * cos + p * estar) / mass
    across = pstar * math.sqrt(1.0 - cos * cos)
    nx, ny, nz = _turned(tx, ty, math.atan2(across, along), 2.0 * math.pi * uniform(state))
    q = math.sqrt(along * along + across * across)
    if nz < 0.05:
        return daughter, tx, ty, 0.0
    return daughter, nx / nz, ny / nz, q


@njit(cache=True)
def _push(stack, n, x, y, z, tx, ty, p, species, charge, generation):  # type: ignore[no-untyped-def]
    if n < stack.shape[0]:
        s = stack[n]
        s[0], s[1], s[2], s[3], s[4], s[5] = x, y, z, tx, ty, p
        s[6], s[7], s[8] = species, charge, generation
        return n + 1
    return n


@njit(cache=True)
def _interact(stack, n, x, y, z, tx, ty, p, generation, state):  # type: ignore[no-untyped-def]
    """Put the products of a nuclear interaction on the stack.

    Multiplicity grows with ln E (charged multiplicity of hadron-nucleus data, about 2 + 0.9 ln E);
    momentum is shared exponentially, a third of the products are pi0 (followed as one photon), and
    transverse momenta are exponential with a mean of 350 MeV.
    """
    count = min(12, 2 + poisson(state, 0.9 * max(0.2, math.log(p / 1000.0 + 1.0))))
    total = exponential(state)
    first = n
    for _ in range(count):
        share = exponential(state)
        total += share
        pt = 350.0 * 0.5 * (exponential(state) + exponential(state))
        if uniform(state) < 1.0 / 3.0:
            species, charge = PHOTON, 0.0
        else:
            species = PION if uniform(state) < 0.85 else PROTON
            charge = 1.0 if uniform(state) < 0.5 else -1.0
        # The share is kept in the momentum slot until the sum is known, pt in the charge's sign.
        n = _push(stack, n, x, y, z, pt, 0.0, share, species, charge, generation)
    for i in range(first, n):
        s = stack[i]
        pt = s[3]
        longitudinal = p * s[5] / total
        nx, ny, nz = _turned(tx, ty, math.atan2(pt, longitudinal), 2.0 * math.pi * uniform(state))
        if nz < 0.2:
            s[5] = 0.0
            continue
        s[3], s[4], s[5] = nx / nz, ny / nz, math.sqrt(pt * pt + longitudinal * longitudinal)
    return n


@njit(cache=True)
def _measure(k, kind, m, angle, x, y, par, out, state):  # type: ignore[no-untyped-def]
    """Make the hits of particle `k` at one plane; `par` is the row of `_detector_row`."""
    value, angles, hit = out
    if kind == _VELO:
        r = math.sqrt(x * x + y * y)
        if r < par[0] or r > par[1]:
            return
        pitch = par[2] + (par[3] - par[2]) * (r - par[0]) / (par[1] - par[0])
        sigma = par[4] * pitch
        phi = math.atan2(y, x)
        for i in range(2):
            if uniform(state) < par[5]:
                a = phi + 0.5 * math.pi * i
                s = sigma * (par[21] if uniform(state) < par[20] else 1.0)
                value[k, m + i] = math.cos(a) * x + math.sin(a) * y + s * normal(state)
                angles[k, m + i] = a
                hit[k, m + i] = True
        return
    if kind == _TT:
        inside = abs(x) < par[6] and abs(y) < par[7]
        if not inside or (abs(x) < par[8] and abs(y) < par[8]):
            return
        sigma, efficiency = par[9], par[10]
    else:
        if abs(x) > par[11] or abs(y) > par[12] or (abs(x) < par[13] and abs(y) < par[13]):
            return
        if is_inner(x, y, par):
            if (m - geometry.FIRST_T) % 2 == 1:
                return
            sigma, efficiency = par[18], par[19]
        else:
            sigma, efficiency = par[22], par[23]
    if uniform(state) < efficiency:
        s = sigma * (par[21] if uniform(state) < par[20] else 1.0)
        value[k, m] = math.cos(angle) * x + math.sin(angle) * y + s * normal(state)
        angles[k, m] = angle
        hit[k, m] = True


@njit(cache=True, inline="always")
def is_inner(x, y, par):  # type: ignore[no-untyped-def]
    """Whether (x, y) [mm] of a T layer lies on the silicon of the inner tracker."""
    return (abs(x) < par[14] and abs(y) < par[16]) or (abs(x) < par[15] and abs(y) < par[17])


def detector_row(par: Parameters) -> NDArray[np.float64]:
    """Sizes, resolutions and efficiencies as the flat array that the kernels index."""
    return np.array(
        [
            *(par.velo_r_min, par.velo_r_max, par.velo_pitch_inner, par.velo_pitch_outer),
            *(par.velo_resolution, par.velo_efficiency),
            *(par.tt_half_x, par.tt_half_y, par.tt_hole, par.tt_resolution, par.tt_efficiency),
            *(par.t_half_x, par.t_half_y, par.t_hole),
            *par.it_half_x,
            *par.it_half_y,
            *(par.it_resolution, par.it_efficiency),
            *(par.outlier_fraction, par.outlier_scale),
            *(par.ot_resolution, par.ot_efficiency),
            *(par.foil_radius, par.foil_x0, par.beam_pipe_slope, par.scattering_tail),
            *(par.scattering_tail_scale, par.interaction_per_x0, par.ionisation_per_x0),
            *(par.aperture_x, par.aperture_y),
        ]
    )


@njit(cache=True)
def _follow(keys, initial, planes, par, magnet, out):  # type: ignore[no-untyped-def]
    """Follow all particles; returns how many entries were made, -1 if `out` is too small.

    Args:
        keys: stream key of each generated particle, shape ``(n,)``.
        initial: x, y, z, tx, ty, p, species, charge of each, shape ``(n, 8)``.
        planes: the arrays of `geometry.Planes`.
        par: `detector_row`.
        magnet: `geometry.magnet`.
        out: the arrays of `Simulated`.
    """
    plane_z, plane_kind, plane_meas, plane_angle, plane_x0 = planes
    row, generations, kinds, charges, start, value, angles, hit, rich, t2, spd, end_z = out
    hits = (value, angles, hit)
    state = np.zeros(1, dtype=np.uint64)
    stack = np.zeros((_MAX_STACK, 9))
    made = 0
    for i in range(len(keys)):
        state[0] = keys[i]
        for j in range(8):
            stack[0, j] = initial[i, j]
        stack[0, 8] = 0.0
        depth = 1
        while depth > 0:
            depth -= 1
            x, y, z, tx, ty, p = stack[depth, :6]
            species, charge = int(stack[depth, 6]), stack[depth, 7]
            generation = int(stack[depth, 8])
            if p < _MIN_P:
                continue
            if made >= len(row):
                return -1
            k = made
            made += 1
            row[k], generations[k], kinds[k], charges[k] = i, generation, species, int(charge)
            start[k, 0], start[k, 1], start[k, 2] = x, y, z
            start[k, 3], start[k, 4], start[k, 5] = tx, ty, p
            decay_z = 1e9
            if C_TAU[species] > 0.0:
                length = C_TAU[species] * p / MASS[species] * exponential(state)
                decay_z = z + length / math.sqrt(1.0 + tx * tx + ty * ty)
            outside_foil = x * x + y * y > par[24] * par[24]
            alive = True
            for j in range(len(plane_z)):
                zp = plane_z[j]
                if zp <= z:
                    continue
                if decay_z < zp:
                    x, y, tx, ty = propagate(x, y, tx, ty, charge / p, z, decay_z, magnet)
                    z, decay_z = decay_z, 1e9
                    end_z[k] = z
                    species, tx, ty, p = _decay(tx, ty, p, species, state)
                    if p < _MIN_P:
                        alive = False
                        break
                if not outside_foil and zp < 800.0:
                    dz = zp - z
                    xn, yn = x + tx * dz, y + ty * dz
                    if xn * xn + yn * yn > par[24] * par[24]:
                        dz = _crossing(x, y, tx, ty, par[24])
                        x, y, z = x + tx * dz, y + ty * dz, z + dz
                        outside_foil = True
                        path = par[25]
                        if species != PHOTON:
                            tx, ty, p = _matter(tx, ty, p, species, path, par, state)
                            if p < _MIN_P:
                                alive = False
                                break
                x, y, tx, ty = propagate(x, y, tx, ty, charge / p, z, zp, magnet)
                z = zp
                if abs(tx) > 1.5 or abs(ty) > 1.5:
                    alive = False
                    break
                if 3000.0 < z < 7500.0 and (abs(x) > par[31] * z or abs(y) > par[32] * z):
                    alive = False
                    break
                kind = plane_kind[j]
                if kind == _SPD:
                    spd[k, 0], spd[k, 1] = x, y
                    break
                if kind == _RICH1 or kind == _RICH2:
                    if charge != 0.0:
                        q = kind - _RICH1
                        rich[k, q, 0], rich[k, q, 1], rich[k, q, 2] = tx, ty, p
                    continue
                if charge != 0.0 and plane_meas[j] >= 0:
                    _measure(k, kind, plane_meas[j], plane_angle[j], x, y, par, hits, state)
                    if plane_meas[j] == _FIRST_T2:
                        t2[k, 0], t2[k, 1], t2[k, 2], t2[k, 3] = x, y, tx, ty
                r2 = x * x + y * y
                if kind == _VELO:
                    if r2 < par[0] * par[0] or r2 > 1.2 * par[1] * par[1]:
                        continue
                elif r2 < (par[26] * z) ** 2:
                    continue
                path = plane_x0[j] * math.sqrt(1.0 + tx * tx + ty * ty)
                if species == PHOTON:
                    if uniform(state) < 1.0 - math.exp(-7.0 / 9.0 * path):
                        if generation < _MAX_GENERATION:
                            share = uniform(state)
                            for sign in (-1.0, 1.0):
                                part = share if sign > 0 else 1.0 - share
                                depth = _push(
                                    *(stack, depth, x, y, z, tx, ty, p * part),
                                    *(ELECTRON, sign, generation + 1),
                                )
                        alive = False
                        break
                    continue
                before = p
                tx, ty, p = _matter(tx, ty, p, species, path, par, state)
                if species == ELECTRON and before - p > 100.0 and generation < _MAX_GENERATION:
                    depth = _push(
                        *(stack, depth, x, y, z, tx, ty, before - p, PHOTON, 0.0, generation + 1)
                    )
                if p < _MIN_P:
                    alive = False
                    break
                if species >= PION and uniform(state) < 1.0 - math.exp(-path * par[29]):
                    if generation < _MAX_GENERATION:
                        depth = _interact(
                            stack, depth, x, y, z, tx, ty, p, generation + 1, state
                        )
                    alive = False
                    break
            if not alive or end_z[k] > 1e8:
                end_z[k] = min(end_z[k], z)
    return made


@njit(cache=True)
def _crossing(x, y, tx, ty, radius):  # type: ignore[no-untyped-def]
    """dz at which a line that starts inside a cylinder crosses it."""
    a = tx * tx + ty * ty
    b = x * tx + y * ty
    c = x * x + y * y - radius * radius
    return (-b + math.sqrt(b * b - a * c)) / a


@njit(cache=True)
def _matter(tx, ty, p, species, path, par, state):  # type: ignore[no-untyped-def]
    """Scattering, ionisation and radiation in `path` radiation lengths."""
    mass = MASS[species]
    sigma = highland(p, mass, path)
    if uniform(state) < par[27]:
        sigma *= par[28]
    tx, ty = _deflect(tx, ty, sigma, state)
    energy = math.sqrt(p * p + mass * mass)
    beta2 = (p / energy) ** 2
    energy -= par[30] * path / beta2 * (0.8 + 0.2 * exponential(state))
    if species == ELECTRON:
        energy *= math.exp(-gamma(state, path / math.log(2.0)))
    if energy <= mass:
        return tx, ty, 0.0
    return tx, ty, math.sqrt(energy * energy - mass * mass)


def follow(
    keys: NDArray[np.uint64],
    initial: NDArray[np.float64],
    planes: geometry.Planes,
    par: Parameters,
) -> Simulated:
    """Follow generated particles and their secondaries through the detector.

    Args:
        keys: stream key of each particle, shape ``(n,)``.
        initial: x, y, z [mm], tx, ty, p [MeV], species, charge of each, shape ``(n, 8)``.
        planes: the detector.
        par: its parameters.

    Returns:
        One entry for each particle followed; entries of one generated particle stand together.
    """
    size = 4 * len(keys) + 512
    detector, field = detector_row(par), geometry.magnet(par)
    while True:
        out = _empty(size)
        made = _follow(keys, initial, tuple(planes), detector, field, tuple(out))
        if made >= 0:
            return Simulated(*(a[:made] for a in out))
        size *= 2


def _empty(n: int) -> Simulated:
    integer: Any = np.int64
    return Simulated(
        row=np.zeros(n, integer),
        generation=np.zeros(n, integer),
        species=np.zeros(n, integer),
        charge=np.zeros(n, integer),
        start=np.zeros((n, 6)),
        value=np.zeros((n, _N_MEAS)),
        angle=np.zeros((n, _N_MEAS)),
        hit=np.zeros((n, _N_MEAS), np.bool_),
        rich=np.zeros((n, 2, 3)),
        t2=np.full((n, 4), np.nan),
        spd=np.full((n, 2), np.nan),
        end_z=np.full(n, 1e9),
    )
