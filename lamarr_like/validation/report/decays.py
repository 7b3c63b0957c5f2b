"""Named decays, detailed and fast side by side: yields, masses, pulls, vertices, decay times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ...arrays import Columns
from ...decays.descriptor import Decay
from ...decays.rows import BY, DecayRows
from ...statistics.binned_shares import Binned, Binner
from ...statistics.influence import Shares
from ...statistics.judgement import Measurement
from ...statistics.matching import where
from ...statistics.paired import gain_ratio
from .distributions import MIN_WIDTH, Distance, Width, distance, width_by
from .efficiency import MIN_PARTICLES
from .measure import of_width
from .sample import effective

LEAST_TAU = 1e-3
"""Middle true decay time [ps] of a decay of which the efficiency is binned in it."""
TITLES = {
    "M": ("M", "MeV"),
    "dM": ("M - true M", "MeV"),
    "pull_M": ("pull of M", ""),
    **{f"d{a}": (f"ENDVERTEX_{a} - true", "mm") for a in "XYZ"},
    **{f"pull_{a}": (f"pull of ENDVERTEX_{a}", "") for a in "XYZ"},
    "dTAU": ("TAU - true TAU", "ps"),
    "pull_TAU": ("pull of TAU", ""),
    "IP": ("IP_OWNPV", "mm"),
    "chi2": ("ENDVERTEX_CHI2 / NDOF", ""),
    "log_ip_chi2": ("lg IPCHI2_OWNPV", ""),
    "log_fd_chi2": ("lg FDCHI2_OWNPV", ""),
    "log_angle": ("lg (1 - DIRA_OWNPV)", ""),
    "log_least_ip_chi2": ("lg least IPCHI2 of the tracks", ""),
}
"""Names for people and units of the columns of candidates."""
WIDTHS = ("dM", "pull_M", "dX", "dY", "dZ", "pull_X", "pull_Y", "pull_Z", "dTAU", "pull_TAU")
"""Columns of which the width is taken."""
SHAPES = (
    *("M", "IP", "log_ip_chi2", "log_fd_chi2", "chi2", "dTAU", "log_angle", "log_least_ip_chi2"),
)
"""Columns of which the distributions are compared."""


@dataclass(frozen=True)
class Gain:
    """How much narrower a fit of the whole tree makes a residual.

    Args:
        species: name of the decay.
        variable: residual after the fit.
        n: effective number of detailed candidates.
        detailed, fast: its width over that before the fit, of the same candidates.
        ratio, ratio_error: fast over detailed.
    """

    species: str
    variable: str
    n: float
    detailed: float
    fast: float
    ratio: float
    ratio_error: float


@dataclass(frozen=True)
class DecayComparison:
    """One decay in two samples.

    Args:
        name: of the decay.
        text: its descriptor.
        head: name of its head in branches.
        generated: generated decays, detailed and fast.
        candidates: candidates, detailed and fast.
        per_event: candidates per event, shape ``(1,)`` each.
        of_all: share of the generated decays of which a candidate can be made.
        of_accepted: the same of those with all tracks in the acceptance.
        by_tau: the latter in bins of the true decay time [ps], None for prompt decays.
        widths: of residuals and pulls.
        distances: distributions.
        gains: what fits of the whole tree gain.
    """

    name: str
    text: str
    head: str
    generated: tuple[int, int]
    candidates: tuple[int, int]
    per_event: Shares
    of_all: Shares
    of_accepted: Shares
    by_tau: Binned | None
    widths: tuple[Width, ...]
    distances: tuple[Distance, ...]
    gains: tuple[Gain, ...] = ()

    def width(self, variable: str) -> Width | None:
        """Width of a residual or pull of the head, None where there is none."""
        for found in self.widths:
            if found.variable in (variable, f"{self.head}:{variable}"):
                return found
        return None


def compare_decay(one: DecayRows, two: DecayRows) -> DecayComparison:
    """Compare one decay.

    Args:
        one, two: the same decay in the detailed and in the fast sample, after `gather.paired`.
    """
    sides = one.generated, two.generated
    inside = where(sides[0], sides[0]["accepted"]), where(sides[1], sides[1]["accepted"])
    of_accepted, by = Binner(*inside, _schemes(*inside)).compare(*(c["found"] for c in inside))
    events, candidates = (one.event, two.event), (one.candidate, two.candidate)
    return DecayComparison(
        *(one.decay.name, one.decay.text, one.decay.head.branch),
        generated=(len(sides[0]["unit"]), len(sides[1]["unit"])),
        candidates=(len(candidates[0]["unit"]), len(candidates[1]["unit"])),
        per_event=Binner(*events, ()).compare(*(c["candidates"] for c in events))[0],
        of_all=Binner(*sides, ()).compare(*(c["found"] for c in sides))[0],
        of_accepted=of_accepted,
        by_tau=by.get(("tau",)),
        widths=tuple(_widths(one.decay.name, *candidates)),
        distances=tuple(
            distance(one.decay.name, v, *pair) for v, pair in _common(*candidates, SHAPES)
        ),
        gains=tuple(_gains(one.decay, *candidates)),
    )


_Pair = tuple[Columns, Columns]


def _schemes(one: Columns, two: Columns) -> tuple[tuple[str, ...], ...]:
    """Bins of the true decay time, of what does not decay at once."""
    there = len(one["tau"]) and len(two["tau"]) and np.median(one["tau"]) > LEAST_TAU
    return (("tau",),) if there else ()


def plain(variable: str) -> str:
    """A column of candidates without the name of its particle."""
    return variable.rpartition(":")[2]


def decay_title(variable: str, unit: bool = True) -> str:
    """Name of a column of candidates for people, with its unit."""
    particle, _, name = variable.rpartition(":")
    text, of = TITLES[name]
    text += f" of {particle}" if particle else ""
    return f"{text} [{of}]" if unit and of else text


def known(columns: Columns, variable: str) -> Columns:
    """Unit, weight, momentum and a variable of the candidates that have it."""
    names = ("unit", "weight", "p", variable)
    return where({n: columns[n] for n in names}, np.isfinite(columns[variable]))


def _common(one: Columns, two: Columns, names: Iterable[str]) -> Iterator[tuple[str, _Pair]]:
    """Columns of some names that enough candidates of both samples have."""
    for variable in one:
        if plain(variable) in names and variable in two:
            pair = known(one, variable), known(two, variable)
            if min(effective(c) for c in pair) >= MIN_PARTICLES:
                yield variable, pair


def _widths(name: str, one: Columns, two: Columns) -> Iterator[Width]:
    for variable, pair in _common(one, two, WIDTHS):
        # Only the mass is looked at in bins of the momentum.
        least = 500.0 if plain(variable) == "dM" else float("inf")
        yield width_by(name, variable, *pair, "p", least)


def _gains(decay: Decay, one: Columns, two: Columns) -> Iterator[Gain]:
    """Masses and decay times after fits of the whole tree and before."""
    for variable, _ in _common(one, two, ("dM", "dTAU")):
        fitted, _, quantity = variable.rpartition(":")
        particle, by, _ = fitted.partition(BY)
        before = f"{particle}:{quantity}"
        if quantity == "dTAU" and particle == decay.head.branch:
            before = quantity
        if not by or before not in one:
            continue
        sides = [where(c, np.isfinite(c[variable] + c[before])) for c in (one, two)]
        n = effective(sides[0])
        if min(n, effective(sides[1])) >= MIN_WIDTH:
            values = [(c[before], c[variable]) for c in sides]
            units = sides[0]["unit"], sides[1]["unit"]
            found = gain_ratio(values, [c["weight"] for c in sides], units)
            yield Gain(decay.name, variable, n, *found)


# --- what the verdict sees


def decay_measurements(found: Iterable[DecayComparison]) -> Iterator[Measurement]:
    """Widths of masses and efficiencies, fast over detailed less one."""
    for one in found:
        for label, shares in (
            ("candidates per generated decay", one.of_all),
            ("efficiency in the acceptance", one.of_accepted),
        ):
            with np.errstate(invalid="ignore", divide="ignore"):
                deviation = shares.difference / shares.detailed
                sigma = shares.sigma / shares.detailed
            units = np.nan_to_num(shares.units)
            yield Measurement("decays", one.name, label, deviation, sigma, np.ones(1), units)
        for width in one.widths:
            if plain(width.variable) == "dM":
                label = f"width of {decay_title(width.variable, unit=False)}"
                yield of_width(width, "decays", label, in_bins=False)
