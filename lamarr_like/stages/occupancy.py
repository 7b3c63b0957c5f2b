"""How full the detector is: SPD hits and tracks of the event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import rng
from ..arrays import Columns, Floats, Mask
from ..errors import ArtefactError
from ..events import EventBatch, Table
from ..files.forms import Items, Number, Record, check
from . import features, geometry
from .recipe import recipe
from .stage import AbstractGeneratorStage, Model, keys, typed

ETA_EDGES = (0.5, 1.6, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.5)
"""Slices of pseudorapidity in which charged particles are counted."""
MOMENTUM_EDGES = (0.0, 1e3, 2e3, 5e3, 2e4, np.inf)
"""Slices of momentum [MeV] in which charged particles with 2 < eta < 5 are counted."""
MAX_PAIRS = 2000
"""Events of the training sample that particle guns draw their occupancy from."""

_PIPE = 100.0
"""Radius [mm] at the ECAL outside which particles that fly through its hole are counted as well:
what showers at the edge lights the SPD."""

_PAIRS = Record(
    {"reference_pairs": Items(Items(Number(0, 10**6, whole=True), 2, 2), 1, 10**6)}, open=True
)


class Occupancy(AbstractGeneratorStage):
    """Draws SPD hits and tracks, jointly, from counts of the generated event.

    For a particle gun the rest of the event is missing, so a pair is taken at random from
    ``reference_pairs`` in the configuration of the artefact: events of the training sample, shape
    ``(n, 2)``, in the order of `outputs`.
    """

    name = "occupancy"
    table = "event"
    requires = (
        keys("event", "event_id")
        | keys("vertex", "mc_pv_id")
        | keys("particle", "mc_stable", "mc_pdg_id", "mc_charge", "mc_energy", "mc_t3_x")
        | keys("particle", "mc_ecal_x", "mc_ecal_y", *features.MOMENTUM, *features.VERTEX)
        | keys("particle", *features.CLOSEST)
    )
    provides = keys("event", "n_spd_hits", "n_tracks")
    target_columns = provides
    outputs = ("n_spd_hits", "n_tracks")
    integers = frozenset(outputs)
    recipes = (recipe("armdn", hidden=48, depth=2, steps=12_000, weight_decay=0.1),)

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(model, config)
        if not self.config.get("reference_pairs"):
            raise ArtefactError(
                "stage 'occupancy': config.json of its model lacks 'reference_pairs', "
                "a list of (n_spd_hits, n_tracks) for particle guns; train it again"
            )
        told = "stage 'occupancy': config.json of its model"
        pairs = check(self.config, _PAIRS, told, ArtefactError)["reference_pairs"]
        self.reference_pairs = np.array(pairs, dtype=np.int64)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """All events."""
        return np.ones(len(batch), dtype=bool)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Numbers of generated particles by kind, direction, momentum and reach."""
        particle = batch.particle
        needed = sorted(name for table, name in cls.requires if table == "particle")
        particle = Table({name: particle[name] for name in needed}, particle.offsets)
        particle = particle.select(particle["mc_stable"].astype(bool))
        counts: Columns = {"n_collisions": batch.vertex.counts.astype(np.float64)}
        counts |= _charged_counts(particle) | _calorimeter_counts(particle)
        return {name: values[rows] for name, values in counts.items()}

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """SPD hits and tracks of the detailed event."""
        return {name: batch.event[name][rows].astype(np.float64) for name in cls.outputs}

    @classmethod
    def extra_config(cls, batch: EventBatch) -> dict[str, Any]:
        """``reference_pairs`` from the first events of the sample."""
        columns = (batch.event[name][:MAX_PAIRS] for name in cls.outputs)
        return {"reference_pairs": np.stack(list(columns), axis=1).astype(int).tolist()}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add ``n_spd_hits`` and ``n_tracks``."""
        if is_gun:
            drawn: Columns = self._from_reference(batch, seed)
        else:
            drawn = self._draw(batch, self.rows(batch), "event_id", seed)
        counts = {name: np.maximum(np.rint(drawn[name]), 0.0) for name in self.outputs}
        return batch.with_columns("event", **typed("event", counts))

    def _from_reference(self, batch: EventBatch, seed: int) -> Columns:
        u = rng.uniforms(seed, self.name, batch.event["event_id"])[:, 0]
        pair = self.reference_pairs[(u * len(self.reference_pairs)).astype(np.int64)]
        return dict(zip(self.outputs, pair.T, strict=True))


def _sum(particle: Table, weights: np.ndarray) -> Floats:
    """Sum of a weight or a mask over the particles of each event."""
    # bincount adds in order of rows, so the sum does not depend on how events are batched.
    total = np.bincount(particle.event_index, weights, minlength=particle.n_events)
    return total.astype(np.float64, copy=False)


def _histogram(particle: Table, values: Floats, edges: tuple[float, ...], name: str) -> Columns:
    """Number of particles of each event in slices of a value."""
    n = len(edges) - 1
    slot = np.searchsorted(np.asarray(edges), values, side="right") - 1
    inside = (slot >= 0) & (slot < n)
    flat = particle.event_index[inside] * n + slot[inside]
    counts = np.bincount(flat, minlength=particle.n_events * n).reshape(-1, n)
    return {f"n_{name}_{i}": counts[:, i].astype(np.float64) for i in range(n)}


def _charged_counts(stable: Table) -> Columns:
    charged = stable.select(stable["mc_charge"] != 0)
    px, py, pz = (charged[c] for c in features.MOMENTUM)
    pt = np.maximum(np.hypot(px, py), 1e-3)
    eta, p = np.arcsinh(pz / pt), np.hypot(pt, pz)
    radius = np.hypot(charged["mc_vx"], charged["mc_vy"])
    inside = (eta > 2.0) & (eta < 5.0)
    out = _histogram(charged, eta, ETA_EDGES, "eta")
    out |= _histogram(charged, np.where(inside, p, -1.0), MOMENTUM_EDGES, "p")
    out["n_displaced"] = _sum(charged, inside & (radius > 5.0))
    y = charged["mc_vy"] + py / np.where(pz > 0.0, pz, 1e-9) * (geometry.T3_Z - charged["mc_vz"])
    in_t = features.in_frame(
        charged["mc_t3_x"], y, geometry.T_HALF, (geometry.T_HOLE, geometry.T_HOLE)
    ) & (pz > 0.0)
    in_velo = (features.velo(charged, np.ones(len(charged), bool))["velo_stations"] >= 3) & (pz > 0)
    out["n_t3"] = _sum(charged, in_t)
    out["n_velo"] = _sum(charged, in_velo)
    out["n_velo_t3"] = _sum(charged, in_velo & in_t)
    return out


def _calorimeter_counts(stable: Table) -> Columns:
    x, y = stable["mc_ecal_x"], stable["mc_ecal_y"]
    forward = (stable["mc_pz"] > 0.0) & (stable["mc_vz"] < geometry.ECAL_Z)
    face = features.in_frame(x, y, geometry.SPD_HALF, (0.0, 0.0)) & forward
    hit = stable.select(face & (np.hypot(x, y) > _PIPE))
    energy, charged = hit["mc_energy"].astype(np.float64), hit["mc_charge"] != 0
    photon = hit["mc_pdg_id"] == 22
    outside = features.in_frame(
        hit["mc_ecal_x"], hit["mc_ecal_y"], geometry.SPD_HALF, geometry.SPD_HOLE
    )
    return {
        "n_ecal_charged": _sum(hit, charged & outside),
        "n_ecal_photon_soft": _sum(hit, photon & outside & (energy < 1e3)),
        "n_ecal_photon_hard": _sum(hit, photon & outside & (energy >= 1e3)),
        "ecal_energy": _sum(hit, energy * outside),
        "n_hole_charged": _sum(hit, charged & ~outside),
        "n_hole_photon": _sum(hit, photon & ~outside),
        "hole_energy": _sum(hit, energy * ~outside),
    }
