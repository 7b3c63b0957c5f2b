"""Phase-space decays: the method of Raubold and Lynch, with Breit-Wigner resonances.

An N-body decay is a chain of two-body ones through N - 2 invariant masses, drawn sorted and flat;
the weight is the product of the momenta in these (F. James, CERN 68-15, sec. 3.3).  Resonances get
a mass from the relativistic Breit-Wigner law in its bounds, each with the weight of its own decay,
so masses and momenta together follow phase space times the resonances.  Drawings are accepted in
proportion to their weights: the decays have no weights left.  Where a particle of the tree has a
law of its own (`models.law`), that weighs the masses, and `models.helicity` draws the angles.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints
from ..errors import SourceError
from ..rng import uniforms
from .descriptor import Node, least_mass
from .names import properties

MAX_WIDTHS = 10.0
"""Distance from its mean, in widths, up to which a resonance's mass is drawn."""

_NARROW = 1e-6
"""Width [MeV] below which a mass is fixed."""

_MAX_TRIES = 20_000

_MANY = 7
"""Daughters from which on GENBOD's bound accepts less than one drawing in 10 000."""

_MANY_ENDS = 8
"""Ends of a tree above which the bounds of its decays together accept too little."""

_ROOM = 1.02
"""Factor on the greatest weight that was found, for what the search may miss."""


class Decayed(NamedTuple):
    """Four-momenta of a decay tree in the frame of the laboratory.

    Attributes:
        nodes: the tree, mothers first.
        mother: position of the mother of each among the nodes, -1 for the head.
        momentum: px, py, pz, E [MeV], shape ``(n, n_nodes, 4)``.
    """

    nodes: list[Node]
    mother: list[int]
    momentum: Floats


def decay_tree(
    head: Node, momentum: Floats, seed: int, stage: str, event_id: Ints, index: Ints
) -> Decayed:
    """Let heads of given momenta decay.

    Args:
        head: the decay; what has no daughters stays.
        momentum: px, py, pz [MeV] of the heads, shape ``(n, 3)``.
        seed: seed of the run.
        stage: name of the stream of random numbers.
        event_id: event of each, shape ``(n,)``.
        index: number of each within its event, shape ``(n,)``.

    Raises:
        SourceError: if the decay is so close to its threshold, or what a law allows so rare, that
            no drawing is accepted.
    """
    tree = Tree(head)
    n = len(momentum)
    masses = np.zeros((n, len(tree.nodes)))
    waiting = np.arange(n)
    n_masses, n_angles = tree.sizes
    for attempt in range(_MAX_TRIES):
        if not len(waiting):
            break
        keys = (event_id[waiting], index[waiting])
        u = uniforms(seed, f"{stage}/mass/{attempt}", *keys, n_masses + 1)
        drawn, weight = tree.draw(u[:, 1:])
        taken = u[:, 0] < weight
        masses[waiting[taken]] = drawn[taken, : len(tree.nodes)]
        tree.keep(waiting[taken], drawn[taken], n)
        waiting = waiting[~taken]
    if len(waiting):
        name = properties(head.pdg_id).name
        raise SourceError(f"a decay of {name} is too close to its threshold to be generated")
    energy = np.sqrt((momentum**2).sum(axis=1) + masses[:, 0] ** 2)
    start = np.concatenate([momentum, energy[:, None]], axis=1)
    if not tree.laws:
        angles = uniforms(seed, f"{stage}/angle", event_id, index, n_angles)
        return Decayed(tree.nodes, tree.mother, tree.momenta(start, angles))
    from .models.helicity import spin_momenta

    def draw(name: str, rows: Ints, size: int) -> Floats:
        return uniforms(seed, f"{stage}/{name}", event_id[rows], index[rows], size)

    return Decayed(tree.nodes, tree.mother, spin_momenta(tree, start, draw))


