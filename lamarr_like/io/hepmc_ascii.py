"""HepMC2 (IO_GenEvent) and HepMC3 (Asciiv3) events as flat arrays, many events at a time.

Iterating with `pyhepmc` over Pythia minimum bias (540 particles an event) takes 1.4 ms (HepMC2) or
2.6 ms (HepMC3) an event before anything is taken out of it, and at text that it cannot parse it
ends without an exception.  Here a block of text is cut into lines with array operations, the lines
of one kind go through Arrow's CSV reader (0.9 ms with all links), and what each event announces
about itself (numbers of particles and vertices) is checked against what is there.  `pyhepmc` is
the reference in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .hepmc_text import Lines, MalformedTextError
from .selection import nearest

_BARCODE_SPAN = 1 << 40
_LENGTHS = {"MM": 1.0, "CM": 10.0}
_MOMENTA = {"MEV": 1.0, "GEV": 1000.0}
_PARTICLE2 = ["barcode", "pdg_id", "px", "py", "pz", "energy", "mass", "status", "_", "_", "end"]
_PARTICLE3 = ["barcode", "origin", "pdg_id", "px", "py", "pz", "energy", "mass", "status"]
_POSITION = ["x", "y", "z", "t"]


@dataclass
class GenEvents:
    """Some GenEvents in MeV and mm; times in mm (or as LHCb writes them, ns, not converted).

    Args:
        weight: first weight of each event, shape ``(n_events,)``.
        length: unit of length of each event [mm], shape ``(n_events,)``.
        vertex: x, y, z, t of the collision, shape ``(n_events, 4)``.
        offsets: rows of event i are ``offsets[i]:offsets[i + 1]``.
        pdg_id, status, momentum, position: of each particle; momentum is px, py, pz, energy,
            position is x, y, z, t of the production vertex, shape ``(n, 4)``.
        mother: row of the first mother, -1 for none.
        decayed: whether the particle has an end vertex.
    """

    weight: NDArray[np.float64]
    length: NDArray[np.float64]
    vertex: NDArray[np.float64]
    offsets: NDArray[np.int64]
    pdg_id: NDArray[np.int64]
    status: NDArray[np.int64]
    momentum: NDArray[np.float64]
    position: NDArray[np.float64]
    mother: NDArray[np.int64]
    decayed: NDArray[np.bool_]


def parse(texts: list[bytes], version: int, units: tuple[str, str] | None = None) -> GenEvents:
    """Read some GenEvents.

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
    except (ValueError, IndexError, OverflowError):
        raise MalformedTextError("an E, W or V line lacks a field or a number") from None
    event = lines.event[lines.where("P")]
    parsed["momentum"] *= momentum[event][:, None]
    parsed["position"] *= length[event][:, None]
    offsets = np.searchsorted(event, np.arange(len(texts) + 1))
    vertex = _collisions(parsed, offsets, event)
    return GenEvents(
        length=length,
        offsets=offsets,
        vertex=vertex,
        **{k: v for k, v in parsed.items() if k != "from_vertex"},
    )


