"""Photons and electrons in 11 x 11 crystals that point at the interaction point, like BESIII's.

Particles come from the interaction point, so that where they enter says how they are tilted.  Seen
from there all crystals are alike: the array moves with the entry by whole crystals and needs no
slope.  The crystals are those of `lamarr_like.responses.geant4.crystals`; the threshold is about
the noise of one of them (220 keV; Nucl. Instrum. Meth. A 614 (2010) 345).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Floats, Floats32, Keys
from ...rng import uniforms
from ..geant4.application import ELECTRON_MASS, event_seeds, run
from ..geant4.crystals import CRYSTALS, CSI_CRYSTALS, DISTANCE, FRONT
from ..response import Axis, Condition, Exchange, Feature, Mirror, Response, Shift
from .spectrum import falling

LOW, HIGH = 100.0, 2000.0
"""Range of the energy [MeV]."""

REACH = FRONT
"""Distance of the entry from the middle of the crystal in the middle [mm]."""

CRYSTAL_SHOWER = Response(
    name="crystal_shower",
    title="photon or electron in 11 x 11 crystals of caesium iodide that point at it",
    axes=(
        Axis("x", "mm", CRYSTALS, FRONT, -CRYSTALS * FRONT / 2),
        Axis("y", "mm", CRYSTALS, FRONT, -CRYSTALS * FRONT / 2),
    ),
    conditions=(
        Condition("pdg", "", "PDG number: 22 or 11", 11, 22),
        Condition("energy", "MeV", "energy of the particle", LOW, HIGH),
        Condition("x", "mm", "entry into the front faces, from the middle", -REACH, REACH),
        Condition("y", "mm", "entry into the front faces, from the middle", -REACH, REACH),
    ),
    features=(
        Feature("photon", "equals", ("pdg",), 22),
        Feature("log_energy", "log", ("energy",)),
        Feature("x", "value", ("x",)),
        Feature("y", "value", ("y",)),
    ),
    unit="MeV",
    threshold=0.2,
    scale="log_energy",
    mirrors=(Mirror("x", ("x",)), Mirror("y", ("y",))),
    exchanges=(Exchange(("x", "y"), (("x", "y"),)),),
    shifts=(Shift("x", "x"), Shift("y", "y")),
)


def particles(n: int, seed: int, first: int = 0) -> dict[str, Floats]:
    """Photons and electrons by halves, shapes ``(n,)``.

    Args:
        n: how many.
        seed: of the sample.
        first: number of the first one; a particle depends on seed and number only.
    """
    u = uniforms(seed, CRYSTAL_SHOWER.name, np.arange(first, first + n), 0, 4)
    x, y = (2 * REACH * u[:, k] - REACH for k in (2, 3))
    energy = np.clip(falling(u[:, 1], LOW, HIGH), LOW, HIGH)
    return {"pdg": np.where(u[:, 0] < 0.5, 22.0, 11.0), "energy": energy, "x": x, "y": y}


def simulate(conditions: Mapping[str, Floats], keys: Keys) -> Floats32:
    """Geant4's showers, shape ``(n, 11, 11)``; see `lamarr_like.responses.geant4.crystals`."""
    pdg = conditions["pdg"].astype(np.int64)
    entry = np.stack([conditions[name] for name in ("x", "y")], axis=1)
    path = np.concatenate([entry, np.full((len(entry), 1), DISTANCE)], axis=1)
    mass = np.where(pdg == 22, 0.0, ELECTRON_MASS)
    momentum = np.sqrt(conditions["energy"] ** 2 - mass**2)
    p = path * (momentum / np.sqrt((path**2).sum(axis=1)))[:, None]
    return run(CSI_CRYSTALS, pdg, p, entry, event_seeds(keys))[0]