class Tree:
    """A decay as flat lists; columns of masses are those of the nodes, then of the chains.

    Args:
        head: the decay.

    Attributes:
        nodes: particles, mothers first.
        mother: position of the mother of each, -1 for the head.
        children: positions of the daughters of each particle that decays.
        chain: columns of the masses between the first pair of daughters and the whole.
        laws: law of each particle that has one.
        replaced: particles whose law stands in place of phase space.
        kept: accepted masses [MeV], shape ``(n, width)``.
    """

    def __init__(self, head: Node) -> None:
        self.nodes = list(head.walk())
        position = {id(node): k for k, node in enumerate(self.nodes)}
        self.mother = [-1] * len(self.nodes)
        self.children: dict[int, list[int]] = {}
        for k, node in enumerate(self.nodes):
            if node.daughters:
                self.children[k] = [position[id(d)] for d in node.daughters]
                for child in self.children[k]:
                    self.mother[child] = k
        # The chain of an N-body decay has N - 2 masses between the first pair and the whole.
        at = len(self.nodes)
        self.chain: dict[int, list[int]] = {}
        for k, below in self.children.items():
            self.chain[k] = list(range(at, at + len(below) - 2))
            at += len(below) - 2
        self.width = at
        ends = len(self.nodes) - len(self.children)
        self.many = ends > _MANY_ENDS
        self.bound = {k: self._bound(k) for k in self.children}
        self.laws = {k: law for k in self.children if (law := self.nodes[k].law) is not None}
        self.replaced = [k for k, law in self.laws.items() if law.replaces]
        self.kept = np.zeros((0, at))

    @property
    def sizes(self) -> tuple[int, int]:
        """Random numbers for the masses, and for the angles."""
        return self.width, 2 * sum(len(below) - 1 for below in self.children.values())

    def keep(self, rows: Ints, drawn: Floats, n: int) -> None:
        """Remember accepted masses.

        Args:
            rows: the decays, shape ``(n_rows,)``.
            drawn: their masses, shape ``(n_rows, width)``.
            n: all decays.
        """
        if len(self.kept) != n:
            self.kept = np.zeros((n, self.width))
        self.kept[rows] = drawn

    def limits(self, k: int) -> tuple[float, float]:
        """Least and greatest mass that a node is ever drawn with."""
        found = properties(self.nodes[k].pdg_id)
        if self.mother[k] < 0 or found.width < _NARROW or k not in self.children:
            return found.mass, found.mass
        low = max(sum(least_mass(d) for d in self.nodes[k].daughters), 0.0)
        low = max(low, found.mass - MAX_WIDTHS * found.width)
        return low, found.mass + MAX_WIDTHS * found.width

    def _bound(self, k: int) -> float:
        """No less than the greatest weight of a node's decay.

        That of GENBOD is far too great for many daughters; theirs is looked for.
        """
        low = [self.limits(c)[0] for c in self.children[k]]
        top = self.limits(k)[1]
        free = max(top - sum(low), 0.0)
        weight = free ** (len(low) - 2) / top
        if (self.many or len(low) >= _MANY) and free > 0.0:
            return weight * _greatest_product(top, low) * _ROOM
        most, least = free + low[0], 0.0
        for before, mass in itertools.pairwise(low):
            least += before
            most += mass
            weight *= break_up(np.array(most), np.array(least), np.array(mass)).item()
        return weight

    def draw(self, u: Floats) -> tuple[Floats, Floats]:
        """Masses of nodes and chains, and the probability to accept them, shape ``(n,)``.

        Args:
            u: uniform numbers, shape ``(n, width)``.
        """
        mass = np.zeros((len(u), self.width))
        weight = np.ones(len(u))
        mass[:, 0] = self.limits(0)[0]
        for k, below in self.children.items():
            for c in below:
                others = sum(self.limits(d)[0] for d in below if d != c)
                mass[:, c] = self._resonance(c, mass[:, k] - others, u[:, c])
            total = mass[:, below].sum(axis=1)
            free = mass[:, k] - total
            part = np.sort(u[:, self.chain[k]], axis=1)
            for j, column in enumerate(self.chain[k]):
                mass[:, column] = mass[:, below[: j + 2]].sum(axis=1) + part[:, j] * free
            power = np.maximum(free, 0.0) ** (len(below) - 2) / mass[:, k]
            for whole, first, second in self.steps(k):
                power = power * break_up(mass[:, whole], mass[:, first], mass[:, second])
            share = np.ones(len(u)) if k in self.replaced else power / self.bound[k]
            weight *= np.where(free > 0.0, share, 0.0)
        for k, law in self.laws.items():
            possible = np.flatnonzero(weight > 0.0)
            weight[possible] *= law.mass_weight(mass[possible][:, self.columns(k)])
        return mass, weight

    def columns(self, k: int) -> list[int]:
        """Masses that a decay follows from: of what decays, of its chain, of its daughters."""
        return [k, *self.chain[k], *self.children[k]]

    def steps(self, k: int) -> list[tuple[int, int, int]]:
        """Two-body decays of a node's chain as columns (mother, first, second), last one first."""
        below, chain = self.children[k], self.chain[k]
        wholes = [*chain, k]
        firsts = [below[0], *chain]
        return list(zip(wholes, firsts, below[1:], strict=True))[::-1]

    def _resonance(self, k: int, room: Floats, u: Floats) -> Floats:
        """Mass of a node that fits in a room, by the relativistic Breit-Wigner law."""
        low, high = self.limits(k)
        if high <= low:
            return np.full(len(u), low)
        found = properties(self.nodes[k].pdg_id)
        scale = found.mass * found.width
        highest = np.clip(room, low, high)
        first = np.arctan((low**2 - found.mass**2) / scale)
        last = np.arctan((highest**2 - found.mass**2) / scale)
        result: Floats = np.sqrt(found.mass**2 + scale * np.tan(first + u * (last - first)))
        return result

    def momenta(self, head: Floats, u: Floats) -> Floats:
        """Four-momenta [MeV] of all nodes in isotropic decays, shape ``(n, n_nodes, 4)``.

        Args:
            head: four-momenta of the heads, shape ``(n, 4)``.
            u: uniform numbers, shape ``(n, n_angles)``.
        """
        mass = self.kept
        momentum = np.zeros((len(head), self.width, 4))
        momentum[:, 0] = head
        at = 0
        for k in self.children:
            for whole, first, second in self.steps(k):
                cosine, phi = 2.0 * u[:, at] - 1.0, 2.0 * np.pi * u[:, at + 1]
                at += 2
                p = break_up(mass[:, whole], mass[:, first], mass[:, second])
                sine = np.sqrt(1.0 - cosine**2)
                way = np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)
                for column, sign in ((first, 1.0), (second, -1.0)):
                    energy = np.sqrt(p**2 + mass[:, column] ** 2)
                    own = np.concatenate([sign * p[:, None] * way, energy[:, None]], axis=1)
                    momentum[:, column] = boost(own, momentum[:, whole], mass[:, whole])
        return momentum[:, : len(self.nodes)]


