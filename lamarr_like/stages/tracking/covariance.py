"""The 5x5 covariance of each track state, positive definite by construction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ... import schema
from ...arrays import Columns, Floats, Integers, Mask, Rows
from ...events import EventBatch
from ...physics.kinematics import momentum_components
from .. import features, geometry
from ..recipe import recipe
from ..stage import AbstractGeneratorStage, Model, keys, typed
from .covariance_numbers import from_vine, tanh, to_vine
from .detector_range import checked, detector_range, limits_of, within
from .ideal_fit import expected_covariance
from .mirrors import FLAGS, Mirrors
from .residual_frames import Scales, TrackState, ideal_scales, residuals
from .resolution import reconstructed_state, true_state

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
_RADIAL = (*_SIGMAS, *_PARTIALS)
_BENT = {
    ("z_t_rad_qop", "z_t_tan_qop"): ("z_tx_qop", "z_ty_qop"),
    ("z_qop_u_rad", "z_qop_u_tan"): ("z_qop_x", "z_qop_y"),
}
"""Partial correlations with q/p along and across the azimuth, and what is drawn of them."""
_DRAWN = {k: v for pair in _BENT.items() for k, v in zip(*pair, strict=True)}
_MOST_Z = 7.0
"""Largest atanh of a partial correlation that is drawn: real fits reach about 6."""
_MOST_DEPTH = 24.0
"""Least determinant of the correlations that is drawn, as minus its logarithm: that of the most
singular of 31,544 detailed tracks.  What is far below is not positive definite as float32."""
_STATE = ("x", "y", "z", "tx", "ty", "p", "charge")
_TURNED = np.array([2, 3, 4, 0, 1])
"""Where the elements of `AXES` stand in (x, y, tx, ty, qop)."""
_PULLED = ("x", "y", "tx", "ty", "qop")


class Covariance(AbstractGeneratorStage):
    """Draws the covariance of (x, y, tx, ty, q/p).

    It is rotated about the z axis into the azimuth of the reconstructed track, where VELO strips
    and scattering make it nearly diagonal, and written as in `vine`, relative to that of an ideal
    Kalman filter (`expected`): the model learns how a real fit differs from it, of the images of
    all tracks in one quadrant (`mirrors`).  Only correlations with q/p are drawn along x and y: the
    field bends in x, so that near the beam those with y and its slope are a third of the others,
    which is lost where a draw of both is rotated.  Earlier models draw these, too, along and across
    the azimuth; those that do not ask for the flags of the mirrors see tracks where they are.
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
    outputs = tuple(_DRAWN.get(name, name) for name in _RADIAL)
    recipes = (
        recipe(
            "armdn",
            hidden=96,
            steps=20_000,
            learning_rate=8e-3,
            weight_decay=0.02,
            orthogonal=True,
        ),
        recipe("gan", steps=18_000),
    )

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(model, config)
        self.detector = checked(config or {}, self.name)
        self.mirrored = set(FLAGS) <= set(model.conditions)

    def _check_outputs(self, wanted: tuple[str, ...]) -> None:
        if set(getattr(self.model, "outputs", ())) != set(_RADIAL):
            super()._check_outputs(wanted)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated particles."""
        return features.from_truth(batch)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Reconstructed state, fit quality, true species and origin, size of the residuals."""
        reco = reconstructed_state(batch, rows)
        return cls._conditions(batch, rows, _ideal(batch, rows, reco), Mirrors.of(reco))

    @classmethod
    def _conditions(cls, batch: EventBatch, rows: Mask, ideal: _Ideal, mirrors: Mirrors) -> Columns:
        """See `conditions`; `ideal` and `mirrors` are those of the tracks."""
        track = batch.track
        linked = features.linked_truth(batch, rows)
        for name in ("log_p", "log_pt", "eta", "cos_phi", "sin_phi", "tx", "ty", "charge"):
            del linked[name]
        reco = reconstructed_state(batch, rows)
        out = features.direction(*momentum_components(reco.p, reco.tx, reco.ty))
        out |= {"charge": reco.charge, **linked}
        kf = np.hstack([ideal.log_sigma, ideal.z])
        out |= {f"kf_{k}": v for k, v in zip(_RADIAL, kf.T, strict=True)}
        out |= features.track_flags(track["track_type"][rows])
        for name in ("n_dof", "chi2_per_dof", "ghost_prob"):
            out[name] = track[name][rows].astype(np.float64)
        # Which hits there are decides the most; of a complete track it is known which.
        out |= features.expected_hits(out)
        out["missing_hits"] = out.pop("expected_hits") - (out["n_dof"] + 5.0)
        # The covariance is wide where the residual is: both follow from the same hits.
        pulls = residuals("perigee", true_state(batch, rows), reco, ideal.scales)
        out |= {f"abs_{name}": np.abs(values) for name, values in pulls.items()}
        out |= features.occupancy(batch, "track", rows)
        return mirrors.image(out) | mirrors.flags() | {"is_crossed": mirrors.one}

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Log standard deviations and partial correlations of the image in the first quadrant."""
        track = batch.track
        matrix = np.zeros((int(rows.sum()), 5, 5))
        for name, i, j in _elements():
            matrix[:, i, j] = matrix[:, j, i] = track[name][rows]
        reco = reconstructed_state(batch, rows)
        log_sigma, z = to_vine(_rotate(matrix, reco, 1.0))
        ideal = _ideal(batch, rows, reco)
        log_sigma, z = log_sigma - ideal.log_sigma, (z - ideal.z) / ideal.scale
        found = dict(zip(_RADIAL, [*log_sigma.T, *z.T], strict=True))
        mirrors = Mirrors.of(reco)
        found = _along(mirrors.image(found), reco, mirrors)
        return {name: found[name] for name in cls.outputs}

    def answers(self, batch: EventBatch, rows: Mask, uniforms: Floats) -> Columns:
        """The draws as `targets` are, whether the model learnt images or not."""
        reco = reconstructed_state(batch, rows)
        mirrors = Mirrors.of(reco, self.mirrored)
        conditions = self._conditions(batch, rows, _ideal(batch, rows, reco), mirrors)
        drawn = self.model.draw(conditions, uniforms)
        found = _radial(drawn, reco, mirrors)
        taken = Mirrors.of(reco)
        found = _along(found if self.mirrored else taken.image(found), reco, taken)
        return {name: found[name] for name in self.outputs}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the 15 elements."""
        rows = self.rows(batch)
        reco, truth = reconstructed_state(batch, rows), true_state(batch, rows)
        ideal, mirrors = _ideal(batch, rows, reco), Mirrors.of(reco, self.mirrored)
        kind = batch.track["track_type"][rows]

        matrix = np.empty((len(kind), 5, 5))

        def inside(drawn: Columns, at: Rows) -> Mask:
            image = _radial(drawn, reco.some(at), mirrors.some(at))
            matrix[at] = _matrix(mirrors.some(at).image(image), ideal.some(at), reco.some(at))
            figures = _figures(truth.some(at), reco.some(at), _sigmas(matrix[at]))
            return within(figures, self.detector, kind[at], _always(ideal.some(at), reco.p[at]))

        conditions = self._conditions(batch, rows, ideal, mirrors)
        _, left = self._draw_within(batch, rows, "mcparticle_id", seed, conditions, inside)
        if len(left):
            factors = self._factors(matrix[left], truth.some(left), reco.some(left), kind[left])
            matrix[left] *= factors
        columns = {name: matrix[:, i, j] for name, i, j in _elements()}
        return batch.with_columns("track", **typed("track", columns))

    @classmethod
    def extra_config(cls, batch: EventBatch) -> dict[str, Any]:
        """``detector_range``: what uncertainties and pulls the sample has."""
        rows, track = cls.rows(batch), batch.track
        sigma = np.sqrt(np.stack([track[f"cov{i}{i}"][rows] for i in range(5)], axis=1))
        figures = _figures(true_state(batch, rows), reconstructed_state(batch, rows), sigma)
        return {"detector_range": detector_range(figures, track["track_type"][rows])}

    def _factors(
        self, matrix: Floats, truth: TrackState, reco: TrackState, kind: Integers
    ) -> Floats:
        """Factors of the elements that bring uncertainties into the range; shape ``(n, 5, 5)``."""
        sigma = _sigmas(matrix)
        share = np.ones_like(sigma)
        for i, (name, distance) in enumerate(_distances(truth, reco).items()):
            low, high = limits_of(self.detector, f"sigma_{name}", kind)
            soft, _ = limits_of(self.detector, f"p_sigma_{name}", kind)
            least, most = limits_of(self.detector, f"pull_{name}", kind)
            # No pull beyond those of the sample, even where the uncertainty is then larger.
            wanted = np.maximum(distance / most, distance / least)
            low = np.minimum(np.maximum(low, soft / reco.p), high)
            share[:, i] = np.maximum(_folded(sigma[:, i], low, high), wanted) / sigma[:, i]
        return share[:, :, None] * share[:, None, :]


