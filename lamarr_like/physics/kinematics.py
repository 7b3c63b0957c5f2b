"""Closed formulae of relativistic kinematics and straight lines, on arrays."""

from __future__ import annotations

import numpy as np

from ..arrays import Floats


def momentum(px: Floats, py: Floats, pz: Floats) -> Floats:
    """Modulus of the momentum, in the unit of its components; all of shape ``(n,)``."""
    return np.sqrt(px * px + py * py + pz * pz)


def pseudorapidity(px: Floats, py: Floats, pz: Floats) -> Floats:
    """Pseudorapidity asinh(pz / pT) of momenta of shape ``(n,)``; infinite where pT is zero."""
    with np.errstate(divide="ignore"):
        result: Floats = np.arcsinh(pz / np.hypot(px, py))
    return result


def closest_to_beam(
    x: Floats, y: Floats, z: Floats, tx: Floats, ty: Floats
) -> tuple[Floats, Floats, Floats]:
    """Point of a straight line closest to the z axis, LHCb's ``ClosestToBeam``.

    Args:
        x, y, z: any point of the line [mm], shape ``(n,)``.
        tx, ty: slopes dx/dz and dy/dz, shape ``(n,)``.

    Returns:
        x, y, z [mm] of the closest point; the point itself where the line is parallel to the axis.
    """
    slope2 = tx * tx + ty * ty
    safe = np.where(slope2 > 0, slope2, 1.0)
    dz = np.where(slope2 > 0, -(x * tx + y * ty) / safe, 0.0)
    return x + tx * dz, y + ty * dz, z + dz


def momentum_components(p: Floats, tx: Floats, ty: Floats) -> tuple[Floats, Floats, Floats]:
    """px, py, pz of forward particles from momentum and slopes; all of shape ``(n,)``."""
    pz = p / np.sqrt(1.0 + tx * tx + ty * ty)
    return pz * tx, pz * ty, pz
