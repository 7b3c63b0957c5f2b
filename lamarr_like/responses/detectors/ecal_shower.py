"""Photons and electrons in a calorimeter like LHCb's ECAL, in a window of 30 x 30 cells.

The window is that of LHCb's studies of generated calorimeter images (Chekalina et al., EPJ Web
Conf. 214 (2019) 02034; Rogachev and Ratnikov, arXiv:2207.06329).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Floats, Floats32, Keys
from ...rng import uniforms
from ..geant4.application import ELECTRON_MASS, event_seeds, run
from ..geant4.shashlik import SHASHLIK
from ..response import Axis, Condition, Exchange, Feature, Mirror, Response, Shift
from .spectrum import falling

LOW, HIGH = 1e3, 1e5
"""Range of the energy [MeV]."""

SLOPES, REACH = (0.3, 0.25), 20.0
"""Largest slopes of the particle along x and y, distance of its entry from the middle [mm]."""

VISIBLE = 0.1474
"""Share of the energy that is left in the scintillator, of 10,000 showers from 1 to 100 GeV; the
same within 0.5 % at all energies."""

ECAL_SHOWER = Response(
    name="ecal_shower",
    title="photon or electron in a lead and scintillator calorimeter, 30 x 30 cells of 20 mm",
    axes=(Axis("x", "mm", 30, 20.0, -300.0), Axis("y", "mm", 30, 20.0, -300.0)),
    conditions=(
        Condition("pdg", "", "PDG number: 22 or 11", 11, 22),
        Condition("px", "MeV", "momentum along x", -HIGH, HIGH),
        Condition("py", "MeV", "momentum along y", -HIGH, HIGH),
        Condition("pz", "MeV", "momentum into the calorimeter", 0.9 * LOW, HIGH),
        Condition("x", "mm", "entry into the front face, from the middle", -REACH, REACH),
        Condition("y", "mm", "entry into the front face, from the middle", -REACH, REACH),
    ),
    features=(
        Feature("photon", "equals", ("pdg",), 22),
        Feature("log_p", "log_norm", ("px", "py", "pz")),
        Feature("tx", "ratio", ("px", "pz")),
        Feature("ty", "ratio", ("py", "pz")),
        Feature("x", "value", ("x",)),
        Feature("y", "value", ("y",)),
    ),
    unit="MeV",
    threshold=1e-3,
    scale="log_p",
    mirrors=(Mirror("x", ("tx", "x")), Mirror("y", ("ty", "y"))),
    exchanges=(Exchange(("x", "y"), (("tx", "ty"), ("x", "y"))),),
    shifts=(Shift("x", "x", "tx"), Shift("y", "y", "ty")),
)


def particles(n: int, seed: int, first: int = 0) -> dict[str, Floats]:
    """Particles of a sample, shapes ``(n,)``: photons and electrons by halves.

    Energies are those of `lamarr_like.responses.detectors.spectrum.falling`.

    Args:
        n: how many.
        seed: of the sample.
        first: number of the first one; a particle depends on seed and number only.
    """
    u = uniforms(seed, ECAL_SHOWER.name, np.arange(first, first + n), 0, 6)
    pdg = np.where(u[:, 0] < 0.5, 22.0, 11.0)
    energy = falling(u[:, 1], LOW, HIGH)
    tx, ty = (2 * SLOPES[k] * u[:, 2 + k] - SLOPES[k] for k in (0, 1))
    x, y = (2 * REACH * u[:, 4 + k] - REACH for k in (0, 1))
    p = np.sqrt(energy**2 - np.where(pdg == 22, 0, ELECTRON_MASS) ** 2)
    pz = p / np.sqrt(1 + tx**2 + ty**2)
    return {"pdg": pdg, "px": pz * tx, "py": pz * ty, "pz": pz, "x": x, "y": y}


def simulate(conditions: Mapping[str, Floats], keys: Keys) -> Floats32:
    """Geant4's showers, shape ``(n, 30, 30)``; see `lamarr_like.responses.geant4.shashlik`."""
    p = np.stack([conditions[name] for name in ("px", "py", "pz")], axis=1)
    entry = np.stack([conditions[name] for name in ("x", "y")], axis=1)
    return run(SHASHLIK, conditions["pdg"].astype(np.int64), p, entry, event_seeds(keys))[0]
