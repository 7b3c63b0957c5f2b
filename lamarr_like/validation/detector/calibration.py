"""Identification efficiencies beside LHCb's calibration samples, in the bins of the maps.

Efficiencies of many bins are added with the population of the map.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...arrays import Columns, Floats, Ints, Mask
from ...statistics.binned import bins_of, share_error
from ...statistics.matching import where
from ..bins import SPECIES, Cut, picked
from ..series import Series, series
from .maps import CUTS, SOURCE, Map, calibration_weights, load_map, spectrum_weights
from .results import NAN, Row, Section, at_most, relative, worst
from .sample import Sample, identified_tracks

P_RANGE = (3e3, 1e5)
"""Momenta that are judged [MeV]."""

COLUMNS = ("pid_k", "pid_mu", "is_muon", "in_muon")
"""Columns of tracks that the maps and the published figures of identification need."""

MEAN_LIMIT, SLICE_LIMIT, SLOPE_BAND = 0.03, 0.05, 0.30
_MUON_BAND = 0.30  # of the share of kaons that pass isMuon: the maps are of two samples
_LEAST = 5.0  # effective entries of a bin that counts
_ISMUON = "K: isMuon among DLLK > 4"


class Cells(NamedTuple):
    """Efficiencies in the bins of a map; all of shape ``(n_p, n_eta, n_tracks)``.

    Attributes:
        ours, error: efficiency of the simulated tracks and its error, NaN for too few.
        measured, measured_error: that of the map.
        population: of the map where both are known, else 0.
        n: effective simulated tracks.
    """

    ours: Floats
    error: Floats
    measured: Floats
    measured_error: Floats
    population: Floats
    n: Floats


def compare(tracks: Columns, passed: Mask, measured: Map) -> Cells:
    """Tracks beside a map.

    Args:
        tracks: those that the map is a share of.
        passed: whether each passes, shape ``(n,)``.
        measured: the map.
    """
    weight = calibration_weights(tracks, measured)
    sample = np.stack([tracks[c].astype(np.float64) for c in ("p", "eta", "n_tracks")], axis=1)
    edges = (measured.p, measured.eta, measured.n_tracks)
    total, squares, passing = (
        np.histogramdd(sample, edges, weights=w)[0] for w in (weight, weight**2, weight * passed)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        n = np.where(squares > 0.0, total**2 / squares, 0.0)
        ours = np.where(n >= _LEAST, passing / total, np.nan)
        error = share_error(ours * n, n)
    known = np.isfinite(ours) & np.isfinite(measured.efficiency)
    population = np.where(known, measured.total, 0.0)
    return Cells(ours, error, measured.efficiency, measured.error, population, n)


def mean_difference(cells: Cells, where: Mask) -> tuple[float, float, float]:
    """Population-weighted mean absolute difference over some bins.

    Args:
        cells: the bins.
        where: which count, shape ``(n_p, n_eta, n_tracks)``.

    Returns:
        The mean with the statistical part of each difference taken out of it, its error, and the
        mean without that correction.
    """
    w = np.where(where, cells.population, 0.0)
    if w.sum() <= 0.0:
        return NAN, NAN, NAN
    difference = np.where(w > 0.0, cells.ours - cells.measured, 0.0)
    variance = np.where(w > 0.0, cells.error**2 + cells.measured_error**2, 0.0)
    corrected = np.sqrt(np.clip(difference**2 - variance, 0.0, None))
    error = np.sqrt((w**2 * variance).sum()) / w.sum()
    mean, plain = ((w * np.abs(d)).sum() / w.sum() for d in (corrected, difference))
    return float(mean), float(error), float(plain)


def signed_slices(cells: Cells, axis: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Efficiencies against one axis (0 for p, 1 for eta), standardised to the map's population.

    Returns:
        Ours, its error, measured, its error; NaN where less than half of a slice is covered;
        each of shape ``(n_p,)`` or ``(n_eta,)``.
    """
    other = tuple(i for i in range(3) if i != axis)
    w = cells.population
    norm = w.sum(axis=other)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = [
            np.where(norm > 0.0, np.nansum(w * values, axis=other) / norm, np.nan)
            for values in (cells.ours, cells.measured)
        ]
        errors = [
            np.where(norm > 0.0, np.sqrt(np.nansum((w * e) ** 2, axis=other)) / norm, np.nan)
            for e in (cells.error, cells.measured_error)
        ]
    return out[0], errors[0], out[1], errors[1]


class Slope(NamedTuple):
    """Efficiency against the tracks of the event; arrays over the bins of the map up to 500.

    Attributes:
        n_tracks: mean of the map's population in each bin.
        ours, error, measured: efficiency for one population over p and eta.
        slope, slope_error, measured_slope: per 100 tracks.
    """

    n_tracks: Floats
    ours: Floats
    error: Floats
    measured: Floats
    slope: float
    slope_error: float
    measured_slope: float


