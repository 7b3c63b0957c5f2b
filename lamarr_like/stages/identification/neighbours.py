"""The generated particles about a point at the ECAL: what a track's own signals mix with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Ints
from ...events import EventBatch
from ..geometry import BORDERS, CELLS, ECAL_Z, HCAL_BORDER, HCAL_CELLS, HCAL_Z
from ..grid import Grid
from ..stage import keys

REQUIRES = keys(
    *("particle", "mc_pdg_id", "mc_stable", "mc_pz", "mc_vz", "mc_energy"),
    *("mc_ecal_x", "mc_ecal_y"),
)
"""Columns that `arriving` reads."""

KINDS = ("em", "hadron", "muon")
"""Photons and electrons; pions, kaons and protons; muons."""

_KIND_OF = {22: 0, 11: 0, 211: 1, 321: 1, 2212: 1, 13: 2}
_MARGIN = 400.0


class Arriving(NamedTuple):
    """Particles that fly to the ECAL, by event and x; arrays of shape ``(n,)``.

    Attributes:
        row: row of the particle table.
        event: position of the event in the batch.
        x, y: place at the plane of the ECAL shower [mm].
        energy: generated energy [MeV].
        kind: position in `KINDS`.
    """

    row: Ints
    event: Ints
    x: Floats
    y: Floats
    energy: Floats
    kind: Ints


def arriving(batch: EventBatch, kinds: tuple[str, ...] = KINDS) -> Arriving:
    """Stable photons and charged particles that fly to the ECAL or just beside it.

    Args:
        batch: events.
        kinds: those of `KINDS` that are wanted.
    """
    particle = batch.particle
    half_x, half_y = (h + _MARGIN for h in BORDERS[0])
    there = particle["mc_stable"].astype(bool) & (particle["mc_pz"] > 0.0)
    there &= np.abs(particle["mc_ecal_x"]) < half_x
    there &= np.abs(particle["mc_ecal_y"]) < half_y
    there &= particle["mc_vz"] < ECAL_Z
    row = np.flatnonzero(there)
    absolute = np.abs(particle["mc_pdg_id"][row])
    kind = np.full(len(row), -1)
    for pdg, code in _KIND_OF.items():
        kind[absolute == pdg] = code
    known = np.array([name in kinds for name in KINDS] + [False])[kind]
    row, kind = row[known], kind[known]
    event = particle.event_index[row]
    x = particle["mc_ecal_x"][row].astype(np.float64)
    order = np.lexsort((x, event))
    row, x = row[order], x[order]
    y = particle["mc_ecal_y"][row].astype(np.float64)
    return Arriving(row, event[order], x, y, particle["mc_energy"][row], kind[order])


def near_energy(
    there: Arriving, event: Ints, own: Ints, x: Floats, y: Floats, half: Floats
) -> Floats:
    """Energy of other particles in a square about a point of each track.

    Args:
        there: what `arriving` gives.
        event: position of the event of each track, shape ``(n,)``.
        own: row of the particle of each track, which does not count.
        x, y: the points [mm].
        half: half width of the square [mm].

    Returns:
        Sums [MeV] by kind, shape ``(n, len(KINDS))``.
    """
    size = len(KINDS)
    total = np.zeros(len(event) * size)
    grid = Grid(there.x, there.y, there.event, 1.001 * float(half.max(initial=1.0)))
    for place, point in grid.near(x, y, event, half):
        near = (np.abs(there.x[point] - x[place]) < half[place]) & (
            np.abs(there.y[point] - y[place]) < half[place]
        )
        near &= there.row[point] != own[place]
        # bincount adds in order of rows: the sum does not depend on how events are batched.
        pair = np.sort((place * len(there.x) + point)[near])
        track, other = np.divmod(pair, max(len(there.x), 1))
        slot = track * size + there.kind[other]
        total += np.bincount(slot, there.energy[other], minlength=len(total))
    return total.reshape(len(event), size)


def cell_size(x: Floats, y: Floats) -> Floats:
    """Size of the ECAL cells [mm] at some points [mm], shape ``(n,)``; off the face the outer."""
    ax, ay = np.abs(x), np.abs(y)
    size = np.full(len(x), CELLS[0])
    for cell, (half_x, half_y) in zip(CELLS[1:], BORDERS[1:], strict=True):
        size[(ax < half_x) & (ay < half_y)] = cell
    return size


def hcal_cell_size(x: Floats, y: Floats) -> Floats:
    """Size of the HCAL cells behind points at the ECAL [mm], as seen there; shape ``(n,)``."""
    front = ECAL_Z / HCAL_Z
    inner = (np.abs(x) < front * HCAL_BORDER[0]) & (np.abs(y) < front * HCAL_BORDER[1])
    result: Floats = front * np.where(inner, HCAL_CELLS[1], HCAL_CELLS[0])
    return result
