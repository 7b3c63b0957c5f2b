"""Vectorised least-squares fit of tracks to a common vertex.

The measurement of each prong is its state in its own plane z with the covariance V; the parameters
are the vertex v and the slopes and momenta of all prongs there, which fly along straight lines.
For a given v the best states are known in closed form, so that chi2 is a function of v alone::

    r_i = (x_i + (v_z - z_i) t_i) - v_xy,   C_i = H_i V_i H_i^T,   chi2 = sum r_i^T C_i^-1 r_i

with H_i the transport to v_z.  Its minimum is found by Gauss-Newton steps in three dimensions with
the slopes of the best states (P. Billoir and S. Qian, NIM A311 (1992) 139; R. Fruehwirth, NIM A262
(1987) 444), a step being shortened where chi2 would rise.  All candidates go through each step
together; those that have converged rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints
from .prongs import Composite, Prongs, four_momenta

_MAX_STEPS = 60
_STEP_TOLERANCE = 1e-8
"""A candidate has converged when a step is this small in units of the vertex's errors."""

_FLOOR = 1e-12
"""Least determinant, relative to its greatest possible value, of what is inverted."""


class VertexFit(NamedTuple):
    """Result of a fit of ``n`` candidates with ``k`` prongs each.

    Attributes:
        position: x, y, z [mm], shape ``(n, 3)``.
        covariance: of the position, shape ``(n, 3, 3)``.
        chi2: shape ``(n,)``.
        n_dof: 2 k - 3.
        state: `prongs.AXES` at the vertex, shape ``(n, k, 6)``.
        gain: derivative of the states by the position, shape ``(n, k, 6, 3)``.
        rest: covariance of the states for a fixed position, shape ``(n, k, 6, 6)``.
        converged: whether the minimum was reached, shape ``(n,)``.
    """

    position: Floats
    covariance: Floats
    chi2: Floats
    n_dof: int
    state: Floats
    gain: Floats
    rest: Floats
    converged: np.ndarray

    def composite(self, prongs: list[int] | None = None) -> Composite:
        """Sum of some prongs (all by default) as a particle that decays at the vertex.

        Args:
            prongs: positions among the k prongs.
        """
        return self.with_neutrals(prongs, None)

    def with_neutrals(
        self, prongs: list[int] | None, neutral: tuple[Floats, Floats, Floats] | None
    ) -> Composite:
        """As `composite`, with photons that come from the vertex.

        Args:
            prongs: positions among the k prongs.
            neutral: sum of their four-momenta, shape ``(n, 4)``, its derivative by the position,
                shape ``(n, 4, 3)``, and its covariance for a fixed position, shape ``(n, 4, 4)``.
        """
        chosen = slice(None) if prongs is None else prongs
        momenta, jacobian = four_momenta(self.state[:, chosen])
        total = momenta.sum(axis=1)
        lever = (jacobian @ self.gain[:, chosen, 2:]).sum(axis=1)
        rest = self.rest[:, chosen, 2:, 2:]
        spread = (jacobian @ rest @ jacobian.swapaxes(2, 3)).sum(axis=1)
        if neutral is not None:
            total, lever, spread = total + neutral[0], lever + neutral[1], spread + neutral[2]
        joint = joint_covariance(self.covariance, lever, spread)
        n_dof = np.full(len(total), self.n_dof)
        return Composite(self.position, total, joint, self.chi2, n_dof)


def joint_covariance(position: Floats, lever: Floats, spread: Floats) -> Floats:
    """Covariance of position and four-momentum, shape ``(n, 7, 7)``.

    Args:
        position: covariance of the position, shape ``(n, 3, 3)``.
        lever: derivative of the momentum by the position, shape ``(n, 4, 3)``.
        spread: covariance of the momentum for a fixed position, shape ``(n, 4, 4)``.
    """
    joint = np.empty((len(position), 7, 7))
    mixed = lever @ position
    joint[:, :3, :3] = position
    joint[:, 3:, :3], joint[:, :3, 3:] = mixed, mixed.swapaxes(1, 2)
    joint[:, 3:, 3:] = spread + mixed @ lever.swapaxes(1, 2)
    return joint


def replaced(fit: VertexFit, rows: Ints, part: VertexFit) -> VertexFit:
    """A fit of ``n`` candidates in which some have the results of another.

    Args:
        fit: of all, leading shape ``(n,)``.
        rows: those to replace, shape ``(m,)``.
        part: theirs, leading shape ``(m,)``.
    """
    whole = fit._asdict()
    for name, values in part._asdict().items():
        if name != "n_dof":
            whole[name] = whole[name].copy()
            whole[name][rows] = values
    return VertexFit(**whole)


