"""Occupancy of the samples: nTracks and nSPDHits, and how they go together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...arrays import Floats
from .maps import SOURCE, load_map
from .results import INF, NAN, Row, Section, Series
from .sample import Sample

_TAIL = 600  # nSPDHits that reach beyond the bulk of the events
_LEAST_EVENTS = 30
_ISSUE = "LHCb Run 2, triggered b events"
_HEAVY = ("bbbar", "ccbar")


def occupancy_section(samples: Sequence[Sample]) -> Section:
    """Occupancy of each sample; events with heavy quarks are judged, being like triggered ones."""
    rows: list[Row] = []
    series: list[Series] = []
    for sample in samples:
        rows += _rows(sample)
        series += _series(sample)
    notes = (
        "Ranges hold for triggered events of Run 2 and are asked of samples with heavy quarks and "
        "pile-up alone. The share of nTracks beside that of PIDCalib's triggered charm events.",
    )
    return Section("occupancy", "Occupancy", tuple(rows), tuple(series), notes)


def calibration_shares(n_tracks: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Share of events in bins of nTracks, and that of PIDCalib's kaons.

    Returns:
        Edges, shape ``(n + 1,)``; our shares, their errors and the measured ones, ``(n,)``.
    """
    measured = load_map("rdx_K")
    edges = np.append(measured.n_tracks[:-1], 1000.0)
    counts, _ = np.histogram(n_tracks, np.append(edges[:-1], np.inf))
    n = max(len(n_tracks), 1)
    ours, theirs = counts / n, measured.total.sum(axis=(0, 1))
    return edges, ours, np.sqrt((counts + 1.0) / n / n), theirs / theirs.sum()


def _rows(sample: Sample) -> list[Row]:
    event, name = sample.batch.event, sample.info.name
    spd, tracks = (event[c].astype(np.float64) for c in ("n_spd_hits", "n_tracks"))
    n = len(spd)
    if n < _LEAST_EVENTS:
        return [Row(f"{name}: nTracks, mean", NAN, n=n, note="too few events")]
    heavy = any(word in sample.info.source for word in _HEAVY)
    mean_range = (100.0, 200.0) if heavy else (-INF, INF)
    spd_range = (250.0, 300.0) if "bbbar" in sample.info.source else (-INF, INF)
    root = np.sqrt(n)
    error = float(tracks.std() / root)
    rows = [
        Row(
            *(f"{name}: nTracks, mean", float(tracks.mean()), error, 150.0, *mean_range),
            n=n,
            source=_ISSUE,
        )
    ]
    error = 1.25 * float(spd.std() / root)
    rows.append(
        Row(
            *(f"{name}: nSPDHits, median", float(np.median(spd)), error, 275.0, *spd_range),
            n=n,
            source=_ISSUE,
        )
    )
    tail = float((spd > _TAIL).mean())
    rows.append(
        Row(
            f"{name}: share with nSPDHits > {_TAIL}",
            tail,
            float(np.sqrt(max(tail, 1.0 / n) / n)),
            n=n,
            note="tails reach past 600 in Run 2; no target was set",
        )
    )
    varied = spd.std() > 0.0 and tracks.std() > 0.0
    r = float(np.corrcoef(spd, tracks)[0, 1]) if varied else NAN
    rows.append(
        Row(
            f"{name}: correlation of nSPDHits and nTracks",
            r,
            float((1.0 - r * r) / root),
            n=n,
            note="no published value",
        )
    )
    edges, _, _, theirs = calibration_shares(tracks)
    middle = int(np.searchsorted(np.cumsum(theirs), 0.5))
    before = float(theirs[:middle].sum())
    median = edges[middle] + (0.5 - before) / theirs[middle] * (edges[middle + 1] - edges[middle])
    rows.append(
        Row(
            f"{name}: nTracks, median",
            float(np.median(tracks)),
            1.25 * float(tracks.std() / root),
            float(median),
            n=n,
            source=f"{SOURCE}, interpolated",
            note="no target was set",
        )
    )
    return rows


def _series(sample: Sample) -> list[Series]:
    event, name = sample.batch.event, sample.info.name
    out = []
    tracks = event["n_tracks"].astype(np.float64)
    edges, ours, error, theirs = calibration_shares(tracks)
    width = np.diff(edges)
    out.append(
        Series(
            *(f"{name}: nTracks beside PIDCalib", "", "nTracks", "share of the events per track"),
            *(edges[:-1], edges[1:], ours / width, error / width, theirs / width),
            reference_error=np.zeros(len(theirs)),
        )
    )
    for column, label in (("n_tracks", "nTracks"), ("n_spd_hits", "nSPDHits")):
        out.append(_spectrum(event[column].astype(np.float64), label, name))
    out.append(_profile(tracks, event["n_spd_hits"].astype(np.float64), name))
    return out


def _spectrum(values: Floats, label: str, name: str) -> Series:
    """Histogram with bins a whole number wide, or integers would make steps."""
    step = max(1, int(np.quantile(values, 0.999)) // 50) if len(values) else 1
    edges = np.arange(0, 52 * step, step, dtype=np.float64) - 0.5
    counts, _ = np.histogram(np.clip(values, None, edges[-1] - 0.5), edges)
    norm = float(max(counts.sum(), 1) * step)
    density, error = counts / norm, np.sqrt(counts.astype(np.float64)) / norm
    return Series(label, name, label, "density", edges[:-1], edges[1:], density, error, steps=True)


def _profile(tracks: Floats, spd: Floats, name: str) -> Series:
    """Mean and spread of nSPDHits in bins of nTracks."""
    edges = np.array([0.0, 20, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400])
    mean, spread = np.full(len(edges) - 1, np.nan), np.full(len(edges) - 1, np.nan)
    for i in range(len(edges) - 1):
        inside = spd[(tracks >= edges[i]) & (tracks < edges[i + 1])]
        if len(inside) >= 10:
            mean[i], spread[i] = inside.mean(), inside.std()
    panel = "nSPDHits against nTracks (bars: spread)"
    return Series(panel, name, "nTracks", "mean nSPDHits", edges[:-1], edges[1:], mean, spread)
