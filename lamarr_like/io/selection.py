"""Which generated particles are kept, and how their mothers are found.

Kept are the particles that the generator leaves to the detector and that can matter in it, and
every ancestor of theirs that is a particle in its own right: hadrons, leptons, photons, bosons, and
whatever else has a number, such as the particles of new physics.  Quarks, gluons, diquarks,
strings, clusters, beams, pomerons and diffractive systems are walked through, so that a hadron from
a partonic decay of a B meson still finds the B, while a hadron of the collision itself ends up with
no mother.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import schema
from ..arrays import Floats, Integers, Ints, Mask
from ..events import Table
from ..physics.particles import charges

KEPT_STABLE = (11, 13, 22, 211, 321, 2212)
"""Absolute PDG identifiers of the stable particles that are kept."""

MAX_POLAR_ANGLE = 0.8
"""Stable particles beyond this angle to +z [rad] are dropped: the acceptance ends at 0.3 and the
VELO sees nothing beyond about 0.4; the rest is room for bending, scattering and decays in flight.
Backward-going particles are dropped with them.  There is no lower cut."""

MIN_PHOTON_ENERGY = 50.0
"""Stable photons below this energy [MeV] are dropped: no cluster, no usable conversion."""

ORIGIN_Z = (-2000.0, 12500.0)
"""Stable particles made before or behind this range of z [mm] (ECAL face) are dropped."""

ORIGIN_MAX_RADIUS = 4000.0
"""Stable particles made farther from the z axis than this [mm] are dropped."""

SILENT = (12, 14, 16, 18, 130, 2112)
"""Absolute PDG identifiers of what flies through unseen: neutrinos, K_L and neutrons."""

MAX_ENERGY = 1e10
"""Most energy and momentum of a particle [MeV]: beams of the heaviest nuclei in machines that are
planned have less than half of it."""

MAX_DISTANCE = 1e15
"""Farthest vertex [mm], and latest [ns]; nothing that a collider makes lives to see it."""

BEAM_STATUSES = (3, 4)
"""Status of a particle without a mother that marks it as a beam (4 in HepMC; 3 in LHCb files)."""

_MAX_DOUBLINGS = 24
_DEEP = 10


@dataclass
class RawTruth:
    """Everything a generator wrote about some events, as flat arrays of length ``n``.

    Args:
        offsets: rows of event i are ``offsets[i]:offsets[i + 1]``.
        pdg_id: PDG identifiers, any integers.
        status: status codes in the HepMC or LHCb sense.
        stable: left to the detector.
        mother: row (in these arrays) of the first mother, -1 for none.
        pv_id: position of the particle's collision in its event.
        px, py, pz, energy: [MeV].
        vx, vy, vz: production vertex [mm].
        vt: production time [ns].
    """

    offsets: Ints
    pdg_id: Ints
    status: Ints
    stable: Mask
    mother: Ints
    pv_id: Ints
    px: Floats
    py: Floats
    pz: Floats
    energy: Floats
    vx: Floats
    vy: Floats
    vz: Floats
    vt: Floats

    @property
    def event_index(self) -> Ints:
        """Position of the event of each row, shape ``(n,)``."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


