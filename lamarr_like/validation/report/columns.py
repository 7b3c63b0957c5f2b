"""Columns that the report needs of a batch of events, as flat arrays."""

from __future__ import annotations

import numpy as np

from ...arrays import Columns, Keys
from ...events import EventBatch
from ...rng import mix
from ..detector.curves import vertex_residuals
from ..objects.samples import photon_pairs
from ..tracks import kinematics as kinematics_of


def events(batch: EventBatch) -> Columns:
    """Occupancy of each event."""
    out = {"unit": np.arange(len(batch))}
    names = ("n_spd_hits", "n_tracks", "n_pvs")
    return out | {n: batch.event[n].astype(np.float64) for n in names if n in batch.event}


def particles(batch: EventBatch) -> Columns:
    """Charged stable particles of the species of the report, in its range."""
    kinematics = kinematics_of(batch)
    able = kinematics.pop("able")
    out = {name: values[able] for name, values in kinematics.items()}
    out["unit"] = batch.particle.event_index[able]
    out["n_spd_hits"] = batch.event_column("particle", "n_spd_hits")[able].astype(np.float64)
    out["in_acceptance"] = batch.particle["in_acceptance"][able].astype(bool)
    out["track_type"] = batch.particle["track_type"][able]
    return out


def vertices(batch: EventBatch) -> Columns:
    """Residuals of primary vertices; empty where there are none in the sample."""
    empty = {c: np.zeros(0) for c in ("x", "y", "z", "n_tracks")} | {"unit": np.zeros(0, np.int64)}
    if "reco_vertex" not in batch.tables or "vertex" not in batch.tables:
        return empty
    reco = batch["reco_vertex"]
    n_tracks, residuals = vertex_residuals(batch)
    unit = reco.event_index[reco["mc_pv_id"] >= 0]
    return {**residuals, "n_tracks": n_tracks.astype(np.float64), "unit": unit}


def pairs(batch: EventBatch) -> Columns:
    """Pairs of unmatched clusters, see `photon_pairs`; none where there are no clusters."""
    if "cluster" not in batch.tables:
        return {"unit": np.zeros(0, np.int64), "mass": np.zeros(0), "least_et": np.zeros(0)}
    found = photon_pairs(batch)
    return {"unit": found.pop("event"), **found}


_MIX = np.uint64(0x9E3779B97F4A7C15)


def _mixed(values: np.ndarray) -> Keys:
    """Bits of numbers spread over 64."""
    return mix(values.astype(np.float64).view(np.uint64) + _MIX)


def signatures(batch: EventBatch) -> Keys:
    """From the number of the event and the momenta of its particles, as stored in float32.

    Returns:
        One of each event, shape ``(n_events,)``.
    """
    particle = batch.particle
    bits = _mixed(particle["mc_px"].astype(np.float32))
    summed = np.concatenate([np.zeros(1, np.uint64), np.cumsum(bits, dtype=np.uint64)])
    own = summed[particle.offsets[1:]] - summed[particle.offsets[:-1]]
    result: Keys = own * _MIX ^ _mixed(batch.event["event_id"])
    return result


def fingerprints(batch: EventBatch) -> Keys:
    """From the state of each track, shape ``(n_tracks,)``."""
    track = batch.track
    result = np.zeros(len(track), np.uint64)
    for name in ("x", "y", "z", "tx", "ty", "p"):
        result = (result * _MIX) ^ _mixed(track[name])
    return result
