"""What the particles of an event leave in the cells of the SPD, preshower, ECAL and HCAL.

Electrons and photons shower, early ones in the lead in front of the preshower.  Hadrons and muons
cross as minimum-ionising particles until a hadron interacts: then a share of its energy becomes
pi0, the rest is mostly missed by the ECAL and goes on to the HCAL.  The energies of every particle
in every cell of the ECAL are kept for the truth links.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Ints, Mask
from ..compiled import inner
from ..matter import ELECTRON, MASS, MUON, NEVER, PHOTON, PION
from ..parameters import Parameters
from ..random import exponential, gamma, normal, poisson, uniform
from . import cells as layout
from .cells import Cells, cell_at
from .shower import MAX_SLICES, Grid, Material, add_slice, em_slices, fluctuate, material, reach_of

_SCRATCH = 4096  # cells about one shower
_MIP_REACH = 45.0  # mm about the line of a minimum-ionising particle
_MIP_CORE, _MIP_TAIL, _MIP_SHARE = 3.0, 12.0, 0.9  # mm, profile across it: delta rays (chosen)
_MUON_DEPTH, _MUON_RADIUS = 1200.0, 5.0  # mm behind the face of the ECAL: of a muon in the HCAL
_HCAL_DEPTH = 200.0  # mm behind its face, where showers are in the HCAL (chosen)
_HADRON_REACH = 3.0  # widths of a hadronic shower that are followed
_LEAST_LEAK, _LEAST_EM = 50.0, 20.0  # MeV behind the ECAL, in pi0: less is not followed
_EARLY_TRACKS = 2.0  # charged particles of an interaction in the lead, beyond two (chosen)
# Moyal's law: mean over the most probable value and standard deviation, in its widths
_MOYAL_MEAN, _MOYAL_SIGMA = 1.27, 2.22  # ln 2 + Euler's constant, pi / sqrt(2)
_MANY = 40  # particles in the preshower above which their sum is normal


class Response(NamedTuple):
    """Numbers of `Parameters` for the kernels of this module, see there; all lengths mm."""

    ecal: Cells
    hcal: Cells
    mat: Material
    spd_z: float
    face_z: float
    plane_z: float
    hcal_z: float
    mip: tuple[float, float]
    hcal_mip: tuple[float, float]
    prs_mip: tuple[float, float]
    prs_mip_x0: float
    lambdas: tuple[float, float, float]
    lambda_of: tuple[float, float, float]
    hadron_em: tuple[float, float]
    hadron_response: float
    hadron_width: float
    hadron_core: float
    hcal_resolution: float
    spd_efficiency: float
    splash: float
    splash_radius: float
    adc_step: float
    noise: float
    et_max: float
    hcal_noise: float
    stray: float
    stray_et: float


def response(par: Parameters) -> Response:
    """Collect the numbers of the kernels."""
    return Response(
        ecal=layout.ecal(par),
        hcal=layout.hcal(par),
        mat=material(par),
        spd_z=par.spd_z,
        face_z=par.calo_face_z,
        plane_z=par.calo_plane_z,
        hcal_z=par.calo_hcal_z,
        mip=par.calo_mip,
        hcal_mip=par.calo_hcal_mip,
        prs_mip=par.calo_prs_mip,
        prs_mip_x0=par.calo_prs_mip_x0,
        lambdas=par.calo_lambda,
        lambda_of=par.calo_lambda_of,
        hadron_em=par.calo_hadron_em,
        hadron_response=par.calo_hadron_response,
        hadron_width=par.calo_hadron_width,
        hadron_core=par.calo_hadron_core,
        hcal_resolution=par.calo_hcal_resolution,
        spd_efficiency=par.spd_efficiency,
        splash=par.spd_backsplash,
        splash_radius=par.spd_backsplash_radius,
        adc_step=par.calo_count,
        noise=par.calo_noise,
        et_max=par.calo_et_max,
        hcal_noise=par.calo_hcal_noise,
        stray=par.calo_stray,
        stray_et=par.calo_stray_et,
    )


class Signals(NamedTuple):
    """Energies of one event [MeV]; `n` cells of the ECAL, `m` deposits.

    Attributes:
        ecal: energy of each cell as read out, shape ``(n,)``.
        prs: preshower energy in front of it.
        spd: whether the SPD cell in front is lit.
        hcal: energy of each cell of the HCAL.
        cell, source, energy: true deposits, cell by cell of each arrival, shape ``(m,)``.
    """

    ecal: Floats
    prs: Floats
    spd: Mask
    hcal: Floats
    cell: Ints
    source: Ints
    energy: Floats


class Work(NamedTuple):
    """Room for one shower after the other.

    Attributes:
        slices: as from `em_slices`, shape ``(MAX_SLICES, 5)``.
        cells, energies: cells of the shower and their energies [MeV], shape ``(_SCRATCH,)``.
        scratch: as long.
    """

    slices: Floats
    cells: Ints
    energies: Floats
    scratch: Floats


class Given(NamedTuple):
    """Showers of some arrivals of one event that were made elsewhere; `m` deposits.

    Attributes:
        first: deposits of arrival i are those from ``first[i]`` to before ``first[i + 1]``; where
            there are none its shower is made here.
        cell: cells of the ECAL, shape ``(m,)``.
        share: what they hold of the energy of the particle, shape ``(m,)``.
    """

    first: Ints
    cell: Ints
    share: Floats

    def of(self, arrivals: slice) -> Given:
        """Those of some arrivals that follow each other."""
        first = self.first[arrivals.start : arrivals.stop + 1]
        mine = slice(first[0], first[-1])
        return Given(first - first[0], self.cell[mine], self.share[mine])


class Bench(NamedTuple):
    """What the particles of one event meet and fill."""

    resp: Response
    signals: Signals
    work: Work
    given: Given


@inner
def _spread(axis, reach, cells, work):  # type: ignore[no-untyped-def]
    """Mean energies of the shower in `work` in the cells within reach of it.

    Args:
        axis: x, y at the face [mm], tx, ty.
        reach: distance to go [mm].
        cells: the calorimeter.
        work: `Work`; cells and energies are filled.

    Returns:
        Number of cells found.
    """
    slices, found, energies, scratch = work
    x_low = y_low = 1e9
    x_high = y_high = -1e9
    for k in range(MAX_SLICES):
        if slices[k, 0] > 0.0:
            x, y = axis[0] + axis[2] * slices[k, 1], axis[1] + axis[3] * slices[k, 1]
            x_low, x_high = min(x_low, x), max(x_high, x)
            y_low, y_high = min(y_low, y), max(y_high, y)
    n = 0
    for r in range(len(cells.size)):
        size, half_x, half_y = cells.size[r], cells.half[r, 0], cells.half[r, 1]
        i0 = max(math.floor((x_low - reach + half_x) / size), 0)
        i1 = min(math.floor((x_high + reach + half_x) / size) + 1, cells.n_x[r])
        j0 = max(math.floor((y_low - reach + half_y) / size), 0)
        j1 = min(math.floor((y_high + reach + half_y) / size) + 1, cells.n_y[r])
        if i1 <= i0 or j1 <= j0 or (i1 - i0) * (j1 - j0) > len(scratch):
            continue
        base = cells.offset[r]
        if not _any_exists(cells, base, cells.n_x[r], i0, i1, j0, j1):
            continue
        grid = Grid(i0 * size - half_x, j0 * size - half_y, size, i1 - i0, j1 - j0)
        for k in range((i1 - i0) * (j1 - j0)):
            scratch[k] = 0.0
        for k in range(MAX_SLICES):
            if slices[k, 0] > 0.0:
                x, y = axis[0] + axis[2] * slices[k, 1], axis[1] + axis[3] * slices[k, 1]
                add_slice(x, y, slices[k], grid, scratch)
        for j in range(j0, j1):
            for i in range(i0, i1):
                c = base + j * cells.n_x[r] + i
                if cells.exists[c] and n < len(found):
                    found[n] = c
                    energies[n] = scratch[(j - j0) * (i1 - i0) + i - i0]
                    n += 1
    return n


@inner
def _any_exists(cells, base, n_x, i0, i1, j0, j1):  # type: ignore[no-untyped-def]
    for j in range(j0, j1):
        for i in range(i0, i1):
            if cells.exists[base + j * n_x + i]:
                return True
    return False


@inner
def moyal(mip, state):  # type: ignore[no-untyped-def]
    """Energy loss of one minimum-ionising particle: Moyal's form of Landau's law."""
    g = normal(state)
    return max(mip[0] - mip[1] * math.log(max(g * g, 1e-12)), 0.0)


@inner
def _preshower(n, mip, state):  # type: ignore[no-untyped-def]
    """Preshower energy of `n` minimum-ionising particles."""
    if n > _MANY:
        spread = math.sqrt(n) * _MOYAL_SIGMA * mip[1]
        return max(n * (mip[0] + _MOYAL_MEAN * mip[1]) + spread * normal(state), 0.0)
    total = 0.0
    for _ in range(n):
        total += moyal(mip, state)
    return total


@inner
def _line(energy, depth, slices):  # type: ignore[no-untyped-def]
    """Slices of an even energy loss along a line down to `depth` [mm]."""
    for k in range(MAX_SLICES):
        slices[k, 0] = energy / MAX_SLICES
        slices[k, 1] = depth * (k + 0.5) / MAX_SLICES
        slices[k, 2], slices[k, 3], slices[k, 4] = _MIP_CORE, _MIP_TAIL, _MIP_SHARE


@inner
def _single(energy, depth, radius, slices):  # type: ignore[no-untyped-def]
    """One slice."""
    for k in range(MAX_SLICES):
        for column in range(5):
            slices[k, column] = 0.0
    slices[0, 0], slices[0, 1], slices[0, 2], slices[0, 4] = energy, depth, radius, 1.0
    slices[0, 3] = radius


@inner
def _behind(energy, axis, bench, state):  # type: ignore[no-untyped-def]
    """Put a hadronic energy into the HCAL."""
    resp, signals, work = bench.resp, bench.signals, bench.work
    portion = 1000.0 * resp.hcal_resolution * resp.hcal_resolution
    seen = portion * gamma(state, energy / portion)
    _single(seen, resp.hcal_z - resp.face_z + _HCAL_DEPTH, resp.hadron_width, work.slices)
    n = _spread(axis, _HADRON_REACH * resp.hadron_width, resp.hcal, work)
    for i in range(n):
        signals.hcal[work.cells[i]] += work.energies[i]


@inner
def _store(n, m, source, bench):  # type: ignore[no-untyped-def]
    """Add the cells of one shower to the event; returns the new number of deposits."""
    signals, work = bench.signals, bench.work
    for i in range(n):
        if work.energies[i] > 0.0 and m < len(signals.cell):
            signals.ecal[work.cells[i]] += work.energies[i]
            signals.cell[m] = work.cells[i]
            signals.source[m] = source
            signals.energy[m] = work.energies[i]
            m += 1
    return m


@inner
def _take(k, bench):  # type: ignore[no-untyped-def]
    """Put the shower that arrival `k` was given into `work`; returns the number of its cells.

    Of its energy as much is in the ECAL as of the one that was drawn here: the rest stays in the
    lead in front or leaks out behind.
    """
    work, given = bench.work, bench.given
    inside = 0.0
    for i in range(MAX_SLICES):
        inside += work.slices[i, 0]
    n = 0
    for i in range(given.first[k], given.first[k + 1]):
        if n < len(work.cells):
            work.cells[n] = given.cell[i]
            work.energies[n] = inside * given.share[i]
            n += 1
    return n


@inner
def _em(k, m, energy, is_photon, axis, bench, state):  # type: ignore[no-untyped-def]
    """Photon or electron; returns the number of deposits and the particles in the preshower."""
    resp, work = bench.resp, bench.work
    slope = math.sqrt(axis[2] * axis[2] + axis[3] * axis[3])
    rate, leak = em_slices(energy, is_photon, 0.0, slope, resp.mat, work.slices, state)
    if bench.given.first[k + 1] > bench.given.first[k]:
        n = _take(k, bench)
    else:
        n = _spread(axis, reach_of(energy), resp.ecal, work)
        fluctuate(work.energies, n, resp.mat, state)
    m = _store(n, m, k, bench)
    if leak > _LEAST_LEAK:
        _behind(leak, axis, bench, state)
    if rate <= 0.0:
        return m, 0
    # An electron is there itself; a fresh pair counts as two.
    return m, max(poisson(state, rate / resp.prs_mip_x0), 2 if is_photon else 1)


@inner
def _hadron(k, m, p, species, axis, bench, state):  # type: ignore[no-untyped-def]
    """Muon or hadron; returns the number of deposits and the particles in the preshower."""
    resp, signals, work = bench.resp, bench.signals, bench.work
    mass = MASS[species]
    left = math.sqrt(p * p + mass * mass) - mass
    along = math.sqrt(1.0 + axis[2] * axis[2] + axis[3] * axis[3])
    length = resp.mat.length * resp.mat.x0
    where = NEVER
    if species >= PION:
        where = exponential(state) * resp.lambda_of[species - PION] / along
    where -= resp.lambdas[0]
    depth = min(max(where / resp.lambdas[1], 0.0), 1.0)
    mip = min(moyal(resp.mip, state) * depth * along, left)
    if mip > 0.0:
        _line(mip, depth * length, work.slices)
        m = _store(_spread(axis, _MIP_REACH, resp.ecal, work), m, k, bench)
        left -= mip
    if species == MUON:
        seen = min(moyal(resp.hcal_mip, state) * along, left)
        _single(seen, _MUON_DEPTH, _MUON_RADIUS, work.slices)
        n = _spread(axis, _MIP_REACH, resp.hcal, work)
        for i in range(n):
            signals.hcal[work.cells[i]] += work.energies[i]
        return m, 1
    if where < resp.lambdas[1]:
        m, left = _interaction(k, m, left, max(where, 0.0), axis, bench, state)
    if left > 0.0:
        _behind(left, axis, bench, state)
    return m, (2 + poisson(state, _EARLY_TRACKS) if where < 0.0 else 1)


@inner
def _interaction(k, m, energy, where, axis, bench, state):  # type: ignore[no-untyped-def]
    """Hadronic shower that starts `where` [interaction lengths] in the ECAL.

    Returns:
        The number of deposits and the energy that goes on to the HCAL.
    """
    resp, work = bench.resp, bench.work
    slices = work.slices
    a, b = gamma(state, resp.hadron_em[0]), gamma(state, resp.hadron_em[1])
    em = energy * a / (a + b)
    depth = where / resp.lambdas[1]
    left = energy - em
    if em > _LEAST_EM:
        slope = math.sqrt(axis[2] * axis[2] + axis[3] * axis[3])
        start = resp.mat.lead + depth * resp.mat.length
        _, leak = em_slices(em, True, start, slope, resp.mat, slices, state)
        for i in range(MAX_SLICES):
            slices[i, 2] *= resp.hadron_core
            slices[i, 3] *= resp.hadron_core
        n = _spread(axis, reach_of(em), resp.ecal, work)
        fluctuate(work.energies, n, resp.mat, state)
        m = _store(n, m, k, bench)
        left += leak
    stopped = (energy - em) * (1.0 - math.exp(where - resp.lambdas[1]))
    # Four portions: what a nucleus gives back to the scintillator fluctuates by a half.
    seen = stopped * resp.hadron_response * 0.25 * gamma(state, 4.0)
    if seen > 0.0:
        middle = 0.5 * (1.0 + depth) * resp.mat.length * resp.mat.x0
        _single(seen, middle, resp.hadron_width, slices)
        n = _spread(axis, reach_of(seen), resp.ecal, work)
        m = _store(n, m, k, bench)
    return m, left - stopped


@inner
def _splash(x, y, scale, resp, spd, state):  # type: ignore[no-untyped-def]
    """Light SPD cells by what a shower throws back."""
    for _ in range(poisson(state, resp.splash)):
        dx, dy = resp.splash_radius * normal(state), resp.splash_radius * normal(state)
        c = cell_at((x + dx) * scale, (y + dy) * scale, resp.ecal)
        if c >= 0:
            spd[c] = True


@inner
def fill(rows, codes, resp, signals, given, state):  # type: ignore[no-untyped-def]
    """Follow the arrivals of one event into the calorimeters.

    Args:
        rows: x, y [mm], tx, ty at the SPD and p [MeV], shape ``(k, 5)``.
        codes: species and charge, shape ``(k, 2)``.
        resp: `Response`.
        signals: `Signals`, zeroed before; filled.
        given: `Given`.
        state: random stream.

    Returns:
        Number of true deposits.
    """
    work = Work(
        slices=np.zeros((MAX_SLICES, 5)),
        cells=np.empty(_SCRATCH, np.int64),
        energies=np.empty(_SCRATCH),
        scratch=np.empty(_SCRATCH),
    )
    bench = Bench(resp, signals, work, given)
    axis = np.empty(4)
    m, scale, lever = 0, resp.face_z / resp.spd_z, resp.face_z - resp.spd_z
    for k in range(len(rows)):
        x, y, tx, ty, p = rows[k, 0], rows[k, 1], rows[k, 2], rows[k, 3], rows[k, 4]
        species = codes[k, 0]
        axis[0], axis[1], axis[2], axis[3] = x + tx * lever, y + ty * lever, tx, ty
        front = cell_at(x * scale, y * scale, resp.ecal)
        if front >= 0 and codes[k, 1] != 0 and uniform(state) < resp.spd_efficiency:
            signals.spd[front] = True
        if species != MUON:
            _splash(x, y, scale, resp, signals.spd, state)
        if species in (ELECTRON, PHOTON):
            is_photon = species == PHOTON
            m, n = _em(k, m, p, is_photon, axis, bench, state)
        else:
            m, n = _hadron(k, m, p, species, axis, bench, state)
        if front >= 0:
            signals.prs[front] += _preshower(n, resp.prs_mip, state)
    return m
