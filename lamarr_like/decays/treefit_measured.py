"""What a fit of a decay tree is given: lines of tracks, clusters, and where the fit starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints
from ..events import EventBatch
from .combine import Combinations
from .descriptor import Node
from .names import PHOTON, properties
from .pointing import Origins, best_vertex, inverse
from .prongs import Prongs
from .reconstruct import Reconstructed
from .request import DecayRequest
from .treefit_request import TreeFit

_NO_ENERGY = 1e-3
"""Error [MeV] of the energy of a cluster that is not there: the second of a merged pi0."""


class Cluster(NamedTuple):
    """Clusters of photons.

    Attributes:
        value: x, y [mm] and E [MeV], shape ``(n, 3)``.
        error: their standard deviations, shape ``(n, 3)``.
        z: [mm], shape ``(n,)``.
        mass: of what they are taken for [MeV], shape ``(n,)``.
    """

    value: Floats
    error: Floats
    z: Floats
    mass: Floats


class Measured(NamedTuple):
    """What a fit is given, by branch name, and where it starts.

    Attributes:
        lines: of the tracks.
        weights: inverse covariances of x, y, slopes and q/p of the tracks, shape ``(n, 5, 5)``.
        clusters: of photons, one or, of a pi0, two.
        momenta: px, py, pz, E [MeV] before the fit, shape ``(n, 4)``.
        places: decay vertices [mm] before the fit, shape ``(n, 3)``.
        origin: the best primary vertices; None where they are not in the fit.
        n: candidates.
    """

    lines: dict[str, Prongs]
    weights: dict[str, Floats]
    clusters: dict[str, list[Cluster]]
    momenta: dict[str, Floats]
    places: dict[str, Floats]
    origin: Origins | None
    n: int

    def take(self, rows: Ints) -> Measured:
        """Some of the candidates."""
        return Measured(
            {k: v.take(rows) for k, v in self.lines.items()},
            {k: v[rows] for k, v in self.weights.items()},
            {k: [Cluster._make(a[rows] for a in c) for c in v] for k, v in self.clusters.items()},
            {k: v[rows] for k, v in self.momenta.items()},
            {k: v[rows] for k, v in self.places.items()},
            None if self.origin is None else Origins._make(a[rows] for a in self.origin),
            len(rows),
        )


def measured_of(
    batch: EventBatch,
    request: DecayRequest,
    fit: TreeFit,
    combos: Combinations,
    found: Reconstructed,
) -> Measured:
    """What `treefit.fit_tree`, which has the same arguments, is given."""
    leaves, head = request.decay.leaves, request.decay.head
    clusters = {
        leaf.branch: _clusters(batch, leaf, combos.rows[:, k])
        for k, leaf in enumerate(leaves)
        if leaf.is_neutral
    }
    composites = {node.branch: found.composites[node.branch] for node in flying(head)}
    origin = None
    if fit.primary:
        origin = best_vertex(composites[head.branch].as_prongs(), found.vertices)
    momenta = dict(found.momenta) | {k: c.momentum for k, c in composites.items()}
    places = {k: c.position for k, c in composites.items()}
    weights = {k: inverse(line.covariance[:, :5, :5]) for k, line in found.bent.items()}
    return Measured(found.bent, weights, clusters, momenta, places, origin, len(combos.event))


def _clusters(batch: EventBatch, leaf: Node, rows: Ints) -> list[Cluster]:
    """One cluster of a photon, two of a pi0; a merged pi0 has a second one of no energy."""
    table, merged, found = batch["cluster"], rows[:, 1] < 0, []
    photon = leaf.pdg_id == PHOTON
    for k in range(1 if photon else 2):
        row = np.where(rows[:, k] < 0, rows[:, 0], rows[:, k])
        x, y, z, energy, place, error = (
            table[c][row].astype(np.float64)
            for c in ("x", "y", "z", "energy", "sigma_x", "sigma_energy")
        )
        mass = np.zeros(len(row))
        if not photon and k == 0:
            mass = np.where(merged, properties(leaf.pdg_id).mass, 0.0)
        if k:
            energy, error = np.where(merged, 0.0, energy), np.where(merged, _NO_ENERGY, error)
        value, errors = np.stack([x, y, energy], axis=1), np.stack([place, place, error], axis=1)
        found.append(Cluster(value, errors, z, mass))
    return found


def flying(head: Node) -> list[Node]:
    """The head and what has a vertex of its own, mothers first."""
    return [c for c in head.composites() if c is head or c.has_own_vertex]


def from_vertex(node: Node) -> Iterator[Node]:
    """Leaves that come from the vertex of a particle, those of resonances among them."""
    for daughter in node.daughters:
        if daughter.is_leaf and not daughter.is_invisible:
            yield daughter
        elif not daughter.is_leaf and not daughter.has_own_vertex:
            yield from from_vertex(daughter)


def mother(head: Node, wanted: Node) -> Node:
    """The particle from whose vertex another one flies."""
    above = [c for c in flying(head) if c is not wanted and wanted in c.walk()]
    return above[-1]
