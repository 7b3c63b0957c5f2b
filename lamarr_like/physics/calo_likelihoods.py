"""Log-likelihood differences of a track for electrons and muons, from calorimeter energies.

A track has one difference a detector, as at LHCb (LHCb performance, arXiv:1412.6352, sec. 5), each
a table over the quantity and the momentum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..arrays import Floats

ENERGIES = ("ecal_energy", "prs_energy", "hcal_energy")
"""Track columns that `track_likelihoods` reads: what lies about the track in each calorimeter."""

_LIMIT = 12.0  # of a log-likelihood difference: beyond there is no sample to tell


class Likelihood(NamedTuple):
    """Log-likelihood difference of one detector as a table with linear interpolation.

    Attributes:
        x: values of the quantity, rising.
        table: difference for each row of momentum `P_KNOTS` and each value.
    """

    x: tuple[float, ...]
    table: tuple[tuple[float, ...], ...]

    def __call__(self, value: Floats, p: Floats) -> Floats:
        """Difference at `value` for tracks of momentum `p` [MeV], both of shape ``(n,)``."""
        rows = np.stack([np.interp(value, self.x, row) for row in self.table])
        place = np.interp(np.log(p), np.log(P_KNOTS), np.arange(len(P_KNOTS)))
        low = np.minimum(place.astype(np.int64), len(P_KNOTS) - 2)
        share = place - low
        every = np.arange(len(value))
        result: Floats = rows[low, every] * (1.0 - share) + rows[low + 1, every] * share
        return result


P_KNOTS = (3e3, 1e4, 4e4)
"""Momenta [MeV] of the rows of a `Likelihood`."""

E_OVER_P = Likelihood(
    (0, 0.2, 0.4, 0.55, 0.7, 0.8, 0.87, 0.93, 1, 1.07, 1.15, 1.3, 1.6, 2.5),
    (
        (-3.50, -5.06, -3.99, -1.87, 0.61, 1.20, 2.76, 2.77, 3.14, 2.33, 0.84, -0.34, 1.09, -1.00),
        (-4.68, -4.63, -3.77, -4.57, -3.80, -2.51, 0.48, 3.16, 4.48, 1.96, 1.46, 1.13, 1.55, 0.61),
        (-5.19, -4.85, -4.70, -1.75, -1.17, 1.42, -0.28, 3.35, 5.35, 2.78, 1.90, 1.29, 1.38, -0.04),
    ),
)

PRESHOWER = Likelihood(
    (0, 0.8, 1.2, 1.6, 2.2, 3, 4, 5, 6),
    (
        (-0.28, -0.07, -5.35, -4.77, -1.24, -0.87, 3.85, 3.68, 0.53),
        (-3.17, -0.07, -5.28, -4.63, -3.59, -2.07, 1.10, 3.60, 4.34),
        (-2.31, -0.08, -5.64, -4.92, -3.70, -2.89, -2.46, 1.54, 3.83),
    ),
)

HCAL_SHARE = Likelihood(
    (0, 0.03, 0.1, 0.25, 0.5, 1, 2),
    (
        (1.34, 1.51, -0.72, -2.11, -2.65, -1.85, -0.81),
        (3.57, 1.79, -0.03, -1.25, -1.85, -2.84, -1.30),
        (5.39, 1.92, -0.11, -1.84, -1.92, -3.35, -2.08),
    ),
)

ECAL_MIP = Likelihood(
    (0, 5.017, 5.707, 5.861, 6.043, 6.256, 6.553, 7.091, 8.007, 9.21, 10.6),
    (
        (-1.34, 1.11, 1.27, 1.28, 0.40, -0.19, -1.27, -2.20, -1.46, 0.05, -0.50),
        (-1.13, 0.38, 1.30, 1.36, 1.59, 0.94, 0.44, -0.74, -2.08, -2.66, -0.17),
        (1.53, 1.20, 1.86, 1.92, 1.58, 1.26, 0.65, 0.03, -0.64, -1.95, -3.97),
    ),
)

HCAL_MIP = Likelihood(
    (0, 5.994, 6.909, 7.314, 7.55, 7.741, 7.938, 8.294, 8.987, 9.904, 11.29),
    (
        (0.03, -1.54, -3.70, 1.57, 1.15, 0.62, -0.76, 0.33, -1.04, -0.20, -0.23),
        (-2.80, -3.28, -0.60, 1.07, 2.13, 1.31, 0.31, -1.61, -2.74, -1.62, -0.93),
        (-0.76, 1.12, 2.22, 4.52, 4.30, 3.61, 3.17, 1.14, -0.09, -2.65, -3.69),
    ),
)


def track_likelihoods(track: Mapping[str, Floats], p: Floats) -> dict[str, Floats]:
    """``calo_dll_e`` and ``calo_dll_mu``, 0 for tracks that miss the ECAL.

    Args:
        track: ``in_ecal``, ``ecal_energy``, ``prs_energy`` and ``hcal_energy`` [MeV] of each.
        p: their momentum [MeV], shape ``(n,)``.
    """
    ecal, prs, hcal = (track[f"{d}_energy"] for d in ("ecal", "prs", "hcal"))
    electron = E_OVER_P(ecal / p, p) + PRESHOWER(np.log1p(prs), p) + HCAL_SHARE(hcal / p, p)
    muon = ECAL_MIP(np.log1p(ecal), p) + HCAL_MIP(np.log1p(hcal), p)
    inside = track["in_ecal"] > 0.0
    return {
        "calo_dll_e": np.where(inside, np.clip(electron, -_LIMIT, _LIMIT), 0.0),
        "calo_dll_mu": np.where(inside, np.clip(muon, -_LIMIT, _LIMIT), 0.0),
    }
