"""The quantities of candidates behind the branches of a ``DecayTree``."""

from __future__ import annotations

import itertools

import numpy as np

from ..arrays import Columns, Floats, Ints
from ..errors import DecayError
from ..events import EventBatch
from ..physics.kinematics import pseudorapidity
from . import branches
from .combine import Combinations
from .descriptor import Node
from .expressions import closest_approach
from .isolation import Others, radius_name
from .names import PHOTON, conjugate
from .pointing import Flight, Origins, best_vertex, corrected_mass, flight, impact
from .prongs import Composite, Prongs
from .reconstruct import Reconstructed
from .request import DecayRequest
from .treefit import fit_tree
from .treefit_request import TreeFit
from .trigger.lines import Fired
from .trigger.tistos import tistos
from .truth import Truth


class Filler:
    """Fills the branches of fitted candidates."""

    def __init__(
        self,
        batch: EventBatch,
        truth: Truth,
        request: DecayRequest,
        combos: Combinations,
        fitted: Reconstructed,
        true: Ints,
        fired: dict[str, Fired] | None = None,
    ) -> None:
        self.batch = batch
        self.truth = truth
        self.request = request
        self.combos = combos
        self.fitted = fitted
        self.fired = fired or {}
        leaves = request.decay.leaves
        self.rows = {leaf.branch: combos.rows[:, k] for k, leaf in enumerate(leaves)}
        self.true = {leaf.branch: true[:, k] for k, leaf in enumerate(leaves)}

    def fill(self, category: Ints) -> Columns:
        """All branches of all particles, each of shape ``(n,)``.

        Args:
            category: of each candidate, shape ``(n,)``.
        """
        out: Columns = {}
        head = self.request.decay.head
        origins = _mothers(head)
        for node in self.request.decay.nodes:
            if node.is_leaf:
                kinds, values = self.leaf(node)
            else:
                kinds, values = self.composite(node, origins.get(node.branch))
                values["category"] = category
            for b in branches.of_kind("any", *kinds):
                if b.quantity in values:
                    out[f"{node.branch}_{b.export}"] = values[b.quantity].astype(b.dtype)
        for fit in self.request.fits:
            out |= self.of_tree(fit)
        if self.request.cones:
            out |= self.isolated()
        if self.request.menu is not None:
            nodes = [n for n in self.request.decay.nodes if not n.is_invisible]
            out |= tistos(
                *(self.batch, self.request.menu, self.fired, self.combos.event),
                *(nodes, self.rows),
            )
        return out | self.named(out)

    def isolated(self) -> Columns:
        """Branches of isolation of all that decays."""
        tracks = [leaf.branch for leaf in self.request.decay.leaves if leaf.is_track]
        used = np.stack([self.rows[name][:, 0] for name in tracks], axis=1) if tracks else None
        n, radii = len(self.combos.event), self.request.cones
        others = Others(
            self.batch,
            self.combos.event,
            np.full((n, 1), -1) if used is None else used,
            self.request.selection.max_ghost_prob,
        )
        out: Columns = {}
        for name, found in self.fitted.composites.items():
            values = others.isolation(found, radii)
            for b in branches.ISOLATED:
                out[f"{name}_{b.export}"] = values[b.quantity].astype(b.dtype)
            for b, size in itertools.product(branches.CONES, map(radius_name, radii)):
                column = values[f"{b.quantity}_{size}"]
                out[f"{name}_{b.export}_{size}"] = column.astype(b.dtype)
        return out

    def named(self, taken: Columns) -> Columns:
        """Branches that a user named.

        Raises:
            DecayError: if there is another branch of that name.
        """
        found: Columns = {}
        for one in self.request.branches:
            if one.name in taken:
                raise DecayError(f"branch {one.text!r}: there is one of this name already")
            found[one.name] = one.values(self.fitted, self.request.decay.head.branch)
        return found

    def of_tree(self, fit: TreeFit) -> Columns:
        """Branches of a fit of the whole tree."""
        found = fit_tree(self.batch, self.request, fit, self.combos, self.fitted)
        head, out = self.request.decay.head, {}
        for node in self.request.decay.nodes:
            if node.is_invisible:
                continue
            values, kinds = _kinematics(found.momentum[node.branch]), {"any"}
            if not node.is_leaf:
                kinds.add("composite")
                values["mass_error"] = found.mass_error[node.branch]
            if node.branch in found.vertex:
                kinds.add("flying")
                values |= {a: found.vertex[node.branch][:, i] for i, a in enumerate("xyz")}
            if node.branch in found.flight:
                values["ctau"], values["ctau_error"] = found.flight[node.branch]
            if node is head:
                kinds.add("head")
                values |= {"chi2": found.chi2, "converged": found.converged}
                values["n_dof"] = np.full(len(found.chi2), found.n_dof)
                if found.primary is not None:
                    values |= {f"pv_{a}": found.primary[:, i] for i, a in enumerate("xyz")}
            for b in branches.FITTED:
                if b.kind in kinds and b.quantity in values:
                    name = f"{node.branch}_{fit.name}_{b.export}"
                    out[name] = values[b.quantity].astype(b.dtype)
        return out

    def leaf(self, node: Node) -> tuple[tuple[str, ...], Columns]:
        """Kinds and quantities of a leaf."""
        kind = "track" if node.is_track else "photon" if node.pdg_id == PHOTON else "pi0"
        hypothesis = self.request.hypothesis(node)
        values = _kinematics(self.fitted.momenta[node.branch])
        values |= self.identifier(hypothesis) | generated_quantities(
            self.truth, self.true[node.branch]
        )
        rows = self.rows[node.branch]
        if kind == "track":
            columns = self.batch.track
            line = self.fitted.lines[node.branch]
            origin = best_vertex(line, self.fitted.vertices)
            values["ip"], values["ip_chi2"] = impact(line, origin)
            values |= self.least_impacts(line)
            # What the mass of an electron or kaon would be by rounding is not of interest.
            values["mass"] = line.state[:, 5]
        else:
            columns = self.batch["cluster"]
            values |= {f"cluster_{a}": columns[a][rows[:, 0]] for a in "xyz"}
        if kind == "photon":
            values["mass"] = np.zeros(len(rows))
        if kind == "pi0":
            values["is_merged"] = rows[:, 1] < 0
            merged = columns["merged_mass"][rows[:, 0]]
            values["merged_mass"] = np.where(rows[:, 1] < 0, merged, 0.0)
        for b in branches.of_kind(kind):
            if b.quantity not in values and b.quantity in columns:
                values[b.quantity] = columns[b.quantity][rows[:, 0]]
        return (kind,), values

    def composite(self, node: Node, mother: str | None) -> tuple[tuple[str, ...], Columns]:
        """Kinds and quantities of what decays."""
        found = self.fitted.composites[node.branch]
        leaves = [leaf.branch for leaf in node.leaves()]
        ancestor = self.truth.common_ancestor(np.stack([self.true[b] for b in leaves], axis=1))
        values = _kinematics(found.momentum)
        values |= self.identifier(node.pdg_id) | generated_quantities(self.truth, ancestor)
        values |= generated_end(self.truth, ancestor) | _vertex(found)
        values["largest_doca"] = self.largest_doca(node)
        flown, more = self.from_primary(found)
        values |= more
        kinds = ["composite"]
        if mother is None:
            kinds.append("head")
        elif node.has_own_vertex:
            kinds.append("flying")
            above = self.fitted.composites[mother]
            origin = Origins(above.position, above.covariance[:, :3, :3])
            unknown = np.where((found.n_dof > 0) & (above.n_dof > 0), 0.0, np.nan)
            flown = Flight._make(a + unknown for a in flight(found, origin))
            values |= {f"origin_{a}": above.position[:, i] for i, a in enumerate("xyz")}
            values["origin_distance"], values["origin_distance_chi2"] = flown[:2]
            values["origin_dira"] = flown.dira
        values |= {"tau": flown.tau, "tau_error": flown.tau_error, "tau_chi2": flown.tau_chi2}
        return tuple(kinds), values

    def from_primary(self, found: Composite) -> tuple[Flight, Columns]:
        """Flight from the best primary vertex."""
        line = found.as_prongs()
        origin = best_vertex(line, self.fitted.vertices)
        # Without a vertex of its own there is no way that could be measured.
        unknown = np.where(found.n_dof > 0, 0.0, np.nan)
        flown = Flight._make(a + unknown for a in flight(found, origin))
        values: Columns = {}
        values["ip"], values["ip_chi2"] = (a + unknown for a in impact(line, origin))
        for i, a in enumerate("xyz"):
            values[f"pv_{a}"] = origin.position[:, i]
            values[f"pv_{a}_error"] = np.sqrt(origin.covariance[:, i, i])
        values["distance"], values["distance_chi2"] = flown.distance, flown.chi2
        values["dira"] = flown.dira
        values |= {k: a + unknown for k, a in self.least_impacts(line).items()}
        values["corrected_mass"] = corrected_mass(found, origin) + unknown
        return flown, values

    def least_impacts(self, line: Prongs) -> Columns:
        """Least distance from all primary vertices, and least chi2; NaN where there is none."""
        vertices = self.fitted.vertices
        found = impact(line.take(vertices.owner), vertices.origin)
        out: Columns = {}
        for name, values in zip(("least_ip", "least_ip_chi2"), found, strict=True):
            least = np.full(len(line.z), np.inf)
            np.minimum.at(least, vertices.owner, np.where(np.isfinite(values), values, np.inf))
            out[name] = np.where(np.isinf(least), np.nan, least)
        return out

    def largest_doca(self, node: Node) -> Floats:
        """Largest distance of closest approach of two tracks of a particle, shape ``(n,)``."""
        lines = [self.fitted.bent[n.branch] for n in node.leaves() if n.is_track]
        apart = [closest_approach(a, b) for a, b in itertools.combinations(lines, 2)]
        return np.max(apart, axis=0) if apart else np.full(len(self.combos.event), np.nan)

    def identifier(self, pdg_id: int) -> Columns:
        """PDG identifier of the hypothesis, by the sign of the candidate."""
        return {"pdg_id": np.where(self.combos.conjugated, conjugate(pdg_id), pdg_id)}


