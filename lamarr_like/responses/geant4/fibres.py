"""Hadrons and photons in two calorimeters of fibres beside each other, by Geant4.

They are like the zero-degree calorimeters of ALICE (ALICE Collaboration, JINST 3 (2008) S08002,
section 5.4; Arnaldi et al., Nucl. Instrum. Meth. A 564 (2006) 235): that of neutrons 44 x 44 fibres
of quartz of 0.365 mm every 1.6 mm in 1 m of a tungsten alloy (here tungsten), that of protons
56 x 30 fibres of 0.55 mm every 4 mm in 1.5 m of brass.  Both stand on one plane here, their middles
191 mm apart, with nothing between them but vacuum; nothing is in front.

Fibres give Cherenkov light: of what a track makes in a step, in proportion to its length and to
sin^2 of the angle of the cone, that part goes down the fibre that total reflection holds
(Gorodetzky et al., Nucl. Instrum. Meth. A 361 (1995) 161).  So tracks at about 46 degrees to the
fibres are seen and those along them, though long, are not.  The response is this light in units of
what a millimetre of a track at the speed of light makes in all; how many photons are seen of it is
left to who reads them (`lamarr_like.responses.detectors.zdc`).
"""

from __future__ import annotations

import math
from typing import Any

from .application import Calorimeter, Parts, Sensor

NEUTRON, PROTON = (44, 44), (56, 30)
"""Fibres along x and y."""

NEUTRON_PITCH, PROTON_PITCH = 1.6, 4.0
"""Distance of fibres [mm]."""

APART = 191.0
"""From the middle of the neutrons' calorimeter to that of the protons' along x [mm]."""

INDEX, APERTURE = 1.46, 0.22
"""Refractive index of quartz, numerical aperture of a fibre with a cladding of fluorinated one."""

_RADII = (0.1825, 0.275)
_LENGTHS = (1000.0, 1500.0)


def light(beta: float, cosine: float) -> float:
    """Light that a fibre holds, of a millimetre of a track, over all that it makes at beta 1.

    Args:
        beta: velocity [c].
        cosine: of the angle between the track and the way to the far end of the fibre.
    """
    cone = 1 / (INDEX * beta) if beta > 0 else 2.0
    if cone >= 1:
        return 0.0
    made = (1 - cone**2) / (1 - 1 / INDEX**2)
    sines = math.sqrt((1 - cone**2) * max(1 - cosine**2, 0.0))
    # On the cone, the angles about the track at which light is near enough to the fibre's axis.
    reach = _HELD - cosine * cone
    if reach >= sines:
        return 0.0
    return made * math.acos(max(reach / sines, -1.0)) / math.pi


_HELD = math.sqrt(1 - (APERTURE / INDEX) ** 2)
"""Least cosine, to the axis of a fibre, of light that total reflection holds."""


def _build(parts: Parts) -> Any:
    world = parts.box("world", parts.material("G4_Galactic"), (500, 200, 1600))
    whole = parts.place(world, 0, None)
    _bundle(parts, world, 0)
    _bundle(parts, world, 1)
    return whole


def _bundle(parts: Parts, world: Any, which: int) -> None:
    """Fibres in an absorber, each in a cell of its own."""
    g4 = parts.g4
    name, absorber = (("neutron", "G4_W"), ("proton", "G4_BRASS"))[which]
    (nx, ny), pitch = (NEUTRON, PROTON)[which], (NEUTRON_PITCH, PROTON_PITCH)[which]
    length = _LENGTHS[which]
    metal, quartz = parts.material(absorber), parts.material("G4_SILICON_DIOXIDE")
    block = parts.box(f"{name} block", metal, (nx * pitch / 2, ny * pitch / 2, length / 2))
    parts.place(block, length / 2, world, x=APART * which)
    column = parts.box(f"{name} column", metal, (pitch / 2, ny * pitch / 2, length / 2))
    cell = parts.box(f"{name} cell", metal, (pitch / 2, pitch / 2, length / 2))
    parts.repeat(column, block, g4.kXAxis, nx, pitch)
    parts.repeat(cell, column, g4.kYAxis, ny, pitch)
    parts.place(parts.rod(f"{name} fibre", quartz, _RADII[which], length / 2), 0, cell)


def _sensor(name: str, fibres: tuple[int, int]) -> Sensor:
    return Sensor(
        volume=f"{name} fibre",
        cells=(*fibres, 1),
        depths=(2, 1, 0),
        shape=fibres,
        least=1e-6,
        light=light,
    )


FIBRES = Calorimeter(
    name="zdc",
    elements=(1, 8, 14, 29, 30, 74, 82),
    build=_build,
    sensors=(_sensor("neutron", NEUTRON), _sensor("proton", PROTON)),
    cut=0.7,
    hadrons=True,
)
"""What `lamarr_like.responses.geant4.application.run` simulates."""
