"""Vertex fits of a whole decay: resonances in the vertex of their mother, others in their own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..events import EventBatch
from ..io.generators.beam import SIGMA_XY, SIGMA_Z
from ..schema import TRACK_TYPES
from .combine import Combinations
from .descriptor import Node
from .fringe import POLARITY, at_vertex
from .names import PHOTON
from .neutrals import Momenta, add, photon_momenta, pi0_momenta
from .pointing import Choices, best_vertex, choices, primary_vertices
from .prongs import Composite, Prongs, four_momenta, stack, track_prongs
from .refit import VELO_TRACKS, with_correlations, without
from .request import DecayRequest
from .vertexfit import VertexFit, fit_vertices, no_fit, replaced

_TIMES = 2
"""Fits with the lines of downstream tracks at the vertex before."""
_DOWNSTREAM = TRACK_TYPES["downstream"]


class Reconstructed(NamedTuple):
    """A decay after its fits; every array has one row a candidate.

    Attributes:
        composites: what decays, by branch name.
        momenta: px, py, pz, E [MeV] of the leaves at the vertex they come from, by branch name.
        lines: the lines of tracks as measured, by branch name.
        bent: the same, but those of downstream tracks at their vertex.
        vertices: primary vertices of their events, without these tracks.
        good: whether every vertex that can be fitted was, shape ``(n,)``.
    """

    composites: dict[str, Composite]
    momenta: dict[str, Floats]
    lines: dict[str, Prongs]
    bent: dict[str, Prongs]
    vertices: Choices
    good: np.ndarray


class _Members(NamedTuple):
    """What meets in one vertex."""

    names: list[str]
    prongs: list[Prongs]
    neutral: list[Node]


def reconstruct(
    batch: EventBatch, request: DecayRequest, combos: Combinations, polarity: int | Ints = POLARITY
) -> Reconstructed:
    """Fit candidates.

    Args:
        batch: the events they come from.
        request: the decay.
        combos: their tracks and clusters.
        polarity: sign of the field along y, of all or of each candidate, shape ``(n,)``.
    """
    return _Fitter(batch, request, combos, polarity).run()


class _Fitter:
    def __init__(
        self, batch: EventBatch, request: DecayRequest, combos: Combinations, polarity: int | Ints
    ) -> None:
        self.batch = batch
        self.polarity = np.broadcast_to(polarity, len(combos.event))
        self.request = request
        self.event = combos.event
        leaves = request.decay.leaves
        self.rows = {leaf.branch: combos.rows[:, k] for k, leaf in enumerate(leaves)}
        vertices = choices(batch["reco_vertex"], combos.event)
        good = np.ones(len(combos.event), dtype=bool)
        self.out = Reconstructed({}, {}, {}, {}, vertices, good)

    def run(self) -> Reconstructed:
        """Fit the tree from the far ends to the head."""
        for leaf in self.request.decay.leaves:
            if leaf.is_track:
                rows = self.rows[leaf.branch][:, 0]
                hypothesis = self.request.hypothesis(leaf)
                self.out.lines[leaf.branch] = track_prongs(self.batch.track, rows, hypothesis)
        self.out.bent.update(self.out.lines)
        self.out = self.out._replace(vertices=self.vertices_of_others())
        head = self.request.decay.head
        self.flying(head)
        ordered = {n.branch: self.out.composites[n.branch] for n in head.composites()}
        return self.out._replace(composites=ordered)

    def flying(self, node: Node) -> None:
        """Fit a particle with a vertex of its own, and first those that fly from there."""
        members = self.members(node)
        fit = self.vertex(members)
        self.out.composites[node.branch] = self.total(fit, members, members)
        self.leaf_momenta(fit, members)
        for daughter in node.daughters:
            self.resonances(daughter, fit, members)

    def members(self, node: Node) -> _Members:
        """Tracks, flying daughters and neutrals from the vertex of a particle."""
        found = _Members([], [], [])
        for daughter in node.daughters:
            if daughter.is_invisible:
                continue
            if daughter.is_track:
                found.names.append(daughter.branch)
                found.prongs.append(self.out.lines[daughter.branch])
            elif daughter.is_leaf:
                found.neutral.append(daughter)
            elif daughter.has_own_vertex:
                if daughter.branch not in self.out.composites:
                    self.flying(daughter)
                found.names.append(daughter.branch)
                found.prongs.append(self.out.composites[daughter.branch].as_prongs())
            else:
                more = self.members(daughter)
                found.names.extend(more.names)
                found.prongs.extend(more.prongs)
                found.neutral.extend(more.neutral)
        return found

    def vertex(self, members: _Members) -> VertexFit:
        """The fit of what meets in a vertex, or a stand-in where fewer than two lines do."""
        n = len(self.event)
        if len(members.prongs) > 1:
            fit = self.refined(fit_vertices(stack(members.prongs)), members)
            self.out.good[~fit.converged] = False
            return fit
        if members.prongs:
            lines = stack(members.prongs)
            origin = best_vertex(members.prongs[0], self.out.vertices)
        else:
            lines = Prongs(np.zeros((n, 0, 6)), np.zeros((n, 0)), np.zeros((n, 0, 6, 6)))
            origin = primary_vertices(self.batch["reco_vertex"], self.largest_vertex())
        none = np.isnan(origin.position[:, 0])
        position = np.where(none[:, None], 0.0, origin.position)
        spot = np.diag(np.square([SIGMA_XY, SIGMA_XY, SIGMA_Z]))
        covariance = np.where(none[:, None, None], spot, origin.covariance)
        return no_fit(lines, position, covariance)

    def refined(self, fit: VertexFit, members: _Members) -> VertexFit:
        """The fit again where downstream tracks are in it, with their lines at the vertex."""
        flags = {
            name: self.kind(name) == _DOWNSTREAM for name in members.names if name in self.rows
        }
        if not flags:
            return fit
        rows = np.flatnonzero(np.any(list(flags.values()), axis=0) & fit.converged)
        if len(rows) == 0:
            return fit
        z = fit.position[rows, 2]
        for _ in range(_TIMES):
            lines = []
            for name, prong in zip(members.names, members.prongs, strict=True):
                line = prong.take(rows)
                if name in flags:
                    line = self.bent(name, line, flags[name][rows], rows, z)
                lines.append(line)
            again = fit_vertices(stack(lines))
            z = np.where(again.converged, again.position[:, 2], z)
        for name, line in zip(members.names, lines, strict=True):
            if name in flags:
                self.out.bent[name] = self.out.lines[name].replaced(rows, line)
        return replaced(fit, rows, again)

    def bent(self, name: str, line: Prongs, down: Mask, rows: Ints, z: Floats) -> Prongs:
        """Lines of which some are those of downstream tracks, at z."""
        charge = self.batch.track["charge"][self.rows[name][rows, 0]].astype(np.float64)
        moved = at_vertex(line, charge, z, self.polarity[rows])
        return Prongs(
            np.where(down[:, None], moved.state, line.state),
            np.where(down, moved.z, line.z),
            np.where(down[:, None, None], moved.covariance, line.covariance),
        )

    def kind(self, name: str) -> Ints:
        """Type of the track of a leaf."""
        kind: Ints = self.batch.track["track_type"][self.rows[name][:, 0]]
        return kind

    def vertices_of_others(self) -> Choices:
        """Primary vertices without the tracks of the candidates; those of the VELO are in them."""
        used = []
        for name, line in self.out.lines.items():
            in_velo = np.isin(self.kind(name), VELO_TRACKS)
            used.append(line._replace(state=np.where(in_velo[:, None], line.state, np.nan)))
        return without(with_correlations(self.batch, self.out.vertices), used)

    def largest_vertex(self) -> Ints:
        """Row of the primary vertex with the most tracks, -1 for none."""
        table = self.batch["reco_vertex"]
        order = np.lexsort((-table["n_tracks"].astype(np.int64), table.event_index))
        first = table.offsets[:-1]
        best = np.full(table.n_events, -1)
        best[table.counts > 0] = order[first[table.counts > 0]]
        return best[self.event]

    def total(self, fit: VertexFit, members: _Members, chosen: _Members) -> Composite:
        """Sum of some of the members at the vertex."""
        prongs = [members.names.index(name) for name in chosen.names]
        neutral = [self.neutral(leaf, fit.position) for leaf in chosen.neutral]
        return fit.with_neutrals(prongs, add(neutral) if neutral else None)

    def neutral(self, leaf: Node, origin: Floats) -> Momenta:
        """Four-momenta of a photon or pi0 from a vertex."""
        rows, cluster = self.rows[leaf.branch], self.batch["cluster"]
        if leaf.pdg_id == PHOTON:
            return photon_momenta(cluster, rows[:, 0], origin)
        return pi0_momenta(cluster, rows, origin)

    def leaf_momenta(self, fit: VertexFit, members: _Members) -> None:
        """Momenta of the leaves at their vertex."""
        momenta = four_momenta(fit.state)[0]
        for k, name in enumerate(members.names):
            if name in self.out.lines:
                self.out.momenta[name] = momenta[:, k]
        for leaf in members.neutral:
            self.out.momenta[leaf.branch] = self.neutral(leaf, fit.position)[0]

    def resonances(self, node: Node, fit: VertexFit, members: _Members) -> None:
        """Particles that decay in the vertex of their mother: fits of their own where they can."""
        if node.is_leaf or node.has_own_vertex:
            return
        mine = self.members(node)
        if len(mine.prongs) > 1:
            own = self.vertex(mine)
            self.out.composites[node.branch] = self.total(own, mine, mine)
        else:
            whole = self.total(fit, members, mine)
            self.out.composites[node.branch] = whole._replace(
                chi2=np.full(len(self.event), np.nan), n_dof=np.zeros(len(self.event), np.int64)
            )
        for daughter in node.daughters:
            self.resonances(daughter, fit, members)