def occupancy_slope(cells: Cells, measured: Map) -> Slope:
    """Fall of the efficiency with the tracks of the event, for the same (p, eta) in all bins."""
    i = (measured.p[:-1] >= P_RANGE[0]) & (measured.p[1:] <= P_RANGE[1])
    k = int((measured.n_tracks <= 500.0).sum()) - 1
    everywhere = (cells.population[:, :, :k] > 0.0).all(axis=2) & i[:, None]
    w = np.where(everywhere, measured.total[:, :, :k].sum(axis=2), 0.0)
    norm = max(w.sum(), 1e-12)
    ours, theirs = (
        np.where(everywhere[:, :, None], v[:, :, :k] * w[:, :, None], 0.0).sum(axis=(0, 1)) / norm
        for v in (cells.ours, cells.measured)
    )
    error = np.where(everywhere[:, :, None], cells.error[:, :, :k] * w[:, :, None], 0.0)
    error = np.sqrt((error**2).sum(axis=(0, 1))) / norm
    middle = 0.5 * (measured.n_tracks[1 : k + 1] + measured.n_tracks[:k])
    if not everywhere.any():
        return Slope(middle, ours * NAN, error * NAN, theirs * NAN, NAN, NAN, NAN)
    population = measured.total.sum(axis=(0, 1))[:k]
    # Both are fitted with the population of the map as weights: the same line to the same bins.
    u = population / population.sum()
    x = middle - (u * middle).sum()
    each = u * x / (u * x**2).sum() * 100.0
    return Slope(
        *(middle, ours, error, theirs, float(each @ ours)),
        *(float(np.sqrt(((each * error) ** 2).sum())), float(each @ theirs)),
    )


def calibration_section(samples: Sequence[Sample]) -> Section:
    """All maps, and isMuon of kaons from the ratio of two of them."""
    tracks = identified_tracks(samples, *COLUMNS)
    rows: list[Row] = []
    views: list[Series] = []
    for cut in CUTS:
        measured = load_map(cut.key)
        chosen = where(tracks, cut.rows(tracks))
        cells = compare(chosen, picked(chosen, cut.passes), measured)
        slope = occupancy_slope(cells, measured)
        n = len(chosen["p"])
        rows += difference_rows(cut, cells, measured, n, MEAN_LIMIT, SLICE_LIMIT)
        values = (slope.slope, slope.slope_error, slope.measured_slope)
        words = f"{cut.name}: slope per 100 tracks"
        rows.append(relative(words, *values, SLOPE_BAND, n=n, source=SOURCE))
        views += axis_series(cut, cells, measured)
        views.append(_tracks_series(cut, measured, slope))
    row, view = _kaon_is_muon(tracks)
    return Section(
        "calibration",
        "Identification beside PIDCalib 2016",
        (*rows, row),
        (*views, view),
        notes=(
            "Bins are those of the maps. A bin counts if it holds 5 effective simulated tracks; "
            "the mean absolute difference has the statistical part taken out bin by bin, the "
            "plain one stands in the note.",
            "Simulated tracks get the distribution inside each bin that the map implies. "
            "Tracks of the calibration samples come from triggered charm and J/psi events.",
        ),
    )


def _judged(measured: Map) -> Mask:
    """Bins of momentum that are judged, shape ``(n_p, 1, 1)``."""
    inside: Mask = (measured.p[:-1] >= P_RANGE[0]) & (measured.p[1:] <= P_RANGE[1])
    return inside[:, None, None]


def difference_rows(
    cut: Cut, cells: Cells, measured: Map, n: int, mean_limit: float, slice_limit: float
) -> list[Row]:
    """Mean difference to a map, and that in the worst slice of momentum.

    Args:
        cut: what the map is of.
        cells: efficiencies in its bins.
        measured: the map.
        n: simulated tracks.
        mean_limit, slice_limit: what is asked for.
    """
    judged = _judged(measured)
    population, known = (np.where(judged, v, 0.0) for v in (measured.total, cells.population))
    covered = float(known.sum() / np.clip(population, 0.0, None).sum())
    mean, error, plain = mean_difference(cells, judged)
    ours, theirs = (
        float(np.nansum(np.where(judged, cells.population * v, 0.0)))
        / max(float(known.sum()), 1e-12)
        for v in (cells.ours, cells.measured)
    )
    note = (
        f"efficiency {ours:.3f}, measured {theirs:.3f}; plain mean {plain:.3f}; "
        f"bins with {covered:.0%} of the population"
    )
    words = f"{cut.name}: mean |difference|"
    return [
        at_most(words, mean, error, mean_limit, note=note, n=n, source=SOURCE),
        _worst_slice(cut, cells, measured, n, slice_limit),
    ]


