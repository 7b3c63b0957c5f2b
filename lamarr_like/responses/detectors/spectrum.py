"""Spectra that detailed samples share."""

from __future__ import annotations

import numpy as np

from ...arrays import Floats

_STEEPNESS = 0.9


def falling(uniforms: Floats, low: float, high: float) -> Floats:
    """Energies whose logarithm has a density that falls linearly to a nineteenth at `high`.

    Showers of low energy fluctuate most, and cost Geant4 least.

    Args:
        uniforms: numbers in (0, 1), shape ``(n,)``.
        low, high: range, in the unit of the result.
    """
    top = 1 + _STEEPNESS
    share = (top - np.sqrt(top**2 - 4 * _STEEPNESS * uniforms)) / (2 * _STEEPNESS)
    energies: Floats = low * (high / low) ** share
    return energies


def power(uniforms: Floats, low: float, high: float, index: float) -> Floats:
    """Energies whose logarithm has a density that falls with this power of the energy.

    Args:
        uniforms: numbers in (0, 1), shape ``(n,)``.
        low, high: range, in the unit of the result.
        index: above 0.
    """
    first, last = low**-index, high**-index
    energies: Floats = (first - uniforms * (first - last)) ** (-1 / index)
    return energies
