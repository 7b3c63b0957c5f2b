"""LHCb's measured identification efficiencies that ship with the package.

Calibration tracks have another spectrum than those of a simulated sample, also inside the bins,
which are wide: the tracks get the momenta, pseudorapidities and occupancies that the populations of
neighbouring bins imply.
"""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

import numpy as np

from ...arrays import Columns, Floats
from ...statistics.binned import bins_of
from ...statistics.matching import in_bin_weights
from ..bins import Cut

_P_GROUP = 4  # bins of momentum that share a shape in eta
SOURCE = "PIDCalib 2016 (umd-lhcb/lhcb-ntuples-gen)"

CUTS = (
    Cut("K: DLLK > 4, not isMuon", lambda t: (t["pid_k"] > 4) & ~t["is_muon"], "K", key="rdx_K"),
    Cut("pi: DLLK < 2, not isMuon", lambda t: (t["pid_k"] < 2) & ~t["is_muon"], "pi", key="rdx_Pi"),
    Cut("K: DLLK > 4", lambda t: t["pid_k"] > 4, "K", key="jpsik_K"),
    Cut("mu: DLLmu > 2 of isMuon", lambda t: t["pid_mu"] > 2, "mu", "is_muon", key="jpsik_Mu"),
)
"""DLLK is the kaon's combined log likelihood less the pion's, DLLmu the muon's less the pion's."""


class Map(NamedTuple):
    """Population and passing tracks of a calibration sample (sums of sWeights).

    Attributes:
        p, eta, n_tracks: edges [MeV for p].
        total, passing: shape ``(n_p, n_eta, n_tracks)``.
        variance: of the total.
    """

    p: Floats
    eta: Floats
    n_tracks: Floats
    total: Floats
    passing: Floats
    variance: Floats

    @property
    def efficiency(self) -> Floats:
        """Passing over total, NaN where sWeights leave no population."""
        good = (self.total > 0.0) & (self.passing >= 0.0) & (self.passing <= self.total)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(good, self.passing / self.total, np.nan)

    @property
    def error(self) -> Floats:
        """Binomial error for the effective number of entries, same shape."""
        with np.errstate(divide="ignore", invalid="ignore"):
            n = self.total**2 / self.variance
            e = np.clip(self.efficiency, 0.001, 0.999)
            return np.sqrt(e * (1.0 - e) / n)


def load_map(key: str) -> Map:
    """A map that ships with the package.

    Args:
        key: `Cut.key`.
    """
    folder = resources.files(__package__) / "data"
    with (
        (folder / "pidcalib2016.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as data,
    ):
        edges = (data[f"{key}_{axis}"].astype(np.float64) for axis in ("p", "eta", "n_tracks"))
        names = ("total", "passing", "total_variance")
        return Map(*edges, *(data[f"{key}_{name}"].astype(np.float64) for name in names))


def calibration_weights(tracks: Columns, measured: Map) -> Floats:
    """Weights that give tracks the distribution of a map inside its bins, shape ``(n,)``."""
    # The last bin of some maps reaches far beyond every event: it is left as it is.
    end = int((measured.n_tracks <= 1000.0).sum())
    n_tracks = tracks["n_tracks"].astype(np.float64)
    totals = measured.total.sum(axis=(0, 1))[: end - 1]
    inside = in_bin_weights(n_tracks, measured.n_tracks[:end], totals)
    inside = np.where(n_tracks < measured.n_tracks[end - 1], inside, 1.0)
    return _kinematic_weights(tracks, measured) * inside


def _kinematic_weights(tracks: Columns, measured: Map) -> Floats:
    p, eta = (tracks[c].astype(np.float64) for c in ("p", "eta"))
    weight = np.zeros(len(p))
    slices = bins_of(eta, measured.eta)
    by_p = measured.total.sum(axis=2)
    for j in range(len(measured.eta) - 1):
        mine = slices == j
        weight[mine] = in_bin_weights(np.log(p[mine]), np.log(measured.p), by_p[:, j])
    # Tracks of high momentum lie nearer to the beam: the shape in eta is that of neighbouring bins.
    place, n = bins_of(p, measured.p), len(measured.p) - 1
    for group in np.array_split(np.arange(n), max(n // _P_GROUP, 1)):
        mine = (place >= group[0]) & (place <= group[-1])
        by_eta = measured.total[group].sum(axis=(0, 2))
        weight[mine] *= in_bin_weights(eta[mine], measured.eta, by_eta)
    return weight


def spectrum_weights(tracks: Columns, measured: Map) -> Floats:
    """Weights that give tracks the whole (p, eta) spectrum of a map, shape ``(n,)``."""
    weight = _kinematic_weights(tracks, measured)
    i, j = bins_of(tracks["p"], measured.p), bins_of(tracks["eta"], measured.eta)
    population = np.clip(measured.total.sum(axis=2), 0.0, None)
    have = np.zeros_like(population)
    inside = (i >= 0) & (j >= 0)
    np.add.at(have, (i[inside], j[inside]), weight[inside])
    each = np.where(have > 0.0, population / np.maximum(have, 1e-12), 0.0)
    return np.where(inside, weight * each[np.maximum(i, 0), np.maximum(j, 0)], 0.0)
