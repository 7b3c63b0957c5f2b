"""Columns of the truth that may be absent, and what they are then."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .. import schema
from ..arrays import Ints, Mask
from ..errors import SchemaError
from ..events import EventBatch, Table
from ..physics.particles import charges, masses
from .naming import EXAMPLE, require_particles


def with_defaults(
    columns: Mapping[str, np.ndarray],
    offsets: Ints,
    where: str,
    vertex: Table | None = None,
) -> dict[str, np.ndarray]:
    """Columns of particles with those that are absent.

    Particles are numbered, of status 1, without mother and from the first collision of their event
    at time 0, with the energy of the mass of their species; stable is what has no daughters.

    Args:
        columns: columns of the table ``particle``; identifiers, momenta and vertices must be there;
            each of shape ``(n,)``, as are those returned.
        offsets: rows of event i are ``offsets[i]:offsets[i + 1]``, shape ``(n_events + 1,)``.
        where: what is looked at, for messages.
        vertex: the collisions, where they are known.

    Raises:
        SchemaError: if particles do not say from which of several collisions they come.
    """
    n, counts = int(offsets[-1]), np.diff(offsets)
    filled = dict(columns)
    if "mcparticle_id" not in filled:
        filled["mcparticle_id"] = np.arange(n) - np.repeat(offsets[:-1], counts)
    for name, value in (("mc_status", 1), ("mc_mother_id", -1)):
        if name not in filled:
            filled[name] = np.full(n, value, dtype=np.int64)
    if "mc_pv_id" not in filled:
        filled["mc_pv_id"] = np.repeat(_first_collision(len(offsets) - 1, where, vertex), counts)
    if "mc_stable" not in filled:
        filled["mc_stable"] = _without_daughters(filled["mc_mother_id"], offsets)
    filled.setdefault("mc_vt", np.zeros(n))
    if "mc_energy" not in filled:
        px, py, pz = (filled[k].astype(np.float64) for k in ("mc_px", "mc_py", "mc_pz"))
        with np.errstate(over="ignore", invalid="ignore"):
            squared = px**2 + py**2 + pz**2 + masses(filled["mc_pdg_id"]) ** 2
            filled["mc_energy"] = np.sqrt(squared)
    return filled


def _without_daughters(mother: np.ndarray, offsets: Ints) -> Mask:
    """Whether each particle is nobody's mother; mothers count the rows of their event."""
    stable = np.ones(int(offsets[-1]), dtype=np.bool_)
    counts = np.diff(offsets)
    inside = (mother >= 0) & (mother < np.repeat(counts, counts))
    stable[np.repeat(offsets[:-1], counts)[inside] + mother[inside].astype(np.int64)] = False
    return stable


def _first_collision(n_events: int, where: str, vertex: Table | None) -> Ints:
    """The collision of each event, -1 where it has none."""
    if vertex is None:
        return np.zeros(n_events, dtype=np.int64)
    if (vertex.counts > 1).any():
        raise SchemaError(
            f"{where}: table 'particle' lacks the column mc_pv_id (or GenPart_pvIdx), though "
            "there are events with several collisions"
        )
    return np.where(vertex.counts > 0, 0, -1).astype(np.int64)


def collisions(columns: Mapping[str, np.ndarray], offsets: Ints) -> Table:
    """The table of collisions, one row for each that the particles name.

    They lie where ``mc_x``, ``mc_y``, ``mc_z`` and ``mc_t`` say (repeated for each particle), or
    else where the first particle of the collision without a mother was made.

    Args:
        columns: columns of the table ``particle``, with defaults, shape ``(n,)``.
        offsets: rows of event i are ``offsets[i]:offsets[i + 1]``, shape ``(n_events + 1,)``.
    """
    n_events = len(offsets) - 1
    event = np.repeat(np.arange(n_events), np.diff(offsets))
    pv_id = columns["mc_pv_id"].astype(np.int64)
    counts = np.zeros(n_events, dtype=np.int64)
    np.maximum.at(counts, event, pv_id + 1)
    first = np.concatenate([[0], np.cumsum(counts)])
    names = ("mc_x", "mc_y", "mc_z", "mc_t")
    point = np.zeros((first[-1], 4))
    if all(k in columns for k in names[:3]):
        t = columns.get("mc_t", np.zeros(len(event)))
        xyzt = np.stack([*(columns[k] for k in names[:3]), t], axis=1)
    else:
        xyzt = np.stack([columns[k] for k in ("mc_vx", "mc_vy", "mc_vz", "mc_vt")], axis=1)
    inside = pv_id >= 0
    for rows in (np.flatnonzero(inside), np.flatnonzero(inside & (columns["mc_mother_id"] < 0))):
        # In reverse, so that the first particle of each collision stays.
        point[(first[event] + pv_id)[rows][::-1]] = xyzt[rows][::-1]
    local = np.arange(first[-1]) - np.repeat(first[:-1], counts)
    axes = dict(zip(names, point.T, strict=True))
    return Table.from_counts({"mc_pv_id": local, **axes}, counts)


def completed(batch: EventBatch, where: str = "events") -> EventBatch:
    """Fill columns of the truth that have a natural default where they are absent.

    Those of particles are as in `with_defaults`, charges follow from the species; without a table
    of collisions there is one for each that the particles name.

    Args:
        batch: events with particles.
        where: what is looked at, for messages.

    Raises:
        SchemaError: if particles or their columns without a default are absent.
    """
    if "particle" not in batch.tables:
        raise SchemaError(f"{where}: there is no table 'particle'. What can be read is{EXAMPLE}")
    given = batch.particle
    require_particles(given.columns, where)
    vertex = batch.tables.get("vertex")
    columns = with_defaults(given.columns, given.offsets, where, vertex)
    if "mc_charge" not in columns:
        columns["mc_charge"] = charges(columns["mc_pdg_id"])
    if vertex is None:
        found = collisions(columns, given.offsets)
        typed = {k: schema.as_declared("vertex", k, v) for k, v in found.columns.items()}
        batch = batch.with_table("vertex", Table(typed, found.offsets))
    absent = {k: schema.as_declared("particle", k, v) for k, v in columns.items() if k not in given}
    return batch.with_columns("particle", **absent) if absent else batch
