"""Particles through the detector, from plane to plane: hits, secondaries, decays.

Between the planes a particle flies through the field and may decay; at a plane it may leave hits
and meets the material (`matter`).  Secondaries are followed in the same way.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Keys, Mask
from . import geometry
from .compiled import inlined, inner, kernel
from .field import propagate
from .matter import MIN_P, NEVER, Particle, cross_plane, decay_point, decayed, material_on_path
from .parameters import Parameters
from .sensors import Hits, measure

_PASSIVE = geometry.PASSIVE
_RICH1, _RICH2, _SPD = geometry.RICH1, geometry.RICH2, geometry.SPD
_FIRST_T2 = geometry.FIRST_T + 8
_N_MEAS = geometry.N_MEASUREMENTS
_FOIL_END = 800.0  # mm, end of the vacuum box of the VELO
_MAX_SLOPE = 1.5  # of what the field bent out of the detector
_MAX_STACK = 256  # secondaries that wait to be followed; what is beyond is lost
_YOKE = (3000.0, 7500.0)  # mm, from where to where the opening of the magnet limits
_START_COLUMNS = 8  # x, y, z, tx, ty, p, species, charge
_STACK_COLUMNS = len(Particle._fields)


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
        error: error assigned to the measured coordinate [mm], same shape.
        hit: whether there is a hit, same shape.
        rich: tx, ty, p, x, y in the middle of RICH 1 and 2, p = 0 where it never came, shape
            ``(n, 2, 5)``.
        rich_species: species there, shape ``(n, 2)``: a pion may have become a muon.
        t2: x, y [mm], tx, ty at the second T station, shape ``(n, 4)``; NaN where it never came.
        spd: x, y [mm], tx, ty, p [MeV] at the SPD, NaN where it never came, shape ``(n, 5)``.
        spd_species: species there.
        end_z: z where it decayed, interacted or left [mm].
        decay_z: z where it decayed [mm], 0 if it did not before the SPD.
    """

    row: Ints
    generation: Ints
    species: Ints
    charge: Ints
    start: Floats
    value: Floats
    angle: Floats
    error: Floats
    hit: Mask
    rich: Floats
    rich_species: Ints
    t2: Floats
    spd: Floats
    spd_species: Ints
    end_z: Floats
    decay_z: Floats

    def hits(self, rows: Ints) -> Hits:
        """Copies of the measurements of some entries, shapes ``(len(rows), N_MEASUREMENTS)``."""
        return Hits(self.value[rows], self.angle[rows], self.error[rows], self.hit[rows])


@kernel
def _follow(keys, initial, spectrometer, out):  # type: ignore[no-untyped-def]
    """Follow all particles; returns how many entries were made, -1 if `out` is too small.

    Args:
        keys: stream key of each generated particle, shape ``(n,)``.
        initial: x, y, z, tx, ty, p, species, charge of each, shape ``(n, 8)``.
        spectrometer: `geometry.Spectrometer`.
        out: `Simulated`, to be filled.
    """
    state = np.zeros(1, dtype=np.uint64)
    stack = np.zeros((_MAX_STACK, _STACK_COLUMNS))
    made = 0
    for i in range(len(keys)):
        state[0] = keys[i]
        for column in range(_START_COLUMNS):
            stack[0, column] = initial[i, column]
        stack[0, _START_COLUMNS] = 0.0
        depth = 1
        while depth > 0:
            depth -= 1
            if stack[depth, 5] < MIN_P:
                continue
            if made >= len(out.row):
                return -1
            out.row[made] = i
            depth = _fly(made, stack, depth, spectrometer, out, state)
            made += 1
    return made


