"""The reference detector beside published figures.

[P] arXiv:1412.6352, [R] EPJC 73 (2013) 2431, [M] JINST 8 (2013) P10020.  Identification is averaged
over the momenta and pseudorapidities of LHCb's calibration samples, as the published figures are.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ...arrays import Columns, Floats, Mask
from ...detailed.figures import Figure, published_figures
from ...detailed.parameters import DEFAULT, Parameters
from ...events import EventBatch
from ...physics.kinematics import momentum, pseudorapidity
from . import curves
from .calibration import long_tracks, spectrum_weights
from .maps import load_map
from .muon_curves import P_EDGES as MUON_EDGES
from .results import (
    NAN,
    Origin,
    Row,
    Section,
    Series,
    absolute,
    at_least,
    at_most,
    relative,
    series_of,
)
from .sample import LONG, Sample, together
from .showers import calorimeter_rows
from .weights import effective, weighted_quantiles, weighted_share

BAND = 0.10
_P_EDGES = 1e3 * np.array([2.0, 5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240])
_INVERSE_PT = np.array([0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0])
_PV_TRACKS = np.array([5, 10, 15, 20, 23, 28, 35, 45, 60, 90.0])
_SPD_EDGES = np.array([0.0, 100, 200, 300, 400, 500, 600, 800, 1000])
_GHOST, _CUT = 2, 0.4
_RICH = "[R] fig. 17"
_SPECTRA = {"mu": "jpsik_Mu", "pi": "rdx_Pi", "K": "jpsik_K", "p": "rdx_Pi"}
_PDG = {"mu": 13, "pi": 211, "K": 321, "p": 2212}
_MIS_ID = {"pi": 0.010, "K": 0.010, "p": 0.006}


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
    rows = [_of_figure(f) for f in published_figures(batch, par, identification=False)]
    tracks = long_tracks(batch)
    rows += [_muon_efficiency(batch), *_ghosts(batch), *_kaon_rows(tracks), *_muon_rows(tracks)]
    series = [
        *(*_tracking_series(batch), *_vertex_series(batch), *_efficiency_series(batch)),
        *(_kaon_curve(tracks), *_muon_series(tracks)),
    ]
    if photons:
        more = calorimeter_rows(photons, par)
        rows, series = [*rows, *more[0]], [*series, *more[1]]
    notes = (
        "[P] arXiv:1412.6352, [R] EPJC 73 (2013) 2431, [M] JINST 8 (2013) P10020.",
        "Kaon, pion and muon identification: weighted to the (p, eta) spectra of PIDCalib's "
        "calibration samples, protons to that of the pions.",
    )
    return Section("published", "Published figures", tuple(rows), tuple(series), notes)


def _of_figure(figure: Figure) -> Row:
    more: Origin = {"n": figure.n, "source": figure.source}
    # No value without entries.
    value = (figure.ours if figure.n else NAN, figure.error)
    if figure.quantity.startswith("long efficiency"):
        note = "all but electrons; the published one is that of muons, see below"
        return Row(figure.quantity, *value, n=figure.n, note=note)
    if figure.quantity.startswith("ghost share"):
        note = "about 20 % before the cut on the ghost probability in busy events, under 10 % after"
        return Row(
            figure.quantity, *value, 0.15, 0.10, 0.20, n=figure.n, source=figure.source, note=note
        )
    return relative(figure.quantity, *value, figure.published, BAND, **more)


def _muon_efficiency(batch: EventBatch) -> Row:
    """Long tracks among muons that cross the whole tracking system, as measured with J/psi."""
    table = batch.particle
    able = table["reconstructible_long"] & (np.abs(table["mc_pdg_id"]) == _PDG["mu"])
    px, py, pz = (table[c][able].astype(np.float64) for c in ("mc_px", "mc_py", "mc_pz"))
    p, eta = momentum(px, py, pz), pseudorapidity(px, py, pz)
    inside = (p > 5e3) & (p < 2e5) & (eta > 2.0) & (eta < 4.9)
    found = (table["track_type"][able] == LONG)[inside].astype(np.float64)
    share = weighted_share(found, np.ones(len(found)))
    words = "long efficiency of muons, 5-200 GeV, 2 < eta < 4.9"
    return at_least(words, *share, 0.96, n=len(found), source="[P] fig. 21 (> 0.96)")


def _ghosts(batch: EventBatch) -> list[Row]:
    track = batch.track
    kept = (track["track_type"] == LONG) & (track["ghost_prob"] < _CUT)
    share, error = weighted_share((track["origin"] == _GHOST)[kept], np.ones(kept.sum()))
    more: Origin = {"n": int(kept.sum()), "source": "[P] sec. 4.1"}
    return [at_most(f"ghost share, ghostProb < {_CUT:g}", share, error, 0.10, **more)]


class _Weighted:
    """DLLK of kaons and pions with the spectra of the calibration samples."""

    def __init__(self, tracks: Columns) -> None:
        self.values: dict[str, Floats] = {}
        self.weights: dict[str, Floats] = {}
        for name in ("K", "pi"):
            mine = (tracks["species"] == _PDG[name]) & (tracks["p"] < 1e5)
            chosen = {k: v[mine] for k, v in tracks.items()}
            self.values[name] = chosen["pid_k"].astype(np.float64)
            self.weights[name] = spectrum_weights(chosen, load_map(_SPECTRA[name]))

    def share(self, name: str, cut: float) -> tuple[float, float]:
        """Share above a cut and its error."""
        return weighted_share((self.values[name] > cut).astype(np.float64), self.weights[name])


def _kaon_rows(tracks: Columns) -> list[Row]:
    dll = _Weighted(tracks)
    n = {k: int(effective(w)) for k, w in dll.weights.items()}
    rows = []
    for cut, kaon, pion in ((0.0, 0.95, 0.10), (5.0, 0.85, 0.03)):
        words = f"DLLK > {cut:g}, 3-100 GeV"
        rows.append(
            relative(f"kaon ID, {words}", *dll.share("K", cut), kaon, BAND, n=n["K"], source=_RICH)
        )
        found = dll.share("pi", cut)
        rows.append(relative(f"pion mis-ID, {words}", *found, pion, BAND, n=n["pi"], source=_RICH))
    for pion, kaon in ((0.10, 0.95), (0.03, 0.85)):
        at = weighted_quantiles(dll.values["pi"], dll.weights["pi"], np.array([1.0 - pion]))[0]
        found = dll.share("K", at) if n["pi"] >= 50 else (NAN, NAN)
        words = f"kaon ID at {pion:.0%} pion mis-ID, 3-100 GeV"
        note = f"at DLLK > {at:.2f}"
        rows.append(relative(words, *found, kaon, BAND, n=n["K"], source=_RICH, note=note))
    return rows


def _kaon_curve(tracks: Columns) -> Series:
    dll = _Weighted(tracks)
    cuts = np.linspace(-15.0, 15.0, 61)
    kaon, pion = (np.array([dll.share(k, c)[0] for c in cuts]) for k in ("K", "pi"))
    reference = np.full(len(cuts), np.nan)
    for target, value in ((0.95, 0.10), (0.85, 0.03)):
        if np.isfinite(kaon).any():
            reference[np.nanargmin(np.abs(kaon - target))] = value
    zeros = np.zeros(len(cuts))
    return Series(
        *("pion mis-ID against kaon ID", "", "kaon ID", "pion mis-ID", kaon, kaon, pion, zeros),
        *(reference, zeros),
    )


def _muon_tracks(tracks: Columns, name: str) -> tuple[Mask, Floats, Columns]:
    mine = (tracks["species"] == _PDG[name]) & tracks["in_muon"] & (tracks["p"] > 3e3)
    chosen = {k: v[mine] for k, v in tracks.items()}
    return mine, spectrum_weights(chosen, load_map(_SPECTRA[name])), chosen


def _muon_rows(tracks: Columns) -> list[Row]:
    rows = []
    for name in _PDG:
        mine, weights, chosen = _muon_tracks(tracks, name)
        found = weighted_share(chosen["is_muon"].astype(np.float64), weights)
        more: Origin = {"n": int(mine.sum()), "source": "[M]"}
        if name == "mu":
            rows.append(absolute("isMuon efficiency, p > 3 GeV", *found, 0.98, 0.01, **more))
        else:
            words = f"isMuon mis-ID of {name}, p > 3 GeV"
            rows.append(relative(words, *found, _MIS_ID[name], BAND, **more))
    return rows


def _muon_series(tracks: Columns) -> list[Series]:
    out = []
    for name in _PDG:
        _, weights, chosen = _muon_tracks(tracks, name)
        shares = np.full((2, len(MUON_EDGES) - 1), np.nan)
        for i, (low, high) in enumerate(itertools.pairwise(MUON_EDGES)):
            inside = (chosen["p"] >= low) & (chosen["p"] < high)
            passed = chosen["is_muon"][inside].astype(np.float64)
            shares[:, i] = weighted_share(passed, weights[inside])
        panel = "isMuon of muons" if name == "mu" else "isMuon of hadrons"
        edges = (MUON_EDGES[:-1] / 1e3, MUON_EDGES[1:] / 1e3)
        values = (shares[0], shares[1])
        out.append(Series(panel, name, "p [GeV]", "share", *edges, *values, log_x=True))
    return out


def _tracking_series(batch: EventBatch) -> list[Series]:
    linked = curves.linked_long_tracks(batch)
    residual = batch.track["p"][linked.rows] / linked.p - 1.0
    curve = curves.width_curve(residual, linked.p, _P_EDGES)
    at = {(5e3, 2e4): 0.005, (8e4, 1.2e5): 0.008, (1.6e5, 2.4e5): 0.010}
    reference = np.full(len(curve.x), np.nan)
    for (low, high), value in at.items():
        reference[(curve.low >= low) & (curve.high <= high)] = value
    out = [
        series_of(
            *(curve, "momentum resolution", "p [GeV]", "core width of dp/p"),
            scale=1e-3,
            reference=reference,
            log_x=True,
        )
    ]
    mine = np.zeros(len(batch.track), np.bool_)
    mine[linked.rows] = True
    # The difference to the true line at the z of the origin is the impact parameter.
    back = batch.linked("mc_vz", mine) - batch.track["z"][linked.rows]
    ip = linked.dx + (batch.track["tx"][linked.rows] - linked.tx) * back
    curve = curves.width_curve(1e3 * ip, 1e3 / linked.pt, _INVERSE_PT)
    line = 11.6 + 23.4 * curve.x
    labels = ("impact parameter", "1/pT [1/GeV]", "core width of IPx [um]")
    out.append(series_of(curve, *labels, reference=line))
    return out


def _vertex_series(batch: EventBatch) -> list[Series]:
    n_tracks, residuals = curves.vertex_residuals(batch)
    published = {"x": 13.0, "y": 13.0, "z": 71.0}
    out = []
    for axis, residual in residuals.items():
        curve = curves.width_curve(1e3 * residual, n_tracks.astype(np.float64), _PV_TRACKS)
        at_25 = (curve.low <= 25.0) & (curve.high > 25.0)
        reference = np.where(at_25, published[axis], np.nan)
        panel = "primary vertex, z" if axis == "z" else "primary vertex, x and y"
        labels = (panel, "tracks", "core width [um]")
        out.append(series_of(curve, *labels, name=axis, reference=reference))
    return out


def _efficiency_series(batch: EventBatch) -> list[Series]:
    able = curves.reconstructible_long(batch)
    hard = able.p > 5e3
    views = (
        (able.found, able.p / 1e3, _P_EDGES / 1e3, "p [GeV]", True),
        (able.found[hard], able.eta[hard], np.linspace(2.0, 5.0, 13), "pseudorapidity", False),
        (able.found[hard], able.n_spd_hits[hard], _SPD_EDGES, "nSPDHits", False),
    )
    out = []
    for found, by, edges, x, log_x in views:
        curve = curves.share_curve(found, by, edges)
        panel = f"long efficiency, against {x.split()[0]}"
        out.append(series_of(curve, panel, x, "efficiency", log_x=log_x))
    track = batch.track
    long = track["track_type"] == LONG
    spd = batch.event_column("track", "n_spd_hits").astype(np.float64)
    for cut in (1.0, _CUT):
        mine = long & (track["ghost_prob"] <= cut)
        curve = curves.share_curve((track["origin"] == _GHOST)[mine], spd[mine], _SPD_EDGES)
        name = f"ghostProb < {cut:g}" if cut < 1.0 else "all"
        out.append(series_of(curve, "ghosts", "nSPDHits", "share of long tracks", name=name))
    return out
