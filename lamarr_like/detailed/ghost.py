"""The ghost probability: a logistic function of the quality of the fit and the hits."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from ..arrays import Floats, Integers
from .trackfit import Fitted

FEATURES = ("chi2", "chi2_velo", "chi2_t", "n_velo", "n_tt", "n_t", "log_pt", "slope")

COEFFICIENTS = {
    3: (-5.86, 4.64, 0.76, -4.79, 0.32, -1.47, 2.41, -1.80, -1.05),
    4: (-3.5, 1.0, 0.0, 0.0, 0.0, -0.2, 0.0, -0.3, 0.0),
    5: (-3.0, 1.0, 0.0, 0.0, 0.0, -0.2, 0.0, -0.3, 0.0),
}
"""Intercept and weight of each feature by track type.

Long: logistic regression (unit ridge on standardised features) on 30k long tracks of 1000
minimum-bias and b events with pile-up 1.6 of the reference detector, ghosts against the rest.
Upstream and downstream ghosts are not simulated; their weights are chosen.
"""

SATURATION = 6.0
"""Largest logit: like a network's, the response ends somewhere (the 2016 parametrisation has a
median of 0.004 for real long tracks, at all momenta)."""


def ghost_features(fit: Fitted) -> Floats:
    """Features of the ghost probability, shape ``(n, len(FEATURES))``."""
    hits = fit.n_hits
    slope = np.hypot(fit.state[:, 3], fit.state[:, 4])
    pt = slope / np.sqrt(1.0 + slope**2) / np.maximum(np.abs(fit.state[:, 5]), 1e-9)
    columns = [
        np.log(np.maximum(fit.chi2[:, 0], 1e-3) / np.maximum(fit.n_dof, 1)),
        np.log1p(fit.chi2[:, 1] / np.maximum(hits[:, 0], 1)),
        np.log1p(fit.chi2[:, 2] / np.maximum(hits[:, 2], 1)),
        hits[:, 0] / 10.0,
        hits[:, 1].astype(np.float64),
        hits[:, 2] / 10.0,
        np.log(np.maximum(pt, 1.0) / 1000.0),
        slope,
    ]
    return np.stack(columns, axis=1)


def ghost_probability(fit: Fitted, track_type: Integers) -> Floats:
    """Ghost probability of each track, shape ``(n,)``.

    Args:
        fit: the track fits.
        track_type: 3 long, 4 upstream, 5 downstream.
    """
    features = ghost_features(fit)
    result = np.zeros(len(features))
    for code, weights in COEFFICIENTS.items():
        rows = track_type == code
        response = weights[0] + features[rows] @ np.array(weights[1:])
        result[rows] = expit(SATURATION * np.tanh(response / SATURATION))
    return result
