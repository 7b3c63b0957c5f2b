"""Columns of named decays in a sample: of generated decays, of candidates, and of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Columns
from ..errors import DecayError
from ..events import EventBatch, Table
from ..physics.particles import SPEED_OF_LIGHT
from .candidates import make_candidates
from .combine import object_rows
from .descriptor import Decay, Node
from .finder import find_generated
from .request import DecayRequest
from .treefit_request import TreeFit
from .truth import Truth

PS = 1e3
"""Picoseconds in a nanosecond."""
GROUPS = ("event", "generated", "candidate")
BY = " by "
"""Between the particle and the fit of the whole tree, in names of columns of candidates."""
_TINY = 1e-9


@dataclass(frozen=True)
class DecayRows:
    """One decay in a sample; every group has ``unit`` and ``weight``.

    Args:
        decay: what was looked for.
        event: one row an event: ``candidates``.
        generated: one row a generated decay: true ``p`` [MeV] and ``tau`` [ps], ``accepted`` (all
            its tracks in the acceptance) and ``found`` (a candidate can be made of it).
        candidate: one row a candidate that is the generated decay, see `candidate_columns`.
    """

    decay: Decay
    event: Columns
    generated: Columns
    candidate: Columns

    @property
    def groups(self) -> dict[str, Columns]:
        """All groups by name."""
        return {name: getattr(self, name) for name in GROUPS}

    def mapped(self, change: Callable[[Columns], Columns]) -> DecayRows:
        """The same with every group changed."""
        return DecayRows(self.decay, **{g: change(c) for g, c in self.groups.items()})


def decay_rows(batch: EventBatch, requests: Sequence[DecayRequest]) -> list[DecayRows]:
    """Decays of some events; units are events of the batch, and there are no weights yet.

    Args:
        batch: events, see `decays.candidates.make_candidates`.
        requests: truth-matched decays.

    Raises:
        DecayError: if two decays have one name.
        SchemaError: if a table or column is missing.
    """
    tables = make_candidates(batch, requests)
    truth = Truth(batch)
    found = []
    for request in requests:
        table = tables[request.decay.name]
        event = {"unit": np.arange(len(batch)), "candidates": table.counts.astype(np.float64)}
        candidate = candidate_columns(table, request.decay, request.fits)
        generated = _generated(batch, truth, request)
        found.append(DecayRows(request.decay, event, generated, candidate))
    return found


def _generated(batch: EventBatch, truth: Truth, request: DecayRequest) -> Columns:
    found = find_generated(truth, request.decay)
    whole = object_rows(batch, request, truth, found)[1]
    accepted = np.ones(len(found.head), dtype=bool)
    for k, leaf in enumerate(request.decay.leaves):
        if leaf.is_track:
            accepted &= batch.particle["in_acceptance"][found.leaves[:, k]].astype(bool)
    return {
        "unit": truth.event[found.head],
        "p": np.linalg.norm(truth.momentum[found.head, :3], axis=1),
        "tau": PS * truth.tau(found.head),
        "accepted": accepted,
        "found": whole,
    }


def candidate_columns(table: Table, decay: Decay, fits: Sequence[TreeFit] = ()) -> Columns:
    """Quantities of candidates that are compared.

    ``p`` [MeV] is the true momentum of the visible particles.  For the head and every particle
    that decays there are ``M``, ``dM`` and ``pull_M`` with the name of the particle and a colon in
    front: the mass [MeV], less that of the generated visible particles, and over its uncertainty.
    Of the head there are in addition ``d`` and ``pull_`` of ``X``, ``Y``, ``Z`` [mm] and ``TAU``
    [ps], ``IP`` [mm], ``chi2`` of the vertex per degree of freedom, and the common logarithms
    ``log_ip_chi2``, ``log_fd_chi2`` and ``log_angle`` (of IPCHI2, FDCHI2 and 1 - DIRA).  All of
    these are NaN without a vertex.  ``log_least_ip_chi2`` is that of the track closest to its
    primary vertex.  Fits of the whole tree have ``dM`` and ``pull_M`` of what they do not hold, and
    ``dTAU`` and ``pull_TAU`` of what flies, with the name of the particle, ``by`` and that of the
    fit in front (``Bplus by DTF:dM``); NaN where they did not converge.

    Args:
        table: candidates with the branches of a ``DecayTree``.
        decay: what they are taken for.
        fits: fits of the whole tree.
    """
    head = decay.head.branch
    out: Columns = {"unit": table.event_index, "p": _true_momentum(table, decay.head.leaves())[1]}
    with np.errstate(invalid="ignore", divide="ignore"):
        for node in decay.head.composites():
            mass = table[f"{node.branch}_M"]
            residual = mass - _true_momentum(table, node.leaves())[0]
            out[f"{node.branch}:M"], out[f"{node.branch}:dM"] = mass, residual
            out[f"{node.branch}:pull_M"] = residual / table[f"{node.branch}_MERR"]
        for axis in "XYZ":
            shift = table[f"{head}_ENDVERTEX_{axis}"] - table[f"{head}_TRUEENDVERTEX_{axis}"]
            out[f"d{axis}"] = shift
            out[f"pull_{axis}"] = shift / table[f"{head}_ENDVERTEX_{axis}ERR"]
        late = table[f"{head}_TAU"] - table[f"{head}_TRUETAU"]
        out["dTAU"], out["pull_TAU"] = PS * late, late / table[f"{head}_TAUERR"]
        out["IP"] = table[f"{head}_IP_OWNPV"]
        out["chi2"] = table[f"{head}_ENDVERTEX_CHI2"] / table[f"{head}_ENDVERTEX_NDOF"]
        out["log_ip_chi2"] = _log(table[f"{head}_IPCHI2_OWNPV"])
        out["log_fd_chi2"] = _log(table[f"{head}_FDCHI2_OWNPV"])
        out["log_angle"] = _log(1.0 - table[f"{head}_DIRA_OWNPV"])
        tracks = [table[f"{n.branch}_IPCHI2_OWNPV"] for n in decay.leaves if n.is_track]
        if tracks:
            out["log_least_ip_chi2"] = _log(np.min(tracks, axis=0))
        for fit in fits:
            out |= _fitted(table, decay, fit)
    return out


def _fitted(table: Table, decay: Decay, fit: TreeFit) -> Columns:
    """Masses and decay times of a fit of the whole tree."""
    out: Columns = {}
    for node in decay.head.composites():
        name, of = f"{node.branch}_{fit.name}", f"{node.branch}{BY}{fit.name}"
        if node.branch not in fit.masses:
            residual = table[f"{name}_M"] - _true_momentum(table, node.leaves())[0]
            out[f"{of}:dM"], out[f"{of}:pull_M"] = residual, residual / table[f"{name}_MERR"]
        if f"{name}_CTAU" in table.columns:
            late = table[f"{name}_CTAU"] / SPEED_OF_LIGHT - table[f"{node.branch}_TRUETAU"]
            error = table[f"{name}_CTAUERR"] / SPEED_OF_LIGHT
            out[f"{of}:dTAU"], out[f"{of}:pull_TAU"] = PS * late, late / error
    return out


def _log(values: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.log10(np.maximum(values, _TINY))
    return result


def _true_momentum(table: Table, leaves: Sequence[Node]) -> tuple[np.ndarray, np.ndarray]:
    """Mass and momentum [MeV] of the generated particles behind some leaves."""
    x, y, z, e = (
        np.sum([table[f"{leaf.branch}_TRUEP_{a}"] for leaf in leaves], axis=0) for a in "XYZE"
    )
    p2 = x**2 + y**2 + z**2
    return np.sqrt(np.maximum(e**2 - p2, 0.0)), np.sqrt(p2)


def joined(parts: Sequence[Columns]) -> Columns:
    """The same columns of several batches, one behind the other."""
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def joined_rows(sample: str, parts: Sequence[DecayRows]) -> DecayRows:
    """One decay in all batches of a sample.

    Args:
        sample: its name.
        parts: the decay in each batch.

    Raises:
        DecayError: if it does not occur among the generated ones.
    """
    groups = {g: joined([getattr(p, g) for p in parts]) for g in GROUPS}
    decay = parts[0].decay
    if not len(groups["generated"]["unit"]):
        n = len(groups["event"]["unit"])
        raise DecayError(
            f"{sample} sample: none of its {n} events holds a generated decay {decay.text!r}"
        )
    return DecayRows(decay, **groups)
