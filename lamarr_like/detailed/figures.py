"""Published performance figures beside those of the reference detector.

Published values: [P] arXiv:1412.6352, [R] EPJC 73 (2013) 2431; the momentum of a particle gun or
the spectrum of a sample decides some of them, which is said in the note of each row.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from .. import rng
from ..arrays import Floats, Ints, Mask
from ..events import EventBatch
from ..physics.kinematics import momentum, pseudorapidity
from ..statistics.binned import wald_error, width_error
from ..statistics.distances import core_width
from .parameters import DEFAULT, Parameters

_ELECTRON, _KAON, _PION = 11, 321, 211


@dataclass(frozen=True)
class Figure:
    """One published figure and ours.

    Args:
        quantity: what, with unit.
        published: published value.
        ours: value of the reference detector.
        error: its statistical error.
        n: entries it comes from.
        source: where the published value stands.
    """

    quantity: str
    published: float
    ours: float
    error: float
    n: int
    source: str

    @property
    def ratio(self) -> float:
        """Ours over published."""
        return self.ours / self.published


def _width(name: str, published: float, values: Floats, source: str, scale: float = 1.0) -> Figure:
    width = core_width(values) * scale
    error = float(width_error(width, len(values)))
    return Figure(name, published, width, error, len(values), source)


def _share(name: str, published: float, passed: Mask, source: str) -> Figure:
    n = len(passed)
    share = float(passed.mean()) if n else 0.0
    return Figure(name, published, share, float(wald_error(share, n, 1e-12)), n, source)


def _truth(batch: EventBatch) -> dict[str, Floats]:
    table = batch.particle
    px, py, pz = (table[c].astype(np.float64) for c in ("mc_px", "mc_py", "mc_pz"))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "p": momentum(px, py, pz),
            "pt": np.hypot(px, py),
            "eta": pseudorapidity(px, py, pz),
            "tx": px / pz,
            "ty": py / pz,
        }


def _momentum_figures(batch: EventBatch, real: Mask) -> list[Figure]:
    truth = _truth(batch)
    track, row = batch.track, _particle_rows(batch, real)
    true = truth["p"][row]
    residual = track["p"][real] / true - 1.0
    bins = ((5e3, 2e4, 0.5), (8e4, 1.2e5, 0.8), (1.6e5, 2.4e5, 1.0))
    return [
        _width(
            f"dp/p, long, {lo / 1e3:g}-{hi / 1e3:g} GeV [%]",
            published,
            residual[(true > lo) & (true < hi)],
            "[P] fig. 17",
            100.0,
        )
        for lo, hi, published in bins
    ]


def _particle_rows(batch: EventBatch, tracks: Mask) -> Ints:
    track = batch.track
    rows: Ints = batch.particle.offsets[track.event_index[tracks]] + track["mcparticle_id"][tracks]
    return rows


def _impact_figures(batch: EventBatch, real: Mask) -> list[Figure]:
    """Straight-line fit of the width of IPx against 1/pT."""
    truth, track, row = _truth(batch), batch.track, _particle_rows(batch, real)
    dz = batch.particle["mc_vz"][row] - track["z"][real]
    ip = track["x"][real] + track["tx"][real] * dz - batch.particle["mc_vx"][row]
    inverse = 1e3 / truth["pt"][row]
    edges = np.array([0.3, 0.6, 1.0, 1.5, 2.0, 2.5])
    widths, errors, centres, n = [], [], [], 0
    for lo, hi in itertools.pairwise(edges):
        mine = ip[(inverse > lo) & (inverse < hi)]
        if len(mine) < 50:
            continue
        widths.append(1e3 * core_width(mine))
        errors.append(float(width_error(widths[-1], len(mine))))
        centres.append(float(inverse[(inverse > lo) & (inverse < hi)].mean()))
        n += len(mine)
    if len(widths) < 3:
        return []
    (slope, offset), cov = np.polyfit(centres, widths, 1, w=1.0 / np.array(errors), cov="unscaled")
    return [
        Figure("IPx, constant [um]", 11.6, offset, float(np.sqrt(cov[1, 1])), n, "[P] fig. 12"),
        Figure("IPx, slope [um GeV]", 23.4, slope, float(np.sqrt(cov[0, 0])), n, "[P] fig. 12"),
    ]


def _vertex_figures(batch: EventBatch) -> list[Figure]:
    reco = batch["reco_vertex"]
    linked = reco["mc_pv_id"] >= 0
    row = batch.vertex.offsets[reco.event_index] + np.maximum(reco["mc_pv_id"], 0)
    wanted = linked & (reco["n_tracks"] >= 23) & (reco["n_tracks"] <= 27)
    return [
        _width(
            f"PV {axis}, 23-27 tracks [um]",
            published,
            (reco[axis] - batch.vertex[f"mc_{axis}"][row])[wanted],
            "[P] sec. 3.2",
            1e3,
        )
        for axis, published in (("x", 13.0), ("y", 13.0), ("z", 71.0))
    ]


def _efficiency_figures(batch: EventBatch) -> list[Figure]:
    """Long tracks among particles other than electrons that cross the whole tracking system."""
    truth, table = _truth(batch), batch.particle
    inside = (truth["p"] > 5e3) & (truth["p"] < 2e5) & (truth["eta"] > 2) & (truth["eta"] < 4.9)
    if "reconstructible_long" not in table:
        return []
    whole = table["reconstructible_long"] & (np.abs(table["mc_pdg_id"]) != _ELECTRON)
    return [
        _share(
            "long efficiency, 5-200 GeV, 2 < eta < 4.9",
            0.96,
            (table["track_type"] == 3)[inside & whole],
            "[P] fig. 21 (> 0.96)",
        )
    ]


def _ghost_figures(batch: EventBatch) -> list[Figure]:
    track = batch.track
    long = track["track_type"] == 3
    return [_share("ghost share of long tracks", 0.10, track["origin"][long] == 2, "[P] sec. 4.1")]


def _rich_figures(batch: EventBatch, real: Mask) -> list[Figure]:
    track = batch.track
    pdg = np.abs(batch.particle["mc_pdg_id"][_particle_rows(batch, real)])
    p, eta, dll = (track[c][real] for c in ("p", "eta", "rich_dll_k"))
    inside = (p > 2e3) & (p < 1e5) & (eta > 2.0) & (eta < 4.5)
    kaon, pion = (dll[inside & (pdg == i)] for i in (_KAON, _PION))
    shares = (
        ("kaon ID, DLLK > 0, 2-100 GeV", 0.95, kaon > 0),
        ("pion mis-ID, DLLK > 0", 0.10, pion > 0),
        ("kaon ID, DLLK > 5", 0.85, kaon > 5),
        ("pion mis-ID, DLLK > 5", 0.03, pion > 5),
    )
    return [_share(*row, "[R] fig. 17") for row in shares]


def _photon_figures(par: Parameters, n_tracks: int = 2000) -> list[Figure]:
    """Yield and angular resolution per photon of saturated tracks, from the photons themselves."""
    # They need the extra ``detailed``; what is measured on samples, and used elsewhere, does not.
    from . import matter, rich
    from .radiator import cherenkov_angle, radiators

    figures = []
    # Lone tracks: the yields of quiet events, pp -> pp mu mu.
    names = (("C4F10", 24.5, 1.618), ("CF4", 17.6, 0.68))
    for radiator, (name, count, resolution) in zip(radiators(par), names, strict=True):
        slope = radiator.theta_whole
        keys = rng.stream_keys(1, f"figures/{name}", np.arange(n_tracks))
        per_track, theta = rich.photon_angles(keys, (slope, slope, 1e5), matter.MUON, radiator)
        expected = cherenkov_angle(1e5, matter.MASS[matter.MUON], radiator.n)
        mean = float(per_track.mean())
        error = float(per_track.std() / np.sqrt(n_tracks))
        figures.append(Figure(f"photons, {name}", count, mean, error, n_tracks, "[R] table 3"))
        figures.append(
            _width(
                f"angle per photon, {name} [mrad]", resolution, theta - expected, "[R] sec. 3", 1e3
            )
        )
    return figures


def published_figures(
    batch: EventBatch, par: Parameters = DEFAULT, *, identification: bool = True
) -> list[Figure]:
    """Table of published figures for what the reference detector has.

    Args:
        batch: detailed events, as many as there are (momentum figures above 80 GeV want 10^4).
        par: the parameters that made them.
        identification: whether kaons and pions of the sample's own spectrum are among them.
    """
    track = batch.track
    real = (track["origin"] == 0) & (track["mcparticle_id"] >= 0) & (track["track_type"] == 3)
    pdg = np.zeros(len(track), np.int64)
    pdg[real] = np.abs(batch.particle["mc_pdg_id"][_particle_rows(batch, real)])
    hadron = real & (pdg != _ELECTRON)
    return [
        *_momentum_figures(batch, hadron),
        *_impact_figures(batch, hadron),
        *_vertex_figures(batch),
        *_efficiency_figures(batch),
        *_ghost_figures(batch),
        *(_rich_figures(batch, real) if identification else ()),
        *_photon_figures(par),
    ]
