"""Momenta of a decay tree whose particles have spins.

One decay after the other is drawn, mothers first, from the density matrix of the spin that the
decays before it leave (I. G. Knowles, Comput. Phys. Commun. 58 (1990) 271; P. Richardson, JHEP 11
(2001) 029): angles of all decays together are distributed as the full amplitude says.  The head
is not polarised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...arrays import Floats, Ints
from ...errors import SourceError
from ..names import properties
from ..phasespace import Tree, break_up
from .law import Complex, Law

_MAX_TRIES = 2000

Draw = Callable[[str, Ints, int], Floats]
"""Uniform numbers by name of the stream, rows, and how many each row needs."""

_AXES = np.diag([1.0, 1.0, -1.0, -1.0])
"""Axes of the second daughter beside those of the first: t, x, y, z."""


def spin_momenta(tree: Tree, head: Floats, draw: Draw) -> Floats:
    """Four-momenta [MeV] of all nodes, shape ``(n, n_nodes, 4)``.

    Args:
        tree: the decay with its masses.
        head: px, py, pz, E of the heads, shape ``(n, 4)``.
        draw: gives random numbers.

    Raises:
        SourceError: if a law accepts hardly any angle.
    """
    walk = _Walk(tree, head, draw)
    law = tree.laws.get(0)
    states = 1 if law is None else _states(law, tree, 0)
    walk.decay(0, np.repeat(np.eye(states)[None] / states, len(head), axis=0))
    return walk.momentum[:, : len(tree.nodes)]


def _states(law: Law, tree: Tree, k: int) -> int:
    one = np.zeros(1)
    return int(law.amplitudes(one, one, tree.kept[:1, tree.columns(k)]).shape[1])


class _Walk:
    """The way through a tree; frames map the axes of a particle's rest to the laboratory."""

    def __init__(self, tree: Tree, head: Floats, draw: Draw) -> None:
        self.tree, self.mass, self.draw = tree, tree.kept, draw
        self.rows = np.arange(len(head))
        self.momentum = np.zeros((len(head), tree.width, 4))
        self.momentum[:, 0] = head
        self.frame = {0: _boosts(head, self.mass[:, 0])}

    def decay(self, k: int, density: Complex) -> Complex:
        """Draw a decay and all below it.

        Args:
            k: node that decays.
            density: matrix of its spin, shape ``(n, states, states)``.

        Returns:
            The matrix that the decay weighs the spin with, of the same shape.
        """
        tree, law = self.tree, self.tree.laws.get(k)
        *before, last = tree.steps(k)
        for j, step in enumerate(before):
            u = self.draw(f"angle/{k}/{j}", self.rows, 2)
            self._place(step, 2.0 * u[:, 0] - 1.0, 2.0 * np.pi * u[:, 1])
        if law is None:
            u = self.draw(f"angle/{k}", self.rows, 2)
            self._place(last, 2.0 * u[:, 0] - 1.0, 2.0 * np.pi * u[:, 1])
            self._below(k, None, density)
            return _unpolarised(len(self.rows), density.shape[1])
        cosine, phi, amplitude = self._angles(k, law, density)
        self._place(last, cosine, phi)
        return self._below(k, amplitude, density)

    def _angles(self, k: int, law: Law, density: Complex) -> tuple[Floats, Floats, Complex]:
        """Accepted angles of the last step, and the amplitudes there."""
        mass = self.mass[:, self.tree.columns(k)]
        # No state is more likely than the matrix's greatest eigenvalue.
        bound = law.greatest(mass) * np.linalg.eigvalsh(density)[:, -1]
        cosine, phi = np.zeros(len(mass)), np.zeros(len(mass))
        kept: Complex | None = None
        waiting = self.rows
        for attempt in range(_MAX_TRIES):
            if not len(waiting):
                break
            u = self.draw(f"law/{k}/{attempt}", waiting, 3)
            c, f = 2.0 * u[:, 1] - 1.0, 2.0 * np.pi * u[:, 2]
            found = law.amplitudes(c, f, mass[waiting])
            taken = u[:, 0] * bound[waiting] < _weight(found, density[waiting])
            if kept is None:
                kept = np.zeros((len(mass), *found.shape[1:]), dtype=np.complex128)
            rows = waiting[taken]
            cosine[rows], phi[rows], kept[rows] = c[taken], f[taken], found[taken]
            waiting = waiting[~taken]
        if len(waiting) or kept is None:
            name = properties(self.tree.nodes[k].pdg_id).name
            raise SourceError(f"the law of a decay of {name} accepts hardly any direction")
        return cosine, phi, kept

    def _below(self, k: int, amplitude: Complex | None, density: Complex) -> Complex:
        """Decays of the daughters, and what they and this one make of the spin."""
        done: dict[int, Complex] = {}
        for i, c in enumerate(self.tree.children[k]):
            if c not in self.tree.children:
                continue
            if amplitude is None or amplitude.shape[2 + i] == 1:
                law = self.tree.laws.get(c)
                states = 1 if law is None else _states(law, self.tree, c)
                self.decay(c, _unpolarised(len(self.rows), states))
            else:
                done[i] = self.decay(c, _daughter(amplitude, density, done, i))
        return density if amplitude is None else _mother(amplitude, done)

    def _place(self, step: tuple[int, int, int], cosine: Floats, phi: Floats) -> None:
        """Momenta and frames of the two that something decays to."""
        whole, first, second = step
        p = break_up(*(self.mass[:, c] for c in step))
        axes = _rotations(cosine, phi)
        for column, turned, sign in ((first, axes, 1.0), (second, _product(axes, _AXES), -1.0)):
            mass = self.mass[:, column]
            energy = np.sqrt(p**2 + mass**2)
            own = np.concatenate([sign * p[:, None] * axes[:, 1:, 3], energy[:, None]], axis=1)
            self.momentum[:, column] = _moved(self.frame[whole], own)
            if column >= len(self.tree.nodes) or column in self.tree.children:
                along = _boosts_along(p, energy, mass)
                self.frame[column] = _product(_product(self.frame[whole], turned), along)


