"""From hits to track candidates: what is reconstructible, what is found, and ghosts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import rng
from ..arrays import Floats, Ints, Mask
from . import geometry
from .compiled import kernel
from .field import KAPPA, propagate
from .parameters import Parameters
from .sensors import Hits
from .transport import Simulated

_T_FOUND = 0.95  # share of the T segments that are found in an empty event (chosen)
_SECANT_STEPS = 3
_SECANT_SHARE = 0.01  # of q/p, first step
_CLOSE = 1.0  # mm in x at T2, where the search of a momentum ends
_GHOST_QOP = (1e-6, 1.0 / 1000.0)  # 1/MeV, of combinations that are fitted
_PAIRS_OF = 100_000  # more than the particles followed in an event, to number pairs
_TT_LAYERS = 4


class Reconstructible(NamedTuple):
    """What the hits of each followed particle suffice for, boolean arrays of shape ``(n,)``.

    Definitions of LHCb: three VELO stations with R and phi; one x and one stereo hit in each T
    station; one x and one stereo hit in TT.
    """

    velo: Mask
    tt: Mask
    t: Mask

    @property
    def any_track(self) -> Mask:
        """Long, upstream or downstream: the particle is in the acceptance."""
        return (self.velo & self.t) | (self.velo & self.tt) | (self.tt & self.t)


def reconstructible(sim: Simulated, par: Parameters) -> Reconstructible:
    """Apply the definitions to the hits."""
    hit = sim.hit
    stations = (hit[:, 0 : geometry.N_VELO : 2] & hit[:, 1 : geometry.N_VELO : 2]).sum(axis=1)
    tt = hit[:, geometry.FIRST_TT : geometry.FIRST_T]
    layers = np.any(hit[:, geometry.FIRST_T :].reshape(-1, 3, 4, 2), axis=3)
    x, stereo = np.any(layers[:, :, [0, 3]], axis=2), np.any(layers[:, :, [1, 2]], axis=2)
    return Reconstructible(
        velo=stations >= par.velo_min_stations,
        tt=np.any(tt[:, [0, 3]], axis=1) & np.any(tt[:, [1, 2]], axis=1),
        t=np.all(x & stereo, axis=1),
    )


class Found(NamedTuple):
    """Segments that the pattern recognition found, boolean arrays of shape ``(n,)``."""

    velo: Mask
    long: Mask
    upstream: Mask
    downstream: Mask
    t: Mask


def find(
    sim: Simulated,
    able: Reconstructible,
    event: Ints,
    uniforms: Floats,
    n_events: int,
    par: Parameters,
) -> Found:
    """Decide what is found of each particle.

    The efficiencies fall with the number of VELO segments of the event (hits overlap, search
    windows hold more combinations) and, where a momentum window is needed, at low momentum.

    Args:
        sim: the followed particles.
        able: what they are reconstructible as.
        event: position of the event of each, shape ``(n,)``.
        uniforms: random numbers, shape ``(n, 4)``.
        n_events: number of events.
        par: parameters.
    """
    occupancy = np.bincount(event[able.velo], minlength=n_events)[event] / 100.0
    keep = np.clip(1.0 - par.occupancy_loss * occupancy, 0.0, 1.0)
    p = sim.start[:, 5]
    velo = able.velo & (uniforms[:, 0] < par.velo_found * keep)
    forward = par.forward_found * keep
    whole = np.flatnonzero(velo & able.t)
    forward[whole] *= _forward(sim, whole, par)
    # Electrons have lost momentum on their way to TT.
    up = par.upstream_found * keep * -np.expm1(-sim.rich[:, 0, 2] / par.upstream_low_p)
    up /= 1.0 + p / par.upstream_high_p
    down = par.downstream_found * keep * -np.expm1(-p / par.downstream_low_p)
    t = able.t & (uniforms[:, 3] < _T_FOUND * keep)
    return Found(
        velo=velo,
        long=velo & able.t & (uniforms[:, 1] < forward),
        upstream=velo & able.tt & (uniforms[:, 2] < up),
        downstream=able.t & able.tt & (uniforms[:, 2] < down),
        t=t,
    )


def _forward(sim: Simulated, rows: Ints, par: Parameters) -> Floats:
    """Chance that the search forward from a VELO segment ends at the T hits of its particle.

    The search knows the line in the VELO and tries a momentum, which gives x at T; the direction
    there and y then follow.  Where the particle lost energy in the magnet, decayed or was kicked,
    its hits lie elsewhere: the chance falls as a Gaussian with the distance in units of the search
    windows.  Windows end at a deflection, so that soft tracks are lost too.

    Args:
        sim: the followed particles.
        rows: particles with both segments.
        par: parameters.
    """
    seeds = sim.start[rows].copy()
    seeds[:, 5] = sim.charge[rows] / seeds[:, 5]
    off = np.empty((len(rows), 3))
    _mismatch(seeds, sim.t2[rows], geometry.t2_plane(par), geometry.magnet(par), off)
    inverse_p = np.abs(off[:, 2])
    pairs = ((off[:, 0], par.forward_window_tx), (off[:, 1], par.forward_window_y))
    miss = sum((d / (constant + slope * inverse_p)) ** 2 for d, (constant, slope) in pairs)
    result: Floats = np.exp(-0.5 * miss) / (1.0 + (par.forward_low_p * inverse_p) ** 2)
    return np.where(np.isfinite(result), result, 0.0)


@kernel
def _mismatch(seeds, t2, zt, magnet, off):  # type: ignore[no-untyped-def]
    """Distances in tx and y at T2 from the path that joins a seed with x there, and its q/p."""
    for i in range(len(seeds)):
        s = seeds[i]
        q = s[5]
        x, y, tx, _ = propagate(s[0], s[1], s[3], s[4], q, s[2], zt, magnet)
        for _ in range(_SECANT_STEPS):
            step = _SECANT_SHARE * q
            xn = propagate(s[0], s[1], s[3], s[4], q + step, s[2], zt, magnet)[0]
            if xn == x:  # starts at the plane: nothing to learn
                break
            # Secant, at most a factor of two at a time.
            change = (t2[i, 0] - x) / (xn - x) * step
            q += min(max(change, -0.5 * abs(q)), abs(q))
            x, y, tx, _ = propagate(s[0], s[1], s[3], s[4], q, s[2], zt, magnet)
            if abs(t2[i, 0] - x) < _CLOSE:
                break
        off[i, 0], off[i, 1], off[i, 2] = t2[i, 2] - tx, t2[i, 1] - y, q


class Ghosts(NamedTuple):
    """Wrong combinations of a VELO and a T segment.

    Attributes:
        velo: rows of the particles that gave the VELO hits.
        t: rows of the particles that gave the T hits.
        qop: charge over momentum [1/MeV] that joins them.
        pair: number of the pair within its event, whatever the batch.
    """

    velo: Ints
    t: Ints
    qop: Floats
    pair: Ints


@kernel
def _pairs(offsets, velo, t, start, t2, zm, zt, windows):  # type: ignore[no-untyped-def]
    """All pairs of one event that agree in y at T2 and in x in the middle of the magnet."""
    found = []
    for e in range(len(offsets) - 1):
        for a in range(offsets[e], offsets[e + 1]):
            if not velo[a]:
                continue
            s = start[a]
            y_t = s[1] + s[4] * (zt - s[2])
            x_m = s[0] + s[3] * (zm - s[2])
            for b in range(offsets[e], offsets[e + 1]):
                if a == b or not t[b] or abs(t2[b, 1] - y_t) > windows[1]:
                    continue
                if abs(t2[b, 0] - t2[b, 2] * (zt - zm) - x_m) < windows[0]:
                    found.append((a, b))
    return found


def find_ghosts(
    sim: Simulated,
    found: Found,
    offsets: Ints,
    event_id: Ints,
    seed: int,
    par: Parameters,
) -> Ghosts:
    """Wrong VELO-T combinations that pass the search windows.

    VELO segments that already made a long track are taken out, as LHCb's clone removal does.

    Args:
        sim: the followed particles, grouped by event.
        found: what was found of them.
        offsets: rows of each event, shape ``(n_events + 1,)``.
        event_id: identifier of the event of each particle, shape ``(n,)``.
        seed: seed of the run.
        par: parameters.
    """
    t_ok = found.t & np.isfinite(sim.t2[:, 0])
    velo_ok = found.velo & ~found.long
    windows = (par.ghost_window_x, par.ghost_window_y)
    zm, zt = par.magnet_centre, geometry.t2_plane(par)
    pairs = _pairs(offsets, velo_ok, t_ok, sim.start, sim.t2, zm, zt, windows)
    a = np.array([i for i, _ in pairs], dtype=np.int64)
    b = np.array([j for _, j in pairs], dtype=np.int64)
    if len(a) == 0:
        return Ghosts(a, b, np.zeros(0), a)
    local_a, local_b = (r - offsets[np.searchsorted(offsets, r, "right") - 1] for r in (a, b))
    index = local_a * _PAIRS_OF + local_b
    u = rng.uniforms(seed, "detailed/ghosts", event_id[a], index)[:, 0]
    tx = sim.start[a, 3]
    kick = np.sin(np.arctan(sim.t2[b, 2])) - np.sin(np.arctan(tx))
    qop = -kick / (KAPPA * par.polarity * par.bending_power * 1e3)
    least, most = _GHOST_QOP
    keep = (u < par.ghost_accept) & (np.abs(qop) < most) & (np.abs(qop) > least)
    return Ghosts(velo=a[keep], t=b[keep], qop=qop[keep], pair=index[keep])


@kernel
def _stray(seeds, tt, magnet, found, spread, hits):  # type: ignore[no-untyped-def]
    """Put hits beside the trajectories of `seeds` into the layers `tt` of the TT, in place.

    Args:
        seeds: x, y, z, tx, ty, q/p, shape ``(n, 6)``.
        tt: `geometry.Planes` of the TT alone.
        magnet: `geometry.magnet`.
        found: whether there is a hit, shape ``(n, 4)``.
        spread: its distance from the trajectory [mm], same shape.
        hits: `sensors.Hits` of the candidates.
    """
    for i in range(len(seeds)):
        s = seeds[i]
        for j in range(len(tt.z)):
            m, angle = tt.measurement[j], tt.angle[j]
            hits.hit[i, m] = found[i, j]
            x, y, _, _ = propagate(s[0], s[1], s[3], s[4], s[5], s[2], tt.z[j], magnet)
            hits.value[i, m] = np.cos(angle) * x + np.sin(angle) * y + spread[i, j]
            hits.angle[i, m] = angle


def ghost_hits(
    sim: Simulated,
    ghosts: Ghosts,
    event_id: Ints,
    seed: int,
    planes: geometry.Planes,
    par: Parameters,
) -> tuple[Floats, Hits]:
    """Seeds and measurements of ghosts: VELO and T hits of two particles, stray hits in TT.

    Args:
        sim: the followed particles.
        ghosts: the combinations.
        event_id: identifier of the event of each particle, shape ``(n,)``.
        seed: seed of the run.
        planes: the detector.
        par: parameters.

    Returns:
        Seeds and hits as `trackfit.fit` takes them.
    """
    hits, behind = sim.hits(ghosts.velo), sim.hits(ghosts.t)
    for mine, of_t in zip(hits, behind, strict=True):
        mine[:, geometry.FIRST_T :] = of_t[:, geometry.FIRST_T :]
    hits.error[:, geometry.FIRST_TT : geometry.FIRST_T] = par.tt_resolution
    seeds = sim.start[ghosts.velo].copy()
    seeds[:, 5] = ghosts.qop
    ids, index = event_id[ghosts.velo], ghosts.pair
    chance = rng.uniforms(seed, "detailed/ghost-tt", ids, index, _TT_LAYERS)
    found = chance < par.ghost_tt_found
    spread = rng.normals(seed, "detailed/ghost-tt-spread", ids, index, _TT_LAYERS)
    tt = geometry.Planes._make(a[planes.kind == geometry.TT] for a in planes)
    _stray(seeds, tt, geometry.magnet(par), found, par.ghost_tt_spread * spread, hits)
    return seeds, hits
