"""What matter and time do to particles: scattering, losses, conversions, interactions, decays.

Multiple scattering follows Highland's formula as in Lynch and Dahl, NIM B58 (1991) 6, with a tail
of single large-angle scatters; electrons lose by Bethe and Heitler, -ln(E'/E) ~ Gamma(t / ln 2).
Hadrons interact, or scatter elastically off nuclei by angles of some 200 MeV / p.
Secondaries go on a stack, one row each: x, y, z, tx, ty, p, species, charge, generation.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import inner
from .geometry import PIPE, VELO
from .random import exponential, gamma, normal, poisson, uniform

ELECTRON, MUON, PION, KAON, PROTON, PHOTON = range(6)
"""Species inside the kernel."""

SPECIES_OF_PDG = {11: ELECTRON, 13: MUON, 211: PION, 321: KAON, 2212: PROTON, 22: PHOTON}

MASS = np.array([0.51099895, 105.6583755, 139.57039, 493.677, 938.27208943, 0.0])
"""Mass [MeV] by species."""

C_TAU = np.array([0.0, 0.0, 7804.5, 3711.0, 0.0, 0.0])
"""c tau [mm] of the species that decay in flight; muons are left alone."""

MIN_P = 50.0
"""Momentum [MeV] below which a particle is given up."""

_MAX_GENERATION = 3


@inner
def highland(p, mass, t):  # type: ignore[no-untyped-def]
    """Projected width [rad] of multiple scattering in `t` radiation lengths at momentum p [MeV].

    The logarithm is taken at 10 % of a radiation length, the order of the whole path: applied to
    each thin sheet by itself it would make the sum depend on how the material is cut.
    """
    beta = p / math.sqrt(p * p + mass * mass)
    return 13.6 / (beta * p) * math.sqrt(t) * 0.9125


@inner
def mean_loss(p, mass, path, det):  # type: ignore[no-untyped-def]
    """Mean energy [MeV] lost by ionisation in `path` radiation lengths, ~ 1 / beta^2."""
    return det.ionisation_per_x0 * path * (1.0 + mass * mass / (p * p))


@inner
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


@inner
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


@inner
def decayed(tx, ty, p, species, state):  # type: ignore[no-untyped-def]
    """Charged daughter of a pion or kaon: species, tx, ty, p (0 if it flies backwards).

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


@inner
def _push(stack, n, x, y, z, tx, ty, p, species, charge, generation):  # type: ignore[no-untyped-def]
    if n < stack.shape[0]:
        s = stack[n]
        s[0], s[1], s[2], s[3], s[4], s[5] = x, y, z, tx, ty, p
        s[6], s[7], s[8] = species, charge, generation
        return n + 1
    return n


@inner
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


@inner
def decay_point(z, tx, ty, p, species, state):  # type: ignore[no-untyped-def]
    """Where in z [mm] a particle decays; far behind the detector if it does not."""
    if C_TAU[species] <= 0.0:
        return 1e9
    length = C_TAU[species] * p / MASS[species] * exponential(state)
    return z + length / math.sqrt(1.0 + tx * tx + ty * ty)


@inner
def cross_sheet(tx, ty, p, species, path, det, state):  # type: ignore[no-untyped-def]
    """Scattering, ionisation and radiation of a charged particle in `path` radiation lengths.

    Args:
        tx, ty: slopes.
        p: momentum [MeV].
        species: species.
        path: radiation lengths along the track.
        det: `geometry.Detector`.
        state: random stream.

    Returns:
        tx, ty, p behind it; p = 0 if it stops.
    """
    mass = MASS[species]
    sigma = highland(p, mass, path)
    if uniform(state) < det.scattering_tail:
        sigma *= det.scattering_tail_scale
    tx, ty = _deflect(tx, ty, sigma, state)
    energy = math.sqrt(p * p + mass * mass)
    energy -= mean_loss(p, mass, path, det) * (0.8 + 0.2 * exponential(state))
    if species == ELECTRON:
        energy *= math.exp(-gamma(state, path / math.log(2.0)))
    if energy <= mass:
        return tx, ty, 0.0
    return tx, ty, math.sqrt(energy * energy - mass * mass)


@inner
def material_on_path(kind, x0, x, y, z, tx, ty, det):  # type: ignore[no-untyped-def]
    """Radiation lengths met at a plane; none in the beam pipe and beside the VELO sensors.

    The wall of the conical pipe is met at the difference of its angle and that of the particle.
    """
    r2 = x * x + y * y
    if kind == VELO:
        if r2 < det.velo_r_min * det.velo_r_min or r2 > 1.2 * det.velo_r_max * det.velo_r_max:
            return 0.0
    elif r2 < (det.beam_pipe_slope * z) ** 2:
        return 0.0
    if kind == PIPE:
        angle = det.pipe_angle - math.sqrt(r2) / z
        return x0 / max(angle, det.pipe_least) if angle > 0.0 else 0.0
    return x0 * math.sqrt(1.0 + tx * tx + ty * ty)


@inner
def interaction_lengths(species, charge, path, det):  # type: ignore[no-untyped-def]
    """Interaction lengths that a hadron meets in `path` radiation lengths."""
    index = 2 * (species - PION) + (1 if charge < 0.0 else 0)
    return path * det.interaction_per_x0 * det.interaction_of[index]


@inner
def _convert(stack, depth, x, y, z, tx, ty, p, generation, state):  # type: ignore[no-untyped-def]
    """Put the two electrons of a photon on the stack; returns its new depth."""
    if generation < _MAX_GENERATION:
        share = uniform(state)
        for sign in (-1.0, 1.0):
            part = share if sign > 0 else 1.0 - share
            depth = _push(
                *(stack, depth, x, y, z, tx, ty, p * part, ELECTRON, sign, generation + 1)
            )
    return depth


@inner
def cross_plane(  # type: ignore[no-untyped-def]
    stack, depth, x, y, z, tx, ty, p, species, charge, generation, path, det, state
):
    """All that the material of a plane does to a particle.

    Args:
        stack: secondaries to follow; what is made here is put on it.
        depth: rows of the stack in use.
        x, y, z, tx, ty, p: the particle.
        species: its species.
        charge: its charge.
        generation: its generation.
        path: radiation lengths along its path.
        det: `geometry.Detector`.
        state: random stream.

    Returns:
        New depth of the stack and tx, ty, p behind the plane; p = 0 if it did not survive.
    """
    if species == PHOTON:
        if uniform(state) < 1.0 - math.exp(-7.0 / 9.0 * path):
            return _convert(stack, depth, x, y, z, tx, ty, p, generation, state), tx, ty, 0.0
        return depth, tx, ty, p
    before = p
    tx, ty, p = cross_sheet(tx, ty, p, species, path, det, state)
    if species == ELECTRON and before - p > 100.0 and generation < _MAX_GENERATION:
        depth = _push(*(stack, depth, x, y, z, tx, ty, before - p, PHOTON, 0.0, generation + 1))
    if p < MIN_P:
        return depth, tx, ty, 0.0
    if species >= PION:
        lengths = interaction_lengths(species, charge, path, det)
        if uniform(state) < 1.0 - math.exp(-lengths):
            if generation < _MAX_GENERATION:
                depth = _interact(stack, depth, x, y, z, tx, ty, p, generation + 1, state)
            return depth, tx, ty, 0.0
        if uniform(state) < 1.0 - math.exp(-lengths * det.elastic_share):
            tx, ty = _deflect(tx, ty, det.elastic_kick / p, state)
    return depth, tx, ty, p