class _System(NamedTuple):
    """chi2 and its expansion about a position, shape ``(n, ...)``."""

    chi2: Floats
    gradient: tuple[Floats, Floats, Floats]
    matrix: tuple[Floats, ...]  # xx, xy, yy, xz, yz, zz


class _Measured:
    """The numbers of the fit as contiguous arrays of shape ``(k, n)``."""

    def __init__(self, prongs: Prongs) -> None:
        state, v = np.moveaxis(prongs.state, 0, -1), np.moveaxis(prongs.covariance, 0, -1)
        self.x, self.y, self.tx, self.ty = (np.ascontiguousarray(state[:, i]) for i in range(4))
        self.z = np.ascontiguousarray(prongs.z.T)
        self.v = [[np.ascontiguousarray(v[:, i, j]) for j in range(4)] for i in range(4)]

    def take(self, rows: np.ndarray) -> _Measured:
        """Some of the candidates."""
        part = object.__new__(_Measured)
        for name in ("x", "y", "z", "tx", "ty"):
            setattr(part, name, np.ascontiguousarray(getattr(self, name)[:, rows]))
        part.v = [[np.ascontiguousarray(c[:, rows]) for c in line] for line in self.v]
        return part


def fit_vertices(prongs: Prongs) -> VertexFit:
    """Fit one vertex to the prongs of each candidate.

    Args:
        prongs: leading shape ``(n, k)`` with k from 2.

    Returns:
        The fits; where the prongs are parallel or their covariances singular, the position is
        NaN and ``converged`` False.
    """
    measured = _Measured(prongs)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        position, converged = _minimise(measured, _start(measured))
        return _finish(prongs, measured, position, converged)


def _start(m: _Measured) -> Floats:
    """Point nearest to all lines, each with the same weight, shape ``(3, n)``."""
    k = len(m.x)
    x0, y0 = m.x - m.tx * m.z, m.y - m.ty * m.z
    tx, ty = m.tx.mean(axis=0), m.ty.mean(axis=0)
    spread = ((m.tx - tx) ** 2 + (m.ty - ty) ** 2).sum(axis=0)
    mixed = ((m.tx - tx) * x0 + (m.ty - ty) * y0).sum(axis=0)
    z = -mixed / spread
    return np.stack([x0.sum(axis=0) / k + tx * z, y0.sum(axis=0) / k + ty * z, z])


def _weights(m: _Measured, v: Floats) -> tuple[Floats, ...]:
    """Residuals, distance to the plane and inverse of the 2x2 covariance of each prong."""
    dz = v[2] - m.z
    rx, ry = m.x + dz * m.tx - v[0], m.y + dz * m.ty - v[1]
    c = m.v
    a = c[0][0] + dz * (2.0 * c[0][2] + dz * c[2][2])
    b = c[0][1] + dz * (c[0][3] + c[1][2] + dz * c[2][3])
    d = c[1][1] + dz * (2.0 * c[1][3] + dz * c[3][3])
    det = a * d - b * b
    det = np.where(det > _FLOOR * a * d, det, np.nan)
    return rx, ry, dz, d / det, -b / det, a / det


def _system(m: _Measured, v: Floats) -> _System:
    rx, ry, dz, a, b, d = _weights(m, v)
    lx, ly = a * rx + b * ry, b * rx + d * ry
    chi2 = (rx * lx + ry * ly).sum(axis=0)
    c = m.v
    # Slopes of the best states: the residual pulls them along.
    tx = m.tx - (c[2][0] + dz * c[2][2]) * lx - (c[2][1] + dz * c[2][3]) * ly
    ty = m.ty - (c[3][0] + dz * c[3][2]) * lx - (c[3][1] + dz * c[3][3]) * ly
    gz = -(tx * lx + ty * ly)
    ux, uy = a * tx + b * ty, b * tx + d * ty
    matrix = (a, b, d, -ux, -uy, tx * ux + ty * uy)
    return _System(
        chi2,
        (lx.sum(axis=0), ly.sum(axis=0), gz.sum(axis=0)),
        tuple(term.sum(axis=0) for term in matrix),
    )


def _inverse(matrix: tuple[Floats, ...]) -> tuple[Floats, ...]:
    """Inverse of symmetric 3x3 matrices given as xx, xy, yy, xz, yz, zz; NaN where singular."""
    xx, xy, yy, xz, yz, zz = matrix
    a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    det = xx * a + xy * b + xz * c
    det = np.where(det > _FLOOR * xx * yy * zz, det, np.nan)
    return (
        *(a / det, b / det, (xx * zz - xz * xz) / det),
        *(c / det, (xy * xz - xx * yz) / det, (xx * yy - xy * xy) / det),
    )


