"""LHCb's measured identification efficiencies that ship with the package."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import NamedTuple

import numpy as np

from ...arrays import Columns, Floats, Mask

SOURCE = "PIDCalib 2016 (umd-lhcb/lhcb-ntuples-gen)"


class Cut(NamedTuple):
    """What a map tells the efficiency of.

    Attributes:
        key: of the map in the shipped file.
        name: in words.
        species: absolute PDG identifier.
        passes: cut on the track columns ``pid_k``, ``pid_mu``, ``is_muon``.
        among: which tracks it is a share of.
    """

    key: str
    name: str
    species: int
    passes: Callable[[Columns], Mask]
    among: Callable[[Columns], Mask]


def _all(t: Columns) -> Mask:
    return np.ones(len(t["p"]), np.bool_)


CUTS = (
    Cut("rdx_K", "K: DLLK > 4, not isMuon", 321, lambda t: (t["pid_k"] > 4) & ~t["is_muon"], _all),
    Cut(
        "rdx_Pi", "pi: DLLK < 2, not isMuon", 211, lambda t: (t["pid_k"] < 2) & ~t["is_muon"], _all
    ),
    Cut("jpsik_K", "K: DLLK > 4", 321, lambda t: t["pid_k"] > 4, _all),
    Cut(
        "jpsik_Mu", "mu: DLLmu > 2 of isMuon", 13, lambda t: t["pid_mu"] > 2, lambda t: t["is_muon"]
    ),
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
