"""Fit of a whole decay tree at once: vertices, masses and the primary vertex as constraints.

The method is that of W. D. Hulsbergen, NIM A552 (2005) 566: all measurements of the decay (tracks,
clusters, the primary vertex) are fitted together, and what the decay chain demands holds in the fit
instead of being added up from bottom to top.  Parameters of a candidate are slopes and 1/p of each
track at its vertex, place and energy of each cluster, the vertex of the head or, where it comes
from a primary vertex, that vertex and the flight from it, and the flight of every other particle
that flies.  So lines meet in vertices, and particles fly along their momenta, by construction;
masses are held by Lagrange multipliers.  Gauss-Newton steps, all candidates together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..events import EventBatch
from .combine import Combinations
from .descriptor import Node
from .names import PHOTON, properties
from .pointing import Origins, best_vertex, inverse
from .prongs import Prongs, four_momenta
from .reconstruct import Reconstructed
from .request import DecayRequest
from .treefit_request import TreeFit

QUICK_STEPS, MOST_STEPS = 7, 40
"""Steps of all candidates together, and of those that are not done by then."""
TOLERANCE = 1e-4
"""A fit is done when a step changes chi2 by less than this and masses hold."""
MASS_TOLERANCE = 1e-4
"""Largest distance of a held mass from its value [MeV]."""
_NO_ENERGY = 1e-3
"""Error [MeV] of the energy of a cluster that is not there: the second of a merged pi0."""


class Fitted(NamedTuple):
    """Candidates after the fit, arrays of shape ``(n, ...)``; NaN where it failed.

    Attributes:
        momentum: px, py, pz, E [MeV] of every particle, by branch name, shape ``(n, 4)``.
        mass_error: of what decays [MeV].
        vertex: x, y, z [mm] of decay vertices of the head and of what flies, shape ``(n, 3)``.
        flight: c times the decay time [mm] and its error, of what flies from a vertex that is in
            the fit, each of shape ``(n,)``.
        primary: the primary vertex [mm], shape ``(n, 3)``; None where it is not in the fit.
        chi2: shape ``(n,)``.
        n_dof: its degrees of freedom.
        converged: shape ``(n,)``.
    """

    momentum: dict[str, Floats]
    mass_error: dict[str, Floats]
    vertex: dict[str, Floats]
    flight: dict[str, tuple[Floats, Floats]]
    primary: Floats | None
    chi2: Floats
    n_dof: int
    converged: Mask


def fit_tree(
    batch: EventBatch,
    request: DecayRequest,
    fit: TreeFit,
    combos: Combinations,
    found: Reconstructed,
) -> Fitted:
    """Fit candidates.

    Args:
        batch: the events they come from.
        request: the decay.
        fit: what is held.
        combos: their tracks and clusters.
        found: the same after the vertex fits one by one, from which the fit starts.
    """
    tree = _Tree(request, fit, _measured(batch, request, fit, combos, found))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        state = tree.minimised(QUICK_STEPS)
        late = np.flatnonzero(~state.converged)
        if len(late):
            again = _Tree(request, fit, tree.measured.take(late)).minimised(MOST_STEPS)
            for whole, part in zip(state, again, strict=True):
                whole[late] = part
        return tree.finished(state)


# --- what is measured


class _Cluster(NamedTuple):
    """Clusters of photons: x, y [mm], E [MeV], errors, z, mass of what they are taken for."""

    value: Floats
    error: Floats
    z: Floats
    mass: Floats


class _Measured(NamedTuple):
    """What a fit is given, by branch name, and where it starts."""

    lines: dict[str, Prongs]
    clusters: dict[str, list[_Cluster]]
    momenta: dict[str, Floats]
    places: dict[str, Floats]
    origin: Origins | None
    n: int

    def take(self, rows: Ints) -> _Measured:
        """Some of the candidates."""
        return _Measured(
            {k: v.take(rows) for k, v in self.lines.items()},
            {k: [_Cluster._make(a[rows] for a in c) for c in v] for k, v in self.clusters.items()},
            {k: v[rows] for k, v in self.momenta.items()},
            {k: v[rows] for k, v in self.places.items()},
            None if self.origin is None else Origins._make(a[rows] for a in self.origin),
            len(rows),
        )


def _measured(
    batch: EventBatch,
    request: DecayRequest,
    fit: TreeFit,
    combos: Combinations,
    found: Reconstructed,
) -> _Measured:
    leaves, head = request.decay.leaves, request.decay.head
    clusters = {
        leaf.branch: _clusters(batch, leaf, combos.rows[:, k])
        for k, leaf in enumerate(leaves)
        if leaf.is_neutral
    }
    composites = {node.branch: found.composites[node.branch] for node in _flying(head)}
    origin = None
    if fit.primary:
        origin = best_vertex(composites[head.branch].as_prongs(), found.vertices)
    momenta = dict(found.momenta) | {k: c.momentum for k, c in composites.items()}
    places = {k: c.position for k, c in composites.items()}
    return _Measured(found.bent, clusters, momenta, places, origin, len(combos.event))


def _clusters(batch: EventBatch, leaf: Node, rows: Ints) -> list[_Cluster]:
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
        found.append(_Cluster(value, errors, z, mass))
    return found


def _flying(head: Node) -> list[Node]:
    """The head and what has a vertex of its own, mothers first."""
    return [c for c in head.composites() if c is head or c.has_own_vertex]


def _from_vertex(node: Node) -> Iterator[Node]:
    """Leaves that come from the vertex of a particle, those of resonances among them."""
    for daughter in node.daughters:
        if daughter.is_leaf and not daughter.is_invisible:
            yield daughter
        elif not daughter.is_leaf and not daughter.has_own_vertex:
            yield from _from_vertex(daughter)


def _mother(head: Node, wanted: Node) -> Node:
    """The particle from whose vertex another one flies."""
    above = [c for c in _flying(head) if c is not wanted and wanted in c.walk()]
    return above[-1]


# --- the fit


class _Linear(NamedTuple):
    """Quantities ``(n, k)`` at some parameters and their derivatives, ``(n, k, n_parameters)``."""

    value: Floats
    by: Floats


class _State(NamedTuple):
    """Where a fit stands; arrays of shape ``(n, ...)``."""

    theta: Floats
    covariance: Floats
    chi2: Floats
    converged: Mask


class _Tree:
    """One fit of all candidates; `at` tells where the parameters of each particle begin."""

    def __init__(self, request: DecayRequest, fit: TreeFit, measured: _Measured) -> None:
        self.request, self.fit, self.measured = request, fit, measured
        self.head, self.flying = request.decay.head, _flying(request.decay.head)
        self.leaves = request.decay.leaves
        self.at, self.size = {"vertex": 0}, 3
        for node in self.flying:
            if node is not self.head or fit.primary:
                self._take(node, 1)
        for leaf in self.leaves:
            self._take(leaf, 3 * len(measured.clusters.get(leaf.branch, [0])))
        self.places = dict(measured.places)
        self.theta = self._start()

    def _take(self, node: Node, n: int) -> None:
        self.at[node.branch] = self.size
        self.size += n

    def _columns(self, name: str, k: int = 0) -> slice:
        return slice(self.at[name] + 3 * k, self.at[name] + 3 * k + 3)

    def _start(self) -> Floats:
        measured, theta = self.measured, np.zeros((self.measured.n, self.size))
        for leaf in self.leaves:
            if leaf.is_track:
                px, py, pz, _ = measured.momenta[leaf.branch].T
                first = np.stack([px / pz, py / pz, (px**2 + py**2 + pz**2) ** -0.5], axis=1)
                theta[:, self._columns(leaf.branch)] = first
            for k, cluster in enumerate(measured.clusters.get(leaf.branch, [])):
                theta[:, self._columns(leaf.branch, k)] = cluster.value
        origin = measured.origin
        begin = measured.places[self.head.branch] if origin is None else origin.position
        theta[:, self._columns("vertex")] = begin
        for node in self.flying:
            if node.branch in self.at:
                from_there = begin
                if node is not self.head:
                    from_there = measured.places[_mother(self.head, node).branch]
                p = measured.momenta[node.branch][:, :3]
                way = measured.places[node.branch] - from_there
                theta[:, self.at[node.branch]] = (way * p).sum(axis=1) / (p * p).sum(axis=1)
        return theta

    def minimised(self, steps: int) -> _State:
        """Steps until no candidate moves, at most so many."""
        n, size = self.theta.shape
        state = _State(self.theta, np.full((n, size, size), np.nan), np.full(n, np.inf),
                       np.zeros(n, np.bool_))  # fmt: skip
        for _ in range(steps):
            step, covariance, chi2, off = self._step()
            still = (np.abs(chi2 - state.chi2) < TOLERANCE) & (off < MASS_TOLERANCE)
            new = still & ~state.converged
            state.covariance[new] = covariance[new]
            state.chi2[~state.converged] = chi2[~state.converged]
            state.converged[new] = True
            moving = ~state.converged & np.isfinite(step).all(axis=1)
            if not moving.any():
                break
            self.theta[moving] += step[moving]
        return state

    def _step(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The next step, covariance of the parameters, chi2, and how far masses are off [MeV]."""
        sums = self._momenta()
        vertices = self._vertices(sums)
        n, size = self.theta.shape
        hessian, gradient = np.zeros((n, size, size)), np.zeros((n, size))
        chi2 = np.zeros(n)
        for node in self.flying:
            for leaf in _from_vertex(node):
                if leaf.is_track:
                    chi2 += self._track(leaf, vertices[node.branch], hessian, gradient)
        chi2 += self._priors(hessian, gradient)
        by, misses = self._masses(sums)
        k = by.shape[1]
        system = np.zeros((n, size + k, size + k))
        system[:, :size, :size] = hessian
        system[:, size:, :size], system[:, :size, size:] = by, by.swapaxes(1, 2)
        inverted = _inverse(system, hessian)
        right = np.concatenate([gradient, misses], axis=1)
        step = np.einsum("nij,nj->ni", inverted[:, :size], right)
        off = np.zeros(n)
        for j, node in enumerate(self._held()):
            off = np.maximum(off, np.abs(misses[:, j]) / (2.0 * properties(node.pdg_id).mass))
        return step, inverted[:, :size, :size], chi2, off

    def _held(self) -> list[Node]:
        return [c for c in self.head.composites() if c.branch in self.fit.masses]

    def _momenta(self) -> dict[str, _Linear]:
        """Four-momenta of all particles."""
        found: dict[str, _Linear] = {}
        for node in self.flying:
            for leaf in _from_vertex(node):
                found[leaf.branch] = self._leaf(leaf, self.places[node.branch])
        for node in reversed(self.head.composites()):
            parts = [found[d.branch] for d in node.daughters if d.branch in found]
            value = np.sum([p.value for p in parts], axis=0)
            found[node.branch] = _Linear(value, np.sum([p.by for p in parts], axis=0))
        return found

    def _leaf(self, leaf: Node, origin: Floats) -> _Linear:
        n, size = self.theta.shape
        value, by = np.zeros((n, 4)), np.zeros((n, 4, size))
        if leaf.is_track:
            part = self._columns(leaf.branch)
            mass = properties(self.request.hypothesis(leaf)).mass
            state = np.zeros((n, 6))
            state[:, 2:5], state[:, 5] = self.theta[:, part], mass
            value, jacobian = four_momenta(state)
            by[:, :, part] = jacobian[:, :, :3]
        for k, cluster in enumerate(self.measured.clusters.get(leaf.branch, [])):
            part = self._columns(leaf.branch, k)
            # The vertex is where the last step left it: the lever of a cluster is 12 m.
            one, jacobian = _photon(self.theta[:, part], cluster.z, cluster.mass, origin)
            value, by[:, :, part] = value + one, jacobian
        return _Linear(value, by)

    def _vertices(self, sums: dict[str, _Linear]) -> dict[str, _Linear]:
        """Decay vertices of the head and of what flies."""
        n, size = self.theta.shape
        first = np.zeros((n, 3, size))
        first[:, [0, 1, 2], [0, 1, 2]] = 1.0
        begin = _Linear(self.theta[:, :3], first)
        found: dict[str, _Linear] = {}
        for node in self.flying:
            start = begin if node is self.head else found[_mother(self.head, node).branch]
            if node.branch not in self.at:
                found[node.branch] = start
                continue
            at = self.at[node.branch]
            length, p = self.theta[:, at], sums[node.branch]
            by = start.by + length[:, None, None] * p.by[:, :3]
            by[:, :, at] += p.value[:, :3]
            found[node.branch] = _Linear(start.value + length[:, None] * p.value[:, :3], by)
        self.places = {name: vertex.value for name, vertex in found.items()}
        return found

    def _track(self, leaf: Node, vertex: _Linear, hessian: Floats, gradient: Floats) -> Floats:
        """chi2 of a track; adds what it says of the parameters."""
        line, part = self.measured.lines[leaf.branch], self._columns(leaf.branch)
        slopes = self.theta[:, part]
        dz = line.z - vertex.value[:, 2]
        expected = np.concatenate([vertex.value[:, :2] + dz[:, None] * slopes[:, :2], slopes], 1)
        by = np.zeros((len(dz), 5, self.size))
        by[:, :2] = vertex.by[:, :2] - slopes[:, :2, None] * vertex.by[:, 2:3]
        by[:, [0, 1], [part.start, part.start + 1]] += dz[:, None]
        by[:, [2, 3, 4], [part.start, part.start + 1, part.start + 2]] = 1.0
        weight = inverse(line.covariance[:, :5, :5])
        return _added(line.state[:, :5] - expected, by, weight, hessian, gradient)

    def _priors(self, hessian: Floats, gradient: Floats) -> Floats:
        """chi2 of clusters and the primary vertex, whose parameters are what is measured."""
        chi2 = np.zeros(len(self.theta))
        for name, clusters in self.measured.clusters.items():
            for k, cluster in enumerate(clusters):
                weight = np.zeros((len(chi2), 3, 3))
                weight[:, [0, 1, 2], [0, 1, 2]] = cluster.error**-2
                columns = self._columns(name, k)
                chi2 += _prior(self.theta, cluster.value, weight, columns, hessian, gradient)
        if (origin := self.measured.origin) is not None:
            weight = inverse(origin.covariance)
            columns = self._columns("vertex")
            chi2 += _prior(self.theta, origin.position, weight, columns, hessian, gradient)
        return chi2

    def _masses(self, sums: dict[str, _Linear]) -> tuple[Floats, Floats]:
        """Squares of the masses that are held: derivatives ``(n, k, size)``, misses ``(n, k)``."""
        n, size = self.theta.shape
        by, misses = [np.zeros((n, 0, size))], [np.zeros((n, 0))]
        for node in self._held():
            p = sums[node.branch]
            lever = 2.0 * p.value * _METRIC
            by.append(np.einsum("ni,nij->nj", lever, p.by)[:, None])
            square = (p.value**2 * _METRIC).sum(axis=1)
            misses.append((properties(node.pdg_id).mass ** 2 - square)[:, None])
        return np.concatenate(by, axis=1), np.concatenate(misses, axis=1)

    def finished(self, state: _State) -> Fitted:
        """What the parameters mean."""
        self.theta = np.where(state.converged[:, None], state.theta, np.nan)
        sums = self._momenta()
        vertices = self._vertices(sums)
        errors, flight = {}, {}
        for node in self.head.composites():
            p = sums[node.branch]
            mass = np.sqrt(np.maximum((p.value**2 * _METRIC).sum(axis=1), 1e-12))
            lever = np.einsum("ni,nij->nj", p.value * _METRIC / mass[:, None], p.by)
            errors[node.branch] = _error(lever, state.covariance)
            if node.branch in self.at:
                at = self.at[node.branch]
                unit = np.zeros(self.size)
                unit[at] = 1.0
                length = self.theta[:, at]
                flight[node.branch] = (
                    length * mass,
                    _error(mass[:, None] * unit + length[:, None] * lever, state.covariance),
                )
        return Fitted(
            {name: p.value for name, p in sums.items()},
            errors,
            {name: v.value for name, v in vertices.items()},
            flight,
            self.theta[:, :3].copy() if self.fit.primary else None,
            np.where(state.converged, state.chi2, np.nan),
            self._n_dof(),
            state.converged,
        )

    def _n_dof(self) -> int:
        """Five measurements a track and three of the primary vertex, less what is free."""
        tracks = sum(leaf.is_track for leaf in self.leaves)
        flights = len(self.at) - 1 - len(self.leaves)
        vertex = 0 if self.fit.primary else 3
        return 2 * tracks + len(self._held()) - flights - vertex