@inner
def _fly(k, stack, depth, spectrometer, out, state):  # type: ignore[no-untyped-def]
    """Follow the particle in row `depth` of the stack as entry `k`; returns the new depth."""
    planes, det, magnet = spectrometer.planes, spectrometer.det, spectrometer.magnet
    top = stack[depth]
    x, y, z, tx, ty, p = top[0], top[1], top[2], top[3], top[4], top[5]
    species, charge, generation = int(top[6]), top[7], int(top[8])
    out.generation[k], out.species[k], out.charge[k] = generation, species, int(charge)
    for column in range(6):
        out.start[k, column] = top[column]
    decay_z = decay_point(z, tx, ty, p, species, state)
    outside_foil = x * x + y * y > det.foil_radius * det.foil_radius
    for j in range(len(planes.z)):
        z_plane = planes.z[j]
        if z_plane <= z:
            continue
        if decay_z < z_plane:
            x, y, tx, ty = propagate(x, y, tx, ty, charge / p, z, decay_z, magnet)
            z, decay_z = decay_z, NEVER
            out.end_z[k] = out.decay_z[k] = z
            species, tx, ty, p = decayed(tx, ty, p, species, state)
        if p >= MIN_P and not outside_foil and z_plane < _FOIL_END:
            dz = _to_foil(x, y, tx, ty, z_plane - z, det.foil_radius)
            if dz != NEVER:
                outside_foil = True
                x, y, z = x + tx * dz, y + ty * dz, z + dz
                at_foil = Particle(x, y, z, tx, ty, p, species, charge, generation)
                depth, tx, ty, p = cross_plane(
                    stack, depth, at_foil, det.foil_x0, _PASSIVE, det, state
                )
        if p < MIN_P:
            break
        x, y, tx, ty = propagate(x, y, tx, ty, charge / p, z, z_plane, magnet)
        z = z_plane
        if _is_lost(x, y, z, tx, ty, det):
            break
        kind = planes.kind[j]
        here = Particle(x, y, z, tx, ty, p, species, charge, generation)
        if kind == _SPD:
            spd = out.spd[k]
            spd[0], spd[1], spd[2], spd[3], spd[4] = x, y, tx, ty, p
            out.spd_species[k] = species
            break
        if charge != 0.0:
            _record(k, j, here, spectrometer, out, state)
        path = material_on_path(kind, planes.x0[j], x, y, z, tx, ty, det)
        if path > 0.0:
            depth, tx, ty, p = cross_plane(stack, depth, here, path, kind, det, state)
            if p < MIN_P:
                break
    out.end_z[k] = min(out.end_z[k], z)
    return depth


@inner
def _is_lost(x, y, z, tx, ty, det):  # type: ignore[no-untyped-def]
    """Whether a particle was bent out of the detector or hits the yoke of the magnet."""
    if abs(tx) > _MAX_SLOPE or abs(ty) > _MAX_SLOPE:
        return True
    return _YOKE[0] < z < _YOKE[1] and (abs(x) > det.aperture_x * z or abs(y) > det.aperture_y * z)


@inlined
def _record(k, j, particle, spectrometer, out, state):  # type: ignore[no-untyped-def]
    """Note what plane `j` sees of a charged particle: hits or the state in a radiator."""
    kind, m = spectrometer.planes.kind[j], spectrometer.planes.measurement[j]
    x, y, tx, ty = particle.x, particle.y, particle.tx, particle.ty
    if kind in (_RICH1, _RICH2):
        rich = out.rich[k, kind - _RICH1]
        rich[0], rich[1], rich[2], rich[3], rich[4] = tx, ty, particle.p, x, y
        out.rich_species[k, kind - _RICH1] = particle.species
    elif m >= 0:
        measure(k, j, x, y, spectrometer, out, state)
        if m == _FIRST_T2:
            t2 = out.t2[k]
            t2[0], t2[1], t2[2], t2[3] = x, y, tx, ty


@inner
def _to_foil(x, y, tx, ty, dz, radius):  # type: ignore[no-untyped-def]
    """Step in z at which a line from inside of the foil crosses it; `NEVER` if not within `dz`."""
    xn, yn = x + tx * dz, y + ty * dz
    if xn * xn + yn * yn <= radius * radius:
        return NEVER
    a = tx * tx + ty * ty
    b = x * tx + y * ty
    c = x * x + y * y - radius * radius
    return (-b + math.sqrt(b * b - a * c)) / a


def follow(
    keys: Keys,
    initial: Floats,
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
    spectrometer = geometry.spectrometer(planes, par)
    while True:
        out = _empty(size)
        made = _follow(keys, initial, spectrometer, out)
        if made >= 0:
            return Simulated._make(a[:made] for a in out)
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
        error=np.zeros((n, _N_MEAS)),
        hit=np.zeros((n, _N_MEAS), np.bool_),
        rich=np.zeros((n, 2, 5)),
        rich_species=np.zeros((n, 2), integer),
        t2=np.full((n, 4), np.nan),
        spd=np.full((n, 5), np.nan),
        spd_species=np.zeros(n, integer),
        end_z=np.full(n, NEVER),
        decay_z=np.zeros(n),
    )
