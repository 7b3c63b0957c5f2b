"""Which generated particles are kept, and how their mothers are found.

Kept are the particles that the generator leaves to the detector and that can matter in it, and
every ancestor of theirs that is a particle in its own right: hadrons, leptons, photons and the
electroweak bosons.  Quarks, gluons, diquarks, strings, beams, pomerons and diffractive systems
are walked through, so that a hadron from a partonic decay of a B meson still finds the B, while a
hadron of the collision itself ends up with no mother.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..events import Table
from ..particles import charges

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

    offsets: NDArray[np.int64]
    pdg_id: NDArray[np.int64]
    status: NDArray[np.int64]
    stable: NDArray[np.bool_]
    mother: NDArray[np.int64]
    pv_id: NDArray[np.int64]
    px: NDArray[np.float64]
    py: NDArray[np.float64]
    pz: NDArray[np.float64]
    energy: NDArray[np.float64]
    vx: NDArray[np.float64]
    vy: NDArray[np.float64]
    vz: NDArray[np.float64]
    vt: NDArray[np.float64]

    @property
    def event_index(self) -> NDArray[np.int64]:
        """Position of the event of each row."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


def is_particle(pdg_id: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether an identifier is a particle that can be seen to decay: not a parton or a system.

    Args:
        pdg_id: any integers, shape ``(n,)``.
    """
    code = np.abs(np.asarray(pdg_id, dtype=np.int64))
    hadron = ((code > 100) & (code < 1_000_000)) | ((code >= 9_000_000) & (code < 9_900_000))
    diquark = (code > 1000) & (code < 10_000) & (code // 10 % 10 == 0)
    exchange = (code == 110) | (code == 990)
    lepton_or_boson = ((code >= 11) & (code <= 16)) | ((code >= 22) & (code <= 25))
    return (hadron & ~diquark & ~exchange) | lepton_or_boson


def nearest(
    mother: NDArray[np.int64], wanted: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
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
        that is broken (its rows mean nothing).
    """
    bad = _unphysical(raw)
    usable = is_particle(raw.pdg_id)
    # A proton does not decay: one that has daughters is a beam, or what a pomeron was taken from.
    system = (np.abs(raw.pdg_id) == 2212) | ((raw.mother < 0) & np.isin(raw.status, BEAM_STATUSES))
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
    parent[np.isin(event, list(bad))] = -1
    rows = _ordered(_with_ancestors(_can_matter(raw), parent), parent, event)
    return _table(raw, rows, parent, event), bad


def _is_deep(parent: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows whose line of mothers is too long to be followed one by one; real ones have tens."""
    n = len(parent)
    jump = np.append(np.where(parent < 0, n, parent), n)
    for _ in range(_DEEP):
        jump = jump[jump]
    deep: NDArray[np.bool_] = jump[:n] < n
    return deep


def _unphysical(raw: RawTruth) -> dict[int, str]:
    event = raw.event_index
    bad: dict[int, str] = {}

    def report(mask: NDArray[np.bool_], what: str, values: NDArray[np.float64]) -> None:
        for row in np.flatnonzero(mask):
            k = int(event[row])
            bad.setdefault(k, f"particle {row - raw.offsets[k]} has {what} = {values[row]}")

    for name in ("px", "py", "pz", "energy", "vx", "vy", "vz", "vt"):
        values = getattr(raw, name)
        report(~np.isfinite(values), f"mc_{name}", values)
    # Space-like partons may carry negative energies; particles may not.
    negative = (raw.energy < 0) & is_particle(raw.pdg_id)
    report(negative, "mc_energy", raw.energy)
    return bad


def _can_matter(raw: RawTruth) -> NDArray[np.bool_]:
    code = np.abs(raw.pdg_id)
    keep = raw.stable & np.isin(code, KEPT_STABLE) & (raw.pz > 0)
    with np.errstate(over="ignore", invalid="ignore"):
        keep &= raw.px**2 + raw.py**2 < (np.tan(MAX_POLAR_ANGLE) * raw.pz) ** 2
        keep &= raw.vx**2 + raw.vy**2 < ORIGIN_MAX_RADIUS**2
    keep &= (raw.vz > ORIGIN_Z[0]) & (raw.vz < ORIGIN_Z[1])
    return keep & ((code != 22) | (raw.energy > MIN_PHOTON_ENERGY))


def _with_ancestors(keep: NDArray[np.bool_], parent: NDArray[np.int64]) -> NDArray[np.bool_]:
    keep = keep.copy()
    frontier = parent[keep]
    while len(frontier := np.unique(frontier[frontier >= 0])):
        frontier = frontier[~keep[frontier]]
        keep[frontier] = True
        frontier = parent[frontier]
    return keep


def _ordered(
    keep: NDArray[np.bool_], parent: NDArray[np.int64], event: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Rows kept, each event's in the order of the source unless a daughter precedes its mother."""
    rows = np.flatnonzero(keep)
    if (parent[rows] < rows).all():
        return rows
    depth = np.zeros(len(rows), dtype=np.int64)
    ancestor = parent[rows]
    while (ancestor >= 0).any():
        depth += ancestor >= 0
        ancestor = np.where(ancestor < 0, -1, parent[ancestor])
    order: NDArray[np.int64] = rows[np.lexsort((rows, depth, event[rows]))]
    return order


def _table(
    raw: RawTruth,
    rows: NDArray[np.int64],
    parent: NDArray[np.int64],
    event: NDArray[np.int64],
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
