"""Which collisions have a reconstructed primary vertex, and where it is."""

from __future__ import annotations

import numpy as np

from ...arrays import Columns, Floats, Ints, Mask
from ...events import EventBatch, Table
from .. import features
from ..kept import Kept
from ..recipe import recipe
from ..stage import AbstractClassifierStage, AbstractGeneratorStage, keys, typed
from . import vertex_pull

MAX_DISTANCE = 0.5
"""Particles born within this distance [mm] of a collision count as its own."""
_FAR = 30.0
"""Particles born within this distance [mm], but not at the collision, are of decays near it."""
_MAX_PULL = 5.0
"""Pulls of vertices by their tracks are cut at this among the conditions."""

_LEFT = ("left_x", "left_y", "left_z")
"""What tracks do not explain of the errors, in units of its expected spread and uncorrelated."""

_CONDITION_COLUMNS = (
    keys("event", "event_id", "n_tracks", "n_spd_hits")
    | keys("vertex", "mc_pv_id", "mc_x", "mc_y", "mc_z")
    | keys("particle", "mc_pv_id", "mc_stable", "mc_charge", "track_type")
    | keys("particle", *features.MOMENTUM, *features.VERTEX, *features.CLOSEST)
)


class VertexFinding(AbstractClassifierStage):
    """Draws whether a collision is found, and starts the table of primary vertices."""

    name = "vertex_finding"
    table = "vertex"
    requires = _CONDITION_COLUMNS
    provides = keys("reco_vertex", "pv_id", "mc_pv_id") | keys("event", "n_pvs")
    target_columns = keys("reco_vertex", "mc_pv_id")
    target = "found"
    classes = ("lost", "found")
    recipes = (recipe("booster", trees=150, depth=4),)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """All collisions."""
        return np.ones(len(batch.vertex), dtype=bool)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Particles and tracks of the collision, its place and its neighbours."""
        return {k: v[rows] for k, v in _collision_features(batch).items()}

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """1 for collisions that a reconstructed vertex is linked to."""
        found = np.zeros(len(rows), dtype=np.int64)
        found[_collision_rows(batch, _is_linked(batch))] = 1
        return {cls.target: found[rows]}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add one reconstructed vertex for each collision found, and ``n_pvs``."""
        drawn = self._draw(batch, self.rows(batch), "mc_pv_id", seed) == 1
        found = batch.vertex.select(drawn)
        columns = {
            "pv_id": np.arange(len(found)) - np.repeat(found.offsets[:-1], found.counts),
            "mc_pv_id": found["mc_pv_id"],
        }
        table = Table(typed("reco_vertex", columns), found.offsets)
        batch = batch.with_columns("event", **typed("event", {"n_pvs": found.counts}))
        return batch.with_table("reco_vertex", table)


class VertexResolution(AbstractGeneratorStage):
    """Draws position, uncertainties and number of tracks of each reconstructed vertex.

    The fast chain has one vertex of a collision, the detailed sample sometimes more; the largest
    counts.  A vertex follows its tracks: a part of its error is theirs (see `vertex_pull`), and the
    model draws the rest.
    """

    name = "vertices"
    table = "reco_vertex"
    requires = _CONDITION_COLUMNS | keys("reco_vertex", "mc_pv_id") | vertex_pull.NEEDED
    provides = keys("reco_vertex", "x", "y", "z", "n_tracks", "sigma_x", "sigma_y", "sigma_z")
    target_columns = provides
    outputs = ("n_tracks", "log_sigma_z", "log_sigma_x", "log_sigma_y", *_LEFT)
    integers = frozenset({"n_tracks"})
    recipes = (recipe("armdn", hidden=32, depth=2, steps=8000, weight_decay=0.05),)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """The largest reconstructed vertex of each collision that has one."""
        return _is_largest(batch)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """As for the finding of the vertex, and what its tracks let expect."""
        place = _collision_rows(batch, rows)
        return _conditions(batch, place, _from_tracks(batch, place))

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Residuals less what tracks explain, and uncertainties, both over the expected ones."""
        vertex, place = batch["reco_vertex"], _collision_rows(batch, rows)
        known = _from_tracks(batch, place)
        out = {"n_tracks": vertex["n_tracks"][rows].astype(np.float64)}
        for i, (a, left) in enumerate(zip("xyz", _LEFT, strict=True)):
            sigma = vertex[f"sigma_{a}"][rows].astype(np.float64)
            out[f"log_sigma_{a}"] = np.log(sigma / known.sigma[:, i])
            rest = vertex[a][rows] - batch.vertex[f"mc_{a}"][place] - known.error[:, i]
            for j in range(i):
                rest = rest - known.spread[:, i, j] * out[_LEFT[j]]
            out[left] = rest / known.spread[:, i, i]
        return out

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add position, uncertainties and number of tracks."""
        rows = self.rows(batch)
        place = _collision_rows(batch, rows)
        known = _from_tracks(batch, place)
        drawn = self._draw(batch, rows, "mc_pv_id", seed, _conditions(batch, place, known))
        columns = {"n_tracks": np.maximum(np.rint(drawn["n_tracks"]), 0.0)}
        for i, a in enumerate("xyz"):
            error = known.error[:, i]
            for j in range(i + 1):
                error = error + known.spread[:, i, j] * np.asarray(drawn[_LEFT[j]])
            columns[a] = batch.vertex[f"mc_{a}"][place] + error
            columns[f"sigma_{a}"] = np.exp(np.asarray(drawn[f"log_sigma_{a}"])) * known.sigma[:, i]
        return batch.with_columns("reco_vertex", **typed("reco_vertex", columns))


