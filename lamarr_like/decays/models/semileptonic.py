"""Semileptonic decays of mesons: the law of q2 and of the angles from form factors.

J. G. Koerner and G. A. Schuler, Z. Phys. C 46 (1990) 93: a virtual W of helicity a decays to the
lepton at theta, in its rest frame, from the direction of the W; with a mass m of the lepton

    A(-) = H_a d^1_{a,-1}     A(+) = m / sqrt(2 q2) (H_a d^1_{a,0} - H_t)

for a lepton of negative charge; of the other charge helicities are reversed.
"""

from __future__ import annotations

from copy import copy
from typing import Protocol

import numpy as np

from ...arrays import Floats
from ..names import properties
from ..phasespace import break_up
from .form_factors import Cln, Isgw2, quarks
from .law import Complex, small_d

_POINTS = 400
_ROOM = 1.05
"""Factor on the greatest weight that was found on a grid."""


class FormFactors(Protocol):
    """Form factors of a decay, see `form_factors`."""

    @property
    def is_vector(self) -> bool:
        """Whether the meson is a vector."""

    def factors(self, q2: Floats, mother: Floats, meson: Floats) -> tuple[Floats, ...]:
        """Factors of a pseudoscalar or a vector, each of shape ``(n,)``."""


class Semileptonic:
    """A meson without spin that decays to a lepton, a neutrino and a meson, in this order.

    Args:
        form: the form factors.
        lepton: PDG identifier of the lepton.
        mother, meson: PDG identifiers.
    """

    replaces = False

    def __init__(self, form: FormFactors, mother: int, meson: int, lepton: int) -> None:
        self.form = form
        self.sign = 1 if lepton > 0 else -1
        found = properties(meson)
        ends = properties(mother).mass, properties(lepton).mass
        low, high = (found.mass + s * 10.0 * found.width for s in (-1.0, 1.0))
        most = 0.0
        for one in np.linspace(max(low, 0.5 * found.mass), min(high, ends[0] - ends[1] - 1.0), 7):
            q = np.linspace(ends[1] + 0.1, ends[0] - one, _POINTS)
            whole = np.full_like(q, ends[0])
            mass = np.stack([whole, q, q * 0 + ends[1], q * 0, q * 0 + one], axis=1)
            most = max(most, float(self._rate(mass).max()))
        self.most = most * _ROOM

    def helicities(self, mass: Floats) -> Floats:
        """H+, H0, H-, Ht [GeV], shape ``(n, 4)``; of a pseudoscalar H+ and H- are 0.

        Args:
            mass: mother, lepton and neutrino together, lepton, neutrino, meson [MeV], ``(n, 5)``.
        """
        mother, q, meson = (mass[:, i] / 1e3 for i in (0, 1, 4))
        q2 = q**2
        p = break_up(mother, q, meson)
        zero = np.zeros_like(q)
        if not self.form.is_vector:
            plus, minus = self.form.factors(q2, mother, meson)
            difference = mother**2 - meson**2
            time = (difference * plus + q2 * minus) / q
            return np.stack([zero, 2.0 * mother * p * plus / q, zero, time], axis=1)
        f, g, plus, minus = self.form.factors(q2, mother, meson)
        across = 2.0 * mother * p * g
        along = (mother**2 - meson**2 - q2) * f + 4.0 * mother**2 * p**2 * plus
        time = f + (mother**2 - meson**2) * plus + q2 * minus
        return np.stack(
            [f - across, along / (2.0 * meson * q), f + across, mother * p / (meson * q) * time],
            axis=1,
        )

    def _rate(self, mass: Floats) -> Floats:
        """Rate beyond phase space, integrated over angles, shape ``(n,)``."""
        h2 = self.helicities(mass) ** 2
        q2, heavy = mass[:, 1] ** 2, mass[:, 2] ** 2 / mass[:, 1] ** 2
        total = (1.0 + 0.5 * heavy) * h2[:, :3].sum(axis=1) + 1.5 * heavy * h2[:, 3]
        rate: Floats = q2 * (1.0 - heavy) * total
        return rate

    def conjugated(self) -> Semileptonic:
        """The law with the other charge of the lepton."""
        other = copy(self)
        other.sign = -self.sign
        return other

    def mass_weight(self, mass: Floats) -> Floats:
        """Share of drawings in phase space that are accepted, shape ``(n,)``.

        Args:
            mass: as above, shape ``(n, 5)``.
        """
        return np.minimum(self._rate(mass) / self.most, 1.0)

    def amplitudes(self, cosine: Floats, phi: Floats, mass: Floats) -> Complex:
        """Amplitudes, shape ``(n, 1, 2, 1, states of the meson)``.

        Args:
            cosine, phi: direction of the lepton, shape ``(n,)``.
            mass: as above, shape ``(n, 5)``.
        """
        h = self.helicities(mass)
        helicity = np.array([1, 0, -1])
        d = small_d(2, cosine)
        wave = h[:, :3] if self.sign > 0 else h[:, 2::-1]
        small = mass[:, 2] / (np.sqrt(2.0) * mass[:, 1])
        usual = wave * d[:, :, 2 if self.sign > 0 else 0]
        flipped = wave * d[:, :, 1]
        flipped[:, 1] -= h[:, 3]
        pair = np.stack([usual, flipped * small[:, None]], axis=1)
        turned = pair * np.exp(1j * helicity * phi[:, None])[:, None, :]
        kept = turned if self.form.is_vector else turned[:, :, 1:2]
        return np.asarray(kept[:, None, :, None, :])

    def greatest(self, mass: Floats) -> Floats:
        """No less than the greatest sum of squares, shape ``(n,)``.

        Args:
            mass: as above, shape ``(n, 5)``.
        """
        h = np.abs(self.helicities(mass))
        small = 0.5 * (mass[:, 2] / mass[:, 1]) ** 2
        return np.asarray(
            (h[:, :3] ** 2).sum(axis=1) * (1.0 + small)
            + small * (2.0 * h[:, 1] * h[:, 3] + h[:, 3] ** 2)
        )


def isgw2(mother: int, meson: int, lepton: int, parameters: list[float]) -> Semileptonic | None:
    """The law of ISGW2; None for mesons that it has no form factors for here.

    Args:
        mother, meson, lepton: PDG identifiers.
        parameters: of no account.
    """
    form = Isgw2(mother, meson)
    return Semileptonic(form, mother, meson, lepton) if form.known() else None


def hqet2(mother: int, meson: int, lepton: int, parameters: list[float]) -> Semileptonic | None:
    """The law of CLN: ``rho2 V1(1)`` for D, ``rho2 h_A1(1) R1 R2`` for D*; None for others.

    Args:
        mother, meson, lepton: PDG identifiers.
        parameters: as said; those of R and of the size may be left out.
    """
    code = abs(meson)
    vector = code % 10 == 3
    most = 4 if vector else 2
    fits = quarks(mother)[0] == 5 and quarks(meson)[0] == 4 and code < 1000 and code % 10 in (1, 3)
    if not fits or not 1 <= len(parameters) <= most:
        return None
    rest = [1.0, *parameters[1:]] if len(parameters) == 1 else list(parameters[1:])
    return Semileptonic(Cln(vector, parameters[0], *rest), mother, meson, lepton)
