"""Fits of a mass, and weights that take the background below its peak away.

The weights are those of custom orthogonal weight functions (H. Dembinski, M. Kenzie, C. Langenbruch
and M. Schmelling, NIM A1040 (2022) 167270, arXiv:2112.04574), made by the package ``sweights``;
with one function for the background and the fitted density as variance they are the sWeights of
M. Pivk and F. Le Diberder, NIM A555 (2005) 356.  Summed over rows they give the distribution of the
signal in any variable that depends on the mass neither in the signal nor in the background.  Where
the background does, more terms of it (its law times powers of the mass) take up the dependence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.special import gammainc, gammaln, ndtr

from ..arrays import Floats
from ..errors import TrainingError

BINS = 400
"""Bins of the fit: its time does not depend on the number of rows."""
LEAST_ROWS = 100
MOST_TERMS = 4
_EDGE = 24
"""Bins at either end where no peak is looked for."""
_WIDTHS_ASIDE = 5.0
"""Widths of the core from the peak where the sidebands begin."""

Law = Callable[..., Floats]
"""Of masses of shape ``(n,)`` and parameters; the result is of the same shape."""


class Shape(NamedTuple):
    """A law of the mass on a window that is scaled to 0 to 1.

    Attributes:
        integral: from 0 to x, not normalised.
        density: its derivative.
        start: values of the parameters to begin with.
        limits: their ranges.
    """

    integral: Law
    density: Law
    start: Mapping[str, float]
    limits: Mapping[str, tuple[float, float]]


def _gauss(x: Floats, mean: float, width: float) -> Floats:
    result: Floats = ndtr((x - mean) / width) - ndtr(-mean / width)
    return result


def _gauss_density(x: Floats, mean: float, width: float) -> Floats:
    result: Floats = np.exp(-0.5 * ((x - mean) / width) ** 2) / (np.sqrt(2.0 * np.pi) * width)
    return result


def _mixed(one: Law) -> Law:
    """Two of a law, the second of them wider."""

    def law(x: Floats, mean: float, width: float, ratio: float, core: float) -> Floats:
        return core * one(x, mean, width) + (1.0 - core) * one(x, mean, width * ratio)

    return law


def _exponential(x: Floats, slope: float) -> Floats:
    result: Floats = x if abs(slope) < 1e-6 else -np.expm1(-slope * x) / slope
    return result


def _threshold(x: Floats, power: float, slope: float) -> Floats:
    scale = np.exp(gammaln(power + 1.0) - (power + 1.0) * np.log(slope))
    result: Floats = scale * gammainc(power + 1.0, slope * np.maximum(x, 0.0))
    return result


def _threshold_density(x: Floats, power: float, slope: float) -> Floats:
    result: Floats = np.maximum(x, 1e-12) ** power * np.exp(-slope * x)
    return result


_GAUSS = {"mean": 0.5, "width": 0.06}, {"mean": (0.04, 0.96), "width": (0.004, 0.3)}
_TWO = {"ratio": 2.0, "core": 0.7}, {"ratio": (1.1, 6.0), "core": (0.2, 0.98)}
SIGNALS: Mapping[str, Shape] = {
    "gauss": Shape(_gauss, _gauss_density, *_GAUSS),
    "double-gauss": Shape(
        _mixed(_gauss), _mixed(_gauss_density), _GAUSS[0] | _TWO[0], _GAUSS[1] | _TWO[1]
    ),
}
"""Laws of the signal by name; means and widths in parts of the window."""
BACKGROUNDS: Mapping[str, Shape] = {
    "exponential": Shape(
        _exponential, lambda x, slope: np.exp(-slope * x), {"slope": 0.5}, {"slope": (-20.0, 20.0)}
    ),
    "threshold": Shape(
        _threshold,
        _threshold_density,
        {"power": 0.5, "slope": 0.5},
        {"power": (0.05, 4.0), "slope": (0.01, 20.0)},
    ),
}
"""Laws of the background; ``threshold`` rises from the lower end of the window as a power."""


@dataclass(frozen=True)
class MassFit:
    """A fitted mass.

    Args:
        window: range of the mass [MeV].
        shapes: names of the laws of signal and background.
        signal, background: their parameters, in parts of the window.
        yields: rows of signal and background.
        errors: of the yields.
        chi2, dof: of the bins that hold ten rows or more.
    """

    window: tuple[float, float]
    shapes: tuple[str, str]
    signal: Mapping[str, float]
    background: Mapping[str, float]
    yields: tuple[float, float]
    errors: tuple[float, float]
    chi2: float
    dof: int

    @property
    def mean(self) -> float:
        """Place of the peak [MeV]."""
        return self.window[0] + self.signal["mean"] * (self.window[1] - self.window[0])

    @property
    def width(self) -> float:
        """Width of its core [MeV]."""
        return self.signal["width"] * (self.window[1] - self.window[0])

    def densities(self, mass: Floats) -> tuple[Floats, Floats]:
        """Densities of signal and background per MeV, each of integral one; shapes ``(n,)``."""
        span = self.window[1] - self.window[0]
        x = (np.asarray(mass, dtype=np.float64) - self.window[0]) / span
        laws = (
            (SIGNALS[self.shapes[0]], self.signal),
            (BACKGROUNDS[self.shapes[1]], self.background),
        )
        one, two = (
            law.density(x, **values) / (law.integral(np.ones(1), **values)[0] * span)
            for law, values in laws
        )
        return one, two

    def weights(self, mass: Floats, terms: int = 1) -> Floats:
        """Weights of the signal, shape ``(n,)``; zero outside of the window.

        Args:
            mass: masses [MeV], shape ``(n,)``.
            terms: functions of the background: its law times powers of the mass from 0 on.

        Raises:
            TrainingError: for another number of terms than 1 to `MOST_TERMS`.
        """
        if not 1 <= terms <= MOST_TERMS:
            raise TrainingError(f"{terms} terms of the background: 1 to {MOST_TERMS} can be had")
        from sweights import Cow

        low, high = self.window
        share = self.yields[0] / sum(self.yields)

        def power(k: int) -> Callable[[Floats], Floats]:
            return lambda m: self.densities(m)[1] * ((m - low) / (high - low)) ** k

        def variance(m: Floats) -> Floats:
            signal, background = self.densities(m)
            return share * signal + (1.0 - share) * background

        cow = Cow(
            (low, high), lambda m: self.densities(m)[0], [power(k) for k in range(terms)], variance
        )
        inside = (mass >= low) & (mass <= high)
        found = np.zeros(len(mass))
        found[inside] = cow(np.asarray(mass[inside], dtype=np.float64))
        return found

    def aside(self, mass: Floats) -> np.ndarray:
        """-1 in the lower sideband, 1 in the upper one, 0 elsewhere; shape ``(n,)``."""
        reach = _WIDTHS_ASIDE * self.width
        inside = (mass >= self.window[0]) & (mass <= self.window[1])
        side = np.where(mass < self.mean - reach, -1, np.where(mass > self.mean + reach, 1, 0))
        return np.where(inside, side, 0)


def fit_mass(
    mass: Floats, window: tuple[float, float], signal: str, background: str, where: str = "the mass"
) -> MassFit:
    """Fit a peak above a background by extended likelihood, in `BINS` bins.

    Args:
        mass: masses [MeV], shape ``(n,)``; those outside of the window do not count.
        window: range of the fit [MeV].
        signal, background: names of the laws, of `SIGNALS` and `BACKGROUNDS`.
        where: what is fitted, for messages.

    Raises:
        TrainingError: if a law is unknown, there are too few rows, or no peak is found.
    """
    for name, known in ((signal, SIGNALS), (background, BACKGROUNDS)):
        if name not in known:
            raise TrainingError(f"no law {name!r} of the mass; there are {', '.join(known)}")
    low, high = window
    if not (np.isfinite(window).all() and low < high):
        raise TrainingError(f"{where}: a window from {low} to {high} MeV is none")
    counts, edges = np.histogram((mass - low) / (high - low), BINS, (0.0, 1.0))
    rows = int(counts.sum())
    if rows < LEAST_ROWS:
        raise TrainingError(
            f"{where}: {rows} candidates between {low} and {high} MeV; {LEAST_ROWS} are the least"
        )
    minuit, laws = _minimised(counts, edges, SIGNALS[signal], BACKGROUNDS[background])
    (n_s, e_s), (n_b, e_b) = ((minuit.values[k], minuit.errors[k]) for k in ("n_s", "n_b"))
    if not minuit.valid or n_s < 5.0 * e_s:
        how = "converged" if minuit.valid else "not converged"
        raise TrainingError(
            f"{where}: the fit finds no peak (signal {n_s:.0f} +- {e_s:.0f} of {rows} rows, "
            f"{how}); choose other laws or another window"
        )
    values = minuit.values.to_dict()
    found = [{k[2:]: values[k] for k in values if k.startswith(p) and k[2:] in law.start}
             for p, law in zip(("s_", "b_"), laws, strict=True)]  # fmt: skip
    chi2, bins = _chi2(counts, edges, laws, found, (n_s, n_b))
    return MassFit(
        (low, high), (signal, background), found[0], found[1], (n_s, n_b), (e_s, e_b), chi2,
        bins - len(values),
    )  # fmt: skip


def _minimised(
    counts: np.ndarray, edges: Floats, signal: Shape, background: Shape
) -> tuple[Any, tuple[Shape, Shape]]:
    """Minuit at the minimum, with errors, and both laws."""
    from iminuit import Minuit, cost

    names = [f"s_{k}" for k in signal.start], [f"b_{k}" for k in background.start]

    def integral(x: Floats, *values: float) -> Floats:
        n_s, n_b = values[:2]
        s, b = values[2 : 2 + len(names[0])], values[2 + len(names[0]) :]
        one = signal.integral(x, *s) / signal.integral(np.ones(1), *s)
        two = background.integral(x, *b) / background.integral(np.ones(1), *b)
        return n_s * one + n_b * two

    total = float(counts.sum())
    start = [0.3 * total, 0.7 * total, *signal.start.values(), *background.start.values()]
    parameters = ["n_s", "n_b", *names[0], *names[1]]
    nll = cost.ExtendedBinnedNLL(counts, edges, integral, name=parameters)
    minuit = Minuit(nll, *start, name=parameters)
    for prefix, law in (("s_", signal), ("b_", background)):
        for name, limits in law.limits.items():
            minuit.limits[prefix + name] = limits
    minuit.limits["n_s"] = minuit.limits["n_b"] = (0.0, 1.5 * total)
    # Where the counts rise most above their surroundings.
    narrow, wide = (uniform_filter1d(counts.astype(np.float64), n) for n in (17, 101))
    place = (narrow - wide)[_EDGE:-_EDGE].argmax() + _EDGE
    minuit.values["s_mean"] = float((place + 0.5) / len(counts))
    minuit.migrad(ncall=20_000)
    minuit.hesse()
    return minuit, (signal, background)


def _chi2(
    counts: np.ndarray,
    edges: Floats,
    laws: tuple[Shape, Shape],
    values: list[dict[str, float]],
    yields: tuple[float, float],
) -> tuple[float, int]:
    """Chi2 of the bins with ten expected rows or more, and their number."""
    expected = np.zeros(len(counts))
    for law, parameters, n in zip(laws, values, yields, strict=True):
        whole = law.integral(np.ones(1), **parameters)[0]
        expected += n * np.diff(law.integral(edges, **parameters)) / whole
    enough = expected >= 10.0
    chi2 = ((counts - expected)[enough] ** 2 / expected[enough]).sum()
    return float(chi2), int(enough.sum())
