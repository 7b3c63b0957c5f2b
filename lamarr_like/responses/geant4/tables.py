"""Tables that Geant4 reads, computed from closed formulae in place of its data files.

`prepare` must run before ``geant4_pybind`` is imported: its wheel asks for a download otherwise.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Floats

VARIABLES = {
    "G4LEDATA": "G4EMLOW",
    "G4NEUTRONHPDATA": "G4NDL",
    "G4LEVELGAMMADATA": "PhotonEvaporation",
    "G4RADIOACTIVEDATA": "RadioactiveDecay",
    "G4PARTICLEXSDATA": "G4PARTICLEXS",
    "G4PIIDATA": "G4PII",
    "G4REALSURFACEDATA": "RealSurface",
    "G4SAIDXSDATA": "G4SAIDDATA",
    "G4ABLADATA": "G4ABLA",
    "G4INCLDATA": "G4INCL",
    "G4ENSDFSTATEDATA": "G4ENSDFSTATE",
    "G4CHANNELINGDATA": "G4CHANNELING",
}
"""Environment variables that Geant4 reads, and the folder that each names."""

_ALPHA = 1 / 137.035999
_RADIUS = 2.8179403e-12  # classical radius of the electron [mm]
_MASS = 0.51099895  # of the electron [MeV]
_MILLIBARN = 1e-25  # [mm^2]
BARN = 1e-22
"""In Geant4's unit of area [mm^2]."""

_ELASTIC = (0, 5.3104, 4.7935, 4.7402, 4.7112)
_INELASTIC = (0, 5.9173, 5.6125, 5.5377, 5.4728)
"""Radiation logarithms of the lightest elements (Tsai, Rev. Mod. Phys. 46 (1974) 815)."""

_PHOTOELECTRIC = ("livermore/phot_epics2014", "epics2017/phot")
# fmt: off
_FRACTIONS = np.array([
    0, .05, .075, .1, .125, .15, .2, .25, .3, .35, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85,
    .9, .925, .95, .97, .99, .995, .999, .9995, .9999, .99995, .99999, 1.0,
])
# fmt: on
"""Photon energy over electron energy at which Geant4 wants the spectrum."""


def prepare(folder: Path | str) -> None:
    """Make the folders and point Geant4's variables to them."""
    root = Path(folder)
    for variable, name in VARIABLES.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        os.environ[variable] = str(root / name)
    # Looked at first by the wheel: no question, no download.
    os.environ["GEANT4_DATA_DIR"] = str(root)
    (root / "G4ENSDFSTATE/ENSDFSTATE.dat").touch()
    for name in ("brem_SB", *_PHOTOELECTRIC):
        (root / "G4EMLOW" / name).mkdir(parents=True, exist_ok=True)


def write(folder: Path | str, elements: tuple[int, ...], g4: Any) -> None:
    """Tables of bremsstrahlung and the photoelectric effect.

    Args:
        folder: as given to `prepare`.
        elements: atomic numbers.
        g4: the module ``geant4_pybind``.
    """
    root = Path(folder) / "G4EMLOW"
    for z in elements:
        _write_bremsstrahlung(root, z)
        _write_photoelectric(root, z, g4)


