"""Muon identification: fields of interest, isMuon and the muon likelihoods of tracks.

A track is extrapolated straight to the stations; the fields of interest about it are as wide as
a + b exp(-c p) pads, LHCb's form.  The likelihoods compare D^2, the mean squared distance of the
nearest hits in half pads, with that of muons and of other tracks that pass isMuon; further hits
about the track, of which muons have none of their own, and stations without a hit count as well.

Source: [M] muon identification at LHCb, JINST 8 (2013) P10020, arXiv:1306.0249.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats, Ints, Mask
from .arrivals import Arrivals, Pointing
from .compiled import inner, kernel
from .muon_hits import MuonHits, muon_hits
from .muon_system import N_STATIONS, System, region_of, system
from .parameters import Parameters

_FIELDS = 2  # the hits in the surroundings are counted in a field so many times as wide
_MAX_AROUND = 12  # of the hits in the surroundings: more tell nothing more
_LEAST_D2 = 0.01  # a hit nearer than a tenth of half a pad tells nothing more
_LEAST_P = 1000.0  # MeV, of the scattering that the likelihood expects

MIN_MOMENTUM = 3000.0
"""Momentum [MeV] below which no muon reaches M3 [M]."""
REACHES_M4 = 6000.0
"""Momentum [MeV] above which M4 and M5 are looked at [M]."""
NEEDS_ALL = 10000.0
"""Momentum [MeV] above which all stations must have hits [M]."""


class Matched(NamedTuple):
    """What the muon stations say of each track; arrays of shape ``(n,)``.

    Attributes:
        in_muon: whether it extrapolates to M2 and M3.
        is_muon: whether it has hits in the fields of interest as isMuon asks.
        region: region 0 (R1) to 3 (R4) where it meets M2; -1 outside.
        d2: mean squared distance of the nearest hits in half pads, 0 for none.
        missing: of M4 and M5, stations without a hit in the field (above 6 GeV).
        around: further hits within twice the fields, in all stations used.
    """

    in_muon: Mask
    is_muon: Mask
    region: Ints
    d2: Floats
    missing: Ints
    around: Ints


@inner
def passes_is_muon(p, m2, m3, m4, m5):  # type: ignore[no-untyped-def]
    """IsMuon [M]: whether hits in these stations make a track of momentum p [MeV] a muon."""
    if p < MIN_MOMENTUM:
        return False
    if p < REACHES_M4:
        return m2 and m3
    if p < NEEDS_ALL:
        return m2 and m3 and (m4 or m5)
    return m2 and m3 and m4 and m5


@inner
def field_of_interest(p, row):  # type: ignore[no-untyped-def]
    """Half width in pads at momentum p [MeV]; `row` holds a, b and c [1/GeV]."""
    return row[0] + row[1] * math.exp(-row[2] * p / 1000.0)


@inner
def _station(p, x, y, s, r, hits, fields, muon):  # type: ignore[no-untyped-def]
    """Nearest hit of station s and hits around it.

    Args:
        p: momentum [MeV].
        x, y: extrapolation of the track [mm].
        s: station.
        r: region of the track there.
        hits: station and place of the hits of the event.
        fields: parameters of the fields of interest, shape ``(2, 4, 4, 3)``.
        muon: `System`.

    Returns:
        Smallest squared distance in half pads, negative for no hit in the field; hits within the
        wider field.
    """
    station, place = hits
    wx = field_of_interest(p, fields[0, s, r]) * muon.pad[s, 0] * 2.0**r
    wy = field_of_interest(p, fields[1, s, r]) * muon.pad[s, 1] * 2.0**r
    best, around = -1.0, 0
    for i in range(len(station)):
        dx, dy = abs(place[i, 0] - x), abs(place[i, 1] - y)
        if station[i] == s and dx < _FIELDS * wx and dy < _FIELDS * wy:
            around += 1
            if dx < wx and dy < wy:
                d2 = (dx / place[i, 2]) ** 2 + (dy / place[i, 3]) ** 2
                if best < 0.0 or d2 < best:
                    best = d2
    return best, around


@inner
def _match(t, track, hits, fields, muon, out):  # type: ignore[no-untyped-def]
    """Fill entry t of `out` for a track with x, y, tx, ty at the SPD and momentum p."""
    x, y, tx, ty, p = track[0], track[1], track[2], track[3], track[4]
    has = np.zeros(N_STATIONS, np.bool_)
    used, d2, around = 0, 0.0, 0
    for s in range(N_STATIONS):
        dz = muon.z[s] - muon.origin
        xs, ys = x + tx * dz, y + ty * dz
        r = region_of(xs, ys, s, muon)
        if s == 0:
            out.region[t] = r
        if s < 2 and r < 0:
            return
        # Below 6 GeV the stations behind M3 are out of reach and not looked at.
        if r < 0 or (s >= 2 and p < REACHES_M4):
            continue
        best, near = _station(p, xs, ys, s, r, hits, fields, muon)
        around += near
        if best >= 0.0:
            has[s] = True
            used += 1
            d2 += best
    out.in_muon[t] = True
    out.is_muon[t] = passes_is_muon(p, has[0], has[1], has[2], has[3])
    out.d2[t] = d2 / max(used, 1)
    out.around[t] = min(around - used, _MAX_AROUND)
    if p >= REACHES_M4:
        out.missing[t] = 2 - has[2] - has[3]


@kernel
def _match_all(event, tracks, hits, fields, muon, out):  # type: ignore[no-untyped-def]
    """Fill `out` for all tracks whose extrapolation is known."""
    for t in range(len(event)):
        finite = True
        for column in range(5):
            finite = finite and np.isfinite(tracks[t, column])
        if finite:
            mine = slice(hits.offsets[event[t]], hits.offsets[event[t] + 1])
            found = (hits.station[mine], hits.place[mine])
            _match(t, tracks[t], found, fields, muon, out)


def match(hits: MuonHits, tracks: Pointing, muon: System, par: Parameters) -> Matched:
    """Look for the hits of the tracks.

    Args:
        hits: hits of the events.
        tracks: the tracks; those whose extrapolation is NaN are outside.
        muon: the system.
        par: parameters.
    """
    n = len(tracks.event)
    rows = np.stack([tracks.x, tracks.y, tracks.tx, tracks.ty, tracks.p], axis=1)
    flags = np.zeros((2, n), np.bool_)
    whole = np.zeros((3, n), np.int64)
    whole[0] = -1
    out = Matched(
        in_muon=flags[0],
        is_muon=flags[1],
        region=whole[0],
        d2=np.zeros(n),
        missing=whole[1],
        around=whole[2],
    )
    fields = np.array([par.muon_field_x, par.muon_field_y]).reshape(2, N_STATIONS, -1, 3)
    fields[..., :2] *= par.muon_field_scale
    _match_all(tracks.event, rows, hits, fields, muon, out)
    return out


def _log_counts(p: Floats, matched: Matched, mean: float, missing: float) -> Floats:
    """Log-probability of the further hits, a geometric distribution, and of stations without."""
    around: Floats = matched.around * np.log(mean / (1.0 + mean)) - np.log1p(mean)
    optional = (p >= REACHES_M4) & (p < NEEDS_ALL)
    seen = np.where(matched.missing > 0, np.log(missing), np.log1p(-missing))
    return around + np.where(optional, seen, 0.0)


def log_likelihoods(p: Floats, matched: Matched, par: Parameters) -> tuple[Floats, Floats]:
    """MuonMuLL and MuonBgLL, 0 where isMuon is false.

    The first is the log of the share of muons with a larger D^2, the second of the share of other
    tracks with a smaller one [M]; both with the log-probability of what else was seen.

    Args:
        p: reconstructed momentum [MeV], shape ``(n,)``.
        matched: what was found, shapes ``(n,)``.
        par: parameters.
    """
    region = np.maximum(matched.region, 0)
    log_d2 = np.log(np.maximum(matched.d2, _LEAST_D2))
    floor, p0, power = (
        np.array(v)[region] for v in (par.muon_d2_floor, par.muon_d2_p, par.muon_d2_power)
    )
    middle = floor + (p0 / np.maximum(p, _LEAST_P)) ** power
    shape = par.muon_d2_shape[0] + par.muon_d2_shape[1] / middle
    other = np.log(np.array(par.muon_bg_d2))[region]
    other_shape = np.array(par.muon_bg_shape)[region]
    mu = -np.logaddexp(0.0, shape * (log_d2 - np.log(middle)))
    background = -np.logaddexp(0.0, -other_shape * (log_d2 - other))
    mu += _log_counts(p, matched, par.muon_around[0], par.muon_missing[0])
    background += _log_counts(p, matched, par.muon_around[1], par.muon_missing[1])
    return np.where(matched.is_muon, mu, 0.0), np.where(matched.is_muon, background, 0.0)


def simulate_muons(
    arrived: Arrivals, tracks: Pointing, event_id: Ints, seed: int, par: Parameters
) -> dict[str, NDArray[np.generic]]:
    """Columns of the muon system for the reconstructed tracks.

    Args:
        arrived: particles at the SPD, in order of event.
        tracks: reconstructed tracks, in order of event.
        event_id: identifier of each event of the batch, shape ``(n_events,)``.
        seed: seed of the run.
        par: parameters.

    Returns:
        ``in_muon`` and ``is_muon`` (bool), ``muon_mu_ll`` and ``muon_bg_ll`` (float64, 0 without
        isMuon), each of shape ``(n_tracks,)``.
    """
    matched = match(muon_hits(arrived, event_id, seed, par), tracks, system(par), par)
    mu, background = log_likelihoods(tracks.p, matched, par)
    return {
        "in_muon": matched.in_muon,
        "is_muon": matched.is_muon,
        "muon_mu_ll": mu,
        "muon_bg_ll": background,
    }
