"""Decays and primary vertices: impact parameters, flight distances, decay times.

A particle is a straight line with a covariance (`prongs.Prongs`); a primary vertex is a point with
errors.  Everything is a least-squares distance with the covariances of both, so the chi2 of an
impact parameter has two degrees of freedom and that of a flight distance three.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..events import Table
from ..physics.particles import SPEED_OF_LIGHT
from .prongs import Composite, Prongs

PV_COLUMNS = ("pv_id", "x", "y", "z", "n_tracks", "sigma_x", "sigma_y", "sigma_z")
"""Columns of the table of reconstructed vertices that candidates need."""

_STEPS = 12


class Origins(NamedTuple):
    """Points that particles may come from, shape ``(n, ...)``; NaN where there is none.

    Attributes:
        position: x, y, z [mm], shape ``(n, 3)``.
        covariance: shape ``(n, 3, 3)``.
    """

    position: Floats
    covariance: Floats


class Flight(NamedTuple):
    """From an origin to a decay, shape ``(n,)``.

    Attributes:
        distance: [mm].
        chi2: of the distance from zero, three degrees of freedom.
        dira: cosine of the angle between flight and momentum.
        tau, tau_error: decay time [ns] of a fit in which the particle comes from the origin.
        tau_chi2: of that fit, two degrees of freedom.
    """

    distance: Floats
    chi2: Floats
    dira: Floats
    tau: Floats
    tau_error: Floats
    tau_chi2: Floats


def primary_vertices(table: Table, rows: Ints) -> Origins:
    """Reconstructed primary vertices by row, -1 for none.

    Args:
        table: the table ``reco_vertex``.
        rows: shape ``(n,)``.
    """
    have = rows >= 0
    position = np.full((len(rows), 3), np.nan)
    covariance = np.full((len(rows), 3, 3), np.nan)
    covariance[have] = 0.0
    for i, axis in enumerate("xyz"):
        position[have, i] = table[axis][rows[have]]
        covariance[have, i, i] = table[f"sigma_{axis}"][rows[have]].astype(np.float64) ** 2
    return Origins(position, covariance)


def impact(lines: Prongs, origin: Origins) -> tuple[Floats, Floats]:
    """Distance [mm] of straight lines from points, and its chi2, shapes ``(n,)``.

    Args:
        lines: leading shape ``(n,)``.
        origin: one point for each.
    """
    x, y, tx, ty = (lines.state[:, i] for i in range(4))
    point, v = origin.position, lines.covariance
    dz = point[:, 2] - lines.z
    rx, ry = x + dz * tx - point[:, 0], y + dz * ty - point[:, 1]
    # The nearest point of the line: what is left of (rx, ry, 0) across its direction.
    along2 = (rx * tx + ry * ty) ** 2 / (1.0 + tx * tx + ty * ty)
    distance = np.sqrt(np.maximum(rx * rx + ry * ry - along2, 0.0))
    plane = np.zeros((len(x), 2, 6))
    plane[:, 0, 0] = plane[:, 1, 1] = 1.0
    plane[:, 0, 2] = plane[:, 1, 3] = dz
    pull = np.zeros((len(x), 2, 3))
    pull[:, 0, 0] = pull[:, 1, 1] = 1.0
    pull[:, 0, 2], pull[:, 1, 2] = -tx, -ty
    c = plane @ v @ plane.swapaxes(1, 2) + pull @ origin.covariance @ pull.swapaxes(1, 2)
    det = c[:, 0, 0] * c[:, 1, 1] - c[:, 0, 1] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        chi2 = rx * rx * c[:, 1, 1] - 2.0 * rx * ry * c[:, 0, 1] + ry * ry * c[:, 0, 0]
        return distance, chi2 / det


class Choices(NamedTuple):
    """All primary vertices that some particles may come from.

    Attributes:
        owner: position of the particle, ascending, shape ``(m,)``.
        row: the vertex in its table, shape ``(m,)``.
        origin: the vertices, leading shape ``(m,)``.
        total: particles, some of which may have no vertex.
    """

    owner: Ints
    row: Ints
    origin: Origins
    total: int


def choices(table: Table, event: Ints) -> Choices:
    """Every reconstructed vertex of the events of some particles.

    Args:
        table: the table ``reco_vertex``.
        event: position of the event of each, shape ``(n,)``.
    """
    counts = table.counts[event]
    owner = np.repeat(np.arange(len(event)), counts)
    first = np.cumsum(counts) - counts
    rows = table.offsets[event][owner] + np.arange(len(owner)) - first[owner]
    return Choices(owner, rows, primary_vertices(table, rows), len(event))


def best_vertex(lines: Prongs, found: Choices) -> Origins:
    """The vertex of the least impact chi2 for each line, NaN where there is none.

    Args:
        lines: leading shape ``(n,)``.
        found: what they may come from.
    """
    _, chi2 = impact(lines.take(found.owner), found.origin)
    order = np.lexsort((np.where(np.isfinite(chi2), chi2, np.inf), found.owner))
    have, first = np.unique(found.owner[order], return_index=True)
    position = np.full((found.total, 3), np.nan)
    covariance = np.full((found.total, 3, 3), np.nan)
    position[have] = found.origin.position[order[first]]
    covariance[have] = found.origin.covariance[order[first]]
    return Origins(position, covariance)


def flight(particle: Composite, origin: Origins) -> Flight:
    """Flight of decayed particles from points.

    The decay time is that of a least-squares fit of origin, decay vertex and momentum to
    ``vertex - origin = momentum * tau / mass`` with the measured mass.

    Args:
        particle: leading shape ``(n,)``.
        origin: one point for each.
    """
    way = particle.position - origin.position
    p, v = particle.momentum[:, :3], particle.covariance
    spread = v[:, :3, :3] + origin.covariance
    distance = np.linalg.norm(way, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        dira = (way * p).sum(axis=1) / (distance * np.linalg.norm(p, axis=1))
    chi2 = np.einsum("ni,nij,nj->n", way, inverse(spread), way)
    factor, error, fit_chi2 = _time(way, p, spread, v[:, :3, 3:6], v[:, 3:6, 3:6])
    scale = particle.mass / SPEED_OF_LIGHT
    return Flight(distance, chi2, dira, factor * scale, error * scale, fit_chi2)


def corrected_mass(found: Composite, origin: Origins) -> Floats:
    """Mass with what is missing across the flight, as if a massless particle had carried it off.

    K. Abe et al. (SLD), PRL 80 (1998) 660.

    Args:
        found: the particles, leading shape ``(n,)``.
        origin: where each comes from.
    """
    way = found.position - origin.position
    p = found.momentum[:, :3]
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (p * way).sum(axis=1) / np.linalg.norm(way, axis=1)
    across2 = np.maximum((p * p).sum(axis=1) - along**2, 0.0)
    mass: Floats = np.sqrt(found.mass**2 + across2) + np.sqrt(across2)
    return mass


def _time(
    way: Floats, p: Floats, spread: Floats, mixed: Floats, momentum: Floats
) -> tuple[Floats, Floats, Floats]:
    """Factor k of ``way = k p``, its error and chi2; iterated, as the errors depend on it.

    Args:
        way: flight [mm], shape ``(n, 3)``.
        p: momentum [MeV], shape ``(n, 3)``.
        spread: covariance of `way`, shape ``(n, 3, 3)``.
        mixed: covariance of `way` and `p`, shape ``(n, 3, 3)``.
        momentum: covariance of `p`, shape ``(n, 3, 3)``.
    """
    factor = (way * p).sum(axis=1) / (p * p).sum(axis=1)
    best, weight = p, np.zeros_like(spread)
    for _ in range(_STEPS):
        k = factor[:, None, None]
        across = k * (mixed + mixed.swapaxes(1, 2))
        weight = inverse(spread - across + k * k * momentum)
        pull = np.einsum("nij,nj->ni", weight, way - factor[:, None] * p)
        # The momentum of the fit: the constraint pulls it along.
        best = p - np.einsum("nji,nj->ni", mixed - k * momentum, pull)
        towards = np.einsum("nij,nj->ni", weight, best)
        curvature = (best * towards).sum(axis=1)
        factor = factor + (best * pull).sum(axis=1) / curvature
    rest = way - factor[:, None] * p
    chi2 = np.einsum("ni,nij,nj->n", rest, weight, rest)
    return factor, 1.0 / np.sqrt(curvature), chi2


def inverse(matrices: Floats) -> Floats:
    """Inverse of symmetric matrices, NaN where there is none; shape ``(n, k, k)``."""
    sound: Mask = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
    unit = np.eye(matrices.shape[1])
    safe = np.where(sound[:, None, None], matrices, unit)
    sound &= np.linalg.det(safe) > 0.0
    out = np.linalg.inv(np.where(sound[:, None, None], safe, unit))
    out[~sound] = np.nan
    return out
