"""Form factors of mesons that decay to a meson, a lepton and a neutrino.

* ISGW2: D. Scora and N. Isgur, Phys. Rev. D 52 (1995) 2783, for the ground states of a heavy and
  a light quark.
* CLN: I. Caprini, L. Lellouch and M. Neubert, Nucl. Phys. B 530 (1998) 153, for B to D and D*.

Factors are those of ``<X|V-A|B>``: for a pseudoscalar f+ and f-, for a vector f [GeV], g, a+ and
a- [1/GeV], all functions of q2 [GeV^2].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...arrays import Floats
from ..names import properties

_QUARKS = {1: 0.33, 2: 0.33, 3: 0.55, 4: 1.82, 5: 5.20}
"""Constituent masses [GeV], by flavour."""

_BETA = {
    (1, 1): (0.41, 0.299),
    (3, 1): (0.44, 0.33),
    (3, 3): (0.53, 0.37),
    (4, 1): (0.45, 0.38),
    (4, 3): (0.56, 0.44),
    (5, 1): (0.43, 0.40),
    (5, 3): (0.54, 0.49),
}
"""Size parameters [GeV] of the pseudoscalar and the vector, by heavy and light flavour."""

_RELATIVISTIC = {
    **{(5, 4, 1): 0.989, (5, 1, 1): 0.905, (5, 4, 3): 0.984, (5, 1, 3): 0.905},
    **{(4, 3, 1): 0.928, (4, 1, 1): 0.889, (4, 3, 3): 0.911, (4, 1, 3): 0.873},
}
"""Factor C of f by heavy, new and light flavour; of Bs to K* that of B to rho (chosen)."""

_BELOW = {4: 3, 3: 2, 1: 0}
"""Flavours lighter than a new one."""


def quarks(pdg_id: int) -> tuple[int, int]:
    """Flavours of a meson, the heavier first, u and d as 1; 0 and 0 for what is none.

    Args:
        pdg_id: PDG identifier.
    """
    code = abs(pdg_id) % 1000
    if not code >= 100:
        return 0, 0
    one, two = sorted((max(code // 100, 1), max(code // 10 % 10, 1)), reverse=True)
    return (1 if one == 2 else one), (1 if two == 2 else two)


@dataclass(frozen=True)
class Isgw2:
    """Form factors of ISGW2.

    Args:
        mother, meson: PDG identifiers.
    """

    mother: int
    meson: int

    @property
    def is_vector(self) -> bool:
        """Whether the meson is a vector."""
        return abs(self.meson) % 10 == 3

    def known(self) -> bool:
        """Whether there are form factors for these mesons, and one quark changes only."""
        sizes = [quarks(i) for i in (self.mother, self.meson)]
        ground = abs(self.meson) < 1000 and abs(self.meson) % 10 in (1, 3)
        heavy, light = sizes[0]
        return (
            ground
            and heavy in (4, 5)
            and all(s in _BETA for s in sizes)
            and light in sizes[1]
            and sizes[1][0] < heavy
        )

    def factors(self, q2: Floats, mother: Floats, meson: Floats) -> tuple[Floats, ...]:
        """``f+, f-`` or ``f, g, a+, a-``, each of shape ``(n,)``.

        Args:
            q2: [GeV^2], shape ``(n,)``.
            mother, meson: masses [GeV], shape ``(n,)``.
        """
        (heavy, light), other = quarks(self.mother), quarks(self.meson)
        new = other[0] if other[1] == light else other[1]
        mb, mq, md = (_QUARKS[i] for i in (heavy, new, light))
        beta_b, beta_x = _BETA[heavy, light][0], _BETA[other][self.is_vector]
        beta2 = 0.5 * (beta_b**2 + beta_x**2)
        # Sums of constituents, and means of the pseudoscalar and the vector of these quarks.
        tb, tx = mb + md, mq + md
        bar_b, bar_x = _mean_mass(self.mother), _mean_mass(self.meson)
        plus, minus = 1.0 / (1.0 / mq + 1.0 / mb), 1.0 / (1.0 / mq - 1.0 / mb)
        # The recoil that a light particle of mass 0 could have, at least none.
        rest = np.maximum((mother - meson) ** 2 - q2, 0.0)
        w = 1.0 + rest / (2.0 * bar_b * bar_x)
        log = np.log(_coupling(0.1) / _coupling(mq))
        r2 = 0.75 / (mb * mq) + 1.5 * md**2 / (bar_b * bar_x * beta2)
        r2 += 16.0 * log / ((33.0 - 2.0 * _BELOW[new]) * bar_b * bar_x)
        common = np.sqrt(tx / tb) * (beta_b * beta_x / beta2) ** 1.5
        common = common / (1.0 + r2 * rest / 12.0) ** 2
        c = _corrections(mb, mq, heavy - 1)
        b, x = np.sqrt(bar_b / tb), np.sqrt(bar_x / tx)
        if not self.is_vector:
            part = 1.0 - md * mq * beta_b**2 / (2.0 * plus * tx * beta2)
            total = c.fppfm * common * x / b * (2.0 - tx / mq * part)
            less = c.fpmfm * common * b / x * (tb / mq * part)
            return 0.5 * (total + less), 0.5 * (total - less)
        f = _RELATIVISTIC[heavy, new, light] * c.f * common * b * x * tb
        f = f * (1.0 + w + md * (w - 1.0) / (2.0 * plus))
        g = c.g * common / (b * x) * 0.5 * (1.0 / mq - md * beta_b**2 / (2.0 * minus * tx * beta2))
        inner = 1.0 - md * beta_x**2 / (2.0 * tb * beta2)
        mixed = md * beta_x**2 / ((1.0 + w) * mb * mq * beta2) * inner
        total = (c.running * mixed - c.appam / tb) * common * x / b**3
        less = tb / mb - md * beta_x**2 / (2.0 * plus * beta2) + w * tb * mixed
        less = -c.apmam * common / (b * x) / tx * less
        return f, g, 0.5 * (total + less), 0.5 * (total - less)


@dataclass(frozen=True)
class Cln:
    """Form factors of CLN.

    Args:
        is_vector: whether they are those of D*, not of D.
        rho2: slope squared.
        size: V1(1) or h_A1(1).
        r1, r2: R1(1) and R2(1) of D*.
    """

    is_vector: bool
    rho2: float
    size: float
    r1: float = 1.4
    r2: float = 0.85

    def factors(self, q2: Floats, mother: Floats, meson: Floats) -> tuple[Floats, ...]:
        """``f+, f-`` or ``f, g, a+, a-``, each of shape ``(n,)``.

        Args:
            q2: [GeV^2], shape ``(n,)``.
            mother, meson: masses [GeV], shape ``(n,)``.
        """
        w = np.maximum((mother**2 + meson**2 - q2) / (2.0 * mother * meson), 1.0)
        root = np.sqrt(w + 1.0)
        z = (root - np.sqrt(2.0)) / (root + np.sqrt(2.0))
        total, slope = mother + meson, self.rho2
        ratio = 2.0 * np.sqrt(mother * meson) / total
        if not self.is_vector:
            cubic = (51.0 * slope - 10.0) * z**2 - (252.0 * slope - 84.0) * z**3
            plus = self.size * (1.0 - 8.0 * slope * z + cubic) / ratio
            zero = plus * ratio**2 * (w + 1.0) / 2.0
            return plus, (zero - plus) * (mother**2 - meson**2) / np.maximum(q2, 1e-9)
        cubic = (53.0 * slope - 15.0) * z**2 - (231.0 * slope - 91.0) * z**3
        h = self.size * (1.0 - 8.0 * slope * z + cubic)
        v = (self.r1 - 0.12 * (w - 1.0) + 0.05 * (w - 1.0) ** 2) * h / ratio
        a2 = (self.r2 + 0.11 * (w - 1.0) - 0.06 * (w - 1.0) ** 2) * h / ratio
        a1 = 0.5 * ratio * (w + 1.0) * h
        f = total * a1
        # A0 of heavy quarks without corrections.
        a3 = (total * a1 - (mother - meson) * a2) / (2.0 * meson)
        less = (h / ratio - a3) * 2.0 * meson / np.maximum(q2, 1e-9)
        return f, v / total, -a2 / total, less


def _mean_mass(pdg_id: int) -> float:
    """Mean mass [GeV] of a meson and its partner of other spin, weighed by their states."""
    code = abs(pdg_id) // 10 * 10
    if code in (220, 330):  # of two light quarks: the one that is no mixture, and its vector
        code = {220: 110, 330: 330}[code]
    masses = [properties(code + spin).mass for spin in (1, 3)]
    return (masses[0] + 3.0 * masses[1]) / 4000.0


class _Corrections(NamedTuple):
    """Radiative factors of f+ + f-, f+ - f-, f, g and a+ - a-.

    What a+ + a- gets is added to it, in units of the mother's mass.
    """

    running: float
    fppfm: float
    fpmfm: float
    f: float
    g: float
    apmam: float
    appam: float


def _corrections(mb: float, mq: float, flavours: int) -> _Corrections:
    """Radiative corrections of the decay of a quark of mass mb, with so many lighter flavours."""
    running = (_coupling(mb) / _coupling(mq)) ** (-6.0 / (33.0 - 2.0 * flavours))
    z = mq / mb
    gamma = 2.0 * z / (1.0 - z) * np.log(1.0 / z) - 2.0
    chi = -1.0 - gamma / (1.0 - z)
    part = (4.0 + 2.0 * (1.0 + z) * gamma / (1.0 - z)) / (3.0 * (1.0 - z))
    strength = _coupling(float(np.sqrt(mb * mq)), mq) / np.pi
    vertex = (
        gamma - 2.0 / 3.0 * chi,
        gamma + 2.0 / 3.0 * chi,
        -2.0 / 3.0 + gamma,
        2.0 / 3.0 + gamma,
        1.0 / 3.0 - chi - part + gamma,
    )
    factors = [float(running * (1.0 + one * strength)) for one in vertex]
    return _Corrections._make([running, *factors, float(running * (-1.0 - chi + part) * strength)])


def _coupling(mass: float, quark: float | None = None) -> float:
    """The strong coupling at a mass [GeV], which stays at 0.6 below 0.6 GeV.

    Four flavours run from the mass of the charm quark on, three below; of the vertex of a quark it
    is the mass of that quark that tells.
    """
    if mass < 0.6:
        return 0.6
    flavours = 4 if (mass if quark is None else quark) > _QUARKS[4] else 3
    return float(12.0 * np.pi / ((33.0 - 2.0 * flavours) * np.log(mass**2 / 0.2**2)))
