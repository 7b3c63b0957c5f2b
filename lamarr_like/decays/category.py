"""What a candidate really is, with the codes of LHCb's BKGCAT.

====  =====================  ====================================================================
code  category               meaning
====  =====================  ====================================================================
0     signal                 the decay that was asked for
10    signal                 the same head and final state through other intermediate particles
20    misidentified          the right species, all of another particle's decay
30    misidentified          all of one particle's decay, some taken for another species
40    partially              all from one particle's decay, of which something is missing
60    combinatorial          a ghost or a track of the detector material is in it
100   combinatorial          from different collisions
110   combinatorial          from one collision, something from a b hadron
120   combinatorial          from one collision, something from a c hadron and nothing from a b
130   combinatorial          from one collision, none of these
====  =====================  ====================================================================
"""

from __future__ import annotations

import numpy as np

from ..arrays import Ints, Mask
from ..events import EventBatch
from .combine import Combinations
from .descriptor import Decay
from .finder import MAX_MISSING
from .names import PHOTON, PI0, conjugate
from .truth import Generated, Truth

CATEGORIES = {
    "signal": (0, 10),
    "misidentified": (20, 30),
    "partially reconstructed": (40,),
    "combinatorial": (60, 100, 110, 120, 130),
}
"""Codes of each category."""

_SMALL = 0.05
"""Part of the energy of a decay that may be lost to radiation if it is to count as whole."""


def true_rows(batch: EventBatch, truth: Truth, decay: Decay, combos: Combinations) -> Ints:
    """Row of the generated particle behind each leaf, -1 for none, shape ``(n, n_leaves)``."""
    found = np.full(combos.rows.shape[:2], -1)
    for k, leaf in enumerate(decay.leaves):
        table = batch.track if leaf.is_track else batch["cluster"]
        local = np.append(table["mcparticle_id"].astype(np.int64), -1)
        offset = np.append(batch.particle.offsets[table.event_index], 0)
        particle = np.where(local < 0, -1, offset + local)
        rows = particle[combos.rows[:, k]]  # row -1 finds the -1 at the end
        if leaf.is_track or leaf.pdg_id == PHOTON:
            found[:, k] = rows[:, 0]
        else:
            found[:, k] = _pi0(truth, rows, combos.rows[:, k, 1] < 0)
    return found


def _pi0(truth: Truth, rows: Ints, merged: Mask) -> Ints:
    """The pi0 that both photons come from."""
    mother = np.append(truth.mother, -1)[rows]
    mother[np.append(truth.pdg_id, 0)[mother] != PI0] = -1
    same = merged | (mother[:, 0] == mother[:, 1])
    return np.where(same, mother[:, 0], -1)


def categories(
    truth: Truth, decay: Decay, generated: Generated, rows: Ints, conjugated: Mask
) -> Ints:
    """Code of each candidate, shape ``(n,)``.

    Args:
        truth: the generated particles.
        decay: what the candidates were taken for.
        generated: the generated decays of it.
        rows: generated particle of each leaf, shape ``(n, n_leaves)``.
        conjugated: whether each is a charge conjugate.
    """
    n = len(rows)
    code = np.full(n, 130)
    whole = np.asarray((rows >= 0).all(axis=1))
    code[_any(truth.has_flavour(4), rows)] = 120
    code[_any(truth.has_flavour(5), rows)] = 110
    pv = np.append(truth.table["mc_pv_id"].astype(np.int64), -1)[rows]
    code[(pv != pv[:, :1]).any(axis=1)] = 100
    code[~whole] = 60
    above = truth.common_ancestor(rows)
    related = above >= 0
    code[related] = 40
    complete = related & _is_complete(truth, above, rows)
    species = np.append(truth.pdg_id, 0)
    right = (species[rows] == _expected(decay, conjugated)).all(axis=1)
    head = np.abs(species[above]) == abs(decay.head.pdg_id)
    code[complete] = np.where(right, np.where(head, 10, 20), 30)[complete]
    code[_is_generated(truth, decay, generated, rows)] = 0
    return code


def _is_complete(truth: Truth, above: Ints, rows: Ints) -> Mask:
    """Whether a decay lost no more than a little radiation, which has no mass."""
    momentum = np.concatenate([truth.momentum, np.zeros((1, 4))])
    lost = momentum[above] - momentum[rows].sum(axis=1)
    mass2 = lost[:, 3] ** 2 - (lost[:, :3] ** 2).sum(axis=1)
    little = lost[:, 3] < np.maximum(MAX_MISSING, _SMALL * momentum[above, 3])
    return np.asarray((mass2 < MAX_MISSING**2) & little)


def _any(flags: Mask, rows: Ints) -> Mask:
    return np.asarray(np.append(flags, False)[rows].any(axis=1))


def _expected(decay: Decay, conjugated: Mask) -> Ints:
    ids = [leaf.pdg_id for leaf in decay.leaves]
    plain, other = np.array(ids), np.array([conjugate(i) for i in ids])
    return np.where(conjugated[:, None], other, plain)


def _is_generated(truth: Truth, decay: Decay, generated: Generated, rows: Ints) -> Mask:
    """Whether the leaves are those of one generated decay, equal ones in any order."""
    owner = np.full(len(truth.pdg_id) + 1, -1)
    slot = np.full(len(truth.pdg_id) + 1, -1)
    kinds = slot_kinds(decay)
    number = np.arange(len(generated.head))
    for k, kind in enumerate(kinds):
        owner[generated.leaves[:, k]] = number
        slot[generated.leaves[:, k]] = kind
    mine = owner[rows]
    same: Mask = (mine >= 0) & (mine == mine[:, :1]) & (slot[rows] == np.array(kinds))
    return np.asarray(same.all(axis=1))


def slot_kinds(decay: Decay) -> list[int]:
    """A number for each leaf, the same for equal leaves of one mother."""
    keys = []
    for mother in decay.head.composites():
        keys += [(id(d), (mother.branch, d.pdg_id)) for d in mother.daughters if d.is_leaf]
    by_leaf = dict(keys)
    kinds = [by_leaf[id(leaf)] for leaf in decay.leaves]
    return [kinds.index(k) for k in kinds]
