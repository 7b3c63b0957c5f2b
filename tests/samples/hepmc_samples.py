"""Small HepMC files for tests: one B+ -> (J/psi -> mu mu) K+ decay and a few pions an event."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np

LENGTH = 12.0  # flight of the B [mm]
MASS = {521: 5279.0, 443: 3096.9, 13: 105.66, 321: 493.68, 211: 139.57, 2212: 938.27, 22: 0.0}


def _momentum(pdg, px, py, pz, scale):
    energy = np.sqrt(px**2 + py**2 + pz**2 + MASS[abs(pdg)] ** 2)
    return tuple(v * scale for v in (px, py, pz, energy))


def write_sample(
    path: Path,
    n_events: int = 3,
    version: int = 3,
    unit: str = "GEV",
    zipped: bool = False,
    stable: int = 1,
    decayed: int = 2,
) -> Path:
    """Write with pyhepmc, which is the reference for the format."""
    import pyhepmc

    scale = 1e-3 if unit == "GEV" else 1.0
    units = getattr(pyhepmc.Units, unit), pyhepmc.Units.MM
    plain = path.with_suffix(".plain")
    with pyhepmc.open(str(plain), "w", format=None if version == 3 else "hepmc2") as file:
        for k in range(n_events):
            event = pyhepmc.GenEvent(*units)
            event.event_number = k + 1

            def add(pdg, px, py, pz, status):
                p = pyhepmc.GenParticle(_momentum(pdg, px, py, pz, scale), pdg, status)
                p.generated_mass = MASS[abs(pdg)] * scale
                return p

            z = 10.0 * (k + 1)
            beams = [add(2212, 0.0, 0.0, s * 6.5e6, 4) for s in (1, -1)]
            primary = pyhepmc.GenVertex((0.01, -0.02, z, 0.3))
            for beam in beams:
                primary.add_particle_in(beam)
            b = add(521, 3000.0, 1000.0, 60000.0, decayed)
            pions = [
                add(211, 300.0, 100.0 * k, 5000.0, stable),
                add(-211, 300.0, 100.0, -5000.0, stable),
                add(22, 1.0, 1.0, 20.0, stable),
            ]
            for p in (b, *pions):
                primary.add_particle_out(p)
            time = 0.3 + LENGTH * 1.01
            decay = pyhepmc.GenVertex((0.61, 0.18, z + LENGTH, time))
            decay.add_particle_in(b)
            psi = add(443, 2000.0, 700.0, 40000.0, decayed)
            kaon = add(321, 1000.0, 300.0, 20000.0, stable)
            decay.add_particle_out(psi)
            decay.add_particle_out(kaon)
            # Without a position of its own: the J/psi decays where it is made.
            prompt = pyhepmc.GenVertex()
            prompt.add_particle_in(psi)
            for pdg in (13, -13):
                prompt.add_particle_out(add(pdg, 1000.0, 350.0 - pdg, 20000.0, stable))
            for vertex in (primary, decay, prompt):
                event.add_vertex(vertex)
            event.weights = [0.5 + k]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                file.write(event)
    data = plain.read_bytes()
    path.write_bytes(gzip.compress(data) if zipped else data)
    plain.unlink()
    return path
