"""The muon system: where its stations, pads and iron are, and what the iron does to particles.

Sources: [D] LHCb detector, JINST 3 (2008) S08005, sec. 6; [PDG] Review of Particle Physics.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..arrays import Floats
from ..physics.passage import HIGHLAND, HIGHLAND_LOG
from .compiled import inner
from .matter import MASS, MUON
from .parameters import Parameters
from .random import exponential, normal

N_STATIONS = 4
N_REGIONS = 4
_RISE = 0.065  # relativistic rise of the ionisation of iron per unit of ln p [PDG]
_MINIMUM = 360.0  # MeV, momentum of a minimum-ionising muon [PDG]
_RADIATIVE = 2.4e5  # MeV at which a muon radiates as much as it ionises at the minimum [PDG]
_LOSS_LEAST, _LOSS_TAIL = 0.9, 0.1  # of the mean loss: a floor, and an exponential for Landau's
# tail, shorter than in thin sheets (chosen)


class System(NamedTuple):
    """The numbers of `Parameters` that the kernels need, without their prefix ``muon_``.

    Attributes:
        z: the stations [mm], shape ``(4,)``.
        inner: half the opening in x and y of each station [mm], shape ``(4, 2)``.
        pad: size of a pad in x and y in the innermost region [mm], shape ``(4, 2)``.
        matter: z of start and end [mm], radiation lengths, interaction lengths and loss [MeV] of
            each block, shape ``(n, 5)``.
        origin: z at which the particles come in [mm].
        efficiency, stray, noise, leak, leak_power, leak_radius, cascade, meson_length,
        beam_pipe, stray_p: see `Parameters`.
    """

    z: Floats
    inner: Floats
    pad: Floats
    matter: Floats
    origin: float
    efficiency: float
    stray: Floats
    noise: Floats
    leak: float
    leak_power: float
    leak_radius: float
    cascade: float
    meson_length: float
    stray_p: float
    beam_pipe: float


def system(par: Parameters) -> System:
    """The muon system as the kernels need it."""
    z = np.array(par.muon_z)
    inner = z[:, None] / z[0] * np.array(par.muon_inner)
    return System(
        z=z,
        inner=inner,
        pad=inner / np.stack([par.muon_columns, par.muon_rows], axis=1),
        matter=np.array(par.muon_matter),
        origin=par.spd_z,
        efficiency=par.muon_efficiency,
        stray=np.array(par.muon_stray),
        noise=np.array(par.muon_noise),
        leak=par.muon_leak,
        leak_power=par.muon_leak_power,
        leak_radius=par.muon_leak_radius,
        cascade=par.muon_cascade,
        meson_length=par.muon_meson_length,
        stray_p=par.muon_stray_p,
        beam_pipe=par.beam_pipe_slope,
    )


@inner
def region_of(x, y, s, muon):  # type: ignore[no-untyped-def]
    """Region 0 (R1) to 3 (R4) of a point [mm] in station s; -1 in the opening or outside."""
    u = max(abs(x) / muon.inner[s, 0], abs(y) / muon.inner[s, 1])
    if u < 1.0:
        return -1
    for r in range(N_REGIONS):
        if u < 2.0 ** (r + 1):
            return r
    return -1


@inner
def mean_loss(p, mass, minimum):  # type: ignore[no-untyped-def]
    """Mean energy [MeV] lost where a minimum-ionising particle loses `minimum` [PDG, iron]."""
    # In the momentum of a muon of the same velocity, for which the numbers are.
    muon_p = p * MASS[MUON] / mass
    slow = 1.0 / (1.0 - 1.0 / (1.0 + (p / mass) ** 2))
    ionisation = slow if muon_p < _MINIMUM else 1.0 + _RISE * math.log(muon_p / _MINIMUM)
    return minimum * (ionisation + muon_p / _RADIATIVE)


@inner
def cross_slice(ray, species, dz, path, block, muon, state):  # type: ignore[no-untyped-def]
    """Cross a slice of a block: scattering after Highland with its displacement, and loss.

    Args:
        ray: x, y [mm], tx, ty, p [MeV], z [mm], changed in place; p = 0 if it stops.
        species: species.
        dz: thickness of the slice [mm].
        path: share of the block that it is, times 1 / cos of the angle to the z axis.
        block: number of the block.
        muon: `System`.
        state: random stream.
    """
    mass, p = MASS[species], ray[4]
    x0 = muon.matter[block, 2]
    beta = p / math.sqrt(p * p + mass * mass)
    # The logarithm is that of the whole block: cutting it into slices must change nothing.
    sigma = HIGHLAND / (beta * p) * math.sqrt(x0 * path) * (1.0 + HIGHLAND_LOG * math.log(x0))
    for axis in range(2):
        kick = sigma * normal(state)
        ray[axis] += dz * (ray[2 + axis] + 0.5 * kick + sigma * normal(state) / math.sqrt(12.0))
        ray[2 + axis] += kick * math.sqrt(1.0 + ray[2] * ray[2] + ray[3] * ray[3])
    ray[5] += dz
    energy = math.sqrt(p * p + mass * mass)
    loss = mean_loss(p, mass, muon.matter[block, 4] * path)
    energy -= loss * (_LOSS_LEAST + _LOSS_TAIL * exponential(state))
    ray[4] = math.sqrt(energy * energy - mass * mass) if energy > mass else 0.0


@inner
def move(ray, z):  # type: ignore[no-untyped-def]
    """Fly straight to z."""
    dz = z - ray[5]
    ray[0] += ray[2] * dz
    ray[1] += ray[3] * dz
    ray[5] = z


@inner
def depth(z, muon):  # type: ignore[no-untyped-def]
    """Interaction lengths in front of z at normal incidence."""
    total = 0.0
    for b in range(len(muon.matter)):
        start, end = muon.matter[b, 0], muon.matter[b, 1]
        total += muon.matter[b, 3] * min(max((z - start) / (end - start), 0.0), 1.0)
    return total
