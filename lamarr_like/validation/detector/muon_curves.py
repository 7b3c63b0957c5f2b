"""Muon identification of a sample: isMuon, mis-identification and likelihoods against momentum.

Works on events of the reference detector and of the fast chain alike.  Published: [M] JINST 8
(2013) P10020, arXiv:1306.0249; [P] arXiv:1412.6352.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import schema
from ...events import EventBatch
from .curves import Curve, Floats, share_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

NEEDED = {
    "event": ("event_id", "n_tracks"),
    "particle": ("mcparticle_id", "mc_pdg_id"),
    "track": (
        *("mcparticle_id", "track_type", "origin", "p", "eta"),
        *("in_muon", "is_muon", "muon_mu_ll", "muon_bg_ll"),
    ),
}
"""Columns that this module reads."""

SPECIES = {"mu": 13, "pi": 211, "K": 321, "p": 2212}
"""Species by the names in the tables."""

PUBLISHED = {"mu": 0.98, "pi": 0.01, "K": 0.01, "p": 0.006}
"""IsMuon efficiency and mean mis-identification [M], [P]."""

P_EDGES = 1e3 * np.array([3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40, 60, 100])
"""Edges [MeV] of the bins in momentum."""

_TRACKS_EDGES = np.array([0, 20, 50, 80, 120, 160, 240, 400])
_MIN_P = 3000.0  # MeV, below which isMuon is never true
_CUT = 2.0  # on MuonMuLL - MuonBgLL
_COLOURS = {name: f"C{i}" for i, name in enumerate(SPECIES)}
_LONG = schema.TRACK_TYPES["long"]


class MuonTracks(NamedTuple):
    """Long tracks of generated particles that point to M2 and M3; arrays of shape ``(n,)``.

    Attributes:
        event: event of the sample.
        pdg: absolute PDG identifier of the generated particle.
        p: reconstructed momentum [MeV].
        eta: reconstructed pseudorapidity.
        n_tracks: of the event.
        is_muon: isMuon.
        dll: MuonMuLL - MuonBgLL.
    """

    event: NDArray[np.int64]
    pdg: NDArray[np.int64]
    p: Floats
    eta: Floats
    n_tracks: Floats
    is_muon: NDArray[np.bool_]
    dll: Floats


def muon_tracks(batch: EventBatch) -> MuonTracks:
    """Pick the tracks.

    Raises:
        SchemaError: if a column is missing.
    """
    for table, columns in NEEDED.items():
        schema.require(table, batch[table].columns, columns, "muon identification")
    track = batch.track
    wanted = (track["track_type"] == _LONG) & (track["origin"] == 0) & track["in_muon"]
    wanted &= track["mcparticle_id"] >= 0
    p, eta, mu, background = (
        track[c][wanted].astype(np.float64) for c in ("p", "eta", "muon_mu_ll", "muon_bg_ll")
    )
    return MuonTracks(
        event=track.event_index[wanted],
        pdg=np.abs(batch.linked("mc_pdg_id", wanted)).astype(np.int64),
        p=p,
        eta=eta,
        n_tracks=batch.event_column("track", "n_tracks")[wanted].astype(np.float64),
        is_muon=track["is_muon"][wanted],
        dll=mu - background,
    )


def is_muon_curves(tracks: MuonTracks, edges: Floats = P_EDGES) -> dict[str, Curve]:
    """Share of isMuon against momentum, by name of the species; arrays of shape ``(n_bins,)``."""
    kinds = {name: tracks.pdg == pdg for name, pdg in SPECIES.items()}
    return {k: share_curve(tracks.is_muon[m], tracks.p[m], edges) for k, m in kinds.items()}


def occupancy_curves(tracks: MuonTracks) -> dict[str, Curve]:
    """Share of isMuon above 3 GeV against the tracks of the event, by name of the species."""
    curves = {}
    for name, pdg in SPECIES.items():
        mine = (tracks.pdg == pdg) & (tracks.p > _MIN_P)
        curves[name] = share_curve(tracks.is_muon[mine], tracks.n_tracks[mine], _TRACKS_EDGES)
    return curves


def likelihood_curves(tracks: MuonTracks, edges: Floats = P_EDGES) -> dict[str, Curve]:
    """Share of MuonMuLL - MuonBgLL > 2 among isMuon against momentum, by name of the species."""
    curves = {}
    for name, pdg in SPECIES.items():
        mine = (tracks.pdg == pdg) & tracks.is_muon
        curves[name] = share_curve(tracks.dll[mine] > _CUT, tracks.p[mine], edges)
    return curves


def as_text(tracks: MuonTracks) -> str:
    """Table of isMuon against momentum, per cent, with the mean above 3 GeV and its published one.

    Args:
        tracks: the tracks.
    """
    bins = [f"{a / 1e3:g}-{b / 1e3:g}" for a, b in itertools.pairwise(P_EDGES)]
    lines = [f"{'p [GeV]':8s}" + "".join(f"{b:>8s}" for b in [*bins, "all", "publ."])]
    for name, curve in is_muon_curves(tracks).items():
        values = dict(zip(curve.low, curve.y, strict=True))
        cells = [f"{100 * values[a]:8.2f}" if a in values else f"{'-':>8s}" for a in P_EDGES[:-1]]
        mine = (tracks.pdg == SPECIES[name]) & (tracks.p > _MIN_P)
        mean = f"{100 * tracks.is_muon[mine].mean():8.2f}" if mine.any() else f"{'-':>8s}"
        lines.append(f"{name:8s}" + "".join(cells) + f"{mean}{100 * PUBLISHED[name]:8.2f}")
    return "\n".join(lines)


def _draw(ax: Axes, curves: dict[str, Curve], scale: float) -> None:
    for name, curve in curves.items():
        across = np.array([curve.x - curve.low, curve.high - curve.x]) * scale
        ax.errorbar(
            *(curve.x * scale, 100 * curve.y, 100 * curve.error, across),
            fmt="o",
            ms=4,
            lw=1,
            color=_COLOURS[name],
            label=name,
        )


def draw_muons(tracks: MuonTracks) -> Sheet:
    """A page: isMuon efficiency, mis-identification, their growth, and the likelihoods.

    Args:
        tracks: the tracks.
    """
    from matplotlib.figure import Figure as Sheet

    sheet = Sheet(figsize=(16, 8.4), layout="constrained")
    counts = ", ".join(f"{(tracks.pdg == pdg).sum()} {name}" for name, pdg in SPECIES.items())
    sheet.suptitle(f"muon identification of long tracks that point to M2 and M3: {counts}")
    axes = sheet.subplots(2, 3).ravel()
    shares = is_muon_curves(tracks)
    views = (
        ({"mu": shares.pop("mu")}, 1e-3, "p [GeV]", "isMuon efficiency [%]"),
        (shares, 1e-3, "p [GeV]", "isMuon mis-identification [%]"),
        (occupancy_curves(tracks), 1.0, "tracks of the event", "isMuon, p > 3 GeV [%]"),
        (likelihood_curves(tracks), 1e-3, "p [GeV]", "MuLL - BgLL > 2 among isMuon [%]"),
    )
    for ax, (curves, scale, x, y) in zip(axes, views, strict=False):
        _draw(ax, curves, scale)
        ax.set(xlabel=x, ylabel=y)
        ax.grid(alpha=0.3)
    axes[0].axhline(100 * PUBLISHED["mu"], color="k", ls="--", lw=1, label="published, mean")
    axes[0].set_ylim(90, 100.5)
    axes[1].axhline(100 * PUBLISHED["pi"], color="k", ls="--", lw=1, label="published mean, pi, K")
    axes[1].axhline(100 * PUBLISHED["p"], color="k", ls=":", lw=1, label="published mean, p")
    axes[2].set_yscale("log")
    for ax in (axes[0], axes[1], axes[3]):
        ax.set_xscale("log")
    for ax, (low, high) in zip(axes[4:], ((3e3, 1e4), (1e4, 1e5)), strict=True):
        _draw_likelihood(ax, tracks, low, high)
    for ax in axes:
        ax.legend(fontsize=9, frameon=False)
    return sheet


def _draw_likelihood(ax: Axes, tracks: MuonTracks, low: float, high: float) -> None:
    """Distribution of the difference of the likelihoods, by species."""
    inside = tracks.is_muon & (tracks.p > low) & (tracks.p < high)
    bins = np.linspace(-12.0, 12.0, 49)
    for name, pdg in SPECIES.items():
        values = np.clip(tracks.dll[inside & (tracks.pdg == pdg)], bins[0], bins[-1])
        if len(values):
            ax.hist(
                *(values, bins.tolist()),
                histtype="step",
                density=True,
                color=_COLOURS[name],
                label=name,
            )
    ax.axvline(_CUT, color="k", ls="--", lw=1, label="cut")
    ax.set_title(f"isMuon, {low / 1e3:g} < p < {high / 1e3:g} GeV", fontsize=10)
    ax.set(xlabel="MuonMuLL - MuonBgLL", ylabel="density")
