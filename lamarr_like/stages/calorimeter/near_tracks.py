"""What the nearest track does to the likeness of a cluster to a photon or an electron.

The reconstruction calls a cluster the less a photon, the nearer it is to a track, by the logarithm
of the chi2 of their distance.  Where clusters of secondaries fall, and next to which tracks, is
chance, which the head cannot know when it draws what a cluster measures.  So it draws what the
likeness would be without, and this term follows from where cluster and tracks are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from scipy.special import expit, logit

from ...arrays import Columns, Floats, Ints, Mask
from ...engine.translator.sequences import Sources

Slopes: TypeAlias = Mapping[str, float]
"""By how much the log-odds of a likeness grow with `log_chi2`."""
NEAR_TRACK = {"photon_id": "photon_odds", "is_not_e": "not_e_odds"}
"""Likenesses that depend on the nearest track, and their log-odds without it."""
NEEDED = {*NEAR_TRACK, "is_matched", "prs_energy", "region", "energy", "spread", "sigma_x"}
"""Columns of clusters that tell how."""
TRACKED = ("is_long", "is_downstream")
"""Features of sources, one of which says that there is a track."""
_TRACK_ERROR = 3.2
"""Error of a track at the ECAL [mm], about that of the reference for 10 GeV."""
_MATCHED, _MOST = 25.0, 1e4
"""Chi2 up to which clusters are matched, and the largest that counts."""
_PAIRS = 1_000_000
"""Pairs of clusters and tracks that are looked at together, about."""
_CERTAIN = 1e-6
"""Distance of likenesses from 0 and 1 at the least."""


def log_chi2(
    sources: Sources,
    tracked: Mask,
    where: tuple[Floats, Floats, Ints],
    sigma: Floats,
    matched: Mask,
) -> Floats:
    """Log of one plus the chi2 of the distance to the nearest track of a source, shape ``(m,)``.

    Args:
        sources: the sources.
        tracked: those with a track that reaches the ECAL, shape ``(n_sources,)``.
        where: x, y of clusters in the plane of the cells [mm] and their event, shapes ``(m,)``.
        sigma: their expected resolution of x [mm], shape ``(m,)``.
        matched: those that are matched with a track, shape ``(m,)``.
    """
    x, y, event = where
    rows = np.flatnonzero(tracked)
    offsets = np.searchsorted(rows, sources.offsets)
    first, count = offsets[event], np.diff(offsets)[event]
    nearest = np.full(len(x), np.inf)
    # All pairs of an event, so many at a time: there are some ten tracks.
    ends = np.cumsum(count)
    for k in range(0, int(ends[-1]) if len(ends) else 0, _PAIRS):
        mine = np.flatnonzero((ends > k) & (ends <= k + _PAIRS) & (count > 0))
        starts = np.concatenate([[0], np.cumsum(count[mine])])
        cluster = np.repeat(mine, count[mine])
        track = rows[np.arange(starts[-1]) + np.repeat(first[mine] - starts[:-1], count[mine])]
        square = (x[cluster] - sources.x[track]) ** 2 + (y[cluster] - sources.y[track]) ** 2
        nearest[mine] = np.minimum.reduceat(square, starts[:-1]) if len(mine) else nearest[mine]
    chi2 = np.minimum(nearest / (sigma**2 + _TRACK_ERROR**2), _MOST)
    found: Floats = np.where(matched, np.minimum(chi2, _MATCHED), np.maximum(chi2, _MATCHED))
    return np.log1p(found)


def log_odds(likeness: np.ndarray) -> Floats:
    """Log-odds of likenesses between 0 and 1, the shape of `likeness`."""
    odds: Floats = logit(np.clip(likeness.astype(np.float64), _CERTAIN, 1.0 - _CERTAIN))
    return odds


def without_track(cluster: Mapping[str, np.ndarray], given: Slopes, distance: Floats) -> Columns:
    """Log-odds of clusters without the term of the nearest track, by the names of `NEAR_TRACK`.

    Args:
        cluster: the likenesses, shapes ``(m,)``.
        given: `truth.slopes`.
        distance: `log_chi2` of each, shape ``(m,)``.
    """
    return {
        odds: log_odds(cluster[name]) - given.get(name, 0.0) * distance
        for name, odds in NEAR_TRACK.items()
    }


def with_track(values: Mapping[str, Floats], given: Slopes, distance: Floats | float) -> Columns:
    """The likenesses from their log-odds without the nearest track: what `without_track` undoes.

    Args:
        values: the log-odds, shapes ``(m,)``.
        given: `truth.slopes`.
        distance: `log_chi2` of each, shape ``(m,)``.
    """
    return {
        name: expit(values[odds] + given.get(name, 0.0) * distance)
        for name, odds in NEAR_TRACK.items()
    }


def tracked_sources(sources: Sources, names: Sequence[str]) -> Mask:
    """Sources with a track that reaches the ECAL, shape ``(n_sources,)``.

    Args:
        sources: the sources.
        names: their features, in order.
    """
    columns = [names.index(name) for name in TRACKED]
    there: Mask = sources.features[:, columns].max(axis=1) > 0.5
    return there
