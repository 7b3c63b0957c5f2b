"""Peaks of neutral mesons in the mass of pairs of clusters, above a background from sidebands."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from ..arrays import Floats

NAN = float("nan")


@dataclass(frozen=True)
class Window:
    """Where a peak is looked for; all in MeV.

    Args:
        low, high: the peak.
        below, above: from and to of the sidebands.
        step: width of the bins.
        least_et: least transverse energy of both clusters.
    """

    low: float
    high: float
    below: tuple[float, float]
    above: tuple[float, float]
    step: float
    least_et: float

    @property
    def edges(self) -> Floats:
        """Bins from one end of the sidebands to the other [MeV], shape ``(n_bins + 1,)``."""
        return np.arange(self.below[0], self.above[1] + 0.5 * self.step, self.step)


WINDOWS = {
    "pi0": Window(105.0, 165.0, (60.0, 100.0), (175.0, 260.0), 5.0, 200.0),
    "eta": Window(480.0, 620.0, (380.0, 470.0), (630.0, 760.0), 10.0, 500.0),
}
"""The peaks by name."""


@dataclass(frozen=True)
class Peak:
    """A peak, NaN where there are too few pairs or the fit finds none.

    Args:
        pairs: pairs in the window, background included.
        yields: pairs above the background, per event.
        yield_error: its standard deviation.
        mean, mean_error: position [MeV].
        width, width_error: standard deviation of the Gaussian [MeV].
    """

    pairs: int
    yields: float
    yield_error: float
    mean: float
    mean_error: float
    width: float
    width_error: float


def find_peak(mass: Floats, n_events: int, window: Window) -> Peak:
    """Subtract a parabola through the sidebands and fit a Gaussian to the rest.

    Args:
        mass: masses [MeV], shape ``(n,)``.
        n_events: events that they come from.
        window: where to look.
    """
    edges = window.edges
    counts = np.histogram(mass, edges)[0].astype(np.float64)
    centre = 0.5 * (edges[1:] + edges[:-1])
    aside = (centre < window.below[1]) | (centre > window.above[0])
    inside = (centre > window.low) & (centre < window.high)
    pairs = int(counts[inside].sum())
    if counts[aside].sum() < 30 or pairs < 30 or not n_events:
        return Peak(pairs, *[NAN] * 6)
    scale = (centre - 0.5 * (window.low + window.high)) / (window.high - window.low)
    terms = np.stack([np.ones_like(scale), scale, scale**2], axis=1)
    weight = 1.0 / np.maximum(counts[aside], 1.0)
    covariance = np.linalg.inv((terms[aside] * weight[:, None]).T @ terms[aside])
    law = covariance @ (terms[aside].T @ (weight * counts[aside]))
    signal = counts - terms @ law
    lever = terms[inside].sum(axis=0)
    found = float(signal[inside].sum())
    error = math.sqrt(pairs + float(lever @ covariance @ lever))
    fit = _gaussian(centre[inside], signal[inside], np.sqrt(np.maximum(counts[inside], 1.0)))
    return Peak(pairs, found / n_events, error / n_events, *fit)


def _gaussian(x: Floats, y: Floats, sigma: Floats) -> tuple[float, float, float, float]:
    """Position and width with their errors; NaN where no Gaussian is found inside."""

    def law(x: Floats, height: float, mean: float, width: float) -> Floats:
        return height * np.exp(-0.5 * ((x - mean) / width) ** 2)

    span = float(x[-1] - x[0])
    start = (max(float(y.max()), 1.0), 0.5 * float(x[0] + x[-1]), 0.2 * span)
    bounds = ([0.0, x[0], 0.02 * span], [np.inf, x[-1], span])
    nothing = (NAN, NAN, NAN, NAN)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", OptimizeWarning)
            best, covariance = curve_fit(law, x, y, start, sigma, True, bounds=bounds)
    except (RuntimeError, OptimizeWarning):
        return nothing
    error = np.sqrt(np.diag(covariance))
    # What is compatible with no peak, or as wide as the window, has neither place nor width.
    if best[0] < 3.0 * error[0] or best[2] > 0.9 * span:
        return nothing
    return float(best[1]), float(error[1]), float(best[2]), float(error[2])
