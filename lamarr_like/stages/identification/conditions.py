"""Conditions that the stages of particle identification share."""

from __future__ import annotations

import numpy as np

from ... import schema
from ...arrays import Columns, Floats, Mask
from ...events import EventBatch
from ...physics.kinematics import momentum_components
from .. import features, geometry
from ..stage import keys

REQUIRES = (
    features.TRUTH_COLUMNS
    | keys("event", "event_id", "n_spd_hits", "n_tracks")
    | keys("track", "mcparticle_id", "track_type", "origin", "p", "tx", "ty", "charge")
    | keys("track", "chi2_per_dof", "ghost_prob", *schema.RICH_DLL_NAMES)
)
"""Columns that `track_and_truth` reads."""

_TRUE = ("vz", "log_vr", "t3_x", "t3_y", "tx_after")


def track_and_truth(batch: EventBatch, rows: Mask) -> Columns:
    """Reconstructed track, true species and origin, fit quality, RICH, occupancy.

    What the RICH saw matters to the others: a pion that decayed in flight is a muon to the RICH and
    to the muon stations, whether or not the sample tells that it did.

    Args:
        batch: events with tracks.
        rows: tracks of generated particles, a mask of shape ``(n_tracks,)``.

    Returns:
        Direction and momentum as reconstructed (`features.direction`), reconstructed charge,
        species flags, true over reconstructed momentum, production vertex, place at the last T
        layer and slope behind the magnet, decay length and decay in flight, type of track, quality
        of the fit, differences of the RICH, occupancy; shapes ``(rows.sum(),)``.
    """
    track = batch.track
    true = features.linked_truth(batch, rows)
    reco = (track[c][rows].astype(np.float64) for c in ("p", "tx", "ty"))
    out = features.direction(*momentum_components(*reco))
    out["charge"] = track["charge"][rows].astype(np.float64)
    out |= {name: values for name, values in true.items() if name.startswith("is_")}
    out |= {name: true[name] for name in _TRUE}
    out["log_p_ratio"] = true["log_p"] - out["log_p"]
    out |= features.decay_length(true) | features.decay_in_flight(batch, rows)
    out |= features.track_flags(track["track_type"][rows])
    seen = ("chi2_per_dof", "ghost_prob", *schema.RICH_DLL_NAMES)
    out |= {c: track[c][rows].astype(np.float64) for c in seen}
    return out | features.occupancy(batch, "track", rows)


def behind_magnet(track: Columns, z: float) -> tuple[Floats, Floats]:
    """Straight line behind the magnet.

    Args:
        track: ``t3_x``, ``t3_y``, ``tx_after`` and ``ty``, as `track_and_truth` gives them.
        z: plane [mm].

    Returns:
        x and y [mm] at the plane, shape ``(n,)``.
    """
    reach = z - geometry.T3_Z
    return track["t3_x"] + track["tx_after"] * reach, track["t3_y"] + track["ty"] * reach
