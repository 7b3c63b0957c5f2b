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
from math import pi, prod
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Floats, Floats32, Integers, Ints
from ...errors import SchemaError
from . import neutron_tables, tables

ELECTRON_MASS = 0.51099895
MASSES = {22: 0.0, 11: ELECTRON_MASS, -11: ELECTRON_MASS, 2112: 939.56542, 2212: 938.27209}
"""Masses of the particles that may be shot [MeV], by PDG number."""

NAMES = {22: "gamma", 11: "e-", -11: "e+", 2112: "neutron", 2212: "proton"}

GATE = 150.0
"""Neutrons later than this make no light that a calorimeter of hadrons sees [ns]."""

_STATE: dict[str, Any] = {"light": {}}


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

    def rod(self, name: str, material: Any, radius: float, half: float) -> Any:
        """A round rod along z, radius and half length in mm."""
        solid = self.g4.G4Tubs(name, 0, radius, half, 0, 2 * pi)
        self._kept += [solid, self.g4.G4LogicalVolume(solid, material, name)]
        return self._kept[-1]

    def place(self, part: Any, z: float, into: Any, copy: int = 0, x: float = 0.0) -> Any:
        """A volume in the middle of another in y, at `x` and `z` [mm] from its middle."""
        g4 = self.g4
        at = g4.G4ThreeVector(x, 0, z)
        self._kept.append(g4.G4PVPlacement(None, at, part, part.GetName(), into, False, copy))
        return self._kept[-1]

    def repeat(self, part: Any, into: Any, axis: Any, n: int, pitch: float) -> None:
        """Fill a volume with `n` equal ones along an axis."""
        name = part.GetName()
        self._kept.append(self.g4.G4PVReplica(name, part, into, axis, n, pitch))


@dataclass(frozen=True)
class Sensor:
    """Volumes of a calorimeter that are read out in regular cells.

    Args:
        volume: their name.
        cells: number of readout cells along three axes.
        depths: for each of these axes, how many volumes above the sensor is the one whose copy
            number counts cells.
        shape: of the array of a shower.
        gather: makes it of the numbers of the cells hit, shape ``(m,)``, in order of axes, and what
            is in them; if None the cells themselves are the array.
        least: content of a cell of the array below which it is empty.
        light: if None the content is the energy left [MeV]; else the sum over steps of charged
            particles of their length [mm] times what this makes of the velocity [c] and of the
            cosine of the angle to the z axis.
    """

    volume: str
    cells: tuple[int, int, int]
    depths: tuple[int, int, int]
    shape: tuple[int, ...]
    gather: Callable[[Ints, Floats], Floats] | None = None
    least: float = 1e-3
    light: Callable[[float, float], float] | None = None


@dataclass(frozen=True)
class Calorimeter:
    """A calorimeter that is read out in regular cells.

    Args:
        name: of it.
        elements: atomic numbers of what it is made of; 1 for the vacuum of Geant4.
        build: makes all volumes; returns the placed world.  The front face is at z = 0.
        sensors: what is read out; each gives an array.
        cut: range below which Geant4 makes no secondaries [mm].
        hadrons: whether hadrons shower in it.
    """

    name: str
    elements: tuple[int, ...]
    build: Callable[[Parts], Any]
    sensors: tuple[Sensor, ...]
    cut: float = 0.7
    hadrons: bool = False


