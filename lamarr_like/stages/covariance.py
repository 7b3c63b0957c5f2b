"""The 5x5 covariance of each track state, positive definite by construction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .. import schema
from ..events import EventBatch
from ..kinematics import momentum_components
from . import features
from .expected import expected_covariance
from .frames import Scales, TrackState, ideal_scales, residuals
from .resolution import true_state
from .stage import AbstractGeneratorStage, Columns, Floats, Mask, keys, typed
from .vine import from_vine, to_vine

AXES = ("t_rad", "t_tan", "qop", "u_rad", "u_tan")
"""Order of the rotated covariance: slopes and positions along and across the track's azimuth."""

_SIGMAS = tuple(f"log_sigma_{a}" for a in AXES)
_PARTIALS = tuple(f"z_{AXES[j]}_{AXES[i]}" for i in range(5) for j in range(i))
_T_QOP, _U_QOP, _ACROSS = (
    [_PARTIALS.index(f"z_{name}") for name in names]
    for names in (
        ("t_rad_qop", "t_tan_qop"),
        ("qop_u_rad", "qop_u_tan"),
        ("t_rad_t_tan", "t_tan_u_rad", "t_rad_u_tan", "u_rad_u_tan"),
    )
)
_MOST_Z = 7.0
"""Largest atanh of a partial correlation that is drawn: real fits reach about 6."""
_MOST_DEPTH = 24.0
"""Least determinant of the correlations that is drawn, as minus its logarithm: that of the most
singular of 31,544 detailed tracks.  What is far below is not positive definite as float32."""
_STATE = ("x", "y", "z", "tx", "ty", "p", "charge")


