"""What matter and time do to particles: scattering, losses, conversions, interactions, decays.

Multiple scattering follows Highland's formula as in Lynch and Dahl, NIM B58 (1991) 6, with the tail
of single scatters off nuclei of Moliere's theory (Bethe, Phys. Rev. 89 (1953) 1256); electrons lose
by Bethe and Heitler, -ln(E'/E) ~ Gamma(t / ln 2).  Hadrons interact, or scatter elastically off
nuclei by angles of some 200 MeV / p.
Secondaries go on a stack, one row each: the fields of `Particle` in their order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..physics.particles import LIFETIME_LENGTH, MASSES
from ..physics.passage import HIGHLAND, HIGHLAND_PATH
from .compiled import inner
from .geometry import PIPE, VELO
from .random import exponential, gamma, normal, poisson, uniform

ELECTRON, MUON, PION, KAON, PROTON, PHOTON = range(6)
"""Species inside the kernel."""

SPECIES_OF_PDG = {11: ELECTRON, 13: MUON, 211: PION, 321: KAON, 2212: PROTON, 22: PHOTON}

MASS = np.array([MASSES.get(pdg, 0.0) for pdg in SPECIES_OF_PDG])
"""Mass [MeV] by species, shape ``(6,)``."""

C_TAU = np.array([LIFETIME_LENGTH.get(pdg, 0.0) for pdg in SPECIES_OF_PDG])
"""c tau [mm] of the species that decay in flight, shape ``(6,)``; muons are left alone."""

MIN_P = 50.0
"""Momentum [MeV] below which a particle is given up."""

NEVER = 1e9
"""z [mm] far behind the detector, for what does not happen in it."""

_MAX_GENERATION = 3  # secondaries behind it are not made: chosen, few of them reach a station
_SMALL_SLOPE = 1e-9  # along the beam, where no direction is radial
_LOSS_LEAST, _LOSS_TAIL = 0.8, 0.2  # of the mean ionisation: a floor, and an exponential for
# Landau's tail (chosen)
_RADIATED = 100.0  # MeV, bremsstrahlung that is followed as a photon (chosen)
_PAIRS_PER_X0 = 7.0 / 9.0  # conversions in a radiation length [PDG]

# decays of charged mesons [PDG]
_TO_MUON = 0.636  # K -> mu nu; a pion always decays so
_TO_TWO_PIONS = 0.843  # with K -> pi pi0, 20.7 %
_PI0_MASS = 134.977  # MeV
_OTHER_MASS = 300.0  # MeV, two pions at their threshold: stands for what else a kaon decays to
_LEAST_DECAY_COS = 0.05  # daughters that fly farther from the beam axis are given up

# nuclear interactions (chosen: charged multiplicities of hadrons on nuclei)
_MOST_PRODUCTS, _LEAST_PRODUCTS = 12, 2
_PRODUCTS_PER_LOG = 0.9  # of E / GeV + 1, which counts as this at the least:
_LEAST_LOG = 0.2
_MEAN_PT = 350.0  # MeV
_SHARE_PI0 = 1.0 / 3.0  # isospin
_SHARE_PION = 0.85  # of the charged ones; the others are protons
_LEAST_PRODUCT_COS = 0.2  # products that fly farther from the beam axis are given up

_REFERENCE_P, _LEAST_P = 30e3, 2e3  # MeV, at which cross-sections are given; below they stay


class Particle(NamedTuple):
    """A particle somewhere in the detector.

    Attributes:
        x, y, z: place [mm].
        tx, ty: slopes.
        p: momentum [MeV].
        species: one of the constants of this module.
        charge: charge.
        generation: 0 for generated particles, above for secondaries.
    """

    x: float
    y: float
    z: float
    tx: float
    ty: float
    p: float
    species: int
    charge: float
    generation: int


@inner
def highland(p, mass, t):  # type: ignore[no-untyped-def]
    """Projected width [rad] of multiple scattering in `t` radiation lengths at momentum p [MeV]."""
    beta = p / math.sqrt(p * p + mass * mass)
    return HIGHLAND / (beta * p) * math.sqrt(t) * HIGHLAND_PATH


@inner
def mean_loss(p, mass, path, det):  # type: ignore[no-untyped-def]
    """Mean energy [MeV] lost by ionisation in `path` radiation lengths, ~ 1 / beta^2."""
    return det.ionisation_per_x0 * path * (1.0 + mass * mass / (p * p))


@inner
def _deflect(tx, ty, sigma, state):  # type: ignore[no-untyped-def]
    """Kick a direction by two normal angles in the plane across it."""
    return _kicked(tx, ty, sigma * normal(state), sigma * normal(state))


@inner
def _kicked(tx, ty, a, b):  # type: ignore[no-untyped-def]
    """Slopes after two angles in the plane across a direction."""
    norm = math.sqrt(1.0 + tx * tx + ty * ty)
    t = math.sqrt(tx * tx + ty * ty)
    if t < _SMALL_SLOPE:
        return tx + a, ty + b
    # Radial slope moves by (1 + t^2) a, the tangential one by sqrt(1 + t^2) b.
    radial, tangential = a * norm * norm, b * norm
    return tx + (tx * radial - ty * tangential) / t, ty + (ty * radial + tx * tangential) / t


@inner
def _scattered_once(tx, ty, p, mass, path, det, state):  # type: ignore[no-untyped-def]
    """Kick a direction by one scatter off a nucleus, if there is one beyond the core.

    Above an angle theta there are chi_c^2 / theta^2 scatters in the mean, with chi_c^2 the
    characteristic angle of Rutherford's law, between the core of multiple scattering and the
    momentum that a nucleus can take as a whole.
    """
    least, most = det.scattering_tail_range
    beyond = det.scattering_tail * path / (least * least)
    if uniform(state) > -math.expm1(-beyond):
        return tx, ty
    ratio = (least / most) ** 2
    transfer = least / math.sqrt(1.0 - uniform(state) * (1.0 - ratio))
    theta = transfer * math.sqrt(p * p + mass * mass) / (p * p)
    phi = 2.0 * math.pi * uniform(state)
    return _kicked(tx, ty, theta * math.cos(phi), theta * math.sin(phi))


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
        if u > _TO_MUON:
            daughter = PION
            other = _PI0_MASS if u < _TO_TWO_PIONS else _OTHER_MASS
    m = MASS[daughter]
    pstar = math.sqrt((mass**2 - (m + other) ** 2) * (mass**2 - (m - other) ** 2)) / (2.0 * mass)
    estar = math.sqrt(pstar * pstar + m * m)
    cos = 2.0 * uniform(state) - 1.0
    energy = math.sqrt(p * p + mass * mass)
    along = (energy * pstar * cos + p * estar) / mass
    across = pstar * math.sqrt(1.0 - cos * cos)
    nx, ny, nz = _turned(tx, ty, math.atan2(across, along), 2.0 * math.pi * uniform(state))
    q = math.sqrt(along * along + across * across)
    if nz < _LEAST_DECAY_COS:
        return daughter, tx, ty, 0.0
    return daughter, nx / nz, ny / nz, q


@inner
def _push(stack, n, particle):  # type: ignore[no-untyped-def]
    """Put a particle on the stack, if there is room; returns the rows in use."""
    if n < stack.shape[0]:
        s = stack[n]
        s[0], s[1], s[2] = particle.x, particle.y, particle.z
        s[3], s[4], s[5] = particle.tx, particle.ty, particle.p
        s[6], s[7], s[8] = particle.species, particle.charge, particle.generation
        return n + 1
    return n


@inner
def _interact(stack, n, mother, state):  # type: ignore[no-untyped-def]
    """Put the products of a nuclear interaction on the stack.

    Multiplicity grows with ln E (charged multiplicity of hadron-nucleus data, about 2 + 0.9 ln E);
    momentum is shared exponentially, a third of the products are pi0 (followed as one photon), and
    transverse momenta are exponential with a mean of 350 MeV.
    """
    x, y, z, tx, ty, p = mother.x, mother.y, mother.z, mother.tx, mother.ty, mother.p
    log_e = max(_LEAST_LOG, math.log(p / 1000.0 + 1.0))
    count = min(_MOST_PRODUCTS, _LEAST_PRODUCTS + poisson(state, _PRODUCTS_PER_LOG * log_e))
    total = exponential(state)
    first = n
    for _ in range(count):
        share = exponential(state)
        total += share
        pt = _MEAN_PT * 0.5 * (exponential(state) + exponential(state))
        if uniform(state) < _SHARE_PI0:
            species, charge = PHOTON, 0.0
        else:
            species = PION if uniform(state) < _SHARE_PION else PROTON
            charge = 1.0 if uniform(state) < 0.5 else -1.0
        # The share is kept in the momentum slot until the sum is known, pt in that of a slope.
        made = Particle(x, y, z, pt, 0.0, share, species, charge, mother.generation + 1)
        n = _push(stack, n, made)
    for i in range(first, n):
        s = stack[i]
        pt = s[3]
        longitudinal = p * s[5] / total
        nx, ny, nz = _turned(tx, ty, math.atan2(pt, longitudinal), 2.0 * math.pi * uniform(state))
        if nz < _LEAST_PRODUCT_COS:
            s[5] = 0.0
            continue
        s[3], s[4], s[5] = nx / nz, ny / nz, math.sqrt(pt * pt + longitudinal * longitudinal)
    return n


@inner
def decay_point(z, tx, ty, p, species, state):  # type: ignore[no-untyped-def]
    """Where in z [mm] a particle decays; far behind the detector if it does not."""
    if C_TAU[species] <= 0.0:
        return NEVER
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
    tx, ty = _deflect(tx, ty, highland(p, mass, path), state)
    tx, ty = _scattered_once(tx, ty, p, mass, path, det, state)
    energy = math.sqrt(p * p + mass * mass)
    energy -= mean_loss(p, mass, path, det) * (_LOSS_LEAST + _LOSS_TAIL * exponential(state))
    if species == ELECTRON:
        energy *= math.exp(-gamma(state, path / math.log(2.0)))
    if energy <= mass:
        return tx, ty, 0.0
    return tx, ty, math.sqrt(energy * energy - mass * mass)


@inner
def material_on_path(kind, x0, x, y, z, tx, ty, det):  # type: ignore[no-untyped-def]
    """Radiation lengths met at a plane; none in the beam pipe and beside the VELO modules.

    The wall of the conical pipe is met at the difference of its angle and that of the particle.
    """
    r2 = x * x + y * y
    if kind == VELO:
        if r2 < det.velo_r_min**2 or r2 > det.velo_support_r**2:
            return 0.0
    elif r2 < (det.beam_pipe_slope * z) ** 2:
        return 0.0
    if kind == PIPE:
        angle = det.pipe_angle - math.sqrt(r2) / z
        return x0 / max(angle, det.pipe_least) if angle > 0.0 else 0.0
    return x0 * math.sqrt(1.0 + tx * tx + ty * ty)


@inner
def interaction_lengths(species, charge, p, path, kind, det):  # type: ignore[no-untyped-def]
    """Interaction lengths that a hadron of momentum p meets in `path` radiation lengths of a plane.

    Cross-sections fall with the momentum as powers; what holds at `_LEAST_P` holds below.
    """
    index = 2 * (species - PION) + (1 if charge < 0.0 else 0)
    per_x0 = det.pipe_interaction_per_x0 if kind == PIPE else det.interaction_per_x0
    fall = (max(p, _LEAST_P) / _REFERENCE_P) ** -det.interaction_fall[index]
    return path * per_x0 * det.interaction_of[index] * fall


@inner
def _convert(stack, depth, photon, state):  # type: ignore[no-untyped-def]
    """Put the two electrons of a photon on the stack; returns its new depth."""
    x, y, z, tx, ty, p = photon.x, photon.y, photon.z, photon.tx, photon.ty, photon.p
    generation = photon.generation + 1
    if generation <= _MAX_GENERATION:
        share = uniform(state)
        for sign in (-1.0, 1.0):
            part = share if sign > 0 else 1.0 - share
            made = Particle(x, y, z, tx, ty, p * part, ELECTRON, sign, generation)
            depth = _push(stack, depth, made)
    return depth


@inner
def cross_plane(stack, depth, particle, path, kind, det, state):  # type: ignore[no-untyped-def]
    """All that the material of a plane does to a particle.

    Args:
        stack: secondaries to follow; what is made here is put on it.
        depth: rows of the stack in use.
        particle: the `Particle`.
        path: radiation lengths along its path.
        kind: kind of the plane, a constant of `geometry`.
        det: `geometry.Detector`.
        state: random stream.

    Returns:
        New depth of the stack and tx, ty, p behind the plane; p = 0 if it did not survive.
    """
    x, y, z = particle.x, particle.y, particle.z
    tx, ty, p = particle.tx, particle.ty, particle.p
    species, generation = particle.species, particle.generation
    if species == PHOTON:
        if uniform(state) < 1.0 - math.exp(-_PAIRS_PER_X0 * path):
            return _convert(stack, depth, particle, state), tx, ty, 0.0
        return depth, tx, ty, p
    before = p
    tx, ty, p = cross_sheet(tx, ty, p, species, path, det, state)
    radiated = before - p
    if species == ELECTRON and radiated > _RADIATED and generation < _MAX_GENERATION:
        photon = Particle(x, y, z, tx, ty, radiated, PHOTON, 0.0, generation + 1)
        depth = _push(stack, depth, photon)
    if p < MIN_P:
        return depth, tx, ty, 0.0
    if species >= PION:
        lengths = interaction_lengths(species, particle.charge, p, path, kind, det)
        if uniform(state) < 1.0 - math.exp(-lengths):
            if generation < _MAX_GENERATION:
                mother = Particle(x, y, z, tx, ty, p, species, particle.charge, generation)
                depth = _interact(stack, depth, mother, state)
            return depth, tx, ty, 0.0
        if uniform(state) < 1.0 - math.exp(-lengths * det.elastic_share):
            tx, ty = _deflect(tx, ty, det.elastic_kick / p, state)
    return depth, tx, ty, p
