"""Whole events: tracks, responses, readout, hits and fits, and what each step costs."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from ..arrays import Floats, Ints
from ..responses.detectors.drift_chamber import ACROSS, ALONG, BUCKET, PAD, ROWS, SPREAD
from ..rng import stream_keys
from .clusters import Clusters, find_clusters
from .fit import Fitted, Hitted, fit_helices
from .geometry import LENGTH, along_drift, along_row, row_centres, row_heights
from .readout import Readout, Responder, read_out, row_number
from .tracks import Segments, Tracks

GATE = (2.0, 4.0)
"""Most pads and buckets from a crossing to its hit."""

LEAST_HITS = 10
"""Hits without which a track is not fitted."""

BLOCK = 100
"""Tracks whose responses are made at a time."""

EVENTS = 20
"""Events that are in memory at a time."""

_ROBUST = 9.0
_ROUNDS = 3


class Event(NamedTuple):
    """What came of some events.

    Attributes:
        readout: summed responses.
        clusters: hits.
        seconds: processor time of the responses, of their sum, of hits.
    """

    readout: Readout
    clusters: Clusters
    seconds: tuple[float, float, float]


class Matched(NamedTuple):
    """Hits of the crossings of tracks, shapes ``(m,)``.

    Attributes:
        hit: whether there is one within the gate.
        u, z: where it is [cm]; NaN where there is none.
    """

    hit: np.ndarray
    u: Floats
    z: Floats


class Errors(NamedTuple):
    """Errors of hits: squares are sums of three terms, see `lamarr_like.tpc.fit`.

    Attributes:
        u, z: their coefficients, shape ``(3,)``.
    """

    u: Floats
    z: Floats


def run_events(tracks: Tracks, crossed: Segments, respond: Responder, seed: int) -> Event:
    """Responses of all segments, their readout and its hits.

    Args:
        tracks: of some events.
        crossed: their segments.
        respond: detailed or generated.
        seed: a response depends on it and the numbers of its event, track and row only.
    """
    started = time.process_time()
    number = np.concatenate([np.flatnonzero(np.diff(crossed.track, prepend=-1)), [len(crossed.u)]])
    first = tracks.event[crossed.track]
    index = crossed.track - np.searchsorted(tracks.event, first)
    keys = stream_keys(seed, "tpc responses", first, index * ROWS + crossed.row)
    parts = []
    for begin in range(0, len(number) - 1, BLOCK):
        rows = slice(number[begin], number[min(begin + BLOCK, len(number) - 1)])
        hits = respond({k: v[rows] for k, v in crossed.conditions.items()}, keys[rows])
        parts.append(hits._replace(row=hits.row + rows.start))
    made = time.process_time()
    together = type(parts[0])(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    readout = read_out(tracks, crossed, together)
    summed = time.process_time()
    clusters = find_clusters(readout)
    found = time.process_time()
    return Event(readout, clusters, (made - started, summed - made, found - summed))


def run_and_match(
    tracks: Tracks, crossed: Segments, respond: Responder, seed: int
) -> tuple[Event, Matched]:
    """As `run_events` and `match` of all events, a few at a time.

    Args:
        tracks, crossed, respond, seed: as for `run_events`.

    Returns:
        Readout and hits of the first events with the time that all took, and the hits of all
        crossings.
    """
    event = tracks.event[crossed.track]
    bounds = np.searchsorted(event, np.arange(tracks.event[0], tracks.event[-1] + 1, EVENTS))
    kept: Event | None = None
    seconds, matched = np.zeros(3), []
    for first, stop in pairwise([*bounds, len(event)]):
        part = crossed.part(slice(first, stop))
        found = run_events(tracks, part, respond, seed)
        matched.append(match(tracks, part, found.clusters))
        seconds += found.seconds
        kept = kept or found
    assert kept is not None
    whole = Matched(*(np.concatenate(columns) for columns in zip(*matched, strict=True)))
    responses, sums, hits = seconds
    return kept._replace(seconds=(responses, sums, hits)), whole


def match(tracks: Tracks, crossed: Segments, clusters: Clusters) -> Matched:
    """The nearest hit of each crossing, in gates about it.

    Which hits belong to a track is told by its true path: a search for tracks is not part of this.
    """
    line = row_number(tracks, crossed.track, crossed.row)
    pad, drift = crossed.conditions["pad"], crossed.conditions["drift"]
    first = np.searchsorted(clusters.line, line, side="left")
    stop = np.searchsorted(clusters.line, line, side="right")
    best = np.full(len(line), np.inf)
    found = np.full(len(line), -1)
    for k in range(int((stop - first).max(initial=0))):
        place = np.minimum(first + k, len(clusters.line) - 1)
        away = np.hypot(
            (clusters.pad[place] - pad) / GATE[0], (clusters.bucket[place] - drift) / GATE[1]
        )
        nearer = (first + k < stop) & (away < np.minimum(best, 1.0))
        best, found = np.where(nearer, away, best), np.where(nearer, place, found)
    hit = found >= 0
    place = np.maximum(found, 0)
    pads, buckets = (
        _straightened(mean, spread)
        for mean, spread in zip(
            (clusters.pad[place], clusters.bucket[place]), _spreads(crossed), strict=True
        )
    )
    u = np.where(hit, along_row(pads, crossed.row), np.nan)
    return Matched(hit, u, np.where(hit, along_drift(buckets), np.nan))


def _straightened(mean: Floats, spread: Floats) -> Floats:
    """Places whose means over cells are given, shape ``(m,)``.

    Cells draw the mean of a normal law to their middles: by the first term of its Fourier series,
    ``exp(-2 (pi s)^2) sin(2 pi x) / pi``, of a spread of s cells.
    """
    pull = np.exp(-2 * (np.pi * spread) ** 2) / np.pi
    found = mean
    for _ in range(3):
        found = mean + pull * np.sin(2 * np.pi * found)
    return found


def _spreads(crossed: Segments) -> tuple[Floats, Floats]:
    """Expected spreads in pads and buckets, before cells, shapes ``(m,)``."""
    drift, height = LENGTH - crossed.z, row_heights()[crossed.row]
    given = crossed.conditions
    crossing, dip = np.radians(given["crossing"]), np.radians(given["dip"])
    along = np.tan(crossing), np.tan(dip) / np.cos(crossing)
    u, z = ((height * slope) ** 2 / 12 for slope in along)
    u = u + SPREAD**2 / 2 + ACROSS**2 * drift
    return np.sqrt(u) / PAD, np.sqrt(z + ALONG**2 * drift) / BUCKET


def measure_errors(crossed: Segments, matched: Matched) -> Errors:
    """Errors of hits from how far they are from the true crossings.

    Args:
        crossed: segments.
        matched: their hits, of the detailed simulation.
    """
    found = []
    for terms, away in zip(
        _terms(crossed), (matched.u - crossed.u, matched.z - crossed.z), strict=True
    ):
        x, square = terms[matched.hit], away[matched.hit] ** 2
        coefficients = np.full(3, square.mean() / 3)
        for _ in range(_ROUNDS):
            expected = np.maximum(x @ coefficients, 1e-12)
            kept = square < _ROBUST * expected
            weight = 1 / expected[kept]
            coefficients = nnls(x[kept] * weight[:, None], square[kept] * weight)[0]
        found.append(coefficients)
    return Errors(*found)


def _terms(crossed: Segments) -> tuple[Floats, Floats]:
    """What the squared errors of u and z are linear in, shapes ``(m, 3)``."""
    given = crossed.conditions
    drift = LENGTH - crossed.z
    crossing, dip = np.radians(given["crossing"]), np.radians(given["dip"])
    slope = np.tan(dip) / np.cos(crossing)
    one = np.ones(len(drift))
    u = np.stack([one, ACROSS**2 * drift, np.tan(crossing) ** 2], axis=1)
    z = np.stack([one, ALONG**2 * drift, slope**2], axis=1)
    return u, z


def fit_tracks(
    tracks: Tracks, crossed: Segments, matched: Matched, errors: Errors
) -> tuple[Ints, Fitted]:
    """Fit the tracks that have hits enough; gives their numbers, shape ``(k,)``, and the fits.

    Args:
        tracks: n of them.
        crossed, matched: their segments and hits.
        errors: of hits.
    """
    shape = (len(tracks), ROWS)
    table = {name: np.ones(shape) for name in ("u", "z", "u_error", "z_error")}
    there = np.zeros(shape, bool)
    place = (crossed.track[matched.hit], crossed.row[matched.hit])
    there[place] = True
    for name, terms, values in zip("uz", _terms(crossed), (matched.u, matched.z), strict=True):
        table[name][place] = values[matched.hit]
        square = terms @ getattr(errors, name)
        table[f"{name}_error"][place] = np.sqrt(square[matched.hit])
    enough = np.flatnonzero(there.sum(axis=1) >= LEAST_HITS)
    hits = Hitted(there[enough], *(table[k][enough] for k in ("u", "z", "u_error", "z_error")))
    start = np.stack(
        [
            np.zeros(len(enough)),
            *(tracks.angle[enough], tracks.curvature[enough]),
            *(tracks.birth[enough, 2], tracks.slope[enough]),
        ],
        axis=1,
    )
    return enough, fit_helices(hits, row_centres(), start)