def _conditions(batch: EventBatch, place: Ints, known: vertex_pull.Explained) -> Columns:
    out = {k: v[place] for k, v in _collision_features(batch).items()}
    for i, a in enumerate("xyz"):
        sigma = known.sigma[:, i]
        out[f"log_fit_{a}"] = np.log(sigma)
        out[f"log_left_{a}"] = np.log(known.spread[:, i, i] / sigma)
        out[f"pulled_{a}"] = np.clip(known.error[:, i] / sigma, -_MAX_PULL, _MAX_PULL)
    return out


def _from_tracks(batch: EventBatch, place: Ints) -> vertex_pull.Explained:
    """`vertex_pull.explained` of some collisions."""
    row, _, _, able, _ = _nearest_own(batch)
    near = np.zeros(len(batch.particle), dtype=bool)
    near[row[able]] = True
    return vertex_pull.Explained._make(a[place] for a in vertex_pull.explained(batch, near))


def _is_linked(batch: EventBatch) -> Mask:
    linked: Mask = batch["reco_vertex"]["mc_pv_id"] >= 0
    return linked


def _is_largest(batch: EventBatch) -> Mask:
    """The vertex with most tracks of each collision that has one.

    Others of the same collision are made of decays nearby, or of what the fit of the first left.
    """
    vertex, linked = batch["reco_vertex"], _is_linked(batch)
    if "n_tracks" not in vertex.columns:
        return linked  # one a collision, from `VertexFinding`
    rows, place = np.flatnonzero(linked), _collision_rows(batch, linked)
    order = np.lexsort((-vertex["n_tracks"][rows].astype(np.int64), place))
    _, first = np.unique(place[order], return_index=True)
    largest: Mask = np.zeros(len(vertex), dtype=bool)
    largest[rows[order[first]]] = True
    return largest


def _collision_rows(batch: EventBatch, rows: Mask) -> Ints:
    """Positions in the vertex table of the collisions behind some reconstructed vertices."""
    vertex = batch["reco_vertex"]
    local = vertex["mc_pv_id"][rows].astype(np.int64)
    place: Ints = batch.vertex.offsets[vertex.event_index[rows]] + local
    return place


def _own(
    batch: EventBatch, least: float = 0.0, most: float = MAX_DISTANCE
) -> tuple[Ints, Ints, Columns, Mask, Floats]:
    """Stable charged particles born at a collision.

    Args:
        batch: events.
        least: smallest distance [mm] to the collision.
        most: distance [mm] that is too large.

    Returns:
        Their rows, rows of the collisions, `features.velo`, whether they leave a VELO track that
        goes forward, and pT [MeV], shapes ``(n,)``.
    """
    particle, vertex = batch.particle, batch.vertex
    own = (particle["mc_pv_id"] >= 0) & (particle["mc_charge"] != 0)
    own &= particle["mc_stable"].astype(bool)
    row = np.flatnonzero(own)
    place = vertex.offsets[particle.event_index[row]] + particle["mc_pv_id"][row]
    distance2 = sum((particle[f"mc_v{a}"][row] - vertex[f"mc_{a}"][place]) ** 2 for a in "xyz")
    near = (distance2 >= least**2) & (distance2 < most**2)
    row, place = row[near], place[near]
    px, py, pz = (particle[c][row] for c in features.MOMENTUM)
    pt = np.maximum(np.hypot(px, py), 1.0)
    velo = features.velo(particle, row)
    return row, place, velo, (velo["velo_stations"] >= 3) & (pz > 0.0), pt


