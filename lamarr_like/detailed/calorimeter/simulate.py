"""The calorimeters of a batch: from the particles that arrive to clusters, links and track sums."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ... import rng, schema
from ...arrays import Columns, Floats, Ints
from ...events import Table
from ...physics.calo_likelihoods import track_likelihoods
from ..arrivals import Arrivals, Pointing
from ..compiled import inner, kernel
from ..parameters import Parameters
from ..reconstruction import DOWNSTREAM
from .clusters import find_seeds, share_cells, shares
from .identify import cluster_likeness
from .objects import CLUSTER, TRACK, Reconstruction, cluster_rows, reconstruction, track_rows
from .readout import read_out
from .response import Given, Response, Signals, fill, response
from .shape import Shape, shape
from .showers import NONE, Showers

_DEPOSITS = 130  # ECAL cells of one arrival at most, in the mean
_ROOM = 500  # more of them, where few arrive
_ET = CLUSTER.index("et")


class CaloResult(NamedTuple):
    """Reconstructed calorimeters of a batch.

    Attributes:
        cluster: table ``cluster`` of the schema, in falling order of transverse energy.
        link: table ``cluster_link``: generated particles with more than
            `Parameters.calo_link_share` of a cluster.
        track: columns of the table ``track`` (``in_ecal``, ``ecal_energy``, ``prs_energy``,
            ``hcal_energy``, ``calo_dll_e``, ``calo_dll_mu``, ``has_brem``, ``brem_energy``), one
            entry for each of the tracks given.
    """

    cluster: Table
    link: Table
    track: Columns


class Detector(NamedTuple):
    """What the kernels know of the calorimeters.

    Attributes:
        resp: how they respond.
        rec: how they are reconstructed.
        tables: mean shower in 3 x 3 cells.
    """

    resp: Response
    rec: Reconstruction
    tables: Shape


class _Event(NamedTuple):
    """Rows of one event: `CLUSTER`, `TRACK`, and the links as cluster, mcparticle_id, weight."""

    clusters: Floats
    tracks: Floats
    link_cluster: Ints
    link_particle: Ints
    link_weight: Floats


class _Seen(NamedTuple):
    """What one event has to be simulated.

    Attributes:
        rows, codes: the arrivals, as `response.fill` takes them.
        tracks, lines: the tracks and their first lines, as `objects.track_rows` takes them.
        given: showers made elsewhere.
    """

    rows: Floats
    codes: Ints
    tracks: Floats
    lines: Floats
    given: Given


def simulate_calorimeter(
    arrived: Arrivals,
    tracks: Pointing,
    event_id: Ints,
    seed: int,
    par: Parameters,
    showers: Showers = NONE,
) -> CaloResult:
    """Simulate and reconstruct the calorimeters of a batch.

    Args:
        arrived: particles at the SPD, in order of event.
        tracks: reconstructed tracks, in order of event.
        event_id: identifier of each event of the batch, shape ``(n_events,)``.
        seed: seed of the run; the result of an event depends on it and on the event alone.
        par: parameters.
        showers: makes showers of photons and electrons in place of the parametrisation.
    """
    n = len(event_id)
    detector = Detector(response(par), reconstruction(par), shape(par))
    keys = rng.stream_keys(seed, "detailed/calorimeter", event_id, 0)
    where = (arrived.x, arrived.y, arrived.tx, arrived.ty, arrived.p)
    rows = np.stack(where, axis=1).astype(np.float64)
    codes = np.stack([arrived.species, arrived.charge], axis=1).astype(np.int64)
    lines = _first_lines(tracks, par)
    pointing = np.stack([tracks.x, tracks.y, tracks.tx, tracks.ty, tracks.p], axis=1)
    edges = np.arange(n + 1)
    of_arrival = np.searchsorted(arrived.event, edges)
    of_track = np.searchsorted(tracks.event, edges)
    given = showers(arrived, event_id, seed, par)
    done = []
    for e in range(n):
        mine = slice(of_arrival[e], of_arrival[e + 1])
        its = slice(of_track[e], of_track[e + 1])
        particle = arrived.mcparticle_id[mine]
        seen = _Seen(rows[mine], codes[mine], pointing[its], lines[its], given.of(mine))
        done.append(_event(keys[e], particle, seen, detector, par.calo_link_share))
    return _collect(done, tracks, par)


def _first_lines(tracks: Pointing, par: Parameters) -> Floats:
    """Where the line of each track's first state meets the plane of the clusters [mm]."""
    x, y, z, tx, ty = tracks.origin.T
    line = np.stack([x + tx * (par.calo_plane_z - z), y + ty * (par.calo_plane_z - z)], axis=1)
    line[tracks.track_type == DOWNSTREAM] = np.nan
    return line


def _event(
    key: np.uint64,
    particle: Ints,
    seen: _Seen,
    detector: Detector,
    least: float,
) -> _Event:
    """Simulate one event.

    Args:
        key: its stream key.
        particle: generated particle of each arrival, shape ``(k,)``.
        seen: arrivals and tracks.
        detector: the calorimeters.
        least: least share for a link.
    """
    names, source = np.unique(particle, return_inverse=True)
    source = source.astype(np.int64)
    clusters, about, given, raw = _kernel(key, seen, source, len(names), detector)
    # Noise below zero can make a cluster smaller than what particles gave to it.
    total = np.maximum(raw, given.sum(axis=1))
    weight = given / np.maximum(total, 1e-9)[:, None]
    cluster, column = np.nonzero(weight > least)
    return _Event(
        clusters=clusters,
        tracks=about,
        link_cluster=cluster.astype(np.int64),
        link_particle=names[column].astype(np.int64),
        link_weight=weight[cluster, column],
    )


