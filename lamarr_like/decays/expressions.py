"""Branches that a user names: ``mkpi=M(K+,pi-)``, masses under other hypotheses, angles.

=========================  ==================================================================
``M(a, b, ...)``           invariant mass of some particles of the decay
``M2(a, b, ...)``          its square: q2, or an axis of a Dalitz plot
``P(a, ...)``, ``PT(...)``  momentum and transverse momentum of their sum
``ANGLE(a, b)``            angle between two of them
``DOCA(a, b)``             distance of closest approach of two tracks
``COSHEL(a, b)``           cosine of the helicity angle of a, which b decays to: between a and the
                           flight of b, in the rest frame of b
``CHI(a, b, c, d)``        angle between the planes of a, b and of c, d in the rest frame of the
                           head, from the first to the second about the sum of a and b
=========================  ==================================================================

A particle is written by its name, or by that of its branch where several have one name, with
``K+:pi+`` for a track that is taken for another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..arrays import Floats
from ..errors import DecayError
from .descriptor import Decay, Node
from .names import identify, properties
from .prongs import Prongs

if TYPE_CHECKING:
    from .reconstruct import Reconstructed

MOST = 64
"""Most branches of a decay that a user may name."""


class Argument(NamedTuple):
    """A particle in an expression.

    Attributes:
        branch: name of its branch.
        hypothesis: PDG identifier that it is taken for; 0 for its own.
    """

    branch: str
    hypothesis: int


class Function(NamedTuple):
    """What can be asked.

    Attributes:
        least, most: numbers of arguments.
        unit: of the result, as text.
        doc: its meaning in one line.
        of: computes it from the four-momenta of the arguments, each ``(n, 4)``, and of the head.
    """

    least: int
    most: int
    unit: str
    doc: str
    of: Callable[[list[Floats], Floats], Floats]


@dataclass(frozen=True)
class Expression:
    """A branch that a user names.

    Args:
        name: of the branch.
        function: key of `FUNCTIONS`, or ``DOCA``.
        arguments: the particles.
        text: as written.
    """

    name: str
    function: str
    arguments: tuple[Argument, ...]
    text: str

    @classmethod
    def parse(cls, text: str, decay: Decay) -> Expression:
        """Read ``NAME=FUNCTION(PARTICLE, ...)``.

        Raises:
            DecayError: for what cannot be read, is not in the decay, or cannot be asked of it.
        """
        wrong = f"branch {text!r} of {decay.text!r}"
        match = re.fullmatch(r"\s*([A-Za-z_]\w{0,63})\s*=\s*([A-Z0-9]+)\s*\((.*)\)\s*", text)
        if match is None:
            raise DecayError(f"{wrong}: not of the form NAME=M(K+,pi-)")
        function = FUNCTIONS.get(match[2])
        if function is None:
            raise DecayError(f"{wrong}: no {match[2]!r}; there are {', '.join(FUNCTIONS)}")
        given = [one.strip() for one in _split(match[3])]
        if not function.least <= len(given) <= function.most:
            raise DecayError(
                f"{wrong}: {match[2]} takes {function.least} to {function.most} particles, "
                f"not {len(given)}"
            )
        arguments = tuple(_argument(one, decay, wrong) for one in given)
        tracks = {leaf.branch for leaf in decay.leaves if leaf.is_track}
        if match[2] == "DOCA" and not {a.branch for a in arguments} <= tracks:
            raise DecayError(f"{wrong}: DOCA is that of two tracks")
        return cls(match[1], match[2], arguments, text)

    def values(self, found: Reconstructed, head: str) -> Floats:
        """The branch, shape ``(n,)``.

        Args:
            found: candidates after their fits.
            head: branch of the head.
        """
        if self.function == "DOCA":
            return closest_approach(*(found.lines[a.branch] for a in self.arguments))
        momenta = [_momentum(found, one) for one in self.arguments]
        with np.errstate(divide="ignore", invalid="ignore"):
            return FUNCTIONS[self.function].of(momenta, found.composites[head].momentum)


def _split(text: str) -> list[str]:
    """Arguments, which may have parentheses of their own: ``K*(892)0, J/psi(1S)``."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _argument(text: str, decay: Decay, wrong: str) -> Argument:
    name, colon, other = text.partition(":")
    node = _node(name.strip(), decay, wrong)
    if not colon:
        return Argument(node.branch, 0)
    hypothesis = identify(other.strip())
    if not node.is_track or properties(hypothesis).charge == 0.0:
        raise DecayError(f"{wrong}: {text!r}: a track alone can be taken for another")
    return Argument(node.branch, hypothesis)


