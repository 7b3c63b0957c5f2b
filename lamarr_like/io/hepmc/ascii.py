"""HepMC2 (IO_GenEvent) and HepMC3 (Asciiv3) events as flat arrays, many events at a time.

Iterating with `pyhepmc` over Pythia minimum bias (540 particles an event) takes 1.4 ms (HepMC2) or
2.6 ms (HepMC3) an event before anything is taken out of it, and at text that it cannot parse it
ends without an exception.  Here a block of text is cut into lines with array operations, the lines
of one kind go through Arrow's CSV reader (0.9 ms with all links), and what each event announces
about itself (numbers of particles and vertices) is checked against what is there.  `pyhepmc` is
the reference in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...arrays import Floats, Ints, Mask
from ..selection import nearest
from .text import EventText, Lines, MalformedTextError, names2

MAX_WEIGHTS = 10_000
"""Most weights of an event; sets of parton densities and scales have hundreds."""

_LENGTHS = {"MM": 1.0, "CM": 10.0}
_MOMENTA = {"MEV": 1.0, "GEV": 1000.0}
_PARTICLE2 = ["barcode", "pdg_id", "px", "py", "pz", "energy", "mass", "status", "_", "_", "end"]
_PARTICLE3 = ["barcode", "origin", "pdg_id", "px", "py", "pz", "energy", "mass", "status"]
_POSITION = ["x", "y", "z", "t"]


@dataclass
class GenEvents:
    """Some GenEvents in MeV and mm; times in mm (or as LHCb writes them, ns, not converted).

    Args:
        number: number of each event as its file has it, shape ``(n_events,)``.
        weights: all weights of each event, the nominal one first; at least one.
        weight_names: their names, one for each or ().
        length: unit of length of each event [mm], shape ``(n_events,)``.
        vertex: x, y, z, t of the collision, shape ``(n_events, 4)``.
        offsets: rows of event i are ``offsets[i]:offsets[i + 1]``.
        pdg_id, status, momentum, position: of each particle; momentum is px, py, pz, energy,
            position is x, y, z, t of the production vertex, shape ``(n, 4)``.
        mother: row of the first mother, -1 for none.
        decayed: whether the particle has an end vertex.
        made: whether it comes from a vertex; beams do not.
    """

    number: Ints
    weights: list[list[float]]
    weight_names: list[tuple[str, ...]]
    length: Floats
    vertex: Floats
    offsets: Ints
    pdg_id: Ints
    status: Ints
    momentum: Floats
    position: Floats
    mother: Ints
    decayed: Mask
    made: Mask

    @property
    def weight(self) -> Floats:
        """First weight of each event, shape ``(n_events,)``."""
        return np.array([weights[0] for weights in self.weights])


def parse(
    texts: Sequence[EventText], version: int, units: tuple[str, str] | None = None
) -> GenEvents:
    """Read some GenEvents; what comes of one does not depend on the others.

    Args:
        texts: as given by `event_texts`; at least one.
        version: 2 or 3.
        units: momentum and length unit of events that state none.

    Raises:
        MalformedTextError: if any of them is broken; parse them one by one to know which.
    """
    lines = Lines(b"".join(texts))
    heads = [lines.fields(k) for k in lines.where("E")]
    if len(heads) != len(texts):
        raise MalformedTextError("an event begins inside another one")
    momentum, length = _units(lines, len(texts), units)
    try:
        parsed = (_parse2 if version == 2 else _parse3)(lines, heads)
        weights = (_weights2 if version == 2 else _weights3)(lines, heads)
        number = np.array([_whole(head[0], "the number of the event") for head in heads])
    except (ValueError, IndexError, OverflowError):
        raise MalformedTextError("an E, W or V line lacks a field or a number") from None
    listed = [text.weight_names for text in texts]
    names = _names2(lines, listed) if version == 2 else listed
    event = lines.event[lines.where("P")]
    parsed["momentum"] *= momentum[event][:, None]
    parsed["position"] *= length[event][:, None]
    offsets = np.searchsorted(event, np.arange(len(texts) + 1))
    vertex = _collisions(parsed, offsets, event)
    return GenEvents(
        number=number.astype(np.int64),
        weights=weights,
        weight_names=names,
        length=length,
        offsets=offsets,
        vertex=vertex,
        **parsed,
    )


def _units(lines: Lines, n_events: int, default: tuple[str, str] | None) -> tuple[Floats, Floats]:
    stated: list[tuple[str, ...]] = [default or ()] * n_events
    for k in lines.where("U"):
        stated[lines.event[k]] = tuple(
            field.decode("ascii", "replace") for field in lines.fields(k)
        )
    for pair in stated:
        if not pair:
            raise MalformedTextError("no units (no U line); add ?units=GEV-MM to the source")
        if len(pair) != 2 or pair[0] not in _MOMENTA or pair[1] not in _LENGTHS:
            raise MalformedTextError(f"unknown units {' '.join(pair)!r}; known: MEV GEV MM CM")
    return (
        np.array([_MOMENTA[pair[0]] for pair in stated]),
        np.array([_LENGTHS[pair[1]] for pair in stated]),
    )


class _Numbers:
    """The numbers that the particles or vertices of each event go by, to be looked up.

    Args:
        event: position of the event of each row, shape ``(n,)``.
        number: any integer, once in each event, shape ``(n,)``.
        what: vertex or particle, for messages.

    Raises:
        MalformedTextError: if a number comes twice in one event.
    """

    def __init__(self, event: Ints, number: Ints, what: str) -> None:
        self.what = what
        self.first = self._counted(event, number)
        if self.first is not None:
            return
        # Ranks rather than the numbers themselves, which may be anything: so (event, number) fits
        # one integer and no event reaches into another.
        self.known = np.unique(number)
        key = event * len(self.known) + np.searchsorted(self.known, number)
        self.order = np.argsort(key, kind="stable")
        self.keys = key[self.order]
        twice = np.flatnonzero(np.diff(self.keys) == 0)
        if len(twice):
            plural = {"vertex": "vertices"}.get(what, f"{what}s")
            raise MalformedTextError(
                f"two {plural} have the same number, {number[self.order[twice[0]]]}"
            )

    def _counted(self, event: Ints, number: Ints) -> Ints | None:
        """Where the rows of each event begin, if all are counted from 1 on, or from -1 down."""
        n_events = int(event[-1]) + 1 if len(event) else 0
        first = np.searchsorted(event, np.arange(n_events + 1))
        self.sign = -1 if len(number) and number[0] < 0 else 1
        rank = np.arange(len(event)) - first[event] + 1
        return first if np.array_equal(number, self.sign * rank) else None

    def rows(self, event: Ints, number: Ints) -> Ints:
        """Row of each number in its event.

        Raises:
            MalformedTextError: if one is not there.
        """
        if self.first is not None:
            last = np.diff(self.first, append=self.first[-1])[
                np.minimum(event, len(self.first) - 1)
            ]
            rank = self.sign * number
            self._demand((rank >= 1) & (rank <= last), number)
            return self.first[event] + rank - 1
        rank = np.searchsorted(self.known, number)
        there = rank < len(self.known)
        there[there] = self.known[rank[there]] == number[there]
        key = event * len(self.known) + rank
        at = np.searchsorted(self.keys, key)
        there &= at < len(self.keys)
        there[there] = self.keys[at[there]] == key[there]
        self._demand(there, number)
        return self.order[at]

    def _demand(self, there: Mask, number: Ints) -> None:
        if not there.all():
            absent = number[~there][0]
            raise MalformedTextError(f"{self.what} {absent} is mentioned but is not there")


def _first_incoming(n_vertices: int, vertex: Ints, particle: Ints) -> Ints:
    first = np.full(n_vertices, -1, dtype=np.int64)
    # The last assignment wins, so in reverse the first particle stays.
    first[vertex[::-1]] = particle[::-1]
    return first


def _parse2(lines: Lines, heads: list[list[bytes]]) -> dict[str, np.ndarray]:
    at_p, at_v = lines.where("P"), lines.where("V")
    p = lines.table(at_p, _PARTICLE2, 13)
    v = lines.table(at_v, ["barcode", "_", *_POSITION, "n_orphans", "n_out"], 10)
    event_p, event_v = lines.event[at_p], lines.event[at_v]
    _check_number(event_v, [_count(head[7]) for head in heads], "vertices")
    owner = np.searchsorted(at_v, at_p) - 1
    if (owner < 0).any() or (len(at_p) and (event_v[owner] != event_p).any()):
        raise MalformedTextError("a particle stands before the first vertex")
    if (v["n_orphans"] < 0).any():
        raise MalformedTextError("a vertex announces a negative number of particles")
    _check_sign(v["barcode"])
    found = np.bincount(owner, minlength=len(at_v))
    wrong = np.flatnonzero(found != v["n_orphans"] + v["n_out"])
    if len(wrong):
        k = wrong[0]
        raise MalformedTextError(
            f"vertex {v['barcode'][k]} announces {v['n_orphans'][k] + v['n_out'][k]} particles "
            f"and has {found[k]}"
        )
    rank = np.arange(len(at_p)) - (np.cumsum(found) - found)[owner]
    from_vertex = rank >= v["n_orphans"][owner]
    decayed = p["end"] != 0
    end = _Numbers(event_v, v["barcode"], "vertex").rows(event_p[decayed], p["end"][decayed])
    first = _first_incoming(len(at_v), end, np.flatnonzero(decayed))
    xyzt = np.stack([v[axis] for axis in _POSITION], axis=1)
    return {
        "pdg_id": p["pdg_id"],
        "status": p["status"],
        "momentum": np.stack([p[k] for k in ("px", "py", "pz", "energy")], axis=1),
        "position": np.where(from_vertex[:, None], xyzt[owner], 0.0),
        "mother": np.where(from_vertex, first[owner], -1),
        "decayed": decayed,
        "made": from_vertex,
    }


def _weights2(lines: Lines, heads: list[list[bytes]]) -> list[list[float]]:
    return [_counted(head[11 + _count(head[10]) :]) or [1.0] for head in heads]


def _counted(fields: list[bytes]) -> list[float]:
    """Numbers that follow their own number."""
    n = _count(fields[0])
    if n > MAX_WEIGHTS:
        raise MalformedTextError(f"it announces {n} weights, more than {MAX_WEIGHTS}")
    numbers = [_number(field) for field in fields[1 : 1 + n]]
    if len(numbers) < n:
        raise MalformedTextError(f"it announces {n} weights and has {len(numbers)}")
    return numbers


def _names2(lines: Lines, names: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    names = list(names)
    known: dict[bytes, tuple[str, ...]] = {}  # as a rule all events have the same line
    for k in lines.where("N"):
        line = lines.line(k)
        if line not in known:
            known[line] = names2(b" ".join(line.split(b" ", 2)[2:]))
        names[lines.event[k]] = known[line]
    return names


def _weights3(lines: Lines, heads: list[list[bytes]]) -> list[list[float]]:
    weights: list[list[float]] = [[] for _ in heads]
    for k in lines.where("W"):
        fields = lines.fields(k)
        if len(fields) > MAX_WEIGHTS:
            raise MalformedTextError(f"it has {len(fields)} weights, more than {MAX_WEIGHTS}")
        # The first line is the event's own, where the head of a joined listing lost its marks.
        weights[lines.event[k]] = weights[lines.event[k]] or [_number(f) for f in fields]
    return [found or [1.0] for found in weights]


def _number(field: bytes) -> float:
    if b"_" in field:  # Python's digit separator
        raise ValueError(field)
    return float(field)


def _count(field: bytes) -> int:
    n = _whole(field, "a count")
    if n < 0:
        raise MalformedTextError(f"a count is {n}")
    return n


def _whole(field: bytes, what: str) -> int:
    if b"_" in field:
        raise ValueError(field)
    if len(field) > 20 or not -(1 << 63) <= (n := int(field)) < 1 << 63:
        raise MalformedTextError(f"{what} does not fit 64 bits: {field[:24].decode('latin-1')}")
    return n


def _check_number(event: Ints, announced: list[int], what: str) -> None:
    found = np.bincount(event, minlength=len(announced))
    for k, n in enumerate(announced):
        if found[k] != n:
            raise MalformedTextError(f"it announces {n} {what} and has {found[k]}")


def _check_sign(barcode: Ints) -> None:
    """Vertices are told from particles by their sign."""
    wrong = np.flatnonzero(barcode >= 0)
    if len(wrong):
        raise MalformedTextError(f"a vertex has the number {barcode[wrong[0]]}, not a negative one")


def _parse3(lines: Lines, heads: list[list[bytes]]) -> dict[str, np.ndarray]:
    at_p = lines.where("P")
    p = lines.table(at_p, _PARTICLE3, 10)
    event = lines.event[at_p]
    _check_number(event, [_count(head[2]) for head in heads], "particles")
    rows = _Numbers(event, p["barcode"], "particle")
    vertex, incoming_vertex, incoming = _vertices3(lines, rows)
    in_vertex, by_mother = p["origin"] < 0, p["origin"] > 0
    made_at = np.full(len(at_p), -1, dtype=np.int64)
    _check_sign(vertex["barcode"])
    vertices = _Numbers(vertex["event"], vertex["barcode"], "vertex")
    made_at[in_vertex] = vertices.rows(event[in_vertex], p["origin"][in_vertex])
    mother = np.full(len(at_p), -1, dtype=np.int64)
    mother[by_mother] = rows.rows(event[by_mother], p["origin"][by_mother])
    first = _first_incoming(len(vertex["barcode"]), incoming_vertex, incoming)
    mother[in_vertex] = first[made_at[in_vertex]]
    decayed = np.zeros(len(at_p), dtype=bool)
    decayed[incoming] = True
    decayed[mother[mother >= 0]] = True
    default = np.array([_position3(head) for head in heads])
    return {
        "pdg_id": p["pdg_id"],
        "status": p["status"],
        "momentum": np.stack([p[k] for k in ("px", "py", "pz", "energy")], axis=1),
        "position": _inherited(mother, made_at, vertex, default[event]),
        "mother": mother,
        "decayed": decayed,
        "made": in_vertex | by_mother,
    }


def _position3(head: list[bytes]) -> list[float]:
    if b"@" not in head:
        return [0.0] * 4
    place = [_number(field) for field in head[4:]]
    if head[3] != b"@" or len(place) != 4:
        raise MalformedTextError("the position of the event is not of the form @ x y z t")
    return place


def _vertices3(lines: Lines, rows: _Numbers) -> tuple[dict[str, np.ndarray], Ints, Ints]:
    at = lines.where("V")
    placed = lines.n_fields[at] == 9
    bare = lines.table(at[~placed], ["barcode"], 4)
    there = lines.table(at[placed], ["barcode", "_", "_", "_", *_POSITION], 9)
    v = {"placed": placed, "event": lines.event[at]}
    v["barcode"] = np.empty(len(at), np.int64)
    v["barcode"][placed], v["barcode"][~placed] = there["barcode"], bare["barcode"]
    v["xyzt"] = np.zeros((len(at), 4))
    v["xyzt"][placed] = np.stack([there[axis] for axis in _POSITION], axis=1)
    sizes, barcode = lines.lists(at, 2)
    n_events = int(lines.event[-1]) + 1
    into = np.bincount(v["event"], sizes, minlength=n_events)
    if (into > np.bincount(lines.event[lines.where("P")], minlength=n_events)).any():
        raise MalformedTextError("more particles end in vertices than there are")
    vertex = np.repeat(np.arange(len(at)), sizes)
    return v, vertex, rows.rows(v["event"][vertex], barcode)


def _inherited(
    mother: Ints,
    made_at: Ints,
    vertex: dict[str, np.ndarray],
    default: Floats,
) -> Floats:
    """Production points; a vertex without one is where its first incoming particle was made."""
    placed = np.zeros(len(mother), dtype=bool)
    placed[made_at >= 0] = vertex["placed"][made_at[made_at >= 0]]
    source, _ = nearest(mother, placed)
    point = default.copy()
    point[source >= 0] = vertex["xyzt"][made_at[source[source >= 0]]]
    return point


def _collisions(parsed: dict[str, np.ndarray], offsets: Ints, event: Ints) -> Floats:
    """Where the beams met: where the first particle was made whose mother was not itself made."""
    mother, made = parsed["mother"], parsed["made"]
    primary = made & ((mother < 0) | ~made[mother])
    point = np.zeros((len(offsets) - 1, 4))
    for rows in (np.flatnonzero(made), np.flatnonzero(primary)):
        point[event[rows][::-1]] = parsed["position"][rows][::-1]
    return point
