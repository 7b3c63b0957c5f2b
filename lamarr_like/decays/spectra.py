"""Transverse momenta and pseudorapidities of the heads of generated decays.

Hadrons with b and c quarks follow smooth functions fitted here to FONLL (M. Cacciari, M. Greco and
P. Nason, JHEP 05 (1998) 007; the tables that ship with RapidSim) at 7, 8, 13 and 14 TeV, straight
lines between: the distribution functions agree within 0.006.  FONLL's tables are those of pT and
eta apart; the mean pT falls with eta as in Pythia 8.317 (HardQCD, and SoftQCD for light hadrons).
Quarkonia follow ``pT / (1 + (pT / 4.1 GeV)^2)^3.6``, light hadrons a law of that kind whose scale
grows with the mass as in Pythia.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats
from ..errors import SourceError
from .names import properties

ENERGIES = (7.0, 14.0)
"""Energies of the collisions [TeV] between which spectra are known."""

ETA_RANGE = (0.0, 6.0)
"""Pseudorapidities between which they are known."""

MAX_PT = 100.0
"""Greatest transverse momentum [GeV] that is drawn."""

_POINTS = 4000

_FONLL = {
    "b": {
        7.0: (6.3799, 1.7680, 3.3695, -2.13035e-2, -1.22507e-3),
        8.0: (6.3987, 1.7672, 3.3373, -1.96151e-2, -1.17928e-3),
        13.0: (6.4727, 1.7663, 3.2275, -1.42556e-2, -1.02542e-3),
        14.0: (6.4847, 1.7665, 3.2114, -1.37935e-2, -9.97544e-4),
    },
    "c": {
        7.0: (2.6446, 1.8937, 3.2193, -8.14647e-3, -8.35750e-4),
        8.0: (2.6502, 1.9184, 3.1416, -7.46501e-3, -7.96350e-4),
        13.0: (2.6764, 2.0103, 2.8839, -5.69914e-3, -6.58876e-4),
        14.0: (2.6810, 2.0249, 2.8472, -5.51511e-3, -6.39151e-4),
    },
}
"""p0 [GeV], a, n of ``pT / (1 + (pT/p0)^a)^n`` and k2, k4 of ``exp(k2 eta^2 + k4 eta^4)``."""

_TILT = {"b": (1.27, -0.100), "c": (1.28, -0.092), "light": (1.24, -0.080)}
"""Mean pT over that of all eta, as a straight line in eta: Pythia 8.317 at 13 TeV."""


class Spectrum(NamedTuple):
    """Law of transverse momentum and pseudorapidity, see `_FONLL`.

    Attributes:
        p0: scale [GeV].
        a, n: shape in pT.
        k2, k4: shape in eta.
        tilt: straight line in eta that pT is scaled with.
    """

    p0: float
    a: float
    n: float
    k2: float
    k4: float
    tilt: tuple[float, float]

    def draw(
        self, u: Floats, pt: tuple[float, float], eta: tuple[float, float]
    ) -> tuple[Floats, Floats]:
        """Transverse momenta [MeV] and pseudorapidities in ranges.

        Args:
            u: uniform numbers, shape ``(n, 2)``.
            pt: least and greatest pT [GeV].
            eta: least and greatest eta.
        """
        grid = np.linspace(*eta, _POINTS)
        place = _inverse_cdf(grid, np.exp(self.k2 * grid**2 + self.k4 * grid**4), u[:, 0])
        # The same law in units of its scale; the range of pT is another for each eta.
        scale = self.tilt[0] + self.tilt[1] * place
        grid = np.concatenate([[0.0], np.geomspace(1e-3, MAX_PT / 0.5, _POINTS)])
        density = grid / (1.0 + (grid / self.p0) ** self.a) ** self.n
        steps = 0.5 * (density[1:] + density[:-1]) * np.diff(grid)
        total = np.concatenate([[0.0], np.cumsum(steps)])
        low, high = (np.interp(edge / scale, grid, total) for edge in pt)
        value = np.interp(low + u[:, 1] * (high - low), total, grid) * scale
        return np.clip(value, *pt) * 1e3, place


def heavy_quarks(pdg_id: int) -> tuple[int, int]:
    """Flavour of the heaviest quarks of a hadron, 5 or 4, and how many it has; 0 and 0 for none.

    Args:
        pdg_id: PDG identifier.
    """
    code = abs(pdg_id) % 10_000
    digits = (code // 1000, code // 100 % 10, code // 10 % 10)
    heaviest = max(digits)
    return (heaviest, digits.count(heaviest)) if heaviest in (4, 5) else (0, 0)


def spectrum_of(pdg_id: int, energy: float = 13.0) -> Spectrum:
    """Spectrum of a species in proton-proton collisions.

    Args:
        pdg_id: PDG identifier of the head.
        energy: of the collisions [TeV].

    Raises:
        SourceError: if the energy is out of range.
    """
    if not ENERGIES[0] <= energy <= ENERGIES[1]:
        low, high = ENERGIES
        raise SourceError(f"spectra are known from {low:g} to {high:g} TeV, not at {energy:g}")
    flavour, n_heavy = heavy_quarks(pdg_id)
    is_onium = n_heavy == 2 and abs(pdg_id) // 1000 % 10 == 0
    kind = {5: "b", 4: "c"}.get(flavour, "light")
    table = _FONLL["c" if kind == "light" else kind]
    p0, a, n, k2, k4 = (
        float(np.interp(energy, list(table), [row[i] for row in table.values()])) for i in range(5)
    )
    if is_onium:
        p0, a, n = 4.1, 2.0, 3.6
    elif kind == "light":
        p0, a, n = 0.33 + 0.5e-3 * properties(pdg_id).mass, 2.0, 2.2
    return Spectrum(p0, a, n, k2, k4, _TILT[kind])


def _inverse_cdf(grid: Floats, density: Floats, u: Floats) -> Floats:
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(grid)
    total = np.concatenate([[0.0], np.cumsum(steps)])
    result: Floats = np.interp(u * total[-1], total, grid)
    return result
