"""Where particles go: closest point to the beam line, last tracking layer, ECAL plane."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...arrays import Floats
from ...errors import PipelineError
from ...events import EventBatch, Table
from ...physics.kinematics import closest_to_beam
from ..features import MOMENTUM, VERTEX
from ..geometry import ECAL_Z, KICK, MAGNET_Z, T3_Z
from ..stage import AbstractStage, keys, typed

FAR = 1e5
"""Bound of positions [mm]; particles that never reach a plane are put this far off the axis."""


class Propagation(AbstractStage):
    """Analytic propagation: straight lines and a thin dipole, whose whole kick is given at once.

    Args:
        polarity: sign of the field along y; positive particles are bent to +x by -1 (magnet
            "down", the reference detector) and to -x by 1.

    Raises:
        PipelineError: if the polarity is neither.
    """

    name = "propagation"
    requires = keys("particle", "mc_charge", *MOMENTUM, *VERTEX)
    provides = keys(
        "particle", "mc_ctb_x", "mc_ctb_y", "mc_ctb_z", "mc_t3_x", "mc_ecal_x", "mc_ecal_y"
    )
    options: ClassVar[dict[str, Any]] = {"polarity": -1}

    def __init__(self, polarity: int = -1) -> None:
        if polarity not in (1, -1):
            raise PipelineError(f"stage 'propagation': polarity is 1 or -1, not {polarity!r}")
        self.kick = -KICK * polarity

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the positions; draws nothing."""
        particle = batch.particle
        px, py, pz = (particle[c] for c in MOMENTUM)
        vx, vy, vz = (particle[c] for c in VERTEX)
        safe = np.where(np.abs(pz) > 0.0, pz, 1e-9)
        x, y, z = closest_to_beam(vx, vy, vz, px / safe, py / safe)
        columns = {"mc_ctb_x": x, "mc_ctb_y": y, "mc_ctb_z": z}
        columns["mc_t3_x"], _ = self._at(T3_Z, particle)
        columns["mc_ecal_x"], columns["mc_ecal_y"] = self._at(ECAL_Z, particle)
        return batch.with_columns("particle", **typed("particle", columns))

    def _at(self, plane: float, particle: Table) -> tuple[Floats, Floats]:
        """Position (x, y) [mm] at a plane behind the magnet, bounded by `FAR`."""
        px, py, pz = (particle[c] for c in MOMENTUM)
        vx, vy, vz = (particle[c] for c in VERTEX)
        reaches = (pz > 0.0) & (vz < plane)
        forward = np.where(reaches, pz, 1.0)
        bend = np.where(vz < MAGNET_Z, self.kick * particle["mc_charge"], 0.0)
        # The field turns the momentum in the x-z plane and leaves its modulus as it was;
        # a particle too soft to get through is sent off at a right angle.
        in_plane = np.hypot(px, forward)
        bent_x = np.clip(px + bend, -in_plane, in_plane)
        bent_z = np.sqrt(in_plane**2 - bent_x**2)
        turn = np.maximum(vz, MAGNET_Z)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            x = vx + px / forward * (turn - vz) + bent_x / bent_z * (plane - turn)
            y = vy + py / forward * (turn - vz) + py / bent_z * (plane - turn)
        away = np.hypot(px, py)
        away = np.where(away > 0.0, away, 1.0)
        x = np.where(reaches & ~np.isnan(x), x, FAR * px / away)
        y = np.where(reaches & ~np.isnan(y), y, FAR * py / away)
        return np.clip(x, -FAR, FAR), np.clip(y, -FAR, FAR)
