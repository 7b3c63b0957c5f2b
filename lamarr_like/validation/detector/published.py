"""The reference detector beside published figures.

[P] arXiv:1412.6352, [R] EPJC 73 (2013) 2431, [M] JINST 8 (2013) P10020.  Identification is averaged
over the momenta and pseudorapidities of LHCb's calibration samples, as the published figures are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...arrays import Columns, Floats
from ...detailed.figures import Figure, published_figures
from ...detailed.parameters import DEFAULT, Parameters
from ...events import EventBatch
from ...statistics.binned import bins_of, effective, weighted_quantiles, weighted_share
from ...statistics.matching import where
from ..bins import SPECIES
from ..series import Series, series
from . import muon_curves, tracking
from .calibration import COLUMNS
from .calorimeter import calorimeter_rows
from .curves import reconstructible_long
from .maps import load_map, spectrum_weights
from .results import NAN, Row, Section, absolute, at_least, at_most, relative
from .sample import LONG, Sample, identified_tracks, together

BAND = 0.10
"""A figure may differ from the published one by this share of it."""
KAON_ID = ((0.0, 0.95, 0.10), (5.0, 0.85, 0.03))
"""Cut on DLLK, share of kaons and of pions that pass, [R] fig. 17."""
CALIBRATION = {"mu": "jpsik_Mu", "pi": "rdx_Pi", "K": "jpsik_K", "p": "rdx_Pi"}
"""Map whose spectrum tracks of a species get."""

_P_EDGES = 1e3 * np.array([2.0, 5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240])
_INVERSE_PT = np.array([0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0])
_PV_TRACKS = np.array([5, 10, 15, 20, 23, 28, 35, 45, 60, 90.0])
_SPD_EDGES = np.array([0.0, 100, 200, 300, 400, 500, 600, 800, 1000])
_RICH = "[R] fig. 17"
_EARLIER = "2011; in 2016 kaons pass twice as often (PIDCalib's maps, judged there)"


def published_section(
    samples: Sequence[Sample], photons: int = 20000, par: Parameters = DEFAULT
) -> Section:
    """Compare with published figures.

    Args:
        samples: detailed samples.
        photons: photons and pi0 to simulate for the calorimeter, 0 to leave it out.
        par: the parameters that made the samples.
    """
    batch = together(samples)
    tracks = identified_tracks(samples, *COLUMNS, "muon_mu_ll", "muon_bg_ll")
    calorimeter = calorimeter_rows(photons, par) if photons else ([], [])
    rows = (
        *(_of_figure(f) for f in published_figures(batch, par, identification=False)),
        *(_muon_efficiency(batch), _ghosts(batch), *kaon_rows(tracks), *_muon_rows(tracks)),
        *calorimeter[0],
    )
    curves = (
        tracking.momentum_resolution(batch, _P_EDGES),
        tracking.impact_parameter(batch, _INVERSE_PT),
        *tracking.primary_vertices(batch, _PV_TRACKS),
        *tracking.long_efficiency(batch, _P_EDGES, np.linspace(2.0, 5.0, 13), _SPD_EDGES),
        *tracking.ghosts(batch, _SPD_EDGES),
        *(_kaon_curve(tracks), *_muon_series(tracks), *calorimeter[1]),
    )
    notes = (
        "[P] arXiv:1412.6352, [R] EPJC 73 (2013) 2431, [M] JINST 8 (2013) P10020.",
        "Kaon, pion and muon identification: weighted to the (p, eta) spectra of PIDCalib's "
        "calibration samples, protons to that of the pions. Of events that a gun added muons to, "
        "hadrons do not count: they have hits of these muons.",
    )
    return Section("published", "Published figures", rows, curves, notes)


def _of_figure(figure: Figure) -> Row:
    n, source = figure.n, figure.source
    # No value without entries.
    value = (figure.ours if n else NAN, figure.error)
    if figure.quantity.startswith("long efficiency"):
        note = "all but electrons; the published one is that of muons, see below"
        return Row(figure.quantity, *value, n=n, note=note)
    if figure.quantity.startswith("ghost share"):
        note = "about 20 % before the cut on the ghost probability in busy events, under 10 % after"
        return Row(figure.quantity, *value, 0.15, 0.10, 0.20, n=n, source=source, note=note)
    return relative(figure.quantity, *value, figure.published, BAND, n=n, source=source)


def _muon_efficiency(batch: EventBatch) -> Row:
    """Long tracks among muons that cross the whole tracking system, as measured with J/psi."""
    able = reconstructible_long(batch, SPECIES["mu"])
    inside = (able.p > 5e3) & (able.p < 2e5) & (able.eta > 2.0) & (able.eta < 4.9)
    found = able.found[inside].astype(np.float64)
    share = weighted_share(found, np.ones(len(found)))
    words = "long efficiency of muons, 5-200 GeV, 2 < eta < 4.9"
    return at_least(words, *share, 0.96, n=len(found), source="[P] fig. 21 (> 0.96)")


def _ghosts(batch: EventBatch) -> Row:
    track, cut = batch.track, tracking.GHOST_CUT
    kept = (track["track_type"] == LONG) & (track["ghost_prob"] < cut)
    share = weighted_share((track["origin"] == tracking.GHOST)[kept], np.ones(kept.sum()))
    words, n = f"ghost share, ghostProb < {cut:g}", int(kept.sum())
    return at_most(words, *share, 0.10, n=n, source="[P] sec. 4.1")


def _of_species(tracks: Columns, name: str, rows: np.ndarray) -> tuple[Columns, Floats]:
    """Tracks of a species among some, and their weights to the spectrum of its calibration."""
    chosen = where(tracks, rows & (tracks["species"] == SPECIES[name]))
    return chosen, spectrum_weights(chosen, load_map(CALIBRATION[name]))


class _Weighted:
    """DLLK of kaons and pions with the spectra of the calibration samples."""

    def __init__(self, tracks: Columns) -> None:
        found = {k: _of_species(tracks, k, tracks["p"] < 1e5) for k in ("K", "pi")}
        self.values = {k: chosen["pid_k"].astype(np.float64) for k, (chosen, _) in found.items()}
        self.weights = {k: weights for k, (_, weights) in found.items()}
        self.n = {k: int(effective(weights)) for k, weights in self.weights.items()}

    def share(self, name: str, cut: float) -> tuple[float, float]:
        """Share above a cut and its error."""
        return weighted_share((self.values[name] > cut).astype(np.float64), self.weights[name])


def kaon_rows(tracks: Columns) -> Iterator[Row]:
    """Kaon identification and pion misidentification at cuts, and against each other.

    Args:
        tracks: long tracks, see `long_tracks`.
    """
    dll = _Weighted(tracks)
    for cut, *published in KAON_ID:
        named = zip(("K", "pi"), ("kaon ID", "pion mis-ID"), published, strict=True)
        for name, word, value in named:
            words = f"{word}, DLLK > {cut:g}, 3-100 GeV"
            found = dll.share(name, cut)
            yield relative(words, *found, value, BAND, n=dll.n[name], source=_RICH)
    for _, kaon, pion in KAON_ID:
        at = weighted_quantiles(dll.values["pi"], dll.weights["pi"], np.array([1.0 - pion]))[0]
        found = dll.share("K", at) if dll.n["pi"] >= 50 else (NAN, NAN)
        words, note = f"kaon ID at {pion:.0%} pion mis-ID, 3-100 GeV", f"at DLLK > {at:.2f}"
        yield relative(words, *found, kaon, BAND, n=dll.n["K"], source=_RICH, note=note)


def _kaon_curve(tracks: Columns) -> Series:
    dll, cuts = _Weighted(tracks), np.linspace(-15.0, 15.0, 61)
    kaon, pion = (np.array([dll.share(k, c)[0] for c in cuts]) for k in ("K", "pi"))
    reference = np.full(len(cuts), np.nan)
    for _, target, value in KAON_ID:
        if np.isfinite(kaon).any():
            reference[np.nanargmin(np.abs(kaon - target))] = value
    labels = ("pion mis-ID against kaon ID", "kaon ID", "pion mis-ID")
    return series(labels, (kaon, kaon), pion, reference=reference)


def _muons(tracks: Columns, name: str) -> tuple[Columns, Floats]:
    return _of_species(tracks, name, tracks["in_muon"] & (tracks["p"] > muon_curves.MIN_P))


def _muon_rows(tracks: Columns) -> Iterator[Row]:
    efficiency, most = muon_curves.WITH_LIKELIHOOD
    cut = _cut_for(tracks, efficiency)
    for name, published in muon_curves.PUBLISHED.items():
        chosen, weights = _muons(tracks, name)
        found, n = weighted_share(chosen["is_muon"].astype(np.float64), weights), len(weights)
        if name == "mu":
            words = "isMuon efficiency, p > 3 GeV"
            yield absolute(words, *found, published, 0.01, n=n, source="[M]")
            continue
        words = f"isMuon mis-ID of {name}, p > 3 GeV"
        note = "" if name == "p" else _EARLIER
        yield relative(words, *found, published, BAND, n=n, source="[M]", note=note)
        passed = chosen["is_muon"] & (_muon_dll(chosen) > cut)
        found = weighted_share(passed.astype(np.float64), weights)
        words = f"mis-ID of {name}, likelihoods at {efficiency:.0%} of muons, p > 3 GeV"
        note = f"isMuon and MuLL - BgLL > {cut:.2f}"
        yield at_most(words, *found, most, n=n, source="[M]", note=note)


def _muon_dll(tracks: Columns) -> Floats:
    mu, background = (tracks[c].astype(np.float64) for c in ("muon_mu_ll", "muon_bg_ll"))
    return mu - background


def _cut_for(tracks: Columns, efficiency: float) -> float:
    """Cut on MuLL - BgLL that leaves a share of muons with isMuon, NaN without enough of them."""
    chosen, weights = _muons(tracks, "mu")
    if effective(weights) < 50:
        return NAN
    value = np.where(chosen["is_muon"], _muon_dll(chosen), -np.inf)
    order = np.argsort(value)
    kept = weights[order][::-1].cumsum()[::-1] / weights.sum()
    return float(value[order][np.searchsorted(-kept, -efficiency)])


def _muon_series(tracks: Columns) -> Iterator[Series]:
    edges = muon_curves.P_EDGES
    for name in muon_curves.PUBLISHED:
        chosen, weights = _muons(tracks, name)
        place, passed = bins_of(chosen["p"], edges), chosen["is_muon"].astype(np.float64)
        inside = [place == i for i in range(len(edges) - 1)]
        shares = np.transpose([weighted_share(passed[rows], weights[rows]) for rows in inside])
        labels = ("isMuon of muons" if name == "mu" else "isMuon of hadrons", "p [GeV]", "share")
        yield series(labels, edges / 1e3, shares[0], shares[1], name=name, log_x=True)
