"""Photons and electrons in crystals of caesium iodide by Geant4.

The crystals are like those of the barrel of BESIII (Ablikim et al., Nucl. Instrum. Meth. A 614
(2010) 345): 28 cm deep, 5.2 cm wide in front, pointing at the interaction point, from which their
front faces are 94 cm.  So their sides grow with depth, to 6.7 cm.  Geant4 sees a block of caesium
iodide in fine cells; what is in these is shared among the crystals that they lie in.  No wrapping,
no gaps, no light, nothing in front: the response is the energy left in a crystal.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...arrays import Floats, Ints
from .application import Calorimeter, Parts, Sensor

CRYSTALS, FRONT = 11, 52.0
"""Crystals along x and y, width of their front faces [mm]."""

DISTANCE, DEPTH = 940.0, 280.0
"""From the interaction point to the front faces, and length of the crystals [mm]."""

FINE, SLICES = 144, 28
"""Fine cells along x and y, slices in depth."""

PITCH, SLICE = FRONT / 10, DEPTH / SLICES
"""Size of the fine cells [mm]."""


def _build(parts: Parts) -> Any:
    g4 = parts.g4
    vacuum, iodide = map(parts.material, ("G4_Galactic", "G4_CESIUM_IODIDE"))
    half, cell = FINE * PITCH / 2, PITCH / 2
    world = parts.box("world", vacuum, (900, 900, 900))
    whole = parts.place(world, 0, None)
    block = parts.box("block", iodide, (half, half, DEPTH / 2))
    parts.place(block, DEPTH / 2, world)
    plate = parts.box("plate", iodide, (half, half, SLICE / 2))
    column = parts.box("column", iodide, (cell, half, SLICE / 2))
    fine = parts.box("fine", iodide, (cell, cell, SLICE / 2))
    parts.repeat(plate, block, g4.kZAxis, SLICES, SLICE)
    parts.repeat(column, plate, g4.kXAxis, FINE, PITCH)
    parts.repeat(fine, column, g4.kYAxis, FINE, PITCH)
    return whole


@cache
def parts_of_crystals() -> Floats:
    """Share of each fine interval that lies in each crystal, shape ``(SLICES, FINE, CRYSTALS)``.

    In the middle of a slice the crystals have the width that they have at its depth.
    """
    depth = (np.arange(SLICES) + 0.5) * SLICE
    width = FRONT * (DISTANCE + depth) / DISTANCE
    sides = width[:, None] * (np.arange(CRYSTALS + 1) - CRYSTALS / 2)
    edges = PITCH * (np.arange(FINE + 1) - FINE / 2)
    low = np.maximum(sides[:, None, :-1], edges[None, :-1, None])
    high = np.minimum(sides[:, None, 1:], edges[None, 1:, None])
    share: Floats = np.maximum(high - low, 0) / PITCH
    return share


def gather(cell: Ints, energy: Floats) -> Floats:
    """Energies of crystals from those of fine cells, shape ``(CRYSTALS, CRYSTALS)``.

    Args:
        cell: number of each fine cell, in the order slice, x, y, shape ``(m,)``.
        energy: in it, shape ``(m,)``.
    """
    depth, x, y = np.unravel_index(cell, (SLICES, FINE, FINE))
    share = parts_of_crystals()
    shared: Floats = np.einsum("m,mi,mj->ij", energy, share[depth, x], share[depth, y])
    return shared


CSI_CRYSTALS = Calorimeter(
    name="crystal_shower",
    elements=(1, 53, 55),
    build=_build,
    sensors=(
        Sensor("fine", (SLICES, FINE, FINE), (2, 1, 0), (CRYSTALS, CRYSTALS), gather, least=0.2),
    ),
)
"""What `lamarr_like.responses.geant4.application.run` simulates."""
