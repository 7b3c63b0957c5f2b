"""What a law of a decay is, and the amplitudes of helicities that laws are made of.

Amplitudes are those of M. Jacob and G. C. Wick (Ann. Phys. 7 (1959) 404): what has spin J and
projection M decays in the direction theta, phi to helicities a and b with

    A = exp(i M phi) d^J_{M, a-b}(theta) H_ab

States run from the highest projection to the lowest.  The second daughter's axes are those of the
first turned about x, so that a decay of spin 0 to two vectors goes as
``|sum_a H_a d_a0(theta1) d_a0(theta2) exp(i a chi)|^2`` with chi the angle between their planes.
"""

from __future__ import annotations

from functools import cache
from math import factorial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...arrays import Floats

Complex = NDArray[np.complex128]


class Law(Protocol):
    """How one decay is distributed, beyond phase space.

    A decay of N bodies is a chain of two-body ones; the angles of the last of the chain, that of
    the first two daughters, follow the law, those before are isotropic.
    """

    @property
    def replaces(self) -> bool:
        """Whether masses are drawn evenly and weighed by the law alone, not by phase space."""

    def mass_weight(self, mass: Floats) -> Floats:
        """Share of drawings in phase space that are accepted, 0 to 1, shape ``(n,)``.

        Args:
            mass: of what decays, of the chain, of the daughters [MeV], shape ``(n, 1 + ...)``.
        """

    def amplitudes(self, cosine: Floats, phi: Floats, mass: Floats) -> Complex:
        """Amplitudes, shape ``(n, states, states of each daughter...)``.

        Args:
            cosine, phi: direction of the first daughter, shape ``(n,)``.
            mass: as above.
        """

    def greatest(self, mass: Floats) -> Floats:
        """No less than the greatest sum of the squares of the amplitudes from any state, ``(n,)``.

        Args:
            mass: as above, shape ``(n, 1 + ...)``.
        """

    def conjugated(self) -> Law:
        """The law of the CP conjugate decay: helicities are reversed."""


class FlatMasses:
    """A law that leaves the masses to phase space."""

    replaces = False

    def mass_weight(self, mass: Floats) -> Floats:
        """All are accepted, shape ``(n,)``.

        Args:
            mass: masses [MeV], shape ``(n, 1 + ...)``.
        """
        return np.ones(len(mass))


class TwoBody(FlatMasses):
    """A decay to two particles with given helicities.

    Args:
        spin2: twice the spin of what decays.
        couplings: H by the states of the two daughters, shape ``(states, states)``.
    """

    def __init__(self, spin2: int, couplings: Complex | Floats) -> None:
        self.spin2 = spin2
        self.couplings = np.asarray(couplings, dtype=np.complex128)

    def couplings_at(self, mass: Floats) -> Complex:
        """Couplings at some masses, shape ``(n or 1, states, states)``.

        Args:
            mass: as in `Law`, shape ``(n, 3)``.
        """
        return self.couplings[None]

    def amplitudes(self, cosine: Floats, phi: Floats, mass: Floats) -> Complex:
        """Amplitudes by the formula of the module, shape ``(n, states, states, states)``.

        Args:
            cosine, phi: direction of the first daughter, shape ``(n,)``.
            mass: as in `Law`, shape ``(n, 3)``.
        """
        coupling = self.couplings_at(mass)
        first, second = coupling.shape[1:]
        helicity = (first - 1 - 2 * np.arange(first))[:, None] - (
            second - 1 - 2 * np.arange(second)
        )
        place = (self.spin2 - helicity) // 2
        allowed = (place >= 0) & (place <= self.spin2)
        turned = turn(self.spin2, cosine, phi)[:, :, np.where(allowed, place, 0)]
        return np.asarray(turned * np.where(allowed, coupling, 0.0)[:, None])

    def conjugated(self) -> TwoBody:
        """With helicities reversed."""
        return TwoBody(self.spin2, self.couplings[::-1, ::-1])

    def greatest(self, mass: Floats) -> Floats:
        """Sum of the squares of the couplings, shape ``(n,)``.

        Args:
            mass: as in `Law`, shape ``(n, 3)``.
        """
        total = (np.abs(self.couplings_at(mass)) ** 2).sum(axis=(1, 2))
        return np.broadcast_to(total, (len(mass),))


class VectorToLeptons(TwoBody):
    """A vector that decays to two leptons of equal mass through a vector current.

    Leptons of opposite helicity only, but for a part of the mass squared over the energy squared.
    """

    def __init__(self) -> None:
        super().__init__(2, np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.complex128))

    def conjugated(self) -> VectorToLeptons:
        """Itself: the current knows no charge."""
        return self

    def couplings_at(self, mass: Floats) -> Complex:
        """Couplings at some masses, shape ``(n, 2, 2)``.

        Args:
            mass: as in `Law`, shape ``(n, 3)``.
        """
        same = np.sqrt(2.0) * 0.5 * (mass[:, 1] + mass[:, 2]) / mass[:, 0]
        found = np.repeat(self.couplings[None], len(mass), axis=0)
        # A current that is even under parity gives the two the opposite sign.
        found[:, 0, 0], found[:, 1, 1] = same, -same
        return found


@cache
def _terms(spin2: int) -> list[tuple[int, int, float, int, int]]:
    """Terms of the d-functions: row, column, factor, powers of cosine and sine of the half."""
    found = []
    for row in range(spin2 + 1):
        for column in range(spin2 + 1):
            # Numbers of quanta up and down of both states.
            up, down, up2, down2 = spin2 - row, row, spin2 - column, column
            norm = np.sqrt(
                float(factorial(up) * factorial(down) * factorial(up2) * factorial(down2))
            )
            for k in range(max(0, up2 - up), min(up2, down) + 1):
                below = (
                    factorial(up2 - k)
                    * factorial(k)
                    * factorial(up - up2 + k)
                    * factorial(down - k)
                )
                sign = -1.0 if (up - up2 + k) % 2 else 1.0
                found.append(
                    (row, column, sign * norm / below, up2 + down - 2 * k, up - up2 + 2 * k)
                )
    return found


def small_d(spin2: int, cosine: Floats) -> Floats:
    """Functions d^J_{M m}(theta) of E. P. Wigner, shape ``(n, 2J + 1, 2J + 1)``.

    Args:
        spin2: twice J.
        cosine: of theta, shape ``(n,)``.
    """
    half_cosine = np.sqrt(0.5 * (1.0 + cosine))
    half_sine = np.sqrt(0.5 * (1.0 - cosine))
    found = np.zeros((len(cosine), spin2 + 1, spin2 + 1))
    for row, column, factor, c, s in _terms(spin2):
        found[:, row, column] += factor * half_cosine**c * half_sine**s
    return found


def turn(spin2: int, cosine: Floats, phi: Floats) -> Complex:
    """exp(i M phi) d^J_{M m}(theta), shape ``(n, 2J + 1, 2J + 1)``.

    Args:
        spin2: twice J.
        cosine, phi: direction, shape ``(n,)``.
    """
    projection = 0.5 * spin2 - np.arange(spin2 + 1)
    phase = np.exp(1j * projection * phi[:, None])
    return np.asarray(phase[:, :, None] * small_d(spin2, cosine))
