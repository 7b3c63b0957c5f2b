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

import copy
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..events import EventBatch
from .combine import Combinations
from .descriptor import Node
from .names import properties
from .pointing import inverse
from .prongs import four_momenta
from .reconstruct import Reconstructed
from .request import DecayRequest
from .treefit_measured import Measured, flying, from_vertex, measured_of, mother
from .treefit_request import TreeFit

MOST_STEPS = 40
"""Steps of a candidate; most are done after three or four."""
BLOCK = 1000
"""Candidates whose matrices are in the processor's caches together."""
TOLERANCE = 1e-4
"""A fit is done when a step changes chi2 by less than this and masses hold."""
MASS_TOLERANCE = 1e-4
"""Largest distance of a held mass from its value [MeV]."""


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
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        measured = measured_of(batch, request, fit, combos, found)
        starts = range(0, max(measured.n, 1), BLOCK)
        blocks = [np.arange(k, min(k + BLOCK, measured.n)) for k in starts]
        parts = [_Tree(request, fit, measured.take(rows)).minimised() for rows in blocks]
        tree = _Tree(request, fit, measured)
        return tree.finished(_State._make(map(np.concatenate, zip(*parts, strict=True))))


class _Linear(NamedTuple):
    """Quantities ``(n, k)`` at some parameters and their derivatives, ``(n, k, n_parameters)``."""

    value: Floats
    by: Floats


class _State(NamedTuple):
    """Where a fit stands; arrays of shape ``(n, ...)``."""

    theta: Floats
    covariance: Floats
    places: Floats
    chi2: Floats
    converged: Mask


class _Tree:
    """One fit of all candidates; `at` tells where the parameters of each particle begin."""

    def __init__(self, request: DecayRequest, fit: TreeFit, measured: Measured) -> None:
        self.request, self.fit, self.measured = request, fit, measured
        self.head, self.flying = request.decay.head, flying(request.decay.head)
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
                    from_there = measured.places[mother(self.head, node).branch]
                p = measured.momenta[node.branch][:, :3]
                way = measured.places[node.branch] - from_there
                theta[:, self.at[node.branch]] = (way * p).sum(axis=1) / (p * p).sum(axis=1)
        return theta

    def taken(self, rows: Ints) -> _Tree:
        """The fit of some of the candidates, from where it stands."""
        part = copy.copy(self)
        part.measured, part.theta = self.measured.take(rows), self.theta[rows]
        part.places = {name: place[rows] for name, place in self.places.items()}
        return part

    def minimised(self) -> _State:
        """Steps of each candidate until it does not move, at most `MOST_STEPS`."""
        n, size = self.theta.shape
        unknown = np.full((n, size, size), np.nan), np.full((n, len(self.flying), 3), np.nan)
        state = _State(self.theta.copy(), *unknown, np.full(n, np.inf), np.zeros(n, np.bool_))
        left, part = np.arange(n), self
        for _ in range(MOST_STEPS):
            system, right, chi2, off = part._equations()
            still = (np.abs(chi2 - state.chi2[left]) < TOLERANCE) & (off < MASS_TOLERANCE)
            done = left[still]
            state.theta[done], state.converged[done] = part.theta[still], True
            state.places[done] = np.stack([part.places[c.branch] for c in self.flying], 1)[still]
            state.covariance[done] = _solved(system[still], size)[:, :size, :size]
            state.chi2[left] = chi2
            moving = np.flatnonzero(~still)
            step = _solved(system[moving], size, right[moving])[:, :size]
            sound = np.isfinite(step).all(axis=1)
            moving = moving[sound]
            if not len(moving):
                break
            left, part = left[moving], part if len(moving) == len(left) else part.taken(moving)
            part.theta = part.theta + step[sound]
        return state

    def _equations(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Matrix and right side of the next step, chi2, and how far masses are off [MeV]."""
        sums = self._momenta()
        vertices = self._vertices(sums)
        n, size = self.theta.shape
        held = self._held()
        k = size + len(held)
        system, right, chi2 = np.zeros((n, k, k)), np.zeros((n, k)), np.zeros(n)
        hessian, gradient = system[:, :size, :size], right[:, :size]
        for node in self.flying:
            for leaf in from_vertex(node):
                if leaf.is_track:
                    chi2 += self._track(leaf, vertices[node.branch], hessian, gradient)
        chi2 += self._priors(hessian, gradient)
        by, misses = self._masses(sums)
        system[:, size:, :size], system[:, :size, size:] = by, by.swapaxes(1, 2)
        right[:, size:] = misses
        off = np.zeros(n)
        for j, node in enumerate(held):
            off = np.maximum(off, np.abs(misses[:, j]) / (2.0 * properties(node.pdg_id).mass))
        return system, right, chi2, off

    def _held(self) -> list[Node]:
        return [c for c in self.head.composites() if c.branch in self.fit.masses]

    def _momenta(self) -> dict[str, _Linear]:
        """Four-momenta of all particles."""
        found: dict[str, _Linear] = {}
        for node in self.flying:
            for leaf in from_vertex(node):
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
            start = begin if node is self.head else found[mother(self.head, node).branch]
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
        weight = self.measured.weights[leaf.branch]
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
        self.places = {c.branch: state.places[:, j] for j, c in enumerate(self.flying)}
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


def _solved(system: Floats, size: int, right: Floats | None = None) -> Floats:
    """Solutions ``(n, k)`` of the equations of steps of `size` parameters, NaN where there is none.

    Without `right` the inverse matrices.  Parameters differ by many powers of ten; they are put
    into units of their errors first.
    """
    scale = np.ones(system.shape[:2])
    scale[:, :size] = np.diagonal(system, axis1=1, axis2=2)[:, :size] ** -0.5
    held = system[:, size:, :size] * scale[:, None, :size]
    scale[:, size:] = np.maximum(np.linalg.norm(held, axis=2), 1e-300) ** -1.0
    scaled = system * scale[:, :, None] * scale[:, None, :]
    sound = np.isfinite(scaled).all(axis=(1, 2))
    scaled[~sound] = np.eye(scaled.shape[1])
    try:
        found = _linear(scaled, scale, right)
    except np.linalg.LinAlgError:
        sound &= np.abs(np.linalg.det(scaled)) > 0.0
        scaled[~sound] = np.eye(scaled.shape[1])
        found = _linear(scaled, scale, right)
    found[~sound] = np.nan
    return found


def _linear(scaled: Floats, scale: Floats, right: Floats | None) -> Floats:
    """Solutions or inverse matrices in the units of the parameters."""
    if right is None:
        return np.asarray(np.linalg.inv(scaled)) * scale[:, :, None] * scale[:, None, :]
    return np.asarray(np.linalg.solve(scaled, (right * scale)[:, :, None]))[:, :, 0] * scale


def _error(lever: Floats, covariance: Floats) -> Floats:
    """Standard deviation of what depends on the parameters by ``lever``, shape ``(n,)``."""
    variance = np.einsum("ni,nij,nj->n", lever, covariance, lever)
    result: Floats = np.sqrt(np.maximum(variance, 0.0))
    return result
