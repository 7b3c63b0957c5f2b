"""What goes into a vertex: straight lines with their covariances, from tracks and composites."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints
from ..events import EventBatch, Table
from ..schema import COVARIANCE_AXES
from .names import properties

AXES = ("x", "y", "tx", "ty", "kappa", "mass")
"""Parameters of a prong [mm, mm, -, -, 1/MeV, MeV]; kappa is 1/p, so it has no sign."""

TRACK_COLUMNS = (
    *("track_id", "mcparticle_id", "track_type", "charge", "x", "y", "z", "tx", "ty", "p"),
    *(f"cov{j}{i}" for i in range(len(COVARIANCE_AXES)) for j in range(i + 1)),
)
"""Columns of the track table that candidates need."""

_BREM_RESOLUTION = 3.0
"""Error of a bremsstrahlung energy [sqrt(MeV)]: about 10 % / sqrt(E [GeV])."""


class Prongs(NamedTuple):
    """Straight lines, any leading shape ``(...)``.

    Attributes:
        state: `AXES` in the plane `z`, shape ``(..., 6)``.
        z: plane of the state [mm], shape ``(...)``.
        covariance: of the state, shape ``(..., 6, 6)``.
    """

    state: Floats
    z: Floats
    covariance: Floats

    def take(self, rows: Ints) -> Prongs:
        """Some of them, by their first index."""
        return Prongs(self.state[rows], self.z[rows], self.covariance[rows])

    def replaced(self, rows: Ints, others: Prongs) -> Prongs:
        """The same with some of them, by their first index, in place of what they were."""
        whole = Prongs._make(a.copy() for a in self)
        for mine, new in zip(whole, others, strict=True):
            mine[rows] = new
        return whole


class Composite(NamedTuple):
    """Decayed particles: where, with what momentum and how well known, shape ``(n, ...)``.

    Attributes:
        position: decay vertex x, y, z [mm], shape ``(n, 3)``.
        momentum: px, py, pz, E [MeV], shape ``(n, 4)``.
        covariance: of position and momentum, shape ``(n, 7, 7)``.
        chi2: of the vertex fit; NaN without one.
        n_dof: its degrees of freedom, 0 without one.
    """

    position: Floats
    momentum: Floats
    covariance: Floats
    chi2: Floats
    n_dof: Ints

    @property
    def mass(self) -> Floats:
        """Invariant mass [MeV]; 0 where the four-momentum is space-like by rounding."""
        p = self.momentum
        result: Floats = np.sqrt(np.maximum(p[:, 3] ** 2 - (p[:, :3] ** 2).sum(axis=1), 0.0))
        return result

    @property
    def mass_error(self) -> Floats:
        """Standard deviation of the mass [MeV]."""
        lever = self.momentum * np.array([-1.0, -1.0, -1.0, 1.0])
        lever /= np.maximum(self.mass, 1e-9)[:, None]
        variance = np.einsum("ni,nij,nj->n", lever, self.covariance[:, 3:, 3:], lever)
        result: Floats = np.sqrt(np.maximum(variance, 0.0))
        return result

    def as_prongs(self) -> Prongs:
        """The straight lines that they flew along, at their decay."""
        (x, y, z), (px, py, pz, e) = self.position.T, self.momentum.T
        p2, m = px**2 + py**2 + pz**2, np.maximum(self.mass, 1e-9)
        tx, ty, kappa = px / pz, py / pz, 1.0 / np.sqrt(p2)
        state = np.stack([x, y, tx, ty, kappa, m], axis=1)
        jacobian = np.zeros((len(x), 6, 7))
        jacobian[:, 0, 0] = jacobian[:, 1, 1] = 1.0
        # The plane stands still; a vertex farther on is a line that meets it elsewhere.
        jacobian[:, 0, 2], jacobian[:, 1, 2] = -tx, -ty
        jacobian[:, 2, 3], jacobian[:, 2, 5] = 1.0 / pz, -tx / pz
        jacobian[:, 3, 4], jacobian[:, 3, 5] = 1.0 / pz, -ty / pz
        for i, component in enumerate((px, py, pz)):
            jacobian[:, 4, 3 + i] = -component * kappa**3
            jacobian[:, 5, 3 + i] = -component / m
        jacobian[:, 5, 6] = e / m
        return Prongs(state, z, jacobian @ self.covariance @ jacobian.swapaxes(1, 2))


def track_prongs(track: Table, rows: Ints, pdg_id: int, brem: bool = True) -> Prongs:
    """Tracks as prongs of a mass hypothesis.

    Args:
        track: table of tracks.
        rows: rows of it, shape ``(n,)``.
        pdg_id: hypothesis; electrons get the energy of their bremsstrahlung clusters back.
        brem: False to leave that out.
    """
    n = len(rows)
    charge = np.sign(track["charge"][rows]).astype(np.float64)
    state = np.empty((n, 6))
    for i, name in enumerate(("x", "y", "tx", "ty")):
        state[:, i] = track[name][rows]
    state[:, 4] = 1.0 / track["p"][rows]
    state[:, 5] = properties(pdg_id).mass
    covariance = np.zeros((n, 6, 6))
    for i in range(5):
        for j in range(i + 1):
            values = track[f"cov{j}{i}"][rows]
            values = values * charge if i == 4 and j < 4 else values
            covariance[:, i, j] = covariance[:, j, i] = values
    if brem and abs(pdg_id) == 11 and "brem_energy" in track:
        _add_brem(state, covariance, track["brem_energy"][rows].astype(np.float64))
    return Prongs(state, track["z"][rows].astype(np.float64), covariance)


def _add_brem(state: Floats, covariance: Floats, energy: Floats) -> None:
    """Add the energies of clusters [MeV] to the momenta, in place."""
    before = state[:, 4].copy()
    state[:, 4] = 1.0 / (1.0 / before + energy)
    scale = (state[:, 4] / before) ** 2
    covariance[:, 4, :] *= scale[:, None]
    covariance[:, :, 4] *= scale[:, None]
    covariance[:, 4, 4] += state[:, 4] ** 4 * _BREM_RESOLUTION**2 * energy


def four_momenta(state: Floats) -> tuple[Floats, Floats]:
    """px, py, pz, E [MeV] of prongs and their derivatives by tx, ty, kappa and mass.

    Args:
        state: `AXES`, shape ``(..., 6)``.

    Returns:
        Momenta, shape ``(..., 4)``, and Jacobian, shape ``(..., 4, 4)``.
    """
    tx, ty, kappa, m = (state[..., i] for i in range(2, 6))
    p, f2 = 1.0 / kappa, 1.0 / (1.0 + tx * tx + ty * ty)
    pz = p * np.sqrt(f2)
    px, py, e = pz * tx, pz * ty, np.sqrt(p * p + m * m)
    jacobian = np.zeros((*kappa.shape, 4, 4))
    jacobian[..., 0, 0] = pz * (1.0 - tx * tx * f2)
    jacobian[..., 0, 1] = jacobian[..., 1, 0] = -pz * tx * ty * f2
    jacobian[..., 1, 1] = pz * (1.0 - ty * ty * f2)
    jacobian[..., 2, 0], jacobian[..., 2, 1] = -pz * tx * f2, -pz * ty * f2
    for i, component in enumerate((px, py, pz)):
        jacobian[..., i, 2] = -component * p
    jacobian[..., 3, 2] = -p * p * p / e
    jacobian[..., 3, 3] = m / e
    return np.stack([px, py, pz, e], axis=-1), jacobian


def stack(prongs: list[Prongs]) -> Prongs:
    """Prongs of several daughters side by side: leading shape ``(n, k)``."""
    return Prongs(*(np.stack(parts, axis=1) for parts in zip(*prongs, strict=True)))


def global_rows(batch: EventBatch, name: str, event: Ints, local: Ints) -> Ints:
    """Rows of a table for positions in events, -1 where that is -1; all of shape ``(n,)``."""
    rows = batch[name].offsets[event] + local
    found: Ints = np.where(local < 0, -1, rows).astype(np.int64)
    return found
