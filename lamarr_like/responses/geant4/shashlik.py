"""Photons and electrons in a lead and scintillator calorimeter by Geant4.

The calorimeter is like LHCb's ECAL (LHCb Collaboration, JINST 3 (2008) S08005, section 6.2): 66
layers of 2 mm of lead and 4 mm of polystyrene, 600 x 600 mm, read out in cells of 20 mm.  No
fibres, no reflective foil, no light: the response is the energy left in the scintillator.

Geant4 can be set up once in a process; `showers` is to be called in processes of its own.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Floats, Floats32, Integers
from . import tables

CELLS, PITCH, LAYERS = 30, 20.0, 66
"""Cells along x and y, their size [mm], layers."""

LEAD, SCINTILLATOR = 2.0, 4.0
"""Thickness of a layer's plates [mm]."""

CUT = 0.7
"""Range below which Geant4 makes no secondaries [mm]."""

NOISE_FREE = 1e-3
"""Energy of a cell below which it is empty [MeV]."""

ELECTRON_MASS = 0.51099895
NAMES = {22: "gamma", 11: "e-", -11: "e+"}

_STATE: dict[str, Any] = {}


def showers(
    pdg: Integers, p: Floats, entry: Floats, seeds: Integers, folder: Path | str | None = None
) -> Floats32:
    """Energy left in the scintillator of each cell [MeV], shape ``(n, 30, 30)``, axes x and y.

    Args:
        pdg: 22, 11 or -11, shape ``(n,)``.
        p: momentum [MeV], shape ``(n, 3)``, z into the calorimeter.
        entry: where it enters the front face, from its middle [mm], shape ``(n, 2)``.
        seeds: seed of each shower, shape ``(n,)``: a shower depends on its own only.
        folder: for the tables of `tables`; one that ends with the process if None.
    """
    manager = _STATE.get("manager") or _set_up(folder)
    images = np.zeros((len(pdg), CELLS, CELLS), np.float32)
    _STATE.update(pdg=pdg, p=p, entry=entry, seeds=seeds, images=images, at=0)
    if len(pdg):
        manager.BeamOn(len(pdg))
    return images


def _set_up(folder: Path | str | None) -> Any:
    if folder is None:
        folder = tempfile.mkdtemp(prefix="lamarr-like-geant4-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tables.prepare(folder)
    import geant4_pybind as g4

    commands = g4.G4UImanager.GetUIpointer()
    for line in ("/run/verbose 0", "/process/em/verbose 0", "/process/verbose 0"):
        commands.ApplyCommand(line)
    tables.write(folder, (1, 6, 7, 8, 18, 82), g4)
    manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
    detector, physics, actions = _detector(g4), _physics(g4), _actions(g4)
    manager.SetUserInitialization(detector)
    manager.SetUserInitialization(physics)
    manager.SetUserInitialization(actions)
    physics.SetVerboseLevel(0)
    manager.Initialize()
    commands.ApplyCommand(f"/run/setCut {CUT} mm")
    _STATE.update(manager=manager, kept=(detector, physics, actions))
    return manager


def _detector(g4: Any) -> Any:
    half, depth = CELLS * PITCH / 2, LAYERS * (LEAD + SCINTILLATOR)
    layer = LEAD + SCINTILLATOR

    class Detector(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
        def Construct(self) -> Any:  # noqa: N802
            find = g4.G4NistManager.Instance().FindOrBuildMaterial
            vacuum, lead, plastic = map(find, ("G4_Galactic", "G4_Pb", "G4_POLYSTYRENE"))
            kept: list[Any] = []
            self.kept = kept  # Geant4 keeps no reference that Python sees

            def volume(name: str, material: Any, x: float, y: float, z: float) -> Any:
                box = g4.G4Box(name, x, y, z)
                kept.append(box)
                kept.append(g4.G4LogicalVolume(box, material, name))
                return kept[-1]

            def place(name: str, what: Any, z: float, into: Any) -> Any:
                kept.append(
                    g4.G4PVPlacement(None, g4.G4ThreeVector(0, 0, z), what, name, into, False, 0)
                )
                return kept[-1]

            world = volume("world", vacuum, 900, 900, 900)
            whole = place("world", world, 0, None)
            block = volume("block", lead, half, half, depth / 2)
            place("block", block, depth / 2, world)
            column = volume("column", lead, PITCH / 2, half, depth / 2)
            cell = volume("cell", lead, PITCH / 2, PITCH / 2, depth / 2)
            plates = volume("layer", lead, PITCH / 2, PITCH / 2, layer / 2)
            for name, part, into, axis, n, size in (
                ("column", column, block, g4.kXAxis, CELLS, PITCH),
                ("cell", cell, column, g4.kYAxis, CELLS, PITCH),
                ("layer", plates, cell, g4.kZAxis, LAYERS, layer),
            ):
                kept.append(g4.G4PVReplica(name, part, into, axis, n, size))
            self.plate = volume("plate", plastic, PITCH / 2, PITCH / 2, SCINTILLATOR / 2)
            place("plate", self.plate, LEAD / 2, plates)
            return whole

        def ConstructSDandField(self) -> None:  # noqa: N802
            self.sensor = g4.G4MultiFunctionalDetector("sensor")
            g4.G4SDManager.GetSDMpointer().AddNewDetector(self.sensor)
            self.deposit = g4.G4PSEnergyDeposit3D("energy", CELLS, CELLS, 1, 3, 2, 4)
            self.sensor.RegisterPrimitive(self.deposit)
            self.SetSensitiveDetector("plate", self.sensor)

    return Detector()


def _physics(g4: Any) -> Any:
    class Physics(g4.G4VModularPhysicsList):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.RegisterPhysics(g4.G4EmStandardPhysics_option1())
            self.RegisterPhysics(g4.G4DecayPhysics())

    return Physics()


def _actions(g4: Any) -> Any:
    class Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.gun = g4.G4ParticleGun(1)
            find = g4.G4ParticleTable.GetParticleTable().FindParticle
            self.particles = {pdg: find(name) for pdg, name in NAMES.items()}

        def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802
            i = _STATE["at"]
            # Per event, so that a shower does not depend on those before it.
            g4.G4Random.setTheSeed(int(_STATE["seeds"][i]))
            pdg, p, entry = int(_STATE["pdg"][i]), _STATE["p"][i], _STATE["entry"][i]
            mass = 0.0 if pdg == 22 else ELECTRON_MASS
            energy = float(np.sqrt(p @ p + mass**2))
            self.gun.SetParticleDefinition(self.particles[pdg])
            self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(*map(float, p)).unit())
            self.gun.SetParticleEnergy(energy - mass)
            self.gun.SetParticlePosition(g4.G4ThreeVector(float(entry[0]), float(entry[1]), -1e-3))
            self.gun.GeneratePrimaryVertex(event)

    class Collect(g4.G4UserEventAction):  # type: ignore[misc]
        def EndOfEventAction(self, event: Any) -> None:  # noqa: N802
            cells = np.zeros(CELLS * CELLS)
            for cell, energy in event.GetHCofThisEvent().GetHC(0):
                cells[cell] += energy
            cells[cells < NOISE_FREE] = 0
            _STATE["images"][_STATE["at"]] = cells.reshape(CELLS, CELLS)
            _STATE["at"] += 1

    class Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
        def Build(self) -> None:  # noqa: N802
            self.SetUserAction(Gun())
            self.SetUserAction(Collect())

    return Actions()
