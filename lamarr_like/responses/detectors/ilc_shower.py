"""Photons in a calorimeter like ILD's, in three dimensions: 30 x 30 cells in each of 30 layers.

Cells, normal incidence and the threshold, half of what a minimum ionising particle leaves, are
those of the studies of generated showers for the ILC (Buhmann et al., arXiv:2005.05334 and
arXiv:2102.12491).  Energies are lower, 1 to 50 GeV in place of 10 to 100, as most photons in jets
have them, and a photon enters anywhere in the four cells in the middle.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Floats, Floats32, Keys
from ...rng import uniforms
from ..geant4.application import event_seeds, run
from ..geant4.silicon_tungsten import CELLS, PITCH, SILICON_TUNGSTEN, TUNGSTEN
from ..response import Axis, Condition, Exchange, Feature, Mirror, Response, Shift
from .spectrum import falling

LOW, HIGH = 1e3, 5e4
"""Range of the energy [MeV]."""

REACH = PITCH
"""Distance of the entry from the middle [mm]."""

ILC_SHOWER = Response(
    name="ilc_shower",
    title="photon in a silicon and tungsten calorimeter, 30 layers of 30 x 30 cells of 5 mm",
    axes=(
        Axis("x", "mm", CELLS, PITCH, -CELLS * PITCH / 2),
        Axis("y", "mm", CELLS, PITCH, -CELLS * PITCH / 2),
        Axis("layer", "", len(TUNGSTEN), 1.0, 0.5),
    ),
    conditions=(
        Condition("energy", "MeV", "energy of the photon", LOW, HIGH),
        Condition("x", "mm", "entry into the front face, from the middle", -REACH, REACH),
        Condition("y", "mm", "entry into the front face, from the middle", -REACH, REACH),
    ),
    features=(
        Feature("log_energy", "log", ("energy",)),
        Feature("x", "value", ("x",)),
        Feature("y", "value", ("y",)),
    ),
    unit="MeV",
    threshold=0.1,
    scale="log_energy",
    mirrors=(Mirror("x", ("x",)), Mirror("y", ("y",))),
    exchanges=(Exchange(("x", "y"), (("x", "y"),)),),
    shifts=(Shift("x", "x"), Shift("y", "y")),
)


def particles(n: int, seed: int, first: int = 0) -> dict[str, Floats]:
    """Photons of a sample, shapes ``(n,)``.

    Args:
        n: how many.
        seed: of the sample.
        first: number of the first one; a particle depends on seed and number only.
    """
    u = uniforms(seed, ILC_SHOWER.name, np.arange(first, first + n), 0, 3)
    x, y = (2 * REACH * u[:, k] - REACH for k in (1, 2))
    return {"energy": np.clip(falling(u[:, 0], LOW, HIGH), LOW, HIGH), "x": x, "y": y}


def simulate(conditions: Mapping[str, Floats], keys: Keys) -> Floats32:
    """Showers of `lamarr_like.responses.geant4.silicon_tungsten`, shape ``(n, 30, 30, 30)``."""
    energy = conditions["energy"]
    p = np.stack([np.zeros_like(energy), np.zeros_like(energy), energy], axis=1)
    entry = np.stack([conditions[name] for name in ("x", "y")], axis=1)
    return run(SILICON_TUNGSTEN, np.full(len(energy), 22), p, entry, event_seeds(keys))[0]
