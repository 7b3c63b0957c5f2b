"""Minimum-bias events of Pythia 8 as a HepMC3 file, with the whole event record in it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import awkward as ak
import pyhepmc
import pythia8mc

SETTINGS = (
    "Print:quiet = on",
    "Beams:eCM = 13000.",
    "SoftQCD:inelastic = on",
    "Random:setSeed = on",
    "Random:seed = 1",
    "ParticleDecays:limitCylinder = on",
    "ParticleDecays:xyMax = 4000.",
    "ParticleDecays:zMax = 12500.",
)


def write_minimum_bias(path: Path, n_events: int) -> Path:
    """Write `n_events` proton-proton collisions at 13 TeV."""
    pythia = pythia8mc.Pythia("", False)
    for line in SETTINGS:
        pythia.readString(line)
    pythia.init()
    records = pythia.nextBatch(n_events).prt
    with pyhepmc.open(str(path), "w") as file:
        for number, record in enumerate(records):
            file.write(_event(number, record))
    return path


def _event(number: int, record: ak.Array) -> pyhepmc.GenEvent:
    def column(values: ak.Array) -> list[float]:
        return ak.to_list(ak.fill_none(values, 0.0))

    ids, status = column(record.id), column(record.status)
    first, last = column(record.mother1), column(record.mother2)
    momenta = list(zip(*(column(record.p[c]) for c in ("px", "py", "pz", "e")), strict=True))
    places = list(zip(*(column(record.vProd[c]) for c in ("px", "py", "pz", "e")), strict=True))
    mass = column(record.m)
    event = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.MM)
    event.event_number = number
    particles = [None]
    for k in range(1, len(ids)):
        code = 1 if status[k] > 0 else 4 if status[k] == -12 else 2 if -status[k] > 80 else 3
        particle = pyhepmc.GenParticle(momenta[k], ids[k], code)
        particle.generated_mass = mass[k]
        particles.append(particle)
    incoming, outgoing = _vertices(first, last, status)
    made = {k: v for v, daughters in outgoing.items() for k in daughters}
    done: set[int] = set()
    todo = list(incoming)
    while todo:
        ready = [v for v in todo if all(q not in made or made[q] in done for q in incoming[v])]
        for v in ready:
            vertex = pyhepmc.GenVertex(places[outgoing[v][0]])
            for q in incoming[v]:
                vertex.add_particle_in(particles[q])
            for q in outgoing[v]:
                vertex.add_particle_out(particles[q])
            event.add_vertex(vertex)
        done.update(ready)
        todo = [v for v in todo if v not in done]
    event.weights = [1.0]
    return event


def _vertices(
    first: list[int], last: list[int], status: list[int]
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Particles into and out of each vertex, from Pythia's mother ranges."""
    incoming: dict[int, list[int]] = {}
    outgoing: dict[int, list[int]] = defaultdict(list)
    owner: dict[int, int] = {}
    for k in range(1, len(first)):
        a, b = first[k], last[k]
        if a == 0:
            continue
        if b in (0, a):
            mothers = [a]
        elif 81 <= abs(status[k]) <= 86 or 101 <= abs(status[k]) <= 106:
            mothers = list(range(a, b + 1))
        else:
            mothers = [min(a, b), max(a, b)]
        vertex = next((owner[q] for q in mothers if q in owner), len(incoming))
        members = incoming.setdefault(vertex, [])
        for q in mothers:
            if q not in owner:
                owner[q] = vertex
                members.append(q)
        outgoing[vertex].append(k)
    return incoming, outgoing
