"""The covariance that an ideal Kalman filter gives a track: all hits found, with nominal errors.

A filter like that of a real track fit (Fruehwirth, NIM A262 (1987) 444) runs from the T stations
through a thin-lens dipole, the TT and the VELO to the point closest to the beam, with Highland's
scattering in the material (Lynch and Dahl, NIM B58 (1991) 6).  Nothing is measured: the covariance
depends on the geometry and the momentum alone.  A real fit fluctuates about it; missing hits and
the errors of single hits are left to the models.

Geometry: LHCb detector, JINST 3 (2008) S08005, resolutions arXiv:1412.6352 with alignment, material
as radiation lengths of thin sheets.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from scipy.special import ndtr

from ...arrays import Columns, Floats, Ints, Mask
from ...physics.particles import MASSES
from ...physics.passage import CURVATURE, HIGHLAND, HIGHLAND_PATH
from ...schema import TRACK_TYPES
from ..features import in_frame, on_silicon
from ..geometry import (
    FOIL_RADIUS,
    FOIL_X0,
    MAGNET_WIDTH,
    MAGNET_Z,
    MATTER_BEFORE_TT,
    PIPE_SLOPE,
    T_HALF,
    T_STATION_Z,
    TT_HALF,
    TT_HOLE,
    TT_LAYER_Z,
    VELO_INNER,
    VELO_OUTER,
    VELO_PITCH,
    VELO_STATIONS,
    VELO_X0,
)

_PION_MASS = MASSES[211]
_KICK = CURVATURE * 4000.0
"""Change of slope of the dipole times p [MeV] (4 T m); `geometry.KICK` is this, rounded."""
_T_WEIGHTS = ((4.0 * 0.985 / 0.122**2), (4.0 * 2.0 * 0.92 / 0.268**2))
"""Information [1/mm^2] on x of a station of silicon and of straws: four layers, over the square of
the error; straws have two layers of tubes each."""
_T_X0 = 4 * 0.0135
"""Radiation lengths of a T station."""
_STEREO = 0.0872665
"""Angle of the stereo layers, 5 degrees [rad]."""
_TT_LAYERS = tuple(zip(TT_LAYER_Z[::-1], (0.0, -_STEREO, _STEREO, 0.0), strict=True))
"""z [mm] and angle of the layers of the TT, from the last to the first."""
_TT_ERROR, _TT_X0 = 0.075, 0.011
"""Error of a hit [mm], radiation lengths of a layer; the detailed simulation has 0.083 for the
error, tuned later, as that of the VELO below."""
_VELO_ERROR = 0.275
"""Error of a VELO hit over the pitch of its strips.  The detailed
simulation has 0.28: it was tuned later, and models learn residuals in units of this filter, for
which two per cent mean nothing.  To change it means to train them again."""
_MAGNET_SHEETS = (6000.0, 4000.0)
_MAGNET_X0 = 0.025
"""z [mm] of air and supports on either side of the centre of the magnet, radiation lengths each;
0.031 in the detailed simulation, tuned later."""
_PIPE = (1350.0, 0.0036, 0.026, 0.006)
"""Cone of the beam pipe before it was tuned, see `geometry.PIPE_CONE`: models learn residuals in
units of this filter, as above."""
_FRINGE_Z = 1750.0
"""Mean z [mm] of the field before the TT."""
_MAIN_Z = 5350.0
"""Mean z [mm] of the field behind the TT."""
_PRIOR = (1e4, 1e4, 0.04, 0.04, 1e-6)
"""Variances of x, y, tx, ty and q/p before the first hit."""
_LOG_P = (2.0, 6.0)
"""Range of log10 p [MeV] beyond which a filter is not asked."""
_RIDGE = 1e-9
"""Share by which variances are raised at the end: more than rounding took off."""
_BLOCK = 4096
"""Rows at a time: what a filter holds stays in the cache."""

_PAIRS = (*((i, 0) for i in range(5)), *((i, 1) for i in range(5)))
_PAIRS += tuple((i, j) for j in range(2, 5) for i in range(j, 5))
"""Elements of a covariance that a filter keeps: the lower triangle, column after column, and the
covariance of x and y twice.  So ordered, whatever is treated alike can be reached by slices."""
_COLUMNS = (slice(0, 5), slice(6, 10), slice(10, 13), slice(13, 15), slice(15, 16))
"""Where the columns of the lower triangle stand among them."""
_ROW, _COLUMN = (np.array(side) for side in zip(*_PAIRS, strict=True))
_ROW[5], _COLUMN[5] = 1, 0
_FEW = 256
"""Tracks below which fewer calls of NumPy are cheaper than fewer copies."""
_SQUARE = [_PAIRS.index((max(i, j), min(i, j))) for i in range(5) for j in range(5)]
"""Where the elements of the matrix stand among them."""


class _Filter:
    """Covariances of (x, y, tx, ty, q/p) of many straight lines on their way to the beam.

    For few tracks the calls of NumPy are what costs: many elements are treated at once.

    Args:
        track: state and type of the tracks, see `expected_covariance`.

    Attributes:
        c: elements of the covariances in the order of `_PAIRS`, shape ``(16, n)``.
    """

    def __init__(self, track: Columns) -> None:
        self.p = 10.0 ** np.clip(track["log_p"], *_LOG_P)
        self.tx, self.ty = (np.clip(track[c], -1.0, 1.0) for c in ("tx", "ty"))
        self.zero_z = track["ctb_z"]
        phi = np.arctan2(self.ty, self.tx)
        self.cos, self.sin = np.cos(phi), np.sin(phi)
        self.d = track["ctb_d"]
        self.slope2 = np.maximum(self.tx**2 + self.ty**2, 1e-10)
        self.norm = np.sqrt(1.0 + self.slope2)
        # Variance of a slope across the track for each radiation length met head on.
        beta2 = 1.0 / (1.0 + (_PION_MASS / self.p) ** 2)
        self.kick = (
            (HIGHLAND * HIGHLAND_PATH / self.p) ** 2 / beta2 * (1.0 + self.slope2) * self.norm
        )
        self.spread = np.stack([1.0 + self.tx**2, 1.0 + self.ty**2])
        self.open = (self.slope2 > PIPE_SLOPE**2) * 1.0
        self.c = np.zeros((len(_PAIRS), len(self.p)))
        self.z: Floats | float = T_STATION_Z[-1]
        self.forget(np.ones(len(self.p), dtype=bool))

    def forget(self, rows: Mask) -> None:
        """Start anew with some of the tracks, knowing nothing."""
        self.c[:, rows] = np.array([_PRIOR[i] if i == j else 0.0 for i, j in _PAIRS])[:, None]

    def measure(self, cos: Floats | float, sin: Floats | float, weight: Floats) -> None:
        """Take in cos x + sin y with the information `weight` [1/mm^2], 0 for none."""
        c = self.c
        ch = c[0:5] * cos + c[5:10] * sin
        g = weight / (1.0 + weight * (ch[0] * cos + ch[1] * sin)) * ch
        if c.shape[1] < _FEW:
            c -= g.take(_ROW, axis=0) * ch.take(_COLUMN, axis=0)
            return
        for j, column in enumerate(_COLUMNS):  # no element is copied
            c[column] -= g[j:] * ch[j]
        c[5] = c[1]

    def drift(self, z: Floats | float) -> None:
        """Go to another plane in a straight line."""
        dz = z - self.z
        c = self.c
        c[1] += dz * c[7]
        c[2:5] += dz * c[10:13]
        c[1] += dz * c[3]
        c[7] += dz * c[11]
        c[8:10] += dz * c[13:15]
        c[5] = c[1]
        # The covariances already hold the other terms: var += 2 dz cov + dz^2 var of the slope.
        c[0:7:6] += dz * (2.0 * c[2:9:6] - dz * c[10:14:3])
        self.z = z

    def scatter(self, x0: Floats | float) -> None:
        """Cross `x0` radiation lengths."""
        w = self.kick * x0
        self.c[10:14:3] += w * self.spread
        self.c[11] += w * self.tx * self.ty

    def bend(self, z: float, share: float) -> None:
        """Cross a thin lens with a share of the field backwards: the slopes change by its kick."""
        self.drift(z)
        c = self.c
        kick = -_KICK * share * self.norm
        f = kick * self.spread[0]
        c[2:8:5] += f * c[4:10:5]
        c[11:13] += f * c[14:16]
        c[10] += f * (2.0 * c[12] - f * c[15])
        f = kick * self.tx * self.ty
        c[3:9:5] += f * c[4:10:5]
        c[11:15:3] += f * c[12:16:3]
        c[13] += f * (2.0 * c[14] - f * c[15])

    def ordered(self, rows: Ints) -> _Filter:
        """The tracks in another order, on their own."""
        part = copy(self)
        for name, values in vars(self).items():
            setattr(part, name, values.take(rows, axis=-1) if np.ndim(values) else values)
        return part

    def first(self, n: int) -> _Filter:
        """The first `n` tracks, which share their covariances with the whole."""
        part = copy(self)
        part.c, part.spread = self.c[:, :n], self.spread[:, :n]
        part.kick, part.tx, part.ty = self.kick[:n], self.tx[:n], self.ty[:n]
        return part

    def radius(self, z: Floats) -> Floats:
        """Distance of the straight line from the beam."""
        found: Floats = np.sqrt(self.d**2 + self.slope2 * (z - self.zero_z) ** 2)
        return found

    def at(self, z: Floats | float) -> tuple[Floats, Floats]:
        """X and y of the straight line before the magnet."""
        dz = z - self.zero_z
        return self.tx * dz - self.d * self.sin, self.ty * dz + self.d * self.cos

    def matrices(self) -> Floats:
        """The covariances, shape ``(n, 5, 5)``."""
        return self.c[_SQUARE].T.reshape(-1, 5, 5)


def _field_before(z: float) -> float:
    """Share of the bending power upstream of a plane."""
    return float(ndtr((z - MAGNET_Z) / MAGNET_WIDTH))


def _t_stations(f: _Filter, track: Columns, seen: Floats) -> None:
    """Three stations, of silicon or straws, for tracks with T hits."""
    for z in T_STATION_Z[::-1]:
        f.drift(z)
        x = np.abs(track["t3_x"] + track["tx_after"] * (z - T_STATION_Z[-1]))
        y = np.abs(f.at(z)[1])
        silicon = on_silicon(x, y)
        there = seen * ((x < T_HALF[0]) & (y < T_HALF[1]))
        weight = there * np.where(silicon, *_T_WEIGHTS)
        f.measure(1.0, 0.0, weight)
        f.measure(0.0, 1.0, weight * (0.5 * np.sin(_STEREO) ** 2))
        f.scatter(_T_X0)


def _velo(f: _Filter, born: Floats, seen: Floats) -> None:
    """The VELO stations, each with an R and a phi sensor."""
    stations, (inner, outer) = VELO_STATIONS[::-1], VELO_PITCH
    r = f.radius(stations[:, None])
    there = (r > VELO_INNER) & (r < VELO_OUTER) & (stations[:, None] > born) & (seen > 0.0)
    counts = there.sum(axis=0)
    # Each track goes through its own stations, those with most of them first: so the k-th step is
    # one of the first tracks only.
    tracks = np.argsort(-counts, kind="stable")
    counts, mine = counts[tracks], f.ordered(tracks)
    track, station = np.nonzero(there.T[tracks])
    step = np.arange(len(track)) - np.repeat(np.cumsum(counts) - counts, counts)
    own = np.zeros((int(counts.max(initial=0)), len(counts)), np.int64)
    own[step, track] = station
    z = stations[own]
    r = mine.radius(z)
    pitch = inner + (outer - inner) * (r - VELO_INNER) / (VELO_OUTER - VELO_INNER)
    weight = 1.0 / (_VELO_ERROR * pitch) ** 2
    # The sensors measure along and across the radius to the crossing, not to the direction.
    r = np.maximum(r, 1e-3)
    x, y = (place / r for place in mine.at(z))
    plane = mine.z + np.zeros(len(counts))
    for k, n in enumerate(np.searchsorted(-counts, -np.arange(len(own))).tolist()):
        part = mine.first(n)
        part.z = plane[:n]
        part.drift(z[k, :n])
        part.measure(x[k, :n], y[k, :n], weight[k, :n])
        part.measure(-y[k, :n], x[k, :n], weight[k, :n])
        part.scatter(VELO_X0)
        plane[:n] = z[k, :n]
    back = np.argsort(tracks)
    f.c, f.z = mine.c.take(back, axis=1), plane[back]


def _filtered(track: Columns) -> Floats:
    """Covariances of a block of tracks, shape ``(n, 5, 5)``."""
    kind = track["track_type"]
    has_t = (kind != TRACK_TYPES["upstream"]) * 1.0
    has_velo = (kind != TRACK_TYPES["downstream"]) * 1.0
    f = _Filter(track)
    _t_stations(f, track, has_t)
    f.drift(_MAGNET_SHEETS[0])
    f.scatter(_MAGNET_X0)
    f.bend(_MAIN_Z, 1.0 - _field_before(_TT_LAYERS[0][0]))
    f.drift(_MAGNET_SHEETS[1])
    f.scatter(_MAGNET_X0)
    f.drift(_TT_LAYERS[0][0])
    f.forget(kind == TRACK_TYPES["upstream"])
    _tt(f)
    f.bend(_FRINGE_Z, _field_before(_TT_LAYERS[-1][0]))
    z_pipe, wall, cone, least = _PIPE
    angle = cone - np.sqrt(f.slope2)
    for z, x0 in MATTER_BEFORE_TT:
        if z < z_pipe < f.z:
            f.drift(z_pipe)
            f.scatter(wall / np.maximum(angle, least) / f.norm * (angle > 0.0) * f.open)
        f.drift(z)
        f.scatter(x0 * f.open)
    _velo(f, track["vz"], has_velo)
    to_foil = np.sqrt(np.maximum(FOIL_RADIUS**2 - f.d**2, 0.0) / f.slope2)
    # A line that passes outside of the foil, or is first seen before its closest point, meets none.
    met = (np.abs(f.d) < FOIL_RADIUS) & (f.zero_z + to_foil < f.z)
    f.drift(np.where(met, f.zero_z + to_foil, f.z))
    f.scatter(FOIL_X0 / f.norm * met)
    f.drift(f.zero_z)
    matrix = f.matrices()
    for i in range(5):
        matrix[:, i, i] *= 1.0 + _RIDGE
    return matrix


def _tt(f: _Filter) -> None:
    """The four layers of the TT."""
    behind = _TT_LAYERS[0][0]
    for z, angle in _TT_LAYERS:
        f.bend(0.5 * (behind + z), _field_before(behind) - _field_before(z))
        behind = z
        f.drift(z)
        x, y = f.at(z)
        there = in_frame(x, y, TT_HALF, (TT_HOLE, TT_HOLE))
        f.measure(np.cos(angle), np.sin(angle), there / _TT_ERROR**2)
        f.scatter(_TT_X0 * f.open)


def expected_covariance(track: Columns) -> Floats:
    """Covariance of (x, y, tx, ty, q/p) at the point closest to the beam, shape ``(n, 5, 5)``.

    Args:
        track: ``log_p``, ``tx``, ``ty``, ``ctb_d``, ``ctb_z``, ``vz``, ``t3_x``, ``tx_after`` of
            true or reconstructed tracks, and ``track_type``; each of shape ``(n,)``.
    """
    n = len(track["log_p"])
    out = np.zeros((n, 5, 5))
    for start in range(0, n, _BLOCK):
        part = slice(start, start + _BLOCK)
        out[part] = _filtered({name: values[part] for name, values in track.items()})
    return out