def _unpolarised(n: int, states: int) -> Complex:
    return np.repeat(np.eye(states, dtype=np.complex128)[None] / states, n, axis=0)


def _weight(amplitude: Complex, density: Complex) -> Floats:
    """Chance of amplitudes from a spin, shape ``(n,)``."""
    flat = amplitude.reshape(*amplitude.shape[:2], -1)
    ket = (density[:, :, :, None] * flat[:, :, None, :]).sum(axis=1)
    return np.asarray((ket * flat.conj()).real.sum(axis=(1, 2)))


def _applied(ket: Complex, axis: int, matrix: Complex) -> Complex:
    """A matrix on one of the spins of amplitudes."""
    moved = np.moveaxis(ket, axis, -1)
    shape = (len(matrix), *(1,) * (moved.ndim - 2), *matrix.shape[1:])
    result = (moved[..., None] * matrix.reshape(shape)).sum(axis=-2)
    return np.moveaxis(result, -1, axis)


def _daughter(
    amplitude: Complex, density: Complex, done: dict[int, Complex], which: int
) -> Complex:
    """Density matrix of a daughter's spin, shape ``(n, states, states)``."""
    ket = _applied(amplitude, 1, density)
    for i, matrix in done.items():
        ket = _applied(ket, 2 + i, matrix)
    first, second = (_last(a, 2 + which) for a in (ket, amplitude.conj()))
    return _normal((first[:, :, :, None] * second[:, :, None, :]).sum(axis=1))


def _mother(amplitude: Complex, done: dict[int, Complex]) -> Complex:
    """What a decay weighs the spin of the mother with, shape ``(n, states, states)``."""
    ket = amplitude
    for i, matrix in done.items():
        ket = _applied(ket, 2 + i, matrix)
    first, second = (_last(a, 1) for a in (ket, amplitude.conj()))
    return _normal((first[:, :, :, None] * second[:, :, None, :]).sum(axis=1))


def _last(amplitude: Complex, axis: int) -> Complex:
    """One spin last, all others together before it."""
    moved = np.moveaxis(amplitude, axis, -1)
    return moved.reshape(len(moved), -1, moved.shape[-1])


def _normal(matrix: Complex) -> Complex:
    trace = np.trace(matrix, axis1=1, axis2=2).real
    return np.asarray(matrix / trace[:, None, None])


def _product(first: Floats, second: Floats) -> Floats:
    # Not by BLAS: sums must not depend on how many rows there are.
    return np.asarray((first[..., :, :, None] * second[..., None, :, :]).sum(axis=-2))


def _moved(frame: Floats, own: Floats) -> Floats:
    """px, py, pz, E in the laboratory of such in a frame of t, x, y, z."""
    txyz = (frame[:, :, [1, 2, 3, 0]] * own[:, None, :]).sum(axis=2)
    return np.asarray(txyz[:, [1, 2, 3, 0]])


def _rotations(cosine: Floats, phi: Floats) -> Floats:
    """Matrices that turn z into a direction, about z last, shape ``(n, 4, 4)``."""
    sine, c, s = np.sqrt(1.0 - cosine**2), np.cos(phi), np.sin(phi)
    zero = np.zeros_like(c)
    rows: Sequence[Sequence[Floats]] = (
        (zero + 1.0, zero, zero, zero),
        (zero, c * cosine, -s, c * sine),
        (zero, s * cosine, c, s * sine),
        (zero, -sine, zero, cosine),
    )
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def _boosts_along(p: Floats, energy: Floats, mass: Floats) -> Floats:
    """Boosts along z from the rest of something to its momentum, shape ``(n, 4, 4)``."""
    found = np.zeros((len(p), 4, 4))
    found[:, 1, 1] = found[:, 2, 2] = 1.0
    found[:, 0, 0] = found[:, 3, 3] = energy / mass
    found[:, 0, 3] = found[:, 3, 0] = p / mass
    return found


def _boosts(momentum: Floats, mass: Floats) -> Floats:
    """Boosts without rotation from rest to momenta px, py, pz, E, shape ``(n, 4, 4)``."""
    velocity = momentum[:, :3] / mass[:, None]
    gamma = momentum[:, 3] / mass
    found = np.empty((len(mass), 4, 4))
    found[:, 0, 0] = gamma
    found[:, 0, 1:] = found[:, 1:, 0] = velocity
    outer = velocity[:, :, None] * velocity[:, None, :] / (gamma + 1.0)[:, None, None]
    found[:, 1:, 1:] = np.eye(3) + outer
    return found
