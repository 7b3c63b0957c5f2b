"""Showers as slices in depth, each with a lateral profile, and the cells that they fill.

Longitudinal and lateral profiles and their fluctuations follow Grindhammer and Peters
(arXiv:hep-ex/0001020): a shower is a Gamma distribution in depth whose maximum and shape fluctuate
together, a slice has a core and a tail, each with the radial density 2 r R^2 / (r^2 + R^2)^2.
The energy of a shower is made of independent grains, so cells of one shower fluctuate as a
Dirichlet distribution; cells of any size therefore see the same shower.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Keys
from ..compiled import inner, kernel
from ..parameters import Parameters
from ..random import exponential, gamma, normal

MAX_SLICES = 8
_STEP = 0.5  # X0, step in depth
_SLICE = 4.0  # X0, thickness of a slice
_LONGEST = 40.0  # X0 to which a shower is followed
_ROSSI = 21.0  # MeV, scale of multiple scattering in space (Rossi, High-energy particles (1952))
_WIDEST = 20.0  # mm, most that a shower from the lead has spread (chosen)
_LEAST_RATE = 1e-3  # MeV per X0 in the preshower of a shower that began before it
_REACH_AT_100, _REACH_PER_LOG, _REACH = 60.0, 25.0, (50.0, 160.0)  # mm about a shower that is
# followed: at 100 MeV, per unit of ln E, and within which limits (chosen: what is beyond holds less
# than the cut of a cell)
_Z = 75.0  # effective atomic number, for the shape of showers
_GEANT_LOG_SPREAD = 0.45  # most that depth and shape fluctuate (chosen: showers of Geant4)
_LEAST_LOG_Y, _LEAST_ALPHA = 2.2, 1.3  # of a shower that the formulae hold for (chosen)
_TAU = (0.3, 1.8)  # depth, in that of the maximum, between which the formulae hold (chosen)


class Grid(NamedTuple):
    """Equal cells in a rectangle.

    Attributes:
        left, low: its corner [mm].
        size: side of a cell [mm].
        n_x, n_y: cells across.
    """

    left: float
    low: float
    size: float
    n_x: int
    n_y: int


class Material(NamedTuple):
    """Numbers of `Parameters` that the shower kernels need, see there.

    Attributes:
        lead: radiation lengths of lead in front of the preshower; 0 for a bare ECAL.
    """

    critical_energy: float
    photon_depth: float
    lead: float
    gap: float
    length: float
    x0: float
    moliere: float
    tail_scale: float
    grain: float
    sampling: float
    constant: float
    cut: float


def material(par: Parameters, *, lead: bool = True) -> Material:
    """Collect the numbers of the ECAL, with or without the lead in front."""
    return Material(
        critical_energy=par.calo_critical_energy,
        photon_depth=par.calo_photon_depth,
        lead=par.calo_lead_x0 if lead else 0.0,
        gap=par.calo_gap,
        length=par.calo_ecal_x0,
        x0=par.calo_x0_mm,
        moliere=par.calo_moliere,
        tail_scale=par.calo_tail_scale,
        grain=par.calo_grain,
        sampling=par.calo_sampling,
        constant=par.calo_constant,
        cut=par.calo_cut,
    )


@inner
def depth_shape(energy, mat, state):  # type: ignore[no-untyped-def]
    """Depth of the maximum [X0] and shape alpha of a shower, drawn with their correlation.

    The published formulae for homogeneous media with the effective atomic number of the ECAL.
    """
    y = max(math.log(energy / mat.critical_energy), _LEAST_LOG_Y)
    a, b = normal(state), normal(state)
    rho = 0.705 - 0.023 * y
    # Below a few hundred MeV the published widths run away.
    log_t = math.log(y - 0.812) + min(1.0 / (1.26 * y - 1.4), _GEANT_LOG_SPREAD) * a
    spread = min(1.0 / (0.86 * y - 0.58), _GEANT_LOG_SPREAD)
    log_alpha = math.log(0.81 + (0.458 + 2.26 / _Z) * y)
    log_alpha += spread * (rho * a + math.sqrt(1.0 - rho * rho) * b)
    return math.exp(log_t), max(math.exp(log_alpha), _LEAST_ALPHA)


@inner
def widths(tau, mat):  # type: ignore[no-untyped-def]
    """Radii of core and tail [mm] and the share of the core at depth `tau` of the maximum.

    The published formulae at 30 GeV: the Geant4 showers, in mm, are as wide at 1 as at 60 GeV.
    Towards both ends the depth is held, else single slices spread more than those showers do.
    """
    tau = min(max(tau, _TAU[0]), _TAU[1])
    core = 0.0359 + (0.1162 - 0.000381 * _Z) * tau
    tail = math.exp(-2.59 * (tau - 0.645)) + math.exp(0.502 * (tau - 0.645))
    tail *= 0.659 - 0.00309 * _Z
    u = (0.401 + 0.00187 * _Z - tau) / 1.080
    share = (2.632 - 0.00094 * _Z) * math.exp(u - math.exp(u))
    return mat.moliere * core, mat.moliere * mat.tail_scale * tail, min(share, 1.0)


@inner
def em_slices(energy, is_photon, start, slope, mat, slices, state):  # type: ignore[no-untyped-def]
    """Draw an electromagnetic shower as slices of the ECAL.

    Args:
        energy: energy [MeV].
        is_photon: a photon converts first, after 9/7 X0 on average.
        start: depth [X0 along the path] at which the particle appears, 0 at the lead.
        slope: transverse slope of the particle.
        mat: `Material`.
        slices: result, shape ``(MAX_SLICES, 5)``: energy [MeV], depth behind the face [mm], radius
            of the core, radius of the tail [mm], share of the core.
        state: random stream.

    Returns:
        Energy per X0 [MeV] where the lead ends, 0 for a photon that is whole there, and the energy
        that leaks out behind.
    """
    along = math.sqrt(1.0 + slope * slope)
    lead, end = mat.lead * along, (mat.lead + mat.length) * along
    if is_photon:
        start += exponential(state) * 9.0 / 7.0
        t_max, alpha = depth_shape(energy * math.exp(-mat.photon_depth), mat, state)
    else:
        t_max, alpha = depth_shape(energy, mat, state)
    beta = (alpha - 1.0) / t_max
    norm = energy * math.exp(alpha * math.log(beta) - math.lgamma(alpha))
    # A shower that starts in the lead spreads over the gap behind it by multiple scattering.
    inside = max(lead - start, 0.0)
    spread = 0.0
    if inside > 0.0:
        spread = mat.gap * _ROSSI * math.sqrt(inside) * 2.0**inside / energy
        spread = min(spread, _WIDEST)
    for k in range(MAX_SLICES):
        slices[k, 0] = 0.0
        slices[k, 1] = 0.0
    t, leak = 0.5 * _STEP, 0.0
    while t < _LONGEST:
        if start + t > lead:
            e = _STEP * norm * math.exp((alpha - 1.0) * math.log(t) - beta * t)
            if start + t < end:
                k = min(int((start + t - lead) / (_SLICE * along)), MAX_SLICES - 1)
                slices[k, 0] += e
                slices[k, 1] += e * t
            else:
                leak += e
        t += _STEP
    for k in range(MAX_SLICES):
        if slices[k, 0] > 0.0:
            mean = slices[k, 1] / slices[k, 0]
            core, tail, share = widths(mean / t_max, mat)
            slices[k, 1] = (start + mean - lead) / along * mat.x0
            slices[k, 2] = math.sqrt(core * core + spread * spread)
            slices[k, 3] = math.sqrt(tail * tail + spread * spread)
            slices[k, 4] = share
    if inside <= 0.0:
        return 0.0, leak
    rate = norm * math.exp((alpha - 1.0) * math.log(inside) - beta * inside)
    return max(rate, _LEAST_RATE), leak


@inner
def _corner(x, y, radius2):  # type: ignore[no-untyped-def]
    """Integral of the radial density over the rectangle from the axis to (x, y)."""
    a, b = 1.0 / math.sqrt(x * x + radius2), 1.0 / math.sqrt(y * y + radius2)
    return (x * a * math.atan(y * a) + y * b * math.atan(x * b)) / (2.0 * math.pi)


@inner
def corner(x, y, core, tail, share):  # type: ignore[no-untyped-def]
    """Share of a slice in the rectangle from its axis to (x, y) [mm], signed.

    Args:
        x, y: corner relative to the axis.
        core, tail: radii [mm].
        share: share of the core.
    """
    value = (1.0 - share) * _corner(x, y, tail * tail)
    if share > 0.0:
        value += share * _corner(x, y, core * core)
    return value


@inner
def add_slice(x, y, piece, grid, energies):  # type: ignore[no-untyped-def]
    """Add one slice to the mean energies of a grid of cells.

    Args:
        x, y: axis of the slice [mm].
        piece: row of `em_slices`.
        grid: `Grid`.
        energies: of its cells [MeV], x runs fastest; the first ``n_x * n_y`` are used.
    """
    left, low, size, n_x, n_y = grid
    core, tail, share = piece[2], piece[3], piece[4]
    below = np.empty(n_x + 1)
    for i in range(n_x + 1):
        below[i] = corner(left + i * size - x, low - y, core, tail, share)
    for j in range(n_y):
        dy = low + (j + 1) * size - y
        before, last = 0.0, 0.0
        for i in range(n_x + 1):
            now = corner(left + i * size - x, dy, core, tail, share)
            if i > 0:
                energies[j * n_x + i - 1] += piece[0] * (now - before - below[i] + last)
            last, before, below[i] = below[i], now, now


@inner
def reach_of(energy):  # type: ignore[no-untyped-def]
    """Distance [mm] beyond which a shower is not followed."""
    reach = _REACH_AT_100 + _REACH_PER_LOG * math.log(max(energy, 1.0) / 100.0)
    return min(max(reach, _REACH[0]), _REACH[1])


@inner
def fluctuate(energies, n, mat, state):  # type: ignore[no-untyped-def]
    """Let the cells of one shower fluctuate, in place: its energy, then its distribution.

    Args:
        energies: mean energies [MeV], the first `n` are used.
        n: how many.
        mat: `Material`.
        state: random stream.
    """
    mean, drawn = 0.0, 0.0
    for i in range(n):
        mean += energies[i]
    if mean <= 0.0:
        return
    for i in range(n):
        if energies[i] > mat.cut:
            energies[i] = gamma(state, energies[i] / mat.grain)
            drawn += energies[i]
        else:
            energies[i] = 0.0
    portion = 1000.0 * mat.sampling * mat.sampling
    total = portion * gamma(state, mean / portion) * (1.0 + mat.constant * normal(state))
    scale = max(total, 0.0) / drawn if drawn > 0.0 else 0.0
    for i in range(n):
        energies[i] *= scale


@kernel
def _images(keys, energy, is_photon, place, mat, side, images):  # type: ignore[no-untyped-def]
    state = np.zeros(1, np.uint64)
    slices = np.zeros((MAX_SLICES, 5))
    n = round(math.sqrt(images.shape[1]))
    low = -0.5 * n * side
    grid = Grid(low, low, side, n, n)
    for i in range(len(keys)):
        state[0] = keys[i]
        slope = math.hypot(place[i, 2], place[i, 3])
        em_slices(energy[i], is_photon, 0.0, slope, mat, slices, state)
        for k in range(MAX_SLICES):
            if slices[k, 0] > mat.cut:
                x = place[i, 0] + place[i, 2] * slices[k, 1]
                y = place[i, 1] + place[i, 3] * slices[k, 1]
                add_slice(x, y, slices[k], grid, images[i])
        fluctuate(images[i], n * n, mat, state)


def shower_images(
    keys: Keys,
    energy: Floats,
    is_photon: bool,
    place: Floats,
    par: Parameters,
    side: float,
    n: int,
) -> Floats:
    """Showers in a bare ECAL of equal cells, to compare with another simulation.

    Args:
        keys: stream key of each shower, shape ``(m,)``.
        energy: energy [MeV], shape ``(m,)``.
        is_photon: photons, else electrons.
        place: x, y [mm from the centre of the image], tx, ty at the face, shape ``(m, 4)``.
        par: parameters.
        side: side of a cell [mm].
        n: cells across.

    Returns:
        Energy of the cells [MeV], rows are y, shape ``(m, n, n)``.
    """
    images = np.zeros((len(keys), n * n))
    _images(keys, energy, is_photon, place, material(par, lead=False), side, images)
    return images.reshape(-1, n, n)
