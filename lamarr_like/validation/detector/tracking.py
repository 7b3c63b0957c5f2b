"""Curves of tracks and vertices beside published values, for the report and for the pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...arrays import Floats, Mask
from ...events import EventBatch
from ..series import Series, of_curve
from . import curves
from .sample import LONG

GHOST, GHOST_CUT = 2, 0.4
"""Origin of a ghost, and the usual cut on the ghost probability."""
MOMENTUM = {(5e3, 2e4): 0.005, (8e4, 1.2e5): 0.008, (1.6e5, 2.4e5): 0.010}
"""Published dp/p in ranges of momentum [MeV], [P] fig. 17."""
IMPACT = (11.6, 23.4)
"""Published impact parameter [um] and its slope in 1/pT [um GeV], [P] fig. 12."""
VERTEX = {"x": 13.0, "y": 13.0, "z": 71.0}
"""Published widths of primary vertices of 25 tracks [um], [P] sec. 3.2."""


def momentum_resolution(batch: EventBatch, edges: Floats) -> Series:
    """Core width of dp/p against the generated momentum.

    Args:
        batch: detailed events.
        edges: of the bins [MeV], shape ``(n_bins + 1,)``.
    """
    linked = curves.linked_long_tracks(batch)
    curve = curves.width_curve(batch.track["p"][linked.rows] / linked.p - 1.0, linked.p, edges)
    reference = np.full(len(curve.x), np.nan)
    for (low, high), value in MOMENTUM.items():
        reference[(curve.low >= low) & (curve.high <= high)] = value
    labels = ("momentum resolution", "p [GeV]", "core width of dp/p")
    return of_curve(labels, curve, reference, scale=1e-3, log_x=True)


def impact_parameter(batch: EventBatch, edges: Floats) -> Series:
    """Core width of the impact parameter in x against 1/pT.

    Args:
        batch: detailed events.
        edges: of the bins [1/GeV], shape ``(n_bins + 1,)``.
    """
    linked = curves.linked_long_tracks(batch)
    ip = curves.impact_parameters(batch, linked)
    curve = curves.width_curve(1e3 * ip, 1e3 / linked.pt, edges)
    labels = ("impact parameter", "1/pT [1/GeV]", "core width of IPx [um]")
    return of_curve(labels, curve, IMPACT[0] + IMPACT[1] * curve.x)


def primary_vertices(batch: EventBatch, edges: Floats) -> Iterator[Series]:
    """Core widths of the residuals of primary vertices against their tracks, by axis.

    Args:
        batch: detailed events.
        edges: of the bins in numbers of tracks, shape ``(n_bins + 1,)``.
    """
    n_tracks, residuals = curves.vertex_residuals(batch)
    for axis, residual in residuals.items():
        curve = curves.width_curve(1e3 * residual, n_tracks.astype(np.float64), edges)
        at_25 = (curve.low <= 25.0) & (curve.high > 25.0)
        panel = "primary vertex, z" if axis == "z" else "primary vertex, x and y"
        reference = np.where(at_25, VERTEX[axis], np.nan)
        yield of_curve((panel, "tracks", "core width [um]"), curve, reference, name=axis)


def long_efficiency(
    batch: EventBatch, p_edges: Floats, eta_edges: Floats, spd_edges: Floats
) -> Iterator[Series]:
    """Long-track efficiency of all but electrons; above 5 GeV but for the first curve.

    Args:
        batch: detailed events.
        p_edges: bins of the generated momentum [MeV], shape ``(n_bins + 1,)``.
        eta_edges: bins of the generated pseudorapidity, shape ``(n_bins + 1,)``.
        spd_edges: bins of the hits in the SPD, shape ``(n_bins + 1,)``.
    """
    able = curves.reconstructible_long(batch)
    every, hard = np.ones(len(able.p), np.bool_), able.p > 5e3
    views: Sequence[tuple[str, Floats, Floats, Mask]] = (
        ("p [GeV]", able.p / 1e3, p_edges / 1e3, every),
        ("pseudorapidity", able.eta, eta_edges, hard),
        ("nSPDHits", able.n_spd_hits, spd_edges, hard),
    )
    for x, by, edges, rows in views:
        curve = curves.share_curve(able.found[rows], by[rows], edges)
        labels = (f"long efficiency, against {x.split()[0]}", x, "efficiency")
        yield of_curve(labels, curve, log_x=x == views[0][0])


def ghosts(batch: EventBatch, edges: Floats) -> Iterator[Series]:
    """Share of ghosts among long tracks against nSPDHits, all and with a cut on their probability.

    Args:
        batch: detailed events.
        edges: bins of the hits in the SPD, shape ``(n_bins + 1,)``.
    """
    track = batch.track
    long, ghost = track["track_type"] == LONG, track["origin"] == GHOST
    spd = batch.event_column("track", "n_spd_hits").astype(np.float64)
    for cut in (1.0, GHOST_CUT):
        mine = long & (track["ghost_prob"] <= cut)
        curve = curves.share_curve(ghost[mine], spd[mine], edges)
        name = f"ghostProb < {cut:g}" if cut < 1.0 else "all"
        yield of_curve(("ghosts", "nSPDHits", "share of long tracks"), curve, name=name)
