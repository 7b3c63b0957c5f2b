"""Decay times and flavours of neutral mesons that mix, and of their decays to CP eigenstates.

A meson made as P (q = 1) or its antiparticle (q = -1) decays at a proper time t (PDG review "CP
violation in the quark sector", no CP violation in mixing) to a CP eigenstate with the rate

    exp(-t/tau) [cosh(G t/2) + A sinh(G t/2) + q (C cos(m t) - S sin(m t))]

with ``m`` the difference of the masses and ``G`` that of the widths, light less heavy.  A decay
that tells its flavour finds it the other than at production with the chance
``[1 - cos(m t) / cosh(G t/2)] / 2``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Ints, Mask
from ...errors import SourceError
from ...physics.particles import SPEED_OF_LIGHT
from ...rng import uniforms
from ..names import properties

OPTIONS = {
    "mixing": "1: the head mixes, a B0, B(s)0 or D0 (0)",
    "dm": "difference of the masses in 1/ps (that of the PDG)",
    "dgamma": "difference of the widths in 1/ps, light less heavy (that of the PDG)",
    "C": "of a CP eigenstate: coefficient of cos(dm t) (0)",
    "S": "of a CP eigenstate: coefficient of -sin(dm t) (0)",
    "A": "of a CP eigenstate: coefficient of sinh(dgamma t / 2) (0)",
}
"""Options of a source of decays whose head mixes."""

PDG = {511: (0.5069, 0.0), 531: (17.765, 0.083), 421: (0.00997, 0.0314)}
"""Differences of mass and width [1/ps] (PDG 2024; of D0 x and y of HFLAV), by PDG identifier."""

_MAX_TRIES = 2000


class Oscillated(NamedTuple):
    """What became of mesons, arrays of shape ``(n,)``.

    Attributes:
        anti: whether they were made as antiparticles of what is written.
        mixed: whether they decay as the other of the two.
        time: proper times [ps].
    """

    anti: Mask
    mixed: Mask
    time: Floats


class Mixing(NamedTuple):
    """The laws of a head.

    Attributes:
        tau: mean lifetime [ps].
        dm, dgamma: differences of masses and widths [1/ps].
        cp: C, S and A of a CP eigenstate, None for decays that tell the flavour.
    """

    tau: float
    dm: float
    dgamma: float
    cp: tuple[float, float, float] | None

    @classmethod
    def parse(cls, name: str, pdg_id: int, options: Mapping[str, str]) -> Mixing | None:
        """The law that options ask for, None if the head is not to mix.

        Args:
            name: the source as its user wrote it.
            pdg_id: PDG identifier of the head.
            options: those of the source.

        Raises:
            SourceError: for values that cannot be, and heads that do not mix.
        """
        if options.get("mixing", "0") not in ("0", "1"):
            raise SourceError(f"{name}: mixing={options['mixing']}; it can be 0, 1")
        if options.get("mixing", "0") == "0":
            for key in OPTIONS.keys() & options.keys() - {"mixing"}:
                raise SourceError(f"{name}: {key} goes with mixing=1")
            return None
        if abs(pdg_id) not in PDG:
            known = ", ".join(properties(i).name for i in PDG)
            raise SourceError(f"{name}: {properties(pdg_id).name} does not mix; {known} do")
        values = dict(zip(("dm", "dgamma"), PDG[abs(pdg_id)], strict=True))
        for key in OPTIONS.keys() & options.keys() - {"mixing"}:
            try:
                values[key] = float(options[key])
            except ValueError:
                raise SourceError(f"{name}: {key}={options[key]} is no number") from None
        tau = properties(pdg_id).ctau / SPEED_OF_LIGHT * 1e3
        if not abs(values["dgamma"]) * tau < 1.9 or not abs(values["dm"]) < 1e3:
            raise SourceError(f"{name}: dm and dgamma are below 1000 and {1.9 / tau:.2f} per ps")
        cp: tuple[float, float, float] | None = None
        if {"C", "S", "A"} & values.keys():
            cp = values.get("C", 0.0), values.get("S", 0.0), values.get("A", 0.0)
            if not sum(one**2 for one in cp) <= 1.0 + 1e-9:
                raise SourceError(f"{name}: C^2 + S^2 + A^2 is above 1")
        return cls(tau, values["dm"], values["dgamma"], cp)

    def draw(self, seed: int, stage: str, event_id: Ints, index: Ints, both: bool) -> Oscillated:
        """Flavours and times.

        Args:
            seed: seed of the run.
            stage: name of the stream of random numbers.
            event_id: event of each meson, shape ``(n,)``.
            index: number of each in its event, shape ``(n,)``.
            both: whether half of them are made as antiparticles.
        """
        n = len(event_id)
        anti, mixed = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        time, waiting = np.zeros(n), np.arange(n)
        longest = 1.0 / (1.0 / self.tau - 0.5 * abs(self.dgamma))
        for attempt in range(_MAX_TRIES):
            if not len(waiting):
                break
            keys = event_id[waiting], index[waiting]
            u = uniforms(seed, f"{stage}/{attempt}", *keys, 4)
            t, other = -np.log(u[:, 1]) * longest, (u[:, 2] < 0.5) & both
            weight, turned = self._law(t, np.where(other, -1.0, 1.0))
            taken = u[:, 0] < weight
            rows = waiting[taken]
            time[rows], anti[rows] = t[taken], other[taken]
            mixed[rows] = u[taken, 3] < turned[taken]
            waiting = waiting[~taken]
        if len(waiting):
            raise SourceError("the decay times of mesons that mix find no end")
        return Oscillated(anti, mixed, time)

    def _law(self, t: Floats, q: Floats) -> tuple[Floats, Floats]:
        """Share of drawings that are accepted, and chance to have mixed."""
        x = 0.5 * self.dgamma * t
        damped = np.exp(-0.5 * abs(self.dgamma) * t)
        if self.cp is None:
            mixed = 0.5 * (1.0 - np.cos(self.dm * t) / np.cosh(x))
            return np.cosh(x) * damped, mixed
        c, s, a = self.cp
        wave = q * (c * np.cos(self.dm * t) - s * np.sin(self.dm * t))
        rate = (np.cosh(x) + a * np.sinh(x) + wave) * damped
        return rate / (1.0 + np.hypot(c, s)), np.zeros_like(t)
