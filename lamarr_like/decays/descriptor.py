"""Decay descriptors: ``B0 -> (K*(892)0 -> K+ pi-) (J/psi(1S) -> mu+ mu-)``.

========================================  =========================================================
``HEAD -> A B C``                         a decay; names as in `spelling`, with spaces between them
``(X -> A B)``, ``[X -> A B]CC``          a daughter that decays
``[ ... ]CC``, ``[ ... ]cc``              with charge conjugates, which is the default
``[B0]cc -> A B``                         the same: the head, or a daughter that decays, of either
                                          flavour, and each with its own daughters
``=>``, ``-->``, ``==>``, ``-x>`` ...     what ``->`` says, see below
``^mu+``, ``^(X -> A B)``                 marks of DaVinci; they change nothing
``${Kst}(K*(892)0 -> K+ pi-)``, ``${K}K+``  names of branches, as in DaVinci's templates
``NAME: HEAD -> ...``                     name of the folder of its ``DecayTree``
========================================  =========================================================

A decay ends at what the detector sees: e, mu, pi, K, p, photons and pi0.  Neutrinos, K_L and
neutrons may be written; they are left out of the candidate and make it a partial one.

DaVinci's arrows differ in what else may happen: radiated photons (``=>``), resonances that are not
written (``-->``), both (``==>``), and each with interactions (``x``).  Here all say ``==>``: see
`truth`.  DaVinci writes branches of what is marked with ``^``; here everything has branches.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .names import (
    INVISIBLE,
    K0,
    OBJECTS,
    PHOTON,
    PI0,
    DecayError,
    branch_name,
    conjugate,
    identify,
    is_long_lived,
    properties,
)

if TYPE_CHECKING:
    from .models.law import Law

MAX_LEAVES = 16
"""Most objects that a decay may end in."""

MAX_DAUGHTERS = 10
"""Most daughters of one particle: of more, hardly any drawing of phase space is accepted."""

MAX_DEPTH = 12
"""Most decays in one another."""

MAX_LENGTH = 2000
"""Most characters of a descriptor."""


@dataclass(frozen=True)
class Node:
    """A particle of a decay.

    Args:
        pdg_id: PDG identifier as written.
        branch: name in branches, ``""`` until it is given one.
        daughters: what it decays to; none for a leaf.
        position: where it stands in the descriptor.
        law: how its decay is distributed; phase space if None.
    """

    pdg_id: int
    branch: str = ""
    daughters: tuple[Node, ...] = ()
    position: int = field(default=-1, compare=False)
    law: Law | None = field(default=None, compare=False)

    @property
    def is_leaf(self) -> bool:
        """Whether it ends the decay."""
        return not self.daughters

    @property
    def is_track(self) -> bool:
        """Whether it leaves a track."""
        return self.is_leaf and properties(self.pdg_id).charge != 0.0

    @property
    def is_invisible(self) -> bool:
        """Whether it leaves nothing."""
        return self.is_leaf and abs(self.pdg_id) in INVISIBLE

    @property
    def is_neutral(self) -> bool:
        """Whether it is seen in the calorimeter alone: a photon or a pi0 that is not split."""
        return self.is_leaf and self.pdg_id in (PHOTON, PI0)

    @property
    def has_own_vertex(self) -> bool:
        """Whether it flies before it decays."""
        return not self.is_leaf and is_long_lived(self.pdg_id)

    def walk(self) -> Iterator[Node]:
        """Itself and everything below, mothers first."""
        yield self
        for daughter in self.daughters:
            yield from daughter.walk()

    def leaves(self) -> list[Node]:
        """What is reconstructed, in the order written."""
        return [n for n in self.walk() if n.is_leaf and not n.is_invisible]

    def composites(self) -> list[Node]:
        """What decays, mothers first."""
        return [n for n in self.walk() if not n.is_leaf]

    def conjugated(self) -> Node:
        """The charge conjugate decay, with the laws of the CP conjugate."""
        below = tuple(d.conjugated() for d in self.daughters)
        law = None if self.law is None else self.law.conjugated()
        return replace(self, pdg_id=conjugate(self.pdg_id), daughters=below, law=law)

    def signature(self, conjugated: bool = False) -> tuple[object, ...]:
        """What it is regardless of order and names of branches."""
        number = conjugate(self.pdg_id) if conjugated else self.pdg_id
        return (number, *sorted((d.signature(conjugated) for d in self.daughters), key=repr))


@dataclass(frozen=True)
class Decay:
    """A decay that can happen and be reconstructed.

    Args:
        head: its tree; names of branches are unique.
        name: name of the folder of its tree.
        text: the descriptor as written.
    """

    head: Node
    name: str
    text: str = field(compare=False)

    @property
    def leaves(self) -> list[Node]:
        """What is reconstructed, in the order written."""
        return self.head.leaves()

    @property
    def invisible(self) -> list[Node]:
        """What is lost."""
        return [n for n in self.head.walk() if n.is_invisible]

    @property
    def nodes(self) -> list[Node]:
        """Everything that gets branches, mothers first."""
        return [n for n in self.head.walk() if not n.is_invisible]

    @property
    def is_own_conjugate(self) -> bool:
        """Whether the charge conjugate has the same final state with the same intermediates."""
        below = [
            sorted((d.signature(c) for d in self.head.daughters), key=repr) for c in (False, True)
        ]
        return below[0] == below[1]


_NAME = re.compile(r"\s*([A-Za-z]\w*)\s*:\s")
_LABEL = re.compile(r"\$\{([^}]*)\}")
_ARROW = re.compile(r"(--?|==?)x?>")
_EITHER = re.compile(r"\[\s*[^\s\]\[]+\s*\](CC|cc)")


class _Parser:
    """Recursive descent over the text; `at` is the place reached."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def fail(self, reason: str, position: int | None = None) -> DecayError:
        return DecayError(reason, self.text, self.at if position is None else position)

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def take(self, word: str) -> bool:
        self.skip()
        if self.text.startswith(word, self.at):
            self.at += len(word)
            return True
        return False

    def rest(self) -> str:
        """The next character, an empty text at the end."""
        self.skip()
        return self.text[self.at : self.at + 1]

    def label(self) -> str:
        self.skip()
        match = _LABEL.match(self.text, self.at)
        if match is None:
            return ""
        if not re.fullmatch(r"[A-Za-z]\w*", match[1]):
            raise self.fail(f"{match[1]!r} cannot be the name of a branch: letters, digits, _")
        self.at = match.end()
        return match[1]

    def particle(self) -> tuple[int, int]:
        """A name, which may hold balanced parentheses."""
        self.skip()
        start, depth = self.at, 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char.isspace() or (depth == 0 and char in ")]"):
                break
            depth += (char == "(") - (char == ")")
            self.at += 1
        word = self.text[start : self.at]
        arrow = _ARROW.search(word)
        if not word or (arrow and arrow.start() == 0):
            raise self.fail("a particle is missing here", start)
        if arrow:
            raise self.fail("put spaces around the arrow", start + arrow.start())
        return identify(word, self.text, start), start

    def mother(self) -> tuple[int, int]:
        """A name, or ``[NAME]cc``, which says what is meant anyway."""
        self.mark()
        opened = self.at
        if not self.take("["):
            return self.particle()
        found = self.particle()
        self.close_bracket(opened)
        return found

    def mark(self) -> None:
        """Pass over a mark."""
        self.take("^")
        self.skip()

    def close_bracket(self, opened: int) -> None:
        if not (self.take("]CC") or self.take("]cc")):
            raise self.fail("this bracket is not closed by ]CC", opened)

    def arrow(self, what: str) -> None:
        self.skip()
        match = _ARROW.match(self.text, self.at)
        if match is None:
            raise self.fail(f"the arrow -> and the daughters of {what} are missing here")
        self.at = match.end()

    def enter(self) -> None:
        """Count what stands in one another."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"more than {MAX_DEPTH} decays or brackets in one another")

    def whole(self) -> Node:
        """The decay, in brackets or not."""
        self.mark()
        opened = self.at
        if _EITHER.match(self.text, opened) or not self.rest() or self.rest() not in "([":
            return self.decay("the head")
        self.enter()
        if self.take("("):
            head = self.whole()
            self.close(opened)
        else:
            self.take("[")
            head = self.whole()
            self.close_bracket(opened)
        self.depth -= 1
        return head

    def close(self, opened: int) -> None:
        if not self.take(")"):
            raise self.fail("this parenthesis is not closed", opened)

    def decay(self, what: str) -> Node:
        """``X -> A B C``."""
        self.mark()
        self.enter()
        branch = self.label()
        pdg_id, start = self.mother()
        self.arrow(what)
        daughters = []
        while (rest := self.rest()) and rest not in ")]":
            daughters.append(self.daughter())
            if len(daughters) > MAX_DAUGHTERS:
                raise self.fail(f"more than {MAX_DAUGHTERS} daughters of one particle", start)
        if len(daughters) < 2:
            raise self.fail("a decay has at least two daughters")
        self.depth -= 1
        return Node(pdg_id, branch, tuple(daughters), start)

    def daughter(self) -> Node:
        self.mark()
        branch = self.label()
        self.mark()
        opened = self.at
        if _EITHER.match(self.text, opened):
            raise self.fail("write one charge here: conjugates of the whole decay are meant anyway")
        if self.take("("):
            node = self.decay("what stands in parentheses")
            self.close(opened)
        elif self.take("["):
            node = self.decay("what stands in brackets")
            self.close_bracket(opened)
        else:
            pdg_id, start = self.particle()
            return Node(pdg_id, branch, (), start)
        return replace(node, branch=node.branch or branch)


def parse_decay(text: str) -> Decay:
    """Read a descriptor and check that the decay can happen.

    Args:
        text: see the module.

    Raises:
        DecayError: with the place in the text and, for a name, the nearest known ones.
    """
    if len(text) > MAX_LENGTH:
        raise DecayError(f"a decay of more than {MAX_LENGTH} characters: {text[:40]!r}...")
    parser = _Parser(text)
    name = _NAME.match(text)
    if name:
        parser.at = name.end()
    if not parser.rest():
        raise parser.fail("a decay is missing here, such as D0 -> K- pi+")
    head = parser.whole()
    if parser.rest():
        raise parser.fail("the decay has ended before this")
    for node in head.walk():
        _check(node, text)
    if len(head.leaves()) > MAX_LEAVES:
        raise DecayError(f"more than {MAX_LEAVES} objects in the final state", text, head.position)
    head = _named(head, text)
    finals = [n.branch for n in head.leaves()]
    return Decay(head, name[1] if name else f"{head.branch}_to_{'_'.join(finals)}", text)


def least_mass(node: Node) -> float:
    """Smallest mass [MeV] that a particle has: five widths below its mean, or its daughters'."""
    found = properties(node.pdg_id)
    below = sum(least_mass(d) for d in node.daughters)
    return max(found.mass - 5.0 * found.width, below)


