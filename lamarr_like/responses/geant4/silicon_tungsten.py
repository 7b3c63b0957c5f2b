"""Photons in a silicon and tungsten calorimeter by Geant4.

The calorimeter is like that of ILD (ILD Concept Group, arXiv:1306.6329, section 3; the detector of
the BIB-AE studies, Buhmann et al., arXiv:2005.05334): 30 layers, the first 20 behind 2.1 mm of
tungsten each and the last 10 behind 4.2 mm, 24 radiation lengths.  Each has 0.525 mm of silicon in
cells of 5 mm and, in place of cables, boards and supports, a gap of air.  The response is the
energy left in the silicon.
"""

from __future__ import annotations

from typing import Any

from .application import Calorimeter, Parts, Sensor

CELLS, PITCH = 30, 5.0
"""Cells along x and y, their size [mm]."""

TUNGSTEN = (2.1,) * 20 + (4.2,) * 10
"""Thickness of the absorber in front of each layer's silicon [mm]."""

SILICON, GAP = 0.525, 2.85
"""Thickness of a sensor and of the gap behind it [mm]; 185 mm in all, as ILD's."""


def _build(parts: Parts) -> Any:
    g4 = parts.g4
    names = ("G4_Galactic", "G4_W", "G4_Si", "G4_AIR")
    vacuum, tungsten, silicon, air = map(parts.material, names)
    half, cell = CELLS * PITCH / 2, PITCH / 2
    depth = sum(TUNGSTEN) + len(TUNGSTEN) * (SILICON + GAP)
    world = parts.box("world", vacuum, (500, 500, 500))
    whole = parts.place(world, 0, None)
    block = parts.box("block", air, (half, half, depth / 2))
    parts.place(block, depth / 2, world)
    absorbers = {t: parts.box("absorber", tungsten, (half, half, t / 2)) for t in set(TUNGSTEN)}
    # Divided into cells is the silicon only: a particle stops at every side of a cell.
    plate = parts.box("plate", silicon, (half, half, SILICON / 2))
    column = parts.box("column", silicon, (cell, half, SILICON / 2))
    sensor = parts.box("sensor", silicon, (cell, cell, SILICON / 2))
    parts.repeat(column, plate, g4.kXAxis, CELLS, PITCH)
    parts.repeat(sensor, column, g4.kYAxis, CELLS, PITCH)
    z = -depth / 2
    for layer, thickness in enumerate(TUNGSTEN):
        parts.place(absorbers[thickness], z + thickness / 2, block, layer)
        z += thickness
        parts.place(plate, z + SILICON / 2, block, layer)
        z += SILICON + GAP
    return whole


_SHAPE = (CELLS, CELLS, len(TUNGSTEN))

SILICON_TUNGSTEN = Calorimeter(
    name="ilc_shower",
    elements=(1, 6, 7, 8, 14, 18, 74),
    build=_build,
    sensors=(Sensor("sensor", _SHAPE, (1, 0, 2), _SHAPE, least=0.1),),
    cut=0.1,
)
"""What `lamarr_like.responses.geant4.application.run` simulates."""
