"""The reconstructed state of each track: position, slopes, momentum, charge, fit quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArtefactError
from ..events import EventBatch
from ..kinematics import momentum, momentum_components
from . import features
from .expected import expected_covariance
from .frames import FRAMES, PERIGEE, Scales, TrackState, ideal_scales, residuals, smeared
from .stage import AbstractGeneratorStage, Columns, Mask, Model, keys, typed
from .training_range import Ranges, outside

_STATE = ("x", "y", "z", "tx", "ty", "p", "charge")
_IDEAL = ("u_rad", "u_tan", "t_rad", "t_tan", "qop")
_QUALITY = ("n_dof", "chi2_per_dof", "ghost_prob")


class Resolution(AbstractGeneratorStage):
    """Draws the residuals of the state closest to the beam and the quality of the fit.

    The frame of the residuals (`frames`) is ``frame`` in the configuration of the artefact, and
    ``training_range`` what it was trained on; without it every track counts as out of range.

    Raises:
        ArtefactError: if that frame is unknown.
    """

    name = "resolution"
    table = "track"
    requires = (
        features.TRUTH_COLUMNS
        | keys("event", "event_id", "n_spd_hits", "n_tracks")
        | keys("track", "mcparticle_id", "track_type", "origin")
    )
    provides = keys("track", *_STATE, *_QUALITY, "px", "py", "pz", "pt", "eta", "out_of_range")
    target_columns = keys("track", *_STATE, *_QUALITY)
    outputs = (*_QUALITY[:2], *PERIGEE, _QUALITY[2])
    integers = frozenset({"n_dof"})
    pulls = frozenset(PERIGEE)

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        self.frame = str((config or {}).get("frame", "perigee"))
        if self.frame not in FRAMES:
            raise ArtefactError(
                f"stage 'resolution': config.json of its model has frame {self.frame!r}, "
                f"known are {', '.join(FRAMES)}"
            )
        self.ranges: Ranges = (config or {}).get("training_range", {})
        super().__init__(model, config)

    def _check_outputs(self, wanted: tuple[str, ...]) -> None:
        super()._check_outputs(self.outputs_in(self.frame))

    @classmethod
    def outputs_in(cls, frame: str) -> tuple[str, ...]:
        """Outputs of a model that was trained in another frame than the default."""
        return (*_QUALITY[:2], *FRAMES[frame], _QUALITY[2])

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated particles."""
        return features.from_truth(batch)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """True particle, type of track and occupancy."""
        out = features.truth(batch.particle, features.linked_rows(batch, rows))
        scales = _scales(batch, rows, true_state(batch, rows))._asdict()
        out |= {f"log_{name}": np.log(scales[name]) for name in _IDEAL}
        out |= {name: scales[name] for name in ("lever_rad", "lever_tan")}
        out |= features.silicon_stations(out)
        out |= features.track_flags(batch.track["track_type"][rows])
        return out | features.occupancy(batch, "track", rows)

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask, frame: str = "perigee") -> Columns:
        """Residuals in a frame and fit quality.

        Args:
            batch: detailed events.
            rows: tracks asked for.
            frame: frame of the residuals; write it to ``config.json`` if it is not the default.
        """
        track = batch.track
        truth = true_state(batch, rows)
        scales = _scales(batch, rows, truth)
        reco = TrackState(*(track[c][rows].astype(np.float64) for c in _STATE))
        out = {c: track[c][rows].astype(np.float64) for c in _QUALITY}
        return out | residuals(frame, truth, reco, scales)

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the state, the momentum, the fit quality and the flag of the training range.

        All later models of tracks see what this one sees and what was drawn from it: the flag
        holds for the whole chain.
        """
        rows = self.rows(batch)
        conditions = self.conditions(batch, rows)
        drawn = self._draw(batch, rows, "mcparticle_id", seed, conditions)
        columns = self.reconstructed(batch, rows, drawn)
        columns["out_of_range"] = outside(conditions, self.ranges)
        return batch.with_columns("track", **typed("track", columns))

    def reconstructed(
        self, batch: EventBatch, rows: Mask, drawn: Mapping[str, np.ndarray]
    ) -> Columns:
        """Columns of the tracks asked for, from a draw of the model."""
        truth = true_state(batch, rows)
        scales = _scales(batch, rows, truth)
        drawn = {k: np.asarray(v, dtype=np.float64) for k, v in drawn.items()}
        state = smeared(self.frame, truth, drawn, scales)
        px, py, pz = momentum_components(state.p, state.tx, state.ty)
        pt = np.hypot(px, py)
        columns = state._asdict()
        columns |= {"px": px, "py": py, "pz": pz, "pt": pt}
        columns["eta"] = np.arcsinh(pz / np.maximum(pt, 1e-3))
        columns["n_dof"] = np.maximum(np.rint(drawn["n_dof"]), 1.0)
        columns["chi2_per_dof"] = np.maximum(drawn["chi2_per_dof"], 0.0)
        columns["ghost_prob"] = np.clip(drawn["ghost_prob"], 0.0, 1.0)
        return columns


def true_state(batch: EventBatch, rows: Mask) -> TrackState:
    """True states closest to the beam of the particles behind some tracks."""
    particle, linked = batch.particle, features.linked_rows(batch, rows)
    px, py, pz = (particle[c][linked] for c in features.MOMENTUM)
    x, y, z = (particle[c][linked] for c in features.CLOSEST)
    charge = particle["mc_charge"][linked].astype(np.float64)
    p, forward = momentum(px, py, pz), np.maximum(pz, 1e-3)
    return TrackState(x, y, z, px / forward, py / forward, p, charge)


def _scales(batch: EventBatch, rows: Mask, truth: TrackState) -> Scales:
    """Resolutions of ideal fits of the particles behind some tracks."""
    linked = features.truth(batch.particle, features.linked_rows(batch, rows))
    kind = batch.track["track_type"][rows]
    return ideal_scales(truth, expected_covariance(linked | {"track_type": kind}), kind)