def _check(node: Node, text: str) -> None:
    """Refuse what cannot end or cannot happen."""
    name, mass, width, ctau, charge = properties(node.pdg_id)
    if node.is_leaf:
        if abs(node.pdg_id) not in OBJECTS:
            raise DecayError(
                f"{name} is not seen itself: write its decay, ({name} -> ...)", text, node.position
            )
        return
    if abs(node.pdg_id) in OBJECTS and node.pdg_id != PI0:
        raise DecayError(f"{name} does not decay in this detector", text, node.position)
    if abs(node.pdg_id) == K0:
        raise DecayError(f"{name} decays as K(S)0 or K(L)0: write which", text, node.position)
    if math.isnan(mass + ctau):
        raise DecayError(f"mass and lifetime of {name} are not known", text, node.position)
    total = sum(properties(d.pdg_id).charge for d in node.daughters)
    if total != charge:
        raise DecayError(
            f"charge is not conserved: {name} has {charge:+g}, its daughters {total:+g}",
            text,
            node.position,
        )
    # A resonance may be heavier than its mean by a few widths.
    below = sum(least_mass(d) for d in node.daughters)
    if below >= mass + 3.0 * width:
        raise DecayError(
            f"{name} ({mass:.1f} MeV) is lighter than its daughters ({below:.1f} MeV)",
            text,
            node.position,
        )


def _named(head: Node, text: str) -> Node:
    """The tree with a name of its own for every particle: Kplus, Kplus0, Kplus1."""
    taken: set[str] = set()
    for node in head.walk():
        if node.branch in taken:
            raise DecayError(f"two particles are called {node.branch!r}", text, node.position)
        taken |= {node.branch} - {""}

    def fresh(pdg_id: int) -> str:
        base, k = branch_name(pdg_id), -1
        while (name := base if k < 0 else f"{base}{k}") in taken:
            k += 1
        taken.add(name)
        return name

    def named(node: Node) -> Node:
        branch = node.branch or fresh(node.pdg_id)
        return replace(node, branch=branch, daughters=tuple(named(d) for d in node.daughters))

    return named(head)
