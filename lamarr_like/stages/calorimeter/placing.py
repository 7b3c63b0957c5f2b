"""Where drawn clusters stand, and what becomes of those that come too near to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...arrays import Columns, Floats, Ints, Mask
from ...engine.translator.translation import Drawn
from ..geometry import BORDERS, CELL_Z, CELLS, HOLE
from .image import shared_part
from .links import sums
from .sources import region_of
from .spacing import EDGES, crowded, hardest_near, nearest_cluster, touching

if TYPE_CHECKING:
    from .tables import Rules

_EDGE = 20.0
"""Distance [mm] from the edge of the face at which a position beyond it is put."""
_FAR = 0.5
"""A drawn ``is_far`` above it is true."""
_BESIDE = (1.8, 0.6)
"""Distance, in the larger of the two cells, to which what came too near moves away, and what of it
is chance."""
_TURNS = 5
"""Doublings that follow clusters joined to joined ones."""


class Made(NamedTuple):
    """Drawn clusters after those too near to each other were joined; arrays of shape ``(m,)``.

    Attributes:
        event: event of each.
        root: cluster that it became part of: itself, but for a few.
        inside: part of its energy that is in that cluster.
        part: part of the energy of that cluster which it makes.
        x, y, energy: place in the plane of the cells [mm] and energy [MeV] of the whole, where it
            is itself the root.
        own_x, own_y: place of each by itself [mm].
    """

    event: Ints
    root: Ints
    inside: Floats
    part: Floats
    x: Floats
    y: Floats
    energy: Floats
    own_x: Floats
    own_y: Floats


def placed(drawn: Drawn, rules: Rules) -> Made:
    """Places and energies of the drawn clusters, with what is too near to be two joined."""
    values, place = drawn.values, drawn.place
    counts = np.diff(drawn.offsets)
    event = np.repeat(np.arange(len(counts)), counts)
    x, y, energy = by_itself(place, values)
    if rules.least_et > 0.0:
        x, y = _on_the_face(x, y)
    # What may fall onto others, and what found no better place.
    fallen = np.flatnonzero(crowded(rules.spacing, event, place, away(place, x, y), drawn.chance))
    mine, other = _met(x, y, event, fallen if rules.far > 0.0 else fallen[:0])
    touch = touching(x, y, mine, other)
    x, y = _beside(x, y, mine[~touch], other[~touch], drawn.chance)
    energy = np.maximum(energy, _reflected(energy * sine_at(x, y), rules.least_et) / sine_at(x, y))
    made = _whole(_landed(energy, mine[touch], other[touch]), x, y, energy, event)
    if rules.least_distance > 0.0:
        there = np.flatnonzero(made.root == np.arange(len(x)))
        found = (made.x[there], made.y[there], made.energy[there], event[there])
        into = np.arange(len(x))
        into[there] = there[_joined(*found, rules.least_distance)]
        if not np.array_equal(into[there], there):
            made = _whole(into[made.root], x, y, energy, event)
    return made


def by_itself(place: Floats, values: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats]:
    """X, y [mm] and energy [MeV] of what was drawn of each cluster, shapes ``(m,)``."""
    x, y = (place[:, i] + values[f"d{a}"] * place[:, 2] for i, a in enumerate("xy"))
    energy = np.exp(place[:, 3] + values["log_energy"])
    if "is_far" in values:
        far = np.flatnonzero(values["is_far"] > _FAR)
        x[far], y[far] = 1e3 * values["x_far"][far], 1e3 * values["y_far"][far]
        energy[far] = np.exp(values["log_et_far"][far]) / sine_at(x[far], y[far])
    return x, y, energy


def completed(place: Floats, values: Mapping[str, Floats]) -> Columns:
    """The `FOLLOWED` of near and far clusters, shapes ``(m,)``.

    Args:
        place: x, y, unit [mm] and log of the energy [MeV] of the sources, shape ``(m, 4)``.
        values: what was drawn, by name, shapes ``(m,)``.
    """
    x, y, energy = by_itself(place, values)
    return {"log_energy": np.log(energy) - place[:, 3], **away(place, x, y)}


def away(place: Floats, x: Floats, y: Floats) -> Columns:
    """Distances ``dx``, ``dy`` from the centre of the sources in cells, shapes ``(m,)``."""
    return {"dx": (x - place[:, 0]) / place[:, 2], "dy": (y - place[:, 1]) / place[:, 2]}


def _whole(root: Ints, x: Floats, y: Floats, energy: Floats, event: Ints) -> Made:
    """Clusters with what became part of them.

    Args:
        root: cluster that each is part of, shape ``(m,)``.
        x, y, energy, event: each by itself, shapes ``(m,)``.
    """
    n, inside = len(x), np.ones(len(x))
    other = np.flatnonzero(root != np.arange(n))
    if not len(other):
        return Made(event, root, inside, inside, x, y, energy, x, y)
    into = root[other]
    to = (x[into], y[into], region_of(x[into], y[into]))
    inside[other] = shared_part(x[other], y[other], *to)
    given = energy * inside
    whole = sums(root, given, n)
    part = given / whole[root]
    mid_x, mid_y = (sums(root, part * c, n) for c in (x, y))
    return Made(event, root, inside, part, mid_x, mid_y, whole, x, y)


def _joined(x: Floats, y: Floats, energy: Floats, event: Ints, least: float) -> Ints:
    """Cluster that each becomes part of: itself, or the hardest one too near to be another."""
    return _followed(hardest_near(x, y, energy, event, least))


def _met(x: Floats, y: Floats, event: Ints, fallen: Ints) -> tuple[Ints, Ints]:
    """Clusters that came too near to others, and for each the nearest of these; shapes ``(k,)``.

    Args:
        x, y, event: the clusters, shapes ``(m,)``.
        fallen: rows of those that are too near.
    """
    stays = np.ones(len(x), dtype=bool)
    stays[fallen] = False
    others = np.flatnonzero(stays)
    there = (x[fallen], y[fallen], event[fallen])
    found, distance = nearest_cluster(x[others], y[others], event[others], there)
    near = (found >= 0) & (distance < EDGES[-1])
    return fallen[near], others[found[near]]


def _beside(x: Floats, y: Floats, mine: Ints, other: Ints, chance: Floats) -> tuple[Floats, Floats]:
    """Places of clusters after some moved away from others, whose cells they do not touch.

    Two maxima with a cell between them are seen apart, and about two cells from each other: the
    cell between is divided, and each is a little farther from the other than its shower.

    Args:
        x, y: places [mm], shapes ``(m,)``.
        mine, other: those that move, and from what; shapes ``(k,)``.
        chance: a number of each cluster in (0, 1), shape ``(m,)``.
    """
    unit = np.asarray(CELLS)[np.minimum(*(region_of(x[k], y[k]) for k in (mine, other)))]
    dx, dy = x[mine] - x[other], y[mine] - y[other]
    grown = (_BESIDE[0] + _BESIDE[1] * chance[mine]) * unit / np.maximum(np.hypot(dx, dy), 1.0)
    to_x, to_y = x[other] + grown * dx, y[other] + grown * dy
    able = ~off_face(to_x, to_y)
    x, y = x.copy(), y.copy()
    x[mine[able]], y[mine[able]] = to_x[able], to_y[able]
    return x, y


def _landed(energy: Floats, mine: Ints, other: Ints) -> Ints:
    """Cluster that each becomes part of: itself, or one that it fell onto or that fell onto it.

    Args:
        energy: of the clusters, shape ``(m,)``.
        mine, other: those that fell, and onto what; shapes ``(k,)``.
    """
    # The harder of the two says what the whole looks like, of equals the one that fell: it stands
    # for itself then.  Were each a part of the other, both would be lost.
    harder = energy[mine] >= energy[other]
    into = np.arange(len(energy))
    into[mine[~harder]] = other[~harder]
    into[other[harder]] = mine[harder]
    into[mine[harder]] = mine[harder]
    return _followed(into)


def _followed(into: Ints) -> Ints:
    """The end of each chain of clusters that are parts of others, shape ``(m,)``."""
    for _ in range(_TURNS):
        into = into[into]
    return into


def off_face(x: Floats, y: Floats) -> Mask:
    """Whether places in the plane of the cells are off the face or in its hole, shapes ``(n,)``."""
    ax, ay = np.abs(x), np.abs(y)
    off: Mask = (ax > BORDERS[0][0]) | (ay > BORDERS[0][1]) | ((ax < HOLE[0]) & (ay < HOLE[1]))
    return off


def _on_the_face(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Places inside the face and outside its hole; others are moved to the nearest edge."""
    (a, b), (c, d) = BORDERS[0], HOLE
    x, y = np.clip(x, _EDGE - a, a - _EDGE), np.clip(y, _EDGE - b, b - _EDGE)
    in_hole = (np.abs(x) < c) & (np.abs(y) < d)
    across = c - np.abs(x) < d - np.abs(y)
    x = np.where(in_hole & across, np.copysign(c + _EDGE, x), x)
    return x, np.where(in_hole & ~across, np.copysign(d + _EDGE, y), y)


def sine_at(x: Floats, y: Floats) -> Floats:
    """Sine of the angle to the beam, for places in the plane of the cells [mm]; shapes ``(n,)``."""
    r = np.maximum(np.hypot(x, y), 1.0)
    return r / np.hypot(r, CELL_Z)


def _reflected(et: Floats, least: float) -> Floats:
    """Transverse energies, those below the threshold mirrored at it on a logarithmic scale."""
    mirrored = np.minimum(least * least / np.maximum(et, 1.0), 1.5 * least)
    return np.where(et < least, mirrored, et)