def _units(
    lines: Lines, n_events: int, default: tuple[str, str] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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


def _finder(
    event: NDArray[np.int64], barcode: NDArray[np.int64], what: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    key = event * _BARCODE_SPAN + barcode
    order = np.argsort(key, kind="stable")
    if (np.diff(key[order]) == 0).any():
        raise MalformedTextError(f"two {what} have the same number")
    return key[order], order


def _find(
    finder: tuple[NDArray[np.int64], NDArray[np.int64]],
    event: NDArray[np.int64],
    barcode: NDArray[np.int64],
    what: str,
) -> NDArray[np.int64]:
    keys, order = finder
    key = event * _BARCODE_SPAN + barcode
    at = np.searchsorted(keys, key)
    known = at < len(keys)
    known[known] = keys[at[known]] == key[known]
    if not known.all():
        raise MalformedTextError(f"{what} {barcode[~known][0]} is mentioned but is not there")
    return order[at]


def _first_incoming(
    n_vertices: int, vertex: NDArray[np.int64], particle: NDArray[np.int64]
) -> NDArray[np.int64]:
    first = np.full(n_vertices, -1, dtype=np.int64)
    # The last assignment wins, so in reverse the first particle stays.
    first[vertex[::-1]] = particle[::-1]
    return first


def _parse2(lines: Lines, heads: list[list[bytes]]) -> dict[str, np.ndarray]:
    at_p, at_v = lines.where("P"), lines.where("V")
    p = lines.table(at_p, _PARTICLE2, 13)
    v = lines.table(at_v, ["barcode", "_", *_POSITION, "n_orphans", "n_out"], 10)
    event_p, event_v = lines.event[at_p], lines.event[at_v]
    _check_number(event_v, [int(head[7]) for head in heads], "vertices")
    owner = np.searchsorted(at_v, at_p) - 1
    if (owner < 0).any() or (len(at_p) and (event_v[owner] != event_p).any()):
        raise MalformedTextError("a particle stands before the first vertex")
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
    end = _find(
        _finder(event_v, v["barcode"], "vertices"), event_p[decayed], p["end"][decayed], "vertex"
    )
    first = _first_incoming(len(at_v), end, np.flatnonzero(decayed))
    xyzt = np.stack([v[axis] for axis in _POSITION], axis=1)
    return {
        "weight": np.array([_weight2(head) for head in heads]),
        "pdg_id": p["pdg_id"],
        "status": p["status"],
        "momentum": np.stack([p[k] for k in ("px", "py", "pz", "energy")], axis=1),
        "position": np.where(from_vertex[:, None], xyzt[owner], 0.0),
        "mother": np.where(from_vertex, first[owner], -1),
        "decayed": decayed,
        "from_vertex": from_vertex,
    }


def _weight2(head: list[bytes]) -> float:
    n_random = int(head[10])
    n_weights = int(head[11 + n_random])
    return float(head[12 + n_random]) if n_weights else 1.0


def _check_number(event: NDArray[np.int64], announced: list[int], what: str) -> None:
    found = np.bincount(event, minlength=len(announced))
    for k, n in enumerate(announced):
        if found[k] != n:
            raise MalformedTextError(f"it announces {n} {what} and has {found[k]}")


def _parse3(lines: Lines, heads: list[list[bytes]]) -> dict[str, np.ndarray]:
    at_p = lines.where("P")
    p = lines.table(at_p, _PARTICLE3, 10)
    event = lines.event[at_p]
    _check_number(event, [int(head[2]) for head in heads], "particles")
    rows = _finder(event, p["barcode"], "particles")
    vertex, incoming_vertex, incoming = _vertices3(lines, rows)
    in_vertex, by_mother = p["origin"] < 0, p["origin"] > 0
    made_at = np.full(len(at_p), -1, dtype=np.int64)
    made_at[in_vertex] = _find(
        _finder(vertex["event"], vertex["barcode"], "vertices"),
        event[in_vertex],
        p["origin"][in_vertex],
        "vertex",
    )
    mother = np.full(len(at_p), -1, dtype=np.int64)
    mother[by_mother] = _find(rows, event[by_mother], p["origin"][by_mother], "particle")
    first = _first_incoming(len(vertex["barcode"]), incoming_vertex, incoming)
    mother[in_vertex] = first[made_at[in_vertex]]
    decayed = np.zeros(len(at_p), dtype=bool)
    decayed[incoming] = True
    decayed[mother[mother >= 0]] = True
    weight = np.ones(len(heads))
    for k in lines.where("W"):
        weight[lines.event[k]] = float(lines.fields(k)[0])
    default = np.array([_position3(head) for head in heads])
    return {
        "weight": weight,
        "pdg_id": p["pdg_id"],
        "status": p["status"],
        "momentum": np.stack([p[k] for k in ("px", "py", "pz", "energy")], axis=1),
        "position": _inherited(mother, made_at, vertex, default[event]),
        "mother": mother,
        "decayed": decayed,
        "from_vertex": in_vertex | by_mother,
    }


def _position3(head: list[bytes]) -> list[float]:
    return [float(field) for field in head[4:8]] if b"@" in head else [0.0] * 4


def _vertices3(
    lines: Lines, rows: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> tuple[dict[str, np.ndarray], NDArray[np.int64], NDArray[np.int64]]:
    at = lines.where("V")
    placed = lines.n_fields[at] == 9
    names = ["barcode", "_", "incoming"]
    v = lines.table(at, names, 4)
    v["placed"], v["event"] = placed, lines.event[at]
    there = lines.table(at[placed], [*names, "_", *_POSITION], 9)
    v["xyzt"] = np.zeros((len(at), 4))
    v["xyzt"][placed] = np.stack([there[axis] for axis in _POSITION], axis=1)
    lists = [text[1:-1].split(",") if len(text) > 2 else [] for text in v.pop("incoming")]
    vertex = np.repeat(np.arange(len(at)), [len(items) for items in lists])
    barcode = np.array([int(item) for items in lists for item in items], dtype=np.int64)
    return v, vertex, _find(rows, v["event"][vertex], barcode, "particle")


def _inherited(
    mother: NDArray[np.int64],
    made_at: NDArray[np.int64],
    vertex: dict[str, np.ndarray],
    default: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Production points; a vertex without one is where its first incoming particle was made."""
    placed = np.zeros(len(mother), dtype=bool)
    placed[made_at >= 0] = vertex["placed"][made_at[made_at >= 0]]
    source, _ = nearest(mother, placed)
    point = default.copy()
    point[source >= 0] = vertex["xyzt"][made_at[source[source >= 0]]]
    return point


def _collisions(
    parsed: dict[str, np.ndarray], offsets: NDArray[np.int64], event: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Where the beams met: where the first particle was made whose mother was not itself made."""
    mother, made = parsed["mother"], parsed["from_vertex"]
    primary = made & ((mother < 0) | ~made[mother])
    point = np.zeros((len(offsets) - 1, 4))
    for rows in (np.flatnonzero(made), np.flatnonzero(primary)):
        point[event[rows][::-1]] = parsed["position"][rows][::-1]
    return point
