"""From events and decay descriptors to tables of candidates with the branches of DaVinci."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .. import schema
from ..arrays import Columns, Ints, Mask
from ..errors import DecayError
from ..events import EventBatch, Table
from . import branches
from .category import categories, true_rows
from .combine import Combinations, combine, join, matched, object_rows
from .finder import find_generated
from .fringe import POLARITY
from .neutrals import CLUSTER_COLUMNS
from .pointing import PV_COLUMNS
from .prongs import TRACK_COLUMNS
from .quantities import Filler, generated_end, generated_quantities
from .reconstruct import Reconstructed, reconstruct
from .request import DecayRequest
from .trigger.lines import Fired
from .truth import Generated, Truth

BLOCK = 20_000
"""Candidates that are fitted together."""

STEP_EVENTS = 25
"""Events of which all combinations are held in memory together."""


def make_candidates(
    batch: EventBatch,
    requests: Sequence[DecayRequest],
    polarity: int = POLARITY,
    truth: Truth | None = None,
) -> dict[str, Table]:
    """Reconstruct decays.

    Args:
        batch: events with the tables ``particle``, ``track`` and ``reco_vertex``, and ``cluster``
            and ``cluster_link`` where photons or pi0 are asked for; detailed or fast.
        requests: the decays; their names differ.
        polarity: sign of the field of events that do not note it, kept in the branch of this name.
        truth: the generated particles, where they are at hand.

    Returns:
        For each decay by name a table of candidates, cut into events; its columns are the branches
        of the ``DecayTree``.

    Raises:
        DecayError: if two decays have one name.
        SchemaError: if a table or column is missing.
    """
    check_names(requests)
    for request in requests:
        check_columns(batch, request)
    truth = truth or Truth(batch)
    signs = _signs(batch, polarity)
    # What fires does not depend on the decay.
    fired = {menu: menu.fire(batch) for menu in {r.menu for r in requests} if menu is not None}
    return {
        r.decay.name: _candidates(batch, truth, r, signs, fired[r.menu] if r.menu else None)
        for r in requests
    }


def make_generated(
    batch: EventBatch,
    requests: Sequence[DecayRequest],
    polarity: int = POLARITY,
    truth: Truth | None = None,
) -> dict[str, Table]:
    """The generated decays themselves, as the denominator of efficiencies.

    Args:
        batch: events with the table ``particle``; with ``track`` and, where photons or pi0 are
            asked for, ``cluster`` and ``cluster_link``, to tell what was reconstructed.
        requests: the decays; their names differ.
        polarity: sign of the field of events that do not note it, kept in the branch of this name.
        truth: the generated particles, where they are at hand.

    Returns:
        For each decay by name a table of those that have all visible particles among the
        generated ones, with the branches of an ``MCDecayTree``: TRUE quantities of every
        particle, and whether each leaf and the whole were reconstructed.

    Raises:
        DecayError: if two decays have one name.
        SchemaError: if a table or column is missing.
    """
    check_names(requests)
    for request in requests:
        check_columns(batch, request)
    truth = truth or Truth(batch)
    signs = _signs(batch, polarity)
    return {r.decay.name: _denominator(batch, truth, r, signs) for r in requests}


def _signs(batch: EventBatch, polarity: int) -> Ints:
    """Sign of the field of each event: the one that it notes, or else that of all."""
    if "polarity" in batch.event:
        return batch.event["polarity"].astype(np.int64)
    return np.full(len(batch), polarity)


def check_names(requests: Iterable[DecayRequest]) -> None:
    """Refuse two decays of one name.

    Raises:
        DecayError: naming it.
    """
    seen: set[str] = set()
    for request in requests:
        name = request.decay.name
        if name in seen:
            raise DecayError(
                f"two decays are called {name!r}; name one in front: NAME: {request.decay.text}"
            )
        seen.add(name)


def needed_columns(requests: Iterable[DecayRequest]) -> dict[str, tuple[str, ...]]:
    """Columns of each table that candidates of some decays need."""
    needed: dict[str, tuple[str, ...]] = {
        "particle": (
            *("mcparticle_id", "mc_pdg_id", "mc_stable", "mc_px", "mc_py", "mc_pz", "mc_energy"),
            *("mc_vx", "mc_vy", "mc_vz", "mc_mother_id", "mc_pv_id"),
        ),
        "track": TRACK_COLUMNS,
        "reco_vertex": PV_COLUMNS,
    }
    if any(leaf.is_neutral for r in requests for leaf in r.decay.leaves):
        needed["cluster"] = CLUSTER_COLUMNS
        needed["cluster_link"] = ("cluster_id", "mcparticle_id", "weight")
    for menu in {r.menu for r in requests if r.menu is not None}:
        for table, columns in menu.needed.items():
            needed[table] = tuple(dict.fromkeys((*needed.get(table, ()), *columns)))
    return needed


def check_columns(batch: EventBatch, request: DecayRequest) -> None:
    """Refuse events without the tables or columns that a decay needs.

    Raises:
        SchemaError: naming them.
    """
    for name, columns in needed_columns([request]).items():
        have = batch[name].columns if name in batch.tables else ()
        schema.require(name, have, columns, f"decay {request.decay.name}")


def _candidates(
    batch: EventBatch,
    truth: Truth,
    request: DecayRequest,
    polarity: Ints,
    fired: dict[str, Fired] | None,
) -> Table:
    generated = find_generated(truth, request.decay)
    n_leaves = len(request.decay.leaves)
    if request.combinatorial:
        # Some events at a time, so that not all pairs of all events are in memory at once.
        combos = join(list(_combined(batch, request)), n_leaves)
    else:
        combos = matched(batch, request, truth, generated)
    parts: list[tuple[Ints, Columns]] = []
    for start in range(0, max(len(combos.event), 1), BLOCK):
        block = combos.take(np.arange(start, min(start + BLOCK, len(combos.event))))
        parts.append(_block(batch, truth, request, generated, block, polarity, fired))
    event = np.concatenate([p[0] for p in parts])
    columns = {k: np.concatenate([p[1][k] for p in parts]) for k in parts[0][1]}
    return _numbered(batch, event, columns, polarity)


def _numbered(batch: EventBatch, event: Ints, columns: Columns, polarity: Ints) -> Table:
    """The table of candidates with the branches of their events in front."""
    counts = np.bincount(event, minlength=len(batch))
    first = np.cumsum(counts) - counts
    numbers = {"candidate": np.arange(len(event)) - first[event], "candidates": counts[event]}
    numbers["polarity"] = polarity[event]
    head: Columns = {}
    for b in branches.of_kind("event"):
        if b.quantity in numbers:
            head[b.export] = numbers[b.quantity].astype(b.dtype)
        elif b.quantity in batch.event:
            head[b.export] = batch.event[b.quantity][event].astype(b.dtype)
    return Table.from_counts({**head, **columns}, counts)


def _denominator(batch: EventBatch, truth: Truth, request: DecayRequest, polarity: Ints) -> Table:
    decay, generated = request.decay, find_generated(truth, request.decay)
    leaves = {leaf.branch: generated.leaves[:, k] for k, leaf in enumerate(decay.leaves)}
    rows, whole = object_rows(batch, request, truth, generated)
    found = dict(zip(leaves, (rows[:, :, 0] >= 0).T, strict=True))
    columns: Columns = {}
    for node in decay.nodes:
        kinds = ["any"]
        if node.is_leaf:
            values = generated_quantities(truth, leaves[node.branch])
            values["reconstructed"] = found[node.branch]
        else:
            below = [leaves[leaf.branch] for leaf in node.leaves()]
            ancestor = truth.common_ancestor(np.stack(below, axis=1))
            values = generated_quantities(truth, ancestor) | generated_end(truth, ancestor)
            kinds.append("composite")
        if node is decay.head:
            values["reconstructed"] = whole
        for b in branches.of_kind(*kinds, "generated"):
            if b.quantity in values:
                columns[f"{node.branch}_{b.export}"] = values[b.quantity].astype(b.dtype)
    return _numbered(batch, truth.event[generated.head], columns, polarity)


def _combined(batch: EventBatch, request: DecayRequest) -> Iterator[Combinations]:
    for start in range(0, len(batch), STEP_EVENTS):
        part = batch.events(start, min(start + STEP_EVENTS, len(batch)))
        combos = combine(part, request)
        rows = combos.rows.copy()
        for k, leaf in enumerate(request.decay.leaves):
            offset = batch["track" if leaf.is_track else "cluster"].offsets[start]
            rows[:, k] = np.where(rows[:, k] < 0, -1, rows[:, k] + offset)
        yield Combinations(combos.event + start, rows, combos.conjugated)


def _block(
    batch: EventBatch,
    truth: Truth,
    request: DecayRequest,
    generated: Generated,
    combos: Combinations,
    polarity: Ints,
    fired: dict[str, Fired] | None,
) -> tuple[Ints, Columns]:
    """Fit some candidates and fill their branches; those that fail are left out."""
    fitted = reconstruct(batch, request, combos, polarity[combos.event])
    good = fitted.good
    if request.combinatorial:
        good = good & _passes(request, fitted)
    if not good.all():
        combos = combos.take(good)
        fitted = reconstruct(batch, request, combos, polarity[combos.event])
    rows = true_rows(batch, truth, request.decay, combos)
    filler = Filler(batch, truth, request, combos, fitted, rows, fired)
    code = categories(truth, request.decay, generated, rows, combos.conjugated)
    return combos.event, filler.fill(code)


def _passes(request: DecayRequest, fitted: Reconstructed) -> Mask:
    """Cuts on masses and vertices after the fit."""
    good = np.ones(len(fitted.good), dtype=bool)
    for node in request.decay.head.composites():
        found = fitted.composites[node.branch]
        low, high = request.window(node)
        good &= (found.mass > low) & (found.mass < high)
        if node is request.decay.head or node.has_own_vertex:
            limit = request.selection.max_vertex_chi2 * found.n_dof
            good &= (found.n_dof == 0) | (found.chi2 < limit)
    return good