def _worst_slice(cut: Cut, cells: Cells, measured: Map, n: int, limit: float) -> Row:
    ours, _, theirs, _ = signed_slices(cells, 0)
    slices = np.eye(len(ours), dtype=np.bool_)[:, :, None, None] & _judged(measured)
    values, errors, _ = zip(*(mean_difference(cells, one) for one in slices), strict=True)
    name = f"{cut.name}: worst slice of p"
    if (i := worst(values, errors)) < 0:
        return at_most(name, NAN, NAN, limit, n=n, source=SOURCE)
    low, high = measured.p[i] / 1e3, measured.p[i + 1] / 1e3
    note = f"{low:.3g}-{high:.3g} GeV: {ours[i]:.3f}, measured {theirs[i]:.3f}"
    return at_most(name, values[i], errors[i], limit, n=n, source=SOURCE, note=note)


def axis_series(cut: Cut, cells: Cells, measured: Map) -> Iterator[Series]:
    """Ours and measured efficiency against p and eta."""
    axes = (("p", measured.p / 1e3, "p [GeV]"), ("eta", measured.eta, "pseudorapidity"))
    for axis, (name, edges, label) in enumerate(axes):
        labels = (f"{cut.name}, against {name}", label, "efficiency")
        yield series(labels, edges, *signed_slices(cells, axis), log_x=name == "p")


def _tracks_series(cut: Cut, measured: Map, slope: Slope) -> Series:
    labels = (f"{cut.name}, against nTracks", "tracks of the event", "efficiency")
    edges = measured.n_tracks[: len(slope.n_tracks) + 1]
    return series(labels, edges, slope.ours, slope.error, slope.measured)


def _kaon_is_muon(tracks: Columns) -> tuple[Row, Series]:
    """IsMuon of kaons that pass DLLK > 4: one less the ratio of two maps, against momentum."""
    without, with_muons = load_map("rdx_K"), load_map("jpsik_K")
    first, second = _common_bins(without.p, with_muons.p)
    # Both over 1.5 < eta < 5 and up to 500 tracks.
    shares = [
        passing.sum(axis=(1, 2))[bins] / total.sum(axis=(1, 2))[bins]
        for passing, total, bins in (
            (without.passing[:, :4, :4], without.total[:, :4, :4], first),
            (with_muons.passing, with_muons.total, second),
        )
    ]
    measured = 1.0 - shares[0] / shares[1]
    chosen = where(tracks, (tracks["species"] == SPECIES["K"]) & (tracks["pid_k"] > 4.0))
    weight = spectrum_weights(chosen, with_muons)
    place = bins_of(chosen["p"], with_muons.p)
    ours, error = np.full(len(second), NAN), np.full(len(second), NAN)
    for k, b in enumerate(second):
        w = weight[place == b]
        n = w.sum() ** 2 / max((w**2).sum(), 1e-12)
        if n >= 20.0:
            ours[k] = (w * chosen["is_muon"][place == b]).sum() / w.sum()
            error[k] = np.sqrt((ours[k] * n + 1.0) * (1.0 - ours[k]) / n) / np.sqrt(n)
    known = np.isfinite(ours)
    u = np.where(known, with_muons.total.sum(axis=(1, 2))[second], 0.0)
    norm, value = max(u.sum(), 1e-12), (NAN, NAN, NAN)
    if known.any():
        mean, target = float(np.nansum(u * ours)) / norm, float((u * measured).sum()) / norm
        value = (mean, float(np.sqrt(np.nansum((u * error) ** 2))) / norm, target)
    note = "measured from the ratio of the two kaon maps; in place of the 1 % of 2011 [M]"
    row = relative(_ISMUON, *value, _MUON_BAND, n=len(weight), source=SOURCE, note=note)
    bins = (with_muons.p[second] / 1e3, with_muons.p[second + 1] / 1e3)
    view = series((_ISMUON, "p [GeV]", "share"), bins, ours, error, measured, log_x=True)
    return row, view


def _common_bins(first: Floats, second: Floats) -> tuple[Ints, Ints]:
    """Bins that both lists of edges have, inside of `P_RANGE`."""
    pairs = [
        (a, b)
        for a, b in itertools.product(range(len(first) - 1), range(len(second) - 1))
        if first[a] == second[b] and first[a + 1] == second[b + 1]
        if P_RANGE[0] <= first[a] and first[a + 1] <= P_RANGE[1]
    ]
    one, two = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return one, two