def put(path: Path, text: str) -> None:
    """Write a table as a whole: several processes may make the same."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text)
    part.replace(path)


def coulomb_correction(z: float) -> float:
    """The function f(Z) of Davies, Bethe and Maximon."""
    a = (_ALPHA * z) ** 2
    return a * (1 / (1 + a) + 0.20206 - 0.0369 * a + 0.0083 * a**2 - 0.002 * a**3)


def bremsstrahlung(z: int, kinetic: float, fraction: Floats) -> Floats:
    """``beta^2 / Z^2 k dsigma / dk`` [mb] for photons of ``fraction`` of the kinetic energy.

    Screened Bethe-Heitler with Coulomb correction (Tsai), the shape of ``fraction``.

    Args:
        z: atomic number.
        kinetic: kinetic energy of the electron [MeV].
        fraction: photon energy over ``kinetic``, in [0, 1].
    """
    energy = kinetic + _MASS
    k = np.minimum(fraction * kinetic, kinetic * (1 - 1e-9))
    y = k / energy
    beta2 = kinetic * (kinetic + 2 * _MASS) / energy**2
    log_z, f = math.log(z), coulomb_correction(z)
    if z < 5:
        d = (1 - y + 0.75 * y**2) * ((_ELASTIC[z] - f) + _INELASTIC[z] / z)
        d = d + (1 - y) * (1 + 1 / z) / 12
    else:
        third = z ** (1 / 3)
        delta = y / (energy - k)
        g, e = delta * 100 * _MASS / third, delta * 100 * _MASS / third**2
        phi1 = 16.863 - 2 * np.log(1 + 0.311877 * g**2)
        phi1 = phi1 + 2.4 * np.exp(-0.9 * g) + 1.6 * np.exp(-1.5 * g)
        phi = 2 / (3 + 19.5 * g + 18 * g**2)
        psi1 = 24.34 - 2 * np.log(1 + 13.111641 * e**2)
        psi1 = psi1 + 2.8 * np.exp(-8 * e) + 1.2 * np.exp(-29.2 * e)
        psi = 2 / (3 + 120 * e + 1200 * e**2)
        d = (1 - y + 0.75 * y**2) * (
            (0.25 * phi1 - log_z / 3 - f) + (0.25 * psi1 - 2 * log_z / 3) / z
        )
        d = d + 0.125 * (1 - y) * (phi + psi / z)
    # Geant4 samples below a majorant, which must stay above zero at the tip of the spectrum.
    result: Floats = 16 * _ALPHA * _RADIUS**2 / 3 / _MILLIBARN * beta2 * np.maximum(d, 0.02)
    return result


def _write_bremsstrahlung(root: Path, z: int) -> None:
    energies = np.log(np.logspace(-3, 4, 57))
    lines = [f"0 {len(_FRACTIONS)} {len(energies)}"]
    lines += [" ".join(f"{v:.8g}" for v in values) for values in (_FRACTIONS, energies)]
    for energy in energies:
        values = bremsstrahlung(z, math.exp(energy), _FRACTIONS)
        lines.append(" ".join(f"{v:.6e}" for v in values))
    put(root / f"brem_SB/br{z}", "\n".join(lines) + "\n")


def _write_photoelectric(root: Path, z: int, g4: Any) -> None:
    """From the table of Sandia that is compiled into Geant4."""
    material = g4.G4NistManager.Instance().FindOrBuildSimpleMaterial(z, False)
    sandia = material.GetSandiaTable()
    atoms = material.GetTotNbOfAtomsPerVolume()
    rows = [
        [sandia.GetSandiaCofForMaterial(i, j) for j in range(5)]
        for i in range(sandia.GetMatNbOfIntervals())
    ]

    def coefficients(energy: float) -> list[float]:
        row = next((r for r in reversed(rows) if energy >= r[0]), rows[0])
        return [v / atoms / BARN for v in row[1:]]

    def cubed(energy: float) -> float:
        """Cross section [barn] times the energy cubed."""
        c = coefficients(energy)
        return max(sum(v / energy ** (k + 1) for k, v in enumerate(c)), 1e-12) * energy**3

    edge = max(float(g4.G4AtomicShells.GetBindingEnergy(z, 0)), 13.6e-6)
    high = max(0.5, edge * 1.5)
    tail = " ".join(f"{v:.8g}" for v in [*coefficients(1.0), 0, 0])
    shells = f"2 1 {high:.8g}\n" + "".join(f"{b:.8g} {tail}\n" for b in (edge, 1e-5))
    ranges = {"cs": (edge * (1 + 1e-6), high * 1.01), "le-cs": (1e-5, max(edge, 2e-5))}
    for name in _PHOTOELECTRIC:
        for kind in ("high", "low"):
            put(root / name / f"pe-{kind}-{z}.dat", shells)
        for kind, (first, last) in ranges.items():
            energies = np.geomspace(first, last, 120)
            text = f"{first:.10g} {last:.10g} 120\n120\n"
            text += "".join(f"{e:.10g} {cubed(e):.8g}\n" for e in energies)
            put(root / name / f"pe-{kind}-{z}.dat", text)
