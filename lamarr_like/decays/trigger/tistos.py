"""Whose doing a decision was: the candidate's, or that of the rest of its event.

As LHCb defines it (LHCb-PUB-2014-039), on our objects: a line is TOS of a particle if some object
or pair that fired it is made of the particle's own alone, TIS if some has nothing of it.  Both may
be true, or neither.  A track is the particle's if it is one of its leaves; a cluster if it is one
of its photons, or that of the generated particle behind one of its tracks (LHCb compares cells).
"""

from __future__ import annotations

import numpy as np

from ...arrays import Columns, Ints, Mask
from ...events import EventBatch
from ..descriptor import Node
from .lines import NOTHING, Fired, cluster_code, track_code
from .menu import Menu

_MOST_CLUSTERS = 8
"""Clusters of one particle that are looked at."""
_STEP = 2_000
"""Candidates at a time."""
_ABSENT = -2
"""Code of no object of a candidate, which is not that of no object of a line."""


def tistos(
    batch: EventBatch,
    menu: Menu,
    fired: dict[str, Fired],
    event: Ints,
    nodes: list[Node],
    rows: dict[str, Ints],
) -> Columns:
    """Branches of decisions, and of TOS and TIS of all particles, shape ``(n,)`` each.

    Args:
        batch: the events.
        menu: the lines.
        fired: what fired each (`Menu.fire`).
        event: position of the event of each candidate, shape ``(n,)``.
        nodes: the particles.
        rows: of the leaves, by branch name, in their tables, shape ``(n, 2)``.
    """
    out: Columns = {}
    for line in menu.lines:
        out[line.decision] = fired[line.name].decision(len(batch))[event]
    owned = {node.branch: _owned(batch, event, node, rows) for node in nodes}
    for name, codes in owned.items():
        for line in menu.lines:
            tos, tis = _judge(fired[line.name], event, codes, len(batch))
            out[f"{name}_{line.decision}_TOS"], out[f"{name}_{line.decision}_TIS"] = tos, tis
    return out


def _owned(batch: EventBatch, event: Ints, node: Node, rows: dict[str, Ints]) -> Ints:
    """Codes of the objects of a particle, `_ABSENT` for none, shape ``(n, k)``."""
    codes: list[Ints] = [np.full(len(event), _ABSENT)]
    for leaf in node.leaves() if not node.is_leaf else [node]:
        if leaf.is_invisible:
            continue
        mine = rows[leaf.branch]
        if leaf.is_track:
            codes.append(track_code(mine[:, 0]))
            codes.extend(_clusters_of(batch, event, mine[:, 0]))
        else:
            codes.extend(np.where(r < 0, _ABSENT, cluster_code(r)) for r in mine.T)
    return np.stack(codes, axis=1)


def _clusters_of(batch: EventBatch, event: Ints, tracks: Ints) -> list[Ints]:
    """Codes of the clusters of the generated particles behind tracks, `_ABSENT` for none."""
    if "cluster" not in batch.tables or "mcparticle_id" not in batch["cluster"]:
        return []
    cluster = batch["cluster"]
    size = int(max(cluster["mcparticle_id"].max(initial=0), 0)) + 2
    keys = cluster.event_index * size + cluster["mcparticle_id"] + 1
    order = np.argsort(keys, kind="stable")
    particle = batch.track["mcparticle_id"][tracks].astype(np.int64)
    known = (particle >= 0) & (particle + 1 < size)
    wanted = np.where(known, event * size + particle + 1, -1)
    first = np.searchsorted(keys[order], wanted)
    counts = np.searchsorted(keys[order], wanted, side="right") - first
    found = []
    for k in range(min(int(counts.max(initial=0)), _MOST_CLUSTERS)):
        there = k < counts
        at = order[np.where(there, first + k, 0)]
        found.append(np.where(there, cluster_code(at), _ABSENT))
    return found


def _judge(fired: Fired, event: Ints, codes: Ints, n_events: int) -> tuple[Mask, Mask]:
    """TOS and TIS of each candidate."""
    order = np.argsort(fired.event, kind="stable")
    begin = np.searchsorted(fired.event[order], np.arange(n_events + 1))
    tos, tis = np.zeros(len(event), bool), np.zeros(len(event), bool)
    for start in range(0, len(event), _STEP):
        mine = slice(start, min(start + _STEP, len(event)))
        counts = begin[event[mine] + 1] - begin[event[mine]]
        owner = np.repeat(np.arange(len(counts)), counts)
        before = np.cumsum(counts) - counts
        which = order[begin[event[mine]][owner] + np.arange(len(owner)) - before[owner]]
        objects = fired.objects[which]
        shared = (objects[:, :, None] == codes[mine][owner][:, None, :]).any(axis=2)
        own = (shared | (objects == NOTHING)).all(axis=1)
        tos[mine] = np.bincount(owner[own], minlength=len(counts)) > 0
        tis[mine] = np.bincount(owner[~shared.any(axis=1)], minlength=len(counts)) > 0
    return tos, tis