_own_kept: Kept[tuple[Ints, Ints, Columns, Mask, Floats]] = Kept()
_features_kept: Kept[Columns] = Kept()


def _columns_of(batch: EventBatch) -> list[np.ndarray]:
    """What `_own` and `_collision_features` are worked out from."""
    offsets = [batch.particle.offsets, batch.vertex.offsets]
    return offsets + [batch[table][name] for table, name in sorted(_CONDITION_COLUMNS)]


def _nearest_own(batch: EventBatch) -> tuple[Ints, Ints, Columns, Mask, Floats]:
    """`_own` of particles born at their collision."""
    columns = _columns_of(batch)
    known = _own_kept.get(batch.particle, columns)
    return _own_kept.put(batch.particle, columns, _own(batch)) if known is None else known


def _own_sums(batch: EventBatch) -> Columns:
    """Sums over the stable charged particles born at each collision, shape ``(n_vertices,)``.

    Particles of decays nearby count where they have no track: `vertex_pull` takes the others.
    """
    row, place, velo, able, pt = _nearest_own(batch)
    particle, vertex = batch.particle, batch.vertex
    pz, code = particle[features.MOMENTUM[2]][row], particle["track_type"][row]
    weight = able * vertex_pull.velo_weight(velo["velo_first_r"])
    sums = {
        "n_velo": able,
        "n_velo_tracks": vertex_pull.in_velo(code),
        "sum_pt": pt * able,
        "weight_d": weight,
        "weight_z": weight * (pt / np.maximum(pz, 1.0)) ** 2,
        "weight_true": able / (0.012 + 24.0 / pt) ** 2,
    }
    out = {k: np.bincount(place, v, minlength=len(vertex)) for k, v in sums.items()}
    row, place, _, able, _ = _own(batch, MAX_DISTANCE, _FAR)
    lost = able & ~vertex_pull.in_velo(particle["track_type"][row])
    return out | {"n_displaced": np.bincount(place, lost, minlength=len(vertex))}


def _collision_features(batch: EventBatch) -> Columns:
    """Conditions for every collision, shape ``(n_vertices,)``."""
    columns = _columns_of(batch)
    known = _features_kept.get(batch.particle, columns)
    if known is None:
        known = _features_kept.put(batch.particle, columns, _features(batch))
    return known


def _features(batch: EventBatch) -> Columns:
    vertex, out = batch.vertex, _own_sums(batch)
    for name in ("weight_d", "weight_z", "weight_true", "sum_pt"):
        out[name] = np.log1p(out[name])
    out["x"], out["y"], out["z"] = (vertex[f"mc_{a}"].astype(np.float64) for a in "xyz")
    out["n_collisions"] = np.repeat(vertex.counts, vertex.counts).astype(np.float64)
    for name in ("n_tracks", "n_spd_hits"):
        out[f"event_{name}"] = batch.event_column("vertex", name).astype(np.float64)
    return out | _neighbour(vertex, out["n_velo"])


def _neighbour(vertex: Table, size: Floats) -> Columns:
    """Distance along z [mm] to the nearest other collision, and its number of particles."""
    index, z = vertex.event_index, vertex["mc_z"]
    order = np.lexsort((z, index))
    gap, other = np.full((2, len(z)), 1e3), np.zeros((2, len(z)))
    if len(z) > 1:
        step = np.diff(z[order])
        step = np.where(np.diff(index[order]) == 0, step, 1e3)
        gap[0, 1:], gap[1, :-1] = step, step
        other[0, 1:], other[1, :-1] = size[order][:-1], size[order][1:]
    nearest = np.argmin(gap, axis=0)
    columns = np.arange(len(z))
    distance, partner = np.empty(len(z)), np.empty(len(z))
    distance[order] = np.minimum(gap[nearest, columns], 1e3)
    partner[order] = other[nearest, columns]
    partner[distance >= 1e3] = 0.0
    return {"neighbour_gap": distance, "neighbour_size": partner}
