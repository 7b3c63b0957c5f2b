"""Photons and electrons in a lead and scintillator calorimeter by Geant4.

The calorimeter is like LHCb's ECAL (LHCb Collaboration, JINST 3 (2008) S08005, section 6.2): 66
layers of 2 mm of lead and 4 mm of polystyrene, 600 x 600 mm, read out in cells of 20 mm.  No
fibres, no reflective foil, no light: the response is the energy left in the scintillator.
"""

from __future__ import annotations

from typing import Any

from .application import Calorimeter, Parts, Sensor

CELLS, PITCH, LAYERS = 30, 20.0, 66
"""Cells along x and y, their size [mm], layers."""

LEAD, SCINTILLATOR = 2.0, 4.0
"""Thickness of a layer's plates [mm]."""


def _build(parts: Parts) -> Any:
    g4 = parts.g4
    vacuum, lead, plastic = map(parts.material, ("G4_Galactic", "G4_Pb", "G4_POLYSTYRENE"))
    half, cell, layer = CELLS * PITCH / 2, PITCH / 2, LEAD + SCINTILLATOR
    depth = LAYERS * layer
    world = parts.box("world", vacuum, (900, 900, 900))
    whole = parts.place(world, 0, None)
    block = parts.box("block", lead, (half, half, depth / 2))
    parts.place(block, depth / 2, world)
    column = parts.box("column", lead, (cell, half, depth / 2))
    tower = parts.box("cell", lead, (cell, cell, depth / 2))
    plates = parts.box("layer", lead, (cell, cell, layer / 2))
    parts.repeat(column, block, g4.kXAxis, CELLS, PITCH)
    parts.repeat(tower, column, g4.kYAxis, CELLS, PITCH)
    parts.repeat(plates, tower, g4.kZAxis, LAYERS, layer)
    plate = parts.box("plate", plastic, (cell, cell, SCINTILLATOR / 2))
    parts.place(plate, LEAD / 2, plates)
    return whole


SHASHLIK = Calorimeter(
    name="ecal_shower",
    elements=(1, 6, 7, 8, 18, 82),
    build=_build,
    sensors=(Sensor("plate", (CELLS, CELLS, 1), (3, 2, 4), (CELLS, CELLS)),),
)
"""What `lamarr_like.responses.geant4.application.run` simulates."""