def _folded(values: Floats, low: Floats, high: Floats) -> Floats:
    """Values mirrored at the ends of their range on a logarithmic scale, so that none piles up."""
    known = (low > 0.0) & np.isfinite(high)
    low, high = np.where(known, low, 1.0), np.where(known, high, 1.0)
    width = np.maximum(np.log(high / low), 1e-12)
    turns = np.mod(np.log(values / low) / width, 2.0)
    inside = low * np.exp(width * np.minimum(turns, 2.0 - turns))
    return np.where(known, inside, values)


def _sigmas(matrix: Floats) -> Floats:
    """Standard deviations in x, y, tx, ty, q/p, shape ``(n, 5)``."""
    return np.sqrt(np.stack([matrix[:, i, i] for i in range(5)], axis=1))


def _distances(truth: TrackState, reco: TrackState) -> Columns:
    """Reconstructed less true x, y, tx, ty, q/p."""
    out = {name: getattr(reco, name) - getattr(truth, name) for name in _PULLED[:4]}
    return out | {"qop": reco.charge / reco.p - truth.charge / truth.p}


def _figures(truth: TrackState, reco: TrackState, sigma: Floats) -> Columns:
    """What has a range: uncertainties, and distances from the truth in units of them."""
    out = {f"sigma_{name}": sigma[:, i] for i, name in enumerate(_PULLED)}
    for i, (name, distance) in enumerate(_distances(truth, reco).items()):
        out[f"pull_{name}"] = distance / sigma[:, i]
    # Scattering makes uncertainties grow as 1/p.
    return out | {f"p_sigma_{name}": reco.p * out[f"sigma_{name}"] for name in _PULLED[2:]}


