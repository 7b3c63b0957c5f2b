"""Tables of neutron cross sections that Geant4 reads, from closed formulae, not its data files.

Those of all other hadrons are formulae inside of Geant4.  Written are, for each element, the
inelastic, elastic and capture cross section in the format of its data set G4PARTICLEXS:

- inelastic: Letaw, Silberberg and Tsao, Astrophys. J. Suppl. 51 (1983) 271, good to some per cent
  above 10 MeV, and flat below down to a threshold near the first excited levels;
- elastic: hard sphere of 1.35 fm A^(1/3) at low energies, the total cross section of a black disc
  wider by the wavelength above, less the inelastic one, and a share of the inelastic one beyond
  30 MeV;
- capture: 1/v from thermal values (Mughabghab, Atlas of Neutron Resonances, 2006), faster beyond
  1 MeV.

They are for showers of high energy, where neutrons below some MeV make no light; not for shielding
or moderation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...arrays import Floats
from .tables import BARN, put

_LAST = 92
"""Geant4's data set wants all elements up to uranium."""

_THERMAL = {
    1: 0.3326, 6: 0.0035, 7: 1.90, 8: 0.00019, 11: 0.53, 13: 0.231, 14: 0.171, 18: 0.675,
    26: 2.56, 28: 4.49, 29: 3.78, 30: 1.11, 50: 0.626, 74: 18.3, 82: 0.171,
}  # fmt: skip
"""Capture at 0.0253 eV [barn]; 1 for elements that are not here."""

_RADIUS, _WAVELENGTH = 1.35e-15, 4.55e-15
"""Radius of a nucleus over A^(1/3) [m], reduced wavelength of a neutron of 1 MeV [m]."""

_SQUARE_METRE = 1e28
"""In barn."""


def inelastic(z: int, a: float, energy: Floats) -> Floats:
    """Inelastic cross section [barn], shape of `energy`.

    Args:
        z, a: atomic number and mass.
        energy: kinetic, of the neutron [MeV].
    """
    if z == 1:
        beyond = 1 - 290 / np.maximum(energy, 290.01)
        return np.where(energy > 290, 0.030 * np.clip(beyond, 0, 1) ** 0.3, 0.0)
    threshold = 4.8 if a < 17 else 1.7 if a < 30 else 0.9 if a < 70 else 0.3
    opened = np.clip((energy - threshold) / (1.5 * threshold), 0, 1)
    found: Floats = _letaw(a, energy) * opened
    return found


def elastic(z: int, a: float, energy: Floats) -> Floats:
    """Elastic cross section [barn], shape of `energy`; arguments as of `inelastic`."""
    if z == 1:
        found: Floats = 20.4 / (1 + energy / 0.55) + 0.008
        return found
    radius = _RADIUS * a ** (1 / 3)
    wave = _WAVELENGTH / np.sqrt(np.maximum(energy, 1e-3))
    hard = 4 * math.pi * radius**2 * _SQUARE_METRE
    disc = 2 * math.pi * (radius + np.minimum(wave, 0.41 * radius)) ** 2 * _SQUARE_METRE
    low = np.maximum(disc - inelastic(z, a, energy), 0.3 * hard)
    high = _letaw(a, energy) * (0.36 + 0.0021 * a)
    weight = 1 / (1 + (energy / 30) ** 2)
    mixed: Floats = np.where(energy < 0.5, hard, weight * low + (1 - weight) * high)
    return mixed


def capture(z: int, a: float, energy: Floats) -> Floats:
    """Capture cross section [barn], shape of `energy`; arguments as of `inelastic`."""
    slow = _THERMAL.get(z, 1.0) * np.sqrt(2.53e-8 / energy)
    found: Floats = np.where(energy < 1, slow, slow / energy)
    return found


def _letaw(a: float, energy: Floats) -> Floats:
    at = np.maximum(energy, 10.0)
    high = 45e-3 * a**0.7 * (1 + 0.016 * math.sin(5.3 - 2.63 * math.log(a)))
    found: Floats = high * (1 - 0.62 * np.exp(-at / 200) * np.sin(10.9 * at**-0.28))
    return found


def write(folder: Path | str, mass: Callable[[int], float]) -> None:
    """Write the tables of all elements.

    Args:
        folder: as given to `lamarr_like.responses.geant4.tables.prepare`.
        mass: atomic mass of an element by its number.
    """
    root = Path(folder) / "G4PARTICLEXS/neutron"
    root.mkdir(parents=True, exist_ok=True)
    for z in range(1, _LAST + 1):
        a = mass(z)
        lowest = 100.0 if z == 1 else 1e-2
        for name, of, energies in (
            ("inel", inelastic, np.geomspace(lowest, 2e4, 400)),
            ("el", elastic, np.geomspace(1e-11, 2e4, 400)),
            ("cap", capture, np.geomspace(1e-11, 20.0, 300)),
        ):
            values = of(z, a, energies) * BARN
            n, low, high = len(energies), energies[0], energies[-1]
            rows = "".join(f"{e:.10g} {v:.8g}\n" for e, v in zip(energies, values, strict=True))
            put(root / f"{name}{z}", f"{low:.10g} {high:.10g} {n}\n{n}\n{rows}")