def run(
    calorimeter: Calorimeter,
    pdg: Integers,
    p: Floats,
    entry: Floats,
    seeds: Integers,
    folder: Path | str | None = None,
) -> tuple[Floats32, ...]:
    """Arrays of showers, one of shape ``(n, *sensor.shape)`` for each sensor.

    Args:
        calorimeter: in which they are.
        pdg: PDG numbers, of those in `MASSES`, shape ``(n,)``.
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
    arrays = tuple(np.zeros((len(pdg), *s.shape), np.float32) for s in calorimeter.sensors)
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
    for line in ("run", "process/em", "process/had", "process"):
        commands.ApplyCommand(f"/{line}/verbose 0")
    tables.write(folder, calorimeter.elements, g4)
    if calorimeter.hadrons:
        mass = g4.G4NistManager.Instance().GetAtomicMassAmu
        neutron_tables.write(folder, mass)
    manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
    detector, physics = _detector(g4, calorimeter), _physics(g4, calorimeter.hadrons)
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
            self.kept: list[Any] = []
            for sensor in calorimeter.sensors:
                made = _sensor(g4, sensor)
                self.SetSensitiveDetector(sensor.volume, made[0])
                self.kept += made
                if sensor.light is not None:
                    _STATE["light"][sensor.volume] = made[0]

    return Detector()


def _sensor(g4: Any, sensor: Sensor) -> list[Any]:
    """The detector of a sensor, and what must be kept of it."""
    if sensor.light is not None:
        detector = _light(g4, sensor)
        g4.G4SDManager.GetSDMpointer().AddNewDetector(detector)
        return [detector]
    detector = g4.G4MultiFunctionalDetector(sensor.volume)
    g4.G4SDManager.GetSDMpointer().AddNewDetector(detector)
    content = g4.G4PSEnergyDeposit3D("content", *sensor.cells, *sensor.depths)
    detector.RegisterPrimitive(content)
    return [detector, content]


def _light(g4: Any, sensor: Sensor) -> Any:
    """Sums the light of steps in Python: there are few in fibres."""
    assert sensor.light is not None
    light: Callable[[float, float], float] = sensor.light
    cells, depths = sensor.cells, sensor.depths

    class Light(g4.G4VSensitiveDetector):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(sensor.volume)
            self.found: dict[int, float] = {}

        def ProcessHits(self, step: Any, history: Any) -> bool:  # noqa: N802
            point = step.GetPreStepPoint()
            if not point.GetCharge():
                return False
            made = light(point.GetBeta(), point.GetMomentumDirection().z)
            if not made:
                return False
            there = point.GetTouchable()
            cell = 0
            for size, depth in zip(cells, depths, strict=True):
                cell = cell * size + there.GetReplicaNumber(depth)
            self.found[cell] = self.found.get(cell, 0.0) + made * step.GetStepLength()
            return True

    return Light()


def _physics(g4: Any, hadrons: bool) -> Any:
    class Physics(g4.G4VModularPhysicsList):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.RegisterPhysics(g4.G4EmStandardPhysics_option1())
            self.RegisterPhysics(g4.G4DecayPhysics())
            if not hadrons:
                return
            self.RegisterPhysics(g4.G4HadronElasticPhysics())
            self.RegisterPhysics(g4.G4HadronPhysicsFTFP_BERT())
            self.RegisterPhysics(g4.G4StoppingPhysics())
            late = g4.G4NeutronTrackingCut()
            late.SetTimeLimit(GATE)
            self.RegisterPhysics(late)

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
            mass = MASSES[pdg]
            energy = float(np.sqrt(p @ p + mass**2))
            self.gun.SetParticleDefinition(self.particles[pdg])
            self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(*map(float, p)).unit())
            self.gun.SetParticleEnergy(energy - mass)
            self.gun.SetParticlePosition(g4.G4ThreeVector(float(entry[0]), float(entry[1]), -1e-3))
            self.gun.GeneratePrimaryVertex(event)

    class Collect(g4.G4UserEventAction):  # type: ignore[misc]
        def EndOfEventAction(self, event: Any) -> None:  # noqa: N802
            deposits = iter(range(len(calorimeter.sensors)))
            found = event.GetHCofThisEvent()
            for k, sensor in enumerate(calorimeter.sensors):
                if sensor.light is None:
                    hits = [(hit[0], hit[1]) for hit in found.GetHC(next(deposits))]
                else:
                    hits = sorted(_STATE["light"][sensor.volume].found.items())
                    _STATE["light"][sensor.volume].found.clear()
                cell = np.array([hit[0] for hit in hits], dtype=np.int64)
                content = np.array([hit[1] for hit in hits], dtype=np.float64)
                if sensor.gather is None:
                    array = np.zeros(prod(sensor.shape))
                    array[cell] = content
                else:
                    array = sensor.gather(cell, content)
                array[array < sensor.least] = 0
                _STATE["arrays"][k][_STATE["at"]] = array.reshape(sensor.shape)
            _STATE["at"] += 1

    class Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
        def Build(self) -> None:  # noqa: N802
            self.SetUserAction(Gun())
            self.SetUserAction(Collect())

    return Actions()
