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
from ..features import ECAL_Z
from .sources import BORDERS, CELL_Z, CELLS, HOLE, MIP, region_of
from .spacing import EDGES, LEAK_EDGES, crowded, hardest_near, near_pairs, nearest_cluster

OUTPUTS = (
    *("log_energy", "owner_share", "is_matched", "prs_energy", "spread", "is_not_h"),
    *("photon_id", "is_not_e", "dx", "dy", "merged_mass"),
)
"""What the head draws of a cluster: log of its energy over that of its sources, its owner's share,
its distance from their centre in cells, and columns of the table as they are."""

PLAIN = tuple(n for n in OUTPUTS if n not in ("log_energy", "owner_share", "dx", "dy"))
"""Outputs that are columns of the table."""

RESOLUTION: dict[str, Any] = {
    "energy": [0.09**2, 0.008**2, 0.0],
    "place": [[0.0, (0.09 * cell / 2.0) ** 2] for cell in CELLS],
}
"""Expected resolutions where a model tells no others: 9 % / sqrt(E) + 0.8 % (arXiv:1412.6352), and
about 2 mm at 10 GeV in the smallest cells.  Squares: of E [GeV], as a E + b E^2 + c / sin^2; and of
x [mm], as p + q / E, for each region."""

_EDGE = 20.0
"""Distance [mm] from the edge of the face at which a position beyond it is put."""
_LEAST_SHARE = 1e-6
"""What gave no more of a cluster's energy has no link to it."""
_LEAST_NEIGHBOUR = 0.01
"""Least share of a neighbour: the reference detector keeps no links below."""
_MOST_LEAK = 6.0
"""Showers leak more than the mean of their distance, but not more than by about this factor."""
_TURNS = 5
"""Doublings that follow clusters joined to joined ones."""


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
        "spacing": Items(_PART, most=100),
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
    """

    resolution: Mapping[str, Any] = RESOLUTION
    least_et: float = 0.0
    least_distance: float = 0.0
    spacing: Sequence[float] = ()
    leak: Sequence[float] = ()
    stray: Sequence[float] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Rules:
        """Those in the configuration of a model, as far as it has them.

        Raises:
            ArtefactError: with the path of the item that is wrong.
        """
        where = "stage 'ecal': config.json of its model"
        found = check(config, _RULES, where, ArtefactError)
        for name, edges in (("spacing", EDGES), ("leak", LEAK_EDGES), ("stray", LEAK_EDGES)):
            n = len(edges) - 1
            if len(found.get(name, ())) not in (0, n):
                raise ArtefactError(f"{where}: {name}: {len(found[name])} numbers, not {n}")
        return cls(**found)

    @property
    def again(self) -> Again:
        """Clusters to be drawn again: off the face (`off_face`) or `spacing.crowded`."""
        return partial(_again, self)


def cluster_tables(
    sources: Sources, drawn: Drawn, number: Ints, rules: Rules | None = None
) -> dict[str, Table]:
    """The tables ``cluster`` and ``cluster_link`` from drawn clusters.

    Args:
        sources: the sources.
        drawn: their clusters.
        number: `sources.numbered`.
        rules: what holds for all clusters; None for no rules.
    """
    rules = rules or Rules()
    values, place = drawn.values, drawn.place
    counts = np.diff(drawn.offsets)
    event = np.repeat(np.arange(len(counts)), counts)
    x, y = (place[:, i] + values[f"d{a}"] * place[:, 2] for i, a in enumerate("xy"))
    if rules.least_et > 0.0:
        x, y = _on_the_face(x, y)
    energy = np.exp(place[:, 3] + values["log_energy"])
    energy = np.maximum(energy, _reflected(energy * _sine(x, y), rules.least_et) / _sine(x, y))
    root = _joined(x, y, energy, event, rules.least_distance)
    part = energy / _sums(root, energy, len(x))[root]
    x, y = (_sums(root, part * c, len(x)) for c in (x, y))
    energy = _sums(root, energy, len(x))
    matched = np.bincount(root, values["is_matched"] > 0.5, minlength=len(x)) > 0
    sine = _sine(x, y)
    # As in the reference, the clusters of an event come in falling transverse energy.
    order = np.lexsort((-energy * sine, event))
    order = order[root[order] == order]
    counts = np.bincount(event[order], minlength=len(counts))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    region = region_of(x, y)
    scale = ECAL_Z / CELL_Z
    columns: Columns = {
        **{"x": x * scale, "y": y * scale, "z": np.full(len(x), ECAL_Z)},
        **{"energy": energy, "et": energy * sine, "region": region},
        **{name: values[name] for name in PLAIN},
        **_resolutions(energy, sine, region, rules.resolution),
        "is_matched": matched,
    }
    columns = {k: v[order] for k, v in columns.items()}
    columns["cluster_id"] = np.arange(len(order)) - np.repeat(offsets[:-1], counts)
    rank = np.full(len(x), -1)
    rank[order] = np.arange(len(order))
    links = _links(sources, drawn, number, rank[root], part)
    if len(rules.leak):
        final = np.repeat(np.arange(len(counts)), counts)
        places = np.stack([x, y, energy])[:, order]
        strays = _strays(sources, drawn, number, places, final, rules.stray)
        links = _with_neighbours(links, places, final, rules.leak, strays)
    cluster, particle, weight = links
    best = np.lexsort((-particle, weight, cluster))
    columns["mcparticle_id"], columns["mc_share"] = np.full(len(order), -1), np.zeros(len(order))
    columns["mcparticle_id"][cluster[best]] = particle[best]
    columns["mc_share"][cluster[best]] = weight[best]
    link_event = np.searchsorted(offsets, cluster, "right") - 1
    table: Columns = {
        "cluster_id": cluster - offsets[link_event],
        "mcparticle_id": particle,
        "weight": weight,
    }
    link_counts = np.bincount(link_event, minlength=len(counts))
    return {
        "cluster": _table("cluster", columns, counts),
        "cluster_link": _table("cluster_link", table, link_counts),
    }


def _again(
    rules: Rules, event: Ints, place: Floats, values: Mapping[str, Floats], chance: Floats
) -> Mask:
    """See `Rules.again` and `translation.Again`."""
    again = crowded(rules.spacing, event, place, values, chance)
    if rules.least_et > 0.0:
        x, y = (place[:, i] + values[f"d{a}"] * place[:, 2] for i, a in enumerate("xy"))
        again |= off_face(x, y)
    return again


def off_face(x: Floats, y: Floats) -> Mask:
    """Whether places in the plane of the cells are beyond the face or in its hole."""
    ax, ay = np.abs(x), np.abs(y)
    off: Mask = (ax > BORDERS[0][0]) | (ay > BORDERS[0][1]) | ((ax < HOLE[0]) & (ay < HOLE[1]))
    return off


def _sums(index: Ints, values: Floats, size: int) -> Floats:
    """Sum of the values of each index."""
    return np.bincount(index, values, minlength=size).astype(np.float64)


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
    if least <= 0.0:
        return np.arange(len(x))
    into = hardest_near(x, y, energy, event, least)
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


def _links(
    sources: Sources, drawn: Drawn, number: Ints, rank: Ints, part: Floats
) -> tuple[Ints, Ints, Floats]:
    """Owners and absorbed sources of the clusters: cluster, particle, share of its energy.

    Args:
        sources, drawn, number: see `cluster_tables`.
        rank: row in the table of what each drawn cluster became, shape ``(m,)``.
        part: part of the energy of that which it makes, shape ``(m,)``.
    """
    clusters, m = drawn.clusters, len(rank)
    share = np.clip(drawn.values["owner_share"], 0.0, 1.0)
    member = np.flatnonzero(clusters.of_source >= 0)
    into = clusters.of_source[member]
    energy = sources.energy[member]
    total = np.bincount(into, energy, minlength=m)
    rest = (1.0 - share[into]) * energy / total[into]
    mine = np.flatnonzero(~sources.zone[clusters.owner])
    cluster = np.concatenate([rank[mine], rank[into]])
    particle = np.concatenate([number[clusters.owner[mine]], number[member]])
    weight = np.concatenate([share[mine] * part[mine], rest * part[into]])
    given = weight > _LEAST_SHARE
    cluster, particle, weight = cluster[given], particle[given], weight[given]
    # What was joined may have links to the same particle.
    return _summed(cluster, particle, weight)


def _summed(cluster: Ints, particle: Ints, weight: Floats) -> tuple[Ints, Ints, Floats]:
    """One link for each cluster and particle, in their order."""
    order = np.lexsort((particle, cluster))
    cluster, particle, weight = cluster[order], particle[order], weight[order]
    new = np.ones(len(cluster), dtype=bool)
    new[1:] = (np.diff(cluster) != 0) | (np.diff(particle) != 0)
    return cluster[new], particle[new], _sums(np.cumsum(new) - 1, weight, int(new.sum()))


def _strays(
    sources: Sources,
    drawn: Drawn,
    number: Ints,
    places: Floats,
    event: Ints,
    stray: Sequence[float],
) -> tuple[Ints, Ints, Floats]:
    """Clusters, particles and shares of showers that have no cluster, each in the nearest one.

    Args:
        sources, drawn, number: see `cluster_tables`.
        places: x, y, energy of the clusters, shape ``(3, n)``.
        event: event of each, shape ``(n,)``.
        stray: see `Rules`.
    """
    lost = np.zeros(0, np.int64)
    if len(stray):
        lost = lost_showers(sources, drawn.clusters.outcome == 0)
    of = np.searchsorted(sources.offsets, lost, "right") - 1
    x, y, energy = places
    at, distance = nearest_cluster(x, y, event, (sources.x[lost], sources.y[lost], of))
    lost, at, distance = lost[at >= 0], at[at >= 0], distance[at >= 0]
    if not len(lost):
        return at, lost, distance
    part = np.asarray(stray)[np.searchsorted(LEAK_EDGES, distance, "right") - 1]
    return at, number[lost], part * sources.energy[lost] / energy[at]


def lost_showers(sources: Sources, lost: Mask) -> Ints:
    """Sources that shower, of those that are lost."""
    # What does not shower stands for `MIP` at the most.
    rows: Ints = np.flatnonzero(lost & ~sources.zone & (sources.energy > MIP))
    return rows


def _with_neighbours(
    links: tuple[Ints, Ints, Floats],
    places: Floats,
    event: Ints,
    leak: Sequence[float],
    strays: tuple[Ints, Ints, Floats],
) -> tuple[Ints, Ints, Floats]:
    """Links to the owners of neighbouring clusters as well, whose showers reach into the cluster.

    What the owner did not give is divided among the absorbed, the neighbours and showers without a
    cluster nearby by the energy that is expected of them, as far as that is not more than
    `_MOST_LEAK` times as much.

    Args:
        links: cluster, particle and share of its energy, in order of the cluster.
        places: x, y, energy of the clusters, shape ``(3, n)``.
        event: event of each, shape ``(n,)``.
        leak: `spacing.leaked_parts`.
        strays: `_strays`.
    """
    cluster, particle, weight = links
    x, y, energy = places
    n = len(x)
    order = np.lexsort((-particle, weight, cluster))
    owner, largest = np.full(n, -1), np.zeros(n)
    owner[cluster[order]], largest[cluster[order]] = particle[order], weight[order]
    a, b, distance = near_pairs(x, y, event, LEAK_EDGES[-1])
    to, of = np.concatenate([a, b]), np.concatenate([b, a])
    part = np.asarray(leak)[np.searchsorted(LEAK_EDGES, distance, "right") - 1]
    share = np.concatenate([part, part]) * energy[of] / energy[to]
    able = (owner[to] >= 0) & (owner[of] >= 0) & (owner[to] != owner[of])
    to, giver, share = to[able], owner[of[able]], share[able]
    known = owner[strays[0]] >= 0
    joined = zip((to, giver, share), strays, strict=True)
    to, giver, share = (np.concatenate([a, b[known]]) for a, b in joined)
    rest = np.maximum(1.0 - largest, 0.0)
    is_owner = particle == owner[cluster]
    expected = _sums(to, share, n) + _sums(cluster[~is_owner], weight[~is_owner], n)
    factor = np.minimum(rest / np.maximum(expected, _LEAST_SHARE), _MOST_LEAK)
    share = share * factor[to]
    weight = np.where(is_owner, weight, weight * np.minimum(factor[cluster], 1.0))
    kept = share > _LEAST_NEIGHBOUR
    return _summed(
        np.concatenate([cluster, to[kept]]),
        np.concatenate([particle, giver[kept]]),
        np.concatenate([weight, share[kept]]),
    )


def _table(name: str, columns: Columns, counts: Ints) -> Table:
    declared = [c.name for c in schema.table_columns(name)]
    return Table.from_counts({c: schema.as_declared(name, c, columns[c]) for c in declared}, counts)