def _newton(system: _System) -> tuple[Floats, Floats]:
    """The step to the minimum, shape ``(3, n)``, and its square in units of the errors."""
    gx, gy, gz = system.gradient
    xx, xy, yy, xz, yz, zz = _inverse(system.matrix)
    step = np.stack(
        [xx * gx + xy * gy + xz * gz, xy * gx + yy * gy + yz * gz, xz * gx + yz * gy + zz * gz]
    )
    return step, gx * step[0] + gy * step[1] + gz * step[2]


def _minimise(m: _Measured, start: Floats) -> tuple[Floats, np.ndarray]:
    """Position of the minimum, shape ``(3, n)``, and whether it was reached."""
    position, converged = start.copy(), np.zeros(start.shape[1], dtype=bool)
    active = np.arange(start.shape[1])
    here, part = start.copy(), m
    system = _system(part, here)
    step, size = _newton(system)
    chi2 = system.chi2
    for _ in range(_MAX_STEPS):
        there = here + step
        system = _system(part, there)
        # Rounding may raise chi2 by its own precision at the minimum.
        better = system.chi2 <= chi2 * (1.0 + 1e-12) + 1e-12
        newton, next_size = _newton(system)
        here = np.where(better, there, here)
        chi2 = np.where(better, system.chi2, chi2)
        step = np.where(better, newton, 0.3 * step)
        size = np.where(better, next_size, size)
        done = better & (size < _STEP_TOLERANCE**2)
        dead = ~np.isfinite(chi2) | ~np.isfinite(step).all(axis=0)
        out = done | dead
        if out.any():
            position[:, active[out]] = here[:, out]
            converged[active[done & ~dead]] = True
            keep = ~out
            active, here, chi2 = active[keep], here[:, keep], chi2[keep]
            step, size = step[:, keep], size[keep]
            if not len(active):
                break
            part = part.take(keep)
    # What shakes at the level of rounding about the minimum has reached it as well.
    position[:, active] = here
    converged[active] = size < 1e-8
    return position, converged


def _finish(prongs: Prongs, m: _Measured, v: Floats, converged: np.ndarray) -> VertexFit:
    """Covariances and best states at the minimum."""
    system = _system(m, v)
    xx, xy, yy, xz, yz, zz = _inverse(system.matrix)
    covariance = np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=1).reshape(-1, 3, 3)
    rx, ry, dz, a, b, d = (values.T for values in _weights(m, v))
    full = prongs.covariance
    # V H^T, shape (n, k, 6, 2): covariance of the state with its place in the vertex plane.
    vh = full[..., :2] + dz[..., None, None] * full[..., 2:4]
    weight = np.stack([a, b, b, d], axis=-1).reshape(*a.shape, 2, 2)
    gain = vh @ weight
    state = prongs.state - (gain @ np.stack([rx, ry], axis=-1)[..., None])[..., 0]
    # In the plane of the vertex: the states there, not those in the planes of measurement.
    state[..., :2] = v.T[:, None, :2]
    pull = np.zeros((*a.shape, 2, 3))
    pull[..., 0, 0] = pull[..., 1, 1] = 1.0
    pull[..., 0, 2], pull[..., 1, 2] = -state[..., 2], -state[..., 3]
    bad = ~np.isfinite(covariance).all(axis=(1, 2))
    position = np.where((bad | ~converged)[:, None], np.nan, v.T)
    return VertexFit(
        position=position,
        covariance=covariance,
        chi2=np.where(converged, system.chi2, np.nan),
        n_dof=2 * m.x.shape[0] - 3,
        state=state,
        gain=gain @ pull,
        rest=full - gain @ vh.swapaxes(-1, -2),
        converged=converged & ~bad,
    )


def no_fit(prongs: Prongs, position: Floats, covariance: Floats) -> VertexFit:
    """Candidates without a vertex of their own, at a place that is given; nothing is refitted.

    Args:
        prongs: leading shape ``(n, k)``; k may be 0.
        position: where they are taken to decay, shape ``(n, 3)``.
        covariance: of the position, shape ``(n, 3, 3)``.
    """
    n, k = prongs.z.shape
    return VertexFit(
        position=position,
        covariance=covariance,
        chi2=np.full(n, np.nan),
        n_dof=0,
        state=prongs.state,
        gain=np.zeros((n, k, 6, 3)),
        rest=prongs.covariance,
        converged=np.zeros(n, dtype=bool),
    )


def rows_of(fit: VertexFit, rows: Ints) -> VertexFit:
    """Some of the candidates of a fit, by their rows of shape ``(n,)``."""
    parts = {name: getattr(fit, name)[rows] for name in VertexFit._fields if name != "n_dof"}
    return VertexFit(n_dof=fit.n_dof, **parts)