def _greatest_product(top: float, low: list[float]) -> float:
    """Greatest product of the momenta in the two-body decays of a chain.

    Its logarithm has one maximum; each mass of the chain in turn is moved to its best place.

    Args:
        top: mass of what decays.
        low: masses of the daughters.
    """
    sums = np.cumsum(low)
    chain = sums + (top - sums[-1]) * np.linspace(0.0, 1.0, len(low))
    part = np.linspace(0.0, 1.0, 401)[1:-1]
    for _ in range(100):
        for j in range(1, len(low) - 1):
            first, last = chain[j - 1] + low[j], chain[j + 1] - low[j + 1]
            place = first + part * (last - first)
            product = break_up(place, chain[j - 1], np.array(low[j]))
            product = product * break_up(chain[j + 1], place, np.array(low[j + 1]))
            chain[j] = place[product.argmax()]
    steps = break_up(chain[1:], chain[:-1], np.array(low[1:]))
    return float(np.prod(steps))


def break_up(mass: Floats, first: Floats, second: Floats) -> Floats:
    """Momentum of a two-body decay in its rest frame; 0 where it is impossible.

    Args:
        mass: of what decays, shape ``(n,)``.
        first, second: masses of the daughters, shape ``(n,)``.
    """
    plus, minus = first + second, first - second
    product = (mass**2 - plus**2) * (mass**2 - minus**2)
    return np.where(mass > plus, np.sqrt(np.maximum(product, 0.0)) / (2.0 * mass), 0.0)


def boost(own: Floats, frame: Floats, mass: Floats) -> Floats:
    """Four-momenta in the laboratory of what is known in the rest frame of something.

    Args:
        own: in the rest frame, shape ``(n, 4)``.
        frame: four-momentum of that frame, shape ``(n, 4)``.
        mass: its mass, shape ``(n,)``.
    """
    gamma = frame[:, 3] / mass
    velocity = frame[:, :3] / mass[:, None]  # gamma times velocity
    along = (velocity * own[:, :3]).sum(axis=1)
    momentum = own[:, :3] + velocity * (along / (gamma + 1.0) + own[:, 3])[:, None]
    return np.concatenate([momentum, (gamma * own[:, 3] + along)[:, None]], axis=1)