_METRIC = np.array([-1.0, -1.0, -1.0, 1.0])


def _photon(place: Floats, z: Floats, mass: Floats, origin: Floats) -> tuple[Floats, Floats]:
    """Four-momentum of a cluster ``(n, 4)`` and its derivatives by x, y, E ``(n, 4, 3)``."""
    away = np.stack([place[:, 0], place[:, 1], z], axis=1) - origin
    energy, distance = place[:, 2], np.linalg.norm(away, axis=1)
    unit = away / distance[:, None]
    p = np.sqrt(np.maximum(energy**2 - mass**2, 0.0))
    by = np.zeros((len(z), 4, 3))
    across = np.eye(3) - unit[:, :, None] * unit[:, None, :]
    by[:, :3, :2] = (p / distance)[:, None, None] * across[:, :, :2]
    by[:, :3, 2] = (energy / np.maximum(p, 1e-9))[:, None] * unit
    by[:, 3, 2] = 1.0
    return np.concatenate([p[:, None] * unit, energy[:, None]], axis=1), by


def _added(rest: Floats, by: Floats, weight: Floats, hessian: Floats, gradient: Floats) -> Floats:
    """chi2 of residuals ``(n, k)``; adds what they say of the parameters."""
    pulled = by.swapaxes(1, 2) @ weight
    hessian += pulled @ by
    gradient += np.einsum("nij,nj->ni", pulled, rest)
    chi2: Floats = np.einsum("ni,nij,nj->n", rest, weight, rest)
    return chi2


