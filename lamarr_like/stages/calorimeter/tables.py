"""The tables of clusters and of their links, from what a translator draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ... import schema
from ...arrays import Columns, Floats, Ints, Mask
from ...engine.translator.sequences import Sources
from ...engine.translator.translation import Again, Choose, Drawn
from ...errors import ArtefactError
from ...events import Table
from ...files.forms import Items, Number, Record, check
from ..geometry import CELL_Z, CELLS, ECAL_Z
from ..stage import typed
from .links import (
    ByNumber,
    Links,
    Placed,
    largest_shares,
    own_links,
    stray_links,
    sums,
    with_neighbours,
)
from .near_tracks import NEAR_TRACK, log_chi2, tracked_sources, with_track
from .numbers import NUMBERS, Hits, Numbers
from .placing import Made, away, by_itself, off_face, placed, sine_at
from .sources import (
    OWNER_KINDS,
    PHOTON_ET,
    SOURCE_KINDS,
    owner_kinds,
    region_of,
    source_kinds,
)
from .spacing import KINDS, LEAK_EDGES, N_FACTORS, N_LEAKS, crowded

EARLIER = (
    *("log_energy", "owner_share", "is_matched", "prs_energy", "spread", "is_not_h"),
    *("photon_id", "is_not_e", "dx", "dy", "merged_mass"),
)
"""What heads of earlier models draw: the same, but far clusters by the outputs of near ones."""

_OF_FAR = ("is_far", "x_far", "y_far", "log_et_far")
OUTPUTS = (*_OF_FAR, *(NEAR_TRACK.get(name, name) for name in EARLIER))
"""What the head draws of a cluster: whether it is farther than `REACH` from its sources (a leg of a
converted photon, bent by the magnet, or a secondary); if it is, its place [m] and the log of its
transverse energy [MeV], which end at the edges of the face and at the threshold; else log of its
energy over that of its sources, and its distance from their centre in cells; its owner's share,
log-odds of likenesses without the nearest track (`NEAR_TRACK`), and columns as they are."""

KNOWN = (OUTPUTS, (*_OF_FAR, *EARLIER), EARLIER)
"""Outputs of models that can be used."""

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

_MATCHED, _MATCHED_WITHIN = 0.5, 5.0
"""A drawn ``is_matched`` above it is true; what became part of another stays matched with its track
while it is moved by no more than so many errors of the place (chi2 of 25 of the match)."""


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
        "odds": Items(Items(Number(*ODDS), NUMBERS, NUMBERS), most=OWNER_KINDS),
        "hits": Record(
            {
                "expected": Items(_PART, SOURCE_KINDS, SOURCE_KINDS),
                "table": Items(Items(_PART, NUMBERS, NUMBERS), SOURCE_KINDS, SOURCE_KINDS),
                "spread": Number(0.0, 1e4),
                "cells": Number(1.0, 1e9),
            }
        ),
        "near_track": Record({name: Number(-10.0, 10.0) for name in NEAR_TRACK}),
        "spacing": Items(_PART, most=N_FACTORS),
        "leak": Items(_PART, most=N_LEAKS),
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
            each kind of `sources.owner_kinds`, with which as many are drawn as there are, those
            that fall onto others apart; none for 1.
        near_track: `truth.slopes`; of these likenesses the model draws log-odds without the
            term of the nearest track.
        hits: `numbers.Hits`, with which numbers of clusters fit to the SPD hits; none if they do
            not depend on them.
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
    near_track: Mapping[str, float] = {}
    hits: Mapping[str, Any] = {}

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
        if len(leak := found.get("leak", ())) == bins:
            found = {**found, "leak": N_LEAKS // bins * leak}  # of earlier models, for all kinds
        if len(odds := found.get("odds", ())) == SOURCE_KINDS:  # of earlier models, for any ET
            n = len(CELLS)
            each = [row for row in odds[:n] for _ in range(len(PHOTON_ET) + 1)]
            found = {**found, "odds": [*each, *odds[n:]]}
        sizes = {"spacing": N_FACTORS, "leak": N_LEAKS, "stray": bins, "odds": OWNER_KINDS}
        for name, n in sizes.items():
            if len(found.get(name, ())) not in (0, n):
                raise ArtefactError(f"{where}: {name}: {len(found[name])} numbers, not {n}")
        if lacking := set(Hits._fields) - set(found.get("hits") or Hits._fields):
            raise ArtefactError(f"{where}: hits: lacks {', '.join(sorted(lacking))}")
        return cls(**found)

    @property
    def again(self) -> Again:
        """Clusters to be drawn again: below the threshold, `off_face` or `spacing.crowded`."""
        return partial(_again, self)

    def numbers(
        self, sources: Sources, names: Sequence[str], lit: Floats, normals: Floats | None
    ) -> Choose | None:
        """What chooses the numbers of clusters of sources, None where the model does by itself.

        Args:
            sources: the sources.
            names: their features, in order.
            lit: SPD hits of each event, shape ``(n_events,)``.
            normals: a standard normal number for each event, shape ``(n_events,)``; None if the
                hits are not those of the generated particles.
        """
        if not len(self.odds):
            return None
        return Numbers(
            offsets=sources.offsets,
            kinds=source_kinds(sources, names),
            odds=np.array(self.odds)[owner_kinds(sources, names)],
            hits=Hits(**self.hits) if self.hits and normals is not None else None,
            lit=lit,
            normals=np.zeros(len(lit)) if normals is None else normals,
        )

    def widths(self, place: Floats) -> Columns:
        """Expected resolutions of the `PULLS` (`translation.Widths`), shapes ``(m,)``.

        Args:
            place: x, y, unit [mm] and log of the energy [MeV] of the sources, shape ``(m, 4)``.
        """
        x, y, unit, log_energy = place.T
        energy = np.exp(log_energy)
        found = _resolutions(energy, sine_at(x, y), region_of(x, y), self.resolution)
        across = found["sigma_x"] / unit
        return {"log_energy": found["sigma_energy"] / energy, "dx": across, "dy": across}


def cluster_tables(
    sources: Sources,
    drawn: Drawn,
    number: Ints,
    rules: Rules | None = None,
    names: Sequence[str] = (),
) -> dict[str, Table]:
    """The tables ``cluster`` and ``cluster_link`` from drawn clusters.

    Args:
        sources: the sources.
        drawn: their clusters.
        number: `sources.numbered`, shape ``(n_sources,)``.
        rules: what holds for all clusters; None for no rules.
        names: features of the sources, in order, for rules with `Rules.near_track`.
    """
    rules = rules or Rules()
    made = placed(drawn, rules)
    distance = None
    if rules.near_track:
        where = (made.x, made.y, made.event)
        distance = partial(log_chi2, sources, tracked_sources(sources, names), where)
    # As in the reference, the clusters of an event come in falling transverse energy.
    order = np.lexsort((-made.energy * sine_at(made.x, made.y), made.event))
    order = order[made.root[order] == order]
    counts = np.bincount(made.event[order], minlength=len(drawn.offsets) - 1)
    links = _links(sources, drawn, number, rules, made, order)
    columns = {k: v[order] for k, v in _columns(drawn.values, made, rules, distance).items()}
    columns["cluster_id"] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    columns |= largest_shares(links, len(order))
    return {
        "cluster": _table("cluster", columns, counts),
        "cluster_link": _link_table(links, counts),
    }


def _columns(
    values: Mapping[str, Floats],
    made: Made,
    rules: Rules,
    distance: Callable[[Floats, Mask], Floats] | None = None,
) -> Columns:
    """Columns of clusters that follow from what was drawn of them, shapes ``(m,)``.

    Args:
        values: what was drawn, by name, shapes ``(m,)``.
        made: the clusters.
        rules: what holds for all clusters.
        distance: resolutions of x and whether they are matched to `near_tracks.log_chi2`.
    """
    sine, region = sine_at(made.x, made.y), region_of(made.x, made.y)
    scale, n = ECAL_Z / CELL_Z, len(made.x)
    resolutions = _resolutions(made.energy, sine, region, rules.resolution)
    away = np.hypot(made.own_x - made.x[made.root], made.own_y - made.y[made.root])
    near = away <= _MATCHED_WITHIN * resolutions["sigma_x"][made.root]
    matched = np.bincount(made.root, (values["is_matched"] > _MATCHED) & near, minlength=n) > 0
    found: Columns = {
        **{"x": made.x * scale, "y": made.y * scale, "z": np.full(len(made.x), ECAL_Z)},
        **{"energy": made.energy, "et": made.energy * sine, "region": region},
        **{name: values[name] for name in PLAIN if name in values},
        **resolutions,
        "is_matched": matched,
        "prs_energy": sums(made.root, made.inside * values["prs_energy"], n),
        "spread": _spread(values["spread"], made),
    }
    if set(NEAR_TRACK.values()) <= set(values):
        log_chi2s = distance(resolutions["sigma_x"], matched) if distance else 0.0
        found |= with_track(values, rules.near_track, log_chi2s)
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
    where = Placed(made.x[order], made.y[order], made.energy[order], made.event[order])
    strays = stray_links(sources, drawn, number, where, rules.stray)
    return with_neighbours(links, where, rules.leak, strays, ByNumber(sources, number))


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
    x, y, energy = by_itself(place, values)
    distance = away(place, x, y)
    again = crowded(rules.spacing, event, place, distance, chance) & ~_lands(rules, distance)
    if rules.least_et > 0.0:
        again |= off_face(x, y) | (energy * sine_at(x, y) < rules.least_et)
    return again


def _lands(rules: Rules, away: Columns) -> Mask:
    """Clusters that may become part of others, see `Rules.far`; shape ``(m,)``."""
    if rules.far <= 0.0:
        return np.zeros(len(away["dx"]), dtype=bool)
    able: Mask = np.hypot(away["dx"], away["dy"]) > rules.far
    return able


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