def generated_quantities(truth: Truth, rows: Ints) -> Columns:
    """Quantities of generated particles, NaN and 0 for row -1.

    Args:
        truth: the particles.
        rows: theirs, shape ``(n,)``; so is each quantity.
    """
    p = np.concatenate([truth.momentum, np.full((1, 4), np.nan)])[rows]
    first = np.append(truth.origin, -1)[rows]
    position = truth.position(first)
    species = np.append(truth.pdg_id, 0)
    mother = np.append(truth.mother, -1)[first]
    names = ("mc_px", "mc_py", "mc_pz", "mc_energy")
    return {
        **{name: p[:, i] for i, name in enumerate(names)},
        "mc_pt": np.hypot(p[:, 0], p[:, 1]),
        **{f"mc_v{a}": position[:, i] for i, a in enumerate("xyz")},
        "mc_pdg_id": species[rows],
        "mc_mother_id": species[mother],
    }


def generated_end(truth: Truth, rows: Ints) -> Columns:
    """Generated decay vertices [mm] and times [ns] of particles; all of shape ``(n,)``."""
    end = truth.end(rows)
    values = {f"mc_end_{a}": end[:, i] for i, a in enumerate("xyz")}
    return {**values, "mc_tau": truth.tau(rows)}


def _kinematics(momentum: Floats) -> Columns:
    px, py, pz, e = momentum.T
    p2 = px**2 + py**2 + pz**2
    return {
        **{"px": px, "py": py, "pz": pz, "energy": e, "p": np.sqrt(p2), "pt": np.hypot(px, py)},
        "eta": pseudorapidity(px, py, pz),
        "phi": np.arctan2(py, px),
        "mass": np.sqrt(np.maximum(e**2 - p2, 0.0)),
    }


def _vertex(found: Composite) -> Columns:
    values: Columns = {"mass_error": found.mass_error, "chi2": found.chi2}
    values["vertex_dof"] = found.n_dof
    with_fit = found.n_dof > 0
    for i, a in enumerate("xyz"):
        error = np.sqrt(found.covariance[:, i, i])
        values[a] = np.where(with_fit, found.position[:, i], np.nan)
        values[f"{a}_error"] = np.where(with_fit, error, np.nan)
    return values


def _mothers(head: Node) -> dict[str, str]:
    """Nearest particle with a vertex of its own above each that decays, by branch names."""
    found: dict[str, str] = {}

    def descend(node: Node, above: str) -> None:
        for daughter in node.daughters:
            if not daughter.is_leaf:
                found[daughter.branch] = above
                descend(daughter, daughter.branch if daughter.has_own_vertex else above)

    descend(head, head.branch)
    return found
