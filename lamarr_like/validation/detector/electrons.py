"""Electrons of a detailed sample beside RapidSim's histograms of LHCb's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Mask
from ...errors import SourceError
from ...events import EventBatch
from ...statistics.binned import bins_of, weighted_quantiles
from ..bins import SPECIES
from ..series import Series, series
from .results import NAN, Row, Section, absolute
from .sample import LONG

SOURCE = "RapidSim histsE.root (LHCb)"
RAPIDSIM_P = 1e3 * np.array([0.0, 7.7, 11, 14.5, 18.3, 22.8, 28.2, 35.5, 46.3, 66.1, 200.0])
"""Edges [MeV] of the momentum bins of RapidSim's histograms, from its file ``config/smear``."""

_N = len(RAPIDSIM_P) - 1
_QUANTILES = (0.05, 0.16, 0.50, 0.84, 0.95)
_LEAST = 50
BAND, ROOM = 0.30, 0.005
"""A quantile may differ by this share of the published one, or by this much: the histograms do not
tell the spectrum and the selection of their electrons, on which radiation before the magnet and the
chance to find its photon depend at this level; below 0.005 the momentum resolution decides, which
has targets of its own."""
PHOTON_SHARE = (0.5, 0.15)
"""Share of electrons with a photon added, and how far off it may be: of B decays into two electrons
about a half has one, a quarter each none and two, in LHCb's tests of lepton universality."""


class Electrons(NamedTuple):
    """Long tracks of generated electrons, arrays of shape ``(n,)``.

    Attributes:
        p: generated momentum [MeV].
        residual: momentum with added bremsstrahlung over the generated one, less 1.
        has_brem: whether a cluster of bremsstrahlung was added.
    """

    p: Floats
    residual: Floats
    has_brem: Mask


def electron_tracks(batch: EventBatch) -> Electrons:
    """Long tracks of electrons of a detailed sample."""
    track = batch.track
    mine = (track["track_type"] == LONG) & (track["mcparticle_id"] >= 0)
    mine[mine] = np.abs(batch.linked("mc_pdg_id", mine)) == SPECIES["e"]
    p = np.sqrt(sum(batch.linked(f"mc_p{c}", mine).astype(np.float64) ** 2 for c in "xyz"))
    residual = (track["p"][mine] + track["brem_energy"][mine]) / p - 1.0
    return Electrons(p, residual, track["has_brem"][mine])


def electron_section(batch: EventBatch, histograms: Path) -> Section:
    """Momenta of electron tracks, with the bremsstrahlung that was found, beside RapidSim's.

    Args:
        batch: detailed events.
        histograms: ``histsE.root``.

    Raises:
        SourceError: if the file cannot be read.
    """
    published, own = _published(histograms), electron_tracks(batch)
    rows: list[Row] = []
    views: list[Series] = []
    for has, word in ((False, "no photon added"), (True, "photon added")):
        mine = (own.has_brem == has) & (np.abs(own.residual) < 0.5)
        place = np.where(mine, bins_of(own.p, RAPIDSIM_P), -1)
        counts = np.bincount(place[place >= 0], minlength=_N)
        edges, densities = published[has]
        kept = counts >= _LEAST
        residual = own.residual[(place >= 0) & kept[place]]
        theirs = (densities[kept] * counts[kept, None]).sum(axis=0) / max(counts[kept].sum(), 1)
        rows += _quantile_rows(word, residual, edges, theirs)
        views.append(_series(word, residual, edges, theirs))
    inside = own.p < RAPIDSIM_P[-1]
    share = float(own.has_brem[inside].mean()) if inside.any() else NAN
    n = int(inside.sum())
    error = float(np.sqrt(share * (1.0 - share) / max(n, 1)))
    words = "e, long: share with a photon added"
    rows.append(absolute(words, share, error, *PHOTON_SHARE, n=n, source="JHEP 08 (2017) 055"))
    notes = (
        "Residuals within 0.5; RapidSim's histograms by momentum, mixed as the simulated "
        "electrons are. They do not tell how their electrons were chosen: quantiles may differ by "
        "30 % or by 0.005.",
    )
    title = "Electrons beside RapidSim's LHCb histograms"
    return Section("electrons", title, tuple(rows), tuple(views), notes)


def _published(path: Path) -> dict[bool, tuple[Floats, Floats]]:
    """Edges and shares of the bins, shape ``(10, n)``, without and with a photon added."""
    import uproot

    result = {}
    try:
        with uproot.open(path) as file:
            for has in (False, True):
                parts = [file[f"P{i}_Brem{int(has)}_e"].to_numpy() for i in range(_N)]
                values = np.stack([np.clip(v, 0.0, None) / v.sum() for v, _ in parts])
                result[has] = (parts[0][1].astype(np.float64), values.astype(np.float64))
    except (OSError, KeyError, ValueError) as error:
        raise SourceError(f"{path}: not histograms of electron residuals ({error})") from None
    return result


def _quantile_rows(word: str, residual: Floats, edges: Floats, shares: Floats) -> Iterator[Row]:
    n = len(residual)
    cumulative = np.concatenate([[0.0], np.cumsum(shares)])
    for q in _QUANTILES:
        words = f"e, {word}: {q:.0%} quantile of dp/p"
        if n < _LEAST:
            yield Row(words, NAN, n=n, source=SOURCE)
            continue
        step = np.sqrt(q * (1.0 - q) / n)
        at = np.clip(np.array([q - step, q, q + step]), 0.0, 1.0)
        low, middle, high = weighted_quantiles(residual, np.ones(n), at)
        target = float(np.interp(q, cumulative / max(cumulative[-1], 1e-12), edges))
        band = max(BAND * abs(target), ROOM)
        error = 0.5 * float(high - low)
        yield absolute(words, float(middle), error, target, band, n=n, source=SOURCE)


def _series(word: str, residual: Floats, edges: Floats, shares: Floats) -> Series:
    counts, _ = np.histogram(residual, edges)
    width = np.diff(edges)
    labels = (f"e, {word}", "(p + photon) / generated p - 1", "density")
    ours = counts / max(counts.sum(), 1) / width
    return series(labels, edges, ours, reference=shares / width, style="steps")
