"""What is asked for: a decay, how its candidates are made, and loose cuts on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ..errors import DecayError
from .descriptor import Decay, Node, parse_decay
from .expressions import MOST, Expression
from .isolation import check_radii
from .names import DEEP_CTAU, conjugate, identify, properties
from .treefit_request import TreeFit
from .trigger.menu import Menu

LONG, DOWNSTREAM = 3, 5

PID_WINDOWS: dict[int, dict[str, tuple[float, float]]] = {
    11: {"pid_e": (-2.0, float("inf"))},
    13: {"is_muon": (0.5, 1.5)},
    211: {"pid_k": (-float("inf"), 10.0)},
    321: {"pid_k": (-5.0, float("inf"))},
    2212: {"pid_p": (-5.0, float("inf"))},
}
"""Loose identification of the tracks of each species, as ranges of track columns."""

MERGED_WINDOW = (75.0, 195.0)
RESOLVED_WINDOW = (105.0, 165.0)
"""Masses [MeV] of merged and resolved pi0."""


@dataclass(frozen=True)
class Selection:
    """Loose cuts of combinatorial candidates; truth-matched ones pass without.

    Args:
        min_p, min_pt: of tracks [MeV].
        max_ghost_prob, max_track_chi2: of tracks; chi2 per degree of freedom.
        min_ip_chi2: least impact chi2 of tracks to any primary vertex.
        pid: ranges of track columns by absolute PDG identifier of the hypothesis.
        min_photon_et: of photons, and of each photon of a resolved pi0 [MeV].
        max_vertex_chi2: of the head and of daughters that fly, per degree of freedom.
        masses: ranges of the mass [MeV] by branch name; others have `default_window`.
    """

    min_p: float = 1500.0
    min_pt: float = 100.0
    max_ghost_prob: float = 0.4
    max_track_chi2: float = 4.0
    min_ip_chi2: float = 0.0
    pid: Mapping[int, Mapping[str, tuple[float, float]]] = field(
        default_factory=lambda: PID_WINDOWS
    )
    min_photon_et: float = 200.0
    max_vertex_chi2: float = 25.0
    masses: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class DecayRequest:
    """A decay to be reconstructed.

    Args:
        decay: what is looked for.
        combinatorial: all combinations rather than those of the generated decay.
        hypotheses: leaves by the identifier written and what they are taken for; charge
            conjugates follow.
        selection: cuts of combinatorial candidates.
        fits: fits of the whole tree, each with branches of its own.
        branches: further branches of the candidates, by expressions.
        cones: radii of the cones of isolation, with which that of vertices comes.
        menu: lines of a trigger of which decisions, TOS and TIS are told; None for none.
        tracks_under_v0: types of the tracks from K_S, Lambda and other deep decays; all tracks of
            one of them are of one type.  Others are long.
    """

    decay: Decay
    combinatorial: bool = False
    hypotheses: tuple[tuple[int, int], ...] = ()
    selection: Selection = field(default_factory=Selection)
    tracks_under_v0: tuple[int, ...] = (LONG, DOWNSTREAM)
    fits: tuple[TreeFit, ...] = ()
    branches: tuple[Expression, ...] = ()
    cones: tuple[float, ...] = ()
    menu: Menu | None = None

    def __post_init__(self) -> None:
        check_radii(self.cones)

    @classmethod
    def parse(
        cls,
        text: str,
        combinatorial: bool = False,
        swaps: Sequence[str] = (),
        selection: Selection | None = None,
        fits: Sequence[str] = (),
        branches: Sequence[str] = (),
        cones: Sequence[float] = (),
        menu: Menu | None = None,
    ) -> DecayRequest:
        """Read a descriptor, ``pi+:K+``, which takes the pi+ of the decay for K+, fits, branches.

        Raises:
            DecayError: for what cannot be read, for names in `selection`, `swaps`, `fits` or
                `branches` that the decay does not have, and for two of one name.
        """
        decay = parse_decay(text)
        selection = selection or Selection()
        known = [n.branch for n in decay.head.composites()]
        for name in selection.masses:
            if name not in known:
                raise DecayError(f"no mass window for {name!r}: {text!r} has {', '.join(known)}")
        swapped = tuple(_swap(s, decay) for s in swaps)
        return cls(
            *(decay, combinatorial, swapped, selection),
            fits=tuple(_named("fit", [TreeFit.parse(fit, decay) for fit in fits], text)),
            branches=tuple(
                _named("branch", [Expression.parse(one, decay) for one in branches], text)
            ),
            cones=tuple(cones),
            menu=menu,
        )

    def hypothesis(self, leaf: Node) -> int:
        """PDG identifier that a leaf is taken for."""
        return dict(self.hypotheses).get(leaf.pdg_id, leaf.pdg_id)

    def track_types(self, leaf: Node) -> tuple[int, ...]:
        """Types that the track of a leaf may have."""
        deep = any(leaf in node.walk() for node in self.decay.head.composites() if is_deep(node))
        return self.tracks_under_v0 if deep else (LONG,)

    def window(self, node: Node) -> tuple[float, float]:
        """Range of the mass [MeV] of a particle that decays."""
        if node.branch in self.selection.masses:
            return self.selection.masses[node.branch]
        return default_window(node)


N = TypeVar("N", TreeFit, Expression)


def _named(what: str, given: list[N], text: str) -> list[N]:
    """What is given, each by a name of its own."""
    seen: set[str] = set()
    for one in given:
        if one.name in seen:
            raise DecayError(f"{text!r}: more than one {what} is called {one.name!r}")
        seen.add(one.name)
    if len(given) > MOST:
        raise DecayError(f"{text!r}: {len(given)} times {what}; at most {MOST}")
    return given


def is_deep(node: Node) -> bool:
    """Whether a particle may decay behind the VELO."""
    return not node.is_leaf and properties(node.pdg_id).ctau > DEEP_CTAU


def default_window(node: Node) -> tuple[float, float]:
    """8 % of the mass to either side and three widths, from 40 MeV up to 500 MeV.

    Where something invisible is lost, all masses below are let in.
    """
    found = properties(node.pdg_id)
    half = min(max(0.08 * found.mass, 40.0), 500.0) + 3.0 * found.width
    lossy = any(n.is_invisible for n in node.walk())
    return (0.0 if lossy else found.mass - half, found.mass + half)


def _swap(text: str, decay: Decay) -> tuple[int, int]:
    old, colon, new = text.partition(":")
    if not colon:
        raise DecayError(f"{text!r} is not of the form OLD:NEW, such as pi+:K+")
    source, target = identify(old.strip()), identify(new.strip())
    there = [n.pdg_id for n in decay.leaves if n.is_track]
    if source not in there:
        if conjugate(source) not in there:
            names = ", ".join(dict.fromkeys(properties(i).name for i in there))
            raise DecayError(f"no track {old.strip()!r} in {decay.text!r}; it has {names}")
        source, target = conjugate(source), conjugate(target)
    if properties(source).charge != properties(target).charge:
        raise DecayError(f"{text!r}: a track keeps its charge")
    if not Node(target).is_track or abs(target) not in PID_WINDOWS:
        raise DecayError(f"{text!r}: {new.strip()!r} leaves no track")
    return source, target