def _always(ideal: _Ideal, p: Floats) -> dict[str, tuple[Floats, Floats]]:
    """Uncertainties that are allowed in any case: what an ideal fit has at high momentum."""
    scales, none = ideal.scales, np.full(len(p), np.inf)
    slope = 1.5 * p * np.maximum(scales.t_rad, scales.t_tan)
    most = {"tx": slope, "ty": slope, "qop": 1.5 * scales.qop}
    return {f"p_sigma_{name}": (none, value) for name, value in most.items()}


def _matrix(drawn: Mapping[str, np.ndarray], ideal: _Ideal, reco: TrackState) -> Floats:
    """Covariances of (x, y, tx, ty, q/p) from a draw of the model, shape ``(n, 5, 5)``."""
    log_sigma = ideal.log_sigma + _stack(drawn, _SIGMAS)
    z = np.clip(ideal.z + ideal.scale * _stack(drawn, _PARTIALS), -_MOST_Z, _MOST_Z)
    return _rotate(from_vine(log_sigma, _bounded(z)), reco, -1.0)


def _along(radial: Columns, reco: TrackState, mirrors: Mirrors) -> Columns:
    """Numbers of images, with the correlations with q/p along x and y; shapes ``(n,)``."""
    cos, sin = _azimuth(reco, mirrors)
    found = dict(radial)
    for (rad, tan), (x, y) in _BENT.items():
        one, two = found.pop(rad), found.pop(tan)
        found |= {x: cos * one - sin * two, y: sin * one + cos * two}
    return found


