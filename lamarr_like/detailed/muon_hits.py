"""Hits of the muon stations M2 to M5 behind the calorimeters and between the iron filters.

Muons lose energy and scatter on their way and stop where their range ends.  Pions and kaons decay
until they interact.  Hadrons shower; what leaks out of the shower, muons of decays inside it and
the few that never interact make hits, too.
Low-energy hits far from any particle that points there follow the number of hadrons.  Positions
are the centres of pads, which are projective and double in size from region to region [D].

Sources: [D] LHCb detector, JINST 3 (2008) S08005, sec. 6; [FL] Fabjan, Ludlam, Ann. Rev. Nucl.
Part. Sci. 32 (1982) 335, for the length of showers.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import rng
from ..arrays import Floats, Ints
from .arrivals import Arrivals
from .compiled import inner, kernel
from .matter import (
    ELECTRON,
    MUON,
    NEVER,
    PHOTON,
    PROTON,
    decay_point,
    decayed,
)
from .muon_system import N_REGIONS, N_STATIONS, cross_slice, depth, move, region_of, system
from .parameters import Parameters
from .random import exponential, gamma, normal, poisson, uniform

_SLICE = 12.0  # radiation lengths that are crossed in one step
_MAX_LEAK = 20  # hits of one shower in one station
_SOFTEST_MUON = 1000.0  # MeV, of decays in showers
_DECAY_KICK = 250.0  # MeV, transverse momentum in each projection of muons from them (chosen)
_PION_POWER = 7  # of 1 - x in the number of pions above the share x, cut off (chosen)
_ENDLESS = 1e9  # interaction lengths, for what never showers
# maximum of a hadronic shower and its fall behind, in interaction lengths [FL]
_MAXIMUM_PER_LOG, _MAXIMUM_AT_GEV, _FALL_POWER = 0.2, 0.7, 0.13
_LEAST_GEV = 0.1  # in the logarithm of these
_STRAY_INNER = 0.9  # of the opening, where low-energy hits begin (chosen)


class MuonHits(NamedTuple):
    """Hits in order of event.

    Attributes:
        offsets: hits of event e are ``offsets[e]:offsets[e + 1]``, shape ``(n_events + 1,)``.
        station: 0 for M2 to 3 for M5, shape ``(n,)``.
        place: x, y of the centre of the pad, half its width and height [mm], shape ``(n, 4)``.
    """

    offsets: Ints
    station: Ints
    place: Floats


@inner
def _add(n, x, y, s, muon, out, state):  # type: ignore[no-untyped-def]
    """Fire the pad at (x, y) of station s; returns the new count of hits."""
    r = region_of(x, y, s, muon)
    if r < 0 or uniform(state) > muon.efficiency:
        return n
    if n < len(out.station):
        wx, wy = muon.pad[s, 0] * 2.0**r, muon.pad[s, 1] * 2.0**r
        place = out.place[n]
        out.station[n] = s
        place[0], place[1] = (math.floor(x / wx) + 0.5) * wx, (math.floor(y / wy) + 0.5) * wy
        place[2], place[3] = 0.5 * wx, 0.5 * wy
    return n + 1


@inner
def _go(ray, z, species, decay_z, state):  # type: ignore[no-untyped-def]
    """Fly straight to z; a decay on the way puts the charged daughter in the place of the particle.

    Returns:
        Species; z where it decays, `NEVER` if it has.
    """
    if decay_z <= z:
        move(ray, max(decay_z, ray[5]))
        species, ray[2], ray[3], ray[4] = decayed(ray[2], ray[3], ray[4], species, state)
        decay_z = NEVER
    move(ray, z)
    return species, decay_z


@inner
def _fly(n, ray, species, reach, decay_z, muon, out, state):  # type: ignore[no-untyped-def]
    """Follow a particle until it stops, showers or leaves M5.

    Args:
        n: hits so far.
        ray: as in `muon_system.cross_slice`, changed in place.
        species: species.
        reach: interaction lengths after which it showers.
        decay_z: z [mm] where it decays.
        muon: `muon_system.System`.
        out: `MuonHits`.
        state: random stream.

    Returns:
        New count of hits; the interaction lengths that are left, 0 where it showers.
    """
    s = 0
    norm = math.sqrt(1.0 + ray[2] * ray[2] + ray[3] * ray[3])
    for b in range(len(muon.matter) + 1):
        start = muon.matter[b, 0] if b < len(muon.matter) else 1e9
        while s < N_STATIONS and muon.z[s] < start:
            if muon.z[s] > ray[5]:
                species, decay_z = _go(ray, muon.z[s], species, decay_z, state)
                if ray[4] <= 0.0:
                    return n, 0.0
                n = _add(n, ray[0], ray[1], s, muon, out, state)
            s += 1
        if s == N_STATIONS:
            break
        end = muon.matter[b, 1]
        if end <= ray[5]:
            continue
        species, decay_z = _go(ray, max(start, ray[5]), species, decay_z, state)
        slices = math.ceil(muon.matter[b, 2] * (end - ray[5]) / (end - start) / _SLICE)
        dz = (end - ray[5]) / slices
        for _ in range(slices):
            if ray[4] <= 0.0:
                return n, 0.0
            path = norm * dz / (end - start)
            cross_slice(ray, species, dz, path, b, muon, state)
            if species != MUON:
                reach -= muon.matter[b, 3] * path
            if reach <= 0.0:
                return n, 0.0
            if decay_z <= ray[5] and ray[4] > 0.0:
                species, decay_z = _go(ray, ray[5], species, decay_z, state)
        if ray[4] <= 0.0:
            return n, 0.0
    return n, reach


@inner
def _shower(n, ray, muon, out, state):  # type: ignore[no-untyped-def]
    """Hits of the leakage of a shower that starts at `ray`, and of a muon from a decay in it.

    Its maximum lies at 0.2 ln E + 0.7 interaction lengths (E in GeV), behind which it falls with
    E^0.13 interaction lengths [FL].  Returns the new count of hits.
    """
    p = ray[4]
    energy = p / 1000.0
    norm = math.sqrt(1.0 + ray[2] * ray[2] + ray[3] * ray[3])
    size = muon.leak * energy**muon.leak_power * 0.5 * gamma(state, 2.0)
    maximum = _MAXIMUM_PER_LOG * math.log(max(energy, _LEAST_GEV)) + _MAXIMUM_AT_GEV
    length = max(energy, 1.0) ** _FALL_POWER
    start = depth(ray[5], muon)
    for s in range(N_STATIONS):
        dz = muon.z[s] - ray[5]
        if dz <= 0.0:
            continue
        behind = max((depth(muon.z[s], muon) - start) * norm - maximum, 0.0)
        for _ in range(min(poisson(state, size * math.exp(-behind / length)), _MAX_LEAK)):
            r = muon.leak_radius * exponential(state)
            phi = 2.0 * math.pi * uniform(state)
            x, y = ray[0] + ray[2] * dz, ray[1] + ray[3] * dz
            n = _add(n, x + r * math.cos(phi), y + r * math.sin(phi), s, muon, out, state)
    if uniform(state) < muon.cascade:
        # Pions of a spectrum (1 - x)^3 / x that decay with a chance ~ 1 / p: 1 / p^2, cut off.
        q = _SOFTEST_MUON / uniform(state)
        if q < p and uniform(state) < (1.0 - q / p) ** _PION_POWER:
            for axis in range(2):
                ray[2 + axis] += _DECAY_KICK / q * normal(state)
            ray[4] = q
            n, _ = _fly(n, ray, MUON, _ENDLESS, NEVER, muon, out, state)
    return n


@inner
def _strays(n, showers, muon, out, state):  # type: ignore[no-untyped-def]
    """Low-energy hits and noise, of a density ~ 1 / r^2; returns the new count of hits."""
    for s in range(N_STATIONS):
        low = _STRAY_INNER * muon.inner[s, 1]
        span = math.log(2.0**N_REGIONS * math.hypot(muon.inner[s, 0], muon.inner[s, 1]) / low)
        for _ in range(poisson(state, muon.noise[s] + showers * muon.stray[s])):
            r = low * math.exp(span * uniform(state))
            phi = 2.0 * math.pi * uniform(state)
            n = _add(n, r * math.cos(phi), r * math.sin(phi), s, muon, out, state)
    return n


@kernel
def _fill(keys, first, incoming, species, muon, out):  # type: ignore[no-untyped-def]
    """Hits of all events; returns their number, which may be above the room in `out`.

    Args:
        keys: stream key of each event, shape ``(n_events,)``.
        first: particles of event e are ``first[e]:first[e + 1]``, shape ``(n_events + 1,)``.
        incoming: x, y, tx, ty, p of each particle, shape ``(n, 5)``.
        species: their species, shape ``(n,)``.
        muon: `muon_system.System`.
        out: `MuonHits`, to be filled.
    """
    state = np.zeros(1, dtype=np.uint64)
    ray = np.zeros(6)
    n = 0
    for e in range(len(keys)):
        state[0] = keys[e]
        showers = 0
        for i in range(first[e], first[e + 1]):
            kind = species[i]
            if kind in (ELECTRON, PHOTON):
                continue
            if kind != MUON and incoming[i, 4] > muon.stray_p:
                showers += 1
            for column in range(5):
                ray[column] = incoming[i, column]
            ray[5] = muon.origin
            if math.hypot(ray[0], ray[1]) < muon.beam_pipe * muon.origin:
                continue
            reach = _ENDLESS
            if kind != MUON:
                reach = exponential(state) * (1.0 if kind == PROTON else muon.meson_length)
            decay_z = decay_point(ray[5], ray[2], ray[3], ray[4], kind, state)
            n, left = _fly(n, ray, kind, reach, decay_z, muon, out, state)
            if left <= 0.0 and ray[4] > 0.0:
                n = _shower(n, ray, muon, out, state)
        n = _strays(n, showers, muon, out, state)
        out.offsets[e + 1] = n
    return n


def muon_hits(arrived: Arrivals, event_id: Ints, seed: int, par: Parameters) -> MuonHits:
    """Hits of the muon stations; those of an event depend on it and the seed alone.

    Args:
        arrived: particles at the SPD, in order of event.
        event_id: identifier of each event of the batch, shape ``(n_events,)``.
        seed: seed of the run.
        par: parameters.
    """
    keys = rng.stream_keys(seed, "detailed/muon", event_id, 0)
    first = np.searchsorted(arrived.event, np.arange(len(keys) + 1))
    incoming = np.stack([arrived.x, arrived.y, arrived.tx, arrived.ty, arrived.p], axis=1)
    size = 256 + 16 * len(keys) + 2 * len(incoming)
    muon = system(par)
    while True:
        integer: Any = np.int64
        out = MuonHits(
            offsets=np.zeros(len(keys) + 1, integer),
            station=np.zeros(size, integer),
            place=np.zeros((size, 4)),
        )
        made = _fill(keys, first, incoming, arrived.species, muon, out)
        if made <= size:
            return out._replace(station=out.station[:made], place=out.place[:made])
        size = made
