"""The detector as a list of thin planes in z, with what each measures and weighs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints
from .parameters import Parameters

VELO, TT, T, PASSIVE, RICH1, RICH2, SPD, PIPE = range(8)
"""Kinds of plane; the RICH planes only note the state in the middle of the radiator."""

N_VELO, N_TT, N_T = 42, 4, 24
FIRST_TT = N_VELO
FIRST_T = N_VELO + N_TT
N_MEASUREMENTS = N_VELO + N_TT + N_T
"""Measurements: R and phi of 21 VELO stations, 4 of TT, 12 double layers of the T stations."""


_T_MONOLAYER = 2.75
"""Half the distance [mm] of the two monolayers of straws of a T layer [D]."""
_RICH1_Z, _RICH2_Z = 1501.0, 10701.0
"""Middle of the gas of the RICH detectors, a millimetre behind the sheets that stand for it."""


class Planes(NamedTuple):
    """Planes sorted in z; arrays of shape ``(n_planes,)``.

    Attributes:
        z: position [mm].
        kind: one of the constants of this module.
        measurement: first measurement the plane makes, -1 for none.
        angle: angle of the measured coordinate to x [rad] (TT, T).
        x0: thickness in radiation lengths at normal incidence.
    """

    z: Floats
    kind: Ints
    measurement: Ints
    angle: Floats
    x0: Floats


class Detector(NamedTuple):
    """The numbers of `Parameters` that compiled code needs, under the same names."""

    velo_r_min: float
    velo_r_max: float
    velo_support_r: float
    velo_pitch_inner: float
    velo_pitch_outer: float
    velo_resolution: float
    velo_efficiency: float
    tt_half_x: float
    tt_half_y: float
    tt_hole: float
    tt_resolution: float
    tt_efficiency: float
    t_half_x: float
    t_half_y: float
    t_hole: float
    it_half_x: tuple[float, ...]
    it_half_y: tuple[float, ...]
    it_resolution: float
    it_efficiency: float
    ot_resolution: float
    ot_efficiency: float
    hit_error_spread: float
    outlier_fraction: float
    outlier_scale: float
    foil_radius: float
    foil_x0: float
    beam_pipe_slope: float
    pipe_angle: float
    pipe_least: float
    scattering_tail: float
    scattering_tail_range: tuple[float, ...]
    interaction_per_x0: float
    pipe_interaction_per_x0: float
    interaction_of: tuple[float, ...]
    interaction_fall: tuple[float, ...]
    elastic_share: float
    elastic_kick: float
    ionisation_per_x0: float
    aperture_x: float
    aperture_y: float


class Spectrometer(NamedTuple):
    """What particles fly through and tracks are fitted in, for compiled code.

    Attributes:
        planes: the planes.
        det: numbers of the detector.
        magnet: peak field [T], centre and width [mm], see `magnet`.
    """

    planes: Planes
    det: Detector
    magnet: tuple[float, float, float]


def detector(par: Parameters) -> Detector:
    """Pick the numbers for compiled code."""
    return Detector(**{name: getattr(par, name) for name in Detector._fields})


def spectrometer(planes: Planes, par: Parameters) -> Spectrometer:
    """Planes of `build_planes`, or some of them, with the numbers of the detector."""
    return Spectrometer(planes, detector(par), magnet(par))


def build_planes(par: Parameters) -> Planes:
    """The planes of the reference detector in order of z."""
    rows: list[tuple[float, int, int, float, float]] = []
    for i, z in enumerate(par.velo_z):
        rows.append((z, VELO, 2 * i, 0.0, par.velo_x0))
    rows.append((par.velo_exit_z, PASSIVE, -1, 0.0, par.velo_exit_x0))
    rows += [(z, PASSIVE, -1, 0.0, x0) for z, x0 in par.passive]
    rows.append((par.pipe_z, PIPE, -1, 0.0, par.pipe_x0))
    stereo = (0.0, par.stereo_angle, -par.stereo_angle, 0.0)
    for i, z in enumerate(par.tt_z):
        rows.append((z, TT, FIRST_TT + i, stereo[i], par.tt_x0))
    for s, centre in enumerate(par.t_centres):
        for i, dz in enumerate(par.t_layer_dz):
            first = FIRST_T + 2 * (4 * s + i)
            for mono in (0, 1):
                z = centre + dz + (2 * mono - 1) * _T_MONOLAYER
                rows.append((z, T, first + mono, stereo[i], 0.5 * par.t_x0))
    rows.append((_RICH1_Z, RICH1, -1, 0.0, 0.0))
    rows.append((_RICH2_Z, RICH2, -1, 0.0, 0.0))
    rows.append((par.spd_z, SPD, -1, 0.0, 0.0))
    rows.sort()
    columns = (np.array(column) for column in zip(*rows, strict=True))
    return Planes(**dict(zip(Planes._fields, columns, strict=True)))


def t2_plane(par: Parameters) -> float:
    """Z [mm] of `transport.Simulated.t2`: the first monolayer of the second T station."""
    return par.t_centres[1] + par.t_layer_dz[0] - _T_MONOLAYER


def magnet(par: Parameters) -> tuple[float, float, float]:
    """Signed peak field [T], centre [mm] and width [mm] of the Gaussian profile."""
    peak = par.polarity * par.bending_power * 1e3 / (par.magnet_width * np.sqrt(2.0 * np.pi))
    return float(peak), par.magnet_centre, par.magnet_width
