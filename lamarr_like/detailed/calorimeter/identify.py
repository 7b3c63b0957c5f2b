"""Likeness of clusters to photons, electrons and hadrons.

It is a logistic function of what lies in front of a cluster and behind, its width and its distance
to the next track.  The likelihoods of tracks are in `lamarr_like.physics.calo_likelihoods`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from ...arrays import Floats

# features are cut where the clusters that the regressions saw ended
_LEAST_E, _WIDTHS, _MOST_SHARE, _MOST_CHI2 = 100.0, (0.2, 5.0), 20.0, 1e4

FEATURES = ("log_energy", "log_prs", "spd", "log_width", "hcal_share", "log_chi2")
"""Features of `LIKENESS`, see `cluster_features`."""

LIKENESS = {
    "photon_id": (-1.86, -0.16, 0.38, -2.90, -2.70, -0.36, 0.43),
    "is_not_h": (0.13, -0.35, 0.95, 0.0, -4.64, -1.85, 0.0),
    "is_not_e": (-0.22, -0.08, -0.08, -2.96, -1.25, 0.0, 0.30),
}
"""Intercept and weight of each feature.

Logistic regressions, both classes weighted alike, on 43 000 clusters of 1000 minimum-bias events
with pile-up 1.6 and 5 further e, pi and mu: photons against the rest, photons and electrons against
hadrons, photons against electrons; where one particle gave more than 60 %.  Areas under the curve
0.92, 0.92 and 0.87.
"""


def cluster_features(column: Mapping[str, Floats]) -> Floats:
    """Features of `LIKENESS` from the columns `objects.CLUSTER`, shape ``(n, len(FEATURES))``."""
    energy = np.maximum(column["energy"], _LEAST_E)
    features = [
        np.log(energy / 1000.0),
        np.log1p(column["prs_energy"]),
        column["spd"],
        np.log(np.clip(column["width"], *_WIDTHS)),
        np.log1p(np.clip(column["hcal_energy"] / energy, 0.0, _MOST_SHARE)),
        np.log1p(np.minimum(column["match_chi2"], _MOST_CHI2)),
    ]
    return np.stack(features, axis=1)


def cluster_likeness(column: Mapping[str, Floats]) -> dict[str, Floats]:
    """The columns named in `LIKENESS` from the columns `objects.CLUSTER`, all of shape ``(n,)``."""
    features = cluster_features(column)
    return {
        name: expit(weights[0] + features @ np.array(weights[1:]))
        for name, weights in LIKENESS.items()
    }