def _node(name: str, decay: Decay, wrong: str) -> Node:
    """A particle by the name of its branch, or its own if only one has it."""
    nodes = [n for n in decay.nodes if not n.is_invisible]
    for node in nodes:
        if node.branch == name:
            return node
    try:
        wanted = identify(name)
    except DecayError:
        wanted = 0
    named = [n for n in nodes if n.pdg_id == wanted]
    if len(named) != 1:
        known = ", ".join(n.branch for n in nodes)
        how = "no particle" if not named else "more than one particle"
        raise DecayError(f"{wrong}: {how} {name!r}; there are {known}")
    return named[0]


def _momentum(found: Reconstructed, one: Argument) -> Floats:
    if one.branch in found.composites:
        return found.composites[one.branch].momentum
    p = found.momenta[one.branch]
    if one.hypothesis:
        p = p.copy()
        p[:, 3] = np.sqrt((p[:, :3] ** 2).sum(axis=1) + properties(one.hypothesis).mass ** 2)
    return p


def closest_approach(one: Prongs, other: Prongs) -> Floats:
    """Distance of closest approach [mm] of straight lines of leading shape ``(n,)``."""
    first, second = (
        np.column_stack([line.state[:, 2:4], np.ones(len(line.z))]) for line in (one, other)
    )
    apart = np.column_stack([other.state[:, :2], other.z]) - np.column_stack(
        [one.state[:, :2], one.z]
    )
    across = np.cross(first, second)
    size = np.linalg.norm(across, axis=1)
    parallel = np.linalg.norm(np.cross(apart, first), axis=1) / np.linalg.norm(first, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = np.abs((apart * across).sum(axis=1)) / size
    found: Floats = np.where(size > 1e-12, skew, parallel)
    return found


def _square(p: Floats) -> Floats:
    square: Floats = p[:, 3] ** 2 - (p[:, :3] ** 2).sum(axis=1)
    return square


def boosted(p: Floats, frame: Floats) -> Floats:
    """Three-momenta in the rest frame of something, shape ``(n, 3)``; both ``(n, 4)``."""
    mass = np.sqrt(np.maximum(_square(frame), 1e-12))
    along = (p[:, :3] * frame[:, :3]).sum(axis=1)
    energy = (frame[:, 3] * p[:, 3] - along) / mass
    factor = (energy + p[:, 3]) / (mass + frame[:, 3])
    result: Floats = p[:, :3] - factor[:, None] * frame[:, :3]
    return result


def _cosine(a: Floats, b: Floats) -> Floats:
    norm = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine: Floats = np.clip((a * b).sum(axis=1) / norm, -1.0, 1.0)
    return cosine


def _helicity(p: list[Floats], head: Floats) -> Floats:
    daughter, mother = p
    flight = -boosted(head, mother)
    if np.shares_memory(mother, head):
        # The head has no mother: its flight in the laboratory.
        flight = mother[:, :3]
    return _cosine(boosted(daughter, mother), flight)


def _planes(p: list[Floats], head: Floats) -> Floats:
    a, b, c, d = (boosted(one, head) for one in p)
    one, other, axis = np.cross(a, b), np.cross(c, d), a + b
    axis /= np.linalg.norm(axis, axis=1)[:, None]
    sine = (np.cross(one, other) * axis).sum(axis=1)
    angle: Floats = np.arctan2(sine, (one * other).sum(axis=1))
    return angle


def _sum(p: Sequence[Floats]) -> Floats:
    total: Floats = np.sum(p, axis=0)
    return total


FUNCTIONS = {
    "M": Function(1, 16, "MeV", "invariant mass",
                  lambda p, head: np.sqrt(np.maximum(_square(_sum(p)), 0.0))),
    "M2": Function(1, 16, "MeV^2", "square of the invariant mass",
                   lambda p, head: _square(_sum(p))),
    "P": Function(1, 16, "MeV", "momentum of the sum",
                  lambda p, head: np.linalg.norm(_sum(p)[:, :3], axis=1)),
    "PT": Function(1, 16, "MeV", "transverse momentum of the sum",
                   lambda p, head: np.hypot(*_sum(p)[:, :2].T)),
    "ANGLE": Function(2, 2, "rad", "angle between two particles",
                      lambda p, head: np.arccos(_cosine(p[0][:, :3], p[1][:, :3]))),
    "DOCA": Function(2, 2, "mm", "distance of closest approach of two tracks",
                     lambda p, head: np.full(len(head), np.nan)),
    "COSHEL": Function(2, 2, "", "cosine of the helicity angle of a particle", _helicity),
    "CHI": Function(4, 4, "rad", "angle between two planes of decays", _planes),
}  # fmt: skip
"""Functions by name; ``DOCA`` is one of lines, see `closest_approach`."""