class Covariance(AbstractGeneratorStage):
    """Draws the covariance of (x, y, tx, ty, q/p).

    It is rotated about the z axis into the azimuth of the reconstructed track, where VELO strips
    and scattering make it nearly diagonal, and written as in `vine`, relative to that of an ideal
    Kalman filter (`expected`): the model learns how a real fit differs from it.
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
        linked = features.truth(batch.particle, features.linked_rows(batch, rows))
        for name in ("log_p", "log_pt", "eta", "cos_phi", "sin_phi", "tx", "ty", "charge"):
            del linked[name]
        reco = _reco(batch, rows)
        out = features.direction(*momentum_components(reco.p, reco.tx, reco.ty))
        out |= {"charge": reco.charge, **linked}
        ideal = _ideal(batch, rows, reco)
        kf = np.hstack([ideal.log_sigma, ideal.z])
        out |= {f"kf_{k}": v for k, v in zip(cls.outputs, kf.T, strict=True)}
        out |= features.track_flags(track["track_type"][rows])
        for name in ("n_dof", "chi2_per_dof", "ghost_prob"):
            out[name] = track[name][rows].astype(np.float64)
        # The covariance is wide where the residual is: both follow from the same hits.
        pulls = residuals("perigee", true_state(batch, rows), reco, ideal.scales)
        out |= {f"abs_{name}": np.abs(values) for name, values in pulls.items()}
        return out | features.occupancy(batch, "track", rows)

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Log standard deviations and partial correlations in the rotated frame."""
        track = batch.track
        matrix = np.zeros((int(rows.sum()), 5, 5))
        for name, i, j in _elements():
            matrix[:, i, j] = matrix[:, j, i] = track[name][rows]
        reco = _reco(batch, rows)
        log_sigma, z = to_vine(_rotate(matrix, reco, 1.0))
        ideal = _ideal(batch, rows, reco)
        log_sigma, z = log_sigma - ideal.log_sigma, (z - ideal.z) / ideal.scale
        return dict(zip(cls.outputs, [*log_sigma.T, *z.T], strict=True))

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the 15 elements."""
        rows = self.rows(batch)
        drawn = self._draw(batch, rows, "mcparticle_id", seed)
        reco = _reco(batch, rows)
        ideal = _ideal(batch, rows, reco)
        log_sigma = ideal.log_sigma + _stack(drawn, _SIGMAS)
        z = np.clip(ideal.z + ideal.scale * _stack(drawn, _PARTIALS), -_MOST_Z, _MOST_Z)
        matrix = _rotate(from_vine(log_sigma, _bounded(z)), reco, -1.0)
        columns = {name: matrix[:, i, j] for name, i, j in _elements()}
        return batch.with_columns("track", **typed("track", columns))


def _bounded(z: Floats) -> Floats:
    """Partial correlations of matrices, shrunk together where these are nearly singular.

    Args:
        z: their inverse hyperbolic tangents, shape ``(n, 10)``.
    """
    share = np.ones(len(z))
    for _ in range(6):  # Newton's steps: the depth is convex in the share
        depth, slope = np.zeros(len(z)), np.full(len(z), 1e-6)
        for column in z.T:  # one by one: the result of a row is the same in any company
            part = share * column
            depth = depth + 2.0 * (np.logaddexp(part, -part) - np.log(2.0))
            slope = slope + 2.0 * column * np.tanh(part)
        share = share - np.maximum(depth - _MOST_DEPTH, 0.0) / slope
    return share[:, None] * z


def _elements() -> list[tuple[str, int, int]]:
    """Name, row and column of each element of the lower triangle."""
    places = [(i, j) for i in range(5) for j in range(i + 1)]
    return [(name, *place) for name, place in zip(schema.COVARIANCE_NAMES, places, strict=True)]


def _stack(drawn: Mapping[str, np.ndarray], names: tuple[str, ...]) -> Floats:
    return np.stack([np.asarray(drawn[n], dtype=np.float64) for n in names], axis=1)


def _reco(batch: EventBatch, rows: Mask) -> TrackState:
    """Reconstructed states."""
    return TrackState(*(batch.track[c][rows].astype(np.float64) for c in _STATE))


class _Ideal(NamedTuple):
    """Covariance of an ideal fit, and how much real ones differ.

    Attributes:
        log_sigma: log standard deviations in the order of `AXES`, shape ``(n, 5)``.
        z: atanh of the partial correlations, shape ``(n, 10)``.
        scale: size of the differences of `z`, shape ``(n, 10)``.
        scales: units of residuals.
    """

    log_sigma: Floats
    z: Floats
    scale: Floats
    scales: Scales


def _ideal(batch: EventBatch, rows: Mask, reco: TrackState) -> _Ideal:
    """What `expected` says about some tracks.

    Correlations with q/p come from the bending and fluctuate in proportion to it, whatever the
    azimuth; those of the radial with the tangential projection from layers that measure across
    both, and from tracks that do not come from the axis.
    """
    distance = features.signed_distance(reco.x, reco.y, np.arctan2(reco.ty, reco.tx))
    particle, linked = batch.particle, features.linked_rows(batch, rows)
    matrix = expected_covariance(
        {
            "log_p": np.log10(np.maximum(reco.p, 1.0)),
            **{"tx": reco.tx, "ty": reco.ty, "ctb_z": reco.z},
            "ctb_d": distance,
            "vz": particle["mc_vz"][linked],
            **features.behind_magnet(particle, linked),
            "track_type": batch.track["track_type"][rows],
        }
    )
    log_sigma, z = to_vine(_rotate(matrix, reco, 1.0))
    scale = np.ones_like(z)
    for group in (_T_QOP, _U_QOP):
        scale[:, group] = np.sqrt((z[:, group] ** 2).sum(axis=1, keepdims=True)) + 1e-6
    across = 0.25 * (z[:, _ACROSS] ** 2).sum(axis=1) + (distance / features.VELO_INNER) ** 2
    scale[:, _ACROSS] = np.sqrt(across)[:, None] + 1e-5
    scales = ideal_scales(reco, matrix, batch.track["track_type"][rows])
    return _Ideal(log_sigma, z, scale, scales)


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
