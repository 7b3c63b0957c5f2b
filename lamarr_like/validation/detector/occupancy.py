"""Occupancy of the samples: nTracks and nSPDHits, and how they go together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...arrays import Floats
from ...statistics.binned import bins_of
from ..series import Series, series
from .maps import SOURCE, load_map
from .results import INF, NAN, Row, Section, relative
from .sample import Sample

TRACKS, SPD_HITS = (150.0, 100.0, 200.0), (275.0, 250.0, 300.0)
"""Mean nTracks and median nSPDHits of triggered b events of Run 2: target and accepted range."""
MEDIAN_BAND = 0.10
"""The median of nTracks may differ from PIDCalib's by this share, as published figures may."""

_TAIL = 600  # nSPDHits that reach beyond the bulk of the events
_LEAST_EVENTS = 30
_LEAST_IN_BIN = 10
_MEDIAN_ERROR = 1.25  # of the error of a mean
_RUN2 = "LHCb Run 2, triggered b events"
_HEAVY = ("bbbar", "ccbar")
_UNKNOWN = "no published value was found"
_ADDED = "+"  # in the name of a source, before particles that are no part of its collisions
_PROFILE = np.array([0.0, 20, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400])  # tracks


def occupancy_section(samples: Sequence[Sample]) -> Section:
    """Occupancy of each sample; events with heavy quarks are judged, being like triggered ones.

    Events that particles were added to are like none that were measured: they are drawn only.
    """
    notes = (
        "Ranges hold for triggered events of Run 2 and are asked of samples with heavy quarks and "
        "pile-up alone, without particles of a gun or of decays added; of samples that have these "
        "there are curves only. The share of nTracks beside that of PIDCalib's triggered charm "
        "events.",
    )
    plain = [sample for sample in samples if _ADDED not in sample.info.source]
    rows = tuple(row for sample in plain for row in _rows(sample))
    views = tuple(view for sample in samples for view in _series(sample))
    return Section("occupancy", "Occupancy", rows, views, notes)


def calibration_shares(n_tracks: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Share of events in bins of nTracks, and that of PIDCalib's kaons.

    Args:
        n_tracks: tracks of each event, shape ``(n_events,)``.

    Returns:
        Edges, shape ``(n + 1,)``; our shares, their errors and the measured ones, ``(n,)``.
    """
    measured = load_map("rdx_K")
    edges = np.append(measured.n_tracks[:-1], 1000.0)
    counts, _ = np.histogram(n_tracks, np.append(edges[:-1], np.inf))
    n = max(len(n_tracks), 1)
    ours, theirs = counts / n, measured.total.sum(axis=(0, 1))
    return edges, ours, np.sqrt((counts + 1.0) / n / n), theirs / theirs.sum()


def _columns(sample: Sample) -> tuple[Floats, Floats]:
    """NTracks and nSPDHits of each event."""
    event = sample.batch.event
    return event["n_tracks"].astype(np.float64), event["n_spd_hits"].astype(np.float64)


def _rows(sample: Sample) -> Iterator[Row]:
    name, source = sample.info.name, sample.info.source
    tracks, spd = _columns(sample)
    n, anything = len(spd), (-INF, INF)
    if n < _LEAST_EVENTS:
        yield Row(f"{name}: nTracks, mean", NAN, n=n, note="too few events")
        return
    root = np.sqrt(n)
    heavy, beauty = any(word in source for word in _HEAVY), "bbbar" in source
    value = (float(tracks.mean()), float(tracks.std() / root), TRACKS[0])
    asked = TRACKS[1:] if heavy else anything
    yield Row(f"{name}: nTracks, mean", *value, *asked, n=n, source=_RUN2)
    value = (float(np.median(spd)), _MEDIAN_ERROR * float(spd.std() / root), SPD_HITS[0])
    asked = SPD_HITS[1:] if beauty else anything
    yield Row(f"{name}: nSPDHits, median", *value, *asked, n=n, source=_RUN2)
    tail, note = (
        float((spd > _TAIL).mean()),
        "tails reach past 600 in Run 2; no published value was found",
    )
    error = float(np.sqrt(max(tail, 1.0 / n) / n))
    yield Row(f"{name}: share with nSPDHits > {_TAIL}", tail, error, n=n, note=note)
    varied = spd.std() > 0.0 and tracks.std() > 0.0
    r, words = float(np.corrcoef(spd, tracks)[0, 1]) if varied else NAN, "nSPDHits and nTracks"
    yield Row(f"{name}: correlation of {words}", r, float((1.0 - r * r) / root), n=n, note=_UNKNOWN)
    edges, _, _, theirs = calibration_shares(tracks)
    middle = int(np.searchsorted(np.cumsum(theirs), 0.5))
    before = float(theirs[:middle].sum())
    median = edges[middle] + (0.5 - before) / theirs[middle] * (edges[middle + 1] - edges[middle])
    error = _MEDIAN_ERROR * float(tracks.std() / root)
    value = (float(np.median(tracks)), error, float(median))
    words, source = f"{name}: nTracks, median", f"{SOURCE}, interpolated"
    if heavy:
        yield relative(words, *value, MEDIAN_BAND, n=n, source=source)
    else:
        yield Row(words, *value, n=n, source=source)


def _series(sample: Sample) -> Iterator[Series]:
    name = sample.info.name
    tracks, spd = _columns(sample)
    edges, ours, error, theirs = calibration_shares(tracks)
    width = np.diff(edges)
    labels = (f"{name}: nTracks beside PIDCalib", "nTracks", "share of the events per track")
    yield series(labels, edges, ours / width, error / width, theirs / width)
    yield _spectrum(tracks, "nTracks", name)
    yield _spectrum(spd, "nSPDHits", name)
    yield _profile(tracks, spd, name)


def _spectrum(values: Floats, label: str, name: str) -> Series:
    """Histogram with bins a whole number wide, or integers would make steps."""
    step = max(1, int(np.quantile(values, 0.999)) // 50) if len(values) else 1
    edges = np.arange(0, 52 * step, step, dtype=np.float64) - 0.5
    counts, _ = np.histogram(np.clip(values, None, edges[-1] - 0.5), edges)
    norm = float(max(counts.sum(), 1) * step)
    density, error = counts / norm, np.sqrt(counts.astype(np.float64)) / norm
    return series((label, label, "density"), edges, density, error, name=name, style="steps")


def _profile(tracks: Floats, spd: Floats, name: str) -> Series:
    """Mean and spread of nSPDHits in bins of nTracks."""
    place, n = bins_of(tracks, _PROFILE), len(_PROFILE) - 1
    mean, spread = np.full(n, np.nan), np.full(n, np.nan)
    for i in range(n):
        inside = spd[place == i]
        if len(inside) >= _LEAST_IN_BIN:
            mean[i], spread[i] = inside.mean(), inside.std()
    labels = ("nSPDHits against nTracks (bars: spread)", "nTracks", "mean nSPDHits")
    return series(labels, _PROFILE, mean, spread, name=name)