def _prior(
    theta: Floats, value: Floats, weight: Floats, at: slice, hessian: Floats, gradient: Floats
) -> Floats:
    """chi2 of parameters that are measured themselves."""
    rest = value - theta[:, at]
    hessian[:, at, at] += weight
    towards = np.einsum("nij,nj->ni", weight, rest)
    gradient[:, at] += towards
    chi2: Floats = (rest * towards).sum(axis=1)
    return chi2


def _inverse(system: Floats, hessian: Floats) -> Floats:
    """Inverse of the matrices of the steps, NaN where there is none.

    Parameters differ by many powers of ten; they are put into units of their errors first.
    """
    size = hessian.shape[1]
    scale = np.ones(system.shape[:2])
    scale[:, :size] = np.diagonal(hessian, axis1=1, axis2=2) ** -0.5
    held = system[:, size:, :size] * scale[:, None, :size]
    scale[:, size:] = np.maximum(np.linalg.norm(held, axis=2), 1e-300) ** -1.0
    scaled = system * scale[:, :, None] * scale[:, None, :]
    sound = np.isfinite(scaled).all(axis=(1, 2))
    scaled[~sound] = np.eye(scaled.shape[1])
    sound &= np.abs(np.linalg.det(scaled)) > 0.0
    scaled[~sound] = np.eye(scaled.shape[1])
    inverted = np.linalg.inv(scaled)
    inverted[~sound] = np.nan
    result: Floats = inverted * scale[:, :, None] * scale[:, None, :]
    return result


def _error(lever: Floats, covariance: Floats) -> Floats:
    """Standard deviation of what depends on the parameters by ``lever``, shape ``(n,)``."""
    variance = np.einsum("ni,nij,nj->n", lever, covariance, lever)
    result: Floats = np.sqrt(np.maximum(variance, 0.0))
    return result