@kernel
def _kernel(key, seen, source, n_source, detector):  # type: ignore[no-untyped-def]
    """Simulate one event: rows of clusters and tracks, energy by source, raw energy of clusters."""
    rows, codes, tracks, lines, given = seen
    resp, rec, tables = detector.resp, detector.rec, detector.tables
    state = np.zeros(1, np.uint64)
    state[0] = key
    n_cells, room = len(resp.ecal.x), _ROOM + _DEPOSITS * len(rows)
    signals = Signals(
        ecal=np.zeros(n_cells),
        prs=np.zeros(n_cells),
        spd=np.zeros(n_cells, np.bool_),
        hcal=np.zeros(len(resp.hcal.x)),
        cell=np.empty(room, np.int64),
        source=np.empty(room, np.int64),
        energy=np.empty(room),
    )
    m = fill(rows, codes, resp, signals, given, state)
    read_out(resp, signals, state)
    seeds = find_seeds(signals.ecal, rec.seed_et, resp.plane_z, resp.ecal)
    found = share_cells(seeds, signals.ecal, resp.ecal, tables, resp.mat)
    out = cluster_rows(found, signals, tracks, resp, rec, tables)
    given = shares(found, signals, source, m, n_source)
    order = _by_energy(out, rec.cluster_et)
    raw = np.empty(len(order))
    for k in range(len(order)):
        raw[k] = found.raw[order[k]]
    out = _rows(out, order)
    about = track_rows(tracks, lines, out, signals, resp, rec, tables)
    return out, about, _rows(given, order), raw


@inner
def _by_energy(out, least):  # type: ignore[no-untyped-def]
    """Clusters above the least transverse energy, the largest first."""
    order, n = np.empty(len(out), np.int64), 0
    for k in range(len(out)):
        if out[k, _ET] > least:
            i = n
            while i > 0 and out[order[i - 1], _ET] < out[k, _ET]:
                order[i] = order[i - 1]
                i -= 1
            order[i] = k
            n += 1
    return order[:n]


@inner
def _rows(table, rows):  # type: ignore[no-untyped-def]
    """Some rows of a table."""
    chosen = np.empty((len(rows), table.shape[1]))
    for k in range(len(rows)):
        for column in range(table.shape[1]):
            chosen[k, column] = table[rows[k], column]
    return chosen


def _collect(done: list[_Event], tracks: Pointing, par: Parameters) -> CaloResult:
    """Tables of the batch from those of its events."""
    empty = np.zeros((0, len(CLUSTER)))
    rows = np.concatenate([empty, *(d.clusters for d in done)])
    counts = np.array([len(d.clusters) for d in done], np.int64)
    column = dict(zip(CLUSTER, rows.T, strict=True))
    numbers = [np.arange(c) for c in counts]
    none = np.zeros(0, np.int64)
    link = {
        "cluster_id": np.concatenate([none, *(d.link_cluster for d in done)]),
        "mcparticle_id": np.concatenate([none, *(d.link_particle for d in done)]),
        "weight": np.concatenate([np.zeros(0), *(d.link_weight for d in done)]),
    }
    link_counts = np.array([len(d.link_cluster) for d in done], np.int64)
    main, share = _largest(link, counts, link_counts)
    columns = {name: column[name] for name in CLUSTER if name in _IN_SCHEMA}
    columns.update(
        cluster_id=np.concatenate([none, *numbers]),
        z=np.full(len(rows), par.calo_plane_z),
        is_matched=column["match_chi2"] < par.calo_match_chi2,
        mcparticle_id=main,
        mc_share=share,
        **cluster_likeness(column),
    )
    about = np.concatenate([np.zeros((0, len(TRACK))), *(d.tracks for d in done)])
    track = dict(zip(TRACK, about.T, strict=True))
    track.update(track_likelihoods(track, tracks.p))
    return CaloResult(
        _table("cluster", columns, counts),
        _table("cluster_link", link, link_counts),
        {name: schema.as_declared("track", name, values) for name, values in track.items()},
    )


_IN_SCHEMA = frozenset(c.name for c in schema.table_columns("cluster"))


def _table(name: str, columns: Columns, counts: Ints) -> Table:
    """A table of the schema: declared columns in declared order and type."""
    declared = [c.name for c in schema.table_columns(name)]
    return Table.from_counts({c: schema.as_declared(name, c, columns[c]) for c in declared}, counts)


def _largest(link: Columns, counts: Ints, link_counts: Ints) -> tuple[Ints, Floats]:
    """Particle of the largest share of each cluster and that share; -1 and 0 for none."""
    first = np.repeat(np.cumsum(counts) - counts, link_counts)
    row = first + link["cluster_id"]
    main, share = np.full(counts.sum(), -1), np.zeros(counts.sum())
    order = np.argsort(link["weight"], kind="stable")  # the largest is written last
    main[row[order]] = link["mcparticle_id"][order]
    share[row[order]] = link["weight"][order]
    return main, share
