"""The collision that a generated signal comes from, and the hadrons that give way to it.

Heavy hadrons are made in hard collisions, which send many particles forward, while one minimum-bias
collision in four sends so few that it has no reconstructed vertex.  So the collision is not any:

* of ``pythia:minbias`` the first collision of each event is made anew, the pile-up stays as it is.
  For a head with b quarks it comes from ``pythia:bbbar?forward=turned``, one of the pair in the
  acceptance, and as many b hadrons as the head has b quarks give way to the signal, those in the
  acceptance first; their charge is not looked at, so what is left is no tag.  For other heads it
  comes from ``pythia:nondiffractive?busy=...``: collisions with charm in the acceptance have 1.8
  times the charged particles there of all, those with a K_S or Lambda 1.25 times;
* of other Pythia sources it is the first collision, that of the process; nothing gives way;
* of files and other sources it is one with a hadron of the flavour if the event has any, else one
  drawn in proportion to the charged particles that it sends forward, for b to their square.

Figures are those of Pythia 8.3 at 13 TeV: charged particles with 2 < eta < 5 and pT > 0.2 GeV are
19 in all non-diffractive collisions, 35 in those with a c and 41 +- 3 in those with a b hadron
there.  HardQCD has 31 for b, but 12 for c, most of which is made beside the hardest process.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import schema
from ..arrays import Floats, Ints, Mask
from ..events import EventBatch, Table
from ..io.options import split_options
from ..io.selection import nearest
from .plan import plan_of
from .spectra import heavy_quarks

_HOSTS = {
    5: "bbbar?forward=turned",
    4: "nondiffractive?busy=30",
    0: "nondiffractive?busy=10",
}
"""Pythia sources of the collisions of signals by the flavour of their quarks."""

QUIET = 5
"""Charged particles that fly forward below which a collision hardly has a vertex."""

_MINBIAS, _PYTHIA = "pythia:minbias", "pythia:"
_TAU = 15


def flavour_of(pdg_id: int) -> tuple[int, int]:
    """Flavour of the quarks that a head comes from, 5, 4 or 0, and how many of them it takes.

    Args:
        pdg_id: PDG identifier of the head.
    """
    return (4, 1) if abs(pdg_id) == _TAU else heavy_quarks(pdg_id)


def host_of(text: str, decays: Sequence[str]) -> tuple[str, str]:
    """The source of the collisions that signals are added to.

    Args:
        text: the source that was asked for, nothing added.
        decays: ``DESCRIPTOR?OPTIONS`` or ``FILE.dec?OPTIONS`` of each signal.

    Returns:
        The source to open, and how signals find their collision: ``replace``, ``first`` or
        ``any``, as in the module.

    Raises:
        DecayError: for a bad decay.
        SourceError: for options that cannot be read.
    """
    if not decays or not text.startswith(_PYTHIA):
        return text, "any"
    if text.partition("?")[0] != _MINBIAS:
        return text, "first"
    heads = (plan_of(d, *split_options(d), lambda _: None).pdg_id for d in decays)
    flavour = max(flavour_of(i)[0] for i in heads)
    return f"{_PYTHIA}{_HOSTS[flavour]}", "replace"


def activity(batch: EventBatch) -> Floats:
    """Charged particles that fly forward from each collision, shape ``(n_vertices,)``."""
    particle = batch.particle
    own = (particle["mc_pv_id"] >= 0) & particle["mc_stable"].astype(bool)
    own &= (particle["mc_charge"] != 0) & (particle["mc_pz"] > 0.0)
    place = batch.vertex.offsets[particle.event_index[own]] + particle["mc_pv_id"][own]
    return np.bincount(place, minlength=len(batch.vertex)).astype(np.float64)


def weights(batch: EventBatch, pdg_id: int, how: str) -> Floats:
    """Relative chance of each collision to be that of a signal, shape ``(n_vertices,)``.

    Args:
        batch: the events.
        pdg_id: PDG identifier of the head.
        how: see `host_of`.
    """
    vertex, particle = batch.vertex, batch.particle
    if how != "any":
        first = np.zeros(len(vertex))
        first[vertex.offsets[:-1][vertex.counts > 0]] = 1.0
        return first
    active = activity(batch)
    flavour = flavour_of(pdg_id)[0]
    if not flavour:
        return active
    heavy = _is_heavy(particle["mc_pdg_id"], flavour) & (particle["mc_pv_id"] >= 0)
    place = vertex.offsets[particle.event_index[heavy]] + particle["mc_pv_id"][heavy]
    has = np.bincount(place, minlength=len(vertex)) > 0
    event = vertex.event_index
    any_has = np.bincount(event[has], minlength=len(batch)) > 0
    wanted = np.where(any_has[event], has, True)
    return np.where(wanted, np.maximum(active, has) ** (2 if flavour == 5 else 1), 0.0)


def give_way(batch: EventBatch, pdg_id: int, n: int) -> EventBatch:
    """The events without the hadrons of the first collision that signals take the place of.

    Args:
        batch: the events.
        pdg_id: PDG identifier of the heads.
        n: signals in each event.
    """
    flavour, quarks = flavour_of(pdg_id)
    if flavour != 5:
        return batch
    particle = batch.particle
    event = particle.event_index
    local = particle["mc_mother_id"].astype(np.int64)
    mother = np.where(local < 0, -1, particle.offsets[event] + local)
    heavy = _is_heavy(particle["mc_pdg_id"], flavour)
    # Of a B* that becomes a B, all goes.
    above = np.where(mother < 0, -1, nearest(mother, heavy)[0][mother])
    tops = np.flatnonzero(heavy & (above < 0) & (particle["mc_pv_id"] == 0))
    away = ~_is_forward(particle, tops)
    order = tops[np.lexsort((tops, away, event[tops]))]
    counts = np.bincount(event[order], minlength=len(batch))
    rank = np.arange(len(order)) - (np.cumsum(counts) - counts)[event[order]]
    gone = np.zeros(len(particle), dtype=bool)
    gone[order[rank < n * quarks]] = True
    return _without(batch, nearest(mother, gone)[0] >= 0, mother)


def _is_heavy(pdg_id: Ints, flavour: int) -> Mask:
    code = np.abs(pdg_id.astype(np.int64))
    short = code % 10_000
    heaviest = np.where(short >= 1000, short // 1000, short // 100)
    found: Mask = (code > 100) & (heaviest == flavour)
    return found


def _is_forward(particle: Table, rows: Ints) -> Mask:
    px, py, pz = (particle[f"mc_p{a}"][rows].astype(np.float64) for a in "xyz")
    pt = np.hypot(px, py)
    return np.asarray((pz > np.sinh(2.0) * pt) & (pz < np.sinh(5.0) * pt))


def _without(batch: EventBatch, gone: Mask, mother: Ints) -> EventBatch:
    """The events without some particles, whose daughters are among them."""
    particle = batch.particle
    kept = ~gone
    counts = np.bincount(particle.event_index[kept], minlength=len(batch))
    first = np.cumsum(counts) - counts
    position = np.cumsum(kept) - 1 - first[particle.event_index]
    columns = {name: values[kept] for name, values in particle.columns.items()}
    up = mother[kept]
    numbers = {
        "mcparticle_id": position[kept],
        "mc_mother_id": np.where(up < 0, -1, position[up]),
    }
    for name, values in numbers.items():
        columns[name] = schema.as_declared("particle", name, values)
    return batch.with_table("particle", Table.from_counts(columns, counts))
