"""Particles that a generator left stable although they decay: Pythia decays them.

Generators are often run with a limit on lifetimes (``tau0Max = 10`` mm), which leaves K_S and
hyperons to a detector simulation, or leave b hadrons to a decay package.  The fast chain follows
e, mu, pi, K, p and photons only; what decays to them must have decayed.

Decays are those of Pythia, with exponential lifetimes and straight flight to the decay vertex,
also of charged particles: the field of the magnet is not felt on the way.  Particles that would
decay outside of the cylinder of `DECAY_VOLUME` are left as they are: they leave the detector first.
Random numbers are started anew for each event from the seed of the run and the number of the event,
so decays do not depend on which events are read together.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..arrays import Ints, Mask
from ..errors import SourceError
from ..physics.particles import SPEED_OF_LIGHT
from ..rng import uniforms
from .selection import KEPT_STABLE, SILENT, RawTruth, in_reach, is_particle

DECAY_VOLUME = (4000.0, 12500.0)
"""Radius and half length [mm] of the cylinder in which particles decay: it ends at the ECAL."""

LEAVES_DETECTOR = (310, 3112, 3122, 3222, 3312, 3322, 3334)
"""Absolute PDG identifiers of what may leave the detector before it decays.  Where an event holds
one of them decayed, its generator decays the species, and the stable ones flew too far."""

_SETTINGS = (
    "Print:quiet = on",
    "ProcessLevel:all = off",
    "Check:event = off",
    "Random:setSeed = on",
    "Random:seed = 1",
    "ParticleDecays:limitCylinder = on",
    f"ParticleDecays:xyMax = {DECAY_VOLUME[0]}",
    f"ParticleDecays:zMax = {DECAY_VOLUME[1]}",
)
_N_SEEDS = 900_000_000
_NUCLEI = 1_000_000_000
_NARROW = 1e-3  # GeV
_TRIES = 10

Lost = dict[int, Counter[int]]
"""How many particles of each species are lost to the simulation, by position of their event."""


def decayed(
    raw: RawTruth,
    seed: int,
    event_id: Ints,
    bad: Collection[int],
    stage: str = "unstable",
) -> tuple[RawTruth, Lost]:
    """Decay what a generator left stable although it decays.

    Args:
        raw: the generator record.
        seed: seed of the run.
        event_id: number of each event, shape ``(n_events,)``.
        bad: positions of broken events, which are left alone.
        stage: name of the stream of random numbers.

    Returns:
        The record with the daughters behind the particles of their event, and what cannot be
        decayed although the detector might have seen it.
    """
    unseen = raw.stable & ~np.isin(np.abs(raw.pdg_id), (*KEPT_STABLE, *SILENT))
    if bad:
        unseen &= ~np.isin(raw.event_index, list(bad))
    if not unseen.any():
        return raw, {}
    rows = np.flatnonzero(unseen & ~_has_daughters(raw) & ~_flew_out(raw) & _can_decay(raw))
    rows = rows[_decays_in_pythia(raw.pdg_id[rows])]
    outcomes = dict(_decays(raw, rows, seed, event_id, stage))
    lost = unseen & in_reach(raw)
    lost[[row for row, outcome in outcomes.items() if outcome != "failed"]] = False
    made = {row: found for row, found in outcomes.items() if isinstance(found, _Daughters)}
    return _with_daughters(raw, made), lost_particles(raw, lost)


def lost_particles(raw: RawTruth, lost: Mask) -> Lost:
    """Particles by event and species, for the rows where a mask of shape ``(n,)`` is true."""
    found: Lost = {}
    event = raw.event_index
    for row in np.flatnonzero(lost):
        found.setdefault(int(event[row]), Counter())[int(raw.pdg_id[row])] += 1
    return found


def _has_daughters(raw: RawTruth) -> Mask:
    flags = np.zeros(len(raw.pdg_id), dtype=np.bool_)
    flags[raw.mother[raw.mother >= 0]] = True
    return flags


def _flew_out(raw: RawTruth) -> Mask:
    """Stable particles of a species that the generator decayed elsewhere in the event."""
    code = np.abs(raw.pdg_id)
    of_kind = np.isin(code, LEAVES_DETECTOR)
    key = raw.event_index * 10_000 + np.where(of_kind, code, 0)
    flags: Mask = of_kind & np.isin(key, key[of_kind & ~raw.stable])
    return flags


def _can_decay(raw: RawTruth) -> Mask:
    """What could send something into the detector, of species that Pythia may know."""
    xy, z = DECAY_VOLUME
    flags = is_particle(raw.pdg_id) & (np.abs(raw.pdg_id) < _NUCLEI)
    flags &= (raw.vx**2 + raw.vy**2 < xy**2) & (np.abs(raw.vz) < z)
    p2 = raw.px**2 + raw.py**2 + raw.pz**2
    # What flies backwards slowly may have daughters that fly forward.
    flags &= (raw.pz > 0) | (p2 < 25.0 * (raw.energy**2 - p2))
    return flags


@functools.lru_cache(maxsize=1)
def _pythia() -> Any:
    """Pythia for decays alone; it starts when the first event needs it."""
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    for line in _SETTINGS:
        if not pythia.readString(line, False):
            raise SourceError(f"Pythia does not take {line!r}")
    if not pythia.init():
        raise SourceError("Pythia cannot be initialised for decays")
    return pythia


def _decays_in_pythia(pdg_id: Ints) -> Mask:
    if not len(pdg_id):
        return np.zeros(0, dtype=np.bool_)
    data = _pythia().particleData
    codes, place = np.unique(pdg_id, return_inverse=True)
    return np.array([data.canDecay(int(c)) and data.mayDecay(int(c)) for c in codes])[place]


@dataclass
class _Daughters:
    """What became of a particle: columns of `RawTruth`; `mother` counts from -1, the particle."""

    pdg_id: list[int]
    final: list[bool]
    mother: list[int]
    momentum: list[tuple[float, float, float, float]]
    vertex: list[tuple[float, float, float, float]]


def _decays(
    raw: RawTruth, rows: Ints, seed: int, event_id: Ints, stage: str
) -> Iterator[tuple[int, _Daughters | str]]:
    """Each of some particles and its daughters, or ``"flown"`` or ``"failed"``."""
    event = raw.event_index[rows]
    seeds = 1 + (uniforms(seed, stage, event_id)[:, 0] * _N_SEEDS).astype(np.int64)
    last = -1
    for row, k in zip(rows.tolist(), event.tolist(), strict=True):
        if k != last:
            _pythia().rndm.init(int(seeds[k]))
            last = k
        yield row, _decay(raw, row)


def _decay(raw: RawTruth, row: int) -> _Daughters | str:
    pythia = _pythia()
    event, code = pythia.event, int(raw.pdg_id[row])
    px, py, pz, energy = (float(getattr(raw, c)[row]) / 1e3 for c in ("px", "py", "pz", "energy"))
    p2 = px * px + py * py + pz * pz
    mass = _mass(pythia.particleData, code, energy * energy - p2)
    x, y, z, t = (float(getattr(raw, c)[row]) for c in ("vx", "vy", "vz", "vt"))
    for _ in range(_TRIES):
        event.reset()
        k = event.append(code, 1, 0, 0, px, py, pz, float(np.sqrt(p2 + mass * mass)), mass)
        event[k].vProd(x, y, z, t * SPEED_OF_LIGHT)
        event[k].tau(event[k].tau0() * pythia.rndm.exp())
        if pythia.forceHadronLevel(False):
            break
    else:
        return "failed"
    if event[k].status() > 0:
        return "flown"
    daughters = [event[i] for i in range(k + 1, event.size())]
    return _Daughters(
        pdg_id=[d.id() for d in daughters],
        final=[d.status() > 0 for d in daughters],
        mother=[d.mother1() - k - 1 for d in daughters],
        momentum=[(d.px(), d.py(), d.pz(), d.e()) for d in daughters],
        vertex=[(d.xProd(), d.yProd(), d.zProd(), d.tProd()) for d in daughters],
    )


def _mass(data: Any, code: int, mass2: float) -> float:
    """Mass [GeV]: that of the record for a resonance, the true one for what is narrow.

    Energies are often written with too few digits to give the mass of what flies fast.
    """
    nominal, mass = float(data.m0(code)), float(np.sqrt(max(mass2, 0.0)))
    if data.mWidth(code) < _NARROW or not data.mMin(code) < mass < max(data.mMax(code), nominal):
        return nominal
    return mass


def _with_daughters(raw: RawTruth, made: dict[int, _Daughters]) -> RawTruth:
    """The record with daughters behind the particles of each event."""
    if not made:
        return raw
    n = len(raw.pdg_id)
    sizes = [len(found.pdg_id) for found in made.values()]
    above = np.repeat(np.array(list(made)), sizes)
    first = n + np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    local = np.concatenate([found.mother for found in made.values()]).astype(np.int64)
    momentum = np.concatenate([found.momentum for found in made.values()]) * 1e3
    vertex = np.concatenate([found.vertex for found in made.values()])
    final = np.concatenate([found.final for found in made.values()]).astype(np.bool_)
    new = {
        "pdg_id": np.concatenate([found.pdg_id for found in made.values()]).astype(np.int64),
        "status": np.where(final, 1, 2),
        "stable": final,
        "mother": np.where(local < 0, above, first + local),
        "pv_id": raw.pv_id[above],
        **dict(zip(("px", "py", "pz", "energy"), momentum.T, strict=True)),
        **dict(zip(("vx", "vy", "vz"), vertex.T[:3], strict=True)),
        "vt": vertex[:, 3] / SPEED_OF_LIGHT,
    }
    rows = np.array(list(made))
    changed = replace(raw, stable=raw.stable.copy(), status=raw.status.copy())
    changed.stable[rows], changed.status[rows] = False, 2
    event = np.concatenate([raw.event_index, raw.event_index[above]])
    order = np.argsort(event, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    columns = {
        f.name: np.concatenate([getattr(changed, f.name), new[f.name]])[order]
        for f in fields(RawTruth)
        if f.name != "offsets"
    }
    mother = columns["mother"]
    columns["mother"] = np.where(mother < 0, -1, place[mother])
    counts = np.bincount(event, minlength=len(raw.offsets) - 1)
    return RawTruth(offsets=np.concatenate([[0], np.cumsum(counts)]), **columns)
