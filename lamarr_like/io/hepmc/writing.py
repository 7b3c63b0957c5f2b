"""HepMC3 text (Asciiv3) of events: what `ascii` reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...arrays import Floats, Ints

MARK = "HepMC::Asciiv3-START_EVENT_LISTING"
END = "HepMC::Asciiv3-END_EVENT_LISTING\n\n"
_VERSION = "HepMC::Version 3.02.06"
"""Of the layout that is written; every reader of HepMC3 skips it."""


@dataclass
class GenEvent:
    """One event as HepMC3 has it: particles between vertices.

    Args:
        number: of the event.
        units: of momentum and length, such as ``("MEV", "MM")``.
        weights: all of them, the nominal one first.
        place: x, y, z, t of the event, shape ``(4,)``; zeros for none.
        pdg_id, status, made_at, ends_in: of each particle, shape ``(n,)``; the vertices count from
            0, -1 for none.
        momentum: px, py, pz, energy, shape ``(n, 4)``.
        mass: shape ``(n,)``.
        position: x, y, z, t of each vertex, shape ``(m, 4)``; zeros for what is not known.
    """

    number: int
    units: tuple[str, str]
    weights: Sequence[float]
    place: Floats
    pdg_id: Ints
    status: Ints
    made_at: Ints
    ends_in: Ints
    momentum: Floats
    mass: Floats
    position: Floats


def listing_head(weight_names: Sequence[str], tool: tuple[str, str, str] | None = None) -> str:
    """What stands before the first event.

    Args:
        weight_names: of the weights of all events.
        tool: name, version and description of what made them.
    """
    lines = [_VERSION, MARK]
    if weight_names:
        lines.append(f"W {_escaped(weight_names)}")
    if tool is not None:
        lines.append(f"T {_escaped(tool)}")
    return "\n".join(lines) + "\n"


def _escaped(texts: Sequence[str]) -> str:
    r"""Texts with ``\|`` between them, in one line."""
    return r"\|".join(" ".join(text.split()).replace("\\", "\\\\") for text in texts)


def event_text(event: GenEvent) -> str:
    """The lines of one event, from ``E`` on; numbers are read back bit for bit."""
    n, m = len(event.pdg_id), len(event.position)
    place = _place(event.place)
    lines = [f"E {event.number} {m} {n}{place}", "U {} {}".format(*event.units)]
    lines.append("W " + " ".join(map(repr, map(float, event.weights))))
    incoming: list[list[str]] = [[] for _ in range(m)]
    for particle, vertex in enumerate(event.ends_in.tolist()):
        if vertex >= 0:
            incoming[vertex].append(str(particle + 1))
    # A vertex stands before the first particle that comes from it, as HepMC3's own reader asks.
    heads = [
        f"V {-k - 1} 0 [{','.join(into)}]{_place(at)}"
        for k, (into, at) in enumerate(zip(incoming, event.position, strict=True))
    ]
    numbers = np.column_stack([event.momentum, event.mass]).tolist()
    told = np.zeros(m, dtype=bool)
    for k, (pdg_id, status, vertex) in enumerate(
        zip(event.pdg_id.tolist(), event.status.tolist(), event.made_at.tolist(), strict=True)
    ):
        if vertex >= 0 and not told[vertex]:
            told[vertex] = True
            lines.append(heads[vertex])
        px, py, pz, energy, mass = numbers[k]
        lines.append(
            f"P {k + 1} {-vertex - 1 if vertex >= 0 else 0} {pdg_id} "
            f"{px!r} {py!r} {pz!r} {energy!r} {mass!r} {status}"
        )
    lines += [heads[k] for k in np.flatnonzero(~told)]
    return "\n".join(lines) + "\n"


def _place(xyzt: Floats) -> str:
    return " @ " + " ".join(map(repr, xyzt.tolist())) if xyzt.any() else ""