def _radial(drawn: Mapping[str, np.ndarray], reco: TrackState, mirrors: Mirrors) -> Columns:
    """Inverse of `_along`; what is along the azimuth already stays so."""
    found = {name: np.asarray(values) for name, values in drawn.items()}
    if set(_RADIAL) <= set(found):
        return found
    cos, sin = _azimuth(reco, mirrors)
    for (rad, tan), (x, y) in _BENT.items():
        one, two = found.pop(x), found.pop(y)
        found |= {rad: cos * one + sin * two, tan: cos * two - sin * one}
    return found


def _azimuth(reco: TrackState, mirrors: Mirrors) -> tuple[Floats, Floats]:
    """Cosine and sine of the azimuth of images."""
    phi = np.arctan2(mirrors.y * reco.ty, mirrors.x * reco.tx)
    return np.cos(phi), np.sin(phi)


def _bounded(z: Floats) -> Floats:
    """Partial correlations of matrices, shrunk together where these are nearly singular.

    Args:
        z: their inverse hyperbolic tangents, shape ``(n, 10)``.
    """
    share = np.ones(len(z))
    deep = np.arange(len(z))
    for _ in range(6):  # Newton's steps: the depth is convex in the share
        columns = np.ascontiguousarray(z[deep].T)
        part = share[deep] * columns
        # Cumulative sums go one by one: the result of a row is the same in any company.
        depth = np.cumsum(2.0 * (np.logaddexp(part, -part) - np.log(2.0)), axis=0)[-1]
        over = depth > _MOST_DEPTH
        if not over.any():
            break
        deep, columns, part = deep[over], columns[:, over], part[:, over]
        slope = np.cumsum(np.insert(2.0 * columns * tanh(part), 0, 1e-6, axis=0), axis=0)[-1]
        share[deep] -= (depth[over] - _MOST_DEPTH) / slope
    return share[:, None] * z


def _elements() -> list[tuple[str, int, int]]:
    """Name, row and column of each element of the lower triangle."""
    places = [(i, j) for i in range(5) for j in range(i + 1)]
    return [(name, *place) for name, place in zip(schema.COVARIANCE_NAMES, places, strict=True)]


def _stack(drawn: Mapping[str, np.ndarray], names: tuple[str, ...]) -> Floats:
    return np.stack([np.asarray(drawn[n], dtype=np.float64) for n in names], axis=1)


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

    def some(self, rows: Rows) -> _Ideal:
        """That of some of the tracks."""
        parts = (self.log_sigma[rows], self.z[rows], self.scale[rows])
        return _Ideal(*parts, self.scales.some(rows))


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
    across = 0.25 * (z[:, _ACROSS] ** 2).sum(axis=1) + (distance / geometry.VELO_INNER) ** 2
    scale[:, _ACROSS] = np.sqrt(across)[:, None] + 1e-5
    scales = ideal_scales(reco, matrix, batch.track["track_type"][rows])
    return _Ideal(log_sigma, z, scale, scales)


def _rotate(matrix: Floats, reco: TrackState, sense: float) -> Floats:
    """Take (x, y, tx, ty, qop) to `AXES` with `sense` 1, and back with -1.

    Products are written out: those of a linear algebra library differ with the processor.
    """
    phi = np.arctan2(reco.ty, reco.tx)
    cos, sin = np.cos(phi)[:, None], sense * np.sin(phi)[:, None]
    order = _TURNED if sense > 0 else np.argsort(_TURNED)
    turned = matrix[:, order][:, :, order]
    pairs = ((0, 1), (3, 4)) if sense > 0 else ((0, 1), (2, 3))
    for i, j in pairs:
        a, b = turned[:, i].copy(), turned[:, j].copy()
        turned[:, i], turned[:, j] = cos * a + sin * b, cos * b - sin * a
    for i, j in pairs:
        a, b = turned[:, :, i].copy(), turned[:, :, j].copy()
        turned[:, :, i], turned[:, :, j] = cos * a + sin * b, cos * b - sin * a
    return 0.5 * (turned + turned.transpose(0, 2, 1))
