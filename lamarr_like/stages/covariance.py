"""The 5x5 covariance of each track state, positive definite by construction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .. import schema
from ..events import EventBatch
from ..kinematics import momentum_components
from . import features
from .frames import Scales, TrackState, expected_scales, residuals
from .resolution import true_state
from .stage import AbstractGeneratorStage, Columns, Floats, Mask, keys, typed
from .vine import from_vine, to_vine

AXES = ("t_rad", "t_tan", "qop", "u_rad", "u_tan")
"""Order of the rotated covariance: slopes and positions along and across the track's azimuth."""

_SIGMAS = tuple(f"log_sigma_{a}" for a in AXES)
_PARTIALS = tuple(f"z_{AXES[j]}_{AXES[i]}" for i in range(5) for j in range(i))
_STATE = ("x", "y", "z", "tx", "ty", "p", "charge")


class Covariance(AbstractGeneratorStage):
    """Draws the covariance of (x, y, tx, ty, q/p).

    It is rotated about the z axis into the azimuth of the reconstructed track, where VELO strips
    and scattering make it nearly diagonal, and written as in `vine`; standard deviations are in
    units of the expected resolution.
    """

    name = "covariance"
    table = "track"
    requires = (
        features.TRUTH_COLUMNS
        | keys("event", "event_id", "n_tracks", "n_spd_hits")
        | keys("track", "mcparticle_id", "track_type", "origin", *_STATE)
        | keys("track", "n_dof", "chi2_per_dof", "ghost_prob")
    )
    provides = keys("track", *schema.COVARIANCE_NAMES)
    target_columns = provides
    outputs = (*_SIGMAS, *_PARTIALS)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated particles."""
        return features.from_truth(batch)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Reconstructed state, fit quality, true species and origin, size of the residuals."""
        track = batch.track
        truth, scales = true_state(batch, rows)
        linked = features.truth(batch.particle, features.linked_rows(batch, rows))
        for name in ("log_p", "log_pt", "eta", "cos_phi", "sin_phi", "tx", "ty", "charge"):
            del linked[name]
        reco, _ = _reco(batch, rows)
        out = features.direction(*momentum_components(reco.p, reco.tx, reco.ty))
        out |= {"charge": reco.charge, **linked}
        phi = np.arctan2(reco.ty, reco.tx)
        place = {"ctb_z": reco.z, "ctb_d": features.signed_distance(reco.x, reco.y, phi)}
        out |= features.expected_fit(out | place)
        out |= features.track_flags(track["track_type"][rows])
        for name in ("n_dof", "chi2_per_dof", "ghost_prob"):
            out[name] = track[name][rows].astype(np.float64)
        # The covariance is wide where the residual is: both follow from the same hits.
        pulls = residuals("perigee", truth, reco, scales)
        out |= {f"abs_{name}": np.abs(values) for name, values in pulls.items()}
        return out | features.occupancy(batch, "track", rows)

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Log standard deviations and partial correlations in the rotated frame."""
        track = batch.track
        matrix = np.zeros((int(rows.sum()), 5, 5))
        for name, i, j in _elements():
            matrix[:, i, j] = matrix[:, j, i] = track[name][rows]
        reco, scales = _reco(batch, rows)
        log_sigma, z = to_vine(_rotate(matrix, reco, 1.0))
        log_sigma = log_sigma - _units(reco, scales)
        return dict(zip(cls.outputs, [*log_sigma.T, *z.T], strict=True))

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the 15 elements."""
        rows = self.rows(batch)
        drawn = self._draw(batch, rows, "mcparticle_id", seed)
        reco, scales = _reco(batch, rows)
        log_sigma = _stack(drawn, _SIGMAS) + _units(reco, scales)
        matrix = _rotate(from_vine(log_sigma, _stack(drawn, _PARTIALS)), reco, -1.0)
        columns = {name: matrix[:, i, j] for name, i, j in _elements()}
        return batch.with_columns("track", **typed("track", columns))


def _elements() -> list[tuple[str, int, int]]:
    """Name, row and column of each element of the lower triangle."""
    places = [(i, j) for i in range(5) for j in range(i + 1)]
    return [(name, *place) for name, place in zip(schema.COVARIANCE_NAMES, places, strict=True)]


def _stack(drawn: Mapping[str, np.ndarray], names: tuple[str, ...]) -> Floats:
    return np.stack([np.asarray(drawn[n], dtype=np.float64) for n in names], axis=1)


def _reco(batch: EventBatch, rows: Mask) -> tuple[TrackState, Scales]:
    """Reconstructed states and the resolutions expected of them."""
    state = TrackState(*(batch.track[c][rows].astype(np.float64) for c in _STATE))
    born = batch.particle["mc_vz"][features.linked_rows(batch, rows)]
    return state, expected_scales(state, batch.track["track_type"][rows], born)


def _units(reco: TrackState, scales: Scales) -> Floats:
    """Logarithm of the expected standard deviations in the order of `AXES`, shape ``(n, 5)``."""
    slope, d = np.log(scales.slope), np.log(scales.d)
    return np.stack([slope, slope, np.log(scales.qop / reco.p), d, d], axis=1)


def _rotate(matrix: Floats, reco: TrackState, sense: float) -> Floats:
    """Take (x, y, tx, ty, qop) to `AXES` with `sense` 1, and back with -1."""
    phi = np.arctan2(reco.ty, reco.tx)
    cos, sin = np.cos(phi), np.sin(phi)
    rotation = np.zeros((len(phi), 5, 5))
    for row, column in ((0, 2), (3, 0)):
        rotation[:, row, column], rotation[:, row, column + 1] = cos, sin
        rotation[:, row + 1, column], rotation[:, row + 1, column + 1] = -sin, cos
    rotation[:, 2, 4] = 1.0
    left = rotation if sense > 0 else rotation.transpose(0, 2, 1)
    rotated: Floats = left @ matrix @ left.transpose(0, 2, 1)
    return 0.5 * (rotated + rotated.transpose(0, 2, 1))
