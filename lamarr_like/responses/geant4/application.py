"""Runs Geant4 for one calorimeter: what all detailed simulations by it share.

A module of a calorimeter builds its volumes and says how they are read out; here are the run, the
particle gun, the seed of each event and what collects.  Geant4 can be set up once in a process.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Floats, Floats32, Integers, Ints
from ...errors import SchemaError
from . import tables

ELECTRON_MASS = 0.51099895
NAMES = {22: "gamma", 11: "e-", -11: "e+"}

_STATE: dict[str, Any] = {}


class Parts:
    """Makes volumes, and keeps them: Geant4 keeps no reference that Python sees.

    Args:
        g4: the module ``geant4_pybind``.
    """

    def __init__(self, g4: Any) -> None:
        self.g4 = g4
        self._kept: list[Any] = []

    def material(self, name: str) -> Any:
        """One of NIST's materials, by Geant4's name."""
        return self.g4.G4NistManager.Instance().FindOrBuildMaterial(name)

    def box(self, name: str, material: Any, half: tuple[float, float, float]) -> Any:
        """A box of half lengths [mm]."""
        solid = self.g4.G4Box(name, *half)
        self._kept += [solid, self.g4.G4LogicalVolume(solid, material, name)]
        return self._kept[-1]

    def place(self, part: Any, z: float, into: Any, copy: int = 0) -> Any:
        """A volume in the middle of another in x and y, at `z` [mm] along it."""
        g4 = self.g4
        at = g4.G4ThreeVector(0, 0, z)
        self._kept.append(g4.G4PVPlacement(None, at, part, part.GetName(), into, False, copy))
        return self._kept[-1]

    def repeat(self, part: Any, into: Any, axis: Any, n: int, pitch: float) -> None:
        """Fill a volume with `n` equal ones along an axis."""
        name = part.GetName()
        self._kept.append(self.g4.G4PVReplica(name, part, into, axis, n, pitch))


@dataclass(frozen=True)
class Calorimeter:
    """A calorimeter that is read out in regular cells.

    Args:
        name: of it.
        elements: atomic numbers of what it is made of; 1 for the vacuum of Geant4.
        build: makes all volumes; returns the placed world.  The front face is at z = 0.
        sensor: name of the volumes whose deposits are read out.
        cells: number of readout cells along three axes.
        depths: for each of these axes, how many volumes above the sensor is the one whose copy
            number counts cells.
        shape: of the array of a shower.
        gather: makes it of the numbers of the cells hit, shape ``(m,)``, in order of axes, and the
            energies in them [MeV]; if None the cells themselves are the array.
        cut: range below which Geant4 makes no secondaries [mm].
        least: energy of a cell of the array below which it is empty [MeV].
    """

    name: str
    elements: tuple[int, ...]
    build: Callable[[Parts], Any]
    sensor: str
    cells: tuple[int, int, int]
    depths: tuple[int, int, int]
    shape: tuple[int, ...]
    gather: Callable[[Ints, Floats], Floats] | None = None
    cut: float = 0.7
    least: float = 1e-3


def run(
    calorimeter: Calorimeter,
    pdg: Integers,
    p: Floats,
    entry: Floats,
    seeds: Integers,
    folder: Path | str | None = None,
) -> Floats32:
    """Arrays of showers [MeV], shape ``(n, *calorimeter.shape)``.

    Args:
        calorimeter: in which they are.
        pdg: 22, 11 or -11, shape ``(n,)``.
        p: momentum [MeV], shape ``(n, 3)``, z into the calorimeter.
        entry: where it enters the front face, from its middle [mm], shape ``(n, 2)``.
        seeds: seed of each shower, shape ``(n,)``: a shower depends on its own only.
        folder: for the tables of `tables`; one that ends with the process if None.

    Raises:
        SchemaError: if this process has simulated another calorimeter before.
    """
    there = _STATE.get("calorimeter")
    if there is not None and there.name != calorimeter.name:
        raise SchemaError(
            f"Geant4 is set up for {there.name} in this process and cannot be set up twice; "
            f"simulate {calorimeter.name} in another process"
        )
    manager = _STATE.get("manager") or _set_up(calorimeter, folder)
    arrays = np.zeros((len(pdg), *calorimeter.shape), np.float32)
    _STATE.update(pdg=pdg, p=p, entry=entry, seeds=seeds, arrays=arrays, at=0)
    if len(pdg):
        manager.BeamOn(len(pdg))
    return arrays


def event_seeds(keys: np.ndarray) -> Ints:
    """Seeds for `run` from keys of random numbers, shape ``(n,)``."""
    # Geant4 takes 31 bits, and no zero.
    seeds: Ints = (keys >> np.uint64(33)).astype(np.int64) + 1
    return seeds


def _set_up(calorimeter: Calorimeter, folder: Path | str | None) -> Any:
    _STATE["calorimeter"] = calorimeter
    if folder is None:
        folder = tempfile.mkdtemp(prefix="lamarr-like-geant4-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tables.prepare(folder)
    import geant4_pybind as g4

    commands = g4.G4UImanager.GetUIpointer()
    for line in ("/run/verbose 0", "/process/em/verbose 0", "/process/verbose 0"):
        commands.ApplyCommand(line)
    tables.write(folder, calorimeter.elements, g4)
    manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
    detector, physics = _detector(g4, calorimeter), _physics(g4)
    actions = _actions(g4, calorimeter)
    manager.SetUserInitialization(detector)
    manager.SetUserInitialization(physics)
    manager.SetUserInitialization(actions)
    physics.SetVerboseLevel(0)
    manager.Initialize()
    commands.ApplyCommand(f"/run/setCut {calorimeter.cut} mm")
    _STATE.update(manager=manager, kept=(detector, physics, actions))
    return manager


def _detector(g4: Any, calorimeter: Calorimeter) -> Any:
    class Detector(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
        def Construct(self) -> Any:  # noqa: N802
            self.parts = Parts(g4)
            return calorimeter.build(self.parts)

        def ConstructSDandField(self) -> None:  # noqa: N802
            self.sensor = g4.G4MultiFunctionalDetector("sensor")
            g4.G4SDManager.GetSDMpointer().AddNewDetector(self.sensor)
            self.deposit = g4.G4PSEnergyDeposit3D("energy", *calorimeter.cells, *calorimeter.depths)
            self.sensor.RegisterPrimitive(self.deposit)
            self.SetSensitiveDetector(calorimeter.sensor, self.sensor)

    return Detector()


def _physics(g4: Any) -> Any:
    class Physics(g4.G4VModularPhysicsList):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.RegisterPhysics(g4.G4EmStandardPhysics_option1())
            self.RegisterPhysics(g4.G4DecayPhysics())

    return Physics()


def _actions(g4: Any, calorimeter: Calorimeter) -> Any:
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
            hits = list(event.GetHCofThisEvent().GetHC(0))
            cell = np.array([hit[0] for hit in hits], dtype=np.int64)
            energy = np.array([hit[1] for hit in hits], dtype=np.float64)
            if calorimeter.gather is None:
                array = np.zeros(prod(calorimeter.shape))
                array[cell] = energy
            else:
                array = calorimeter.gather(cell, energy)
            array[array < calorimeter.least] = 0
            _STATE["arrays"][_STATE["at"]] = array.reshape(calorimeter.shape)
            _STATE["at"] += 1

    class Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
        def Build(self) -> None:  # noqa: N802
            self.SetUserAction(Gun())
            self.SetUserAction(Collect())

    return Actions()