def is_particle(pdg_id: Integers) -> Mask:
    """Whether an identifier is a particle that can be seen to decay: not a parton or a system.

    Numbers that nobody knows count as particles; which are partons and systems is known (PDG,
    Monte Carlo particle numbering scheme): quarks and gluons 1-9 and 21, codes of generators
    81-100, 901-930, 998 and 999 (in the thousands, too), pomeron and odderon, diquarks, and from
    9900100 on Pythia's diffractive systems and octet states of quarkonia.

    Args:
        pdg_id: any integers, shape ``(n,)``.
    """
    # In unsigned integers, where the smallest of the signed ones has an absolute value, too.
    given = np.asarray(pdg_id, dtype=np.int64)
    code = np.where(given < 0, np.uint64(0) - given.astype(np.uint64), given.astype(np.uint64))
    parton = (code <= 9) | (code == 21)
    diquark = (code > 1000) & (code < 10_000) & (code // 10 % 10 == 0)
    exchange = (code == 110) | (code == 990) | (code == 9990)
    last = code % 1000
    internal = (code >= 81) & (code <= 100)
    internal |= (code < 4000) & ((last >= 998) | ((last >= 901) & (last <= 930)))
    system = (code >= 9_900_100) & (code < 10_000_000)
    result: Mask = ~(parton | diquark | exchange | internal | system)
    return result


def nearest(mother: Ints, wanted: Mask) -> tuple[Ints, Mask]:
    """Closest wanted row on the line of mothers that starts at each row itself.

    Pointer jumping: each pass doubles the number of generations covered.

    Args:
        mother: row of each row's mother, -1 for none, shape ``(n,)``.
        wanted: where the walk may stop, shape ``(n,)``.

    Returns:
        The row found (-1 where the line ends without one), and whether the line runs in a circle.
    """
    n = len(mother)
    jump = np.append(np.where(wanted, np.arange(n), np.where(mother < 0, n, mother)), n)
    stop = np.append(wanted, True)
    for _ in range(_MAX_DOUBLINGS):
        if stop[jump].all():
            break
        jump = jump[jump]
    found = jump[:n]
    circular = ~stop[found]
    return np.where((found == n) | circular, -1, found), circular


def select_particles(raw: RawTruth) -> tuple[Table, dict[int, str]]:
    """Cut a generator record down to the particle table.

    Args:
        raw: the generator record; its events may be broken.

    Returns:
        The particle table with mothers before daughters, and the reason by position of each event
        that is broken (it has no rows).
    """
    bad = unphysical(raw)
    usable = is_particle(raw.pdg_id)
    # A proton does not decay: one that has daughters is a beam, or what a pomeron was taken from.
    # The same holds for nuclei without strange quarks.
    code = np.abs(raw.pdg_id)
    nucleus = (code > 1_000_000_000) & (code < 1_010_000_000)
    system = (code == 2212) | nucleus
    system |= (raw.mother < 0) & np.isin(raw.status, BEAM_STATUSES)
    usable &= raw.stable | ~system
    itself, circular = nearest(raw.mother, usable)
    parent = np.where(raw.mother < 0, -1, itself[raw.mother])
    # A second walk over real particles only: they must end somewhere, too.
    circular |= nearest(parent, np.zeros(len(parent), dtype=bool))[1]
    event = raw.event_index
    for k in np.unique(event[circular]):
        bad.setdefault(int(k), "the chain of mothers of a particle runs in a circle")
    for k in np.unique(event[_is_deep(parent)]):
        bad.setdefault(int(k), f"a particle has more than {1 << _DEEP} generations of mothers")
    broken = np.isin(event, list(bad))
    parent[broken] = -1
    rows = _ordered(_with_ancestors(_can_matter(raw) & ~broken, parent), parent, event)
    return _table(raw, rows, parent, event), bad


def _is_deep(parent: Ints) -> Mask:
    """Rows whose line of mothers is too long to be followed one by one; real ones have tens."""
    n = len(parent)
    jump = np.append(np.where(parent < 0, n, parent), n)
    for _ in range(_DEEP):
        jump = jump[jump]
    deep: Mask = jump[:n] < n
    return deep


def unphysical(raw: RawTruth) -> dict[int, str]:
    """Why events cannot be, by their position: the first column that holds what no event can."""
    event = raw.event_index
    bad: dict[int, str] = {}

    def report(mask: Mask, what: str, values: np.ndarray, why: str = "") -> None:
        for row in _first_of_each(event, mask) if mask.any() else ():
            k = int(event[row])
            bad.setdefault(k, f"particle {row - raw.offsets[k]} has {what} = {values[row]}{why}")

    for name in ("px", "py", "pz", "energy", "vx", "vy", "vz", "vt"):
        values = getattr(raw, name)
        most = MAX_DISTANCE if name[0] == "v" else MAX_ENERGY
        if (np.abs(values) <= most).all():  # so that NaN fails
            continue
        report(~np.isfinite(values), f"mc_{name}", values)
        report(np.abs(values) > most, f"mc_{name}", values, f", beyond {most:g}")
    for name in ("pdg_id", "status", "pv_id"):
        values = getattr(raw, name)
        misfit = schema.misfits(values, schema.column("particle", f"mc_{name}").dtype)
        if misfit is not None:
            report(misfit, f"mc_{name}", values, ", which does not fit 32 bits")
    # The digits that say what it is are all 0; generators have rows of 0, too, that say nothing.
    nothing = (raw.pdg_id % 100_000 == 0) & ((raw.pdg_id != 0) | raw.stable)
    report(nothing, "mc_pdg_id", raw.pdg_id, ", which is no particle")
    # Space-like partons may carry negative energies; particles may not.
    negative = raw.energy < 0
    negative[negative] = is_particle(raw.pdg_id[negative])
    report(negative, "mc_energy", raw.energy)
    with np.errstate(over="ignore", invalid="ignore"):
        p = np.sqrt(raw.px**2 + raw.py**2 + raw.pz**2)
    # Files with few digits have photons that are a little too fast.
    spacelike = raw.stable & (raw.energy < 0.99 * p)
    report(spacelike, "mc_energy", raw.energy, ", less than its momentum")
    return bad


def _first_of_each(event: Ints, mask: Mask) -> Ints:
    """The first row of each event where a mask is true."""
    rows = np.flatnonzero(mask)
    first: Ints = rows[np.unique(event[rows], return_index=True)[1]]
    return first


def in_reach(raw: RawTruth) -> Mask:
    """Stable particles, of whatever species, that fly where the detector could see them.

    Returns:
        Whether each is one, shape ``(n,)``.
    """
    keep = raw.stable & (raw.pz > 0)
    with np.errstate(over="ignore", invalid="ignore"):
        keep &= raw.px**2 + raw.py**2 < (np.tan(MAX_POLAR_ANGLE) * raw.pz) ** 2
        keep &= raw.vx**2 + raw.vy**2 < ORIGIN_MAX_RADIUS**2
    keep &= (raw.vz > ORIGIN_Z[0]) & (raw.vz < ORIGIN_Z[1])
    result: Mask = keep & ((np.abs(raw.pdg_id) != 22) | (raw.energy > MIN_PHOTON_ENERGY))
    return result


def _can_matter(raw: RawTruth) -> Mask:
    return in_reach(raw) & np.isin(np.abs(raw.pdg_id), KEPT_STABLE)


def _with_ancestors(keep: Mask, parent: Ints) -> Mask:
    keep = keep.copy()
    frontier = parent[keep]
    while len(frontier := np.unique(frontier[frontier >= 0])):
        frontier = frontier[~keep[frontier]]
        keep[frontier] = True
        frontier = parent[frontier]
    return keep


def _ordered(keep: Mask, parent: Ints, event: Ints) -> Ints:
    """Rows kept, each event's in the order of the source unless a daughter precedes its mother."""
    rows = np.flatnonzero(keep)
    late = parent[rows] > rows
    if not late.any():
        return rows
    depth = np.zeros(len(rows), dtype=np.int64)
    ancestor = parent[rows]
    while (ancestor >= 0).any():
        depth += ancestor >= 0
        ancestor = np.where(ancestor < 0, -1, parent[ancestor])
    # The others keep their order, whatever comes with them.
    depth[~np.isin(event[rows], event[rows][late])] = 0
    order: Ints = rows[np.lexsort((rows, depth, event[rows]))]
    return order


def _table(
    raw: RawTruth,
    rows: Ints,
    parent: Ints,
    event: Ints,
) -> Table:
    counts = np.bincount(event[rows], minlength=len(raw.offsets) - 1)
    first = np.concatenate([[0], np.cumsum(counts)])[event[rows]]
    position = np.full(len(parent), -1, dtype=np.int64)
    position[rows] = np.arange(len(rows)) - first
    mother = parent[rows]
    pdg_id = raw.pdg_id[rows]
    columns = {
        "mcparticle_id": position[rows],
        "mc_pdg_id": pdg_id,
        "mc_status": raw.status[rows],
        "mc_stable": raw.stable[rows],
        "mc_px": raw.px[rows],
        "mc_py": raw.py[rows],
        "mc_pz": raw.pz[rows],
        "mc_energy": raw.energy[rows],
        "mc_vx": raw.vx[rows],
        "mc_vy": raw.vy[rows],
        "mc_vz": raw.vz[rows],
        "mc_vt": raw.vt[rows],
        "mc_mother_id": np.where(mother < 0, -1, position[mother]),
        "mc_pv_id": raw.pv_id[rows],
        "mc_charge": charges(pdg_id),
    }
    return Table.from_counts(columns, counts)
