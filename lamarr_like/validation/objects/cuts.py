"""Cuts on identification variables, detailed beside fast and beside the floor."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ...arrays import Columns, Mask
from ...events import EventBatch
from ...statistics.binned import share_error
from ...statistics.matching import cells, where
from ..bins import SPECIES, Cut, picked
from . import declared
from .reports import PidReport
from .results import TOLERANCE, Comparison, CutCurve, RatioResult, Share
from .samples import Figures, figures


def pid_report(detailed: EventBatch, fast: EventBatch, *, min_rows: int = 100) -> PidReport:
    """Compare cuts on identification variables between two samples of the same generated events.

    The floor is the same report of two draws of a detailed sample, see `floor_report`.

    Args:
        detailed: events of the detailed simulation.
        fast: events of the fast chain.
        min_rows: bins with fewer tracks in either sample are left out.

    Raises:
        SchemaError: if a column is missing.
    """
    first = figures(detailed, "pid", "detailed sample")
    return _identification(first, figures(fast, "pid", "fast sample"), min_rows)


def floor_report(
    detailed: EventBatch, again: EventBatch | None = None, *, min_rows: int = 100
) -> PidReport:
    """`pid_report` between two draws of the same events: what chance alone does.

    Args:
        detailed: events of the detailed simulation.
        again: a second draw of them; None for the even beside the odd events of the first.
        min_rows: bins with fewer tracks in either part are left out.
    """
    if again is not None:
        return pid_report(detailed, again, min_rows=min_rows)
    whole = figures(detailed, "pid", "detailed sample")
    even = np.arange(len(detailed)) % 2 == 0
    return _identification(whole.of(even), whole.of(~even), min_rows)


def _identification(first: Figures, second: Figures, min_rows: int) -> PidReport:
    one, two = (s.groups["track"] for s in (first, second))
    ratios: list[RatioResult] = []
    for name, pdg in SPECIES.items():
        a, b = (where(t, t["species"] == pdg) for t in (one, two))
        if len(a["p"]) and len(b["p"]):
            ratios += _ratios(name, a, b, min_rows)
    curves = tuple(_cut_curve(cut, one, two) for cut in declared.MISIDENTIFICATION)
    return PidReport(tuple(ratios), curves, tuple(_compare(c, one, two) for c in declared.JOINT))


def _ratios(species: str, one: Columns, two: Columns, min_rows: int) -> list[RatioResult]:
    """Ratios of all cuts on one species, in bins of momentum, pseudorapidity and nSPDHits."""
    spd = np.quantile(one["n_spd_hits"], declared.SPD_SHARES)
    spd[0], spd[-1] = -np.inf, np.inf
    axes = (("p", declared.P_EDGES), ("eta", declared.ETA_EDGES), ("n_spd_hits", spd))
    size = math.prod(len(edges) - 1 for _, edges in axes)
    # The last slot takes what lies outside all bins.
    places = [np.where((c := cells(t, axes)) < 0, size, c) for t in (one, two)]
    total = [np.bincount(b, minlength=size + 1)[:size].astype(np.float64) for b in places]
    full = (total[0] >= min_rows) & (total[1] >= min_rows)
    out: list[RatioResult] = []
    for variable in declared.VARIABLES if full.any() else ():
        for quantile in declared.QUANTILES:
            cut = float(np.quantile(one[variable], quantile))
            above = [one[variable] > cut, two[variable] > cut]
            shares, errors = [], []
            for place, passes, n in zip(places, above, total, strict=True):
                k = np.bincount(place, passes, minlength=size + 1)[:size].astype(np.float64)
                shares.append(k[full] / n[full])
                errors.append(share_error(k[full], n[full]))
            sigma = np.hypot(errors[0], errors[1])
            difference = np.abs(shares[1] - shares[0])
            good = difference <= np.maximum(TOLERANCE * shares[0], 2.0 * sigma)
            out.append(
                RatioResult(
                    *(species, variable, quantile, cut, _share(above[0]), _share(above[1])),
                    bins=int(full.sum()),
                    good=float(good.mean()),
                    worst=float((difference / sigma).max()),
                )
            )
    return out


def _share(passed: Mask) -> Share:
    return Share(int(passed.sum()), len(passed))


def _compare(cut: Cut, one: Columns, two: Columns) -> Comparison:
    """A cut on two samples."""
    shares = []
    for tracks in (one, two):
        shares.append(_share(picked(tracks, cut.passes)[cut.rows(tracks)]))
    return Comparison(cut.name, cut.species, *shares)


def _cut_curve(cut: Cut, one: Columns, two: Columns) -> CutCurve:
    """A cut on two samples against momentum."""
    points = []
    for low, high in itertools.pairwise(declared.P_EDGES):
        inside = (where(t, (t["p"] >= low) & (t["p"] < high)) for t in (one, two))
        points.append(_compare(cut, *inside))
    return CutCurve(cut.name, declared.P_EDGES, tuple(points), _compare(cut, one, two))
