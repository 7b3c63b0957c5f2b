"""Primary ionisation of a gas by a charged particle."""

from __future__ import annotations

import numpy as np

from ..arrays import Floats

C_OVER_M2 = 0.9 * 37.93 / 4.22 + 0.1 * 41.85 / 4.23
"""Constant ``C / M**2`` of argon and methane, 90/10: Rieke and Prepejchal, Phys. Rev. A 6 (1972)
1507.  That of either alone changes what slow particles leave, relative to the least, by 3 % at most
from a momentum of the mass on."""


def primary_ionisation(beta_gamma: Floats) -> Floats:
    """Primary clusters in a length, up to a factor, the shape of `beta_gamma`.

    Bethe's law of primary ionisation::

        dN/dx ~ (ln(beta^2 gamma^2) - beta^2 + C / M^2) / beta^2

    The density effect of argon begins at 58: pions of 8 GeV.

    Args:
        beta_gamma: momentum over mass.
    """
    square = beta_gamma**2
    beta2 = square / (1 + square)
    return np.asarray((np.log(square) - beta2 + C_OVER_M2) / beta2)
