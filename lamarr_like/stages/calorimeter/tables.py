"""The tables of clusters and of their links, from what a translator draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ... import schema
from ...arrays import Columns, Floats, Ints, Mask
from ...engine.translator.sequences import Sources
from ...engine.translator.translation import Again, Drawn
from ...errors import ArtefactError
from ...events import Table
from ...files.forms import Items, Number, Record, check
from ..geometry import BORDERS, CELL_Z, CELLS, ECAL_Z, HOLE
from ..stage import typed
from .image import shared_part
from .links import Links, Placed, largest_shares, own_links, stray_links, sums, with_neighbours
from .sources import SOURCE_KINDS, region_of, source_kinds
from .spacing import (
    EDGES,
    KINDS,
    LEAK_EDGES,
    N_FACTORS,
    crowded,
    hardest_near,
    nearest_cluster,
    touching,
)

EARLIER = (
    *("log_energy", "owner_share", "is_matched", "prs_energy", "spread", "is_not_h"),
    *("photon_id", "is_not_e", "dx", "dy", "merged_mass"),
)
"""What heads of earlier models draw: the same, but far clusters by the outputs of near ones."""

OUTPUTS = ("is_far", "x_far", "y_far", "log_et_far", *EARLIER)
"""What the head draws of a cluster: whether it is farther than `REACH` from its sources (a leg of a
converted photon, bent by the magnet, or a secondary); if it is, its place [m] and the log of its
transverse energy [MeV], which end at the edges of the face and at the threshold; else log of its
energy over that of its sources, and its distance from their centre in cells; its owner's share, and
columns of the table as they are."""

PLAIN = (
    *("is_matched", "prs_energy", "spread", "is_not_h", "photon_id", "is_not_e", "merged_mass"),
)
"""Outputs that are columns of the table."""

REACH = 3.9
"""Distance, in the larger of the two cells, up to which a source counts as absorbed."""

FOLLOWED = ("log_energy", "dx", "dy")
"""Of the first cluster of an owner, what the head knows when it draws a further one."""

PULLS = ("log_energy", "dx", "dy")
"""Outputs that are learnt in units of their expected resolution (`Rules.widths`): their laws become
three times narrower from 5 to 50 GeV, which a small head would have to learn."""

RESOLUTION: dict[str, Any] = {
    "energy": [0.09**2, 0.008**2, 0.0],
    "place": [[0.0, (0.09 * cell / 2.0) ** 2] for cell in CELLS],
}
"""Expected resolutions where a model tells no others: 9 % / sqrt(E) + 0.8 % (arXiv:1412.6352), and
about 2 mm at 10 GeV in the smallest cells.  Squares: of E [GeV], as a E + b E^2 + c / sin^2; and of
x [mm], as p + q / E, for each region."""

_EDGE = 20.0
"""Distance [mm] from the edge of the face at which a position beyond it is put."""
_MATCHED, _MATCHED_WITHIN = 0.5, 5.0
"""A drawn ``is_matched`` above it is true; what became part of another stays matched with its track
while it is moved by no more than so many errors of the place (chi2 of 25 of the match)."""
_FAR = 0.5
"""A drawn ``is_far`` above it is true."""
_BESIDE = (1.8, 0.6)
"""Distance, in the larger of the two cells, to which what came too near moves away, and what of it
is chance."""
_TURNS = 5
"""Doublings that follow clusters joined to joined ones."""


NUMBERS = 4
"""Numbers of clusters of a source that have factors of their own: none, one, two, more."""
ODDS = (0.05, 20.0)
"""Least and largest of `Rules.odds`."""
_PART = Number(-100.0, 100.0)
_PARTS = Items(_PART, most=len(LEAK_EDGES) - 1)
_RULES = Record(
    {
        "resolution": Record(
            {
                "energy": Items(Number(-1e4, 1e4), 3, 3),
                "place": Items(Items(Number(-1e8, 1e8), 2, 2), len(CELLS), len(CELLS)),
            },
            ("energy", "place"),
        ),
        "least_et": Number(0.0, 1e5),
        "least_distance": Number(0.0, 10.0),
        "far": Number(0.0, 1000.0),
        "merged_et": Number(0.0, 1e6),
        "odds": Items(Items(Number(*ODDS), NUMBERS, NUMBERS), most=SOURCE_KINDS),
        "spacing": Items(_PART, most=N_FACTORS),
        "leak": _PARTS,
        "stray": _PARTS,
    },
    open=True,
)


class Rules(NamedTuple):
    """What holds for all clusters of a sample.

    Attributes:
        resolution: see `RESOLUTION`.
        least_et: threshold of the transverse energy [MeV]; a draw below is reflected at it.
        least_distance: distance in (the larger) cells below which there are no two local maxima;
            clusters drawn nearer to each other are one.
        spacing: see `spacing.pair_factors`.
        leak: see `spacing.leaked_parts`.
        stray: part of the energy of a shower without a cluster that the nearest cluster holds, for
            each bin of `spacing.LEAK_EDGES`.
        far: distance in cells from its sources beyond which a cluster (a leg of a converted photon,
            bent by the magnet, or background) that falls onto another is not drawn again but
            becomes a part of it; 0 for none.
        merged_et: transverse energy [MeV] above which clusters have a ``merged_mass``, if they are
            wide and not matched; 0 where the model draws that itself.
        odds: factors of the probabilities that a source owns none, one, two, more clusters, for
            each kind of `sources.source_kinds`, with which as many are drawn as there are, those
            that fall onto others apart; none for 1.
    """

    resolution: Mapping[str, Any] = RESOLUTION
    least_et: float = 0.0
    least_distance: float = 0.0
    spacing: Sequence[float] = ()
    leak: Sequence[float] = ()
    stray: Sequence[float] = ()
    far: float = 0.0
    merged_et: float = 0.0
    odds: Sequence[Sequence[float]] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Rules:
        """Those in the configuration of a model, as far as it has them.

        Raises:
            ArtefactError: with the path of the item that is wrong.
        """
        where = "stage 'ecal': config.json of its model"
        found = check(config, _RULES, where, ArtefactError)
        if len(spacing := found.get("spacing", ())) * KINDS == N_FACTORS:
            found = {**found, "spacing": KINDS * spacing}  # of earlier models, for all kinds
        bins = len(LEAK_EDGES) - 1
        sizes = {"spacing": N_FACTORS, "leak": bins, "stray": bins, "odds": SOURCE_KINDS}
        for name, n in sizes.items():
            if len(found.get(name, ())) not in (0, n):
                raise ArtefactError(f"{where}: {name}: {len(found[name])} numbers, not {n}")
        return cls(**found)

    @property
    def again(self) -> Again:
        """Clusters to be drawn again: below the threshold, `off_face` or `spacing.crowded`."""
        return partial(_again, self)

    def odds_of(self, sources: Sources, names: Sequence[str]) -> Floats | None:
        """The factors of `odds` of each source, shape ``(n_sources, NUMBERS)``, None for none.

        Args:
            sources: the sources.
            names: their features, in order.
        """
        return np.array(self.odds)[source_kinds(sources, names)] if len(self.odds) else None

    def widths(self, place: Floats) -> Columns:
        """Expected resolutions of the `PULLS` (`translation.Widths`), shapes ``(m,)``.

        Args:
            place: x, y, unit [mm] and log of the energy [MeV] of the sources, shape ``(m, 4)``.
        """
        x, y, unit, log_energy = place.T
        energy = np.exp(log_energy)
        found = _resolutions(energy, _sine(x, y), region_of(x, y), self.resolution)
        across = found["sigma_x"] / unit
        return {"log_energy": found["sigma_energy"] / energy, "dx": across, "dy": across}


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


def cluster_tables(
    sources: Sources, drawn: Drawn, number: Ints, rules: Rules | None = None
) -> dict[str, Table]:
    """The tables ``cluster`` and ``cluster_link`` from drawn clusters.

    Args:
        sources: the sources.
        drawn: their clusters.
        number: `sources.numbered`, shape ``(n_sources,)``.
        rules: what holds for all clusters; None for no rules.
    """
    rules = rules or Rules()
    made = placed(drawn, rules)
    # As in the reference, the clusters of an event come in falling transverse energy.
    order = np.lexsort((-made.energy * _sine(made.x, made.y), made.event))
    order = order[made.root[order] == order]
    counts = np.bincount(made.event[order], minlength=len(drawn.offsets) - 1)
    links = _links(sources, drawn, number, rules, made, order)
    columns = {k: v[order] for k, v in _columns(drawn.values, made, rules).items()}
    columns["cluster_id"] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    columns |= largest_shares(links, len(order))
    return {
        "cluster": _table("cluster", columns, counts),
        "cluster_link": _link_table(links, counts),
    }


def placed(drawn: Drawn, rules: Rules) -> Made:
    """Places and energies of the drawn clusters, with what is too near to be two joined."""
    values, place = drawn.values, drawn.place
    counts = np.diff(drawn.offsets)
    event = np.repeat(np.arange(len(counts)), counts)
    x, y, energy = _by_itself(place, values)
    if rules.least_et > 0.0:
        x, y = _on_the_face(x, y)
    # What may fall onto others, and what found no better place.
    away = _away(place, x, y)
    fallen = np.flatnonzero(crowded(rules.spacing, event, place, away, drawn.chance))
    mine, other = _met(x, y, event, fallen if rules.far > 0.0 else fallen[:0])
    touch = touching(x, y, mine, other)
    x, y = _beside(x, y, mine[~touch], other[~touch], drawn.chance)
    energy = np.maximum(energy, _reflected(energy * _sine(x, y), rules.least_et) / _sine(x, y))
    made = _whole(_landed(energy, mine[touch], other[touch]), x, y, energy, event)
    if rules.least_distance > 0.0:
        there = np.flatnonzero(made.root == np.arange(len(x)))
        found = (made.x[there], made.y[there], made.energy[there], event[there])
        into = np.arange(len(x))
        into[there] = there[_joined(*found, rules.least_distance)]
        if not np.array_equal(into[there], there):
            made = _whole(into[made.root], x, y, energy, event)
    return made


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


def _columns(values: Mapping[str, Floats], made: Made, rules: Rules) -> Columns:
    """Columns of clusters that follow from what was drawn of them, shapes ``(m,)``."""
    sine, region = _sine(made.x, made.y), region_of(made.x, made.y)
    scale, n = ECAL_Z / CELL_Z, len(made.x)
    resolutions = _resolutions(made.energy, sine, region, rules.resolution)
    away = np.hypot(made.own_x - made.x[made.root], made.own_y - made.y[made.root])
    near = away <= _MATCHED_WITHIN * resolutions["sigma_x"][made.root]
    matched = np.bincount(made.root, (values["is_matched"] > _MATCHED) & near, minlength=n) > 0
    found: Columns = {
        **{"x": made.x * scale, "y": made.y * scale, "z": np.full(len(made.x), ECAL_Z)},
        **{"energy": made.energy, "et": made.energy * sine, "region": region},
        **{name: values[name] for name in PLAIN},
        **resolutions,
        "is_matched": matched,
        "prs_energy": sums(made.root, made.inside * values["prs_energy"], n),
        "spread": _spread(values["spread"], made),
    }
    if rules.merged_et > 0.0:
        tried = (found["et"] > rules.merged_et) & ~matched
        found["merged_mass"] = np.where(tried, _halves(values["merged_mass"], made), 0.0)
    return found


def _halves(mass: Floats, made: Made) -> Floats:
    """Mass [MeV] of the halves of clusters with what became part of them, shapes ``(m,)``."""
    root = made.root
    other = np.flatnonzero(root != np.arange(len(mass)))
    if not len(other):
        return mass
    into = root[other]
    away = np.hypot(made.own_x[other] - made.own_x[into], made.own_y[other] - made.own_y[into])
    product = made.part[other] * made.part[into] * made.energy[into] ** 2
    angle = away / np.hypot(CELL_Z, np.hypot(made.x[into], made.y[into]))
    return np.sqrt(mass**2 + sums(into, product * angle**2, len(mass)))


def _spread(spread: Floats, made: Made) -> Floats:
    """Root mean square radius [mm] of clusters with what became part of them, shapes ``(m,)``."""
    root, n = made.root, len(spread)
    if np.array_equal(root, np.arange(n)):
        return spread
    away = (made.own_x - made.x[root]) ** 2 + (made.own_y - made.y[root]) ** 2
    return np.sqrt(sums(root, made.part * (spread**2 + away), n))


def _links(
    sources: Sources, drawn: Drawn, number: Ints, rules: Rules, made: Made, order: Ints
) -> Links:
    """Links to owners and absorbed sources, and to neighbours and lost showers where rules say so.

    Args:
        sources, drawn, number, rules: see `cluster_tables`.
        made: the clusters.
        order: those that stand in the table, in its order, shape ``(n,)``.
    """
    rank = np.full(len(made.x), -1)
    rank[order] = np.arange(len(order))
    links = own_links(sources, drawn, number, rank[made.root], made.part)
    if not len(rules.leak):
        return links
    placed = Placed(made.x[order], made.y[order], made.energy[order], made.event[order])
    strays = stray_links(sources, drawn, number, placed, rules.stray)
    return with_neighbours(links, placed, rules.leak, strays)


def _link_table(links: Links, counts: Ints) -> Table:
    """The table ``cluster_link``; `counts` are the clusters of each event."""
    offsets = np.concatenate([[0], np.cumsum(counts)])
    event = np.searchsorted(offsets, links.cluster, "right") - 1
    columns: Columns = {
        "cluster_id": links.cluster - offsets[event],
        "mcparticle_id": links.particle,
        "weight": links.weight,
    }
    return _table("cluster_link", columns, np.bincount(event, minlength=len(counts)))


def _again(
    rules: Rules, event: Ints, place: Floats, values: Mapping[str, Floats], chance: Floats
) -> Mask:
    """See `Rules.again` and `translation.Again`."""
    x, y, energy = _by_itself(place, values)
    away = _away(place, x, y)
    again = crowded(rules.spacing, event, place, away, chance) & ~_lands(rules, away)
    if rules.least_et > 0.0:
        again |= off_face(x, y) | (energy * _sine(x, y) < rules.least_et)
    return again


def _by_itself(place: Floats, values: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats]:
    """X, y [mm] and energy [MeV] of what was drawn of each cluster, shapes ``(m,)``."""
    x, y = (place[:, i] + values[f"d{a}"] * place[:, 2] for i, a in enumerate("xy"))
    energy = np.exp(place[:, 3] + values["log_energy"])
    if "is_far" in values:
        far = np.flatnonzero(values["is_far"] > _FAR)
        x[far], y[far] = 1e3 * values["x_far"][far], 1e3 * values["y_far"][far]
        energy[far] = np.exp(values["log_et_far"][far]) / _sine(x[far], y[far])
    return x, y, energy


def completed(place: Floats, values: Mapping[str, Floats]) -> Columns:
    """The `FOLLOWED` of near and far clusters, shapes ``(m,)``.

    Args:
        place: x, y, unit [mm] and log of the energy [MeV] of the sources, shape ``(m, 4)``.
        values: what was drawn, by name, shapes ``(m,)``.
    """
    x, y, energy = _by_itself(place, values)
    return {"log_energy": np.log(energy) - place[:, 3], **_away(place, x, y)}


def _away(place: Floats, x: Floats, y: Floats) -> Columns:
    """Distances ``dx``, ``dy`` from the centre of the sources in cells, shapes ``(m,)``."""
    return {"dx": (x - place[:, 0]) / place[:, 2], "dy": (y - place[:, 1]) / place[:, 2]}


def _lands(rules: Rules, away: Columns) -> Mask:
    """Clusters that may become part of others, see `Rules.far`; shape ``(m,)``."""
    if rules.far <= 0.0:
        return np.zeros(len(away["dx"]), dtype=bool)
    able: Mask = np.hypot(away["dx"], away["dy"]) > rules.far
    return able


def off_face(x: Floats, y: Floats) -> Mask:
    """Whether places in the plane of the cells are off the face or in its hole, shapes ``(n,)``."""
    ax, ay = np.abs(x), np.abs(y)
    off: Mask = (ax > BORDERS[0][0]) | (ay > BORDERS[0][1]) | ((ax < HOLE[0]) & (ay < HOLE[1]))
    return off


def _sine(x: Floats, y: Floats) -> Floats:
    """Sine of the angle to the beam, for places in the plane of the cells."""
    r = np.maximum(np.hypot(x, y), 1.0)
    return r / np.hypot(r, CELL_Z)


def _reflected(et: Floats, least: float) -> Floats:
    """Transverse energies, those below the threshold mirrored at it on a logarithmic scale."""
    mirrored = np.minimum(least * least / np.maximum(et, 1.0), 1.5 * least)
    return np.where(et < least, mirrored, et)


def _on_the_face(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Places inside the face and outside its hole; others are moved to the nearest edge."""
    (a, b), (c, d) = BORDERS[0], HOLE
    x, y = np.clip(x, _EDGE - a, a - _EDGE), np.clip(y, _EDGE - b, b - _EDGE)
    in_hole = (np.abs(x) < c) & (np.abs(y) < d)
    across = c - np.abs(x) < d - np.abs(y)
    x = np.where(in_hole & across, np.copysign(c + _EDGE, x), x)
    return x, np.where(in_hole & ~across, np.copysign(d + _EDGE, y), y)


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


def _resolutions(
    energy: Floats, sine: Floats, region: Ints, resolution: Mapping[str, Any]
) -> Columns:
    """Expected resolutions of the energy [MeV] and of x [mm]."""
    e = np.maximum(energy, 1.0) / 1000.0
    a, b, c = resolution["energy"]
    p, q = np.asarray(resolution["place"], dtype=np.float64)[region].T
    return {
        "sigma_energy": 1000.0 * np.sqrt(np.maximum(a * e + b * e * e + c / sine**2, 1e-12)),
        "sigma_x": np.sqrt(np.maximum(p + q / e, 1e-12)),
    }


def _table(name: str, columns: Columns, counts: Ints) -> Table:
    declared = [c.name for c in schema.table_columns(name)]
    return Table.from_counts(typed(name, {c: columns[c] for c in declared}), counts)
